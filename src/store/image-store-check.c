/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whether objects are what their names say. The checksum of a file is taken over the inode as it is: owner,
 * mode, time and attributes are read from it and not from what somebody wrote down about it. */

#include <dirent.h>
#include <linux/limits.h>
#include <sys/xattr.h>

#include "base/fs.h"
#include "base/parse.h"
#include "base/str.h"
#include "store/image-store-private.h"

#define READ_SIZE (256U * 1024)
#define XATTR_NAMES_SIZE (64U * 1024)

/* The attributes that a file of an image may have; what else is on it is the system's own. */
static bool is_content(const char *name)
{
        return streq(name, "security.capability") || startswith(name, "user.");
}

static int compare_xattrs(const void *a, const void *b)
{
        return strcmp(((const Xattr *) a)->name, ((const Xattr *) b)->name);
}

static int read_xattr(int fd, const char *name, Xattr *ret)
{
        ssize_t size = fgetxattr(fd, name, NULL, 0), n;
        char *value;

        if (size < 0)
                return -errno;
        value = malloc((size_t) size + 1);
        if (!value)
                return -ENOMEM;
        n = fgetxattr(fd, name, value, (size_t) size);
        if (n < 0) {
                free(value);
                return -errno;
        }
        *ret = (Xattr){name, value, (size_t) n};
        return 0;
}

void inode_attributes_done(InodeAttributes *i)
{
        for (size_t k = 0; k < i->attributes.n_xattrs; k++)
                free((void *) i->xattrs[k].value);
        free(i->names);
}

int inode_attributes_read(int fd, const struct stat *st, InodeAttributes *ret)
{
        Attributes *a = &ret->attributes;
        ssize_t size = 0;
        int r = 0;

        *ret = (InodeAttributes){};
        *a = (Attributes){
                .uid = st->st_uid, .gid = st->st_gid, .mode = st->st_mode & 07777, .mtime = st->st_mtim};
        a->xattrs = ret->xattrs;
        if (fd < 0)
                return 0;
        ret->names = malloc(XATTR_NAMES_SIZE);
        if (!ret->names)
                return -ENOMEM;
        size = flistxattr(fd, ret->names, XATTR_NAMES_SIZE);
        if (size < 0)
                return errno == ENOTSUP ? 0 : -errno;
        for (const char *name = ret->names; r >= 0 && name < ret->names + size; name += strlen(name) + 1) {
                if (!is_content(name))
                        continue;
                if (a->n_xattrs == TREE_XATTRS_MAX)
                        return -E2BIG;
                r = read_xattr(fd, name, &ret->xattrs[a->n_xattrs]);
                if (r >= 0)
                        a->n_xattrs++;
        }
        qsort(ret->xattrs, a->n_xattrs, sizeof(Xattr), compare_xattrs);
        return r;
}

static int hash_content(Digest *hash, int fd)
{
        _cleanup_free_ char *buffer = malloc(READ_SIZE);
        ssize_t n;

        if (!buffer)
                return -ENOMEM;
        while ((n = read(fd, buffer, READ_SIZE)) != 0) {
                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n > 0 && digest_update(hash, buffer, (size_t) n) < 0)
                        return -ENOMEM;
        }
        return 0;
}

static int hash_inode(ImageStore *s, int fd, const Attributes *a, mode_t type, const char *target, bool mtime,
                      uint8_t ret[static OBJECT_SUM_SIZE])
{
        int r = object_format_header(a, type, target, mtime, &s->header);

        if (r < 0)
                return r;
        if (digest_reset(s->hash) < 0 || digest_update(s->hash, s->header.data, s->header.size) < 0)
                return -ENOMEM;
        if (fd >= 0) {
                if (lseek(fd, 0, SEEK_SET) < 0)
                        return -errno;
                r = hash_content(s->hash, fd);
        }
        if (r < 0)
                return r;
        return digest_finish(s->hash, ret);
}

