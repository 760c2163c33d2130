/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Kernel parameters of the container's own namespaces. */

#include "spec/error.h"
#include "spec/launch.h"

/* Every name belongs to a namespace that the order makes new; anything else would change the host. */
int sysctl_check(const Launch *l, Error *error);
/* proc is a procfs of ours that is attached nowhere, so that nothing can lie over its files. */
int sysctl_write(int proc, const Map *sysctl, Error *error);
