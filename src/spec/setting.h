/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* THE TABLE: one row per setting of every object. A row owns representation (its name everywhere, its type,
 * where it lies in Spec, how it reaches systemd) and never meaning. Text, bus, JSON, flags, help, completion
 * and the man page's check are loops over these rows. */

#include "base/json.h"
#include "spec/setting-type.h"
#include "spec/spec.h"

typedef enum SettingFlags {
        SETTING_LIST = 1 << 0,       /* repeating appends */
        SETTING_LIVE = 1 << 1,       /* may change while it runs */
        SETTING_NO_QUADLET = 1 << 2, /* systemd or Quadlet says it otherwise ([Service] Restart=) */
        SETTING_NO_FLAG = 1 << 3,    /* an argument rather than a flag (the image, the command) */
} SettingFlags;

typedef enum SettingId {
        SETTING_NAME,
        SETTING_IMAGE,
        SETTING_COMMAND,
        SETTING_ENTRYPOINT,
        SETTING_ENVIRONMENT,
        SETTING_USER,
        SETTING_GROUP,
        SETTING_GROUPS,
        SETTING_WORKING_DIR,
        SETTING_HOSTNAME,
        SETTING_LABELS,
        SETTING_ANNOTATIONS,
        SETTING_VOLUMES,
        SETTING_MOUNTS,
        SETTING_TMPFS,
        SETTING_READ_ONLY,
        SETTING_NETWORK,
        SETTING_RESTART_POLICY,
        SETTING_RESTART_RETRIES,
        SETTING_STOP_SIGNAL,
        SETTING_STOP_TIMEOUT,
        SETTING_MEMORY,
        SETTING_MEMORY_RESERVATION,
        SETTING_MEMORY_SWAP,
        SETTING_CPU_QUOTA,
        SETTING_CPU_SHARES,
        SETTING_CPUSET_CPUS,
        SETTING_PIDS_LIMIT,
        SETTING_IO_WEIGHT,
        SETTING_DEVICES,
        SETTING_CAP_ADD,
        SETTING_CAP_DROP,
        SETTING_SECCOMP_PROFILE,
        SETTING_NO_NEW_PRIVILEGES,
        SETTING_SDNOTIFY,
        SETTING_UMASK,
        SETTING_TIMEZONE,
        SETTING_SHM_SIZE,
        SETTING_SYSCTL,
        SETTING_ULIMITS,
        SETTING_OOM_SCORE_ADJ,
        SETTING_LOG_DRIVER,
        SETTING_LOG_TAG,
        SETTING_AUTO_REMOVE,
        SETTING_STDIN,
        SETTING_USERNS,
        SETTING_UID_MAP,
        SETTING_GID_MAP,
        SETTING_SUB_UID_MAP,
        SETTING_SUB_GID_MAP,
        SETTING_SYSTEMD,
        SETTING_RUN_INIT,
        SETTING_CPU_TIME,
        SETTING_CPU_PERIOD,
        SETTING_CPUSET_MEMS,
        SETTING_DEVICE_WEIGHTS,
        SETTING_DEVICE_READ_BPS,
        SETTING_DEVICE_WRITE_BPS,
        SETTING_DEVICE_READ_IOPS,
        SETTING_DEVICE_WRITE_IOPS,
        SETTING_PULL,
        SETTING_PLATFORM,
        SETTING_RETRY,
        SETTING_RETRY_DELAY,
        _SETTING_MAX,
        _SETTING_INVALID = -EINVAL,
} SettingId;

typedef struct Setting {
        const char *name;    /* D-Bus property, key of NewContainer, JSON member: libpod's word */
        const char *quadlet; /* Quadlet's word where it differs, as "Exec" for Command */
        const char *flag;    /* NULL: computed from name ("StopSignal": --stop-signal) */
        char letter;         /* short flag, 0: none */
        unsigned kinds;      /* of SpecKind */
        const SettingType *type;
        size_t offset;
        const void *arg; /* for the type: name table, range, validator */
        unsigned flags;
        const char *unit;             /* unit-file key that systemd takes the value under, "TasksMax" */
        bool (*guard)(const Spec *s); /* reaches into the host: asks for the stronger polkit action */
        const char *otherwise; /* what holds when it is not given, as text: default of the field, help and man
                                  page */
        const char *metavar;   /* for --help; NULL: the type\'s */
        const char *example;   /* for the round-trip test and the man page */
        const char *help;      /* one line */
} Setting;

const Setting *setting_get(SettingId id);
/* Among the rows of kind, by name, Quadlet key, or flag (without dashes). NULL: no such row. */
const Setting *setting_by_name(SpecKind kind, const char *name);
const Setting *setting_by_quadlet(SpecKind kind, const char *key);
const Setting *setting_by_flag(SpecKind kind, const char *flag);
const Setting *setting_by_letter(SpecKind kind, char letter);
SettingId setting_id(const Setting *row);
/* The nearest name/key/flag of that kind for a "did you mean", NULL. */
const char *setting_nearest_name(SpecKind kind, const char *s);
const char *setting_nearest_quadlet(SpecKind kind, const char *s);
const char *setting_nearest_flag(SpecKind kind, const char *s);
/* "stop-signal": the flag without its dashes, in static storage. */
const char *setting_flag(const Setting *row);

#define SETTING_FOREACH(row, of_kind)                                                                        \
        for (const Setting *row = setting_get(0); row;                                                       \
             row = setting_id(row) + 1 < _SETTING_MAX ? row + 1 : NULL)                                      \
                if (row->kinds & (of_kind))

/* What --help shows for the value: the row's word, the words of an enum, or the type's; NULL: the flag takes
 * none. */
const char *setting_metavar(const Setting *row);

bool spec_has(const Spec *s, SettingId id);
void spec_mark(Spec *s, SettingId id);

/* One rule for Quadlet and flags: an empty value resets, a LIST appends, of others the last wins.
 * ERROR_INVALID_ARGUMENT: "StopSignal: not a signal: \"SIGFOO\"". */
int setting_assign(Spec *s, const Setting *row, const char *text, Error *error);
/* NULL: not set, or out of memory. */
char *setting_text(const Spec *s, const Setting *row);

/* JSON of one value; assign replaces. */
int setting_assign_json(Spec *s, const Setting *row, const json_t *value, Error *error);
json_t *setting_json(const Spec *s, const Setting *row);

/* The object of all settings that are set; and back: members without a row are collected into *rest (NULL: an
 * error that names the member and the nearest row). */
json_t *spec_to_json(const Spec *s);
int spec_from_json(Spec *s, const json_t *object, json_t **rest, Error *error);

/* The words of SETTING_PULL, for who pulls without a container. -EINVAL. */
int pull_policy_from_string(const char *s, PullPolicy *ret);
