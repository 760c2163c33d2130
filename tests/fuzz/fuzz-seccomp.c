/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A profile that is accepted makes a filter that the kernel would take: jumps stay inside, loads are of its
 * data, every way ends in a return. */

#include <linux/seccomp.h>

#include "exec/seccomp.h"
#include "fuzz.h"

static void check_jump(const Filter *f, size_t at, uint32_t distance)
{
        MUST(distance < f->n_code && at + 1 + distance < f->n_code);
}

static void check_code(const Filter *f)
{
        MUST(f->n_code > 0 && f->n_code <= BPF_MAXINSNS);
        for (size_t i = 0; i < f->n_code; i++) {
                const struct sock_filter *c = &f->code[i];

                switch (BPF_CLASS(c->code)) {
                case BPF_LD:
                        MUST(c->k % 4 == 0 && c->k < sizeof(struct seccomp_data));
                        break;
                case BPF_JMP:
                        if (BPF_OP(c->code) == BPF_JA) {
                                check_jump(f, i, c->k);
                                break;
                        }
                        check_jump(f, i, c->jt);
                        check_jump(f, i, c->jf);
                        break;
                case BPF_ALU:
                        break;
                default:
                        MUST(c->code == (BPF_RET | BPF_K));
                }
        }
        MUST(BPF_CLASS(f->code[f->n_code - 1].code) == BPF_RET);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        FilterContext context = {.capabilities = 0x800405fb, .kernel_major = 6, .kernel_minor = 1};
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_json_ json_t *v = NULL;
        _cleanup_filter_ Filter f = {};

        if (json_parse((const char *) data, size, &v, NULL) < 0)
                return 0;
        if (filter_compile(v, &context, &f, &error) < 0) {
                MUST(!f.code && error.kind != ERROR_NONE && !isempty(error.message));
                return 0;
        }
        check_code(&f);
        return 0;
}
