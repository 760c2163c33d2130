/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How the kernel treats a process beside others: scheduler, I/O priority, CPUs, memory nodes, personality.
 * Nothing asked for is no system call. */

#include "spec/error.h"
#include "spec/launch.h"

/* Of the process: scheduler and I/O priority, for the caller and who it becomes. In a user namespace the
 * host's privileges for it are gone. */
int schedule_process(const LaunchProcess *p, Error *error);
/* The scheduler of another one. */
int schedule_other(pid_t pid, const LaunchProcess *p, Error *error);
/* Whether who has this scheduler can make processes that have it, too. */
bool schedule_is_inherited(const LaunchProcess *p);
/* Of the container: memory policy and personality. */
int schedule_container(const Launch *l, Error *error);
/* "0-3,7"; NULL: as it is. */
int schedule_affinity(const char *cpus, Error *error);
