/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The door to libostree. Two of its habits are worked around here. Its commit flushes every one of 256 object
 * directories by itself after the file system as a whole; we flush the file system, let it rename without
 * flushing, and flush once more when the refs are written. And it keeps the staging directory of an aborted
 * transaction for a later one of the same boot; ours is removed by image_store_collect(). */

#include <dirent.h>
#include <linux/limits.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/fs.h"
#include "base/str.h"
#include "spec/image-ref.h"
#include "store/image-store-private.h"

#define REPO_PARENT "ostree"
#define REPO "repo"
#define REPO_NEW ".repo.tmp"
#define STAGING_PREFIX "staging-"
#define RECENT_SIZE 65536U

struct ObjectWriter {
        ImageStore *store;
        OstreeContentWriter *writer;
        EVP_MD_CTX *hash;
};

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

int image_store_fail(Error *error, const GError *e, const char *what)
{
        return error_set_errno(error, errno_of(e), "%s (%s)", what, e ? e->message : "no reason given");
}

/* Opening */

/* One at a time. Two that add at the same time saw each other's objects come and go: a checkout missed one of
 * them in about one of a hundred loads. */
static int lock(ImageStore *s, StoreLock mode, Error *error)
{
        static const int operations[] = {
                [STORE_ADD] = LOCK_EX,
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

static int create_repo(int parent, Error *error)
{
        _cleanup_gerror_ GError *e = NULL;
        OstreeRepo *repo;
        int r = fs_remove_tree_at(parent, REPO_NEW);

        if (r < 0)
                return error_set_errno(error, r, "Cannot make the image store");
        repo = ostree_repo_create_at(parent, REPO_NEW, OSTREE_REPO_MODE_BARE, NULL, NULL, &e);
        r = repo ? configure(repo, &e) : -EIO;
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
        s->parent = -EBADF;
        s->pending = map_new_strings();
        s->hash = EVP_MD_CTX_new();
        s->recent = calloc(RECENT_SIZE, OBJECT_SUM_SIZE);
        if (!s->pending || !s->hash || !s->recent)
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
        *ret = TAKE_PTR(s);
        return 0;
}

void image_store_abort(ImageStore *s)
{
        if (TAKE(s->in_transaction, false))
                (void) ostree_repo_abort_transaction(s->repo, NULL, NULL);
}

ImageStore *image_store_close(ImageStore *s)
{
        if (!s)
                return NULL;
        image_store_abort(s);
        if (s->repo)
                g_object_unref(s->repo);
        EVP_MD_CTX_free(s->hash);
        free(s->recent);
        map_free(s->pending);
        close_fd(s->parent);
        free(s);
        return NULL;
}

/* Transactions */

static int flush(ImageStore *s, Error *error)
{
        if (syncfs(s->parent) < 0)
                return error_set_errno(error, errno, "Cannot write to the image store");
        return 0;
}

int image_store_begin(ImageStore *s, Error *error)
{
        _cleanup_gerror_ GError *e = NULL;

        ostree_repo_set_disable_fsync(s->repo, FALSE);
        if (!ostree_repo_prepare_transaction(s->repo, NULL, NULL, &e))
                return image_store_fail(error, e, "Cannot write to the image store");
        s->in_transaction = true;
        memset(s->recent, 0, RECENT_SIZE * OBJECT_SUM_SIZE);
        return 0;
}

int image_store_commit(ImageStore *s, Error *error)
{
        _cleanup_gerror_ GError *e = NULL;
        int r = flush(s, error);

        if (r < 0)
                return r;
        ostree_repo_set_disable_fsync(s->repo, TRUE);
        if (!ostree_repo_commit_transaction(s->repo, NULL, NULL, &e))
                return image_store_fail(error, e, "Cannot write to the image store");
        s->in_transaction = false;
        return 0;
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

/* Objects */

GVariant *image_store_xattrs(const Attributes *a)
{
        GVariantBuilder builder;

        if (a->n_xattrs == 0)
                return NULL;
        g_variant_builder_init(&builder, G_VARIANT_TYPE(STORE_XATTRS_TYPE));
        for (size_t i = 0; i < a->n_xattrs; i++)
                g_variant_builder_add(&builder, "(@ay@ay)", g_variant_new_bytestring(a->xattrs[i].name),
                                      g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, a->xattrs[i].value,
                                                                a->xattrs[i].size, 1));
        return g_variant_ref_sink(g_variant_builder_end(&builder));
}

GVariant *image_store_xattrs_or_empty(GVariant *xattrs)
{
        return xattrs ? xattrs : g_variant_new_array(G_VARIANT_TYPE("(ayay)"), NULL, 0);
}

/* What an object's checksum begins with: its header with a length before it (OSTree's documented format). */
static void hash_begin(EVP_MD_CTX *hash, const Attributes *a, mode_t type, const char *target,
                       GVariant *xattrs)
{
        _cleanup_variant_ GVariant *header = g_variant_ref_sink(
                g_variant_new("(uuuus@a(ayay))", GUINT32_TO_BE(a->uid), GUINT32_TO_BE(a->gid),
                              GUINT32_TO_BE(a->mode | type), 0, target, image_store_xattrs_or_empty(xattrs)));
        uint32_t prefix[2] = {GUINT32_TO_BE((uint32_t) g_variant_get_size(header)), 0};

        (void) EVP_DigestInit_ex(hash, EVP_sha256(), NULL);
        (void) EVP_DigestUpdate(hash, prefix, sizeof(prefix));
        (void) EVP_DigestUpdate(hash, g_variant_get_data(header), g_variant_get_size(header));
}

#define OBJECT_PATH_MAX (sizeof("objects/xx/.file") + OSTREE_SHA256_STRING_LEN)

static void object_path(const uint8_t sum[static OBJECT_SUM_SIZE], char ret[static OBJECT_PATH_MAX])
{
        char hex[OSTREE_SHA256_STRING_LEN + 1];

        ostree_checksum_inplace_from_bytes(sum, hex);
        (void) snprintf(ret, OBJECT_PATH_MAX, "objects/%.2s/%s.file", hex, hex + 2);
}

/* Is it in its place, or among what was written lately? An image repeats itself: empty files, licences. What
 * the table has forgotten is written once more, which changes nothing. */
static bool has_object(ImageStore *s, const uint8_t sum[static OBJECT_SUM_SIZE])
{
        char path[OBJECT_PATH_MAX];
        uint8_t *recent;
        uint16_t slot;

        memcpy(&slot, sum, sizeof(slot));
        recent = s->recent[slot];
        if (memcmp(recent, sum, OBJECT_SUM_SIZE) == 0)
                return true;
        object_path(sum, path);
        return faccessat(ostree_repo_get_dfd(s->repo), path, F_OK, AT_SYMLINK_NOFOLLOW) >= 0;
}

static void remember(ImageStore *s, const uint8_t sum[static OBJECT_SUM_SIZE])
{
        uint16_t slot;

        memcpy(&slot, sum, sizeof(slot));
        memcpy(s->recent[slot], sum, OBJECT_SUM_SIZE);
}

static GFileInfo *file_info(const Attributes *a, mode_t type, uint64_t size)
{
        GFileInfo *info = g_file_info_new();

        g_file_info_set_file_type(info, type == S_IFLNK ? G_FILE_TYPE_SYMBOLIC_LINK : G_FILE_TYPE_REGULAR);
        g_file_info_set_attribute_uint32(info, "unix::uid", a->uid);
        g_file_info_set_attribute_uint32(info, "unix::gid", a->gid);
        g_file_info_set_attribute_uint32(info, "unix::mode", a->mode | type);
        g_file_info_set_attribute_boolean(info, "standard::is-symlink", type == S_IFLNK);
        g_file_info_set_size(info, (goffset) size);
        return info;
}

static int write_trusted(ImageStore *s, const Attributes *a, GVariant *xattrs, const void *data, size_t size,
                         const uint8_t sum[static OBJECT_SUM_SIZE], Error *error)
{
        GFileInfo *info = file_info(a, S_IFREG, size);
        GInputStream *content = g_memory_input_stream_new_from_data(data, (gssize) size, NULL),
                     *object = NULL;
        char hex[OSTREE_SHA256_STRING_LEN + 1];
        _cleanup_gerror_ GError *e = NULL;
        guint64 length;
        gboolean ok;

        ostree_checksum_inplace_from_bytes(sum, hex);
        ok = ostree_raw_file_to_content_stream(content, info, xattrs, &object, &length, NULL, &e) &&
             ostree_repo_write_content_trusted(s->repo, hex, object, length, NULL, &e);
        if (object)
                g_object_unref(object);
        g_object_unref(content);
        g_object_unref(info);
        if (!ok)
                return image_store_fail(error, e, "Cannot write to the image store");
        remember(s, sum);
        return 0;
}

int image_store_write_file(ImageStore *s, const Attributes *a, const void *data, size_t size,
                           uint8_t ret_sum[static OBJECT_SUM_SIZE], Error *error)
{
        _cleanup_variant_ GVariant *xattrs = image_store_xattrs(a);

        hash_begin(s->hash, a, S_IFREG, "", xattrs);
        (void) EVP_DigestUpdate(s->hash, data, size);
        if (EVP_DigestFinal_ex(s->hash, ret_sum, NULL) != 1)
                return -ENOMEM;
        if (has_object(s, ret_sum))
                return 0;
        return write_trusted(s, a, xattrs, data, size, ret_sum, error);
}

int image_store_write_symlink(ImageStore *s, const Attributes *a, const char *target,
                              uint8_t ret_sum[static OBJECT_SUM_SIZE], Error *error)
{
        const Attributes bare = {.uid = a->uid, .gid = a->gid, .mode = 0777};
        _cleanup_gfree_ char *sum = NULL;
        _cleanup_gerror_ GError *e = NULL;

        hash_begin(s->hash, &bare, S_IFLNK, target, NULL);
        if (EVP_DigestFinal_ex(s->hash, ret_sum, NULL) != 1)
                return -ENOMEM;
        if (has_object(s, ret_sum))
                return 0;
        sum = ostree_repo_write_symlink(s->repo, NULL, a->uid, a->gid, NULL, target, NULL, &e);
        if (!sum)
                return image_store_fail(error, e, "Cannot write to the image store");
        remember(s, ret_sum);
        return 0;
}

int image_store_open_writer(ImageStore *s, const Attributes *a, uint64_t size, ObjectWriter **ret,
                            Error *error)
{
        _cleanup_(object_writer_freep) ObjectWriter *w = calloc(1, sizeof(ObjectWriter));
        _cleanup_variant_ GVariant *xattrs = image_store_xattrs(a);
        _cleanup_gerror_ GError *e = NULL;

        if (!w)
                return -ENOMEM;
        w->store = s;
        w->hash = EVP_MD_CTX_new();
        if (!w->hash)
                return -ENOMEM;
        hash_begin(w->hash, a, S_IFREG, "", xattrs);
        w->writer =
                ostree_repo_write_regfile(s->repo, NULL, a->uid, a->gid, a->mode | S_IFREG, size, xattrs, &e);
        if (!w->writer)
                return image_store_fail(error, e, "Cannot write to the image store");
        *ret = TAKE_PTR(w);
        return 0;
}

int object_writer_write(ObjectWriter *w, const void *data, size_t size, Error *error)
{
        _cleanup_gerror_ GError *e = NULL;

        (void) EVP_DigestUpdate(w->hash, data, size);
        if (!g_output_stream_write_all(G_OUTPUT_STREAM(w->writer), data, size, NULL, NULL, &e))
                return image_store_fail(error, e, "Cannot write to the image store");
        return 0;
}

/* Finishing would replace an object that is there by a new inode, which checkouts do not share. */
int object_writer_finish(ObjectWriter *w, uint8_t ret_sum[static OBJECT_SUM_SIZE], Error *error)
{
        _cleanup_gerror_ GError *e = NULL;
        _cleanup_gfree_ char *sum = NULL;

        if (EVP_DigestFinal_ex(w->hash, ret_sum, NULL) != 1)
                return -ENOMEM;
        if (has_object(w->store, ret_sum))
                return 0;
        sum = ostree_content_writer_finish(w->writer, NULL, &e);
        if (!sum)
                return image_store_fail(error, e, "Cannot write to the image store");
        remember(w->store, ret_sum);
        return 0;
}

ObjectWriter *object_writer_free(ObjectWriter *w)
{
        if (!w)
                return NULL;
        if (w->writer)
                g_object_unref(w->writer);
        EVP_MD_CTX_free(w->hash);
        free(w);
        return NULL;
}

/* Out of the store */

static int copy_xattrs(int from, int to)
{
        _cleanup_free_ char *names = NULL, *value = malloc(XATTR_SIZE_MAX);
        ssize_t size = flistxattr(from, NULL, 0), n;

        if (size == 0 || (size < 0 && errno == ENOTSUP))
                return 0;
        names = size > 0 ? malloc((size_t) size) : NULL;
        if (!names || !value)
                return size < 0 ? -errno : -ENOMEM;
        size = flistxattr(from, names, (size_t) size);
        if (size < 0)
                return -errno;
        for (const char *name = names; name < names + size; name += strlen(name) + 1) {
                n = fgetxattr(from, name, value, XATTR_SIZE_MAX);
                if (n < 0 || fsetxattr(to, name, value, (size_t) n, 0) < 0)
                        return -errno;
        }
        return 0;
}

static int copy_content(int from, int to)
{
        ssize_t n;

        do {
                n = copy_file_range(from, NULL, to, NULL, SSIZE_MAX & ~0xfff, 0);
        } while (n > 0 || (n < 0 && errno == EINTR));
        return n < 0 ? -errno : 0;
}

static int copy_file(int repo, const char *object, const struct stat *st, int dir, const char *name)
{
        const struct timespec times[] = {{.tv_nsec = UTIME_OMIT}, {}};
        _cleanup_close_ int from = -EBADF, to = -EBADF;
        int r;

        from = openat(repo, object, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        if (from < 0)
                return -errno;
        to = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (to < 0)
                return -errno;
        r = copy_content(from, to);
        if (r < 0)
                return r;
        if (fchown(to, st->st_uid, st->st_gid) < 0 || fchmod(to, st->st_mode & 07777) < 0)
                return -errno;
        r = copy_xattrs(from, to);
        if (r < 0)
                return r;
        return futimens(to, times) < 0 ? -errno : 0;
}

static int copy_symlink(int repo, const char *object, const struct stat *st, int dir, const char *name)
{
        char target[PATH_MAX];
        ssize_t n = readlinkat(repo, object, target, sizeof(target) - 1);

        if (n < 0)
                return -errno;
        target[n] = '\0';
        if (symlinkat(target, dir, name) < 0 ||
            fchownat(dir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        return 0;
}

static int copy_object(int repo, const char *object, const struct stat *st, int dir, const char *name)
{
        return S_ISLNK(st->st_mode) ? copy_symlink(repo, object, st, dir, name)
                                    : copy_file(repo, object, st, dir, name);
}

int image_store_checkout(ImageStore *s, const uint8_t sum[static OBJECT_SUM_SIZE], int dir, const char *name,
                         uint64_t *ret_size, Error *error)
{
        int repo = ostree_repo_get_dfd(s->repo), r = 0;
        char path[OBJECT_PATH_MAX];
        struct stat st;

        object_path(sum, path);
        if (fstatat(repo, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT
                               ? error_set(error, ERROR_STORE_DAMAGED,
                                           "The image store is damaged: object %s of \"%s\" is missing", path,
                                           name)
                               : error_set_errno(error, errno, "Cannot read the image store");
        if (S_ISREG(st.st_mode) && st.st_size == 0)
                r = copy_object(repo, path, &st, dir, name);
        else if (linkat(repo, path, dir, name, 0) < 0)
                r = errno == EMLINK ? copy_object(repo, path, &st, dir, name) : -errno;
        if (r < 0)
                return error_set_errno(error, r, "Cannot make \"%s\" in the image's tree", name);
        *ret_size = S_ISREG(st.st_mode) ? (uint64_t) st.st_size : 0;
        return 0;
}

/* Collecting */

static int drop_refs(ImageStore *s, const Map *needed, Error *error)
{
        _cleanup_gerror_ GError *e = NULL;
        GHashTable *refs = NULL;
        GHashTableIter i;
        gpointer ref;
        int r = 0;

        if (!ostree_repo_list_refs(s->repo, NULL, &refs, NULL, &e))
                return image_store_fail(error, e, "Cannot read the image store");
        g_hash_table_iter_init(&i, refs);
        while (r >= 0 && g_hash_table_iter_next(&i, &ref, NULL))
                if (!map_has(needed, ref) &&
                    !ostree_repo_set_ref_immediate(s->repo, NULL, ref, NULL, NULL, &e))
                        r = image_store_fail(error, e, "Cannot write to the image store");
        g_hash_table_unref(refs);
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

        tmp = openat(ostree_repo_get_dfd(s->repo), "tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        fd = tmp >= 0 ? fcntl(tmp, F_DUPFD_CLOEXEC, 3) : -EBADF;
        dir = fd >= 0 ? fdopendir(fd) : NULL;
        if (!dir) {
                close_fd(fd);
                return error_set_errno(error, errno, "Cannot read the image store");
        }
        while (r >= 0 && (de = readdir(dir)))
                if (startswith(de->d_name, STAGING_PREFIX))
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
                (void) unlinkat(ostree_repo_get_dfd(s->repo), path, AT_REMOVEDIR);
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
                _cleanup_free_ char *ref = image_store_layer_ref(*id);

                if (r >= 0)
                        r = ref ? map_put(needed, ref, s) : -ENOMEM;
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