/* Stores of Berth 0.1 have no times: all are 0. */
static int verify_inode(ImageStore *s, int fd, const struct stat *st, const char *target,
                        const uint8_t sum[static OBJECT_SUM_SIZE])
{
        _cleanup_(inode_attributes_done) InodeAttributes i = {};
        mode_t type = st->st_mode & S_IFMT;
        uint8_t actual[OBJECT_SUM_SIZE];
        int r = inode_attributes_read(fd, st, &i);

        for (int mtime = 1; r >= 0 && mtime >= 0; mtime--) {
                if (!mtime && (st->st_mtim.tv_sec != 0 || st->st_mtim.tv_nsec != 0))
                        break;
                r = hash_inode(s, fd, &i.attributes, type, target, mtime, actual);
                if (r >= 0 && memcmp(actual, sum, OBJECT_SUM_SIZE) == 0)
                        return 1;
        }
        return MIN(r, 0);
}

static int object_verify_file(ImageStore *s, int dir, const char *name,
                              const uint8_t sum[static OBJECT_SUM_SIZE])
{
        _cleanup_close_ int fd = -EBADF;
        char target[PATH_MAX];
        struct stat st;
        ssize_t n;

        if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        if (S_ISLNK(st.st_mode)) {
                n = readlinkat(dir, name, target, sizeof(target) - 1);
                if (n < 0)
                        return -errno;
                target[n] = '\0';
                return verify_inode(s, -EBADF, &st, target, sum);
        }
        if (!S_ISREG(st.st_mode))
                return 0;
        fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        return fd < 0 ? -errno : verify_inode(s, fd, &st, "", sum);
}

int object_verify(ImageStore *s, ObjectKind kind, const char *path, const uint8_t sum[static OBJECT_SUM_SIZE])
{
        _cleanup_close_ int fd = -EBADF;
        uint8_t actual[OBJECT_SUM_SIZE];
        int r;

        if (kind == OBJECT_FILE)
                return object_verify_file(s, s->dir, path, sum);
        fd = openat(s->dir, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0)
                return errno == ELOOP ? 0 : -errno;
        if (digest_reset(s->hash) < 0)
                return -ENOMEM;
        r = hash_content(s->hash, fd);
        if (r < 0)
                return r;
        if (digest_finish(s->hash, actual) < 0)
                return -ENOMEM;
        return memcmp(actual, sum, OBJECT_SUM_SIZE) == 0;
}

/* "xx" and "<62 digits>.<kind>" */
static int parse_object_name(const char *directory, const char *name, ObjectKind *ret_kind,
                             uint8_t ret[static OBJECT_SUM_SIZE])
{
        char hex[2 * OBJECT_SUM_SIZE + 1];
        const char *dot = strchr(name, '.');

        if (!dot || (size_t) (dot - name) != 2 * OBJECT_SUM_SIZE - 2)
                return -EINVAL;
        memcpy(hex, directory, 2);
        memcpy(hex + 2, name, 2 * OBJECT_SUM_SIZE - 2);
        hex[2 * OBJECT_SUM_SIZE] = '\0';
        *ret_kind = store_object_kind(dot + 1);
        if (*ret_kind < 0 || !is_hex(hex, 2 * OBJECT_SUM_SIZE))
                return -EINVAL;
        ostree_checksum_inplace_to_bytes(hex, ret);
        return 0;
}

typedef struct Check {
        ImageStore *store;
        const StoreCheck *what;
        Error *error;
} Check;

static int found(Check *c, const char *path, const char *problem)
{
        _cleanup_free_ char *text = str_printf("object %s %s", path + strlen("objects/"), problem);
        bool removed = c->what->repair && unlinkat(c->store->dir, path, 0) >= 0;

        return text ? c->what->found(c->what->userdata, text, removed) : -ENOMEM;
}

static int check_object(Check *c, const char *directory, const char *name)
{
        char path[sizeof("objects/xx/") + NAME_MAX];
        uint8_t sum[OBJECT_SUM_SIZE];
        ObjectKind kind;
        int r;

        (void) snprintf(path, sizeof(path), "objects/%s/%s", directory, name);
        if (parse_object_name(directory, name, &kind, sum) < 0)
                return found(c, path, "has a name that no object has");
        if (c->what->quick && kind == OBJECT_FILE)
                return 0;
        r = object_verify(c->store, kind, path, sum);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return found(c, path, "cannot be read");
        return r > 0 ? 0 : found(c, path, "is damaged: its content or attributes have changed");
}

