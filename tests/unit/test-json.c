/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The strict reader, and structs that go through their rows and back. */

#include "base/hashmap.h"
#include "base/json.h"
#include "base/str.h"
#include "test.h"

#define TEXT(literal) literal, sizeof(literal) - 1

TEST(accepted)
{
        static const struct {
                const char *text, *compact;
        } rows[] = {
                {"{}", "{}"},
                {" [ ] \n", "[]"},
                {"{\"b\": 1, \"a\": [true, null, -2, 1.5]}", "{\"b\":1,\"a\":[true,null,-2,1.5]}"},
                {"[\"\\u00e4\\ud83d\\ude00\\n\\\"\\\\\"]", "[\"\xc3\xa4\xf0\x9f\x98\x80\\n\\\"\\\\\"]"},
                {"[9223372036854775807,-9223372036854775808]", "[9223372036854775807,-9223372036854775808]"},
                {"{\"\":{\"\":[]}}", "{\"\":{\"\":[]}}"},
                {"[\"[[[[[[{{{{\\\"[[[\"]", "[\"[[[[[[{{{{\\\"[[[\"]"},
        };

        FOREACH_ELEMENT(row, rows) {
                _cleanup_json_ json_t *v = NULL;
                _cleanup_free_ char *text = NULL, *error = NULL;

                CHECK_OK(json_parse(row->text, strlen(row->text), &v, &error));
                CHECK(!error);
                text = json_text(v);
                CHECK_STREQ(text, row->compact);
        }
}

/* What jansson's signed integers do not hold, as "unlimited" in bundles of other tools. */
TEST(large_integers)
{
        static const struct {
                const char *text, *compact; /* NULL: refused, as any JSON reader would */
        } rows[] = {
                {"[18446744073709551615]", "[\"18446744073709551615\"]"},
                {"[9223372036854775807, 9223372036854775808 ,0]",
                 "[9223372036854775807,\"9223372036854775808\",0]"},
                {"{\"a\":\n18446744073709551615}", "{\"a\":\"18446744073709551615\"}"},
                {"[\" 18446744073709551615,\"]", "[\" 18446744073709551615,\"]"},
                {"[\"\\\" 18446744073709551615,\"]", "[\"\\\" 18446744073709551615,\"]"},
                {"[\"\\\\\", 18446744073709551615]", "[\"\\\\\",\"18446744073709551615\"]"},
                {"[18446744073709551615.0]", "[1.8446744073709552e19]"},
                {"[18446744073709551616]", NULL},
                {"[-18446744073709551615]", NULL},
                {"[- 18446744073709551615]", NULL},
                {"[018446744073709551615]", NULL},
                {"[1 18446744073709551615]", NULL},
                {"[18446744073709551615 1]", NULL},
                {"{18446744073709551615:1}", NULL},
                {"{\"a\":1,18446744073709551615:1}", NULL},
                {"{\"a\":1, 18446744073709551615 :1}", NULL},
                {"{18446744073709551615}", NULL},
                {"18446744073709551615", NULL},
                {"[18446744073709551615", NULL},
        };

        FOREACH_ELEMENT(row, rows) {
                _cleanup_json_ json_t *v = NULL;
                _cleanup_free_ char *text = NULL;
                int r = json_parse(row->text, strlen(row->text), &v, NULL);

                CHECK_EQ(r, row->compact ? 0 : -EBADMSG);
                text = v ? json_text(v) : NULL;
                CHECK_STREQ(text, row->compact);
        }
}

