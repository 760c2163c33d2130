/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The checkout walks the tree with a stack of open directories, one per level, and names every file relative
 * to its own directory: no path of the image is ever looked up. A directory gets its owner, mode and time
 * when the walk leaves it, so that filling it does not change them again. */

#include <dirent.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/str.h"
#include "spec/image-config.h"
#include "spec/name.h"
#include "store/digest.h"
#include "store/image-dir.h"
#include "store/stdio-path.h"

#define MAKING ".tmp"
#define REMOVING ".rm"
#define XATTR_NAMES_MAX 8192U
#define RECORD_SIZE_MAX (16U * 1024 * 1024)

bool image_dir_exists(int images, const char *id)
{
        _cleanup_free_ char *path = str_printf("%s/" IMAGE_DIR_RECORD, id);

        return path && faccessat(images, path, F_OK, AT_SYMLINK_NOFOLLOW) >= 0;
}

int image_dir_begin(int images, const char *id, char **ret_name, Error *error)
{
        _cleanup_free_ char *name = NULL;
        char random[16 + 1];
        int r = random_hex(8, random), fd;

        if (r < 0)
                return r;
        name = str_printf(".%s.%s" MAKING, id, random);
        if (!name)
                return -ENOMEM;
        if (mkdirat(images, name, 0700) < 0)
                return error_set_errno(error, errno, "Cannot make the image's directory");
        fd = fs_open_beneath(images, name, O_RDONLY | O_DIRECTORY, 0);
        if (fd < 0)
                return error_set_errno(error, fd, "Cannot make the image's directory");
        *ret_name = TAKE_PTR(name);
        return fd;
}

typedef struct Level {
        int fd;
        const Node *node;
} Level;

typedef struct Checkout {
        ImageStore *store;
        Level levels[TREE_DEPTH_MAX + 1];
        size_t depth; /* levels that are open */
        uint64_t size;
        bool stdio_paths;
        Error *error;
} Checkout;

/* Attributes that a directory should not have go. */
static int drop_xattrs(int fd, const Attributes *a)
{
        char names[XATTR_NAMES_MAX];
        ssize_t size = flistxattr(fd, names, sizeof(names));

        if (size < 0)
                return errno == ENOTSUP ? 0 : -errno;
        for (const char *name = names; name < names + size; name += strlen(name) + 1) {
                bool wanted = !startswith(name, "user.");

                for (size_t i = 0; i < a->n_xattrs; i++)
                        wanted = wanted || streq(a->xattrs[i].name, name);
                if (!wanted && fremovexattr(fd, name) < 0)
                        return -errno;
        }
        return 0;
}

static int set_attributes(int fd, const Attributes *a)
{
        const struct timespec times[] = {{.tv_nsec = UTIME_OMIT}, a->mtime};

        if (fchown(fd, a->uid, a->gid) < 0 || fchmod(fd, a->mode) < 0)
                return -errno;
        for (size_t i = 0; i < a->n_xattrs; i++)
                if (fsetxattr(fd, a->xattrs[i].name, a->xattrs[i].value, a->xattrs[i].size, 0) < 0)
                        return -errno;
        return futimens(fd, times) < 0 ? -errno : 0;
}

int image_dir_set_attributes(int fd, const Attributes *a)
{
        int r = drop_xattrs(fd, a);

        return r < 0 ? r : set_attributes(fd, a);
}

static int leave(Checkout *c)
{
        Level *level = &c->levels[--c->depth];
        int r = set_attributes(level->fd, level->node->attributes);

        level->fd = close_fd(level->fd);
        return r < 0 ? error_set_errno(c->error, r,
                                       "Cannot set the attributes of \"/%s\" in the image's tree",
                                       level->node->name)
                     : 0;
}

static int enter(Checkout *c, int parent, const char *name, const Node *n)
{
        int fd;

        if (mkdirat(parent, name, 0700) < 0)
                return error_set_errno(c->error, errno, "Cannot make \"%s\" in the image's tree", name);
        fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return error_set_errno(c->error, errno, "Cannot open \"%s\" in the image's tree", name);
        c->levels[c->depth++] = (Level){fd, n};
        return 0;
}

