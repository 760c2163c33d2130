/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Tables of text and value. A row with a negative result is refused with it, and then the caller's variable
 * stays as it was. */

#include <signal.h>

#include "base/parse.h"
#include "test.h"

#define UNTOUCHED 4711

TEST(bools)
{
        static const char *const words[][2] = {
                {"0", "1"}, {"no", "YES"}, {"N", "y"}, {"False", "true"}, {"f", "T"}, {"off", "on"},
        };
        bool b;

        FOREACH_ELEMENT(pair, words) {
                CHECK_OK(parse_bool((*pair)[0], &b));
                CHECK(!b);
                CHECK_OK(parse_bool((*pair)[1], &b));
                CHECK(b);
        }
        CHECK_EQ(parse_bool("", &b), -EINVAL);
        CHECK_EQ(parse_bool("2", &b), -EINVAL);
        CHECK_EQ(parse_bool("yes ", &b), -EINVAL);
}

typedef struct Row {
        const char *text;
        int r;
        uint64_t value;
} Row;

static void check_rows(const Row *rows, size_t n, int (*parse)(const char *s, uint64_t *ret))
{
        for (size_t i = 0; i < n; i++) {
                uint64_t value = UNTOUCHED;
                int r = parse(rows[i].text, &value);

                if (r != rows[i].r || value != (r < 0 ? UNTOUCHED : rows[i].value))
                        (void) fprintf(stderr, "\"%s\" gives %d, %ju\n", rows[i].text, r, (uintmax_t) value);
                CHECK_EQ(r, rows[i].r);
                CHECK_EQ(value, r < 0 ? UNTOUCHED : rows[i].value);
        }
}

static int parse_any_u64(const char *s, uint64_t *ret)
{
        return parse_u64(s, 0, UINT64_MAX, ret);
}

static int parse_port(const char *s, uint64_t *ret)
{
        return parse_u64(s, 1, 65535, ret);
}

TEST(u64)
{
        static const Row any[] = {
                {"0", 0, 0},
                {"18446744073709551615", 0, UINT64_MAX},
                {"18446744073709551616", -ERANGE},
                {"99999999999999999999999999", -ERANGE},
                {"", -EINVAL},
                {"00", -EINVAL},
                {"01", -EINVAL},
                {"+1", -EINVAL},
                {"-1", -EINVAL},
                {" 1", -EINVAL},
                {"1 ", -EINVAL},
                {"0x10", -EINVAL},
                {"1e3", -EINVAL},
                {"1\n", -EINVAL},
                {"\xd9\xa1", -EINVAL}, /* ARABIC-INDIC DIGIT ONE */
        };
        static const Row port[] = {{"0", -ERANGE}, {"1", 0, 1}, {"65535", 0, 65535}, {"65536", -ERANGE}};

        check_rows(any, ELEMENTSOF(any), parse_any_u64);
        check_rows(port, ELEMENTSOF(port), parse_port);
}

TEST(i64)
{
        int64_t n;

        CHECK_OK(parse_i64("-9223372036854775808", INT64_MIN, INT64_MAX, &n));
        CHECK_EQ(n, INT64_MIN);
        CHECK_OK(parse_i64("9223372036854775807", INT64_MIN, INT64_MAX, &n));
        CHECK_EQ(n, INT64_MAX);
        CHECK_OK(parse_i64("-7", -10, 10, &n));
        CHECK_EQ(n, -7);
        CHECK_EQ(parse_i64("9223372036854775808", INT64_MIN, INT64_MAX, &n), -ERANGE);
        CHECK_EQ(parse_i64("-9223372036854775809", INT64_MIN, INT64_MAX, &n), -ERANGE);
        CHECK_EQ(parse_i64("-11", -10, 10, &n), -ERANGE);
        CHECK_EQ(parse_i64("-0", -10, 10, &n), -EINVAL);
        CHECK_EQ(parse_i64("--1", -10, 10, &n), -EINVAL);
        CHECK_EQ(parse_i64("-", -10, 10, &n), -EINVAL);
        CHECK_EQ(n, -7);
}

