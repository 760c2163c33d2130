/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The states of a container follow its records; whoever waits is told once. systemd is away. */

#include "base/str.h"
#include "object/container.h"

#include "test.h"

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

typedef struct World {
        Manager manager;
        char *events; /* "start died(3) " */
        unsigned changed, removed;
} World;

typedef struct Told {
        unsigned times;
        int r;
        ErrorKind kind;
        int exit_code;
} Told;

static void on_object(ObjectKind kind, const char *id, void *userdata)
{
}

static void on_removed(ObjectKind kind, const char *id, void *userdata)
{
        ((World *) userdata)->removed++;
}

static void on_changed(ObjectKind kind, const char *id, const char *const *properties, void *userdata)
{
        ((World *) userdata)->changed++;
}

static void on_event(Event e, const EventInfo *info, uint64_t usec, void *userdata)
{
        const char *code = map_get(info->attributes, "containerExitCode");
        _cleanup_free_ char *before = NULL;
        World *w = userdata;

        before = w->events;
        w->events = str_printf("%s%s%s%s%s ", strempty(before), event_status(e), code ? "(" : "",
                               strempty(code), code ? ")" : "");
}

static void on_told(int r, const Error *error, const OperationResult *result, void *userdata)
{
        Told *t = userdata;

        t->times++;
        t->r = r;
        t->kind = error->kind;
        t->exit_code = result->exit_code;
}

static const Observer observer = {
        .added = on_object,
        .removed = on_removed,
        .changed = on_changed,
        .event = on_event,
};

static int open_directory(const char *name)
{
        _cleanup_free_ char *path = str_printf("%s/%s", test_directory(), name);
        int fd;

        (void) fs_remove_tree_at(AT_FDCWD, path);
        CHECK_OK(fs_mkdir_p(path, 0700));
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CHECK(fd >= 0);
        return fd;
}

static void destroy_container(void *c)
{
        container_free(c);
}

static void world_new(World *w)
{
        Manager *m = &w->manager;

        m->containers = map_new(destroy_container);
        m->container_names = map_new(NULL);
        m->container_units = map_new(NULL);
        m->ended = map_new(NULL);
        m->owners = map_new(free);
        m->jobs = map_new(NULL);
        m->start_directory = open_directory("start");
        m->exit_directory = open_directory("exit");
        manager_observe(m, &observer, w);
}

static void world_done(World *w)
{
        Manager *m = &w->manager;

        operations_abandon(m);
        manager_free_buried(m);
        map_free(m->containers);
        map_free(m->container_names);
        map_free(m->container_units);
        map_free(m->ended);
        map_free(m->owners);
        map_free(m->jobs);
        close_fd(m->start_directory);
        close_fd(m->exit_directory);
        free(w->events);
}
#define _cleanup_world_ _cleanup_(world_done)

static Container *add(World *w, const char *id, const char *name, bool auto_remove)
{
        Container *c = container_new(&w->manager);

        CHECK(c);
        c->file.spec = spec_new(SPEC_CONTAINER);
        c->file.spec->auto_remove = auto_remove;
        c->file.unit = str_printf("berth-%s.service", name);
        c->own_unit = true;
        CHECK_OK(str_replace(&c->file.id, id));
        CHECK_OK(str_replace(&c->file.image_id, id));
        CHECK_OK(str_replace(&c->file.spec->name, name));
        CHECK_OK(container_reserve(c, NULL));
        CHECK_OK(map_put(w->manager.containers, id, c));
        c->state = CONTAINER_CREATED;
        return c;
}

static void write_record(int directory, const char *id, const char *text)
{
        CHECK_OK(fs_replace_at(directory, id, text, strlen(text), 0600, FS_NO_SYNC));
}

static void write_start(World *w, const char *id, const char *run, const char *error_name)
{
        Record r = {.pid = 77, .pid_start = 5, .invocation_id = (char *) run, .started_usec = 1000};
        _cleanup_json_ json_t *v = NULL;
        _cleanup_free_ char *json = NULL;

        if (error_name) {
                r.error_name = (char *) error_name;
                r.error = (char *) "why not";
        }
        v = record_to_json(&r);
        json = json_text(v);
        write_record(w->manager.start_directory, id, json);
}

static void write_exit(World *w, const char *id, const char *run, uint64_t code)
{
        Record r = {.invocation_id = (char *) run,
                    .started_usec = 1000,
                    .finished_usec = 2000,
                    .exit_code = code};
        _cleanup_json_ json_t *v = record_to_json(&r);
        _cleanup_free_ char *json = json_text(v);

        write_record(w->manager.exit_directory, id, json);
}

