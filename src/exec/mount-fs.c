/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The kernel's mount calls by descriptor, each with the flags that belong to it. */

#include <fcntl.h>
#include <sys/mount.h>

#include "exec/mount-fs.h"

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

int mount_make(const char *type, const char *source, char *const *options, uint64_t attributes)
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

int mount_copy(int fd)
{
        int copy = open_tree(fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);

        return copy < 0 ? -errno : copy;
}

int mount_copy_path(const char *path, unsigned flags)
{
        int fd = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | flags);

        return fd < 0 ? -errno : fd;
}

int mount_set(int fd, bool all, uint64_t set, uint64_t clear, unsigned long propagation)
{
        struct mount_attr attr = {.attr_set = set, .attr_clr = clear, .propagation = propagation};

        if (set == 0 && clear == 0 && propagation == 0)
                return 0;
        return mount_setattr(fd, "", AT_EMPTY_PATH | (all ? AT_RECURSIVE : 0), &attr, sizeof(attr)) < 0
                       ? -errno
                       : 0;
}

int mount_attach(int mount, int target)
{
        return move_mount(mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0
                       ? -errno
                       : 0;
}
