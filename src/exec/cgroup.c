/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A container may make groups below its own, so walks are bounded and a group that disappears on the way is
 * no failure. */

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/array.h"
#include "base/fs.h"
#include "base/parse.h"
#include "base/str.h"
#include "exec/cgroup.h"

#define DEPTH_MAX 64U
#define FILE_SIZE_MAX (4U * 1024 * 1024)
#define PROCESSES_MAX (1U << 20)
#define END_TIMEOUT_USEC (10 * USEC_PER_SEC)
#define FREEZE_TIMEOUT_USEC (10 * USEC_PER_SEC)
#define POLL_STEP_MSEC 20
#define KILL_ROUNDS 100U

int cgroup_check(Error *error)
{
        struct statfs fs;

        if (statfs(CGROUP_ROOT, &fs) < 0)
                return error_set_errno(error, errno, "Cannot look at " CGROUP_ROOT);
        if (fs.f_type != CGROUP2_SUPER_MAGIC)
                return error_set(error, ERROR_NOT_SUPPORTED,
                                 "The host has no cgroup v2 on " CGROUP_ROOT "; version 1 is not supported");
        return 0;
}

static char *full_path(const char *path, const char *file)
{
        return str_printf(CGROUP_ROOT "%s%s%s", streq(path, "/") ? "" : path, file ? "/" : "",
                          strempty(file));
}

