/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The container: its states and what leads from one to the next. systemd's signals are hints, because they
 * may be about a run that has ended meanwhile; the executor's records, each with the invocation it is about,
 * are the truth. */

#include <inttypes.h>

#include "base/log.h"
#include "base/parse.h"
#include "base/str.h"
#include "object/container.h"
#include "spec/name.h"
#include "spec/setting.h"

#define EXIT_FILE "exit.json"
/* What nobody can tell any more. */
#define EXIT_CODE_UNKNOWN (-1)

const char *container_state_word(ContainerState s)
{
        static const char *const words[_CONTAINER_STATE_MAX] = {
                [CONTAINER_CREATING] = "created",  [CONTAINER_CREATED] = "created",
                [CONTAINER_STARTING] = "created",  [CONTAINER_RUNNING] = "running",
                [CONTAINER_STOPPING] = "stopping", [CONTAINER_WAITING] = "exited",
                [CONTAINER_EXITED] = "exited",     [CONTAINER_REMOVING] = "removing",
        };

        return words[s];
}

bool container_is_running(const Container *c)
{
        return c->state == CONTAINER_RUNNING || c->state == CONTAINER_STOPPING;
}

bool container_has_ended(const Container *c)
{
        return c->state == CONTAINER_EXITED || c->state == CONTAINER_WAITING;
}

int container_exit_code(const Container *c)
{
        return c->never_ended ? EXIT_CODE_UNKNOWN : (int) c->exit.exit_code;
}

uint64_t container_pid(const Container *c)
{
        return container_is_running(c) ? c->start.pid : 0;
}

uint64_t container_started(const Container *c)
{
        return c->start.started_usec ?: c->exit.started_usec;
}

uint64_t container_finished(const Container *c)
{
        return container_is_running(c) ? 0 : c->exit.finished_usec;
}

const char *container_error(const Container *c)
{
        if (c->never_ended)
                return "it ended without a record of how";
        return container_is_running(c) ? "" : strempty(c->start.error);
}

char *container_cgroup(const Container *c)
{
        _cleanup_free_ char *name = str_printf("/proc/%" PRIu64 "/cgroup", container_pid(c)), *text = NULL;
        char *line = NULL, *end;

        if (!name)
                return NULL;
        if (container_pid(c) > 0 && fs_read_at(AT_FDCWD, name, 4096, &text, NULL) >= 0)
                line = strstr(text, "0::");
        end = line ? strchrnul(line, '\n') : NULL;
        return line ? strndup(line + 3, end - line - 3) : strdup("");
}

/* Birth and death */

Container *container_new(Manager *m)
{
        Container *c = calloc(1, sizeof(*c));

        if (c)
                c->manager = m;
        return c;
}

static void leave_map(Map *m, const char *key, const Container *c)
{
        if (key && map_get(m, key) == c)
                (void) map_remove(m, key);
}

static void leave_maps(const Container *c)
{
        leave_map(c->manager->container_names, c->file.spec ? c->file.spec->name : NULL, c);
        leave_map(c->manager->container_units, c->file.unit, c);
}

Container *container_free(Container *c)
{
        if (!c)
                return NULL;
        while (c->operations)
                operation_detach_container(c->operations);
        systemd_call_cancel(&c->verify);
        systemd_call_cancel(&c->tidy);
        sd_event_source_disable_unref(c->limits_watch);
        leave_maps(c);
        container_file_done(&c->file);
        record_done(&c->start);
        record_done(&c->exit);
        free(c);
        return NULL;
}

int container_reserve(Container *c, Error *error)
{
        Manager *m = c->manager;
        Container *other;
        int r;

        other = map_get(m->container_names, container_name(c));
        if (other)
                return error_set(error, ERROR_NAME_IN_USE, "The name %s is in use by container %s",
                                 container_name(c), strempty(other->file.id));
        other = map_get(m->container_units, c->file.unit);
        if (other)
                return error_set(error, ERROR_NAME_IN_USE, "The unit %s runs container %s (%s) already",
                                 c->file.unit, container_name(other), container_id(other));
        r = map_add(m->container_names, container_name(c), c);
        return r < 0 ? r : map_add(m->container_units, c->file.unit, c);
}

void container_drop(Container *c)
{
        Manager *m = c->manager;

        /* Nobody finds it any more, and its name is free, when those who wait for it are told. */
        c->dropping = true;
        c->state = CONTAINER_REMOVING;
        leave_maps(c);
        (void) map_steal(m->containers, container_id(c));
        container_operations_dropped(c);
        manager_forget_records(m, container_id(c));
        manager_removed(m, OBJECT_CONTAINER, container_id(c));
        /* Those who have called us may look at it once more. */
        manager_bury(m, c);
}

