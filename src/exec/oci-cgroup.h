/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Where an OCI container's processes are accounted: a group that the runtime makes itself, or a scope that it
 * asks systemd for (berth-scope does, which is linked with what that takes). */

#include "exec/oci-state.h"
#include "spec/launch.h"

/* What the order's cgroupsPath means: fills state->cgroup or state->scope. */
int oci_cgroup_plan(const Oci *o, const Launch *l, OciState *state, Error *error);
/* Before the clone: makes the group with its limits, and opens it for the child to be born in. -EBADF: there
 * is none yet. */
int oci_cgroup_make(const Launch *l, const OciState *state, int *ret_fd, Error *error);
/* After the clone, with the child waiting. */
int oci_cgroup_place(const Launch *l, OciState *state, pid_t pid, Error *error);
int oci_cgroup_update(const OciState *state, const LaunchResources *r, Error *error);
/* Its processes get the signal; with SIGKILL all of them are gone soon. */
int oci_cgroup_kill(const OciState *state, int sig, Error *error);
int oci_cgroup_remove(const OciState *state, Error *error);
