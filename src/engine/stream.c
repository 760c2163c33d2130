/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Of libarchive only the two decompressors are used here, each chosen by name: with its own detection a
 * stranger would choose the decoder, and how many times it is applied. */

#include <archive.h>
#include <archive_entry.h>

#include "engine/stream.h"

typedef struct FileStream {
        Stream stream;
        int fd;
        uint64_t offset;
        uint64_t left;
        char buffer[STREAM_CHUNK];
} FileStream;

typedef struct Decoder {
        Stream stream;
        Stream *in;
        Coding coding;
        struct archive *archive;
        bool begun;
        bool ended;
        Error *error; /* of the call that is going on */
        int in_failed;
} Decoder;

typedef struct HashStream {
        Stream stream;
        Stream *in;
        Digest *hash;
        uint64_t size;
} HashStream;

static const struct {
        const char *name;
        int filter;
        size_t magic_size;
        const char *magic;
} codings[_CODING_MAX] = {
        [CODING_NONE] = {"none", ARCHIVE_FILTER_NONE, 0, ""},
        [CODING_GZIP] = {"gzip", ARCHIVE_FILTER_GZIP, 2, "\x1f\x8b"},
        [CODING_ZSTD] = {"zstd", ARCHIVE_FILTER_ZSTD, 4, "\x28\xb5\x2f\xfd"},
        [CODING_XZ] = {"xz", ARCHIVE_FILTER_XZ, 6, "\3757zXZ"},
};

Coding coding_from_any_magic(const void *data, size_t size)
{
        for (Coding c = CODING_NONE + 1; c < _CODING_MAX; c++)
                if (size >= codings[c].magic_size &&
                    memcmp(data, codings[c].magic, codings[c].magic_size) == 0)
                        return c;
        return CODING_NONE;
}

Coding coding_from_magic(const void *data, size_t size)
{
        Coding c = coding_from_any_magic(data, size);

        return c == CODING_XZ ? CODING_NONE : c;
}

const char *coding_to_string(Coding c)
{
        return c >= 0 && c < _CODING_MAX ? codings[c].name : NULL;
}

static ssize_t file_read(Stream *s, const void **ret, Error *error)
{
        FileStream *f = (FileStream *) s;
        ssize_t n;

        if (f->left == 0)
                return 0;
        do {
                n = pread(f->fd, f->buffer, (size_t) MIN(f->left, (uint64_t) sizeof(f->buffer)),
                          (off_t) f->offset);
        } while (n < 0 && errno == EINTR);
        if (n < 0)
                return error_set_errno(error, errno, "Cannot read the archive");
        if (n == 0)
                return error_set(error, ERROR_BAD_ARCHIVE, "The archive is truncated");
        f->offset += (uint64_t) n;
        f->left -= (uint64_t) n;
        *ret = f->buffer;
        return n;
}

static void file_close(Stream *s)
{
        free(s);
}

int stream_open_file(int fd, uint64_t offset, uint64_t size, Stream **ret, Error *error)
{
        FileStream *f = malloc(sizeof(FileStream));

        if (!f)
                return -ENOMEM;
        f->stream = (Stream){file_read, file_close};
        f->fd = fd;
        f->offset = offset;
        f->left = size;
        *ret = &f->stream;
        return 0;
}

static la_ssize_t decoder_feed(struct archive *a, void *userdata, const void **ret)
{
        Decoder *d = userdata;
        ssize_t n;

        *ret = "";
        n = stream_read(d->in, ret, d->error);
        if (n >= 0 && !d->begun && coding_from_any_magic(*ret, (size_t) n) != d->coding)
                n = error_set(d->error, ERROR_BAD_ARCHIVE, "The data is not compressed with %s, as was said",
                              codings[d->coding].name);
        d->begun = true;
        if (n >= 0)
                return n;
        d->in_failed = (int) n;
        archive_set_error(a, EIO, "input failed");
        return ARCHIVE_FATAL;
}

