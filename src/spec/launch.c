/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The order in both directions: its top level, the mounts, the hooks, and our own section. Everything that
 * the executor will rely on (absolute paths, known names, ranges) is checked here, once. */

#include <limits.h>

#include "base/str.h"
#include "spec/launch-table.h"

#define OCI_VERSION "1.0.2"
#define OCI_MINOR_MAX 3
#define MOUNTS_MAX 4096
#define HOOKS_MAX 1024
#define KEEP_GROUPS_ANNOTATION "run.oci.keep_original_groups"
#define FIELD(member) offsetof(Launch, member)

static const char *const hook_points[_LAUNCH_HOOK_MAX] = {
        [LAUNCH_HOOK_PRESTART] = "prestart",
        [LAUNCH_HOOK_CREATE_RUNTIME] = "createRuntime",
        [LAUNCH_HOOK_CREATE_CONTAINER] = "createContainer",
        [LAUNCH_HOOK_START_CONTAINER] = "startContainer",
        [LAUNCH_HOOK_POSTSTART] = "poststart",
        [LAUNCH_HOOK_POSTSTOP] = "poststop",
};

const char *launch_hook_point_name(LaunchHookPoint p)
{
        return hook_points[p];
}

static const Member root_members[] = {
        {"path", MEMBER_STRING, FIELD(root_path), .required = true, .max = PATH_MAX - 1},
        {"readonly", MEMBER_BOOL, FIELD(root_readonly)},
};
static const MemberTable root_table = MEMBER_TABLE(root_members, Launch);

static int check_mount(const void *object, const MemberWhere *where, Error *error)
{
        return launch_check_id_maps(&((const LaunchMount *) object)->maps, where, error);
}

static const Member mount_members[] = {
        {"destination", MEMBER_PATH, offsetof(LaunchMount, destination), .required = true},
        {"type", MEMBER_STRING, offsetof(LaunchMount, type), .max = NAME_MAX},
        {"source", MEMBER_STRING, offsetof(LaunchMount, source), .max = PATH_MAX - 1},
        {"options", MEMBER_STRV, offsetof(LaunchMount, options)},
        {"uidMappings", MEMBER_ARRAY, offsetof(LaunchMount, maps.uids),
         .count = offsetof(LaunchMount, maps.n_uids), .table = &launch_id_map_table,
         .max = LAUNCH_ID_MAPS_MAX},
        {"gidMappings", MEMBER_ARRAY, offsetof(LaunchMount, maps.gids),
         .count = offsetof(LaunchMount, maps.n_gids), .table = &launch_id_map_table,
         .max = LAUNCH_ID_MAPS_MAX},
};
static const MemberTable mount_table = MEMBER_TABLE(mount_members, LaunchMount, .check = check_mount);

static int check_hook(const void *object, const MemberWhere *where, Error *error)
{
        const LaunchHook *h = object;

        STRV_FOREACH(e, h->env)
                if (**e == '=' || !strchr(*e, '='))
                        return member_invalid(where, "env", error, "\"%.200s\" is not NAME=value", *e);
        return 0;
}

static const Member hook_members[] = {
        {"path", MEMBER_PATH, offsetof(LaunchHook, path), .required = true},
        {"args", MEMBER_STRV, offsetof(LaunchHook, args)},
        {"env", MEMBER_STRV, offsetof(LaunchHook, env)},
        {"timeout", MEMBER_OPTIONAL_I64, offsetof(LaunchHook, timeout), .min = 1, .max = INT32_MAX},
};
static const MemberTable hook_table = MEMBER_TABLE(hook_members, LaunchHook, .check = check_hook);

#define HOOKS(name, point)                                                                                   \
        {                                                                                                    \
                name, MEMBER_ARRAY, FIELD(hooks[point].hooks), .count = FIELD(hooks[point].n),               \
                                                               .table = &hook_table, .max = HOOKS_MAX        \
        }
static const Member hooks_members[] = {
        HOOKS("prestart", LAUNCH_HOOK_PRESTART),
        HOOKS("createRuntime", LAUNCH_HOOK_CREATE_RUNTIME),
        HOOKS("createContainer", LAUNCH_HOOK_CREATE_CONTAINER),
        HOOKS("startContainer", LAUNCH_HOOK_START_CONTAINER),
        HOOKS("poststart", LAUNCH_HOOK_POSTSTART),
        HOOKS("poststop", LAUNCH_HOOK_POSTSTOP),
};
static const MemberTable hooks_table = MEMBER_TABLE(hooks_members, Launch);

static int check_berth(const void *object, const MemberWhere *where, Error *error)
{
        const Launch *l = object;

        STRV_FOREACH(lower, l->overlay_lower)
                if (**lower != '/')
                        return member_invalid(where, "overlayLower", error,
                                              "\"%.200s\" is not an absolute path", *lower);
        if (!l->overlay_upper != !l->overlay_work || (l->overlay_upper && !l->overlay_lower))
                return member_invalid(where, NULL, error,
                                      "overlayLower, overlayUpper and overlayWork belong together");
        if (l->sdnotify && !streq(l->sdnotify, "conmon") && !streq(l->sdnotify, "container") &&
            !streq(l->sdnotify, "ignore"))
                return member_invalid(where, "sdnotify", error,
                                      "\"%.200s\" is none of conmon, container, ignore", l->sdnotify);
        return 0;
}

