/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Orders as bytes. */

#include "launch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_json_ json_t *v = NULL;

        if (json_parse((const char *) data, size, &v, NULL) >= 0)
                check_launch(v);
        return 0;
}
