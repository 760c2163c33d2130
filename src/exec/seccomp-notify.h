/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Filters that ask somebody: the listener's descriptor goes to the socket that the profile names, together
 * with the state of the container. The process that loads the filter cannot send it, since its own system
 * calls are the first that are asked about; an agent that shares a page with it takes the descriptor out of
 * it and is gone when it is delivered. */

#include <linux/filter.h>

#include "base/json.h"
#include "spec/error.h"

typedef struct FilterNotify FilterNotify;

FilterNotify *filter_notify_free(FilterNotify *n);
DEFINE_CLEANUP(FilterNotify *, filter_notify_free)

/* Launcher, before the clone: connects to the profile's "listenerPath". */
int filter_notify_open(const json_t *profile, FilterNotify **ret, Error *error);
/* Launcher, when the process is there: makes the agent. state is the OCI document of the container's state.
 */
int filter_notify_attend(FilterNotify *n, pid_t pid, const json_t *state, Error *error);
/* The process itself, in place of seccomp(). What comes after may ask the listener. */
int filter_notify_load(FilterNotify *n, unsigned flags, const struct sock_fprog *program);
