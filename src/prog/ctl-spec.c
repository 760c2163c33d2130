/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the user wrote, on its way to the bus: settings by their rows, filters, names of objects. */

#include "base/str.h"
#include "prog/ctl-bus.h"
#include "prog/ctl-output.h"
#include "spec/name.h"

static int append_array(sd_bus_message *m, const json_t *v)
{
        const json_t *element;
        size_t i;
        int r;

        r = sd_bus_message_open_container(m, 'a', "s");
        json_array_foreach(v, i, element)
        {
                if (r < 0)
                        return r;
                if (!json_is_string(element))
                        return -EINVAL;
                r = sd_bus_message_append_basic(m, 's', json_string_value(element));
        }
        return r < 0 ? r : sd_bus_message_close_container(m);
}

/* a{s*}: what the values are, signature says. */
static int append_object(sd_bus_message *m, const char *signature, const json_t *v)
{
        char entry[16], value[8];
        const char *key;
        json_t *element;
        int r;

        (void) snprintf(entry, sizeof(entry), "%.*s", (int) strlen(signature) - 1, signature + 1);
        (void) snprintf(value, sizeof(value), "%.*s", (int) strlen(signature) - 4, signature + 3);
        r = sd_bus_message_open_container(m, 'a', entry);
        entry[strlen(entry) - 1] = '\0';
        json_object_foreach((json_t *) v, key, element)
        {
                if (r < 0)
                        return r;
                r = sd_bus_message_open_container(m, 'e', entry + 1);
                if (r >= 0)
                        r = sd_bus_message_append_basic(m, 's', key);
                if (r >= 0)
                        r = bus_append_json(m, value, element);
                if (r >= 0)
                        r = sd_bus_message_close_container(m);
        }
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_number(sd_bus_message *m, char type, json_int_t n)
{
        switch (type) {
        case 'i':
                return sd_bus_message_append(m, "i", (int32_t) n);
        case 'u':
                return sd_bus_message_append(m, "u", (uint32_t) n);
        case 'x':
                return sd_bus_message_append(m, "x", (int64_t) n);
        case 't':
                return sd_bus_message_append(m, "t", (uint64_t) n);
        default:
                return -EINVAL;
        }
}

int bus_append_json(sd_bus_message *m, const char *signature, const json_t *v)
{
        if (streq(signature, "as") && json_is_array(v))
                return append_array(m, v);
        if (startswith(signature, "a{s") && json_is_object(v))
                return append_object(m, signature, v);
        if (streq(signature, "s") && json_is_string(v))
                return sd_bus_message_append_basic(m, 's', json_string_value(v));
        if (streq(signature, "b") && json_is_boolean(v))
                return sd_bus_message_append(m, "b", json_is_true(v));
        if (json_is_integer(v))
                return append_number(m, signature[0], json_integer_value(v));
        return -EINVAL;
}

int bus_append_entry(sd_bus_message *m, const char *key, const char *signature, const json_t *v)
{
        int r;

        if (!v)
                return -ENOMEM;
        r = sd_bus_message_open_container(m, 'e', "sv");
        if (r >= 0)
                r = sd_bus_message_append_basic(m, 's', key);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', signature);
        if (r >= 0)
                r = bus_append_json(m, signature, v);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

int bus_append_spec(Ctl *c, sd_bus_message *m)
{
        int r = sd_bus_message_open_container(m, 'a', "{sv}");

        SETTING_FOREACH(row, c->verb->settings)
        {
                _cleanup_json_ json_t *v = NULL;

                if (!spec_has(c->spec, setting_id(row)))
                        continue;
                v = setting_json(c->spec, row);
                if (r >= 0)
                        r = bus_append_entry(m, row->name, row->type->signature, v);
        }
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

static int append_list_options(sd_bus_message *m, bool all, uint64_t last, const json_t *filters)
{
        int r = sd_bus_message_open_container(m, 'a', "{sv}");

        if (r >= 0)
                r = sd_bus_message_append(m, "{sv}", "All", "b", all);
        if (r >= 0 && last > 0)
                r = sd_bus_message_append(m, "{sv}", "Last", "u", (uint32_t) last);
        if (r >= 0 && filters)
                r = bus_append_entry(m, "Filters", "a{sas}", filters);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

int bus_list_containers(Ctl *c, bool all, uint64_t last, json_t **ret)
{
        _cleanup_message_ sd_bus_message *m = NULL;
        _cleanup_json_ json_t *filters = NULL;
        _cleanup_call_ Call call = {};
        sd_bus_message *reply;
        int r;

        r = bus_filters(c, &filters);
        if (r >= 0)
                r = bus_new_call(c, &m, BUS_PATH, RUNTIME_INTERFACE, "ListContainers", NULL);
        if (r < 0)
                return r;
        r = append_list_options(m, all, last, filters);
        if (r < 0)
                return bus_failed(c, r);
        r = bus_send(c, m, &call);
        if (r >= 0)
                r = bus_wait(c, &call, &reply);
        return r < 0 ? r : bus_read_json(c, reply, ret);
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
        r = bus_append_json(m, "a{sas}", filters);
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
