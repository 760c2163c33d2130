/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A bundle: a directory with a configuration, whose relative paths begin there. */

#include "exec/oci.h"
#include "spec/launch.h"

typedef struct Bundle {
        char *path; /* absolute */
        char *text; /* of the configuration, as it is */
        size_t size;
        Launch *launch; /* paths made absolute */
} Bundle;

void bundle_done(Bundle *b);
#define _cleanup_bundle_ _cleanup_(bundle_done)

/* The working directory is the bundle afterwards. */
int bundle_open(const Oci *o, Bundle *ret, Error *error);
/* From its copy, later. */
int bundle_read(int dir, const char *name, Launch **ret, Error *error);
