/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* An order that is accepted is written and read again, and says the same; a plan is made of it or refused
 * with a reason, and refers to nothing of the host's but what the order's binds name. */

#include "base/str.h"
#include "exec/mount-plan.h"
#include "exec/sysctl.h"
#include "fuzz.h"

static void check_plan(const Launch *l)
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_json_ json_t *v = NULL, *again = NULL, *third = NULL;
        _cleanup_(launch_freep) Launch *l = NULL, *l2 = NULL;
        _cleanup_error_ Error error = ERROR_INIT;

        if (json_parse((const char *) data, size, &v, NULL) < 0)
                return 0;
        if (launch_from_json(v, &l, &error) < 0) {
                MUST(!l && error.kind != ERROR_NONE && !isempty(error.message));
                return 0;
        }
        MUST(error.kind == ERROR_NONE);
        again = launch_to_json(l);
        MUST(again);
        MUST(launch_from_json(again, &l2, &error) >= 0);
        third = launch_to_json(l2);
        MUST(json_equal(again, third));
        (void) sysctl_check(l, NULL);
        check_plan(l);
        return 0;
}
