/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* System call filters as code for the kernel's packet filter machine. libseccomp has a generator, too, but it
 * opens socketcall() to every family on 32-bit architectures as soon as a profile allows one family of
 * socket(), and its code has an instruction for each call; ours has a pair for each run of calls with the
 * same answer, and is loaded in half the time. */

#include <linux/filter.h>

#include "base/macro.h"

#define COMPARISONS_MAX 6U

typedef enum Compare {
        COMPARE_NE,
        COMPARE_LT,
        COMPARE_LE,
        COMPARE_EQ,
        COMPARE_GE,
        COMPARE_GT,
        COMPARE_MASKED_EQ, /* argument & mask == value */
        _COMPARE_MAX,
        _COMPARE_INVALID = -EINVAL,
} Compare;

typedef struct Comparison {
        unsigned argument;
        Compare compare;
        uint64_t value, mask;
} Comparison;

typedef struct CallRule {
        uint32_t number;
        uint32_t answer; /* SECCOMP_RET_* with data */
        size_t order; /* among rules for one call the first that fits answers; those without comparisons come
                         last */
        Comparison comparisons[COMPARISONS_MAX];
        unsigned n_comparisons;
} CallRule;

typedef struct CallTable {
        uint32_t architecture; /* AUDIT_ARCH_* */
        CallRule *rules;
        size_t n_rules;
} CallTable;

/* Sorts the rules of the tables. Calls without a rule, and other architectures, get the answer otherwise.
 * -E2BIG: more than the kernel's BPF_MAXINSNS. */
int bpf_generate(CallTable *tables, size_t n, uint32_t otherwise, struct sock_filter **ret, size_t *ret_n);
