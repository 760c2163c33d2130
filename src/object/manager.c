/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The manager: loading, looking up, and passing on what systemd and the records say. */

#include <dirent.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/parse.h"
#include "base/str.h"
#include "object/container.h"
#include "object/image.h"
#include "object/work.h"
#include "spec/name.h"

/* Events */

void manager_observe(Manager *m, const Observer *observer, void *userdata)
{
        m->observer = observer;
        m->observer_data = userdata;
}

void manager_added(Manager *m, ObjectKind kind, const char *id)
{
        if (m->observer)
                m->observer->added(kind, id, m->observer_data);
}

void manager_removed(Manager *m, ObjectKind kind, const char *id)
{
        if (m->observer)
                m->observer->removed(kind, id, m->observer_data);
}

void manager_changed(Manager *m, ObjectKind kind, const char *id, const char *const *properties)
{
        if (m->observer)
                m->observer->changed(kind, id, properties, m->observer_data);
}

void manager_announce(Manager *m, Event e, const EventInfo *info, uint64_t realtime_usec)
{
        if (m->observer)
                m->observer->event(e, info, realtime_usec, m->observer_data);
}

void manager_event(Manager *m, Event e, const EventInfo *info)
{
        int r;

        r = event_log(e, info);
        if (r < 0)
                log_warning_errno(r, "Cannot write the event %s %s to the journal: %m", event_type(e),
                                  event_status(e));
        manager_announce(m, e, info, now_realtime());
}

void manager_report_damage(Manager *m, const char *what, const Error *error)
{
        log_error("%s is damaged: %s", what, strempty(error->message));
        (void) strv_append(&m->damaged, what);
}

/* Looking up */

int manager_find_container(Manager *m, const char *name, Container **ret, Error *error)
{
        Container *c = map_get(m->container_names, name), *found = NULL;
        size_t n = strlen(name);

        if (c && c->state == CONTAINER_CREATING)
                c = NULL;
        c = c ?: map_get(m->containers, name);
        if (c) {
                *ret = c;
                return 0;
        }
        MAP_FOREACH(e, m->containers) {
                if (n == 0 || strncmp(map_key(e), name, n) != 0)
                        continue;
                if (found)
                        return error_set(error, ERROR_AMBIGUOUS,
                                         "\"%s\" begins the IDs of several containers", name);
                found = map_value(e);
        }
        if (!found)
                return error_set(error, ERROR_NO_SUCH_CONTAINER, "No such container: \"%.256s\"", name);
        *ret = found;
        return 0;
}

void manager_remember_end(Manager *m, const char *id, int exit_code)
{
        const MapEntry *oldest = map_first(m->ended);

        if (map_size(m->ended) >= ENDED_MAX)
                (void) map_remove(m->ended, map_key(oldest));
        (void) map_put(m->ended, id, (void *) ((uintptr_t) exit_code + 1));
}

bool manager_recall_end(Manager *m, const char *id, int *ret_exit_code)
{
        uintptr_t known = (uintptr_t) map_get(m->ended, id);
        _cleanup_record_ Record record = {};

        if (known)
                *ret_exit_code = (int) (known - 1);
        else if (id_is_valid(id) && record_load_at(m->exit_directory, id, &record) >= 0)
                *ret_exit_code = (int) record.exit_code;
        else
                return false;
        return true;
}

Container *manager_container_of_unit(Manager *m, const char *unit)
{
        return map_get(m->container_units, unit);
}

void manager_free_buried(Manager *m)
{
        while (m->buried) {
                Container *c = m->buried;

                m->buried = c->next_buried;
                container_free(c);
        }
}

static int on_burial(sd_event_source *source, void *userdata)
{
        manager_free_buried(userdata);
        return 0;
}

void manager_bury(Manager *m, Container *c)
{
        int r;

        c->next_buried = m->buried;
        m->buried = c;
        if (!m->event)
                return;
        r = m->burial ? 0 : sd_event_add_defer(m->event, &m->burial, on_burial, m);
        if (r >= 0)
                r = sd_event_source_set_enabled(m->burial, SD_EVENT_ONESHOT);
        if (r < 0)
                log_warning("Cannot free a container before we leave");
}

