/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* OCI "linux", but for the resources. */

#include <limits.h>
#include <linux/mempolicy.h>
#include <net/if.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/stat.h>

#include "base/str.h"
#include "spec/launch-table.h"

#define NODES_MAX 1024U
#define NSEC_PER_SEC 1000000000
#define DEVICE_MAJOR_MAX ((1 << 12) - 1)
#define DEVICE_MINOR_MAX ((1 << 20) - 1)
#define FIELD(member) offsetof(Launch, member)
#ifndef MPOL_PREFERRED_MANY
#define MPOL_PREFERRED_MANY 5
#endif
#define MPOL_WEIGHTED_INTERLEAVE_ 6

static const MemberName namespace_names[] = {
        {"mount", LAUNCH_NS_MOUNT}, {"pid", LAUNCH_NS_PID},   {"network", LAUNCH_NS_NETWORK},
        {"ipc", LAUNCH_NS_IPC},     {"uts", LAUNCH_NS_UTS},   {"cgroup", LAUNCH_NS_CGROUP},
        {"user", LAUNCH_NS_USER},   {"time", LAUNCH_NS_TIME}, {},
};

static const MemberName propagations[] = {
        {"private", MS_PRIVATE},
        {"rprivate", MS_PRIVATE | MS_REC},
        {"shared", MS_SHARED},
        {"rshared", MS_SHARED | MS_REC},
        {"slave", MS_SLAVE},
        {"rslave", MS_SLAVE | MS_REC},
        {"unbindable", MS_UNBINDABLE},
        {"runbindable", MS_UNBINDABLE | MS_REC},
        {"", 0},
        {},
};

static const MemberName device_types[] = {
        {"c", S_IFCHR}, {"u", S_IFCHR}, {"b", S_IFBLK}, {"p", S_IFIFO}, {},
};

static const MemberName personalities[] = {{"LINUX", PER_LINUX}, {"LINUX32", PER_LINUX32}, {}};
static const MemberName no_flags[] = {{}};

static const MemberName memory_modes[] = {
        {"MPOL_DEFAULT", MPOL_DEFAULT},
        {"MPOL_PREFERRED", MPOL_PREFERRED},
        {"MPOL_BIND", MPOL_BIND},
        {"MPOL_INTERLEAVE", MPOL_INTERLEAVE},
        {"MPOL_LOCAL", MPOL_LOCAL},
        {"MPOL_PREFERRED_MANY", MPOL_PREFERRED_MANY},
        {"MPOL_WEIGHTED_INTERLEAVE", MPOL_WEIGHTED_INTERLEAVE_},
        {},
};

static const MemberName memory_flags[] = {
        {"MPOL_F_STATIC_NODES", MPOL_F_STATIC_NODES},
        {"MPOL_F_RELATIVE_NODES", MPOL_F_RELATIVE_NODES},
        {"MPOL_F_NUMA_BALANCING", MPOL_F_NUMA_BALANCING},
        {},
};

/* ID maps, of the user namespace and of mounts. */

static int check_id_map(const void *object, const MemberWhere *where, Error *error)
{
        const LaunchIdMap *m = object;

        if (m->size == 0)
                return member_invalid(where, "size", error, "maps nothing");
        if (m->container_id > UINT32_MAX - m->size || m->host_id > UINT32_MAX - m->size)
                return member_invalid(where, NULL, error, "goes beyond the last ID");
        return 0;
}

static const Member id_map_members[] = {
        {"containerID", MEMBER_U32, offsetof(LaunchIdMap, container_id), .required = true, .always = true},
        {"hostID", MEMBER_U32, offsetof(LaunchIdMap, host_id), .required = true, .always = true},
        {"size", MEMBER_U32, offsetof(LaunchIdMap, size), .required = true, .always = true},
};
const MemberTable launch_id_map_table = MEMBER_TABLE(id_map_members, LaunchIdMap, .check = check_id_map);

static bool overlap(uint32_t a, uint32_t a_size, uint32_t b, uint32_t b_size)
{
        return a < b + b_size && b < a + a_size;
}

static int check_overlaps(const LaunchIdMap *maps, size_t n, const char *name, const MemberWhere *where,
                          Error *error)
{
        for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < i; k++)
                        if (overlap(maps[i].container_id, maps[i].size, maps[k].container_id, maps[k].size) ||
                            overlap(maps[i].host_id, maps[i].size, maps[k].host_id, maps[k].size))
                                return member_invalid(where, name, error, "entries %zu and %zu overlap", k,
                                                      i);
        return 0;
}

