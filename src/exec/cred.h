/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the payload may do: limits, ids, capabilities. libcap stays here. */

#include "exec/user.h"

int cred_set_limits(const LaunchProcess *p, Error *error);

/* Becomes the identity with the order's capability sets. keep_admin keeps CAP_SYS_ADMIN until the exec for
 * who has to load a system call filter without no_new_privs; the exec takes it away, because it is in no set
 * that outlives it. */
int cred_become(const LaunchProcess *p, const Identity *who, bool keep_admin, Error *error);
/* Gives up what keep_admin has kept. */
int cred_drop_admin(const LaunchProcess *p, const Identity *who, Error *error);
/* The number of capabilities of this kernel. */
unsigned cred_capabilities(void);
