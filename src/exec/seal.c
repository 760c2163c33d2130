/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One exec of a static binary from a detached copy of its own mount. On systems whose /usr is read-only:
 * none. */

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "base/macro.h"
#include "exec/seal.h"

#define SELF "/proc/self/exe"
#define NAME "berth-exec"

int seal_executable(char **argv)
{
        struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID};
        _cleanup_close_ int fd = open(SELF, O_PATH | O_CLOEXEC);
        struct statfs fs;

        if (fd < 0 || fstatfs(fd, &fs) < 0)
                return -errno;
        if (fs.f_flags & ST_RDONLY) {
                /* The kernel has named us after the descriptor. */
                (void) prctl(PR_SET_NAME, NAME, 0, 0, 0);
                return 0;
        }
        close_fd(TAKE_FD(fd));
        fd = open_tree(AT_FDCWD, SELF, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
        if (fd < 0 || mount_setattr(fd, "", AT_EMPTY_PATH, &attributes, sizeof(attributes)) < 0)
                return -errno;
        (void) syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH);
        return -errno;
}

int seal_descriptors(unsigned keep)
{
        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
                if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
                        return -EBADF;
        return close_range(3 + keep, ~0U, 0) < 0 ? -errno : 0;
}
