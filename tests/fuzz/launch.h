/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What holds for every order: one that is accepted is written and read again, and says the same; a plan is
 * made of it or refused with a reason, and refers to nothing of the host's but what the order's binds name.
 */

#include "base/str.h"
#include "exec/mount-plan.h"
#include "exec/sysctl.h"
#include "fuzz.h"

static inline void check_plan(const Launch *l)
{
        _cleanup_mount_plan_ MountPlan p = MOUNT_PLAN_INIT;
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_free_ char *text = NULL;

        if (mount_plan_build(l, &p, &error) < 0) {
                MUST(error.kind != ERROR_NONE && !isempty(error.message));
                return;
        }
        for (size_t i = 0; i < p.n_steps; i++) {
                MUST(p.steps[i].target[0] == '/');
                MUST(p.steps[i].action != MOUNT_COPY || p.steps[i].source[0] == '/');
                MUST(p.steps[i].fd < 0);
        }
        text = mount_plan_text(&p);
        MUST(text);
}

/* Numbers that the executor takes as they are. */
static inline void check_ranges(const Launch *l)
{
        for (size_t i = 0; i < l->n_devices; i++)
                MUST(l->devices[i].major >= 0 && l->devices[i].minor >= 0 && l->devices[i].path[0] == '/');
        for (size_t i = 0; i < l->maps.n_uids; i++)
                MUST(l->maps.uids[i].size > 0 &&
                     l->maps.uids[i].container_id + l->maps.uids[i].size > l->maps.uids[i].container_id);
        for (size_t i = 0; i < _LAUNCH_NS_MAX; i++)
                MUST(!l->namespace_paths[i] || l->namespace_paths[i][0] == '/');
        MUST(!l->process.args || (l->process.args[0] && l->process.cwd[0] == '/'));
        MUST(l->process.uid != UINT32_MAX && l->process.gid != UINT32_MAX);
}

static inline void check_launch(const json_t *v)
{
        _cleanup_json_ json_t *again = NULL, *third = NULL;
        _cleanup_(launch_freep) Launch *l = NULL, *l2 = NULL;
        _cleanup_error_ Error error = ERROR_INIT;

        if (launch_from_json(v, &l, &error) < 0) {
                MUST(!l && error.kind != ERROR_NONE && !isempty(error.message));
                return;
        }
        MUST(error.kind == ERROR_NONE);
        again = launch_to_json(l);
        MUST(again);
        MUST(launch_from_json(again, &l2, &error) >= 0);
        third = launch_to_json(l2);
        MUST(json_equal(again, third));
        check_ranges(l);
        (void) sysctl_check(l, NULL);
        check_plan(l);
}
