/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Words for user namespaces, and arithmetic on the maps that they mean. */

#include <inttypes.h>

#include "base/array.h"
#include "base/parse.h"
#include "base/str.h"
#include "spec/id-map.h"

static int fail(const char **ret_error, const char *reason)
{
        if (ret_error)
                *ret_error = reason;
        return -EINVAL;
}

void launch_id_maps_done(LaunchIdMaps *m)
{
        free(m->uids);
        free(m->gids);
        *m = (LaunchIdMaps){};
}

int id_map_append(LaunchIdMap **maps, size_t *n, const LaunchIdMap *map)
{
        if (*n >= ID_MAPS_MAX)
                return -E2BIG;
        if (!GROW(*maps, *n))
                return -ENOMEM;
        (*maps)[(*n)++] = *map;
        return 0;
}

static int copy_list(const LaunchIdMap *from, size_t n, LaunchIdMap **to, size_t *to_n)
{
        int r = 0;

        for (size_t i = 0; r >= 0 && i < n; i++)
                r = id_map_append(to, to_n, &from[i]);
        return r;
}

int launch_id_maps_copy(const LaunchIdMaps *from, LaunchIdMaps *ret)
{
        _cleanup_launch_id_maps_ LaunchIdMaps m = {};
        int r;

        r = copy_list(from->uids, from->n_uids, &m.uids, &m.n_uids);
        if (r >= 0)
                r = copy_list(from->gids, from->n_gids, &m.gids, &m.n_gids);
        if (r < 0)
                return r;
        *ret = TAKE(m, (LaunchIdMaps){});
        return 0;
}

static int parse_id(const char *s, uint64_t min, uint64_t max, uint32_t *ret)
{
        uint64_t n;
        int r = parse_u64(s, min, max, &n);

        if (r >= 0)
                *ret = (uint32_t) n;
        return r;
}

int id_map_parse(const char *s, LaunchIdMap *ret, const char **ret_error)
{
        static const char usage[] = "CONTAINER:HOST[:SIZE] is wanted, numbers up to 4294967294";
        _cleanup_strv_ char **parts = NULL;
        LaunchIdMap m = {.size = 1};
        size_t n;
        int r;

        if (strstr(s, "::") || *s == ':' || endswith(s, ":"))
                return fail(ret_error, usage);
        r = strv_split(s, ":", &parts);
        if (r < 0)
                return r;
        n = strv_length(parts);
        /* podman's "@" says that a number is the host's own, which it always is here. */
        if (n < 2 || n > 3 || parse_id(parts[0], 0, ID_MAX, &m.container_id) < 0 ||
            parse_id(parts[1] + (*parts[1] == '@'), 0, ID_MAX, &m.host_id) < 0 ||
            (n > 2 && parse_id(parts[2], 1, UINT32_MAX, &m.size) < 0))
                return fail(ret_error, usage);
        if ((uint64_t) m.container_id + m.size > UINT32_MAX || (uint64_t) m.host_id + m.size > UINT32_MAX)
                return fail(ret_error, "it goes beyond the last ID, 4294967294");
        *ret = m;
        return 0;
}

static char *id_map_text(const LaunchIdMap *map)
{
        return str_printf("%" PRIu32 ":%" PRIu32 ":%" PRIu32, map->container_id, map->host_id, map->size);
}

static bool overlap(uint32_t a, uint32_t a_size, uint32_t b, uint32_t b_size)
{
        return (uint64_t) a < (uint64_t) b + b_size && (uint64_t) b < (uint64_t) a + a_size;
}

static bool has_overlap(const LaunchIdMap *maps, size_t n, const LaunchIdMap *m)
{
        for (size_t i = 0; i < n; i++)
                if (overlap(maps[i].container_id, maps[i].size, m->container_id, m->size) ||
                    overlap(maps[i].host_id, maps[i].size, m->host_id, m->size))
                        return true;
        return false;
}

static int add_map(const char *text, LaunchIdMap **maps, size_t *n, const char **ret_error)
{
        LaunchIdMap m;
        int r;

        r = id_map_parse(text, &m, ret_error);
        if (r < 0)
                return r;
        if (has_overlap(*maps, *n, &m))
                return fail(ret_error, "two parts overlap");
        r = id_map_append(maps, n, &m);
        return r == -E2BIG ? fail(ret_error, "more than 340 parts") : r;
}

