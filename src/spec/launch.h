/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The executor's order: an OCI runtime configuration (config.json), typed, with one member of ours, "berth",
 * for what the specification has no word for. The daemon builds it from a Spec and the image's configuration;
 * the executor reads it; crun can read it too. An image cannot reach into "berth": labels and annotations
 * live elsewhere. */

#include <sys/resource.h>

#include "base/hashmap.h"
#include "spec/launch-member.h"

#define LAUNCH_FILE "config.json"

typedef enum LaunchNamespace {
        LAUNCH_NS_MOUNT,
        LAUNCH_NS_PID,
        LAUNCH_NS_NETWORK,
        LAUNCH_NS_IPC,
        LAUNCH_NS_UTS,
        LAUNCH_NS_CGROUP,
        LAUNCH_NS_USER,
        LAUNCH_NS_TIME,
        _LAUNCH_NS_MAX,
        _LAUNCH_NS_INVALID = -EINVAL,
} LaunchNamespace;

typedef enum LaunchCapabilitySet {
        LAUNCH_CAP_BOUNDING,
        LAUNCH_CAP_EFFECTIVE,
        LAUNCH_CAP_INHERITABLE,
        LAUNCH_CAP_PERMITTED,
        LAUNCH_CAP_AMBIENT,
        _LAUNCH_CAP_MAX,
} LaunchCapabilitySet;

/* The kernel takes 340 lines for a namespace; no two may overlap. */
#define LAUNCH_ID_MAPS_MAX 340

/* As in the kernel's uid_map: size IDs from container_id on are those from host_id on. */
typedef struct LaunchIdMap {
        uint32_t container_id, host_id, size;
} LaunchIdMap;

typedef struct LaunchIdMaps {
        LaunchIdMap *uids, *gids;
        size_t n_uids, n_gids;
} LaunchIdMaps;

typedef struct LaunchMount {
        char *destination;
        char *type;
        char *source;
        char **options;
        LaunchIdMaps maps;
} LaunchMount;

typedef struct LaunchRlimit {
        char *type; /* "RLIMIT_NOFILE" */
        uint64_t soft, hard;
} LaunchRlimit;

typedef struct LaunchDevice {
        char *path;
        int64_t type; /* S_IFCHR, S_IFBLK, S_IFIFO */
        int64_t major, minor;
        mode_t mode;
        uint32_t uid, gid;
} LaunchDevice;

/* A device that changes hands: of the host's network namespace, then of the container's. */
typedef struct LaunchNetDevice {
        char *host_name;
        char *name; /* NULL: as it was */
} LaunchNetDevice;

typedef struct LaunchTimeOffset {
        bool set;
        int64_t secs;
        uint32_t nanosecs;
} LaunchTimeOffset;

typedef enum LaunchHookPoint {
        LAUNCH_HOOK_PRESTART,
        LAUNCH_HOOK_CREATE_RUNTIME,
        LAUNCH_HOOK_CREATE_CONTAINER,
        LAUNCH_HOOK_START_CONTAINER,
        LAUNCH_HOOK_POSTSTART,
        LAUNCH_HOOK_POSTSTOP,
        _LAUNCH_HOOK_MAX,
} LaunchHookPoint;

typedef struct LaunchHook {
        char *path;
        char **args;
        char **env;
        OptionalI64 timeout; /* seconds, 1 or more */
} LaunchHook;

typedef struct LaunchHooks {
        LaunchHook *hooks;
        size_t n;
} LaunchHooks;

/* For sched_setattr(). */
typedef struct LaunchScheduler {
        int64_t policy; /* SCHED_* */
        int64_t nice;
        int64_t priority;
        uint64_t flags; /* SCHED_FLAG_* */
        OptionalU64 runtime, deadline;
        uint64_t period;
} LaunchScheduler;

