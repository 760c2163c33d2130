/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is read is an object of UTF-8 text; what is not has an error with a line. */

#include "base/str.h"
#include "base/toml.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_json_ json_t *v = NULL;
        _cleanup_free_ char *error = NULL, *text = NULL;
        int r;

        r = toml_parse((const char *) data, size, &v, &error);
        MUST(r == 0 || r == -EBADMSG || r == -EFBIG);
        MUST((r == 0) == !!v);
        MUST((r == -EBADMSG) == !!error);
        if (r < 0) {
                MUST(!error || (startswith(error, "line ") && !str_has_control(error)));
                return 0;
        }
        MUST(json_is_object(v));
        text = json_text(v);
        MUST(text && str_is_utf8(text, strlen(text)));
        return 0;
}
