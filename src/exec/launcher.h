/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The host's side of a start: one clone, the conversation with the child, the conversation with the service
 * manager. */

#include "exec/channel.h"
#include "spec/error.h"
#include "spec/event.h"
#include "spec/launch.h"

typedef struct Launcher {
        const Launch *launch;  /* whose names the records and journal entries carry */
        const char *record_id; /* the container's or the exec session's */
        const char *exec_id;   /* NULL for containers */
        uint64_t clone_flags;
        int cgroup;             /* -EBADF: the caller's */
        int relay;              /* the payload's notification socket (exec/relay.h); -EBADF: it has none */
        const char *relay_path; /* its name, of no use once the child has mounted it */
        /* In the child; returns only when it failed. */
        int (*child)(void *context, const Channel *channel, Error *error);
        void *context;
} Launcher;

/* Returns the exit status for main: 0 when the payload runs. The child's failure and ours are recorded and
 * logged. */
int launcher_run(const Launcher *l);
/* The same for what fails before. */
int launcher_failed(const Launch *launch, const char *record_id, const Error *error);
int launcher_event(Event event, const Launch *l, const char *attribute, const char *value,
                   const char *exec_id);
