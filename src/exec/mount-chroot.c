/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What would have to be mounted into the host's tree is refused where leaving it out would do harm: binds
 * have somebody's data, masks hide something. File systems of the kernel are left out. */

#include <fcntl.h>

#include "base/fs.h"
#include "base/str.h"
#include "exec/mount-chroot.h"
#include "exec/mount-fs.h"
#include "exec/sysctl.h"

static int needs_own(const char *what, Error *error)
{
        return error_set(error, ERROR_NOT_SUPPORTED, "%s without a mount namespace of the container's own",
                         what);
}

static int check_chroot(const MountPlan *p, Error *error)
{
        const Launch *l = p->launch;

        if (l->root_readonly)
                return needs_own("A read-only root", error);
        if (l->rootfs_propagation)
                return needs_own("linux.rootfsPropagation", error);
        if (l->n_devices > 0)
                return needs_own("linux.devices", error);
        for (size_t i = 0; i < p->n_steps; i++)
                if (p->steps[i].action == MOUNT_COPY)
                        return error_set(error, ERROR_NOT_SUPPORTED,
                                         "Mount on %s: a bind without a mount namespace", p->steps[i].target);
        return 0;
}

int mount_namespace_check(const MountPlan *p, Error *error)
{
        const Launch *l = p->launch;
        bool joined = mount_is_joined(l);

        if (!joined && !mount_is_chroot(l))
                return 0;
        if (p->overlay)
                return needs_own("A root of layers", error);
        if (!joined)
                return check_chroot(p, error);
        /* They are programs of that namespace's tree, run by the host's root. */
        if (l->hooks[LAUNCH_HOOK_CREATE_CONTAINER].n > 0)
                return needs_own("A createContainer hook", error);
        return p->no_pivot ? needs_own("A root that cannot be pivoted to", error) : 0;
}

int mount_chroot_open(MountPlan *p, Error *error)
{
        p->root = open(p->launch->root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        return p->root < 0 ? error_set_errno(error, errno, "Cannot open the root directory %s",
                                             p->launch->root_path)
                           : 0;
}

static int check_hidden(const MountPlan *p, const MountStep *s, Error *error)
{
        _cleanup_close_ int target = fs_open_in_root(p->root, s->target, O_PATH, 0);

        if (target == -ENOENT || target == -ENOTDIR)
                return 0;
        return error_set(error, ERROR_NOT_SUPPORTED,
                         "Cannot mask or protect %s without a mount namespace of the container's own",
                         s->target);
}

static int write_sysctls(const MountPlan *p, Error *error)
{
        _cleanup_close_ int proc = -EBADF;

        if (map_size(p->launch->sysctl) == 0)
                return 0;
        proc = mount_make("proc", "proc", NULL, 0);
        return proc < 0 ? error_set_errno(error, proc, "Cannot make a procfs for sysctls")
                        : sysctl_write(proc, p->launch->sysctl, error);
}

int mount_chroot_perform(const MountPlan *p, Error *error)
{
        int r = 0;

        for (size_t i = 0; r >= 0 && i < p->n_steps; i++)
                if (p->steps[i].action == MOUNT_MASK || p->steps[i].action == MOUNT_PROTECT)
                        r = check_hidden(p, &p->steps[i], error);
        if (r >= 0)
                r = write_sysctls(p, error);
        if (r >= 0 && p->before_pivot)
                r = p->before_pivot(p->context, error);
        if (r < 0)
                return r;
        if (fchdir(p->root) < 0 || chroot(".") < 0 || chdir("/") < 0)
                return error_set_errno(error, errno, "Cannot change to the root directory %s",
                                       p->launch->root_path);
        return 0;
}
