/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Every target is first a descriptor, found in the new root without leaving it, and only then covered; every
 * source is a descriptor of the launcher's or a file system made here. No path string of the container's
 * decides anything else. */

#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/fs.h"
#include "base/str.h"
#include "exec/copy-up.h"
#include "exec/device.h"
#include "exec/mount-chroot.h"
#include "exec/mount-fs.h"
#include "exec/mount-root.h"
#include "exec/mount-target.h"
#include "exec/mount.h"
#include "exec/sysctl.h"

#define CGROUP_MOUNT "/sys/fs/cgroup"
#define CGROUP_HYBRID CGROUP_MOUNT "/unified"
#define CGROUP_FILE_MAX 65536U

typedef struct Performer {
        MountPlan *plan;
        int root;
        int empty; /* a read-only directory for each masked one */
        bool empty_attached, null_attached;
        bool entered; /* the root is the process's */
} Performer;

static int failed(Error *error, int r, const char *what, const char *target)
{
        return error_set(error, ERROR_START_FAILED, "%s %s: %s", what, target, strerror(abs(r)));
}

static uint64_t attributes_of(const MountStep *s)
{
        return s->options.set | s->options.set_all;
}

/* What is mounted on the root takes its place. */
static int change_root(Performer *p, int mount, Error *error)
{
        int root = fcntl(mount, F_DUPFD_CLOEXEC, 3);

        if (root < 0)
                return failed(error, errno, "Cannot open", "/");
        close_fd(TAKE(p->root, root));
        return p->entered ? mount_root_enter(p->plan, p->root, error) : 0;
}

static bool is_root(const MountStep *s)
{
        return s->target[strspn(s->target, "/")] == '\0';
}

static int attach_on(Performer *p, const MountStep *s, int mount, int target, Error *error)
{
        int r;

        if (target == -EPERM || target == -ELOOP)
                return failed(error, target, "Not a real directory:", s->target);
        if (target < 0)
                return failed(error, target, "Cannot open or make the mount target", s->target);
        r = mount_target_check(target, s);
        if (r >= 0)
                r = mount_attach(mount, target);
        if (r < 0)
                return failed(error, r, "Cannot mount on", s->target);
        return is_root(s) ? change_root(p, mount, error) : 0;
}

static int attach_to(Performer *p, const MountStep *s, int mount, bool directory, Error *error)
{
        bool made;
        _cleanup_close_ int target =
                directory ? mount_target_directory(p->root, s, &made) : mount_target_file(p->root, s);

        return attach_on(p, s, mount, target, error);
}

