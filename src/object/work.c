/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One operation of our own carries the work from worker to worker; it is what keeps the daemon here. The
 * clients' operations only wait. */

#include <stdarg.h>

#include "base/log.h"
#include "base/parse.h"
#include "base/str.h"
#include "object/container.h"
#include "object/work.h"
#include "spec/name.h"

#define ANNOUNCE_INTERVAL (200 * USEC_PER_MSEC)
#define CLEARING_DELAY (50 * USEC_PER_MSEC)
#define CLEARINGS_MAX 40U
#define ITEMS_MAX 512U

static const char *const type_names[_WORK_TYPE_MAX] = {
        [WORK_PULL] = "pull",     [WORK_PUSH] = "push",   [WORK_LOAD] = "load",
        [WORK_IMPORT] = "import", [WORK_SAVE] = "save",   [WORK_DIFF] = "diff",
        [WORK_SEARCH] = "search", [WORK_TAGS] = "tags",   [WORK_CHECK] = "check",
        [WORK_REMOVE] = "remove", [WORK_SWEEP] = "sweep", [WORK_CHECK_REGISTRY] = "login",
};

const char *work_type_to_string(WorkType t)
{
        assert(t >= 0 && t < _WORK_TYPE_MAX);
        return type_names[t];
}

const char *work_state_word(const Work *w)
{
        if (w->cancelled)
                return w->run ? "stopping" : "cancelled";
        if (!w->ended)
                return "running";
        return w->r >= 0 ? "done" : "failed";
}

/* Announcing, at most five times in a second */

static void announce(Work *w)
{
        static const char *const properties[] = {"State", "Phase", "Done", "Total", "Items", NULL};

        w->changed = false;
        manager_changed(w->manager, OBJECT_OPERATION, w->id, properties);
}

static int on_announcement(sd_event_source *source, uint64_t usec, void *userdata)
{
        Work *w = userdata;

        if (w->changed) {
                announce(w);
                (void) sd_event_source_set_time_relative(w->announcement, ANNOUNCE_INTERVAL);
                (void) sd_event_source_set_enabled(w->announcement, SD_EVENT_ONESHOT);
        } else
                w->announcement = sd_event_source_disable_unref(w->announcement);
        return 0;
}

static void work_changed(Work *w)
{
        if (w->announcement) {
                w->changed = true;
                return;
        }
        announce(w);
        (void) sd_event_add_time_relative(w->manager->event, &w->announcement, CLOCK_MONOTONIC,
                                          ANNOUNCE_INTERVAL, USEC_PER_MSEC, on_announcement, w);
}

/* "waiting", "working", "done", "exists": a word of a worker that strangers may have taken over. */
static bool item_is_valid(const json_t *item)
{
        const char *name = json_get_string(item, "Name"), *state = json_get_string(item, "State");

        return name && state && !str_has_control(name) && !str_has_control(state) &&
               json_get_i64(item, "Done", 0) >= 0 && json_get_i64(item, "Total", 0) >= 0;
}

static void on_progress(const json_t *progress, void *userdata)
{
        const char *phase = json_get_string(progress, "Phase");
        json_t *items = json_get_array(progress, "Items"), *item;
        Work *w = userdata;
        size_t i;

        if (phase && !str_has_control(phase))
                (void) str_replace(&w->phase, phase);
        json_decref(w->items);
        w->items = json_array();
        w->done = w->total = 0;
        json_array_foreach(items, i, item)
        {
                if (i >= ITEMS_MAX || !item_is_valid(item))
                        break;
                (void) json_array_append(w->items, item);
                w->done += (uint64_t) json_get_i64(item, "Done", 0);
                w->total += (uint64_t) json_get_i64(item, "Total", 0);
        }
        work_changed(w);
}

/* A worker that has succeeded need not have told of the last bytes. */
static void complete_items(Work *w)
{
        json_t *item;
        size_t i;

        json_array_foreach(w->items, i, item)
        {
                if (streq(json_get_string(item, "State"), "exists"))
                        continue;
                (void) json_object_set_new(item, "State", json_string("done"));
                (void) json_object_set_new(item, "Done", json_integer(json_get_i64(item, "Total", 0)));
                w->changed = true;
        }
        w->done = w->total;
}

/* Life */

static void drop_worker(Work *w)
{
        w->input = close_fd(w->input);
        w->output = close_fd(w->output);
        w->report = report_free(w->report);
        w->arguments = strv_free(w->arguments);
        (void) str_replace(&w->directory, NULL);
        w->unit_started = false;
        w->tries = 0;
        w->state = WORK_PLANNED;
}

