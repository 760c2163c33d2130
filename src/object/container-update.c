/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Changing the settings that may change while it runs: systemd applies them at once, the file keeps them. */

#include "base/str.h"
#include "object/container.h"
#include "spec/setting.h"
#include "spec/unit-file.h"

static void operation_free_update(Operation *o)
{
        o->data = spec_free(o->data);
}

static const OperationClass update_class = {.free = operation_free_update};

static int apply_update(Container *c, Spec *spec, Error *error)
{
        static const char *const properties[] = {NULL};
        _cleanup_json_ json_t *v = NULL;
        ContainerFile changed = c->file;
        int r;

        changed.spec = spec;
        v = container_file_to_json(&changed);
        if (!v)
                return -ENOMEM;
        r = state_replace(c->manager->state, STATE_CONTAINERS, container_id(c), CONTAINER_FILE, v,
                          spec->auto_remove ? FS_NO_SYNC : FS_SYNC, error);
        if (r < 0)
                return r;
        spec_free(c->file.spec);
        c->file.spec = spec;
        manager_changed(c->manager, OBJECT_CONTAINER, container_id(c), properties);
        return 0;
}

static void on_update_reply(int r, const char *job, const Error *error, void *userdata)
{
        _cleanup_error_ Error own = ERROR_INIT;
        Operation *o = userdata;

        if (r < 0) {
                operation_fail_errno(o, r, error, "Cannot change the unit");
                return;
        }
        r = apply_update(o->container, o->data, &own);
        if (r >= 0)
                o->data = NULL;
        operation_complete(o, r, &own, NULL);
}

/* The new settings, and the unit keys that they go by. */
static int read_update(Container *c, const json_t *settings, Spec **ret, char ***ret_keys, Error *error)
{
        _cleanup_(spec_freep) Spec *spec = NULL;
        _cleanup_strv_ char **keys = NULL;
        const char *name;
        json_t *value;
        int r;

        r = spec_copy(c->file.spec, &spec);
        json_object_foreach((json_t *) settings, name, value)
        {
                const Setting *row = setting_by_name(SPEC_CONTAINER, name);

                if (r < 0)
                        return r;
                if (!row)
                        return error_set(error, ERROR_INVALID_ARGUMENT, "no such setting: \"%.100s\"", name);
                if (!(row->flags & SETTING_LIVE))
                        return error_set(error, ERROR_INVALID_ARGUMENT,
                                         "%s cannot be changed any more: make a new container", name);
                r = setting_assign_json(spec, row, value, error);
                if (r >= 0 && row->unit)
                        r = strv_append(&keys, row->unit);
        }
        /* Those that follow from two settings. */
        if (r >= 0)
                r = strv_append(&keys, "MemorySwapMax");
        if (r >= 0)
                r = strv_append(&keys, "CPUWeight");
        if (r >= 0)
                r = spec_verify(spec, error);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(spec);
        *ret_keys = TAKE_PTR(keys);
        return 0;
}

int container_update(Container *c, const json_t *settings, const Promise *p, Error *error)
{
        UnitContext context = {
                .id = container_id(c), .name = container_name(c), .image_name = c->file.image_name};
        _cleanup_(unit_file_freep) UnitFile *unit = NULL;
        _cleanup_(spec_freep) Spec *spec = NULL;
        _cleanup_strv_ char **keys = NULL;
        Operation *o;
        int r;

        r = read_update(c, settings, &spec, &keys, error);
        if (r < 0)
                return r;
        if (!container_is_running(c)) {
                r = apply_update(c, spec, error);
                if (r < 0)
                        return r;
                TAKE_PTR(spec);
                return promise_complete(p, NULL);
        }
        r = unit_file_new(spec, &context, &unit, error);
        if (r >= 0)
                r = operation_new(c->manager, OPERATION_UPDATE, &update_class, c, p, &o, error);
        if (r < 0)
                return r;
        o->data = TAKE_PTR(spec);
        r = systemd_set_properties(c->manager->systemd, c->file.unit, unit, keys, &o->call, on_update_reply,
                                   o);
        if (r < 0)
                operation_fail_errno(o, r, NULL, "Cannot change the unit");
        return 0;
}
