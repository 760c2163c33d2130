/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A tree that somebody else fills is walked with one open directory at a time and a list of levels on the
 * heap, so its depth costs neither descriptors nor stack. Going down refuses symlinks and mounts (openat2),
 * going up is "..", believed only when it is the very directory that was left. */

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/array.h"
#include "base/fs.h"
#include "base/hashmap.h"
#include "base/parse.h"

#define RESOLVE_TRIES_MAX 64U
#define READ_CHUNK 4096U

static int open_resolved(int dir, const char *path, int flags, mode_t mode, uint64_t resolve)
{
        bool creates = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;
        struct open_how how = {
                .flags = (uint64_t) (unsigned) (flags | O_CLOEXEC),
                .mode = creates ? mode & 07777 : 0,
                .resolve = resolve | RESOLVE_NO_MAGICLINKS,
        };
        long fd = -1;

        for (unsigned i = 0; i < RESOLVE_TRIES_MAX; i++) {
                fd = syscall(SYS_openat2, dir, path, &how, sizeof(how));
                if (fd >= 0)
                        return (int) fd;
                if (errno != EAGAIN && errno != EINTR)
                        break;
        }
        return -errno;
}

int fs_open_in_root(int root, const char *path, int flags, mode_t mode)
{
        return open_resolved(root, path, flags, mode, RESOLVE_IN_ROOT);
}

