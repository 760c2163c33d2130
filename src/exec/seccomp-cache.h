/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Compiled filters on disk: compiling takes longer than everything else that a start does. A cached filter is
 * taken only when it was made from this very profile, for these capabilities, by this libseccomp on this
 * kernel. */

#include "exec/seccomp.h"
#include "spec/launch.h"

/* Of berth.seccompProfile or linux.seccomp, none for "unconfined" or when the order has neither. */
int filter_load(const Launch *l, Filter *ret, Error *error);
