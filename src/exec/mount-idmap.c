/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The kernel takes maps of a mount as a user namespace, which nobody need be in. */

#include <fcntl.h>
#include <sys/mount.h>

#include "base/array.h"
#include "base/parse.h"
#include "base/str.h"
#include "exec/mount-idmap.h"
#include "exec/user-namespace.h"

bool mount_is_idmapped(const MountOptions *o, const LaunchIdMaps *maps)
{
        return o->idmap || o->idmap_all || o->idmap_text || maps->n_uids > 0 || maps->n_gids > 0;
}

static int set_idmap(int fd, bool all, int user_namespace)
{
        struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t) user_namespace};

        return mount_setattr(fd, "", AT_EMPTY_PATH | (all ? AT_RECURSIVE : 0), &attr, sizeof(attr)) < 0
                       ? -errno
                       : 0;
}

int mount_idmap_by_namespace(int fd, const NamespaceSet *namespaces)
{
        return set_idmap(fd, false, namespaces->joined[LAUNCH_NS_USER]);
}

static uint32_t shift(const LaunchIdMap *maps, size_t n, uint32_t container, uint32_t host)
{
        for (size_t i = 0; i < n; i++)
                if (container >= maps[i].container_id && container - maps[i].container_id < maps[i].size)
                        return host + maps[i].host_id - maps[i].container_id;
        return host;
}

static int parse_triplet(const char *text, const LaunchIdMap *container, size_t n, LaunchIdMap *ret)
{
        _cleanup_strv_ char **parts = NULL;
        bool relative = *text == '@';
        uint64_t numbers[3];
        int r;

        r = strv_split(text + relative, "-", &parts);
        if (r >= 0 && strv_length(parts) != ELEMENTSOF(numbers))
                r = -EINVAL;
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(numbers); i++)
                r = parse_u64(parts[i], i == 2 ? 1 : 0, UINT32_MAX - 1, &numbers[i]);
        if (r < 0)
                return r;
        *ret = (LaunchIdMap){(uint32_t) numbers[0], (uint32_t) numbers[1], (uint32_t) numbers[2]};
        if (relative)
                ret->host_id = shift(container, n, ret->container_id, ret->host_id);
        return ret->size > UINT32_MAX - ret->container_id || ret->size > UINT32_MAX - ret->host_id ? -ERANGE
                                                                                                   : 0;
}

static int parse_ranges(const char *text, const LaunchIdMap *container, size_t n_container, LaunchIdMap **ret,
                        size_t *ret_n)
{
        _cleanup_strv_ char **ranges = NULL;
        int r;

        r = strv_split(text, "#", &ranges);
        if (r >= 0 && strv_length(ranges) > LAUNCH_ID_MAPS_MAX)
                r = -E2BIG;
        STRV_FOREACH(range, ranges) {
                if (r >= 0 && !GROW(*ret, *ret_n))
                        r = -ENOMEM;
                if (r >= 0)
                        r = parse_triplet(*range, container, n_container, &(*ret)[*ret_n]);
                if (r < 0)
                        return r;
                (*ret_n)++;
        }
        return r;
}

int mount_idmap_parse(const char *text, const LaunchIdMaps *container, LaunchIdMaps *ret)
{
        _cleanup_launch_id_maps_ LaunchIdMaps maps = {};
        _cleanup_strv_ char **sections = NULL;
        int r;

        r = strv_split(text, ";", &sections);
        STRV_FOREACH(s, sections) {
                const char *uids = startswith(*s, "uids="), *gids = startswith(*s, "gids=");

                if (r < 0)
                        return r;
                if (uids)
                        r = parse_ranges(uids, container->uids, container->n_uids, &maps.uids, &maps.n_uids);
                else if (gids)
                        r = parse_ranges(gids, container->gids, container->n_gids, &maps.gids, &maps.n_gids);
                else
                        r = -EINVAL;
        }
        if (r >= 0 && (maps.n_uids == 0 || maps.n_gids == 0))
                r = -EINVAL;
        if (r < 0)
                return r;
        *ret = TAKE(maps, (LaunchIdMaps){});
        return 0;
}

static int apply(int fd, const MountOptions *o, const LaunchIdMaps *maps, Error *error)
{
        _cleanup_close_ int user = -EBADF;
        int r;

        r = user_namespace_make(maps, &user, error);
        if (r < 0)
                return r;
        r = set_idmap(fd, o->idmap_all, user);
        return r < 0 ? error_set(error, ERROR_START_FAILED, "The file system cannot map IDs: %s",
                                 strerror(-r))
                     : 0;
}

int mount_idmap(int fd, const MountOptions *o, const LaunchIdMaps *maps, const NamespaceSet *namespaces,
                Error *error)
{
        _cleanup_launch_id_maps_ LaunchIdMaps own = {};
        int r;

        if (o->idmap_text) {
                r = mount_idmap_parse(o->idmap_text, &namespaces->maps, &own);
                if (r < 0)
                        return error_set(error, ERROR_INVALID_ARGUMENT, "\"idmap=%s\" is no ID map",
                                         o->idmap_text);
                return apply(fd, o, &own, error);
        }
        if (maps->n_uids > 0 || maps->n_gids > 0) {
                if (maps->n_uids == 0 || maps->n_gids == 0)
                        return error_set(error, ERROR_INVALID_ARGUMENT,
                                         "A mount needs both uidMappings and gidMappings");
                return apply(fd, o, maps, error);
        }
        if (!namespace_has_user(namespaces))
                return error_set(error, ERROR_INVALID_ARGUMENT,
                                 "\"idmap\" needs maps of the mount's, or a user namespace");
        r = set_idmap(fd, o->idmap_all, namespaces->joined[LAUNCH_NS_USER]);
        return r < 0 ? error_set(error, ERROR_START_FAILED, "The file system cannot map IDs: %s",
                                 strerror(-r))
                     : 0;
}
