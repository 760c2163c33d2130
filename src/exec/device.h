/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What is in a container's /dev: the nodes that every program expects, those that the order lists, and the
 * links. */

#include "spec/error.h"
#include "spec/launch.h"

/* dev is the new tmpfs, not yet attached, so that nothing of the image's can be in the way. Owners are those
 * of the maps' IDs. */
int device_fill(int dev, const Launch *l, const LaunchIdMaps *maps, Error *error);

/* Without such a tmpfs, and for nodes elsewhere: in the container's root, which may have that very node
 * already and nothing else of the name. */
int device_make(int root, const LaunchDevice *d, Error *error);
int device_link(int root, Error *error);
/* Those that every program expects; NULL after the last. */
const LaunchDevice *device_default(size_t i);
bool device_is_below_dev(const LaunchDevice *d);
