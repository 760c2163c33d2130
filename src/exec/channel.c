/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Words on the line: fixed-size packets, so that neither side ever sees half of one. */

#include <sys/socket.h>

#include "exec/channel.h"

#define TEXT_MAX 2048U

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
        *c = (Channel){.launcher = fds[0], .child = fds[1]};
        return setsockopt(c->launcher, SOL_SOCKET, SO_PASSCRED, &yes, sizeof(yes)) < 0 ? -errno : 0;
}

void channel_done(Channel *c)
{
        close_fd(TAKE_FD(c->launcher));
        close_fd(TAKE_FD(c->child));
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

int channel_say_ready(const Channel *c)
{
        Packet p = {.word = CHANNEL_READY};

        return say(c->child, &p, offsetof(Packet, text));
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
