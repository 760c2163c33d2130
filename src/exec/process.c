/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Everything that can fail for a reason of the order's is done before "ready", so that the start can be
 * answered with it; after "go" there are only the filter and the exec. */

#include <fcntl.h>
#include <limits.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/fs.h"
#include "base/str.h"
#include "exec/cred.h"
#include "exec/label.h"
#include "exec/process.h"
#include "exec/schedule.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define SIGNALS_MAX 64

static int failed(Error *error, const char *what)
{
        return error_set(error, ERROR_START_FAILED, "Cannot %s: %m", what);
}

static const char *env_get(char *const *env, const char *name)
{
        for (; env && *env; env++) {
                const char *rest = startswith(*env, name);

                if (rest && *rest == '=')
                        return rest + 1;
        }
        return NULL;
}

static int build_env(const Process *p, const Identity *who, char ***ret)
{
        _cleanup_strv_ char **env = NULL;
        int r;

        r = strv_copy(p->order->env, &env);
        if (r >= 0 && !env_get(env, "HOME"))
                r = strv_consume(&env, str_printf("HOME=%s", who->home));
        if (r >= 0 && p->notify_socket)
                r = strv_consume(&env, str_printf("NOTIFY_SOCKET=%s", p->notify_socket));
        if (r < 0)
                return r;
        *ret = TAKE_PTR(env);
        return 0;
}

/* Made when it is missing; opened without leaving the root and without /proc's links to descriptors. */
static int enter_directory(int root, const char *path, Error *error)
{
        _cleanup_close_ int fd = fs_open_in_root(root, path, O_PATH | O_DIRECTORY, 0);
        char where[PATH_MAX];

        if (fd == -ENOENT)
                fd = fs_mkdir_in_root(root, path, 0755);
        /* It is not there: that is what is wrong. */
        if (fd == -EROFS)
                fd = -ENOENT;
        if (fd < 0)
                return error_set(error, ERROR_START_FAILED, "Cannot open the working directory %s: %s", path,
                                 strerror(-fd));
        if (fchdir(fd) < 0)
                return error_set(error, ERROR_START_FAILED, "Cannot enter the working directory %s: %m",
                                 path);
        /* The kernel answers "(unreachable)..." for a directory outside of the root. */
        if (syscall(SYS_getcwd, where, sizeof(where)) < 0 || where[0] != '/')
                return error_set(error, ERROR_START_FAILED,
                                 "The working directory %s is not in the container", path);
        return 0;
}

/* The service manager ignores SIGPIPE for us, and whoever called it may have ignored more. */
static int reset_signals(void)
{
        struct sigaction action = {.sa_handler = SIG_DFL};
        sigset_t none;

        for (int s = 1; s <= SIGNALS_MAX; s++)
                if (sigaction(s, &action, NULL) < 0 && errno != EINVAL)
                        return -errno;
        (void) sigemptyset(&none);
        return sigprocmask(SIG_SETMASK, &none, NULL) < 0 ? -errno : 0;
}

static int leave_session(bool keep_keyring)
{
        /* EPERM: it leads one already. */
        if (setsid() < 0 && errno != EPERM)
                return -errno;
        if (!keep_keyring && syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 && errno != ENOSYS)
                return -errno;
        return 0;
}

static int prepare(const Process *p, int root, Identity *ret, Error *error)
{
        int r;

        r = leave_session(p->keep_keyring);
        if (r >= 0)
                r = reset_signals();
        errno = -r;
        if (r < 0)
                return failed(error, "begin a new session");
        r = identity_resolve(root, p->order, ret, error);
        if (r >= 0)
                r = cred_set_limits(p->order, error);
        if (r >= 0)
                r = schedule_process(p->order, error);
        if (r >= 0)
                r = schedule_affinity(p->order->cpu_affinity_final, error);
        if (r >= 0)
                r = label_set(root, p->order, error);
        if (r >= 0)
                r = enter_directory(root, p->order->cwd, error);
        (void) umask(p->order->has_umask ? p->order->umask : 0022);
        return r;
}

