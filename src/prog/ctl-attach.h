/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A container in the foreground: it is started with descriptors of ours, signals are passed on, and what it
 * ends with is what we end with. */

#include "prog/ctl-tee.h"
#include "prog/ctl.h"

typedef struct Attachment {
        const char *path; /* of the container's object */
        TeeFields fields; /* without an image, the daemon is asked for its name on the way */
        bool tee;         /* its output goes to the journal too: pipes instead of our own descriptors */
        bool with_stdin;
        bool pass_signals;
} Attachment;

/* Starts it and stays until it ended and all its output was passed on. The exit status. */
int attach_start(Ctl *c, const Attachment *a);

/* Our own descriptor or, where it is not wanted, /dev/null. *ret_opened must be closed after use.
 */
int attach_own_fd(Ctl *c, int fd, bool wanted, int *ret_opened);
