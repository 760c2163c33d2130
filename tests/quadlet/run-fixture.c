/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Runs fixtures: each .container file begins with comment lines that say what comes of it. Its drop-ins lie
 * in FILE.d, and apply in the order of their names.
 *
 *   ## unit NAME                   the name of the unit
 *   ## Section.Key=value           the unit has this line
 *   ## no Section.Key              the unit has no such key
 *   ## setting Name JSON           what the container gets, as in its state file
 *   ## no setting Name
 *   ## link NAME TARGET            [Install] makes this link
 *   ## no link
 *   ## warning TEXT                a warning contains the text
 *   ## error TEXT                  the file is refused, with this in the message; stands alone
 *
 * Specifiers are those of the unit: %n %N %p %i, and %h is /root. $ONE is "one", $TWO is "1 2". */

#include <dirent.h>
#include <fcntl.h>
#include <libgen.h>

#include "base/fs.h"
#include "base/str.h"
#include "spec/quadlet-expand.h"
#include "spec/quadlet-unit.h"

static char *environment[] = {(char *) "ONE=one", (char *) "TWO=1 2", NULL};

typedef struct Fixture {
        const char *path;
        Quadlet *quadlet;
        Spec *spec;
        char *text;    /* of the unit */
        IniFile *unit; /* the same, parsed */
        char **links;
        Error error;
        unsigned n_checks, n_failures;
} Fixture;

static void fixture_done(Fixture *f)
{
        quadlet_free(f->quadlet);
        spec_free(f->spec);
        free(f->text);
        ini_free(f->unit);
        strv_free(f->links);
        error_done(&f->error);
}

static int add_file(Fixture *f, const char *path)
{
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        r = fs_read_at(AT_FDCWD, path, INI_SIZE_MAX, &text, &size);
        return r < 0 ? r : quadlet_add(f->quadlet, path, text, size, &f->error);
}

static int is_conf(const struct dirent *entry)
{
        return endswith(entry->d_name, ".conf") != NULL;
}

static int add_dropins(Fixture *f)
{
        _cleanup_free_ char *dir = str_printf("%s.d", f->path);
        struct dirent **names;
        int n = scandir(dir, &names, is_conf, alphasort), r = 0;

        for (int i = 0; i < n; i++) {
                _cleanup_free_ char *path = str_printf("%s/%s", dir, names[i]->d_name);

                if (r >= 0)
                        r = add_file(f, path);
                free(names[i]);
        }
        if (n >= 0)
                free(names);
        return r;
}

static Map *specifiers_of(const char *unit)
{
        _cleanup_free_ char *full = strndup(unit, strlen(unit) - strlen(".service"));
        _cleanup_free_ char *prefix = full ? strndup(full, strcspn(full, "@")) : NULL;
        Map *m = map_new_strings();

        if (!prefix || !m)
                abort();
        if (map_put_string(m, "n", unit) < 0 || map_put_string(m, "N", full) < 0 ||
            map_put_string(m, "p", prefix) < 0 || map_put_string(m, "h", "/root") < 0 ||
            map_put_string(m, "i", strchr(full, '@') ? strchr(full, '@') + 1 : "") < 0)
                abort();
        return m;
}

/* From the file to everything that is asserted. */
static int prepare(Fixture *f)
{
        _cleanup_(map_freep) Map *specifiers = NULL;
        int r;

        r = quadlet_new(f->path, &f->quadlet, &f->error);
        if (r >= 0)
                r = add_file(f, f->path);
        if (r >= 0)
                r = add_dropins(f);
        if (r >= 0)
                r = quadlet_finish(f->quadlet, &f->error);
        if (r >= 0)
                r = quadlet_unit_text(f->quadlet, &f->text, &f->error);
        if (r >= 0)
                r = ini_parse(&f->unit, f->quadlet->unit, f->text, strlen(f->text), NULL);
        if (r >= 0)
                r = quadlet_links(f->quadlet, &f->links);
        if (r < 0)
                return r;
        specifiers = specifiers_of(f->quadlet->unit);
        return quadlet_expand(f->quadlet, specifiers, environment, &f->spec, &f->error);
}

static const char *unit_value(const Fixture *f, const char *section, const char *key, const char *wanted)
{
        for (size_t i = 0; i < f->unit->n_entries; i++) {
                const IniEntry *e = &f->unit->entries[i];

                if (streq(e->section, section) && streq(e->key, key) && (!wanted || streq(e->value, wanted)))
                        return e->value;
        }
        return NULL;
}