int launch_check_id_maps(const LaunchIdMaps *maps, const MemberWhere *where, Error *error)
{
        int r;

        r = check_overlaps(maps->uids, maps->n_uids, "uidMappings", where, error);
        return r < 0 ? r : check_overlaps(maps->gids, maps->n_gids, "gidMappings", where, error);
}

/* Namespaces: a list outside, bits and paths inside. */

static int read_namespace(const json_t *v, Launch *l, const MemberWhere *where, Error *error)
{
        const char *type = json_get_string(v, "type"), *path = json_get_string(v, "path");
        const MemberName *name = member_name_find(namespace_names, type);
        const json_t *path_value = json_object_get(v, "path");

        if (!name)
                return member_invalid(where, "type", error, "unknown namespace \"%.200s\"", strempty(type));
        if (l->namespaces & 1U << name->value)
                return member_invalid(where, NULL, error, "%s twice", type);
        l->namespaces |= 1U << name->value;
        if (path_value && !path && !json_is_null(path_value))
                return member_invalid(where, "path", error, "is not a string");
        if (isempty(path))
                return 0;
        if (*path != '/' || strlen(path) >= PATH_MAX)
                return member_invalid(where, "path", error, "\"%.200s\" is not an absolute path", path);
        return str_replace(&l->namespace_paths[name->value], path) < 0
                       ? error_set_errno(error, ENOMEM, "linux.namespaces")
                       : 0;
}

static int read_namespaces(const Member *m, const json_t *v, void *object, const MemberWhere *where,
                           Error *error)
{
        int r = 0;

        if (!json_is_array(v))
                return member_invalid(where, NULL, error, "is not an array");
        for (size_t i = 0; r >= 0 && i < json_array_size(v); i++) {
                const MemberWhere here = {.up = where, .index = i};

                r = read_namespace(json_array_get(v, i), object, &here, error);
        }
        return r;
}

static json_t *write_namespaces(const Member *m, const void *object)
{
        const Launch *l = object;
        _cleanup_json_ json_t *list = json_array();

        for (const MemberName *n = namespace_names; list && n->name; n++) {
                const char *path = l->namespace_paths[n->value];

                if (!(l->namespaces & 1U << n->value))
                        continue;
                if (json_array_append_new(list, path ? json_pack("{s:s, s:s}", "type", n->name, "path", path)
                                                     : json_pack("{s:s}", "type", n->name)) < 0)
                        return NULL;
        }
        return TAKE_PTR(list);
}

static void done_namespaces(const Member *m, void *object)
{
        for (size_t i = 0; i < _LAUNCH_NS_MAX; i++)
                free(TAKE_PTR(((Launch *) object)->namespace_paths[i]));
}

static const MemberOwn namespaces = {read_namespaces, write_namespaces, done_namespaces};

/* Time. */

static const Member time_offset_members[] = {
        {"secs", MEMBER_I64, offsetof(LaunchTimeOffset, secs)},
        {"nanosecs", MEMBER_U32, offsetof(LaunchTimeOffset, nanosecs), .max = NSEC_PER_SEC - 1},
};
static const MemberTable time_offset_table = MEMBER_TABLE(time_offset_members, LaunchTimeOffset);

static const Member time_members[] = {
        {"monotonic", MEMBER_OBJECT, FIELD(time_offsets.monotonic), .has = FIELD(time_offsets.monotonic.set),
         .table = &time_offset_table},
        {"boottime", MEMBER_OBJECT, FIELD(time_offsets.boottime), .has = FIELD(time_offsets.boottime.set),
         .table = &time_offset_table},
};
static const MemberTable time_table = MEMBER_TABLE(time_members, Launch);

/* Devices. */

static const LaunchDevice plain_device = {.mode = 0666};
static const Member device_members[] = {
        {"path", MEMBER_PATH, offsetof(LaunchDevice, path), .required = true},
        {"type", MEMBER_NAME, offsetof(LaunchDevice, type), .required = true, .names = device_types,
         .unknown = "device type"},
        {"major", MEMBER_I64, offsetof(LaunchDevice, major), .max = DEVICE_MAJOR_MAX, .always = true},
        {"minor", MEMBER_I64, offsetof(LaunchDevice, minor), .max = DEVICE_MINOR_MAX, .always = true},
        /* Some write the type's bits, too. */
        {"fileMode", MEMBER_U32, offsetof(LaunchDevice, mode), .max = 0177777, .always = true},
        {"uid", MEMBER_U32, offsetof(LaunchDevice, uid), .max = UINT32_MAX - INT64_C(1), .always = true},
        {"gid", MEMBER_U32, offsetof(LaunchDevice, gid), .max = UINT32_MAX - INT64_C(1), .always = true},
};
static const MemberTable device_table = MEMBER_TABLE(device_members, LaunchDevice, .initial = &plain_device);

