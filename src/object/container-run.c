/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Starting, stopping, restarting, killing and waiting: jobs of systemd, answered when they are done. */

#include <signal.h>

#include "base/log.h"
#include "base/parse.h"
#include "base/str.h"
#include "object/container.h"
#include "spec/unit-file.h"

/* An old unit of the same name gives way within milliseconds; a stop takes as long as its time-out. */
#define LEFTOVER_WAIT_MAX (30 * USEC_PER_SEC)
#define LEFTOVER_POLL (50 * USEC_PER_MSEC)

#define WAITERS_MAX 1024U

/* Streams are kept until systemd has its own copies. */
typedef struct StartData {
        UnitFile *unit;
        UnitStreams streams;
        char *run_before; /* invocation of the run before this start */
} StartData;

static StartData *start_data_free(StartData *d)
{
        if (!d)
                return NULL;
        unit_file_free(d->unit);
        unit_streams_done(&d->streams);
        free(d->run_before);
        free(d);
        return NULL;
}
DEFINE_CLEANUP(StartData *, start_data_free)

static void operation_free_start(Operation *o)
{
        o->data = start_data_free(o->data);
}

static int start_data_new(Container *c, const UnitStreams *streams, StartData **ret, Error *error)
{
        _cleanup_(start_data_freep) StartData *d = calloc(1, sizeof(*d));
        bool attached = unit_streams_given(streams);
        UnitContext context = {
                .id = container_id(c),
                .name = container_name(c),
                .image_name = c->file.image_name,
                .foreground = attached,
        };
        int r;

        if (!d)
                return -ENOMEM;
        d->streams = UNIT_STREAMS_NONE;
        r = unit_file_new(c->file.spec, &context, &d->unit, error);
        if (r >= 0)
                r = str_replace(&d->run_before, c->start.invocation_id);
        if (r >= 0)
                r = unit_streams_copy(streams, &d->streams);
        if (r < 0)
                return error_set_errno(error, r, "Cannot prepare the start of container %s",
                                       container_name(c));
        *ret = TAKE_PTR(d);
        return 0;
}

/* Start */

static void start_now(Operation *o);

static void start_failed_state(Container *c)
{
        if (c->state == CONTAINER_STARTING)
                container_set_state(c, c->exit.invocation_id ? CONTAINER_EXITED : CONTAINER_CREATED);
}

/* All that joined this start share its end. */
static void finish_start(Operation *o, int r, const Error *error)
{
        Container *c = o->container;
        bool first = !o->phase;

        operation_complete(o, r, error, NULL);
        while (first && c) {
                Operation *joined = c->operations;

                while (joined && (joined->type != OPERATION_START || !joined->phase))
                        joined = joined->container_next;
                if (!joined)
                        break;
                operation_complete(joined, r, error, NULL);
        }
}

static void fail_start(Operation *o, ErrorKind kind, const char *text)
{
        _cleanup_error_ Error error = ERROR_INIT;
        int r = error_set(&error, kind, "%s", text);

        start_failed_state(o->container);
        finish_start(o, r, &error);
}

static void fail_start_errno(Operation *o, int r, const Error *error)
{
        _cleanup_error_ Error own = ERROR_INIT;

        if (!error || error->kind == ERROR_NONE) {
                (void) error_set_errno(&own, r, "Cannot start container %s", container_name(o->container));
                error = &own;
        }
        start_failed_state(o->container);
        finish_start(o, r, error);
}

static void on_ignored(int r, const char *job, const Error *error, void *userdata)
{
}

