/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What berth-fetch can no longer do, and what it still can. Each test is a child, for there is no way back
 * out. */

#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/fs.h"
#include "prog/fetch-sandbox.h"
#include "prog/sandbox.h"
#include "test.h"

static int inside; /* the directory */

/* The child's exit status is the errno of what it tried, 0 when it could. */
static int try_inside(int (*attempt)(void), bool programs)
{
        pid_t pid;
        int status;

        inside = test_directory_open();
        pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
                if (fetch_sandbox_enter(inside, programs) < 0)
                        _exit(255);
                errno = 0;
                _exit(attempt() < 0 ? errno : 0);
        }
        inside = close_fd(inside);
        CHECK_EQ(waitpid(pid, &status, 0), pid);
        CHECK(WIFEXITED(status));
        return WEXITSTATUS(status);
}

static int run_program(void)
{
        char *const argv[] = {(char *) "true", NULL};

        return execv("/bin/true", argv);
}

static int listen_somewhere(void)
{
        return listen(socket(AF_INET, SOCK_STREAM, 0), 1);
}

static int make_socket(void)
{
        return socket(AF_INET6, SOCK_STREAM, 0);
}

static int make_file(void)
{
        return openat(inside, "file", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
}

static int make_file_elsewhere(void)
{
        return open("/var/tmp/berth-test-outside", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
}

static int read_elsewhere(void)
{
        return open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}

static int leave_namespace(void)
{
        return (int) syscall(SYS_unshare, 0);
}

static int trace(void)
{
        return (int) ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static bool has_landlock(void)
{
        return syscall(SYS_landlock_create_ruleset, NULL, 0, 1U) > 0;
}

TEST(needed)
{
        CHECK_EQ(try_inside(make_socket, false), 0);
        CHECK_EQ(try_inside(make_file, false), 0);
        CHECK_EQ(try_inside(read_elsewhere, false), 0);
        CHECK_EQ(try_inside(run_program, true), 0);
}

TEST(refused)
{
        CHECK_EQ(try_inside(run_program, false), EPERM);
        CHECK_EQ(try_inside(listen_somewhere, false), EPERM);
        CHECK_EQ(try_inside(leave_namespace, true), EPERM);
        if (!sandbox_is_sanitized())
                CHECK_EQ(try_inside(trace, false), EPERM);
}

TEST(files_elsewhere)
{
        if (!has_landlock())
                SKIP("the kernel has no Landlock");
        CHECK_EQ(try_inside(make_file_elsewhere, false), EACCES);
        CHECK_EQ(try_inside(make_file_elsewhere, true), EACCES);
}
