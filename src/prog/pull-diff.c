/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* diff: what is added, changed and deleted from one image to another, or by an image's top layer. Both are
 * trees merged in memory from the store's layers; content is compared by the objects that have it. A
 * directory in which something changed has changed, as podman says it. */

#include "base/array.h"
#include "base/parse.h"
#include "base/str.h"
#include "prog/pull.h"
#include "spec/image-config.h"

/* Of the result that the daemon reads. */
#define RESULT_SIZE_MAX (960U * 1024)
#define CHANGE_SIZE 32U

typedef struct Change {
        char *path;
        char kind;
} Change;

typedef struct Diff {
        Pull *pull;
        ImageStore *store;
        Change *changes;
        size_t n_changes;
        size_t size; /* of their text, about */
} Diff;

static void diff_done(Diff *d)
{
        image_store_close(d->store);
        for (size_t i = 0; i < d->n_changes; i++)
                free(d->changes[i].path);
        free(d->changes);
}

static int read_image(Diff *d, const char *id, ImageConfig **ret)
{
        _cleanup_free_ char *path = NULL, *reason = NULL;
        _cleanup_json_ json_t *record = NULL;
        int r;

        if (!is_hex(id, 64))
                return error_set(&d->pull->error, ERROR_INVALID_ARGUMENT, "\"%s\" is not an image ID", id);
        path = str_printf("%s/" IMAGE_DIR_RECORD, id);
        r = path ? json_load_at(d->pull->images, path, &record, &reason) : -ENOMEM;
        if (r == -ENOENT)
                return error_set(&d->pull->error, ERROR_NO_SUCH_IMAGE, "There is no image %s", id);
        if (r < 0)
                return error_set_errno(&d->pull->error, r, "Cannot read the image %s", id);
        return image_config_from_json(record, ret, &d->pull->error);
}

/* The first n layers. */
static int read_tree(Diff *d, char *const *diff_ids, size_t n, Tree **ret)
{
        _cleanup_(tree_freep) Tree *tree = NULL;

        for (size_t i = 0; i < n; i++) {
                _cleanup_(tree_freep) Tree *layer = NULL;
                const Node *bad;
                int r = image_store_read_layer(d->store, diff_ids[i], &layer, &d->pull->error);

                if (r < 0)
                        return r;
                r = tree ? tree_apply(tree, layer, &bad) : tree_begin(layer, &bad);
                if (r < 0)
                        return error_set_errno(&d->pull->error, r, "Cannot merge layer %s", diff_ids[i]);
                if (!tree)
                        tree = TAKE_PTR(layer);
        }
        if (!tree)
                tree = tree_new();
        if (!tree)
                return -ENOMEM;
        *ret = TAKE_PTR(tree);
        return 0;
}

static bool exists(const Node *n)
{
        return n && n->type != NODE_NONE;
}

static bool attributes_differ(const Attributes *a, const Attributes *b)
{
        if (a->uid != b->uid || a->gid != b->gid || a->mode != b->mode || a->n_xattrs != b->n_xattrs)
                return true;
        for (size_t i = 0; i < a->n_xattrs; i++)
                if (!streq(a->xattrs[i].name, b->xattrs[i].name) || a->xattrs[i].size != b->xattrs[i].size ||
                    memcmp(a->xattrs[i].value, b->xattrs[i].value, a->xattrs[i].size) != 0)
                        return true;
        return false;
}

static bool differ(const Node *a, const Node *b)
{
        if (a->type != b->type)
                return true;
        return a->type == NODE_DIRECTORY ? attributes_differ(a->attributes, b->attributes)
                                         : memcmp(a->sum, b->sum, OBJECT_SUM_SIZE) != 0;
}

static const char *const runtime_paths[] = {
        "/dev", "/etc/hostname", "/etc/hosts",         "/etc/mtab",    "/etc/resolv.conf", "/proc",
        "/run", "/run/notify",   "/run/.containerenv", "/run/secrets", "/run/podman-init", "/sys",
};

static bool is_runtime_path(const char *path)
{
        FOREACH_ELEMENT(p, runtime_paths)
                if (streq(*p, path))
                        return true;
        return false;
}

/* Nodes that are told have this among their flags. */
#define TOLD (1U << 7)

static int add_change(Diff *d, char kind, Node *n)
{
        _cleanup_free_ char *path = NULL, *clean = NULL;

        if (n->flags & TOLD)
                return 0;
        n->flags |= TOLD;
        path = node_path(n);
        clean = path ? str_escape(path) : NULL;
        if (!clean)
                return -ENOMEM;
        if (is_runtime_path(path))
                return 0;
        d->size += CHANGE_SIZE + strlen(clean);
        if (d->size > RESULT_SIZE_MAX)
                return error_set(&d->pull->error, ERROR_LIMIT, "The images differ in more than can be told");
        if (!GROW(d->changes, d->n_changes))
                return -ENOMEM;
        d->changes[d->n_changes++] = (Change){TAKE_PTR(clean), kind};
        return 0;
}

