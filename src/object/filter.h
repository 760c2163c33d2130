/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Filters of lists and prunes, by podman's keys: an object of lists of strings. Of one key any value will do
 * (all of them for labels); all keys must fit. */

#include "base/json.h"
#include "object/container.h"
#include "object/image.h"

/* ERROR_INVALID_ARGUMENT names the key or value that is none. NULL filters are none. */
int container_filters_check(const Manager *m, const json_t *filters, Error *error);
bool container_fits(const Container *c, const json_t *filters);
int image_filters_check(const Manager *m, const json_t *filters, Error *error);
bool image_fits(const Image *i, const json_t *filters);
