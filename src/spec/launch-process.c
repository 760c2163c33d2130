/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* OCI "process": one command with its identity and limits. */

#include <limits.h>
#include <linux/ioprio.h>
#include <linux/sched.h>

#include "base/parse.h"
#include "base/str.h"
#include "spec/launch-table.h"

#define CONSOLE_SIZE_MAX UINT16_MAX
#define ID_MAX (UINT32_MAX - INT64_C(1))
#define CPU_WORDS (LAUNCH_CPUS_MAX / 64)
#define SCHED_ISO 4 /* reserved: no kernel has it */

static const char *const rlimit_names[] = {
        "RLIMIT_CPU",  "RLIMIT_FSIZE",  "RLIMIT_DATA",    "RLIMIT_STACK",
        "RLIMIT_CORE", "RLIMIT_RSS",    "RLIMIT_NPROC",   "RLIMIT_NOFILE",
        "RLIMIT_AS",   "RLIMIT_LOCKS",  "RLIMIT_MEMLOCK", "RLIMIT_MSGQUEUE",
        "RLIMIT_NICE", "RLIMIT_RTPRIO", "RLIMIT_RTTIME",  "RLIMIT_SIGPENDING",
};

static const MemberName scheduler_policies[] = {
        {"SCHED_OTHER", SCHED_NORMAL},
        {"SCHED_FIFO", SCHED_FIFO},
        {"SCHED_RR", SCHED_RR},
        {"SCHED_BATCH", SCHED_BATCH},
        {"SCHED_ISO", SCHED_ISO},
        {"SCHED_IDLE", SCHED_IDLE},
        {"SCHED_DEADLINE", SCHED_DEADLINE},
        {},
};

static const MemberName scheduler_flags[] = {
        {"SCHED_FLAG_RESET_ON_FORK", SCHED_FLAG_RESET_ON_FORK},
        {"SCHED_FLAG_RECLAIM", SCHED_FLAG_RECLAIM},
        {"SCHED_FLAG_DL_OVERRUN", SCHED_FLAG_DL_OVERRUN},
        {"SCHED_FLAG_KEEP_POLICY", SCHED_FLAG_KEEP_POLICY},
        {"SCHED_FLAG_KEEP_PARAMS", SCHED_FLAG_KEEP_PARAMS},
        {"SCHED_FLAG_UTIL_CLAMP_MIN", SCHED_FLAG_UTIL_CLAMP_MIN},
        {"SCHED_FLAG_UTIL_CLAMP_MAX", SCHED_FLAG_UTIL_CLAMP_MAX},
        {},
};

static const MemberName io_classes[] = {
        {"IOPRIO_CLASS_RT", IOPRIO_CLASS_RT},
        {"IOPRIO_CLASS_BE", IOPRIO_CLASS_BE},
        {"IOPRIO_CLASS_IDLE", IOPRIO_CLASS_IDLE},
        {},
};

static const Member console_members[] = {
        {"height", MEMBER_U32, offsetof(LaunchProcess, console_height), .max = CONSOLE_SIZE_MAX},
        {"width", MEMBER_U32, offsetof(LaunchProcess, console_width), .max = CONSOLE_SIZE_MAX},
};
static const MemberTable console_table = MEMBER_TABLE(console_members, LaunchProcess);

static const Member user_members[] = {
        {"uid", MEMBER_U32, offsetof(LaunchProcess, uid), .max = ID_MAX, .always = true},
        {"gid", MEMBER_U32, offsetof(LaunchProcess, gid), .max = ID_MAX, .always = true},
        {"umask", MEMBER_U32, offsetof(LaunchProcess, umask), .has = offsetof(LaunchProcess, has_umask),
         .max = 0777},
        {"additionalGids", MEMBER_U32_LIST, offsetof(LaunchProcess, additional_gids), .max = NGROUPS_MAX},
};
static const MemberTable user_table = MEMBER_TABLE(user_members, LaunchProcess);

#define SET(name, set)                                                                                       \
        {                                                                                                    \
                name, MEMBER_CAPABILITIES, offsetof(LaunchProcess, capabilities[set]), .always = true        \
        }