static int load_exit(Container *c)
{
        _cleanup_json_ json_t *v = NULL;
        int r;

        r = record_load_at(c->manager->exit_directory, container_id(c), &c->exit);
        if (r != -ENOENT)
                return r;
        r = state_load(c->manager->state, STATE_CONTAINERS, container_id(c), EXIT_FILE, &v, NULL);
        return r < 0 ? r : record_from_json(v, &c->exit);
}

/* Until systemd has been asked, what the records say: a run that has no end yet may be over since the last
 * boot. */
static void load_records(Container *c)
{
        (void) record_load_at(c->manager->start_directory, container_id(c), &c->start);
        (void) load_exit(c);
        c->state = c->exit.invocation_id ? CONTAINER_EXITED : CONTAINER_CREATED;
}

int container_load(Manager *m, const char *id, Error *error)
{
        _cleanup_(container_freep) Container *c = container_new(m);
        _cleanup_free_ char *unit = NULL;
        _cleanup_json_ json_t *v = NULL;
        int r;

        if (!c)
                return -ENOMEM;
        r = state_load(m->state, STATE_CONTAINERS, id, CONTAINER_FILE, &v, error);
        if (r >= 0)
                r = container_file_from_json(v, &c->file, error);
        if (r < 0)
                return r;
        if (!streq(container_id(c), id)) {
                (void) error_set(error, ERROR_STORE_DAMAGED, CONTAINER_FILE " is that of container %s",
                                 container_id(c));
                return -EBADMSG;
        }
        unit = container_unit_name(container_name(c));
        if (!unit)
                return -ENOMEM;
        c->own_unit = streq(unit, c->file.unit);
        r = container_reserve(c, error);
        if (r < 0)
                return r;
        load_records(c);
        r = map_put(m->containers, container_id(c), c);
        if (r >= 0)
                TAKE_PTR(c);
        return r;
}

/* Events and signals */

void container_event(Container *c, Event e, const char *attribute, const char *value)
{
        _cleanup_(map_freep) Map *attributes = attribute ? map_new_strings() : NULL;
        EventInfo info = {container_id(c), container_name(c), c->file.image_name, c->file.unit, attributes};

        if (attributes)
                (void) map_put_string(attributes, attribute, value);
        manager_event(c->manager, e, &info);
}

static void announce(Container *c, Event e, uint64_t usec, const char *attribute, const char *value)
{
        _cleanup_(map_freep) Map *attributes = attribute ? map_new_strings() : NULL;
        EventInfo info = {container_id(c), container_name(c), c->file.image_name, c->file.unit, attributes};

        if (attributes)
                (void) map_put_string(attributes, attribute, value);
        manager_announce(c->manager, e, &info, usec);
}

/* What follows from the state and the records. */
const char *const container_state_properties[] = {
        "State", "PID", "ExitCode", "OOMKilled", "Error", "StartedTime", "FinishedTime", NULL,
};

void container_set_state(Container *c, ContainerState state)
{
        const char *before = container_state_word(c->state), *now = container_state_word(state);

        log_debug("Container %s: %s -> %s", container_name(c), before, now);
        c->state = state;
        container_watch_limits(c);
        /* From running to running is another run. */
        if (!streq(before, now) || state == CONTAINER_RUNNING)
                manager_changed(c->manager, OBJECT_CONTAINER, container_id(c), container_state_properties);
}

/* Records */

/* Whether the record on disk is about another run than the one we know; then it replaces that. */
static bool read_newer(int directory, const char *id, Record *known)
{
        _cleanup_record_ Record record = {};

        if (record_load_at(directory, id, &record) < 0)
                return false;
        if (streq_ptr(record.invocation_id, known->invocation_id) &&
            record.started_usec == known->started_usec && record.finished_usec == known->finished_usec)
                return false;
        record_done(known);
        *known = TAKE(record, (Record){});
        return true;
}

bool container_run_has_ended(const Container *c)
{
        return c->start.invocation_id && streq_ptr(c->start.invocation_id, c->exit.invocation_id);
}

static void announce_death(Container *c)
{
        char code[16];

        (void) snprintf(code, sizeof(code), "%d", container_exit_code(c));
        if (c->exit.oom_killed)
                announce(c, EVENT_CONTAINER_OOM, c->exit.finished_usec, NULL, NULL);
        announce(c, EVENT_CONTAINER_DIED, c->exit.finished_usec, "containerExitCode", code);
        container_operations_ended(c);
}

