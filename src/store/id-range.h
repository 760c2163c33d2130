/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Ranges of user or group IDs that somebody may give to containers, as /etc/subuid and /etc/subgid say, and
 * the search for one that is free. Nothing is written down here: what is taken is what the containers have.
 */

#include "base/macro.h"
#include "spec/error.h"

typedef struct IdRange {
        uint32_t start, size;
} IdRange;

typedef struct IdRanges {
        IdRange *ranges;
        size_t n;
} IdRanges;

void id_ranges_done(IdRanges *r);
#define _cleanup_id_ranges_ _cleanup_(id_ranges_done)
int id_ranges_add(IdRanges *r, uint32_t start, uint32_t size);

/* The ranges of owner in a text of lines "OWNER:START:SIZE", and those of all others (NULL: of no interest).
 * A line that is none, or that reaches beyond the last ID, is passed over. */
int id_ranges_parse(const char *text, const char *owner, IdRanges *ret, IdRanges *ret_others);
/* The same of a file; a file that is missing is empty. */
int id_ranges_load(const char *path, const char *owner, IdRanges *ret, IdRanges *ret_others);

/* The lowest size IDs in a row that are in ranges and in none of taken. -ENOENT: there are none. */
int id_ranges_find(const IdRanges *ranges, const IdRanges *taken, uint32_t size, uint32_t *ret_start);
