/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The first byte picks a row of the table, the rest is its value, as text and as JSON: what is taken prints and reads
 * back as the same value, in both forms, and describes a unit whose text has no other lines. */

#include "base/ini.h"
#include "base/str.h"
#include "fuzz.h"
#include "spec/setting.h"
#include "spec/unit-file.h"

/* JSON of the spec gives an equal spec. */
static void check_json(const Spec *s)
{
        _cleanup_(spec_freep) Spec *back = spec_new(s->kind);
        _cleanup_json_ json_t *json = spec_to_json(s);

        MUST(back && json);
        MUST(spec_from_json(back, json, NULL, NULL) == 0);
        MUST(spec_equal(s, back));
}

/* Lists print as words, which is for people; of everything else the text gives the same value. */
static void check_text(const Spec *s, const Setting *row)
{
        _cleanup_(spec_freep) Spec *back = spec_new(s->kind);
        _cleanup_free_ char *text = setting_text(s, row);

        if (!spec_has(s, setting_id(row)) || row->flags & SETTING_LIST)
                return;
        MUST(back && text);
        MUST(setting_assign(back, row, text, NULL) == 0);
        MUST(spec_equal(s, back));
}

static void check_unit(const Spec *s)
{
        UnitContext context = {.name = "web", .image_name = "web"};
        _cleanup_(unit_file_freep) UnitFile *u = NULL;
        _cleanup_(ini_freep) IniFile *ini = NULL;
        _cleanup_free_ char *text = NULL;
        size_t devices = 0;

        MUST(unit_file_new(s, &context, &u, NULL) == 0);
        if (unit_file_text(u, &text) < 0)
                return;
        MUST(ini_parse(&ini, "seed", text, strlen(text), NULL) == 0);
        devices = strv_length(unit_file_find(u, "DeviceAllow")->list) / 2;
        MUST(ini->n_entries == u->n_rows - 1 + devices);
}

static void check_spec(const Spec *s, const Setting *row)
{
        check_json(s);
        check_text(s, row);
        if (s->kind == SPEC_CONTAINER)
                check_unit(s);
        (void) spec_verify(s, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_free_ char *text = NULL;
        _cleanup_json_ json_t *json = NULL;
        const Setting *row;

        if (size < 1)
                return 0;
        row = setting_get(data[0] % _SETTING_MAX);
        text = strndup((const char *) data + 1, size - 1);
        MUST(text);

        for (SpecKind kind = SPEC_CONTAINER; kind <= SPEC_EXEC; kind <<= 1) {
                _cleanup_(spec_freep) Spec *a = spec_new(kind), *b = spec_new(kind);

                MUST(a && b);
                if (!(row->kinds & kind))
                        continue;
                if (setting_assign(a, row, text, NULL) == 0)
                        check_spec(a, row);
                if (json_parse(text, strlen(text), &json, NULL) == 0 && setting_assign_json(b, row, json, NULL) == 0)
                        check_spec(b, row);
                json_decref(TAKE_PTR(json));
        }
        return 0;
}
