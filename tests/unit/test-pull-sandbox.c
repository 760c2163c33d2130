/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the worker can no longer do. Each test is a child, for there is no way back out. */

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/fs.h"
#include "prog/pull-sandbox.h"
#include "test.h"

/* The child's exit status is the errno of what it tried, 0 when it could. */
static int try_inside(int (*attempt)(void))
{
        pid_t pid = fork();
        int status;

        CHECK(pid >= 0);
        if (pid == 0) {
                if (pull_sandbox_enter() < 0)
                        _exit(255);
                errno = 0;
                _exit(attempt() < 0 ? errno : 0);
        }
        CHECK_EQ(waitpid(pid, &status, 0), pid);
        CHECK(WIFEXITED(status));
        return WEXITSTATUS(status);
}

static int make_socket(void)
{
        return socket(AF_UNIX, SOCK_STREAM, 0);
}

static int run_program(void)
{
        char *const argv[] = {(char *) "true", NULL};

        return execv("/bin/true", argv);
}

static int leave_namespace(void)
{
        return (int) syscall(SYS_unshare, 0);
}

static int kill_parent(void)
{
        return (int) syscall(SYS_kill, getppid(), 0);
}

static int write_a_file(void)
{
        char path[] = "/tmp/berth-sandbox-XXXXXX";
        int fd = mkstemp(path);

        if (fd < 0 || unlink(path) < 0 || fchmod(fd, 04755) < 0)
                return -1;
        return write(fd, "x", 1) == 1 ? 0 : -1;
}

static int keep_core(void)
{
        struct rlimit l;

        if (getrlimit(RLIMIT_CORE, &l) < 0)
                return -1;
        return l.rlim_cur == 0 && l.rlim_max == 0 ? 0 : -1;
}

static int gain_privileges(void)
{
        _cleanup_free_ char *status = NULL;

        if (fs_read_at(AT_FDCWD, "/proc/self/status", 65536, &status, NULL) < 0)
                return -1;
        return strstr(status, "NoNewPrivs:\t1\n") && strstr(status, "Seccomp:\t2\n") ? 0 : -1;
}

TEST(refused)
{
        CHECK_EQ(try_inside(make_socket), EPERM);
        CHECK_EQ(try_inside(run_program), EPERM);
        CHECK_EQ(try_inside(leave_namespace), EPERM);
        CHECK_EQ(try_inside(kill_parent), EPERM);
}

TEST(allowed)
{
        CHECK_EQ(try_inside(write_a_file), 0);
        CHECK_EQ(try_inside(keep_core), 0);
        CHECK_EQ(try_inside(gain_privileges), 0);
}

#ifdef __x86_64__
static int call_by_x32(void)
{
        long r = syscall(0x40000000 + 39); /* getpid */

        return r < 0 ? -1 : 0;
}

TEST(other_numbers_refused)
{
        CHECK_EQ(try_inside(call_by_x32), EPERM);
}
#endif
