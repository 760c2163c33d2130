/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The state is in a sealed file, not in a pipe: a hook that does not read it stops nobody. */

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/fs.h"
#include "base/parse.h"
#include "exec/hook.h"

/* A timeout of the order's, in seconds, is at most this. */
#define TIMEOUT_MAX 86400

static int state_file(const char *state)
{
        _cleanup_close_ int fd = memfd_create("state", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        int r;

        if (fd < 0)
                return -errno;
        r = fs_write_all(fd, state, strlen(state));
        if (r < 0)
                return r;
        if (lseek(fd, 0, SEEK_SET) < 0 ||
            fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
                return -errno;
        return TAKE_FD(fd);
}

static _noreturn_ void become_hook(const LaunchHook *h, int state, int report)
{
        static char *const none[] = {NULL};
        char *const args[] = {h->path, NULL};
        sigset_t empty;
        int e;

        (void) sigemptyset(&empty);
        (void) sigprocmask(SIG_SETMASK, &empty, NULL);
        /* Descriptors that are to be passed on are the payload's. */
        if (dup2(state, STDIN_FILENO) >= 0 && close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) >= 0)
                (void) execve(h->path, h->args && *h->args ? h->args : args, h->env ?: none);
        e = errno;
        (void) !write(report, &e, sizeof(e));
        _exit(EXIT_FAILURE);
}

static int wait_hook(const LaunchHook *h, pid_t pid, LaunchHookPoint point, Error *error)
{
        _cleanup_close_ int fd = pidfd_open(pid, 0);
        int64_t seconds = h->timeout.set ? MIN(h->timeout.value, (int64_t) TIMEOUT_MAX) : -1, status = 0;
        struct pollfd p = {.fd = fd, .events = POLLIN};
        bool late = false;
        siginfo_t info = {};
        int r;

        if (fd < 0)
                return error_set_errno(error, errno, "Cannot watch the hook %s", h->path);
        do
                r = poll(&p, 1, seconds < 0 ? -1 : (int) (seconds * 1000));
        while (r < 0 && errno == EINTR);
        if (r == 0) {
                late = true;
                (void) pidfd_send_signal(fd, SIGKILL, NULL, 0);
        }
        while (waitid(P_PIDFD, (id_t) fd, &info, WEXITED) < 0)
                if (errno != EINTR)
                        return error_set_errno(error, errno, "Cannot wait for the hook %s", h->path);
        status = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
        if (late)
                return error_set(error, ERROR_START_FAILED, "The %s hook %s did not end within %d s",
                                 launch_hook_point_name(point), h->path, (int) seconds);
        if (status != 0)
                return error_set(error, ERROR_START_FAILED, "The %s hook failed with exit code %d: %s",
                                 launch_hook_point_name(point), (int) status, h->path);
        return 0;
}

static int run_one(const LaunchHook *h, LaunchHookPoint point, int state, Error *error)
{
        int report[2], e = 0;
        ssize_t n;
        pid_t pid;

        if (lseek(state, 0, SEEK_SET) < 0 || pipe2(report, O_CLOEXEC) < 0)
                return error_set_errno(error, errno, "Cannot prepare the hook %s", h->path);
        pid = fork();
        if (pid == 0)
                become_hook(h, state, report[1]);
        close_fd(report[1]);
        if (pid < 0) {
                e = errno;
                close_fd(report[0]);
                return error_set_errno(error, e, "Cannot make a process for the hook %s", h->path);
        }
        n = read(report[0], &e, sizeof(e));
        close_fd(report[0]);
        if (n == (ssize_t) sizeof(e)) {
                (void) waitpid(pid, NULL, 0);
                return error_set(error, ERROR_START_FAILED, "Cannot execute the %s hook %s: %s",
                                 launch_hook_point_name(point), h->path, strerror(e));
        }
        return wait_hook(h, pid, point, error);
}

static int run(const Launch *l, LaunchHookPoint point, const char *state, bool all, Error *error)
{
        const LaunchHooks *hooks = &l->hooks[point];
        _cleanup_close_ int fd = -EBADF;
        int r, first = 0;

        if (hooks->n == 0)
                return 0;
        fd = state_file(state);
        if (fd < 0)
                return error_set_errno(error, fd, "Cannot write the state for the hooks");
        for (size_t i = 0; i < hooks->n && (all || first >= 0); i++) {
                r = run_one(&hooks->hooks[i], point, fd, error);
                if (r < 0 && first >= 0)
                        first = r;
        }
        return first;
}

int hooks_run(const Launch *l, LaunchHookPoint point, const char *state, Error *error)
{
        return run(l, point, state, false, error);
}

int hooks_run_all(const Launch *l, LaunchHookPoint point, const char *state, Error *error)
{
        return run(l, point, state, true, error);
}