/* systemd */

static void on_job_removed(const char *job, const char *result, void *userdata)
{
        Manager *m = userdata;
        Operation *o;

        while ((o = map_get(m->jobs, job))) {
                (void) operation_await_job(o, NULL);
                if (o->class && o->class->job)
                        o->class->job(o, result);
        }
}

static void on_unit_changed(const UnitChange *change, void *userdata)
{
        Container *c = manager_container_of_unit(userdata, change->unit);

        if (c && c->state != CONTAINER_CREATING)
                container_learn_unit(c, change);
}

static void on_unit_removed(const char *unit, void *userdata)
{
        Manager *m = userdata;
        Container *c = manager_container_of_unit(m, unit);

        if (c && c->state != CONTAINER_CREATING)
                container_learn_unit_removed(c);
        session_unit_removed(m, unit);
}

/* The units that systemd has, while all containers are compared with them. */
typedef struct Comparison {
        Manager *manager;
        Map *states; /* UnitState + 1 as pointer, by unit */
} Comparison;

static Comparison *comparison_free(Comparison *c)
{
        if (c)
                map_free(c->states);
        free(c);
        return NULL;
}

static void compare(Manager *m, const Map *states)
{
        _cleanup_strv_ char **ids = NULL;

        /* By a list of IDs: settling one may remove it. */
        MAP_FOREACH(e, m->containers)
                (void) strv_append(&ids, map_key(e));
        STRV_FOREACH(id, ids) {
                Container *c = map_get(m->containers, *id);
                uintptr_t state = c ? (uintptr_t) map_get(states, c->file.unit) : 0;

                if (c)
                        (void) container_settle(c, state ? (UnitState) (state - 1) : UNIT_ABSENT);
        }
}

static void on_listed(int r, const char *unit, UnitState state, void *userdata)
{
        Comparison *c = userdata;

        if (unit)
                (void) map_put(c->states, unit, (void *) ((uintptr_t) state + 1));
}

static int unit_patterns(const Manager *m, char ***ret)
{
        _cleanup_strv_ char **patterns = NULL;
        int r;

        r = strv_append(&patterns, "berth-*.service");
        MAP_FOREACH(e, m->containers) {
                const Container *c = map_value(e);

                if (r >= 0 && !c->own_unit)
                        r = strv_append(&patterns, c->file.unit);
        }
        if (r >= 0)
                *ret = TAKE_PTR(patterns);
        return r;
}

/* One reaction may complete another operation: so not by following the list. */
static void resume_operations(Manager *m)
{
        Operation *o;

        for (o = m->operations; o; o = o->next)
                o->marked = true;
        for (;;) {
                for (o = m->operations; o && !o->marked; o = o->next)
                        ;
                if (!o)
                        return;
                o->marked = false;
                if (o->class && o->class->resume)
                        o->class->resume(o);
        }
}

/* After a new connection: first where everything stands, then what was asked for and has lost its answer. */
static void on_relisted(int r, const char *unit, UnitState state, void *userdata)
{
        Comparison *c = userdata;
        Manager *m = c->manager;

        on_listed(r, unit, state, userdata);
        if (unit)
                return;
        if (r >= 0)
                compare(m, c->states);
        m->comparison = comparison_free(c);
        sessions_read_records(m);
        sessions_verify(m);
        if (r >= 0)
                resume_operations(m);
}

static Comparison *comparison_new(Manager *m)
{
        Comparison *c = calloc(1, sizeof(*c));

        if (c) {
                c->manager = m;
                c->states = map_new(NULL);
        }
        return c && c->states ? c : comparison_free(c);
}

static void on_reconnected(void *userdata)
{
        _cleanup_strv_ char **patterns = NULL;
        Manager *m = userdata;
        Comparison *c;

        log_notice("Connected to systemd again");
        systemd_call_cancel(&m->resync);
        comparison_free(m->comparison);
        m->comparison = c = comparison_new(m);
        if (!c || unit_patterns(m, &patterns) < 0 ||
            systemd_list_units(m->systemd, patterns, &m->resync, on_relisted, c) < 0)
                log_warning("Cannot ask systemd what has happened meanwhile");
}

