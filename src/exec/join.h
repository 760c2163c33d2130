/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The way into a running container, for one more process: by a descriptor of its first process, which cannot
 * become another one's. */

#include "exec/channel.h"
#include "spec/error.h"

typedef struct Join {
        int pidfd;      /* the container's first process */
        int cgroup;     /* its cgroup */
        unsigned flags; /* CLONE_NEW* of the namespaces to enter */
        bool may_trace; /* processes of the container could take over one that is beside them */
} Join;

#define JOIN_INIT ((Join){.pidfd = -EBADF, .cgroup = -EBADF})
void join_done(Join *j);
#define _cleanup_join_ _cleanup_(join_done)

/* Launcher. name is for messages; ERROR_NOT_RUNNING: that process is gone. The PID namespace, for which only
 * the next child counts, is entered here unless may_trace. */
int join_open(Join *j, pid_t pid, uint64_t pid_start, const char *name, Error *error);
int join_enter_pid(const Join *j, const char *name, Error *error);
/* Child: all others. What was opened for the way is closed, but for the channel, the descriptor also (-EBADF:
 * none) and the first `keep` ones behind standard error. */
int join_enter(const Join *j, const Channel *channel, int also, unsigned keep, Error *error);
