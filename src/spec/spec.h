/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Spec: the wish for one object, a field per setting. A Quadlet file, command-line flags and a method call
 * all become a Spec; spec/setting.c has the row for each field, and all reading and writing of fields goes
 * through the rows. Whoever acts on a setting reads the plain field. */

#include "base/hashmap.h"
#include "base/macro.h"
#include "spec/error.h"

typedef enum SpecKind {
        SPEC_CONTAINER = 1 << 0,
        SPEC_EXEC = 1 << 1,   /* a process inside a running container */
        SPEC_UPDATE = 1 << 2, /* what may change while a container runs */
} SpecKind;

typedef enum RestartPolicy {
        RESTART_NO,
        RESTART_ON_FAILURE,
        RESTART_ALWAYS,
        RESTART_UNLESS_STOPPED,
        _RESTART_MAX,
        _RESTART_INVALID = -EINVAL,
} RestartPolicy;

typedef enum SdNotifyMode {
        SDNOTIFY_CONMON, /* ready when started; podman's name for it */
        SDNOTIFY_CONTAINER,
        SDNOTIFY_IGNORE,
        _SDNOTIFY_MAX,
        _SDNOTIFY_INVALID = -EINVAL,
} SdNotifyMode;

typedef enum LogDriver {
        LOG_DRIVER_JOURNALD,
        LOG_DRIVER_PIPE, /* the journal by way of named pipes, for who opens its output by path */
        LOG_DRIVER_NONE,
        LOG_DRIVER_PASSTHROUGH, /* a foreground run writes to the caller's descriptors only */
        _LOG_DRIVER_MAX,
        _LOG_DRIVER_INVALID = -EINVAL,
} LogDriver;

/* Whether output ends up in the journal. */
static inline bool log_driver_is_journal(LogDriver d)
{
        return d == LOG_DRIVER_JOURNALD || d == LOG_DRIVER_PIPE;
}

/* Whether the payload is a system of its own, with systemd as its first process. */
typedef enum SystemdMode {
        SYSTEMD_FALSE,
        SYSTEMD_TRUE, /* if its command looks like one */
        SYSTEMD_ALWAYS,
        _SYSTEMD_MODE_MAX,
} SystemdMode;

typedef enum PullPolicy {
        PULL_MISSING, /* only what is not here */
        PULL_ALWAYS,
        PULL_NEWER, /* as always; what is here will do when the registry does not answer */
        PULL_NEVER,
        _PULL_POLICY_MAX,
} PullPolicy;

/* At most this many rows; the bitmap below follows. */
#define SETTINGS_MAX 128

typedef struct Spec {
        SpecKind kind;
        uint64_t set[SETTINGS_MAX / 64]; /* which settings were given */

        char *name;
        char *image;
        PullPolicy pull;
        char *platform;
        uint64_t retry;
        uint64_t retry_delay; /* usec */
        char **command;
        char **entrypoint;
        Map *environment;
        char *user;
        char *group;
        char **groups;
        char *working_dir;
        char *hostname;
        Map *labels;
        Map *annotations;
        char **volumes;
        char **mounts;
        char **tmpfs;
        bool read_only;
        char **network;
        char *userns;
        char **uid_map;
        char **gid_map;
        char *sub_uid_map;
        char *sub_gid_map;
        SystemdMode systemd;
        bool init;
        RestartPolicy restart_policy;
        uint64_t restart_retries;
        int stop_signal;
        uint64_t stop_timeout; /* usec */
        uint64_t memory;       /* bytes */
        uint64_t memory_reservation;
        uint64_t memory_swap; /* bytes of memory and swap together, as podman counts */
        uint64_t cpu_quota;   /* usec of CPU per second of time */
        uint64_t cpu_shares;
        uint64_t cpu_time;   /* usec of CPU per cpu_period */
        uint64_t cpu_period; /* usec */
        char *cpuset_cpus;
        char *cpuset_mems;
        uint64_t pids_limit;
        uint64_t io_weight;
        char **device_weights;
        char **device_read_bps;
        char **device_write_bps;
        char **device_read_iops;
        char **device_write_iops;
        char **devices;
        char **cap_add;
        char **cap_drop;
        char *seccomp_profile;
        bool no_new_privileges;
        SdNotifyMode sdnotify;
        mode_t umask;
        char *timezone;
        uint64_t shm_size;
        Map *sysctl;
        char **ulimits;
        int64_t oom_score_adj;
        LogDriver log_driver;
        char *log_tag;
        bool auto_remove;
        bool stdin_open;
} Spec;

/* All fields at their defaults. NULL: out of memory. */
Spec *spec_new(SpecKind kind);
Spec *spec_free(Spec *s);
DEFINE_CLEANUP(Spec *, spec_free)
int spec_copy(const Spec *s, Spec **ret);
bool spec_equal(const Spec *a, const Spec *b);

/* What asks it to end: a system of its own is told to power off, unless somebody knows better. */
int spec_stop_signal(const Spec *s);

/* Rules between settings. ERROR_INVALID_ARGUMENT names the setting. */
int spec_verify(const Spec *s, Error *error);
