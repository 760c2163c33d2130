/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Transactions, and the door to libostree, which has the refs and finds what nobody needs. Objects are
 * written by us (image-store-object.c): libostree's way of writing replaces an object that two workers write
 * at the same time, under the hands of the one that links it. */

#include <dirent.h>
#include <linux/limits.h>
#include <sys/file.h>

#include "base/fs.h"
#include "base/parse.h"
#include "base/str.h"
#include "spec/image-ref.h"
#include "store/image-store-private.h"
#include "store/time-mark.h"

#define REPO_PARENT "ostree"
#define REPO "repo"
#define REPO_NEW ".repo.tmp"
#define REFS "refs/heads/layer"

static int errno_of(const GError *e)
{
        static const struct {
                int code;
                int error;
        } rows[] = {
                {G_IO_ERROR_NO_SPACE, ENOSPC},
                {G_IO_ERROR_READ_ONLY, EROFS},
                {G_IO_ERROR_NOT_FOUND, ENOENT},
                {G_IO_ERROR_PERMISSION_DENIED, EACCES},
                {G_IO_ERROR_TOO_MANY_OPEN_FILES, EMFILE},
        };

        if (e && e->domain == G_IO_ERROR)
                FOREACH_ELEMENT(row, rows)
                        if (e->code == row->code)
                                return row->error;
        return EIO;
}

static int image_store_fail(Error *error, const GError *e, const char *what)
{
        return error_set_errno(error, errno_of(e), "%s (%s)", what, e ? e->message : "no reason given");
}

/* Opening */

static int lock(ImageStore *s, StoreLock mode, Error *error)
{
        static const int operations[] = {
                [STORE_ADD] = LOCK_SH,
                [STORE_COLLECT] = LOCK_EX,
                [STORE_TRY_COLLECT] = LOCK_EX | LOCK_NB,
        };

        while (flock(s->parent, operations[mode]) < 0) {
                if (errno == EWOULDBLOCK)
                        return -EBUSY;
                if (errno != EINTR)
                        return error_set_errno(error, errno, "Cannot lock the image store");
        }
        return 0;
}

/* Free space is the administrator's to keep: a share of the whole disk, libostree's default, is too coarse.
 */
static int configure(OstreeRepo *repo, GError **ret)
{
        GKeyFile *config = ostree_repo_copy_config(repo);
        gboolean ok;

        g_key_file_set_string(config, "core", "min-free-space-percent", "0");
        ok = ostree_repo_write_config(repo, config, ret);
        g_key_file_unref(config);
        return ok ? 0 : -EIO;
}

