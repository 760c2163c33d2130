/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The templates of --format: what users write, and what they get. */

#include "base/str.h"
#include "prog/ctl-template.h"
#include "test.h"

static const char document[] =
        "{\"Id\":\"abc\",\"State\":{\"Status\":\"running\",\"Pid\":42,\"Running\":true,\"Rate\":1.5,"
        "\"Error\":null},"
        "\"Names\":[\"web\",\"www\"],\"Config\":{\"Labels\":{\"a.b\":\"1\",\"x\":\"2\"},\"Env\":[]},"
        "\"Empty\":\"\",\"Evil\":\"a\\u001b[2J\\tb\"}";

static char *write_as(const char *text, TemplateEscape escape, Error *error)
{
        _cleanup_json_ json_t *v = NULL;
        char *written = NULL;
        size_t size;
        FILE *f = open_memstream(&written, &size);
        int r;

        CHECK(f);
        CHECK_OK(json_parse(document, strlen(document), &v, NULL));
        r = template_write(text, v, escape, f, error);
        CHECK(fclose(f) == 0);
        if (r < 0) {
                free(written);
                return NULL;
        }
        return written;
}

static const struct {
        const char *text, *written;
} good[] = {
        {"{{.Id}}", "abc"},
        {"{{ .Id }}", "abc"},
        {"{{.ID}}", "abc"},
        {"<{{.State.Status}}>", "<running>"},
        {"{{.State.Pid}}/{{.State.Running}}/{{.State.Rate}}", "42/true/1.5"},
        {"{{.State.Error}}", "<nil>"},
        {"{{.Names}}", "[web www]"},
        {"{{.Config.Labels}}", "map[a.b:1 x:2]"},
        {"{{.Config.Labels.x}}", "2"},
        {"{{.Config.Labels.missing}}", "<no value>"},
        {"{{index .Config.Labels \"a.b\"}}", "1"},
        {"{{index .Names 1}}", "www"},
        {"{{json .Names}}", "[\"web\",\"www\"]"},
        {"{{.Names | json}}", "[\"web\",\"www\"]"},
        {"{{json .State.Error}}", "null"},
        {"{{json .Config.Labels.missing}}", "null"},
        {"{{len .Names}}", "2"},
        {"{{join .Names \", \"}}", "web, www"},
        {"{{upper .Id | printf \"%s-%d\" \"x\" | lower}}", "x-abc"},
        {"{{range .Names}}<{{.}}>{{end}}", "<web><www>"},
        {"{{range $i, $n := .Names}}{{$i}}={{$n}};{{end}}", "0=web;1=www;"},
        {"{{range $k, $v := .Config.Labels}}{{$k}}={{$v}} {{end}}", "a.b=1 x=2 "},
        {"{{range .Names}}{{$.Id}}{{end}}", "abcabc"},
        {"{{range .Config.Env}}x{{else}}none{{end}}", "none"},
        {"{{if .State.Running}}yes{{else}}no{{end}}", "yes"},
        {"{{if .Empty}}yes{{else}}no{{end}}", "no"},
        {"{{if eq .State.Status \"exited\"}}a{{else if eq .State.Pid 42}}b{{else}}c{{end}}", "b"},
        {"{{if and .Id (not .Empty)}}yes{{end}}", "yes"},
        {"{{if or .Empty (gt .State.Pid 41)}}yes{{end}}", "yes"},
        {"{{with .State}}{{.Pid}}{{end}}", "42"},
        {"{{with .Empty}}x{{else}}y{{end}}", "y"},
        {"{{$x := .State.Pid}}{{$x}}", "42"},
        {"{{/* nothing */}}.", "."},
        {"a {{- .Id -}} b", "aabcb"},
        {"{{.Id}}\\t{{.Empty}}\\n", "abc\t\n"},
        {"{{println .Id}}", "abc\n"},
        {"{{range split \"a:b\" \":\"}}{{.}},{{end}}", "a,b,"},
        {"no action", "no action"},
        {"", ""},
};

TEST(good)
{
        FOREACH_ELEMENT(row, good) {
                _cleanup_error_ Error error = ERROR_INIT;
                _cleanup_free_ char *written = write_as(row->text, TEMPLATE_RAW, &error);

                CHECK_STREQ(strempty(written ?: error.message), row->written);
        }
}

static const struct {
        const char *text, *says;
} bad[] = {
        {"{{.Id", "is missing"},
        {"{{.Idd}}", "did you mean .Id?"},
        {"{{.Status}}", "no field .Status"},
        {"{{.State.Statu}}", "did you mean .Status?"},
        {"{{range .Config.Missing}}x{{end}}.", "no field .Missing"},
        {"{{.Id.Foo}}", "has no fields"},
        {"{{nofunc .Id}}", "no function"},
        {"{{}}", "value is missing"},
        {"{{if .Id}}x", "{{end}} is missing"},
        {"{{range .Names}}x", "{{end}} is missing"},
        {"{{end}}", "without a beginning"},
        {"{{$y}}", "no such variable"},
        {"{{\"abc}}", "not ended"},
        {"{{(.Id}}", "\")\" is missing"},
        {"{{index .Names 7}}", "out of range"},
        {"{{index .Names -1}}", "out of range"},
        {"{{.Id | .Id}}", "must be a function"},
        {"{{len}}", "one value"},
        {"{{lt .Id 1}}", "two numbers or two texts"},
};

TEST(bad)
{
        FOREACH_ELEMENT(row, bad) {
                _cleanup_error_ Error error = ERROR_INIT;
                _cleanup_free_ char *written = write_as(row->text, TEMPLATE_RAW, &error);

                CHECK_STREQ(written, NULL);
                CHECK_EQ(error.kind, ERROR_INVALID_ARGUMENT);
                if (!strstr(error.message, row->says))
                        CHECK_STREQ(error.message, row->says);
        }
}

TEST(syntax_alone)
{
        FILE *f = fopen("/dev/null", "w");

        FOREACH_ELEMENT(row, good)
                CHECK_OK(template_write(row->text, NULL, TEMPLATE_RAW, f, NULL));
        CHECK(template_write("{{if .X}}", NULL, TEMPLATE_RAW, f, NULL) < 0);
        CHECK(fclose(f) == 0);
}

TEST(nesting_is_limited)
{
        _cleanup_free_ char *deep = NULL;
        size_t size;
        FILE *f = open_memstream(&deep, &size);

        for (int i = 0; i < 10000; i++)
                fputs("{{if (", f);
        CHECK(fclose(f) == 0);
        CHECK_STREQ(write_as(deep, TEMPLATE_RAW, NULL), NULL);
        free(TAKE_PTR(deep));

        f = open_memstream(&deep, &size);
        for (int i = 0; i < 10000; i++)
                fputs("{{if .Id}}", f);
        CHECK(fclose(f) == 0);
        CHECK_STREQ(write_as(deep, TEMPLATE_RAW, NULL), NULL);
}

TEST(escapes)
{
        _cleanup_free_ char *raw = write_as("{{.Evil}}", TEMPLATE_RAW, NULL);
        _cleanup_free_ char *lines = write_as("{{.Evil}}\\n", TEMPLATE_LINES, NULL);
        _cleanup_free_ char *cells = write_as("{{.Evil}}\\t{{println .Id}}", TEMPLATE_CELLS, NULL);

        CHECK_STREQ(raw, "a\x1b[2J\tb");
        CHECK_STREQ(lines, "a\\x1b[2J\tb\n");
        CHECK_STREQ(cells, "a\\x1b[2J\\x09b\tabc\\x0a");
}
