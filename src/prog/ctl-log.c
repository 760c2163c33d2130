/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* "logs": a container's lines, from the journal. What it wrote to its standard error comes out on ours. Lines
 * that were cut because of their length are put together again. */

#include <poll.h>
#include <time.h>

#include "base/parse.h"
#include "base/str.h"
#include "prog/ctl-bus.h"
#include "prog/ctl-journal.h"
#include "prog/ctl-output.h"
#include "spec/name.h"

#define PRIORITY_STDERR "3"

typedef enum LogField {
        LOG_MESSAGE,
        LOG_PRIORITY,
        LOG_EVENT,
        LOG_PARTIAL,
        LOG_LINE_BREAK,
        LOG_ID,
        LOG_NAME,
        LOG_TRANSPORT,
        LOG_UID,
        _LOG_FIELD_MAX,
} LogField;

typedef struct Logs {
        Ctl *c;
        sd_journal *journal;
        JournalField fields[_LOG_FIELD_MAX];
        char **paths;
        Call *waits; /* one per path, when following */
        uint64_t since, until;
        uint64_t skip_lines; /* of the first entry, by --tail */
        bool prefix;
        bool ended;      /* one of them has */
        bool unfinished; /* the last line printed goes on in the next entry */
} Logs;

static void logs_done(Logs *l)
{
        for (size_t i = 0; l->waits && i < strv_length(l->paths); i++)
                call_done(&l->waits[i]);
        free(l->waits);
        strv_free(l->paths);
        journal_fields_done(l->fields, _LOG_FIELD_MAX);
        sd_journal_close(l->journal);
}

/* Colours may pass to a terminal, but nothing else that could steer it. */
static size_t colour_length(const char *s, size_t size)
{
        size_t n = 2;

        if (size < 3 || s[0] != '\x1b' || s[1] != '[')
                return 0;
        while (n < size && strchr("0123456789;:", s[n]))
                n++;
        return n < size && s[n] == 'm' ? n + 1 : 0;
}

static bool is_harmless(const char *s, size_t size)
{
        unsigned char c = (unsigned char) s[0], next = size > 1 ? (unsigned char) s[1] : 0;

        if (c == 0xc2 && next >= 0x80 && next < 0xa0)
                return false;
        return c == '\t' || (c >= 0x20 && c != 0x7f);
}

static void print_bytes(FILE *f, const char *s, size_t size, bool terminal)
{
        for (size_t i = 0; terminal && i < size;) {
                size_t n = colour_length(s + i, size - i);

                if (n == 0 && is_harmless(s + i, size - i))
                        n = 1;
                if (n > 0)
                        (void) fwrite(s + i, 1, n, f);
                else
                        fprintf(f, "\\x%02x", (unsigned char) s[i]);
                i += n > 0 ? n : 1;
        }
        if (!terminal)
                (void) fwrite(s, 1, size, f);
}

static void print_time(FILE *f, uint64_t usec)
{
        time_t seconds = (time_t) (usec / USEC_PER_SEC);
        char day[32], zone[16];
        struct tm tm;

        localtime_r(&seconds, &tm);
        (void) strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
        (void) strftime(zone, sizeof(zone), "%z", &tm);
        fprintf(f, "%s.%09llu%.3s:%s ", day, (unsigned long long) (usec % USEC_PER_SEC * 1000), zone,
                zone + 3);
}

static void print_prefix(const Logs *l, FILE *f, uint64_t usec)
{
        const char *id = journal_value(&l->fields[LOG_ID]), *name = journal_value(&l->fields[LOG_NAME]);

        if (ctl_has(l->c, FLAG_NAMES))
                fprintf(f, "%s ", strempty(name));
        else if (l->prefix)
                fprintf(f, "%.*s ", ID_SHORT_LENGTH, strempty(id));
        if (ctl_has(l->c, FLAG_TIMESTAMPS))
                print_time(f, usec);
}

static bool is_partial(const Logs *l)
{
        return streq_ptr(journal_value(&l->fields[LOG_PARTIAL]), "true") ||
               streq_ptr(journal_value(&l->fields[LOG_LINE_BREAK]), "line-max");
}

/* An entry may hold several lines when they came faster than journald takes entries. */
static void print_entry(Logs *l, uint64_t usec)
{
        static int terminals[2] = {-1, -1};
        bool is_error = streq_ptr(journal_value(&l->fields[LOG_PRIORITY]), PRIORITY_STDERR);
        const char *s = l->fields[LOG_MESSAGE].value, *end = s + l->fields[LOG_MESSAGE].size;
        FILE *f = is_error ? stderr : stdout;

        if (terminals[is_error] < 0)
                terminals[is_error] = isatty(fileno(f));
        fflush(is_error ? stdout : stderr);
        for (bool more = true; more;) {
                const char *newline = memchr(s, '\n', (size_t) (end - s));
                size_t size = (size_t) ((newline ?: end) - s);

                more = newline;
                if (l->skip_lines > 0)
                        l->skip_lines--;
                else {
                        if (!l->unfinished)
                                print_prefix(l, f, usec);
                        print_bytes(f, s, size, terminals[is_error]);
                        l->unfinished = !more && is_partial(l);
                        if (!l->unfinished)
                                fputc('\n', f);
                }
                s += size + 1;
        }
}

