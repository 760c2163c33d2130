/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The helper gets its order in a file on its standard input and says on its standard error why it failed. */

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/str.h"
#include "exec/scope.h"

#define HELPER BERTH_LIBEXEC_DIR "/berth-scope"
#define PROPERTY_PREFIX "org.systemd.property."
#define REASON_MAX 1024U

static json_t *limits_json(const CgroupSettings *limits)
{
        json_t *list = json_array();

        for (size_t i = 0; limits && i < limits->n; i++)
                if (json_array_append_new(list, json_pack("[s, s]", limits->settings[i].file,
                                                          limits->settings[i].value)) < 0) {
                        json_decref(list);
                        return NULL;
                }
        return list;
}

static json_t *properties_json(const Map *annotations)
{
        json_t *v = json_object();

        MAP_FOREACH(e, annotations) {
                const char *name = startswith(map_key(e), PROPERTY_PREFIX);

                if (name && json_object_set_new(v, name, json_string(map_value(e))) < 0) {
                        json_decref(v);
                        return NULL;
                }
        }
        return v;
}

static int order_file(const json_t *order)
{
        _cleanup_close_ int fd = memfd_create("scope", MFD_CLOEXEC);
        _cleanup_free_ char *text = order ? json_text(order) : NULL;
        int r;

        if (fd < 0)
                return -errno;
        r = text ? fs_write_all(fd, text, strlen(text)) : order ? -ENOMEM : 0;
        if (r >= 0 && lseek(fd, 0, SEEK_SET) < 0)
                r = -errno;
        return r < 0 ? r : TAKE_FD(fd);
}

static _noreturn_ void become_helper(const char *verb, const char *unit, int order, int reason)
{
        char *const args[] = {(char *) "berth-scope", (char *) verb, (char *) unit, NULL};
        sigset_t none;

        (void) sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        if (dup2(order, STDIN_FILENO) >= 0 && dup2(reason, STDERR_FILENO) >= 0 &&
            dup2(reason, STDOUT_FILENO) >= 0 && close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) >= 0)
                (void) execv(HELPER, args);
        (void) dprintf(STDERR_FILENO, "Cannot execute " HELPER ": %s\n", strerror(errno));
        _exit(EXIT_FAILURE);
}

static void read_reason(int fd, char text[static REASON_MAX])
{
        size_t size = 0;
        ssize_t n;

        while (size < REASON_MAX - 1 && (n = read(fd, text + size, REASON_MAX - 1 - size)) != 0)
                if (n > 0)
                        size += (size_t) n;
                else if (errno != EINTR)
                        break;
        while (size > 0 && text[size - 1] == '\n')
                size--;
        text[size] = '\0';
}

static int run(const char *verb, const char *unit, const json_t *order, Error *error)
{
        _cleanup_close_ int in = order_file(order), from = -EBADF, to = -EBADF;
        char reason[REASON_MAX];
        int fds[2], status = 0;
        pid_t pid;

        if (in < 0 || pipe2(fds, O_CLOEXEC) < 0)
                return error_set_errno(error, in < 0 ? in : errno, "Cannot ask systemd for %s", unit);
        from = fds[0];
        to = fds[1];
        pid = fork();
        if (pid < 0)
                return error_set_errno(error, errno, "Cannot ask systemd for %s", unit);
        if (pid == 0)
                become_helper(verb, unit, in, to);
        close_fd(TAKE_FD(to));
        read_reason(from, reason);
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return error_set_errno(error, errno, "Cannot wait for " HELPER);
        return status == 0 ? 0
                           : error_set(error, ERROR_START_FAILED, "systemd does not %s the unit %s: %s", verb,
                                       unit, reason);
}

int scope_start(const Scope *s, Error *error)
{
        _cleanup_json_ json_t *order =
                json_pack("{s:s*, s:s, s:i, s:o, s:o}", "Slice", s->slice, "Description", s->description,
                          "PID", (int) s->pid, "Limits", limits_json(s->limits), "Properties",
                          properties_json(s->annotations));

        return order ? run("start", s->unit, order, error) : error_set_errno(error, ENOMEM, "Scope");
}

int scope_set(const char *unit, const CgroupSettings *limits, Error *error)
{
        _cleanup_json_ json_t *order = json_pack("{s:o}", "Limits", limits_json(limits));

        return order ? run("set", unit, order, error) : error_set_errno(error, ENOMEM, "Scope");
}

int scope_stop(const char *unit, Error *error)
{
        return run("stop", unit, NULL, error);
}
