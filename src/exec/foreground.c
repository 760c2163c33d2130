/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One poll loop over the signals, the process and the two directions of the terminal. */

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>

#include "base/fs.h"
#include "exec/foreground.h"

#define BUFFER_SIZE 4096U
/* What a payload that has ended left in its terminal is read up to here. */
#define REST_MAX (64U * 1024 * 1024)

enum {
        POLL_PROCESS,
        POLL_SIGNALS,
        POLL_MASTER,
        POLL_INPUT,
        _POLL_MAX,
};

typedef struct Loop {
        Foreground *f;
        int pidfd;
        bool input;              /* standard input has not ended */
        bool output;             /* somebody may still write into the terminal */
        char typed[BUFFER_SIZE]; /* on the way to the payload */
        size_t n_typed;
} Loop;

void foreground_done(Foreground *f)
{
        if (f->raw)
                (void) tcsetattr(STDIN_FILENO, TCSADRAIN, &f->saved);
        close_fd(f->signals);
        close_fd(f->master);
        *f = FOREGROUND_INIT;
}

int foreground_begin(Foreground *f, Error *error)
{
        sigset_t all;

        (void) sigfillset(&all);
        f->signals = sigprocmask(SIG_SETMASK, &all, NULL) < 0
                             ? -1
                             : signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
        return f->signals < 0 ? error_set_errno(error, errno, "Cannot take the signals") : 0;
}

static void follow_size(int master)
{
        struct winsize size;

        if (master >= 0 && ioctl(STDIN_FILENO, TIOCGWINSZ, &size) >= 0)
                (void) ioctl(master, TIOCSWINSZ, &size);
}

static void make_raw(Foreground *f)
{
        struct termios raw;

        if (tcgetattr(STDIN_FILENO, &f->saved) < 0)
                return;
        raw = f->saved;
        cfmakeraw(&raw);
        /* Output is the payload's terminal's, which has done all of it. */
        f->raw = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) >= 0;
}

static void reap_others(pid_t pid)
{
        siginfo_t info = {};

        while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) >= 0 && info.si_pid > 0 &&
               info.si_pid != pid) {
                (void) waitpid(info.si_pid, NULL, WNOHANG);
                info = (siginfo_t){};
        }
}

static void take_signals(const Loop *l, pid_t pid)
{
        struct signalfd_siginfo info;

        while (read(l->f->signals, &info, sizeof(info)) == (ssize_t) sizeof(info))
                switch (info.ssi_signo) {
                case SIGCHLD:
                        if (l->f->reap)
                                reap_others(pid);
                        break;
                case SIGWINCH:
                        follow_size(l->f->master);
                        break;
                case SIGPIPE:
                        break;
                default:
                        (void) pidfd_send_signal(l->pidfd, (int) info.ssi_signo, NULL, 0);
                }
}

static void copy_output(Loop *l)
{
        char buffer[BUFFER_SIZE];
        ssize_t n = read(l->f->master, buffer, sizeof(buffer));

        if (n > 0)
                (void) fs_write_all(STDOUT_FILENO, buffer, (size_t) n);
        else if (n == 0 || (errno != EAGAIN && errno != EINTR))
                /* EIO: nobody has the other side open. */
                l->output = false;
}

static void copy_input(Loop *l)
{
        ssize_t n = read(STDIN_FILENO, l->typed, sizeof(l->typed));

        if (n > 0)
                l->n_typed = (size_t) n;
        else if (n == 0 || (errno != EAGAIN && errno != EINTR))
                l->input = false;
}

static void pass_input(Loop *l)
{
        ssize_t n = write(l->f->master, l->typed, l->n_typed);

        if (n < 0)
                return;
        memmove(l->typed, l->typed + n, l->n_typed - (size_t) n);
        l->n_typed -= (size_t) n;
}

static void drain(Loop *l)
{
        char buffer[BUFFER_SIZE];
        ssize_t n;

        for (size_t all = 0; l->f->master >= 0 && all < REST_MAX; all += (size_t) n) {
                n = read(l->f->master, buffer, sizeof(buffer));
                if (n <= 0 || fs_write_all(STDOUT_FILENO, buffer, (size_t) n) < 0)
                        return;
        }
}

/* True: the process has ended. */
static bool turn(Loop *l, pid_t pid)
{
        struct pollfd p[_POLL_MAX] = {
                [POLL_PROCESS] = {.fd = l->pidfd, .events = POLLIN},
                [POLL_SIGNALS] = {.fd = l->f->signals, .events = POLLIN},
                [POLL_MASTER] = {.fd = l->output ? l->f->master : -1,
                                 .events = (short) (POLLIN | (l->n_typed > 0 ? POLLOUT : 0))},
                [POLL_INPUT] = {.fd = l->f->master >= 0 && l->input && l->n_typed == 0 ? STDIN_FILENO : -1,
                                .events = POLLIN},
        };

        if (poll(p, ELEMENTSOF(p), -1) < 0)
                return false;
        if (p[POLL_SIGNALS].revents)
                take_signals(l, pid);
        if (p[POLL_MASTER].revents & POLLOUT)
                pass_input(l);
        if (p[POLL_MASTER].revents & (POLLIN | POLLHUP | POLLERR))
                copy_output(l);
        if (p[POLL_INPUT].revents)
                copy_input(l);
        return p[POLL_PROCESS].revents != 0;
}

int foreground_wait(Foreground *f, pid_t pid, Error *error)
{
        _cleanup_close_ int pidfd = pidfd_open(pid, 0);
        Loop l = {.f = f, .pidfd = pidfd, .input = true, .output = true};
        siginfo_t info = {};

        if (pidfd < 0)
                return error_set_errno(error, errno, "Cannot watch the payload");
        if (f->master >= 0) {
                (void) fcntl(f->master, F_SETFL, O_RDWR | O_NONBLOCK);
                follow_size(f->master);
                make_raw(f);
        }
        while (!turn(&l, pid))
                ;
        drain(&l);
        if (waitid(P_PIDFD, (id_t) pidfd, &info, WEXITED) < 0)
                return error_set_errno(error, errno, "Cannot learn how the payload ended");
        return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}
