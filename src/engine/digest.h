/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* SHA-256 in the words of images: "sha256:" and 64 hexadecimal digits. */

#include "base/macro.h"

#define DIGEST_TEXT_SIZE (7 + 64 + 1)

/* Of bytes that come one after the other. */
typedef struct Digest Digest;
Digest *digest_new(void);
Digest *digest_free(Digest *d);
DEFINE_CLEANUP(Digest *, digest_free)
/* Nothing taken yet. */
int digest_reset(Digest *d);
int digest_update(Digest *d, const void *data, size_t size);
/* Of what was taken so far; more may follow. */
int digest_text(const Digest *d, char ret[static DIGEST_TEXT_SIZE]);

/* Of a text. */
int digest_of(const void *data, size_t size, char ret[static DIGEST_TEXT_SIZE]);
