/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The bytes of OSTree's objects, as its documentation has them: GLib's serialisation, with numbers in
 * network order. What names an object is the SHA-256 of these bytes: of a directory's description as they
 * are, of a file with its header before the content.
 *
 * Written by hand because an image has hundreds of thousands of them. */

#include "store/tree.h"

/* Where a file's or directory's time stands in its header: a name that nobody without privileges sees, with
 * seconds and nanoseconds as its value. */
#define OBJECT_MTIME_XATTR "trusted.berth.mtime"
#define OBJECT_MTIME_SIZE 12U

void object_mtime_encode(const struct timespec *mtime, uint8_t ret[static OBJECT_MTIME_SIZE]);

/* Bytes that grow. */
typedef struct Bytes {
        uint8_t *data;
        size_t size;
        size_t allocated;
} Bytes;

void bytes_done(Bytes *b);
#define _cleanup_bytes_ _cleanup_(bytes_done)

/* What a file's checksum begins with. type is S_IFREG or S_IFLNK; mtime says whether the time is in it. */
int object_format_header(const Attributes *a, mode_t type, const char *target, bool mtime, Bytes *ret);
int object_format_dirmeta(const Attributes *a, Bytes *ret);

/* A list of a directory object: entries are added in the order of their names. */
typedef struct ObjectList {
        Bytes entries;
        uint32_t *ends;
        size_t n;
} ObjectList;

void object_list_done(ObjectList *l);
#define _cleanup_object_list_ _cleanup_(object_list_done)
/* meta: of a directory; NULL: a file. */
int object_list_add(ObjectList *l, const char *name, const uint8_t sum[static OBJECT_SUM_SIZE],
                    const uint8_t *meta);
/* Takes the lists' memory. */
int object_format_dirtree(ObjectList *files, ObjectList *dirs, Bytes *ret);
