/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The two ways behind one set of functions. With systemd every limit is said twice: to systemd, which would
 * otherwise write its own idea over it at its next reload, and to the file, for what systemd has no word for.
 */

#include <fcntl.h>
#include <signal.h>

#include "base/str.h"
#include "exec/cgroup-device.h"
#include "exec/cgroup-resource.h"
#include "exec/cgroup.h"
#include "exec/oci-cgroup.h"
#include "exec/scope.h"

#define CGROUPS_PATH_MAX 2048U
#define UNIT_NAME_MAX 255U
/* crun's: the group below the scope's in which the processes are. */
#define SUBGROUP_ANNOTATION "run.oci.systemd.subgroup"

static int bad_path(const char *path, const char *what, Error *error)
{
        return error_set(error, ERROR_INVALID_ARGUMENT, "linux.cgroupsPath: \"%s\" is not %s", path, what);
}

static int plan_group(const Launch *l, OciState *state, Error *error)
{
        const char *path = isempty(l->cgroups_path) ? state->id : l->cgroups_path;

        if (strlen(path) > CGROUPS_PATH_MAX || strstr(path, ".."))
                return bad_path(path, "such a path", error);
        state->cgroup = str_printf("/%s", path + strspn(path, "/"));
        return state->cgroup ? 0 : error_set_errno(error, ENOMEM, "Control group");
}

/* "slice:prefix:name". */
static int split_path(const Launch *l, const char *id, char **ret_slice, char **ret_unit, Error *error)
{
        const char *path = strempty(l->cgroups_path), *prefix = strchr(path, ':'),
                   *name = prefix ? strchr(prefix + 1, ':') : NULL;
        _cleanup_free_ char *slice = NULL, *unit = NULL;

        if (isempty(path)) {
                unit = str_printf("berth-%s.scope", id);
                slice = strdup("");
        } else if (!name || !name[1] || strchr(path, '/')) {
                return bad_path(path, "of the form slice:prefix:name, which --systemd-cgroup wants", error);
        } else {
                slice = strndup(path, (size_t) (prefix - path));
                unit = str_printf("%.*s%s%s.scope", (int) (name - prefix - 1), prefix + 1,
                                  name - prefix > 1 ? "-" : "", name + 1);
        }
        if (!slice || !unit)
                return error_set_errno(error, ENOMEM, "Control group");
        if (strlen(unit) > UNIT_NAME_MAX || (*slice && !endswith(slice, ".slice")))
                return bad_path(path, "of the form slice:prefix:name, which --systemd-cgroup wants", error);
        *ret_slice = TAKE_PTR(slice);
        *ret_unit = TAKE_PTR(unit);
        return 0;
}

int oci_cgroup_plan(const Oci *o, const Launch *l, OciState *state, Error *error)
{
        _cleanup_free_ char *slice = NULL;

        if (!o->cgroups)
                return 0;
        return o->systemd ? split_path(l, state->id, &slice, &state->scope, error)
                          : plan_group(l, state, error);
}

static int apply(const LaunchResources *r, const char *path, const CgroupSettings *s, Error *error)
{
        int n = cgroup_settings_apply(s, path, error);

        return n < 0 ? n : cgroup_device_apply(path, r->device_rules, r->n_device_rules, error);
}

int oci_cgroup_make(const Launch *l, const OciState *state, int *ret_fd, Error *error)
{
        _cleanup_cgroup_settings_ CgroupSettings s = {};
        int r;

        if (state->scope)
                return cgroup_check(error);
        if (!state->cgroup)
                return 0;
        r = cgroup_settings_build(&l->resources, &s, error);
        if (r >= 0)
                r = cgroup_make(state->cgroup, error);
        if (r >= 0)
                r = apply(&l->resources, state->cgroup, &s, error);
        if (r < 0)
                return r;
        *ret_fd = cgroup_open(state->cgroup);
        return *ret_fd < 0
                       ? error_set_errno(error, *ret_fd, "Cannot open the control group %s", state->cgroup)
                       : 0;
}

static int enter_subgroup(const Launch *l, const OciState *state, pid_t pid, Error *error)
{
        const char *name = map_get(l->annotations, SUBGROUP_ANNOTATION);
        _cleanup_free_ char *path = NULL;
        int r;

        if (isempty(name))
                return 0;
        if (strchr(name, '/') || streq(name, "..") || streq(name, "."))
                return error_set(error, ERROR_INVALID_ARGUMENT, SUBGROUP_ANNOTATION ": \"%s\" is not a name",
                                 name);
        path = str_printf("%s/%s", state->cgroup, name);
        if (!path)
                return error_set_errno(error, ENOMEM, "Control group");
        r = cgroup_make(path, error);
        if (r < 0)
                return r;
        r = cgroup_attach(path, pid);
        return r < 0 ? error_set_errno(error, r, "Cannot enter the control group %s", path) : 0;
}

int oci_cgroup_place(const Launch *l, OciState *state, pid_t pid, Error *error)
{
        _cleanup_free_ char *slice = NULL, *unit = NULL, *description = NULL;
        _cleanup_cgroup_settings_ CgroupSettings s = {};
        Scope scope;
        int r;

        if (!state->scope)
                return 0;
        r = split_path(l, state->id, &slice, &unit, error);
        if (r >= 0)
                r = cgroup_settings_build(&l->resources, &s, error);
        if (r < 0)
                return r;
        description = str_printf("OCI container %s", state->id);
        scope = (Scope){.unit = unit,
                        .slice = *slice ? slice : NULL,
                        .description = strempty(description),
                        .pid = pid,
                        .limits = &s,
                        .annotations = l->annotations};
        r = scope_start(&scope, error);
        if (r < 0)
                return r;
        r = cgroup_of_process(pid, &state->cgroup);
        if (r < 0)
                return error_set_errno(error, r, "Cannot find the group of the scope %s", unit);
        r = apply(&l->resources, state->cgroup, &s, error);
        return r < 0 ? r : enter_subgroup(l, state, pid, error);
}

int oci_cgroup_update(const OciState *state, const LaunchResources *r, Error *error)
{
        _cleanup_cgroup_settings_ CgroupSettings s = {};
        int n;

        if (!state->cgroup)
                return error_set(error, ERROR_NOT_SUPPORTED, "Container %s has no control group of its own",
                                 state->id);
        n = cgroup_settings_build(r, &s, error);
        if (n >= 0 && state->scope)
                n = scope_set(state->scope, &s, error);
        return n < 0 ? n : apply(r, state->cgroup, &s, error);
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
        if (state->scope)
                return scope_stop(state->scope, error);
        return state->cgroup ? cgroup_remove(state->cgroup, error) : 0;
}