static int place(Checkout *c, const Node *n)
{
        struct stat st;
        int r = 0;

        while (r >= 0 && c->levels[c->depth - 1].node != n->parent)
                r = leave(c);
        if (r < 0)
                return r;
        if (n->type == NODE_DIRECTORY)
                return enter(c, c->levels[c->depth - 1].fd, n->name, n);
        r = image_store_checkout(c->store, n, c->levels[c->depth - 1].fd, &st, c->error);
        if (r < 0)
                return r;
        c->size += S_ISREG(st.st_mode) ? (uint64_t) st.st_size : 0;
        c->stdio_paths = c->stdio_paths || stdio_path_in(c->levels[c->depth - 1].fd, n, S_ISLNK(st.st_mode));
        return 0;
}

int image_dir_checkout(int dir, ImageStore *store, Tree *tree, ImageConfig *config, Error *error)
{
        Checkout c = {.store = store, .error = error};
        int r = enter(&c, dir, IMAGE_DIR_ROOTFS, tree_root(tree));

        for (const Node *n = tree_next(tree_root(tree)); r >= 0 && n; n = tree_next(n))
                if (n->type != NODE_NONE)
                        r = place(&c, n);
        while (r >= 0 && c.depth > 0)
                r = leave(&c);
        while (c.depth > 0)
                close_fd(c.levels[--c.depth].fd);
        if (r < 0)
                return r;
        config->size = c.size;
        config->stdio_paths = c.stdio_paths;
        return r;
}

int image_dir_publish(int images, const char *name, const char *id, Error *error)
{
        if (renameat2(images, name, images, id, RENAME_NOREPLACE) >= 0)
                return 0;
        if (errno != EEXIST)
                return error_set_errno(error, errno, "Cannot publish image %s", id);
        return image_dir_remove(images, name, error);
}

int image_dir_remove(int images, const char *name, Error *error)
{
        int r = fs_remove_tree_at(images, name);

        return r < 0 ? error_set_errno(error, r, "Cannot remove \"%s\" of the images", name) : 0;
}

static bool is_leftover(const char *name)
{
        return *name == '.' && (endswith(name, MAKING) || endswith(name, REMOVING));
}

static bool is_image(const char *name)
{
        return is_hex(name, ID_LENGTH);
}

