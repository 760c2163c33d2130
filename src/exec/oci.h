/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The command line of an OCI runtime: the options of crun and runc, the verbs of the specification and those
 * that engines use besides. Every verb gets all options in one struct; which of them it takes is in the table
 * (oci.c). */

#include "base/macro.h"
#include "spec/error.h"

typedef enum OciOptionKey {
        OCI_ROOT,
        OCI_LOG,
        OCI_LOG_FORMAT,
        OCI_LOG_LEVEL,
        OCI_DEBUG,
        OCI_SYSTEMD_CGROUP,
        OCI_CGROUP_MANAGER,
        OCI_ROOTLESS,
        OCI_CRIU,
        OCI_BUNDLE,
        OCI_CONFIG,
        OCI_PID_FILE,
        OCI_CONSOLE_SOCKET,
        OCI_PRESERVE_FDS,
        OCI_NO_PIVOT,
        OCI_NO_NEW_KEYRING,
        OCI_NO_SUBREAPER,
        OCI_KEEP,
        OCI_DETACH,
        OCI_PROCESS,
        OCI_CWD,
        OCI_ENV,
        OCI_TTY,
        OCI_USER,
        OCI_ADDITIONAL_GIDS,
        OCI_CAP,
        OCI_APPARMOR,
        OCI_PROCESS_LABEL,
        OCI_NO_NEW_PRIVS,
        OCI_CGROUP,
        OCI_IGNORE_PAUSED,
        OCI_FORCE,
        OCI_ALL,
        OCI_REGEX,
        OCI_FORMAT,
        OCI_QUIET,
        OCI_RESOURCES,
        OCI_BLKIO_WEIGHT,
        OCI_CPU_PERIOD,
        OCI_CPU_QUOTA,
        OCI_CPU_BURST,
        OCI_CPU_IDLE,
        OCI_CPU_RT_PERIOD,
        OCI_CPU_RT_RUNTIME,
        OCI_CPU_SHARE,
        OCI_CPUSET_CPUS,
        OCI_CPUSET_MEMS,
        OCI_KERNEL_MEMORY,
        OCI_KERNEL_MEMORY_TCP,
        OCI_MEMORY,
        OCI_MEMORY_RESERVATION,
        OCI_MEMORY_SWAP,
        OCI_PIDS_LIMIT,
        OCI_L3_CACHE_SCHEMA,
        OCI_MEM_BW_SCHEMA,
        OCI_ROOTLESS_SPEC,
        OCI_HELP,
        OCI_VERSION,
        _OCI_OPTION_MAX,
} OciOptionKey;

typedef struct Oci {
        const char *value[_OCI_OPTION_MAX]; /* NULL: not given; "" for a flag that was; the last one counts */
        char **env;
        char **caps;
        char **gids;
        char *const *args; /* behind the options */
        size_t n_args;
        unsigned preserve_fds;
        /* From the options. */
        const char *root;
        bool systemd; /* cgroups through systemd */
        bool session; /* the verb is exec */
        bool cgroups; /* --cgroup-manager=disabled: none */
        char **argv;  /* as it came, for the one exec of itself */
        char **owned; /* values made absolute */
} Oci;

static inline bool oci_has(const Oci *o, OciOptionKey key)
{
        return o->value[key] != NULL;
}

int oci_main(char **argv);
void oci_help(FILE *to);
/* "--name", for messages. */
const char *oci_option_name(OciOptionKey key);

/* Where failures go: the log file, in its format, and standard error. Returns the exit status that fits. */
int oci_failed(const Oci *o, const Error *error);
void oci_warn(const Oci *o, const char *format, ...) _printf_(2, 3);

/* Verbs: 0 or the payload's exit status, or negative with *error. */
int oci_create(const Oci *o, Error *error);
int oci_run(const Oci *o, Error *error);
int oci_exec(const Oci *o, Error *error);
int oci_start(const Oci *o, Error *error);
int oci_kill(const Oci *o, Error *error);
int oci_delete(const Oci *o, Error *error);
int oci_pause(const Oci *o, Error *error);
int oci_resume(const Oci *o, Error *error);
int oci_state(const Oci *o, Error *error);
int oci_list(const Oci *o, Error *error);
int oci_ps(const Oci *o, Error *error);
int oci_update(const Oci *o, Error *error);
int oci_features(const Oci *o, Error *error);
int oci_spec(const Oci *o, Error *error);
