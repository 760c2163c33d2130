/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The order in both directions. Members that are plain values are read and written by dispatch rows; what OCI
 * nests (user, capabilities, namespaces) has a function for each direction, side by side. Everything that the
 * executor will rely on (absolute paths, known names, ranges) is checked here, once. */

#include <grp.h>
#include <limits.h>

#include "base/parse.h"
#include "base/str.h"
#include "spec/item.h"
#include "spec/launch.h"

#define OCI_VERSION "1.0.2"
#define MOUNTS_MAX 4096U
#define LIST_MAX 65536U

static const char *const namespace_names[_LAUNCH_NS_MAX] = {
        [LAUNCH_NS_MOUNT] = "mount", [LAUNCH_NS_PID] = "pid",   [LAUNCH_NS_NETWORK] = "network",
        [LAUNCH_NS_IPC] = "ipc",     [LAUNCH_NS_UTS] = "uts",   [LAUNCH_NS_CGROUP] = "cgroup",
        [LAUNCH_NS_USER] = "user",   [LAUNCH_NS_TIME] = "time",
};

static const char *const capability_sets[_LAUNCH_CAP_MAX] = {
        [LAUNCH_CAP_BOUNDING] = "bounding",       [LAUNCH_CAP_EFFECTIVE] = "effective",
        [LAUNCH_CAP_INHERITABLE] = "inheritable", [LAUNCH_CAP_PERMITTED] = "permitted",
        [LAUNCH_CAP_AMBIENT] = "ambient",
};

static const char *const rlimit_names[] = {
        "RLIMIT_CPU",  "RLIMIT_FSIZE",  "RLIMIT_DATA",    "RLIMIT_STACK",
        "RLIMIT_CORE", "RLIMIT_RSS",    "RLIMIT_NPROC",   "RLIMIT_NOFILE",
        "RLIMIT_AS",   "RLIMIT_LOCKS",  "RLIMIT_MEMLOCK", "RLIMIT_MSGQUEUE",
        "RLIMIT_NICE", "RLIMIT_RTPRIO", "RLIMIT_RTTIME",  "RLIMIT_SIGPENDING",
};

#define ROW(type, member, name, kind)                                                                        \
        {                                                                                                    \
                name, JSON_ROW_##kind, offsetof(type, member), false                                         \
        }
#define REQUIRED(type, member, name, kind)                                                                   \
        {                                                                                                    \
                name, JSON_ROW_##kind, offsetof(type, member), true                                          \
        }

static const JsonRow launch_rows[] = {
        ROW(Launch, oci_version, "ociVersion", STRING),
        ROW(Launch, hostname, "hostname", STRING),
        ROW(Launch, annotations, "annotations", MAP),
};

static const JsonRow root_rows[] = {
        REQUIRED(Launch, root_path, "path", STRING),
        ROW(Launch, root_readonly, "readonly", BOOL),
};

static const JsonRow linux_rows[] = {
        ROW(Launch, masked_paths, "maskedPaths", STRV),
        ROW(Launch, readonly_paths, "readonlyPaths", STRV),
        ROW(Launch, sysctl, "sysctl", MAP),
        ROW(Launch, seccomp, "seccomp", JSON),
};

static const JsonRow berth_rows[] = {
        ROW(Launch, id, "id", STRING),
        ROW(Launch, name, "name", STRING),
        ROW(Launch, image, "image", STRING),
        ROW(Launch, unit, "unit", STRING),
        ROW(Launch, log_tag, "logTag", STRING),
        ROW(Launch, overlay_lower, "overlayLower", STRV),
        ROW(Launch, overlay_upper, "overlayUpper", STRING),
        ROW(Launch, overlay_work, "overlayWork", STRING),
        ROW(Launch, seccomp_profile, "seccompProfile", STRING),
        ROW(Launch, sdnotify, "sdnotify", STRING),
        ROW(Launch, timezone, "timezone", STRING),
        ROW(Launch, foreground, "foreground", BOOL),
        ROW(Launch, log_none, "logNone", BOOL),
        ROW(Launch, log_pipe, "logPipe", BOOL),
        ROW(Launch, auto_remove, "autoRemove", BOOL),
};

