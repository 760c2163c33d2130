/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* gzip: each block is deflated by itself, with the end of the block before it as dictionary, up to a byte
 * boundary; written one after the other they are one deflate stream. Blocks wait in a ring: the caller's
 * thread fills and empties its slots in order, workers take those that are full. */

#include <archive.h>
#include <archive_entry.h>
#include <endian.h>
#include <pthread.h>
#include <sched.h>
#include <zlib.h>

#include "base/fs.h"
#include "engine/compress.h"

#define GZIP_LEVEL 4
#define BLOCK_SIZE (256U * 1024)
#define DICTIONARY_SIZE (32U * 1024)
#define THREADS_MAX 4U
#define SLOTS (2 * THREADS_MAX)
/* What deflate may add to a block that it cannot make smaller. */
#define BLOCK_OUT_SIZE (BLOCK_SIZE + BLOCK_SIZE / 1000 + 1024)

typedef struct Output {
        int fd;
        Digest *digest;
        uint64_t size;
        Error *error;
} Output;

static int output_write(Output *o, const void *data, size_t size)
{
        int r;

        r = digest_update(o->digest, data, size);
        if (r < 0)
                return r;
        o->size += size;
        r = fs_write_all(o->fd, data, size);
        return r < 0 ? error_set_errno(o->error, r, "Cannot write the layer") : 0;
}

static int output_finish(Output *o, Packed *ret)
{
        ret->size = o->size;
        return digest_text(o->digest, ret->digest);
}

static int copy_plain(Stream *in, Output *o)
{
        const void *data;
        ssize_t n;
        int r = 0;

        while (r >= 0 && (n = stream_read(in, &data, o->error)) != 0)
                r = n < 0 ? (int) n : output_write(o, data, (size_t) n);
        return r;
}

/* zstd, by libarchive */

static la_ssize_t archive_output(struct archive *a, void *userdata, const void *data, size_t size)
{
        int r = output_write(userdata, data, size);

        if (r >= 0)
                return (la_ssize_t) size;
        archive_set_error(a, -r, "output failed");
        return ARCHIVE_FATAL;
}

static int zstd_failed(struct archive *a, Output *o)
{
        int failed = archive_errno(a);

        return error_set_errno(o->error, failed ? failed : EIO, "Cannot write the layer");
}

static int pack_zstd_data(struct archive *a, Stream *in, Output *o)
{
        const void *data;
        ssize_t n;

        while ((n = stream_read(in, &data, o->error)) > 0)
                if (archive_write_data(a, data, (size_t) n) != n)
                        return zstd_failed(a, o);
        if (n < 0)
                return (int) n;
        return archive_write_close(a) == ARCHIVE_OK ? 0 : zstd_failed(a, o);
}

static int pack_zstd(Stream *in, Output *o)
{
        struct archive_entry *entry = archive_entry_new();
        struct archive *a = archive_write_new();
        int r = -ENOMEM;

        if (entry && a) {
                archive_entry_set_filetype(entry, AE_IFREG);
                if (archive_write_set_format_raw(a) != ARCHIVE_OK ||
                    archive_write_add_filter_zstd(a) != ARCHIVE_OK ||
                    archive_write_set_bytes_per_block(a, 0) != ARCHIVE_OK ||
                    archive_write_open(a, o, NULL, archive_output, NULL) != ARCHIVE_OK ||
                    archive_write_header(a, entry) != ARCHIVE_OK)
                        r = zstd_failed(a, o);
                else
                        r = pack_zstd_data(a, in, o);
        }
        archive_entry_free(entry);
        (void) archive_write_free(a);
        return r;
}

/* gzip */

typedef enum SlotState {
        SLOT_FREE,
        SLOT_FULL,
        SLOT_TAKEN, /* by a worker */
        SLOT_DONE,
} SlotState;

typedef struct Slot {
        SlotState state; /* under the mutex; the rest belongs to whom the state says */
        bool last;
        int failed;
        size_t dictionary_size;
        size_t size;
        size_t packed_size;
        uint32_t crc;
        Bytef dictionary[DICTIONARY_SIZE];
        Bytef data[BLOCK_SIZE];
        Bytef packed[BLOCK_OUT_SIZE];
} Slot;

