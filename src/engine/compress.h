/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A stream into a file, compressed on the way, with digest and size of what is written. gzip is made in
 * blocks by several threads, which other readers see nothing of: the blocks are one stream. */

#include "engine/stream.h"

typedef struct Packed {
        char digest[DIGEST_TEXT_SIZE];
        uint64_t size;
} Packed;

/* Reads in to its end; it stays the caller's. */
int compress_stream(Stream *in, Coding coding, int fd, Packed *ret, Error *error);
