/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Layers as commits of the repository. A layer's marks have names in its commit that no entry of a layer can
 * have:
 * ".wh.NAME" and ".wh..wh..opq" as in the layer's archive, ".wh..wh..implied" in a directory that the layer
 * only passes through, and ".wh..wh..raw." or ".wh..wh..rawwh." with hexadecimal digits for a name (or its
 * whiteout) that is no UTF-8, which OSTree's directories cannot hold. */

#include "base/parse.h"
#include "base/str.h"
#include "store/image-store-private.h"

#define MARK_WHITEOUT ".wh."
#define MARK_OPAQUE ".wh..wh..opq"
#define MARK_IMPLIED ".wh..wh..implied"
#define MARK_RAW ".wh..wh..raw."
#define MARK_RAW_WHITEOUT ".wh..wh..rawwh."

static GVariant *sum_variant(const uint8_t sum[static OBJECT_SUM_SIZE])
{
        return g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, sum, OBJECT_SUM_SIZE, 1);
}

static int write_metadata(ImageStore *s, OstreeObjectType type, GVariant *v,
                          uint8_t ret_sum[static OBJECT_SUM_SIZE], Error *error)
{
        _cleanup_variant_ GVariant *object = g_variant_ref_sink(v);
        _cleanup_gerror_ GError *e = NULL;
        _cleanup_gfree_ guchar *sum = NULL;

        if (!ostree_repo_write_metadata(s->repo, type, NULL, object, &sum, NULL, &e))
                return image_store_fail(error, e, "Cannot write to the image store");
        memcpy(ret_sum, sum, OBJECT_SUM_SIZE);
        return 0;
}

static int write_dirmeta(ImageStore *s, const Attributes *a, uint8_t ret_sum[static OBJECT_SUM_SIZE],
                         Error *error)
{
        _cleanup_variant_ GVariant *xattrs = image_store_xattrs(a);

        return write_metadata(s, OSTREE_OBJECT_TYPE_DIR_META,
                              g_variant_new("(uuu@a(ayay))", GUINT32_TO_BE(a->uid), GUINT32_TO_BE(a->gid),
                                            GUINT32_TO_BE(a->mode | S_IFDIR),
                                            image_store_xattrs_or_empty(xattrs)),
                              ret_sum, error);
}

static char *hex_name(const char *mark, const char *name)
{
        size_t prefix = strlen(mark), n = strlen(name);
        char *s = malloc(prefix + 2 * n + 1);

        if (!s)
                return NULL;
        memcpy(s, mark, prefix + 1);
        for (size_t i = 0; i < n; i++)
                (void) snprintf(s + prefix + 2 * i, 3, "%02x", (uint8_t) name[i]);
        return s;
}

static char *encode_name(const char *name)
{
        return str_is_utf8(name, strlen(name)) ? strdup(name) : hex_name(MARK_RAW, name);
}

static char *encode_whiteout(const char *name)
{
        return str_is_utf8(name, strlen(name)) ? str_printf(MARK_WHITEOUT "%s", name)
                                               : hex_name(MARK_RAW_WHITEOUT, name);
}

/* What a directory object lists, which is not quite what the tree has: marks come in, names are encoded. */
typedef struct Entry {
        char *name;
        bool is_directory;
        uint8_t sum[OBJECT_SUM_SIZE];
        uint8_t meta[OBJECT_SUM_SIZE]; /* of a directory */
} Entry;

typedef struct Entries {
        Entry *list;
        size_t n;
} Entries;

static void entries_done(Entries *e)
{
        for (size_t i = 0; i < e->n; i++)
                free(e->list[i].name);
        free(e->list);
}

static int compare_entries(const void *a, const void *b)
{
        return strcmp(((const Entry *) a)->name, ((const Entry *) b)->name);
}