/* OCI "process". */
typedef struct LaunchProcess {
        bool terminal;
        uint32_t console_height, console_width;
        uint32_t uid, gid;
        char *user;    /* ours ("berth.user"): "app", "app:grp", "1000:5"; resolved inside the root; NULL:
                          uid/gid */
        char **groups; /* ours: names or numbers of further groups, "keep-groups" never */
        U32List additional_gids;
        bool keep_groups; /* asked for by the annotation run.oci.keep_original_groups */
        bool has_umask;
        mode_t umask;
        char **args;
        char **env;
        char *cwd;
        uint64_t capabilities[_LAUNCH_CAP_MAX]; /* bit = number */
        LaunchRlimit *rlimits;
        size_t n_rlimits;
        bool no_new_privileges;
        bool has_oom_score_adj;
        int64_t oom_score_adj;
        char *apparmor_profile;
        char *selinux_label;
        bool has_scheduler;
        LaunchScheduler scheduler;
        bool has_io_priority;
        int64_t io_class; /* IOPRIO_CLASS_* */
        int64_t io_priority;
        char *cpu_affinity_initial; /* "0-3,7", checked; NULL: as it is */
        char *cpu_affinity_final;
} LaunchProcess;

typedef struct LaunchDeviceRule {
        bool allow;
        int64_t type;             /* 'a', 'b', 'c' */
        OptionalI64 major, minor; /* not set, or below 0: all */
        char *access;             /* of "rwm"; NULL: all */
} LaunchDeviceRule;

typedef struct LaunchBlockWeight {
        int64_t major, minor;
        OptionalU64 weight, leaf_weight;
} LaunchBlockWeight;

typedef struct LaunchBlockRate {
        int64_t major, minor;
        uint64_t rate;
} LaunchBlockRate;

typedef enum LaunchThrottle {
        LAUNCH_THROTTLE_READ_BPS,
        LAUNCH_THROTTLE_WRITE_BPS,
        LAUNCH_THROTTLE_READ_IOPS,
        LAUNCH_THROTTLE_WRITE_IOPS,
        _LAUNCH_THROTTLE_MAX,
} LaunchThrottle;

typedef struct LaunchHugepageLimit {
        char *page_size; /* "2MB" */
        uint64_t limit;
} LaunchHugepageLimit;

typedef struct LaunchNetworkPriority {
        char *name;
        uint32_t priority;
} LaunchNetworkPriority;

typedef struct LaunchRdma {
        char *device;
        OptionalU64 handles, objects;
} LaunchRdma;

/* OCI "linux.resources", as it is written: who applies them turns version 1's numbers into version 2's. */
typedef struct LaunchResources {
        struct {
                OptionalI64 limit, reservation, swap, kernel, kernel_tcp;
                OptionalU64 swappiness;
                bool disable_oom_killer, use_hierarchy, check_before_update;
        } memory;
        struct {
                OptionalU64 shares, burst, period, realtime_period;
                OptionalI64 quota, realtime_runtime, idle;
                char *cpus, *mems;
        } cpu;
        OptionalI64 pids_limit;
        struct {
                OptionalU64 weight, leaf_weight;
                LaunchBlockWeight *devices;
                size_t n_devices;
                struct {
                        LaunchBlockRate *rates;
                        size_t n;
                } throttle[_LAUNCH_THROTTLE_MAX];
        } block;
        LaunchHugepageLimit *hugepages;
        size_t n_hugepages;
        struct {
                OptionalU64 class_id;
                LaunchNetworkPriority *priorities;
                size_t n_priorities;
        } network;
        LaunchRdma *rdma;
        size_t n_rdma;
        Map *unified;
        LaunchDeviceRule *device_rules;
        size_t n_device_rules;
} LaunchResources;

