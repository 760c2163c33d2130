/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* TOML documents and the JSON that they mean; compare-toml.py asks another reader about many more. */

#include "base/str.h"
#include "base/toml.h"
#include "test.h"

TEST(read)
{
        static const struct {
                const char *toml, *json;
        } rows[] = {
                {"", "{}"},
                {"# nothing\n\r\n", "{}"},
                {"a = 1", "{\"a\":1}"},
                {"a=-1\nb=+2\nc=1_000\nd=0xfF\ne=0o17\nf=0b101",
                 "{\"a\":-1,\"b\":2,\"c\":1000,\"d\":255,\"e\":15,\"f\":5}"},
                {"a=9223372036854775807\nb=-9223372036854775808",
                 "{\"a\":9223372036854775807,\"b\":-9223372036854775808}"},
                {"a = 0e5\nb = 1E+2", "{\"a\":0.0,\"b\":100.0}"},
                {"a = 1.5\nb = true\nc = false", "{\"a\":1.5,\"b\":true,\"c\":false}"},
                {"a = \"x\\ty\\u00e9\\U0001F600\\\"\"", "{\"a\":\"x\\ty\u00e9\U0001F600\\\"\"}"},
                {"a = 'x\\ty'", "{\"a\":\"x\\\\ty\"}"},
                {"a = \"\"\"\nx\\\n   \n  y\r\nz\"\"\"", "{\"a\":\"xy\\nz\"}"},
                {"a = '''\nx\n''y'''''", "{\"a\":\"x\\n''y''\"}"},
                {"a = \"\"\n\"b c\" = ''\n'd.e' = \"\"\"\"\"\"", "{\"a\":\"\",\"b c\":\"\",\"d.e\":\"\"}"},
                {"a = [ 1, # one\n 2,\n]\nb = [[], [{}]]", "{\"a\":[1,2],\"b\":[[],[{}]]}"},
                {"a.b.c = 1\na.b.d = 2", "{\"a\":{\"b\":{\"c\":1,\"d\":2}}}"},
                {"a = {b.c = 1, b.d = 'x', e = {}}", "{\"a\":{\"b\":{\"c\":1,\"d\":\"x\"},\"e\":{}}}"},
                {"[a]\nx = 1\n[a.b]\ny = 2\n[c . \"d\"]",
                 "{\"a\":{\"x\":1,\"b\":{\"y\":2}},\"c\":{\"d\":{}}}"},
                {"[a.b]\nx = 1\n[a]\ny = 2", "{\"a\":{\"b\":{\"x\":1},\"y\":2}}"},
                {"[[a]]\nx = 1\n[[a.b]]\ny = 1\n[[a.b]]\n[a.b.c]\n[[a]]\n[a.d]\nz = 3",
                 "{\"a\":[{\"x\":1,\"b\":[{\"y\":1},{\"c\":{}}]},{\"d\":{\"z\":3}}]}"},
                {"1 = 2\n- = 3\n_ = 4", "{\"1\":2,\"-\":3,\"_\":4}"},
        };

        FOREACH_ELEMENT(row, rows) {
                _cleanup_json_ json_t *v = NULL;
                _cleanup_free_ char *error = NULL, *text = NULL;

                if (toml_parse(row->toml, strlen(row->toml), &v, &error) < 0)
                        test_fail(__FILE__, __LINE__, row->toml, error, NULL);
                text = json_text(v);
                CHECK_STREQ(text, row->json);
        }
}

