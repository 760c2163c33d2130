/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Steps of the launcher, then steps of the child. */

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>

#include "exec/label.h"
#include "exec/mount-chroot.h"
#include "exec/mount-root.h"
#include "exec/mount.h"
#include "exec/net-device.h"
#include "exec/payload.h"
#include "exec/schedule.h"
#include "exec/seccomp-cache.h"
#include "exec/sysctl.h"

void payload_done(Payload *p)
{
        mount_plan_done(&p->plan);
        namespace_set_done(&p->namespaces);
        filter_done(&p->filter);
        close_fd(TAKE_FD(p->host_network));
        p->launch = launch_free(p->launch);
}

static int set_oom_score(const LaunchProcess *p)
{
        _cleanup_close_ int fd = -EBADF;
        char text[16];
        int n;

        if (!p->has_oom_score_adj)
                return 0;
        fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        n = snprintf(text, sizeof(text), "%d", (int) p->oom_score_adj);
        return write(fd, text, (size_t) n) < 0 ? -errno : 0;
}

static int check_order(const Launch *l, Error *error)
{
        int r;

        if (!l->process.args)
                return error_set(error, ERROR_INVALID_ARGUMENT, "The order has no process");
        if ((l->hostname || l->domainname) && !namespace_is_own(l, LAUNCH_NS_UTS))
                return error_set(error, ERROR_INVALID_ARGUMENT,
                                 "A host or domain name needs a UTS namespace of the container's own");
        if (l->intel_rdt)
                return error_set(error, ERROR_NOT_SUPPORTED,
                                 "linux.intelRdt: resource groups of processor caches are not supported");
        r = label_check(&l->process, error);
        return r < 0 ? r : sysctl_check(l, error);
}

int payload_plan(Payload *p, Error *error)
{
        int r = check_order(p->launch, error);

        return r < 0 ? r : mount_plan_build(p->launch, &p->plan, error);
}

int payload_open(Payload *p, Error *error)
{
        int r;

        r = mount_namespace_check(&p->plan, error);
        if (r >= 0)
                r = namespace_set_open(p->launch, &p->namespaces, error);
        if (r >= 0)
                r = mount_plan_open(&p->plan, &p->namespaces, error);
        if (r >= 0)
                r = namespace_join_pid(&p->namespaces, error);
        if (r >= 0)
                r = filter_load(p->launch, &p->filter, error);
        if (r >= 0)
                r = net_device_open(p->launch, &p->host_network, error);
        if (r < 0)
                return r;
        r = set_oom_score(&p->launch->process);
        return r < 0 ? error_set_errno(error, r, "Cannot set the OOM score") : 0;
}

static int failed(Error *error, int r, const char *what)
{
        return error_set(error, ERROR_START_FAILED, "Cannot %s: %s", what, strerror(abs(r)));
}

/* What a namespace of the container's own needs. */
static int set_names(const Launch *l, Error *error)
{
        if (l->hostname && sethostname(l->hostname, strlen(l->hostname)) < 0)
                return failed(error, errno, "set the host name");
        if (l->domainname && setdomainname(l->domainname, strlen(l->domainname)) < 0)
                return failed(error, errno, "set the domain name");
        return 0;
}

/* What only the host's root may do, and the process made in the user namespace then has. */
static int schedule_early(LaunchProcess *p, Error *error)
{
        int r;

        p->has_scheduler = p->has_scheduler && schedule_is_inherited(p);
        r = schedule_process(p, error);
        p->has_scheduler = p->has_io_priority = false;
        return r;
}

int payload_schedule(const Payload *p, pid_t pid, Error *error)
{
        const LaunchProcess *process = &p->launch->process;

        if (!namespace_has_user(&p->namespaces) || schedule_is_inherited(process))
                return 0;
        return schedule_other(pid, process, error);
}

int payload_arrive(Payload *p, Error *error)
{
        int r;

        /* C1: the namespaces that others made. */
        r = namespace_join(&p->namespaces, error);
        /* C2: the user namespace, and in it the new ones. What only the host's root may do comes before. */
        if (r >= 0 && namespace_has_user(&p->namespaces)) {
                r = mount_is_chroot(p->launch) ? 0 : mount_root_early(&p->plan, error);
                if (r >= 0)
                        r = schedule_early(&p->launch->process, error);
        }
        if (r >= 0)
                r = namespace_enter_user(&p->namespaces, error);
        if (r < 0)
                return r;
        /* C3: what the new ones need. */
        r = p->namespaces.all_flags & CLONE_NEWNET ? namespace_loopback_up() : 0;
        if (r < 0)
                return failed(error, r, "set up the loopback device");
        r = net_device_move(p->host_network, p->launch, error);
        if (r >= 0)
                r = set_names(p->launch, error);
        if (r >= 0)
                r = schedule_container(p->launch, error);
        if (r < 0)
                return r;
        /* C4: the root and all mounts; modes are as written. */
        (void) umask(0);
        return mount_plan_perform(&p->plan, error);
}
