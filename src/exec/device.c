/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Nodes by number: which of them can be opened is the unit's device policy. */

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/fs.h"
#include "exec/device.h"

static const struct {
        const char *name;
        unsigned major, minor;
} nodes[] = {
        {"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0},
};

static const struct {
        const char *name, *target;
} links[] = {
        {"fd", "/proc/self/fd"},       {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"},
        {"stderr", "/proc/self/fd/2"}, {"core", "/proc/kcore"},      {"ptmx", "pts/ptmx"},
};

static int failed(Error *error, const char *name)
{
        return error_set(error, ERROR_START_FAILED, "Cannot make the device %s: %m", name);
}

static int add_device(int dev, const LaunchDevice *d, Error *error)
{
        _cleanup_close_ int parent = -EBADF;
        const char *path = startswith(d->path, "/dev/"), *slash;
        _cleanup_free_ char *directory = NULL;

        if (!path || !*path)
                return error_set(error, ERROR_INVALID_ARGUMENT, "The device %s is not below /dev", d->path);
        slash = strrchr(path, '/');
        directory = slash ? strndup(path, slash - path) : strdup("");
        if (!directory)
                return error_set_errno(error, ENOMEM, "Devices");
        parent = fs_mkdir_in_root(dev, directory, 0755);
        if (parent < 0)
                return error_set_errno(error, parent, "Cannot make the directory of %s", d->path);
        path = slash ? slash + 1 : path;
        if (unlinkat(parent, path, 0) < 0 && errno != ENOENT)
                return failed(error, d->path);
        if (mknodat(parent, path, (mode_t) d->type | (d->mode & 07777), makedev(d->major, d->minor)) < 0)
                return failed(error, d->path);
        if ((d->uid != 0 || d->gid != 0) && fchownat(parent, path, d->uid, d->gid, AT_SYMLINK_NOFOLLOW) < 0)
                return failed(error, d->path);
        return 0;
}

int device_fill(int dev, const Launch *l, Error *error)
{
        int r;

        FOREACH_ELEMENT(n, nodes)
                if (mknodat(dev, n->name, S_IFCHR | 0666, makedev(n->major, n->minor)) < 0)
                        return failed(error, n->name);
        FOREACH_ELEMENT(link, links)
                if (symlinkat(link->target, dev, link->name) < 0)
                        return failed(error, link->name);
        for (size_t i = 0; i < l->n_devices; i++) {
                r = add_device(dev, &l->devices[i], error);
                if (r < 0)
                        return r;
        }
        return 0;
}