static int decoder_fail(Decoder *d)
{
        const char *why = archive_error_string(d->archive);

        if (d->in_failed < 0)
                return d->in_failed;
        if (archive_errno(d->archive) == ENOMEM)
                return -ENOMEM;
        return error_set(d->error, ERROR_BAD_ARCHIVE, "The %s data is damaged or truncated (%s)",
                         codings[d->coding].name, why ? why : "no reason given");
}

static ssize_t decoder_read(Stream *s, const void **ret, Error *error)
{
        Decoder *d = (Decoder *) s;
        la_int64_t offset;
        size_t size = 0;
        int r = ARCHIVE_OK;

        d->error = error;
        while (!d->ended && size == 0) {
                r = archive_read_data_block(d->archive, ret, &size, &offset);
                if (r == ARCHIVE_EOF)
                        d->ended = true;
                else if (r != ARCHIVE_OK)
                        return decoder_fail(d);
        }
        return (ssize_t) size;
}

static void decoder_close(Stream *s)
{
        Decoder *d = (Decoder *) s;

        if (d->archive)
                (void) archive_read_free(d->archive);
        stream_close(d->in);
        free(d);
}

static int decoder_begin(Decoder *d)
{
        struct archive_entry *entry;
        int r;

        d->archive = archive_read_new();
        if (!d->archive)
                return -ENOMEM;
        if (archive_read_support_format_raw(d->archive) != ARCHIVE_OK ||
            archive_read_support_format_empty(d->archive) != ARCHIVE_OK ||
            archive_read_append_filter(d->archive, codings[d->coding].filter) != ARCHIVE_OK ||
            archive_read_open(d->archive, d, NULL, decoder_feed, NULL) != ARCHIVE_OK)
                return decoder_fail(d);
        r = archive_read_next_header(d->archive, &entry);
        d->ended = r == ARCHIVE_EOF;
        return r == ARCHIVE_OK || r == ARCHIVE_EOF ? 0 : decoder_fail(d);
}

int stream_open_decoder(Stream *in, Coding coding, Stream **ret, Error *error)
{
        _cleanup_(stream_closep) Stream *s = NULL;
        Decoder *d;
        int r;

        if (coding == CODING_NONE) {
                *ret = in;
                return 0;
        }
        d = calloc(1, sizeof(Decoder));
        if (!d) {
                stream_close(in);
                return -ENOMEM;
        }
        s = &d->stream;
        *d = (Decoder){.stream = {decoder_read, decoder_close}, .in = in, .coding = coding, .error = error};
        r = decoder_begin(d);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

static ssize_t hash_read(Stream *s, const void **ret, Error *error)
{
        HashStream *h = (HashStream *) s;
        ssize_t n = stream_read(h->in, ret, error);

        if (n <= 0)
                return n;
        h->size += (uint64_t) n;
        return digest_update(h->hash, *ret, (size_t) n) < 0 ? -ENOMEM : n;
}

static void hash_close(Stream *s)
{
        HashStream *h = (HashStream *) s;

        digest_free(h->hash);
        stream_close(h->in);
        free(h);
}

int stream_open_hash(Stream *in, Stream **ret)
{
        HashStream *h = calloc(1, sizeof(HashStream));

        if (!h) {
                stream_close(in);
                return -ENOMEM;
        }
        *h = (HashStream){.stream = {hash_read, hash_close}, .in = in, .hash = digest_new()};
        if (!h->hash) {
                hash_close(&h->stream);
                return -ENOMEM;
        }
        *ret = &h->stream;
        return 0;
}

uint64_t stream_hash_size(const Stream *s)
{
        return ((const HashStream *) s)->size;
}

int stream_hash_digest(Stream *s, char ret[static DIGEST_TEXT_SIZE])
{
        return digest_text(((HashStream *) s)->hash, ret);
}
