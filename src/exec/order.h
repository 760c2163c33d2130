/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Which order a command line names: by the container's or exec session's ID, or by the unit that runs it. */

#include "spec/error.h"
#include "spec/launch.h"

/* args is "ID" or "--unit UNIT". *ret_id is the ID, checked. */
int order_find(char *const *args, char **ret_id, Error *error);

int order_load_container(const char *id, Launch **ret, Error *error);

/* An exec session: its process, and in which container. */
typedef struct ExecOrder {
        Launch *launch; /* process, names, and seccomp, as the container has them */
        char *container;
        uint64_t pid;
        uint64_t pid_start;
} ExecOrder;
void exec_order_done(ExecOrder *o);
#define _cleanup_exec_order_ _cleanup_(exec_order_done)
int order_load_exec(const char *id, ExecOrder *ret, Error *error);