/* Anybody may write entries with a container's fields. systemd alone gives them to the output of a unit, and
 * what root writes (a foreground run) is root's business. */
static bool is_genuine(const Logs *l)
{
        return streq_ptr(journal_value(&l->fields[LOG_TRANSPORT]), "stdout") ||
               streq_ptr(journal_value(&l->fields[LOG_UID]), "0");
}

/* Reads the current entry. 0: it is none of the container's lines. */
static int read_entry(Logs *l)
{
        int r = journal_read(l->journal, l->fields, _LOG_FIELD_MAX);

        if (r < 0)
                return error_set_errno(&l->c->error, r, "reading the journal");
        return !l->fields[LOG_EVENT].present && l->fields[LOG_MESSAGE].present && is_genuine(l);
}

static uint64_t count_lines(const Logs *l)
{
        const JournalField *f = &l->fields[LOG_MESSAGE];
        uint64_t n = !is_partial(l);

        for (const char *p = f->value; (p = memchr(p, '\n', (size_t) (f->value + f->size - p))); p++)
                n++;
        return n;
}

/* Steps back until the last lines are ahead. */
static int seek_tail(Logs *l, uint64_t lines)
{
        uint64_t n = 0, usec;
        int r;

        r = l->until < UINT64_MAX ? sd_journal_seek_realtime_usec(l->journal, l->until)
                                  : sd_journal_seek_tail(l->journal);
        if (r >= 0 && lines == 0)
                r = sd_journal_previous(l->journal);
        while (r >= 0 && n < lines) {
                r = sd_journal_previous(l->journal);
                if (r <= 0)
                        break;
                r = sd_journal_get_realtime_usec(l->journal, &usec);
                if (r < 0 || usec < l->since)
                        break;
                r = read_entry(l);
                if (r > 0)
                        n += count_lines(l);
        }
        if (r < 0)
                return error_set_errno(&l->c->error, r, "searching the journal");
        l->skip_lines = n > lines ? n - lines : 0;
        if (r == 0 && n < lines)
                return sd_journal_seek_head(l->journal);
        return 1;
}

/* Prints what is there. 0: the end of the journal for now; 1: past --until. */
static int print_available(Logs *l, bool at_entry)
{
        int r = at_entry ? 1 : sd_journal_next(l->journal);

        while (r > 0) {
                uint64_t usec = 0;

                r = sd_journal_get_realtime_usec(l->journal, &usec);
                if (r < 0)
                        break;
                if (usec > l->until)
                        return 1;
                r = read_entry(l);
                if (r < 0)
                        return r;
                if (r > 0 && usec >= l->since)
                        print_entry(l, usec);
                r = sd_journal_next(l->journal);
        }
        fflush(stdout);
        fflush(stderr);
        return r < 0 ? error_set_errno(&l->c->error, r, "reading the journal") : 0;
}

static int send_wait(Logs *l, size_t i)
{
        _cleanup_message_ sd_bus_message *m = NULL;
        int r = bus_new_call(l->c, &m, l->paths[i], CONTAINER_INTERFACE, "Wait", NULL);

        return r < 0 ? r : bus_send(l->c, m, &l->waits[i]);
}

/* Whether all of them have ended. One about whom berthd cannot say is asked for again when berthd went away.
 */
static int all_ended(Logs *l)
{
        bool ended = true;

        for (;;) {
                int r = sd_bus_process(l->c->bus, NULL);

                if (r < 0)
                        return bus_failed(l->c, r);
                if (r == 0)
                        break;
        }
        for (size_t i = 0; l->paths[i]; i++) {
                sd_bus_message *reply = l->waits[i].reply;

                ended = ended && reply;
                if (bus_went_away(&l->waits[i])) {
                        int r;

                        ended = false;
                        call_done(&l->waits[i]);
                        r = send_wait(l, i);
                        if (r < 0)
                                return r;
                }
        }
        return ended;
}

static int wait_for_more(Logs *l)
{
        struct pollfd fds[] = {
                {.fd = sd_bus_get_fd(l->c->bus), .events = (short) MAX(sd_bus_get_events(l->c->bus), 0)},
                {.fd = sd_journal_get_fd(l->journal),
                 .events = (short) MAX(sd_journal_get_events(l->journal), 0)},
        };
        uint64_t timeout = UINT64_MAX, now = now_monotonic();
        int msec = -1, r;

        if (sd_journal_get_timeout(l->journal, &timeout) > 0 && timeout < UINT64_MAX)
                msec = timeout > now ? (int) MIN((timeout - now) / 1000 + 1, (uint64_t) INT32_MAX) : 0;
        if (poll(fds, ELEMENTSOF(fds), msec) < 0 && errno != EINTR)
                return error_set_errno(&l->c->error, errno, "poll");
        r = sd_journal_process(l->journal);
        return r < 0 ? error_set_errno(&l->c->error, r, "following the journal") : 0;
}