/* Takes name; NULL is an allocation that failed. */
static int entries_add(Entries *e, char *name, const uint8_t sum[static OBJECT_SUM_SIZE], Entry **ret)
{
        _cleanup_free_ char *owned = name;

        if (!owned)
                return -ENOMEM;
        if ((e->n & (e->n + 1)) == 0) {
                Entry *list = reallocarray(e->list, 2 * e->n + 1, sizeof(*list));

                if (!list)
                        return -ENOMEM;
                e->list = list;
        }
        e->list[e->n] = (Entry){.name = TAKE_PTR(owned)};
        memcpy(e->list[e->n].sum, sum, OBJECT_SUM_SIZE);
        if (ret)
                *ret = &e->list[e->n];
        e->n++;
        return 0;
}

static int add_child(ImageStore *s, Entries *entries, const Node *c, Error *error)
{
        Entry *entry;
        int r;

        if (c->flags & NODE_HIDES_LOWER) {
                r = entries_add(entries, encode_whiteout(c->name), s->mark_sum, NULL);
                if (r < 0)
                        return r;
        }
        if (c->type == NODE_NONE)
                return 0;
        r = entries_add(entries, encode_name(c->name), c->sum, &entry);
        if (r < 0 || c->type != NODE_DIRECTORY)
                return r;
        entry->is_directory = true;
        return write_dirmeta(s, c->attributes, entry->meta, error);
}

static int list_directory(ImageStore *s, const Node *n, Entries *entries, Error *error)
{
        int r = 0;

        if (n->flags & NODE_OPAQUE)
                r = entries_add(entries, strdup(MARK_OPAQUE), s->mark_sum, NULL);
        if (r >= 0 && (n->flags & NODE_IMPLIED))
                r = entries_add(entries, strdup(MARK_IMPLIED), s->mark_sum, NULL);
        for (const Node *c = n->child; r >= 0 && c; c = c->next)
                r = add_child(s, entries, c, error);
        if (r >= 0 && entries->n > TREE_ENTRIES_MAX)
                return error_set(error, ERROR_LIMIT, "Directory \"%s\" of a layer has more than %u entries",
                                 n->name, TREE_ENTRIES_MAX);
        if (r >= 0 && entries->n > 0)
                qsort(entries->list, entries->n, sizeof(Entry), compare_entries);
        return r;
}

/* Writes the directory object of n, whose subdirectories have theirs already; its checksum becomes that of n.
 */
static int write_dirtree(ImageStore *s, Node *n, Error *error)
{
        _cleanup_(entries_done) Entries entries = {};
        GVariantBuilder files, dirs;
        int r = list_directory(s, n, &entries, error);

        if (r < 0)
                return r;
        g_variant_builder_init(&files, G_VARIANT_TYPE("a(say)"));
        g_variant_builder_init(&dirs, G_VARIANT_TYPE("a(sayay)"));
        for (size_t i = 0; i < entries.n; i++) {
                const Entry *e = &entries.list[i];

                if (e->is_directory)
                        g_variant_builder_add(&dirs, "(s@ay@ay)", e->name, sum_variant(e->sum),
                                              sum_variant(e->meta));
                else
                        g_variant_builder_add(&files, "(s@ay)", e->name, sum_variant(e->sum));
        }
        return write_metadata(s, OSTREE_OBJECT_TYPE_DIR_TREE,
                              g_variant_new("(@a(say)@a(sayay))", g_variant_builder_end(&files),
                                            g_variant_builder_end(&dirs)),
                              n->sum, error);
}

/* Below before above. */
static int write_dirtrees(ImageStore *s, Tree *layer, Error *error)
{
        _cleanup_free_ Node **dirs = NULL;
        size_t n = 0;
        int r = 0;

        dirs = calloc(tree_size(layer) + 1, sizeof(*dirs));
        if (!dirs)
                return -ENOMEM;
        for (Node *i = tree_root(layer); i; i = tree_next(i))
                if (i->type == NODE_DIRECTORY)
                        dirs[n++] = i;
        while (r >= 0 && n > 0)
                r = write_dirtree(s, dirs[--n], error);
        return r;
}

