/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What an OCI runtime keeps of a container between its commands: a directory ROOT/ID with a file of JSON (by
 * rename), a copy of config.json, and, from create to start, the socket on which the container's process
 * waits for the word to go. Nobody but the owner of ROOT can enter it; what is in it may still be damaged,
 * and is read as a stranger's. */

#include "base/hashmap.h"
#include "exec/oci.h"

#define OCI_STATE_FILE "status"
#define OCI_START_SOCKET "start.sock"

typedef struct OciState {
        char *id;
        char *oci_version;
        char *bundle;
        char *rootfs;
        char *cgroup; /* below /sys/fs/cgroup, "/a/b"; NULL: none of its own */
        char *scope;  /* systemd's unit; NULL: made without systemd */
        char *owner;
        char *external_descriptors; /* what the standard streams were, a list as JSON text */
        Map *annotations;
        uint64_t pid; /* 0: it is being created */
        uint64_t pid_start;
        uint64_t created_usec;
} OciState;

void oci_state_done(OciState *s);
#define _cleanup_oci_state_ _cleanup_(oci_state_done)

typedef enum OciStatus {
        OCI_CREATING,
        OCI_CREATED,
        OCI_RUNNING,
        OCI_PAUSED,
        OCI_STOPPED,
        _OCI_STATUS_MAX,
} OciStatus;
const char *oci_status_name(OciStatus status);

/* 1 to 1024 letters, digits and "_+.-"; the first is no dot. */
bool oci_id_is_valid(const char *id);

/* A container's directory, open. */
typedef struct OciDir {
        int fd;
        char *path;
        char *id;
} OciDir;
#define OCI_DIR_INIT ((OciDir){.fd = -EBADF})
void oci_dir_done(OciDir *d);
#define _cleanup_oci_dir_ _cleanup_(oci_dir_done)

int oci_dir_open(const Oci *o, const char *id, OciDir *ret, Error *error);
/* A new one; one that exists is an error. */
int oci_dir_make(const Oci *o, const char *id, OciDir *ret, Error *error);
/* With all that is in it. */
int oci_dir_remove(const Oci *o, const char *id, Error *error);
/* All IDs below the root directory, sorted. */
int oci_dir_list(const Oci *o, char ***ret, Error *error);

int oci_state_from_json(const json_t *v, OciState *ret);
json_t *oci_state_to_json(const OciState *s);
int oci_state_save(const OciDir *d, const OciState *s, Error *error);
int oci_state_load(const OciDir *d, OciState *ret, Error *error);
/* The directory and what is in it, of the first argument's container. */
int oci_find(const Oci *o, OciDir *ret_dir, OciState *ret, Error *error);

/* The container's first process, if it still is that one: -ESRCH otherwise. */
int oci_state_open_process(const OciState *s);
int oci_state_status(const OciDir *d, const OciState *s, OciStatus *ret);
/* The specification's document of a container's state. NULL: out of memory. */
json_t *oci_state_document(const OciState *s, OciStatus status);
