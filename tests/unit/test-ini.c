/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Unit-file syntax. A fixture's entries are written as "section.key=value", one per line. */

#include "base/ini.h"
#include "base/str.h"
#include "test.h"

static char *entries_text(const IniFile *f)
{
        _cleanup_strv_ char **l = NULL;

        for (size_t i = 0; i < f->n_entries; i++) {
                const IniEntry *e = &f->entries[i];

                CHECK_OK(strv_consume(&l, str_printf("%s.%s=%s", e->section, e->key, e->value)));
        }
        return strv_join(l, "\n");
}

TEST(accepted)
{
        static const struct {
                const char *text, *entries;
        } rows[] = {
                {"", ""},
                {"\n\n \t\n", ""},
                {"# only\n; comments", ""},
                {"[A]", ""},
                {"[A]\nx=1", "A.x=1"},
                {"\xef\xbb\xbf[A]\nx=1\n", "A.x=1"},
                {" [A] \n\t x \t= 1 2 \t\n", "A.x=1 2"},
                {"[A]\nx=\ny==\n", "A.x=\nA.y=="},
                {"[A]\nx=1\n[B]\nx=2\n[A]\nx=3\n", "A.x=1\nB.x=2\nA.x=3"},
                {"[A]\nx=a\\\nb\n", "A.x=a b"},
                {"[A]\nx=a \\\n  b\\\n  c\ny=2", "A.x=a    b   c\nA.y=2"},
                {"[A]\nx=a\\\n# comment\\\n ; another\nb\ny=2", "A.x=a b\nA.y=2"},
                {"[A]\nx=a\\\n\nb=2", "A.x=a\nA.b=2"},
                {"[A]\nx=a\\\\\ny=2", "A.x=a\\\\\nA.y=2"},
                {"[A]\nx=a\\\\\\\ny=2", "A.x=a\\\\ y=2"},
                {"[A]\nx=a\\", "A.x=a"},
                {"[A]\n# x=a\\\ny=2", "A.y=2"},
                {"[A]\nx=1 # no comment\n", "A.x=1 # no comment"},
                {"[A]\nx=[B]\n", "A.x=[B]"},
                {"[A]\nx=a\tb\n", "A.x=a\tb"},
                {"[A]\n\\\nx=1\n", "A.x=1"},
        };

        FOREACH_ELEMENT(row, rows) {
                _cleanup_(ini_freep) IniFile *f = NULL;
                _cleanup_free_ char *entries = NULL, *error = NULL;

                CHECK_OK(ini_parse(&f, "f", row->text, strlen(row->text), &error));
                CHECK(!error);
                entries = entries_text(f);
                CHECK_STREQ(entries, row->entries);
        }
}

#define TEXT(literal) literal, sizeof(literal) - 1

TEST(refused)
{
        static const struct {
                const char *text;
                size_t size;
                const char *error;
        } rows[] = {
                {TEXT("x=1"), "f:1: assignment before the first section"},
                {TEXT("[A]\nx"), "f:2: neither a section nor Key=value"},
                {TEXT("[A\nx=1"), "f:1: section without ']' at the end"},
                {TEXT("["), "f:1: section without ']' at the end"},
                {TEXT("[]"), "f:1: invalid name of a section"},
                {TEXT("[A]]"), "f:1: invalid name of a section"},
                {TEXT("[A]\n =1"), "f:2: invalid name before '='"},
                {TEXT("[A]\nx\x1by=1"), "f:2: invalid name before '='"},
                {TEXT("[A]\n\n#\nx=1\r\n"), "f:4: NUL or carriage return in a line"},
                {TEXT("[A]\nx=1\rExecStart=evil"), "f:2: NUL or carriage return in a line"},
                {TEXT("[A]\nx=1\0y=2"), "f:2: NUL or carriage return in a line"},
                {TEXT("[A]\n# \rExecStart=evil"), "f:2: NUL or carriage return in a line"},
                {TEXT("[A]\nx=\xff"), "f:2: not UTF-8"},
                {TEXT("[A]\nx=\xe2\x82\n\xac"), "f:2: not UTF-8"},
        };

        FOREACH_ELEMENT(row, rows) {
                _cleanup_(ini_freep) IniFile *f = NULL;
                _cleanup_free_ char *error = NULL;

                CHECK_EQ(ini_parse(&f, "f", row->text, row->size, &error), -EBADMSG);
                CHECK_STREQ(error, row->error);
                CHECK(!f);
                CHECK_EQ(ini_parse(&f, "f", row->text, row->size, NULL), -EBADMSG);
        }
}

TEST(drop_ins_follow)
{
        static const char first[] = "[A]\nx=1\n", broken[] = "[A]\nx=2\nbroken\n", second[] = "\n[B]\ny=3\n";
        _cleanup_(ini_freep) IniFile *f = NULL;
        _cleanup_free_ char *error = NULL;

        CHECK_OK(ini_parse(&f, "a.container", first, strlen(first), NULL));
        CHECK_EQ(ini_parse(&f, "10.conf", broken, strlen(broken), &error), -EBADMSG);
        CHECK_STREQ(error, "10.conf:3: neither a section nor Key=value");
        CHECK_EQ(f->n_entries, 1);
        CHECK_OK(ini_parse(&f, "20.conf", second, strlen(second), NULL));
        CHECK_EQ(f->n_entries, 2);
        CHECK_STREQ(f->entries[0].file, "a.container");
        CHECK_EQ(f->entries[0].line, 2);
        CHECK_STREQ(f->entries[1].file, "20.conf");
        CHECK_EQ(f->entries[1].line, 3);
}