TEST(runs_and_ends)
{
        _cleanup_world_ World w = {};
        Container *c;
        Told told = {};

        world_new(&w);
        c = add(&w, ID_A, "web", false);
        CHECK_OK(container_wait(c, &(Promise){NULL, on_told, &told}, NULL));
        CHECK(container_read_records(c));
        CHECK_EQ(c->state, CONTAINER_CREATED);
        write_start(&w, ID_A, "r1", NULL);
        CHECK(container_read_records(c));
        CHECK_EQ(c->state, CONTAINER_RUNNING);
        CHECK_EQ(container_pid(c), 77);
        /* The same record again is no news. */
        CHECK(container_read_records(c));
        CHECK_STREQ(w.events, "start ");
        CHECK_EQ(told.times, 0);
        write_exit(&w, ID_A, "r1", 3);
        CHECK(container_read_records(c));
        CHECK_EQ(c->state, CONTAINER_EXITED);
        CHECK_EQ(container_pid(c), 0);
        CHECK_EQ(container_exit_code(c), 3);
        CHECK_STREQ(w.events, "start died(3) ");
        CHECK_EQ(told.times, 1);
        CHECK_EQ(told.exit_code, 3);
        /* Who comes later is told at once. */
        CHECK_OK(container_wait(c, &(Promise){NULL, on_told, &told}, NULL));
        CHECK_EQ(told.times, 2);
        CHECK_EQ(w.manager.n_operations, 0);
}

/* Both records are there before we look. */
TEST(too_fast_to_be_seen)
{
        _cleanup_world_ World w = {};
        Container *c;

        world_new(&w);
        c = add(&w, ID_A, "web", false);
        c->state = CONTAINER_STARTING;
        write_start(&w, ID_A, "r1", NULL);
        write_exit(&w, ID_A, "r1", 0);
        CHECK(container_read_records(c));
        CHECK_EQ(c->state, CONTAINER_EXITED);
        CHECK_STREQ(w.events, "start died(0) ");
}

TEST(restarted_by_systemd)
{
        _cleanup_world_ World w = {};
        Told told = {};
        Container *c;

        world_new(&w);
        c = add(&w, ID_A, "web", false);
        write_start(&w, ID_A, "r1", NULL);
        CHECK(container_read_records(c));
        CHECK_OK(container_wait(c, &(Promise){NULL, on_told, &told}, NULL));
        write_exit(&w, ID_A, "r1", 9);
        write_start(&w, ID_A, "r2", NULL);
        CHECK(container_read_records(c));
        CHECK_EQ(c->state, CONTAINER_RUNNING);
        CHECK_STREQ(w.events, "start died(9) start ");
        CHECK_EQ(told.times, 1);
        CHECK_EQ(told.exit_code, 9);
}

TEST(removes_itself)
{
        _cleanup_world_ World w = {};
        Told first = {}, second = {}, stopped = {};
        Operation *stop;
        Container *c;
        int code;

        world_new(&w);
        c = add(&w, ID_A, "web", true);
        write_start(&w, ID_A, "r1", NULL);
        CHECK(container_read_records(c));
        CHECK_OK(container_wait(c, &(Promise){":1.1", on_told, &first}, NULL));
        CHECK_OK(container_wait(c, &(Promise){":1.2", on_told, &second}, NULL));
        CHECK_OK(operation_new(&w.manager, OPERATION_KILL, NULL, c, &(Promise){NULL, on_told, &stopped},
                               &stop, NULL));
        write_exit(&w, ID_A, "r1", 4);
        CHECK(!container_read_records(c));
        CHECK_STREQ(w.events, "start died(4) remove ");
        CHECK_EQ(w.removed, 1);
        CHECK_EQ(first.times, 1);
        CHECK_EQ(first.exit_code, 4);
        CHECK_EQ(second.exit_code, 4);
        CHECK_EQ(stopped.times, 1);
        CHECK_EQ(stopped.r, 0);
        CHECK_EQ(w.manager.n_operations, 0);
        /* Its name and its unit are free, its code is remembered, its records are gone. */
        c = add(&w, ID_B, "web", false);
        CHECK(manager_recall_end(&w.manager, ID_A, &code));
        CHECK_EQ(code, 4);
        CHECK(faccessat(w.manager.start_directory, ID_A, F_OK, 0) < 0);
        CHECK(faccessat(w.manager.exit_directory, ID_A, F_OK, 0) < 0);
}

