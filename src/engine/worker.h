/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* berth-pull as a transient unit with no more power than its work needs: what parses strangers' bytes can
 * neither see the network nor write anywhere but into our own storage. */

#include "engine/systemd.h"

#define WORKER_RESULT_MAX (1U * 1024 * 1024)

typedef struct WorkerOrder {
        const char *unit;
        const char *description;
        char *const *arguments; /* of berth-pull */
        int input;              /* -EBADF: /dev/null */
        int result;             /* from worker_result_new(); -EBADF: none */
} WorkerOrder;

/* The unit is a oneshot: its job ends when the worker does. */
int worker_start(Systemd *s, const WorkerOrder *order, SystemdCall **slot, SystemdReply reply,
                 void *userdata);

/* Memory that a worker can write its result into, up to WORKER_RESULT_MAX and no more. */
int worker_result_new(int *ret);
/* The text up to the first NUL. */
int worker_result_read(int fd, char **ret);
