/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A fuzz target is one function that is given strangers' bytes, and must neither crash nor break a property.
 */

#include "base/macro.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(expression)                                                                                     \
        do {                                                                                                 \
                if (!(expression)) {                                                                         \
                        (void) fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__,              \
                                       #expression);                                                         \
                        abort();                                                                             \
                }                                                                                            \
        } while (0)