TEST(refused)
{
        static const struct {
                const char *toml, *error;
        } rows[] = {
                {"a", "line 1: '=' is wanted"},
                {"a\u00e9", "line 1: '=' is wanted"},
                {"\na = ", "line 2: a value is wanted"},
                {"a = 1 b = 2", "line 1: the end of the line is wanted, not 'b'"},
                {"a = 1\na = 2", "line 2: \"a\" is there twice"},
                {"a = 'x", "line 1: a string that does not end"},
                {"a = \"x\ny\"", "line 1: a string that does not end"},
                {"a = \"\\q\"", "line 1: an unknown escape"},
                {"a = \"\\u12g4\"", "line 1: \\u wants 4 hexadecimal digits, \\U 8"},
                {"a = \"\\ud800\"", "line 1: an escape that is no Unicode character"},
                {"a = \"\\u0000\"", "line 1: a NUL character in a string"},
                {"a = \"\x01\"", "line 1: a control character in a string"},
                {"# \x01", "line 1: a control character in a comment"},
                {"a = \"\xff\"", "line 1: a file that is not UTF-8 text"},
                {"a = 1979-05-27T07:32:00Z", "line 1: dates and times are not supported"},
                {"a = 07:32:00", "line 1: dates and times are not supported"},
                {"a = -inf", "line 1: infinity and nan are not supported"},
                {"a = 012", "line 1: a number with a leading zero"},
                {"a = 1__0", "line 1: a bad number"},
                {"a = 0x", "line 1: a bad number"},
                {"a = 1.", "line 1: a bad number"},
                {"a = yes", "line 1: a bad value"},
                {"a = 9223372036854775808", "line 1: a number that is too large"},
                {"[a]\n[a]", "line 2: \"a\" was defined before"},
                {"a.b = 1\n[a]", "line 2: \"a\" was defined before"},
                {"[a.b]\n[a]\nb.c = 1", "line 3: \"b\" was defined before, in a table of its own"},
                {"a = {}\n[a.b]", "line 2: \"a\" has a value and cannot become a table"},
                {"a = []\n[[a]]", "line 2: \"a\" has a value and cannot become a table"},
                {"a = {}\na.b = 1", "line 2: \"a\" has a value and cannot become a table"},
                {"[a]\n[[a]]", "line 2: \"a\" is a table, not an array of tables"},
                {"[[a]]\n[a]", "line 2: \"a\" was defined before"},
                {"a = {b = 1,}", "line 1: a key is wanted, not '}'"},
                {"a = {b = 1\n}", "line 1: ',' or '}' is wanted"},
                {"a = [1 2]", "line 1: ',' or ']' is wanted, not '2'"},
                {"[a", "line 1: \"]\" is wanted"},
                {"[[a]\n", "line 1: \"]]\" is wanted, not ']'"},
                {"= 1", "line 1: a key is wanted, not '='"},
                {"\"\"\"a\"\"\" = 1", "line 1: '=' is wanted, not '\"'"},
                {"a = 1\rb = 2", "line 1: the end of the line is wanted"},
        };

        FOREACH_ELEMENT(row, rows) {
                _cleanup_json_ json_t *v = NULL;
                _cleanup_free_ char *error = NULL;

                CHECK_EQ(toml_parse(row->toml, strlen(row->toml), &v, &error), -EBADMSG);
                CHECK_STREQ(error, row->error);
                CHECK(!v);
        }
}

static int parse_repeated(const char *begin, const char *s, size_t n, char **ret_error)
{
        _cleanup_json_ json_t *v = NULL;
        size_t head = strlen(begin), length = strlen(s);
        _cleanup_free_ char *text = malloc(head + n * length + 1);

        CHECK(text);
        memcpy(text, begin, head);
        for (size_t i = 0; i < n; i++)
                memcpy(text + head + i * length, s, length);
        return toml_parse(text, head + n * length, &v, ret_error);
}

TEST(limits)
{
        _cleanup_free_ char *deep = NULL, *names = NULL, *keys = NULL;

        CHECK_OK(parse_repeated("", "#", TOML_SIZE_MAX, NULL));
        CHECK_EQ(parse_repeated("", "#", TOML_SIZE_MAX + 1, NULL), -EFBIG);
        CHECK_EQ(parse_repeated("a = ", "[", 100000, &deep), -EBADMSG);
        CHECK_STREQ(deep, "line 1: nested too deeply");
        CHECK_EQ(parse_repeated("a", ".a", TOML_DEPTH_MAX, &names), -EBADMSG);
        CHECK_STREQ(names, "line 1: a key of too many names");
        CHECK_OK(parse_repeated("", "[[a]]\n", TOML_KEYS_MAX, NULL));
        CHECK_EQ(parse_repeated("", "[[a]]\n", TOML_KEYS_MAX + 1, &keys), -EBADMSG);
        CHECK(keys && endswith(keys, "too many keys"));
}
