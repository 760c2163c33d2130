/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Changing the settings that may change while it runs: systemd applies them at once, the file keeps them. */

#include "base/str.h"
#include "object/container.h"
#include "spec/setting.h"
#include "spec/unit-file.h"

static void operation_free_update(Operation *o)
{
        json_decref(o->data);
        o->data = NULL;
}

static int assign(Spec *spec, const char *name, const json_t *value, char ***keys, Error *error)
{
        const Setting *row = setting_by_name(SPEC_CONTAINER, name);
        int r;

        if (!row)
                return error_set(error, ERROR_INVALID_ARGUMENT, "No such setting: \"%.100s\"", name);
        if (!(row->flags & SETTING_LIVE))
                return error_set(error, ERROR_INVALID_ARGUMENT,
                                 "%s cannot be changed any more: make a new container", name);
        r = setting_assign_json(spec, row, value, error);
        return r < 0 || !row->unit ? r : strv_append(keys, row->unit);
}

/* Those that do not follow from one setting as it is. */
static const char *const derived_keys[] = {
        "MemorySwapMax",      "CPUWeight",           "CPUQuota",      "CPUQuotaPeriodSec", "IODeviceWeight",
        "IOReadBandwidthMax", "IOWriteBandwidthMax", "IOReadIOPSMax", "IOWriteIOPSMax",
};

static bool names(const json_t *settings, SettingId id)
{
        return json_object_get(settings, setting_get(id)->name);
}

/* What was said earlier in other words goes: Cpus and CpuQuota mean the same, and a number of retries is one
 * of "on-failure". */
static int drop_superseded(Spec *s, const json_t *settings, Error *error)
{
        static const struct {
                SettingId by, goes;
        } pairs[] = {
                {SETTING_RESTART_POLICY, SETTING_RESTART_RETRIES}, {SETTING_CPU_QUOTA, SETTING_CPU_TIME},
                {SETTING_CPU_QUOTA, SETTING_CPU_PERIOD},           {SETTING_CPU_TIME, SETTING_CPU_QUOTA},
                {SETTING_CPU_PERIOD, SETTING_CPU_QUOTA},
        };
        int r = 0;

        FOREACH_ELEMENT(p, pairs)
                if (r >= 0 && names(settings, p->by) && !names(settings, p->goes))
                        r = setting_assign(s, setting_get(p->goes), "", error);
        return r;
}

/* The settings as they will be, and the keys of the unit that they go by. */
static int read_update(const Container *c, const json_t *settings, Spec **ret, char ***ret_keys, Error *error)
{
        _cleanup_(spec_freep) Spec *spec = NULL;
        _cleanup_strv_ char **keys = NULL;
        const char *name;
        json_t *value;
        int r;

        r = spec_copy(c->file.spec, &spec);
        json_object_foreach((json_t *) settings, name, value) if (r >= 0) r =
                assign(spec, name, value, &keys, error);
        if (r >= 0)
                r = drop_superseded(spec, settings, error);
        FOREACH_ELEMENT(key, derived_keys)
                if (r >= 0)
                        r = strv_append(&keys, *key);
        if (r >= 0)
                r = spec_verify(spec, error);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(spec);
        *ret_keys = TAKE_PTR(keys);
        return 0;
}

static int save(Container *c, const Spec *spec, Error *error)
{
        FsSync sync = spec->auto_remove ? FS_NO_SYNC : FS_SYNC;
        _cleanup_free_ char *unit = NULL;
        ContainerFile changed = c->file;
        _cleanup_json_ json_t *v = NULL;
        int r;

        changed.spec = (Spec *) spec;
        v = container_file_to_json(&changed);
        if (!v)
                return -ENOMEM;
        r = container_unit_text(c, spec, &unit, error);
        if (r >= 0)
                r = state_replace(c->manager->state, STATE_CONTAINERS, container_id(c), CONTAINER_FILE, v,
                                  sync, error);
        if (r >= 0 && unit)
                r = state_replace_text(c->manager->state, STATE_CONTAINERS, container_id(c), c->file.unit,
                                       unit, sync, error);
        return r;
}

static void announce(Container *c, const json_t *settings)
{
        const char *names[_SETTING_MAX + 1] = {};
        const char *name;
        json_t *value;
        size_t n = 0;

        json_object_foreach((json_t *) settings, name, value) if (n < _SETTING_MAX) names[n++] = name;
        manager_changed(c->manager, OBJECT_CONTAINER, container_id(c), names);
}

