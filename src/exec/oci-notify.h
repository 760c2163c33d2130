/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A service manager's notification socket, for engines that hand theirs on: the payload gets one of its own
 * at the same place, and what is harmless of what it says is passed on (exec/relay.h). */

#include "exec/mount-plan.h"
#include "exec/oci-state.h"

typedef struct OciNotify {
        char *source;  /* the directory of the payload's socket, on the host */
        char *target;  /* and in the container */
        char *address; /* for its environment; NULL: there is none */
} OciNotify;

void oci_notify_done(OciNotify *n);

/* create, before the plan is opened. *n outlives the plan. */
int oci_notify_plan(OciNotify *n, const OciDir *d, MountPlan *plan, Error *error);
/* Before "go": the payload's socket, and the payload. -EBADF: it has none. */
typedef struct OciListener {
        int socket;
        int pidfd;
} OciListener;
#define OCI_LISTENER_INIT ((OciListener){.socket = -EBADF, .pidfd = -EBADF})
void oci_listener_done(OciListener *l);
#define _cleanup_oci_listener_ _cleanup_(oci_listener_done)
int oci_listener_open(OciListener *l, const OciDir *d, const OciState *s, Error *error);
/* After "go": until "ready" has come or the payload has ended. */
int oci_listener_relay(const OciListener *l, Error *error);
/* The same beside the caller, who has something else to wait for. */
int oci_listener_relay_apart(const OciListener *l, Error *error);