static const SystemdWatch systemd_watch = {
        .job_removed = on_job_removed,
        .unit_changed = on_unit_changed,
        .unit_removed = on_unit_removed,
        .reconnected = on_reconnected,
};

/* Records */

/* The last words of one that is gone already: its code may still be asked for, its records nobody needs. */
static void forget_records(Manager *m, const char *id)
{
        _cleanup_record_ Record exit = {};

        if (record_load_at(m->exit_directory, id, &exit) < 0)
                return;
        manager_remember_end(m, id, (int) exit.exit_code);
        (void) unlinkat(m->start_directory, id, 0);
        (void) unlinkat(m->exit_directory, id, 0);
}

static void on_record(Manager *m, const char *id)
{
        Container *c = map_get(m->containers, id);
        Session *s = map_get(m->sessions, id);

        if (c)
                (void) container_read_records(c);
        else if (s)
                session_read_records(s);
        else
                forget_records(m, id);
}

void manager_forget_records(Manager *m, const char *id)
{
        (void) unlinkat(m->start_directory, id, 0);
        (void) unlinkat(m->exit_directory, id, 0);
}

#define RECORD_AGE_MAX (10 * USEC_PER_MINUTE)

static bool is_old(int directory, const char *name)
{
        struct stat st;

        return fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) >= 0 &&
               (uint64_t) st.st_mtime * USEC_PER_SEC + RECORD_AGE_MAX < now_realtime();
}

/* Of containers and sessions that are gone; somebody may have waited for them when we ended. */
static void sweep_records(Manager *m, const char *path, int directory)
{
        DIR *d = opendir(path);
        struct dirent *e;

        while (d && (e = readdir(d)))
                if (id_is_valid(e->d_name) && !map_has(m->containers, e->d_name) &&
                    is_old(directory, e->d_name))
                        (void) unlinkat(directory, e->d_name, 0);
        if (d)
                (void) closedir(d);
}

static void read_all_records(Manager *m)
{
        _cleanup_strv_ char **ids = NULL;

        MAP_FOREACH(e, m->containers)
                (void) strv_append(&ids, map_key(e));
        STRV_FOREACH(id, ids)
                on_record(m, *id);
        sessions_read_records(m);
}

static int on_record_event(sd_event_source *source, const struct inotify_event *event, void *userdata)
{
        Manager *m = userdata;

        if (event->mask & IN_Q_OVERFLOW)
                read_all_records(m);
        else if (event->len > 0 && id_is_valid(event->name))
                on_record(m, event->name);
        return 0;
}

static int on_image_event(sd_event_source *source, const struct inotify_event *event, void *userdata)
{
        Manager *m = userdata;

        if (event->len > 0 && id_is_valid(event->name))
                image_look_again(m, event->name);
        return 0;
}

static int watch(Manager *m, sd_event_source **ret, const char *path, uint32_t mask,
                 sd_event_inotify_handler_t handler, Error *error)
{
        int r;

        r = sd_event_add_inotify(m->event, ret, path, mask | IN_ONLYDIR, handler, m);
        return r < 0 ? error_set_errno(error, r, "Cannot watch %s", path) : 0;
}

static int open_runtime_directory(const char *path, int *ret, Error *error)
{
        int r;

        r = fs_mkdir_p(path, 0700);
        if (r < 0)
                return error_set_errno(error, r, "Cannot make %s", path);
        *ret = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return *ret < 0 ? error_set_errno(error, errno, "Cannot open %s", path) : 0;
}

static int open_runtime(Manager *m, Error *error)
{
        int r;

        r = open_runtime_directory(START_RECORD_DIR, &m->start_directory, error);
        if (r >= 0)
                r = open_runtime_directory(EXIT_RECORD_DIR, &m->exit_directory, error);
        if (r >= 0)
                r = open_runtime_directory(EXEC_ORDER_DIR, &m->exec_directory, error);
        if (r >= 0)
                r = fs_mkdir_p(ROOT_MOUNT_POINT, 0700);
        if (r < 0)
                return error_set_errno(error, r, "Cannot make " ROOT_MOUNT_POINT);
        r = watch(m, &m->watches[0], START_RECORD_DIR, IN_MOVED_TO, on_record_event, error);
        if (r >= 0)
                r = watch(m, &m->watches[1], EXIT_RECORD_DIR, IN_MOVED_TO, on_record_event, error);
        if (r >= 0)
                r = watch(m, &m->watches[2], IMAGES_DIR, IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE,
                          on_image_event, error);
        return r;
}

