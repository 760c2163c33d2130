/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Objects on disk: appear and disappear by one rename. */

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/str.h"
#include "spec/name.h"
#include "store/state.h"

#define SUFFIX_NEW ".tmp"
#define SUFFIX_OLD ".rm"
#define SET_ASIDE_TRIES_MAX 1000U

static const char *const kind_names[_STATE_KIND_MAX] = {
        [STATE_CONTAINERS] = "containers",
        [STATE_IMAGES] = "images",
};

struct State {
        char *root;
        int directories[_STATE_KIND_MAX];
        int damaged;
};

State *state_free(State *s)
{
        if (!s)
                return NULL;
        for (StateKind k = 0; k < _STATE_KIND_MAX; k++)
                close_fd(s->directories[k]);
        close_fd(s->damaged);
        free(s->root);
        free(s);
        return NULL;
}

static int open_directory(const char *root, const char *name, Error *error)
{
        _cleanup_free_ char *path = str_printf("%s/%s", root, name);
        int r, fd;

        if (!path)
                return -ENOMEM;
        r = fs_mkdir_p(path, 0700);
        if (r < 0 && r != -EROFS)
                return error_set_errno(error, r, "Cannot make %s", path);
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? error_set_errno(error, errno, "Cannot open %s", path) : fd;
}

int state_open(const char *root, State **ret, Error *error)
{
        _cleanup_(state_freep) State *s = calloc(1, sizeof(*s));
        int fd;

        if (!s)
                return -ENOMEM;
        s->damaged = -EBADF;
        for (StateKind k = 0; k < _STATE_KIND_MAX; k++)
                s->directories[k] = -EBADF;
        s->root = strdup(root);
        if (!s->root)
                return -ENOMEM;
        for (StateKind k = 0; k < _STATE_KIND_MAX; k++) {
                fd = open_directory(root, kind_names[k], error);
                if (fd < 0)
                        return fd;
                s->directories[k] = fd;
        }
        fd = open_directory(root, "damaged", error);
        if (fd < 0)
                return fd;
        s->damaged = fd;
        *ret = TAKE_PTR(s);
        return 0;
}

int state_directory(const State *s, StateKind kind)
{
        return s->directories[kind];
}