TEST(mode)
{
        mode_t mode;

        CHECK_OK(parse_mode("0022", &mode));
        CHECK_EQ(mode, 022);
        CHECK_OK(parse_mode("7777", &mode));
        CHECK_EQ(mode, 07777);
        CHECK_EQ(parse_mode("10000", &mode), -ERANGE);
        CHECK_EQ(parse_mode("7777777777777777777777777", &mode), -ERANGE);
        CHECK_EQ(parse_mode("8", &mode), -EINVAL);
        CHECK_EQ(parse_mode("", &mode), -EINVAL);
        CHECK_EQ(parse_mode("u+x", &mode), -EINVAL);
}

TEST(size)
{
        static const Row rows[] = {
                {"0", 0, 0},
                {"512", 0, 512},
                {"512b", 0, 512},
                {"1k", 0, 1024},
                {"1KB", 0, 1024},
                {"64KiB", 0, 65536},
                {"512m", 0, UINT64_C(512) << 20},
                {"1.5G", 0, UINT64_C(3) << 29},
                {"0.1k", 0, 102},
                {"0.000000001p", 0, 1125899},
                {"2T", 0, UINT64_C(2) << 40},
                {"16383p", 0, UINT64_C(16383) << 50},
                {"infinity", 0, SIZE_INFINITY},
                {"-1", 0, SIZE_INFINITY},
                {"16384P", -ERANGE},
                {"18446744073709551615", -ERANGE}, /* that is infinity, which has a name */
                {"18446744073709551614", 0, UINT64_MAX - 1},
                {"99999999999999999999", -ERANGE},
                {"99999999999999999999k", -ERANGE},
                {"99999999999999999999x", -EINVAL},
                {"", -EINVAL},
                {"k", -EINVAL},
                {"1.5", -EINVAL},
                {"1.5b", -EINVAL},
                {"1.", -EINVAL},
                {"1.k", -EINVAL},
                {".5k", -EINVAL},
                {"1,5k", -EINVAL},
                {"0.0000000001p", -EINVAL},
                {"1 k", -EINVAL},
                {"1ki", -EINVAL},
                {"1ib", -EINVAL},
                {"1bb", -EINVAL},
                {"1e", -EINVAL},
                {"-2", -EINVAL},
                {"+1", -EINVAL},
                {"0x1k", -EINVAL},
        };

        check_rows(rows, ELEMENTSOF(rows), parse_size);
}

TEST(size_text)
{
        static const struct {
                uint64_t size;
                const char *text, *human;
        } rows[] = {
                {0, "0", "0 B"},
                {1, "1", "1 B"},
                {999, "999", "999 B"},
                {1000, "1000", "1 kB"},
                {1024, "1K", "1.02 kB"},
                {1500, "1500", "1.5 kB"},
                {9994, "9994", "9.99 kB"},
                {9995, "9995", "10 kB"},
                {99949, "99949", "99.9 kB"},
                {99950, "99950", "100 kB"},
                {103000000, "103000000", "103 MB"},
                {999499, "999499", "999 kB"},
                {999500, "999500", "1 MB"},
                {UINT64_C(512) << 20, "512M", "537 MB"},
                {UINT64_C(3) << 29, "1536M", "1.61 GB"},
                {UINT64_C(1) << 50, "1P", "1.13 PB"},
                {UINT64_MAX - 1, "18446744073709551614", "18.4 EB"},
        };
        char buf[FORMAT_SIZE_MAX];
        uint64_t size;

        FOREACH_ELEMENT(row, rows) {
                CHECK_STREQ(format_size(row->size, buf), row->text);
                CHECK_OK(parse_size(buf, &size));
                CHECK_EQ(size, row->size);
                CHECK_STREQ(format_size_human(row->size, buf), row->human);
        }
        CHECK_STREQ(format_size(SIZE_INFINITY, buf), "infinity");
}

