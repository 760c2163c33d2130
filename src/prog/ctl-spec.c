/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the user wrote, on its way to the bus: settings by their rows, filters, names of objects. */

#include "base/str.h"
#include "bus/value.h"
#include "prog/ctl-bus.h"
#include "prog/ctl-output.h"
#include "spec/name.h"

int bus_append_settings(Ctl *c, sd_bus_message *m, SpecKind kind)
{
        int r = 0;

        SETTING_FOREACH(row, kind)
        {
                _cleanup_json_ json_t *v = NULL;

                if (r < 0 || !spec_has(c->spec, setting_id(row)))
                        continue;
                v = setting_json(c->spec, row);
                r = v ? value_append_entry(m, row->name, row->type->signature, v) : -ENOMEM;
        }
        return r;
}

int bus_append_spec(Ctl *c, sd_bus_message *m)
{
        int r = sd_bus_message_open_container(m, 'a', "{sv}");

        if (r >= 0)
                r = bus_append_settings(c, m, c->verb->settings);
        if (r >= 0 && ctl_has(c, FLAG_REPLACE))
                r = sd_bus_message_append(m, "{sv}", "Replace", "b", true);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? bus_failed(c, r) : 0;
}

int bus_filters(Ctl *c, json_t **ret)
{
        _cleanup_json_ json_t *filters = NULL;

        STRV_FOREACH(f, c->values[FLAG_FILTER]) {
                const char *value = strchr(*f, '=');
                _cleanup_free_ char *key = value ? strndup(*f, (size_t) (value - *f)) : NULL;
                json_t *list;

                if (isempty(key))
                        return error_set(&c->error, ERROR_INVALID_ARGUMENT,
                                         "--filter: \"%s\" is not KEY=VALUE", *f);
                if (!filters)
                        filters = json_object();
                list = json_object_get(filters, key);
                if (!list) {
                        list = json_array();
                        (void) json_object_set_new(filters, key, list);
                }
                (void) json_array_append_new(list, json_string(value + 1));
        }
        *ret = TAKE_PTR(filters);
        return 0;
}

int bus_find(Ctl *c, const char *noun, const char *name, char **ret_path)
{
        _cleanup_message_ sd_bus_message *reply = NULL;
        const char *path;
        int r;

        if (id_is_valid(name)) {
                *ret_path = object_path(noun, name);
                return *ret_path ? 0 : -ENOMEM;
        }
        r = bus_call(c, &reply, BUS_PATH, RUNTIME_INTERFACE,
                     streq(noun, "image") ? "LookupImage" : "LookupContainer", "s", name);
        if (r < 0)
                return r;
        r = sd_bus_message_read(reply, "o", &path);
        if (r < 0)
                return bus_failed(c, r);
        *ret_path = strdup(path);
        return *ret_path ? 0 : -ENOMEM;
}

typedef struct ListOptions {
        bool all;
        uint64_t last; /* 0: no such limit */
        json_t *filters;
} ListOptions;

static int append_list_options(sd_bus_message *m, const ListOptions *o)
{
        int r = sd_bus_message_open_container(m, 'a', "{sv}");

        if (r >= 0 && o->all)
                r = sd_bus_message_append(m, "{sv}", "All", "b", true);
        if (r >= 0 && o->last > 0)
                r = sd_bus_message_append(m, "{sv}", "Last", "u", (uint32_t) o->last);
        if (r >= 0 && o->filters)
                r = value_append_entry(m, "Filters", "a{sas}", o->filters);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int list(Ctl *c, const char *member, bool all, uint64_t last, json_t **ret)
{
        _cleanup_message_ sd_bus_message *m = NULL;
        _cleanup_json_ json_t *filters = NULL;
        _cleanup_call_ Call call = {};
        sd_bus_message *reply;
        int r;

        r = bus_filters(c, &filters);
        if (r >= 0)
                r = bus_new_call(c, &m, BUS_PATH, RUNTIME_INTERFACE, member, NULL);
        if (r < 0)
                return r;
        r = append_list_options(m, &(ListOptions){all, last, filters});
        if (r < 0)
                return bus_failed(c, r);
        r = bus_send(c, m, &call);
        if (r >= 0)
                r = bus_wait(c, &call, &reply);
        return r < 0 ? r : bus_read_json(c, reply, ret);
}

int bus_list_containers(Ctl *c, bool all, uint64_t last, json_t **ret)
{
        return list(c, "ListContainers", all, last, ret);
}

int bus_list_images(Ctl *c, json_t **ret)
{
        return list(c, "ListImages", false, 0, ret);
}

int bus_prune(Ctl *c, const char *member)
{
        _cleanup_json_ json_t *filters = NULL, *ids = NULL;
        _cleanup_message_ sd_bus_message *m = NULL;
        _cleanup_call_ Call call = {};
        sd_bus_message *reply;
        const json_t *id;
        size_t i;
        int r;

        r = bus_filters(c, &filters);
        if (r >= 0)
                r = bus_new_call(c, &m, BUS_PATH, RUNTIME_INTERFACE, member, NULL);
        if (r < 0)
                return r;
        if (!filters)
                filters = json_object();
        r = value_append(m, "a{sas}", filters);
        if (r < 0)
                return bus_failed(c, r);
        r = bus_send(c, m, &call);
        if (r >= 0)
                r = bus_wait(c, &call, &reply);
        if (r >= 0)
                r = bus_read_json(c, reply, &ids);
        json_array_foreach(ids, i, id) output_line(strempty(json_string_value(id)));
        return r;
}
