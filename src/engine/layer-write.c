/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The tree says which names there are, directories' attributes and marks; what a file is, its object says. */

#include <linux/limits.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/fs.h"
#include "base/str.h"
#include "engine/layer-write.h"
#include "engine/tar.h"

typedef struct LayerWriter {
        ImageStore *store;
        struct archive *tar;
        struct archive_entry *entry;
        int fd;
        Digest *digest;
        uint64_t size;
        Error *error;
} LayerWriter;

static la_ssize_t take_output(struct archive *a, void *userdata, const void *data, size_t size)
{
        LayerWriter *w = userdata;
        int r = fs_write_all(w->fd, data, size);

        if (r >= 0)
                r = digest_update(w->digest, data, size);
        if (r >= 0) {
                w->size += size;
                return (la_ssize_t) size;
        }
        archive_set_error(a, -r, "output failed");
        return ARCHIVE_FATAL;
}

static int tar_failed(LayerWriter *w)
{
        int failed = archive_errno(w->tar);

        return error_set_errno(w->error, failed > 0 ? failed : EIO, "Cannot write the layer");
}

/* Names that are not ASCII are written byte for byte, with a warning. */
static int write_header(LayerWriter *w)
{
        int x = archive_write_header(w->tar, w->entry);

        return tar_header_is_readable(w->tar, x) ? 0 : tar_failed(w);
}

/* Relative, as entries of layers are; marks get a name of their own in their directory. */
static int set_name(LayerWriter *w, const Node *n, const char *prefix, const char *name)
{
        _cleanup_free_ char *path = node_path(n), *whole = NULL;

        if (!path)
                return -ENOMEM;
        whole = str_printf("%s/%s%s", streq(path, "/") ? "" : path, prefix, name);
        if (!whole)
                return -ENOMEM;
        archive_entry_set_pathname(w->entry, whole + 1);
        return 0;
}

static int write_mark(LayerWriter *w, const Node *directory, const char *name)
{
        int r;

        archive_entry_clear(w->entry);
        r = set_name(w, directory, ".wh.", name);
        if (r < 0)
                return r;
        archive_entry_set_filetype(w->entry, AE_IFREG);
        archive_entry_set_perm(w->entry, 0600);
        archive_entry_set_size(w->entry, 0);
        archive_entry_set_mtime(w->entry, 0, 0);
        return write_header(w);
}

static int write_directory(LayerWriter *w, const Node *n)
{
        const Attributes *a = n->attributes;
        int r;

        if (n->flags & NODE_IMPLIED)
                return 0;
        archive_entry_clear(w->entry);
        r = n->parent ? set_name(w, n->parent, "", n->name) : 0;
        if (r < 0)
                return r;
        if (!n->parent)
                archive_entry_set_pathname(w->entry, "./");
        archive_entry_set_filetype(w->entry, AE_IFDIR);
        archive_entry_set_perm(w->entry, a->mode);
        archive_entry_set_uid(w->entry, a->uid);
        archive_entry_set_gid(w->entry, a->gid);
        archive_entry_set_mtime(w->entry, a->mtime.tv_sec, a->mtime.tv_nsec);
        for (size_t i = 0; i < a->n_xattrs; i++)
                archive_entry_xattr_add_entry(w->entry, a->xattrs[i].name, a->xattrs[i].value,
                                              a->xattrs[i].size);
        return write_header(w);
}

/* Those of the image; the store's own say "trusted.". */
static int add_xattrs(LayerWriter *w, int fd)
{
        _cleanup_free_ char *names = NULL, *value = malloc(XATTR_SIZE_MAX);
        ssize_t size = flistxattr(fd, NULL, 0), n;

        if (!value)
                return -ENOMEM;
        if (size <= 0)
                return size < 0 && errno != ENOTSUP ? -errno : 0;
        names = malloc((size_t) size);
        if (!names)
                return -ENOMEM;
        size = flistxattr(fd, names, (size_t) size);
        for (const char *name = names; size > 0 && name < names + size; name += strlen(name) + 1) {
                if (!startswith(name, "user.") && !streq(name, "security.capability"))
                        continue;
                n = fgetxattr(fd, name, value, XATTR_SIZE_MAX);
                if (n < 0)
                        return -errno;
                archive_entry_xattr_add_entry(w->entry, name, value, (size_t) n);
        }
        return size < 0 ? -errno : 0;
}

static int write_content(LayerWriter *w, int fd, uint64_t size)
{
        _cleanup_(stream_closep) Stream *in = NULL;
        const void *data;
        ssize_t n;
        int r = stream_open_file(fd, 0, size, &in, w->error);

        if (r < 0)
                return r;
        while ((n = stream_read(in, &data, w->error)) > 0)
                if (archive_write_data(w->tar, data, (size_t) n) != n)
                        return tar_failed(w);
        return (int) n;
}

