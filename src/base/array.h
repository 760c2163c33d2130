/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Arrays that grow by one element at a time and need no third variable: an array that only GROW made larger
 * has room for the next power of two above its length, so it is full exactly when the length is one. */

#include "base/macro.h"

/* Makes room for one more behind n elements. False: out of memory, and the array is as it was. */
#define GROW(array, n) grow_array(&(array), (n), sizeof((array)[0]))

static inline bool grow_array(void *array, size_t n, size_t element)
{
        void **p = array, *larger;

        if ((n & (n - 1)) != 0)
                return true;
        larger = reallocarray(*p, n > 0 ? 2 * n : 1, element);
        if (!larger)
                return false;
        *p = larger;
        return true;
}
