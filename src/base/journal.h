/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The three datagrams of a systemd service, without libsystemd: an entry for the journal (native protocol), a
 * stream to the journal, and a notification for the service manager. libsystemd has all three, but linking it
 * costs an executed program 0.6 ms on a machine where a whole service takes 12 ms, and the executor runs
 * twice per container. The protocols: systemd.io/JOURNAL_NATIVE_PROTOCOL, sd_notify(3); the stream's header
 * lines are those of sd_journal_stream_fd(3), with the unit's name filled in as PID 1 does. */

#include <stdarg.h>

#include "base/macro.h"

/* One entry under construction. */
typedef struct JournalEntry {
        char *data;
        size_t size;
        size_t allocated;
        int error; /* the first failure on the way, which send returns */
} JournalEntry;

void journal_entry_done(JournalEntry *e);
/* Adds FIELD=value, length-coded, so that no byte of the value can begin another field. NULL is left out.
 * field is upper-case letters, digits and '_', at most 64, else send returns -EINVAL. */
void journal_entry_add(JournalEntry *e, const char *field, const char *value);
/* The same for bytes that may hold a NUL, as a container's output. */
void journal_entry_add_bytes(JournalEntry *e, const char *field, const void *data, size_t size);
void journal_entry_addf(JournalEntry *e, const char *field, const char *format, ...) _printf_(3, 4);
int journal_entry_send(const JournalEntry *e);
/* For who has many to send: one socket for all of them. */
int journal_open(void);
int journal_entry_send_to(const JournalEntry *e, int fd);

/* A stream socket to journald whose lines carry identifier, priority (0 to 7) and the fields of unit (NULL:
 * found by the caller's cgroup). Level prefixes in the lines are not interpreted. */
int journal_stream_open(const char *identifier, const char *unit, int priority);

/* A connected notification socket from $NOTIFY_SOCKET, -ENOENT when there is none. */
int notify_open(void);
int notify_send(int fd, const char *message);
/* Returns when the manager has handled everything sent before, -ETIMEDOUT after timeout_usec. */
int notify_barrier(int fd, uint64_t timeout_usec);
