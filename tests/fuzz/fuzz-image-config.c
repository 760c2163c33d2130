/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* An image configuration that is accepted has nothing in it that must not reach a unit or a terminal, and
 * becomes a record that reads back as the same. */

#include "base/str.h"
#include "fuzz.h"
#include "spec/image-config.h"
#include "spec/image-ref.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static bool is_line(const char *s)
{
        return !s || !str_has_control(s);
}

static void check_values(const ImageConfig *c)
{
        MUST(streq(c->os, "linux"));
        MUST(is_line(c->architecture) && is_line(c->variant) && is_line(c->author) && is_line(c->created));
        MUST(is_line(c->user) && is_line(c->working_dir) && is_line(c->stop_signal));
        MUST(!c->working_dir || *c->working_dir == '/');
        STRV_FOREACH(e, c->env)
                MUST(strchr(*e, '=') > *e);
        STRV_FOREACH(v, c->volumes)
                MUST(**v == '/' && is_line(*v) && !strstr(*v, "/../"));
        STRV_FOREACH(p, c->exposed_ports)
                MUST(is_line(*p) && **p >= '1' && **p <= '9');
        STRV_FOREACH(d, c->diff_ids)
                MUST(digest_is_valid(*d));
        MUST(strv_length(c->diff_ids) <= IMAGE_LAYERS_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_(image_config_freep) ImageConfig *c = NULL, *back = NULL;
        _cleanup_json_ json_t *v = NULL, *record = NULL, *again = NULL;
        _cleanup_error_ Error error = ERROR_INIT;

        if (json_parse((const char *) data, size, &v, NULL) < 0)
                return 0;
        if (image_config_from_oci(v, &c, &error) < 0) {
                MUST(!c);
                MUST(error.kind != ERROR_NONE);
                return 0;
        }
        check_values(c);
        c->id = strdup(ID);
        record = image_config_to_json(c);
        MUST(record);
        MUST(image_config_from_json(record, &back, NULL) == 0);
        again = image_config_to_json(back);
        MUST(json_equal(record, again));
        return 0;
}
