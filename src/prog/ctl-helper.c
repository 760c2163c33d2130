/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Programs of others that keep credentials: one is found in $PATH, gets a line on its standard input and
 * answers on its standard output. It runs as the user with the user's environment, because that is where its
 * store is (a session bus, a key, a cloud's account). It has a time-out and a limit; whatever it does wrong
 * is an error. */

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/fs.h"
#include "base/parse.h"
#include "base/str.h"
#include "prog/ctl-credential.h"

#define HELPER_USEC_MAX (60 * USEC_PER_SEC)
#define OUTPUT_MAX (64U * 1024)
#define DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"
#define MESSAGE_MAX 200

typedef struct Helper {
        const char *name;
        pid_t pid;
        int in, out;
        char *output; /* OUTPUT_MAX + 1 bytes */
        size_t n;
} Helper;

static void helper_done(Helper *h)
{
        close_fd(h->in);
        close_fd(h->out);
        if (h->pid > 0) {
                (void) kill(h->pid, SIGKILL);
                (void) waitpid(h->pid, NULL, 0);
        }
        if (h->output)
                explicit_bzero(h->output, h->n);
        free(h->output);
}

/* Only directories that are named from the top. */
static int find_program(const char *name, char **ret)
{
        _cleanup_strv_ char **directories = NULL;
        int r = strv_split(getenv("PATH") ?: DEFAULT_PATH, ":", &directories);

        if (r < 0)
                return r;
        STRV_FOREACH(d, directories) {
                _cleanup_free_ char *path = str_printf("%s/docker-credential-%s", *d, name);

                if (!path)
                        return -ENOMEM;
                if (**d == '/' && access(path, X_OK) >= 0) {
                        *ret = TAKE_PTR(path);
                        return 0;
                }
        }
        return -ENOENT;
}

_noreturn_ static void run(const char *path, const char *verb, int in, int out)
{
        sigset_t none;

        sigemptyset(&none);
        (void) signal(SIGPIPE, SIG_DFL);
        if (sigprocmask(SIG_SETMASK, &none, NULL) == 0 && dup2(in, STDIN_FILENO) >= 0 &&
            dup2(out, STDOUT_FILENO) >= 0)
                (void) execl(path, path, verb, NULL);
        _exit(EXIT_FAILURE);
}

static int start(Helper *h, const char *path, const char *verb)
{
        int in[2] = {-EBADF, -EBADF}, out[2] = {-EBADF, -EBADF};

        if (pipe2(in, O_CLOEXEC) < 0)
                return -errno;
        h->in = in[1];
        h->pid = pipe2(out, O_CLOEXEC) < 0 ? -1 : fork();
        if (h->pid == 0)
                run(path, verb, in[0], out[1]);
        close_fd(in[0]);
        close_fd(out[1]);
        h->out = out[0];
        return h->pid < 0 ? -errno : 0;
}

/* The input is smaller than a pipe, so that writing it does not wait. Reads to the end. */
static int talk(Helper *h, const char *input)
{
        uint64_t end = now_monotonic() + HELPER_USEC_MAX;
        int r = fs_write_all(h->in, input, strlen(input));

        h->in = close_fd(h->in);
        while (r >= 0 || r == -EPIPE) {
                struct pollfd p = {.fd = h->out, .events = POLLIN};
                uint64_t now = now_monotonic();
                ssize_t n;
                int k = now < end ? poll(&p, 1, (int) ((end - now) / USEC_PER_MSEC) + 1) : 0;

                if (k == 0)
                        return -ETIMEDOUT;
                if (k < 0)
                        continue;
                n = read(h->out, h->output + h->n, OUTPUT_MAX + 1 - h->n);
                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n == 0)
                        return 0;
                h->n += n > 0 ? (size_t) n : 0;
                if (h->n > OUTPUT_MAX)
                        return -E2BIG;
        }
        return r;
}

static int wait_for_end(Helper *h, int *ret_status)
{
        while (waitpid(h->pid, ret_status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        h->pid = 0;
        return 0;
}

/* It says on its output why it failed; not having any is no failure. */
static int finish(Helper *h, int status, char **ret_output, Error *error)
{
        h->output[h->n] = '\0';
        if (strlen(h->output) != h->n)
                return error_set(error, ERROR_FAILED,
                                 "docker-credential-%s answered something that is no text", h->name);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
                *ret_output = strdup(h->output);
                return *ret_output ? 1 : -ENOMEM;
        }
        if (strstr(h->output, "credentials not found"))
                return 0;
        return error_set(error, ERROR_FAILED, "docker-credential-%s failed: %.*s", h->name,
                         (int) MIN(strcspn(h->output, "\r\n"), (size_t) MESSAGE_MAX), h->output);
}

int credentials_run_helper(const char *name, const char *verb, const char *input, char **ret_output,
                           Error *error)
{
        _cleanup_(helper_done) Helper h = {.name = name, .in = -EBADF, .out = -EBADF};
        _cleanup_free_ char *path = NULL;
        int r = find_program(name, &path), status = 0;

        if (r == -ENOENT)
                return error_set(error, ERROR_FAILED, "docker-credential-%s is not in $PATH", name);
        if (r < 0)
                return r;
        h.output = malloc(OUTPUT_MAX + 1);
        if (!h.output)
                return -ENOMEM;
        r = start(&h, path, verb);
        if (r >= 0)
                r = talk(&h, input);
        if (r >= 0)
                r = wait_for_end(&h, &status);
        if (r < 0)
                return error_set_errno(error, r, "docker-credential-%s", name);
        return finish(&h, status, ret_output, error);
}