static int follow(Logs *l)
{
        for (;;) {
                int ended = all_ended(l), r;

                if (ended < 0)
                        return ended;
                if (ended) {
                        journal_synchronize(SYNCHRONIZE_ENDED);
                        (void) sd_journal_process(l->journal);
                }
                r = print_available(l, false);
                if (r != 0 || ended)
                        return r < 0 ? r : 0;
                r = wait_for_more(l);
                if (r < 0)
                        return r;
        }
}

static int add_container(Logs *l, const char *name)
{
        _cleanup_json_ json_t *driver = NULL, *state = NULL;
        _cleanup_free_ char *path = NULL;
        int r;

        r = bus_find(l->c, "container", name, &path);
        if (r >= 0)
                r = bus_get(l->c, path, CONTAINER_INTERFACE, "LogDriver", &driver);
        if (r >= 0)
                r = bus_get(l->c, path, CONTAINER_INTERFACE, "State", &state);
        if (r < 0)
                return r;
        if (!streq_ptr(json_string_value(driver), "journald") && !streq_ptr(json_string_value(driver), "pipe"))
                return error_set(&l->c->error, ERROR_FAILED,
                                 "container %s logs nothing: its log driver is \"%s\"", name,
                                 strempty(json_string_value(driver)));
        l->ended = l->ended || !streq_ptr(json_string_value(state), "running");
        r = journal_match(l->c, l->journal, "CONTAINER_ID_FULL", object_path_id(path, "container"));
        return r < 0 ? r : strv_consume(&l->paths, TAKE_PTR(path));
}

static int start_following(Logs *l)
{
        int r = sd_journal_get_fd(l->journal);

        if (r < 0)
                return error_set_errno(&l->c->error, r, "following the journal");
        l->waits = calloc(strv_length(l->paths), sizeof(Call));
        if (!l->waits)
                return -ENOMEM;
        for (size_t i = 0; l->paths[i] && r >= 0; i++)
                r = send_wait(l, i);
        return r;
}

static int logs_prepare(Logs *l)
{
        int r;

        r = journal_time(l->c, FLAG_SINCE, &l->since);
        if (r >= 0)
                r = journal_time(l->c, FLAG_UNTIL, &l->until);
        if (r >= 0)
                r = journal_open_everyone(l->c, &l->journal);
        if (r < 0)
                return r;
        (void) sd_journal_set_data_threshold(l->journal, 0);
        STRV_FOREACH(name, l->c->args)
                if (r >= 0)
                        r = add_container(l, *name);
        l->prefix = strv_length(l->paths) > 1;
        return r;
}

/* Prints what was logged so far. */
static int print_past(Logs *l)
{
        const char *tail = ctl_value(l->c, FLAG_TAIL);
        uint64_t lines;
        int r;

        if (tail && !streq(tail, "-1") && !streq(tail, "all")) {
                if (parse_u64(tail, 0, UINT32_MAX, &lines) < 0)
                        return error_set(&l->c->error, ERROR_INVALID_ARGUMENT, "--tail: \"%s\" is no number",
                                         tail);
                r = seek_tail(l, lines);
                return r < 0 ? r : print_available(l, r > 0 && lines > 0);
        }
        r = l->since > 0 ? sd_journal_seek_realtime_usec(l->journal, l->since)
                         : sd_journal_seek_head(l->journal);
        return r < 0 ? error_set_errno(&l->c->error, r, "searching the journal") : print_available(l, false);
}

int verb_logs(Ctl *c)
{
        _cleanup_(logs_done) Logs l = {
                .c = c,
                .until = UINT64_MAX,
                .fields =
                        {
                                [LOG_MESSAGE] = {"MESSAGE"},
                                [LOG_PRIORITY] = {"PRIORITY"},
                                [LOG_EVENT] = {"BERTH_EVENT"},
                                [LOG_PARTIAL] = {"CONTAINER_PARTIAL_MESSAGE"},
                                [LOG_LINE_BREAK] = {"_LINE_BREAK"},
                                [LOG_ID] = {"CONTAINER_ID_FULL"},
                                [LOG_NAME] = {"CONTAINER_NAME"},
                                [LOG_TRANSPORT] = {"_TRANSPORT"},
                                [LOG_UID] = {"_UID"},
                        },
        };
        int r;

        (void) setvbuf(stderr, NULL, _IOFBF, BUFSIZ);
        r = logs_prepare(&l);
        if (r >= 0 && ctl_has(c, FLAG_FOLLOW))
                r = start_following(&l);
        if (r < 0)
                return r;
        /* Of one that has ended every line is wanted; one that runs has no last line. */
        journal_synchronize(l.ended ? SYNCHRONIZE_ENDED : SYNCHRONIZE_RUNNING);
        r = print_past(&l);
        if (r == 0 && ctl_has(c, FLAG_FOLLOW))
                r = follow(&l);
        return r < 0 ? r : 0;
}
