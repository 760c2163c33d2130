/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* An image's tree against what its layers say, name by name; and its documents against each other. Repairing
 * puts right one name at a time: a container that runs on the tree keeps what it has open. */

#include <dirent.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/fs.h"
#include "base/str.h"
#include "store/image-dir.h"
#include "store/image-store-private.h"
#include "store/stdio-path.h"

typedef struct Level {
        int fd;
        const Node *node;
} Level;

typedef struct Compare {
        ImageStore *store;
        const Tree *tree;
        const TreeCheck *what;
        Level levels[TREE_DEPTH_MAX + 1];
        size_t depth;
        uint64_t size;
        bool stdio_paths;
        Error *error;
} Compare;

static int report(Compare *c, const Node *n, const char *name, const char *problem, bool repaired)
{
        _cleanup_free_ char *path = node_path(n), *text = NULL;

        if (path)
                text = str_printf("%s%s%s %s", path, name ? (n->parent ? "/" : "") : "", strempty(name),
                                  problem);
        return text ? c->what->found(c->what->userdata, text, repaired) : -ENOMEM;
}

static bool same_xattrs(const Attributes *a, const Attributes *b)
{
        if (a->n_xattrs != b->n_xattrs)
                return false;
        for (size_t i = 0; i < a->n_xattrs; i++)
                if (!streq(a->xattrs[i].name, b->xattrs[i].name) || a->xattrs[i].size != b->xattrs[i].size ||
                    memcmp(a->xattrs[i].value, b->xattrs[i].value, a->xattrs[i].size) != 0)
                        return false;
        return true;
}

static bool same_attributes(int fd, const Attributes *wanted)
{
        _cleanup_(inode_attributes_done) InodeAttributes i = {};
        const Attributes *a = &i.attributes;
        struct stat st;

        return fstat(fd, &st) >= 0 && inode_attributes_read(fd, &st, &i) >= 0 && a->uid == wanted->uid &&
               a->gid == wanted->gid && a->mode == wanted->mode && a->mtime.tv_sec == wanted->mtime.tv_sec &&
               a->mtime.tv_nsec == wanted->mtime.tv_nsec && same_xattrs(a, wanted);
}

/* What is in the directory and not of the image. */
static int check_extra(Compare *c, int fd, const Node *n)
{
        const struct dirent *de;
        int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
        DIR *d = copy >= 0 ? fdopendir(copy) : NULL;

        if (!d) {
                close_fd(copy);
                return report(c, n, NULL, "cannot be read", false);
        }
        while (r >= 0 && (errno = 0, de = readdir(d))) {
                const Node *child = tree_lookup(c->tree, n, de->d_name);

                if (streq(de->d_name, ".") || streq(de->d_name, "..") || (child && child->type != NODE_NONE))
                        continue;
                r = report(c, n, de->d_name, "is not of the image",
                           c->what->repair && fs_remove_tree_at(fd, de->d_name) >= 0);
        }
        (void) closedir(d);
        return r;
}

static int leave(Compare *c)
{
        Level *level = &c->levels[--c->depth];
        int r = 0;

        if (!same_attributes(level->fd, level->node->attributes)) {
                bool repaired =
                        c->what->repair && image_dir_set_attributes(level->fd, level->node->attributes) >= 0;

                r = report(c, level->node, NULL, "has another owner, mode, time or attributes", repaired);
        }
        level->fd = close_fd(level->fd);
        return r;
}

static int open_directory(int parent, const char *name)
{
        int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        return fd < 0 ? -errno : fd;
}

/* Returns 1 when the directory is entered, 0 when what is below it cannot be looked at. */
static int enter(Compare *c, int parent, const char *name, const Node *n)
{
        int fd = open_directory(parent, name), r = 0;

        if (fd < 0) {
                if (c->what->repair && fs_remove_tree_at(parent, name) >= 0 &&
                    mkdirat(parent, name, 0700) >= 0)
                        fd = open_directory(parent, name);
                r = report(c, n, NULL, "is not there, or no directory", fd >= 0);
        }
        if (r < 0 || fd < 0) {
                close_fd(fd);
                return MIN(r, 0);
        }
        c->levels[c->depth++] = (Level){fd, n};
        r = check_extra(c, fd, n);
        return r < 0 ? r : 1;
}

/* Puts the file in its place again. */
static bool restore(Compare *c, int dir, const Node *n)
{
        struct stat st;

        return c->what->repair && fs_remove_tree_at(dir, n->name) >= 0 &&
               image_store_checkout(c->store, n, dir, &st, NULL) >= 0;
}

static int check_file(Compare *c, int dir, const Node *n)
{
        static const char *const texts[] = {
                [TREE_MISSING] = "is not there",
                [TREE_CHANGED] = "is not what the image has there",
                [TREE_WITHOUT_OBJECT] = "has lost its object in the store",
                [TREE_OBJECT_RESTORED] = "had lost its object in the store",
        };
        TreeState state = image_store_compare(c->store, n, dir, c->what->repair);
        struct stat st;
        int r = 0;

        if (state != TREE_SAME)
                r = report(c, n, NULL, texts[state],
                           state == TREE_OBJECT_RESTORED ||
                                   (state != TREE_WITHOUT_OBJECT && restore(c, dir, n)));
        if (r < 0 || fstatat(dir, n->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return r;
        c->size += S_ISREG(st.st_mode) ? (uint64_t) st.st_size : 0;
        c->stdio_paths = c->stdio_paths || stdio_path_in(dir, n, S_ISLNK(st.st_mode));
        return 0;
}

/* The next node that is not below n. */
static const Node *after(const Node *n)
{
        while (n && !n->next)
                n = n->parent;
        return n ? n->next : NULL;
}

static int check_node(Compare *c, const Node **n)
{
        const Node *i = *n;
        int r = 0, dir;

        while (r >= 0 && c->levels[c->depth - 1].node != i->parent)
                r = leave(c);
        if (r < 0)
                return r;
        dir = c->levels[c->depth - 1].fd;
        *n = tree_next(i);
        if (i->type == NODE_DIRECTORY) {
                r = enter(c, dir, i->name, i);
                if (r == 0)
                        *n = after(i);
                return r;
        }
        return i->type == NODE_NONE ? 0 : check_file(c, dir, i);
}

int image_dir_compare(int dir, ImageStore *store, Tree *tree, const TreeCheck *what, ImageConfig *config,
                      Error *error)
{
        Compare c = {.store = store, .tree = tree, .what = what, .error = error};
        const Node *n = tree_next(tree_root(tree));
        int r = enter(&c, dir, IMAGE_DIR_ROOTFS, tree_root(tree));

        if (r <= 0)
                return r;
        while (r >= 0 && n)
                r = check_node(&c, &n);
        while (r >= 0 && c.depth > 0)
                r = leave(&c);
        while (c.depth > 0)
                close_fd(c.levels[--c.depth].fd);
        if (r >= 0) {
                config->size = c.size;
                config->stdio_paths = c.stdio_paths;
        }
        return MIN(r, 0);
}
