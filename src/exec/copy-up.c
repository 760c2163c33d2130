/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One directory after the other, by descriptors and without following anything: the tree is the image's.
 * Devices, sockets and pipes stay hidden. */

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include "exec/copy-up.h"

#define DEPTH_MAX 256U
#define PIECE_SIZE (1U * 1024 * 1024)

static int dress(int fd, const struct stat *st)
{
        const struct timespec times[] = {st->st_atim, st->st_mtim};

        return fchown(fd, st->st_uid, st->st_gid) < 0 || fchmod(fd, st->st_mode & 07777) < 0 ||
                               futimens(fd, times) < 0
                       ? -errno
                       : 0;
}

static int copy_file(int from_dir, int to_dir, const char *name)
{
        _cleanup_close_ int from = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC),
                            to = -EBADF;
        struct stat st;
        ssize_t n;

        if (from < 0 || fstat(from, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return 0;
        to = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (to < 0)
                return -errno;
        do
                n = sendfile(to, from, NULL, PIECE_SIZE);
        while (n > 0 || (n < 0 && errno == EINTR));
        return n < 0 ? -errno : dress(to, &st);
}

static int copy_symlink(int from_dir, int to_dir, const char *name)
{
        char target[PATH_MAX];
        ssize_t n = readlinkat(from_dir, name, target, sizeof(target) - 1);
        struct stat st;

        if (n < 0 || fstatat(from_dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        target[n] = '\0';
        return symlinkat(target, to_dir, name) < 0 ||
                               fchownat(to_dir, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0
                       ? -errno
                       : 0;
}

static int copy_directory(int from, int to, unsigned depth);

static int copy_subdirectory(int from_dir, int to_dir, const char *name, unsigned depth)
{
        _cleanup_close_ int from = openat(from_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
                            to = -EBADF;
        struct stat st;
        int r;

        if (from < 0 || fstat(from, &st) < 0 || mkdirat(to_dir, name, 0700) < 0)
                return -errno;
        to = openat(to_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (to < 0)
                return -errno;
        r = copy_directory(from, to, depth + 1);
        return r < 0 ? r : dress(to, &st);
}

static int copy_entry(int from, int to, const struct dirent *e, unsigned depth)
{
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
                return 0;
        if (e->d_type == DT_DIR)
                return copy_subdirectory(from, to, e->d_name, depth);
        if (e->d_type == DT_REG)
                return copy_file(from, to, e->d_name);
        return e->d_type == DT_LNK ? copy_symlink(from, to, e->d_name) : 0;
}

static void closedirp(DIR **d)
{
        if (*d)
                (void) closedir(*d);
}

/* from stays the caller's. */
static int copy_directory(int from, int to, unsigned depth)
{
        int fd = depth < DEPTH_MAX ? openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
        _cleanup_(closedirp) DIR *d = NULL;
        const struct dirent *e;
        int r = 0;

        if (depth >= DEPTH_MAX)
                return -ELOOP;
        if (fd < 0 || !(d = fdopendir(fd))) {
                r = -errno;
                close_fd(fd);
                return r;
        }
        while (r >= 0 && (errno = 0, e = readdir(d)))
                r = copy_entry(from, to, e, depth);
        return r < 0 ? r : -errno;
}

int copy_up(int from, int to)
{
        _cleanup_close_ int source = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                            target = openat(to, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        struct stat st;
        int r;

        if (source < 0 || target < 0 || fstat(source, &st) < 0)
                return -errno;
        r = copy_directory(source, target, 0);
        /* Its mode is an option's to say. */
        return r < 0 ? r : fchown(target, st.st_uid, st.st_gid) < 0 ? -errno : 0;
}
