/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The last line that a worker writes: {"Result":{...}} or {"Error":{"Name":...,"Message":...}}. */

#include "base/json.h"
#include "spec/error.h"

/* r < 0: the error; result NULL: an empty one. Waits while fd, which need not block, is full. */
int result_write(int fd, const json_t *result, int r, const Error *error);
