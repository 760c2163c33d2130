/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Pending operations: counted per client, found by their job, completed once. */

#include <stdarg.h>

#include "base/parse.h"
#include "base/str.h"
#include "object/container.h"

typedef struct Counter {
        size_t n;
} Counter;

static int count_owner(Manager *m, const char *owner, Error *error)
{
        Counter *counter = owner ? map_get(m->owners, owner) : NULL;
        int r;

        if (m->n_operations >= OPERATIONS_MAX)
                return error_set(error, ERROR_LIMIT, "%u operations are pending already", OPERATIONS_MAX);
        if (!owner)
                return 0;
        if (counter && counter->n >= OPERATIONS_PER_OWNER_MAX)
                return error_set(error, ERROR_LIMIT, "%u operations of yours are pending already",
                                 OPERATIONS_PER_OWNER_MAX);
        if (!counter) {
                counter = calloc(1, sizeof(*counter));
                if (!counter)
                        return -ENOMEM;
                r = map_put(m->owners, owner, counter);
                if (r < 0) {
                        free(counter);
                        return r;
                }
        }
        counter->n++;
        return 0;
}

static void uncount_owner(Manager *m, const char *owner)
{
        Counter *counter = owner ? map_get(m->owners, owner) : NULL;

        if (counter && --counter->n == 0)
                (void) map_remove(m->owners, owner);
}

int operation_new(Manager *m, OperationType type, const OperationClass *class, Container *c, const Promise *p,
                  Operation **ret, Error *error)
{
        _cleanup_free_ Operation *o = calloc(1, sizeof(*o));
        _cleanup_free_ char *owner = NULL;
        int r;

        if (!o || str_replace(&owner, p->owner) < 0)
                return -ENOMEM;
        r = count_owner(m, p->owner, error);
        if (r < 0)
                return r;
        *o = (Operation){
                .manager = m,
                .type = type,
                .class = class,
                .owner = TAKE_PTR(owner),
                .done = p->done,
                .userdata = p->userdata,
                .container = c,
                .next = m->operations,
        };
        if (m->operations)
                m->operations->previous = o;
        m->operations = o;
        m->n_operations++;
        if (c) {
                o->container_next = c->operations;
                c->operations = o;
        }
        *ret = TAKE_PTR(o);
        return 0;
}

void operation_detach_container(Operation *o)
{
        Operation **p = o->container ? &o->container->operations : NULL;

        while (p && *p && *p != o)
                p = &(*p)->container_next;
        if (p && *p)
                *p = o->container_next;
        o->container = NULL;
        o->container_next = NULL;
}

static void unlink_operation(Operation *o)
{
        Manager *m = o->manager;

        operation_detach_container(o);
        if (o->previous)
                o->previous->next = o->next;
        else
                m->operations = o->next;
        if (o->next)
                o->next->previous = o->previous;
        m->n_operations--;
        uncount_owner(m, o->owner);
}

int promise_complete(const Promise *p, const OperationResult *result)
{
        static const OperationResult nothing = {};
        static const Error no_error = {};

        p->done(0, &no_error, result ?: &nothing, p->userdata);
        return 0;
}

/* Requests that systemd has merged wait for the same job. */
static void leave_job(Operation *o)
{
        Map *jobs = o->manager->jobs;
        Operation *first = map_get(jobs, o->job), **p = &first;

        while (*p && *p != o)
                p = &(*p)->job_next;
        if (*p)
                *p = o->job_next;
        o->job_next = NULL;
        /* It has a place in the map already: this takes no memory. */
        if (first)
                (void) map_put(jobs, o->job, first);
        else
                (void) map_remove(jobs, o->job);
}

void operation_complete(Operation *o, int r, const Error *error, const OperationResult *result)
{
        static const OperationResult nothing = {};
        static const Error no_error = {};
        Manager *m = o->manager;

        /* Whatever done does, this operation cannot be found any more. */
        unlink_operation(o);
        if (o->job)
                leave_job(o);
        systemd_call_cancel(&o->call);
        task_forget(&o->task);
        sd_event_source_disable_unref(o->timer);
        if (o->done)
                o->done(r, error ?: &no_error, result ?: &nothing, o->userdata);
        if (o->class && o->class->free)
                o->class->free(o);
        free(o->job);
        free(o->owner);
        free(o);
        if (m->n_operations == 0 && m->observer && m->observer->idle)
                m->observer->idle(m->observer_data);
}

void operation_fail(Operation *o, ErrorKind kind, const char *format, ...)
{
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_free_ char *text = NULL;
        va_list ap;
        int r;

        va_start(ap, format);
        r = vasprintf(&text, format, ap);
        va_end(ap);
        if (r < 0)
                text = NULL;
        r = error_set(&error, kind, "%s", strempty(text));
        operation_complete(o, r, &error, NULL);
}

void operation_fail_errno(Operation *o, int r, const Error *error, const char *what)
{
        _cleanup_error_ Error own = ERROR_INIT;

        if (error && error->kind != ERROR_NONE) {
                operation_complete(o, r, error, NULL);
                return;
        }
        (void) error_set_errno(&own, r, "%s", what);
        operation_complete(o, r, &own, NULL);
}

int operation_await_job(Operation *o, const char *job)
{
        int r;

        if (o->job)
                leave_job(o);
        r = str_replace(&o->job, job);
        if (r < 0 || !job)
                return r;
        o->job_next = map_get(o->manager->jobs, job);
        r = map_put(o->manager->jobs, job, o);
        if (r < 0)
                (void) str_replace(&o->job, NULL);
        return r;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        Operation *o = userdata;

        o->on_timer(o);
        return 0;
}

int operation_set_timer(Operation *o, uint64_t usec, void (*handler)(Operation *o))
{
        o->timer = sd_event_source_disable_unref(o->timer);
        o->on_timer = handler;
        if (usec == USEC_INFINITY)
                return 0;
        return sd_event_add_time_relative(o->manager->event, &o->timer, CLOCK_MONOTONIC, usec, 1, on_timer,
                                          o);
}

/* The end of one may be that of others: so not by following the list. */
void operations_forget_owner(Manager *m, const char *owner)
{
        Operation *o = m->operations;

        while (o && map_has(m->owners, owner)) {
                bool waits = o->type == OPERATION_WAIT || o->type == OPERATION_WORK;

                if (waits && streq_ptr(o->owner, owner)) {
                        operation_complete(o, OPERATION_ABANDONED, NULL, NULL);
                        o = m->operations;
                } else
                        o = o->next;
        }
}

void operations_abandon(Manager *m)
{
        m->leaving = true;
        while (m->operations)
                operation_complete(m->operations, OPERATION_ABANDONED, NULL, NULL);
}
