/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any bytes as a .container file. What is taken gives a unit that reads back, whose ExecStart= and last
 * ExecStartPre= are ours, and expands without harm, also with values that look like specifiers, variables and
 * quotes. */

#include "base/str.h"
#include "fuzz.h"
#include "spec/quadlet-expand.h"
#include "spec/quadlet-unit.h"

static void check_ours(const IniFile *unit)
{
        const char *start = NULL, *create = NULL;
        size_t n_start = 0;

        for (size_t i = 0; i < unit->n_entries; i++) {
                const IniEntry *e = &unit->entries[i];

                if (!streq(e->section, "Service"))
                        continue;
                if (streq(e->key, "ExecStart")) {
                        n_start++;
                        start = e->value;
                }
                if (streq(e->key, "ExecStartPre"))
                        create = e->value;
        }
        MUST(n_start == 1 && startswith(start, BERTH_LIBEXEC_DIR "/berth-exec unit-start "));
        MUST(create && startswith(create, BERTH_BIN_DIR "/berthctl quadlet create --unit=%n "));
}

static void check_unit(const Quadlet *q)
{
        _cleanup_(ini_freep) IniFile *unit = NULL;
        _cleanup_strv_ char **links = NULL;
        _cleanup_free_ char *text = NULL;

        if (quadlet_unit_text(q, &text, NULL) < 0)
                return;
        MUST(ini_parse(&unit, "web.service", text, strlen(text), NULL) == 0);
        check_ours(unit);
        MUST(quadlet_links(q, &links) == 0);
        STRV_FOREACH(l, links)
                MUST(**l != '/' && !startswith(*l, "../../") && !strstr(*l, "/../"));
}

static void check_expand(const Quadlet *q)
{
        static char *environment[] = {(char *) "A=\"x", (char *) "B=%i ${A}", NULL};
        char letters[QUADLET_SPECIFIERS_MAX];
        _cleanup_(map_freep) Map *specifiers = map_new_strings();
        Spec *s;

        MUST(specifiers);
        quadlet_specifiers(q, letters);
        for (const char *p = letters; *p; p++) {
                const char key[] = {*p, '\0'};

                MUST(map_put_string(specifiers, key, "$A%%\"") == 0);
        }
        if (quadlet_expand(q, specifiers, environment, &s, NULL) == 0)
                spec_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_(quadlet_freep) Quadlet *q = NULL;
        _cleanup_error_ Error error = ERROR_INIT;

        MUST(quadlet_new("/etc/containers/systemd/web@.container", &q, NULL) == 0);
        if (quadlet_add(q, "web@.container", (const char *) data, size, &error) < 0 ||
            quadlet_finish(q, &error) < 0) {
                MUST(error.message);
                return 0;
        }
        check_unit(q);
        check_expand(q);
        return 0;
}
