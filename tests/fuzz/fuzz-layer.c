/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A layer that is accepted becomes a tree of checked names, whatever is laid over what. The store is a fake
 * that takes all content and names it by its size. */

#include "base/str.h"
#include "engine/layer.h"
#include "fuzz.h"

typedef struct MemoryStream {
        Stream stream;
        const uint8_t *data;
        size_t left;
} MemoryStream;

struct ObjectWriter {
        uint64_t left;
};

static ssize_t memory_read(Stream *s, const void **ret, Error *error)
{
        MemoryStream *m = (MemoryStream *) s;
        size_t n = MIN(m->left, (size_t) 1000);

        *ret = m->data;
        m->data += n;
        m->left -= n;
        return (ssize_t) n;
}

static void memory_close(Stream *s)
{
        free(s);
}

static void check_attributes(const Attributes *a)
{
        MUST(a->uid != UINT32_MAX && a->gid != UINT32_MAX && a->mode <= 07777);
        MUST(a->mtime.tv_sec >= -2147483648 && a->mtime.tv_sec <= 15032385535);
        MUST(a->mtime.tv_nsec >= 0 && a->mtime.tv_nsec < 1000000000);
        for (size_t i = 0; i < a->n_xattrs; i++) {
                MUST(streq(a->xattrs[i].name, "security.capability") ||
                     startswith(a->xattrs[i].name, "user."));
                MUST(!startswith(a->xattrs[i].name, "user.overlay."));
                MUST(i == 0 || strcmp(a->xattrs[i - 1].name, a->xattrs[i].name) < 0);
        }
}

static int take(const Attributes *a, uint64_t size, uint8_t ret_sum[static OBJECT_SUM_SIZE])
{
        check_attributes(a);
        memset(ret_sum, 0, OBJECT_SUM_SIZE);
        memcpy(ret_sum, &size, sizeof(size));
        return 0;
}

int image_store_write_file(ImageStore *s, const Attributes *a, const void *data, size_t size,
                           uint8_t ret_sum[static OBJECT_SUM_SIZE], Error *error)
{
        /* Every byte must be readable. */
        for (size_t i = 0; i < size; i++)
                ret_sum[0] ^= ((const uint8_t *) data)[i];
        return take(a, size, ret_sum);
}

int image_store_write_symlink(ImageStore *s, const Attributes *a, const char *target,
                              uint8_t ret_sum[static OBJECT_SUM_SIZE], Error *error)
{
        MUST(*target && strlen(target) < 4096);
        return take(a, strlen(target), ret_sum);
}

int image_store_open_writer(ImageStore *s, const Attributes *a, uint64_t size, ObjectWriter **ret,
                            Error *error)
{
        *ret = malloc(sizeof(ObjectWriter));
        MUST(*ret);
        **ret = (ObjectWriter){size};
        return 0;
}

int object_writer_write(ObjectWriter *w, const void *data, size_t size, Error *error)
{
        MUST(size <= w->left);
        w->left -= size;
        return 0;
}

int object_writer_skip(ObjectWriter *w, uint64_t size, Error *error)
{
        return object_writer_write(w, NULL, size, error);
}

int object_writer_finish(ObjectWriter *w, uint8_t ret_sum[static OBJECT_SUM_SIZE], Error *error)
{
        MUST(w->left == 0);
        memset(ret_sum, 0xff, OBJECT_SUM_SIZE);
        return 0;
}

ObjectWriter *object_writer_free(ObjectWriter *w)
{
        free(w);
        return NULL;
}

int image_store_find_recipe(ImageStore *s, const char *diff_id, uint8_t ret[static OBJECT_SUM_SIZE],
                            Error *error)
{
        return -ENODATA;
}

int image_store_open_object(ImageStore *s, const uint8_t sum[static OBJECT_SUM_SIZE], Error *error)
{
        return -ENOENT;
}

int image_store_write_layer(ImageStore *s, const char *diff_id, Tree *layer, Error *error)
{
        return 0;
}

static void check_tree(Tree *t)
{
        for (const Node *n = tree_root(t); n; n = tree_next(n)) {
                MUST(n->type == NODE_DIRECTORY || !n->child);
                MUST(n->type != NODE_LINK || *n->target);
                MUST(n->type != NODE_DIRECTORY || n->attributes);
                if (n->type == NODE_DIRECTORY)
                        check_attributes(n->attributes);
                if (!n->parent)
                        continue;
                MUST(*n->name && strlen(n->name) <= TREE_NAME_MAX && !strchr(n->name, '/'));
                MUST(!streq(n->name, ".") && !streq(n->name, ".."));
                MUST(n->type == NODE_NONE || !startswith(n->name, ".wh."));
                MUST(node_depth(n) <= TREE_DEPTH_MAX);
        }
}

static int import(const uint8_t *data, size_t size, Coding coding, Tree **ret, Error *error)
{
        MemoryStream *m = malloc(sizeof(*m));
        char diff_id[DIGEST_TEXT_SIZE];
        const LayerSource source = {.diff_id = diff_id, .coding = coding};

        MUST(m);
        *m = (MemoryStream){{memory_read, memory_close}, data, size};
        MUST(digest_of(data, size, diff_id) == 0);
        return layer_import(NULL, &source, &m->stream, ret, error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_(tree_freep) Tree *layer = NULL, *t = tree_new();
        _cleanup_error_ Error error = ERROR_INIT;

        MUST(t);
        if (import(data, size, coding_from_magic(data, size), &layer, &error) < 0) {
                MUST(!layer);
                MUST(error.kind != ERROR_NONE);
                return 0;
        }
        check_tree(layer);
        for (int i = 0; i < 2; i++) {
                const Node *bad = NULL;
                int r = tree_apply(t, layer, &bad);

                MUST(r == 0 || (r == -ENOLINK && bad));
                check_tree(t);
        }
        return 0;
}
