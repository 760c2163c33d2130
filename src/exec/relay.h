/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A payload that says itself when it is ready does not speak to the service manager: as root it could name
 * any process of the host as its main process, which the manager would end with it. The launcher listens
 * instead, and passes on what is harmless. It stays until "ready" has come, or for good when the unit has a
 * watchdog. */

#include "base/macro.h"

/* A socket for the payload, bound to path until the child has it in its mounts. */
int relay_open(const char *path);

/* What may pass of one message, NULL: nothing. -ENOMEM, or 1 when "ready" is among it. */
int relay_filter(const char *message, size_t size, char **ret);

/* Returns when it is no longer needed; pidfd is the payload. */
int relay_run(int socket, int pidfd);
