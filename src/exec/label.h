/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Labels of the kernel's security modules. A label for a process that the kernel cannot give is an error:
 * whoever asked for it relies on it. A label for mounts is of use with SELinux alone, and ignored without. */

#include "spec/error.h"
#include "spec/launch.h"

/* Launcher: whether this kernel has what the order asks for. */
int label_check(const LaunchProcess *p, Error *error);
/* Child: counts from the next exec on. root is the container's, with a procfs on /proc. */
int label_set(int root, const LaunchProcess *p, Error *error);
bool label_has_selinux(void);
