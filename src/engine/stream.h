/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A stream of bytes that somebody else owns the source of: a member of an archive, the same decompressed, the
 * same hashed on the way. Streams are stacked; each closes the one below it. */

#include "store/digest.h"
#include "spec/manifest.h"

#define STREAM_CHUNK (256U * 1024)

typedef struct Stream Stream;
struct Stream {
        /* Hands out some bytes, valid until the next call; 0 at the end, which stays the end. */
        ssize_t (*read)(Stream *s, const void **ret, Error *error);
        void (*close)(Stream *s);
};

static inline ssize_t stream_read(Stream *s, const void **ret, Error *error)
{
        return s->read(s, ret, error);
}

static inline Stream *stream_close(Stream *s)
{
        if (s)
                s->close(s);
        return NULL;
}
DEFINE_CLEANUP(Stream *, stream_close)

/* What the first bytes of a file say; CODING_NONE when they say nothing that an image may be packed with. */
Coding coding_from_magic(const void *data, size_t size);
/* The same for any archive. */
Coding coding_from_any_magic(const void *data, size_t size);
const char *coding_to_string(Coding c);

/* size bytes of a file from offset on; the descriptor stays the caller's. Bytes that are missing are an
 * error. */
int stream_open_file(int fd, uint64_t offset, uint64_t size, Stream **ret, Error *error);

/* in decompressed, by this coding alone: what comes out is not looked at. Takes in, also on failure. */
int stream_open_decoder(Stream *in, Coding coding, Stream **ret, Error *error);

/* in as it is, with its SHA-256 and length taken on the way. Takes in. */
int stream_open_hash(Stream *in, Stream **ret);
uint64_t stream_hash_size(const Stream *s);
/* "sha256:...": of what was read so far; ends the hashing. */
int stream_hash_digest(Stream *s, char ret[static DIGEST_TEXT_SIZE]);
