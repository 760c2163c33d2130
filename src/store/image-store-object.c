/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Objects in and out, in OSTree's bare format: a file object is the file itself, with owner, mode and
 * attributes. A transaction's objects are written into a directory of their own and renamed into place when
 * all are on disk. A rename never replaces: checkouts share the inode that is there, and one that another
 * worker is just linking must not lose its last name.
 *
 * The time of a file is part of its checksum as an attribute that only the privileged see. The worker may
 * lack the privilege to set it; the inode's own time says the same. */

#include <dirent.h>
#include <linux/limits.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/fs.h"
#include "base/str.h"
#include "store/image-store-private.h"
#include "store/time-mark.h"

/* Of a directory object; a layer's largest has TREE_ENTRIES_MAX entries. */
#define METADATA_SIZE_MAX (128U * 1024 * 1024)
#define ZEROS_SIZE (64U * 1024)

struct ObjectWriter {
        ImageStore *store;
        Digest *hash;
        Attributes attributes;
        Xattr *xattrs;
        int fd;
        uint64_t size;
        char name[sizeof(".new-") + 10];
        bool staged;
};

static const char *const suffixes[_OBJECT_KIND_MAX] = {
        [OBJECT_FILE] = "file",
        [OBJECT_DIRTREE] = "dirtree",
        [OBJECT_DIRMETA] = "dirmeta",
        [OBJECT_COMMIT] = "commit",
};

static void store_object_name(ObjectKind kind, const uint8_t sum[static OBJECT_SUM_SIZE],
                              char ret[static STORE_OBJECT_NAME_MAX])
{
        static const char digits[] = "0123456789abcdef";

        for (size_t i = 0; i < OBJECT_SUM_SIZE; i++) {
                *ret++ = digits[sum[i] >> 4];
                *ret++ = digits[sum[i] & 15];
        }
        *ret++ = '.';
        (void) strcpy(ret, suffixes[kind]);
}

static void name_to_path(const char *name, char ret[static STORE_OBJECT_PATH_MAX])
{
        char *p = stpcpy(ret, "objects/");

        *p++ = name[0];
        *p++ = name[1];
        *p++ = '/';
        (void) strcpy(p, name + 2);
}

void store_object_path(ObjectKind kind, const uint8_t sum[static OBJECT_SUM_SIZE],
                       char ret[static STORE_OBJECT_PATH_MAX])
{
        char name[STORE_OBJECT_NAME_MAX];

        store_object_name(kind, sum, name);
        name_to_path(name, ret);
}

static int write_failed(Error *error, int r)
{
        return error_set_errno(error, r, "Cannot write to the image store");
}

ObjectKind store_object_kind(const char *suffix)
{
        for (ObjectKind k = 0; k < _OBJECT_KIND_MAX; k++)
                if (streq(suffixes[k], suffix))
                        return k;
        return _OBJECT_KIND_INVALID;
}