int id_map_list_parse(char *const *list, LaunchIdMap **ret, size_t *ret_n, const char **ret_error)
{
        _cleanup_free_ LaunchIdMap *maps = NULL;
        size_t n = 0;
        int r;

        STRV_FOREACH(i, (char **) list) {
                r = add_map(*i, &maps, &n, ret_error);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(maps);
        *ret_n = n;
        return 0;
}

int id_map_list_text(const LaunchIdMap *maps, size_t n, char ***ret)
{
        _cleanup_strv_ char **list = NULL;
        int r = 0;

        for (size_t i = 0; r >= 0 && i < n; i++)
                r = strv_consume(&list, id_map_text(&maps[i]));
        if (r >= 0)
                *ret = TAKE_PTR(list);
        return r;
}

bool id_map_lookup(const LaunchIdMap *maps, size_t n, uint32_t id, uint32_t *ret)
{
        for (size_t i = 0; i < n; i++)
                if (id >= maps[i].container_id && id - maps[i].container_id < maps[i].size) {
                        *ret = maps[i].host_id + (id - maps[i].container_id);
                        return true;
                }
        return false;
}

static int auto_assign(UserNS *u, const char *option, const char **ret_error)
{
        static const char usage[] = "auto takes size=, uidmapping= and gidmapping=";
        const char *value;

        if ((value = startswith(option, "size=")))
                return parse_id(value, 1, UINT32_MAX, &u->size) < 0
                               ? fail(ret_error, "size= takes a number of IDs")
                               : 0;
        if ((value = startswith(option, "uidmapping=")))
                return add_map(value, &u->given.uids, &u->given.n_uids, ret_error);
        if ((value = startswith(option, "gidmapping=")))
                return add_map(value, &u->given.gids, &u->given.n_gids, ret_error);
        return fail(ret_error, usage);
}

static int keep_assign(UserNS *u, const char *option, const char **ret_error)
{
        const char *value;

        if ((value = startswith(option, "uid=")) && parse_id(value, 0, ID_MAX, &u->uid) >= 0)
                u->has_uid = true;
        else if ((value = startswith(option, "gid=")) && parse_id(value, 0, ID_MAX, &u->gid) >= 0)
                u->has_gid = true;
        else
                return fail(ret_error, "keep-id takes uid= and gid= with a number");
        return 0;
}

static const struct {
        const char *word;
        int (*assign)(UserNS *u, const char *option, const char **ret_error); /* NULL: no options */
} modes[_USERNS_MAX] = {
        [USERNS_HOST] = {"host"},
        [USERNS_AUTO] = {"auto", auto_assign},
        [USERNS_KEEP_ID] = {"keep-id", keep_assign},
        [USERNS_NOMAP] = {"nomap"},
};

void userns_done(UserNS *u)
{
        launch_id_maps_done(&u->given);
        *u = (UserNS){};
}

static int assign_all(UserNS *u, const char *text, const char **ret_error)
{
        _cleanup_strv_ char **options = NULL;
        int r;

        r = strv_split(text, ",", &options);
        STRV_FOREACH(o, options)
                if (r >= 0)
                        r = modes[u->mode].assign(u, *o, ret_error);
        return r;
}

int userns_parse(const char *s, UserNS *ret, const char **ret_error)
{
        const char *colon = strchrnul(s, ':');
        _cleanup_userns_ UserNS u = {};
        int r = 0;

        while (u.mode < _USERNS_MAX && (strlen(modes[u.mode].word) != (size_t) (colon - s) ||
                                        strncmp(modes[u.mode].word, s, colon - s) != 0))
                u.mode++;
        if (u.mode == _USERNS_MAX || (*colon && !modes[u.mode].assign))
                return fail(ret_error, "auto[:OPTIONS], keep-id[:OPTIONS], nomap or host is wanted");
        if (*colon)
                r = assign_all(&u, colon + 1, ret_error);
        if (r < 0)
                return r;
        *ret = TAKE(u, (UserNS){});
        return 0;
}
