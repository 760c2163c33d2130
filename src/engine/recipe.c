/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The recorder follows the tar format by itself, beside libarchive: where both agree on an entry's place and
 * size, its content is left out. Where they do not, or something is in the stream that is not known here,
 * there is no recipe: nothing depends on one but that a layer can leave as it came. The content of sparse
 * files stays in the recipe.
 *
 * A recipe is its magic, the number and size of its steps, the steps, and the literal bytes compressed with
 * zstd. A step is how many literal bytes come next, how many bytes of content after them, and of which
 * object. */

#include <archive.h>
#include <archive_entry.h>
#include <endian.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/array.h"
#include "base/str.h"
#include "engine/recipe.h"

#define MAGIC "berthr1\n"
#define MAGIC_SIZE 8U
#define HEAD_SIZE (MAGIC_SIZE + 2 * sizeof(uint64_t))
#define BLOCK 512U
#define RECIPE_SIZE_MAX (96U * 1024 * 1024)
#define LITERAL_SIZE_MAX (UINT64_C(1) * 1024 * 1024 * 1024)
#define PAX_SIZE_MAX (1U * 1024 * 1024)
#define KEPT_MAX 4096U
#define STEP_SIZE_MAX (2U * 10 + OBJECT_SUM_SIZE)

typedef struct Step {
        uint64_t position; /* of the entry's headers in the stream */
        uint64_t literal;
        uint64_t payload;
        uint8_t sum[OBJECT_SUM_SIZE];
        bool known;
} Step;

typedef enum Place {
        PLACE_HEADER,
        PLACE_PAX,     /* records of an extended header */
        PLACE_LITERAL, /* anything else that is kept */
        PLACE_PAYLOAD,
        PLACE_SPARSE_MAP,
        PLACE_TRAILER, /* after the end mark */
        PLACE_LOST,    /* there will be no recipe */
} Place;

struct Recorder {
        Place place;
        uint64_t position;
        uint64_t left;     /* of the place */
        uint64_t padding;  /* after it */
        uint64_t entry;    /* where the headers of the entry at hand begin */
        bool whole;        /* the entry ends with the padding, not only one of its headers */
        uint64_t literal;  /* literal bytes since the last step */
        uint64_t literals; /* all */
        char block[BLOCK];
        size_t n_block;
        char *pax;
        size_t pax_size;
        uint64_t size_override; /* by an extended header; UINT64_MAX: none */
        bool sparse;
        Step *steps;
        size_t n_steps;
        size_t n_known;
        struct archive *packer;
        char *packed;
        size_t packed_size;
        size_t packed_allocated;
};

static void lose(Recorder *r)
{
        r->place = PLACE_LOST;
}

static la_ssize_t take_packed(struct archive *a, void *userdata, const void *data, size_t size)
{
        Recorder *r = userdata;

        if (r->packed_size + size > r->packed_allocated) {
                size_t allocated = MAX(2 * r->packed_allocated, r->packed_size + size);
                char *larger = allocated > RECIPE_SIZE_MAX ? NULL : realloc(r->packed, allocated);

                if (!larger) {
                        archive_set_error(a, ENOMEM, "the recipe is too large");
                        return ARCHIVE_FATAL;
                }
                r->packed = larger;
                r->packed_allocated = allocated;
        }
        memcpy(r->packed + r->packed_size, data, size);
        r->packed_size += size;
        return (la_ssize_t) size;
}

static bool open_packer(Recorder *r)
{
        struct archive_entry *entry = archive_entry_new();
        bool ok;

        r->packer = archive_write_new();
        if (!r->packer || !entry) {
                archive_entry_free(entry);
                return false;
        }
        archive_entry_set_filetype(entry, AE_IFREG);
        ok = archive_write_set_format_raw(r->packer) == ARCHIVE_OK &&
             archive_write_add_filter_zstd(r->packer) == ARCHIVE_OK &&
             archive_write_set_filter_option(r->packer, "zstd", "compression-level", "1") == ARCHIVE_OK &&
             archive_write_set_bytes_per_block(r->packer, 0) == ARCHIVE_OK &&
             archive_write_open(r->packer, r, NULL, take_packed, NULL) == ARCHIVE_OK &&
             archive_write_header(r->packer, entry) == ARCHIVE_OK;
        archive_entry_free(entry);
        return ok;
}