/* libostree's lock, which it would make when it removes: a full disk must not keep it from that. */
static int make_lock(int repo)
{
        int fd = openat(repo, ".lock", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

        if (fd < 0)
                return -EIO;
        close_fd(fd);
        return 0;
}

static int create_repo(int parent, Error *error)
{
        _cleanup_gerror_ GError *e = NULL;
        OstreeRepo *repo;
        int r = fs_remove_tree_at(parent, REPO_NEW);

        if (r < 0)
                return error_set_errno(error, r, "Cannot make the image store");
        repo = ostree_repo_create_at(parent, REPO_NEW, OSTREE_REPO_MODE_BARE, NULL, NULL, &e);
        r = repo ? configure(repo, &e) : -EIO;
        if (r >= 0)
                r = make_lock(ostree_repo_get_dfd(repo));
        if (repo)
                g_object_unref(repo);
        if (r < 0) {
                r = image_store_fail(error, e, "Cannot make the image store");
                (void) fs_remove_tree_at(parent, REPO_NEW);
                return r;
        }
        if (syncfs(parent) < 0 || renameat(parent, REPO_NEW, parent, REPO) < 0 || fsync(parent) < 0)
                return error_set_errno(error, errno, "Cannot make the image store");
        return 0;
}

/* Whoever finds no repository makes one, alone. */
static int ensure_repo(ImageStore *s, Error *error)
{
        int r;

        if (faccessat(s->parent, REPO "/config", F_OK, 0) >= 0)
                return 0;
        if (errno != ENOENT)
                return error_set_errno(error, errno, "Cannot open the image store");
        r = lock(s, STORE_COLLECT, error);
        if (r < 0)
                return r;
        return faccessat(s->parent, REPO "/config", F_OK, 0) >= 0 ? 0 : create_repo(s->parent, error);
}

static int open_parent(int state, Error *error)
{
        int fd;

        if (mkdirat(state, REPO_PARENT, 0700) < 0 && errno != EEXIST)
                return error_set_errno(error, errno, "Cannot make the image store");
        fd = fs_open_beneath(state, REPO_PARENT, O_RDONLY | O_DIRECTORY, 0);
        return fd < 0 ? error_set_errno(error, fd, "Cannot open the image store") : fd;
}

int image_store_open(int state, StoreLock mode, ImageStore **ret, Error *error)
{
        _cleanup_(image_store_closep) ImageStore *s = calloc(1, sizeof(ImageStore));
        _cleanup_gerror_ GError *e = NULL;
        int r;

        if (!s)
                return -ENOMEM;
        s->parent = s->stage = -EBADF;
        s->uid = geteuid();
        s->gid = getegid();
        s->pending = map_new_strings();
        s->hash = digest_new();
        if (!s->pending || !s->hash)
                return -ENOMEM;
        s->parent = open_parent(state, error);
        if (s->parent < 0)
                return s->parent;
        r = ensure_repo(s, error);
        if (r >= 0)
                r = lock(s, mode, error);
        if (r < 0)
                return r;
        s->repo = ostree_repo_open_at(s->parent, REPO, NULL, &e);
        if (!s->repo)
                return image_store_fail(error, e, "Cannot open the image store");
        s->dir = ostree_repo_get_dfd(s->repo);
        ostree_repo_set_disable_fsync(s->repo, TRUE); /* we flush all of it */
        *ret = TAKE_PTR(s);
        return 0;
}

static int open_tmp(ImageStore *s)
{
        int fd = openat(s->dir, "tmp", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        return fd < 0 ? -errno : fd;
}

void image_store_abort(ImageStore *s)
{
        _cleanup_close_ int tmp = -EBADF;

        if (s->stage < 0)
                return;
        s->stage = close_fd(s->stage);
        tmp = open_tmp(s);
        if (tmp >= 0)
                (void) fs_remove_tree_at(tmp, s->stage_name);
}

ImageStore *image_store_close(ImageStore *s)
{
        if (!s)
                return NULL;
        image_store_abort(s);
        if (s->repo)
                g_object_unref(s->repo);
        digest_free(s->hash);
        bytes_done(&s->header);
        map_free(s->pending);
        close_fd(s->parent);
        free(s);
        return NULL;
}

void image_store_distrust(ImageStore *s)
{
        s->distrust = true;
}

/* Transactions */

static int flush(ImageStore *s, Error *error)
{
        if (syncfs(s->parent) < 0)
                return error_set_errno(error, errno, "Cannot write to the image store");
        return 0;
}

static int make_stage(ImageStore *s)
{
        _cleanup_close_ int tmp = open_tmp(s);
        char random[16 + 1];
        int r = tmp < 0 ? tmp : random_hex(8, random);

        if (r < 0)
                return r;
        (void) snprintf(s->stage_name, sizeof(s->stage_name), STORE_STAGE_PREFIX "%s", random);
        if (mkdirat(tmp, s->stage_name, 0700) < 0)
                return -errno;
        s->stage = openat(tmp, s->stage_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return s->stage < 0 ? -errno : 0;
}

int image_store_begin(ImageStore *s, Error *error)
{
        int r;

        assert(s->stage < 0);
        s->n_writers = 0;
        r = make_stage(s);
        return r < 0 ? error_set_errno(error, r, "Cannot write to the image store") : 0;
}

int image_store_commit(ImageStore *s, Error *error)
{
        int r = time_mark_flush();

        if (r < 0)
                return error_set_errno(error, r, "Cannot write to the image store");
        r = flush(s, error);
        if (r >= 0)
                r = object_place_staged(s, error);
        if (r >= 0)
                image_store_abort(s); /* the stage is empty */
        return r;
}

char *image_store_layer_ref(const char *diff_id)
{
        assert(digest_is_valid(diff_id));
        return str_printf(STORE_REF_PREFIX "%s", diff_id + strlen("sha256:"));
}

int image_store_publish(ImageStore *s, Error *error)
{
        MAP_FOREACH(layer, s->pending) {
                _cleanup_free_ char *ref = image_store_layer_ref(map_key(layer));
                _cleanup_gerror_ GError *e = NULL;

                if (!ref)
                        return -ENOMEM;
                if (!ostree_repo_set_ref_immediate(s->repo, NULL, ref, map_value(layer), NULL, &e))
                        return image_store_fail(error, e, "Cannot write to the image store");
        }
        return 0;
}

/* Collecting */

/* libostree's own list ends at a reference that it cannot read. */
int image_store_layers(ImageStore *s, char ***ret, Error *error)
{
        _cleanup_strv_ char **layers = NULL;
        const struct dirent *de;
        int fd = openat(s->dir, REFS, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
        DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

        if (!dir) {
                r = errno == ENOENT ? 0 : error_set_errno(error, errno, "Cannot read the image store");
                close_fd(fd);
        }
        while (r >= 0 && dir && (errno = 0, de = readdir(dir)))
                if (*de->d_name != '.')
                        r = strv_consume(&layers, str_printf("sha256:%s", de->d_name));
        if (r >= 0 && dir && errno > 0)
                r = error_set_errno(error, errno, "Cannot read the image store");
        if (dir)
                (void) closedir(dir);
        if (r >= 0)
                *ret = TAKE_PTR(layers);
        return r;
}

static int drop_refs(ImageStore *s, const Map *needed, Error *error)
{
        _cleanup_strv_ char **layers = NULL;
        int r = image_store_layers(s, &layers, error);

        STRV_FOREACH(id, layers) {
                char path[sizeof(REFS "/") + NAME_MAX];

                if (r < 0 || map_has(needed, *id))
                        continue;
                (void) snprintf(path, sizeof(path), REFS "/%s", *id + strlen("sha256:"));
                if (unlinkat(s->dir, path, 0) < 0)
                        r = error_set_errno(error, errno, "Cannot write to the image store");
        }
        return r;
}

/* What aborted transactions left. */
static int drop_staging(ImageStore *s, Error *error)
{
        _cleanup_strv_ char **names = NULL;
        _cleanup_close_ int tmp = -EBADF;
        const struct dirent *de;
        int r = 0, fd;
        DIR *dir;

        tmp = open_tmp(s);
        fd = tmp >= 0 ? fcntl(tmp, F_DUPFD_CLOEXEC, 3) : -EBADF;
        dir = fd >= 0 ? fdopendir(fd) : NULL;
        if (!dir) {
                close_fd(fd);
                return error_set_errno(error, errno, "Cannot read the image store");
        }
        while (r >= 0 && (de = readdir(dir)))
                if (startswith(de->d_name, STORE_STAGE_PREFIX))
                        r = strv_append(&names, de->d_name);
        (void) closedir(dir);
        STRV_FOREACH(name, names)
                if (r >= 0)
                        r = fs_remove_tree_at(tmp, *name);
        return r < 0 ? error_set_errno(error, r, "Cannot clean the image store") : 0;
}

/* The directories of objects that are gone, so that what was undone leaves no trace. */
static void drop_empty_directories(ImageStore *s)
{
        char path[] = "objects/xx";

        for (unsigned i = 0; i < 256; i++) {
                (void) snprintf(path, sizeof(path), "objects/%02x", i);
                (void) unlinkat(s->dir, path, AT_REMOVEDIR);
        }
}

int image_store_collect(ImageStore *s, char *const *diff_ids, Error *error)
{
        _cleanup_(map_freep) Map *needed = map_new(NULL);
        _cleanup_gerror_ GError *e = NULL;
        gint total, pruned;
        guint64 bytes;
        int r = needed ? 0 : -ENOMEM;

        STRV_FOREACH(id, (char **) diff_ids) {
                if (r >= 0)
                        r = map_put(needed, *id, s);
        }
        if (r >= 0)
                r = drop_refs(s, needed, error);
        if (r >= 0)
                r = drop_staging(s, error);
        if (r < 0)
                return r;
        if (!ostree_repo_prune(s->repo, OSTREE_REPO_PRUNE_FLAGS_REFS_ONLY, -1, &total, &pruned, &bytes, NULL,
                               &e))
                return image_store_fail(error, e, "Cannot clean the image store");
        drop_empty_directories(s);
        return 0;
}