TEST(refused)
{
        static const struct {
                const char *text;
                size_t size;
        } rows[] = {
                {TEXT("")},
                {TEXT(" ")},
                {TEXT("1")},
                {TEXT("\"a\"")},
                {TEXT("null")},
                {TEXT("{} x")},
                {TEXT("{}{}")},
                {TEXT("{}\0")},
                {TEXT("{\"a\":1,}")},
                {TEXT("[1,]")},
                {TEXT("[01]")},
                {TEXT("[+1]")},
                {TEXT("[.5]")},
                {TEXT("[1.]")},
                {TEXT("[0x1]")},
                {TEXT("[NaN]")},
                {TEXT("[Infinity]")},
                {TEXT("[1e999]")},
                {TEXT("[18446744073709551616]")},
                {TEXT("[-9223372036854775809]")},
                {TEXT("['a']")},
                {TEXT("{a:1}")},
                {TEXT("{\"a\" 1}")},
                {TEXT("{\"a\":1,\"a\":2}")},
                {TEXT("{\"a\":1,\"\\u0061\":2}")},
                {TEXT("{\"x\":[{\"a\":null,\"b\":0,\"a\":null}]}")},
                {TEXT("[\"\n\"]")},
                {TEXT("[\"\t\"]")},
                {TEXT("[\"a\0b\"]")},
                {TEXT("[\"\\u0000\"]")},
                {TEXT("{\"\\u0000\":1}")},
                {TEXT("[\"\\ud800\"]")},
                {TEXT("[\"\\udc00\\ud800\"]")},
                {TEXT("[\"\\x41\"]")},
                {TEXT("[\"\xff\"]")},
                {TEXT("[\"\xc0\x80\"]")},
                {TEXT("[\"\xed\xa0\x80\"]")},
                {TEXT("[\"\xe2\x82\"]")},
                {TEXT("\xef\xbb\xbf{}")},
                {TEXT("[\"open")},
                {TEXT("[\"open\\")},
                {TEXT("[")},
                {TEXT("{\"a\"")},
                {TEXT("[tru]")},
                {TEXT("// comment\n{}")},
        };

        FOREACH_ELEMENT(row, rows) {
                json_t *v = NULL;
                _cleanup_free_ char *error = NULL;
                int r = json_parse(row->text, row->size, &v, &error);

                if (r != -EBADMSG)
                        (void) fprintf(stderr, "accepted: %s\n", row->text);
                CHECK_EQ(r, -EBADMSG);
                CHECK(startswith(error, "line 1: ") || startswith(error, "line 2: "));
                CHECK(!v);
                CHECK_EQ(json_parse(row->text, row->size, &v, NULL), -EBADMSG);
        }
}

static int parse_nested(size_t depth, char **ret_error)
{
        _cleanup_free_ char *text = malloc(2 * depth + 1);
        _cleanup_json_ json_t *v = NULL;

        text[0] = '\n';
        memset(text + 1, '[', depth);
        memset(text + 1 + depth, ']', depth);
        return json_parse(text, 2 * depth + 1, &v, ret_error);
}

TEST(limits)
{
        _cleanup_free_ char *big = malloc(JSON_SIZE_MAX + 1), *error = NULL, *deep = NULL;
        _cleanup_json_ json_t *v = NULL;

        CHECK_OK(parse_nested(JSON_DEPTH_MAX, NULL));
        CHECK_EQ(parse_nested(JSON_DEPTH_MAX + 1, &error), -EBADMSG);
        CHECK_STREQ(error, "line 2: nested too deeply");
        CHECK_EQ(parse_nested(1000000, &deep), -EBADMSG);

        memset(big, ' ', JSON_SIZE_MAX + 1);
        memcpy(big, "{}", 2);
        CHECK_EQ(json_parse(big, JSON_SIZE_MAX + 1, &v, NULL), -EFBIG);
        CHECK_OK(json_parse(big, JSON_SIZE_MAX, &v, NULL));
}

TEST(load)
{
        _cleanup_close_ int dir = test_directory_open();
        _cleanup_json_ json_t *v = NULL;
        _cleanup_free_ char *error = NULL, *pretty = NULL;

        CHECK_EQ(json_load_at(dir, "none.json", &v, &error), -ENOENT);
        CHECK_OK(fs_replace_at(dir, "bad.json", "{\n\n", 3, 0600, FS_NO_SYNC));
        CHECK_EQ(json_load_at(dir, "bad.json", &v, &error), -EBADMSG);
        CHECK(startswith(error, "line 3: "));
        CHECK_OK(fs_replace_at(dir, "good.json", "{\"a\":[1]}", 9, 0600, FS_NO_SYNC));
        CHECK_OK(json_load_at(dir, "good.json", &v, NULL));
        pretty = json_text_pretty(v);
        CHECK_STREQ(pretty, "{\n  \"a\": [\n    1\n  ]\n}\n");
}

