/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* An entry is a datagram to journald; one that the socket does not take is written to a sealed memfd and that
 * is sent instead, so there is no size at which an entry is cut or lost. The barrier of a notification is the
 * write end of a pipe: the manager handles its queue in order and closes what it does not know. */

#include <endian.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <fcntl.h>
#include <time.h>

#include "base/fs.h"
#include "base/journal.h"
#include "base/parse.h"
#include "base/str.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define JOURNAL_STREAM_SOCKET "/run/systemd/journal/stdout"
#define SEND_BUFFER_SIZE (8 * 1024 * 1024)
#define FIELD_NAME_MAX 64U

/* path is absolute, or begins with '@' for the abstract name space. */
static int connect_unix(const char *path, int type)
{
        _cleanup_close_ int fd = -EBADF;
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        size_t length = strlen(path);

        if (length < 2 || (path[0] != '/' && path[0] != '@'))
                return -EAFNOSUPPORT;
        if (length >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        memcpy(address.sun_path, path, length);
        if (path[0] == '@')
                address.sun_path[0] = '\0';
        else
                length++;
        fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        if (connect(fd, (struct sockaddr *) &address,
                    (socklen_t) (offsetof(struct sockaddr_un, sun_path) + length)) < 0)
                return -errno;
        return TAKE_FD(fd);
}

/* Sends a datagram and, when passed is one, a descriptor with it. */
static int send_datagram(int fd, const void *data, size_t size, int passed)
{
        struct iovec part = {(void *) data, size};
        union {
                struct cmsghdr header;
                char room[CMSG_SPACE(sizeof(int))];
        } control = {};
        struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

        if (passed >= 0) {
                message.msg_control = &control;
                message.msg_controllen = sizeof(control);
                control.header.cmsg_level = SOL_SOCKET;
                control.header.cmsg_type = SCM_RIGHTS;
                control.header.cmsg_len = CMSG_LEN(sizeof(int));
                memcpy(CMSG_DATA(&control.header), &passed, sizeof(int));
        }
        for (;;) {
                if (sendmsg(fd, &message, MSG_NOSIGNAL) >= 0)
                        return 0;
                if (errno != EINTR)
                        return -errno;
        }
}

void journal_entry_done(JournalEntry *e)
{
        free(e->data);
        *e = (JournalEntry){};
}

static void *reserve(JournalEntry *e, size_t size)
{
        size_t allocated = MAX(2 * (e->size + size), (size_t) 512);
        char *larger;

        if (e->error < 0)
                return NULL;
        if (e->size + size > e->allocated) {
                larger = realloc(e->data, allocated);
                if (!larger) {
                        e->error = -ENOMEM;
                        return NULL;
                }
                e->data = larger;
                e->allocated = allocated;
        }
        e->size += size;
        return e->data + e->size - size;
}

static bool field_is_valid(const char *field)
{
        size_t n = strspn(field, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

        return n > 0 && n <= FIELD_NAME_MAX && field[n] == '\0' && field[0] > '9' && field[0] != '_';
}

void journal_entry_add_bytes(JournalEntry *e, const char *field, const void *data, size_t size)
{
        size_t name_size = strlen(field);
        uint64_t coded = htole64(size);
        char *p;

        if (!field_is_valid(field)) {
                e->error = -EINVAL;
                return;
        }
        p = reserve(e, name_size + 1 + sizeof(coded) + size + 1);
        if (!p)
                return;
        p = mempcpy(p, field, name_size);
        *p++ = '\n';
        p = mempcpy(p, &coded, sizeof(coded));
        p = mempcpy(p, data, size);
        *p = '\n';
}

void journal_entry_add(JournalEntry *e, const char *field, const char *value)
{
        if (value)
                journal_entry_add_bytes(e, field, value, strlen(value));
}

void journal_entry_addf(JournalEntry *e, const char *field, const char *format, ...)
{
        _cleanup_free_ char *value = NULL;
        va_list ap;

        va_start(ap, format);
        if (vasprintf(&value, format, ap) < 0) {
                value = NULL;
                e->error = -ENOMEM;
        }
        va_end(ap);
        journal_entry_add(e, field, value);
}

static int send_as_file(int fd, const JournalEntry *e)
{
        _cleanup_close_ int memory = memfd_create("journal-entry", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        int r;

        if (memory < 0)
                return -errno;
        r = fs_write_all(memory, e->data, e->size);
        if (r < 0)
                return r;
        if (fcntl(memory, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
                return -errno;
        return send_datagram(fd, "", 0, memory);
}

int journal_open(void)
{
        return connect_unix(JOURNAL_SOCKET, SOCK_DGRAM);
}

int journal_entry_send_to(const JournalEntry *e, int fd)
{
        int r;

        if (e->error < 0)
                return e->error;
        r = send_datagram(fd, e->data, e->size, -EBADF);
        return r == -EMSGSIZE || r == -ENOBUFS ? send_as_file(fd, e) : r;
}

int journal_entry_send(const JournalEntry *e)
{
        _cleanup_close_ int fd = e->error < 0 ? e->error : journal_open();

        return fd < 0 ? fd : journal_entry_send_to(e, fd);
}

int journal_stream_open(const char *identifier, const char *unit, int priority)
{
        static const int buffer = SEND_BUFFER_SIZE;
        _cleanup_close_ int fd = -EBADF;
        _cleanup_free_ char *header = NULL;
        int r;

        if (strchr(identifier, '\n') || strchr(strempty(unit), '\n') || priority < 0 || priority > 7)
                return -EINVAL;
        fd = connect_unix(JOURNAL_STREAM_SOCKET, SOCK_STREAM);
        if (fd < 0)
                return fd;
        if (shutdown(fd, SHUT_RD) < 0)
                return -errno;
        (void) setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
        /* Level prefixes, forwarding to syslog, the kernel's log and the console: no. */
        header = str_printf("%s\n%s\n%d\n0\n0\n0\n0\n", identifier, strempty(unit), priority);
        if (!header)
                return -ENOMEM;
        r = fs_write_all(fd, header, strlen(header));
        return r < 0 ? r : TAKE_FD(fd);
}

int notify_open(void)
{
        const char *path = getenv("NOTIFY_SOCKET");

        return isempty(path) ? -ENOENT : connect_unix(path, SOCK_DGRAM);
}

int notify_send(int fd, const char *message)
{
        return send_datagram(fd, message, strlen(message), -EBADF);
}

/* Waits until all other ends of the pipe are closed. */
static int wait_for_hangup(int fd, uint64_t timeout_usec)
{
        uint64_t start = now_monotonic();
        struct pollfd poll = {.fd = fd};

        for (;;) {
                uint64_t passed = now_monotonic() - start;
                uint64_t left = timeout_usec > passed ? timeout_usec - passed : 0;
                struct timespec wait = {.tv_sec = (time_t) (left / USEC_PER_SEC),
                                        .tv_nsec = (long) (left % USEC_PER_SEC * 1000)};
                int n = ppoll(&poll, 1, timeout_usec == USEC_INFINITY ? NULL : &wait, NULL);

                if (n > 0)
                        return 0;
                if (n == 0)
                        return -ETIMEDOUT;
                if (errno != EINTR)
                        return -errno;
        }
}

int notify_barrier(int fd, uint64_t timeout_usec)
{
        _cleanup_close_ int reader = -EBADF, writer = -EBADF;
        int pipes[2], r;

        if (pipe2(pipes, O_CLOEXEC) < 0)
                return -errno;
        reader = pipes[0];
        writer = pipes[1];
        r = send_datagram(fd, "BARRIER=1", strlen("BARRIER=1"), writer);
        if (r < 0)
                return r;
        writer = close_fd(writer);
        return wait_for_hangup(reader, timeout_usec);
}
