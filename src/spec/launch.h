/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The executor's order: an OCI runtime configuration (config.json), typed, with one member of ours, "berth",
 * for what the specification has no word for. The daemon builds it from a Spec and the image's configuration;
 * the executor reads it; crun can read it too. An image cannot reach into "berth": labels and annotations
 * live elsewhere. */

#include <sys/resource.h>

#include "base/hashmap.h"
#include "base/json.h"
#include "spec/error.h"

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

typedef struct LaunchMount {
        char *destination;
        char *type;
        char *source;
        char **options;
} LaunchMount;

typedef struct LaunchRlimit {
        char *type; /* "RLIMIT_NOFILE" */
        uint64_t soft, hard;
} LaunchRlimit;

typedef struct LaunchDevice {
        char *path;
        char type; /* c b p */
        int64_t major, minor;
        mode_t mode;
        uint32_t uid, gid;
} LaunchDevice;

/* OCI "process". */
typedef struct LaunchProcess {
        bool terminal;
        uint32_t uid, gid;
        char *user;    /* ours ("berth.user"): "app", "app:grp", "1000:5"; resolved inside the root; NULL:
                          uid/gid */
        char **groups; /* ours: names or numbers of further groups, "keep-groups" never */
        uint32_t *additional_gids;
        size_t n_additional_gids;
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
        int oom_score_adj;
} LaunchProcess;

typedef struct Launch {
        char *oci_version;
        LaunchProcess process;
        char *root_path;
        bool root_readonly;
        char *hostname;
        LaunchMount *mounts;
        size_t n_mounts;
        unsigned namespaces;                   /* bit per LaunchNamespace: new or joined */
        char *namespace_paths[_LAUNCH_NS_MAX]; /* not NULL: joined */
        char **masked_paths;
        char **readonly_paths;
        Map *sysctl;
        LaunchDevice *devices;
        size_t n_devices;
        json_t *seccomp; /* linux.seccomp as it came; NULL: none inline */
        Map *annotations;

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

/* Strict: a member of the wrong type, a relative destination, an unknown namespace or capability is
 * ERROR_INVALID_ARGUMENT naming it. */
int launch_from_json(const json_t *v, Launch **ret, Error *error);
json_t *launch_to_json(const Launch *l);
/* Only "process", for exec orders: the members of LaunchProcess (and berth.user/groups beside them). */
int launch_process_from_json(const json_t *v, LaunchProcess *ret, Error *error);
json_t *launch_process_to_json(const LaunchProcess *p);
void launch_process_done(LaunchProcess *p);

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
