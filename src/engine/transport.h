/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A transport turns what somebody brought into images: which documents, which layers, which names. One row
 * per transport; the first whose probe recognises the bundle reads it. Documents are verified when they are
 * read, layers when they are imported. */

#include "engine/bundle.h"
#include "spec/image-config.h"

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
        int (*read)(Bundle *b, TransportImages *images, Error *error);
} Transport;

extern const Transport transport_oci;
extern const Transport transport_docker_archive;

/* Reads all images of a bundle. */
int transport_read(Bundle *b, TransportImages *ret, Error *error);
/* The layer's bytes as they came, still packed. */
int transport_open_layer(Bundle *b, const TransportLayer *l, Stream **ret, Error *error);

/* For transports. The image is appended empty. */
int transport_images_add(TransportImages *images, TransportImage **ret, Error *error);
/* Parses text, which becomes the image's configuration, and checks it against digest when that is not NULL.
 */
int transport_take_config(TransportImage *image, char *text, size_t size, const char *digest, Error *error);
/* What member holds, as a JSON object or array. */
int transport_read_document(Bundle *b, const char *member, json_t **ret, char **ret_text, size_t *ret_size,
                            Error *error);
/* A name that the bundle suggests; when it stands already it is not added again. */
int transport_add_name(TransportImage *image, const char *name, Error *error);

/* What this machine is called in an image's platform: "amd64", "arm64". */
const char *transport_architecture(void);