static bool is_device_name(const char *s)
{
        return *s && strlen(s) < IFNAMSIZ && !streq(s, ".") && !streq(s, "..") &&
               !strpbrk(s, "/: \t\n\v\f\r") && !str_has_control(s);
}

static int check_net_device(const void *object, const MemberWhere *where, Error *error)
{
        const LaunchNetDevice *d = object;

        if (!is_device_name(d->host_name) || (d->name && *d->name && !is_device_name(d->name)))
                return member_invalid(where, NULL, error, "not the name of a network device");
        return 0;
}

static const Member net_device_members[] = {
        {"name", MEMBER_STRING, offsetof(LaunchNetDevice, name)},
};
static const MemberTable net_device_table =
        MEMBER_TABLE(net_device_members, LaunchNetDevice, .key = offsetof(LaunchNetDevice, host_name),
                     .check = check_net_device);

/* What one system call takes. */

static const Member personality_members[] = {
        {"domain", MEMBER_NAME, FIELD(personality), .required = true, .always = true, .names = personalities,
         .unknown = "domain"},
        /* The specification defines none. */
        {"flags", MEMBER_FLAGS, FIELD(personality_flags), .names = no_flags, .unknown = "flag"},
};
static const MemberTable personality_table = MEMBER_TABLE(personality_members, Launch);

static int check_memory_policy(const void *object, const MemberWhere *where, Error *error)
{
        uint64_t bits[NODES_MAX / 64];
        const Launch *l = object;

        if (l->memory_policy_nodes && launch_parse_cpu_list(l->memory_policy_nodes, bits, NODES_MAX) < 0)
                return member_invalid(where, "nodes", error, "\"%.200s\" is not a list of nodes",
                                      l->memory_policy_nodes);
        return 0;
}

static const Member memory_policy_members[] = {
        {"mode", MEMBER_NAME, FIELD(memory_policy), .required = true, .always = true, .names = memory_modes,
         .unknown = "mode"},
        {"nodes", MEMBER_STRING, FIELD(memory_policy_nodes)},
        {"flags", MEMBER_FLAGS, FIELD(memory_policy_flags), .names = memory_flags, .unknown = "flag"},
};
static const MemberTable memory_policy_table =
        MEMBER_TABLE(memory_policy_members, Launch, .check = check_memory_policy);

static int check_linux(const void *object, const MemberWhere *where, Error *error)
{
        return launch_check_id_maps(&((const Launch *) object)->maps, where, error);
}

static const Member linux_members[] = {
        {"namespaces", MEMBER_OWN, .own = &namespaces, .always = true},
        {"uidMappings", MEMBER_ARRAY, FIELD(maps.uids), .count = FIELD(maps.n_uids),
         .table = &launch_id_map_table, .max = LAUNCH_ID_MAPS_MAX},
        {"gidMappings", MEMBER_ARRAY, FIELD(maps.gids), .count = FIELD(maps.n_gids),
         .table = &launch_id_map_table, .max = LAUNCH_ID_MAPS_MAX},
        {"timeOffsets", MEMBER_OBJECT, .table = &time_table},
        {"devices", MEMBER_ARRAY, FIELD(devices), .count = FIELD(n_devices), .table = &device_table},
        {"netDevices", MEMBER_KEYED, FIELD(net_devices), .count = FIELD(n_net_devices),
         .table = &net_device_table},
        {"cgroupsPath", MEMBER_STRING, FIELD(cgroups_path), .max = PATH_MAX - 1},
        {"resources", MEMBER_OBJECT, FIELD(resources), .table = &launch_resources_table},
        {"rootfsPropagation", MEMBER_NAME, FIELD(rootfs_propagation), .names = propagations,
         .unknown = "propagation"},
        {"seccomp", MEMBER_JSON, FIELD(seccomp)},
        {"sysctl", MEMBER_MAP, FIELD(sysctl)},
        {"maskedPaths", MEMBER_STRV, FIELD(masked_paths)},
        {"readonlyPaths", MEMBER_STRV, FIELD(readonly_paths)},
        {"mountLabel", MEMBER_STRING, FIELD(mount_label), .max = PATH_MAX - 1},
        {"intelRdt", MEMBER_JSON, FIELD(intel_rdt)},
        {"memoryPolicy", MEMBER_OBJECT, .has = FIELD(has_memory_policy), .table = &memory_policy_table},
        {"personality", MEMBER_OBJECT, .has = FIELD(has_personality), .table = &personality_table},
};
const MemberTable launch_linux_table = MEMBER_TABLE(linux_members, Launch, .check = check_linux);
