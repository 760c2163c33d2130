/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* libc has no words for most of these calls. */

#include <linux/ioprio.h>
#include <linux/mempolicy.h>
#include <linux/sched.h>
#include <linux/sched/types.h>
#include <sys/personality.h>
#include <sys/syscall.h>

#include "base/str.h"
#include "exec/schedule.h"

#define NODES_MAX 1024U
#define CPUS_MAX 8192U
#define DEADLINE_TIME_MIN 1024U /* nanoseconds, of the kernel's */

static int failed(Error *error, const char *what)
{
        return error_set(error, ERROR_START_FAILED, "Cannot set the %s: %m", what);
}

/* The kernel says only that one of the three is wrong. The words are those that crun's users know. */
static int explain_deadline(const LaunchScheduler *s, Error *error)
{
        uint64_t runtime = s->runtime.value, deadline = s->deadline.value;
        char why[128] = "does not take these times";

        if (!s->runtime.set || !s->deadline.set)
                (void) snprintf(why, sizeof(why), "requires `%s`", s->runtime.set ? "deadline" : "runtime");
        else if (runtime == 0 || deadline == 0)
                (void) snprintf(why, sizeof(why), "%s must be greater than 0",
                                runtime == 0 ? "runtime" : "deadline");
        else if (runtime > deadline)
                (void) snprintf(why, sizeof(why), "runtime (%ju) must be <= deadline (%ju)",
                                (uintmax_t) runtime, (uintmax_t) deadline);
        else if (s->period != 0 && deadline > s->period)
                (void) snprintf(why, sizeof(why), "deadline (%ju) must be <= period (%ju)",
                                (uintmax_t) deadline, (uintmax_t) s->period);
        else if (runtime < DEADLINE_TIME_MIN || runtime >> 63)
                (void) snprintf(why, sizeof(why), "runtime (%ju) must be between %u and 2^63",
                                (uintmax_t) runtime, DEADLINE_TIME_MIN);
        return error_set(error, ERROR_INVALID_ARGUMENT,
                         "Cannot set the scheduler: sched_setattr: `SCHED_DEADLINE` %s", why);
}

static int set_scheduler(pid_t pid, const LaunchScheduler *s, Error *error)
{
        struct sched_attr attr = {
                .size = sizeof(attr),
                .sched_policy = (uint32_t) s->policy,
                .sched_flags = s->flags,
                .sched_nice = (int32_t) s->nice,
                .sched_priority = (uint32_t) s->priority,
                .sched_runtime = s->runtime.value,
                .sched_deadline = s->deadline.value,
                .sched_period = s->period,
        };

        if (syscall(SYS_sched_setattr, pid, &attr, 0) >= 0)
                return 0;
        if (errno == EINVAL && s->policy == SCHED_DEADLINE)
                return explain_deadline(s, error);
        return failed(error, "scheduler");
}

bool schedule_is_inherited(const LaunchProcess *p)
{
        return !p->has_scheduler ||
               (p->scheduler.policy != SCHED_DEADLINE && !(p->scheduler.flags & SCHED_FLAG_RESET_ON_FORK));
}

int schedule_other(pid_t pid, const LaunchProcess *p, Error *error)
{
        return p->has_scheduler ? set_scheduler(pid, &p->scheduler, error) : 0;
}

int schedule_process(const LaunchProcess *p, Error *error)
{
        int r;

        r = p->has_scheduler ? set_scheduler(0, &p->scheduler, error) : 0;
        if (r < 0 || !p->has_io_priority)
                return r;
        return syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0,
                       IOPRIO_PRIO_VALUE(p->io_class, p->io_priority)) < 0
                       ? failed(error, "I/O priority")
                       : 0;
}

static int set_memory_policy(const Launch *l, Error *error)
{
        uint64_t nodes[NODES_MAX / 64] = {};
        bool named = !isempty(l->memory_policy_nodes);

        if (named && launch_parse_cpu_list(l->memory_policy_nodes, nodes, NODES_MAX) < 0)
                return error_set(error, ERROR_INVALID_ARGUMENT,
                                 "linux.memoryPolicy.nodes is no list of nodes");
        /* The kernel counts one bit less than it is told. */
        if (syscall(SYS_set_mempolicy, (int) (l->memory_policy | (int64_t) l->memory_policy_flags),
                    named ? nodes : NULL, named ? NODES_MAX + 1UL : 0UL) < 0)
                return failed(error, "memory policy");
        return 0;
}

int schedule_container(const Launch *l, Error *error)
{
        int r;

        r = l->has_memory_policy ? set_memory_policy(l, error) : 0;
        if (r < 0 || !l->has_personality)
                return r;
        return personality((unsigned long) l->personality) < 0 ? failed(error, "personality") : 0;
}

int schedule_affinity(const char *cpus, Error *error)
{
        uint64_t bits[CPUS_MAX / 64];

        if (!cpus)
                return 0;
        if (launch_parse_cpu_list(cpus, bits, CPUS_MAX) < 0)
                return error_set(error, ERROR_INVALID_ARGUMENT, "\"%s\" is not a list of CPUs", cpus);
        return syscall(SYS_sched_setaffinity, 0, sizeof(bits), bits) < 0 ? failed(error, "CPU affinity") : 0;
}
