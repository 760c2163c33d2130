/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Performs a plan in the child's own mount namespace. After the root directory is mounted and pivoted to, the
 * host's tree is gone: whatever a later step is tricked into following ends inside the container. */

#include "exec/mount-plan.h"

int mount_plan_perform(MountPlan *p, Error *error);
