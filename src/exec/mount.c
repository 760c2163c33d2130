/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Every target is first a descriptor, found in the new root without leaving it, and only then covered; every
 * source is a descriptor of the launcher's or a file system made here. No path string of the container's
 * decides anything else. */

#include <limits.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "base/fs.h"
#include "base/str.h"
#include "exec/device.h"
#include "exec/mount.h"
#include "exec/sysctl.h"
#include "spec/name.h"

/* What a volatile overlay leaves in its work directory, so that the kernel refuses it the next time. */
#define VOLATILE_MARK "work/incompat/volatile"
#define SYMLINKS_MAX 16U

typedef struct Performer {
        const MountPlan *plan;
        int root;
        int empty; /* a read-only directory for each masked one */
        bool empty_attached, null_attached;
} Performer;

static int failed(Error *error, int r, const char *what, const char *target)
{
        return error_set(error, ERROR_START_FAILED, "%s %s: %s", what, target, strerror(abs(r)));
}

static int attach(int mount, int target)
{
        return move_mount(mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0
                       ? -errno
                       : 0;
}

static int copy_of(int fd)
{
        int copy = open_tree(fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);

        return copy < 0 ? -errno : copy;
}

static int make_readonly(int fd, bool all)
{
        struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};

        return mount_setattr(fd, "", AT_EMPTY_PATH | (all ? AT_RECURSIVE : 0), &attr, sizeof(attr)) < 0
                       ? -errno
                       : 0;
}

/* "name=value" or "name" of a file system's options. */
static int set_option(int fs, const char *option)
{
        const char *equals = strchr(option, '=');
        _cleanup_free_ char *name = equals ? strndup(option, equals - option) : NULL;

        if (!equals)
                return fsconfig(fs, FSCONFIG_SET_FLAG, option, NULL, 0) < 0 ? -errno : 0;
        if (!name)
                return -ENOMEM;
        return fsconfig(fs, FSCONFIG_SET_STRING, name, equals + 1, 0) < 0 ? -errno : 0;
}

/* A new file system, not attached anywhere. */
static int make_filesystem(const char *type, const char *source, char *const *options, uint64_t attributes)
{
        _cleanup_close_ int fs = fsopen(type, FSOPEN_CLOEXEC);
        int r, mount;

        if (fs < 0)
                return -errno;
        if (source && fsconfig(fs, FSCONFIG_SET_STRING, "source", source, 0) < 0)
                return -errno;
        for (; options && *options; options++) {
                r = set_option(fs, *options);
                if (r < 0)
                        return r;
        }
        if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
                return -errno;
        mount = fsmount(fs, FSMOUNT_CLOEXEC, (unsigned) attributes);
        return mount < 0 ? -errno : mount;
}

/* Hooks look for the root where the order says that it is. */
static const char *root_place(const MountPlan *p)
{
        return p->before_pivot && p->launch->root_path ? p->launch->root_path : ROOT_MOUNT_POINT;
}

static int mount_root_once(const MountPlan *p)
{
        _cleanup_close_ int target = -EBADF;

        if (p->overlay)
                return mount("overlay", root_place(p), "overlay", MS_NODEV, p->overlay) < 0 ? -errno : 0;
        target = open(root_place(p), O_PATH | O_DIRECTORY | O_CLOEXEC);
        return target < 0 ? -errno : attach(p->root, target);
}

static int mount_root(const MountPlan *p)
{
        int r;

        if (p->overlay_volatile) {
                _cleanup_close_ int work = open(p->launch->overlay_work, O_PATH | O_DIRECTORY | O_CLOEXEC);

                if (work >= 0 && unlinkat(work, VOLATILE_MARK "/dirty", 0) >= 0)
                        (void) unlinkat(work, VOLATILE_MARK, AT_REMOVEDIR);
        }
        r = mount_root_once(p);
        /* The first container after boot. */
        if (r == -ENOENT && fs_mkdir_p(ROOT_MOUNT_POINT, 0700) >= 0)
                r = mount_root_once(p);
        return r;
}

/* With both names the same directory, the old root ends up stacked on the new one, and one umount drops it.
 */