Work *work_free(Work *w)
{
        if (!w)
                return NULL;
        if (w->class->free && w->data)
                w->class->free(w->data);
        drop_worker(w);
        sd_event_source_disable_unref(w->announcement);
        free(w->id);
        free(w->subject);
        free(w->key);
        free(w->unit);
        free(w->description);
        free(w->phase);
        json_decref(w->items);
        json_decref(w->value);
        error_done(&w->error);
        strv_free(w->names);
        strv_free(w->ids);
        strv_free(w->warnings);
        free(w);
        return NULL;
}

static void drop(Work *w)
{
        _cleanup_free_ char *id = strdup(w->id);
        Manager *m = w->manager;

        (void) map_remove(m->works, w->id);
        if (id)
                manager_removed(m, OBJECT_OPERATION, id);
}

/* Those that have ended are kept in the order of their beginnings. */
static void forget_old(Manager *m)
{
        size_t n = 0;

        MAP_FOREACH(e, m->works)
                n += ((const Work *) map_value(e))->run == NULL;
        MAP_FOREACH(e, m->works) {
                Work *w = map_value(e);

                if (n <= WORKS_ENDED_MAX)
                        return;
                if (w->run)
                        continue;
                drop(w);
                n--;
        }
}

static void operation_free_run(Operation *o)
{
        Work *w = o->data;

        w->run = NULL;
        if (!w->ended) /* the daemon ends */
                return;
        if (w->kept) {
                work_changed(w);
                forget_old(w->manager);
        } else
                drop(w);
}

static void on_work_job(Operation *o, const char *result);
static void resume_work(Operation *o);

static const OperationClass run_class = {
        .job = on_work_job,
        .resume = resume_work,
        .free = operation_free_run,
};

static size_t count_running(const Manager *m)
{
        size_t n = 0;

        MAP_FOREACH(e, m->works)
                n += ((const Work *) map_value(e))->run != NULL;
        return n;
}

Work *work_find(const Manager *m, WorkType type, const char *key)
{
        MAP_FOREACH(e, m->works) {
                Work *w = map_value(e);

                if (w->type == type && !w->ended && key && streq_ptr(w->key, key))
                        return w;
        }
        return NULL;
}

/* Waiting */

static void operation_free_wait(Operation *o)
{
        Work *w = o->data;

        w->n_waiting--;
        if (w->n_waiting == 0 && !w->lasting && !w->bound && !w->ended && !w->manager->leaving)
                (void) work_cancel(w, NULL);
}

static const OperationClass wait_class = {.free = operation_free_wait};

static OperationResult result_of(const Work *w)
{
        return (OperationResult){
                .names = w->names, .ids = w->ids, .warnings = w->warnings, .value = w->value};
}

int work_wait(Work *w, const Promise *p, Error *error)
{
        OperationResult result = result_of(w);
        Operation *o;
        int r;

        if (w->ended) {
                if (p->done)
                        p->done(w->r, &w->error, &result, p->userdata);
                if (!w->lasting && !w->run)
                        drop(w);
                return 0;
        }
        r = operation_new(w->manager, OPERATION_WORK, &wait_class, NULL, p, &o, error);
        if (r < 0)
                return r;
        o->data = w;
        w->n_waiting++;
        return 0;
}

int work_join(Work *w, const WorkClient *client, Error *error)
{
        Promise attached = {client->promise.owner, NULL, NULL};
        int r;

        if (!client->background)
                return work_wait(w, &client->promise, error);
        if (client->attached) {
                r = work_wait(w, &attached, error);
                if (r < 0)
                        return r;
        } else
                w->lasting = true;
        w->kept = true;
        return promise_complete(&client->promise, &(OperationResult){.id = w->id});
}

static Operation *next_waiting(const Work *w)
{
        Operation *o = w->manager->operations;

        while (o && (o->class != &wait_class || o->data != w))
                o = o->next;
        return o;
}

/* From now on there are only an ended work and, it may be, a worker that is being stopped. */
static void tell(Work *w, int r, const Error *error)
{
        OperationResult result = result_of(w);
        Operation *o;

        w->ended = true;
        w->r = r;
        if (r < 0)
                (void) error_set(&w->error, error && error->kind != ERROR_NONE ? error->kind : ERROR_FAILED,
                                 "%s", error ? strempty(error->message) : strerror(-r));
        while ((o = next_waiting(w))) {
                /* One that has been told need not be able to ask. */
                if (o->done && !w->lasting)
                        w->kept = false;
                operation_complete(o, r, &w->error, &result);
        }
}

