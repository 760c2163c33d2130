/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdarg.h>

#include "base/str.h"
#include "prog/ctl-agent.h"
#include "prog/ctl-bus.h"
#include "spec/name.h"

#define DEPTH_MAX 32

void call_done(Call *call)
{
        call->slot = sd_bus_slot_unref(call->slot);
        call->reply = sd_bus_message_unref(call->reply);
}

int bus_connect(Ctl *c)
{
        int r;

        if (c->bus)
                return 0;
        if (c->verb && c->verb->changes)
                agent_open();
        r = sd_bus_open_system(&c->bus);
        if (r == -ENOENT || r == -ECONNREFUSED)
                return error_set(&c->error, ERROR_FAILED,
                                 "no system bus answers here (%s): is systemd running, and dbus.service?",
                                 strerror(-r));
        return r < 0 ? bus_failed(c, r) : 0;
}

void bus_close(Ctl *c)
{
        c->bus = sd_bus_close_unref(c->bus);
        agent_close();
}

int bus_failed(Ctl *c, int r)
{
        return error_set_errno(&c->error, r, "talking to berthd");
}

static int new_call(Ctl *c, sd_bus_message **ret, const char *path, const char *interface, const char *member,
                    const char *types, va_list ap)
{
        _cleanup_message_ sd_bus_message *m = NULL;
        int r;

        r = bus_connect(c);
        if (r < 0)
                return r;
        r = sd_bus_message_new_method_call(c->bus, &m, BUS_NAME, path, interface, member);
        if (r >= 0)
                r = sd_bus_message_set_allow_interactive_authorization(m, true);
        if (r >= 0 && types)
                r = sd_bus_message_appendv(m, types, ap);
        if (r < 0)
                return bus_failed(c, r);
        *ret = TAKE_PTR(m);
        return 0;
}

int bus_new_call(Ctl *c, sd_bus_message **ret, const char *path, const char *interface, const char *member,
                 const char *types, ...)
{
        va_list ap;
        int r;

        va_start(ap, types);
        r = new_call(c, ret, path, interface, member, types, ap);
        va_end(ap);
        return r;
}

static int on_reply(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        Call *call = userdata;

        call->reply = sd_bus_message_ref(m);
        return 0;
}

int bus_send(Ctl *c, sd_bus_message *m, Call *call)
{
        int r = sd_bus_call_async(c->bus, &call->slot, m, on_reply, call, UINT64_MAX);

        return r < 0 ? bus_failed(c, r) : 0;
}

/* What the bus itself says when berthd cannot be reached, in words that help. */
static int error_from_bus(Ctl *c, const sd_bus_error *e)
{
        static const struct {
                const char *name;
                ErrorKind kind;
                const char *text;
        } rows[] = {
                {SD_BUS_ERROR_SERVICE_UNKNOWN, ERROR_FAILED,
                 "the bus does not know berthd: is Berth installed, and was the bus told (systemctl reload "
                 "dbus)?"},
                {SD_BUS_ERROR_NAME_HAS_NO_OWNER, ERROR_FAILED,
                 "berthd does not run: systemctl status berthd"},
                {SD_BUS_ERROR_NO_REPLY, ERROR_FAILED,
                 "berthd or the bus went away before it answered: systemctl status berthd"},
                {SD_BUS_ERROR_TIMEOUT, ERROR_FAILED, "berthd cannot be started: systemctl status berthd"},
                {SD_BUS_ERROR_ACCESS_DENIED, ERROR_NOT_AUTHORIZED, NULL},
                {SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, ERROR_NOT_AUTHORIZED, NULL},
                {SD_BUS_ERROR_UNKNOWN_OBJECT, ERROR_FAILED, "the object is gone"},
        };

        FOREACH_ELEMENT(row, rows)
                if (sd_bus_error_has_name(e, row->name))
                        return error_set(&c->error, row->kind, "%s",
                                         row->text ?: e->message ?: "this is not allowed to you");
        return error_set(&c->error, error_from_bus_name(e->name), "%s", e->message ?: e->name);
}

int bus_reply(Ctl *c, Call *call, sd_bus_message **ret)
{
        if (sd_bus_message_is_method_error(call->reply, NULL))
                return error_from_bus(c, sd_bus_message_get_error(call->reply));
        if (ret)
                *ret = call->reply;
        return 0;
}

bool bus_went_away(const Call *call)
{
        return call->reply && sd_bus_message_is_method_error(call->reply, SD_BUS_ERROR_NO_REPLY);
}

int bus_wait(Ctl *c, Call *call, sd_bus_message **ret)
{
        while (!call->reply) {
                int r = sd_bus_process(c->bus, NULL);

                if (r == 0)
                        r = sd_bus_wait(c->bus, UINT64_MAX);
                if (r < 0 && r != -EINTR)
                        return bus_failed(c, r);
        }
        return bus_reply(c, call, ret);
}

