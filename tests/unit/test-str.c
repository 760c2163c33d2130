/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Strings and lists: what goes in comes out again, and what must not be shown raw is not. */

#include "base/str.h"
#include "test.h"

TEST(lists)
{
        _cleanup_strv_ char **l = NULL, **copy = NULL;

        CHECK_EQ(strv_length(NULL), 0);
        CHECK_OK(strv_append(&l, "a"));
        CHECK_OK(strv_append(&l, ""));
        CHECK_OK(strv_consume(&l, strdup("c")));
        CHECK_EQ(strv_consume(&l, NULL), -ENOMEM);
        CHECK_EQ(strv_length(l), 3);
        CHECK(strv_contains(l, ""));
        CHECK(!strv_contains(l, "b"));
        CHECK(!strv_contains(NULL, "b"));

        CHECK_OK(strv_copy(l, &copy));
        CHECK(strv_equal(l, copy));
        CHECK_OK(strv_extend(&copy, l));
        CHECK_OK(strv_extend(&copy, NULL));
        CHECK_EQ(strv_length(copy), 6);
        CHECK(!strv_equal(l, copy));
        CHECK_STREQ(copy[5], "c");
        CHECK(strv_equal(NULL, (char *[]){NULL}));
}

TEST(extend_by_itself)
{
        _cleanup_strv_ char **l = NULL;

        CHECK_OK(strv_append(&l, "a"));
        CHECK_OK(strv_append(&l, "b"));
        CHECK_OK(strv_extend(&l, l));
        CHECK(strv_equal(l, (char *[]){(char *) "a", (char *) "b", (char *) "a", (char *) "b", NULL}));
}

TEST(join_and_split)
{
        static const struct {
                const char *text, *seps, *joined;
        } rows[] = {
                {"a,b;c", ",;", "a|b|c"}, {",,a,,", ",", "a"}, {"", ",", ""},
                {",", ",", ""},           {"a b", ",", "a b"},
        };

        FOREACH_ELEMENT(row, rows) {
                _cleanup_strv_ char **l = NULL;
                _cleanup_free_ char *joined = NULL;

                CHECK_OK(strv_split(row->text, row->seps, &l));
                joined = strv_join(l, "|");
                CHECK_STREQ(joined, row->joined);
        }
}

TEST(words)
{
        static const struct {
                const char *text, *joined; /* NULL: refused */
        } rows[] = {
                {"", ""},
                {"  a \t b\nc\r ", "a|b|c"},
                {"\"a b\" 'c d'", "a b|c d"},
                {"a\"b c\"d", "ab cd"},
                {"\"\" ''", "|"},
                {"\"it's\" 'say \"x\"'", "it's|say \"x\""},
                {"a\\sb a\\x20b a\\040b", "a b|a b|a b"},
                {"\\n\\t\\\\\\\"\\'", "\n\t\\\"'"},
                {"\\u20ac \\U0001f600", "\xe2\x82\xac|\xf0\x9f\x98\x80"},
                {"\\xff", "\xff"},
                {"a;b $X %i #c", "a;b|$X|%i|#c"},
                {"\"open", NULL},
                {"'open", NULL},
                {"end\\", NULL},
                {"\\q", NULL},
                {"\\x0", NULL},
                {"\\x00", NULL},
                {"\\000", NULL},
                {"\\400", NULL},
                {"\\9", NULL},
                {"\\ud800", NULL},
                {"\\U00110000", NULL},
                {"\\xg0", NULL},
        };

        FOREACH_ELEMENT(row, rows) {
                _cleanup_strv_ char **l = NULL;
                _cleanup_free_ char *joined = NULL;

                if (!row->joined) {
                        CHECK_EQ(words_split(row->text, &l), -EINVAL);
                        CHECK(!l);
                        continue;
                }
                CHECK_OK(words_split(row->text, &l));
                joined = strv_join(l, "|");
                CHECK_STREQ(joined, row->joined);
        }
}

TEST(words_plain_stay_plain)
{
        _cleanup_free_ char *text =
                words_join((char *[]){(char *) "a", (char *) "--b=c", (char *) "\xc3\xa4", NULL});

        CHECK_STREQ(text, "a --b=c \xc3\xa4");
}

