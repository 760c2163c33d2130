/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Verbs of containers that are there. One that takes several containers sends all its calls before it awaits
 * the first reply; each failure is reported for itself, and the others go on. */

#include "base/parse.h"
#include "base/str.h"
#include "prog/ctl-bus.h"
#include "prog/ctl-output.h"
#include "spec/name.h"

#define ASK_TRIES_MAX 5

/* One container a verb is asked to act on. */
typedef struct Target {
        const char *name; /* as the user wrote it */
        char *path;
        Call find, act;
} Target;

typedef struct Targets {
        Target *list;
        size_t n;
        char **names; /* owned, when they are not the arguments */
} Targets;

/* Fills in the call for one container. */
typedef int (*TargetCall)(Ctl *c, const char *path, sd_bus_message **ret);
/* Prints what came of it; NULL: the name. */
typedef int (*TargetPrint)(Ctl *c, const Target *t, sd_bus_message *reply);

static void targets_done(Targets *t)
{
        for (size_t i = 0; i < t->n; i++) {
                call_done(&t->list[i].find);
                call_done(&t->list[i].act);
                free(t->list[i].path);
        }
        free(t->list);
        strv_free(t->names);
}

static int ids_of_list(Ctl *c, bool all, uint64_t last, char ***ret)
{
        _cleanup_json_ json_t *list = NULL;
        const json_t *row;
        size_t i;
        int r;

        r = bus_list_containers(c, all, last, &list);
        json_array_foreach(list, i, row) if (r >= 0) r =
                strv_append(ret, strempty(json_get_string(row, "Id")));
        return r;
}

static int no_latest(Ctl *c, char **names)
{
        return names ? 0 : error_set(&c->error, ERROR_NO_SUCH_CONTAINER, "There is no container");
}

/* Arguments, or what --all, --latest and --filter select. */
static int targets_collect(Ctl *c, bool all_states, Targets *ret)
{
        char **names = c->args;
        int r = 0;

        if (ctl_has(c, FLAG_ALL) || c->values[FLAG_FILTER])
                r = ids_of_list(c, all_states, 0, &ret->names);
        else if (ctl_has(c, FLAG_LATEST))
                r = ids_of_list(c, true, 1, &ret->names) ?: no_latest(c, ret->names);
        else if (!names[0])
                r = error_set(&c->error, ERROR_INVALID_ARGUMENT, "name a container%s",
                              c->verb->flags & F(ALL) ? ", or use --all" : "");
        if (r < 0)
                return r;
        if (ctl_has(c, FLAG_ALL) || ctl_has(c, FLAG_LATEST) || c->values[FLAG_FILTER])
                names = ret->names;
        ret->list = calloc(strv_length(names) + 1, sizeof(Target));
        if (!ret->list)
                return -ENOMEM;
        STRV_FOREACH(n, names)
                ret->list[ret->n++].name = *n;
        return 0;
}

static int send_find(Ctl *c, Target *t)
{
        _cleanup_message_ sd_bus_message *m = NULL;
        int r;

        if (id_is_valid(t->name)) {
                t->path = object_path("container", t->name);
                return t->path ? 0 : -ENOMEM;
        }
        r = bus_new_call(c, &m, BUS_PATH, RUNTIME_INTERFACE, "LookupContainer", "s", t->name);
        return r < 0 ? r : bus_send(c, m, &t->find);
}

static int send_act(Ctl *c, Target *t, TargetCall call)
{
        _cleanup_message_ sd_bus_message *m = NULL;
        sd_bus_message *reply;
        const char *path;
        int r;

        if (!t->path) {
                r = bus_wait(c, &t->find, &reply);
                if (r < 0)
                        return r;
                r = sd_bus_message_read(reply, "o", &path);
                if (r < 0)
                        return bus_failed(c, r);
                t->path = strdup(path);
                if (!t->path)
                        return -ENOMEM;
        }
        r = call(c, t->path, &m);
        return r < 0 ? r : bus_send(c, m, &t->act);
}

