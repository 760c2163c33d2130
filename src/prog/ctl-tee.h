/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One output of a foreground container: what comes through a pipe goes to our own descriptor as it is, and
 * line by line to the journal under the container's fields, so that "berthctl logs" shows a foreground run
 * too. */

#include "base/journal.h"
#include "base/macro.h"

/* Longer lines are cut into pieces, as journald does with its own streams. */
#define TEE_LINE_MAX (48U * 1024)
/* More single entries than this in TEE_WINDOW and the lines of one read become one entry: journald counts
 * them to the service or session that berthctl is part of, and drops what is over its limit (10,000 in 30 s
 * by default). */
#define TEE_ENTRIES_MAX 4000U
#define TEE_WINDOW (30 * USEC_PER_SEC)

/* Whose lines they are; the values are the caller's. */
typedef struct TeeFields {
        const char *id;
        const char *name;
        const char *image;
        const char *tag;
        const char *unit;
} TeeFields;

typedef struct Tee Tee;

/* Takes from. */
Tee *tee_new(int from, int to, int priority, const TeeFields *fields);
Tee *tee_free(Tee *t);
DEFINE_CLEANUP(Tee *, tee_free)
/* The descriptor to poll, negative when the end was reached. */
int tee_fd(const Tee *t);
/* Passes on what is there. When our side is closed the pipe is closed too, so that the container learns of it
 * as it would in a shell's pipeline. */
void tee_copy(Tee *t);
/* Passes on what is left in the pipe of a container that has ended, and ends. Its processes are gone, so an
 * empty pipe stays empty; systemd closes its own end only when it forgets the unit, and nobody needs to wait
 * for that. */
void tee_drain(Tee *t);
