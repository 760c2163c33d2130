/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Orders as documents: the seeds have every member that there is. */

#include "launch.h"
#include "value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_json_ json_t *v = NULL, *before = NULL;

        if (json_parse((const char *) data, size, &v, NULL) < 0)
                return 0;
        before = json_deep_copy(v);
        check_launch(v);
        MUST(json_is_object(v) == (value_sweep(v, v, check_launch) > 0) || json_object_size(v) == 0);
        MUST(json_equal(v, before));
        return 0;
}
