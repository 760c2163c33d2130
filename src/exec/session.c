/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* berth-exec unit-exec: one more process in a running container. The launcher stays where it is; only the child
 * joins. A container that may trace processes (CAP_SYS_PTRACE) could take over a joiner that is in its PID
 * namespace before it has given up the host, so there a first child joins and drops everything, and makes the
 * real one. */

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>

#include "base/fs.h"
#include "base/str.h"
#include "exec/launcher.h"
#include "exec/namespace.h"
#include "exec/order.h"
#include "exec/process.h"
#include "exec/record.h"
#include "exec/seccomp-cache.h"
#include "exec/verb.h"

#define CGROUP_DIR "/sys/fs/cgroup"
#define CGROUP_SIZE_MAX 8192U
#define STATUS_SIZE_MAX 65536U
#define JOINED (CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP)

typedef struct Session {
        ExecOrder order;
        Filter filter;
        int pidfd;  /* the container's first process */
        int cgroup; /* its cgroup */
        bool may_trace;
} Session;

static void session_done(Session *s)
{
        exec_order_done(&s->order);
        filter_done(&s->filter);
        close_fd(s->pidfd);
        close_fd(s->cgroup);
}

static int not_running(const Session *s, Error *error)
{
        return error_set(error, ERROR_NOT_RUNNING, "Container %s is not running",
                         s->order.launch->name ?: s->order.container);
}

/* The descriptor is opened first and the number compared after: if both fit, it is that very process. */
static int open_target(Session *s, Error *error)
{
        pid_t pid = (pid_t) s->order.pid;
        uint64_t start;
        int r;

        s->pidfd = pidfd_open(pid, 0);
        if (s->pidfd < 0)
                return errno == ESRCH ? not_running(s, error)
                                      : error_set_errno(error, errno, "Cannot open process %d", pid);
        r = process_start_time(pid, &start);
        if (r == -ESRCH || (r >= 0 && start != s->order.pid_start))
                return not_running(s, error);
        return r < 0 ? error_set_errno(error, r, "Cannot read the start time of process %d", pid) : 0;
}

static int open_cgroup(Session *s, Error *error)
{
        _cleanup_free_ char *path = str_printf("/proc/%d/cgroup", (int) s->order.pid), *text = NULL,
                            *dir = NULL;
        char *line;
        int r;

        if (!path)
                return error_set_errno(error, ENOMEM, "Control group");
        r = fs_read_at(AT_FDCWD, path, CGROUP_SIZE_MAX, &text, NULL);
        if (r < 0)
                return r == -ENOENT || r == -ESRCH ? not_running(s, error)
                                                   : error_set_errno(error, r, "Cannot read %s", path);
        line = strstr(text, "0::/");
        if (!line || (line != text && line[-1] != '\n'))
                return error_set(error, ERROR_START_FAILED, "The container is in no cgroup v2");
        line[strcspn(line, "\n")] = '\0';
        dir = str_printf(CGROUP_DIR "%s", line + strlen("0::"));
        s->cgroup = dir ? open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
        return s->cgroup < 0
                       ? error_set_errno(error, dir ? errno : ENOMEM, "Cannot open the container's cgroup")
                       : 0;
}

/* What any process of the container can ever get is the bounding set of its first. */
static int read_may_trace(Session *s, Error *error)
{
        _cleanup_free_ char *path = str_printf("/proc/%d/status", (int) s->order.pid), *text = NULL;
        const char *line;
        int r;

        r = path ? fs_read_at(AT_FDCWD, path, STATUS_SIZE_MAX, &text, NULL) : -ENOMEM;
        if (r < 0)
                return r == -ENOENT || r == -ESRCH
                               ? not_running(s, error)
                               : error_set_errno(error, r, "Cannot read the container's capabilities");
        line = strstr(text, "\nCapBnd:\t");
        s->may_trace =
                !line || (strtoull(line + strlen("\nCapBnd:\t"), NULL, 16) & UINT64_C(1) << CAP_SYS_PTRACE);
        return 0;
}

static int prepare(Session *s, Error *error)
{
        int r;

        if (s->order.launch->process.terminal)
                return error_set(error, ERROR_NOT_SUPPORTED, "A session with a terminal");
        r = open_target(s, error);
        if (r >= 0)
                r = open_cgroup(s, error);
        if (r >= 0)
                r = read_may_trace(s, error);
        if (r >= 0)
                r = filter_load(s->order.launch, &s->filter, error);
        if (r < 0 || s->may_trace)
                return r;
        if (setns(s->pidfd, CLONE_NEWPID) < 0)
                return errno == ESRCH ? not_running(s, error)
                                      : error_set_errno(error, errno, "Cannot join the PID namespace");
        return 0;
}

/* What was opened for the way in leads out again. */
static int close_all_but(int keep)
{
        return (keep > 3 && close_range(3, (unsigned) keep - 1, 0) < 0) ||
                               close_range((unsigned) keep + 1, ~0U, 0) < 0
                       ? -errno
                       : 0;
}

static int child(void *context, const Channel *channel, Error *error)
{
        const Session *s = context;
        Process p = {
                .order = &s->order.launch->process,
                .filter = &s->filter,
                .channel = channel,
                .in_child = s->may_trace,
        };

        /* C1: the namespaces, with them the root. */
        if (setns(s->pidfd, JOINED | (s->may_trace ? CLONE_NEWPID : 0)) < 0)
                return error_set(error, ERROR_START_FAILED, "Cannot join the container: %m");
        if (close_all_but(channel->child) < 0)
                return error_set(error, ERROR_START_FAILED, "Cannot close descriptors: %m");
        /* C2: the payload. */
        return process_become(&p, error);
}

int verb_exec(char *const *args)
{
        _cleanup_(session_done) Session s = {.pidfd = -EBADF, .cgroup = -EBADF};
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
                .cgroup = s.cgroup,
                .relay = -EBADF,
                .child = child,
                .context = &s,
        });
}
