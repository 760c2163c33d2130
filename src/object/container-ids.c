/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The IDs of a container with a user namespace of its own. A range is taken by the container that has it in
 * its file, and free when there is no such container: there is nothing else to give back. */

#include <inttypes.h>

#include "base/fs.h"
#include "base/parse.h"
#include "base/str.h"
#include "object/container.h"
#include "spec/id-map.h"
#include "spec/setting.h"
#include "store/id-range.h"

/* As podman has them. */
#define AUTO_SIZE_MIN 1024U
#define AUTO_SIZE_MAX 65536U
/* Nobody's: in every image, and no reason to map all up to it. */
#define NOBODY_ID 65534U
/* What a machine gives to its own users. */
#define HOST_IDS 65536U
#define IMAGE_FILE_MAX (1024U * 1024)

static const struct {
        const char *path, *what;
} subordinate[2] = {{"/etc/subuid", "user"}, {"/etc/subgid", "group"}};

static const char *const owners[] = {"berth", "containers"};

/* Of the lines of a passwd or group file: the highest number in the fields that hold one. */
static uint32_t highest_id(char *text, const unsigned *fields, size_t n_fields)
{
        uint32_t highest = 0;
        char *lines;

        for (char *line = strtok_r(text, "\n", &lines); line; line = strtok_r(NULL, "\n", &lines)) {
                const char *field = line;
                unsigned at = 0;

                if (startswith(line, "nobody:") || startswith(line, "nogroup:"))
                        continue;
                for (size_t i = 0; field && i < n_fields; i++) {
                        char digits[12];
                        uint64_t id;
                        size_t n;

                        for (; field && at < fields[i]; at++)
                                field = (field = strchr(field, ':')) ? field + 1 : NULL;
                        n = field ? strcspn(field, ":") : 0;
                        if (n == 0 || n >= sizeof(digits))
                                continue;
                        memcpy(digits, field, n);
                        digits[n] = '\0';
                        if (parse_u64(digits, 0, ID_MAX, &id) >= 0 && id != NOBODY_ID)
                                highest = MAX(highest, (uint32_t) id);
                }
        }
        return highest;
}

/* A file that is missing, or that is none, names nobody. */
static uint32_t highest_of_file(int root, const char *path, const unsigned *fields, size_t n_fields)
{
        _cleanup_close_ int fd =
                fs_open_in_root(root, path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY, 0);
        _cleanup_free_ char *text = NULL;

        if (fd < 0 || fs_read_fd(fd, IMAGE_FILE_MAX, &text, NULL) < 0)
                return 0;
        return highest_id(text, fields, n_fields);
}

static uint32_t highest_of_words(const char *user)
{
        uint32_t highest = 0;

        for (const char *p = user; p; p = strchr(p, ':') ? strchr(p, ':') + 1 : NULL) {
                _cleanup_free_ char *part = strndup(p, strcspn(p, ":"));
                uint64_t id;

                if (part && parse_u64(part, 0, ID_MAX, &id) >= 0)
                        highest = MAX(highest, (uint32_t) id);
        }
        return highest;
}

/* Room for everybody that the image knows and for who the payload is. */
static int auto_size(const Spec *s, const ImageConfig *image, const char *root, uint32_t *ret, Error *error)
{
        _cleanup_close_ int fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
        uint32_t highest = highest_of_words(s->user ?: image->user);

        if (fd < 0)
                return error_set_errno(error, errno, "Cannot open %s", root);
        highest = MAX(highest, highest_of_file(fd, "etc/passwd", (const unsigned[]){2, 3}, 2));
        highest = MAX(highest, highest_of_file(fd, "etc/group", (const unsigned[]){2}, 1));
        highest = MAX(highest, highest_of_words(s->group));
        STRV_FOREACH(g, s->groups)
                highest = MAX(highest, highest_of_words(*g));
        if (highest >= AUTO_SIZE_MAX)
                return error_set(error, ERROR_LIMIT,
                                 "The image has a user or group with the number %" PRIu32
                                 ", and UserNS=auto gives up to %u IDs: give UserNS=auto:size=%" PRIu64,
                                 highest, AUTO_SIZE_MAX, (uint64_t) highest + 1);
        *ret = MAX(highest + 1, AUTO_SIZE_MIN);
        return 0;
}

