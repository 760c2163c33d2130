/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A seccomp profile as a filter program. Profiles are JSON, in the form of the OCI specification
 * (linux.seccomp) or of containers-common, which adds conditions on capabilities, architecture and kernel.
 * libseccomp stays here. */

#include <linux/filter.h>

#include "exec/seccomp-notify.h"

typedef struct Filter {
        struct sock_filter *code;
        size_t n_code;        /* 0: no filter */
        unsigned flags;       /* SECCOMP_FILTER_FLAG_* */
        FilterNotify *notify; /* where the profile asks somebody; NULL: it does not */
} Filter;

void filter_done(Filter *f);
#define _cleanup_filter_ _cleanup_(filter_done)

typedef struct FilterContext {
        uint64_t capabilities; /* of the payload, for "includes" and "excludes" */
        unsigned kernel_major, kernel_minor;
} FilterContext;

/* Names of system calls that this libseccomp does not know are left out: they get the default action. */
int filter_compile(const json_t *profile, const FilterContext *c, Filter *ret, Error *error);

/* For who wants to know them: the first name that no architecture has is ERROR_INVALID_ARGUMENT. */
int filter_check_names(const json_t *profile, Error *error);

/* What a compiled filter depends on besides the profile and the context. */
typedef struct FilterBuilder {
        uint32_t major, minor, micro; /* of libseccomp */
        uint32_t architecture;
} FilterBuilder;
void filter_builder(FilterBuilder *ret);

/* The child: from here on the filter decides. Needs no_new_privs or CAP_SYS_ADMIN. */
int filter_apply(const Filter *f);

/* Words for `features`; NULL after the last. */
const char *filter_action_name(size_t i);
const char *filter_operator_name(size_t i);
