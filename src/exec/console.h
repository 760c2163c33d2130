/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A container's terminal. Its pair is made inside the container, on the container's own devpts; the other end
 * goes to whoever asked for it, over a socket, or to the command itself, which then copies between it and its
 * own terminal. */

#include "spec/error.h"

typedef struct Console {
        int send; /* a socket: where the other end goes; -EBADF: there is no terminal */
        unsigned height, width;
} Console;

/* Launcher: connects to the socket of that name. */
int console_connect(const char *path, Error *error);
/* Launcher: the two ends of a socket for its own use. */
int console_pair(int ret[static 2], Error *error);
/* Launcher: what came over it; -ENODATA when the other side is gone. */
int console_receive(int socket);

/* Child, in its root: makes the pair, sends one end, and makes the other its controlling terminal, its
 * standard descriptors and, if bind, /dev/console. */
int console_open(const Console *c, bool bind, uid_t owner, Error *error);
