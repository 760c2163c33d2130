/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A document that is accepted is written in both ways and read again, and is the same then. */

#include "base/json.h"
#include "fuzz.h"

static void check_reads_back(const json_t *v, const char *text)
{
        _cleanup_json_ json_t *back = NULL;

        MUST(text);
        /* Writing may make a document larger than the limit of reading, not deeper. */
        if (strlen(text) > JSON_SIZE_MAX)
                return;
        MUST(json_parse(text, strlen(text), &back, NULL) == 0);
        MUST(json_equal(v, back));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_json_ json_t *v = NULL;
        _cleanup_free_ char *error = NULL, *compact = NULL, *pretty = NULL;
        int r;

        r = json_parse((const char *) data, size, &v, &error);
        if (r < 0) {
                MUST(!v);
                MUST(r != -EBADMSG || error);
                return 0;
        }
        MUST(!error);
        MUST(json_is_object(v) || json_is_array(v));
        compact = json_text(v);
        check_reads_back(v, compact);
        pretty = json_text_pretty(v);
        check_reads_back(v, pretty);
        return 0;
}
