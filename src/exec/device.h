/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What is in a container's /dev: the nodes that every program expects, those that the order lists, and the
 * links. */

#include "spec/error.h"
#include "spec/launch.h"

/* dev is the new tmpfs, not yet attached, so that nothing of the image's can be in the way. */
int device_fill(int dev, const Launch *l, Error *error);