int bus_call(Ctl *c, sd_bus_message **ret, const char *path, const char *interface, const char *member,
             const char *types, ...)
{
        _cleanup_message_ sd_bus_message *m = NULL;
        _cleanup_call_ Call call = {};
        va_list ap;
        int r;

        va_start(ap, types);
        r = new_call(c, &m, path, interface, member, types, ap);
        va_end(ap);
        if (r >= 0)
                r = bus_send(c, m, &call);
        if (r >= 0)
                r = bus_wait(c, &call, NULL);
        if (r >= 0 && ret)
                *ret = TAKE_PTR(call.reply);
        return r;
}

int bus_get(Ctl *c, const char *path, const char *interface, const char *property, json_t **ret)
{
        _cleanup_message_ sd_bus_message *reply = NULL;
        int r;

        r = bus_call(c, &reply, path, "org.freedesktop.DBus.Properties", "Get", "ss", interface, property);
        return r < 0 ? r : bus_read_json(c, reply, ret);
}

static json_t *read_basic(sd_bus_message *m, char type, int *r)
{
        union {
                const char *s;
                uint8_t y;
                int b;
                int16_t n;
                uint16_t q;
                int32_t i;
                uint32_t u;
                int64_t x;
                uint64_t t;
                double d;
        } v = {};

        *r = sd_bus_message_read_basic(m, type, &v);
        if (*r < 0)
                return NULL;
        switch (type) {
        case 's':
        case 'o':
        case 'g':
                return json_string(v.s);
        case 'b':
                return json_boolean(v.b);
        case 'y':
                return json_integer(v.y);
        case 'n':
                return json_integer(v.n);
        case 'q':
                return json_integer(v.q);
        case 'i':
                return json_integer(v.i);
        case 'u':
                return json_integer(v.u);
        case 'x':
                return json_integer(v.x);
        case 't':
                return json_integer(v.t > INT64_MAX ? -1 : (json_int_t) v.t);
        case 'd':
                return json_real(v.d);
        default:
                return json_null();
        }
}

static json_t *read_value(sd_bus_message *m, unsigned depth, int *r);

static json_t *read_dictionary(sd_bus_message *m, unsigned depth, int *r)
{
        _cleanup_json_ json_t *object = json_object();

        while ((*r = sd_bus_message_enter_container(m, 0, NULL)) > 0) {
                _cleanup_json_ json_t *key = read_value(m, depth, r), *value = NULL;

                if (!key)
                        return NULL;
                value = read_value(m, depth, r);
                if (!value)
                        return NULL;
                if (!json_is_string(key) || json_object_set(object, json_string_value(key), value) < 0) {
                        *r = -EBADMSG;
                        return NULL;
                }
                *r = sd_bus_message_exit_container(m);
                if (*r < 0)
                        return NULL;
        }
        return *r < 0 ? NULL : TAKE_PTR(object);
}

static json_t *read_array(sd_bus_message *m, unsigned depth, int *r)
{
        _cleanup_json_ json_t *array = json_array();

        for (;;) {
                json_t *v;

                *r = sd_bus_message_at_end(m, false);
                if (*r < 0)
                        return NULL;
                if (*r > 0)
                        return TAKE_PTR(array);
                v = read_value(m, depth, r);
                if (!v)
                        return NULL;
                if (json_array_append_new(array, v) < 0) {
                        *r = -ENOMEM;
                        return NULL;
                }
        }
}

static json_t *read_value(sd_bus_message *m, unsigned depth, int *r)
{
        _cleanup_json_ json_t *v = NULL;
        const char *contents;
        char type;

        *r = sd_bus_message_peek_type(m, &type, &contents);
        if (*r > 0 && depth >= DEPTH_MAX)
                *r = -EBADMSG;
        if (*r <= 0) {
                *r = *r < 0 ? *r : -ENODATA;
                return NULL;
        }
        if (!contents)
                return read_basic(m, type, r);
        *r = sd_bus_message_enter_container(m, type, contents);
        if (*r < 0)
                return NULL;
        if (type == SD_BUS_TYPE_ARRAY && contents[0] == '{')
                v = read_dictionary(m, depth + 1, r);
        else if (type == SD_BUS_TYPE_VARIANT)
                v = read_value(m, depth + 1, r);
        else
                v = read_array(m, depth + 1, r);
        if (v)
                *r = sd_bus_message_exit_container(m);
        return *r < 0 ? NULL : TAKE_PTR(v);
}

int bus_read_json(Ctl *c, sd_bus_message *m, json_t **ret)
{
        int r;

        *ret = read_value(m, 0, &r);
        if (*ret)
                return 0;
        return bus_failed(c, r < 0 ? r : -ENOMEM);
}
