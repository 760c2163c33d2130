/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Who the payload is: numbers, or names that the image's own /etc/passwd and /etc/group give a number to.
 * These two are the only files of an image that Berth reads, and they are a stranger's: regular files of
 * bounded size only. */

#include "spec/error.h"
#include "spec/launch.h"

typedef struct Identity {
        uid_t uid;
        gid_t gid;
        gid_t *groups; /* supplementary, the primary one first */
        size_t n_groups;
        char *home;
} Identity;

void identity_done(Identity *i);
#define _cleanup_identity_ _cleanup_(identity_done)

/* root is the container's. Digits are a number from 0 to 2^32-2 and never looked up as a name. Without a
 * group the user's own group and those that list the user as a member count; with one, that group alone. */
int identity_resolve(int root, const LaunchProcess *p, Identity *ret, Error *error);