void work_end(Work *w, int r, const Error *error)
{
        if (!w->ended)
                tell(w, r, error);
        drop_worker(w);
        operation_complete(w->run, 0, NULL, NULL);
}

void work_fail(Work *w, int r, const Error *error, const char *what)
{
        _cleanup_error_ Error own = ERROR_INIT;

        if (error && error->kind != ERROR_NONE) {
                work_end(w, r, error);
                return;
        }
        (void) error_set_errno(&own, r, "%s", what);
        work_end(w, r, &own);
}

static void free_data(const WorkOptions *options)
{
        if (options->class->free && options->data)
                options->class->free(options->data);
}

static int work_make(Manager *m, const WorkOptions *options, Work **ret)
{
        _cleanup_(work_freep) Work *w = calloc(1, sizeof(*w));
        char id[ID_LENGTH + 1];
        int r;

        if (!w)
                return free_data(options), -ENOMEM;
        *w = (Work){.manager = m,
                    .type = options->type,
                    .class = options->class,
                    .data = options->data,
                    .input = -EBADF,
                    .output = -EBADF,
                    .started = now_realtime()};
        r = id_new(id);
        if (r >= 0)
                r = str_replace(&w->id, id);
        if (r >= 0)
                r = str_replace(&w->subject, options->subject);
        if (r >= 0)
                r = str_replace(&w->key, options->key);
        if (r >= 0)
                r = map_put(m->works, id, w);
        if (r >= 0)
                *ret = TAKE_PTR(w);
        return r;
}

int work_new(Manager *m, const WorkOptions *options, const WorkClient *client, Work **ret, Error *error)
{
        /* What goes on without its client is still counted for it. */
        Promise nobody = {client && client->background ? client->promise.owner : NULL, NULL, NULL};
        Work *w;
        int r;

        if (count_running(m) >= WORKS_MAX) {
                free_data(options);
                return error_set(error, ERROR_LIMIT, "%u operations on images are under way already",
                                 WORKS_MAX);
        }
        r = work_make(m, options, &w);
        if (r < 0)
                return r;
        r = operation_new(m, OPERATION_IMAGE, &run_class, NULL, &nobody, &w->run, error);
        if (r < 0) {
                (void) map_remove(m->works, w->id);
                return r;
        }
        w->run->data = w;
        manager_added(m, OBJECT_OPERATION, w->id);
        r = client ? work_join(w, client, error) : 0;
        if (r < 0)
                work_fail(w, r, NULL, "Cannot begin");
        else
                *ret = w;
        return r;
}

/* Workers */

static void end_cancelled(Work *w)
{
        if (w->class->cancelled)
                w->class->cancelled(w);
        work_end(w, 0, NULL);
}

static void finish_step(Work *w)
{
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_json_ json_t *result = NULL;
        int r;

        if (w->cancelled) {
                end_cancelled(w);
                return;
        }
        r = report_finish(w->report, &result, &error);
        if (r >= 0)
                complete_items(w);
        if (w->changed)
                announce(w);
        drop_worker(w);
        w->class->stepped(w, r, result, &error);
}

static void on_stopping(int r, const char *job, const Error *error, void *userdata)
{
        Operation *o = userdata;
        Work *w = o->data;

        if (r == -ECONNRESET)
                return;
        if (r >= 0)
                r = operation_await_job(o, job);
        if (r < 0) /* it is gone */
                end_cancelled(w);
}

static void stop_worker(Work *w)
{
        Operation *o = w->run;
        int r;

        w->state = WORK_STOPPING;
        (void) operation_await_job(o, NULL);
        r = systemd_job(w->manager->systemd, SYSTEMD_STOP, w->unit, &o->call, on_stopping, o);
        if (r < 0 && r != -ECONNRESET)
                end_cancelled(w);
}

static void start_worker(Work *w);

static void on_clearing_timer(Operation *o)
{
        start_worker(o->data);
}

static void start_again(Work *w)
{
        Operation *o = w->run;

        (void) operation_await_job(o, NULL);
        if (w->cancelled)
                end_cancelled(w);
        else if (operation_set_timer(o, CLEARING_DELAY, on_clearing_timer) < 0)
                start_worker(w);
}

