/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* GVariant's rules as far as they are met here: a tuple is its members one after the other, and behind them
 * where each member of variable size ends, the first one's last, but not the last member's; an array of such
 * is the elements, and behind them where each ends. These ends have as few bytes (1, 2, 4) as the whole
 * needs. */

#include <endian.h>
#include <sys/stat.h>
#include <time.h>

#include "store/object-format.h"

void bytes_done(Bytes *b)
{
        free(b->data);
        *b = (Bytes){};
}

static int reserve(Bytes *b, size_t size)
{
        size_t wanted = b->size + size;
        uint8_t *data;

        if (wanted <= b->allocated)
                return 0;
        wanted = MAX(wanted, b->allocated + b->allocated / 2);
        data = realloc(b->data, wanted);
        if (!data)
                return -ENOMEM;
        b->data = data;
        b->allocated = wanted;
        return 0;
}

static int bytes_add(Bytes *b, const void *data, size_t size)
{
        int r = reserve(b, size);

        if (r < 0)
                return r;
        if (size > 0)
                memcpy(b->data + b->size, data, size);
        b->size += size;
        return 0;
}

static unsigned end_width(size_t body, size_t n_ends)
{
        if (body + n_ends <= UINT8_MAX)
                return 1;
        return body + 2 * n_ends <= UINT16_MAX ? 2 : 4;
}

static int add_end(Bytes *b, size_t end, unsigned width)
{
        uint32_t little = htole32((uint32_t) end);

        return bytes_add(b, &little, width);
}

static int add_number(Bytes *b, uint32_t n)
{
        uint32_t big = htobe32(n);

        return bytes_add(b, &big, sizeof(big));
}

void object_mtime_encode(const struct timespec *mtime, uint8_t ret[static OBJECT_MTIME_SIZE])
{
        uint64_t seconds = htobe64((uint64_t) mtime->tv_sec);
        uint32_t nanoseconds = htobe32((uint32_t) mtime->tv_nsec);

        memcpy(ret, &seconds, sizeof(seconds));
        memcpy(ret + sizeof(seconds), &nanoseconds, sizeof(nanoseconds));
}

static int add_xattr(Bytes *b, const Xattr *x)
{
        size_t begin = b->size, name = strlen(x->name) + 1;
        int r = bytes_add(b, x->name, name);

        if (r >= 0)
                r = bytes_add(b, x->value, x->size);
        return r < 0 ? r : add_end(b, name, end_width(b->size - begin, 1));
}

/* The attributes in the order of their names, the time among them. */
static int add_xattrs(Bytes *b, const Attributes *a, const Xattr *mtime)
{
        size_t begin = b->size, n = 0;
        uint32_t ends[TREE_XATTRS_MAX + 1];
        unsigned width;
        int r = 0;

        assert(a->n_xattrs <= TREE_XATTRS_MAX);
        for (size_t i = 0; r >= 0 && (i < a->n_xattrs || mtime);) {
                const Xattr *next = i < a->n_xattrs ? &a->xattrs[i] : NULL;

                if (mtime && (!next || strcmp(mtime->name, next->name) < 0))
                        next = TAKE_PTR(mtime);
                else
                        i++;
                r = add_xattr(b, next);
                ends[n++] = (uint32_t) (b->size - begin);
        }
        width = end_width(b->size - begin, n);
        for (size_t i = 0; r >= 0 && i < n; i++)
                r = add_end(b, ends[i], width);
        return r;
}

static int add_owner(Bytes *b, const Attributes *a, mode_t type)
{
        int r = add_number(b, a->uid);

        if (r >= 0)
                r = add_number(b, a->gid);
        return r < 0 ? r : add_number(b, a->mode | type);
}

int object_format_header(const Attributes *a, mode_t type, const char *target, bool mtime, Bytes *ret)
{
        uint8_t value[OBJECT_MTIME_SIZE];
        const Xattr time = {OBJECT_MTIME_XATTR, value, sizeof(value)};
        size_t target_end;
        uint32_t size;
        int r;

        object_mtime_encode(&a->mtime, value);
        ret->size = 0;
        r = bytes_add(ret, "\0\0\0\0\0\0\0", 8);
        if (r >= 0)
                r = add_owner(ret, a, type);
        if (r >= 0)
                r = add_number(ret, 0);
        if (r >= 0)
                r = bytes_add(ret, target, strlen(target) + 1);
        target_end = ret->size - 8;
        if (r >= 0)
                r = add_xattrs(ret, a, mtime ? &time : NULL);
        if (r >= 0)
                r = add_end(ret, target_end, end_width(ret->size - 8, 1));
        if (r < 0)
                return r;
        size = htobe32((uint32_t) (ret->size - 8));
        memcpy(ret->data, &size, sizeof(size));
        return 0;
}

int object_format_dirmeta(const Attributes *a, Bytes *ret)
{
        int r;

        ret->size = 0;
        r = add_owner(ret, a, S_IFDIR);
        return r < 0 ? r : add_xattrs(ret, a, NULL);
}

void object_list_done(ObjectList *l)
{
        bytes_done(&l->entries);
        free(l->ends);
        *l = (ObjectList){};
}

static int add_list_end(ObjectList *l)
{
        if ((l->n & (l->n + 1)) == 0) {
                uint32_t *ends = reallocarray(l->ends, 2 * l->n + 1, sizeof(*ends));

                if (!ends)
                        return -ENOMEM;
                l->ends = ends;
        }
        l->ends[l->n++] = (uint32_t) l->entries.size;
        return 0;
}

int object_list_add(ObjectList *l, const char *name, const uint8_t sum[static OBJECT_SUM_SIZE],
                    const uint8_t *meta)
{
        size_t begin = l->entries.size, length = strlen(name) + 1;
        unsigned width;
        int r = bytes_add(&l->entries, name, length);

        if (r >= 0)
                r = bytes_add(&l->entries, sum, OBJECT_SUM_SIZE);
        if (r >= 0 && meta)
                r = bytes_add(&l->entries, meta, OBJECT_SUM_SIZE);
        width = end_width(l->entries.size - begin, meta ? 2 : 1);
        if (r >= 0 && meta)
                r = add_end(&l->entries, length + OBJECT_SUM_SIZE, width);
        if (r >= 0)
                r = add_end(&l->entries, length, width);
        return r < 0 ? r : add_list_end(l);
}

static int close_list(ObjectList *l)
{
        unsigned width = end_width(l->entries.size, l->n);
        int r = 0;

        for (size_t i = 0; r >= 0 && i < l->n; i++)
                r = add_end(&l->entries, l->ends[i], width);
        return r;
}

int object_format_dirtree(ObjectList *files, ObjectList *dirs, Bytes *ret)
{
        size_t files_end;
        int r = close_list(files);

        if (r >= 0)
                r = close_list(dirs);
        if (r < 0)
                return r;
        files_end = files->entries.size;
        bytes_done(ret);
        *ret = TAKE(files->entries, (Bytes){});
        r = bytes_add(ret, dirs->entries.data, dirs->entries.size);
        return r < 0 ? r : add_end(ret, files_end, end_width(ret->size, 1));
}
