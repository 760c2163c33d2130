/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What an image says about itself, typed and checked. The worker that reads a stranger's configuration writes
 * it down as images/<id>/image.json; everybody else reads only that. Nothing in here is an instruction to us:
 * it is the default for settings that the user left out. */

#include "base/hashmap.h"
#include "base/json.h"
#include "spec/error.h"

#define IMAGE_LAYERS_MAX 128U

typedef struct ImageConfig {
        char *id;     /* hex of the config's digest */
        char *digest; /* of the manifest, "sha256:..."; NULL when the archive had none */
        char *architecture;
        char *os;
        char *variant;
        char *author;
        char *created; /* RFC 3339, NULL: unknown */
        uint64_t created_usec;
        uint64_t loaded_usec;
        uint64_t size; /* unpacked, bytes */
        char *user;
        char *working_dir;
        char *stop_signal;
        char **env; /* "NAME=value", checked */
        char **entrypoint;
        char **cmd;
        char **volumes; /* paths */
        char **exposed_ports;
        char **diff_ids; /* "sha256:..." bottom first */
        Map *labels;
        json_t *layers;      /* bottom first, an object each: "DiffId", "Digest" and "MediaType" as they came
                                (absent when      nobody said), "PackedSize", "Size" of all its files */
        json_t *annotations; /* of the manifest; object of strings */
        json_t *history;     /* array of the image-spec's objects, as it came */
        json_t *healthcheck;
        bool stdio_paths; /* programs in it open their standard output or error by path, as far as one can see
                           */
        json_t *unknown;  /* members of a newer version, kept */
} ImageConfig;

ImageConfig *image_config_free(ImageConfig *c);
DEFINE_CLEANUP(ImageConfig *, image_config_free)

/* Whether text holds a path of the standard output or error, as /dev/stdout. */
bool image_names_stdio(const void *text, size_t size);

/* From an OCI (or Docker v2s2) image configuration document; strict about types and ranges
 * (reliability-security F3, F4, F7). id, digest, size, loaded_usec are the caller's to fill.
 * ERROR_BAD_ARCHIVE names the member. */
int image_config_from_oci(const json_t *document, ImageConfig **ret, Error *error);

/* image.json and back. */
json_t *image_config_to_json(const ImageConfig *c);
int image_config_from_json(const json_t *v, ImageConfig **ret, Error *error);
