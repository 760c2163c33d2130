/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Containers whose mount namespace is not made for them. One that exists is the container's from now on: its
 * root is pivoted from, and whoever else is in it finds the container's. Without any, the container is in the
 * launcher's, where nothing of its configuration is mounted: its root is entered by chroot. */

#include "exec/mount-plan.h"

/* Whether the order asks for what needs a mount namespace of the container's own. */
int mount_namespace_check(const MountPlan *p, Error *error);
static inline bool mount_is_chroot(const Launch *l)
{
        return !(l->namespaces & 1U << LAUNCH_NS_MOUNT);
}
static inline bool mount_is_joined(const Launch *l)
{
        return l->namespace_paths[LAUNCH_NS_MOUNT] != NULL;
}

/* Launcher, then child: instead of completing and performing the plan. */
int mount_chroot_open(MountPlan *p, Error *error);
int mount_chroot_perform(const MountPlan *p, Error *error);
