/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Nodes by number: which of them can be opened is the unit's device policy. */

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/fs.h"
#include "exec/device.h"
#include "exec/user-namespace.h"

#define NODE(name, high, low)                                                                                \
        {                                                                                                    \
                .path = (char *) "/dev/" name, .type = S_IFCHR, .major = (high), .minor = (low),             \
                .mode = 0666                                                                                 \
        }
static const LaunchDevice nodes[] = {
        NODE("null", 1, 3),   NODE("zero", 1, 5),    NODE("full", 1, 7),
        NODE("random", 1, 8), NODE("urandom", 1, 9), NODE("tty", 5, 0),
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

const LaunchDevice *device_default(size_t i)
{
        return i < ELEMENTSOF(nodes) ? &nodes[i] : NULL;
}

bool device_is_below_dev(const LaunchDevice *d)
{
        return startswith(d->path, "/dev/");
}

static bool is_that_node(int parent, const char *name, const LaunchDevice *d)
{
        struct stat st;

        return fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) >= 0 && (st.st_mode & S_IFMT) == d->type &&
               (d->type == S_IFIFO || st.st_rdev == makedev(d->major, d->minor));
}

static int make_node(int parent, const char *name, const LaunchDevice *d, Error *error)
{
        dev_t number = d->type == S_IFIFO ? 0 : makedev(d->major, d->minor);

        if (mknodat(parent, name, (mode_t) d->type | (d->mode & 07777), number) < 0) {
                if (errno != EEXIST || !is_that_node(parent, name, d))
                        return failed(error, d->path);
                return 0;
        }
        if ((d->uid != 0 || d->gid != 0) && fchownat(parent, name, d->uid, d->gid, AT_SYMLINK_NOFOLLOW) < 0)
                return failed(error, d->path);
        return 0;
}

/* path is the device's, from tree on; what is missing on the way is made. */
static int make_at(int tree, const char *path, const LaunchDevice *d, bool replace, Error *error)
{
        _cleanup_free_ char *directory = strdup(path);
        _cleanup_close_ int parent = -EBADF;
        char *name;
        size_t n;

        if (!directory)
                return error_set_errno(error, ENOMEM, "Devices");
        for (n = strlen(directory); n > 0 && directory[n - 1] == '/'; n--)
                directory[n - 1] = '\0';
        name = strrchr(directory, '/');
        if (n == 0 || streq(name ? name + 1 : directory, "..") || streq(name ? name + 1 : directory, "."))
                return error_set(error, ERROR_INVALID_ARGUMENT, "The device %s has no name", d->path);
        if (name)
                *name++ = '\0';
        parent = fs_mkdir_in_root(tree, name ? directory : "", 0755);
        if (parent < 0)
                return error_set_errno(error, parent, "Cannot make the directory of %s", d->path);
        if (replace && unlinkat(parent, name ?: directory, 0) < 0 && errno != ENOENT)
                return failed(error, d->path);
        return make_node(parent, name ?: directory, d, error);
}

int device_make(int root, const LaunchDevice *d, Error *error)
{
        return make_at(root, d->path + strspn(d->path, "/"), d, false, error);
}

static int make_links(int dev, const LaunchDevice *owner, bool replace, Error *error)
{
        FOREACH_ELEMENT(link, links) {
                if (symlinkat(link->target, dev, link->name) < 0 && !(replace && errno == EEXIST))
                        return failed(error, link->name);
                if (owner->uid != 0 &&
                    fchownat(dev, link->name, owner->uid, owner->gid, AT_SYMLINK_NOFOLLOW) < 0)
                        return failed(error, link->name);
        }
        return 0;
}

int device_link(int root, Error *error)
{
        _cleanup_close_ int dev = fs_mkdir_in_root(root, "/dev", 0755);

        if (dev < 0)
                return error_set_errno(error, dev, "Cannot open /dev");
        return make_links(dev, &nodes[0], true, error);
}

/* Whose the node is, seen from here. */
static int to_host(const LaunchDevice *d, const LaunchIdMaps *maps, LaunchDevice *ret, Error *error)
{
        *ret = *d;
        if (maps->n_uids == 0)
                return 0;
        if (!id_map_lookup(maps->uids, maps->n_uids, d->uid, &ret->uid) ||
            !id_map_lookup(maps->gids, maps->n_gids, d->gid, &ret->gid)) {
                if (d->uid != 0 || d->gid != 0)
                        return error_set(error, ERROR_INVALID_ARGUMENT,
                                         "The owner of the device %s is nobody in the user namespace",
                                         d->path);
                ret->uid = ret->gid = 0;
        }
        return 0;
}

static int fill(int dev, const Launch *l, const LaunchIdMaps *maps, Error *error)
{
        LaunchDevice d = {};
        int r = 0;

        FOREACH_ELEMENT(n, nodes) {
                if (r >= 0)
                        r = to_host(n, maps, &d, error);
                if (r >= 0)
                        r = make_node(dev, n->path + strlen("/dev/"), &d, error);
        }
        if (r >= 0)
                r = make_links(dev, &d, false, error);
        for (size_t i = 0; r >= 0 && i < l->n_devices; i++) {
                if (!device_is_below_dev(&l->devices[i]))
                        continue;
                r = to_host(&l->devices[i], maps, &d, error);
                if (r >= 0)
                        r = make_at(dev, d.path + strlen("/dev/"), &d, true, error);
        }
        return r;
}

int device_fill(int dev, const Launch *l, const LaunchIdMaps *maps, Error *error)
{
        mode_t mask = umask(0);
        int r = fill(dev, l, maps, error);

        (void) umask(mask);
        return r;
}
