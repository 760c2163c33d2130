/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A layer of the store as a new tar stream: for one that has no recipe. Entries are sorted by name; the same
 * layer is the same stream. */

#include "engine/compress.h"
#include "store/image-store.h"

/* Writes the stream to fd. */
int layer_write(ImageStore *store, const char *diff_id, int fd, Packed *ret, Error *error);
