/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The configuration of an image that is made here, of a root that somebody brought: what it is for, one
 * layer, and changes in the words of a Containerfile. */

#include "base/json.h"
#include "spec/error.h"
#include "spec/platform.h"

#define IMAGE_CHANGES_MAX 1024U

typedef struct ImageBuild {
        const Platform *platform;
        const char *diff_id;
        uint64_t created_usec;
        const char *author;  /* these may be NULL */
        const char *comment; /* of the history */
        char *const *changes;
} ImageBuild;

/* CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME, WORKDIR, as "CMD [\"sh\"]", "ENV
 * a=b" or "USER=app". ERROR_INVALID_ARGUMENT names the change. */
int image_build(const ImageBuild *b, json_t **ret, Error *error);
