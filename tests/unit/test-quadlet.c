/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What people write into a value is what the container gets, whatever bytes it holds, and no value makes a
 * directive of its own. Fixtures for the keys are in tests/quadlet. */

#include "base/parse.h"
#include "base/str.h"
#include "spec/quadlet-expand.h"
#include "spec/quadlet-unit.h"
#include "test.h"

static Quadlet *read_text(const char *text, Error *error)
{
        Quadlet *q;

        CHECK_OK(quadlet_new("/etc/containers/systemd/web.container", &q, error));
        if (quadlet_add(q, "web.container", text, strlen(text), error) < 0 || quadlet_finish(q, error) < 0)
                q = quadlet_free(q);
        return q;
}

/* In a value "%" and "$" are special, so somebody who means them doubles them. */
static char *double_signs(const char *s)
{
        char *doubled = malloc(2 * strlen(s) + 1), *p = doubled;

        CHECK(doubled);
        for (; *s; s++) {
                if (*s == '%' || *s == '$')
                        *p++ = *s;
                *p++ = *s;
        }
        *p = '\0';
        return doubled;
}

static size_t count_lines(const char *text)
{
        _cleanup_(ini_freep) IniFile *f = NULL;

        CHECK_OK(ini_parse(&f, "web.service", text, strlen(text), NULL));
        return f->n_entries;
}

/* The value as a word of Environment= and of Exec=, read back from the spec; the unit has the lines it always
 * has. */
static void check_value(const char *value)
{
        _cleanup_free_ char *doubled = double_signs(value), *variable = NULL, *pair = NULL, *words = NULL,
                            *text = NULL, *unit = NULL;
        _cleanup_(quadlet_freep) Quadlet *q = NULL;
        _cleanup_(spec_freep) Spec *s = NULL;
        _cleanup_error_ Error error = ERROR_INIT;
        static size_t usual;

        variable = str_printf("A=%s", doubled);
        CHECK(variable);
        pair = words_join((char *[]){variable, NULL});
        words = words_join((char *[]){variable, doubled, NULL});
        text = str_printf("[Container]\nImage=x\nContainerName=web\nEnvironment=%s\nExec=%s\n", pair, words);
        CHECK(pair && words && text);
        q = read_text(text, &error);
        if (!q || quadlet_expand(q, NULL, NULL, &s, &error) < 0) {
                CHECK(!str_is_utf8(value, strlen(value)));
                return;
        }
        CHECK_STREQ(map_get(s->environment, "A"), value);
        CHECK_STREQ(s->command[1], value);
        CHECK_OK(quadlet_unit_text(q, &unit, &error));
        usual = usual ?: count_lines(unit);
        CHECK_EQ(count_lines(unit), usual);
}

TEST(every_byte)
{
        for (unsigned c = 1; c < 256; c++) {
                const char alone[] = {(char) c, '\0'}, inside[] = {'x', (char) c, 'y', '\0'},
                           twice[] = {(char) c, (char) c, 'z', (char) c, '\0'};

                check_value(alone);
                check_value(inside);
                check_value(twice);
        }
}

TEST(random_strings)
{
        static const char bytes[] = "\n\r\t \\\"'=[]%$;#{}ni0aZ-@\x01\x7f\xc3\xa4";
        unsigned state = 1;

        for (unsigned i = 0; i < 5000; i++) {
                char s[24];
                size_t n;

                state = state * 1103515245 + 12345;
                n = (state >> 16) % (sizeof(s) - 1);
                for (size_t k = 0; k < n; k++) {
                        state = state * 1103515245 + 12345;
                        s[k] = bytes[(state >> 16) % (sizeof(bytes) - 1)];
                }
                s[n] = '\0';
                check_value(s);
        }
}

