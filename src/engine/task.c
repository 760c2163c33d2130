/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A forked child whose answer comes through a pipe: a line with the errno and the kind of error, then its
 * text. */

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/fs.h"
#include "engine/task.h"

/* Fits a pipe, so the child never waits for us. */
#define ANSWER_MAX 4096U

struct Task {
        Task **slot;
        TaskDone done;
        void *userdata;
        pid_t pid;
        int answer;
        sd_event_source *child;
};

static Task *task_free(Task *t)
{
        if (!t)
                return NULL;
        if (t->slot)
                *t->slot = NULL;
        sd_event_source_disable_unref(t->child);
        close_fd(t->answer);
        free(t);
        return NULL;
}
DEFINE_CLEANUP(Task *, task_free)

void task_forget(Task **slot)
{
        if (!*slot)
                return;
        /* It is still to be reaped. */
        (*slot)->done = NULL;
        (*slot)->slot = NULL;
        *slot = NULL;
}

static int read_answer(int fd, int *ret, Error *error)
{
        char buf[ANSWER_MAX + 1];
        ssize_t n = read(fd, buf, ANSWER_MAX);
        int r, kind, text = 0;

        if (n <= 0)
                return error_set(error, ERROR_FAILED, "A helper process ended without an answer");
        buf[n] = '\0';
        if (sscanf(buf, "%d %d%n", &r, &kind, &text) != 2 || kind < 0 || kind >= _ERROR_MAX ||
            buf[text] != '\n')
                return error_set(error, ERROR_FAILED, "A helper process gave no answer that makes sense");
        if (kind != ERROR_NONE)
                (void) error_set(error, (ErrorKind) kind, "%s", buf + text + 1);
        *ret = r;
        return 0;
}

static int on_child_exit(sd_event_source *source, const siginfo_t *si, void *userdata)
{
        _cleanup_error_ Error error = ERROR_INIT;
        Task *t = userdata;
        TaskDone done = t->done;
        void *data = t->userdata;
        int r, k;

        k = read_answer(t->answer, &r, &error);
        if (k < 0)
                r = k;
        task_free(t);
        if (done)
                done(r, &error, data);
        return 0;
}

_noreturn_ static void child(TaskRun run, void *userdata, int answer, pid_t parent)
{
        _cleanup_error_ Error error = ERROR_INIT;
        char buf[ANSWER_MAX];
        int r, n;

        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
                _exit(EXIT_FAILURE);
        r = run(userdata, &error);
        n = snprintf(buf, sizeof(buf), "%d %d\n%s", r, (int) error.kind, strempty(error.message));
        _exit(fs_write_all(answer, buf, MIN((size_t) n, sizeof(buf) - 1)) < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

int task_start(sd_event *event, Task **slot, TaskRun run, TaskDone done, void *userdata)
{
        _cleanup_(task_freep) Task *t = calloc(1, sizeof(*t));
        pid_t parent = getpid();
        int pipes[2], r;

        if (!t)
                return -ENOMEM;
        t->answer = -EBADF;
        if (pipe2(pipes, O_CLOEXEC) < 0)
                return -errno;
        t->answer = pipes[0];
        t->pid = fork();
        if (t->pid == 0)
                child(run, userdata, pipes[1], parent);
        close_fd(pipes[1]);
        if (t->pid < 0)
                return -errno;
        r = sd_event_add_child(event, &t->child, t->pid, WEXITED, on_child_exit, t);
        if (r < 0) {
                (void) kill(t->pid, SIGKILL);
                (void) waitpid(t->pid, NULL, 0);
                return r;
        }
        t->slot = slot;
        t->done = done;
        t->userdata = userdata;
        *slot = TAKE_PTR(t);
        return 0;
}
