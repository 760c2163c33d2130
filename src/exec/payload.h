/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A container's first process, as far as units and other engines need the same: what the launcher takes from
 * the host before there is a child, and the child's way into its namespaces and its root. */

#include "exec/mount-plan.h"
#include "exec/namespace.h"
#include "exec/seccomp.h"
#include "spec/error.h"
#include "spec/launch.h"

typedef struct Payload {
        Launch *launch;
        MountPlan plan;
        NamespaceSet namespaces;
        Filter filter;
        int host_network; /* for devices that change hands; -EBADF: none do */
} Payload;

#define PAYLOAD_INIT                                                                                         \
        ((Payload){.plan = MOUNT_PLAN_INIT, .namespaces = NAMESPACE_SET_INIT, .host_network = -EBADF})
void payload_done(Payload *p);

/* Launcher, before the clone. The first makes the plan, which may then be added to. */
int payload_plan(Payload *p, Error *error);
int payload_open(Payload *p, Error *error);
/* Launcher, when the payload-to-be is ready: the scheduler that it could not be made with. */
int payload_schedule(const Payload *p, pid_t pid, Error *error);
/* Child: namespaces, host name, mounts. Who returns may be another process, made inside the user namespace.
 */
int payload_arrive(Payload *p, Error *error);
