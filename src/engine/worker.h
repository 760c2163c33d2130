/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The workers as transient units with no more power than their work needs: berth-pull reads what strangers
 * made and writes our store, but sees no network; berth-fetch talks to registries and sees nothing of ours
 * but a directory of its own. */

#include "engine/systemd.h"

/* What berth-fetch's directories lie in: CacheDirectory= of a dynamic user, as systemd places it. */
#define FETCH_NAME "berth-fetch"
#define FETCH_DIR "/var/cache/" FETCH_NAME
#define FETCH_PRIVATE_DIR "/var/cache/private/" FETCH_NAME

typedef enum WorkerProgram {
        WORKER_PULL,
        WORKER_FETCH,
        _WORKER_PROGRAM_MAX,
} WorkerProgram;

typedef struct WorkerOrder {
        WorkerProgram program;
        const char *unit;
        const char *description;
        char *const *arguments;
        const char *directory; /* of berth-fetch, below FETCH_NAME; NULL: none */
        int input;             /* -EBADF: /dev/null */
        int output;            /* what it reports to; -EBADF: the journal */
} WorkerOrder;

/* The unit is a oneshot: its job ends when the worker does. */
int worker_start(Systemd *s, const WorkerOrder *order, SystemdCall **slot, SystemdReply reply,
                 void *userdata);
