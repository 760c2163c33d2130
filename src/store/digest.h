/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* SHA-256, and its words in images: "sha256:" and 64 hexadecimal digits. */

#include "base/macro.h"

#define DIGEST_SIZE 32
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

/* The bytes themselves; ends it until the next digest_reset(). */
int digest_finish(Digest *d, uint8_t ret[static DIGEST_SIZE]);

/* Of a text. */
int digest_of(const void *data, size_t size, char ret[static DIGEST_TEXT_SIZE]);
