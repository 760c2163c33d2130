/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The two ways behind one set of functions. */

#include <fcntl.h>
#include <signal.h>

#include "base/str.h"
#include "exec/cgroup-device.h"
#include "exec/cgroup-resource.h"
#include "exec/cgroup.h"
#include "exec/oci-cgroup.h"

#define CGROUPS_PATH_MAX 2048U

static int plan_group(const Launch *l, OciState *state, Error *error)
{
        const char *path = isempty(l->cgroups_path) ? state->id : l->cgroups_path;

        if (strlen(path) > CGROUPS_PATH_MAX || strstr(path, ".."))
                return error_set(error, ERROR_INVALID_ARGUMENT,
                                 "linux.cgroupsPath: \"%s\" is not such a path", path);
        state->cgroup = str_printf("/%s", path + strspn(path, "/"));
        return state->cgroup ? 0 : error_set_errno(error, ENOMEM, "Control group");
}

int oci_cgroup_plan(const Oci *o, const Launch *l, OciState *state, Error *error)
{
        if (!o->cgroups)
                return 0;
        if (o->systemd)
                return error_set(error, ERROR_NOT_SUPPORTED, "systemd");
        return plan_group(l, state, error);
}

static int apply(const LaunchResources *r, const char *path, Error *error)
{
        _cleanup_cgroup_settings_ CgroupSettings s = {};
        int n = cgroup_settings_build(r, &s, error);

        if (n >= 0)
                n = cgroup_settings_apply(&s, path, error);
        return n < 0 ? n : cgroup_device_apply(path, r->device_rules, r->n_device_rules, error);
}

int oci_cgroup_make(const Launch *l, const OciState *state, int *ret_fd, Error *error)
{
        int r;

        if (!state->cgroup || state->scope)
                return 0;
        r = cgroup_make(state->cgroup, error);
        if (r >= 0)
                r = apply(&l->resources, state->cgroup, error);
        if (r < 0)
                return r;
        *ret_fd = cgroup_open(state->cgroup);
        return *ret_fd < 0
                       ? error_set_errno(error, *ret_fd, "Cannot open the control group %s", state->cgroup)
                       : 0;
}

int oci_cgroup_place(const Launch *l, OciState *state, pid_t pid, Error *error)
{
        return 0;
}

int oci_cgroup_update(const OciState *state, const LaunchResources *r, Error *error)
{
        if (!state->cgroup)
                return error_set(error, ERROR_NOT_SUPPORTED, "Container %s has no control group of its own",
                                 state->id);
        return apply(r, state->cgroup, error);
}

int oci_cgroup_kill(const OciState *state, int sig, Error *error)
{
        int r;

        if (!state->cgroup)
                return 0;
        r = cgroup_signal(state->cgroup, sig);
        if (r >= 0 && sig == SIGKILL && cgroup_is_frozen(state->cgroup))
                (void) cgroup_write(state->cgroup, "cgroup.freeze", "0");
        return r < 0 && r != -ENOENT
                       ? error_set_errno(error, r, "Cannot signal the processes of container %s", state->id)
                       : 0;
}

int oci_cgroup_remove(const OciState *state, Error *error)
{
        return state->cgroup ? cgroup_remove(state->cgroup, error) : 0;
}
