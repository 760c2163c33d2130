/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The journal's and the manager's ends of the sockets are played here, below a /run of our own. */

#include <endian.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/journal.h"
#include "base/parse.h"
#include "base/str.h"
#include "test.h"

static bool own_run(void)
{
        static int made = -1;

        if (made < 0)
                made = unshare(CLONE_NEWNS) >= 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) >= 0 &&
                       mount("tmpfs", "/run", "tmpfs", 0, NULL) >= 0 &&
                       fs_mkdir_p("/run/systemd/journal", 0755) >= 0;
        return made;
}

static int listen_at(const char *path, int type)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        size_t length = strlen(path);
        int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

        CHECK(fd >= 0);
        memcpy(address.sun_path, path, length);
        if (path[0] == '@')
                address.sun_path[0] = '\0';
        CHECK_OK(bind(fd, (struct sockaddr *) &address,
                      (socklen_t) (offsetof(struct sockaddr_un, sun_path) + length)));
        if (type == SOCK_STREAM)
                CHECK_OK(listen(fd, 1));
        return fd;
}

/* Receives a datagram, and the descriptor with it (-EBADF: none). */
static ssize_t receive(int fd, char *buf, size_t size, int *ret_fd)
{
        struct iovec part = {buf, size};
        union {
                struct cmsghdr header;
                char room[CMSG_SPACE(sizeof(int))];
        } control = {};
        struct msghdr message = {
                .msg_iov = &part,
                .msg_iovlen = 1,
                .msg_control = &control,
                .msg_controllen = sizeof(control),
        };
        ssize_t n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);

        *ret_fd = -EBADF;
        if (n >= 0 && message.msg_controllen > 0 && control.header.cmsg_type == SCM_RIGHTS)
                memcpy(ret_fd, CMSG_DATA(&control.header), sizeof(int));
        return n;
}

TEST(entry)
{
        static const char expected[] = "MESSAGE\n\x0c\0\0\0\0\0\0\0a\nPRIORITY=0\n"
                                       "N\n\x02\0\0\0\0\0\0\0"
                                       "42\n"
                                       "EMPTY\n\0\0\0\0\0\0\0\0\n";
        _cleanup_(journal_entry_done) JournalEntry e = {};
        _cleanup_close_ int server = -EBADF;
        char buf[256];
        int passed;

        if (!own_run())
                SKIP("no mount namespace");
        journal_entry_add(&e, "MESSAGE", "a\nPRIORITY=0");
        journal_entry_add(&e, "ABSENT", NULL);
        journal_entry_addf(&e, "N", "%d", 42);
        journal_entry_add(&e, "EMPTY", "");
        CHECK_EQ(journal_entry_send(&e), -ENOENT);

        server = listen_at("/run/systemd/journal/socket", SOCK_DGRAM);
        CHECK_OK(journal_entry_send(&e));
        CHECK_EQ(receive(server, buf, sizeof(buf), &passed), sizeof(expected) - 1);
        CHECK_EQ(memcmp(buf, expected, sizeof(expected) - 1), 0);
        CHECK_EQ(passed, -EBADF);
        CHECK_OK(unlink("/run/systemd/journal/socket"));
}

