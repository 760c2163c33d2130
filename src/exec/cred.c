/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Order matters: the bounding set needs CAP_SETPCAP and the groups CAP_SETGID, which the later steps give up.
 */

#include <grp.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "exec/cred.h"

static const struct {
        const char *name;
        int resource;
} limits[] = {
        {"RLIMIT_AS", RLIMIT_AS},
        {"RLIMIT_CORE", RLIMIT_CORE},
        {"RLIMIT_CPU", RLIMIT_CPU},
        {"RLIMIT_DATA", RLIMIT_DATA},
        {"RLIMIT_FSIZE", RLIMIT_FSIZE},
        {"RLIMIT_LOCKS", RLIMIT_LOCKS},
        {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
        {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
        {"RLIMIT_NICE", RLIMIT_NICE},
        {"RLIMIT_NOFILE", RLIMIT_NOFILE},
        {"RLIMIT_NPROC", RLIMIT_NPROC},
        {"RLIMIT_RSS", RLIMIT_RSS},
        {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
        {"RLIMIT_RTTIME", RLIMIT_RTTIME},
        {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
        {"RLIMIT_STACK", RLIMIT_STACK},
};

static int failed(Error *error, const char *what)
{
        return error_set(error, ERROR_START_FAILED, "Cannot set the %s: %m", what);
}

int cred_set_limits(const LaunchProcess *p, Error *error)
{
        for (size_t i = 0; i < p->n_rlimits; i++) {
                struct rlimit limit = {.rlim_cur = p->rlimits[i].soft, .rlim_max = p->rlimits[i].hard};
                bool known = false;

                FOREACH_ELEMENT(l, limits) {
                        if (!streq(l->name, p->rlimits[i].type))
                                continue;
                        known = true;
                        if (setrlimit(l->resource, &limit) < 0)
                                return failed(error, l->name);
                }
                if (!known)
                        return error_set(error, ERROR_INVALID_ARGUMENT, "Unknown limit %s",
                                         p->rlimits[i].type);
        }
        return 0;
}

static int drop_bounding(uint64_t keep)
{
        for (int c = 0; c < 64; c++) {
                if (keep & UINT64_C(1) << c)
                        continue;
                if (cap_drop_bound(c) < 0)
                        /* EINVAL: the kernel has no more. */
                        return errno == EINVAL ? 0 : -errno;
        }
        return 0;
}

static int set_sets(uint64_t permitted, uint64_t effective, uint64_t inheritable)
{
        struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
        struct __user_cap_data_struct data[2];

        for (size_t i = 0; i < ELEMENTSOF(data); i++)
                data[i] = (struct __user_cap_data_struct){
                        .permitted = (uint32_t) (permitted >> 32 * i),
                        .effective = (uint32_t) (effective >> 32 * i),
                        .inheritable = (uint32_t) (inheritable >> 32 * i),
                };
        return capset(&header, data) < 0 ? -errno : 0;
}

static int current_permitted(uint64_t *ret)
{
        struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
        struct __user_cap_data_struct data[2];

        if (capget(&header, data) < 0)
                return -errno;
        *ret = data[0].permitted | (uint64_t) data[1].permitted << 32;
        return 0;
}

static int raise_ambient(uint64_t set)
{
        for (int c = 0; set != 0 && c < 64; c++)
                if ((set & UINT64_C(1) << c) && cap_set_ambient(c, CAP_SET) < 0)
                        return -errno;
        return 0;
}

static int set_capabilities(const LaunchProcess *p, uid_t uid, bool keep_admin, Error *error)
{
        const uint64_t *wish = p->capabilities;
        uint64_t admin = keep_admin ? UINT64_C(1) << CAP_SYS_ADMIN : 0, have = 0, permitted, ambient;
        int r;

        /* What a process without uid 0 has beyond its ambient set, the exec takes; it shall not help to find
         * or open the program either. */
        ambient = wish[LAUNCH_CAP_AMBIENT] & wish[LAUNCH_CAP_INHERITABLE] & wish[LAUNCH_CAP_PERMITTED];
        permitted = uid == 0 ? wish[LAUNCH_CAP_PERMITTED] : ambient;
        r = current_permitted(&have);
        if (r >= 0)
                r = set_sets((permitted | admin) & have,
                             ((wish[LAUNCH_CAP_EFFECTIVE] & permitted) | admin) & have,
                             wish[LAUNCH_CAP_INHERITABLE] & wish[LAUNCH_CAP_BOUNDING] & have);
        if (r >= 0)
                r = raise_ambient(ambient & have);
        errno = -r;
        return r < 0 ? failed(error, "capabilities") : 0;
}

/* In a user namespace whose maker has given up to leave groups there is no way to, and none to gain any. */
static int set_groups(const LaunchProcess *p, const Identity *who, Error *error)
{
        char word[8] = "";
        FILE *f;

        if (p->keep_groups || setgroups(who->n_groups, who->groups) >= 0)
                return 0;
        if (errno == EPERM && who->n_groups == 0 && (f = fopen("/proc/self/setgroups", "re"))) {
                (void) !fgets(word, sizeof(word), f);
                (void) fclose(f);
                if (startswith(word, "deny"))
                        return 0;
                errno = EPERM;
        }
        return failed(error, "supplementary groups");
}

int cred_become(const LaunchProcess *p, const Identity *who, bool keep_admin, Error *error)
{
        int r;

        r = drop_bounding(p->capabilities[LAUNCH_CAP_BOUNDING]);
        if (r < 0) {
                errno = -r;
                return failed(error, "capability bounding set");
        }
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
                return failed(error, "ambient capabilities");
        r = set_groups(p, who, error);
        if (r < 0)
                return r;
        if (setresgid(who->gid, who->gid, who->gid) < 0)
                return failed(error, "group");
        if (who->uid != 0 && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
                return failed(error, "capabilities");
        if (setresuid(who->uid, who->uid, who->uid) < 0)
                return failed(error, "user");
        return set_capabilities(p, who->uid, keep_admin, error);
}

int cred_drop_admin(const LaunchProcess *p, const Identity *who, Error *error)
{
        return set_capabilities(p, who->uid, false, error);
}

unsigned cred_capabilities(void)
{
        return (unsigned) cap_max_bits();
}
