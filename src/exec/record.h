/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the executor leaves behind: records in files, a line in the journal. */

#include "spec/error.h"
#include "spec/launch.h"

/* START_RECORD_DIR/id. pid 0: no process was made; failure NULL: the payload is about to run. started_usec 0:
 * it never was. */
int record_write_start(const char *id, pid_t pid, uint64_t started_usec, const Error *failure);
/* The start record of this very run of the unit; -ENOENT otherwise. */
int record_load_start(const char *id, Record *ret);
/* EXIT_RECORD_DIR/id. */
int record_write_exit(const char *id, const Record *r);
/* CONTAINERS_DIR/id/exit.json, outliving a power cut. */
int record_keep_exit(const char *id, const Record *r);

/* How often the kernel has killed for want of memory in this process's cgroup; 0 where memory is not
 * accounted. */
uint64_t cgroup_oom_kills(void);

/* Clock ticks after boot at which a process began: with the PID its identity. */
int process_start_time(pid_t pid, uint64_t *ret);

/* Why a container or exec session could not start, as an entry of its unit. */
void failure_log(const Launch *l, const Error *error);
