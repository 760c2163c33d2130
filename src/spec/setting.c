/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The table of settings and the loops over it. */

#include <ctype.h>

#include "base/str.h"
#include "spec/item.h"
#include "spec/setting-check.h"
#include "spec/setting.h"

#define FLAG_MAX 48

/* Values that reach into the host: creating such a container asks for io.berth1.manage-host. */

static bool has_bind(char *const *list, int (*parse)(const char *, MountItem *, const char **))
{
        STRV_FOREACH(i, (char **) list) {
                _cleanup_mount_item_ MountItem m = {};
                const char *reason = NULL;

                if (parse(*i, &m, &reason) < 0 || m.kind == MOUNT_BIND)
                        return true;
        }
        return false;
}

static bool guard_volumes(const Spec *s)
{
        return has_bind(s->volumes, mount_item_from_volume);
}

static bool guard_mounts(const Spec *s)
{
        return has_bind(s->mounts, mount_item_from_mount);
}

static bool guard_network(const Spec *s)
{
        return strv_contains(s->network, "host");
}

static bool guard_devices(const Spec *s)
{
        return s->devices != NULL;
}

static bool guard_cap_add(const Spec *s)
{
        return s->cap_add != NULL;
}

static bool guard_seccomp(const Spec *s)
{
        return s->seccomp_profile != NULL;
}

static bool guard_oom(const Spec *s)
{
        return s->oom_score_adj < 0;
}

static const char *const restart_policies[_RESTART_MAX] = {
        [RESTART_NO] = "no",
        [RESTART_ON_FAILURE] = "on-failure",
        [RESTART_ALWAYS] = "always",
        [RESTART_UNLESS_STOPPED] = "unless-stopped",
};
static const EnumTable restart_table = {restart_policies, ELEMENTSOF(restart_policies),
                                        "no, on-failure, always or unless-stopped is wanted", "POLICY"};

static const char *const sdnotify_modes[_SDNOTIFY_MAX] = {
        [SDNOTIFY_CONMON] = "conmon",
        [SDNOTIFY_CONTAINER] = "container",
        [SDNOTIFY_IGNORE] = "ignore",
};
static const EnumTable sdnotify_table = {sdnotify_modes, ELEMENTSOF(sdnotify_modes),
                                         "conmon, container or ignore is wanted", "WHO"};

static const char *const pull_policies[_PULL_POLICY_MAX] = {
        [PULL_MISSING] = "missing",
        [PULL_ALWAYS] = "always",
        [PULL_NEWER] = "newer",
        [PULL_NEVER] = "never",
};
static const EnumTable pull_table = {pull_policies, ELEMENTSOF(pull_policies),
                                     "missing, always, newer or never is wanted", "POLICY"};

static const char *const systemd_modes[_SYSTEMD_MODE_MAX] = {
        [SYSTEMD_FALSE] = "false",
        [SYSTEMD_TRUE] = "true",
        [SYSTEMD_ALWAYS] = "always",
};
static const EnumTable systemd_table = {systemd_modes, ELEMENTSOF(systemd_modes),
                                        "true, false or always is wanted", "WHEN"};

static const char *const log_drivers[_LOG_DRIVER_MAX] = {
        [LOG_DRIVER_JOURNALD] = "journald",
        [LOG_DRIVER_PIPE] = "pipe",
        [LOG_DRIVER_NONE] = "none",
        [LOG_DRIVER_PASSTHROUGH] = "passthrough",
};
static const EnumTable log_driver_table = {log_drivers, ELEMENTSOF(log_drivers),
                                           "journald, pipe, none or passthrough is wanted", "DRIVER"};

static const Range range_weight = {1, 10000};
static const Range range_shares = {2, 262144};
static const Range range_pids = {0, INT64_MAX};
static const Range range_period = {1000, 1000000};
static const Range range_time = {1000, INT64_MAX};
static const Range range_retries = {0, UINT32_MAX};
static const Range range_pull_retries = {0, 100};
static const Range range_oom = {-1000, 1000};

