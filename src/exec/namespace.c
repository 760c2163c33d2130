/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* clone3 is called without libc's help: there is one thread, and the child keeps the memory as it is. */

#include <fcntl.h>
#include <inttypes.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/str.h"
#include "exec/namespace.h"
#include "exec/user-namespace.h"

#define TIME_OFFSETS "/proc/self/timens_offsets"

static const struct {
        const char *name;
        const char *file; /* in /proc/PID/ns */
        uint64_t flag;
} table[_LAUNCH_NS_MAX] = {
        [LAUNCH_NS_MOUNT] = {"mount", "mnt", CLONE_NEWNS},
        [LAUNCH_NS_PID] = {"pid", "pid", CLONE_NEWPID},
        [LAUNCH_NS_NETWORK] = {"network", "net", CLONE_NEWNET},
        [LAUNCH_NS_IPC] = {"ipc", "ipc", CLONE_NEWIPC},
        [LAUNCH_NS_UTS] = {"uts", "uts", CLONE_NEWUTS},
        [LAUNCH_NS_CGROUP] = {"cgroup", "cgroup", CLONE_NEWCGROUP},
        [LAUNCH_NS_USER] = {"user", "user", CLONE_NEWUSER},
        [LAUNCH_NS_TIME] = {"time", "time", 0x00000080},
};

void namespace_set_done(NamespaceSet *s)
{
        for (size_t i = 0; i < _LAUNCH_NS_MAX; i++)
                close_fd(s->joined[i]);
        launch_id_maps_done(&s->maps);
        *s = NAMESPACE_SET_INIT;
}

/* The container takes the place of what a mount namespace has as its root: it must not be the host's. */
static int refuse_host_mounts(int fd, Error *error)
{
        static const char *const hosts[] = {"/proc/self/ns/mnt", "/proc/1/ns/mnt"};
        struct stat theirs, host;

        if (fstat(fd, &theirs) < 0)
                return error_set_errno(error, errno, "Cannot look at the mount namespace");
        FOREACH_ELEMENT(path, hosts) {
                if (stat(*path, &host) < 0)
                        return error_set(error, ERROR_START_FAILED,
                                         "Cannot tell whose mount namespace would be joined: %s: %m", *path);
                if (theirs.st_dev == host.st_dev && theirs.st_ino == host.st_ino)
                        return error_set(error, ERROR_INVALID_ARGUMENT,
                                         "The mount namespace to join is the host's own");
        }
        return 0;
}

static int open_joined(LaunchNamespace ns, const char *path, int *ret, Error *error)
{
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        int r;

        if (fd < 0)
                return error_set(error, ERROR_START_FAILED, "Cannot open the %s namespace %s: %m",
                                 table[ns].name, path);
        r = ns == LAUNCH_NS_MOUNT ? refuse_host_mounts(fd, error) : 0;
        if (r < 0)
                return r;
        *ret = TAKE_FD(fd);
        return 0;
}

bool namespace_is_own(const Launch *l, LaunchNamespace ns)
{
        struct stat theirs, ours;
        char path[64];

        if (!(l->namespaces & 1U << ns))
                return false;
        if (!l->namespace_paths[ns])
                return true;
        (void) snprintf(path, sizeof(path), "/proc/self/ns/%s", table[ns].file);
        return stat(l->namespace_paths[ns], &theirs) >= 0 && stat(path, &ours) >= 0 &&
               (theirs.st_dev != ours.st_dev || theirs.st_ino != ours.st_ino);
}

static int copy_maps(const LaunchIdMap *from, size_t n, LaunchIdMap **ret, size_t *ret_n)
{
        *ret = calloc(n, sizeof(LaunchIdMap));
        if (!*ret)
                return -ENOMEM;
        memcpy(*ret, from, n * sizeof(LaunchIdMap));
        *ret_n = n;
        return 0;
}

/* Where an order has no maps, the process's user and group are our own, and nobody else is anybody. */
static int make_user(const Launch *l, NamespaceSet *s, Error *error)
{
        LaunchIdMap uid = {l->process.uid, geteuid(), 1}, gid = {l->process.gid, getegid(), 1};
        bool uids = l->maps.n_uids > 0, gids = l->maps.n_gids > 0;
        int r;

        r = copy_maps(uids ? l->maps.uids : &uid, uids ? l->maps.n_uids : 1, &s->maps.uids, &s->maps.n_uids);
        if (r >= 0)
                r = copy_maps(gids ? l->maps.gids : &gid, gids ? l->maps.n_gids : 1, &s->maps.gids,
                              &s->maps.n_gids);
        if (r < 0)
                return error_set_errno(error, r, "ID maps");
        return user_namespace_make(&s->maps, &s->joined[LAUNCH_NS_USER], error);
}