Recorder *recorder_new(void)
{
        _cleanup_(recorder_freep) Recorder *r = calloc(1, sizeof(Recorder));

        if (!r || !open_packer(r))
                return NULL;
        r->size_override = UINT64_MAX;
        return TAKE_PTR(r);
}

Recorder *recorder_free(Recorder *r)
{
        if (!r)
                return NULL;
        if (r->packer)
                (void) archive_write_free(r->packer);
        free(r->pax);
        free(r->steps);
        free(r->packed);
        free(r);
        return NULL;
}

static void keep(Recorder *r, const void *data, size_t size)
{
        r->literal += size;
        r->literals += size;
        if (r->literals > LITERAL_SIZE_MAX || archive_write_data(r->packer, data, size) != (la_ssize_t) size)
                lose(r);
}

/* The numbers of a header: octal digits between blanks, or the GNU way with the highest bit set. */
static bool read_number(const char *field, size_t size, uint64_t *ret)
{
        const char *end = field + size;
        uint64_t n = 0;

        if (*field & 0x80) {
                if ((uint8_t) *field != 0x80)
                        return false;
                for (field++; field < end; field++) {
                        if (n >> 55)
                                return false;
                        n = n << 8 | (uint8_t) *field;
                }
                *ret = n;
                return true;
        }
        while (field < end && *field == ' ')
                field++;
        for (; field < end && *field >= '0' && *field <= '7'; field++)
                n = n << 3 | (uint64_t) (*field - '0');
        *ret = n;
        return field == end || *field == ' ' || *field == '\0';
}

static bool is_zero(const char *block)
{
        for (size_t i = 0; i < BLOCK; i++)
                if (block[i])
                        return false;
        return true;
}

static bool sum_is_right(const char *block)
{
        uint64_t said, sum = 8 * ' ';

        for (size_t i = 0; i < BLOCK; i++)
                sum += i >= 148 && i < 156 ? 0 : (uint8_t) block[i];
        return read_number(block + 148, 8, &said) && said == sum;
}

/* A step for what was kept so far, and the content after it. */
static bool add_step(Recorder *r, uint64_t payload)
{
        if (!GROW(r->steps, r->n_steps))
                return false;
        r->steps[r->n_steps++] = (Step){r->entry, TAKE(r->literal, 0), payload, {}, payload == 0};
        return true;
}

/* The entry's data. whole: an entry of its own, not a header of the next. */
static void begin_data(Recorder *r, Place place, uint64_t size, bool whole)
{
        r->left = size;
        r->padding = (BLOCK - size % BLOCK) % BLOCK;
        r->whole = whole;
        r->place = place;
        if (size > INT64_MAX || (place == PLACE_PAYLOAD && size > 0 && !add_step(r, size)))
                lose(r);
}

static void begin_file(Recorder *r, uint64_t size)
{
        begin_data(r, r->sparse ? PLACE_LITERAL : PLACE_PAYLOAD, size, true);
}

static void take_header(Recorder *r)
{
        const char *h = r->block;
        uint64_t size;

        if (is_zero(h)) {
                r->place = PLACE_TRAILER;
                return;
        }
        if (!sum_is_right(h) || !read_number(h + 124, 12, &size)) {
                lose(r);
                return;
        }
        if (!strchr("xXgLK", h[156]) || !h[156])
                size = r->size_override == UINT64_MAX ? size : r->size_override;
        switch (h[156]) {
        case 'x':
        case 'X':
                r->pax_size = 0;
                begin_data(r, size > PAX_SIZE_MAX ? PLACE_LOST : PLACE_PAX, size, false);
                return;
        case 'g':
        case 'L':
        case 'K':
                begin_data(r, PLACE_LITERAL, size, false);
                return;
        case '0':
        case '\0':
        case '7':
                begin_file(r, size);
                return;
        case '1':
                begin_data(r, size > 0 ? PLACE_LOST : PLACE_LITERAL, 0, true);
                return;
        case '2':
        case '3':
        case '4':
        case '5':
        case '6':
                begin_data(r, PLACE_LITERAL, 0, true);
                return;
        case 'S':
                r->sparse = true;
                begin_file(r, size);
                if (h[482] && r->place != PLACE_LOST)
                        r->place = PLACE_SPARSE_MAP;
                return;
        default:
                lose(r);
        }
}

