/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is missing is made, one level at a time, by descriptors that never leave the root. */

#include <limits.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/fs.h"
#include "base/str.h"
#include "exec/mount-target.h"

#define SYMLINKS_MAX 16U

/* /proc, /sys and /dev of a root must be real directories: the kernel's files found below them are trusted
 * later. */
static bool is_system_target(const MountStep *s)
{
        return s->action == MOUNT_PROC || s->action == MOUNT_DEV || streq_ptr(s->type, "sysfs");
}

int mount_target_directory(int root, const MountStep *s, bool *ret_made)
{
        int nofollow = s->options.target_nofollow ? O_NOFOLLOW : 0;
        bool system = is_system_target(s);
        int fd;

        *ret_made = false;
        for (unsigned i = 0; i < 2; i++) {
                if (system)
                        fd = fs_open_beneath(root, s->target + strspn(s->target, "/"), O_PATH | O_DIRECTORY,
                                             0);
                else
                        fd = fs_open_in_root(root, s->target, O_PATH | O_DIRECTORY | nofollow, 0);
                if (fd != -ENOENT)
                        return fd;
                *ret_made = true;
                fd = fs_mkdir_in_root(root, s->target, 0755);
                if (fd < 0 || !system)
                        return fd;
                close_fd(fd);
        }
        return -ENOENT;
}

int mount_target_parent(int root, const char *path, const char **ret_name)
{
        const char *slash = strrchr(path, '/');
        _cleanup_free_ char *parent = strndup(path, slash - path);

        if (!parent)
                return -ENOMEM;
        *ret_name = slash + 1;
        return fs_mkdir_in_root(root, parent, 0755);
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
static int make_file(int root, const char *target)
{
        _cleanup_free_ char *path = strdup(target);

        for (unsigned i = 0; path && i < SYMLINKS_MAX; i++) {
                _cleanup_close_ int parent = -EBADF, made = -EBADF;
                const char *name;
                char *next;
                int r;

                parent = mount_target_parent(root, path, &name);
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
int mount_target_file(int root, const MountStep *s)
{
        int flags = O_PATH | (s->options.target_nofollow ? O_NOFOLLOW : 0), fd, r;

        fd = fs_open_in_root(root, s->target, flags, 0);
        if (fd != -ENOENT)
                return fd;
        r = make_file(root, s->target);
        return r < 0 ? r : fs_open_in_root(root, s->target, flags, 0);
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

int mount_target_check(int fd, const MountStep *s)
{
        struct statfs fs;

        if (fstatfs(fd, &fs) < 0)
                return -errno;
        return fs.f_type == PROC_SUPER_MAGIC && !may_cover_proc(s->target) ? -EPERM : 0;
}
