/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* clone3 is called without libc's help: there is one thread, and the child keeps the memory as it is. */

#include <fcntl.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "exec/namespace.h"

static const struct {
        const char *name;
        uint64_t flag;
        bool supported;
} table[_LAUNCH_NS_MAX] = {
        [LAUNCH_NS_MOUNT] = {"mount", CLONE_NEWNS, true},
        [LAUNCH_NS_PID] = {"pid", CLONE_NEWPID, true},
        [LAUNCH_NS_NETWORK] = {"network", CLONE_NEWNET, true},
        [LAUNCH_NS_IPC] = {"ipc", CLONE_NEWIPC, true},
        [LAUNCH_NS_UTS] = {"uts", CLONE_NEWUTS, true},
        [LAUNCH_NS_CGROUP] = {"cgroup", CLONE_NEWCGROUP, true},
        [LAUNCH_NS_USER] = {"user", CLONE_NEWUSER, false},
        [LAUNCH_NS_TIME] = {"time", 0x00000080, false},
};

void namespace_set_done(NamespaceSet *s)
{
        for (size_t i = 0; i < _LAUNCH_NS_MAX; i++)
                close_fd(s->joined[i]);
        *s = NAMESPACE_SET_INIT;
}

static int open_joined(LaunchNamespace ns, const char *path, int *ret, Error *error)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

        if (fd < 0)
                return error_set(error, ERROR_START_FAILED, "Cannot open the %s namespace %s: %m",
                                 table[ns].name, path);
        *ret = fd;
        return 0;
}

int namespace_set_open(const Launch *l, NamespaceSet *ret, Error *error)
{
        _cleanup_namespace_set_ NamespaceSet s = NAMESPACE_SET_INIT;
        int r;

        for (LaunchNamespace ns = 0; ns < _LAUNCH_NS_MAX; ns++) {
                if (!(l->namespaces & 1U << ns))
                        continue;
                if (!table[ns].supported || (ns == LAUNCH_NS_MOUNT && l->namespace_paths[ns]))
                        return error_set(error, ERROR_NOT_SUPPORTED, "A container with %s %s namespace",
                                         l->namespace_paths[ns] ? "another's" : "its own", table[ns].name);
                if (!l->namespace_paths[ns])
                        s.new_flags |= table[ns].flag;
                else {
                        r = open_joined(ns, l->namespace_paths[ns], &s.joined[ns], error);
                        if (r < 0)
                                return r;
                }
        }
        if (!(s.new_flags & CLONE_NEWNS))
                return error_set(error, ERROR_NOT_SUPPORTED,
                                 "A container without a mount namespace of its own");
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
                if (ns != LAUNCH_NS_PID)
                        r = join(s, ns, error);
        return r;
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
        return table[ns].name;
}
