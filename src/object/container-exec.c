/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Exec sessions: an order for the executor, a transient unit that performs it with the caller's descriptors,
 * and the exit record that answers. */

#include "base/log.h"
#include "base/parse.h"
#include "base/str.h"
#include "object/container.h"
#include "spec/item.h"
#include "spec/launch-build.h"
#include "spec/name.h"
#include "spec/unit-file.h"

struct Session {
        Manager *manager;
        char id[ID_LENGTH + 1];
        char *unit;
        Operation *operation; /* NULL: nobody waits any more */
        SystemdCall *verify;  /* asking whether its unit is gone */
        bool alive;
        bool started; /* its start has been announced */
        UnitFile *rows;
        UnitStreams streams;
};

Session *session_free(Session *s)
{
        Manager *m = s ? s->manager : NULL;

        if (!s)
                return NULL;
        if (s->unit && map_get(m->session_units, s->unit) == s)
                (void) map_remove(m->session_units, s->unit);
        (void) unlinkat(m->exec_directory, s->id, 0);
        (void) unlinkat(m->start_directory, s->id, 0);
        (void) unlinkat(m->exit_directory, s->id, 0);
        if (s->operation)
                s->operation->session = NULL;
        systemd_call_cancel(&s->verify);
        free(s->unit);
        unit_file_free(s->rows);
        unit_streams_done(&s->streams);
        free(s);
        return NULL;
}

static void finish(Session *s, int r, const Error *error, int exit_code)
{
        Operation *o = s->operation;

        s->operation = NULL;
        (void) map_remove(s->manager->sessions, s->id);
        if (!o)
                return;
        o->session = NULL;
        operation_complete(o, r, error, &(OperationResult){.exit_code = exit_code});
}

/* The executor has written it to the journal. */
static void announce(Session *s, Event e, uint64_t usec, const char *exit_code)
{
        Container *c = s->operation ? s->operation->container : NULL;
        _cleanup_(map_freep) Map *attributes = map_new_strings();
        EventInfo info = {.attributes = attributes};

        if (!c || !attributes)
                return;
        info.id = container_id(c);
        info.name = container_name(c);
        info.image = c->file.image_name;
        info.unit = c->file.unit;
        (void) map_put_string(attributes, "execID", s->id);
        if (exit_code)
                (void) map_put_string(attributes, "containerExitCode", exit_code);
        manager_announce(s->manager, e, &info, usec);
}

/* Why it did not run, when the executor says so. */
static bool finish_with_start_error(Session *s)
{
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_record_ Record start = {};
        int r;

        if (record_load_at(s->manager->start_directory, s->id, &start) < 0 || !start.error_name)
                return false;
        r = error_set(&error, error_from_bus_name(start.error_name), "%s", strempty(start.error));
        finish(s, r, &error, 0);
        return true;
}

void session_read_records(Session *s)
{
        _cleanup_record_ Record start = {}, exit = {};
        char code[16];

        if (!s->started && record_load_at(s->manager->start_directory, s->id, &start) >= 0 &&
            !start.error_name) {
                s->started = true;
                announce(s, EVENT_CONTAINER_EXEC, start.started_usec, NULL);
        }
        if (record_load_at(s->manager->exit_directory, s->id, &exit) < 0 || finish_with_start_error(s))
                return;
        (void) snprintf(code, sizeof(code), "%d", (int) exit.exit_code);
        announce(s, EVENT_CONTAINER_EXEC_DIED, exit.finished_usec, code);
        finish(s, 0, NULL, (int) exit.exit_code);
}

void sessions_read_records(Manager *m)
{
        _cleanup_strv_ char **ids = NULL;

        MAP_FOREACH(e, m->sessions)
                (void) strv_append(&ids, map_key(e));
        STRV_FOREACH(id, ids) {
                Session *s = map_get(m->sessions, *id);

                if (s)
                        session_read_records(s);
        }
}

