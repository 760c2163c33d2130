/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the root holds under /dev is the container's word: the multiplexer is taken only if it is one, the
 * pair's end is asked of the kernel and not opened by name, and /dev/console is no symlink. */

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include "base/fs.h"
#include "base/str.h"
#include "exec/console.h"

#define MULTIPLEXER_MAJOR 5
#define MULTIPLEXER_MINOR 2
/* What crun and runc send along with the descriptor. */
#define SENT_NAME "/dev/ptmx"

static int failed(Error *error, int r, const char *what)
{
        return error_set(error, ERROR_START_FAILED, "Cannot %s: %s", what, strerror(abs(r)));
}

int console_connect(const char *path, Error *error)
{
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), place = -EBADF;
        struct sockaddr_un address = {.sun_family = AF_UNIX};

        /* Names of sockets are short; paths are not. */
        place = fd < 0 ? -1 : open(path, O_PATH | O_CLOEXEC);
        if (place < 0)
                return error_set_errno(error, errno, "Cannot open the console socket %s", path);
        (void) snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d", place);
        if (connect(fd, (struct sockaddr *) &address, sizeof(address)) < 0)
                return error_set_errno(error, errno, "Cannot connect to the console socket %s", path);
        return TAKE_FD(fd);
}

int console_pair(int ret[static 2], Error *error)
{
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ret) < 0)
                return error_set_errno(error, errno, "Cannot make the console's socket");
        return 0;
}

typedef union Control {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
} Control;

static int send_descriptor(int socket, int fd)
{
        Control control = {};
        struct iovec iov = {.iov_base = (char *) SENT_NAME, .iov_len = strlen(SENT_NAME)};
        struct msghdr message = {
                .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
        struct cmsghdr *c = CMSG_FIRSTHDR(&message);
        ssize_t n;

        *c = (struct cmsghdr){
                .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(fd))};
        memcpy(CMSG_DATA(c), &fd, sizeof(fd));
        do
                n = sendmsg(socket, &message, MSG_NOSIGNAL);
        while (n < 0 && errno == EINTR);
        return n < 0 ? -errno : 0;
}

int console_receive(int socket)
{
        Control control = {};
        char name[64];
        struct iovec iov = {.iov_base = name, .iov_len = sizeof(name)};
        struct msghdr message = {
                .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
        ssize_t n;
        int fd;

        do
                n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c))
                if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
                    c->cmsg_len == CMSG_LEN(sizeof(fd))) {
                        memcpy(&fd, CMSG_DATA(c), sizeof(fd));
                        return fd;
                }
        return -ENODATA;
}

static int open_multiplexer(int root)
{
        static const char *const names[] = {"/dev/ptmx", "/dev/pts/ptmx"};
        int first = 0;

        FOREACH_ELEMENT(name, names) {
                _cleanup_close_ int fd = fs_open_in_root(root, *name, O_PATH, 0);
                struct stat st;

                if (fd >= 0 && fstat(fd, &st) < 0)
                        return -errno;
                if (fd >= 0 && S_ISCHR(st.st_mode) &&
                    st.st_rdev == makedev(MULTIPLEXER_MAJOR, MULTIPLEXER_MINOR)) {
                        int opened = fs_open_in_root(root, *name, O_RDWR | O_NOCTTY, 0);

                        if (opened < 0 || (fstat(opened, &st) >= 0 && S_ISCHR(st.st_mode) &&
                                           st.st_rdev == makedev(MULTIPLEXER_MAJOR, MULTIPLEXER_MINOR)))
                                return opened;
                        close_fd(opened);
                }
                if (first == 0)
                        first = fd < 0 ? fd : -ENOTTY;
        }
        return first;
}

static int open_console_target(int root)
{
        _cleanup_close_ int dev = fs_open_in_root(root, "/dev", O_PATH | O_DIRECTORY, 0), made = -EBADF;
        int fd;
        struct stat st;

        if (dev < 0)
                return dev;
        made = openat(dev, "console", O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0620);
        if (made < 0 && errno != EEXIST)
                return -errno;
        fd = openat(dev, "console", O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0 || S_ISLNK(st.st_mode) || S_ISDIR(st.st_mode)) {
                int r = fd < 0 ? -errno : -ELOOP;

                close_fd(fd);
                return r;
        }
        return fd;
}

/* A root without a place for it, and where none can be made, goes without. */
static int bind_console(int root, int slave)
{
        _cleanup_close_ int target = open_console_target(root), mount = -EBADF;

        if (target == -EROFS || target == -ENOENT)
                return 0;
        if (target < 0)
                return target;
        mount = open_tree(slave, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
        if (mount < 0 ||
            move_mount(mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
                return -errno;
        return 0;
}

static int open_pair(int root, int *ret_slave)
{
        _cleanup_close_ int master = open_multiplexer(root);
        int unlock = 0;

        if (master < 0)
                return master;
        if (ioctl(master, TIOCSPTLCK, &unlock) < 0)
                return -errno;
        *ret_slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
        return *ret_slave < 0 ? -errno : TAKE_FD(master);
}

static int take(int slave)
{
        if ((setsid() < 0 && errno != EPERM) || ioctl(slave, TIOCSCTTY, 0) < 0)
                return -errno;
        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
                if (dup2(slave, fd) < 0)
                        return -errno;
        return 0;
}

int console_open(const Console *c, bool bind, uid_t owner, Error *error)
{
        _cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), master = -EBADF,
                            slave = -EBADF;
        struct winsize size = {.ws_row = (unsigned short) MIN(c->height, (unsigned) UINT16_MAX),
                               .ws_col = (unsigned short) MIN(c->width, (unsigned) UINT16_MAX)};
        int r;

        master = root < 0 ? -errno : open_pair(root, &slave);
        if (master < 0)
                return failed(error, master, "make the terminal");
        if ((c->height > 0 || c->width > 0) && ioctl(master, TIOCSWINSZ, &size) < 0)
                return failed(error, errno, "set the terminal's size");
        /* EPERM, EINVAL: a user of another namespace's. */
        if (fchown(slave, owner, (gid_t) -1) < 0 && errno != EPERM && errno != EINVAL)
                return failed(error, errno, "give the terminal to its user");
        r = bind ? bind_console(root, slave) : 0;
        if (r < 0)
                return failed(error, r, "mount the terminal on /dev/console");
        r = send_descriptor(c->send, master);
        if (r < 0)
                return failed(error, r, "send the terminal");
        r = take(slave);
        return r < 0 ? failed(error, r, "take the terminal") : 0;
}
