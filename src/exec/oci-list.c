/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Commands that only look: state, list, ps. */

#include <fcntl.h>
#include <sys/wait.h>

#include "base/json.h"
#include "base/parse.h"
#include "base/str.h"
#include "exec/cgroup.h"
#include "exec/oci-state.h"

#define PS_PROGRAM "ps"

static int print_json(const json_t *v, Error *error)
{
        _cleanup_free_ char *text = v ? json_text_pretty(v) : NULL;

        if (!text)
                return error_set_errno(error, ENOMEM, "Output");
        return fputs(text, stdout) < 0 || fflush(stdout) != 0 ? error_set_errno(error, errno, "Cannot print")
                                                              : EXIT_SUCCESS;
}

static int document_of(const Oci *o, const char *id, json_t **ret, Error *error)
{
        _cleanup_oci_dir_ OciDir d = OCI_DIR_INIT;
        _cleanup_oci_state_ OciState s = {};
        OciStatus status;
        int r;

        r = oci_dir_open(o, id, &d, error);
        if (r >= 0)
                r = oci_state_load(&d, &s, error);
        if (r < 0)
                return r;
        r = oci_state_status(&d, &s, &status);
        if (r < 0)
                return error_set_errno(error, r, "Cannot find the status of container %s", id);
        *ret = oci_state_document(&s, status);
        return *ret ? 0 : error_set_errno(error, ENOMEM, "State");
}

int oci_state(const Oci *o, Error *error)
{
        _cleanup_json_ json_t *v = NULL;
        int r = document_of(o, o->args[0], &v, error);

        return r < 0 ? r : print_json(v, error);
}

static void print_row(const json_t *v)
{
        (void) printf("%-11s %-9d %-9s %-40s %-30s %s\n", strempty(json_get_string(v, "id")),
                      (int) json_get_i64(v, "pid", 0), strempty(json_get_string(v, "status")),
                      strempty(json_get_string(v, "bundle")), strempty(json_get_string(v, "created")),
                      strempty(json_get_string(v, "owner")));
}

int oci_list(const Oci *o, Error *error)
{
        const char *format = o->value[OCI_FORMAT] ?: "table";
        _cleanup_json_ json_t *all = json_array();
        _cleanup_strv_ char **ids = NULL;
        bool quiet = oci_has(o, OCI_QUIET), table = streq(format, "table");
        int r;

        if (!table && !streq(format, "json"))
                return error_set(error, ERROR_INVALID_ARGUMENT, "No format is called \"%s\"", format);
        r = oci_dir_list(o, &ids, error);
        if (r < 0)
                return r;
        if (table && !quiet)
                (void) printf("%-11s %-9s %-9s %-40s %-30s %s\n", "ID", "PID", "STATUS", "BUNDLE", "CREATED",
                              "OWNER");
        STRV_FOREACH(id, ids) {
                _cleanup_error_ Error skipped = ERROR_INIT;
                _cleanup_json_ json_t *v = NULL;

                if (document_of(o, *id, &v, &skipped) < 0) {
                        if (skipped.kind != ERROR_NO_SUCH_CONTAINER)
                                oci_warn(o, "%s", strempty(skipped.message));
                        continue;
                }
                if (quiet)
                        (void) printf("%s\n", *id);
                else if (table)
                        print_row(v);
                else if (json_array_append(all, v) < 0)
                        return error_set_errno(error, ENOMEM, "Output");
        }
        return table || quiet ? EXIT_SUCCESS : print_json(all, error);
}

static bool is_listed(const char *line, size_t column, const pid_t *pids, size_t n)
{
        _cleanup_strv_ char **words = NULL;
        uint64_t pid;

        if (strv_split(line, " \t\n", &words) < 0 || strv_length(words) <= column ||
            parse_u64(words[column], 1, INT32_MAX, &pid) < 0)
                return false;
        for (size_t i = 0; i < n; i++)
                if ((uint64_t) pids[i] == pid)
                        return true;
        return false;
}

