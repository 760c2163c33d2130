/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Network devices of the host's that become the container's, with their addresses, and are up there. */

#include "spec/error.h"
#include "spec/launch.h"

/* Launcher: a way to the host's network, for a child that has left it. -EBADF: nobody needs one. */
int net_device_open(const Launch *l, int *ret, Error *error);
/* Child, in its network namespace, with the host's privileges and procfs. */
int net_device_move(int host, const Launch *l, Error *error);