/* A drop-in begins without a section, whatever the file before ended in. */
TEST(section_ends_with_its_file)
{
        _cleanup_(ini_freep) IniFile *f = NULL;

        CHECK_OK(ini_parse(&f, "a", "[A]\nx=1\n", 8, NULL));
        CHECK_EQ(ini_parse(&f, "b", "x=2\n", 4, NULL), -EBADMSG);
}

static int parse_repeated(size_t lead, char c, size_t n, size_t *ret_entries)
{
        _cleanup_(ini_freep) IniFile *f = NULL;
        _cleanup_free_ char *text = malloc(lead + n);
        int r;

        memcpy(text, "[A]\nx=", lead);
        memset(text + lead, c, n);
        r = ini_parse(&f, "f", text, lead + n, NULL);
        *ret_entries = f ? f->n_entries : 0;
        return r;
}

TEST(limits)
{
        size_t n;

        CHECK_OK(parse_repeated(6, 'a', INI_LINE_MAX - 2, &n));
        CHECK_EQ(n, 1);
        CHECK_EQ(parse_repeated(6, 'a', INI_LINE_MAX - 1, &n), -EBADMSG);
        CHECK_OK(parse_repeated(4, '\n', INI_SIZE_MAX - 4, &n));
        CHECK_EQ(parse_repeated(4, '\n', INI_SIZE_MAX - 3, &n), -EBADMSG);
}

/* The worst that a file within the limits can ask for: long names shared by many entries, many sections. */
TEST(many_entries_of_a_long_section)
{
        const size_t size = INI_SIZE_MAX;
        _cleanup_free_ char *text = malloc(size + 1);
        _cleanup_(ini_freep) IniFile *f = NULL;
        char *p = text;

        p = stpcpy(p, "[");
        memset(p, 'S', INI_NAME_MAX);
        p = stpcpy(p + INI_NAME_MAX, "]\n");
        while ((size_t) (p - text) + 3 <= size)
                p = stpcpy(p, "a=\n");
        CHECK_OK(ini_parse(&f, "f", text, (size_t) (p - text), NULL));
        CHECK(f->n_entries > 300000);
        CHECK(f->entries[0].section == f->entries[f->n_entries - 1].section);
}

TEST(writer)
{
        _cleanup_(ini_writer_freep) IniWriter *w = ini_writer_new();
        _cleanup_(ini_freep) IniFile *f = NULL;
        _cleanup_free_ char *empty = NULL, *text = NULL, *entries = NULL;

        CHECK_OK(ini_writer_text(w, &empty));
        CHECK_STREQ(empty, "");
        CHECK_OK(ini_writer_add(w, "Unit", "Description", "a # b; \\\\ \\n 100%"));
        CHECK_OK(ini_writer_add(w, "Service", "ExecStart", ""));
        CHECK_OK(ini_writer_add(w, "Unit", "After", "x.service"));
        CHECK_OK(ini_writer_text(w, &text));
        CHECK_STREQ(text,
                    "[Unit]\nDescription=a # b; \\\\ \\n 100%\nAfter=x.service\n\n[Service]\nExecStart=\n");
        CHECK_OK(ini_parse(&f, "f", text, strlen(text), NULL));
        entries = entries_text(f);
        CHECK_STREQ(entries,
                    "Unit.Description=a # b; \\\\ \\n 100%\nUnit.After=x.service\nService.ExecStart=");
}

TEST(writer_refuses)
{
        static const char *const rows[][3] = {
                {"A", "x", "a\nb"}, {"A", "x", "a\rb"}, {"A", "x", "a\tb"},   {"A", "x", "\x1b"},
                {"A", "x", "\xff"}, {"A", "x", "a\\"},  {"A", "x", "\\\\\\"}, {"A", "x", " a"},
                {"A", "x", "a "},   {"A", "", "a"},     {"A", "x=y", "a"},    {"A", "x\ny", "a"},
                {"A", "#x", "a"},   {"A", ";x", "a"},   {"A", "[x", "a"},     {"A", " x", "a"},
                {"A", "x ", "a"},   {"", "x", "a"},     {"A]\n[B", "x", "a"},
        };
        _cleanup_(ini_writer_freep) IniWriter *w = ini_writer_new();
        _cleanup_free_ char *text = NULL;

        FOREACH_ELEMENT(row, rows)
                CHECK_EQ(ini_writer_add(w, (*row)[0], (*row)[1], (*row)[2]), -EINVAL);
        CHECK_OK(ini_writer_text(w, &text));
        CHECK_STREQ(text, "");
}

/* Whatever byte a value holds: it is refused, or read back as it is. */
TEST(writer_round_trip)
{
        for (unsigned byte = 1; byte < 256; byte++) {
                const char c = (char) byte;
                const char values[][5] = {{c}, {'a', c, 'b'}, {'a', c}, {c, 'a'}, {c, c}, {'\\', c}};

                FOREACH_ELEMENT(value, values) {
                        _cleanup_(ini_writer_freep) IniWriter *w = ini_writer_new();
                        _cleanup_(ini_freep) IniFile *f = NULL;
                        _cleanup_free_ char *text = NULL;
                        int r = ini_writer_add(w, "A", "x", *value);

                        if (r < 0) {
                                CHECK_EQ(r, -EINVAL);
                                continue;
                        }
                        CHECK_OK(ini_writer_text(w, &text));
                        CHECK_OK(ini_parse(&f, "f", text, strlen(text), NULL));
                        CHECK_EQ(f->n_entries, 1);
                        CHECK_STREQ(f->entries[0].value, *value);
                }
        }
}