static const Member capability_members[] = {
        SET("bounding", LAUNCH_CAP_BOUNDING),       SET("effective", LAUNCH_CAP_EFFECTIVE),
        SET("inheritable", LAUNCH_CAP_INHERITABLE), SET("permitted", LAUNCH_CAP_PERMITTED),
        SET("ambient", LAUNCH_CAP_AMBIENT),
};
static const MemberTable capability_table = MEMBER_TABLE(capability_members, LaunchProcess);

static bool rlimit_is_known(const char *type)
{
        FOREACH_ELEMENT(name, rlimit_names)
                if (streq(*name, type))
                        return true;
        return false;
}

static int check_rlimit(const void *object, const MemberWhere *where, Error *error)
{
        const LaunchRlimit *l = object;

        if (!rlimit_is_known(l->type))
                return member_invalid(where, "type", error, "unknown limit \"%.200s\"", l->type);
        if (l->soft > l->hard)
                return member_invalid(where, NULL, error, "%s: the soft limit is above the hard one",
                                      l->type);
        return 0;
}

static const Member rlimit_members[] = {
        {"type", MEMBER_STRING, offsetof(LaunchRlimit, type), .required = true},
        {"hard", MEMBER_LIMIT, offsetof(LaunchRlimit, hard), .required = true, .always = true},
        {"soft", MEMBER_LIMIT, offsetof(LaunchRlimit, soft), .required = true, .always = true},
};
static const MemberTable rlimit_table = MEMBER_TABLE(rlimit_members, LaunchRlimit, .check = check_rlimit);

static const Member scheduler_members[] = {
        {"policy", MEMBER_NAME, offsetof(LaunchScheduler, policy), .required = true, .always = true,
         .names = scheduler_policies, .unknown = "policy"},
        {"nice", MEMBER_I64, offsetof(LaunchScheduler, nice), .min = -20, .max = 19},
        {"priority", MEMBER_I64, offsetof(LaunchScheduler, priority), .min = INT32_MIN, .max = INT32_MAX},
        {"flags", MEMBER_FLAGS, offsetof(LaunchScheduler, flags), .names = scheduler_flags,
         .unknown = "flag"},
        {"runtime", MEMBER_OPTIONAL_U64, offsetof(LaunchScheduler, runtime)},
        {"deadline", MEMBER_OPTIONAL_U64, offsetof(LaunchScheduler, deadline)},
        {"period", MEMBER_U64, offsetof(LaunchScheduler, period)},
};
static const MemberTable scheduler_table = MEMBER_TABLE(scheduler_members, LaunchScheduler);

static const Member io_priority_members[] = {
        {"class", MEMBER_NAME, offsetof(LaunchProcess, io_class), .required = true, .names = io_classes,
         .unknown = "class"},
        {"priority", MEMBER_I64, offsetof(LaunchProcess, io_priority), .max = 7},
};
static const MemberTable io_priority_table = MEMBER_TABLE(io_priority_members, LaunchProcess);

int launch_parse_cpu_list(const char *s, uint64_t *bits, size_t n_bits)
{
        memset(bits, 0, n_bits / 8);
        while (*s) {
                size_t length = strcspn(s, ",");
                _cleanup_free_ char *range = strndup(s, length);
                char *dash = range ? strchr(range, '-') : NULL;
                uint64_t first, last;
                int r;

                if (!range)
                        return -ENOMEM;
                if (dash)
                        *dash = '\0';
                r = parse_u64(range, 0, n_bits - 1, &first);
                if (r >= 0)
                        r = parse_u64(dash ? dash + 1 : range, first, n_bits - 1, &last);
                if (r < 0)
                        return r;
                for (; first <= last; first++)
                        bits[first / 64] |= UINT64_C(1) << first % 64;
                s += length;
                if (*s == ',' && *++s == '\0')
                        return -EINVAL;
        }
        return 0;
}

static int check_affinity(const void *object, const MemberWhere *where, Error *error)
{
        const LaunchProcess *p = object;
        const char *const lists[] = {p->cpu_affinity_initial, p->cpu_affinity_final};

        FOREACH_ELEMENT(list, lists) {
                uint64_t bits[CPU_WORDS];

                if (*list && (!**list || launch_parse_cpu_list(*list, bits, LAUNCH_CPUS_MAX) < 0))
                        return member_invalid(where, NULL, error, "\"%.200s\" is not a list of CPUs", *list);
        }
        return 0;
}

