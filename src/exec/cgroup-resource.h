/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* "linux.resources" as files of a cgroup v2: version 1's numbers become version 2's here. */

#include "spec/error.h"
#include "spec/launch.h"

/* One file and what is written into it, in the order of writing. */
typedef struct CgroupSetting {
        char *file;
        char *value;
        const char *what; /* for messages: "linux.resources.memory.limit" */
} CgroupSetting;

typedef struct CgroupSettings {
        CgroupSetting *settings;
        size_t n;
} CgroupSettings;

void cgroup_settings_done(CgroupSettings *s);
#define _cleanup_cgroup_settings_ _cleanup_(cgroup_settings_done)

/* No system call. What version 2 has no word for is an error that names it. */
int cgroup_settings_build(const LaunchResources *r, CgroupSettings *ret, Error *error);
int cgroup_settings_apply(const CgroupSettings *s, const char *path, Error *error);

/* Of --cpu-share and blkio's weight. */
uint64_t cgroup_cpu_weight(uint64_t shares);
uint64_t cgroup_io_weight(uint64_t weight);
