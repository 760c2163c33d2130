/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Hooks: programs that an order names for moments of a container's life. Each gets the container's state on
 * its standard input and nothing else of ours; whoever calls is in the namespaces where they are to run. */

#include "spec/error.h"
#include "spec/launch.h"

/* One after the other; the first that fails ends it. */
int hooks_run(const Launch *l, LaunchHookPoint point, const char *state, Error *error);
/* The same, but a failure does not keep the next from running; the first is told. */
int hooks_run_all(const Launch *l, LaunchHookPoint point, const char *state, Error *error);