static const JsonRow mount_rows[] = {
        REQUIRED(LaunchMount, destination, "destination", STRING),
        ROW(LaunchMount, type, "type", STRING),
        ROW(LaunchMount, source, "source", STRING),
        ROW(LaunchMount, options, "options", STRV),
};

static const JsonRow process_rows[] = {
        ROW(LaunchProcess, terminal, "terminal", BOOL),
        REQUIRED(LaunchProcess, args, "args", STRV),
        ROW(LaunchProcess, env, "env", STRV),
        REQUIRED(LaunchProcess, cwd, "cwd", STRING),
        ROW(LaunchProcess, no_new_privileges, "noNewPrivileges", BOOL),
};

static const JsonRow process_berth_rows[] = {
        ROW(LaunchProcess, user, "user", STRING),
        ROW(LaunchProcess, groups, "groups", STRV),
};

typedef struct Device {
        char *path;
        char *type;
        int64_t major, minor;
        uint64_t mode, uid, gid;
} Device;

static const JsonRow device_rows[] = {
        REQUIRED(Device, path, "path", STRING), REQUIRED(Device, type, "type", STRING),
        ROW(Device, major, "major", I64),       ROW(Device, minor, "minor", I64),
        ROW(Device, mode, "fileMode", U64),     ROW(Device, uid, "uid", U64),
        ROW(Device, gid, "gid", U64),
};

static const JsonRow record_rows[] = {
        ROW(Record, pid, "Pid", U64),
        ROW(Record, pid_start, "PidStart", U64),
        ROW(Record, invocation_id, "InvocationId", STRING),
        ROW(Record, boot_id, "BootId", STRING),
        ROW(Record, started_usec, "StartedUsec", U64),
        ROW(Record, finished_usec, "FinishedUsec", U64),
        ROW(Record, exit_code, "ExitCode", U64),
        ROW(Record, result, "Result", STRING),
        ROW(Record, oom_killed, "OomKilled", BOOL),
        ROW(Record, oom_kills, "OomKills", U64),
        ROW(Record, error_name, "ErrorName", STRING),
        ROW(Record, error, "Error", STRING),
};

static void mount_done(LaunchMount *m)
{
        json_rows_done(mount_rows, ELEMENTSOF(mount_rows), m);
}

static void device_done(Device *d)
{
        json_rows_done(device_rows, ELEMENTSOF(device_rows), d);
}

void launch_process_done(LaunchProcess *p)
{
        json_rows_done(process_rows, ELEMENTSOF(process_rows), p);
        json_rows_done(process_berth_rows, ELEMENTSOF(process_berth_rows), p);
        free(p->additional_gids);
        for (size_t i = 0; i < p->n_rlimits; i++)
                free(p->rlimits[i].type);
        free(p->rlimits);
        *p = (LaunchProcess){};
}

Launch *launch_new(void)
{
        return calloc(1, sizeof(Launch));
}

Launch *launch_free(Launch *l)
{
        if (!l)
                return NULL;
        launch_process_done(&l->process);
        json_rows_done(launch_rows, ELEMENTSOF(launch_rows), l);
        json_rows_done(root_rows, ELEMENTSOF(root_rows), l);
        json_rows_done(linux_rows, ELEMENTSOF(linux_rows), l);
        json_rows_done(berth_rows, ELEMENTSOF(berth_rows), l);
        for (size_t i = 0; i < l->n_mounts; i++)
                mount_done(&l->mounts[i]);
        free(l->mounts);
        for (size_t i = 0; i < _LAUNCH_NS_MAX; i++)
                free(l->namespace_paths[i]);
        for (size_t i = 0; i < l->n_devices; i++)
                free(l->devices[i].path);
        free(l->devices);
        free(l);
        return NULL;
}