/* Reports and forgets an error about one of several. */
static int target_failed(Ctl *c)
{
        int status = 0;

        if (c->error.kind != ERROR_NO_SUCH_CONTAINER || !ctl_has(c, FLAG_IGNORE)) {
                output_error(c, &c->error);
                status = error_exit_status(c->error.kind);
        }
        error_done(&c->error);
        return status;
}

/* What only asks, and so has something to print, is asked again of the next berthd. */
static int ask_again(Ctl *c, Target *t, TargetCall call, sd_bus_message **ret)
{
        int r = bus_wait(c, &t->act, ret);

        for (unsigned tries = 0; r < 0 && bus_went_away(&t->act) && tries < ASK_TRIES_MAX; tries++) {
                error_done(&c->error);
                call_done(&t->act);
                r = send_act(c, t, call);
                if (r >= 0)
                        r = bus_wait(c, &t->act, ret);
        }
        return r;
}

static int target_finish(Ctl *c, Target *t, TargetCall call, TargetPrint print)
{
        sd_bus_message *reply;
        int r;

        r = print ? ask_again(c, t, call, &reply) : bus_wait(c, &t->act, &reply);
        if (r >= 0 && print)
                return print(c, t, reply);
        if (r >= 0)
                output_line(t->name);
        return r;
}

static int for_each_target(Ctl *c, bool all_states, TargetCall call, TargetPrint print)
{
        _cleanup_(targets_done) Targets t = {};
        int status = 0, r;

        r = targets_collect(c, all_states, &t);
        for (size_t i = 0; i < t.n && r >= 0; i++)
                r = send_find(c, &t.list[i]);
        if (r < 0)
                return r;
        for (size_t i = 0; i < t.n; i++)
                if (send_act(c, &t.list[i], call) < 0)
                        status = target_failed(c) ?: status;
        for (size_t i = 0; i < t.n; i++)
                if (t.list[i].act.slot && target_finish(c, &t.list[i], call, print) < 0)
                        status = target_failed(c) ?: status;
        return status;
}

static int call_start(Ctl *c, const char *path, sd_bus_message **ret)
{
        return bus_new_call(c, ret, path, CONTAINER_INTERFACE, "Start", NULL);
}

static int start_attached(Ctl *c)
{
        _cleanup_free_ char *path = NULL;
        int r;

        if (!c->args[0] || c->args[1])
                return error_set(&c->error, ERROR_INVALID_ARGUMENT, "--attach wants exactly one container");
        r = bus_find(c, "container", c->args[0], &path);
        return r < 0 ? r : run_attached(c, path);
}

int verb_start(Ctl *c)
{
        return ctl_has(c, FLAG_ATTACH) ? start_attached(c) : for_each_target(c, true, call_start, NULL);
}

/* --time in seconds, or a span as settings have it. 0: not given. */
static int get_time(Ctl *c, uint64_t *ret)
{
        const char *time = ctl_value(c, FLAG_TIME);

        if (time && parse_usec(time, ret) < 0)
                return error_set(&c->error, ERROR_INVALID_ARGUMENT, "--time: \"%s\" is no time", time);
        return !!time;
}

static int call_with_time(Ctl *c, const char *path, const char *plain, const char *with_time,
                          sd_bus_message **ret)
{
        uint64_t time;
        int r = get_time(c, &time);

        if (r < 0)
                return r;
        if (r > 0)
                return bus_new_call(c, ret, path, CONTAINER_INTERFACE, with_time, "t", time);
        return bus_new_call(c, ret, path, CONTAINER_INTERFACE, plain, NULL);
}

/* Wrong flags are told before anything is done. */
static int for_each_with_time(Ctl *c, bool all_states, TargetCall call)
{
        uint64_t time;
        int r = get_time(c, &time);

        return r < 0 ? r : for_each_target(c, all_states, call, NULL);
}

