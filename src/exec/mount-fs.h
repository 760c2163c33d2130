/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Mounts as descriptors: made, copied and dressed while they are attached nowhere. All return a descriptor or
 * a negative errno. */

#include "base/macro.h"

/* A new file system with its options ("size=64m", "sync"). */
int mount_make(const char *type, const char *source, char *const *options, uint64_t attributes);
/* A copy of what is at fd, with all that is mounted below. */
int mount_copy(int fd);
/* The same of a path of the host's; flags of openat2's: AT_RECURSIVE, AT_SYMLINK_NOFOLLOW. */
int mount_copy_path(const char *path, unsigned flags);
/* all: below it, too. Nothing to do is no call. */
int mount_set(int fd, bool all, uint64_t set, uint64_t clear, unsigned long propagation);
int mount_attach(int mount, int target);
