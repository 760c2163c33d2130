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

static int failed(Error *error, const char *what)
{
        return error_set(error, ERROR_START_FAILED, "Cannot set the %s: %m", what);
}

static int set_scheduler(const LaunchScheduler *s, Error *error)
{
        struct sched_attr attr = {
                .size = sizeof(attr),
                .sched_policy = (uint32_t) s->policy,
                .sched_flags = s->flags,
                .sched_nice = (int32_t) s->nice,
                .sched_priority = (uint32_t) s->priority,
                .sched_runtime = s->runtime,
                .sched_deadline = s->deadline,
                .sched_period = s->period,
        };

        return syscall(SYS_sched_setattr, 0, &attr, 0) < 0 ? failed(error, "scheduler") : 0;
}

int schedule_process(const LaunchProcess *p, Error *error)
{
        int r;

        r = p->has_scheduler ? set_scheduler(&p->scheduler, error) : 0;
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
