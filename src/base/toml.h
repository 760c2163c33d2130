/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* TOML 1.0, as the configuration files of the container tools are written, read into JSON values: tables are
 * objects, arrays are arrays, integers have 64 bits. Dates and times, infinity and "not a number" have no
 * JSON value and no use here: they are refused, as are NUL characters in strings. */

#include "base/json.h"

#define TOML_SIZE_MAX (1U * 1024 * 1024)
#define TOML_DEPTH_MAX 32    /* of values inside values, and of names in one key */
#define TOML_KEYS_MAX 65536U /* of one document */

/* Parses size bytes into an object. -EBADMSG: not TOML, and *ret_error (if not NULL) is a text "line 3: ...";
 * -EFBIG, -ENOMEM. */
int toml_parse(const char *text, size_t size, json_t **ret, char **ret_error);
