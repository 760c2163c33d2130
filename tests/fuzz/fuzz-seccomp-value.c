/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Profiles as documents: each value of theirs is replaced. What is accepted makes a filter that ends, and one
 * that asks somebody says so. */

#include <linux/filter.h>
#include <linux/seccomp.h>

#include "exec/seccomp.h"
#include "value.h"

static void check_profile(const json_t *v)
{
        FilterContext context = {.kernel_major = 6, .kernel_minor = 1};
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_filter_ Filter f = {};
        bool asks = false;

        if (filter_compile(v, &context, &f, &error) < 0) {
                MUST(f.n_code == 0 && error.kind != ERROR_NONE && error.message);
                return;
        }
        MUST(f.n_code > 0 && BPF_CLASS(f.code[f.n_code - 1].code) == BPF_RET);
        for (size_t i = 0; i < f.n_code; i++)
                asks = asks ||
                       (BPF_CLASS(f.code[i].code) == BPF_RET && f.code[i].k == SECCOMP_RET_USER_NOTIF);
        MUST(!asks || (f.flags & SECCOMP_FILTER_FLAG_NEW_LISTENER));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_json_ json_t *v = NULL;

        if (json_parse((const char *) data, size, &v, NULL) < 0)
                return 0;
        check_profile(v);
        (void) value_sweep(v, v, check_profile);
        return 0;
}
