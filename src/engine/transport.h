/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A transport turns what somebody brought into images: which documents, which layers, which names. One row
 * per transport; the first whose probe recognises the bundle reads it. Documents are verified when they are
 * read, layers when they are imported. */

#include "engine/bundle.h"
#include "spec/image-config.h"
#include "spec/manifest.h"

#define TRANSPORT_IMAGES_MAX 256U

typedef struct TransportLayer {
        char *member;
        char *digest; /* of the member's bytes; NULL: only the diff ID is known */
        uint64_t size;
        Coding coding;
} TransportLayer;

typedef struct TransportImage {
        ImageConfig *config; /* with id and digest */
        char *config_text;
        size_t config_size;
        char *manifest_text; /* NULL: the transport has none */
        size_t manifest_size;
        TransportLayer *layers; /* one for each of config->diff_ids */
        size_t n_layers;
        char **names; /* suggested; canonical */
} TransportImage;

typedef struct TransportImages {
        TransportImage *list;
        size_t n;
} TransportImages;

void transport_images_done(TransportImages *images);
#define _cleanup_transport_images_ _cleanup_(transport_images_done)

typedef struct Transport {
        const char *name;
        bool (*probe)(Bundle *b);
        /* strict: nothing but this platform will do. */
        int (*read)(Bundle *b, const Platform *platform, bool strict, TransportImages *images, Error *error);
} Transport;

extern const Transport transport_dir;
extern const Transport transport_docker_archive;
extern const Transport transport_oci;

/* Whose bundle it is: "oci-archive", "dir", "docker-archive"; also of directories. NULL: nobody's. */
const char *transport_name(Bundle *b);
/* Reads all images of a bundle. Of an image for several platforms, the one for want; NULL: for this machine,
 * or the only one there is. */
int transport_read(Bundle *b, const Platform *want, TransportImages *ret, Error *error);
/* The layer's bytes as they came, still packed. Their first ones must be of the coding that was said. */
int transport_open_layer(Bundle *b, const TransportLayer *l, Stream **ret, Error *error);

/* For transports. The image is appended empty. */
int transport_images_add(TransportImages *images, TransportImage **ret, Error *error);
/* Parses text, which becomes the image's configuration, and checks it against digest when that is not NULL.
 */
int transport_take_config(TransportImage *image, char *text, size_t size, const char *digest, Error *error);
/* A name that the bundle suggests; when it stands already it is not added again. */
int transport_add_name(TransportImage *image, const char *name, Error *error);

/* Where the blob of a digest is. NULL: out of memory. */
typedef char *(*BlobMember)(const char *digest);
/* A document, with size and digest checked. */
int transport_read_blob(Bundle *b, BlobMember blob, const Descriptor *d, char **ret, size_t *ret_size,
                        Error *error);
/* Appends the image that the manifest describes. text, which is taken, is the manifest itself. */
int transport_take_manifest(Bundle *b, BlobMember blob, const Manifest *m, const char *digest, char *text,
                            size_t size, TransportImages *images, Error *error);
