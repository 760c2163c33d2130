/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What exporting a layer needs: where its recipe is, and content by its checksum. */

#include <linux/limits.h>

#include "base/fs.h"
#include "store/image-store-private.h"

static int damaged(Error *error, const char *what)
{
        return error_set(error, ERROR_STORE_DAMAGED, "The image store is damaged: %s", what);
}

static int load(ImageStore *s, OstreeObjectType type, const char *hex, GVariant **ret, Error *error)
{
        _cleanup_gerror_ GError *e = NULL;

        if (!ostree_repo_load_variant(s->repo, type, hex, ret, &e))
                return damaged(error, e ? e->message : hex);
        return 0;
}

/* The checksum that child i of v is, as digits. */
static int child_sum(GVariant *v, gsize i, char ret[static OSTREE_SHA256_STRING_LEN + 1], Error *error)
{
        _cleanup_variant_ GVariant *child = g_variant_get_child_value(v, i);
        gsize n;
        const void *data = g_variant_get_fixed_array(child, &n, 1);

        if (n != OBJECT_SUM_SIZE)
                return damaged(error, "a checksum of the wrong length");
        ostree_checksum_inplace_from_bytes(data, ret);
        return 0;
}

/* The directory object of the layer's root. */
static int load_root(ImageStore *s, const char *diff_id, GVariant **ret, Error *error)
{
        _cleanup_free_ char *ref = image_store_layer_ref(diff_id);
        _cleanup_variant_ GVariant *commit = NULL;
        _cleanup_gfree_ char *rev = NULL;
        char hex[OSTREE_SHA256_STRING_LEN + 1];
        int r;

        if (!ref)
                return -ENOMEM;
        if (!ostree_repo_resolve_rev_ext(s->repo, ref, TRUE, OSTREE_REPO_RESOLVE_REV_EXT_NONE, &rev, NULL) ||
            !rev)
                return error_set(error, ERROR_STORE_DAMAGED, "The image store has no layer %s", diff_id);
        r = load(s, OSTREE_OBJECT_TYPE_COMMIT, rev, &commit, error);
        if (r >= 0)
                r = child_sum(commit, 6, hex, error);
        return r < 0 ? r : load(s, OSTREE_OBJECT_TYPE_DIR_TREE, hex, ret, error);
}

int image_store_find_recipe(ImageStore *s, const char *diff_id, uint8_t ret[static OBJECT_SUM_SIZE],
                            Error *error)
{
        _cleanup_variant_ GVariant *root = NULL, *files = NULL;
        char hex[OSTREE_SHA256_STRING_LEN + 1];
        int r = load_root(s, diff_id, &root, error);

        if (r < 0)
                return r;
        files = g_variant_get_child_value(root, 0);
        for (gsize i = 0, end = g_variant_n_children(files); i < end; i++) {
                _cleanup_variant_ GVariant *file = g_variant_get_child_value(files, i);
                const char *name;

                g_variant_get_child(file, 0, "&s", &name);
                if (!streq(name, STORE_RECIPE))
                        continue;
                r = child_sum(file, 1, hex, error);
                if (r >= 0)
                        ostree_checksum_inplace_to_bytes(hex, ret);
                return r;
        }
        return -ENODATA;
}

#define OBJECT_PATH_MAX (sizeof("objects/xx/.file") + OSTREE_SHA256_STRING_LEN)

static void file_path(const uint8_t sum[static OBJECT_SUM_SIZE], char ret[static OBJECT_PATH_MAX])
{
        char hex[OSTREE_SHA256_STRING_LEN + 1];

        ostree_checksum_inplace_from_bytes(sum, hex);
        (void) snprintf(ret, OBJECT_PATH_MAX, "objects/%.2s/%s.file", hex, hex + 2);
}

static int read_failed(Error *error)
{
        return errno == ENOENT ? damaged(error, "an object is missing")
                               : error_set_errno(error, errno, "Cannot read the image store");
}

int image_store_stat_object(ImageStore *s, const uint8_t sum[static OBJECT_SUM_SIZE], struct stat *ret,
                            char *target, Error *error)
{
        int dir = ostree_repo_get_dfd(s->repo);
        char path[OBJECT_PATH_MAX];
        ssize_t n;

        file_path(sum, path);
        if (fstatat(dir, path, ret, AT_SYMLINK_NOFOLLOW) < 0)
                return read_failed(error);
        if (!S_ISLNK(ret->st_mode))
                return 0;
        n = readlinkat(dir, path, target, PATH_MAX - 1);
        if (n < 0)
                return read_failed(error);
        target[n] = '\0';
        return 0;
}

int image_store_open_object(ImageStore *s, const uint8_t sum[static OBJECT_SUM_SIZE], Error *error)
{
        char path[OBJECT_PATH_MAX];
        int fd;

        file_path(sum, path);
        fd = openat(ostree_repo_get_dfd(s->repo), path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        return fd < 0 ? read_failed(error) : fd;
}