static bool has_object(ImageStore *s, ObjectKind kind, const uint8_t sum[static OBJECT_SUM_SIZE])
{
        char path[STORE_OBJECT_PATH_MAX];

        store_object_path(kind, sum, path);
        if (faccessat(s->dir, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
                return false;
        return !s->distrust || object_verify(s, kind, path, sum) > 0 || unlinkat(s->dir, path, 0) < 0;
}

/* Returns the descriptor of a new file in the stage, or -EEXIST when the object is there or staged. */
static int stage_object(ImageStore *s, ObjectKind kind, const uint8_t sum[static OBJECT_SUM_SIZE])
{
        char name[STORE_OBJECT_NAME_MAX];
        int fd;

        assert(s->stage >= 0);
        if (has_object(s, kind, sum))
                return -EEXIST;
        store_object_name(kind, sum, name);
        fd = openat(s->stage, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        return fd < 0 ? -errno : fd;
}

/* Writing */

static int hash_begin(ImageStore *s, Digest *hash, const Attributes *a, mode_t type, const char *target)
{
        int r = object_format_header(a, type, target, true, &s->header);

        if (r < 0)
                return r;
        if (digest_reset(hash) < 0 || digest_update(hash, s->header.data, s->header.size) < 0)
                return -ENOMEM;
        return 0;
}

static int mark_time(ImageStore *s, const char *name, const Attributes *a)
{
        return time_mark_set(s->stage, s->stage_name, name, &a->mtime);
}

static int set_attributes(ImageStore *s, int fd, const Attributes *a)
{
        const struct timespec times[] = {{.tv_nsec = UTIME_OMIT}, a->mtime};

        if ((a->uid != s->uid || a->gid != s->gid) && fchown(fd, a->uid, a->gid) < 0)
                return -errno;
        if (a->mode != 0600 && fchmod(fd, a->mode) < 0)
                return -errno;
        for (size_t i = 0; i < a->n_xattrs; i++)
                if (fsetxattr(fd, a->xattrs[i].name, a->xattrs[i].value, a->xattrs[i].size, 0) < 0)
                        return -errno;
        return futimens(fd, times) < 0 ? -errno : 0;
}

int image_store_write_file(ImageStore *s, const Attributes *a, const void *data, size_t size,
                           uint8_t ret_sum[static OBJECT_SUM_SIZE], Error *error)
{
        char name[STORE_OBJECT_NAME_MAX];
        _cleanup_close_ int fd = -EBADF;
        int r = hash_begin(s, s->hash, a, S_IFREG, "");

        if (r < 0)
                return r;
        if (digest_update(s->hash, data, size) < 0 || digest_finish(s->hash, ret_sum) < 0)
                return -ENOMEM;
        fd = stage_object(s, OBJECT_FILE, ret_sum);
        if (fd == -EEXIST)
                return 0;
        r = fd < 0 ? fd : fs_write_all(fd, data, size);
        if (r >= 0)
                r = set_attributes(s, fd, a);
        store_object_name(OBJECT_FILE, ret_sum, name);
        if (r >= 0)
                r = mark_time(s, name, a);
        return r < 0 ? write_failed(error, r) : 0;
}

static int stage_symlink(ImageStore *s, const Attributes *a, const char *target, const char *name)
{
        const struct timespec times[] = {{.tv_nsec = UTIME_OMIT}, a->mtime};

        if (symlinkat(target, s->stage, name) < 0)
                return -errno;
        if ((a->uid != s->uid || a->gid != s->gid) &&
            fchownat(s->stage, name, a->uid, a->gid, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        if (utimensat(s->stage, name, times, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        return mark_time(s, name, a);
}

int image_store_write_symlink(ImageStore *s, const Attributes *a, const char *target,
                              uint8_t ret_sum[static OBJECT_SUM_SIZE], Error *error)
{
        const Attributes bare = {.uid = a->uid, .gid = a->gid, .mode = 0777, .mtime = a->mtime};
        char name[STORE_OBJECT_NAME_MAX];
        int r = hash_begin(s, s->hash, &bare, S_IFLNK, target);

        if (r < 0)
                return r;
        if (digest_finish(s->hash, ret_sum) < 0)
                return -ENOMEM;
        store_object_name(OBJECT_FILE, ret_sum, name);
        assert(s->stage >= 0);
        if (has_object(s, OBJECT_FILE, ret_sum))
                return 0;
        r = stage_symlink(s, &bare, target, name);
        return r < 0 && r != -EEXIST ? write_failed(error, r) : 0;
}

static int copy_attributes(ObjectWriter *w, const Attributes *a)
{
        w->attributes = *a;
        w->xattrs = calloc(a->n_xattrs + 1, sizeof(*w->xattrs));
        if (!w->xattrs)
                return -ENOMEM;
        w->attributes.xattrs = w->xattrs;
        w->attributes.n_xattrs = 0;
        for (size_t i = 0; i < a->n_xattrs; i++) {
                Xattr *x = &w->xattrs[w->attributes.n_xattrs++];
                char *name = strdup(a->xattrs[i].name), *value = malloc(a->xattrs[i].size + 1);

                *x = (Xattr){name, value, a->xattrs[i].size};
                if (!name || !value)
                        return -ENOMEM;
                memcpy(value, a->xattrs[i].value, x->size);
        }
        return 0;
}

int image_store_open_writer(ImageStore *s, const Attributes *a, uint64_t size, ObjectWriter **ret,
                            Error *error)
{
        _cleanup_(object_writer_freep) ObjectWriter *w = calloc(1, sizeof(ObjectWriter));
        int r;

        if (!w)
                return -ENOMEM;
        w->store = s;
        w->fd = -EBADF;
        w->hash = digest_new();
        r = w->hash ? copy_attributes(w, a) : -ENOMEM;
        if (r >= 0)
                r = hash_begin(s, w->hash, a, S_IFREG, "");
        if (r < 0)
                return r;
        assert(s->stage >= 0);
        (void) snprintf(w->name, sizeof(w->name), ".new-%u", s->n_writers++);
        w->fd = openat(s->stage, w->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (w->fd < 0)
                return write_failed(error, errno);
        w->staged = true;
        *ret = TAKE_PTR(w);
        return 0;
}

int object_writer_write(ObjectWriter *w, const void *data, size_t size, Error *error)
{
        int r;

        if (digest_update(w->hash, data, size) < 0)
                return -ENOMEM;
        r = fs_write_all(w->fd, data, size);
        w->size += size;
        return r < 0 ? write_failed(error, r) : 0;
}

int object_writer_skip(ObjectWriter *w, uint64_t size, Error *error)
{
        static const uint8_t zeros[ZEROS_SIZE];

        for (uint64_t left = size; left > 0;) {
                size_t n = (size_t) MIN(left, (uint64_t) sizeof(zeros));

                if (digest_update(w->hash, zeros, n) < 0)
                        return -ENOMEM;
                left -= n;
        }
        w->size += size;
        if (ftruncate(w->fd, (off_t) w->size) < 0 || lseek(w->fd, (off_t) w->size, SEEK_SET) < 0)
                return write_failed(error, errno);
        return 0;
}

int object_writer_finish(ObjectWriter *w, uint8_t ret_sum[static OBJECT_SUM_SIZE], Error *error)
{
        char name[STORE_OBJECT_NAME_MAX];
        ImageStore *s = w->store;
        int r;

        if (digest_finish(w->hash, ret_sum) < 0)
                return -ENOMEM;
        store_object_name(OBJECT_FILE, ret_sum, name);
        if (has_object(s, OBJECT_FILE, ret_sum))
                return 0;
        r = set_attributes(s, w->fd, &w->attributes);
        if (r < 0 || renameat(s->stage, w->name, s->stage, name) < 0)
                return write_failed(error, r < 0 ? r : errno);
        w->staged = false;
        r = mark_time(s, name, &w->attributes);
        return r < 0 ? write_failed(error, r) : 0;
}

ObjectWriter *object_writer_free(ObjectWriter *w)
{
        if (!w)
                return NULL;
        if (w->staged)
                (void) unlinkat(w->store->stage, w->name, 0);
        close_fd(w->fd);
        digest_free(w->hash);
        for (size_t i = 0; i < w->attributes.n_xattrs; i++) {
                free((char *) w->xattrs[i].name);
                free((void *) w->xattrs[i].value);
        }
        free(w->xattrs);
        free(w);
        return NULL;
}

int object_write_metadata(ImageStore *s, ObjectKind kind, const void *data, size_t size,
                          uint8_t ret_sum[static OBJECT_SUM_SIZE], Error *error)
{
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (digest_reset(s->hash) < 0 || digest_update(s->hash, data, size) < 0 ||
            digest_finish(s->hash, ret_sum) < 0)
                return -ENOMEM;
        fd = stage_object(s, kind, ret_sum);
        if (fd == -EEXIST)
                return 0;
        r = fd < 0 ? fd : fs_write_all(fd, data, size);
        return r < 0 ? write_failed(error, r) : 0;
}

/* Returns 1 when something was placed. */
static int place_pass(ImageStore *s, DIR *dir)
{
        char path[STORE_OBJECT_PATH_MAX];
        const struct dirent *de;
        int placed = 0;

        rewinddir(dir);
        while ((errno = 0, de = readdir(dir))) {
                if (*de->d_name == '.' || strlen(de->d_name) >= STORE_OBJECT_NAME_MAX)
                        continue;
                name_to_path(de->d_name, path);
                if (renameat2(s->stage, de->d_name, s->dir, path, RENAME_NOREPLACE) < 0) {
                        if (errno == ENOENT) {
                                path[strlen("objects/xx")] = '\0';
                                if (mkdirat(s->dir, path, 0700) < 0 && errno != EEXIST)
                                        return -errno;
                        } else if (errno != EEXIST || unlinkat(s->stage, de->d_name, 0) < 0)
                                return -errno;
                }
                placed = 1;
        }
        return errno > 0 ? -errno : placed;
}

/* What a directory lists while names go is not certain: again, until there is nothing. */
int object_place_staged(ImageStore *s, Error *error)
{
        int fd = openat(s->stage, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;
        DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

        if (!dir) {
                r = write_failed(error, errno);
                close_fd(fd);
                return r;
        }
        do {
                r = place_pass(s, dir);
        } while (r > 0);
        (void) closedir(dir);
        return r < 0 ? write_failed(error, r) : 0;
}

/* Out of the store */

/* In its place, or staged. */
static int read_object(ImageStore *s, ObjectKind kind, const uint8_t sum[static OBJECT_SUM_SIZE], size_t max,
                       Bytes *ret, Error *error)
{
        char name[STORE_OBJECT_NAME_MAX], path[STORE_OBJECT_PATH_MAX], *text;
        size_t size;
        int r;

        store_object_name(kind, sum, name);
        name_to_path(name, path);
        r = fs_read_at(s->dir, path, max, &text, &size);
        if (r == -ENOENT && s->stage >= 0)
                r = fs_read_at(s->stage, name, max, &text, &size);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return error_set(error, ERROR_STORE_DAMAGED, "The image store is damaged: cannot read %s: %s",
                                 path, strerror(-r));
        *ret = (Bytes){(uint8_t *) text, size, size};
        return 0;
}

int object_read_metadata(ImageStore *s, ObjectKind kind, const uint8_t sum[static OBJECT_SUM_SIZE],
                         Bytes *ret, Error *error)
{
        uint8_t actual[OBJECT_SUM_SIZE];
        int r = read_object(s, kind, sum, METADATA_SIZE_MAX, ret, error);

        if (r < 0)
                return r;
        if (digest_reset(s->hash) < 0 || digest_update(s->hash, ret->data, ret->size) < 0 ||
            digest_finish(s->hash, actual) < 0)
                return -ENOMEM;
        if (memcmp(sum, actual, sizeof(actual)) != 0)
                return error_set(error, ERROR_STORE_DAMAGED, "The image store is damaged: a %s has changed",
                                 suffixes[kind]);
        return 0;
}

int object_read_file(ImageStore *s, const uint8_t sum[static OBJECT_SUM_SIZE], size_t max, char **ret,
                     Error *error)
{
        _cleanup_bytes_ Bytes bytes = {};
        int r = read_object(s, OBJECT_FILE, sum, max, &bytes, error);

        if (r < 0)
                return r;
        *ret = (char *) TAKE(bytes, (Bytes){}).data; /* ends in NUL */
        return 0;
}

static int copy_xattrs(int from, int to)
{
        _cleanup_free_ char *names = NULL, *value = malloc(XATTR_SIZE_MAX);
        ssize_t size = flistxattr(from, NULL, 0), n;

        if (size == 0 || (size < 0 && errno == ENOTSUP))
                return 0;
        names = size > 0 ? malloc((size_t) size) : NULL;
        if (!names || !value)
                return size < 0 ? -errno : -ENOMEM;
        size = flistxattr(from, names, (size_t) size);
        if (size < 0)
                return -errno;
        for (const char *name = names; name < names + size; name += strlen(name) + 1) {
                if (startswith(name, "trusted."))
                        continue;
                n = fgetxattr(from, name, value, XATTR_SIZE_MAX);
                if (n < 0 || fsetxattr(to, name, value, (size_t) n, 0) < 0)
                        return -errno;
        }
        return 0;
}

static int copy_content(int from, int to)
{
        ssize_t n;

        do {
                n = copy_file_range(from, NULL, to, NULL, SSIZE_MAX & ~0xfff, 0);
        } while (n > 0 || (n < 0 && errno == EINTR));
        return n < 0 ? -errno : 0;
}

static int copy_file(int repo, const char *object, const struct stat *st, int dir, const char *name)
{
        const struct timespec times[] = {{.tv_nsec = UTIME_OMIT}, st->st_mtim};
        _cleanup_close_ int from = -EBADF, to = -EBADF;
        int r;

        from = openat(repo, object, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        if (from < 0)
                return -errno;
        to = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (to < 0)
                return -errno;
        r = copy_content(from, to);
        if (r < 0)
                return r;
        if (fchown(to, st->st_uid, st->st_gid) < 0 || fchmod(to, st->st_mode & 07777) < 0)
                return -errno;
        r = copy_xattrs(from, to);
        if (r < 0)
                return r;
        return futimens(to, times) < 0 ? -errno : 0;
}

static int copy_symlink(int repo, const char *object, const struct stat *st, int dir, const char *name)
{
        const struct timespec times[] = {{.tv_nsec = UTIME_OMIT}, st->st_mtim};
        char target[PATH_MAX];
        ssize_t n = readlinkat(repo, object, target, sizeof(target) - 1);

        if (n < 0)
                return -errno;
        target[n] = '\0';
        if (symlinkat(target, dir, name) < 0 ||
            fchownat(dir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
            utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        return 0;
}

static int copy_object(int repo, const char *object, const struct stat *st, int dir, const char *name)
{
        return S_ISLNK(st->st_mode) ? copy_symlink(repo, object, st, dir, name)
                                    : copy_file(repo, object, st, dir, name);
}

/* A symlink whose target is the content of a file object. */
static int make_raw_symlink(int repo, const char *object, const struct stat *st, int dir, const char *name)
{
        const struct timespec times[] = {{.tv_nsec = UTIME_OMIT}, st->st_mtim};
        _cleanup_free_ char *target = NULL;
        int r = fs_read_at(repo, object, PATH_MAX - 1, &target, NULL);

        if (r < 0)
                return r;
        if (symlinkat(target, dir, name) < 0 ||
            fchownat(dir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
            utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        return 0;
}

static int place_object(ImageStore *s, const char *object, const struct stat *st, int dir, const Node *n)
{
        if (n->flags & NODE_RAW_SYMLINK)
                return make_raw_symlink(s->dir, object, st, dir, n->name);
        if (S_ISREG(st->st_mode) && st->st_size == 0)
                return copy_object(s->dir, object, st, dir, n->name);
        if (linkat(s->dir, object, dir, n->name, 0) >= 0)
                return 0;
        return errno == EMLINK ? copy_object(s->dir, object, st, dir, n->name) : -errno;
}

int image_store_checkout(ImageStore *s, const Node *n, int dir, struct stat *ret, Error *error)
{
        char path[STORE_OBJECT_PATH_MAX];
        int r;

        store_object_path(OBJECT_FILE, n->sum, path);
        if (fstatat(s->dir, path, ret, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT
                               ? error_set(error, ERROR_STORE_DAMAGED,
                                           "The image store is damaged: object %s of \"%s\" is missing", path,
                                           n->name)
                               : error_set_errno(error, errno, "Cannot read the image store");
        r = place_object(s, path, ret, dir, n);
        if (n->flags & NODE_RAW_SYMLINK)
                ret->st_mode = (ret->st_mode & ~(mode_t) S_IFMT) | S_IFLNK;
        return r < 0 ? error_set_errno(error, r, "Cannot make \"%s\" in the image's tree", n->name) : 0;
}
