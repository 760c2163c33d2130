/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The last stretch on the child's side, the same for a container's first process and for one that is put
 * beside it: inside the root and the namespaces it takes on the order's identity, finds its program, and
 * becomes it. */

#include "exec/channel.h"
#include "exec/seccomp.h"
#include "spec/launch.h"

typedef struct Process {
        const LaunchProcess *order;
        const Filter *filter;
        const char *notify_socket; /* for the payload's environment; NULL: none */
        const Channel *channel;
        unsigned preserve_fds; /* so many descriptors behind standard error are the payload's */
        bool keep_keyring;     /* the session keyring stays the caller's */
        /* What is to be done between "go" and the exec; NULL: nothing. */
        int (*before_exec)(void *context, Error *error);
        void *context;
        /* The caller is not in the PID namespace yet, only its children will be: one takes over after every
         * privilege is gone, so that nobody in there ever sees a process that has more than they. */
        bool in_child;
} Process;

/* Returns only when it failed; *error says why, and its kind how to exit. */
int process_become(const Process *p, Error *error);
