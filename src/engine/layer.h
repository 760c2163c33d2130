/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One layer of an image: a tar stream of a stranger's, read into the store's objects and a tree of names.
 *
 * The rules (the image-spec's layer.md, and where it is silent what other engines do):
 * - A name is relative to the image's root, whatever slashes or "./" it begins with. "..", a component of
 * more than 255 bytes, more than 256 levels: refused.
 * - What an entry passes through is a directory, implied when the layer has no entry for it. Below a file or
 * symlink of the same layer there is nothing: refused. Of a lower layer, the directory takes the place of the
 * file.
 * - The last entry of a name counts.
 * - A hard link shares what an earlier entry of the same layer has, which must be a file or symlink, and has
 * no data. When the layer has none, it is one to what the lower layers have there; the merge finds it.
 * - ".wh.NAME" hides NAME of the lower layers, ".wh..wh..opq" all that they have in the directory; neither
 * touches its own layer. Other names that begin with ".wh..wh." are the old aufs driver's own: left out.
 * - Devices, FIFOs and sockets are left out, and hide what a lower layer has there: containers get theirs
 * from the runtime alone.
 * - Of extended attributes security.capability of files and user.* (but user.overlay.*) are kept.
 * - Times are kept, from 1901 to 2446; those beyond are brought to the nearer end. */

#include "engine/stream.h"
#include "store/image-store.h"

#define LAYER_SIZE_MAX (UINT64_C(64) * 1024 * 1024 * 1024)
/* Of unpacked to packed bytes, beyond the first ones. */
#define LAYER_RATIO_MAX 200U
#define LAYER_RATIO_FREE (UINT64_C(64) * 1024 * 1024)

typedef struct LayerSource {
        const char *diff_id; /* of the tar stream */
        const char *digest;  /* of what in hands out, when it is known; NULL: only diff_id */
        uint64_t size;       /* of the same */
        Coding coding;
        uint64_t bytes_max;   /* of all files together; 0: LAYER_SIZE_MAX alone */
        uint64_t entries_max; /* 0: TREE_NODES_MAX alone */
} LayerSource;

/* Reads the layer in a transaction of the store and adds it there. in is taken. Errors name the layer and
 * entry. */
int layer_import(ImageStore *store, const LayerSource *source, Stream *in, Tree **ret, Error *error);
