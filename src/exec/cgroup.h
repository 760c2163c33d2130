/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Control groups, version 2 only, by their path below /sys/fs/cgroup ("/a/b"). Made and removed here when no
 * service manager does it. */

#include "base/macro.h"
#include "spec/error.h"

#define CGROUP_ROOT "/sys/fs/cgroup"

/* The host has the unified hierarchy, and nothing else at that place. */
int cgroup_check(Error *error);

/* Makes it and those above it, with every controller that those above may hand down. */
int cgroup_make(const char *path, Error *error);
/* With all below it, once their processes are gone; absent is fine. */
int cgroup_remove(const char *path, Error *error);
/* Whether the controller of that name (its first size bytes) is handed down to it. */
bool cgroup_has_controller(const char *path, const char *name, size_t size);
/* A descriptor (O_PATH). -ENOENT as it is. */
int cgroup_open(const char *path);
/* Writes one file of it; "name: strerror" of what went wrong is the caller's. */
int cgroup_write(const char *path, const char *file, const char *value);

/* Where a process is. */
int cgroup_of_process(pid_t pid, char **ret);
int cgroup_attach(const char *path, pid_t pid);

bool cgroup_is_frozen(const char *path);
int cgroup_freeze(const char *path, bool freeze, Error *error);
/* Sends the signal to every process in it and below it; SIGKILL reaches also those that are being made. */
int cgroup_signal(const char *path, int sig);
/* All processes in it and below it. */
int cgroup_processes(const char *path, pid_t **ret, size_t *ret_n);
