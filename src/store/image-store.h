/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Layers on disk: an OSTree repository in bare mode, one commit per layer under the ref "layer/<hex of the
 * diff ID>", so that a file is stored once whatever layers and images have it. libostree knows the refs and
 * what they need; it unpacks, merges and checks out nothing. Nobody else sees ostree.h.
 *
 * Durable before visible: image_store_commit() puts objects in their place after they are on disk, and
 * image_store_publish() sets the refs, which makes layers found. What is cut off before leaves objects that
 * no ref needs, for image_store_collect() to remove. */

#include <sys/stat.h>

#include "spec/error.h"
#include "store/tree.h"

typedef struct ImageStore ImageStore;
typedef struct ObjectWriter ObjectWriter;

typedef enum StoreLock {
        STORE_ADD,         /* any number at a time */
        STORE_COLLECT,     /* waits for all others, and keeps them out */
        STORE_TRY_COLLECT, /* or -EBUSY at once */
} StoreLock;

/* Opens the repository below the state directory, which makes it when it is missing, and holds the lock until
 * it is closed. Closing drops what was not committed. */
int image_store_open(int state, StoreLock lock, ImageStore **ret, Error *error);
ImageStore *image_store_close(ImageStore *s);
DEFINE_CLEANUP(ImageStore *, image_store_close)

/* One transaction at a time: objects and layers are written between begin and commit. */
int image_store_begin(ImageStore *s, Error *error);
int image_store_commit(ImageStore *s, Error *error);
/* Drops what was written since begin; nothing when it was committed. */
void image_store_abort(ImageStore *s);
/* Sets the refs of all layers that were committed since the store was opened. */
int image_store_publish(ImageStore *s, Error *error);

/* Content: whole, or piece by piece (exactly size bytes in all). The checksum names the object. */
int image_store_write_file(ImageStore *s, const Attributes *a, const void *data, size_t size,
                           uint8_t ret_sum[static OBJECT_SUM_SIZE], Error *error);
int image_store_write_symlink(ImageStore *s, const Attributes *a, const char *target,
                              uint8_t ret_sum[static OBJECT_SUM_SIZE], Error *error);
int image_store_open_writer(ImageStore *s, const Attributes *a, uint64_t size, ObjectWriter **ret,
                            Error *error);
int object_writer_write(ObjectWriter *w, const void *data, size_t size, Error *error);
/* So many zeros, which become a hole. */
int object_writer_skip(ObjectWriter *w, uint64_t size, Error *error);
int object_writer_finish(ObjectWriter *w, uint8_t ret_sum[static OBJECT_SUM_SIZE], Error *error);
ObjectWriter *object_writer_free(ObjectWriter *w);
DEFINE_CLEANUP(ObjectWriter *, object_writer_free)

bool image_store_has_layer(ImageStore *s, const char *diff_id);
/* Sorts the children of the layer's nodes on the way. */
int image_store_write_layer(ImageStore *s, const char *diff_id, Tree *layer, Error *error);
int image_store_read_layer(ImageStore *s, const char *diff_id, Tree **ret, Error *error);

/* Puts the file or symlink n as dir/name: a hard link; a copy when it is empty, so that what has nothing in
 * common but being empty is not one inode, and when the file system allows no more links. *ret is the
 * object's. */
int image_store_checkout(ImageStore *s, const Node *n, int dir, struct stat *ret, Error *error);

/* Files of a layer's commit that are not the layer's, in its root: how its tar stream was made
 * (engine/recipe), and objects that only this needs. image_store_read_layer() leaves them out. */
#define STORE_RECIPE ".wh..wh..recipe"
#define STORE_KEPT ".wh..wh..kept."

/* -ENODATA without an error: the layer has none. */
int image_store_find_recipe(ImageStore *s, const char *diff_id, uint8_t ret[static OBJECT_SUM_SIZE],
                            Error *error);
/* Who owns a file or symlink, and so on; target, for PATH_MAX bytes, is set for a symlink. */
int image_store_stat_object(ImageStore *s, const uint8_t sum[static OBJECT_SUM_SIZE], struct stat *ret,
                            char *target, Error *error);
/* The content of a file's object, for reading. */
int image_store_open_object(ImageStore *s, const uint8_t sum[static OBJECT_SUM_SIZE], Error *error);

/* From now on objects that are there are verified before they are taken for what is to be written, and
 * removed when they are damaged; needs the exclusive lock. */
void image_store_distrust(ImageStore *s);

typedef struct StoreCheck {
        bool quick;  /* does not read the content of files */
        bool repair; /* removes what is damaged; needs the exclusive lock */
        int (*found)(void *userdata, const char *problem, bool removed);
        void *userdata;
} StoreCheck;

/* Looks at all objects. */
int image_store_check(ImageStore *s, const StoreCheck *check, Error *error);
/* The diff IDs of all layers that the store has. */
int image_store_layers(ImageStore *s, char ***ret, Error *error);

typedef enum TreeState {
        TREE_SAME,
        TREE_MISSING,         /* the tree does not have it */
        TREE_CHANGED,         /* it is not what the object is */
        TREE_WITHOUT_OBJECT,  /* the store has no such object */
        TREE_OBJECT_RESTORED, /* nor had, but the tree did */
} TreeState;

/* Whether dir has the file or symlink n as image_store_checkout() makes it. That the object is what it should
 * be is image_store_check()'s to find out. */
TreeState image_store_compare(ImageStore *s, const Node *n, int dir, bool repair);

/* Forgets every layer that is not in diff_ids and removes the objects that no other layer has; needs the
 * exclusive lock. */
int image_store_collect(ImageStore *s, char *const *diff_ids, Error *error);