static int invalid(Error *error, const char *format, const char *what)
{
        return error_set(error, ERROR_INVALID_ARGUMENT, format, what);
}

/* Reads the members of an object (NULL: there is none) that have a row. */
static int read_rows(const json_t *v, const char *where, const JsonRow *rows, size_t n, void *userdata,
                     Error *error)
{
        _cleanup_free_ char *text = NULL;
        int r;

        if (!v)
                return 0;
        r = json_read(v, rows, n, userdata, NULL, &text);
        if (r == -EBADMSG)
                return error_set(error, ERROR_INVALID_ARGUMENT, "%s: %s", where, text);
        return r < 0 ? error_set_errno(error, r, "%s", where) : 0;
}

/* A member that is itself an object or array: NULL when it is absent, an error when it is something else. */
static int member(const json_t *object, const char *name, json_type type, json_t **ret, Error *error)
{
        json_t *v = json_object_get(object, name);

        if (v && json_is_null(v))
                v = NULL;
        if (v && json_typeof(v) != type)
                return invalid(error, "%s is of the wrong type", name);
        if (v && type == JSON_ARRAY && json_array_size(v) > LIST_MAX)
                return error_set(error, ERROR_LIMIT, "%s has more than %u elements", name, LIST_MAX);
        *ret = v;
        return 0;
}

static int read_id(const json_t *object, const char *name, uint32_t *ret, Error *error)
{
        const json_t *v = json_object_get(object, name);

        if (!v)
                return 0;
        if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) >= UINT32_MAX)
                return invalid(error, "process.user: %s is not a number from 0 to 4294967294", name);
        *ret = (uint32_t) json_integer_value(v);
        return 0;
}

static int read_additional_gids(const json_t *user, LaunchProcess *p, Error *error)
{
        json_t *l;
        int r;

        r = member(user, "additionalGids", JSON_ARRAY, &l, error);
        if (r < 0 || !l || json_array_size(l) == 0)
                return r;
        if (json_array_size(l) > NGROUPS_MAX)
                return error_set(error, ERROR_LIMIT, "process.user: more than %d additional groups",
                                 NGROUPS_MAX);
        p->additional_gids = calloc(json_array_size(l), sizeof(uint32_t));
        if (!p->additional_gids)
                return error_set_errno(error, ENOMEM, "process.user");
        for (size_t i = 0; i < json_array_size(l); i++) {
                json_int_t gid = json_integer_value(json_array_get(l, i));

                if (!json_is_integer(json_array_get(l, i)) || gid < 0 || gid >= UINT32_MAX)
                        return invalid(error, "process.user: %s is not a list of group numbers",
                                       "additionalGids");
                p->additional_gids[p->n_additional_gids++] = (uint32_t) gid;
        }
        return 0;
}

static int read_user(const json_t *process, LaunchProcess *p, Error *error)
{
        json_t *user, *umask_value;
        int r;

        r = member(process, "user", JSON_OBJECT, &user, error);
        if (r < 0 || !user)
                return r;
        r = read_id(user, "uid", &p->uid, error);
        if (r >= 0)
                r = read_id(user, "gid", &p->gid, error);
        if (r < 0)
                return r;
        umask_value = json_object_get(user, "umask");
        if (umask_value) {
                if (!json_is_integer(umask_value) || json_integer_value(umask_value) & ~(json_int_t) 0777)
                        return invalid(error, "process.user: %s is no file mode mask", "umask");
                p->has_umask = true;
                p->umask = (mode_t) json_integer_value(umask_value);
        }
        return read_additional_gids(user, p, error);
}

