/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Output through named pipes, for payloads that open their standard output or error by path (/dev/stdout,
 * /proc/self/fd/1): the journal's own streams are sockets, which nobody can open. systemd holds the pipes
 * (berth-log@.socket) and starts a reader (berth-log@.service, "berth-exec unit-log") when something is in them;
 * it leaves when nothing more comes. Bytes leave a pipe only after the journal has them, so a reader may be
 * killed at any time. */

#include "spec/launch.h"

/* What the pipes of an order's unit are called, the instance of berth-log@: the container's ID, or the unit's
 * name without ".service". NULL: out of memory. */
char *log_pipe_name(char *const *args);

/* The payload's ends, standard output and error. -ENOENT: the unit has no pipes, or nobody holds them. */
int log_pipe_open(const char *name, int ret[static 2]);

/* Passes on what is left of a payload that has ended; the caller is a process of its unit. */
int log_pipe_drain(const char *name, const Launch *l);