static bool is_cgroup2(const char *path)
{
        struct statfs fs;

        return statfs(path, &fs) >= 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

/* Without a namespace of its own a container sees its own cgroup, not the host's tree. */
static int copy_cgroup(const MountStep *s)
{
        _cleanup_free_ char *text = NULL, *path = NULL;
        _cleanup_close_ int fd = -EBADF;
        char *own;
        int r;

        r = fs_read_at(AT_FDCWD, "/proc/self/cgroup", CGROUP_FILE_MAX, &text, NULL);
        if (r < 0)
                return r;
        own = startswith(text, "0::") ? text : strstr(text, "\n0::");
        if (!own)
                return -ENOENT;
        own = strchr(own, '/');
        if (!own)
                return -ENOENT;
        own[strcspn(own, "\n")] = '\0';
        path = str_printf("%s%s", is_cgroup2(CGROUP_MOUNT) ? CGROUP_MOUNT : CGROUP_HYBRID, own);
        fd = path ? mount_copy_path(path, AT_RECURSIVE) : -ENOMEM;
        if (fd < 0)
                return fd;
        r = mount_set(fd, true, attributes_of(s), 0, MS_PRIVATE);
        return r < 0 ? r : TAKE_FD(fd);
}

static bool has_cgroup_namespace(const Performer *p)
{
        return p->plan->launch->namespaces & 1U << LAUNCH_NS_CGROUP;
}

static int make_cgroup(const Performer *p, const MountStep *s)
{
        int fd = -EPERM;

        if (has_cgroup_namespace(p))
                fd = mount_make(s->type, s->source, s->options.rest, attributes_of(s));
        return fd == -EPERM ? copy_cgroup(s) : fd;
}

/* The kernel lets a user namespace have a sysfs only with a network namespace: otherwise it is the host's. */
static int make_sysfs(const MountStep *s)
{
        _cleanup_close_ int fd = mount_make(s->type, s->source, s->options.rest, attributes_of(s));
        int r;

        if (fd != -EPERM)
                return TAKE_FD(fd);
        fd = mount_copy_path("/sys", AT_RECURSIVE);
        if (fd < 0)
                return fd;
        r = mount_set(fd, true, attributes_of(s), 0, MS_PRIVATE);
        return r < 0 ? r : TAKE_FD(fd);
}

/* The group of terminals may be nobody's in a user namespace. */
static int make_devpts(const MountStep *s)
{
        _cleanup_strv_ char **options = NULL;
        int fd = mount_make(s->type, s->source, s->options.rest, attributes_of(s));

        if (fd != -EINVAL)
                return fd;
        STRV_FOREACH(o, s->options.rest)
                if (!startswith(*o, "gid=") && strv_append(&options, *o) < 0)
                        return -ENOMEM;
        return mount_make(s->type, s->source, options, attributes_of(s));
}

static int make_step(const Performer *p, const MountStep *s)
{
        bool user = namespace_has_user(p->plan->namespaces);

        if (s->action == MOUNT_PROC)
                return mount_make("proc", s->source, s->options.rest, attributes_of(s));
        if (s->action == MOUNT_CGROUP)
                return make_cgroup(p, s);
        if (user && streq(s->type, "sysfs"))
                return make_sysfs(s);
        if (user && streq(s->type, "devpts"))
                return make_devpts(s);
        return mount_make(s->type, s->source, s->options.rest, attributes_of(s));
}

/* In a user namespace the kernel allows new ones of procfs and sysfs as long as the host's can be seen. */
static bool is_made_early(const Performer *p, const MountStep *s)
{
        if (s->action == MOUNT_CGROUP && !has_cgroup_namespace(p))
                return true;
        return namespace_has_user(p->plan->namespaces) &&
               (s->action == MOUNT_PROC || s->action == MOUNT_CGROUP || streq_ptr(s->type, "sysfs"));
}

static int make_early(const Performer *p, Error *error)
{
        for (size_t i = 0; i < p->plan->n_steps; i++) {
                MountStep *s = &p->plan->steps[i];

                if (!is_made_early(p, s))
                        continue;
                s->fd = make_step(p, s);
                if (s->fd < 0)
                        return failed(error, s->fd, "Cannot make the file system for", s->target);
        }
        return 0;
}

static int take_step(const Performer *p, MountStep *s, Error *error)
{
        if (s->fd < 0)
                s->fd = make_step(p, s);
        return s->fd < 0 ? failed(error, s->fd, "Cannot make the file system for", s->target) : 0;
}

static bool has_mode(const MountStep *s)
{
        STRV_FOREACH(o, s->options.rest)
                if (startswith(*o, "mode="))
                        return true;
        return false;
}

/* A tmpfs looks like the directory that it covers, unless it is told otherwise. */
static int make_tmpfs(const MountStep *s, int target, bool made)
{
        _cleanup_strv_ char **options = NULL;
        uint64_t attributes = attributes_of(s) & ~(s->options.copy_up ? (uint64_t) MOUNT_ATTR_RDONLY : 0);
        struct stat st;
        int r;

        if (made || has_mode(s))
                return mount_make(s->type, s->source, s->options.rest, attributes);
        r = fstat(target, &st) < 0 ? -errno : strv_copy(s->options.rest, &options);
        if (r >= 0)
                r = strv_consume(&options, str_printf("mode=%o", st.st_mode & 07777));
        return r < 0 ? r : mount_make(s->type, s->source, options, attributes);
}

static int perform_tmpfs(Performer *p, const MountStep *s, Error *error)
{
        bool made;
        _cleanup_close_ int target = mount_target_directory(p->root, s, &made), mount = -EBADF;
        int r;

        if (target < 0)
                return attach_on(p, s, -EBADF, target, error);
        mount = make_tmpfs(s, target, made);
        if (mount < 0)
                return failed(error, mount, "Cannot make the file system for", s->target);
        if (s->options.copy_up) {
                r = made ? 0 : copy_up(target, mount);
                if (r >= 0)
                        r = mount_set(mount, false, attributes_of(s) & MOUNT_ATTR_RDONLY, 0, 0);
                if (r < 0)
                        return failed(error, r, "Cannot fill the tmpfs on", s->target);
        }
        return attach_on(p, s, mount, target, error);
}

static int perform_filesystem(Performer *p, MountStep *s, Error *error)
{
        int r;

        if (streq(s->type, "tmpfs"))
                return perform_tmpfs(p, s, error);
        r = take_step(p, s, error);
        return r < 0 ? r : attach_to(p, s, s->fd, true, error);
}

static int perform_proc(Performer *p, MountStep *s, Error *error)
{
        int r;

        r = take_step(p, s, error);
        if (r >= 0)
                r = sysctl_write(s->fd, p->plan->launch->sysctl, error);
        return r < 0 ? r : attach_to(p, s, s->fd, true, error);
}

static int perform_dev(Performer *p, MountStep *s, Error *error)
{
        int r = 0;

        if (s->fd < 0) {
                s->fd = mount_make("tmpfs", s->source, s->options.rest, attributes_of(s));
                if (s->fd < 0)
                        return failed(error, s->fd, "Cannot make the file system for", s->target);
                r = device_fill(s->fd, p->plan->launch, &p->plan->namespaces->maps, error);
        }
        return r < 0 ? r : attach_to(p, s, s->fd, true, error);
}

static int perform_copy(Performer *p, const MountStep *s, Error *error)
{
        return attach_to(p, s, s->fd, s->directory, error);
}

/* One that is there already must say the same. */
static int perform_symlink(const Performer *p, const MountStep *s, Error *error)
{
        const char *name;
        _cleanup_close_ int parent = mount_target_parent(p->root, s->target, &name);
        char there[PATH_MAX];
        ssize_t n;

        if (parent < 0)
                return failed(error, parent, "Cannot make the directory of", s->target);
        if (symlinkat(s->owned, parent, name) >= 0)
                return 0;
        n = errno == EEXIST ? readlinkat(parent, name, there, sizeof(there)) : -1;
        if (n < 0 || (size_t) n != strlen(s->owned) || memcmp(there, s->owned, (size_t) n) != 0)
                return failed(error, n < 0 ? errno : EEXIST, "Cannot make the symlink", s->target);
        return 0;
}

/* The first use attaches the mount itself: the kernel copies only what is attached in this namespace. */
static int attach_again(int mount, bool *attached, int target)
{
        _cleanup_close_ int copy = -EBADF;
        int r;

        if (!*attached) {
                r = mount_attach(mount, target);
                *attached = r >= 0;
                return r;
        }
        copy = mount_copy(mount);
        return copy < 0 ? copy : mount_attach(copy, target);
}

static int mask_directory(Performer *p, int target)
{
        if (p->empty < 0)
                p->empty = mount_make("tmpfs", "tmpfs", NULL,
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
        copy = mount_copy(target);
        r = copy < 0 ? copy : mount_set(copy, true, MOUNT_ATTR_RDONLY, 0, 0);
        if (r >= 0)
                r = mount_attach(copy, target);
        return r < 0 ? failed(error, r, "Cannot protect", s->target) : 0;
}

static int perform_step(Performer *p, MountStep *s, Error *error)
{
        switch (s->action) {
        case MOUNT_FILESYSTEM:
        case MOUNT_CGROUP:
                return perform_filesystem(p, s, error);
        case MOUNT_PROC:
                return perform_proc(p, s, error);
        case MOUNT_DEV:
                return perform_dev(p, s, error);
        case MOUNT_COPY:
                return perform_copy(p, s, error);
        case MOUNT_SYMLINK:
                return perform_symlink(p, s, error);
        case MOUNT_NODE:
                return device_make(p->root, s->device, error);
        case MOUNT_LINKS:
                return device_link(p->root, error);
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

static int enter(Performer *p, Error *error)
{
        p->entered = true;
        return mount_root_enter(p->plan, p->root, error);
}

static int perform_steps(Performer *p, Error *error)
{
        int r = 0;

        for (size_t i = 0; r >= 0 && i < p->plan->n_steps; i++)
                r = perform_step(p, &p->plan->steps[i], error);
        return r;
}

/* The last time that it can be made. Whoever enters it says what is wrong with it. */
static void make_working_directory(const Performer *p)
{
        const char *path = strempty(p->plan->launch->process.cwd);
        _cleanup_close_ int fd = fs_open_in_root(p->root, path, O_PATH | O_DIRECTORY, 0);

        if (fd == -ENOENT)
                fd = fs_mkdir_in_root(p->root, path, 0755);
}

/* Private is what everything is. */
static int finish_root(const Performer *p, Error *error)
{
        int64_t propagation = p->plan->launch->rootfs_propagation;
        int r;

        if (propagation & (MS_SHARED | MS_SLAVE | MS_UNBINDABLE) &&
            mount(NULL, "/", NULL, (unsigned long) propagation, NULL) < 0)
                return failed(error, errno, "Cannot set the propagation of", "/");
        if (p->plan->launch->root_readonly)
                make_working_directory(p);
        r = p->plan->launch->root_readonly ? mount_set(p->root, false, MOUNT_ATTR_RDONLY, 0, 0) : 0;
        return r < 0 ? failed(error, r, "Cannot make read-only:", "/") : 0;
}

int mount_plan_perform(MountPlan *plan, Error *error)
{
        _cleanup_(performer_done) Performer p = {.plan = plan, .root = -EBADF, .empty = -EBADF};
        int r;

        if (mount_is_chroot(plan->launch))
                return mount_chroot_perform(plan, error);
        r = make_early(&p, error);
        if (r >= 0)
                r = mount_root_assemble(plan, &p.root, error);
        if (r >= 0 && !plan->before_pivot)
                r = enter(&p, error);
        if (r >= 0)
                r = perform_steps(&p, error);
        if (r >= 0 && plan->before_pivot) {
                r = plan->before_pivot(plan->context, error);
                if (r >= 0)
                        r = enter(&p, error);
        }
        return r < 0 ? r : finish_root(&p, error);
}
