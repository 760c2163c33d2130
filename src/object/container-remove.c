/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Removing: stop it if that is asked for, take it out of sight by one rename, let a child remove its files. A
 * start that was on its way when the rename came has read its order before it, or finds none: so our own unit
 * is stopped once more, which reaches systemd after every start of ours and before that of the next container
 * of the name. */

#include <signal.h>

#include "base/log.h"
#include "base/parse.h"
#include "base/str.h"
#include "object/filter.h"
#include "spec/name.h"

typedef struct Removal {
        Manager *manager;
        char *id;
        char *unit; /* NULL: not ours */
        uint64_t timeout;
        bool force;
        bool retired;   /* out of sight */
        bool discarded; /* its files are gone */
        bool stopped;   /* its unit is */
} Removal;

static void operation_free_removal(Operation *o)
{
        Removal *d = o->data;

        if (!d)
                return;
        free(d->id);
        free(d->unit);
        free(d);
        o->data = NULL;
}

static int discard(void *userdata, Error *error)
{
        const Operation *o = userdata;
        const Removal *d = o->data;

        return state_discard(d->manager->state, STATE_CONTAINERS, d->id, error);
}

static void complete_removal(Operation *o)
{
        Removal *d = o->data;

        if (!d->discarded || !d->stopped)
                return;
        /* A start that found no order has said so. */
        manager_forget_records(d->manager, d->id);
        operation_complete(o, 0, NULL, &(OperationResult){.id = d->id});
}

static void on_discarded(int r, const Error *error, void *userdata)
{
        Operation *o = userdata;
        Removal *d = o->data;

        d->discarded = true;
        if (r < 0) {
                manager_sweep_later(d->manager, d->id);
                operation_complete(o, r, error, NULL);
        } else
                complete_removal(o);
}

static void on_removal_job(Operation *o, const char *result)
{
        Removal *d = o->data;

        d->stopped = true;
        complete_removal(o);
}

static void on_stop_sent(int r, const char *job, const Error *error, void *userdata)
{
        Operation *o = userdata;
        Removal *d = o->data;

        if (r == -ECONNRESET)
                return; /* the class resumes it */
        if (r >= 0)
                r = operation_await_job(o, job);
        if (r >= 0)
                return;
        if (r != -ENOENT)
                log_warning_errno(r, "Cannot stop %s, whose container is removed: %s", d->unit,
                                  error && error->message ? error->message : strerror(-r));
        on_removal_job(o, NULL);
}

static void stop_unit(Operation *o)
{
        Removal *d = o->data;
        int r = d->unit ? systemd_job(d->manager->systemd, SYSTEMD_STOP, d->unit, &o->call, on_stop_sent, o)
                        : -ENOENT;

        if (r < 0 && r != -ECONNRESET)
                on_stop_sent(r, NULL, NULL, o);
}

static void remove_unit_link(const Container *c)
{
        _cleanup_free_ char *path =
                c->own_unit ? NULL : str_printf(BERTH_RUNTIME_DIR "/unit/%s", c->file.unit);

        if (path)
                (void) unlink(path);
}

static void delete_now(Operation *o)
{
        _cleanup_error_ Error error = ERROR_INIT;
        Container *c = o->container;
        Manager *m = o->manager;
        Removal *d = o->data;
        int r;

        o->timer = sd_event_source_disable_unref(o->timer);
        systemd_call_cancel(&o->call);
        r = state_retire(m->state, STATE_CONTAINERS, container_id(c), &error);
        if (r < 0) {
                operation_fail_errno(o, r, &error, "Cannot remove the container");
                return;
        }
        container_event(c, EVENT_CONTAINER_REMOVE, NULL, NULL);
        remove_unit_link(c);
        container_unlink_unit(c);
        operation_detach_container(o);
        d->retired = true;
        container_drop(c);
        r = task_start(m->event, &o->task, discard, on_discarded, o);
        d->discarded = r < 0;
        if (r < 0 && discard(o, &error) < 0)
                manager_sweep_later(m, d->id);
        stop_unit(o);
}