typedef struct Gzip {
        pthread_mutex_t mutex;
        pthread_cond_t changed;
        bool stopped;
        size_t next; /* block for a worker */
        Slot *slots;
        pthread_t threads[THREADS_MAX];
        size_t n_threads;
        Output *output;
        uint32_t crc;
        uint64_t size;
} Gzip;

static int deflate_block(Slot *s)
{
        z_stream z = {};
        int r;

        if (deflateInit2(&z, GZIP_LEVEL, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK)
                return -ENOMEM;
        if (s->dictionary_size > 0)
                (void) deflateSetDictionary(&z, s->dictionary, (uInt) s->dictionary_size);
        z.next_in = s->data;
        z.avail_in = (uInt) s->size;
        z.next_out = s->packed;
        z.avail_out = sizeof(s->packed);
        r = deflate(&z, s->last ? Z_FINISH : Z_SYNC_FLUSH);
        s->packed_size = sizeof(s->packed) - z.avail_out;
        s->crc = (uint32_t) crc32(crc32(0, NULL, 0), s->data, (uInt) s->size);
        (void) deflateEnd(&z);
        return r == (s->last ? Z_STREAM_END : Z_OK) && z.avail_out > 0 ? 0 : -EIO;
}

static void *work(void *userdata)
{
        Gzip *g = userdata;

        (void) pthread_mutex_lock(&g->mutex);
        for (;;) {
                Slot *s = &g->slots[g->next % SLOTS];
                int r;

                if (g->stopped)
                        break;
                if (s->state != SLOT_FULL) {
                        (void) pthread_cond_wait(&g->changed, &g->mutex);
                        continue;
                }
                g->next++;
                s->state = SLOT_TAKEN;
                (void) pthread_mutex_unlock(&g->mutex);
                r = deflate_block(s);
                (void) pthread_mutex_lock(&g->mutex);
                s->failed = r;
                s->state = SLOT_DONE;
                (void) pthread_cond_broadcast(&g->changed);
        }
        (void) pthread_mutex_unlock(&g->mutex);
        return NULL;
}

static void set_state(Gzip *g, Slot *s, SlotState state)
{
        (void) pthread_mutex_lock(&g->mutex);
        s->state = state;
        (void) pthread_cond_broadcast(&g->changed);
        (void) pthread_mutex_unlock(&g->mutex);
}

/* Waits for the slot's block, if it has one, and writes it. */
static int empty_slot(Gzip *g, Slot *s)
{
        bool free_already;
        int r;

        (void) pthread_mutex_lock(&g->mutex);
        while (s->state == SLOT_FULL || s->state == SLOT_TAKEN)
                (void) pthread_cond_wait(&g->changed, &g->mutex);
        free_already = s->state == SLOT_FREE;
        (void) pthread_mutex_unlock(&g->mutex);
        if (free_already)
                return 0;
        r = s->failed < 0 ? error_set_errno(g->output->error, s->failed, "Cannot compress the layer")
                          : output_write(g->output, s->packed, s->packed_size);
        g->crc = (uint32_t) crc32_combine(g->crc, s->crc, (z_off_t) s->size);
        g->size += s->size;
        set_state(g, s, SLOT_FREE);
        return r;
}

/* Fills as much of a block as the stream has. left, of *data, is what the stream has handed out already. */
static int fill_block(Stream *in, Slot *s, const char **data, size_t *left, Error *error)
{
        s->size = 0;
        while (s->size < BLOCK_SIZE) {
                size_t n;

                if (*left == 0) {
                        const void *piece;
                        ssize_t k = stream_read(in, &piece, error);

                        if (k <= 0)
                                return (int) k;
                        *data = piece;
                        *left = (size_t) k;
                }
                n = MIN(*left, BLOCK_SIZE - s->size);
                memcpy(s->data + s->size, *data, n);
                s->size += n;
                *data += n;
                *left -= n;
        }
        return 0;
}

static int pack_blocks(Gzip *g, Stream *in)
{
        const char *data = NULL;
        const Slot *before = NULL;
        size_t left = 0, i = 0;
        bool last = false;
        int r = 0;

        for (; r >= 0 && !last; i++) {
                Slot *s = &g->slots[i % SLOTS];

                r = empty_slot(g, s);
                if (r >= 0)
                        r = fill_block(in, s, &data, &left, g->output->error);
                if (r < 0)
                        return r;
                s->last = last = s->size < BLOCK_SIZE;
                s->dictionary_size = before ? DICTIONARY_SIZE : 0;
                if (before)
                        memcpy(s->dictionary, before->data + BLOCK_SIZE - DICTIONARY_SIZE, DICTIONARY_SIZE);
                before = s;
                set_state(g, s, SLOT_FULL);
        }
        for (size_t k = i > SLOTS ? i - SLOTS : 0; r >= 0 && k < i; k++)
                r = empty_slot(g, &g->slots[k % SLOTS]);
        return r;
}

static int start_threads(Gzip *g)
{
        cpu_set_t cpus;
        size_t n = sched_getaffinity(0, sizeof(cpus), &cpus) < 0 ? 1 : (size_t) CPU_COUNT(&cpus);
        int r = 0;

        while (g->n_threads < MIN(MAX(n, (size_t) 1), (size_t) THREADS_MAX)) {
                r = -pthread_create(&g->threads[g->n_threads], NULL, work, g);
                if (r < 0)
                        break;
                g->n_threads++;
        }
        return g->n_threads > 0 ? 0 : r;
}

static void stop_threads(Gzip *g)
{
        (void) pthread_mutex_lock(&g->mutex);
        g->stopped = true;
        (void) pthread_cond_broadcast(&g->changed);
        (void) pthread_mutex_unlock(&g->mutex);
        while (g->n_threads > 0)
                (void) pthread_join(g->threads[--g->n_threads], NULL);
}

static int pack_gzip_blocks(Gzip *g, Stream *in)
{
        static const char head[10] = {'\x1f', '\x8b', 8, 0, 0, 0, 0, 0, 0, '\xff'};
        uint32_t tail[2];
        int r = output_write(g->output, head, sizeof(head));

        if (r >= 0)
                r = pack_blocks(g, in);
        if (r < 0)
                return r;
        tail[0] = htole32(g->crc);
        tail[1] = htole32((uint32_t) g->size);
        return output_write(g->output, tail, sizeof(tail));
}

static int pack_gzip(Stream *in, Output *o)
{
        _cleanup_free_ Slot *slots = malloc(SLOTS * sizeof(Slot));
        Gzip g = {.output = o, .slots = slots};
        int r;

        if (!slots)
                return -ENOMEM;
        for (size_t i = 0; i < SLOTS; i++)
                slots[i].state = SLOT_FREE;
        g.crc = (uint32_t) crc32(0, NULL, 0);
        (void) pthread_mutex_init(&g.mutex, NULL);
        (void) pthread_cond_init(&g.changed, NULL);
        r = start_threads(&g);
        if (r >= 0)
                r = pack_gzip_blocks(&g, in);
        stop_threads(&g);
        (void) pthread_cond_destroy(&g.changed);
        (void) pthread_mutex_destroy(&g.mutex);
        return r;
}

int compress_stream(Stream *in, Coding coding, int fd, Packed *ret, Error *error)
{
        static int (*const packers[_CODING_MAX])(Stream *, Output *) = {
                [CODING_NONE] = copy_plain,
                [CODING_GZIP] = pack_gzip,
                [CODING_ZSTD] = pack_zstd,
        };
        _cleanup_(digest_freep) Digest *digest = digest_new();
        Output o = {.fd = fd, .digest = digest, .error = error};
        int r = digest ? packers[coding](in, &o) : -ENOMEM;

        return r < 0 ? r : output_finish(&o, ret);
}