static int pivot(const MountPlan *p)
{
        if (chdir(root_place(p)) < 0)
                return -errno;
        if (p->no_pivot)
                return mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 || chdir("/") < 0 ? -errno
                                                                                                     : 0;
        if (syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
                return -errno;
        return 0;
}

static int enter_root(const MountPlan *p, Error *error)
{
        int r = pivot(p);

        return r < 0 ? failed(error, r, "Cannot change to the root directory of",
                              strempty(p->launch->name ?: p->launch->root_path))
                     : 0;
}

static int assemble_root(const MountPlan *p, Error *error)
{
        int r;

        if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                return failed(error, errno, "Cannot detach from the host's mounts on", "/");
        r = mount_root(p);
        if (r < 0)
                return failed(error, r, "Cannot mount the root directory of",
                              strempty(p->launch->name ?: p->launch->root_path));
        return p->before_pivot ? 0 : enter_root(p, error);
}

/* /proc, /sys and /dev of a root must be real directories: the kernel's files found below them are trusted
 * later. */
static bool is_system_target(const MountStep *s)
{
        return s->action == MOUNT_PROC || s->action == MOUNT_DEV || streq_ptr(s->type, "sysfs");
}

static int open_directory(const Performer *p, const MountStep *s)
{
        bool system = is_system_target(s);
        int fd;

        for (unsigned i = 0; i < 2; i++) {
                if (system)
                        fd = fs_open_beneath(p->root, s->target + strspn(s->target, "/"),
                                             O_PATH | O_DIRECTORY, 0);
                else
                        fd = fs_open_in_root(p->root, s->target, O_PATH | O_DIRECTORY, 0);
                if (fd != -ENOENT)
                        return fd;
                fd = fs_mkdir_in_root(p->root, s->target, 0755);
                if (fd < 0 || !system)
                        return fd;
                close_fd(fd);
        }
        return -ENOENT;
}

static int open_parent(const Performer *p, const char *path, const char **ret_name)
{
        const char *slash = strrchr(path, '/');
        _cleanup_free_ char *parent = strndup(path, slash - path);

        if (!parent)
                return -ENOMEM;
        *ret_name = slash + 1;
        return fs_mkdir_in_root(p->root, parent, 0755);
}

/* Where the symlink name in parent points to, from the path that led to it. */
static int follow(int parent, const char *path, const char *name, char **ret)
{
        char target[PATH_MAX];
        ssize_t n = readlinkat(parent, name, target, sizeof(target) - 1);

        if (n < 0)
                return -errno;
        target[n] = '\0';
        *ret = *target == '/' ? strdup(target) : str_printf("%.*s%s", (int) (name - path), path, target);
        return *ret ? 0 : -ENOMEM;
}

/* A file that is missing is made empty. Images have symlinks to what only exists in a running system
 * (resolv.conf): then what they point to is made, inside the root. */
static int make_file(const Performer *p, const char *target)
{
        _cleanup_free_ char *path = strdup(target);

        for (unsigned i = 0; path && i < SYMLINKS_MAX; i++) {
                _cleanup_close_ int parent = -EBADF, made = -EBADF;
                const char *name;
                char *next;
                int r;

                parent = open_parent(p, path, &name);
                if (parent < 0)
                        return parent;
                made = openat(parent, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0644);
                if (made >= 0 || errno != EEXIST)
                        return made >= 0 ? 0 : -errno;
                r = follow(parent, path, name, &next);
                if (r < 0)
                        return r;
                free(TAKE(path, next));
        }
        return path ? -ELOOP : -ENOMEM;
}

/* O_PATH never wakes a FIFO or a device that is there. */
static int open_file(const Performer *p, const MountStep *s)
{
        int fd, r;

        fd = fs_open_in_root(p->root, s->target, O_PATH, 0);
        if (fd != -ENOENT)
                return fd;
        r = make_file(p, s->target);
        return r < 0 ? r : fs_open_in_root(p->root, s->target, O_PATH, 0);
}

/* Nothing of an order's covers the kernel's own files, except single values that people are known to replace.
 */
static bool may_cover_proc(const char *target)
{
        static const char *const known[] = {
                "/proc/cpuinfo",
                "/proc/diskstats",
                "/proc/loadavg",
                "/proc/meminfo",
                "/proc/slabinfo",
                "/proc/stat",
                "/proc/swaps",
                "/proc/uptime",
                "/proc/sys/crypto/fips_enabled",
                "/proc/sys/kernel/ns_last_pid",
        };

        FOREACH_ELEMENT(path, known)
                if (streq(*path, target))
                        return true;
        return false;
}

static int check_target(int fd, const MountStep *s)
{
        struct statfs fs;

        if (fstatfs(fd, &fs) < 0)
                return -errno;
        return fs.f_type == PROC_SUPER_MAGIC && !may_cover_proc(s->target) ? -EPERM : 0;
}

static int attach_to(const Performer *p, const MountStep *s, int mount, bool directory, Error *error)
{
        _cleanup_close_ int target = directory ? open_directory(p, s) : open_file(p, s);
        int r;

        if (target == -EPERM || target == -ELOOP)
                return failed(error, target, "Not a real directory:", s->target);
        if (target < 0)
                return failed(error, target, "Cannot open or make the mount target", s->target);
        r = check_target(target, s);
        if (r < 0)
                return failed(error, r, "Cannot mount on", s->target);
        r = attach(mount, target);
        return r < 0 ? failed(error, r, "Cannot mount on", s->target) : 0;
}

static int perform_filesystem(const Performer *p, const MountStep *s, Error *error)
{
        _cleanup_close_ int mount = make_filesystem(s->type, s->source, s->options.rest, s->options.set);

        if (mount < 0)
                return failed(error, mount, "Cannot make the file system for", s->target);
        return attach_to(p, s, mount, true, error);
}

static int perform_proc(const Performer *p, const MountStep *s, Error *error)
{
        _cleanup_close_ int mount = make_filesystem("proc", s->source, s->options.rest, s->options.set);
        int r;

        if (mount < 0)
                return failed(error, mount, "Cannot make the file system for", s->target);
        r = sysctl_write(mount, p->plan->launch->sysctl, error);
        return r < 0 ? r : attach_to(p, s, mount, true, error);
}

static int perform_dev(const Performer *p, const MountStep *s, Error *error)
{
        _cleanup_close_ int mount = make_filesystem("tmpfs", s->source, s->options.rest, s->options.set);
        int r;

        if (mount < 0)
                return failed(error, mount, "Cannot make the file system for", s->target);
        r = device_fill(mount, p->plan->launch, error);
        return r < 0 ? r : attach_to(p, s, mount, true, error);
}

static int perform_copy(const Performer *p, const MountStep *s, Error *error)
{
        return attach_to(p, s, s->fd, s->directory, error);
}

/* The first use attaches the mount itself: the kernel copies only what is attached in this namespace. */
static int attach_again(int mount, bool *attached, int target)
{
        _cleanup_close_ int copy = -EBADF;
        int r;

        if (!*attached) {
                r = attach(mount, target);
                *attached = r >= 0;
                return r;
        }
        copy = copy_of(mount);
        return copy < 0 ? copy : attach(copy, target);
}

static int mask_directory(Performer *p, int target)
{
        if (p->empty < 0)
                p->empty = make_filesystem("tmpfs", "tmpfs", NULL,
                                           MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
                                                   MOUNT_ATTR_NOEXEC);
        return p->empty < 0 ? p->empty : attach_again(p->empty, &p->empty_attached, target);
}

static int perform_mask(Performer *p, const MountStep *s, Error *error)
{
        _cleanup_close_ int target = fs_open_in_root(p->root, s->target, O_PATH, 0);
        struct stat st;
        int r;

        if (target == -ENOENT || target == -ENOTDIR)
                return 0;
        if (target < 0 || fstat(target, &st) < 0)
                return failed(error, target < 0 ? target : errno, "Cannot mask", s->target);
        r = S_ISDIR(st.st_mode) ? mask_directory(p, target)
                                : attach_again(p->plan->null, &p->null_attached, target);
        return r < 0 ? failed(error, r, "Cannot mask", s->target) : 0;
}

static int perform_protect(const Performer *p, const MountStep *s, Error *error)
{
        _cleanup_close_ int target = fs_open_in_root(p->root, s->target, O_PATH, 0), copy = -EBADF;
        int r;

        if (target == -ENOENT || target == -ENOTDIR)
                return 0;
        if (target < 0)
                return failed(error, target, "Cannot protect", s->target);
        copy = copy_of(target);
        r = copy < 0 ? copy : make_readonly(copy, true);
        if (r >= 0)
                r = attach(copy, target);
        return r < 0 ? failed(error, r, "Cannot protect", s->target) : 0;
}

static int perform_step(Performer *p, const MountStep *s, Error *error)
{
        switch (s->action) {
        case MOUNT_FILESYSTEM:
                return perform_filesystem(p, s, error);
        case MOUNT_PROC:
                return perform_proc(p, s, error);
        case MOUNT_DEV:
                return perform_dev(p, s, error);
        case MOUNT_COPY:
                return perform_copy(p, s, error);
        case MOUNT_MASK:
                return strchr(s->target, '*') ? 0 : perform_mask(p, s, error);
        case MOUNT_PROTECT:
                return strchr(s->target, '*') ? 0 : perform_protect(p, s, error);
        default:
                return error_set(error, ERROR_FAILED, "Unknown step in the mount plan");
        }
}

static void performer_done(Performer *p)
{
        close_fd(p->root);
        close_fd(p->empty);
}

int mount_plan_perform(const MountPlan *plan, Error *error)
{
        _cleanup_(performer_done) Performer p = {.plan = plan, .root = -EBADF, .empty = -EBADF};
        int r;

        r = assemble_root(plan, error);
        if (r < 0)
                return r;
        p.root = open(plan->before_pivot ? root_place(plan) : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (p.root < 0)
                return failed(error, errno, "Cannot open", "/");
        for (size_t i = 0; i < plan->n_steps; i++) {
                r = perform_step(&p, &plan->steps[i], error);
                if (r < 0)
                        return r;
        }
        r = plan->before_pivot ? plan->before_pivot(plan->context, error) : 0;
        if (r >= 0 && plan->before_pivot)
                r = enter_root(plan, error);
        if (r < 0)
                return r;
        if (!plan->launch->root_readonly)
                return 0;
        r = make_readonly(p.root, false);
        return r < 0 ? failed(error, r, "Cannot make read-only:", "/") : 0;
}