/* A commit says nothing but its tree: the same layer is the same commit. */
static GVariant *commit_variant(const Node *root, const uint8_t meta[static OBJECT_SUM_SIZE])
{
        return g_variant_new("(@a{sv}@ay@a(say)sst@ay@ay)",
                             g_variant_new_array(G_VARIANT_TYPE("{sv}"), NULL, 0),
                             g_variant_new_array(G_VARIANT_TYPE_BYTE, NULL, 0),
                             g_variant_new_array(G_VARIANT_TYPE("(say)"), NULL, 0), "", "", (guint64) 0,
                             sum_variant(root->sum), sum_variant(meta));
}

/* The file that stands for marks, when the layer has any. */
static int write_mark(ImageStore *s, Tree *layer, Error *error)
{
        const Attributes a = {.mode = 0600};

        for (const Node *n = tree_root(layer); n; n = tree_next(n))
                if (n->flags)
                        return image_store_write_file(s, &a, "", 0, s->mark_sum, error);
        return 0;
}

int image_store_write_layer(ImageStore *s, const char *diff_id, Tree *layer, Error *error)
{
        uint8_t meta[OBJECT_SUM_SIZE], commit[OBJECT_SUM_SIZE];
        char hex[OSTREE_SHA256_STRING_LEN + 1];
        int r = write_mark(s, layer, error);

        if (r >= 0)
                r = write_dirtrees(s, layer, error);
        if (r >= 0)
                r = write_dirmeta(s, tree_root(layer)->attributes, meta, error);
        if (r >= 0)
                r = write_metadata(s, OSTREE_OBJECT_TYPE_COMMIT, commit_variant(tree_root(layer), meta),
                                   commit, error);
        if (r < 0)
                return r;
        ostree_checksum_inplace_from_bytes(commit, hex);
        return map_put_string(s->pending, diff_id, hex);
}

/* The commit of a layer, NULL when there is none. */
static char *find_layer(ImageStore *s, const char *diff_id)
{
        const char *pending = map_get(s->pending, diff_id);
        _cleanup_free_ char *ref = NULL;
        _cleanup_gfree_ char *rev = NULL;

        if (pending)
                return strdup(pending);
        ref = image_store_layer_ref(diff_id);
        if (!ref ||
            !ostree_repo_resolve_rev_ext(s->repo, ref, TRUE, OSTREE_REPO_RESOLVE_REV_EXT_NONE, &rev, NULL))
                return NULL;
        return rev ? strdup(rev) : NULL;
}

bool image_store_has_layer(ImageStore *s, const char *diff_id)
{
        _cleanup_free_ char *commit = find_layer(s, diff_id);

        return commit;
}

static int damaged(Error *error, const char *what)
{
        return error_set(error, ERROR_STORE_DAMAGED, "The image store is damaged: %s", what);
}

static int load(ImageStore *s, OstreeObjectType type, const uint8_t sum[static OBJECT_SUM_SIZE],
                GVariant **ret, Error *error)
{
        char hex[OSTREE_SHA256_STRING_LEN + 1];
        _cleanup_gerror_ GError *e = NULL;

        ostree_checksum_inplace_from_bytes(sum, hex);
        if (!ostree_repo_load_variant(s->repo, type, hex, ret, &e))
                return damaged(error, e ? e->message : hex);
        return 0;
}

static int take_sum(GVariant *bytes, uint8_t ret[static OBJECT_SUM_SIZE], Error *error)
{
        gsize n;
        const void *data = g_variant_get_fixed_array(bytes, &n, 1);

        if (n != OBJECT_SUM_SIZE)
                return damaged(error, "a checksum of the wrong length");
        memcpy(ret, data, OBJECT_SUM_SIZE);
        return 0;
}

