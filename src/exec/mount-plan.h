/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What will be mounted, as a list: first made from the order (no system call, so that it can be printed and
 * tested), then completed by the launcher with everything that comes from the host (detached copies of bind
 * sources, the host's null device), then performed by the child in its own mount namespace (exec/mount.h). */

#include "exec/mount-option.h"
#include "exec/namespace.h"
#include "spec/error.h"
#include "spec/launch.h"

typedef enum MountAction {
        MOUNT_FILESYSTEM, /* a new one of that type */
        MOUNT_PROC,   /* procfs of the new PID namespace: sysctls are written into it before it is attached */
        MOUNT_DEV,    /* the tmpfs on /dev, filled with nodes and links */
        MOUNT_CGROUP, /* the cgroups of the container, as its cgroup namespace shows them or by itself */
        MOUNT_COPY,   /* a part of the host's tree */
        MOUNT_SYMLINK, /* a symlink of the host's, made again */
        MOUNT_NODE,    /* a device where no tmpfs of ours is */
        MOUNT_LINKS,   /* /dev/fd and the like there */
        MOUNT_MASK,    /* hide what is there, if it is there */
        MOUNT_PROTECT, /* make what is there read-only, if it is there */
        _MOUNT_ACTION_MAX,
} MountAction;

typedef struct MountStep {
        MountAction action;
        const char *target;
        const char *type;
        const char *source;
        MountOptions options;
        const LaunchDevice *device; /* what the source or target must be; NULL: no device */
        const LaunchIdMaps *maps;   /* of the mount's own; NULL: none */
        bool directory;             /* kind of the source, so that a missing target can be made */
        int fd;                     /* detached, as soon as there is one */
        char *owned;                /* target found by a pattern; what the symlink says */
} MountStep;

typedef struct MountPlan {
        const Launch *launch;
        const NamespaceSet *namespaces; /* set before the plan is completed */
        char *overlay; /* options of the root's overlay; NULL: root_path itself is the root */
        bool overlay_volatile;
        int root; /* detached copy of root_path */
        MountStep *steps;
        size_t n_steps;
        int null; /* detached copy of the host's null device, verified */
        char *zoneinfo;
        /* What somebody has to do when everything is mounted and the host's tree is still there (hooks): then
         * the root is assembled on root_path itself and pivoted to last. NULL: nobody, and it is pivoted to
         * first. */
        int (*before_pivot)(void *context, Error *error);
        void *context;
        bool no_pivot; /* the host's root is no mount that could be pivoted from (an initramfs) */
} MountPlan;

#define MOUNT_PLAN_INIT ((MountPlan){.root = -EBADF, .null = -EBADF})
void mount_plan_done(MountPlan *p);
#define _cleanup_mount_plan_ _cleanup_(mount_plan_done)

/* The order must outlive the plan. */
int mount_plan_build(const Launch *l, MountPlan *ret, Error *error);
/* Adds a bind mount that the order does not list (the notification socket). */
int mount_plan_add_copy(MountPlan *p, const char *source, const char *target);
/* One step per line. NULL: out of memory. */
char *mount_plan_text(const MountPlan *p);

/* Launcher: takes from the host what the plan needs. The namespaces must outlive the plan. */
int mount_plan_open(MountPlan *p, const NamespaceSet *namespaces, Error *error);
