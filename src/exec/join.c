/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One setns() for all namespaces: a user namespace among them counts for the caller only when the others are
 * checked. */

#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/pidfd.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/str.h"
#include "exec/cgroup.h"
#include "exec/join.h"
#include "exec/record.h"

#define STATUS_SIZE_MAX 65536U
#define ALWAYS_JOINED (CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP)

void join_done(Join *j)
{
        close_fd(j->pidfd);
        close_fd(j->cgroup);
        *j = JOIN_INIT;
}

static int not_running(const char *name, Error *error)
{
        return error_set(error, ERROR_NOT_RUNNING, "Container %s is not running", name);
}

/* The descriptor is opened first and the number compared after: if both fit, it is that very process. */
static int open_target(Join *j, pid_t pid, uint64_t pid_start, const char *name, Error *error)
{
        uint64_t start;
        int r;

        j->pidfd = pidfd_open(pid, 0);
        if (j->pidfd < 0)
                return errno == ESRCH ? not_running(name, error)
                                      : error_set_errno(error, errno, "Cannot open process %d", pid);
        r = process_start_time(pid, &start);
        if (r == -ESRCH || (r >= 0 && start != pid_start))
                return not_running(name, error);
        return r < 0 ? error_set_errno(error, r, "Cannot read the start time of process %d", pid) : 0;
}

static int open_cgroup(Join *j, pid_t pid, const char *name, Error *error)
{
        _cleanup_free_ char *path = NULL;
        int r;

        r = cgroup_of_process(pid, &path);
        if (r == -ESRCH)
                return not_running(name, error);
        if (r == -ENOENT)
                return error_set(error, ERROR_START_FAILED, "The container is in no cgroup v2");
        if (r >= 0)
                r = j->cgroup = cgroup_open(path);
        return r < 0 ? error_set_errno(error, r, "Cannot open the container's cgroup") : 0;
}

static int is_other(pid_t pid, const char *ns)
{
        char ours[64], theirs[64];
        struct stat a, b;

        (void) snprintf(ours, sizeof(ours), "/proc/self/ns/%s", ns);
        (void) snprintf(theirs, sizeof(theirs), "/proc/%d/ns/%s", (int) pid, ns);
        if (stat(ours, &a) < 0 || stat(theirs, &b) < 0)
                return errno == ENOENT ? 0 : -errno;
        return a.st_ino != b.st_ino || a.st_dev != b.st_dev;
}

/* Most can be entered again without harm; these two not. */
static int choose_flags(Join *j, pid_t pid, Error *error)
{
        int user = is_other(pid, "user"), time = is_other(pid, "time");

        if (user < 0 || time < 0)
                return error_set_errno(error, user < 0 ? user : time,
                                       "Cannot look at the container's namespaces");
        j->flags = ALWAYS_JOINED | (user ? CLONE_NEWUSER : 0) | (time ? CLONE_NEWTIME : 0);
        return 0;
}

/* What any process of the container can ever get is the bounding set of its first. In a user namespace of its
 * own it has no power over a process that is not dumpable and began outside. */
static int read_may_trace(Join *j, pid_t pid, const char *name, Error *error)
{
        _cleanup_free_ char *path = str_printf("/proc/%d/status", (int) pid), *text = NULL;
        const char *line;
        int r;

        if (j->flags & CLONE_NEWUSER)
                return 0;
        r = path ? fs_read_at(AT_FDCWD, path, STATUS_SIZE_MAX, &text, NULL) : -ENOMEM;
        if (r < 0)
                return r == -ENOENT || r == -ESRCH
                               ? not_running(name, error)
                               : error_set_errno(error, r, "Cannot read the container's capabilities");
        line = strstr(text, "\nCapBnd:\t");
        j->may_trace =
                !line || (strtoull(line + strlen("\nCapBnd:\t"), NULL, 16) & UINT64_C(1) << CAP_SYS_PTRACE);
        return 0;
}

int join_open(Join *j, pid_t pid, uint64_t pid_start, const char *name, Error *error)
{
        int r;

        r = open_target(j, pid, pid_start, name, error);
        if (r >= 0)
                r = open_cgroup(j, pid, name, error);
        if (r >= 0)
                r = choose_flags(j, pid, error);
        return r < 0 ? r : read_may_trace(j, pid, name, error);
}

int join_enter_pid(const Join *j, const char *name, Error *error)
{
        if (!j->may_trace && setns(j->pidfd, CLONE_NEWPID) < 0)
                return errno == ESRCH ? not_running(name, error)
                                      : error_set_errno(error, errno, "Cannot join the PID namespace");
        return 0;
}

static int close_between(int first, int last)
{
        return first <= last && close_range((unsigned) first, (unsigned) last, 0) < 0 ? -errno : 0;
}

/* What was opened for the way in leads out again. */
static int close_all_but(int a, int b, unsigned keep)
{
        int first = STDERR_FILENO + 1 + (int) keep, low = MIN(a, b), high = MAX(a, b), r;

        if (low < first)
                low = high;
        r = close_between(first, low - 1);
        if (r >= 0)
                r = close_between(low + 1, high - 1);
        return r < 0 ? r : close_between(high + 1, INT_MAX);
}

int join_enter(const Join *j, const Channel *channel, int also, unsigned keep, Error *error)
{
        if (setns(j->pidfd, (int) (j->flags | (j->may_trace ? CLONE_NEWPID : 0))) < 0)
                return error_set(error, ERROR_START_FAILED, "Cannot join the container: %m");
        /* Where nobody is 0 the process's own user is as good. */
        if (j->flags & CLONE_NEWUSER)
                (void) !(setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0);
        if (close_all_but(channel->child, also, keep) < 0)
                return error_set(error, ERROR_START_FAILED, "Cannot close descriptors: %m");
        return 0;
}