TEST(start_that_failed_never_ran)
{
        _cleanup_world_ World w = {};
        Container *c;

        world_new(&w);
        c = add(&w, ID_A, "web", false);
        c->state = CONTAINER_STARTING;
        write_start(&w, ID_A, "r1", "io.berth1.Error.CommandNotFound");
        CHECK(container_read_records(c));
        CHECK_EQ(c->state, CONTAINER_STARTING);
        CHECK_STREQ(container_error(c), "why not");
        CHECK(!w.events);
        write_exit(&w, ID_A, "r1", 127);
        CHECK(container_read_records(c));
        CHECK_EQ(c->state, CONTAINER_EXITED);
}

TEST(hints_about_the_past)
{
        _cleanup_world_ World w = {};
        UnitChange old = {.unit = "berth-web.service",
                          .has_state = true,
                          .state = UNIT_DEACTIVATING,
                          .invocation_id = "r1"};
        UnitChange present = old;
        Container *c;

        world_new(&w);
        c = add(&w, ID_A, "web", false);
        write_exit(&w, ID_A, "r1", 0);
        write_start(&w, ID_A, "r2", NULL);
        CHECK(container_read_records(c));
        CHECK_EQ(c->state, CONTAINER_RUNNING);
        container_learn_unit(c, &old);
        CHECK_EQ(c->state, CONTAINER_RUNNING);
        present.invocation_id = "r2";
        container_learn_unit(c, &present);
        CHECK_EQ(c->state, CONTAINER_STOPPING);
        /* Late words of an active unit do not wake the dead. */
        write_exit(&w, ID_A, "r2", 0);
        CHECK(container_read_records(c));
        present.state = UNIT_ACTIVE;
        container_learn_unit(c, &present);
        CHECK_EQ(c->state, CONTAINER_EXITED);
}

TEST(settles_after_a_start)
{
        static const struct {
                const char *start, *exit;
                UnitState unit;
                ContainerState state;
        } cases[] = {
                {NULL, NULL, UNIT_ABSENT, CONTAINER_CREATED},
                {"r1", NULL, UNIT_ACTIVE, CONTAINER_RUNNING},
                {"r1", NULL, UNIT_DEACTIVATING, CONTAINER_STOPPING},
                {"r1", "r1", UNIT_ABSENT, CONTAINER_EXITED},
                {"r1", "r1", UNIT_FAILED, CONTAINER_EXITED},
                {"r1", "r1", UNIT_WAITING, CONTAINER_WAITING},
                {"r2", "r1", UNIT_ACTIVE, CONTAINER_RUNNING},
                {"r1", NULL, UNIT_ABSENT, CONTAINER_EXITED},
                {NULL, "r1", UNIT_ABSENT, CONTAINER_EXITED},
        };

        FOREACH_ELEMENT(k, cases) {
                _cleanup_world_ World w = {};
                Container *c;

                world_new(&w);
                c = add(&w, ID_A, "web", false);
                if (k->start)
                        write_start(&w, ID_A, k->start, NULL);
                if (k->exit)
                        write_exit(&w, ID_A, k->exit, 5);
                CHECK(container_settle(c, k->unit));
                CHECK_EQ(c->state, k->state);
                /* A run that nobody saw end has no exit code. */
                if (k->start && !k->exit && k->state == CONTAINER_EXITED)
                        CHECK_EQ(container_exit_code(c), -1);
        }
}

