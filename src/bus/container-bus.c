/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* io.berth1.Container: methods, facts, and one property per setting. */

#include "base/parse.h"
#include "base/str.h"
#include "bus/bus.h"
#include "bus/object-bus.h"
#include "bus/request.h"
#include "bus/value.h"
#include "spec/name.h"
#include "spec/setting.h"

void *container_node_find(Manager *m, const char *id)
{
        return map_get(m->containers, id);
}

static int append_id(sd_bus_message *reply, const OperationResult *result)
{
        return sd_bus_message_append(reply, "s", result->id);
}

static int append_exit_code(sd_bus_message *reply, const OperationResult *result)
{
        return sd_bus_message_append(reply, "i", (int32_t) result->exit_code);
}

static int method_start(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
        _cleanup_error_ Error error = ERROR_INIT;
        Promise p;
        int r;

        r = request_promise(m, NULL, &p);
        if (r < 0)
                return r;
        r = container_start(userdata, &UNIT_STREAMS_NONE, &p, &error);
        return r < 0 ? request_refused(&p, r, &error, e) : 1;
}

static int method_start_and_attach(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
        _cleanup_error_ Error error = ERROR_INIT;
        UnitStreams streams;
        Promise p;
        int r;

        r = sd_bus_message_read(m, "hhh", &streams.input, &streams.output, &streams.error);
        if (r >= 0)
                r = request_promise(m, NULL, &p);
        if (r < 0)
                return r;
        r = container_start(userdata, &streams, &p, &error);
        return r < 0 ? request_refused(&p, r, &error, e) : 1;
}

typedef int (*StopRequest)(Container *c, uint64_t timeout, const Promise *p, Error *error);

static int handle_stop(sd_bus_message *m, Container *c, bool with_timeout, StopRequest request,
                       sd_bus_error *e)
{
        _cleanup_error_ Error error = ERROR_INIT;
        uint64_t timeout = TIMEOUT_CONFIGURED;
        Promise p;
        int r = 0;

        if (with_timeout)
                r = sd_bus_message_read(m, "t", &timeout);
        if (r >= 0)
                r = request_promise(m, NULL, &p);
        if (r < 0)
                return r;
        r = request(c, timeout, &p, &error);
        return r < 0 ? request_refused(&p, r, &error, e) : 1;
}

static int method_stop(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
        return handle_stop(m, userdata, false, container_stop, e);
}

static int method_stop_with_timeout(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
        return handle_stop(m, userdata, true, container_stop, e);
}

static int method_restart(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
        return handle_stop(m, userdata, false, container_restart, e);
}

static int method_restart_with_timeout(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
        return handle_stop(m, userdata, true, container_restart, e);
}

static int method_kill(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
        _cleanup_error_ Error error = ERROR_INIT;
        const char *name;
        int r, signal;
        Promise p;

        r = sd_bus_message_read(m, "s", &name);
        if (r < 0)
                return r;
        if (parse_signal(name, &signal) < 0)
                return sd_bus_error_setf(e, error_bus_name(ERROR_INVALID_ARGUMENT), "Not a signal: \"%.32s\"",
                                         name);
        r = request_promise(m, NULL, &p);
        if (r < 0)
                return r;
        r = container_kill(userdata, signal, &p, &error);
        return r < 0 ? request_refused(&p, r, &error, e) : 1;
}

static int method_wait(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
        _cleanup_error_ Error error = ERROR_INIT;
        Promise p;
        int r;

        r = request_promise(m, append_exit_code, &p);
        if (r < 0)
                return r;
        r = container_wait(userdata, &p, &error);
        return r < 0 ? request_refused(&p, r, &error, e) : 1;
}

static int method_exec(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
        _cleanup_(spec_freep) Spec *spec = NULL;
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_json_ json_t *options = NULL;
        UnitStreams streams;
        Promise p;
        int r;

        r = request_read_spec(m, SPEC_EXEC, exec_options, &spec, &options, &error);
        if (r < 0)
                return request_error(e, r, &error);
        r = sd_bus_message_read(m, "hhh", &streams.input, &streams.output, &streams.error);
        if (r >= 0)
                r = request_promise(m, append_exit_code, &p);
        if (r < 0)
                return r;
        r = container_exec(userdata, spec, json_get_bool(options, "Privileged", false), &streams, &p, &error);
        return r < 0 ? request_refused(&p, r, &error, e) : 1;
}