static json_t *write_user(const LaunchProcess *p)
{
        _cleanup_json_ json_t *user = json_object(), *gids = json_array();

        if (!user || !gids)
                return NULL;
        for (size_t i = 0; i < p->n_additional_gids; i++)
                if (json_array_append_new(gids, json_integer(p->additional_gids[i])) < 0)
                        return NULL;
        if (json_object_set_new(user, "uid", json_integer(p->uid)) < 0 ||
            json_object_set_new(user, "gid", json_integer(p->gid)) < 0)
                return NULL;
        if (p->has_umask && json_object_set_new(user, "umask", json_integer(p->umask)) < 0)
                return NULL;
        if (p->n_additional_gids > 0 && json_object_set(user, "additionalGids", gids) < 0)
                return NULL;
        return TAKE_PTR(user);
}

static int read_capabilities(const json_t *process, LaunchProcess *p, Error *error)
{
        json_t *sets;
        int r;

        r = member(process, "capabilities", JSON_OBJECT, &sets, error);
        if (r < 0 || !sets)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(capability_sets); i++) {
                json_t *names;

                r = member(sets, capability_sets[i], JSON_ARRAY, &names, error);
                if (r < 0)
                        return r;
                for (size_t k = 0; k < json_array_size(names); k++) {
                        const char *name = json_string_value(json_array_get(names, k));
                        int number;

                        if (!name || !startswith(name, "CAP_") || !capability_parse(name, &number) ||
                            number < 0)
                                return invalid(error, "process.capabilities: unknown capability \"%s\"",
                                               strempty(name));
                        p->capabilities[i] |= UINT64_C(1) << number;
                }
        }
        return 0;
}

static json_t *write_capabilities(const LaunchProcess *p)
{
        _cleanup_json_ json_t *sets = json_object();

        for (size_t i = 0; sets && i < ELEMENTSOF(capability_sets); i++) {
                json_t *names = json_array();

                for (unsigned k = 0; capability_name(k); k++)
                        if ((p->capabilities[i] & UINT64_C(1) << k) &&
                            json_array_append_new(names, json_string(capability_name(k))) < 0)
                                json_decref(TAKE_PTR(names));
                if (json_object_set_new(sets, capability_sets[i], names) < 0)
                        return NULL;
        }
        return TAKE_PTR(sets);
}

/* -1 and the digits of 2^64-1 (a string: it fits no signed integer) are "unlimited". */
static int read_limit(const json_t *v, uint64_t *ret)
{
        if (json_is_string(v))
                return parse_u64(json_string_value(v), 0, UINT64_MAX, ret);
        if (!json_is_integer(v) || json_integer_value(v) < -1)
                return -EINVAL;
        *ret = json_integer_value(v) < 0 ? RLIM_INFINITY : (uint64_t) json_integer_value(v);
        return 0;
}

static json_t *write_limit(uint64_t limit)
{
        return json_integer(limit > INT64_MAX ? -1 : (json_int_t) limit);
}

static bool rlimit_is_known(const char *type)
{
        FOREACH_ELEMENT(name, rlimit_names)
                if (streq_ptr(*name, type))
                        return true;
        return false;
}

static int read_rlimits(const json_t *process, LaunchProcess *p, Error *error)
{
        json_t *l;
        int r;

        r = member(process, "rlimits", JSON_ARRAY, &l, error);
        if (r < 0 || !l || json_array_size(l) == 0)
                return r;
        p->rlimits = calloc(json_array_size(l), sizeof(LaunchRlimit));
        if (!p->rlimits)
                return error_set_errno(error, ENOMEM, "process.rlimits");
        for (size_t i = 0; i < json_array_size(l); i++) {
                const json_t *v = json_array_get(l, i);
                const char *type = json_get_string(v, "type");
                LaunchRlimit limit = {};

                if (!rlimit_is_known(type))
                        return invalid(error, "process.rlimits: unknown limit \"%s\"", strempty(type));
                if (read_limit(json_object_get(v, "soft"), &limit.soft) < 0 ||
                    read_limit(json_object_get(v, "hard"), &limit.hard) < 0 || limit.soft > limit.hard)
                        return invalid(error, "process.rlimits: %s: no valid pair of limits", type);
                limit.type = strdup(type);
                if (!limit.type)
                        return error_set_errno(error, ENOMEM, "process.rlimits");
                p->rlimits[p->n_rlimits++] = limit;
        }
        return 0;
}