static const Member berth_members[] = {
        {"id", MEMBER_STRING, FIELD(id)},
        {"name", MEMBER_STRING, FIELD(name)},
        {"image", MEMBER_STRING, FIELD(image)},
        {"unit", MEMBER_STRING, FIELD(unit)},
        {"logTag", MEMBER_STRING, FIELD(log_tag)},
        {"overlayLower", MEMBER_STRV, FIELD(overlay_lower)},
        {"overlayUpper", MEMBER_PATH, FIELD(overlay_upper)},
        {"overlayWork", MEMBER_PATH, FIELD(overlay_work)},
        {"seccompProfile", MEMBER_STRING, FIELD(seccomp_profile)},
        {"sdnotify", MEMBER_STRING, FIELD(sdnotify)},
        {"timezone", MEMBER_STRING, FIELD(timezone)},
        {"foreground", MEMBER_BOOL, FIELD(foreground)},
        {"logNone", MEMBER_BOOL, FIELD(log_none)},
        {"logPipe", MEMBER_BOOL, FIELD(log_pipe)},
        {"autoRemove", MEMBER_BOOL, FIELD(auto_remove)},
};
static const MemberTable berth_table = MEMBER_TABLE(berth_members, Launch, .check = check_berth);

static bool is_number(const char **s, unsigned *ret)
{
        size_t n = strspn(*s, "0123456789");

        if (n == 0 || n > 4 || (n > 1 && **s == '0'))
                return false;
        *ret = (unsigned) strtoul(*s, NULL, 10);
        *s += n;
        return true;
}

/* Semantic versions may have a word behind the numbers. */
static bool version_is_known(const char *s)
{
        unsigned major, minor, patch;

        return is_number(&s, &major) && *s++ == '.' && is_number(&s, &minor) && *s++ == '.' &&
               is_number(&s, &patch) && (*s == '\0' || ((*s == '-' || *s == '+') && s[1])) && major == 1 &&
               minor <= OCI_MINOR_MAX;
}

static int check_launch(const void *object, const MemberWhere *where, Error *error)
{
        const Launch *l = object;

        if (l->oci_version && !version_is_known(l->oci_version))
                return member_invalid(where, "ociVersion", error,
                                      "version \"%.64s\" is unknown: 1.0 to 1.%d are understood",
                                      l->oci_version, OCI_MINOR_MAX);
        return 0;
}

static const Member launch_members[] = {
        {"ociVersion", MEMBER_STRING, FIELD(oci_version)},
        {"process", MEMBER_OBJECT, FIELD(process), .table = &launch_process_table},
        {"root", MEMBER_OBJECT, .table = &root_table},
        {"hostname", MEMBER_STRING, FIELD(hostname)},
        {"domainname", MEMBER_STRING, FIELD(domainname)},
        {"mounts", MEMBER_ARRAY, FIELD(mounts), .count = FIELD(n_mounts), .table = &mount_table,
         .max = MOUNTS_MAX, .always = true},
        {"hooks", MEMBER_OBJECT, .table = &hooks_table},
        {"annotations", MEMBER_MAP, FIELD(annotations)},
        {"linux", MEMBER_OBJECT, .table = &launch_linux_table, .always = true},
        {"berth", MEMBER_OBJECT, .table = &berth_table, .always = true},
};
static const MemberTable launch_table = MEMBER_TABLE(launch_members, Launch, .check = check_launch);

Launch *launch_new(void)
{
        return calloc(1, sizeof(Launch));
}

Launch *launch_free(Launch *l)
{
        if (!l)
                return NULL;
        members_done(&launch_table, l);
        free(l);
        return NULL;
}

int launch_from_json(const json_t *v, Launch **ret, Error *error)
{
        _cleanup_(launch_freep) Launch *l = launch_new();
        int r;

        if (!l)
                return error_set_errno(error, ENOMEM, "order");
        if (!json_is_object(v))
                return error_set(error, ERROR_INVALID_ARGUMENT, "the order is not an object");
        r = members_read(v, NULL, &launch_table, l, error);
        if (r < 0)
                return r;
        l->process.keep_groups = streq_ptr(map_get(l->annotations, KEEP_GROUPS_ANNOTATION), "1");
        *ret = TAKE_PTR(l);
        return 0;
}

json_t *launch_to_json(const Launch *l)
{
        _cleanup_json_ json_t *v = members_write(&launch_table, l);

        if (!v || (!l->oci_version && json_object_set_new(v, "ociVersion", json_string(OCI_VERSION)) < 0))
                return NULL;
        if (!l->process.args)
                (void) json_object_del(v, "process");
        return TAKE_PTR(v);
}
