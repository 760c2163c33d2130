/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The journal as "logs" and "events" read it: opened once, checked for whether the caller may read it at all,
 * in step with what has been written. */

#include <systemd/sd-journal.h>

#include "prog/ctl.h"

#define _cleanup_journal_ _cleanup_(sd_journal_closep)

/* ERROR_NOT_AUTHORIZED, with the group that helps, when the system's journal may not be read. */
int journal_open_system(Ctl *c, sd_journal **ret);
/* The same with the files that journald keeps for each user from 1000 on: what a payload with such a user
 * wrote lies there, and so do entries that such users made up. */
int journal_open_everyone(Ctl *c, sd_journal **ret);
int journal_match(Ctl *c, sd_journal *j, const char *field, const char *value);
/* Returns when journald has written down all that it was sent before, or after so many milliseconds: while
 * others write without a pause it does not answer. Only root may ask for it. */
#define SYNCHRONIZE_ENDED 30000
#define SYNCHRONIZE_RUNNING 300
void journal_synchronize(unsigned msec);

/* --since or --until: RFC 3339, "2026-01-02 03:04[:05]" and "2026-01-02" in local time, seconds since 1970,
 * or a span back from now ("10m", "1h30m"). *ret stays as it is when the flag was not given. */
int journal_time(Ctl *c, Flag f, uint64_t *ret);

/* The fields of the current entry that somebody asks for, copied. */
typedef struct JournalField {
        const char *name;
        char *value;
        size_t size;
        size_t allocated;
        bool present;
} JournalField;
/* One pass over the entry. */
int journal_read(sd_journal *j, JournalField *fields, size_t n);
void journal_fields_done(JournalField *fields, size_t n);
/* NULL when the entry has none. */
static inline const char *journal_value(const JournalField *f)
{
        return f->present ? f->value : NULL;
}
