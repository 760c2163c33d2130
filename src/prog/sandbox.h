/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a worker takes from itself before it reads the first byte of a stranger's: the unit's sandbox is the
 * stronger one, but this holds wherever the worker runs. */

#include "base/macro.h"

/* No new privileges, no core dumps, no more than an hour of the processor, and none of the system calls that
 * no worker needs. */
int sandbox_begin(void);
int sandbox_limit(int resource, uint64_t value);
/* Refuses system calls, by number, with EPERM, here and in every thread that follows; those of other
 * architectures kill. At most 200. Does nothing where the architecture is one that we do not know. */
int sandbox_refuse(const uint32_t *calls, size_t n);
/* Whether a sanitizer is at work, which reserves terabytes, and looks for leaks with ptrace(). */
bool sandbox_is_sanitized(void);