/* "LENGTH KEY=VALUE\n" */
static bool read_pax(Recorder *r)
{
        const char *p = r->pax, *end = r->pax + r->pax_size;

        while (p < end) {
                uint64_t length = 0;
                const char *record = p;

                for (; p < end && *p >= '0' && *p <= '9' && length < PAX_SIZE_MAX; p++)
                        length = 10 * length + (uint64_t) (*p - '0');
                if (p == end || *p != ' ' || length < (uint64_t) (p + 2 - record) ||
                    length > (uint64_t) (end - record) || record[length - 1] != '\n')
                        return false;
                p++;
                if (startswith(p, "GNU.sparse."))
                        r->sparse = true;
                if (startswith(p, "size=")) {
                        uint64_t n = 0;

                        for (p += strlen("size="); *p >= '0' && *p <= '9'; p++)
                                n = 10 * n + (uint64_t) (*p - '0');
                        if (p != record + length - 1 || p - record > 32)
                                return false;
                        r->size_override = n;
                }
                p = record + length;
        }
        return true;
}

/* After an entry's data, and after its padding. */
static void end_data(Recorder *r)
{
        if (r->place == PLACE_PAX && !read_pax(r)) {
                lose(r);
                return;
        }
        r->place = r->padding > 0 ? PLACE_LITERAL : PLACE_HEADER;
        r->left = TAKE(r->padding, 0);
        if (r->left > 0 || !r->whole)
                return;
        r->whole = false;
        r->entry = r->position;
        r->size_override = UINT64_MAX;
        r->sparse = false;
}

static bool take_pax(Recorder *r, const char *data, size_t size)
{
        char *larger = realloc(r->pax, r->pax_size + size + 1);

        if (!larger)
                return false;
        r->pax = larger;
        memcpy(r->pax + r->pax_size, data, size);
        r->pax_size += size;
        r->pax[r->pax_size] = '\0';
        return true;
}

/* Of the block at hand, a header's or a sparse file's map. */
static size_t feed_block(Recorder *r, const char *data, size_t size)
{
        size_t n = MIN(size, BLOCK - r->n_block);

        memcpy(r->block + r->n_block, data, n);
        r->n_block += n;
        r->position += n;
        if (r->n_block < BLOCK)
                return n;
        r->n_block = 0;
        keep(r, r->block, BLOCK);
        if (r->place == PLACE_HEADER)
                take_header(r);
        else if (r->place == PLACE_SPARSE_MAP && !r->block[504])
                r->place = PLACE_LITERAL;
        return n;
}

static size_t feed_data(Recorder *r, const char *data, size_t size)
{
        size_t n = r->place == PLACE_TRAILER ? size : (size_t) MIN((uint64_t) size, r->left);

        if (r->place != PLACE_PAYLOAD)
                keep(r, data, n);
        if (r->place == PLACE_PAX && !take_pax(r, data, n))
                lose(r);
        r->position += n;
        if (r->place != PLACE_TRAILER)
                r->left -= n;
        return n;
}

void recorder_feed(Recorder *r, const void *data, size_t size)
{
        const char *p = data;

        while (r->place != PLACE_LOST) {
                size_t n;

                while (r->left == 0 &&
                       (r->place == PLACE_LITERAL || r->place == PLACE_PAX || r->place == PLACE_PAYLOAD))
                        end_data(r);
                if (size == 0)
                        return;
                n = r->place == PLACE_HEADER || r->place == PLACE_SPARSE_MAP ? feed_block(r, p, size)
                                                                             : feed_data(r, p, size);
                p += n;
                size -= n;
        }
}