/* The attributes point into v. */
static int read_xattrs(GVariant *v, Xattr **ret, size_t *ret_n, Error *error)
{
        _cleanup_free_ Xattr *xattrs = NULL;
        size_t n = g_variant_n_children(v);

        xattrs = calloc(n + 1, sizeof(*xattrs));
        if (!xattrs)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                _cleanup_variant_ GVariant *name = NULL, *value = NULL;
                gsize size;

                g_variant_get_child(v, i, "(@ay@ay)", &name, &value);
                xattrs[i].name = g_variant_get_bytestring(name);
                xattrs[i].value = g_variant_get_fixed_array(value, &size, 1);
                xattrs[i].size = size;
        }
        *ret = TAKE_PTR(xattrs);
        *ret_n = n;
        return 0;
}

static int read_dirmeta(ImageStore *s, Tree *t, Node *n, const uint8_t meta[static OBJECT_SUM_SIZE],
                        Error *error)
{
        _cleanup_variant_ GVariant *v = NULL, *list = NULL;
        _cleanup_free_ Xattr *xattrs = NULL;
        guint32 uid, gid, mode;
        Attributes a = {};
        int r = load(s, OSTREE_OBJECT_TYPE_DIR_META, meta, &v, error);

        if (r < 0)
                return r;
        g_variant_get(v, "(uuu@" STORE_XATTRS_TYPE ")", &uid, &gid, &mode, &list);
        r = read_xattrs(list, &xattrs, &a.n_xattrs, error);
        if (r < 0)
                return r;
        a.uid = GUINT32_FROM_BE(uid);
        a.gid = GUINT32_FROM_BE(gid);
        a.mode = GUINT32_FROM_BE(mode) & 07777;
        a.xattrs = xattrs;
        return tree_set_directory(t, n, &a);
}

static int unhex_name(const char *hex, char ret[static TREE_NAME_MAX + 1])
{
        size_t n = strlen(hex) / 2;

        if (n > TREE_NAME_MAX || !is_hex(hex, 2 * n))
                return -EINVAL;
        for (size_t i = 0; i < n; i++) {
                const char digits[] = {hex[2 * i], hex[2 * i + 1], '\0'};

                ret[i] = (char) strtoul(digits, NULL, 16);
        }
        ret[n] = '\0';
        return 0;
}

static int decode_name(const char *name, char ret[static TREE_NAME_MAX + 1], Error *error)
{
        const char *hex = startswith(name, MARK_RAW);

        if (hex)
                return unhex_name(hex, ret) < 0 ? damaged(error, "an encoded name is broken") : 0;
        if (strlen(name) > TREE_NAME_MAX)
                return damaged(error, "a name is too long");
        (void) strcpy(ret, name);
        return 0;
}

/* Returns 1 when the entry was a mark. */
static int read_mark(Tree *t, Node *n, const char *name, Error *error)
{
        char plain[TREE_NAME_MAX + 1];
        const char *hex = startswith(name, MARK_RAW_WHITEOUT), *hidden = startswith(name, MARK_WHITEOUT);
        Node *c;
        int r;

        if (!hidden || startswith(name, MARK_RAW))
                return 0;
        if (streq(name, STORE_RECIPE) || startswith(name, STORE_KEPT))
                return 1;
        if (streq(name, MARK_OPAQUE))
                n->flags |= NODE_OPAQUE;
        else if (streq(name, MARK_IMPLIED))
                n->flags |= NODE_IMPLIED;
        else {
                r = hex ? unhex_name(hex, plain) : decode_name(hidden, plain, error);
                if (r < 0)
                        return damaged(error, "a whiteout is broken");
                r = tree_add(t, n, plain, &c);
                if (r < 0)
                        return r;
                c->flags |= NODE_HIDES_LOWER;
        }
        return 1;
}