static void fail(Session *s, const char *text)
{
        _cleanup_error_ Error error = ERROR_INIT;
        int r = error_set(&error, ERROR_START_FAILED, "%s", text);

        finish(s, r, &error, 0);
}

/* Its clean-up writes the exit record before the unit goes; without one nobody knows how it ended. */
static void conclude(Session *s)
{
        char id[ID_LENGTH + 1];
        Manager *m = s->manager;

        memcpy(id, s->id, sizeof(id));
        session_read_records(s);
        s = map_get(m->sessions, id);
        if (s && !finish_with_start_error(s))
                fail(s, "The command ended without a record of how");
}

static void on_session_listed(int r, const char *unit, UnitState state, void *userdata)
{
        Session *s = userdata;

        if (unit)
                s->alive = state != UNIT_ABSENT && state != UNIT_FAILED;
        else if (r >= 0 && !s->alive)
                conclude(s);
}

/* systemd says it of all units when it reloads itself: ask. */
void session_unit_removed(Manager *m, const char *unit)
{
        Session *s = map_get(m->session_units, unit);
        char *units[] = {(char *) unit, NULL};

        if (!s || s->verify)
                return;
        s->alive = false;
        (void) systemd_list_units(m->systemd, units, &s->verify, on_session_listed, s);
}

void sessions_verify(Manager *m)
{
        MAP_FOREACH(e, m->session_units)
                session_unit_removed(m, map_key(e));
}

static void on_exec_job(Operation *o, const char *result)
{
        Session *s = o->session;

        if (!s || streq(result, "done"))
                return;
        session_read_records(s);
        s = map_get(o->manager->sessions, o->session ? o->session->id : "");
        if (s && !finish_with_start_error(s))
                fail(s, "The command could not be started");
}

static void on_exec_reply(int r, const char *job, const Error *error, void *userdata)
{
        Operation *o = userdata;

        /* It was started before the connection broke: its records tell the rest. */
        if (r == -ECONNRESET || r == -EEXIST)
                return;
        if (r >= 0)
                r = operation_await_job(o, job);
        if (r < 0 && o->session)
                finish(o->session, r, error, 0);
}

static int start_unit(Session *s)
{
        int r;

        r = systemd_start_transient(s->manager->systemd, s->unit, s->rows, &s->streams, &s->operation->call,
                                    on_exec_reply, s->operation);
        return r == -ECONNRESET ? 0 : r;
}

static void resume_exec(Operation *o)
{
        _cleanup_error_ Error error = ERROR_INIT;
        int r;

        if (!o->session || o->session->started || o->call)
                return;
        (void) operation_await_job(o, NULL);
        r = start_unit(o->session);
        if (r < 0)
                finish(o->session, error_set_errno(&error, r, "Cannot start the command"), &error, 0);
}

static void operation_free_exec(Operation *o)
{
        if (o->session)
                o->session->operation = NULL;
}

static const OperationClass exec_class = {
        .job = on_exec_job,
        .resume = resume_exec,
        .free = operation_free_exec,
};

/* The order */

static int load_launch(Container *c, Launch **ret, Error *error)
{
        _cleanup_json_ json_t *v = NULL;
        int r;

        r = state_load(c->manager->state, STATE_CONTAINERS, container_id(c), LAUNCH_FILE, &v, error);
        return r < 0 ? r : launch_from_json(v, ret, error);
}

static int build_process(const Launch *launch, const Spec *spec, bool privileged, json_t **ret, Error *error)
{
        static const LaunchCapabilitySet sets[] = {LAUNCH_CAP_BOUNDING, LAUNCH_CAP_EFFECTIVE,
                                                   LAUNCH_CAP_PERMITTED};
        _cleanup_(launch_process_done) LaunchProcess process = {};
        int r;

        r = launch_build_exec(spec, launch, &process, error);
        if (r < 0)
                return r;
        FOREACH_ELEMENT(set, sets)
                if (privileged)
                        process.capabilities[*set] = capability_all_mask();
        *ret = launch_process_to_json(&process);
        return *ret ? 0 : -ENOMEM;
}