static int call_stop(Ctl *c, const char *path, sd_bus_message **ret)
{
        return call_with_time(c, path, "Stop", "StopWithTimeout", ret);
}

int verb_stop(Ctl *c)
{
        return for_each_with_time(c, false, call_stop);
}

static int call_restart(Ctl *c, const char *path, sd_bus_message **ret)
{
        return call_with_time(c, path, "Restart", "RestartWithTimeout", ret);
}

int verb_restart(Ctl *c)
{
        return for_each_with_time(c, true, call_restart);
}

static int get_signal(Ctl *c, int *ret)
{
        const char *name = ctl_value(c, FLAG_SIGNAL) ?: "SIGKILL";

        if (parse_signal(name, ret) < 0)
                return error_set(&c->error, ERROR_INVALID_ARGUMENT, "--signal: \"%s\" is no signal", name);
        return 0;
}

static int call_kill(Ctl *c, const char *path, sd_bus_message **ret)
{
        char buf[FORMAT_SIGNAL_MAX];
        int sig, r = get_signal(c, &sig);

        if (r < 0)
                return r;
        return bus_new_call(c, ret, path, CONTAINER_INTERFACE, "Kill", "s", format_signal(sig, buf));
}

int verb_kill(Ctl *c)
{
        int sig, r = get_signal(c, &sig);

        return r < 0 ? r : for_each_target(c, false, call_kill, NULL);
}

static int call_wait(Ctl *c, const char *path, sd_bus_message **ret)
{
        return bus_new_call(c, ret, path, CONTAINER_INTERFACE, "Wait", NULL);
}

static int print_wait(Ctl *c, const Target *t, sd_bus_message *reply)
{
        int status, r = sd_bus_message_read(reply, "i", &status);

        if (r < 0)
                return bus_failed(c, r);
        printf("%d\n", status);
        return 0;
}

int verb_wait(Ctl *c)
{
        return for_each_target(c, false, call_wait, print_wait);
}

static int call_update(Ctl *c, const char *path, sd_bus_message **ret)
{
        _cleanup_message_ sd_bus_message *m = NULL;
        int r;

        r = bus_new_call(c, &m, path, CONTAINER_INTERFACE, "Update", NULL);
        if (r >= 0)
                r = bus_append_spec(c, m);
        if (r >= 0)
                *ret = TAKE_PTR(m);
        return r;
}

int verb_update(Ctl *c)
{
        return for_each_target(c, false, call_update, NULL);
}

static int call_remove(Ctl *c, const char *path, sd_bus_message **ret)
{
        _cleanup_message_ sd_bus_message *m = NULL;
        uint64_t time;
        int timed = get_time(c, &time), r;

        if (timed < 0)
                return timed;
        r = bus_new_call(c, &m, path, CONTAINER_INTERFACE, "Remove", NULL);
        if (r < 0)
                return r;
        r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0 && ctl_has(c, FLAG_FORCE))
                r = sd_bus_message_append(m, "{sv}", "Force", "b", true);
        if (r >= 0 && timed > 0)
                r = sd_bus_message_append(m, "{sv}", "Timeout", "t", time);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r < 0)
                return bus_failed(c, r);
        *ret = TAKE_PTR(m);
        return 0;
}

int verb_rm(Ctl *c)
{
        return for_each_with_time(c, true, call_remove);
}

int verb_container_prune(Ctl *c)
{
        if (!output_confirm(c, "This removes all containers that do not run. Go on?"))
                return 0;
        return bus_prune(c, "PruneContainers");
}

int verb_container_exists(Ctl *c)
{
        int r = bus_call(c, NULL, BUS_PATH, RUNTIME_INTERFACE, "LookupContainer", "s", c->args[0]);

        if (r < 0 && c->error.kind == ERROR_NO_SUCH_CONTAINER) {
                error_done(&c->error);
                return 1;
        }
        return r < 0 ? r : 0;
}