static int method_inspect(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_free_ char *text = NULL;
        int r;

        r = container_inspect(userdata, &text, &error);
        return r < 0 ? request_error(e, r, &error) : sd_bus_reply_method_return(m, "s", text);
}

int container_handle_remove(sd_bus_message *m, Container *c, sd_bus_error *e)
{
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_json_ json_t *options = NULL;
        uint64_t timeout;
        Promise p;
        int r;

        r = request_read(m, 0, remove_options, NULL, &options, &error);
        if (r < 0)
                return request_error(e, r, &error);
        r = request_promise(m, append_id, &p);
        if (r < 0)
                return r;
        /* By force means at once, unless a time is given; -1 is for ever. */
        timeout = (uint64_t) json_get_i64(options, "Timeout", 0);
        r = container_remove(c, json_get_bool(options, "Force", false), timeout, &p, &error);
        return r < 0 ? request_refused(&p, r, &error, e) : 1;
}

static int method_remove(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
        return container_handle_remove(m, userdata, e);
}

static int method_update(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
        _cleanup_json_ json_t *settings = NULL, *options = NULL;
        _cleanup_error_ Error error = ERROR_INIT;
        Promise p;
        int r;

        r = request_read(m, SPEC_CONTAINER, NULL, &settings, &options, &error);
        if (r < 0)
                return request_error(e, r, &error);
        r = request_promise(m, NULL, &p);
        if (r < 0)
                return r;
        r = container_update(userdata, settings, &p, &error);
        return r < 0 ? request_refused(&p, r, &error, e) : 1;
}

static int method_sync(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
        _cleanup_error_ Error error = ERROR_INIT;
        Promise p;
        int r;

        r = request_promise(m, NULL, &p);
        if (r < 0)
                return r;
        r = container_sync(userdata, &p, &error);
        return r < 0 ? request_refused(&p, r, &error, e) : 1;
}

/* Facts */

static const char *text_id(const Container *c)
{
        return container_id(c);
}

static const char *text_image_id(const Container *c)
{
        return c->file.image_id;
}

static const char *text_image_name(const Container *c)
{
        return strempty(c->file.image_name);
}

static const char *text_raw_image_name(const Container *c)
{
        return strempty(c->file.spec->image);
}

static const char *text_unit(const Container *c)
{
        return c->file.unit;
}

static const char *text_state(const Container *c)
{
        return container_state_word(c->state);
}

static uint64_t number_created(const Container *c)
{
        return c->file.created;
}

static uint64_t number_exit_code(const Container *c)
{
        return (uint64_t) container_exit_code(c);
}

static uint64_t number_restarts(const Container *c)
{
        return c->restarts;
}

static uint64_t number_oom(const Container *c)
{
        return container_has_ended(c) && c->exit.oom_killed;
}

static uint64_t number_stopped(const Container *c)
{
        return c->file.stopped_by_user;
}

#define EMITS SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE
#define CONSTANT SD_BUS_VTABLE_PROPERTY_CONST

/* What is known of a container besides its settings. */
static const struct Fact {
        const char *name;
        const char *signature;
        const char *(*text)(const Container *c);
        uint64_t (*number)(const Container *c);
        uint64_t flags;
} facts[] = {
        {"ID", "s", text_id, NULL, CONSTANT},
        {"ImageID", "s", text_image_id, NULL, CONSTANT},
        {"ImageName", "s", text_image_name, NULL, CONSTANT},
        {"RawImageName", "s", text_raw_image_name, NULL, CONSTANT},
        {"Unit", "s", text_unit, NULL, CONSTANT},
        {"CreatedTime", "t", NULL, number_created, CONSTANT},
        {"State", "s", text_state, NULL, EMITS},
        {"PID", "u", NULL, container_pid, EMITS},
        {"ExitCode", "i", NULL, number_exit_code, EMITS},
        {"OOMKilled", "b", NULL, number_oom, EMITS},
        {"StartedTime", "t", NULL, container_started, EMITS},
        {"FinishedTime", "t", NULL, container_finished, EMITS},
        /* Its text is not for everybody who listens. */
        {"Error", "s", container_error, NULL, SD_BUS_VTABLE_PROPERTY_EMITS_INVALIDATION},
        {"RestartCount", "u", NULL, number_restarts, EMITS},
        {"StoppedByUser", "b", NULL, number_stopped, 0},
};

