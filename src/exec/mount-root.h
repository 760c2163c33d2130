/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The container's root directory: an overlay or a directory of the host's, mounted somewhere and pivoted to.
 */

#include "exec/mount-plan.h"

/* Child, before it enters the container's user namespace: mounts the overlay there, whose files are mapped by
 * it, and keeps the place where the root will be mounted as working directory, since afterwards no path of
 * the host's may be open to it. */
int mount_root_early(MountPlan *p, Error *error);
/* Child: mounts the root, *ret is its descriptor. */
int mount_root_assemble(const MountPlan *p, int *ret, Error *error);
/* Child: makes it the root, and the host's tree is gone. */
int mount_root_enter(const MountPlan *p, int root, Error *error);
