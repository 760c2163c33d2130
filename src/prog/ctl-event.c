/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* "events": what happened to containers and images, read from the journal entries that have a BERTH_EVENT
 * field. */

#include <ctype.h>
#include <poll.h>

#include "base/json.h"
#include "base/parse.h"
#include "base/str.h"
#include "prog/ctl-journal.h"
#include "prog/ctl-output.h"
#include "spec/event.h"

#define ATTRIBUTE_PREFIX "BERTH_ATTRIBUTE_"

typedef struct Events {
        Ctl *c;
        sd_journal *journal;
        uint64_t since, until;
} Events;

static void events_done(Events *e)
{
        sd_journal_close(e->journal);
}

/* The journal has field names in capitals only; libpod has these. */
static void attribute_name(const char *field, size_t size, char *ret, size_t max)
{
        static const struct {
                const char *field, *name;
        } names[] = {{"CONTAINEREXITCODE", "containerExitCode"}, {"EXECID", "execID"}};
        size_t n = MIN(size, max - 1);

        for (size_t i = 0; i < n; i++)
                ret[i] = (char) tolower((unsigned char) field[i]);
        ret[n] = '\0';
        FOREACH_ELEMENT(row, names)
                if (strlen(row->field) == n && strncmp(row->field, field, n) == 0)
                        (void) snprintf(ret, max, "%s", row->name);
}

static void take_field(json_t *event, json_t *attributes, const char *data, size_t size)
{
        static const struct {
                const char *field, *member;
        } members[] = {
                {"BERTH_EVENT", "Status"},       {"BERTH_EVENT_TYPE", "Type"},
                {"CONTAINER_ID_FULL", "ID"},     {"IMAGE_ID", "ID"},
                {"CONTAINER_NAME", "Name"},      {"IMAGE_NAME", "Image"},
                {"OBJECT_SYSTEMD_UNIT", "Unit"},
        };
        const char *equals = memchr(data, '=', size);
        size_t n = equals ? (size_t) (equals - data) : 0, value = size - n - 1;
        const char *attribute = n > 0 ? startswith(data, ATTRIBUTE_PREFIX) : NULL;
        char name[64];

        if (n == 0)
                return;
        if (attribute) {
                attribute_name(attribute, (size_t) (equals - attribute), name, sizeof(name));
                (void) json_object_set_new(attributes, name, json_stringn(equals + 1, value));
                return;
        }
        FOREACH_ELEMENT(m, members)
                if (strlen(m->field) == n && memcmp(m->field, data, n) == 0)
                        (void) json_object_set_new(event, m->member, json_stringn(equals + 1, value));
}

/* In JSON the time is RFC 3339, for people it is as podman prints it. */
static char *event_time(const Events *e, uint64_t usec)
{
        char text[FORMAT_TIME_MAX];
        bool json;

        (void) output_format(e->c, &json);
        return json ? strdup(format_time(usec, text)) : output_time(usec);
}

static void complete_event(const Events *e, json_t *event, uint64_t usec)
{
        static const char *const members[] = {"ID", "Name", "Image", "Status", "Type"};
        json_t *attributes = json_object_get(event, "Attributes");
        const char *code = json_get_string(attributes, "containerExitCode");
        _cleanup_free_ char *time = event_time(e, usec);

        if (streq_ptr(json_get_string(event, "Type"), "image")) {
                (void) json_object_set(event, "Name", json_object_get(event, "Image"));
                (void) json_object_del(event, "Image");
        }
        FOREACH_ELEMENT(m, members)
                if (!json_object_get(event, *m))
                        (void) json_object_set_new(event, *m, json_string(""));
        (void) json_object_set_new(event, "Time", json_string(strempty(time)));
        if (code)
                (void) json_object_set_new(event, "ContainerExitCode", json_integer(strtoll(code, NULL, 10)));
}

static int read_event(Events *e, uint64_t usec, json_t **ret)
{
        _cleanup_json_ json_t *event = json_object();
        json_t *attributes = json_object();
        const void *data;
        size_t size;
        int r;

        (void) json_object_set_new(event, "Attributes", attributes);
        sd_journal_restart_data(e->journal);
        while ((r = sd_journal_enumerate_available_data(e->journal, &data, &size)) > 0)
                take_field(event, attributes, data, size);
        if (r < 0)
                return error_set_errno(&e->c->error, r, "reading the journal");
        complete_event(e, event, usec);
        *ret = TAKE_PTR(event);
        return 0;
}

typedef struct FilterKey {
        const char *key;
        const char *members[3]; /* any of these */
        bool prefix;            /* the beginning is enough, as of an ID */
        const char *type;
} FilterKey;

static const FilterKey filter_keys[] = {
        {"container", {"ID", "Name"}, true, "container"},
        {"event", {"Status"}},
        {"image", {"Image", "Name", "ID"}, true},
        {"type", {"Type"}},
        {"unit", {"Unit"}},
};

static bool fits(const FilterKey *k, const json_t *event, const char *value)
{
        if (k->type && !streq_ptr(json_get_string(event, "Type"), k->type))
                return false;
        for (size_t i = 0; i < ELEMENTSOF(k->members) && k->members[i]; i++) {
                const char *is = strempty(json_get_string(event, k->members[i]));

                if (streq(is, value) || (k->prefix && streq(k->members[i], "ID") && startswith(is, value)))
                        return true;
        }
        return false;
}

