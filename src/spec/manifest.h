/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Manifests and indexes: those of the OCI image-spec, and Docker's of version 2, schema 2. The rules about
 * them are here alone, wherever a document comes from.
 *
 * What a document is, somebody said before it was read: its descriptor, or the Content-Type of a registry.
 * The document must agree, in its media type and in its members: one that reads as an index and as a manifest
 * would be two images with one digest. Names of members that differ from a known one in case alone are
 * refused, because some readers take them for the same. */

#include "base/json.h"
#include "spec/error.h"
#include "spec/platform.h"

#define MANIFEST_SIZE_MAX (4U * 1024 * 1024)
#define INDEX_DEPTH_MAX 2U
#define INDEX_ENTRIES_MAX 4096U

typedef enum Coding {
        CODING_NONE,
        CODING_GZIP,
        CODING_ZSTD,
        CODING_XZ, /* of archives that somebody imports; never of an image */
        _CODING_MAX,
        _CODING_INVALID = -EINVAL,
} Coding;

typedef enum MediaType {
        MEDIA_INDEX,
        MEDIA_MANIFEST,
        MEDIA_CONFIG,
        MEDIA_LAYER,
        MEDIA_FOREIGN_LAYER,
        MEDIA_SCHEMA1, /* Docker's manifest before 2016 */
        _MEDIA_TYPE_MAX,
        _MEDIA_TYPE_INVALID = -EINVAL,
} MediaType;

typedef enum MediaFamily {
        MEDIA_OCI,
        MEDIA_DOCKER,
        _MEDIA_FAMILY_MAX,
} MediaFamily;

/* Everything points into the document. */
typedef struct Descriptor {
        const char *media_type;
        const char *digest; /* valid */
        uint64_t size;
        MediaType type; /* _MEDIA_TYPE_INVALID: one that is not ours */
        Coding coding;
        const char *os; /* NULL: not said; the next two likewise */
        const char *architecture;
        const char *variant;
        const char *name; /* suggested by an annotation */
        const json_t *annotations;
} Descriptor;

typedef struct Manifest {
        json_t *document;
        MediaType type; /* MEDIA_INDEX or MEDIA_MANIFEST */
        MediaFamily family;
        Descriptor config; /* of a manifest */
        Descriptor *list;  /* the layers, bottom first, or the entries of the index that are images */
        size_t n;
} Manifest;

void manifest_done(Manifest *m);
#define _cleanup_manifest_ _cleanup_(manifest_done)

/* _MEDIA_TYPE_INVALID for what is not ours. Out-parameters may be NULL. */
MediaType media_type_from_string(const char *s, MediaFamily *ret_family, Coding *ret_coding);
/* NULL: there is none. */
const char *media_type_to_string(MediaType type, MediaFamily family, Coding coding);

/* name is what errors call the document: its digest, or its file. media_type is what was said about it; NULL
 * when nobody said anything, and the document speaks for itself. */
int manifest_parse(const char *text, size_t size, const char *name, const char *media_type, Manifest *ret,
                   Error *error);

/* Which entry of an index is for this platform. */
int manifest_choose(const Manifest *index, const char *name, const Platform *want, size_t *ret, Error *error);