static int find_column(const char *heading, size_t *ret)
{
        _cleanup_strv_ char **words = NULL;

        if (strv_split(heading, " \t\n", &words) < 0)
                return -ENOMEM;
        for (size_t i = 0; words && words[i]; i++)
                if (streq(words[i], "PID")) {
                        *ret = i;
                        return 0;
                }
        return -ENOENT;
}

static int filter_ps(FILE *from, const pid_t *pids, size_t n, Error *error)
{
        _cleanup_free_ char *line = NULL;
        size_t size = 0, column = 0;
        int r = 0;

        for (unsigned i = 0; r >= 0 && getline(&line, &size, from) >= 0; i++) {
                if (i == 0)
                        r = find_column(line, &column);
                if (r >= 0 && (i == 0 || is_listed(line, column, pids, n)))
                        (void) fputs(line, stdout);
        }
        if (r == -ENOENT)
                return error_set(error, ERROR_INVALID_ARGUMENT,
                                 "The list of " PS_PROGRAM " has no column PID");
        return r < 0 ? error_set_errno(error, r, "Cannot read the list of " PS_PROGRAM) : 0;
}

static int run_ps(char *const *options, const pid_t *pids, size_t n, Error *error)
{
        _cleanup_strv_ char **args = NULL;
        int fds[2], status = 0, r;
        FILE *from;
        pid_t pid;

        r = strv_append(&args, PS_PROGRAM);
        if (r >= 0)
                r = *options ? strv_extend(&args, options) : strv_append(&args, "-ef");
        if (r < 0 || pipe2(fds, O_CLOEXEC) < 0)
                return error_set_errno(error, r < 0 ? r : errno, "Cannot run " PS_PROGRAM);
        pid = fork();
        if (pid == 0) {
                if (dup2(fds[1], STDOUT_FILENO) >= 0)
                        (void) execvp(PS_PROGRAM, args);
                _exit(EXIT_FAILURE);
        }
        r = pid < 0 ? -errno : 0;
        close_fd(fds[1]);
        if (r < 0) {
                close_fd(fds[0]);
                return error_set_errno(error, r, "Cannot run " PS_PROGRAM);
        }
        from = fdopen(fds[0], "r");
        r = from ? filter_ps(from, pids, n, error) : error_set_errno(error, errno, "Cannot run " PS_PROGRAM);
        /* Before it is waited for: what is not read any more would hold it. */
        if (from)
                (void) fclose(from);
        else
                close_fd(fds[0]);
        if (waitpid(pid, &status, 0) < 0 || (r >= 0 && status != 0))
                return error_set(error, ERROR_FAILED, PS_PROGRAM " failed");
        return r < 0 ? r : EXIT_SUCCESS;
}

static int print_numbers(const pid_t *pids, size_t n, Error *error)
{
        _cleanup_json_ json_t *all = json_array();

        for (size_t i = 0; i < n; i++)
                if (json_array_append_new(all, json_integer(pids[i])) < 0)
                        return error_set_errno(error, ENOMEM, "Output");
        return print_json(all, error);
}

int oci_ps(const Oci *o, Error *error)
{
        const char *format = o->value[OCI_FORMAT] ?: "table";
        _cleanup_oci_dir_ OciDir d = OCI_DIR_INIT;
        _cleanup_oci_state_ OciState s = {};
        _cleanup_free_ pid_t *pids = NULL;
        size_t n = 0;
        int r;

        r = oci_find(o, &d, &s, error);
        if (r < 0)
                return r;
        if (!s.cgroup)
                return error_set(error, ERROR_NOT_SUPPORTED, "Container %s has no control group of its own",
                                 s.id);
        r = cgroup_processes(s.cgroup, &pids, &n);
        if (r < 0)
                return error_set_errno(error, r, "Cannot list the processes of container %s", s.id);
        if (streq(format, "json"))
                return print_numbers(pids, n, error);
        if (!streq(format, "table"))
                return error_set(error, ERROR_INVALID_ARGUMENT, "No format is called \"%s\"", format);
        return run_ps(o->args + 1, pids, n, error);
}