static const Member affinity_members[] = {
        {"initial", MEMBER_STRING, offsetof(LaunchProcess, cpu_affinity_initial)},
        {"final", MEMBER_STRING, offsetof(LaunchProcess, cpu_affinity_final)},
};
static const MemberTable affinity_table =
        MEMBER_TABLE(affinity_members, LaunchProcess, .check = check_affinity);

static const Member berth_members[] = {
        {"user", MEMBER_STRING, offsetof(LaunchProcess, user)},
        {"groups", MEMBER_STRV, offsetof(LaunchProcess, groups)},
};
static const MemberTable berth_table = MEMBER_TABLE(berth_members, LaunchProcess);

static int check_rlimits(const LaunchProcess *p, const MemberWhere *where, Error *error)
{
        for (size_t i = 0; i < p->n_rlimits; i++)
                for (size_t k = 0; k < i; k++)
                        if (streq(p->rlimits[i].type, p->rlimits[k].type))
                                return member_invalid(where, "rlimits", error, "%s twice",
                                                      p->rlimits[i].type);
        return 0;
}

static int check_process(const void *object, const MemberWhere *where, Error *error)
{
        const LaunchProcess *p = object;

        if (!p->args || isempty(p->args[0]))
                return member_invalid(where, "args", error, "no command");
        STRV_FOREACH(e, p->env)
                if (**e == '=' || !strchr(*e, '='))
                        return member_invalid(where, "env", error, "\"%.200s\" is not NAME=value", *e);
        return check_rlimits(p, where, error);
}

static const Member process_members[] = {
        {"terminal", MEMBER_BOOL, offsetof(LaunchProcess, terminal)},
        {"consoleSize", MEMBER_OBJECT, .table = &console_table},
        {"user", MEMBER_OBJECT, .table = &user_table, .always = true},
        {"args", MEMBER_STRV, offsetof(LaunchProcess, args), .required = true},
        {"env", MEMBER_STRV, offsetof(LaunchProcess, env)},
        {"cwd", MEMBER_PATH, offsetof(LaunchProcess, cwd), .required = true},
        {"capabilities", MEMBER_OBJECT, .table = &capability_table, .always = true},
        {"rlimits", MEMBER_ARRAY, offsetof(LaunchProcess, rlimits),
         .count = offsetof(LaunchProcess, n_rlimits), .table = &rlimit_table,
         .max = ELEMENTSOF(rlimit_names)},
        {"noNewPrivileges", MEMBER_BOOL, offsetof(LaunchProcess, no_new_privileges)},
        {"oomScoreAdj", MEMBER_I64, offsetof(LaunchProcess, oom_score_adj),
         .has = offsetof(LaunchProcess, has_oom_score_adj), .min = -1000, .max = 1000},
        {"apparmorProfile", MEMBER_STRING, offsetof(LaunchProcess, apparmor_profile), .max = PATH_MAX - 1},
        {"selinuxLabel", MEMBER_STRING, offsetof(LaunchProcess, selinux_label), .max = PATH_MAX - 1},
        {"scheduler", MEMBER_OBJECT, offsetof(LaunchProcess, scheduler),
         .has = offsetof(LaunchProcess, has_scheduler), .table = &scheduler_table},
        {"ioPriority", MEMBER_OBJECT, .has = offsetof(LaunchProcess, has_io_priority),
         .table = &io_priority_table},
        {"execCPUAffinity", MEMBER_OBJECT, .table = &affinity_table},
        {"berth", MEMBER_OBJECT, .table = &berth_table},
};
const MemberTable launch_process_table = MEMBER_TABLE(process_members, LaunchProcess, .check = check_process);

void launch_process_done(LaunchProcess *p)
{
        members_done(&launch_process_table, p);
        *p = (LaunchProcess){};
}

int launch_process_from_json(const json_t *v, LaunchProcess *ret, Error *error)
{
        LaunchProcess p = {};
        int r;

        r = members_read(v, "process", &launch_process_table, &p, error);
        if (r < 0) {
                launch_process_done(&p);
                return r;
        }
        *ret = p;
        return 0;
}

json_t *launch_process_to_json(const LaunchProcess *p)
{
        return members_write(&launch_process_table, p);
}
