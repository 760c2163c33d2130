/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Where a mount goes: found in the container's root without leaving it, made when it is missing. Descriptors
 * are O_PATH. */

#include "exec/mount-plan.h"

int mount_target_directory(int root, const MountStep *s, bool *ret_made);
int mount_target_file(int root, const MountStep *s);
/* The directory that path is in, and path's last part. */
int mount_target_parent(int root, const char *path, const char **ret_name);
/* -EPERM: it is one of the kernel's own files. */
int mount_target_check(int fd, const MountStep *s);
