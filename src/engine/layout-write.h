/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Images on their way out: the forms that transports read, written. One row per form; what they differ in is
 * where blobs lie, and which document lists the images. Archives are written in one go, to whatever takes
 * bytes; directories are filled file by file, never through a symlink. */

#include "engine/compress.h"
#include "spec/manifest.h"

typedef enum LayoutFormat {
        LAYOUT_OCI_DIR,
        LAYOUT_OCI_ARCHIVE,
        LAYOUT_DOCKER_DIR, /* dir: */
        LAYOUT_DOCKER_ARCHIVE,
        LAYOUT_PUSH_DOCKER, /* docker's manifests in an OCI layout: for berth-fetch */
        _LAYOUT_FORMAT_MAX,
        _LAYOUT_FORMAT_INVALID = -EINVAL,
} LayoutFormat;

/* "oci-dir", "oci-archive", "docker-dir", "docker-archive", "push-docker". */
LayoutFormat layout_format_from_string(const char *s);
const char *layout_format_to_string(LayoutFormat f);
/* Into an archive, not a directory? */
bool layout_format_is_archive(LayoutFormat f);

typedef struct LayoutLayer {
        Packed packed;
        Coding coding;
} LayoutLayer;

typedef struct LayoutImage {
        const char *config; /* its bytes */
        size_t config_size;
        const LayoutLayer *layers; /* bottom first; their blobs are written */
        size_t n_layers;
        char *const *names;
        const json_t *annotations;     /* of the manifest; NULL: none */
        char digest[DIGEST_TEXT_SIZE]; /* set: of the manifest, "" where the form has none */
} LayoutImage;

typedef struct LayoutWriter LayoutWriter;

/* fd is a directory or takes the archive; it stays the caller's. */
int layout_writer_new(int fd, LayoutFormat format, LayoutWriter **ret, Error *error);
LayoutWriter *layout_writer_free(LayoutWriter *w);
DEFINE_CLEANUP(LayoutWriter *, layout_writer_free)

/* Is the blob written already? */
bool layout_writer_has(const LayoutWriter *w, const char *digest);
/* A layer's blob: exactly so many bytes. in stays the caller's. */
int layout_writer_add_layer(LayoutWriter *w, const Packed *packed, Stream *in, Error *error);
/* An image whose layers are written. */
int layout_writer_add_image(LayoutWriter *w, LayoutImage *image, Error *error);
int layout_writer_finish(LayoutWriter *w, Error *error);