bool container_read_records(Container *c)
{
        bool started = read_newer(c->manager->start_directory, container_id(c), &c->start);
        bool ended = read_newer(c->manager->exit_directory, container_id(c), &c->exit);

        if (started || ended)
                c->never_ended = false;
        /* systemd has restarted it meanwhile: the end is that of the run before. */
        if (started && ended && !container_run_has_ended(c)) {
                announce_death(c);
                ended = false;
        }
        if (started && !c->start.error_name)
                container_learn(c, FACT_STARTED);
        return ended ? container_learn(c, FACT_ENDED) : true;
}

/* Actions of the state table: they run when the next state has been entered, and return whether the container
 * is still there. */

static bool announce_start(Container *c)
{
        announce(c, EVENT_CONTAINER_START, c->start.started_usec, NULL, NULL);
        container_operations_started(c);
        return true;
}

/* One that was to be removed, but its executor did not come to it. */
static bool remove_leftover(Container *c)
{
        _cleanup_free_ char *id = strdup(container_id(c));
        Manager *m = c->manager;

        if (!c->file.spec->auto_remove || !id)
                return true;
        container_remove_ended(c);
        return map_has(m->containers, id);
}

/* What is to be removed when it ends the executor removes; for us it is gone with its exit record. */
static bool announce_end(Container *c)
{
        announce_death(c);
        if (!c->file.spec->auto_remove)
                return true;
        if (c->never_ended)
                return remove_leftover(c);
        announce(c, EVENT_CONTAINER_REMOVE, c->exit.finished_usec, NULL, NULL);
        manager_remember_end(c->manager, container_id(c), container_exit_code(c));
        container_drop(c);
        return false;
}

static void on_verified(int r, const char *unit, UnitState state, void *userdata)
{
        Container *c = userdata;

        if (unit && r >= 0 && state != UNIT_ABSENT && state != UNIT_FAILED)
                c->unit_state = state;
        else if (!unit && r >= 0 && (c->unit_state == UNIT_ABSENT || c->unit_state == UNIT_FAILED))
                (void) container_settle(c, c->unit_state);
}

/* Its unit is gone, as a signal says that may be older than the last start: ask. */
static bool verify_gone(Container *c)
{
        char *units[] = {c->file.unit, NULL};

        if (!container_read_records(c))
                return false;
        if (!container_is_running(c) || c->verify)
                return true;
        c->unit_state = UNIT_ABSENT;
        (void) systemd_list_units(c->manager->systemd, units, &c->verify, on_verified, c);
        return true;
}

typedef struct Transition {
        ContainerState next; /* CONTAINER_CREATING: stay */
        bool (*action)(Container *c);
} Transition;

#define STAY CONTAINER_CREATING

static const Transition transitions[_CONTAINER_STATE_MAX][_CONTAINER_FACT_MAX] = {
        [CONTAINER_CREATED][FACT_STARTED] = {CONTAINER_RUNNING, announce_start},
        [CONTAINER_CREATED][FACT_ENDED] = {CONTAINER_EXITED, announce_end},

        [CONTAINER_STARTING][FACT_STARTED] = {CONTAINER_RUNNING, announce_start},
        [CONTAINER_STARTING][FACT_ENDED] = {CONTAINER_EXITED, announce_end},

        [CONTAINER_RUNNING][FACT_STARTED] = {CONTAINER_RUNNING, announce_start},
        [CONTAINER_RUNNING][FACT_ENDED] = {CONTAINER_EXITED, announce_end},
        [CONTAINER_RUNNING][FACT_DEACTIVATING] = {CONTAINER_STOPPING, NULL},
        [CONTAINER_RUNNING][FACT_GONE] = {STAY, verify_gone},

        [CONTAINER_STOPPING][FACT_STARTED] = {CONTAINER_RUNNING, announce_start},
        [CONTAINER_STOPPING][FACT_ENDED] = {CONTAINER_EXITED, announce_end},
        [CONTAINER_STOPPING][FACT_GONE] = {STAY, verify_gone},

        [CONTAINER_WAITING][FACT_STARTED] = {CONTAINER_RUNNING, announce_start},
        [CONTAINER_WAITING][FACT_ENDED] = {STAY, announce_end},
        [CONTAINER_WAITING][FACT_GONE] = {CONTAINER_EXITED, NULL},

        [CONTAINER_EXITED][FACT_STARTED] = {CONTAINER_RUNNING, announce_start},
        [CONTAINER_EXITED][FACT_ENDED] = {STAY, announce_end},
        [CONTAINER_EXITED][FACT_GONE] = {STAY, remove_leftover},
        [CONTAINER_EXITED][FACT_WAITING] = {CONTAINER_WAITING, NULL},
};