static int no_ranges(Error *error, size_t kind)
{
        return error_set(error, ERROR_INVALID_ARGUMENT,
                         "UserNS: no range of %s IDs is set aside for containers: add a line as "
                         "\"berth:2147483648:1073741824\" to %s",
                         subordinate[kind].what, subordinate[kind].path);
}

/* Others' ranges and the machine's own users are as good as taken. */
static int load_ranges(size_t kind, IdRanges *ret, IdRanges *taken, Error *error)
{
        int r = 0;

        FOREACH_ELEMENT(owner, owners) {
                _cleanup_id_ranges_ IdRanges mine = {}, others = {};

                r = id_ranges_load(subordinate[kind].path, *owner, &mine, &others);
                if (r < 0)
                        return error_set_errno(error, r, "Cannot read %s", subordinate[kind].path);
                if (mine.n == 0)
                        continue;
                *ret = TAKE(mine, (IdRanges){});
                for (size_t i = 0; r >= 0 && i < others.n; i++)
                        r = id_ranges_add(taken, others.ranges[i].start, others.ranges[i].size);
                if (r >= 0)
                        r = id_ranges_add(taken, 0, HOST_IDS);
                return r;
        }
        return no_ranges(error, kind);
}

static const LaunchIdMap *maps_of(const LaunchIdMaps *m, size_t kind, size_t *ret_n)
{
        *ret_n = kind == 0 ? m->n_uids : m->n_gids;
        return kind == 0 ? m->uids : m->gids;
}

static int add_taken(IdRanges *taken, const LaunchIdMaps *maps, size_t kind)
{
        size_t n;
        const LaunchIdMap *m = maps_of(maps, kind, &n);
        int r = 0;

        /* What keeps every ID as it is takes none from anybody. */
        for (size_t i = 0; r >= 0 && i < n; i++)
                if (m[i].host_id != m[i].container_id)
                        r = id_ranges_add(taken, m[i].host_id, m[i].size);
        return r;
}

static int collect_taken(const Manager *m, const LaunchIdMaps *given, size_t kind, IdRanges *taken)
{
        int r = add_taken(taken, given, kind);

        MAP_FOREACH(e, m->container_names) {
                const Container *other = map_value(e);

                if (r >= 0)
                        r = add_taken(taken, &other->file.maps, kind);
        }
        return r;
}

static int by_container_id(const void *a, const void *b)
{
        const LaunchIdMap *x = a, *y = b;

        return x->container_id < y->container_id ? -1 : x->container_id > y->container_id;
}

/* The IDs from 0 to size, but for those that are given, go to the range in their order. */
static int fill(const LaunchIdMap *given, size_t n_given, uint32_t size, uint32_t start, LaunchIdMap **maps,
                size_t *n)
{
        uint32_t next = 0;
        int r = 0;

        for (size_t i = 0; r >= 0 && i < n_given; i++)
                r = id_map_append(maps, n, &given[i]);
        if (n_given > 1)
                qsort(*maps, n_given, sizeof(**maps), by_container_id);
        for (size_t i = 0; r >= 0 && i <= n_given; i++) {
                uint32_t end = i < n_given ? MIN((*maps)[i].container_id, size) : size;

                if (end > next) {
                        r = id_map_append(maps, n, &(LaunchIdMap){next, start, end - next});
                        start += end - next;
                }
                if (i < n_given)
                        next = MAX(next, (*maps)[i].container_id + (*maps)[i].size);
        }
        return r;
}

static uint32_t missing(const LaunchIdMap *given, size_t n_given, uint32_t size)
{
        uint32_t rest = size;

        for (size_t i = 0; i < n_given; i++)
                if (given[i].container_id < size)
                        rest -= MIN(given[i].size, size - given[i].container_id);
        return rest;
}

static int lease(Container *c, const LaunchIdMaps *given, uint32_t size, size_t kind, Error *error)
{
        _cleanup_id_ranges_ IdRanges ranges = {}, taken = {};
        LaunchIdMaps *maps = &c->file.maps;
        size_t n_given;
        const LaunchIdMap *g = maps_of(given, kind, &n_given);
        uint32_t want = missing(g, n_given, size), start = 0;
        int r;

        r = load_ranges(kind, &ranges, &taken, error);
        if (r >= 0)
                r = collect_taken(c->manager, given, kind, &taken);
        if (r >= 0 && want > 0)
                r = id_ranges_find(&ranges, &taken, want, &start);
        if (r == -ENOENT)
                return error_set(error, ERROR_LIMIT,
                                 "UserNS: %s has no %" PRIu32
                                 " IDs in a row left for another container: enlarge the range, or remove "
                                 "containers",
                                 subordinate[kind].path, want);
        if (r < 0)
                return r;
        return kind == 0 ? fill(g, n_given, size, start, &maps->uids, &maps->n_uids)
                         : fill(g, n_given, size, start, &maps->gids, &maps->n_gids);
}