/* 0: a program that this process may execute. */
static int try_program(const char *path)
{
        struct stat st;

        if (stat(path, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EACCES;
        return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0 ? -errno : 0;
}

static int search_path(const char *name, const char *path, char **ret)
{
        int result = -ENOENT;

        for (const char *end; *path; path = end + (*end == ':')) {
                _cleanup_free_ char *candidate = NULL;
                int r;

                end = strchrnul(path, ':');
                candidate = end == path ? str_printf("./%s", name)
                                        : str_printf("%.*s/%s", (int) (end - path), path, name);
                if (!candidate)
                        return -ENOMEM;
                r = try_program(candidate);
                if (r >= 0) {
                        *ret = TAKE_PTR(candidate);
                        return 0;
                }
                if (r == -EACCES)
                        result = r;
        }
        return result;
}

static int find_program(const char *name, char *const *env, char **ret, Error *error)
{
        const char *path = env_get(env, "PATH");
        int r;

        if (strchr(name, '/')) {
                r = try_program(name);
                if (r >= 0 && !(*ret = strdup(name)))
                        r = -ENOMEM;
        } else {
                r = search_path(name, isempty(path) ? DEFAULT_PATH : path, ret);
        }
        if (r == -ENOENT || r == -ENOTDIR)
                return error_set(error, ERROR_COMMAND_NOT_FOUND,
                                 "Command \"%s\" not found in the container%s", name,
                                 strchr(name, '/') ? "" : "'s PATH");
        if (r == -ENOMEM)
                return error_set_errno(error, r, "Command");
        return r < 0 ? error_set(error, ERROR_COMMAND_NOT_EXECUTABLE, "Command \"%s\" cannot be executed: %s",
                                 name, strerror(-r))
                     : 0;
}

static int exec_failed(const char *program, int e, Error *error)
{
        /* The file was there a moment ago: what is missing is its interpreter. */
        if (e == ENOENT || e == ENOTDIR)
                return error_set(error, ERROR_COMMAND_NOT_FOUND,
                                 "Command \"%s\" cannot be executed: it or its interpreter is not there",
                                 program);
        return error_set(error, ERROR_COMMAND_NOT_EXECUTABLE, "Command \"%s\" cannot be executed: %s",
                         program, strerror(e));
}

static int restrict_calls(const Process *p, Error *error)
{
        int r;

        if (p->order->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return failed(error, "set no_new_privs");
        r = filter_apply(p->filter);
        errno = -r;
        return r < 0 ? failed(error, "load the seccomp filter") : 0;
}

/* clone, not clone3: the filter is on already, and default profiles refuse what they cannot look into. */
static int continue_in_child(Error *error)
{
        long pid = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL);

        if (pid < 0)
                return failed(error, "make the process in the container's PID namespace");
        if (pid > 0)
                _exit(EXIT_SUCCESS);
        return 0;
}

static int arrive(const Process *p, Identity *who, char ***env, char **program, Error *error)
{
        _cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        bool keep_admin = p->filter->n_code > 0 && !p->order->no_new_privileges;
        int r;

        if (root < 0)
                return failed(error, "open the root directory");
        r = prepare(p, root, who, error);
        if (r >= 0 && build_env(p, who, env) < 0)
                r = error_set_errno(error, ENOMEM, "Environment");
        if (r >= 0)
                r = cred_become(p->order, who, keep_admin, error);
        if (r >= 0)
                r = find_program(p->order->args[0], *env, program, error);
        return r;
}

/* The line to the launcher ends by itself with the exec. Nothing else is open while the process waits for its
 * start: a container that is created and not started can be looked at. */
static int close_others(const Process *p, Error *error)
{
        const int kept[] = {MIN(p->channel->child, p->channel->listener),
                            MAX(p->channel->child, p->channel->listener)};
        unsigned first = STDERR_FILENO + 1 + p->preserve_fds;

        FOREACH_ELEMENT(fd, kept) {
                if (*fd < (int) first)
                        continue;
                if (first < (unsigned) *fd && close_range(first, (unsigned) *fd - 1, 0) < 0)
                        return failed(error, "close descriptors");
                first = (unsigned) *fd + 1;
        }
        return close_range(first, ~0U, 0) < 0 ? failed(error, "close descriptors") : 0;
}

int process_become(const Process *p, Error *error)
{
        _cleanup_identity_ Identity who = {};
        _cleanup_strv_ char **env = NULL;
        _cleanup_free_ char *program = NULL;
        int r;

        r = arrive(p, &who, &env, &program, error);
        if (r >= 0)
                r = close_others(p, error);
        if (r >= 0 && p->in_child) {
                r = restrict_calls(p, error);
                if (r >= 0)
                        r = cred_drop_admin(p->order, &who, error);
                if (r >= 0)
                        r = continue_in_child(error);
        }
        if (r >= 0 && channel_say_ready(p->channel) < 0)
                r = failed(error, "report");
        if (r < 0)
                return r;
        r = channel_wait_start(p->channel);
        if (r < 0)
                return error_set(error, ERROR_CANCELLED, "The start was given up");
        r = p->before_exec ? p->before_exec(p->context, error) : 0;
        if (r < 0)
                return r;
        if (!p->in_child)
                r = restrict_calls(p, error);
        if (r < 0)
                return r;
        (void) execve(program, p->order->args, env);
        return exec_failed(program, errno, error);
}
