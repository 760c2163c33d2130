/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Image references: [registry[:port]/]path[:tag][@digest], by the grammar of the OCI distribution
 * specification and with podman's reading of short names. A name is normalised once, here: a reference
 * without a registry belongs to "localhost", one without tag and digest means ":latest". */

#include "base/macro.h"

#define IMAGE_REF_LENGTH_MAX 512

typedef struct ImageRef {
        char *registry; /* "localhost", "docker.io", "registry.example:5000"; NULL in a short name */
        char *path;     /* "library/nginx" */
        char *tag;      /* NULL: none given */
        char *digest;   /* "sha256:...", NULL: none given */
} ImageRef;

void image_ref_done(ImageRef *r);
#define _cleanup_image_ref_ _cleanup_(image_ref_done)

/* -EINVAL: not a reference; *ret_error (may be NULL) is a static text that says which rule it breaks. */
int image_ref_parse(const char *s, ImageRef *ret, const char **ret_error);
/* The canonical text, as stored: "localhost/web:latest". NULL: out of memory. */
char *image_ref_text(const ImageRef *r);
/* parse + text in one: "web" gives "localhost/web:latest". */
int image_ref_normalize(const char *s, char **ret, const char **ret_error);

/* "sha256:" and 64 lower-case hex digits, nothing else. */
bool digest_is_valid(const char *s);
