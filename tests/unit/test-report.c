/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a worker says arrives whole, however it is cut, and what makes no sense does no harm. */

#include "base/fs.h"
#include "engine/report.h"
#include "test.h"

typedef struct Seen {
        unsigned n;
        int64_t last;
} Seen;

static void on_progress(const json_t *progress, void *userdata)
{
        Seen *s = userdata;

        s->n++;
        s->last = json_get_i64(progress, "Done", -1);
}

typedef struct Fixture {
        sd_event *event;
        Report *report;
        int output;
        Seen seen;
        json_t *result;
        Error error;
} Fixture;

static void fixture_open(Fixture *f)
{
        CHECK_OK(sd_event_new(&f->event));
        CHECK_OK(report_new(f->event, on_progress, &f->seen, &f->report, &f->output));
}

static void fixture_done(Fixture *f)
{
        close_fd(f->output);
        report_free(f->report);
        json_decref(f->result);
        error_done(&f->error);
        sd_event_unref(f->event);
}
#define _cleanup_fixture_ _cleanup_(fixture_done)

static void say(Fixture *f, const char *text)
{
        CHECK_OK(fs_write_all(f->output, text, strlen(text)));
        CHECK_OK(sd_event_run(f->event, 0));
}

TEST(lines)
{
        _cleanup_fixture_ Fixture f = {.output = -EBADF};

        fixture_open(&f);
        say(&f, "{\"Progress\":{\"Done\":1}}\n{\"Progress\":");
        CHECK_EQ(f.seen.n, 1);
        say(&f, "{\"Done\":2}}\nno JSON\n\n{\"Result\":{\"Digest\":\"x\"}}");
        CHECK_EQ(f.seen.n, 2);
        CHECK_EQ(f.seen.last, 2);
        CHECK_OK(report_finish(f.report, &f.result, &f.error));
        CHECK_STREQ(json_get_string(f.result, "Digest"), "x");
}

TEST(errors)
{
        static const struct {
                const char *text;
                ErrorKind kind;
        } cases[] = {
                {"", ERROR_FAILED},
                {"\n", ERROR_FAILED},
                {"[]\n", ERROR_FAILED},
                {"{}\n", ERROR_FAILED},
                {"{\"Result\":1}\n", ERROR_FAILED},
                {"{\"Error\":{\"Name\":\"io.berth1.Error.BadDigest\",\"Message\":\"no\"}}\n",
                 ERROR_BAD_DIGEST},
                {"{\"Error\":{\"Name\":\"somebody.else\"}}\n", ERROR_FAILED},
                {"{\"Result\":{}}\n{\"Error\":{\"Name\":\"io.berth1.Error.Limit\"}}\n", ERROR_LIMIT},
        };

        FOREACH_ELEMENT(c, cases) {
                _cleanup_fixture_ Fixture f = {.output = -EBADF};

                fixture_open(&f);
                say(&f, c->text);
                CHECK(report_finish(f.report, &f.result, &f.error) < 0);
                CHECK_EQ(f.error.kind, c->kind);
        }
}

/* A line that is too long is dropped; what follows it is read. */
TEST(too_long)
{
        _cleanup_fixture_ Fixture f = {.output = -EBADF};
        static char block[32 * 1024];

        fixture_open(&f);
        memset(block, 'x', sizeof(block));
        for (size_t n = 0; n < REPORT_LINE_MAX + sizeof(block); n += sizeof(block)) {
                CHECK_OK(fs_write_all(f.output, block, sizeof(block)));
                CHECK_OK(sd_event_run(f.event, 0));
        }
        say(&f, "\n{\"Result\":{}}\n");
        CHECK_OK(report_finish(f.report, &f.result, &f.error));
}
