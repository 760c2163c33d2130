/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the parts of the image store share: image-store.c has transactions and what needs libostree,
 * image-store-object.c has objects, image-store-layer.c has layers. Only they include this. */

#include <ostree.h>

#include "base/hashmap.h"
#include "store/digest.h"
#include "store/image-store.h"
#include "store/object-format.h"

#define STORE_REF_PREFIX "layer/"
#define STORE_STAGE_PREFIX "staging-"
#define STORE_OBJECT_NAME_MAX (2 * OBJECT_SUM_SIZE + sizeof(".dirtree"))
#define STORE_OBJECT_PATH_MAX (sizeof("objects/xx/") + STORE_OBJECT_NAME_MAX)

struct ImageStore {
        int parent; /* holds the lock */
        OstreeRepo *repo;
        int dir;   /* of the repository */
        int stage; /* where a transaction's objects are, named "<hex>.<type>"; -EBADF: there is none */
        char stage_name[sizeof(STORE_STAGE_PREFIX) + 16];
        unsigned n_writers; /* opened in the transaction */
        Digest *hash;
        Bytes header;
        uid_t uid; /* what new files have */
        gid_t gid;
        bool distrust; /* what is in its place is looked at before it is taken for what it should be */
        Map *pending;  /* layers without a ref yet: diff ID to commit */
        uint8_t mark_sum[OBJECT_SUM_SIZE]; /* the empty file that stands for every mark */
};

typedef enum ObjectKind {
        OBJECT_FILE, /* or symlink */
        OBJECT_DIRTREE,
        OBJECT_DIRMETA,
        OBJECT_COMMIT,
        _OBJECT_KIND_MAX,
        _OBJECT_KIND_INVALID = -EINVAL,
} ObjectKind;

static inline void gerror_freep(GError **e)
{
        if (*e)
                g_error_free(*e);
}
#define _cleanup_gerror_ _cleanup_(gerror_freep)

static inline void variant_unrefp(GVariant **v)
{
        if (*v)
                g_variant_unref(*v);
}
#define _cleanup_variant_ _cleanup_(variant_unrefp)

static inline void gfreep(void *p)
{
        g_free(*(void **) p);
}
#define _cleanup_gfree_ _cleanup_(gfreep)

/* "layer/<hex>". NULL: out of memory. */
char *image_store_layer_ref(const char *diff_id);

void store_object_path(ObjectKind kind, const uint8_t sum[static OBJECT_SUM_SIZE],
                       char ret[static STORE_OBJECT_PATH_MAX]);

/* Directories, their descriptions and commits: the checksum is that of the bytes. */
int object_write_metadata(ImageStore *s, ObjectKind kind, const void *data, size_t size,
                          uint8_t ret_sum[static OBJECT_SUM_SIZE], Error *error);
/* Reads it and compares it with its checksum. */
int object_read_metadata(ImageStore *s, ObjectKind kind, const uint8_t sum[static OBJECT_SUM_SIZE],
                         Bytes *ret, Error *error);
/* The content of a small file. */
int object_read_file(ImageStore *s, const uint8_t sum[static OBJECT_SUM_SIZE], size_t max, char **ret,
                     Error *error);

/* _OBJECT_KIND_INVALID for what is no kind's suffix. */
ObjectKind store_object_kind(const char *suffix);

/* What an inode has of what an object is. */
typedef struct InodeAttributes {
        Attributes attributes;
        Xattr xattrs[TREE_XATTRS_MAX];
        char *names;
} InodeAttributes;

/* fd may be negative: no attributes are read then. */
int inode_attributes_read(int fd, const struct stat *st, InodeAttributes *ret);
void inode_attributes_done(InodeAttributes *i);

/* Whether path of the repository, or dir/name, is the object: 1, 0, or why it cannot be read. */
int object_verify(ImageStore *s, ObjectKind kind, const char *path,
                  const uint8_t sum[static OBJECT_SUM_SIZE]);

/* Puts what is staged into its place; an object that is there already stays what it is. */
int object_place_staged(ImageStore *s, Error *error);