static int write_time_offsets(const Launch *l)
{
        const LaunchTimeOffset *m = &l->time_offsets.monotonic, *b = &l->time_offsets.boottime;
        _cleanup_free_ char *text = NULL;
        _cleanup_close_ int fd = -EBADF;

        if (!m->set && !b->set)
                return 0;
        text = str_printf("monotonic %" PRId64 " %" PRIu32 "\nboottime %" PRId64 " %" PRIu32 "\n", m->secs,
                          m->nanosecs, b->secs, b->nanosecs);
        fd = open(TIME_OFFSETS, O_WRONLY | O_CLOEXEC);
        if (!text || fd < 0)
                return text ? -errno : -ENOMEM;
        return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

/* Its clocks are set before anybody is in it. */
static int make_time(const Launch *l, Error *error)
{
        int r = unshare((int) table[LAUNCH_NS_TIME].flag) < 0 ? -errno : write_time_offsets(l);

        return r < 0 ? error_set(error, ERROR_START_FAILED, "Cannot make the time namespace: %s",
                                 strerror(-r))
                     : 0;
}

static int check(const Launch *l, Error *error)
{
        bool user = l->namespaces & 1U << LAUNCH_NS_USER, time = l->namespaces & 1U << LAUNCH_NS_TIME;

        if ((l->maps.n_uids > 0 || l->maps.n_gids > 0) && !user)
                return error_set(error, ERROR_INVALID_ARGUMENT,
                                 "ID maps without a user namespace in linux.namespaces");
        if ((l->time_offsets.monotonic.set || l->time_offsets.boottime.set) &&
            (!time || l->namespace_paths[LAUNCH_NS_TIME]))
                return error_set(error, ERROR_INVALID_ARGUMENT,
                                 "linux.timeOffsets without a new time namespace");
        return 0;
}

static int open_all(const Launch *l, NamespaceSet *s, Error *error)
{
        int r = 0;

        for (LaunchNamespace ns = 0; r >= 0 && ns < _LAUNCH_NS_MAX; ns++) {
                if (!(l->namespaces & 1U << ns))
                        continue;
                if (l->namespace_paths[ns])
                        r = open_joined(ns, l->namespace_paths[ns], &s->joined[ns], error);
                else if (ns == LAUNCH_NS_USER)
                        r = make_user(l, s, error);
                else if (ns == LAUNCH_NS_TIME)
                        r = make_time(l, error);
                else
                        s->all_flags |= table[ns].flag;
        }
        if (r >= 0 && l->namespace_paths[LAUNCH_NS_USER])
                r = user_namespace_read_maps(s->joined[LAUNCH_NS_USER], &s->maps, error);
        return r;
}

int namespace_set_open(const Launch *l, NamespaceSet *ret, Error *error)
{
        _cleanup_namespace_set_ NamespaceSet s = NAMESPACE_SET_INIT;
        int r;

        r = check(l, error);
        if (r >= 0)
                r = open_all(l, &s, error);
        if (r < 0)
                return r;
        s.keep_groups = l->process.keep_groups;
        *(namespace_has_user(&s) ? &s.later_flags : &s.new_flags) = s.all_flags;
        *ret = TAKE(s, NAMESPACE_SET_INIT);
        return 0;
}

static int join(const NamespaceSet *s, LaunchNamespace ns, Error *error)
{
        if (s->joined[ns] < 0)
                return 0;
        if (setns(s->joined[ns], (int) table[ns].flag) < 0)
                return error_set(error, ERROR_START_FAILED, "Cannot join the %s namespace: %m",
                                 table[ns].name);
        return 0;
}

int namespace_join_pid(const NamespaceSet *s, Error *error)
{
        return join(s, LAUNCH_NS_PID, error);
}

int namespace_join(const NamespaceSet *s, Error *error)
{
        int r = 0;

        for (LaunchNamespace ns = 0; r >= 0 && ns < _LAUNCH_NS_MAX; ns++)
                if (ns != LAUNCH_NS_PID && ns != LAUNCH_NS_USER)
                        r = join(s, ns, error);
        return r;
}

int namespace_enter_user(const NamespaceSet *s, Error *error)
{
        pid_t pid;
        int r;

        if (!namespace_has_user(s))
                return 0;
        r = user_namespace_enter(s->joined[LAUNCH_NS_USER], &s->maps, s->keep_groups, error);
        if (r < 0)
                return r;
        pid = namespace_clone(s->later_flags | CLONE_PARENT, -EBADF);
        if (pid < 0)
                return error_set(error, ERROR_START_FAILED,
                                 "Cannot make the process in the user namespace: %s", strerror(-pid));
        if (pid > 0)
                _exit(EXIT_SUCCESS);
        return 0;
}

int namespace_loopback_up(void)
{
        _cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};

        if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
                return -errno;
        return 0;
}

pid_t namespace_clone(uint64_t flags, int cgroup)
{
        struct clone_args args = {
                .flags = flags | (cgroup >= 0 ? CLONE_INTO_CGROUP : 0),
                /* With CLONE_PARENT the child ends with its sibling's signal, and naming one is refused. */
                .exit_signal = flags & CLONE_PARENT ? 0 : SIGCHLD,
                .cgroup = cgroup >= 0 ? (uint64_t) cgroup : 0,
        };
        long pid = syscall(SYS_clone3, &args, sizeof(args));

        return pid < 0 ? -errno : (pid_t) pid;
}

const char *namespace_name(LaunchNamespace ns)
{
        return (unsigned) ns < _LAUNCH_NS_MAX ? table[ns].name : NULL;
}
