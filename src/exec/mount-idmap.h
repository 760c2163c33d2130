/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Mounts that show other owners than are on the disk: by maps of their own or by those of the container's
 * user namespace. */

#include "exec/mount-option.h"
#include "exec/namespace.h"

/* maps: "uidMappings" and "gidMappings" of the mount. */
int mount_idmap(int fd, const MountOptions *o, const LaunchIdMaps *maps, const NamespaceSet *namespaces,
                Error *error);
/* By the user namespace itself; its root is root on the disk. */
int mount_idmap_by_namespace(int fd, const NamespaceSet *namespaces);
bool mount_is_idmapped(const MountOptions *o, const LaunchIdMaps *maps);

/* crun's "uids=0-1-10#10-11-10;gids=@0-100-10": a triplet each is the ID on the disk, the host's, and how
 * many; '@' counts from the container's IDs. */
int mount_idmap_parse(const char *text, const LaunchIdMaps *container, LaunchIdMaps *ret);
