/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The attribute that says a file's time once more, for "ostree fsck" to find in the file what its checksum
 * was made of. Setting it takes a privilege that who reads strangers' bytes should not have; somebody else,
 * who can do nothing but this, sets it for us (prog/pull-keeper). Berth itself never reads it. */

#include "store/object-format.h"

#define TIME_MARK_STAGE_MAX 32U
#define TIME_MARK_NAME_MAX 80U

/* What is asked for on the pipe: the object, by the names of its stage and its own. An empty stage asks for
 * an answer, one byte, when all before it is done. */
typedef struct TimeMark {
        char stage[TIME_MARK_STAGE_MAX];
        char name[TIME_MARK_NAME_MAX];
        uint8_t mtime[OBJECT_MTIME_SIZE];
} TimeMark;

/* From now on the other end of these pipes sets marks. */
void time_mark_use(int marks, int answers);
/* stage is the directory, stage_name its name. */
int time_mark_set(int stage, const char *stage_name, const char *name, const struct timespec *mtime);
/* Returns when all marks are set. */
int time_mark_flush(void);