typedef struct Thing {
        char *name;
        bool enabled;
        uint64_t size;
        int64_t offset;
        char **words;
        Map *labels;
        json_t *extra;
} Thing;

static const JsonRow rows[] = {
        {"Name", JSON_ROW_STRING, offsetof(Thing, name), .required = true},
        {"Enabled", JSON_ROW_BOOL, offsetof(Thing, enabled)},
        {"Size", JSON_ROW_U64, offsetof(Thing, size)},
        {"Offset", JSON_ROW_I64, offsetof(Thing, offset)},
        {"Words", JSON_ROW_STRV, offsetof(Thing, words)},
        {"Labels", JSON_ROW_MAP, offsetof(Thing, labels)},
        {"Extra", JSON_ROW_JSON, offsetof(Thing, extra)},
};

static void thing_done(Thing *t)
{
        json_rows_done(rows, ELEMENTSOF(rows), t);
}

static int thing_read(const char *text, Thing *t, json_t **rest, char **ret_error)
{
        _cleanup_json_ json_t *v = NULL;

        CHECK_OK(json_parse(text, strlen(text), &v, NULL));
        return json_read(v, rows, ELEMENTSOF(rows), t, rest, ret_error);
}

static void check_round_trip(const char *text, const char *expected)
{
        _cleanup_(thing_done) Thing t = {};
        _cleanup_json_ json_t *rest = NULL, *v = NULL;
        _cleanup_free_ char *back = NULL;

        CHECK_OK(thing_read(text, &t, &rest, NULL));
        v = json_write(rows, ELEMENTSOF(rows), &t, rest);
        back = json_text(v);
        CHECK_STREQ(back, expected);
}

TEST(rows_round_trip)
{
        static const char full[] =
                "{\"Name\":\"n\",\"Enabled\":true,\"Size\":\"18446744073709551615\",\"Offset\":-1,"
                "\"Words\":[\"a\",\"\"],\"Labels\":{\"b\":\"1\",\"a\":\"2\"},\"Extra\":[null,1.5]}";

        check_round_trip(full, full);
        check_round_trip("{\"Name\":\"\",\"Words\":[],\"Labels\":{}}",
                         "{\"Name\":\"\",\"Words\":[],\"Labels\":{}}");
        check_round_trip("{\"New\":{\"x\":1},\"Size\":9223372036854775807,\"Name\":\"n\",\"Also\":null}",
                         "{\"Name\":\"n\",\"Size\":9223372036854775807,\"New\":{\"x\":1},\"Also\":null}");
        check_round_trip("{\"Name\":\"n\",\"Enabled\":false,\"Size\":0,\"Words\":null,\"Extra\":null}",
                         "{\"Name\":\"n\"}");
}

TEST(rows_without_rest)
{
        _cleanup_(thing_done) Thing t = {};

        CHECK_OK(thing_read("{\"Name\":\"n\",\"Unknown\":1,\"Size\":7}", &t, NULL, NULL));
        CHECK_STREQ(t.name, "n");
        CHECK_EQ(t.size, 7);
        CHECK_OK(thing_read("{\"Name\":\"n\",\"Size\":18446744073709551615}", &t, NULL, NULL));
        CHECK_EQ(t.size, UINT64_MAX);
}

TEST(rows_replace_what_was_there)
{
        _cleanup_(thing_done) Thing t = {};

        CHECK_OK(thing_read("{\"Name\":\"a\",\"Words\":[\"a\"],\"Labels\":{\"a\":\"1\"},\"Extra\":{}}", &t,
                            NULL, NULL));
        CHECK_OK(thing_read("{\"Name\":\"b\",\"Words\":[\"b\"],\"Labels\":{\"b\":\"2\"},\"Extra\":[]}", &t,
                            NULL, NULL));
        CHECK_STREQ(t.name, "b");
        CHECK_STREQ(t.words[0], "b");
        CHECK(!map_has(t.labels, "a"));
        CHECK(json_is_array(t.extra));
}