static int choose_auto(Container *c, const UserNS *u, const ImageConfig *image, const char *root,
                       Error *error)
{
        uint32_t size = u->mode == USERNS_NOMAP ? HOST_IDS : u->size;
        int r = 0;

        if (size == 0)
                r = auto_size(c->file.spec, image, root, &size, error);
        for (size_t kind = 0; r >= 0 && kind < 2; kind++)
                r = lease(c, &u->given, size, kind, error);
        return r;
}

/* All ranges of a name, one after the other. */
static int map_owner(const char *owner, size_t kind, LaunchIdMap **maps, size_t *n, Error *error)
{
        _cleanup_id_ranges_ IdRanges ranges = {};
        uint32_t next = 0;
        int r;

        r = id_ranges_load(subordinate[kind].path, owner, &ranges, NULL);
        if (r < 0)
                return error_set_errno(error, r, "Cannot read %s", subordinate[kind].path);
        if (ranges.n == 0)
                return error_set(error, ERROR_INVALID_ARGUMENT, "%s has no range of \"%s\"",
                                 subordinate[kind].path, owner);
        for (size_t i = 0; r >= 0 && i < ranges.n; i++) {
                r = ranges.ranges[i].size > UINT32_MAX - next
                            ? error_set(error, ERROR_INVALID_ARGUMENT, "%s: \"%s\" has too many IDs",
                                        subordinate[kind].path, owner)
                            : id_map_append(
                                      maps, n,
                                      &(LaunchIdMap){next, ranges.ranges[i].start, ranges.ranges[i].size});
                next += ranges.ranges[i].size;
        }
        return r;
}

static int choose_one(const Spec *s, size_t kind, char *const *list, const char *owner, LaunchIdMap **maps,
                      size_t *n, Error *error)
{
        const char *reason = NULL;
        int r;

        if (!list)
                return map_owner(owner, kind, maps, n, error);
        r = id_map_list_parse(list, maps, n, &reason);
        return r == -EINVAL ? error_set(error, ERROR_INVALID_ARGUMENT, "%s: %s",
                                        kind == 0 ? "UIDMap" : "GIDMap", strempty(reason))
                            : r;
}

/* Who gives one of the two means both. */
static int choose_given(Container *c, Error *error)
{
        const Spec *s = c->file.spec;
        bool lists = s->uid_map || s->gid_map;
        LaunchIdMaps *m = &c->file.maps;
        int r;

        r = choose_one(s, 0, lists ? s->uid_map ?: s->gid_map : NULL, s->sub_uid_map ?: s->sub_gid_map,
                       &m->uids, &m->n_uids, error);
        if (r < 0)
                return r;
        return choose_one(s, 1, lists ? s->gid_map ?: s->uid_map : NULL, s->sub_gid_map ?: s->sub_uid_map,
                          &m->gids, &m->n_gids, error);
}

static int keep_all(LaunchIdMaps *m)
{
        const LaunchIdMap all = {0, 0, UINT32_MAX};
        int r = id_map_append(&m->uids, &m->n_uids, &all);

        return r < 0 ? r : id_map_append(&m->gids, &m->n_gids, &all);
}

int container_choose_ids(Container *c, const ImageConfig *image, const char *root, Error *error)
{
        const Spec *s = c->file.spec;
        _cleanup_userns_ UserNS u = {};
        int r;

        if (s->uid_map || s->gid_map || s->sub_uid_map || s->sub_gid_map)
                return choose_given(c, error);
        if (!s->userns)
                return 0;
        r = userns_parse(s->userns, &u, NULL);
        if (r < 0 || u.mode == USERNS_HOST)
                return r;
        return u.mode == USERNS_KEEP_ID ? keep_all(&c->file.maps) : choose_auto(c, &u, image, root, error);
}
