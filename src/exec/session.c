/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* berth-exec unit-exec: one more process in a running container. The launcher stays where it is; only the
 * child joins. A container that may trace processes (CAP_SYS_PTRACE) could take over a joiner that is in its
 * PID namespace before it has given up the host, so there a first child joins and drops everything, and makes
 * the real one. */

#include "exec/join.h"
#include "exec/launcher.h"
#include "exec/order.h"
#include "exec/process.h"
#include "exec/seccomp-cache.h"
#include "exec/verb.h"

typedef struct Session {
        ExecOrder order;
        Filter filter;
        Join join;
} Session;

static void session_done(Session *s)
{
        exec_order_done(&s->order);
        filter_done(&s->filter);
        join_done(&s->join);
}

static int prepare(Session *s, Error *error)
{
        const char *name = s->order.launch->name ?: s->order.container;
        int r;

        if (s->order.launch->process.terminal)
                return error_set(error, ERROR_NOT_SUPPORTED, "A session with a terminal");
        r = join_open(&s->join, (pid_t) s->order.pid, s->order.pid_start, name, error);
        if (r >= 0)
                r = filter_load(s->order.launch, &s->filter, error);
        return r < 0 ? r : join_enter_pid(&s->join, name, error);
}

static int child(void *context, const Channel *channel, Error *error)
{
        const Session *s = context;
        Process p = {
                .order = &s->order.launch->process,
                .filter = &s->filter,
                .channel = channel,
                .in_child = s->join.may_trace,
        };
        int r;

        /* C1: the namespaces, with them the root. */
        r = join_enter(&s->join, channel, -EBADF, 0, error);
        /* C2: the payload. */
        return r < 0 ? r : process_become(&p, error);
}

int verb_exec(char *const *args)
{
        _cleanup_(session_done) Session s = {.join = JOIN_INIT};
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_free_ char *id = NULL;
        int r;

        r = order_find(args, &id, &error);
        if (r >= 0)
                r = order_load_exec(id, &s.order, &error);
        if (r >= 0)
                r = prepare(&s, &error);
        if (r < 0)
                return launcher_failed(s.order.launch, id, &error);
        return launcher_run(&(Launcher){
                .launch = s.order.launch,
                .record_id = id,
                .exec_id = id,
                .cgroup = s.join.cgroup,
                .relay = -EBADF,
                .child = child,
                .context = &s,
        });
}