int cgroup_open(const char *path)
{
        _cleanup_free_ char *full = full_path(path, NULL);
        int fd = full ? open(full, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;

        return !full ? -ENOMEM : fd < 0 ? -errno : fd;
}

int cgroup_write(const char *path, const char *file, const char *value)
{
        _cleanup_free_ char *full = full_path(path, file);
        _cleanup_close_ int fd = full ? open(full, O_WRONLY | O_CLOEXEC) : -1;

        if (!full)
                return -ENOMEM;
        return fd < 0 || write(fd, value, strlen(value)) < 0 ? -errno : 0;
}

static int cgroup_read(const char *path, const char *file, char **ret)
{
        _cleanup_free_ char *full = full_path(path, file);

        return full ? fs_read_at(AT_FDCWD, full, FILE_SIZE_MAX, ret, NULL) : -ENOMEM;
}

bool cgroup_has_controller(const char *path, const char *name, size_t size)
{
        _cleanup_free_ char *text = NULL, *one = strndup(name, size);
        _cleanup_strv_ char **have = NULL;

        return one && cgroup_read(path, "cgroup.controllers", &text) >= 0 &&
               strv_split(text, " \n", &have) >= 0 && strv_contains(have, one);
}

/* Hands down what the group has and its children do not: together, or what of it can be. */
static int hand_down(const char *path)
{
        _cleanup_free_ char *have = NULL, *given = NULL, *all = NULL;
        _cleanup_strv_ char **controllers = NULL, **already = NULL, **missing = NULL;
        int r;

        r = cgroup_read(path, "cgroup.controllers", &have);
        if (r >= 0)
                r = strv_split(have, " \n", &controllers);
        if (r < 0 || !controllers || !*controllers)
                return r;
        r = cgroup_read(path, "cgroup.subtree_control", &given);
        if (r >= 0)
                r = strv_split(given, " \n", &already);
        STRV_FOREACH(c, controllers)
                if (r >= 0 && !strv_contains(already, *c))
                        r = strv_consume(&missing, str_printf("+%s", *c));
        if (r < 0 || !missing)
                return r;
        all = strv_join(missing, " ");
        if (!all)
                return -ENOMEM;
        if (cgroup_write(path, "cgroup.subtree_control", all) < 0)
                STRV_FOREACH(c, missing)
                        (void) cgroup_write(path, "cgroup.subtree_control", *c);
        return 0;
}

int cgroup_make(const char *path, Error *error)
{
        _cleanup_free_ char *parent = strdup("/");
        const char *p = path + strspn(path, "/");
        int r;

        r = cgroup_check(error);
        if (r < 0)
                return r;
        for (unsigned depth = 0; *p; depth++) {
                size_t n = strcspn(p, "/");
                _cleanup_free_ char *next = NULL, *full = NULL;

                p += n + strspn(p + n, "/");
                next = strndup(path, p - path);
                for (size_t end = next ? strlen(next) : 0; end > 1 && next[end - 1] == '/'; end--)
                        next[end - 1] = '\0';
                full = next ? full_path(next, NULL) : NULL;
                if (!full || !parent)
                        return error_set_errno(error, ENOMEM, "Control group");
                r = depth < DEPTH_MAX ? hand_down(parent) : -ELOOP;
                if (r >= 0 && mkdir(full, 0755) < 0 && errno != EEXIST)
                        r = -errno;
                if (r < 0)
                        return error_set_errno(error, r, "Cannot make the control group %s", next);
                free(parent);
                parent = TAKE_PTR(next);
        }
        return 0;
}

/* Calls visit for the group and all below it, the deepest first. */
static int walk(const char *path, unsigned depth, int (*visit)(const char *path, void *userdata),
                void *userdata)
{
        _cleanup_free_ char *full = full_path(path, NULL);
        struct dirent *entry;
        int r = 0, first = 0;
        DIR *dir;

        if (depth > DEPTH_MAX)
                return -ELOOP;
        dir = full ? opendir(full) : NULL;
        if (!dir)
                return !full ? -ENOMEM : errno == ENOENT ? 0 : -errno;
        while ((entry = readdir(dir))) {
                _cleanup_free_ char *below = NULL;

                if (entry->d_type != DT_DIR || streq(entry->d_name, ".") || streq(entry->d_name, ".."))
                        continue;
                below = str_printf("%s/%s", streq(path, "/") ? "" : path, entry->d_name);
                r = below ? walk(below, depth + 1, visit, userdata) : -ENOMEM;
                if (r < 0 && first >= 0)
                        first = r;
        }
        (void) closedir(dir);
        r = visit(path, userdata);
        return first < 0 ? first : r;
}

static bool event_is(const char *path, const char *event)
{
        _cleanup_free_ char *text = NULL;
        const char *line;

        if (cgroup_read(path, "cgroup.events", &text) < 0)
                return false;
        line = strstr(text, event);
        return line && (line == text || line[-1] == '\n');
}

static bool cgroup_is_populated(const char *path)
{
        return event_is(path, "populated 1");
}

bool cgroup_is_frozen(const char *path)
{
        return event_is(path, "frozen 1");
}

/* -ETIMEDOUT. A group that is gone has no more events: that counts as the one waited for. */
static int wait_for(const char *path, const char *event, uint64_t timeout_usec)
{
        _cleanup_free_ char *full = full_path(path, "cgroup.events");
        _cleanup_close_ int fd = full ? open(full, O_RDONLY | O_CLOEXEC) : -1;
        struct pollfd p = {.fd = fd, .events = POLLPRI};
        uint64_t end = now_monotonic() + timeout_usec;

        if (fd < 0)
                return !full ? -ENOMEM : errno == ENOENT ? 0 : -errno;
        while (!event_is(path, event)) {
                if (access(full, F_OK) < 0)
                        return 0;
                if (now_monotonic() > end)
                        return -ETIMEDOUT;
                (void) poll(&p, 1, POLL_STEP_MSEC);
        }
        return 0;
}

static int remove_one(const char *path, void *userdata)
{
        _cleanup_free_ char *full = full_path(path, NULL);

        if (!full)
                return -ENOMEM;
        return rmdir(full) < 0 && errno != ENOENT ? -errno : 0;
}

int cgroup_remove(const char *path, Error *error)
{
        uint64_t end = now_monotonic() + END_TIMEOUT_USEC;
        int r;

        do {
                r = walk(path, 0, remove_one, NULL);
                if (r == -EBUSY)
                        (void) wait_for(path, "populated 0", END_TIMEOUT_USEC);
        } while (r == -EBUSY && now_monotonic() < end);
        return r < 0 ? error_set_errno(error, r, "Cannot remove the control group %s", path) : 0;
}

int cgroup_of_process(pid_t pid, char **ret)
{
        _cleanup_free_ char *path = str_printf("/proc/%d/cgroup", (int) pid), *text = NULL;
        char *line;
        int r;

        r = path ? fs_read_at(AT_FDCWD, path, FILE_SIZE_MAX, &text, NULL) : -ENOMEM;
        if (r < 0)
                return r == -ENOENT ? -ESRCH : r;
        line = strstr(text, "0::/");
        if (!line || (line != text && line[-1] != '\n'))
                return -ENOENT;
        line += strlen("0::");
        line[strcspn(line, "\n")] = '\0';
        *ret = strdup(line);
        return *ret ? 0 : -ENOMEM;
}

int cgroup_attach(const char *path, pid_t pid)
{
        char text[16];

        (void) snprintf(text, sizeof(text), "%d", (int) pid);
        return cgroup_write(path, "cgroup.procs", text);
}

int cgroup_freeze(const char *path, bool freeze, Error *error)
{
        int r = cgroup_write(path, "cgroup.freeze", freeze ? "1" : "0");

        if (r >= 0)
                r = wait_for(path, freeze ? "frozen 1" : "frozen 0", FREEZE_TIMEOUT_USEC);
        return r < 0 ? error_set_errno(error, r, "Cannot %s the control group %s", freeze ? "freeze" : "thaw",
                                       path)
                     : 0;
}

typedef struct Processes {
        pid_t *pids;
        size_t n;
} Processes;

static int collect(const char *path, void *userdata)
{
        _cleanup_free_ char *text = NULL;
        _cleanup_strv_ char **lines = NULL;
        Processes *all = userdata;
        int r;

        r = cgroup_read(path, "cgroup.procs", &text);
        if (r >= 0)
                r = strv_split(text, "\n", &lines);
        /* EOPNOTSUPP: a threaded one, whose processes are listed further up. */
        if (r < 0)
                return r == -ENOENT || r == -ENODEV || r == -EOPNOTSUPP ? 0 : r;
        STRV_FOREACH(line, lines) {
                uint64_t pid;

                if (parse_u64(*line, 1, INT32_MAX, &pid) < 0)
                        continue;
                if (all->n >= PROCESSES_MAX)
                        return -E2BIG;
                if (!GROW(all->pids, all->n))
                        return -ENOMEM;
                all->pids[all->n++] = (pid_t) pid;
        }
        return 0;
}

int cgroup_processes(const char *path, pid_t **ret, size_t *ret_n)
{
        Processes all = {};
        int r = walk(path, 0, collect, &all);

        if (r < 0) {
                free(all.pids);
                return r;
        }
        *ret = all.pids;
        *ret_n = all.n;
        return 0;
}

static bool is_in(const char *path, pid_t pid)
{
        _cleanup_free_ char *where = NULL;
        const char *rest;

        if (cgroup_of_process(pid, &where) < 0)
                return false;
        rest = startswith(where, path);
        return rest && (*rest == '\0' || *rest == '/');
}

/* The descriptor is opened before the group is read again: a number that was used anew meanwhile is in
 * another. */
static int signal_each(const char *path, int sig)
{
        _cleanup_free_ pid_t *pids = NULL;
        size_t n = 0;
        int r;

        r = cgroup_processes(path, &pids, &n);
        for (size_t i = 0; r >= 0 && i < n; i++) {
                _cleanup_close_ int fd = pidfd_open(pids[i], 0);

                if (fd < 0 || !is_in(path, pids[i]))
                        continue;
                if (pidfd_send_signal(fd, sig, NULL, 0) < 0 && errno != ESRCH)
                        r = -errno;
        }
        return r;
}

int cgroup_signal(const char *path, int sig)
{
        int r;

        if (sig != SIGKILL)
                return signal_each(path, sig);
        r = cgroup_write(path, "cgroup.kill", "1");
        if (r != -ENOENT)
                return r;
        /* A kernel before 5.14, or a group that is gone. */
        for (unsigned i = 0; i < KILL_ROUNDS && cgroup_is_populated(path); i++) {
                r = signal_each(path, sig);
                if (r < 0)
                        return r;
                (void) usleep(1000);
        }
        return 0;
}