/* Of one key any value may fit; every key that was given must. */
static bool is_wanted(const Events *e, const json_t *event)
{
        FOREACH_ELEMENT(k, filter_keys) {
                bool asked = false, found = false;

                STRV_FOREACH(f, e->c->values[FLAG_FILTER]) {
                        const char *value = startswith(*f, k->key);

                        if (!value || *value != '=')
                                continue;
                        asked = true;
                        found = found || fits(k, event, value + 1);
                }
                if (asked && !found)
                        return false;
        }
        return true;
}

static int check_filters(Ctl *c)
{
        STRV_FOREACH(f, c->values[FLAG_FILTER]) {
                bool known = false;

                FOREACH_ELEMENT(k, filter_keys) {
                        const char *value = startswith(*f, k->key);

                        known = known || (value && *value == '=');
                }
                if (!known)
                        return error_set(
                                &c->error, ERROR_INVALID_ARGUMENT,
                                "--filter: \"%s\" is none of container=, event=, image=, type=, unit=", *f);
        }
        return 0;
}

static void append_attributes(FILE *f, const json_t *event)
{
        const char *key;
        json_t *v;

        json_object_foreach(json_object_get(event, "Attributes"), key, v)
                fprintf(f, ", %s=%s", key, strempty(json_string_value(v)));
}

/* The line as podman has it. */
static char *event_text(const json_t *event)
{
        const char *type = json_get_string(event, "Type"), *id = json_get_string(event, "ID");
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        if (!f)
                return NULL;
        fprintf(f, "%s %s %s", json_get_string(event, "Time"), type, json_get_string(event, "Status"));
        if (!isempty(id))
                fprintf(f, " %s", id);
        if (streq(type, "container")) {
                fprintf(f, " (image=%s, name=%s", json_get_string(event, "Image"),
                        json_get_string(event, "Name"));
                append_attributes(f, event);
                fputc(')', f);
        } else if (!isempty(json_get_string(event, "Name")))
                fprintf(f, " %s", json_get_string(event, "Name"));
        if (fclose(f) == 0)
                return text;
        free(text);
        return NULL;
}

static int print_event(Events *e, const json_t *event)
{
        _cleanup_free_ char *text = NULL;
        const char *format;
        bool json;

        format = output_format(e->c, &json);
        if (format)
                return output_value(e->c, event);
        text = json ? json_text(event) : event_text(event);
        if (!text)
                return -ENOMEM;
        output_line(text);
        return 0;
}

/* 1: past --until. */
static int print_available(Events *e)
{
        int r;

        while ((r = sd_journal_next(e->journal)) > 0) {
                _cleanup_json_ json_t *event = NULL;
                uint64_t usec = 0;

                r = sd_journal_get_realtime_usec(e->journal, &usec);
                if (r < 0)
                        break;
                if (usec > e->until)
                        return 1;
                r = read_event(e, usec, &event);
                if (r >= 0 && usec >= e->since && is_wanted(e, event))
                        r = print_event(e, event);
                if (r < 0)
                        return r;
        }
        fflush(stdout);
        return r < 0 ? error_set_errno(&e->c->error, r, "reading the journal") : 0;
}

/* Until is a time to come when it is past the end of the journal. */
static int follow(Events *e)
{
        for (;;) {
                uint64_t now = now_realtime();
                int r = print_available(e);

                if (r != 0 || (e->until < UINT64_MAX && now >= e->until))
                        return r < 0 ? r : 0;
                r = sd_journal_wait(e->journal, e->until < UINT64_MAX ? e->until - now : UINT64_MAX);
                if (r < 0)
                        return error_set_errno(&e->c->error, r, "following the journal");
        }
}

static int seek(Events *e)
{
        bool past = ctl_value(e->c, FLAG_SINCE) || ctl_has(e->c, FLAG_NO_STREAM);
        int r;

        if (e->since > 0)
                r = sd_journal_seek_realtime_usec(e->journal, e->since);
        else if (past || e->until < now_realtime())
                r = sd_journal_seek_head(e->journal);
        else {
                r = sd_journal_seek_tail(e->journal);
                if (r >= 0)
                        r = sd_journal_previous(e->journal);
        }
        return r < 0 ? error_set_errno(&e->c->error, r, "searching the journal") : 0;
}

static int prepare(Events *e)
{
        int r = check_filters(e->c);

        if (r >= 0)
                r = journal_time(e->c, FLAG_SINCE, &e->since);
        if (r >= 0)
                r = journal_time(e->c, FLAG_UNTIL, &e->until);
        if (r >= 0)
                r = journal_open_system(e->c, &e->journal);
        /* Anybody may write such entries; ours are root's. */
        if (r >= 0)
                r = journal_match(e->c, e->journal, "_UID", "0");
        for (Event i = 0; i < _EVENT_MAX && r >= 0; i++)
                r = journal_match(e->c, e->journal, "MESSAGE_ID", event_message_id(i));
        return r;
}

int verb_events(Ctl *c)
{
        _cleanup_(events_done) Events e = {.c = c, .until = UINT64_MAX};
        int r;

        r = prepare(&e);
        if (r < 0)
                return r;
        journal_synchronize(SYNCHRONIZE_RUNNING);
        r = seek(&e);
        if (r < 0)
                return r;
        if (!ctl_has(c, FLAG_NO_STREAM))
                return follow(&e);
        r = print_available(&e);
        return r < 0 ? r : 0;
}