static void check_expand(const char *text, const char *wanted)
{
        static char *environment[] = {(char *) "ONE=one", (char *) "EMPTY=", (char *) "ONES=wrong", NULL};
        _cleanup_(map_freep) Map *specifiers = map_new_strings();
        _cleanup_free_ char *s = NULL;

        CHECK(specifiers);
        CHECK_OK(map_put_string(specifiers, "i", "blue"));
        CHECK_OK(map_put_string(specifiers, "n", "${ONE}"));
        CHECK_OK(quadlet_expand_text(text, specifiers, environment, &s));
        CHECK_STREQ(s, wanted);
}

TEST(expand)
{
        check_expand("", "");
        check_expand("%i", "blue");
        check_expand("x%iy%%i", "xbluey%i");
        check_expand("%", "%");
        check_expand("100%", "100%");
        check_expand("%q%-", "%q%-");
        check_expand("${ONE}${EMPTY}${NONE}!", "one!");
        check_expand("$ONE", "one");
        check_expand("$NONE", "");
        check_expand("a$ONE", "a$ONE");
        check_expand("$ONE.", "$ONE.");
        check_expand("$$ONE $${ONE}", "$ONE ${ONE}");
        check_expand("$", "$");
        check_expand("${", "${");
        check_expand("${}", "${}");
        check_expand("${ON E}", "${ON E}");
        check_expand("%n", "one");
        check_expand("%%n", "%n");
}

TEST(specifiers)
{
        _cleanup_(quadlet_freep) Quadlet *q =
                read_text("[Container]\nImage=x:%i\nExec=%n %% %i %q 5%\nContainerName=web\n", NULL);
        char letters[QUADLET_SPECIFIERS_MAX];

        CHECK(q);
        quadlet_specifiers(q, letters);
        CHECK_STREQ(letters, "inq");
}

static void check_unit_name(const char *file, const char *wanted)
{
        _cleanup_free_ char *unit = NULL;

        CHECK_EQ(quadlet_unit_name(file, &unit), wanted ? 0 : -EINVAL);
        CHECK_STREQ(unit, wanted);
}

TEST(unit_names)
{
        char *longest = strdup("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                               "aaaaaaaaaaaaaaaaaaa"
                               "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.container");

        check_unit_name("web.container", "web.service");
        check_unit_name("web@.container", "web@.service");
        check_unit_name("web@a:b-1.container", "web@a:b-1.service");
        check_unit_name("web.service.container", "web.service.service");
        check_unit_name("web", NULL);
        check_unit_name(".container", NULL);
        check_unit_name("@.container", NULL);
        check_unit_name("web@@.container", NULL);
        check_unit_name("web@a/b.container", NULL);
        check_unit_name("../web.container", NULL);
        check_unit_name("-web.container", NULL);
        check_unit_name("a b.container", NULL);
        check_unit_name("a\nb.container", NULL);
        check_unit_name(longest, NULL);
        free(longest);
}

/* No table of Podman's keys may hide a row that has come since. */
TEST(foreign_keys_have_no_row)
{
        SETTING_FOREACH(row, SPEC_CONTAINER)
        {
                _cleanup_free_ char *text = NULL;
                _cleanup_(quadlet_freep) Quadlet *q = NULL;
                _cleanup_error_ Error error = ERROR_INIT;

                if (row->flags & SETTING_NO_QUADLET)
                        continue;
                text = str_printf("[Container]\nImage=x\nUser=app\n%s=%s\n", row->quadlet ?: row->name,
                                  row->example);
                CHECK(text);
                q = read_text(text, &error);
                if (!q)
                        (void) printf("%s: %s\n", text, strempty(error.message));
                CHECK(q);
                CHECK(!q->warnings);
        }
}

TEST(broken_unit_names_its_file)
{
        _cleanup_free_ char *text = NULL;

        CHECK_OK(quadlet_broken_text("/etc/100% \"$web\".container", &text));
        CHECK(strstr(text, "SourcePath=/etc/100%% \"$web\".container\n"));
        CHECK(strstr(text, " --explain \"/etc/100%% \\\"$$web\\\".container\"\n"));
}
