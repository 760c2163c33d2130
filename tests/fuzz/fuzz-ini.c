/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* No entry holds what ends a line for systemd; and what the writer takes is read back as it was. */

#include "base/ini.h"
#include "base/str.h"
#include "fuzz.h"

static void check_text(const char *s, size_t max)
{
        size_t n = strlen(s);

        MUST(n <= max);
        MUST(!strpbrk(s, "\r\n"));
        MUST(str_is_utf8(s, n));
        MUST(n == 0 || (!strchr(" \t", s[0]) && !strchr(" \t", s[n - 1])));
}

static void check_entry(const IniEntry *e)
{
        check_text(e->key, INI_NAME_MAX);
        check_text(e->value, INI_LINE_MAX);
        MUST(*e->key && *e->section && !strpbrk(e->section, "\r\n[]"));
        MUST(streq(e->file, "seed"));
        MUST(e->line > 0);
}

/* Writes each entry that can be written; the sections come out in order of first use. */
static void check_writer(const IniFile *f)
{
        _cleanup_(ini_writer_freep) IniWriter *w = ini_writer_new();
        _cleanup_(ini_freep) IniFile *back = NULL;
        _cleanup_free_ char *text = NULL, *again = NULL;
        _cleanup_(ini_writer_freep) IniWriter *w2 = ini_writer_new();
        size_t written = 0;

        MUST(w && w2);
        for (size_t i = 0; i < f->n_entries; i++) {
                const IniEntry *e = &f->entries[i];
                int r = ini_writer_add(w, e->section, e->key, e->value);

                MUST(r == 0 || r == -EINVAL);
                MUST(r == 0 || str_has_control(e->value) || strchr(e->value, '\\'));
                written += r == 0;
        }
        MUST(ini_writer_text(w, &text) == 0);
        MUST(ini_parse(&back, "seed", text, strlen(text), NULL) == 0);
        MUST(back->n_entries == written);
        for (size_t i = 0; i < back->n_entries; i++)
                MUST(ini_writer_add(w2, back->entries[i].section, back->entries[i].key,
                                    back->entries[i].value) == 0);
        MUST(ini_writer_text(w2, &again) == 0);
        MUST(streq(text, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_(ini_freep) IniFile *f = NULL;
        _cleanup_free_ char *error = NULL;
        int r;

        r = ini_parse(&f, "seed", (const char *) data, size, &error);
        MUST(r == 0 || r == -EBADMSG);
        MUST((r == 0) == !error && (r == 0) == !!f);
        if (r < 0) {
                MUST(startswith(error, "seed:"));
                return 0;
        }
        for (size_t i = 0; i < f->n_entries; i++)
                check_entry(&f->entries[i]);
        check_writer(f);
        return 0;
}