static json_t *write_rlimits(const LaunchProcess *p)
{
        _cleanup_json_ json_t *l = json_array();

        for (size_t i = 0; l && i < p->n_rlimits; i++)
                if (json_array_append_new(l, json_pack("{s:s, s:o, s:o}", "type", p->rlimits[i].type, "hard",
                                                       write_limit(p->rlimits[i].hard), "soft",
                                                       write_limit(p->rlimits[i].soft))) < 0)
                        return NULL;
        return TAKE_PTR(l);
}

static int read_oom_score_adj(const json_t *process, LaunchProcess *p, Error *error)
{
        const json_t *v = json_object_get(process, "oomScoreAdj");

        if (!v || json_is_null(v))
                return 0;
        if (!json_is_integer(v) || json_integer_value(v) < -1000 || json_integer_value(v) > 1000)
                return invalid(error, "process: %s is not a number from -1000 to 1000", "oomScoreAdj");
        p->has_oom_score_adj = true;
        p->oom_score_adj = (int) json_integer_value(v);
        return 0;
}

static int process_check(const LaunchProcess *p, Error *error)
{
        if (!p->args || isempty(p->args[0]))
                return invalid(error, "process.%s: no command", "args");
        if (p->cwd[0] != '/')
                return invalid(error, "process.cwd: \"%s\" is not an absolute path", p->cwd);
        STRV_FOREACH(e, p->env)
                if (**e == '=' || !strchr(*e, '='))
                        return invalid(error, "process.env: \"%s\" is not NAME=value", *e);
        return 0;
}

static int process_read(const json_t *v, LaunchProcess *p, Error *error)
{
        json_t *berth;
        int r;

        r = read_rows(v, "process", process_rows, ELEMENTSOF(process_rows), p, error);
        if (r >= 0)
                r = process_check(p, error);
        if (r >= 0)
                r = member(v, "berth", JSON_OBJECT, &berth, error);
        if (r >= 0)
                r = read_rows(berth, "process.berth", process_berth_rows, ELEMENTSOF(process_berth_rows), p,
                              error);
        if (r >= 0)
                r = read_user(v, p, error);
        if (r >= 0)
                r = read_capabilities(v, p, error);
        if (r >= 0)
                r = read_rlimits(v, p, error);
        if (r >= 0)
                r = read_oom_score_adj(v, p, error);
        return r;
}

int launch_process_from_json(const json_t *v, LaunchProcess *ret, Error *error)
{
        LaunchProcess p = {};
        int r;

        if (!json_is_object(v))
                return invalid(error, "%s is not an object", "process");
        r = process_read(v, &p, error);
        if (r < 0) {
                launch_process_done(&p);
                return r;
        }
        *ret = p;
        return 0;
}

json_t *launch_process_to_json(const LaunchProcess *p)
{
        _cleanup_json_ json_t *v = json_write(process_rows, ELEMENTSOF(process_rows), p, NULL);
        _cleanup_json_ json_t *berth =
                json_write(process_berth_rows, ELEMENTSOF(process_berth_rows), p, NULL);

        if (!v || !berth)
                return NULL;
        if (json_object_set_new(v, "user", write_user(p)) < 0 ||
            json_object_set_new(v, "capabilities", write_capabilities(p)) < 0)
                return NULL;
        if (p->n_rlimits > 0 && json_object_set_new(v, "rlimits", write_rlimits(p)) < 0)
                return NULL;
        if (p->has_oom_score_adj && json_object_set_new(v, "oomScoreAdj", json_integer(p->oom_score_adj)) < 0)
                return NULL;
        if (json_object_size(berth) > 0 && json_object_set(v, "berth", berth) < 0)
                return NULL;
        return TAKE_PTR(v);
}