/* The executor has said what was wrong; a policy that would try the same for ever is stopped. */
static void explain_failed_start(Operation *o, const char *result)
{
        _cleanup_free_ char *text = NULL;
        Container *c = o->container;

        if (!c->start.error_name) {
                text = str_printf("Container %s did not start: unit %s: %s", container_name(c), c->file.unit,
                                  result);
                fail_start(o, streq(result, "canceled") ? ERROR_CANCELLED : ERROR_START_FAILED,
                           strempty(text));
                return;
        }
        if (c->own_unit && c->file.spec->restart_policy != RESTART_NO && !c->tidy)
                (void) systemd_job(c->manager->systemd, SYSTEMD_STOP, c->file.unit, &c->tidy, on_ignored,
                                   NULL);
        text = strdup(strempty(c->start.error));
        fail_start(o, error_from_bus_name(c->start.error_name), strempty(text));
}

/* The unit was active before. It may run us: while systemd re-executes itself it can seem gone. */
static void look_at_old_run(Operation *o)
{
        _cleanup_free_ char *text = NULL;
        Container *c = o->container;

        if (c->own_unit && c->start.invocation_id && !container_run_has_ended(c)) {
                c->never_ended = false;
                container_set_state(c, CONTAINER_RUNNING);
                finish_start(o, 0, NULL);
                return;
        }
        text = str_printf("Unit %s is active, but does not run container %s: stop the unit first",
                          c->file.unit, container_name(c));
        fail_start(o, ERROR_START_FAILED, strempty(text));
}

static void on_start_job(Operation *o, const char *result)
{
        const StartData *d = o->data;
        Container *c = o->container;

        if (!container_read_records(c))
                return;
        if (!streq(result, "done") || c->start.error_name)
                explain_failed_start(o, result);
        else if (container_is_running(c) || !streq_ptr(d->run_before, c->start.invocation_id))
                finish_start(o, 0, NULL);
        else
                look_at_old_run(o);
}

static void on_leftover_timer(Operation *o)
{
        if (now_monotonic() < o->deadline)
                start_now(o);
        else
                fail_start(o, ERROR_START_FAILED, "A unit of the same name is still there");
}

static void wait_for_leftover(Operation *o)
{
        int r = operation_set_timer(o, LEFTOVER_POLL, on_leftover_timer);

        if (r < 0)
                fail_start_errno(o, r, NULL);
}

static void on_start_unit_removed(Operation *o)
{
        if (o->timer)
                start_now(o);
}

static void on_start_reply(int r, const char *job, const Error *error, void *userdata);

static void on_reset(int r, const char *job, const Error *error, void *userdata)
{
        wait_for_leftover(userdata);
}

/* What occupies our unit's name, in the order of ListUnits: the unit itself, then the end of the list. */
static void on_leftover(int r, const char *unit, UnitState state, void *userdata)
{
        Operation *o = userdata;
        Container *c = o->container;
        Systemd *s = c->manager->systemd;

        if (unit) {
                c->unit_state = state;
                return;
        }
        if (r == -ECONNRESET)
                return;
        if (container_is_leaving(c)) {
                fail_start(o, ERROR_NO_SUCH_CONTAINER, "The container is being removed");
                return;
        }
        if (c->unit_state == UNIT_FAILED)
                r = systemd_reset_failed(s, c->file.unit, &o->call, on_reset, o);
        else if (c->unit_state == UNIT_ACTIVE || c->unit_state == UNIT_ACTIVATING ||
                 c->unit_state == UNIT_WAITING)
                r = systemd_job(s, SYSTEMD_START, c->file.unit, &o->call, on_start_reply, o);
        else {
                wait_for_leftover(o);
                return;
        }
        if (r < 0 && r != -ECONNRESET)
                fail_start_errno(o, r, NULL);
}

static void look_at_leftover(Operation *o)
{
        Container *c = o->container;
        char *units[] = {c->file.unit, NULL};
        int r;

        c->unit_state = UNIT_ABSENT;
        r = systemd_list_units(c->manager->systemd, units, &o->call, on_leftover, o);
        if (r < 0 && r != -ECONNRESET)
                fail_start_errno(o, r, NULL);
}

static void on_start_reply(int r, const char *job, const Error *error, void *userdata)
{
        Operation *o = userdata;

        if (r == -EEXIST) {
                look_at_leftover(o);
                return;
        }
        if (r == -ECONNRESET)
                return; /* the class resumes it */
        if (r >= 0)
                r = operation_await_job(o, job);
        if (r < 0)
                fail_start_errno(o, r, error);
}

