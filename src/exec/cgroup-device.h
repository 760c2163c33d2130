/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* "linux.resources.devices" on cgroup v2: a small program that the kernel asks about every opening and making
 * of a device node by a process of the group. */

#include <linux/bpf.h>

#include "spec/error.h"
#include "spec/launch.h"

typedef struct DeviceProgram {
        struct bpf_insn *code;
        size_t n_code;
} DeviceProgram;

void device_program_done(DeviceProgram *p);
#define _cleanup_device_program_ _cleanup_(device_program_done)

/* Later rules win over earlier ones. What no rule knows is refused, but for the devices that every container
 * has (null, zero, full, random, urandom, tty, console, terminals), and making nodes. */
int device_program_build(const LaunchDeviceRule *rules, size_t n, DeviceProgram *ret);

/* Puts the rules on the group, in the place of those that were put there before. No rules: nothing is done.
 */
int cgroup_device_apply(const char *path, const LaunchDeviceRule *rules, size_t n, Error *error);