/* Takes all from the inode but its other times, and how many links the store has. */
static void set_stat(LayerWriter *w, const struct stat *st)
{
        archive_entry_copy_stat(w->entry, st);
        archive_entry_unset_atime(w->entry);
        archive_entry_unset_ctime(w->entry);
        archive_entry_set_dev(w->entry, 0);
        archive_entry_set_ino(w->entry, 0);
        archive_entry_set_nlink(w->entry, 1);
}

/* A hard link to a file of a lower layer. */
static int write_link(LayerWriter *w, const Node *n)
{
        int r;

        archive_entry_clear(w->entry);
        r = set_name(w, n->parent, "", n->name);
        if (r < 0)
                return r;
        archive_entry_set_filetype(w->entry, AE_IFREG);
        archive_entry_set_hardlink(w->entry, n->target + strspn(n->target, "/"));
        archive_entry_set_size(w->entry, 0);
        return write_header(w);
}

static int write_symlink(LayerWriter *w, const char *target)
{
        archive_entry_set_filetype(w->entry, AE_IFLNK);
        archive_entry_set_symlink(w->entry, target);
        archive_entry_set_size(w->entry, 0);
        return write_header(w);
}

/* A target that is no UTF-8 is the content of a file. */
static int write_raw_symlink(LayerWriter *w, int fd)
{
        _cleanup_free_ char *target = NULL;
        int r = fs_read_fd(fd, PATH_MAX, &target, NULL);

        return r < 0 ? error_set_errno(w->error, r, "Cannot read the image store") : write_symlink(w, target);
}

static int write_file(LayerWriter *w, const Node *n)
{
        _cleanup_close_ int fd = -EBADF;
        char target[PATH_MAX];
        struct stat st;
        int r;

        archive_entry_clear(w->entry);
        r = set_name(w, n->parent, "", n->name);
        if (r >= 0)
                r = image_store_stat_object(w->store, n->sum, &st, target, w->error);
        if (r < 0)
                return r;
        set_stat(w, &st);
        if (S_ISLNK(st.st_mode))
                return write_symlink(w, target);
        fd = image_store_open_object(w->store, n->sum, w->error);
        if (fd >= 0 && n->flags & NODE_RAW_SYMLINK)
                return write_raw_symlink(w, fd);
        r = fd < 0 ? fd : add_xattrs(w, fd);
        if (r >= 0)
                r = write_header(w);
        return r < 0 ? r : write_content(w, fd, (uint64_t) st.st_size);
}

static int write_node(LayerWriter *w, const Node *n)
{
        int r = 0;

        if (n->flags & NODE_HIDES_LOWER)
                r = write_mark(w, n->parent, n->name);
        if (r >= 0 && n->type == NODE_DIRECTORY)
                r = write_directory(w, n);
        if (r >= 0 && n->type == NODE_FILE)
                r = write_file(w, n);
        if (r >= 0 && n->type == NODE_LINK)
                r = write_link(w, n);
        if (r >= 0 && n->flags & NODE_OPAQUE)
                r = write_mark(w, n, ".wh..opq");
        return r;
}

static int write_nodes(LayerWriter *w, Tree *layer)
{
        int r = 0;

        /* Attributes the one way that everybody reads; libarchive would add its own. */
        if (archive_write_set_format_pax_restricted(w->tar) != ARCHIVE_OK ||
            archive_write_set_format_option(w->tar, "pax", "xattrheader", "SCHILY") != ARCHIVE_OK ||
            archive_write_set_bytes_per_block(w->tar, 64 * 1024) != ARCHIVE_OK ||
            archive_write_set_bytes_in_last_block(w->tar, 512) != ARCHIVE_OK ||
            archive_write_open(w->tar, w, NULL, take_output, NULL) != ARCHIVE_OK)
                return tar_failed(w);
        for (Node *n = tree_root(layer); r >= 0 && n; n = tree_next(n)) {
                r = node_sort_children(n);
                if (r >= 0)
                        r = write_node(w, n);
        }
        return r < 0 || archive_write_close(w->tar) == ARCHIVE_OK ? r : tar_failed(w);
}

int layer_write(ImageStore *store, const char *diff_id, int fd, Packed *ret, Error *error)
{
        _cleanup_(digest_freep) Digest *digest = digest_new();
        _cleanup_(tree_freep) Tree *layer = NULL;
        LayerWriter w = {
                .store = store,
                .tar = archive_write_new(),
                .entry = archive_entry_new(),
                .fd = fd,
                .digest = digest,
                .error = error,
        };
        int r = w.tar && w.entry && digest ? image_store_read_layer(store, diff_id, &layer, error) : -ENOMEM;

        if (r >= 0)
                r = write_nodes(&w, layer);
        if (r >= 0)
                r = digest_text(digest, ret->digest);
        ret->size = w.size;
        archive_entry_free(w.entry);
        (void) archive_write_free(w.tar);
        return r;
}