static void on_clearing(int r, const char *job, const Error *error, void *userdata)
{
        Operation *o = userdata;

        if (r == -ECONNRESET)
                return;
        if (r < 0 || operation_await_job(o, job) < 0)
                start_again(o->data);
}

/* One that a daemon before us has left, or one that is being cancelled. */
static int clear_unit(Work *w)
{
        int r;

        w->state = WORK_CLEARING;
        r = systemd_job(w->manager->systemd, SYSTEMD_STOP, w->unit, &w->run->call, on_clearing, w->run);
        return r == -ECONNRESET ? 0 : r;
}

static void on_started(int r, const char *job, const Error *error, void *userdata)
{
        Operation *o = userdata;
        Work *w = o->data;

        if (r == -ECONNRESET)
                return;
        if (r == -ENOENT && w->unit_started) { /* it was there and is gone: it has done what it could */
                finish_step(w);
                return;
        }
        if (r == -EEXIST && !w->cancelled && w->tries++ < CLEARINGS_MAX)
                r = clear_unit(w);
        else if (r >= 0) {
                w->unit_started = true;
                w->state = WORK_RUNNING;
                w->input = close_fd(w->input);
                w->output = close_fd(w->output);
                r = operation_await_job(o, job);
                if (w->cancelled) {
                        stop_worker(w);
                        return;
                }
        }
        if (r < 0)
                work_fail(w, r, error, w->description);
}

static void start_worker(Work *w)
{
        WorkerOrder order = {w->program,   w->unit,  w->description, w->arguments,
                             w->directory, w->input, w->output};
        int r;

        w->state = WORK_STARTING;
        r = worker_start(w->manager->systemd, &order, &w->run->call, on_started, w->run);
        if (r < 0 && r != -ECONNRESET)
                work_fail(w, r, NULL, w->description);
}

static void on_work_job(Operation *o, const char *result)
{
        Work *w = o->data;

        if (w->state == WORK_CLEARING)
                start_again(w);
        else
                finish_step(w);
}

/* The connection to systemd broke: the job may have ended unseen, or nothing has begun at all. */
static void resume_work(Operation *o)
{
        Work *w = o->data;
        int r = 0;

        if (o->call || o->timer || w->state == WORK_PLANNED)
                return;
        (void) operation_await_job(o, NULL);
        if (w->cancelled)
                stop_worker(w);
        else if (w->unit_started)
                r = systemd_job(w->manager->systemd, SYSTEMD_START, w->unit, &o->call, on_started, o);
        else
                start_worker(w);
        if (r < 0 && r != -ECONNRESET)
                work_fail(w, r, NULL, w->description);
}

static int choose_unit(Work *w, const WorkStep *step)
{
        char id[ID_SHORT_LENGTH + 1];
        int r;

        if (step->unit)
                return str_replace(&w->unit, step->unit);
        free(w->unit);
        w->unit = NULL;
        r = random_hex(ID_SHORT_LENGTH / 2, id);
        if (r < 0)
                return r;
        w->unit = str_printf("berth_pull-%s.service", id);
        return w->unit ? 0 : -ENOMEM;
}

void work_step(Work *w, const WorkStep *step, const char *what)
{
        int r;

        drop_worker(w);
        w->program = step->program;
        w->input = step->input;
        r = choose_unit(w, step);
        if (r >= 0)
                r = str_replace(&w->description, step->description);
        if (r >= 0)
                r = str_replace(&w->directory, step->directory);
        if (r >= 0)
                r = strv_copy(step->arguments, &w->arguments);
        if (r >= 0)
                r = report_new(w->manager->event, on_progress, w, &w->report, &w->output);
        if (r < 0)
                work_fail(w, r, NULL, what);
        else
                start_worker(w);
}

int work_cancel(Work *w, Error *error)
{
        _cleanup_error_ Error cancelled = ERROR_INIT;

        if (w->ended)
                return error_set(error, ERROR_NOT_RUNNING, "The operation has ended already");
        if (w->bound)
                return error_set(error, ERROR_NOT_SUPPORTED, "This cannot be cancelled any more");
        w->cancelled = true;
        tell(w, error_set(&cancelled, ERROR_CANCELLED, "The %s was cancelled", work_type_to_string(w->type)),
             &cancelled);
        if (w->state == WORK_RUNNING)
                stop_worker(w);
        else if (w->state == WORK_PLANNED || w->run->timer)
                end_cancelled(w);
        return 0;
}