/* The directories above, but for the root. */
static int add_parents(Diff *d, const Node *n)
{
        int r = 0;

        for (Node *p = n->parent; r >= 0 && p && p->parent && !(p->flags & TOLD); p = p->parent)
                r = add_change(d, 'C', p);
        return r;
}

/* Each node of the new tree gets to know its old one, and the other way round. */
static int compare_new(Diff *d, Tree *old, Tree *new)
{
        int r = 0;

        tree_root(new)->merged = tree_root(old);
        tree_root(old)->merged = tree_root(new);
        for (Node *n = tree_next(tree_root(new)); r >= 0 && n; n = tree_next(n)) {
                Node *other = n->parent->merged ? tree_lookup(old, n->parent->merged, n->name) : NULL;

                if (!exists(n))
                        continue;
                n->merged = exists(other) ? other : NULL;
                if (exists(other))
                        other->merged = n;
                if (exists(other) && !differ(n, other))
                        continue;
                r = add_change(d, exists(other) ? 'C' : 'A', n);
                if (r >= 0)
                        r = add_parents(d, n);
        }
        return r;
}

/* What is gone, without all that is gone with it. */
static int compare_old(Diff *d, Tree *old)
{
        int r = 0;

        for (Node *n = tree_next(tree_root(old)); r >= 0 && n; n = tree_next(n)) {
                const Node *parent = n->parent->merged;

                if (!exists(n) || n->merged || !parent || parent->type != NODE_DIRECTORY)
                        continue;
                r = add_change(d, 'D', n);
                if (r >= 0 && parent->parent)
                        r = add_change(d, 'C', (Node *) parent);
                if (r >= 0)
                        r = add_parents(d, parent);
        }
        return r;
}

static void forget(Tree *t)
{
        for (Node *n = tree_root(t); n; n = tree_next(n)) {
                n->merged = NULL;
                n->flags = 0;
        }
}

static int compare(Diff *d, Tree *old, Tree *new)
{
        int r;

        forget(old);
        forget(new);
        r = compare_new(d, old, new);
        return r < 0 ? r : compare_old(d, old);
}

static int compare_paths(const void *a, const void *b)
{
        return strcmp(((const Change *) a)->path, ((const Change *) b)->path);
}

static int diff_result(Diff *d)
{
        _cleanup_json_ json_t *list = json_array();

        if (d->n_changes > 0)
                qsort(d->changes, d->n_changes, sizeof(Change), compare_paths);
        for (size_t i = 0; i < d->n_changes; i++) {
                const char kind[] = {d->changes[i].kind, '\0'};

                if (json_array_append_new(
                            list, json_pack("{s:s, s:s}", "Kind", kind, "Path", d->changes[i].path)) < 0)
                        return -ENOMEM;
        }
        d->pull->result = json_pack("{s:O}", "Changes", list);
        return d->pull->result ? 0 : -ENOMEM;
}

/* base may be NULL. */
static int diff(Diff *d, const char *id, const char *base)
{
        _cleanup_(image_config_freep) ImageConfig *image = NULL, *other = NULL;
        _cleanup_(tree_freep) Tree *old = NULL, *new = NULL;
        size_t n;
        int r = read_image(d, id, &image);

        if (r >= 0 && base)
                r = read_image(d, base, &other);
        if (r >= 0)
                r = image_store_open(d->pull->state, STORE_ADD, &d->store, &d->pull->error);
        if (r < 0)
                return r;
        n = strv_length(image->diff_ids);
        if (base)
                r = read_tree(d, other->diff_ids, strv_length(other->diff_ids), &old);
        else
                r = read_tree(d, image->diff_ids, n > 0 ? n - 1 : 0, &old);
        if (r >= 0)
                r = read_tree(d, image->diff_ids, n, &new);
        if (r >= 0)
                r = compare(d, old, new);
        return r < 0 ? r : diff_result(d);
}

int pull_diff(Pull *pull, char **arguments)
{
        _cleanup_(diff_done) Diff d = {.pull = pull};
        size_t n = strv_length(arguments);

        if (n < 1 || n > 2)
                return error_set(&pull->error, ERROR_INVALID_ARGUMENT, "diff takes one or two image IDs");
        return diff(&d, arguments[0], arguments[1]);
}
