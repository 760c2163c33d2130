/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Composite values in their short syntax: volumes, mounts, devices, limits. A Spec keeps them as checked
 * text; who needs the parts parses them here. */

#include <sys/resource.h>

#include "base/macro.h"

typedef enum MountKind {
        MOUNT_BIND,
        MOUNT_TMPFS,
        MOUNT_VOLUME, /* a named or anonymous volume */
        _MOUNT_KIND_MAX,
        _MOUNT_KIND_INVALID = -EINVAL,
} MountKind;
const char *mount_kind_to_string(MountKind k);

typedef struct MountItem {
        MountKind kind;
        char *source;      /* host path or volume name; NULL for tmpfs and anonymous volumes */
        char *destination; /* absolute, normalised, not "/" */
        bool read_only;
        bool recursive; /* rbind; the default */
        bool idmap;     /* its owners are the container's users of the same numbers */
        char **options; /* further options of the OCI spec: nosuid, nodev, noexec, propagation, size=, mode=
                         */
} MountItem;
void mount_item_done(MountItem *m);
#define _cleanup_mount_item_ _cleanup_(mount_item_done)

/* "SOURCE:DEST[:OPTIONS]", "DEST"; "type=bind,src=...,dst=..."; "DEST[:OPTIONS]". -EINVAL with a static
 * reason. */
int mount_item_from_volume(const char *s, MountItem *ret, const char **ret_error);
int mount_item_from_mount(const char *s, MountItem *ret, const char **ret_error);
int mount_item_from_tmpfs(const char *s, MountItem *ret, const char **ret_error);

typedef struct DeviceItem {
        char *source;
        char *destination;
        char access[4]; /* of "rwm" */
} DeviceItem;
void device_item_done(DeviceItem *d);
#define _cleanup_device_item_ _cleanup_(device_item_done)
/* "/dev/fuse[:/dev/other][:rwm]"; a leading '-' (only when it exists) as in Quadlet is accepted into
 * *ret_optional. */
int device_item_parse(const char *s, DeviceItem *ret, bool *ret_optional, const char **ret_error);

typedef struct UlimitItem {
        int resource;     /* RLIMIT_NOFILE, ... */
        const char *name; /* "RLIMIT_NOFILE" */
        rlim_t soft, hard;
} UlimitItem;
/* "nofile=1024[:2048]", "core=unlimited". */
int ulimit_item_parse(const char *s, UlimitItem *ret, const char **ret_error);

/* "/dev/sda:1m", "/dev/sda:100"; bytes: a size with a unit. */
int device_rate_parse(const char *s, bool bytes, char **ret_path, uint64_t *ret_rate, const char **ret_error);

/* "CAP_NET_ADMIN", "net_admin", "ALL" to "CAP_NET_ADMIN" in static storage or "ALL"; NULL: no such
 * capability. The number is that of <linux/capability.h>, -1 for ALL. */
const char *capability_parse(const char *s, int *ret_number);
const char *capability_name(unsigned number);
/* What a container gets unless told otherwise: podman's eleven. */
uint64_t capability_default_mask(void);
/* All that this file knows. */
uint64_t capability_all_mask(void);
