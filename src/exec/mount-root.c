/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* In a user namespace an overlay is mounted by the host's root in a mount namespace for that alone: its
 * layers are mapped by the user namespace, so that the disk has the image's own owners whatever the
 * container's IDs are. */

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include "base/fs.h"
#include "base/str.h"
#include "exec/mount-chroot.h"
#include "exec/mount-fs.h"
#include "exec/mount-idmap.h"
#include "exec/mount-root.h"
#include "spec/id-map.h"
#include "spec/name.h"

/* What a volatile overlay leaves in its work directory, so that the kernel refuses it the next time. */
#define VOLATILE_MARK "work/incompat/volatile"

static int failed(const MountPlan *p, int r, const char *what, Error *error)
{
        return error_set(error, ERROR_START_FAILED, "%s %s: %s", what,
                         strempty(p->launch->name ?: p->launch->root_path), strerror(abs(r)));
}

/* Hooks look for the root where the order says that it is. A namespace that is joined has a tree of somebody
 * else's: nothing but its top is certain to be there. */
static const char *root_place(const MountPlan *p)
{
        if (mount_is_joined(p->launch))
                return "/";
        return p->before_pivot && p->launch->root_path ? p->launch->root_path : ROOT_MOUNT_POINT;
}

static int mount_overlay(const MountPlan *p)
{
        if (p->overlay_volatile) {
                _cleanup_close_ int work = open(p->launch->overlay_work, O_PATH | O_DIRECTORY | O_CLOEXEC);

                if (work >= 0 && unlinkat(work, VOLATILE_MARK "/dirty", 0) >= 0)
                        (void) unlinkat(work, VOLATILE_MARK, AT_REMOVEDIR);
        }
        return mount("overlay", root_place(p), "overlay", MS_NODEV, p->overlay) < 0 ? -errno : 0;
}

static int attach_at(const char *place, int mount)
{
        _cleanup_close_ int target = open(place, O_PATH | O_DIRECTORY | O_CLOEXEC);

        return target < 0 ? -errno : mount_attach(mount, target);
}

/* A directory covered by itself with the container's owners. */
static int map_directory(const MountPlan *p, const char *path)
{
        _cleanup_close_ int fd = mount_copy_path(path, 0);
        int r;

        if (fd < 0)
                return fd;
        r = mount_idmap_by_namespace(fd, p->namespaces);
        return r < 0 ? r : attach_at(path, fd);
}

/* The kernel wants both on one mount. */
static int map_upper(const MountPlan *p)
{
        const char *upper = p->launch->overlay_upper, *work = p->launch->overlay_work;
        _cleanup_free_ char *parent = NULL;
        size_t n;

        if (!upper)
                return 0;
        n = (size_t) (strrchr(upper, '/') - upper);
        if (n == 0 || strncmp(upper, work, n + 1) != 0 || strchr(work + n + 1, '/'))
                return -EINVAL;
        parent = strndup(upper, n);
        return parent ? map_directory(p, parent) : -ENOMEM;
}

/* Whoever is somebody else to the file system loses a part of the capabilities, but may take them back. */
static int take_all_capabilities(void)
{
        struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
        struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

        if (syscall(SYS_capget, &header, data) < 0)
                return -errno;
        FOREACH_ELEMENT(d, data)
                d->effective = d->permitted;
        return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

/* An overlay works in its layers as who mounted it: on mapped layers the host's root is nobody, and cannot
 * make as much as the directory that the overlay wants; the container's root can. */
static int mount_overlay_mapped(const MountPlan *p)
{
        const LaunchIdMaps *m = &p->namespaces->maps;
        uint32_t uid, gid;
        int r;

        if (!id_map_lookup(m->uids, m->n_uids, 0, &uid) || !id_map_lookup(m->gids, m->n_gids, 0, &gid))
                return -EOVERFLOW;
        (void) setfsgid(gid);
        (void) setfsuid(uid);
        r = take_all_capabilities();
        if (r >= 0)
                r = mount_overlay(p);
        (void) setfsuid(0);
        (void) setfsgid(0);
        return r;
}

static int make_mapped_overlay(MountPlan *p)
{
        int r;

        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                return -errno;
        r = map_upper(p);
        STRV_FOREACH(lower, p->launch->overlay_lower)
                if (r >= 0)
                        r = map_directory(p, *lower);
        if (r >= 0)
                r = mount_overlay_mapped(p);
        if (r < 0)
                return r;
        r = mount_copy_path(root_place(p), 0);
        if (r < 0)
                return r;
        p->root = r;
        return umount2(root_place(p), MNT_DETACH) < 0 ? -errno : 0;
}

int mount_root_early(MountPlan *p, Error *error)
{
        int r = 0;

        if (chdir(root_place(p)) < 0 &&
            (errno != ENOENT || fs_mkdir_p(root_place(p), 0700) < 0 || chdir(root_place(p)) < 0))
                return failed(p, errno, "Cannot enter the place for the root directory of", error);
        if (p->overlay)
                r = make_mapped_overlay(p);
        return r < 0 ? failed(p, r, "Cannot mount the root directory, with its owners mapped, of", error) : 0;
}

static int mount_root(const MountPlan *p)
{
        if (p->root < 0)
                return mount_overlay(p);
        /* Where not even "." may be looked up. */
        if (namespace_has_user(p->namespaces))
                return mount_attach(p->root, AT_FDCWD);
        return attach_at(root_place(p), p->root);
}

int mount_root_assemble(const MountPlan *p, int *ret, Error *error)
{
        int r;

        if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                return failed(p, errno, "Cannot detach from the host's mounts the root of", error);
        r = mount_root(p);
        /* The first container after boot. */
        if (r == -ENOENT && fs_mkdir_p(root_place(p), 0700) >= 0)
                r = mount_root(p);
        if (r < 0)
                return failed(p, r, "Cannot mount the root directory of", error);
        *ret = p->root >= 0 ? fcntl(p->root, F_DUPFD_CLOEXEC, 3)
                            : open(root_place(p), O_PATH | O_DIRECTORY | O_CLOEXEC);
        return *ret < 0 ? failed(p, errno, "Cannot open the root directory of", error) : 0;
}

/* With both names the same directory, the old root ends up stacked on the new one, and one umount drops it.
 */
int mount_root_enter(const MountPlan *p, int root, Error *error)
{
        int r = fchdir(root);

        if (r >= 0 && p->no_pivot)
                r = mount(".", "/", NULL, MS_MOVE, NULL) < 0 ? -1 : chroot(".");
        else if (r >= 0)
                r = syscall(SYS_pivot_root, ".", ".") < 0 ? -1 : umount2(".", MNT_DETACH);
        if (r >= 0)
                r = chdir("/");
        return r < 0 ? failed(p, errno, "Cannot change to the root directory of", error) : 0;
}
