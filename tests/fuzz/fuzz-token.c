/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The answer of a token server: what goes into a header is one word that ends nothing. */

#include "base/str.h"
#include "engine/registry-private.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_free_ char *value = NULL;
        const char *token;

        if (registry_read_token((const char *) data, size, &value) < 0)
                return 0;
        token = startswith(value, "Bearer ");
        MUST(!isempty(token));
        for (; *token; token++)
                MUST(*token > ' ' && *token < 0x7f);
        return 0;
}
