/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What makes a layer's tar stream again, byte for byte: all of it that is not the content of a regular file
 * (headers, padding, extended headers), and for each content the object that has it. So an image that came
 * can be saved and pushed with the same image ID.
 *
 * It is recorded while a layer is read, from the bytes as they pass; the content of files is not looked at.
 * The recipe is a file of the layer's commit under a name that no entry of a layer can have. Objects that the
 * stream has, but the layer has not (a name that comes twice), are kept the same way. A layer that cannot be
 * expressed has no recipe. */

#include "engine/stream.h"
#include "store/image-store.h"

typedef struct Recorder Recorder;

/* NULL: out of memory. */
Recorder *recorder_new(void);
Recorder *recorder_free(Recorder *r);
DEFINE_CLEANUP(Recorder *, recorder_free)

/* The stream's next bytes, all of them from its beginning to its end. */
void recorder_feed(Recorder *r, const void *data, size_t size);
/* The entry whose headers begin at position is a file of that size, and became that object. In order. */
void recorder_file(Recorder *r, uint64_t position, uint64_t size, const uint8_t sum[static OBJECT_SUM_SIZE]);
/* Writes the recipe, if there is one, and adds it to the layer's tree; recipe_hide() takes it out again when
 * the layer is written. */
int recorder_store(Recorder *r, ImageStore *store, Tree *layer, Error *error);
void recipe_hide(Tree *layer);

/* The layer's tar stream. ERROR_NONE with -ENODATA: it has no recipe. That what comes out is right only its
 * digest says. */
int recipe_open(ImageStore *store, const char *diff_id, Stream **ret, uint64_t *ret_size, Error *error);
