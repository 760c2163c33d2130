/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "prog/ctl.h"

/* A copy of the name; of a short one that may be from several registries, which registries.conf wants to be
 * chosen, the full name that was chosen on the terminal. Without a terminal the choice is the daemon's. */
int short_name_choose(Ctl *c, const char *name, char **ret);