/* Start and end */

static void container_destroy(void *c)
{
        container_free(c);
}

static void image_destroy(void *i)
{
        image_free(i);
}

static void work_destroy(void *w)
{
        work_free(w);
}

static void session_destroy(void *s)
{
        session_free(s);
}

static bool make_maps(Manager *m)
{
        const struct {
                Map **map;
                MapFree destroy;
        } maps[] = {
                {&m->containers, container_destroy},
                {&m->container_names, NULL},
                {&m->container_units, NULL},
                {&m->ended, NULL},
                {&m->sessions, session_destroy},
                {&m->session_units, NULL},
                {&m->images, image_destroy},
                {&m->image_names, NULL},
                {&m->works, work_destroy},
                {&m->owners, free},
                {&m->jobs, NULL},
        };

        FOREACH_ELEMENT(i, maps) {
                *i->map = map_new(i->destroy);
                if (!*i->map)
                        return false;
        }
        return true;
}

int manager_new(sd_event *event, Manager **ret, Error *error)
{
        _cleanup_(manager_freep) Manager *m = calloc(1, sizeof(*m));
        int r;

        if (!m)
                return -ENOMEM;
        m->event = sd_event_ref(event);
        m->start_directory = m->exit_directory = m->exec_directory = -EBADF;
        if (!make_maps(m))
                return -ENOMEM;
        r = state_open(BERTH_STATE_DIR, &m->state, error);
        if (r >= 0)
                r = open_runtime(m, error);
        if (r >= 0)
                r = systemd_new(event, &systemd_watch, m, &m->systemd, error);
        if (r >= 0)
                *ret = TAKE_PTR(m);
        return r;
}

Manager *manager_free(Manager *m)
{
        if (!m)
                return NULL;
        m->observer = NULL;
        operations_abandon(m);
        FOREACH_ELEMENT(w, m->watches)
                sd_event_source_disable_unref(*w);
        manager_free_buried(m);
        sd_event_source_disable_unref(m->burial);
        systemd_call_cancel(&m->resync);
        comparison_free(m->comparison);
        task_forget(&m->sweep);
        sd_event_source_disable_unref(m->sweep_timer);
        strv_free(m->leftovers);
        map_free(m->ended);
        map_free(m->sessions);
        map_free(m->session_units);
        map_free(m->containers);
        map_free(m->container_names);
        map_free(m->container_units);
        map_free(m->images);
        map_free(m->image_names);
        map_free(m->works);
        map_free(m->owners);
        map_free(m->jobs);
        systemd_free(m->systemd);
        state_free(m->state);
        close_fd(m->start_directory);
        close_fd(m->exit_directory);
        close_fd(m->exec_directory);
        strv_free(m->damaged);
        sd_event_unref(m->event);
        free(m);
        return NULL;
}

/* What cannot be read because of what it says is set aside; what cannot be read now, or is of a newer
 * version, stays where it is. Both are reported. */
static void report(Manager *m, StateKind kind, const char *id, int r, const Error *error)
{
        _cleanup_free_ char *where = NULL, *here = NULL;
        bool damaged = r == -EBADMSG || r == -EFBIG || r == -ENOENT || r == -EINVAL || r == -ENOTDIR;

        if (damaged && state_set_aside(m->state, kind, id, &where, NULL) >= 0) {
                manager_report_damage(m, where, error);
                return;
        }
        here = str_printf("%s/%s", kind == STATE_CONTAINERS ? CONTAINERS_DIR : IMAGES_DIR, id);
        manager_report_damage(m, strempty(here), error);
}

/* One that was to be removed when it ends is made without waiting for the disk. What a power cut leaves of it
 * is names of files without a byte; of all others every byte was there before the name. */
