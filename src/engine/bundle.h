/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A bundle is what an image comes in: a tar archive (a file, a pipe, compressed or not) or a directory, seen
 * as named members that can be read in any order. It is indexed first; what it holds is looked at by the
 * transports. */

#include "engine/stream.h"

#define BUNDLE_MEMBERS_MAX 65536U
#define BUNDLE_SIZE_MAX (UINT64_C(256) * 1024 * 1024 * 1024)
#define BUNDLE_DOCUMENT_MAX (4U * 1024 * 1024)

typedef struct Bundle Bundle;

/* fd is a tar archive from its current position on, or a directory. What cannot be read twice is copied to an
 * unlinked file in scratch first. The descriptors stay the caller's. */
int bundle_open(int fd, int scratch, Bundle **ret, Error *error);
/* The archive of a root, from fd's position to its end and packed in any way, as the only member, unpacked;
 * with its digest. */
int bundle_open_root(int fd, int scratch, const char *name, Bundle **ret, uint64_t *ret_size,
                     char ret_digest[static DIGEST_TEXT_SIZE], Error *error);
Bundle *bundle_close(Bundle *b);
DEFINE_CLEANUP(Bundle *, bundle_close)

bool bundle_has(Bundle *b, const char *name);
/* ERROR_BAD_ARCHIVE names a member that is missing. */
int bundle_open_member(Bundle *b, const char *name, Stream **ret, uint64_t *ret_size, Error *error);
/* All of it, at most BUNDLE_DOCUMENT_MAX; NUL-terminated. */
int bundle_read_member(Bundle *b, const char *name, char **ret, size_t *ret_size, Error *error);
