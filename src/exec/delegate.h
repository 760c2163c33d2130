/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The unit's control group, where the container may make groups of its own below it (a writable
 * /sys/fs/cgroup). */

#include "spec/error.h"
#include "spec/launch.h"

/* Launcher, in that group: the container's root may use it, and cannot make more groups than a system needs.
 */
int delegate_cgroup(const Launch *l, Error *error);
