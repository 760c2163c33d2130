/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* io.berth1.Operation: something long, to be watched, waited for, or cancelled. */

#include "base/str.h"
#include "bus/bus.h"
#include "bus/request.h"
#include "object/work.h"

void *operation_node_find(Manager *m, const char *id)
{
        return map_get(m->works, id);
}

static int method_cancel(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
        _cleanup_error_ Error error = ERROR_INIT;
        int r = work_cancel(userdata, &error);

        return r < 0 ? request_error(e, r, &error) : sd_bus_reply_method_return(m, NULL);
}

static int append_result(sd_bus_message *reply, const OperationResult *result)
{
        int r;

        r = sd_bus_message_append_strv(reply, result->names);
        if (r >= 0)
                r = sd_bus_message_append_strv(reply, result->ids);
        return r < 0 ? r : sd_bus_message_append_strv(reply, result->warnings);
}

static int method_wait(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
        _cleanup_error_ Error error = ERROR_INIT;
        Promise p;
        int r;

        r = request_promise(m, append_result, &p);
        if (r < 0)
                return r;
        r = work_wait(userdata, &p, &error);
        return r < 0 ? request_refused(&p, r, &error, e) : 1;
}

static const char *text_of(const Work *w, const char *property)
{
        const struct {
                const char *property, *value;
        } texts[] = {
                {"ID", w->id},
                {"Type", work_type_to_string(w->type)},
                {"Subject", w->subject},
                {"State", work_state_word(w)},
                {"Phase", w->phase},
                {"Error", w->ended && w->r < 0 ? error_bus_name(w->error.kind) : NULL},
                {"Unit", w->unit},
        };

        FOREACH_ELEMENT(t, texts)
                if (streq(t->property, property))
                        return strempty(t->value);
        return "";
}

static int get_text(sd_bus *bus, const char *path, const char *interface, const char *property,
                    sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        return sd_bus_message_append(reply, "s", text_of(userdata, property));
}

static int get_number(sd_bus *bus, const char *path, const char *interface, const char *property,
                      sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        const Work *w = userdata;
        uint64_t n = streq(property, "Done") ? w->done : streq(property, "Total") ? w->total : w->started;

        return sd_bus_message_append(reply, "t", n);
}

static int get_items(sd_bus *bus, const char *path, const char *interface, const char *property,
                     sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        const Work *w = userdata;
        json_t *item;
        size_t i;
        int r;

        r = sd_bus_message_open_container(reply, 'a', "(sstt)");
        json_array_foreach(w->items, i, item) if (r >= 0) r = sd_bus_message_append(
                reply, "(sstt)", json_get_string(item, "Name"), json_get_string(item, "State"),
                (uint64_t) json_get_i64(item, "Done", 0), (uint64_t) json_get_i64(item, "Total", 0));
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

const sd_bus_vtable *operation_vtable(void)
{
        static const sd_bus_vtable vtable[] = {
                SD_BUS_VTABLE_START(0),
                SD_BUS_METHOD_WITH_ARGS("Cancel", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, method_cancel,
                                        SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("Wait", SD_BUS_NO_ARGS,
                                        SD_BUS_RESULT("as", names, "as", ids, "as", warnings), method_wait,
                                        SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_PROPERTY("ID", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_CONST),
                SD_BUS_PROPERTY("Type", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_CONST),
                SD_BUS_PROPERTY("Subject", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_CONST),
                SD_BUS_PROPERTY("Started", "t", get_number, 0, SD_BUS_VTABLE_PROPERTY_CONST),
                SD_BUS_PROPERTY("Unit", "s", get_text, 0, 0),
                SD_BUS_PROPERTY("State", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
                SD_BUS_PROPERTY("Phase", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
                SD_BUS_PROPERTY("Done", "t", get_number, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
                SD_BUS_PROPERTY("Total", "t", get_number, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
                SD_BUS_PROPERTY("Items", "a(sstt)", get_items, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
                SD_BUS_PROPERTY("Error", "s", get_text, 0, 0),
                SD_BUS_VTABLE_END,
        };

        return vtable;
}