void recorder_file(Recorder *r, uint64_t position, uint64_t size, const uint8_t sum[static OBJECT_SUM_SIZE])
{
        while (r->n_known < r->n_steps && r->steps[r->n_known].position <= position) {
                Step *s = &r->steps[r->n_known++];

                if (s->position == position && s->payload == size) {
                        memcpy(s->sum, sum, OBJECT_SUM_SIZE);
                        s->known = true;
                }
        }
}

/* Into the store */

static size_t put_number(uint8_t *p, uint64_t n)
{
        size_t i = 0;

        for (; n >= 0x80; n >>= 7)
                p[i++] = (uint8_t) (n | 0x80);
        p[i++] = (uint8_t) n;
        return i;
}

static uint8_t *put_steps(const Recorder *r, uint8_t *p)
{
        for (size_t i = 0; i < r->n_steps; i++) {
                const Step *s = &r->steps[i];

                p += put_number(p, s->literal);
                p += put_number(p, s->payload);
                if (s->payload == 0)
                        continue;
                memcpy(p, s->sum, OBJECT_SUM_SIZE);
                p += OBJECT_SUM_SIZE;
        }
        return p;
}

/* Is there a recipe? Its last step is what follows the last content. */
static bool complete(Recorder *r)
{
        if (r->place == PLACE_LOST || !add_step(r, 0) || archive_write_close(r->packer) != ARCHIVE_OK)
                return false;
        for (size_t i = 0; i < r->n_steps; i++)
                if (!r->steps[i].known)
                        return false;
        return HEAD_SIZE + r->n_steps * STEP_SIZE_MAX + r->packed_size <= RECIPE_SIZE_MAX;
}

static int write_recipe(const Recorder *r, ImageStore *store, uint8_t ret_sum[static OBJECT_SUM_SIZE],
                        Error *error)
{
        size_t room = HEAD_SIZE + r->n_steps * STEP_SIZE_MAX + r->packed_size;
        _cleanup_free_ uint8_t *data = malloc(room);
        uint64_t numbers[2];
        uint8_t *end;

        if (!data)
                return -ENOMEM;
        end = put_steps(r, data + HEAD_SIZE);
        numbers[0] = htole64(r->n_steps);
        numbers[1] = htole64((uint64_t) (end - data - (ptrdiff_t) HEAD_SIZE));
        memcpy(data, MAGIC, MAGIC_SIZE);
        memcpy(data + MAGIC_SIZE, numbers, sizeof(numbers));
        memcpy(end, r->packed, r->packed_size);
        end += r->packed_size;
        return image_store_write_file(store, &(Attributes){.mode = 0600}, data, (size_t) (end - data),
                                      ret_sum, error);
}

/* A set of checksums, which are their own hashes. */
typedef struct SumSet {
        const uint8_t **slots;
        size_t n; /* a power of two, more than there are */
} SumSet;

static bool sum_add(SumSet *set, const uint8_t *sum)
{
        uint64_t hash;

        memcpy(&hash, sum, sizeof(hash));
        for (size_t i = hash & (set->n - 1);; i = (i + 1) & (set->n - 1)) {
                if (!set->slots[i]) {
                        set->slots[i] = sum;
                        return true;
                }
                if (memcmp(set->slots[i], sum, OBJECT_SUM_SIZE) == 0)
                        return false;
        }
}

static int add_file(Tree *layer, const char *name, const uint8_t sum[static OBJECT_SUM_SIZE])
{
        Node *n;
        int r = tree_add(layer, tree_root(layer), name, &n);

        if (r >= 0)
                tree_set_file(layer, n, sum);
        return r;
}

/* Names for the objects that the layer's tree has not. */
static int add_kept(const Recorder *r, Tree *layer)
{
        _cleanup_free_ const uint8_t **slots = NULL;
        SumSet set = {.n = 1024};
        size_t kept = 0;
        int q = 0;

        while (set.n < 2 * (tree_size(layer) + r->n_steps))
                set.n *= 2;
        set.slots = slots = calloc(set.n, sizeof(*slots));
        if (!slots)
                return -ENOMEM;
        for (const Node *n = tree_root(layer); n; n = tree_next(n))
                if (n->type == NODE_FILE)
                        (void) sum_add(&set, n->sum);
        for (size_t i = 0; q >= 0 && i < r->n_steps; i++) {
                char name[sizeof(STORE_KEPT) + 20];

                if (r->steps[i].payload == 0 || !sum_add(&set, r->steps[i].sum))
                        continue;
                if (++kept > KEPT_MAX)
                        return -E2BIG;
                (void) snprintf(name, sizeof(name), STORE_KEPT "%zu", kept);
                q = add_file(layer, name, r->steps[i].sum);
        }
        return q;
}