static int read_mounts(const json_t *v, Launch *l, Error *error)
{
        json_t *mounts;
        int r;

        r = member(v, "mounts", JSON_ARRAY, &mounts, error);
        if (r < 0 || !mounts || json_array_size(mounts) == 0)
                return r;
        if (json_array_size(mounts) > MOUNTS_MAX)
                return error_set(error, ERROR_LIMIT, "more than %u mounts", MOUNTS_MAX);
        l->mounts = calloc(json_array_size(mounts), sizeof(LaunchMount));
        if (!l->mounts)
                return error_set_errno(error, ENOMEM, "mounts");
        for (size_t i = 0; i < json_array_size(mounts); i++) {
                LaunchMount *m = &l->mounts[l->n_mounts++];

                r = read_rows(json_array_get(mounts, i), "mounts", mount_rows, ELEMENTSOF(mount_rows), m,
                              error);
                if (r < 0)
                        return r;
                if (m->destination[0] != '/' || strlen(m->destination) >= PATH_MAX)
                        return invalid(error, "mounts: destination \"%s\" is not an absolute path",
                                       m->destination);
        }
        return 0;
}

static json_t *write_mounts(const Launch *l)
{
        _cleanup_json_ json_t *mounts = json_array();

        for (size_t i = 0; mounts && i < l->n_mounts; i++)
                if (json_array_append_new(
                            mounts, json_write(mount_rows, ELEMENTSOF(mount_rows), &l->mounts[i], NULL)) < 0)
                        return NULL;
        return TAKE_PTR(mounts);
}

static int namespace_from_name(const char *name)
{
        for (int i = 0; i < _LAUNCH_NS_MAX; i++)
                if (streq_ptr(namespace_names[i], name))
                        return i;
        return _LAUNCH_NS_INVALID;
}

static int read_namespaces(const json_t *linux_object, Launch *l, Error *error)
{
        json_t *list;
        int r;

        r = member(linux_object, "namespaces", JSON_ARRAY, &list, error);
        if (r < 0)
                return r;
        for (size_t i = 0; i < json_array_size(list); i++) {
                const json_t *v = json_array_get(list, i);
                const char *name = json_get_string(v, "type"), *path = json_get_string(v, "path");
                int ns = namespace_from_name(name);

                if (ns < 0)
                        return invalid(error, "linux.namespaces: unknown namespace \"%s\"", strempty(name));
                if (l->namespaces & 1U << ns)
                        return invalid(error, "linux.namespaces: %s twice", name);
                l->namespaces |= 1U << ns;
                if (isempty(path))
                        continue;
                if (*path != '/')
                        return invalid(error, "linux.namespaces: \"%s\" is not an absolute path", path);
                r = str_replace(&l->namespace_paths[ns], path);
                if (r < 0)
                        return error_set_errno(error, r, "linux.namespaces");
        }
        return 0;
}

static json_t *write_namespaces(const Launch *l)
{
        _cleanup_json_ json_t *list = json_array();

        for (int i = 0; list && i < _LAUNCH_NS_MAX; i++) {
                json_t *v;

                if (!(l->namespaces & 1U << i))
                        continue;
                v = l->namespace_paths[i] ? json_pack("{s:s, s:s}", "type", namespace_names[i], "path",
                                                      l->namespace_paths[i])
                                          : json_pack("{s:s}", "type", namespace_names[i]);
                if (json_array_append_new(list, v) < 0)
                        return NULL;
        }
        return TAKE_PTR(list);
}

static int device_check(const Device *d, Error *error)
{
        if (d->path[0] != '/' || strlen(d->path) >= PATH_MAX)
                return invalid(error, "linux.devices: \"%s\" is not an absolute path", d->path);
        if (!strchr("cubp", d->type[0]) || strlen(d->type) != 1)
                return invalid(error, "linux.devices: %s: the type is none of c, u, b, p", d->path);
        if (d->major < 0 || d->major >= 1 << 12 || d->minor < 0 || d->minor >= 1 << 20)
                return invalid(error, "linux.devices: %s: no such device number", d->path);
        if (d->mode > 07777 || d->uid >= UINT32_MAX || d->gid >= UINT32_MAX)
                return invalid(error, "linux.devices: %s: mode or owner out of range", d->path);
        return 0;
}

