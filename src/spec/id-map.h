/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Which user and group IDs of the host a container's own user namespace has, in podman's words. A Spec keeps
 * the words as checked text; who needs the numbers parses them here. */

#include "spec/launch.h"

/* At most this many parts, which is what the kernel takes. */
#define ID_MAPS_MAX 340U
/* IDs go up to here; the one above means "none". */
#define ID_MAX (UINT32_MAX - 1)

typedef enum UserNSMode {
        USERNS_HOST,    /* no namespace of its own */
        USERNS_AUTO,    /* a range of Berth's that no other container has */
        USERNS_KEEP_ID, /* a namespace in which every ID is what it is outside */
        USERNS_NOMAP,   /* as auto, with all of a machine's usual IDs */
        _USERNS_MAX,
} UserNSMode;

typedef struct UserNS {
        UserNSMode mode;
        uint32_t size;      /* auto: 0 for as many as the image needs */
        LaunchIdMaps given; /* auto: parts that are not Berth's to choose */
        bool has_uid, has_gid;
        uint32_t uid, gid; /* keep-id: who the payload is */
} UserNS;

void launch_id_maps_done(LaunchIdMaps *m);
#define _cleanup_launch_id_maps_ _cleanup_(launch_id_maps_done)
int id_map_append(LaunchIdMap **maps, size_t *n, const LaunchIdMap *map);
int launch_id_maps_copy(const LaunchIdMaps *from, LaunchIdMaps *ret);

/* "CONTAINER:HOST[:SIZE]". -EINVAL with a static reason. */
int id_map_parse(const char *s, LaunchIdMap *ret, const char **ret_error);
/* A list of such texts, and back. -EINVAL also where parts overlap. */
int id_map_list_parse(char *const *list, LaunchIdMap **ret, size_t *ret_n, const char **ret_error);
int id_map_list_text(const LaunchIdMap *maps, size_t n, char ***ret);
/* The host's number for one of the container's. False: it has none. */
bool id_map_lookup(const LaunchIdMap *maps, size_t n, uint32_t id, uint32_t *ret);

/* "host", "auto[:size=,uidmapping=,gidmapping=]", "keep-id[:uid=,gid=]", "nomap". */
int userns_parse(const char *s, UserNS *ret, const char **ret_error);
void userns_done(UserNS *u);
#define _cleanup_userns_ _cleanup_(userns_done)