static int read_file(Tree *t, Node *n, const char *name, GVariant *sum, Error *error)
{
        uint8_t bytes[OBJECT_SUM_SIZE];
        char plain[TREE_NAME_MAX + 1];
        Node *c;
        int r = read_mark(t, n, name, error);

        if (r != 0)
                return MIN(r, 0);
        r = decode_name(name, plain, error);
        if (r >= 0)
                r = take_sum(sum, bytes, error);
        if (r >= 0)
                r = tree_add(t, n, plain, &c);
        if (r >= 0)
                tree_set_file(t, c, bytes);
        return r;
}

static int read_subdirectory(ImageStore *s, Tree *t, Node *n, const char *name, GVariant *sum, GVariant *meta,
                             Error *error)
{
        uint8_t bytes[OBJECT_SUM_SIZE];
        char plain[TREE_NAME_MAX + 1];
        Node *c;
        int r = decode_name(name, plain, error);

        if (r >= 0)
                r = take_sum(meta, bytes, error);
        if (r >= 0)
                r = tree_add(t, n, plain, &c);
        if (r >= 0)
                r = read_dirmeta(s, t, c, bytes, error);
        return r < 0 ? r : take_sum(sum, c->sum, error);
}

/* Fills n with what its directory object lists. */
static int read_dirtree(ImageStore *s, Tree *t, Node *n, Error *error)
{
        _cleanup_variant_ GVariant *v = NULL, *files = NULL, *dirs = NULL;
        int r = load(s, OSTREE_OBJECT_TYPE_DIR_TREE, n->sum, &v, error);

        if (r < 0)
                return r;
        files = g_variant_get_child_value(v, 0);
        dirs = g_variant_get_child_value(v, 1);
        for (gsize i = 0, end = g_variant_n_children(files); r >= 0 && i < end; i++) {
                _cleanup_variant_ GVariant *sum = NULL;
                const char *name;

                g_variant_get_child(files, i, "(&s@ay)", &name, &sum);
                r = read_file(t, n, name, sum, error);
        }
        for (gsize i = 0, end = g_variant_n_children(dirs); r >= 0 && i < end; i++) {
                _cleanup_variant_ GVariant *sum = NULL, *meta = NULL;
                const char *name;

                g_variant_get_child(dirs, i, "(&s@ay@ay)", &name, &sum, &meta);
                r = read_subdirectory(s, t, n, name, sum, meta, error);
        }
        return r;
}

static int read_root(ImageStore *s, const char *commit, Tree *t, Error *error)
{
        _cleanup_variant_ GVariant *v = NULL, *tree = NULL, *meta = NULL;
        uint8_t sum[OBJECT_SUM_SIZE];
        Node *root = tree_root(t);
        int r;

        ostree_checksum_inplace_to_bytes(commit, sum);
        r = load(s, OSTREE_OBJECT_TYPE_COMMIT, sum, &v, error);
        if (r < 0)
                return r;
        tree = g_variant_get_child_value(v, 6);
        meta = g_variant_get_child_value(v, 7);
        root->flags = 0;
        r = take_sum(meta, sum, error);
        if (r >= 0)
                r = read_dirmeta(s, t, root, sum, error);
        return r < 0 ? r : take_sum(tree, root->sum, error);
}

int image_store_read_layer(ImageStore *s, const char *diff_id, Tree **ret, Error *error)
{
        _cleanup_free_ char *commit = find_layer(s, diff_id);
        _cleanup_(tree_freep) Tree *t = tree_new();
        int r;

        if (!t)
                return -ENOMEM;
        if (!commit)
                return error_set(error, ERROR_STORE_DAMAGED, "The image store has no layer %s", diff_id);
        r = read_root(s, commit, t, error);
        for (Node *n = tree_root(t); r >= 0 && n; n = tree_next(n))
                if (n->type == NODE_DIRECTORY)
                        r = read_dirtree(s, t, n, error);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(t);
        return 0;
}
