/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Streams packed and unpacked again, of sizes around those of the blocks. */

#include <sys/mman.h>

#include "base/fs.h"
#include "engine/compress.h"
#include "test.h"

#define BLOCK (256U * 1024)

typedef struct MemoryStream {
        Stream stream;
        const char *data;
        size_t left;
        size_t piece;
        bool fails; /* at the end */
} MemoryStream;

static ssize_t memory_read(Stream *s, const void **ret, Error *error)
{
        MemoryStream *m = (MemoryStream *) s;
        size_t n = MIN(m->left, m->piece);

        if (n == 0 && m->fails)
                return error_set(error, ERROR_BAD_ARCHIVE, "the stream fails");
        *ret = m->data;
        m->data += n;
        m->left -= n;
        return (ssize_t) n;
}

static void fill(char *data, size_t size, bool noise)
{
        uint32_t x = 1;

        for (size_t i = 0; i < size; i++) {
                x = x * 1664525 + 1013904223;
                data[i] = noise ? (char) (x >> 24) : "the same again "[i % 15];
        }
}

static void check(const char *data, size_t size, size_t piece, Coding coding)
{
        MemoryStream in = {{memory_read, NULL}, data, size, piece, false};
        _cleanup_close_ int fd = memfd_create("packed", MFD_CLOEXEC);
        _cleanup_(stream_closep) Stream *out = NULL;
        Stream *file, *hash;
        char digest[DIGEST_TEXT_SIZE];
        const void *read;
        size_t done = 0;
        Packed packed;
        ssize_t n;

        CHECK_OK(compress_stream(&in.stream, coding, fd, &packed, NULL));
        CHECK_EQ(lseek(fd, 0, SEEK_END), packed.size);
        CHECK_OK(stream_open_file(fd, 0, packed.size, &file, NULL));
        CHECK_OK(stream_open_hash(file, &hash));
        CHECK_OK(stream_open_decoder(hash, coding, &out, NULL));
        while ((n = stream_read(out, &read, NULL)) > 0) {
                CHECK(done + (size_t) n <= size);
                CHECK(memcmp(data + done, read, (size_t) n) == 0);
                done += (size_t) n;
        }
        CHECK_OK(n);
        CHECK_EQ(done, size);
        CHECK_OK(stream_hash_digest(hash, digest));
        CHECK_STREQ(digest, packed.digest);
}

TEST(sizes)
{
        static const size_t sizes[] = {0,         1,         511,           BLOCK - 1,      BLOCK,
                                       BLOCK + 1, 2 * BLOCK, 9 * BLOCK + 7, 33 * BLOCK - 1, 40 * BLOCK};
        _cleanup_free_ char *data = malloc(40 * BLOCK);

        CHECK(data);
        for (int noise = 0; noise < 2; noise++) {
                fill(data, 40 * BLOCK, noise);
                for (Coding c = CODING_NONE; c <= CODING_ZSTD; c++)
                        FOREACH_ELEMENT(size, sizes)
                                check(data, *size, *size % 2 ? 70001 : 3 * BLOCK, c);
        }
}

/* The same bytes, however many threads there are and whatever they do. */
TEST(repeatable)
{
        _cleanup_free_ char *data = malloc(20 * BLOCK);
        char first[DIGEST_TEXT_SIZE] = "";

        CHECK(data);
        fill(data, 20 * BLOCK, false);
        for (int i = 0; i < 8; i++) {
                MemoryStream in = {{memory_read, NULL}, data, 20 * BLOCK, 1000 + (size_t) i * 77777, false};
                _cleanup_close_ int fd = memfd_create("packed", MFD_CLOEXEC);
                Packed packed;

                CHECK_OK(compress_stream(&in.stream, CODING_GZIP, fd, &packed, NULL));
                if (*first)
                        CHECK_STREQ(packed.digest, first);
                (void) strcpy(first, packed.digest);
        }
}

TEST(failures)
{
        _cleanup_free_ char *data = malloc(20 * BLOCK);

        CHECK(data);
        fill(data, 20 * BLOCK, true);
        for (Coding c = CODING_NONE; c <= CODING_ZSTD; c++) {
                MemoryStream bad = {{memory_read, NULL}, data, 20 * BLOCK, BLOCK, true},
                             good = {{memory_read, NULL}, data, 20 * BLOCK, BLOCK, false};
                _cleanup_close_ int fd = memfd_create("packed", MFD_CLOEXEC),
                                    full = open("/dev/full", O_WRONLY | O_CLOEXEC);
                _cleanup_error_ Error first = ERROR_INIT, second = ERROR_INIT;
                Packed packed;

                CHECK(compress_stream(&bad.stream, c, fd, &packed, &first) < 0);
                CHECK_STREQ(first.message, "the stream fails");
                CHECK(compress_stream(&good.stream, c, full, &packed, &second) < 0);
                CHECK_EQ(second.kind, ERROR_NO_SPACE);
        }
}
