/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The tables of an order's sections, for the files that put them together. */

#include "spec/launch.h"

#define LAUNCH_CPUS_MAX 8192U

extern const MemberTable launch_process_table;   /* of LaunchProcess */
extern const MemberTable launch_linux_table;     /* of Launch */
extern const MemberTable launch_resources_table; /* of LaunchResources */
extern const MemberTable launch_id_map_table;    /* of LaunchIdMap */

int launch_check_id_maps(const LaunchIdMaps *maps, const MemberWhere *where, Error *error);