int recorder_store(Recorder *r, ImageStore *store, Tree *layer, Error *error)
{
        uint8_t sum[OBJECT_SUM_SIZE];
        int q;

        if (!complete(r))
                return 0;
        q = add_kept(r, layer);
        if (q == -E2BIG) {
                recipe_hide(layer);
                return 0;
        }
        if (q >= 0)
                q = write_recipe(r, store, sum, error);
        return q < 0 ? q : add_file(layer, STORE_RECIPE, sum);
}

/* Cut out of the list of children: for whoever walks the tree they are gone. */
void recipe_hide(Tree *layer)
{
        Node **p = &tree_root(layer)->child;

        while (*p)
                if (streq((*p)->name, STORE_RECIPE) || startswith((*p)->name, STORE_KEPT))
                        *p = (*p)->next;
                else
                        p = &(*p)->next;
}

/* Out of the store */

typedef struct RecipeStream {
        Stream stream;
        ImageStore *store;
        uint8_t *data; /* the recipe, mapped */
        size_t size;
        const uint8_t *step; /* the next */
        const uint8_t *end;  /* of the steps */
        Stream *literals;
        const char *piece; /* of the literal bytes */
        size_t piece_size;
        uint64_t literal; /* left of the step */
        uint64_t payload;
        Stream *content;
        int fd;
        const uint8_t *sum;
} RecipeStream;

static int damaged(Error *error)
{
        return error_set(error, ERROR_STORE_DAMAGED,
                         "The image store is damaged: the recipe of a layer is broken");
}

static bool take_number(const uint8_t **p, const uint8_t *end, uint64_t *ret)
{
        uint64_t n = 0;

        for (unsigned shift = 0; *p < end && shift < 63; shift += 7) {
                uint8_t byte = *(*p)++;

                n |= (uint64_t) (byte & 0x7f) << shift;
                if (!(byte & 0x80)) {
                        *ret = n;
                        return true;
                }
        }
        return false;
}

static bool next_step(RecipeStream *s)
{
        if (!take_number(&s->step, s->end, &s->literal) || !take_number(&s->step, s->end, &s->payload))
                return false;
        if (s->payload == 0)
                return true;
        if (s->end - s->step < (ptrdiff_t) OBJECT_SUM_SIZE)
                return false;
        s->sum = s->step;
        s->step += OBJECT_SUM_SIZE;
        return true;
}

static ssize_t read_literal(RecipeStream *s, const void **ret, Error *error)
{
        size_t n;

        if (s->piece_size == 0) {
                const void *data;
                ssize_t k = stream_read(s->literals, &data, error);

                if (k < 0)
                        return k;
                if (k == 0)
                        return damaged(error);
                s->piece = data;
                s->piece_size = (size_t) k;
        }
        n = (size_t) MIN((uint64_t) s->piece_size, s->literal);
        *ret = s->piece;
        s->piece += n;
        s->piece_size -= n;
        s->literal -= n;
        return (ssize_t) n;
}

static int open_content(RecipeStream *s, Error *error)
{
        struct stat st;

        s->fd = image_store_open_object(s->store, s->sum, error);
        if (s->fd < 0)
                return s->fd;
        if (fstat(s->fd, &st) < 0 || !S_ISREG(st.st_mode) || (uint64_t) st.st_size != s->payload)
                return damaged(error);
        return stream_open_file(s->fd, 0, s->payload, &s->content, error);
}

static ssize_t read_payload(RecipeStream *s, const void **ret, Error *error)
{
        ssize_t n = s->content ? 0 : open_content(s, error);

        if (n >= 0)
                n = stream_read(s->content, ret, error);
        if (n < 0)
                return n;
        s->payload -= (uint64_t) n;
        if (s->payload == 0)
                s->fd = close_fd(s->fd);
        return n;
}