TEST(usec)
{
        static const Row rows[] = {
                {"0", 0, 0},
                {"10", 0, 10 * USEC_PER_SEC},
                {"1min 30s", 0, 90 * USEC_PER_SEC},
                {"1m30s", 0, 90 * USEC_PER_SEC},
                {"1h 30", 0, USEC_PER_HOUR + 30 * USEC_PER_SEC},
                {"2 hours", 0, 2 * USEC_PER_HOUR},
                {"500ms", 0, 500 * USEC_PER_MSEC},
                {"7us", 0, 7},
                {"1.5s", 0, 1500000},
                {"0.000001s", 0, 1},
                {"1D", 0, USEC_PER_DAY},
                {"1w", 0, 7 * USEC_PER_DAY},
                {"infinity", 0, USEC_INFINITY},
                {"213503982d", 0, 213503982 * USEC_PER_DAY},
                {"213503983d", -ERANGE},
                {"213503982d 8h 1min 49s 551ms 614us", 0, UINT64_MAX - 1},
                {"213503982d 8h 1min 49s 551ms 615us", -ERANGE},
                {"18446744073709551616us", -ERANGE},
                {"99999999999999999999999s 1x", -EINVAL},
                {"", -EINVAL},
                {" 1s", -EINVAL},
                {"1s ", -EINVAL},
                {"1  s", -EINVAL},
                {"1s  2s", -EINVAL},
                {"s", -EINVAL},
                {"1x", -EINVAL},
                {"1.5us", -EINVAL},
                {"1..5s", -EINVAL},
                {"-1s", -EINVAL},
                {"1s,2s", -EINVAL},
                {"infinity 1s", -EINVAL},
        };

        check_rows(rows, ELEMENTSOF(rows), parse_usec);
}

TEST(usec_text)
{
        static const struct {
                uint64_t usec;
                const char *text, *human;
        } rows[] = {
                {0, "0", "Less than a second"},
                {1, "1us", "Less than a second"},
                {1500000, "1s 500ms", "1 second"},
                {2 * USEC_PER_SEC, "2s", "2 seconds"},
                {59 * USEC_PER_SEC, "59s", "59 seconds"},
                {90 * USEC_PER_SEC, "1min 30s", "About a minute"},
                {2 * USEC_PER_MINUTE, "2min", "2 minutes"},
                {USEC_PER_HOUR, "1h", "About an hour"},
                {3 * USEC_PER_HOUR, "3h", "3 hours"},
                {47 * USEC_PER_HOUR, "1d 23h", "47 hours"},
                {48 * USEC_PER_HOUR, "2d", "2 days"},
                {12 * USEC_PER_DAY, "12d", "12 days"},
                {15 * USEC_PER_DAY, "15d", "2 weeks"},
                {61 * USEC_PER_DAY, "61d", "2 months"},
                {800 * USEC_PER_DAY, "800d", "2 years"},
                {UINT64_MAX - 1, "213503982d 8h 1min 49s 551ms 614us", "584942 years"},
        };
        char buf[FORMAT_USEC_MAX];
        uint64_t usec;

        FOREACH_ELEMENT(row, rows) {
                CHECK_STREQ(format_usec(row->usec, buf), row->text);
                CHECK_OK(parse_usec(buf, &usec));
                CHECK_EQ(usec, row->usec);
                CHECK_STREQ(format_usec_human(row->usec, buf), row->human);
        }
        CHECK_STREQ(format_usec(USEC_INFINITY, buf), "infinity");
}

TEST(signals)
{
        const struct {
                const char *text;
                int r, sig;
        } rows[] = {
                {"SIGTERM", 0, SIGTERM},
                {"TERM", 0, SIGTERM},
                {"sigkill", 0, SIGKILL},
                {"15", 0, SIGTERM},
                {"64", 0, 64},
                {"1", 0, SIGHUP},
                {"RTMIN", 0, SIGRTMIN},
                {"RTMIN+3", 0, SIGRTMIN + 3},
                {"SIGRTMIN+0", 0, SIGRTMIN},
                {"RTMAX", 0, SIGRTMAX},
                {"sigrtmax-2", 0, SIGRTMAX - 2},
                {"RTMIN+30", 0, SIGRTMAX},
                {"RTMIN+31", -ERANGE, 0},
                {"RTMAX-31", -ERANGE, 0},
                {"RTMIN-1", -EINVAL, 0},
                {"RTMAX+1", -EINVAL, 0},
                {"RTMIN+", -EINVAL, 0},
                {"RTMIN3", -EINVAL, 0},
                {"RTMIN+ 3", -EINVAL, 0},
                {"RT", -EINVAL, 0},
                {"CLD", 0, SIGCHLD},
                {"IOT", 0, SIGABRT},
                {"IO", 0, SIGIO},
                {"POLL", 0, SIGIO},
                {"0", -ERANGE, 0},
                {"65", -ERANGE, 0},
                {"-9", -EINVAL, 0},
                {"015", -EINVAL, 0},
                {"9x", -EINVAL, 0},
                {"", -EINVAL, 0},
                {"SIG", -EINVAL, 0},
                {"SIGSIGTERM", -EINVAL, 0},
                {"TERM ", -EINVAL, 0},
                {"SIG15", -EINVAL, 0},
        };
        char buf[FORMAT_SIGNAL_MAX];
        int sig;

        FOREACH_ELEMENT(row, rows) {
                sig = UNTOUCHED;
                if (parse_signal(row->text, &sig) != row->r)
                        (void) fprintf(stderr, "%s\n", row->text);
                CHECK_EQ(parse_signal(row->text, &sig), row->r);
                CHECK_EQ(sig, row->r < 0 ? UNTOUCHED : row->sig);
        }
        for (int i = 1; i <= 64; i++) {
                CHECK(format_signal(i, buf));
                CHECK_OK(parse_signal(format_signal(i, buf), &sig));
                CHECK_EQ(sig, i);
        }
        CHECK_STREQ(format_signal(SIGTERM, buf), "SIGTERM");
        CHECK_STREQ(format_signal(SIGRTMIN + 3, buf), "SIGRTMIN+3");
        CHECK_STREQ(format_signal(0, buf), NULL);
        CHECK_STREQ(format_signal(65, buf), NULL);
        CHECK_STREQ(format_signal(-1, buf), NULL);
}