static void on_removal_stopped(int r, const Error *error, const OperationResult *result, void *userdata)
{
        Operation *o = userdata;

        /* It removes itself when it ends, which is the end of this operation too. */
        if (o->container->dropping)
                return;
        if (r < 0 && container_is_running(o->container))
                operation_complete(o, r, error, NULL);
        else
                delete_now(o);
}

static void stop_first(Operation *o)
{
        _cleanup_error_ Error error = ERROR_INIT;
        Promise p = {NULL, on_removal_stopped, o};
        Removal *d = o->data;
        int r;

        r = container_stop(o->container, d->timeout, &p, &error);
        if (r < 0)
                operation_complete(o, r, &error, NULL);
}

/* The executor's clean-up may still be at work in the container's directory. */
static void settle_unit(Operation *o);

/* A reload of systemd says so of all units: look again. */
static void on_unit_removed(Operation *o)
{
        if (o->timer)
                settle_unit(o);
}

static void on_settle_timer(Operation *o)
{
        if (now_monotonic() >= o->deadline)
                delete_now(o);
        else
                settle_unit(o);
}

/* One that came before us. */
static void yield_to_start(Operation *o)
{
        Container *c = o->container;
        const Removal *d = o->data;

        container_set_state(c, c->exit.invocation_id ? CONTAINER_EXITED : CONTAINER_CREATED);
        if (!container_settle(c, c->unit_state))
                return;
        if (d->force)
                stop_first(o);
        else
                operation_fail(o, ERROR_RUNNING,
                               "Container %s was started: stop it first, or remove it with force",
                               container_name(c));
}

static void on_unit_listed(int r, const char *unit, UnitState state, void *userdata)
{
        Operation *o = userdata;

        if (unit) {
                o->container->unit_state = state;
                return;
        }
        if (r == -ECONNRESET)
                return; /* the class resumes it */
        if (o->container->unit_state == UNIT_ACTIVATING || o->container->unit_state == UNIT_ACTIVE)
                yield_to_start(o);
        else if (o->container->unit_state == UNIT_ABSENT || o->container->unit_state == UNIT_FAILED ||
                 operation_set_timer(o, 20 * USEC_PER_MSEC, on_settle_timer) < 0)
                delete_now(o);
}

static void settle_unit(Operation *o)
{
        Container *c = o->container;
        char *units[] = {c->file.unit, NULL};
        int r;

        o->timer = sd_event_source_disable_unref(o->timer);
        c->unit_state = UNIT_ABSENT;
        r = systemd_list_units(o->manager->systemd, units, &o->call, on_unit_listed, o);
        if (r < 0 && r != -ECONNRESET)
                delete_now(o);
}

static void resume_removal(Operation *o)
{
        const Removal *d = o->data;

        if (o->call)
                return;
        if (d->retired && !d->stopped) {
                (void) operation_await_job(o, NULL);
                stop_unit(o);
        } else if (o->container && o->container->state == CONTAINER_REMOVING)
                settle_unit(o);
}

static const OperationClass remove_class = {
        .job = on_removal_job,
        .unit_removed = on_unit_removed,
        .resume = resume_removal,
        .free = operation_free_removal,
};

#define SETTLE_MAX (10 * USEC_PER_SEC)

static int removal_new(Container *c, bool force, uint64_t timeout, const Promise *p, Operation **ret,
                       Error *error)
{
        Removal *d = calloc(1, sizeof(*d));
        int r;

        if (!d || str_replace(&d->id, container_id(c)) < 0 ||
            (c->own_unit && str_replace(&d->unit, c->file.unit) < 0)) {
                free(d ? d->id : NULL);
                free(d);
                return error_set_errno(error, ENOMEM, "Cannot remove container %s", container_name(c));
        }
        d->manager = c->manager;
        d->timeout = timeout;
        d->force = force;
        r = operation_new(c->manager, OPERATION_REMOVE, &remove_class, c, p, ret, error);
        if (r < 0) {
                free(d->id);
                free(d->unit);
                free(d);
                return r;
        }
        (*ret)->data = d;
        (*ret)->deadline = now_monotonic() + SETTLE_MAX;
        return 0;
}