static int read_device(const json_t *v, LaunchDevice *ret, Error *error)
{
        _cleanup_(device_done) Device d = {.mode = 0666};
        int r;

        r = read_rows(v, "linux.devices", device_rows, ELEMENTSOF(device_rows), &d, error);
        if (r >= 0)
                r = device_check(&d, error);
        if (r < 0)
                return r;
        *ret = (LaunchDevice){
                .path = TAKE_PTR(d.path),
                .type = d.type[0] == 'u' ? 'c' : d.type[0],
                .major = d.major,
                .minor = d.minor,
                .mode = (mode_t) d.mode,
                .uid = (uint32_t) d.uid,
                .gid = (uint32_t) d.gid,
        };
        return 0;
}

static int read_devices(const json_t *linux_object, Launch *l, Error *error)
{
        json_t *devices;
        int r;

        r = member(linux_object, "devices", JSON_ARRAY, &devices, error);
        if (r < 0 || !devices || json_array_size(devices) == 0)
                return r;
        l->devices = calloc(json_array_size(devices), sizeof(LaunchDevice));
        if (!l->devices)
                return error_set_errno(error, ENOMEM, "linux.devices");
        for (size_t i = 0; i < json_array_size(devices); i++) {
                r = read_device(json_array_get(devices, i), &l->devices[l->n_devices], error);
                if (r < 0)
                        return r;
                l->n_devices++;
        }
        return 0;
}

static json_t *write_devices(const Launch *l)
{
        _cleanup_json_ json_t *devices = json_array();

        for (size_t i = 0; devices && i < l->n_devices; i++) {
                const LaunchDevice *d = &l->devices[i];
                json_t *v = json_pack("{s:s, s:s#, s:I, s:I, s:i, s:I, s:I}", "path", d->path, "type",
                                      &d->type, (size_t) 1, "major", (json_int_t) d->major, "minor",
                                      (json_int_t) d->minor, "fileMode", (int) d->mode, "uid",
                                      (json_int_t) d->uid, "gid", (json_int_t) d->gid);

                if (json_array_append_new(devices, v) < 0)
                        return NULL;
        }
        return TAKE_PTR(devices);
}

static int read_linux(const json_t *v, Launch *l, Error *error)
{
        json_t *linux_object;
        int r;

        r = member(v, "linux", JSON_OBJECT, &linux_object, error);
        if (r < 0 || !linux_object)
                return r;
        r = read_rows(linux_object, "linux", linux_rows, ELEMENTSOF(linux_rows), l, error);
        if (r >= 0 && l->seccomp && !json_is_object(l->seccomp))
                r = invalid(error, "linux.%s is not an object", "seccomp");
        if (r >= 0)
                r = read_namespaces(linux_object, l, error);
        if (r >= 0)
                r = read_devices(linux_object, l, error);
        return r;
}

static int sections_read(const json_t *v, Launch *l, Error *error)
{
        json_t *process, *root, *berth;
        int r;

        r = read_rows(v, "order", launch_rows, ELEMENTSOF(launch_rows), l, error);
        if (r >= 0)
                r = member(v, "process", JSON_OBJECT, &process, error);
        if (r >= 0 && process)
                r = process_read(process, &l->process, error);
        if (r >= 0)
                r = member(v, "root", JSON_OBJECT, &root, error);
        if (r >= 0)
                r = read_rows(root, "root", root_rows, ELEMENTSOF(root_rows), l, error);
        if (r >= 0)
                r = read_mounts(v, l, error);
        if (r >= 0)
                r = read_linux(v, l, error);
        if (r >= 0)
                r = member(v, "berth", JSON_OBJECT, &berth, error);
        if (r >= 0)
                r = read_rows(berth, "berth", berth_rows, ELEMENTSOF(berth_rows), l, error);
        return r;
}