static void start_now(Operation *o)
{
        Container *c = o->container;
        Systemd *s = c->manager->systemd;
        StartData *d = o->data;
        int r;

        o->timer = sd_event_source_disable_unref(o->timer);
        if (container_is_leaving(c)) {
                fail_start(o, ERROR_NO_SUCH_CONTAINER, "The container is being removed");
                return;
        }
        container_unlink_unit(c);
        r = systemd_start_transient(s, c->file.unit, d->unit, &d->streams, &o->call, on_start_reply, o);
        if (r < 0 && r != -ECONNRESET)
                fail_start_errno(o, r, NULL);
}

/* Whatever became of what we asked for: if a new run has been seen it is done, else ask again. A unit that is
 * loaded meanwhile answers with "exists". */
static void resume_start(Operation *o)
{
        StartData *d = o->data;

        if (o->phase || o->call)
                return;
        (void) operation_await_job(o, NULL);
        if (streq_ptr(d->run_before, o->container->start.invocation_id))
                start_now(o);
        else
                on_start_job(o, "done");
}

static const OperationClass start_class = {
        .job = on_start_job,
        .unit_removed = on_start_unit_removed,
        .resume = resume_start,
        .free = operation_free_start,
};

static bool has_start(const Container *c)
{
        for (Operation *o = c->operations; o; o = o->container_next)
                if (o->type == OPERATION_START && !o->phase)
                        return true;
        return false;
}

int container_start(Container *c, const UnitStreams *streams, const Promise *p, Error *error)
{
        bool attach = unit_streams_given(streams);
        _cleanup_(start_data_freep) StartData *d = NULL;
        Operation *o;
        Verdict v;
        int r;

        r = container_ask(c, attach ? REQUEST_ATTACH : REQUEST_START, &v, error);
        if (r < 0)
                return r;
        if (v == VERDICT_DONE)
                return promise_complete(p, NULL);
        if (attach && !c->own_unit)
                return error_set(error, ERROR_NOT_SUPPORTED,
                                 "Unit %s has its own standard streams: start it without", c->file.unit);
        if (!c->own_unit)
                return container_start_unit(c, SYSTEMD_START, p, error);
        if (v == VERDICT_JOIN && !has_start(c))
                v = VERDICT_GO;
        if (v == VERDICT_GO) {
                r = start_data_new(c, streams, &d, error);
                if (r < 0)
                        return r;
        }
        r = operation_new(c->manager, OPERATION_START, &start_class, c, p, &o, error);
        if (r < 0)
                return r;
        o->deadline = now_monotonic() + LEFTOVER_WAIT_MAX + c->file.spec->stop_timeout;
        o->phase = v == VERDICT_JOIN;
        if (o->phase)
                return 0;
        o->data = TAKE_PTR(d);
        if (c->state != CONTAINER_STOPPING)
                container_set_state(c, CONTAINER_STARTING);
        start_now(o);
        return 0;
}

/* Stop */

typedef enum StopPhase {
        STOP_SIGNALLED, /* the stop signal is sent; systemd's own time-out would be too short */
        STOP_JOB,
} StopPhase;

/* How long until SIGKILL, and the job that follows. */
typedef struct StopData {
        uint64_t timeout;
        SystemdVerb verb;
        SystemdCall *kill;
} StopData;

static void operation_free_stop(Operation *o)
{
        StopData *d = o->data;

        if (d)
                systemd_call_cancel(&d->kill);
        free(d);
        o->data = NULL;
}

