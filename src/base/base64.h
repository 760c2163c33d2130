/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Base64 (RFC 4648, with padding), for what documents and protocols carry in it. */

#include "base/macro.h"

/* NULL: out of memory. */
char *base64_encode(const void *data, size_t size);
/* Blanks and ends of lines are skipped, everything else must be right. The data has a NUL behind it. -EINVAL:
 * not Base64. */
int base64_decode(const char *text, void **ret, size_t *ret_size);