static DIR *open_listing(const State *s, StateKind kind)
{
        int fd = openat(s->directories[kind], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *d;

        if (fd < 0)
                return NULL;
        d = fdopendir(fd);
        if (!d)
                close_fd(fd);
        return d;
}

static void closedirp(DIR **d)
{
        if (*d)
                (void) closedir(*d);
}

static bool is_leftover(const char *name)
{
        const char *suffix = *name == '.' ? endswith(name, SUFFIX_NEW) ?: endswith(name, SUFFIX_OLD) : NULL;
        char id[ID_LENGTH + 1];

        if (!suffix || suffix - name - 1 != ID_LENGTH)
                return false;
        memcpy(id, name + 1, ID_LENGTH);
        id[ID_LENGTH] = '\0';
        return id_is_valid(id);
}

int state_list(const State *s, StateKind kind, char ***ret, char ***ret_leftovers, Error *error)
{
        _cleanup_(closedirp) DIR *d = open_listing(s, kind);
        _cleanup_strv_ char **ids = NULL, **leftovers = NULL;
        struct dirent *e;
        int r = 0;

        if (!d)
                return error_set_errno(error, errno, "Cannot read %s/%s", s->root, kind_names[kind]);
        while (r >= 0 && (e = readdir(d))) {
                if (is_leftover(e->d_name))
                        r = strv_append(&leftovers, e->d_name);
                else if (id_is_valid(e->d_name))
                        r = strv_append(&ids, e->d_name);
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(ids);
        *ret_leftovers = TAKE_PTR(leftovers);
        return 0;
}

bool state_has(const State *s, StateKind kind, const char *id)
{
        return faccessat(s->directories[kind], id, F_OK, AT_SYMLINK_NOFOLLOW) >= 0;
}

/* ".ID.tmp", ".ID.rm" */
#define WORK_NAME_MAX (1 + ID_LENGTH + 4 + 1)
static const char *work_name(char buf[static WORK_NAME_MAX], const char *id, const char *suffix)
{
        (void) snprintf(buf, WORK_NAME_MAX, ".%.*s%s", ID_LENGTH, id, suffix);
        return buf;
}

static int write_file(int dir, const StateFile *f, FsSync sync)
{
        _cleanup_close_ int fd =
                openat(dir, f->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        int r;

        if (fd < 0)
                return -errno;
        r = fs_write_all(fd, f->text, strlen(f->text));
        if (r < 0)
                return r;
        if (f->mode != 0600 && fchmod(fd, f->mode) < 0)
                return -errno;
        return sync == FS_SYNC && fsync(fd) < 0 ? -errno : 0;
}

static int make_directory(int dir, const StateDirectory *d)
{
        if (mkdirat(dir, d->name, 0700) < 0)
                return -errno;
        if ((d->uid != geteuid() || d->gid != getegid()) &&
            fchownat(dir, d->name, d->uid, d->gid, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        /* After the change of owner, which clears the set-id bits. */
        return d->mode != 0700 && fchmodat(dir, d->name, d->mode, 0) < 0 ? -errno : 0;
}

static int fill(int dir, const StateParts *parts, FsSync sync)
{
        int r = 0;

        for (size_t i = 0; r >= 0 && i < parts->n_directories; i++)
                r = make_directory(dir, &parts->directories[i]);
        for (size_t i = 0; r >= 0 && i < parts->n_files; i++)
                r = write_file(dir, &parts->files[i], sync);
        if (r >= 0 && sync == FS_SYNC && fsync(dir) < 0)
                r = -errno;
        return r;
}

static int create_in(int parent, const char *temporary, const char *id, const StateParts *parts, FsSync sync)
{
        _cleanup_close_ int dir = -EBADF;
        int r;

        if (mkdirat(parent, temporary, 0700) < 0)
                return -errno;
        dir = openat(parent, temporary, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (dir < 0)
                return -errno;
        r = fill(dir, parts, sync);
        if (r < 0)
                return r;
        if (renameat(parent, temporary, parent, id) < 0)
                return -errno;
        return sync == FS_SYNC && fsync(parent) < 0 ? -errno : 0;
}

int state_create(const State *s, StateKind kind, const char *id, const StateParts *parts, FsSync sync,
                 Error *error)
{
        char temporary[WORK_NAME_MAX];
        int parent = s->directories[kind], r;

        r = create_in(parent, work_name(temporary, id, SUFFIX_NEW), id, parts, sync);
        if (r >= 0)
                return 0;
        (void) fs_remove_tree_at(parent, temporary);
        return error_set_errno(error, r, "Cannot write %s/%s/%s", s->root, kind_names[kind], id);
}

int state_load(const State *s, StateKind kind, const char *id, const char *name, json_t **ret, Error *error)
{
        _cleanup_close_ int dir =
                openat(s->directories[kind], id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        _cleanup_free_ char *text = NULL;
        int r;

        r = dir < 0 ? -errno : json_load_at(dir, name, ret, &text);
        if (r >= 0)
                return 0;
        if (text)
                return error_set(error, ERROR_STORE_DAMAGED, "%s/%s/%s: %s", kind_names[kind], id, name,
                                 text),
                       r;
        return error_set_errno(error, r, "Cannot read %s/%s/%s", kind_names[kind], id, name);
}

int state_replace_text(const State *s, StateKind kind, const char *id, const char *name, const char *text,
                       FsSync sync, Error *error)
{
        _cleanup_close_ int dir =
                openat(s->directories[kind], id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int r;

        r = dir < 0 ? -errno : fs_replace_at(dir, name, text, strlen(text), 0600, sync);
        return r < 0 ? error_set_errno(error, r, "Cannot write %s/%s/%s", kind_names[kind], id, name) : 0;
}

int state_replace(const State *s, StateKind kind, const char *id, const char *name, const json_t *value,
                  FsSync sync, Error *error)
{
        _cleanup_free_ char *text = json_text_pretty(value);

        return text ? state_replace_text(s, kind, id, name, text, sync, error) : -ENOMEM;
}

int state_retire(const State *s, StateKind kind, const char *id, Error *error)
{
        char retired[WORK_NAME_MAX];
        int parent = s->directories[kind];

        work_name(retired, id, SUFFIX_OLD);
        if (renameat(parent, id, parent, retired) < 0 && errno != ENOENT)
                return error_set_errno(error, errno, "Cannot remove %s/%s/%s", s->root, kind_names[kind], id);
        return 0;
}

int state_discard(const State *s, StateKind kind, const char *id, Error *error)
{
        char retired[WORK_NAME_MAX];
        int parent = s->directories[kind], r = 0;

        if (fsync(parent) < 0)
                r = -errno;
        if (r >= 0)
                r = fs_remove_tree_at(parent, work_name(retired, id, SUFFIX_OLD));
        return r < 0 ? error_set_errno(error, r, "Cannot remove the files of %s/%s", kind_names[kind], id)
                     : 0;
}

int state_sweep(const State *s, StateKind kind, char *const *leftovers, Error *error)
{
        int r = 0;

        STRV_FOREACH(name, (char **) leftovers) {
                int k = is_leftover(*name) ? fs_remove_tree_at(s->directories[kind], *name) : 0;

                if (k < 0 && r >= 0)
                        r = error_set_errno(error, k, "Cannot remove %s/%s/%s", s->root, kind_names[kind],
                                            *name);
        }
        return r;
}

int state_leftovers(const char *id, char ***list)
{
        char name[WORK_NAME_MAX];
        int r;

        r = strv_append(list, work_name(name, id, SUFFIX_NEW));
        return r < 0 ? r : strv_append(list, work_name(name, id, SUFFIX_OLD));
}

int state_set_aside(const State *s, StateKind kind, const char *id, char **ret, Error *error)
{
        for (unsigned i = 0; i < SET_ASIDE_TRIES_MAX; i++) {
                _cleanup_free_ char *name = i == 0 ? str_printf("%s-%s", kind_names[kind], id)
                                                   : str_printf("%s-%s.%u", kind_names[kind], id, i);

                if (!name)
                        return -ENOMEM;
                if (renameat2(s->directories[kind], id, s->damaged, name, RENAME_NOREPLACE) >= 0) {
                        *ret = str_printf("%s/damaged/%s", s->root, name);
                        return *ret ? 0 : -ENOMEM;
                }
                if (errno != EEXIST)
                        return error_set_errno(error, errno, "Cannot set aside %s/%s/%s", s->root,
                                               kind_names[kind], id);
        }
        return error_set(error, ERROR_LIMIT, "Too many damaged copies of %s below %s/damaged", id, s->root);
}