static void mark_stopped(Container *c, bool stopped)
{
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_json_ json_t *v = NULL;

        if (c->file.stopped_by_user == stopped)
                return;
        c->file.stopped_by_user = stopped;
        /* Only this policy asks for it, at the next boot. */
        if (c->file.spec->restart_policy != RESTART_UNLESS_STOPPED)
                return;
        v = container_file_to_json(&c->file);
        if (!v || state_replace(c->manager->state, STATE_CONTAINERS, container_id(c), CONTAINER_FILE, v,
                                FS_SYNC, &error) < 0)
                log_warning("Container %s: %s", container_name(c), strempty(error.message));
}

static void finish_stop(Operation *o)
{
        StopData *d = o->data;
        Container *c = o->container;

        if (d->verb == SYSTEMD_STOP) {
                mark_stopped(c, true);
                container_event(c, EVENT_CONTAINER_STOP, NULL, NULL);
        } else
                container_event(c, EVENT_CONTAINER_RESTART, NULL, NULL);
        operation_complete(o, 0, NULL, NULL);
}

static void on_stop_start_done(int r, const Error *error, const OperationResult *result, void *userdata)
{
        Operation *o = userdata;

        if (r < 0)
                operation_fail_errno(o, r, error, "Cannot start it again");
        else
                finish_stop(o);
}

/* A unit that is gone cannot be restarted: it is started anew. */
static void start_again(Operation *o)
{
        _cleanup_error_ Error error = ERROR_INIT;
        Promise p = {NULL, on_stop_start_done, o};
        int r;

        r = container_start(o->container, &UNIT_STREAMS_NONE, &p, &error);
        if (r < 0)
                operation_fail_errno(o, r, &error, "Cannot start it again");
}

static void on_stop_job(Operation *o, const char *result)
{
        Container *c = o->container;
        StopData *d = o->data;

        if (!container_read_records(c))
                return;
        if (streq(result, "done") || (d->verb == SYSTEMD_STOP && !container_is_running(c)))
                finish_stop(o);
        else if (d->verb == SYSTEMD_RESTART && c->start.error_name)
                operation_fail(o, error_from_bus_name(c->start.error_name), "%s", strempty(c->start.error));
        else
                operation_fail(o, ERROR_FAILED, "Unit %s: %s", c->file.unit, result);
}

static void on_stop_timeout(Operation *o)
{
        StopData *d = o->data;

        if (!d->kill)
                (void) systemd_kill(o->manager->systemd, o->container->file.unit, SIGKILL, &d->kill,
                                    on_ignored, o);
}

static void on_stop_reply(int r, const char *job, const Error *error, void *userdata)
{
        Operation *o = userdata;
        StopData *d = o->data;

        if (r == -ECONNRESET)
                return; /* the class resumes it */
        if (r == -ENOENT && d->verb == SYSTEMD_STOP) {
                if (container_settle(o->container, UNIT_ABSENT))
                        finish_stop(o);
                return;
        }
        if (r == -ENOENT) {
                if (container_settle(o->container, UNIT_ABSENT))
                        start_again(o);
                return;
        }
        if (r >= 0)
                r = operation_await_job(o, job);
        if (r < 0)
                operation_fail_errno(o, r, error, "Cannot stop it");
}

/* systemd's own time-out was set when the unit was made and cannot be changed; a shorter one is kept by us.
 */
static void queue_stop(Operation *o)
{
        Container *c = o->container;
        StopData *d = o->data;
        int r;

        o->phase = STOP_JOB;
        r = systemd_job(c->manager->systemd, d->verb, c->file.unit, &o->call, on_stop_reply, o);
        if (r >= 0 && d->timeout == 0)
                on_stop_timeout(o);
        else if (r >= 0 && d->timeout < c->file.spec->stop_timeout)
                r = operation_set_timer(o, d->timeout, on_stop_timeout);
        if (r < 0 && r != -ECONNRESET)
                operation_fail_errno(o, r, NULL, "Cannot stop it");
}

/* A longer time-out: the stop signal is ours too, and systemd stops what is left, at the latest when its own
 * time-out fits into the rest. */
