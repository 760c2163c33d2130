/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What an image is made for: operating system, architecture and, where there are several generations of it,
 * variant, in Go's words ("linux/arm64/v8"). One image of an index is chosen by them. */

#include "base/macro.h"

typedef struct Platform {
        char *os;
        char *architecture;
        char *variant; /* NULL: whatever there is */
} Platform;

void platform_done(Platform *p);
#define _cleanup_platform_ _cleanup_(platform_done)

/* This machine's. */
int platform_host(Platform *ret);
/* "[OS/]ARCHITECTURE[/VARIANT]", "linux" when there is no OS; what the kernel or Debian call an architecture
 * is understood ("aarch64", "armhf"). -EINVAL: no platform. */
int platform_parse(const char *s, Platform *ret);
/* NULL: out of memory. */
char *platform_text(const Platform *p);

/* How well something made for this fits: 0 is what was wanted, larger is worse, -ENOENT: not at all. NULL:
 * not said, which fits when nothing better does. */
int platform_rank(const Platform *want, const char *os, const char *architecture, const char *variant);