/* On the settings as they are now: another update may have come between. */
static int apply(Container *c, const json_t *settings, Error *error)
{
        _cleanup_(spec_freep) Spec *spec = NULL;
        _cleanup_strv_ char **keys = NULL;
        int r;

        r = read_update(c, settings, &spec, &keys, error);
        if (r >= 0)
                r = save(c, spec, error);
        if (r < 0)
                return r;
        spec_free(c->file.spec);
        c->file.spec = TAKE_PTR(spec);
        announce(c, settings);
        return 0;
}

static bool changes_restart(const json_t *settings)
{
        return names(settings, SETTING_RESTART_POLICY) || names(settings, SETTING_RESTART_RETRIES);
}

/* The limits hold and the file has everything; only systemd may not have read the policy. */
static void on_reload_reply(int r, const char *job, const Error *error, void *userdata)
{
        Operation *o = userdata;

        if (r < 0 && r != -ECONNRESET)
                operation_fail_errno(o, r, error, "Cannot make systemd read the restart policy");
        else
                operation_complete(o, 0, NULL, NULL);
}

static int apply_restart(Operation *o, Error *error)
{
        int r;

        r = container_write_restart(o->container, o->container->file.spec, error);
        if (r >= 0)
                r = systemd_reload(o->container->manager->systemd, &o->call, on_reload_reply, o);
        /* Who starts anew reads everything. */
        return r == -ECONNRESET ? 0 : r;
}

static void on_update_reply(int r, const char *job, const Error *error, void *userdata)
{
        _cleanup_error_ Error own = ERROR_INIT;
        Operation *o = userdata;

        if (r == -ECONNRESET)
                return; /* the class resumes it */
        if (r < 0) {
                operation_fail_errno(o, r, error, "Cannot change the unit");
                return;
        }
        r = apply(o->container, o->data, &own);
        if (r >= 0 && changes_restart(o->data)) {
                r = apply_restart(o, &own);
                if (r >= 0 && o->call)
                        return;
        }
        operation_complete(o, r, &own, NULL);
}

static int send_update(Operation *o, Error *error)
{
        Container *c = o->container;
        UnitContext context = {
                .id = container_id(c),
                .name = container_name(c),
                .image_name = c->file.image_name,
        };
        _cleanup_(unit_file_freep) UnitFile *unit = NULL;
        _cleanup_(spec_freep) Spec *spec = NULL;
        _cleanup_strv_ char **keys = NULL;
        int r;

        r = read_update(c, o->data, &spec, &keys, error);
        if (r >= 0)
                r = unit_file_new(spec, &context, &unit, error);
        if (r >= 0)
                r = systemd_set_properties(c->manager->systemd, c->file.unit, unit, keys, &o->call,
                                           on_update_reply, o);
        return r;
}

static void update_now(Operation *o)
{
        _cleanup_error_ Error error = ERROR_INIT;
        int r;

        r = send_update(o, &error);
        if (r < 0 && r != -ECONNRESET)
                operation_fail_errno(o, r, &error, "Cannot change the unit");
}

static void resume_update(Operation *o)
{
        if (!o->call)
                update_now(o);
}

static const OperationClass update_class = {.resume = resume_update, .free = operation_free_update};

int container_update(Container *c, const json_t *settings, const Promise *p, Error *error)
{
        _cleanup_(spec_freep) Spec *spec = NULL;
        _cleanup_strv_ char **keys = NULL;
        Operation *o;
        int r;

        r = read_update(c, settings, &spec, &keys, error);
        if (r < 0)
                return r;
        if (changes_restart(settings) && !c->own_unit)
                return error_set(error, ERROR_NOT_SUPPORTED,
                                 "The restart policy of %s is Restart= in its unit file: change it there",
                                 container_name(c));
        if (!container_is_running(c)) {
                r = apply(c, settings, error);
                return r < 0 ? r : promise_complete(p, NULL);
        }
        r = operation_new(c->manager, OPERATION_UPDATE, &update_class, c, p, &o, error);
        if (r < 0)
                return r;
        o->data = json_incref((json_t *) settings);
        update_now(o);
        return 0;
}
