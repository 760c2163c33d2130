/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Between the files of policy. */

#include "spec/policy.h"

/* A name without a registry is of docker.io here, as in all the files that speak of signatures. */
int policy_parse_reference(const char *s, ImageRef *ret);

/* NULL: it is right; otherwise what is wrong, in static storage. */
const char *policy_check_identity(const json_t *v);
