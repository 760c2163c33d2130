/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The words in "options" of an OCI mount. Those that are attributes of the mount end up here, what is left
 * belongs to the file system. */

#include "base/macro.h"

typedef struct MountOptions {
        bool bind;
        bool recursive;              /* rbind */
        uint64_t set, clear;         /* MOUNT_ATTR_* of the topmost mount */
        uint64_t set_all, clear_all; /* the same below it, too (rro, rnosuid...) */
        unsigned long propagation;   /* MS_PRIVATE...; 0: none named */
        bool propagation_all;
        bool copy_up;      /* tmpcopyup: what the tmpfs hides is copied into it */
        bool copy_symlink; /* a source that is a symlink is made again, not mounted */
        bool source_nofollow, target_nofollow;
        bool idmap, idmap_all; /* by the maps of the mount, or of the user namespace; the whole tree */
        char *idmap_text;      /* behind "idmap=" */
        char **rest;           /* "size=64m", "sync": for the file system */
} MountOptions;

void mount_options_done(MountOptions *o);
int mount_options_parse(char *const *words, MountOptions *ret);
/* All words that are attributes, NULL after the last: what `features` lists. */
const char *mount_option_name(size_t i);