static int write_order(Session *s, Container *c, const Spec *spec, bool privileged, Error *error)
{
        _cleanup_json_ json_t *process = NULL, *order = NULL;
        _cleanup_(launch_freep) Launch *launch = NULL;
        _cleanup_free_ char *text = NULL;
        int r;

        r = load_launch(c, &launch, error);
        if (r >= 0)
                r = build_process(launch, spec, privileged, &process, error);
        if (r < 0)
                return r;
        order = json_pack("{s:s, s:I, s:I, s:O, s:{s:s, s:s, s:s, s:s, s:s*, s:b}}", "container",
                          container_id(c), "pid", (json_int_t) c->start.pid, "pidStart",
                          (json_int_t) c->start.pid_start, "process", process, "berth", "id", container_id(c),
                          "name", container_name(c), "image", strempty(c->file.image_name), "unit",
                          c->file.unit, "seccompProfile", launch->seccomp_profile, "foreground",
                          (int) (s->streams.output >= 0));
        text = order ? json_text(order) : NULL;
        if (!text)
                return -ENOMEM;
        r = fs_replace_at(c->manager->exec_directory, s->id, text, strlen(text), 0600, FS_NO_SYNC);
        return r < 0 ? error_set_errno(error, r, "Cannot write the order of the command") : 0;
}

static int describe_unit(Session *s, const Container *c, const Spec *spec, Error *error)
{
        UnitContext context = {
                .id = container_id(c),
                .name = container_name(c),
                .image_name = c->file.image_name,
                .foreground = s->streams.output >= 0,
                .exec_id = s->id,
        };

        s->unit = exec_unit_name(s->id);
        return s->unit ? unit_file_new(spec, &context, &s->rows, error) : -ENOMEM;
}

static int session_new(Manager *m, const UnitStreams *streams, Session **ret)
{
        Session *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        s->manager = m;
        s->streams = UNIT_STREAMS_NONE;
        r = id_new(s->id);
        if (r >= 0)
                r = unit_streams_copy(streams, &s->streams);
        if (r >= 0)
                r = map_put(m->sessions, s->id, s);
        if (r < 0)
                session_free(s);
        else
                *ret = s;
        return r;
}

static int begin(Session *s, Container *c, const Spec *spec, bool privileged, Error *error)
{
        Manager *m = c->manager;
        int r;

        r = write_order(s, c, spec, privileged, error);
        if (r >= 0)
                r = describe_unit(s, c, spec, error);
        if (r >= 0)
                r = map_put(m->session_units, s->unit, s);
        if (r >= 0)
                r = start_unit(s);
        return r < 0 ? error_set_errno(error, r, "Cannot start the command") : 0;
}

int container_exec(Container *c, const Spec *spec, bool privileged, const UnitStreams *streams,
                   const Promise *p, Error *error)
{
        _cleanup_error_ Error inner = ERROR_INIT;
        Operation *o;
        Session *s;
        Verdict v;
        int r;

        r = container_ask(c, REQUEST_EXEC, &v, error);
        if (r >= 0)
                r = spec_verify(spec, error);
        if (r < 0)
                return r;
        if (map_size(c->manager->sessions) >= SESSIONS_MAX)
                return error_set(error, ERROR_LIMIT, "%u commands run in containers already", SESSIONS_MAX);
        r = session_new(c->manager, streams, &s);
        if (r < 0)
                return error_set_errno(error, r, "Cannot start the command");
        r = operation_new(c->manager, OPERATION_EXEC, &exec_class, c, p, &o, error);
        if (r < 0) {
                (void) map_remove(c->manager->sessions, s->id);
                return r;
        }
        o->session = s;
        s->operation = o;
        r = begin(s, c, spec, privileged, &inner);
        if (r < 0)
                finish(s, r, &inner, 0);
        return 0;
}
