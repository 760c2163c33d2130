/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What podman's users are in the habit of writing and what it means here: flags that set settings of another
 * name, and values that say two things at once. The settings themselves stay one name, one value each. */

#include "prog/ctl.h"

typedef struct Habit {
        const char *name; /* "security-opt" */
        const char *metavar;
        const char *help;
        int (*assign)(Ctl *c, const char *value);
} Habit;

/* NULL: no such habit. The rows end at the first i that gives NULL. */
const Habit *habit_by_flag(const char *name);
const Habit *habit_get(size_t i);

/* Assigns the value of a setting's own flag as podman reads it: "-e NAME", "--restart on-failure:3". */
int habit_assign_setting(Ctl *c, const Setting *row, const char *value);