static bool drop_unwritten(Manager *m, StateKind kind, const char *id)
{
        _cleanup_free_ char *path = str_printf("%s/" CONTAINER_FILE, id);
        struct stat st;

        if (kind != STATE_CONTAINERS || !path ||
            fstatat(state_directory(m->state, kind), path, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_size > 0 ||
            state_retire(m->state, kind, id, NULL) < 0)
                return false;
        log_warning("Container %s was to be removed when it ends, and is lost", id);
        manager_sweep_later(m, id);
        return true;
}

static int load_all(Manager *m, StateKind kind, int (*load)(Manager *, const char *, Error *),
                    char ***ret_leftovers, Error *error)
{
        _cleanup_strv_ char **ids = NULL;
        int r;

        r = state_list(m->state, kind, &ids, ret_leftovers, error);
        if (r < 0)
                return r;
        STRV_FOREACH(id, ids) {
                _cleanup_error_ Error e = ERROR_INIT;

                r = load(m, *id, &e);
                if (r == -ENOMEM)
                        return r;
                if (r < 0 && !drop_unwritten(m, kind, *id))
                        report(m, kind, *id, r, &e);
        }
        return 0;
}

#define SWEEP_DELAY (5 * USEC_PER_SEC)

static int run_sweep(void *userdata, Error *error)
{
        const Manager *m = userdata;

        return state_sweep(m->state, STATE_CONTAINERS, m->leftovers, error);
}

static void on_swept(int r, const Error *error, void *userdata)
{
        Manager *m = userdata;

        if (r < 0)
                log_warning("Cannot remove what an interruption has left behind: %s",
                            strempty(error->message));
        m->leftovers = strv_free(m->leftovers);
}

static void sweep_now(Manager *m)
{
        if (m->leftovers && !m->sweep && task_start(m->event, &m->sweep, run_sweep, on_swept, m) < 0)
                log_warning("Cannot start to remove what an interruption has left behind");
}

static int on_sweep_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        sweep_now(userdata);
        return 0;
}

void manager_sweep_later(Manager *m, const char *id)
{
        /* While a sweep runs the list is its own; the next start finds the rest. */
        if (m->sweep || state_leftovers(id, &m->leftovers) < 0)
                return;
        m->sweep_timer = sd_event_source_disable_unref(m->sweep_timer);
        (void) sd_event_add_time_relative(m->event, &m->sweep_timer, CLOCK_MONOTONIC, SWEEP_DELAY, 0,
                                          on_sweep_timer, m);
}

/* A container that is to be removed when it ends, and ended while nobody could. */
static void remove_ended(Manager *m)
{
        _cleanup_strv_ char **ids = NULL;

        MAP_FOREACH(e, m->containers) {
                const Container *c = map_value(e);

                if (c->file.spec->auto_remove && c->state == CONTAINER_EXITED && c->unit_state == UNIT_ABSENT)
                        (void) strv_append(&ids, map_key(e));
        }
        STRV_FOREACH(id, ids)
                container_remove_ended(map_get(m->containers, *id));
}

int manager_load(Manager *m, Error *error)
{
        _cleanup_strv_ char **patterns = NULL, **image_leftovers = NULL;
        Comparison *c;
        int r;

        r = load_all(m, STATE_IMAGES, image_load, &image_leftovers, error);
        if (r >= 0)
                r = load_all(m, STATE_CONTAINERS, container_load, &m->leftovers, error);
        if (r >= 0)
                r = unit_patterns(m, &patterns);
        if (r < 0)
                return r;
        c = comparison_new(m);
        if (!c)
                return -ENOMEM;
        r = systemd_list_units_now(m->systemd, patterns, on_listed, c, error);
        if (r >= 0)
                compare(m, c->states);
        comparison_free(c);
        if (r < 0)
                return r;
        MAP_FOREACH(e, m->containers)
                (void) container_link_unit(map_value(e));
        remove_ended(m);
        sweep_records(m, START_RECORD_DIR, m->start_directory);
        sweep_records(m, EXIT_RECORD_DIR, m->exit_directory);
        manager_sweep_units(m);
        sweep_now(m);
        if (image_leftovers)
                images_sweep(m);
        return 0;
}
