/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What create, run and exec share about their process, and delete and run about a container's end. */

#include "exec/oci-state.h"
#include "spec/launch.h"

/* $LISTEN_FDS and its kin, for descriptors that are passed on. */
int oci_process_environment(const Oci *o, LaunchProcess *p, Error *error);
/* --pid-file, by rename. */
int oci_write_pid_file(const Oci *o, pid_t pid, Error *error);
/* The standard streams, as far as they are nobody's in particular, become the user's, so that it can open
 * them by their path. */
void oci_give_streams(uid_t uid, gid_t gid);

/* After the container's last process: poststop hooks, whose failure is only told. */
void oci_poststop(const Oci *o, const Launch *l, const OciState *s);
/* Processes that are left, its cgroup, its directory; then the hooks. l may be NULL. */
int oci_destroy(const Oci *o, const Launch *l, const OciState *s, Error *error);
