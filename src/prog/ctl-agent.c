/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/macro.h"
#include "prog/ctl-agent.h"

#define PROGRAM "pkttyagent"

static pid_t agent;

_noreturn_ static void run_agent(pid_t parent, int fd)
{
        char number[16];

        (void) snprintf(number, sizeof(number), "%d", fd);
        if (prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && getppid() == parent && fcntl(fd, F_SETFD, 0) == 0)
                (void) execlp(PROGRAM, PROGRAM, "--notify-fd", number, "--fallback", NULL);
        _exit(EXIT_FAILURE);
}

/* It closes the descriptor when it is ready, and also when it ends. */
static void wait_until_ready(int fd)
{
        struct pollfd p = {.fd = fd};

        while (poll(&p, 1, -1) < 0 && errno == EINTR)
                ;
}

void agent_open(void)
{
        _cleanup_close_ int reader = -EBADF, writer = -EBADF;
        pid_t parent = getpid();
        int pipes[2];

        if (geteuid() == 0 || !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO) || agent > 0)
                return;
        if (pipe2(pipes, O_CLOEXEC) < 0)
                return;
        reader = pipes[0];
        writer = pipes[1];
        agent = fork();
        if (agent == 0)
                run_agent(parent, writer);
        writer = close_fd(writer);
        if (agent > 0)
                wait_until_ready(reader);
}

void agent_close(void)
{
        if (agent <= 0)
                return;
        (void) kill(agent, SIGTERM);
        (void) waitpid(agent, NULL, 0);
        agent = 0;
}