bool container_learn(Container *c, ContainerFact fact)
{
        const Transition *t = &transitions[c->state][fact];

        if (t->next != STAY)
                container_set_state(c, t->next);
        return t->action ? t->action(c) : true;
}

static const ContainerFact fact_of_unit[_UNIT_STATE_MAX] = {
        [UNIT_ABSENT] = FACT_GONE,      [UNIT_FAILED] = FACT_GONE,  [UNIT_WAITING] = FACT_WAITING,
        [UNIT_ACTIVATING] = FACT_ALIVE, [UNIT_ACTIVE] = FACT_ALIVE, [UNIT_DEACTIVATING] = FACT_DEACTIVATING,
};

/* A signal about a run that we know to be over says nothing about the present. */
static bool is_stale(const Container *c, const UnitChange *change)
{
        return change->invocation_id && c->start.invocation_id &&
               !streq(change->invocation_id, c->start.invocation_id);
}

void container_learn_unit(Container *c, const UnitChange *change)
{
        static const char *const properties[] = {"RestartCount", NULL};

        if (change->has_restarts && change->restarts != c->restarts) {
                c->restarts = change->restarts;
                manager_changed(c->manager, OBJECT_CONTAINER, container_id(c), properties);
        }
        if (!change->has_state)
                return;
        c->unit_state = change->state;
        if (change->state == UNIT_ACTIVATING || change->state == UNIT_ACTIVE)
                return;
        if (is_stale(c, change) && (!container_read_records(c) || is_stale(c, change)))
                return;
        (void) container_learn(c, fact_of_unit[change->state]);
}

/* One reaction may complete another operation: so not by following the list. */
static Operation *marked_operation(const Container *c)
{
        Operation *o = c->operations;

        while (o && !o->marked)
                o = o->container_next;
        return o;
}

void container_learn_unit_removed(Container *c)
{
        Operation *o;

        c->unit_state = UNIT_ABSENT;
        for (o = c->operations; o; o = o->container_next)
                o->marked = true;
        while ((o = marked_operation(c))) {
                o->marked = false;
                if (o->class && o->class->unit_removed)
                        o->class->unit_removed(o);
        }
        (void) container_learn(c, FACT_GONE);
}

/* At start, and when the connection to systemd was lost: the state is what the records and the unit say
 * together. */
bool container_settle(Container *c, UnitState unit)
{
        bool alive = unit != UNIT_ABSENT && unit != UNIT_FAILED;

        c->unit_state = unit;
        if (!container_read_records(c))
                return false;
        if (alive && c->manager->systemd && (!c->own_unit || c->file.spec->restart_policy != RESTART_NO))
                systemd_ask_restarts(c->manager->systemd, c->file.unit);
        if (c->state == CONTAINER_STARTING || c->state == CONTAINER_REMOVING)
                return true;
        if (unit == UNIT_WAITING)
                container_set_state(c, CONTAINER_WAITING);
        else if (alive && c->start.invocation_id && !c->start.error_name && !container_run_has_ended(c))
                container_set_state(c, unit == UNIT_DEACTIVATING ? CONTAINER_STOPPING : CONTAINER_RUNNING);
        else if (!alive && c->start.invocation_id && !c->start.error_name && !container_run_has_ended(c)) {
                c->never_ended = true;
                container_set_state(c, CONTAINER_EXITED);
                return announce_end(c);
        } else if (!alive && c->state == CONTAINER_WAITING)
                container_set_state(c, CONTAINER_EXITED);
        return true;
}

/* Requests */