TEST(large_entry_as_sealed_file)
{
        const size_t size = 20 << 20;
        _cleanup_(journal_entry_done) JournalEntry e = {};
        _cleanup_free_ char *value = malloc(size + 1), *data = NULL;
        _cleanup_close_ int server = -EBADF, passed = -EBADF;
        char buf[16];
        size_t got;

        if (!own_run())
                SKIP("no mount namespace");
        memset(value, 'x', size);
        value[size] = '\0';
        journal_entry_add(&e, "MESSAGE", value);
        server = listen_at("/run/systemd/journal/socket", SOCK_DGRAM);
        CHECK_OK(journal_entry_send(&e));
        CHECK_EQ(receive(server, buf, sizeof(buf), &passed), 0);
        CHECK(passed >= 0);
        CHECK_EQ(fcntl(passed, F_GET_SEALS) & (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE),
                 F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
        CHECK_OK(lseek(passed, 0, SEEK_SET));
        CHECK_OK(fs_read_fd(passed, 2 * size, &data, &got));
        CHECK_EQ(got, e.size);
        CHECK_EQ(memcmp(data, e.data, got), 0);
        CHECK_OK(unlink("/run/systemd/journal/socket"));
}

TEST(bad_fields)
{
        static const char *const names[] = {"", "lower", "A B", "A=B", "A\nB", "1A", "_TRUSTED"};
        char longest[66];

        FOREACH_ELEMENT(name, names) {
                _cleanup_(journal_entry_done) JournalEntry e = {};

                journal_entry_add(&e, *name, "x");
                journal_entry_add(&e, "GOOD", "x");
                CHECK_EQ(journal_entry_send(&e), -EINVAL);
        }
        memset(longest, 'A', sizeof(longest) - 1);
        longest[sizeof(longest) - 1] = '\0';
        for (size_t cut = 0; cut < 2; cut++) {
                _cleanup_(journal_entry_done) JournalEntry e = {};

                journal_entry_add(&e, longest + cut, "x");
                CHECK_EQ(e.error, cut == 0 ? -EINVAL : 0);
        }
}

TEST(stream)
{
        static const char expected[] = "web\nberth-web.service\n6\n0\n0\n0\n0\nline\n";
        _cleanup_close_ int server = -EBADF, client = -EBADF, accepted = -EBADF;
        char buf[256];
        ssize_t n;

        if (!own_run())
                SKIP("no mount namespace");
        CHECK_EQ(journal_stream_open("web", "berth-web.service", 6), -ENOENT);
        server = listen_at("/run/systemd/journal/stdout", SOCK_STREAM);
        client = journal_stream_open("web", "berth-web.service", 6);
        CHECK_OK(client);
        accepted = accept4(server, NULL, NULL, SOCK_CLOEXEC);
        CHECK_OK(fs_write_all(client, "line\n", 5));
        client = close_fd(client);
        n = recv(accepted, buf, sizeof(buf), MSG_WAITALL);
        CHECK_EQ(n, sizeof(expected) - 1);
        CHECK_EQ(memcmp(buf, expected, sizeof(expected) - 1), 0);

        CHECK_EQ(journal_stream_open("a\nb", NULL, 6), -EINVAL);
        CHECK_EQ(journal_stream_open("a", "b\nc", 6), -EINVAL);
        CHECK_EQ(journal_stream_open("a", NULL, 8), -EINVAL);
        CHECK_EQ(journal_stream_open("a", NULL, -1), -EINVAL);
}

static int open_with(const char *path)
{
        CHECK_OK(setenv("NOTIFY_SOCKET", path, true));
        return notify_open();
}

TEST(notify_sockets)
{
        _cleanup_free_ char *path = str_printf("%s/notify", test_directory()),
                            *abstract = str_printf("@berth-%d", getpid());
        const char *const paths[] = {path, abstract};
        char longest[200], buf[64];
        int passed;

        CHECK_OK(unsetenv("NOTIFY_SOCKET"));
        CHECK_EQ(notify_open(), -ENOENT);
        CHECK_EQ(open_with(""), -ENOENT);
        CHECK_EQ(open_with("relative"), -EAFNOSUPPORT);
        CHECK_EQ(open_with("/"), -EAFNOSUPPORT);
        CHECK_EQ(open_with("/none"), -ENOENT);
        memset(longest, '/', sizeof(longest) - 1);
        longest[sizeof(longest) - 1] = '\0';
        CHECK_EQ(open_with(longest), -ENAMETOOLONG);

        FOREACH_ELEMENT(p, paths) {
                _cleanup_close_ int server = listen_at(*p, SOCK_DGRAM), client = open_with(*p);

                CHECK_OK(client);
                CHECK_OK(notify_send(client, "READY=1\nMAINPID=7"));
                CHECK_EQ(receive(server, buf, sizeof(buf), &passed), strlen("READY=1\nMAINPID=7"));
                CHECK(startswith(buf, "READY=1\nMAINPID=7"));
        }
}

TEST(barrier)
{
        _cleanup_free_ char *path = str_printf("%s/barrier", test_directory());
        _cleanup_close_ int server = listen_at(path, SOCK_DGRAM), client = open_with(path);
        const uint64_t delay = 50 * USEC_PER_MSEC;
        uint64_t start = now_monotonic();
        int passed, status;
        char buf[64];
        pid_t child;

        CHECK_OK(client);
        CHECK_EQ(notify_barrier(client, delay), -ETIMEDOUT);
        CHECK(now_monotonic() - start >= delay);
        CHECK_EQ(receive(server, buf, sizeof(buf), &passed), strlen("BARRIER=1"));
        CHECK(startswith(buf, "BARRIER=1"));
        CHECK(passed >= 0);
        close_fd(passed);

        child = fork();
        CHECK_OK(child);
        if (child == 0) {
                (void) receive(server, buf, sizeof(buf), &passed);
                (void) usleep((useconds_t) delay);
                _exit(EXIT_SUCCESS);
        }
        start = now_monotonic();
        CHECK_OK(notify_barrier(client, 10 * USEC_PER_SEC));
        CHECK(now_monotonic() - start >= delay);
        CHECK_EQ(waitpid(child, &status, 0), child);

        /* A manager that is gone is no success. */
        server = close_fd(server);
        CHECK_EQ(notify_barrier(client, delay), -ECONNREFUSED);
}
