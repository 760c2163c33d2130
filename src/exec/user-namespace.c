/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The kernel has no call that makes a user namespace for somebody else: a process has to be in it while its
 * maps are written and it is opened. That process does nothing and is killed then. */

#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/fs.h"
#include "base/str.h"
#include "exec/namespace.h"
#include "exec/user-namespace.h"

#define MAP_LINE_MAX sizeof("4294967295 4294967295 4294967295\n")
#define MAP_FILE_MAX (64U * 1024)

typedef struct Sitter {
        pid_t pid;
} Sitter;

static void sitter_done(Sitter *s)
{
        if (s->pid <= 0)
                return;
        (void) kill(s->pid, SIGKILL);
        while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
                ;
}

static _noreturn_ void sit(int join, int ready)
{
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        if (join >= 0 && setns(join, CLONE_NEWUSER) < 0)
                _exit(EXIT_FAILURE);
        (void) !write(ready, "", 1);
        for (;;)
                (void) pause();
}

/* In a new user namespace, or in the one that join is. */
static int sitter_start(int join, Sitter *ret)
{
        int line[2];
        char word;
        ssize_t n;
        int r;

        if (pipe2(line, O_CLOEXEC) < 0)
                return -errno;
        r = namespace_clone(join < 0 ? CLONE_NEWUSER : 0, -EBADF);
        if (r == 0)
                sit(join, line[1]);
        close_fd(line[1]);
        if (r > 0) {
                ret->pid = r;
                do
                        n = read(line[0], &word, 1);
                while (n < 0 && errno == EINTR);
                r = n > 0 ? 0 : -EPERM;
        }
        close_fd(line[0]);
        return r;
}

static int open_proc(const Sitter *s, const char *name, int flags)
{
        char path[64];
        int fd;

        (void) snprintf(path, sizeof(path), "/proc/%d/%s", s->pid, name);
        fd = open(path, flags | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

static int write_proc(const Sitter *s, const char *name, const char *text)
{
        _cleanup_close_ int fd = open_proc(s, name, O_WRONLY);

        if (fd < 0)
                return fd;
        /* The kernel takes a map in one piece. */
        return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

static char *map_text(const LaunchIdMap *maps, size_t n)
{
        char *text = malloc(n * MAP_LINE_MAX + 1), *p = text;

        if (!text)
                return NULL;
        *p = '\0';
        for (size_t i = 0; i < n; i++)
                p += sprintf(p, "%" PRIu32 " %" PRIu32 " %" PRIu32 "\n", maps[i].container_id,
                             maps[i].host_id, maps[i].size);
        return text;
}

static int write_map(const Sitter *s, const char *name, const LaunchIdMap *maps, size_t n)
{
        _cleanup_free_ char *text = map_text(maps, n);

        return text ? write_proc(s, name, text) : -ENOMEM;
}

static int write_maps(const Sitter *s, const LaunchIdMaps *maps)
{
        int r;

        r = write_map(s, "uid_map", maps->uids, maps->n_uids);
        if (r >= 0)
                r = write_map(s, "gid_map", maps->gids, maps->n_gids);
        /* Who is no root may map its own group, if it gives up to leave groups. */
        if (r == -EPERM && geteuid() != 0 && write_proc(s, "setgroups", "deny") >= 0)
                r = write_map(s, "gid_map", maps->gids, maps->n_gids);
        return r;
}

int user_namespace_make(const LaunchIdMaps *maps, int *ret, Error *error)
{
        _cleanup_(sitter_done) Sitter s = {};
        int r;

        r = sitter_start(-EBADF, &s);
        if (r < 0)
                return error_set(error, ERROR_START_FAILED, "Cannot make a user namespace: %s", strerror(-r));
        r = write_maps(&s, maps);
        if (r < 0)
                return error_set(error, ERROR_START_FAILED,
                                 "The kernel does not take the user namespace's ID maps: %s", strerror(-r));
        r = open_proc(&s, "ns/user", O_RDONLY);
        if (r < 0)
                return error_set(error, ERROR_START_FAILED, "Cannot open the new user namespace: %s",
                                 strerror(-r));
        *ret = r;
        return 0;
}

static int parse_map(char *text, LaunchIdMap **ret, size_t *ret_n)
{
        LaunchIdMap *maps = calloc(LAUNCH_ID_MAPS_MAX, sizeof(LaunchIdMap));
        char *state = NULL;
        size_t n = 0;

        if (!maps)
                return -ENOMEM;
        for (char *line = strtok_r(text, "\n", &state); line && n < LAUNCH_ID_MAPS_MAX;
             line = strtok_r(NULL, "\n", &state)) {
                LaunchIdMap *m = &maps[n];

                if (sscanf(line, "%" SCNu32 " %" SCNu32 " %" SCNu32, &m->container_id, &m->host_id,
                           &m->size) == 3)
                        n++;
        }
        *ret = maps;
        *ret_n = n;
        return 0;
}

static int read_map(const Sitter *s, const char *name, LaunchIdMap **ret, size_t *ret_n)
{
        _cleanup_close_ int fd = open_proc(s, name, O_RDONLY);
        _cleanup_free_ char *text = NULL;
        int r;

        r = fd < 0 ? fd : fs_read_fd(fd, MAP_FILE_MAX, &text, NULL);
        return r < 0 ? r : parse_map(text, ret, ret_n);
}

int user_namespace_read_maps(int fd, LaunchIdMaps *ret, Error *error)
{
        _cleanup_(sitter_done) Sitter s = {};
        _cleanup_launch_id_maps_ LaunchIdMaps maps = {};
        int r;

        r = sitter_start(fd, &s);
        if (r >= 0)
                r = read_map(&s, "uid_map", &maps.uids, &maps.n_uids);
        if (r >= 0)
                r = read_map(&s, "gid_map", &maps.gids, &maps.n_gids);
        if (r < 0)
                return error_set(error, ERROR_START_FAILED, "Cannot read the maps of the user namespace: %s",
                                 strerror(-r));
        *ret = TAKE(maps, (LaunchIdMaps){});
        return 0;
}

static uint32_t first_id(const LaunchIdMap *maps, size_t n)
{
        uint32_t ignored;

        return n == 0 || id_map_lookup(maps, n, 0, &ignored) ? 0 : maps[0].container_id;
}

int user_namespace_enter(int fd, const LaunchIdMaps *maps, bool keep_groups, Error *error)
{
        uint32_t uid = first_id(maps->uids, maps->n_uids), gid = first_id(maps->gids, maps->n_gids);

        if (setns(fd, CLONE_NEWUSER) < 0)
                return error_set(error, ERROR_START_FAILED, "Cannot join the user namespace: %m");
        /* EPERM: its maker has given up to leave groups. */
        if (!keep_groups && setgroups(0, NULL) < 0 && errno != EPERM)
                return error_set(error, ERROR_START_FAILED, "Cannot leave the host's groups: %m");
        if (setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
                return error_set(error, ERROR_START_FAILED, "Cannot become the user namespace's user: %m");
        return 0;
}