static void signal_stop(Operation *o)
{
        Container *c = o->container;
        StopData *d = o->data;
        uint64_t rest = d->timeout == USEC_INFINITY ? USEC_INFINITY : d->timeout - c->file.spec->stop_timeout;
        int r;

        o->phase = STOP_SIGNALLED;
        r = systemd_kill(c->manager->systemd, c->file.unit, c->file.spec->stop_signal, &d->kill, on_ignored,
                         o);
        if (r >= 0)
                r = operation_set_timer(o, rest, queue_stop);
        if (r < 0)
                queue_stop(o);
}

static void resume_stop(Operation *o)
{
        if (!o->call && o->phase == STOP_JOB) {
                (void) operation_await_job(o, NULL);
                queue_stop(o);
        }
}

static const OperationClass stop_class = {
        .job = on_stop_job,
        .resume = resume_stop,
        .free = operation_free_stop,
};

static int stop_with(Container *c, OperationType type, SystemdVerb verb, uint64_t timeout, const Promise *p,
                     Error *error)
{
        StopData *d = calloc(1, sizeof(*d));
        Operation *o;
        int r;

        if (!d)
                return -ENOMEM;
        r = operation_new(c->manager, type, &stop_class, c, p, &o, error);
        if (r < 0) {
                free(d);
                return r;
        }
        d->verb = verb;
        d->timeout = timeout == TIMEOUT_CONFIGURED ? c->file.spec->stop_timeout : timeout;
        o->data = d;
        if (d->timeout > c->file.spec->stop_timeout && container_is_running(c))
                signal_stop(o);
        else
                queue_stop(o);
        return 0;
}

int container_stop(Container *c, uint64_t timeout, const Promise *p, Error *error)
{
        Verdict v;
        int r;

        r = container_ask(c, REQUEST_STOP, &v, error);
        if (r < 0)
                return r;
        if (v == VERDICT_DONE)
                return promise_complete(p, NULL);
        return stop_with(c, OPERATION_STOP, SYSTEMD_STOP, timeout, p, error);
}

int container_restart(Container *c, uint64_t timeout, const Promise *p, Error *error)
{
        Verdict v;
        int r;

        r = container_ask(c, REQUEST_RESTART, &v, error);
        if (r < 0)
                return r;
        if (v == VERDICT_START_INSTEAD)
                return container_start(c, &UNIT_STREAMS_NONE, p, error);
        if (!c->own_unit && timeout != TIMEOUT_CONFIGURED)
                return error_set(error, ERROR_NOT_SUPPORTED,
                                 "Unit %s has its own time-out to stop: restart it without", c->file.unit);
        if (!c->own_unit)
                return container_start_unit(c, SYSTEMD_RESTART, p, error);
        return stop_with(c, OPERATION_RESTART, SYSTEMD_RESTART, timeout, p, error);
}

/* Kill */

static void on_kill_reply(int r, const char *job, const Error *error, void *userdata)
{
        Operation *o = userdata;
        char name[FORMAT_SIGNAL_MAX];

        if (r == -ENOENT || r == -ESRCH) {
                operation_fail(o, ERROR_NOT_RUNNING, "Container %s is not running any more",
                               container_name(o->container));
                return;
        }
        if (r < 0) {
                operation_fail_errno(o, r, error, "Cannot send the signal");
                return;
        }
        container_event(o->container, EVENT_CONTAINER_KILL, "signal",
                        strempty(format_signal((int) o->phase, name)));
        operation_complete(o, 0, NULL, NULL);
}

static void kill_now(Operation *o)
{
        int r;

        r = systemd_kill(o->manager->systemd, o->container->file.unit, (int) o->phase, &o->call,
                         on_kill_reply, o);
        if (r < 0 && r != -ECONNRESET)
                operation_fail_errno(o, r, NULL, "Cannot send the signal");
}

/* Only a signal that was not sent: a second one is not the same as one. */
static void resume_kill(Operation *o)
{
        if (!o->call)
                kill_now(o);
}

static const OperationClass kill_class = {.resume = resume_kill};