/* The names in images that fit. */
static int list(int images, bool (*fits)(const char *), char ***ret, Error *error)
{
        _cleanup_strv_ char **names = NULL;
        const struct dirent *de;
        int fd = openat(images, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
        DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

        if (!dir) {
                r = error_set_errno(error, errno, "Cannot read the images");
                close_fd(fd);
                return r;
        }
        while (r >= 0 && (errno = 0, de = readdir(dir)))
                if (fits(de->d_name))
                        r = strv_append(&names, de->d_name);
        if (r >= 0 && errno > 0)
                r = error_set_errno(error, errno, "Cannot read the images");
        (void) closedir(dir);
        if (r >= 0)
                *ret = TAKE_PTR(names);
        return r;
}

int image_dir_leftovers(int images, char ***ret, Error *error)
{
        return list(images, is_leftover, ret, error);
}

int image_dir_list(int images, char ***ret, Error *error)
{
        return list(images, is_image, ret, error);
}

int image_dir_read(int dir, const char *id, ImageConfig **ret, Error *error)
{
        _cleanup_json_ json_t *record = NULL;
        _cleanup_free_ char *reason = NULL;
        int r = json_load_at(dir, IMAGE_DIR_RECORD, &record, &reason);

        if (r < 0)
                return error_set(error, ERROR_STORE_DAMAGED, "Image %s: %s", id,
                                 reason ? reason : strerror(-r));
        return image_config_from_json(record, ret, error);
}

static int checksum_at(int dir, const char *name, size_t max, char **ret_text, size_t *ret_size,
                       char ret[static DIGEST_TEXT_SIZE])
{
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r = fs_read_at(dir, name, max, &text, &size);

        if (r >= 0)
                r = digest_of(text, size, ret);
        if (r < 0)
                return r;
        if (ret_text) {
                *ret_text = TAKE_PTR(text);
                *ret_size = size;
        }
        return 0;
}

int image_dir_write_record(int dir, const ImageConfig *config, Error *error)
{
        _cleanup_json_ json_t *record = image_config_to_json(config);
        _cleanup_free_ char *text = record ? json_text_pretty(record) : NULL;
        char digest[DIGEST_TEXT_SIZE];
        int r = text ? digest_of(text, strlen(text), digest) : -ENOMEM;

        if (r >= 0)
                r = fs_replace_at(dir, IMAGE_DIR_RECORD, text, strlen(text), 0600, FS_NO_SYNC);
        if (r >= 0)
                r = fs_replace_at(dir, IMAGE_DIR_CHECKSUM, digest, strlen(digest), 0600, FS_NO_SYNC);
        return r < 0 && r != -ENOMEM ? error_set_errno(error, r, "Cannot write the image's record") : r;
}

bool image_dir_record_is_intact(int dir)
{
        _cleanup_free_ char *written = NULL;
        char digest[DIGEST_TEXT_SIZE];
        int r = fs_read_at(dir, IMAGE_DIR_CHECKSUM, DIGEST_TEXT_SIZE, &written, NULL);

        if (r == -ENOENT)
                return true;
        return r >= 0 && checksum_at(dir, IMAGE_DIR_RECORD, RECORD_SIZE_MAX, NULL, NULL, digest) >= 0 &&
               streq(written, digest);
}

int image_dir_read_config(int dir, const char *id, ImageConfig **ret, Error *error)
{
        _cleanup_json_ json_t *document = NULL;
        _cleanup_free_ char *text = NULL;
        char digest[DIGEST_TEXT_SIZE];
        size_t size;
        int r = checksum_at(dir, IMAGE_DIR_CONFIG, RECORD_SIZE_MAX, &text, &size, digest);

        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return error_set(error, ERROR_STORE_DAMAGED, IMAGE_DIR_CONFIG " cannot be read: %s",
                                 strerror(-r));
        if (!streq(digest + strlen("sha256:"), id))
                return error_set(error, ERROR_STORE_DAMAGED, IMAGE_DIR_CONFIG " has changed");
        r = json_parse(text, size, &document, NULL);
        return r < 0 ? r : image_config_from_oci(document, ret, error);
}

bool image_dir_manifest_is_intact(int dir, const char *digest)
{
        char actual[DIGEST_TEXT_SIZE];
        int r = checksum_at(dir, IMAGE_DIR_MANIFEST, RECORD_SIZE_MAX, NULL, NULL, actual);

        return r == -ENOENT || (r >= 0 && streq_ptr(actual, digest));
}

/* An image whose record is damaged keeps its layers by what its configuration says. */
static int add_layers(int images, const char *id, char ***l, Error *error)
{
        _cleanup_(image_config_freep) ImageConfig *config = NULL;
        _cleanup_error_ Error inner = ERROR_INIT;
        _cleanup_close_ int dir = -EBADF;
        int r;

        dir = fs_open_beneath(images, id, O_RDONLY | O_DIRECTORY, 0);
        if (dir < 0) /* the daemon may remove images at any time */
                return dir == -ENOENT ? 0 : error_set_errno(error, dir, "Cannot read image %s", id);
        r = image_dir_read(dir, id, &config, &inner);
        if (r < 0 && faccessat(images, id, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
                return 0;
        if (r < 0)
                r = image_dir_read_config(dir, id, &config, NULL);
        if (r < 0) {
                if (error && error->kind == ERROR_NONE)
                        *error = TAKE(inner, ERROR_INIT);
                return r;
        }
        return strv_extend(l, config->diff_ids);
}

int image_dir_layers(int images, char ***ret, Error *error)
{
        _cleanup_strv_ char **ids = NULL, **layers = NULL;
        int r = image_dir_list(images, &ids, error);

        STRV_FOREACH(id, ids)
                if (r >= 0)
                        r = add_layers(images, *id, &layers, error);
        if (r >= 0)
                *ret = TAKE_PTR(layers);
        return r;
}