/* Type and place of a field in one word; does not compile when the field is not of the type's C type. */
#define FIELD(field, kind)                                                                                   \
        .type = &setting_type_##kind,                                                                        \
        .offset = offsetof(Spec, field) +                                                                    \
                  0 * sizeof(char[__builtin_types_compatible_p(typeof(((Spec *) 0)->field),                  \
                                                               setting_ctype_##kind)                         \
                                          ? 1                                                                \
                                          : -1])
/* Enums of our own have the representation of an int, which the assertion below makes sure of. */
#define FIELD_ENUM(field, table)                                                                             \
        .type = &setting_type_enum, .arg = &(table),                                                         \
        .offset = offsetof(Spec, field) +                                                                    \
                  0 * sizeof(char[sizeof(((Spec *) 0)->field) == sizeof(int) ? 1 : -1])

#define ARG(check) .arg = (const void *) (check)
#define CONTAINER SPEC_CONTAINER
#define LIVE (SPEC_CONTAINER | SPEC_UPDATE)
#define BOTH (SPEC_CONTAINER | SPEC_EXEC)

static const Setting settings[_SETTING_MAX] = {
        [SETTING_NAME] = {"Name", "ContainerName", .kinds = CONTAINER, FIELD(name, string), ARG(check_name),
                          .example = "web", .metavar = "NAME", .help = "Name of the container"},
        [SETTING_IMAGE] = {"Image", .kinds = CONTAINER, FIELD(image, string), ARG(check_image),
                           .flags = SETTING_NO_FLAG, .example = "localhost/web:1.0", .help = "Image to run"},
        [SETTING_PULL] = {"Pull", .kinds = CONTAINER, FIELD_ENUM(pull, pull_table), .otherwise = "missing",
                          .example = "newer",
                          .help = "When the image is pulled: missing, always, newer, never"},
        [SETTING_PLATFORM] = {"Platform", .kinds = CONTAINER, FIELD(platform, string), ARG(check_platform),
                              .flags = SETTING_NO_QUADLET, .example = "linux/arm64",
                              .metavar = "OS/ARCH[/VARIANT]", .help = "Platform of the image that is pulled"},
        [SETTING_RETRY] = {"Retry", .kinds = CONTAINER, FIELD(retry, count), .arg = &range_pull_retries,
                           .example = "5", .help = "How often a pull is tried again"},
        [SETTING_RETRY_DELAY] = {"RetryDelay", .kinds = CONTAINER, FIELD(retry_delay, usec), .example = "5s",
                                 .help = "Time before that, doubled each time"},
        [SETTING_COMMAND] = {"Command", "Exec", .kinds = BOTH, FIELD(command, argv), .flags = SETTING_NO_FLAG,
                             .example = "nginx -g \"daemon off;\"", .help = "Command and its arguments"},
        [SETTING_ENTRYPOINT] = {"Entrypoint", .kinds = CONTAINER, FIELD(entrypoint, argv),
                                .example = "/usr/bin/tini --",
                                .help = "Program that gets the command as arguments"},
        [SETTING_ENVIRONMENT] = {"Environment", .flag = "env", .letter = 'e', .kinds = BOTH,
                                 FIELD(environment, map), ARG(check_env_name), .flags = SETTING_LIST,
                                 .example = "LANG=C.UTF-8", .help = "Environment variable"},
        [SETTING_USER] = {"User", .letter = 'u', .kinds = BOTH, FIELD(user, string), ARG(check_user),
                          .example = "app:www-data", .metavar = "USER[:GROUP]",
                          .help = "User and group, by the image's names or numbers"},
        [SETTING_GROUP] = {"Group", .kinds = CONTAINER, FIELD(group, string), ARG(check_group),
                           .example = "www-data", .metavar = "GROUP",
                           .help = "Group, by the image's name or number"},
        [SETTING_GROUPS] = {"Groups", "GroupAdd", "group-add", .kinds = CONTAINER, FIELD(groups, strv),
                            ARG(check_group), .flags = SETTING_LIST, .example = "audio", .metavar = "GROUP",
                            .help = "Further group"},
        [SETTING_WORKING_DIR] = {"WorkingDir", .flag = "workdir", .letter = 'w', .kinds = BOTH,
                                 FIELD(working_dir, path), .example = "/srv", .help = "Working directory"},
        [SETTING_HOSTNAME] = {"Hostname", "HostName", .letter = 'h', .kinds = CONTAINER,
                              FIELD(hostname, string), ARG(check_hostname), .example = "web1",
                              .metavar = "NAME", .help = "Host name inside the container"},
        [SETTING_LABELS] = {"Labels", "Label", "label", 'l', .kinds = CONTAINER, FIELD(labels, map),
                            ARG(check_plain), .flags = SETTING_LIST, .example = "app=shop",
                            .help = "Label for lists and filters"},
        [SETTING_ANNOTATIONS] = {"Annotations", "Annotation", "annotation", .kinds = CONTAINER,
                                 FIELD(annotations, map), ARG(check_plain), .flags = SETTING_LIST,
                                 .example = "org.example.owner=ops",
                                 .help = "Annotation in the OCI configuration"},
        [SETTING_VOLUMES] = {"Volumes", "Volume", "volume", 'v', .kinds = CONTAINER, FIELD(volumes, strv),
                             ARG(check_volume), .flags = SETTING_LIST, .guard = guard_volumes,
                             .example = "/srv/www:/usr/share/nginx/html:ro", .metavar = "SRC:DEST[:OPTIONS]",
                             .help = "Host directory or volume in the container"},
        [SETTING_MOUNTS] = {"Mounts", "Mount", "mount", .kinds = CONTAINER, FIELD(mounts, strv),
                            ARG(check_mount), .flags = SETTING_LIST, .guard = guard_mounts,
                            .example = "type=bind,source=/srv,destination=/srv,ro=true",
                            .metavar = "type=TYPE,...", .help = "Mount, in words"},
        [SETTING_TMPFS] = {"Tmpfs", .kinds = CONTAINER, FIELD(tmpfs, strv), ARG(check_tmpfs),
                           .flags = SETTING_LIST, .example = "/run:size=64m,mode=755",
                           .metavar = "DEST[:OPTIONS]", .help = "Memory file system in the container"},
        [SETTING_READ_ONLY] = {"ReadOnly", .kinds = CONTAINER, FIELD(read_only, bool), .example = "true",
                               .otherwise = "false", .help = "Mount the image read-only"},
        [SETTING_NETWORK] = {"Network", .flag = "network", .kinds = CONTAINER, FIELD(network, strv),
                             ARG(check_network), .flags = SETTING_LIST, .guard = guard_network,
                             .example = "host", .metavar = "host|none",
                             .help = "Network: host or none (none unless given)"},
        [SETTING_USERNS] = {"UserNS", .flag = "userns", .kinds = CONTAINER, FIELD(userns, string),
                            ARG(check_userns), .example = "auto:size=8192", .metavar = "MODE",
                            .help = "IDs of its own: auto[:OPTIONS], keep-id[:OPTIONS], nomap or host"},
        [SETTING_UID_MAP] = {"UIDMap", .flag = "uidmap", .kinds = CONTAINER, FIELD(uid_map, strv),
                             ARG(check_id_map), .flags = SETTING_LIST, .example = "0:200000:65536",
                             .metavar = "ID:HOST[:SIZE]", .help = "User IDs that are others on the host"},
        [SETTING_GID_MAP] = {"GIDMap", .flag = "gidmap", .kinds = CONTAINER, FIELD(gid_map, strv),
                             ARG(check_id_map), .flags = SETTING_LIST, .example = "0:200000:65536",
                             .metavar = "ID:HOST[:SIZE]", .help = "Group IDs that are others on the host"},
        [SETTING_SUB_UID_MAP] = {"SubUIDMap", .flag = "subuidname", .kinds = CONTAINER,
                                 FIELD(sub_uid_map, string), ARG(check_owner), .example = "alice",
                                 .metavar = "NAME", .help = "User IDs: what /etc/subuid gives to NAME"},
        [SETTING_SUB_GID_MAP] = {"SubGIDMap", .flag = "subgidname", .kinds = CONTAINER,
                                 FIELD(sub_gid_map, string), ARG(check_owner), .example = "alice",
                                 .metavar = "NAME", .help = "Group IDs: what /etc/subgid gives to NAME"},
        [SETTING_SYSTEMD] =
                {"Systemd", .kinds = CONTAINER, FIELD_ENUM(systemd, systemd_table), .otherwise = "true",
                 .example = "always",
                 .help = "What systemd as first process needs: if it is it (true), always, false"},
        [SETTING_RUN_INIT] = {"RunInit", .flag = "init", .kinds = CONTAINER, FIELD(init, bool),
                              .otherwise = "false", .example = "true",
                              .help = "First process that forwards signals and reaps zombies"},
        [SETTING_RESTART_POLICY] =
                {"RestartPolicy", .flag = "restart", .kinds = LIVE, FIELD_ENUM(restart_policy, restart_table),
                 .flags = SETTING_LIVE | SETTING_NO_QUADLET, .otherwise = "no", .example = "on-failure",
                 .help = "When to start it again: no, on-failure[:RETRIES], always, unless-stopped"},
        [SETTING_RESTART_RETRIES] = {"RestartRetries", .kinds = LIVE, FIELD(restart_retries, count),
                                     .arg = &range_retries, .flags = SETTING_LIVE | SETTING_NO_QUADLET,
                                     .example = "3", .help = "Most restarts by on-failure"},
        [SETTING_STOP_SIGNAL] = {"StopSignal", .kinds = CONTAINER, FIELD(stop_signal, signal),
                                 .otherwise = "SIGTERM", .example = "SIGINT", .unit = "KillSignal",
                                 .help = "Signal that stops the container"},
        [SETTING_STOP_TIMEOUT] = {"StopTimeout", .kinds = CONTAINER, FIELD(stop_timeout, usec),
                                  .otherwise = "10s", .example = "1min 30s", .unit = "TimeoutStopSec",
                                  .help = "Time from the stop signal to SIGKILL"},
        [SETTING_MEMORY] = {"Memory", .letter = 'm', .kinds = LIVE, FIELD(memory, size),
                            .flags = SETTING_LIVE, .unit = "MemoryMax", .example = "512M",
                            .help = "Most memory"},
        [SETTING_MEMORY_RESERVATION] = {"MemoryReservation", .kinds = LIVE, FIELD(memory_reservation, size),
                                        .flags = SETTING_LIVE | SETTING_NO_QUADLET, .unit = "MemoryLow",
                                        .example = "256M", .help = "Memory that is protected from reclaim"},
        [SETTING_MEMORY_SWAP] = {"MemorySwap", .kinds = LIVE, FIELD(memory_swap, size),
                                 .flags = SETTING_LIVE | SETTING_NO_QUADLET, .example = "1G",
                                 .help = "Most memory and swap together"},
        [SETTING_CPU_QUOTA] = {"Cpus", .flag = "cpus", .kinds = LIVE, FIELD(cpu_quota, cpus),
                               .flags = SETTING_LIVE | SETTING_NO_QUADLET, .unit = "CPUQuota",
                               .example = "1.5", .help = "Most CPUs at a time"},
        [SETTING_CPU_SHARES] = {"CpuShares", .flag = "cpu-shares", .kinds = LIVE, FIELD(cpu_shares, count),
                                .arg = &range_shares, .flags = SETTING_LIVE | SETTING_NO_QUADLET,
                                .example = "512", .help = "Share of the CPU against others, 1024 is even"},
        [SETTING_CPUSET_CPUS] = {"CpusetCpus", .flag = "cpuset-cpus", .kinds = LIVE,
                                 FIELD(cpuset_cpus, string), ARG(check_cpuset),
                                 .flags = SETTING_LIVE | SETTING_NO_QUADLET, .unit = "AllowedCPUs",
                                 .example = "0-3", .metavar = "CPUS", .help = "CPUs that it may run on"},
        [SETTING_PIDS_LIMIT] = {"PidsLimit", .kinds = LIVE, FIELD(pids_limit, count), .arg = &range_pids,
                                .flags = SETTING_LIVE, .unit = "TasksMax", .otherwise = "2048",
                                .example = "100", .help = "Most processes and threads at a time"},
        [SETTING_IO_WEIGHT] = {"IOWeight", .flag = "blkio-weight", .kinds = LIVE, FIELD(io_weight, count),
                               .arg = &range_weight, .flags = SETTING_LIVE | SETTING_NO_QUADLET,
                               .unit = "IOWeight", .example = "200",
                               .help = "Share of the disk against others, 100 is even"},
        [SETTING_DEVICES] = {"Devices", "AddDevice", "device", .kinds = CONTAINER, FIELD(devices, strv),
                             ARG(check_device), .flags = SETTING_LIST, .guard = guard_devices,
                             .example = "/dev/fuse", .metavar = "DEVICE", .help = "Device of the host"},
        [SETTING_CAP_ADD] = {"AddCapability", .flag = "cap-add", .kinds = CONTAINER, FIELD(cap_add, strv),
                             ARG(check_capability), .flags = SETTING_LIST, .guard = guard_cap_add,
                             .example = "CAP_NET_ADMIN", .metavar = "CAPABILITY",
                             .help = "Further capability"},
        [SETTING_CAP_DROP] = {"DropCapability", .flag = "cap-drop", .kinds = CONTAINER, FIELD(cap_drop, strv),
                              ARG(check_capability), .flags = SETTING_LIST, .example = "ALL",
                              .metavar = "CAPABILITY", .help = "Capability to take away"},
        [SETTING_SECCOMP_PROFILE] = {"SeccompProfile", .flag = "seccomp-profile", .kinds = CONTAINER,
                                     FIELD(seccomp_profile, string), ARG(check_seccomp),
                                     .guard = guard_seccomp, .example = "unconfined", .metavar = "PROFILE",
                                     .help = "Filter of system calls: a profile's path or unconfined"},
        [SETTING_NO_NEW_PRIVILEGES] = {"NoNewPrivileges", .kinds = BOTH, FIELD(no_new_privileges, bool),
                                       .otherwise = "false", .example = "true",
                                       .help = "Set-id programs gain nothing"},
        [SETTING_SDNOTIFY] = {"SdNotifyMode", "Notify", "sdnotify", .kinds = CONTAINER,
                              FIELD_ENUM(sdnotify, sdnotify_table), .otherwise = "conmon",
                              .example = "container",
                              .help = "Who says that it is ready: conmon (we, at start), container, ignore"},
        [SETTING_UMASK] = {"Umask", .flag = "umask", .kinds = CONTAINER, FIELD(umask, mode),
                           .otherwise = "0022", .example = "0027",
                           .help = "File mode bits that are not given"},
        [SETTING_TIMEZONE] = {"Timezone", .flag = "tz", .kinds = CONTAINER, FIELD(timezone, string),
                              ARG(check_timezone), .example = "Europe/Berlin", .metavar = "ZONE",
                              .help = "Time zone, local for the host's"},
        [SETTING_SHM_SIZE] = {"ShmSize", .kinds = CONTAINER, FIELD(shm_size, size), .otherwise = "64M",
                              .example = "128M", .help = "Size of /dev/shm"},
        [SETTING_SYSCTL] = {"Sysctl", .kinds = CONTAINER, FIELD(sysctl, map), ARG(check_sysctl),
                            .flags = SETTING_LIST, .example = "net.ipv4.ip_unprivileged_port_start=80",
                            .help = "Kernel parameter of its namespaces"},
        [SETTING_ULIMITS] = {"Ulimits", "Ulimit", "ulimit", .kinds = CONTAINER, FIELD(ulimits, strv),
                             ARG(check_ulimit), .flags = SETTING_LIST, .example = "nofile=1024:2048",
                             .metavar = "NAME=SOFT[:HARD]", .help = "Resource limit"},
        [SETTING_OOM_SCORE_ADJ] = {"OomScoreAdj", .kinds = CONTAINER, FIELD(oom_score_adj, integer),
                                   .arg = &range_oom, .flags = SETTING_NO_QUADLET, .guard = guard_oom,
                                   .otherwise = "0", .example = "500",
                                   .help = "How soon the kernel kills it when memory runs out"},
        [SETTING_LOG_DRIVER] = {"LogDriver", .kinds = CONTAINER, FIELD_ENUM(log_driver, log_driver_table),
                                .otherwise = "journald", .example = "none",
                                .help = "Where output goes: journald, pipe, none, passthrough"},
        [SETTING_LOG_TAG] = {"LogTag", .kinds = CONTAINER, FIELD(log_tag, string), ARG(check_plain),
                             .flags = SETTING_NO_QUADLET, .example = "shop",
                             .help = "Identifier of its journal lines instead of the name"},
        [SETTING_AUTO_REMOVE] = {"AutoRemove", .flag = "rm", .kinds = CONTAINER, FIELD(auto_remove, bool),
                                 .flags = SETTING_NO_QUADLET, .otherwise = "false", .example = "true",
                                 .help = "Remove it when it ends"},
        [SETTING_STDIN] = {"Stdin", .flag = "interactive", .letter = 'i', .kinds = BOTH,
                           FIELD(stdin_open, bool), .flags = SETTING_NO_QUADLET, .otherwise = "false",
                           .example = "true", .help = "Keep the standard input open"},
        [SETTING_CPU_TIME] = {"CpuQuota", .kinds = LIVE, FIELD(cpu_time, count), .arg = &range_time,
                              .flags = SETTING_LIVE | SETTING_NO_QUADLET, .example = "50000",
                              .metavar = "USEC", .help = "Microseconds of CPU in each period"},
        [SETTING_CPU_PERIOD] = {"CpuPeriod", .kinds = LIVE, FIELD(cpu_period, count), .arg = &range_period,
                                .flags = SETTING_LIVE | SETTING_NO_QUADLET, .otherwise = "100000",
                                .example = "50000", .metavar = "USEC",
                                .help = "The period that CpuQuota counts in, in microseconds"},
        [SETTING_CPUSET_MEMS] = {"CpusetMems", .flag = "cpuset-mems", .kinds = LIVE,
                                 FIELD(cpuset_mems, string), ARG(check_cpuset),
                                 .flags = SETTING_LIVE | SETTING_NO_QUADLET, .unit = "AllowedMemoryNodes",
                                 .example = "0", .metavar = "NODES", .help = "Memory nodes that it may use"},
        [SETTING_DEVICE_WEIGHTS] = {"BlkioWeightDevice", .flag = "blkio-weight-device", .kinds = LIVE,
                                    FIELD(device_weights, strv), ARG(check_number),
                                    .flags = SETTING_LIST | SETTING_LIVE | SETTING_NO_QUADLET,
                                    .example = "/dev/sda:200", .metavar = "DEVICE:WEIGHT",
                                    .help = "Share of one disk against others, 100 is even"},
        [SETTING_DEVICE_READ_BPS] = {"DeviceReadBps", .kinds = LIVE, FIELD(device_read_bps, strv),
                                     ARG(check_rate),
                                     .flags = SETTING_LIST | SETTING_LIVE | SETTING_NO_QUADLET,
                                     .example = "/dev/sda:1m", .metavar = "DEVICE:BYTES",
                                     .help = "Most bytes read from a device in a second"},
        [SETTING_DEVICE_WRITE_BPS] = {"DeviceWriteBps", .kinds = LIVE, FIELD(device_write_bps, strv),
                                      ARG(check_rate),
                                      .flags = SETTING_LIST | SETTING_LIVE | SETTING_NO_QUADLET,
                                      .example = "/dev/sda:1m", .metavar = "DEVICE:BYTES",
                                      .help = "Most bytes written to a device in a second"},
        [SETTING_DEVICE_READ_IOPS] = {"DeviceReadIOps", .flag = "device-read-iops", .kinds = LIVE,
                                      FIELD(device_read_iops, strv), ARG(check_number),
                                      .flags = SETTING_LIST | SETTING_LIVE | SETTING_NO_QUADLET,
                                      .example = "/dev/sda:1000", .metavar = "DEVICE:NUMBER",
                                      .help = "Most reads from a device in a second"},
        [SETTING_DEVICE_WRITE_IOPS] = {"DeviceWriteIOps", .flag = "device-write-iops", .kinds = LIVE,
                                       FIELD(device_write_iops, strv), ARG(check_number),
                                       .flags = SETTING_LIST | SETTING_LIVE | SETTING_NO_QUADLET,
                                       .example = "/dev/sda:1000", .metavar = "DEVICE:NUMBER",
                                       .help = "Most writes to a device in a second"},
};

const Setting *setting_get(SettingId id)
{
        assert(id >= 0 && id < _SETTING_MAX);
        return &settings[id];
}

SettingId setting_id(const Setting *row)
{
        return (SettingId) (row - settings);
}

static void *field_of(Spec *s, const Setting *row)
{
        return (char *) s + row->offset;
}

static const void *field_of_const(const Spec *s, const Setting *row)
{
        return (const char *) s + row->offset;
}

static const char *quadlet_key(const Setting *row)
{
        return row->quadlet ?: row->name;
}

const char *setting_flag(const Setting *row)
{
        static char flags[_SETTING_MAX][FLAG_MAX];
        char *flag = flags[setting_id(row)];
        size_t n = 0;

        if (row->flag)
                return row->flag;
        if (*flag)
                return flag;
        for (const char *p = row->name; *p && n + 2 < FLAG_MAX; p++) {
                if (isupper((unsigned char) *p) && p > row->name)
                        flag[n++] = '-';
                flag[n++] = (char) tolower((unsigned char) *p);
        }
        return flag;
}

const char *setting_metavar(const Setting *row)
{
        const EnumTable *table = row->type == &setting_type_enum ? row->arg : NULL;

        return row->metavar ? row->metavar : table ? table->metavar : row->type->metavar;
}

const Setting *setting_by_name(SpecKind kind, const char *name)
{
        SETTING_FOREACH(row, kind)
        if (streq(row->name, name))
                return row;
        return NULL;
}

const Setting *setting_by_quadlet(SpecKind kind, const char *key)
{
        SETTING_FOREACH(row, kind)
        if (!(row->flags & SETTING_NO_QUADLET) && streq(quadlet_key(row), key))
                return row;
        return NULL;
}

const Setting *setting_by_flag(SpecKind kind, const char *flag)
{
        SETTING_FOREACH(row, kind)
        if (!(row->flags & SETTING_NO_FLAG) && streq(setting_flag(row), flag))
                return row;
        return NULL;
}

const Setting *setting_by_letter(SpecKind kind, char letter)
{
        SETTING_FOREACH(row, kind)
        if (row->letter == letter)
                return row;
        return NULL;
}

/* str_nearest() walks all rows; those of other kinds are rare enough to be worth a suggestion too. */

static const char *next_name(size_t i)
{
        return i < _SETTING_MAX ? settings[i].name : NULL;
}

static const char *next_quadlet(size_t i)
{
        return i < _SETTING_MAX ? quadlet_key(&settings[i]) : NULL;
}

static const char *next_flag(size_t i)
{
        return i < _SETTING_MAX ? setting_flag(&settings[i]) : NULL;
}

const char *setting_nearest_name(SpecKind kind, const char *s)
{
        return str_nearest(s, next_name);
}

const char *setting_nearest_quadlet(SpecKind kind, const char *s)
{
        return str_nearest(s, next_quadlet);
}

const char *setting_nearest_flag(SpecKind kind, const char *s)
{
        return str_nearest(s, next_flag);
}

bool spec_has(const Spec *s, SettingId id)
{
        return s->set[id / 64] >> (id % 64) & 1;
}

void spec_mark(Spec *s, SettingId id)
{
        s->set[id / 64] |= UINT64_C(1) << (id % 64);
}

static void spec_reset(Spec *s, const Setting *row)
{
        SettingId id = setting_id(row);
        const char *reason;

        if (row->type->done)
                row->type->done(field_of(s, row));
        memset(field_of(s, row), 0, row->type->size);
        if (row->otherwise)
                (void) row->type->from_text(row, field_of(s, row), row->otherwise, &reason);
        s->set[id / 64] &= ~(UINT64_C(1) << (id % 64));
}

static int assign_failed(Error *error, int r, const Setting *row, const char *text, const char *reason)
{
        if (r != -EINVAL)
                return r;
        return error_set(error, ERROR_INVALID_ARGUMENT, "%s: \"%.200s\": %s", row->name, text,
                         strempty(reason));
}

int setting_assign(Spec *s, const Setting *row, const char *text, Error *error)
{
        const char *reason = NULL;
        int r;

        if (!*text && (row->flags & SETTING_LIST || row->type == &setting_type_argv)) {
                spec_reset(s, row);
                /* Entrypoint= says "none", which is not the same as nothing said. */
                if (row->type == &setting_type_argv)
                        spec_mark(s, setting_id(row));
                return 0;
        }
        if (!*text) {
                spec_reset(s, row);
                return 0;
        }
        r = row->type->from_text(row, field_of(s, row), text, &reason);
        if (r < 0)
                return assign_failed(error, r, row, text, reason);
        spec_mark(s, setting_id(row));
        return 0;
}

char *setting_text(const Spec *s, const Setting *row)
{
        return spec_has(s, setting_id(row)) ? row->type->to_text(row, field_of_const(s, row)) : NULL;
}

int setting_assign_json(Spec *s, const Setting *row, const json_t *value, Error *error)
{
        const char *reason = NULL;
        int r;

        r = row->type->from_json(row, field_of(s, row), value, &reason);
        if (r < 0) {
                _cleanup_free_ char *text = json_text(value);

                return assign_failed(error, r, row, strempty(text), reason);
        }
        spec_mark(s, setting_id(row));
        return 0;
}

json_t *setting_json(const Spec *s, const Setting *row)
{
        return row->type->to_json(row, field_of_const(s, row));
}

json_t *spec_to_json(const Spec *s)
{
        _cleanup_json_ json_t *o = json_object();

        SETTING_FOREACH(row, s->kind)
        if (spec_has(s, setting_id(row)) && json_object_set_new(o, row->name, setting_json(s, row)) < 0)
                return NULL;
        return TAKE_PTR(o);
}

static int unknown_member(Error *error, const Spec *s, const char *name)
{
        const char *nearest = setting_nearest_name(s->kind, name);

        return error_set(error, ERROR_INVALID_ARGUMENT, "no such setting: \"%.100s\"%s%s%s", name,
                         nearest ? " (did you mean " : "", strempty(nearest), nearest ? "?)" : "");
}

int spec_from_json(Spec *s, const json_t *object, json_t **rest, Error *error)
{
        _cleanup_json_ json_t *others = NULL;
        const char *name;
        json_t *value;
        int r;

        json_object_foreach((json_t *) object, name, value)
        {
                const Setting *row = setting_by_name(s->kind, name);

                if (row)
                        r = setting_assign_json(s, row, value, error);
                else if (!rest)
                        r = unknown_member(error, s, name);
                else {
                        others = others ?: json_object();
                        r = json_object_set(others, name, value) < 0 ? -ENOMEM : 0;
                }
                if (r < 0)
                        return r;
        }
        if (rest)
                *rest = TAKE_PTR(others);
        return 0;
}

Spec *spec_new(SpecKind kind)
{
        Spec *s = calloc(1, sizeof(*s));

        if (!s)
                return NULL;
        s->kind = kind;
        SETTING_FOREACH(row, kind)
        spec_reset(s, row);
        return s;
}

Spec *spec_free(Spec *s)
{
        if (!s)
                return NULL;
        FOREACH_ELEMENT(row, settings)
                if (row->type->done)
                        row->type->done(field_of(s, row));
        free(s);
        return NULL;
}

int spec_copy(const Spec *s, Spec **ret)
{
        _cleanup_(spec_freep) Spec *copy = spec_new(s->kind);
        int r;

        if (!copy)
                return -ENOMEM;
        FOREACH_ELEMENT(row, settings) {
                r = row->type->copy(field_of_const(s, row), field_of(copy, row));
                if (r < 0)
                        return r;
        }
        memcpy(copy->set, s->set, sizeof(s->set));
        *ret = TAKE_PTR(copy);
        return 0;
}

bool spec_equal(const Spec *a, const Spec *b)
{
        if (a->kind != b->kind || memcmp(a->set, b->set, sizeof(a->set)) != 0)
                return false;
        FOREACH_ELEMENT(row, settings)
                if (!row->type->equal(field_of_const(a, row), field_of_const(b, row)))
                        return false;
        return true;
}

int pull_policy_from_string(const char *s, PullPolicy *ret)
{
        for (PullPolicy p = 0; p < _PULL_POLICY_MAX; p++)
                if (streq_ptr(pull_policies[p], s)) {
                        *ret = p;
                        return 0;
                }
        return -EINVAL;
}