/* Every byte at each place of a word, alone and among others. */
TEST(words_round_trip)
{
        for (unsigned byte = 1; byte < 256; byte++) {
                char c = (char) byte;
                char *l[] = {(char[]){c, '\0'},
                             (char[]){'a', c, 'b', '\0'},
                             (char[]){c, c, '\\', '\0'},
                             (char[]){'"', c, '\'', '\0'},
                             (char[]){'\0'},
                             NULL};
                _cleanup_free_ char *text = words_join(l);
                _cleanup_strv_ char **back = NULL;

                CHECK(text);
                CHECK(!str_has_control(text));
                CHECK_OK(words_split(text, &back));
                CHECK(strv_equal(l, back));
        }
}

TEST(many_words_in_linear_time)
{
        const size_t n = 300000;
        _cleanup_free_ char *text = malloc(2 * n + 1);
        _cleanup_strv_ char **l = NULL;

        CHECK(text);
        for (size_t i = 0; i < n; i++)
                memcpy(text + 2 * i, "a ", 2);
        text[2 * n] = '\0';
        CHECK_OK(words_split(text, &l));
        CHECK_EQ(strv_length(l), n);
}

TEST(utf8)
{
        static const struct {
                const char *text;
                bool valid, control;
        } rows[] = {
                {"", true, false},
                {"plain", true, false},
                {"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", true, false},
                {"\xf4\x8f\xbf\xbf", true, false},
                {"\x7f", true, true},
                {"a\tb", true, true},
                {"a\nb", true, true},
                {"\x1b[2J", true, true},
                {"\xc2\x9b", true, true}, /* the one-character CSI */
                {"\xc2\xa0", true, false},
                {"\xc0\x80", false, true},         /* overlong */
                {"\xe0\x80\xaf", false, true},     /* overlong */
                {"\xf0\x80\x80\x80", false, true}, /* overlong */
                {"\xed\xa0\x80", false, true},     /* surrogate */
                {"\xf4\x90\x80\x80", false, true}, /* above U+10FFFF */
                {"\xf8\x88\x80\x80\x80", false, true},
                {"\x80", false, true},
                {"\xc3", false, true}, /* cut */
                {"\xe2\x82", false, true},
                {"\xc3z", false, true},
        };

        FOREACH_ELEMENT(row, rows) {
                CHECK_EQ(str_is_utf8(row->text, strlen(row->text)), row->valid);
                CHECK_EQ(str_has_control(row->text), row->control);
        }
        CHECK(str_is_utf8("a\0b", 3));
        CHECK(!str_is_utf8("\xe2\x82\xac", 2));
}

TEST(escape)
{
        _cleanup_free_ char *text = str_escape("a\n\x1b[1m\xc2\x9b\xff\xc3\xa4\\");

        CHECK_STREQ(text, "a\\x0a\\x1b[1m\\xc2\\x9b\\xff\xc3\xa4\\");
}

TEST(replace)
{
        _cleanup_free_ char *s = NULL;

        CHECK_OK(str_replace(&s, "one"));
        CHECK_STREQ(s, "one");
        CHECK_OK(str_replace(&s, s + 1));
        CHECK_STREQ(s, "ne");
        CHECK_OK(str_replace(&s, NULL));
        CHECK_STREQ(s, NULL);
}

static const char *candidate(size_t i)
{
        static const char *const names[] = {"StopSignal", "StopTimeout", "Image", "ImageOS", "DNS", NULL};

        return names[i];
}

TEST(nearest)
{
        static const struct {
                const char *text, *nearest;
        } rows[] = {
                {"StopSingal", "StopSignal"},
                {"stopsignal", "StopSignal"},
                {"Imag", "Image"},
                {"Imgae", "Image"},
                {"Stop-Timeout", "StopTimeout"},
                {"Environment", NULL},
                {"", NULL},
                {"x", NULL},
                {"zzz", NULL},
                {"dn", "DNS"},
        };
        char longest[1000];

        FOREACH_ELEMENT(row, rows)
                CHECK_STREQ(str_nearest(row->text, candidate), row->nearest);
        memset(longest, 'a', sizeof(longest));
        longest[sizeof(longest) - 1] = '\0';
        CHECK_STREQ(str_nearest(longest, candidate), NULL);
}
