/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* User namespaces: made with their ID maps before there is a container, so that mounts can be mapped by them
 * and the container's first process only has to enter. */

#include "spec/id-map.h"

/* A new one with these maps. *ret is its descriptor. */
int user_namespace_make(const LaunchIdMaps *maps, int *ret, Error *error);

/* The maps of one that somebody else has made. */
int user_namespace_read_maps(int fd, LaunchIdMaps *ret, Error *error);

/* Child: becomes the namespace's root, or the first who is anybody there, and leaves the host's groups unless
 * it is to keep them. */
int user_namespace_enter(int fd, const LaunchIdMaps *maps, bool keep_groups, Error *error);