/* "Section.Key" or "Section.Key=value". */
static bool unit_has(const Fixture *f, const char *text)
{
        _cleanup_free_ char *copy = strdup(text);
        char *dot = strchr(copy, '.'), *equals = dot ? strchr(dot, '=') : NULL;

        if (!dot)
                return false;
        *dot = '\0';
        if (equals)
                *equals = '\0';
        return unit_value(f, copy, dot + 1, equals ? equals + 1 : NULL) != NULL;
}

static bool has_setting(const Fixture *f, const char *name)
{
        const Setting *row = setting_by_name(SPEC_CONTAINER, name);

        return row && spec_has(f->spec, setting_id(row));
}

/* "Name JSON". */
static bool setting_is(const Fixture *f, const char *text)
{
        _cleanup_free_ char *name = strndup(text, strcspn(text, " "));
        _cleanup_json_ json_t *actual = NULL, *wanted = NULL;
        const Setting *row = setting_by_name(SPEC_CONTAINER, name);
        const char *json = text + strlen(name);

        if (!row || !has_setting(f, name))
                return false;
        wanted = json_loads(json, JSON_DECODE_ANY, NULL);
        actual = setting_json(f->spec, row);
        if (wanted && json_equal(wanted, actual))
                return true;
        (void) fprintf(stderr, "%s: %s is ", f->path, name);
        (void) json_dumpf(actual, stderr, JSON_ENCODE_ANY | JSON_COMPACT);
        (void) fputc('\n', stderr);
        return false;
}

static bool has_link(const Fixture *f, const char *text)
{
        for (char **l = f->links; l && *l; l += 2) {
                _cleanup_free_ char *both = str_printf("%s %s", l[0], l[1]);

                if (streq(both, text))
                        return true;
        }
        return false;
}

static bool has_warning(const Fixture *f, const char *text)
{
        STRV_FOREACH(w, f->quadlet->warnings)
                if (strstr(*w, text))
                        return true;
        return false;
}

static bool check(const Fixture *f, const char *line)
{
        const char *rest;

        if ((rest = startswith(line, "unit ")))
                return streq(f->quadlet->unit, rest);
        if ((rest = startswith(line, "no setting ")))
                return !has_setting(f, rest);
        if ((rest = startswith(line, "setting ")))
                return setting_is(f, rest);
        if (streq(line, "no link"))
                return !f->links;
        if ((rest = startswith(line, "link ")))
                return has_link(f, rest);
        if ((rest = startswith(line, "warning ")))
                return has_warning(f, rest);
        if ((rest = startswith(line, "no ")))
                return !unit_has(f, rest);
        return unit_has(f, line);
}

static void run_check(Fixture *f, const char *line, int r)
{
        const char *error = startswith(line, "error ");
        bool ok;

        f->n_checks++;
        if (error)
                ok = r < 0 && f->error.message && strstr(f->error.message, error);
        else
                ok = r >= 0 && check(f, line);
        if (ok)
                return;
        f->n_failures++;
        (void) fprintf(stderr, "%s: not so: %s\n", f->path, line);
        if (f->error.message)
                (void) fprintf(stderr, "%s: error: %s\n", f->path, f->error.message);
}

static bool run_fixture(const char *path)
{
        _cleanup_(fixture_done) Fixture f = {.path = path};
        _cleanup_strv_ char **lines = NULL;
        _cleanup_free_ char *text = NULL;
        int r = prepare(&f);

        if (fs_read_at(AT_FDCWD, path, INI_SIZE_MAX, &text, NULL) < 0 || strv_split(text, "\n", &lines) < 0)
                return false;
        STRV_FOREACH(l, lines) {
                if (!startswith(*l, "## "))
                        break;
                run_check(&f, *l + strlen("## "), r);
        }
        if (f.n_checks == 0)
                (void) fprintf(stderr, "%s: asserts nothing\n", path);
        if (f.n_failures > 0 && f.text)
                (void) fprintf(stderr, "%s\n", f.text);
        (void) printf("%s: %s\n", f.n_failures == 0 && f.n_checks > 0 ? "ok" : "not ok", path);
        return f.n_failures == 0 && f.n_checks > 0;
}

int main(int argc, char **argv)
{
        bool ok = argc > 1;

        for (int i = 1; i < argc; i++)
                ok = run_fixture(argv[i]) && ok;
        return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