int container_remove(Container *c, bool force, uint64_t timeout, const Promise *p, Error *error)
{
        Operation *o;
        Verdict v;
        int r;

        r = container_ask(c, REQUEST_REMOVE, &v, error);
        if (r < 0)
                return r;
        if (v == VERDICT_NEEDS_FORCE && !force)
                return error_set(error, ERROR_RUNNING,
                                 "Container %s is %s: stop it first, or remove it with force",
                                 container_name(c), container_state_word(c->state));
        r = removal_new(c, force, timeout, p, &o, error);
        if (r < 0)
                return r;
        if (v == VERDICT_NEEDS_FORCE) {
                stop_first(o);
                return 0;
        }
        container_set_state(c, CONTAINER_REMOVING);
        /* A unit that is not ours may be on its way to another container. */
        if (c->own_unit && (c->unit_state != UNIT_ABSENT || c->operations != o || o->container_next))
                settle_unit(o);
        else
                delete_now(o);
        return 0;
}

/* Stopping the unit would end the very start that asks. If its payload runs, it is not the unit that asks. */
int container_give_way(Container *c, const Promise *p, Error *error)
{
        Operation *o;
        int r;

        if (c->state != CONTAINER_REMOVING && !container_read_records(c))
                return promise_complete(p, NULL);
        if (c->state == CONTAINER_REMOVING ||
            (c->start.invocation_id && !c->never_ended && !container_run_has_ended(c)))
                return container_remove(c, true, 0, p, error);
        r = removal_new(c, true, 0, p, &o, error);
        if (r < 0)
                return r;
        container_set_state(c, CONTAINER_REMOVING);
        delete_now(o);
        return 0;
}

static void on_ended_removed(int r, const Error *error, const OperationResult *result, void *userdata)
{
        if (r < 0)
                log_warning("Cannot remove a container that has ended: %s", strempty(error->message));
}

void container_remove_ended(Container *c)
{
        Promise p = {NULL, on_ended_removed, NULL};

        (void) container_remove(c, false, 0, &p, NULL);
}

/* Prune */

typedef struct Prune {
        Operation *operation;
        size_t pending;
        char **ids;
} Prune;

static void operation_free_prune(Operation *o)
{
        Prune *d = o->data;

        if (!d)
                return;
        d->operation = NULL;
        strv_free(d->ids);
        d->ids = NULL;
        /* Removals that are still under way hold it. */
        if (d->pending == 0)
                free(d);
        o->data = NULL;
}

static const OperationClass prune_class = {.free = operation_free_prune};

static void prune_step(Prune *d)
{
        if (--d->pending > 0)
                return;
        if (!d->operation)
                free(d);
        else
                operation_complete(d->operation, 0, NULL, &(OperationResult){.ids = d->ids});
}

static void on_pruned(int r, const Error *error, const OperationResult *result, void *userdata)
{
        Prune *d = userdata;

        if (r < 0)
                log_warning("Cannot prune a container: %s", strempty(error->message));
        else if (d->operation)
                (void) strv_append(&d->ids, result->id);
        prune_step(d);
}

int containers_prune(Manager *m, const json_t *filters, const Promise *p, Error *error)
{
        _cleanup_strv_ char **ids = NULL;
        Operation *o;
        Prune *d;
        int r;

        r = container_filters_check(m, filters, error);
        if (r >= 0)
                r = operation_new(m, OPERATION_PRUNE, &prune_class, NULL, p, &o, error);
        if (r < 0)
                return r;
        d = calloc(1, sizeof(*d));
        if (!d) {
                operation_fail_errno(o, -ENOMEM, NULL, "Cannot prune");
                return 0;
        }
        o->data = d;
        d->operation = o;
        d->pending = 1;
        MAP_FOREACH(e, m->containers) {
                const Container *c = map_value(e);

                if ((c->state == CONTAINER_EXITED || c->state == CONTAINER_CREATED) &&
                    container_fits(c, filters))
                        (void) strv_append(&ids, map_key(e));
        }
        STRV_FOREACH(id, ids) {
                Promise removed = {NULL, on_pruned, d};
                Container *c = map_get(m->containers, *id);

                d->pending++;
                if (!c || container_remove(c, false, 0, &removed, NULL) < 0)
                        d->pending--;
        }
        prune_step(d);
        return 0;
}