static ssize_t recipe_read(Stream *stream, const void **ret, Error *error)
{
        RecipeStream *s = (RecipeStream *) stream;

        for (;;) {
                if (s->literal > 0)
                        return read_literal(s, ret, error);
                if (s->payload > 0)
                        return read_payload(s, ret, error);
                s->content = stream_close(s->content);
                if (s->step == s->end)
                        return 0;
                if (!next_step(s))
                        return damaged(error);
        }
}

static void recipe_close(Stream *stream)
{
        RecipeStream *s = (RecipeStream *) stream;

        stream_close(s->content);
        stream_close(s->literals);
        close_fd(s->fd);
        if (s->data)
                (void) munmap(s->data, s->size);
        free(s);
}

/* Bytes in memory. */
typedef struct MemoryStream {
        Stream stream;
        const void *data;
        size_t left;
} MemoryStream;

static ssize_t memory_read(Stream *stream, const void **ret, Error *error)
{
        MemoryStream *m = (MemoryStream *) stream;

        *ret = m->data;
        return (ssize_t) TAKE(m->left, 0);
}

static void memory_close(Stream *stream)
{
        free(stream);
}

static int open_literals(RecipeStream *s, const uint8_t *data, size_t size, Error *error)
{
        MemoryStream *m = malloc(sizeof(*m));

        if (!m)
                return -ENOMEM;
        *m = (MemoryStream){{memory_read, memory_close}, data, size};
        return stream_open_decoder(&m->stream, CODING_ZSTD, &s->literals, error);
}

static int map_recipe(RecipeStream *s, const uint8_t sum[static OBJECT_SUM_SIZE], Error *error)
{
        _cleanup_close_ int fd = image_store_open_object(s->store, sum, error);
        struct stat st;
        void *data;

        if (fd < 0)
                return fd;
        if (fstat(fd, &st) < 0 || st.st_size < (off_t) HEAD_SIZE || st.st_size > (off_t) RECIPE_SIZE_MAX)
                return damaged(error);
        data = mmap(NULL, (size_t) st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED)
                return -errno;
        s->data = data;
        s->size = (size_t) st.st_size;
        return 0;
}

/* Finds the parts of the recipe, and adds up what it makes. */
static int read_head(RecipeStream *s, uint64_t *ret_size, Error *error)
{
        uint64_t numbers[2], size = 0;
        const uint8_t *steps = s->data + HEAD_SIZE;
        int r;

        memcpy(numbers, s->data + MAGIC_SIZE, sizeof(numbers));
        numbers[0] = le64toh(numbers[0]);
        numbers[1] = le64toh(numbers[1]);
        if (memcmp(s->data, MAGIC, MAGIC_SIZE) != 0 || numbers[1] > s->size - HEAD_SIZE)
                return damaged(error);
        s->step = steps;
        s->end = steps + numbers[1];
        for (uint64_t i = 0; i < numbers[0]; i++) {
                if (!next_step(s) || s->literal > INT64_MAX / 2 || s->payload > INT64_MAX / 2 ||
                    size > INT64_MAX / 2)
                        return damaged(error);
                size += s->literal + s->payload;
        }
        if (s->step != s->end)
                return damaged(error);
        s->step = steps;
        s->literal = s->payload = 0;
        r = open_literals(s, s->end, s->size - HEAD_SIZE - (size_t) numbers[1], error);
        if (r >= 0)
                *ret_size = size;
        return r;
}

int recipe_open(ImageStore *store, const char *diff_id, Stream **ret, uint64_t *ret_size, Error *error)
{
        _cleanup_(stream_closep) Stream *stream = NULL;
        uint8_t sum[OBJECT_SUM_SIZE];
        RecipeStream *s;
        int r = image_store_find_recipe(store, diff_id, sum, error);

        if (r < 0)
                return r;
        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;
        stream = &s->stream;
        *s = (RecipeStream){.stream = {recipe_read, recipe_close}, .store = store, .fd = -EBADF};
        r = map_recipe(s, sum, error);
        if (r >= 0)
                r = read_head(s, ret_size, error);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(stream);
        return 0;
}