int fs_open_beneath(int dir, const char *path, int flags, mode_t mode)
{
        return open_resolved(dir, path, flags, mode, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
}

/* Opens the directory that the first length bytes of path name, making it in parent when it is missing. */
static int open_or_make(int root, int parent, const char *path, size_t start, size_t length, mode_t mode)
{
        _cleanup_free_ char *prefix = strndup(path, length);
        int fd;

        if (!prefix)
                return -ENOMEM;
        fd = fs_open_in_root(root, prefix, O_PATH | O_DIRECTORY, 0);
        if (fd != -ENOENT)
                return fd;
        if (mkdirat(parent, prefix + start, mode) < 0 && errno != EEXIST)
                return -errno;
        return fs_open_in_root(root, prefix, O_PATH | O_DIRECTORY, 0);
}

int fs_mkdir_in_root(int root, const char *path, mode_t mode)
{
        _cleanup_close_ int fd = fs_open_in_root(root, "/", O_PATH | O_DIRECTORY, 0);
        size_t start, length;

        if (strlen(path) >= PATH_MAX)
                return -ENAMETOOLONG;
        for (start = strspn(path, "/"); fd >= 0 && path[start]; start = length + strspn(path + length, "/")) {
                int child;

                length = start + strcspn(path + start, "/");
                child = open_or_make(root, fd, path, start, length, mode);
                close_fd(fd);
                fd = child;
        }
        return TAKE_FD(fd);
}

int fs_mkdir_p(const char *path, mode_t mode)
{
        _cleanup_free_ char *prefix = NULL;
        struct stat st;

        if (path[0] != '/')
                return -EINVAL;
        prefix = strdup(path);
        if (!prefix)
                return -ENOMEM;
        for (char *p = prefix; *p;) {
                char end;

                p += strspn(p, "/");
                p += strcspn(p, "/");
                end = TAKE(*p, '\0');
                if (mkdir(prefix, mode) < 0 && errno != EEXIST)
                        return -errno;
                *p = end;
        }
        if (stat(path, &st) < 0)
                return -errno;
        return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

int fs_read_fd(int fd, size_t max, char **ret, size_t *ret_size)
{
        _cleanup_free_ char *data = NULL;
        size_t size = 0, room;
        struct stat st;

        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
        if ((uint64_t) st.st_size > max)
                return -EFBIG;

        /* The kernel's own files have no size, and others may grow: what counts is the end. */
        room = MAX((size_t) st.st_size, READ_CHUNK);
        for (;;) {
                char *larger = realloc(data, room + 1);
                ssize_t n;

                if (!larger)
                        return -ENOMEM;
                data = larger;
                n = read(fd, data + size, room - size);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                size += (size_t) n;
                if (size > max)
                        return -EFBIG;
                if (size == room)
                        room *= 2;
        }
        data[size] = '\0';
        *ret = TAKE_PTR(data);
        if (ret_size)
                *ret_size = size;
        return 0;
}

int fs_read_at(int dir, const char *name, size_t max, char **ret, size_t *ret_size)
{
        _cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

        if (fd < 0)
                return errno == ENXIO ? -EINVAL : -errno;
        return fs_read_fd(fd, max, ret, ret_size);
}

int fs_write_all(int fd, const void *data, size_t size)
{
        const char *p = data;

        while (size > 0) {
                ssize_t n = write(fd, p, size);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : -EIO;
                p += n;
                size -= (size_t) n;
        }
        return 0;
}

static bool name_is_valid(const char *name)
{
        return *name && !strchr(name, '/') && !streq(name, ".") && !streq(name, "..");
}

static int write_file(int fd, const void *data, size_t size, mode_t mode, FsSync sync)
{
        int r;

        if (fchmod(fd, mode & 07777) < 0)
                return -errno;
        r = fs_write_all(fd, data, size);
        if (r < 0)
                return r;
        return sync == FS_SYNC && fsync(fd) < 0 ? -errno : 0;
}

/* dir may be an O_PATH descriptor, which cannot be synced itself. */
static int sync_directory(int dir)
{
        _cleanup_close_ int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int fs_replace_at(int dir, const char *name, const void *data, size_t size, mode_t mode, FsSync sync)
{
        _cleanup_close_ int fd = -EBADF;
        char random[2 * 8 + 1], temporary[sizeof(".berth-.tmp") + sizeof(random)];
        int r;

        if (!name_is_valid(name))
                return -EINVAL;
        r = random_hex(8, random);
        if (r < 0)
                return r;
        (void) snprintf(temporary, sizeof(temporary), ".berth-%s.tmp", random);
        fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return -errno;
        r = write_file(fd, data, size, mode, sync);
        if (r >= 0 && renameat(dir, temporary, dir, name) < 0)
                r = -errno;
        if (r < 0) {
                (void) unlinkat(dir, temporary, 0);
                return r;
        }
        return sync == FS_SYNC ? sync_directory(dir) : 0;
}

/* One directory on the way from the top of a walk to where it is. */
typedef struct Level {
        char *name;     /* in its parent */
        char **subdirs; /* found, not yet visited */
        size_t n_subdirs;
        dev_t dev;
        ino_t ino;
} Level;

/* What to do with what is found; dir is the open parent of name. enter and leave may be NULL. */
typedef struct Visitor {
        int (*file)(int dir, const char *name, void *userdata);  /* all but directories */
        int (*enter)(int dir, const char *name, void *userdata); /* a directory, before all below it */
        int (*leave)(int dir, const char *name, void *userdata); /* and after it */
        bool skip_mounts;                                        /* otherwise -EBUSY */
        void *userdata;
} Visitor;

typedef struct Walk {
        const Visitor *visitor;
        int top; /* the caller's: the parent of the first level */
        int dir; /* the directory of the last level */
        Level *levels;
        size_t n_levels;
} Walk;

static void level_done(Level *l)
{
        free(l->name);
        while (l->n_subdirs > 0)
                free(l->subdirs[--l->n_subdirs]);
        free(l->subdirs);
}

static void walk_done(Walk *w)
{
        close_fd(w->dir);
        while (w->n_levels > 0)
                level_done(&w->levels[--w->n_levels]);
        free(w->levels);
}

static void closedirp(DIR **d)
{
        if (*d)
                (void) closedir(*d);
}

static int is_directory(int dir, const char *name)
{
        struct stat st;

        if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        return S_ISDIR(st.st_mode);
}

static int level_add_subdir(Level *l, const char *name)
{
        if (!GROW(l->subdirs, l->n_subdirs))
                return -ENOMEM;
        l->subdirs[l->n_subdirs] = strdup(name);
        if (!l->subdirs[l->n_subdirs])
                return -ENOMEM;
        l->n_subdirs++;
        return 0;
}

/* Shows the entries of the directory at hand to the visitor; directories among them are kept for later. */
static int walk_read(Walk *w, Level *l)
{
        _cleanup_close_ int fd = openat(w->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        _cleanup_(closedirp) DIR *d = fd < 0 ? NULL : fdopendir(fd);
        struct dirent *entry;
        int r;

        if (!d)
                return -errno;
        TAKE_FD(fd);
        while ((errno = 0, entry = readdir(d))) {
                if (streq(entry->d_name, ".") || streq(entry->d_name, ".."))
                        continue;
                r = entry->d_type == DT_UNKNOWN ? is_directory(w->dir, entry->d_name)
                                                : entry->d_type == DT_DIR;
                if (r > 0)
                        r = level_add_subdir(l, entry->d_name);
                else if (r == 0)
                        r = w->visitor->file(w->dir, entry->d_name, w->visitor->userdata);
                if (r < 0 && r != -ENOENT)
                        return r;
        }
        return -errno;
}

static int walk_push(Walk *w, const char *name, const struct stat *st)
{
        char *copy;

        if (!GROW(w->levels, w->n_levels))
                return -ENOMEM;
        copy = strdup(name);
        if (!copy)
                return -ENOMEM;
        w->levels[w->n_levels++] = (Level){.name = copy, .dev = st->st_dev, .ino = st->st_ino};
        return 0;
}

static int walk_enter(Walk *w, const char *name)
{
        _cleanup_close_ int fd = -EBADF;
        int r, parent = w->n_levels > 0 ? w->dir : w->top;
        struct stat st;

        fd = open_resolved(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0,
                           RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
        if (fd == -EXDEV)
                return w->visitor->skip_mounts ? 0 : -EBUSY;
        if (fd < 0)
                return fd == -ENOENT ? 0 : fd;
        if (fstat(fd, &st) < 0)
                return -errno;
        r = w->visitor->enter ? w->visitor->enter(parent, name, w->visitor->userdata) : 0;
        if (r >= 0)
                r = walk_push(w, name, &st);
        if (r < 0)
                return r;
        close_fd(w->dir);
        w->dir = TAKE_FD(fd);
        return walk_read(w, &w->levels[w->n_levels - 1]);
}

/* -EBUSY: somebody moved or removed the directory while we were in it. */
static int walk_leave(Walk *w)
{
        _cleanup_(level_done) Level left = w->levels[--w->n_levels];
        const Level *l = w->n_levels > 0 ? &w->levels[w->n_levels - 1] : NULL;
        struct stat st;
        int fd = -EBADF;

        if (l) {
                fd = open_resolved(w->dir, "..", O_RDONLY | O_DIRECTORY, 0, RESOLVE_NO_XDEV);
                if (fd < 0)
                        return fd == -ENOENT ? -EBUSY : fd;
        }
        close_fd(w->dir);
        w->dir = fd;
        if (l && (fstat(fd, &st) < 0 || st.st_dev != l->dev || st.st_ino != l->ino))
                return -EBUSY;
        return w->visitor->leave ? w->visitor->leave(l ? fd : w->top, left.name, w->visitor->userdata) : 0;
}

static int walk_tree(int dir, const char *name, const Visitor *visitor)
{
        _cleanup_(walk_done) Walk w = {.visitor = visitor, .top = dir, .dir = -EBADF};
        int r = is_directory(dir, name);

        if (r == 0)
                return visitor->file(dir, name, visitor->userdata);
        if (r > 0)
                r = walk_enter(&w, name);
        while (r >= 0 && w.n_levels > 0) {
                Level *l = &w.levels[w.n_levels - 1];
                _cleanup_free_ char *subdir = l->n_subdirs > 0 ? l->subdirs[--l->n_subdirs] : NULL;

                r = subdir ? walk_enter(&w, subdir) : walk_leave(&w);
        }
        return r;
}

/* The last component of path is walked; the way to it is ours and may lead through links and mounts. */
static int walk_path(int dir, const char *path, const Visitor *visitor)
{
        _cleanup_free_ char *parent = NULL;
        _cleanup_close_ int fd = -EBADF;
        const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

        if (!name_is_valid(name))
                return -EINVAL;
        if (!slash)
                return walk_tree(dir, name, visitor);
        parent = strndup(path, (size_t) (slash - path) + 1);
        if (!parent)
                return -ENOMEM;
        fd = openat(dir, parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        return walk_tree(fd, name, visitor);
}

static int remove_file(int dir, const char *name, void *userdata)
{
        return unlinkat(dir, name, 0) < 0 && errno != ENOENT ? -errno : 0;
}

static int remove_directory(int dir, const char *name, void *userdata)
{
        return unlinkat(dir, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

int fs_remove_tree_at(int dir, const char *name)
{
        static const Visitor remover = {.file = remove_file, .leave = remove_directory};
        int r = walk_path(dir, name, &remover);

        return r == -ENOENT ? 0 : r;
}

typedef struct Usage {
        uint64_t bytes;
        Map *linked; /* "device:inode" of what has several names */
} Usage;

static void usage_done(Usage *u)
{
        map_free(u->linked);
}

static int add_usage(int dir, const char *name, void *userdata)
{
        Usage *u = userdata;
        char key[64];
        struct stat st;
        int r;

        if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? 0 : -errno;
        if (!S_ISDIR(st.st_mode) && st.st_nlink > 1) {
                (void) snprintf(key, sizeof(key), "%ju:%ju", (uintmax_t) st.st_dev, (uintmax_t) st.st_ino);
                r = map_add(u->linked, key, NULL);
                if (r < 0)
                        return r == -EEXIST ? 0 : r;
        }
        u->bytes += (uint64_t) st.st_blocks * 512;
        return 0;
}

int fs_disk_usage_at(int dir, const char *name, uint64_t *ret)
{
        _cleanup_(usage_done) Usage usage = {.linked = map_new(NULL)};
        const Visitor adder = {
                .file = add_usage, .enter = add_usage, .skip_mounts = true, .userdata = &usage};
        int r;

        if (!usage.linked)
                return -ENOMEM;
        r = walk_path(dir, name, &adder);
        if (r < 0)
                return r;
        *ret = usage.bytes;
        return 0;
}

void fs_touch(const char *path)
{
        struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}};

        if (clock_gettime(CLOCK_REALTIME, &times[1]) >= 0)
                (void) utimensat(AT_FDCWD, path, times, 0);
}