TEST(times)
{
        static const Row rows[] = {
                {"1970-01-01T00:00:00Z", 0, 0},
                {"2026-01-02T03:04:05.123456Z", 0, UINT64_C(1767323045123456)},
                {"2026-01-02T03:04:05.123456789Z", 0, UINT64_C(1767323045123456)},
                {"2026-01-02T03:04:05.5Z", 0, UINT64_C(1767323045500000)},
                {"2026-01-02T05:04:05+02:00", 0, UINT64_C(1767323045000000)},
                {"2026-01-01T21:34:05-05:30", 0, UINT64_C(1767323045000000)},
                {"2024-02-29T00:00:00Z", 0, UINT64_C(1709164800000000)},
                {"9999-12-31T23:59:59Z", 0, UINT64_C(253402300799000000)},
                {"0001-01-01T00:00:00Z", -ERANGE}, /* what Docker writes for "never" */
                {"1970-01-01T00:00:00+00:01", -ERANGE},
                {"2023-02-29T00:00:00Z", -EINVAL},
                {"1900-02-29T00:00:00Z", -EINVAL},
                {"2026-13-01T00:00:00Z", -EINVAL},
                {"2026-00-01T00:00:00Z", -EINVAL},
                {"2026-01-00T00:00:00Z", -EINVAL},
                {"2026-01-01T24:00:00Z", -EINVAL},
                {"2026-01-01T00:60:00Z", -EINVAL},
                {"2026-01-01T00:00:00", -EINVAL},
                {"2026-01-01 00:00:00Z", -EINVAL},
                {"2026-01-01T00:00:00.Z", -EINVAL},
                {"2026-01-01T00:00:00.1234567890Z", -EINVAL},
                {"2026-01-01T00:00:00Zx", -EINVAL},
                {"2026-01-01T00:00:00+2:00", -EINVAL},
                {"2026-01-01T00:00:00+24:00", -EINVAL},
                {"2026-1-1T00:00:00Z", -EINVAL},
                {"", -EINVAL},
        };
        char buf[FORMAT_TIME_MAX];

        check_rows(rows, ELEMENTSOF(rows), parse_time);
        CHECK_STREQ(format_time(UINT64_C(1767323045123456), buf), "2026-01-02T03:04:05.123456Z");
        CHECK_STREQ(format_time(0, buf), "1970-01-01T00:00:00.000000Z");
        CHECK(format_time(UINT64_MAX, buf) == buf);
        CHECK(now_realtime() > UINT64_C(1767323045123456));
        CHECK(now_monotonic() <= now_monotonic());
}

TEST(hex)
{
        char a[2 * 100 + 1], b[2 * 100 + 1];

        CHECK_OK(random_hex(100, a));
        CHECK_OK(random_hex(100, b));
        CHECK(is_hex(a, 200));
        CHECK(!streq(a, b));
        CHECK_OK(random_hex(0, a));
        CHECK(is_hex("", 0));
        CHECK(is_hex("09af", 4));
        CHECK(!is_hex("09af", 3));
        CHECK(!is_hex("09af", 5));
        CHECK(!is_hex("09aF", 4));
        CHECK(!is_hex("09ag", 4));
}
