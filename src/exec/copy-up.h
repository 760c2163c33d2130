/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a tmpfs is going to hide, copied into it first: directories, files and symlinks with their owners,
 * modes and times. */

#include "base/macro.h"

/* Directories, O_PATH does. -ELOOP: deeper than 256 levels. */
int copy_up(int from, int to);
