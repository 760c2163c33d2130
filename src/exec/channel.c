/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Words on the line: fixed-size packets, so that neither side ever sees half of one. */

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "exec/channel.h"

#define TEXT_MAX 2048U
/* Of one start socket at a time; one of them gets it. */
#define CALLERS_MAX 64

typedef struct Packet {
        ChannelWord word;
        ErrorKind kind;
        char text[TEXT_MAX];
} Packet;

int channel_open(Channel *c)
{
        int fds[2], yes = 1;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
                return -errno;
        c->launcher = fds[0];
        c->child = fds[1];
        return setsockopt(c->launcher, SOL_SOCKET, SO_PASSCRED, &yes, sizeof(yes)) < 0 ? -errno : 0;
}

void channel_done(Channel *c)
{
        close_fd(TAKE_FD(c->launcher));
        close_fd(TAKE_FD(c->child));
        close_fd(TAKE_FD(c->listener));
}

static int say(int fd, const void *data, size_t size)
{
        ssize_t n;

        do
                n = send(fd, data, size, MSG_NOSIGNAL);
        while (n < 0 && errno == EINTR);
        return n < 0 ? -errno : 0;
}

/* 0: the end. */
static ssize_t hear(int fd, void *data, size_t size, pid_t *ret_pid)
{
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(struct ucred))];
        } control;
        struct iovec iov = {.iov_base = data, .iov_len = size};
        struct msghdr message = {
                .msg_iov = &iov,
                .msg_iovlen = 1,
                .msg_control = &control,
                .msg_controllen = sizeof(control),
        };
        ssize_t n;

        do
                n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return errno == ECONNRESET ? 0 : -errno;
        for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); ret_pid && c; c = CMSG_NXTHDR(&message, c))
                if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS) {
                        struct ucred who;

                        memcpy(&who, CMSG_DATA(c), sizeof(who));
                        *ret_pid = who.pid;
                }
        return n;
}

static int say_word(const Channel *c, ChannelWord word)
{
        Packet p = {.word = word};

        return say(c->child, &p, offsetof(Packet, text));
}

int channel_say_ready(const Channel *c)
{
        return say_word(c, CHANNEL_READY);
}

int channel_say_mounted(const Channel *c)
{
        return say_word(c, CHANNEL_MOUNTED);
}

void channel_say_failed(const Channel *c, const Error *error)
{
        Packet p = {.word = CHANNEL_FAILED, .kind = error->kind};
        char end;

        (void) snprintf(p.text, sizeof(p.text), "%s", strempty(error->message));
        if (say(c->child, &p, offsetof(Packet, text) + strlen(p.text) + 1) < 0)
                return;
        while (hear(c->child, &end, sizeof(end), NULL) > 0)
                ;
}

int channel_wait_go(const Channel *c)
{
        char word;
        ssize_t n = hear(c->child, &word, sizeof(word), NULL);

        return n > 0 ? 0 : n < 0 ? (int) n : -ECANCELED;
}

/* Who takes the place: -ECANCELED when it left again without the word, as the slower ones of several do. */
static int accept_one(const Channel *c)
{
        _cleanup_close_ int fd = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC);

        if (fd < 0)
                return errno == EINTR || errno == ECONNABORTED ? -ECANCELED : -errno;
        return dup3(fd, c->child, O_CLOEXEC) < 0 ? -errno : channel_wait_go(c);
}

int channel_wait_start(const Channel *c)
{
        int r;

        if (c->listener < 0)
                return channel_wait_go(c);
        do
                r = accept_one(c);
        while (r == -ECANCELED);
        return r;
}

int channel_wait_pid(const Channel *c, pid_t *ret_pid)
{
        ssize_t n = hear(c->child, ret_pid, sizeof(*ret_pid), NULL);

        return n == (ssize_t) sizeof(*ret_pid) ? 0 : n < 0 ? (int) n : -ECANCELED;
}

int channel_hear(const Channel *c, ChannelWord *ret, pid_t *ret_pid, Error *error)
{
        Packet p = {};
        ssize_t n = hear(c->launcher, &p, sizeof(p) - 1, ret_pid);

        if (n < 0)
                return (int) n;
        if (n > 0 && ((size_t) n < offsetof(Packet, text) || p.kind < 0 || p.kind >= _ERROR_MAX))
                return -EBADMSG;
        *ret = n == 0 ? CHANNEL_END : p.word;
        if (*ret == CHANNEL_FAILED)
                (void) error_set(error, p.kind, "%s", p.text);
        return 0;
}

int channel_go(const Channel *c)
{
        return say(c->launcher, "", 1);
}

int channel_go_pid(const Channel *c, pid_t pid)
{
        return say(c->launcher, &pid, sizeof(pid));
}

/* Names of sockets are short; paths are not: the directory is opened, and the name is below its descriptor.
 */
static int address_of(const char *path, struct sockaddr_un *ret, int *ret_dir)
{
        const char *slash = strrchr(path, '/');
        _cleanup_free_ char *parent = slash ? strndup(path, (size_t) MAX(slash - path, 1)) : strdup(".");
        int n;

        if (!parent)
                return -ENOMEM;
        *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
        *ret_dir = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (*ret_dir < 0)
                return -errno;
        n = snprintf(ret->sun_path, sizeof(ret->sun_path), "/proc/self/fd/%d/%s", *ret_dir,
                     slash ? slash + 1 : path);
        return n < (int) sizeof(ret->sun_path) ? 0 : -ENAMETOOLONG;
}

int channel_listen(const char *path)
{
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), dir = -EBADF;
        struct sockaddr_un address;
        int r;

        r = fd < 0 ? -errno : address_of(path, &address, &dir);
        if (r < 0)
                return r;
        if (bind(fd, (struct sockaddr *) &address, sizeof(address)) < 0 || listen(fd, CALLERS_MAX) < 0)
                return -errno;
        return TAKE_FD(fd);
}

int channel_connect(Channel *c, const char *path)
{
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), dir = -EBADF;
        struct sockaddr_un address;
        int r;

        r = fd < 0 ? -errno : address_of(path, &address, &dir);
        if (r < 0)
                return r;
        if (connect(fd, (struct sockaddr *) &address, sizeof(address)) < 0)
                return -errno;
        c->launcher = TAKE_FD(fd);
        return 0;
}