static int get_fact(sd_bus *bus, const char *path, const char *interface, const char *property,
                    sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        const Container *c = userdata;

        FOREACH_ELEMENT(f, facts) {
                if (!streq(f->name, property))
                        continue;
                if (f->text)
                        return sd_bus_message_append(reply, "s", strempty(f->text(c)));
                if (*f->signature == 't')
                        return sd_bus_message_append(reply, "t", f->number(c));
                /* b i u: all are passed as int. */
                return sd_bus_message_append(reply, f->signature, (int) f->number(c));
        }
        return -ENOENT;
}

static int get_cgroup(sd_bus *bus, const char *path, const char *interface, const char *property,
                      sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        _cleanup_free_ char *cgroup = container_cgroup(userdata);

        return cgroup ? sd_bus_message_append(reply, "s", cgroup) : -ENOMEM;
}

static int get_setting(sd_bus *bus, const char *path, const char *interface, const char *property,
                       sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        const Setting *row = setting_by_name(SPEC_CONTAINER, property);
        const Container *c = userdata;
        _cleanup_(spec_freep) Spec *limits = NULL;
        _cleanup_json_ json_t *v = NULL;
        int r;

        if (row && row->flags & SETTING_LIVE) {
                r = container_limits(c, &limits);
                if (r < 0)
                        return r;
        }
        v = row ? setting_json(limits ?: c->file.spec, row) : NULL;
        return row ? value_append(reply, row->type->signature, v) : -ENOENT;
}

static const sd_bus_vtable methods[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("Start", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, method_start,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("StartAndAttach", SD_BUS_ARGS("h", input, "h", output, "h", error),
                                SD_BUS_NO_RESULT, method_start_and_attach, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Stop", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, method_stop,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("StopWithTimeout", SD_BUS_ARGS("t", usec), SD_BUS_NO_RESULT,
                                method_stop_with_timeout, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Restart", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, method_restart,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("RestartWithTimeout", SD_BUS_ARGS("t", usec), SD_BUS_NO_RESULT,
                                method_restart_with_timeout, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Kill", SD_BUS_ARGS("s", signal), SD_BUS_NO_RESULT, method_kill,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Wait", SD_BUS_NO_ARGS, SD_BUS_RESULT("i", exit_code), method_wait,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Exec", SD_BUS_ARGS("a{sv}", options, "h", input, "h", output, "h", error),
                                SD_BUS_RESULT("i", exit_code), method_exec, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Inspect", SD_BUS_NO_ARGS, SD_BUS_RESULT("s", json), method_inspect,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Remove", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("s", id),
                                method_remove, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Update", SD_BUS_ARGS("a{sv}", settings), SD_BUS_NO_RESULT, method_update,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Refresh", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, method_sync,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Sync", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, method_sync,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("CGroupPath", "s", get_cgroup, 0, 0),
};

/* Made once, when the settings' rows are known. */
const sd_bus_vtable *container_vtable(void)
{
        static sd_bus_vtable vtable[ELEMENTSOF(methods) + ELEMENTSOF(facts) + _SETTING_MAX + 1];
        size_t n = ELEMENTSOF(methods);

        if (vtable[0].type)
                return vtable;
        memcpy(vtable, methods, sizeof(methods));
        FOREACH_ELEMENT(f, facts)
                vtable[n++] = (sd_bus_vtable) SD_BUS_PROPERTY(f->name, f->signature, get_fact, 0, f->flags);
        SETTING_FOREACH(row, SPEC_CONTAINER)
        vtable[n++] = (sd_bus_vtable) SD_BUS_PROPERTY(row->name, row->type->signature, get_setting, 0,
                                                      row->flags & SETTING_LIVE ? EMITS : CONSTANT);
        vtable[n] = (sd_bus_vtable) SD_BUS_VTABLE_END;
        return vtable;
}
