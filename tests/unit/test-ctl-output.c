/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Tables, sorting, and times as people write and read them. */

#include <fcntl.h>
#include <time.h>

#include "base/fs.h"
#include "base/parse.h"
#include "base/str.h"
#include "prog/ctl-journal.h"
#include "prog/ctl-output.h"
#include "test.h"

/* What a list looks like on the standard output. */
static char *printed(Ctl *c, const Listing *l)
{
        _cleanup_close_ int saved = dup(STDOUT_FILENO),
                            fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        char *text = NULL;
        int r;

        CHECK(saved >= 0 && fd >= 0);
        CHECK(fflush(stdout) == 0 && dup2(fd, STDOUT_FILENO) >= 0);
        r = output_list(c, l);
        CHECK(fflush(stdout) == 0 && dup2(saved, STDOUT_FILENO) >= 0);
        CHECK_OK(r);
        CHECK(lseek(fd, 0, SEEK_SET) == 0);
        CHECK_OK(fs_read_fd(fd, 1 << 20, &text, NULL));
        return text;
}

static const char rows_text[] = "[{\"ID\":\"1\",\"Name\":\"b\\u00fc\",\"Size\":10},"
                                "{\"ID\":\"2\",\"Name\":\"a\\nb\\tc\\u001b\",\"Size\":9},"
                                "{\"ID\":\"3\",\"Name\":\"a longer name\",\"Size\":100}]";

static json_t *rows(void)
{
        json_t *v = NULL;

        CHECK_OK(json_parse(rows_text, strlen(rows_text), &v, NULL));
        return v;
}

TEST(table)
{
        static const Heading headings[] = {{"ID", "THE ID"}, {"Name", "NAME"}, {"Size", "SIZE"}};
        _cleanup_json_ json_t *v = rows(), *none = json_array();
        Listing l = {.usual = "table {{.ID}}\t{{.Name}}\t{{.Size}}",
                     .headings = headings,
                     .n_headings = ELEMENTSOF(headings),
                     .rows = v};
        _cleanup_free_ char *full = NULL, *plain = NULL, *empty = NULL, *quiet = NULL;
        char flag[] = "{{.Name}}", *format[] = {flag, NULL};
        Ctl c = {};

        full = printed(&c, &l);
        CHECK_STREQ(full, "THE ID      NAME             SIZE\n"
                          "1           b\u00fc               10\n"
                          "2           a\\x0ab\\x09c\\x1b  9\n"
                          "3           a longer name    100\n");
        c.given = F(NO_HEADING);
        plain = printed(&c, &l);
        CHECK_STREQ(plain, strchr(full, '\n') + 1);

        c = (Ctl){.given = F(QUIET)};
        quiet = printed(&c, &l);
        CHECK_STREQ(quiet, "1\n2\n3\n");

        l.rows = none;
        c = (Ctl){};
        empty = printed(&c, &l);
        CHECK_STREQ(empty, "THE ID      NAME        SIZE\n");

        l.rows = v;
        c = (Ctl){.given = F(FORMAT), .values[FLAG_FORMAT] = format};
        free(TAKE_PTR(plain));
        plain = printed(&c, &l);
        CHECK_STREQ(plain, "b\u00fc\na\nb\tc\x1b\na longer name\n");
}

static void check_order(const SortKey *keys, size_t n, char *by, const char *order)
{
        _cleanup_json_ json_t *v = rows();
        char *sort[] = {by, NULL}, ids[4] = "";
        Ctl c = {};

        if (by)
                c.values[FLAG_SORT] = sort;
        CHECK_OK(output_sort(&c, v, keys, n));
        for (size_t i = 0; i < 3; i++)
                ids[i] = *json_get_string(json_array_get(v, i), "ID");
        CHECK_STREQ(ids, order);
}

TEST(sort)
{
        static const SortKey keys[] = {{"size", "Size"}, {"greatest", "Size", true}, {"name", "Name"}};
        char size[] = "size", greatest[] = "greatest", name[] = "name", wrong[] = "colour",
             *by[] = {wrong, NULL};
        _cleanup_json_ json_t *v = rows();
        Ctl c = {.values[FLAG_SORT] = by};

        check_order(keys, ELEMENTSOF(keys), NULL, "213");
        check_order(keys, ELEMENTSOF(keys), size, "213");
        check_order(keys, ELEMENTSOF(keys), greatest, "312");
        check_order(keys, ELEMENTSOF(keys), name, "231");
        CHECK_EQ(output_sort(&c, v, keys, ELEMENTSOF(keys)), -EINVAL);
        CHECK_STREQ(c.error.message, "--sort: by one of size, greatest, name");
        error_done(&c.error);
}

TEST(times)
{
        _cleanup_free_ char *none = NULL, *whole = NULL, *part = NULL, *ago = NULL;

        CHECK_OK(setenv("TZ", "UTC", 1));
        tzset();
        none = output_time(0);
        whole = output_time(UINT64_C(1795332139) * USEC_PER_SEC);
        part = output_time(UINT64_C(1795332139) * USEC_PER_SEC + 60500);
        ago = output_ago(now_realtime() - 3 * USEC_PER_HOUR);
        CHECK_STREQ(none, "");
        CHECK_STREQ(whole, "2026-11-22 07:22:19 +0000 UTC");
        CHECK_STREQ(part, "2026-11-22 07:22:19.0605 +0000 UTC");
        CHECK_STREQ(ago, "3 hours ago");
}

static int since(const char *text, uint64_t *ret)
{
        char *value[] = {(char *) text, NULL};
        Ctl c = {.values[FLAG_SINCE] = value};
        int r = journal_time(&c, FLAG_SINCE, ret);

        error_done(&c.error);
        return r;
}

TEST(since)
{
        static const struct {
                const char *text;
                uint64_t seconds;
        } absolute[] = {
                {"2026-11-22T07:22:19Z", 1795332139}, {"2026-11-22T08:22:19+01:00", 1795332139},
                {"2026-11-22 07:22:19", 1795332139},  {"2026-11-22T07:22:19", 1795332139},
                {"2026-11-22 07:22", 1795332120},     {"2026-11-22", 1795305600},
                {"1795332139", 1795332139},           {"1795332139.0", 1795332139},
        };
        static const char *const wrong[] = {"", "yesterday", "2026-13-01", "10 minutes ago", "1.2.3.4.5.6"};
        uint64_t t, now = now_realtime();

        CHECK_OK(setenv("TZ", "UTC", 1));
        tzset();
        FOREACH_ELEMENT(a, absolute) {
                CHECK_OK(since(a->text, &t));
                CHECK_EQ(t, a->seconds * USEC_PER_SEC);
        }
        CHECK_OK(since("1h30m", &t));
        CHECK(t >= now - 91 * USEC_PER_MINUTE && t <= now - 89 * USEC_PER_MINUTE);
        CHECK_OK(since("-10m", &t));
        CHECK(t >= now - 11 * USEC_PER_MINUTE && t <= now - 9 * USEC_PER_MINUTE);
        FOREACH_ELEMENT(w, wrong)
                CHECK_EQ(since(*w, &t), -EINVAL);
}