int container_kill(Container *c, int signal, const Promise *p, Error *error)
{
        Operation *o;
        Verdict v;
        int r;

        r = container_ask(c, REQUEST_KILL, &v, error);
        if (r >= 0)
                r = operation_new(c->manager, OPERATION_KILL, &kill_class, c, p, &o, error);
        if (r < 0)
                return r;
        o->phase = (unsigned) signal;
        kill_now(o);
        return 0;
}

/* Wait */

int container_wait(Container *c, const Promise *p, Error *error)
{
        OperationResult result = {.exit_code = container_exit_code(c)};
        size_t waiters = 0;
        Operation *o;
        Verdict v;
        int r;

        r = container_ask(c, REQUEST_WAIT, &v, error);
        if (r < 0)
                return r;
        if (v == VERDICT_DONE)
                return promise_complete(p, &result);
        for (o = c->operations; o; o = o->container_next)
                waiters += o->type == OPERATION_WAIT;
        if (waiters >= WAITERS_MAX)
                return error_set(error, ERROR_LIMIT, "%zu callers wait for container %s already", waiters,
                                 container_name(c));
        return operation_new(c->manager, OPERATION_WAIT, NULL, c, p, &o, error);
}

/* Sync */

static void on_synced(int r, const char *unit, UnitState state, void *userdata)
{
        Operation *o = userdata;
        Container *c = o->container;

        if (unit) {
                o->phase = state;
                return;
        }
        if (r < 0)
                operation_fail_errno(o, r, NULL, "Cannot ask systemd");
        /* When it is gone, so is the operation. */
        else if (container_settle(c, (UnitState) o->phase))
                operation_complete(o, 0, NULL, NULL);
}

int container_sync(Container *c, const Promise *p, Error *error)
{
        char *units[] = {c->file.unit, NULL};
        Operation *o;
        int r;

        r = operation_new(c->manager, OPERATION_UPDATE, NULL, c, p, &o, error);
        if (r < 0)
                return r;
        o->phase = UNIT_ABSENT;
        r = systemd_list_units(c->manager->systemd, units, &o->call, on_synced, o);
        if (r < 0)
                operation_fail_errno(o, r, NULL, "Cannot ask systemd");
        return 0;
}

static Operation *find_operation(Container *c, OperationType type)
{
        Operation *o = c->operations;

        while (o && o->type != type)
                o = o->container_next;
        return o;
}

void container_operations_started(Container *c)
{
        mark_stopped(c, false);
}

void container_operations_ended(Container *c)
{
        OperationResult result = {.exit_code = container_exit_code(c)};
        Operation *o;

        while ((o = find_operation(c, OPERATION_WAIT)))
                operation_complete(o, 0, NULL, &result);
        for (o = c->operations; o; o = o->container_next)
                if ((o->type == OPERATION_STOP || o->type == OPERATION_RESTART) &&
                    o->phase == STOP_SIGNALLED) {
                        queue_stop(o);
                        break;
                }
}

/* It ended and is removed: who wanted it stopped or removed has it so, and a start that ran was one. */
void container_operations_dropped(Container *c)
{
        while (c->operations) {
                Operation *o = c->operations;

                if (o->type == OPERATION_START && !c->start.error_name)
                        operation_complete(o, 0, NULL, NULL);
                else if (o->type == OPERATION_START)
                        operation_fail(o, error_from_bus_name(c->start.error_name), "%s",
                                       strempty(c->start.error));
                else if (o->type == OPERATION_STOP)
                        finish_stop(o);
                else if (o->type == OPERATION_KILL)
                        operation_complete(o, 0, NULL, NULL);
                else if (o->type == OPERATION_EXEC)
                        operation_detach_container(o); /* its own record answers */
                else if (o->type == OPERATION_REMOVE)
                        operation_complete(o, 0, NULL, &(OperationResult){.id = container_id(c)});
                else
                        operation_fail(o, ERROR_NO_SUCH_CONTAINER, "Container %s is gone", container_name(c));
        }
}
