/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* berth.conf, see berth-images(5): what an administrator says of Berth as a whole, in the syntax of unit
 * files: /etc/berth/berth.conf, then /etc/berth/berth.conf.d/ *.conf in the order of their names. */

#include "spec/error.h"

#define CONF_FILE "/etc/berth/berth.conf"

typedef struct Conf {
        /* [Images] */
        char *registries_conf;      /* NULL: that of containers-common */
        char *signature_policy;     /* the same */
        char *registries_directory; /* the same, registries.d */
        char **token_hosts;         /* "registry.example=auth.example" */
        uint64_t parallel;          /* 0: the default, in all three */
        uint64_t retry;
        bool no_retry;
        uint64_t retry_delay;  /* usec */
        uint64_t unpacked_max; /* bytes of all files of an image; 0: no more than is built in */
        uint64_t entries_max;  /* files and directories; 0: likewise */
} Conf;

void conf_done(Conf *c);
#define _cleanup_conf_ _cleanup_(conf_done)

/* path NULL: CONF_FILE, which may be missing. A key or value that is not known is ERROR_INVALID_ARGUMENT with
 * file and line: a setting of security that nobody reads would be worse. */
int conf_load(const char *path, Conf *ret, Error *error);