TEST(rows_refused)
{
        static const struct {
                const char *text, *error;
        } cases[] = {
                {"[]", "not an object"},
                {"{}", "Name is missing"},
                {"{\"Name\":null}", "Name is missing"},
                {"{\"Name\":1}", "Name is not a string"},
                {"{\"Name\":\"n\",\"Enabled\":1}", "Enabled is not true or false"},
                {"{\"Name\":\"n\",\"Size\":-1}", "Size is not a whole number, 0 or more"},
                {"{\"Name\":\"n\",\"Size\":1.0}", "Size is not a whole number, 0 or more"},
                {"{\"Name\":\"n\",\"Size\":\"1\"}", "Size is not a whole number, 0 or more"},
                {"{\"Name\":\"n\",\"Size\":\"18446744073709551616\"}",
                 "Size is not a whole number, 0 or more"},
                {"{\"Name\":\"n\",\"Offset\":1e3}", "Offset is not a whole number"},
                {"{\"Name\":\"n\",\"Offset\":true}", "Offset is not a whole number"},
                {"{\"Name\":\"n\",\"Words\":\"a\"}", "Words is not an array of strings"},
                {"{\"Name\":\"n\",\"Words\":[\"a\",1]}", "Words is not an array of strings"},
                {"{\"Name\":\"n\",\"Words\":[null]}", "Words is not an array of strings"},
                {"{\"Name\":\"n\",\"Labels\":[]}", "Labels is not an object of strings"},
                {"{\"Name\":\"n\",\"Labels\":{\"a\":1}}", "Labels is not an object of strings"},
        };

        FOREACH_ELEMENT(c, cases) {
                _cleanup_(thing_done) Thing t = {};
                _cleanup_json_ json_t *rest = NULL;
                _cleanup_free_ char *error = NULL;

                CHECK_EQ(thing_read(c->text, &t, &rest, &error), -EBADMSG);
                CHECK_STREQ(error, c->error);
                CHECK(!rest);
        }
}

TEST(accessors)
{
        static const char text[] =
                "{\"s\":\"x\",\"o\":{},\"a\":[\"1\"],\"b\":true,\"i\":7,\"r\":7.5,\"m\":[1],\"n\":null}";
        _cleanup_json_ json_t *v = NULL, *back = NULL;
        _cleanup_strv_ char **l = NULL, **none = (char **) text;

        CHECK_OK(json_parse(text, strlen(text), &v, NULL));
        CHECK_STREQ(json_get_string(v, "s"), "x");
        CHECK_STREQ(json_get_string(v, "i"), NULL);
        CHECK_STREQ(json_get_string(v, "none"), NULL);
        CHECK_STREQ(json_get_string(NULL, "s"), NULL);
        CHECK_STREQ(json_get_string(json_get_array(v, "a"), "s"), NULL);
        CHECK(json_get_object(v, "o"));
        CHECK(!json_get_object(v, "a"));
        CHECK(json_get_array(v, "a"));
        CHECK(!json_get_array(v, "o"));
        CHECK(json_get_bool(v, "b", false));
        CHECK(json_get_bool(v, "i", true));
        CHECK_EQ(json_get_i64(v, "i", -1), 7);
        CHECK_EQ(json_get_i64(v, "r", -1), -1);
        CHECK_EQ(json_get_i64(NULL, "i", -1), -1);
        CHECK_OK(json_get_strv(v, "a", &l));
        CHECK_STREQ(l[0], "1");
        CHECK_OK(json_get_strv(v, "n", &none));
        CHECK(!none);
        CHECK_EQ(json_get_strv(v, "m", &none), -EBADMSG);
        CHECK_EQ(json_get_strv(v, "s", &none), -EBADMSG);
        back = json_from_strv(l);
        CHECK(json_equal(back, json_get_array(v, "a")));
}