static int each_name(int dir, const char *path,
                     int (*each)(Check *c, const char *directory, const char *name), Check *c)
{
        const char *slash = strrchr(path, '/');
        const struct dirent *de;
        int fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), r = 0;
        DIR *d = fd >= 0 ? fdopendir(fd) : NULL;

        if (!d) {
                r = error_set_errno(c->error, errno, "Cannot read the image store");
                close_fd(fd);
                return r;
        }
        while (r >= 0 && (errno = 0, de = readdir(d)))
                if (!streq(de->d_name, ".") && !streq(de->d_name, ".."))
                        r = each(c, slash ? slash + 1 : path, de->d_name);
        if (r >= 0 && errno > 0)
                r = error_set_errno(c->error, errno, "Cannot read the image store");
        (void) closedir(d);
        return r;
}

static int check_directory(Check *c, const char *parent, const char *name)
{
        char path[sizeof("objects/") + NAME_MAX];

        (void) snprintf(path, sizeof(path), "objects/%s", name);
        if (!is_hex(name, 2)) {
                _cleanup_free_ char *text = str_printf("%s is not of the store", path);

                return text ? c->what->found(c->what->userdata, text, false) : -ENOMEM;
        }
        return each_name(c->store->dir, path, check_object, c);
}

int image_store_check(ImageStore *s, const StoreCheck *what, Error *error)
{
        Check c = {s, what, error};

        return each_name(s->dir, "objects", check_directory, &c);
}

/* The tree of an image */

/* A file of the tree whose object is gone becomes the object. */
static int restore_object(ImageStore *s, const Node *n, int dir)
{
        char path[STORE_OBJECT_PATH_MAX], parent[STORE_OBJECT_PATH_MAX];

        if ((n->flags & NODE_RAW_SYMLINK) || object_verify_file(s, dir, n->name, n->sum) <= 0)
                return -ENOENT;
        store_object_path(OBJECT_FILE, n->sum, path);
        memcpy(parent, path, sizeof(parent));
        parent[strlen("objects/xx")] = '\0';
        if (mkdirat(s->dir, parent, 0700) < 0 && errno != EEXIST)
                return -errno;
        return linkat(dir, n->name, s->dir, path, 0) < 0 ? -errno : 0;
}

static int same_target(ImageStore *s, const Node *n, int dir)
{
        _cleanup_free_ char *wanted = NULL;
        char target[PATH_MAX];
        ssize_t size = readlinkat(dir, n->name, target, sizeof(target) - 1);
        int r = object_read_file(s, n->sum, PATH_MAX, &wanted, NULL);

        if (r < 0 || size < 0)
                return 0;
        target[size] = '\0';
        return streq(target, wanted);
}

TreeState image_store_compare(ImageStore *s, const Node *n, int dir, bool repair)
{
        char path[STORE_OBJECT_PATH_MAX];
        struct stat object, st;

        store_object_path(OBJECT_FILE, n->sum, path);
        if (fstatat(s->dir, path, &object, AT_SYMLINK_NOFOLLOW) < 0) {
                if (!repair || restore_object(s, n, dir) < 0)
                        return TREE_WITHOUT_OBJECT;
                return TREE_OBJECT_RESTORED;
        }
        if (fstatat(dir, n->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return TREE_MISSING;
        if (st.st_ino == object.st_ino && st.st_dev == object.st_dev)
                return TREE_SAME;
        if (n->flags & NODE_RAW_SYMLINK)
                return S_ISLNK(st.st_mode) && same_target(s, n, dir) && st.st_uid == object.st_uid &&
                                       st.st_gid == object.st_gid
                               ? TREE_SAME
                               : TREE_CHANGED;
        return object_verify_file(s, dir, n->name, n->sum) > 0 ? TREE_SAME : TREE_CHANGED;
}
