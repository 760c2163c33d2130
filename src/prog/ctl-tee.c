/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <poll.h>

#include "base/parse.h"
#include "prog/ctl-tee.h"
#include "spec/name.h"

#define READ_SIZE (64U * 1024)

struct Tee {
        int from, to, journal;
        int priority;
        const TeeFields *fields;
        JournalEntry entry; /* begins with the fields that all lines share */
        size_t entry_start;
        unsigned entries; /* since window_start */
        uint64_t window_start;
        size_t rest; /* bytes of an unfinished line at the start of buffer */
        char buffer[TEE_LINE_MAX + READ_SIZE];
};

Tee *tee_new(int from, int to, int priority, const TeeFields *fields)
{
        Tee *t = calloc(1, sizeof(Tee));

        if (!t) {
                close_fd(from);
                return NULL;
        }
        t->from = from;
        t->to = to;
        t->journal = -EBADF;
        t->priority = priority;
        t->fields = fields;
        return t;
}

Tee *tee_free(Tee *t)
{
        if (!t)
                return NULL;
        close_fd(t->from);
        close_fd(t->journal);
        journal_entry_done(&t->entry);
        free(t);
        return NULL;
}

int tee_fd(const Tee *t)
{
        return t ? t->from : -EBADF;
}

static void begin_entry(Tee *t)
{
        const TeeFields *f = t->fields;

        if (t->entry_start > 0) {
                t->entry.size = t->entry_start;
                return;
        }
        journal_entry_addf(&t->entry, "PRIORITY", "%d", t->priority);
        journal_entry_add(&t->entry, "SYSLOG_IDENTIFIER", f->tag ?: f->name);
        journal_entry_addf(&t->entry, "CONTAINER_ID", "%.*s", ID_SHORT_LENGTH, f->id);
        journal_entry_add(&t->entry, "CONTAINER_ID_FULL", f->id);
        journal_entry_add(&t->entry, "CONTAINER_NAME", f->name);
        journal_entry_add(&t->entry, "CONTAINER_TAG", f->tag);
        journal_entry_add(&t->entry, "IMAGE_NAME", f->image);
        journal_entry_add(&t->entry, "OBJECT_SYSTEMD_UNIT", f->unit);
        t->entry_start = t->entry.size;
}

/* The journal is a copy: a line that it does not take is no reason to stop. */
static void log_bytes(Tee *t, const char *data, size_t size, bool partial)
{
        if (t->journal < 0)
                t->journal = journal_open();
        if (t->journal < 0)
                return;
        begin_entry(t);
        journal_entry_add_bytes(&t->entry, "MESSAGE", data, size);
        if (partial)
                journal_entry_add(&t->entry, "CONTAINER_PARTIAL_MESSAGE", "true");
        (void) journal_entry_send_to(&t->entry, t->journal);
}

static bool within_limit(Tee *t)
{
        if (t->entries < TEE_ENTRIES_MAX) {
                if (t->entries++ == 0)
                        t->window_start = now_monotonic();
                return true;
        }
        if (now_monotonic() - t->window_start < TEE_WINDOW)
                return false;
        t->entries = 0;
        return within_limit(t);
}

/* Logs the complete lines of the buffer and keeps the rest. */
static void log_lines(Tee *t, size_t size)
{
        const char *start = t->buffer, *end = t->buffer + size, *last = memrchr(start, '\n', size), *newline;

        while (start < end && (newline = memchr(start, '\n', (size_t) (end - start)))) {
                if (!within_limit(t))
                        newline = last;
                log_bytes(t, start, (size_t) (newline - start), false);
                start = newline + 1;
        }
        t->rest = (size_t) (end - start);
        if (t->rest > 0)
                memmove(t->buffer, start, t->rest);
        if (t->rest >= TEE_LINE_MAX) {
                log_bytes(t, t->buffer, t->rest, true);
                t->rest = 0;
        }
}

static int write_out(int fd, const char *data, size_t size)
{
        while (size > 0) {
                ssize_t n = write(fd, data, size);

                if (n >= 0) {
                        data += n;
                        size -= (size_t) n;
                } else if (errno == EAGAIN) {
                        struct pollfd p = {.fd = fd, .events = POLLOUT};

                        (void) poll(&p, 1, -1);
                } else if (errno != EINTR)
                        return -errno;
        }
        return 0;
}

static void finish(Tee *t)
{
        if (t->rest > 0)
                log_bytes(t, t->buffer, t->rest, false);
        t->rest = 0;
        t->from = close_fd(t->from);
}

/* False: nothing is there for now, or ever. */
static bool copy_once(Tee *t)
{
        char *fresh = t->buffer + t->rest;
        ssize_t n = read(t->from, fresh, READ_SIZE);
        int r;

        if (n < 0 && (errno == EINTR || errno == EAGAIN))
                return errno == EINTR;
        if (n <= 0) {
                finish(t);
                return false;
        }
        r = write_out(t->to, fresh, (size_t) n);
        log_lines(t, t->rest + (size_t) n);
        if (r < 0)
                finish(t);
        return r >= 0;
}

void tee_copy(Tee *t)
{
        (void) copy_once(t);
}

void tee_drain(Tee *t)
{
        if (tee_fd(t) < 0 || fcntl(t->from, F_SETFL, O_NONBLOCK) < 0)
                return;
        while (copy_once(t))
                ;
        finish(t);
}