typedef struct Launch {
        char *oci_version;
        LaunchProcess process;
        char *root_path;
        bool root_readonly;
        char *hostname;
        char *domainname;
        LaunchMount *mounts;
        size_t n_mounts;
        unsigned namespaces;                   /* bit per LaunchNamespace: new or joined */
        char *namespace_paths[_LAUNCH_NS_MAX]; /* not NULL: joined */
        LaunchIdMaps maps;                     /* of a new user namespace */
        struct {
                LaunchTimeOffset monotonic, boottime;
        } time_offsets;
        int64_t rootfs_propagation; /* MS_SHARED..., with MS_REC where it says so; 0: private */
        char *mount_label;
        char *cgroups_path;
        LaunchResources resources;
        bool has_personality;
        int64_t personality; /* PER_LINUX, PER_LINUX32 */
        uint64_t personality_flags;
        bool has_memory_policy;
        int64_t memory_policy; /* MPOL_* */
        uint64_t memory_policy_flags;
        char *memory_policy_nodes; /* "0-1,3" */
        json_t *intel_rdt;
        LaunchNetDevice *net_devices;
        size_t n_net_devices;
        char **masked_paths;
        char **readonly_paths;
        Map *sysctl;
        LaunchDevice *devices;
        size_t n_devices;
        json_t *seccomp; /* linux.seccomp as it came; NULL: none inline */
        Map *annotations;
        LaunchHooks hooks[_LAUNCH_HOOK_MAX];

        /* "berth" */
        char *id;
        char *name;
        char *image;
        char *unit;
        char *log_tag;
        char **overlay_lower; /* top first; NULL: root_path is the root itself */
        char *overlay_upper;  /* NULL with lower: read-only */
        char *overlay_work;
        char *seccomp_profile; /* path of a profile; "unconfined"; NULL: linux.seccomp, or none */
        char *sdnotify;        /* "conmon", "container", "ignore" */
        char *timezone;        /* an area/city of the host's zoneinfo, or "local" */
        bool foreground;       /* descriptors are the caller's: open no journal streams */
        bool log_none;
        bool log_pipe; /* output goes through the unit's named pipes */
        bool auto_remove;
} Launch;

Launch *launch_new(void);
Launch *launch_free(Launch *l);
DEFINE_CLEANUP(Launch *, launch_free)

/* Strict: a member of the wrong type, a relative destination, an unknown namespace is
 * ERROR_INVALID_ARGUMENT naming it by its path; so is an ociVersion other than 1.0 to 1.3. Members that
 * nobody knows are no error. */
int launch_from_json(const json_t *v, Launch **ret, Error *error);
json_t *launch_to_json(const Launch *l);
/* Only "process", for exec orders: the members of LaunchProcess (and berth.user/groups beside them). */
int launch_process_from_json(const json_t *v, LaunchProcess *ret, Error *error);
json_t *launch_process_to_json(const LaunchProcess *p);
void launch_process_done(LaunchProcess *p);
/* Only "linux.resources", for updates. */
int launch_resources_from_json(const json_t *v, LaunchResources *ret, Error *error);
json_t *launch_resources_to_json(const LaunchResources *r);
void launch_resources_done(LaunchResources *r);

/* What is hooked to a moment, by its OCI name ("createRuntime"). */
const char *launch_hook_point_name(LaunchHookPoint p);
/* "0-3,7" as bits; -EINVAL, or -ERANGE for a number that does not fit. */
int launch_parse_cpu_list(const char *s, uint64_t *bits, size_t n_bits);

/* What the executor leaves behind, one JSON document each: START_RECORD_DIR/<id> when the payload is about to
 * run (or could not), EXIT_RECORD_DIR/<id> and containers/<id>/exit.json when it ended. Exec sessions too,
 * under their ID. */
typedef struct Record {
        uint64_t pid;
        uint64_t pid_start; /* clock ticks after boot, field 22 of /proc/PID/stat */
        char *invocation_id;
        char *boot_id;
        uint64_t started_usec; /* realtime; 0: never */
        uint64_t finished_usec;
        uint64_t exit_code; /* 0 to 255; 128+signal */
        char *result;       /* systemd's $SERVICE_RESULT */
        bool oom_killed;
        uint64_t oom_kills; /* of the unit's cgroup before this start: it may outlive a restart */
        char *error_name;   /* bus name of an ErrorKind when the start failed */
        char *error;
        json_t *unknown;
} Record;

void record_done(Record *r);
#define _cleanup_record_ _cleanup_(record_done)
int record_from_json(const json_t *v, Record *ret);
json_t *record_to_json(const Record *r);
int record_load_at(int dir, const char *name, Record *ret);
