/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Messages are lines "NAME=value" of at most a page. Descriptors that come with them (a barrier, a store) are
 * closed, which is what answers a barrier. */

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/journal.h"
#include "base/parse.h"
#include "base/str.h"
#include "exec/relay.h"

#define MESSAGE_SIZE_MAX 4096U
#define STATUS_LENGTH_MAX 256U
#define DESCRIPTORS_MAX 16U

static bool is_text(const char *value)
{
        return strlen(value) <= STATUS_LENGTH_MAX && !str_has_control(value);
}

static bool is_one(const char *value)
{
        return streq(value, "1");
}

static bool is_errno(const char *value)
{
        uint64_t n;

        return parse_u64(value, 0, 4095, &n) >= 0;
}

static const struct {
        const char *name;
        bool (*is_valid)(const char *value);
} passes[] = {
        {"READY", is_one},    {"STATUS", is_text},  {"ERRNO", is_errno},
        {"STOPPING", is_one}, {"WATCHDOG", is_one},
};

int relay_open(const char *path)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        mode_t mask;
        int r;

        if (fd < 0)
                return -errno;
        if (strlen(path) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        memcpy(address.sun_path, path, strlen(path));
        if (unlink(path) < 0 && errno != ENOENT)
                return -errno;
        /* For whatever user the payload is; the directory around it is root's. */
        mask = umask(0);
        r = bind(fd, (const struct sockaddr *) &address, sizeof(address)) < 0 ? -errno : 0;
        (void) umask(mask);
        return r < 0 ? r : TAKE_FD(fd);
}

static bool may_pass(char *line)
{
        char *equals = strchr(line, '=');
        bool valid = false;

        if (!equals)
                return false;
        *equals = '\0';
        FOREACH_ELEMENT(p, passes)
                valid = valid || (streq(p->name, line) && p->is_valid(equals + 1));
        *equals = '=';
        return valid;
}

int relay_filter(const char *message, size_t size, char **ret)
{
        _cleanup_strv_ char **lines = NULL, **kept = NULL;
        _cleanup_free_ char *text = strndup(message, size);
        bool ready;
        int r;

        if (!text)
                return -ENOMEM;
        r = strv_split(text, "\n", &lines);
        STRV_FOREACH(line, lines)
                if (r >= 0 && may_pass(*line))
                        r = strv_append(&kept, *line);
        if (r < 0)
                return r;
        ready = strv_contains(kept, "READY=1");
        *ret = kept ? strv_join(kept, "\n") : NULL;
        return kept && !*ret ? -ENOMEM : ready;
}

static void close_descriptors(struct msghdr *m)
{
        for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
                size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

                for (size_t i = 0; c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && i < n; i++) {
                        int fd;

                        memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
                        close_fd(fd);
                }
        }
}

static int pass_one(int socket, int manager)
{
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(DESCRIPTORS_MAX * sizeof(int))];
        } control;
        char buffer[MESSAGE_SIZE_MAX];
        struct iovec iov = {.iov_base = buffer, .iov_len = sizeof(buffer)};
        struct msghdr m = {
                .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
        _cleanup_free_ char *text = NULL;
        ssize_t n = recvmsg(socket, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
        int ready = 0, r = 0;

        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        if (!(m.msg_flags & MSG_TRUNC))
                ready = relay_filter(buffer, (size_t) n, &text);
        if (ready >= 0 && text)
                r = notify_send(manager, text);
        close_descriptors(&m);
        return ready < 0 ? ready : r < 0 ? r : ready;
}

int relay_run(int socket, int pidfd)
{
        _cleanup_close_ int manager = notify_open();
        bool stays = getenv("WATCHDOG_USEC");
        int r = 0;

        if (manager < 0)
                return manager;
        while (r == 0 || (r > 0 && stays)) {
                struct pollfd wait[] = {{.fd = socket, .events = POLLIN}, {.fd = pidfd, .events = POLLIN}};

                if (poll(wait, ELEMENTSOF(wait), -1) < 0 && errno != EINTR)
                        return -errno;
                if (wait[1].revents != 0 && wait[0].revents == 0)
                        return 0;
                r = pass_one(socket, manager);
        }
        return r < 0 ? r : 0;
}