static int launch_check(const Launch *l, Error *error)
{
        const char *paths[] = {l->overlay_upper, l->overlay_work};

        FOREACH_ELEMENT(path, paths)
                if (*path && **path != '/')
                        return invalid(error, "berth: \"%s\" is not an absolute path", *path);
        STRV_FOREACH(lower, l->overlay_lower)
                if (**lower != '/')
                        return invalid(error, "berth.overlayLower: \"%s\" is not an absolute path", *lower);
        if (!l->overlay_upper != !l->overlay_work || (l->overlay_upper && !l->overlay_lower))
                return invalid(error, "berth: %s",
                               "overlayLower, overlayUpper and overlayWork belong together");
        if (l->sdnotify && !streq(l->sdnotify, "conmon") && !streq(l->sdnotify, "container") &&
            !streq(l->sdnotify, "ignore"))
                return invalid(error, "berth.sdnotify: \"%s\" is none of conmon, container, ignore",
                               l->sdnotify);
        return 0;
}

int launch_from_json(const json_t *v, Launch **ret, Error *error)
{
        _cleanup_(launch_freep) Launch *l = launch_new();
        int r;

        if (!l)
                return error_set_errno(error, ENOMEM, "order");
        if (!json_is_object(v))
                return invalid(error, "the order is not an %s", "object");
        r = sections_read(v, l, error);
        if (r >= 0)
                r = launch_check(l, error);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(l);
        return 0;
}

static json_t *write_linux(const Launch *l)
{
        _cleanup_json_ json_t *v = json_write(linux_rows, ELEMENTSOF(linux_rows), l, NULL);

        if (!v || json_object_set_new(v, "namespaces", write_namespaces(l)) < 0)
                return NULL;
        if (l->n_devices > 0 && json_object_set_new(v, "devices", write_devices(l)) < 0)
                return NULL;
        return TAKE_PTR(v);
}

json_t *launch_to_json(const Launch *l)
{
        _cleanup_json_ json_t *v = json_write(launch_rows, ELEMENTSOF(launch_rows), l, NULL);

        if (!v)
                return NULL;
        if (!l->oci_version && json_object_set_new(v, "ociVersion", json_string(OCI_VERSION)) < 0)
                return NULL;
        if (l->process.args && json_object_set_new(v, "process", launch_process_to_json(&l->process)) < 0)
                return NULL;
        if (l->root_path &&
            json_object_set_new(v, "root", json_write(root_rows, ELEMENTSOF(root_rows), l, NULL)) < 0)
                return NULL;
        if (json_object_set_new(v, "mounts", write_mounts(l)) < 0 ||
            json_object_set_new(v, "linux", write_linux(l)) < 0 ||
            json_object_set_new(v, "berth", json_write(berth_rows, ELEMENTSOF(berth_rows), l, NULL)) < 0)
                return NULL;
        return TAKE_PTR(v);
}

void record_done(Record *r)
{
        json_rows_done(record_rows, ELEMENTSOF(record_rows), r);
        json_decref(r->unknown);
        *r = (Record){};
}

int record_from_json(const json_t *v, Record *ret)
{
        Record record = {};
        int r;

        r = json_read(v, record_rows, ELEMENTSOF(record_rows), &record, &record.unknown, NULL);
        if (r < 0) {
                record_done(&record);
                return r;
        }
        *ret = record;
        return 0;
}

json_t *record_to_json(const Record *r)
{
        return json_write(record_rows, ELEMENTSOF(record_rows), r, r->unknown);
}

int record_load_at(int dir, const char *name, Record *ret)
{
        _cleanup_json_ json_t *v = NULL;
        int r;

        r = json_load_at(dir, name, &v, NULL);
        return r < 0 ? r : record_from_json(v, ret);
}