static const Verdict verdicts[_CONTAINER_STATE_MAX][_CONTAINER_REQUEST_MAX] = {
        [CONTAINER_CREATED] =
                {
                        [REQUEST_START] = VERDICT_GO,
                        [REQUEST_ATTACH] = VERDICT_GO,
                        [REQUEST_STOP] = VERDICT_DONE,
                        [REQUEST_RESTART] = VERDICT_START_INSTEAD,
                        [REQUEST_KILL] = VERDICT_REFUSE_NOT_RUNNING,
                        [REQUEST_EXEC] = VERDICT_REFUSE_NOT_RUNNING,
                        [REQUEST_WAIT] = VERDICT_GO,
                        [REQUEST_REMOVE] = VERDICT_GO,
                },
        [CONTAINER_STARTING] =
                {
                        [REQUEST_START] = VERDICT_JOIN,
                        [REQUEST_ATTACH] = VERDICT_REFUSE_RUNNING,
                        [REQUEST_STOP] = VERDICT_GO,
                        [REQUEST_RESTART] = VERDICT_GO,
                        [REQUEST_KILL] = VERDICT_REFUSE_NOT_RUNNING,
                        [REQUEST_EXEC] = VERDICT_REFUSE_NOT_RUNNING,
                        [REQUEST_WAIT] = VERDICT_GO,
                        [REQUEST_REMOVE] = VERDICT_NEEDS_FORCE,
                },
        [CONTAINER_RUNNING] =
                {
                        [REQUEST_START] = VERDICT_DONE,
                        [REQUEST_ATTACH] = VERDICT_REFUSE_RUNNING,
                        [REQUEST_STOP] = VERDICT_GO,
                        [REQUEST_RESTART] = VERDICT_GO,
                        [REQUEST_KILL] = VERDICT_GO,
                        [REQUEST_EXEC] = VERDICT_GO,
                        [REQUEST_WAIT] = VERDICT_GO,
                        [REQUEST_REMOVE] = VERDICT_NEEDS_FORCE,
                },
        [CONTAINER_STOPPING] =
                {
                        [REQUEST_START] = VERDICT_GO,
                        [REQUEST_ATTACH] = VERDICT_GO,
                        [REQUEST_STOP] = VERDICT_GO,
                        [REQUEST_RESTART] = VERDICT_GO,
                        [REQUEST_KILL] = VERDICT_GO,
                        [REQUEST_EXEC] = VERDICT_REFUSE_NOT_RUNNING,
                        [REQUEST_WAIT] = VERDICT_GO,
                        [REQUEST_REMOVE] = VERDICT_NEEDS_FORCE,
                },
        [CONTAINER_WAITING] =
                {
                        [REQUEST_START] = VERDICT_GO,
                        [REQUEST_ATTACH] = VERDICT_REFUSE_RUNNING,
                        [REQUEST_STOP] = VERDICT_GO,
                        [REQUEST_RESTART] = VERDICT_GO,
                        [REQUEST_KILL] = VERDICT_REFUSE_NOT_RUNNING,
                        [REQUEST_EXEC] = VERDICT_REFUSE_NOT_RUNNING,
                        [REQUEST_WAIT] = VERDICT_GO,
                        [REQUEST_REMOVE] = VERDICT_NEEDS_FORCE,
                },
        [CONTAINER_EXITED] =
                {
                        [REQUEST_START] = VERDICT_GO,
                        [REQUEST_ATTACH] = VERDICT_GO,
                        [REQUEST_STOP] = VERDICT_DONE,
                        [REQUEST_RESTART] = VERDICT_START_INSTEAD,
                        [REQUEST_KILL] = VERDICT_REFUSE_NOT_RUNNING,
                        [REQUEST_EXEC] = VERDICT_REFUSE_NOT_RUNNING,
                        [REQUEST_WAIT] = VERDICT_DONE,
                        [REQUEST_REMOVE] = VERDICT_GO,
                },
};

bool container_is_leaving(const Container *c)
{
        const Operation *o = c->operations;

        while (o && o->type != OPERATION_REMOVE)
                o = o->container_next;
        return o || c->state == CONTAINER_REMOVING;
}

static bool is_start(ContainerRequest request)
{
        return request == REQUEST_START || request == REQUEST_ATTACH || request == REQUEST_RESTART;
}

int container_ask(Container *c, ContainerRequest request, Verdict *ret, Error *error)
{
        Verdict v = verdicts[c->state][request];
        const char *name = container_name(c), *word = container_state_word(c->state);

        if (is_start(request) && container_is_leaving(c))
                v = VERDICT_REFUSE_GONE;
        *ret = v;
        switch (v) {
        case VERDICT_REFUSE_GONE:
                return error_set(error, ERROR_NO_SUCH_CONTAINER, "Container %s is being removed", name);
        case VERDICT_REFUSE_RUNNING:
                return error_set(error, ERROR_RUNNING, "Container %s is running already", name);
        case VERDICT_REFUSE_NOT_RUNNING:
                return error_set(error, ERROR_NOT_RUNNING, "Container %s is not running, it is %s", name,
                                 word);
        default:
                return 0;
        }
}