/* Every pair of state and request has an answer, and what is being removed can do nothing. */
TEST(every_request)
{
        static const struct {
                ContainerState state;
                ContainerRequest request;
                Verdict verdict;
                ErrorKind error;
        } cases[] = {
                {CONTAINER_CREATED, REQUEST_START, VERDICT_GO},
                {CONTAINER_RUNNING, REQUEST_START, VERDICT_DONE},
                {CONTAINER_RUNNING, REQUEST_ATTACH, 0, ERROR_RUNNING},
                {CONTAINER_STARTING, REQUEST_START, VERDICT_JOIN},
                {CONTAINER_EXITED, REQUEST_STOP, VERDICT_DONE},
                {CONTAINER_EXITED, REQUEST_KILL, 0, ERROR_NOT_RUNNING},
                {CONTAINER_EXITED, REQUEST_RESTART, VERDICT_START_INSTEAD},
                {CONTAINER_WAITING, REQUEST_STOP, VERDICT_GO},
                {CONTAINER_RUNNING, REQUEST_REMOVE, VERDICT_NEEDS_FORCE},
                {CONTAINER_CREATED, REQUEST_EXEC, 0, ERROR_NOT_RUNNING},
        };
        _cleanup_world_ World w = {};
        Container *c;

        world_new(&w);
        c = add(&w, ID_A, "web", false);
        for (ContainerState s = CONTAINER_CREATED; s < CONTAINER_REMOVING; s++)
                for (ContainerRequest r = 0; r < _CONTAINER_REQUEST_MAX; r++) {
                        _cleanup_error_ Error error = ERROR_INIT;
                        Verdict v;

                        c->state = s;
                        CHECK(container_ask(c, r, &v, &error) >= 0 || error.kind != ERROR_NO_SUCH_CONTAINER);
                }
        for (ContainerRequest r = 0; r < _CONTAINER_REQUEST_MAX; r++) {
                _cleanup_error_ Error error = ERROR_INIT;
                Verdict v;

                c->state = CONTAINER_REMOVING;
                CHECK(container_ask(c, r, &v, &error) < 0);
                CHECK_EQ(error.kind, ERROR_NO_SUCH_CONTAINER);
        }
        FOREACH_ELEMENT(k, cases) {
                _cleanup_error_ Error error = ERROR_INIT;
                Verdict v;

                c->state = k->state;
                CHECK_EQ(container_ask(c, k->request, &v, &error) < 0, k->error != ERROR_NONE);
                CHECK_EQ(error.kind, k->error);
                CHECK(k->error != ERROR_NONE || v == k->verdict);
        }
}

TEST(clients_that_vanish)
{
        _cleanup_world_ World w = {};
        Told gone = {}, here = {};
        Container *c;

        world_new(&w);
        c = add(&w, ID_A, "web", false);
        CHECK_OK(container_wait(c, &(Promise){":1.1", on_told, &gone}, NULL));
        CHECK_OK(container_wait(c, &(Promise){":1.1", on_told, &gone}, NULL));
        CHECK_OK(container_wait(c, &(Promise){":1.2", on_told, &here}, NULL));
        operations_forget_owner(&w.manager, ":1.1");
        CHECK_EQ(gone.times, 2);
        CHECK_EQ(gone.r, OPERATION_ABANDONED);
        CHECK_EQ(here.times, 0);
        CHECK_EQ(w.manager.n_operations, 1);
        CHECK_EQ(map_size(w.manager.owners), 1);
}

TEST(limits)
{
        _cleanup_world_ World w = {};
        _cleanup_error_ Error error = ERROR_INIT;
        Told told = {};
        unsigned n = 0;
        Container *c;

        world_new(&w);
        c = add(&w, ID_A, "web", false);
        while (container_wait(c, &(Promise){":1.1", on_told, &told}, &error) >= 0)
                CHECK(++n <= 100000);
        CHECK_EQ(error.kind, ERROR_LIMIT);
        CHECK_EQ(told.times, 0);
        CHECK_EQ(w.manager.n_operations, n);
}

TEST(names)
{
        _cleanup_world_ World w = {};
        _cleanup_error_ Error error = ERROR_INIT, ambiguous = ERROR_INIT;
        _cleanup_(container_freep) Container *other = NULL;
        Container *c, *found;

        world_new(&w);
        c = add(&w, ID_A, "web", false);
        (void) add(&w,
                   "aaaab"
                   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                   "aaaa", false);
        CHECK_OK(manager_find_container(&w.manager, "web", &found, NULL));
        CHECK(found == c);
        CHECK_OK(manager_find_container(&w.manager, ID_A, &found, NULL));
        CHECK_OK(manager_find_container(&w.manager, "aaaaa", &found, NULL));
        CHECK(found == c);
        /* A name goes before the beginning of an ID. */
        CHECK_OK(manager_find_container(&w.manager, "aaaa", &found, NULL));
        CHECK(found != c);
        CHECK(manager_find_container(&w.manager, "aaa", &found, &ambiguous) < 0);
        CHECK_EQ(ambiguous.kind, ERROR_AMBIGUOUS);
        CHECK(manager_find_container(&w.manager, "", &found, NULL) < 0);
        other = container_new(&w.manager);
        other->file.spec = spec_new(SPEC_CONTAINER);
        other->file.unit = strdup("berth-web.service");
        CHECK_OK(str_replace(&other->file.spec->name, "web"));
        CHECK(container_reserve(other, &error) < 0);
        CHECK_EQ(error.kind, ERROR_NAME_IN_USE);
        CHECK(strstr(error.message, ID_A));
}
