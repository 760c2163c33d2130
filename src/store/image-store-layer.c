/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Layers as commits of the repository. What OSTree's directories cannot say is said by entries with names
 * that no entry of a layer can have:
 * ".wh.NAME" and ".wh..wh..opq" as in the layer's archive, ".wh..wh..implied" in a directory that the layer
 * only passes through, ".wh..wh..time.SECONDS.NANOSECONDS" for the time of the directory they are in; and
 * with a name in hexadecimal digits behind them ".wh..wh..raw." or ".wh..wh..rawwh." for a name (or its
 * whiteout) that is no UTF-8, ".wh..wh..rawlink." for a symlink whose target is none (the entry's file holds
 * it), and
 * ".wh..wh..link." for a hard link to a file of a lower layer (the entry's file holds its path). */

#include <linux/limits.h>

#include "base/fs.h"
#include "base/parse.h"
#include "base/str.h"
#include "store/image-store-private.h"

#define MARK_WHITEOUT ".wh."
#define MARK_OPAQUE ".wh..wh..opq"
#define MARK_IMPLIED ".wh..wh..implied"
#define MARK_TIME ".wh..wh..time."
#define MARK_SIZE ".wh..wh..size."
#define MARK_RAW ".wh..wh..raw."
#define MARK_RAW_WHITEOUT ".wh..wh..rawwh."
#define MARK_RAW_SYMLINK ".wh..wh..rawlink."
#define MARK_LINK ".wh..wh..link."

static const Attributes mark_attributes = {.mode = 0600};

static GVariant *sum_variant(const uint8_t sum[static OBJECT_SUM_SIZE])
{
        return g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, sum, OBJECT_SUM_SIZE, 1);
}

static int write_dirmeta(ImageStore *s, const Attributes *a, uint8_t ret_sum[static OBJECT_SUM_SIZE],
                         Error *error)
{
        int r = object_format_dirmeta(a, &s->header);

        return r < 0 ? r
                     : object_write_metadata(s, OBJECT_DIRMETA, s->header.data, s->header.size, ret_sum,
                                             error);
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

static char *encode_whiteout(const char *name)
{
        return str_is_utf8(name, strlen(name)) ? str_printf(MARK_WHITEOUT "%s", name)
                                               : hex_name(MARK_RAW_WHITEOUT, name);
}

static char *encode_time(const struct timespec *t)
{
        return str_printf(MARK_TIME "%jd.%ld", (intmax_t) t->tv_sec, t->tv_nsec);
}

/* What a directory object lists, which is not quite what the tree has: marks come in, names are encoded. */
typedef struct Entry {
        const char *name;
        char *owned;      /* the same, when it is not the node's */
        const Node *node; /* NULL: a mark without content */
} Entry;

typedef struct Entries {
        Entry *list;
        size_t n;
} Entries;

static void entries_done(Entries *e)
{
        for (size_t i = 0; i < e->n; i++)
                free(e->list[i].owned);
        free(e->list);
}

static int compare_entries(const void *a, const void *b)
{
        return strcmp(((const Entry *) a)->name, ((const Entry *) b)->name);
}

static int entries_add(Entries *e, const char *name, char *owned, const Node *n)
{
        if ((e->n & (e->n + 1)) == 0) {
                Entry *list = reallocarray(e->list, 2 * e->n + 1, sizeof(*list));

                if (!list) {
                        free(owned);
                        return -ENOMEM;
                }
                e->list = list;
        }
        e->list[e->n++] = (Entry){name, owned, n};
        return 0;
}

/* Takes name; NULL is an allocation that failed. */
static int entries_add_encoded(Entries *e, char *name, const Node *n)
{
        return name ? entries_add(e, name, name, n) : -ENOMEM;
}

static int add_child(Entries *e, const Node *c)
{
        int r = 0;

        if (c->flags & NODE_HIDES_LOWER)
                r = entries_add_encoded(e, encode_whiteout(c->name), NULL);
        if (r < 0 || c->type == NODE_NONE)
                return r;
        if (c->type == NODE_LINK)
                return entries_add_encoded(e, hex_name(MARK_LINK, c->name), c);
        if (c->flags & NODE_RAW_SYMLINK)
                return entries_add_encoded(e, hex_name(MARK_RAW_SYMLINK, c->name), c);
        if (!str_is_utf8(c->name, strlen(c->name)))
                return entries_add_encoded(e, hex_name(MARK_RAW, c->name), c);
        return entries_add(e, c->name, NULL, c);
}

static int list_directory(const Node *n, uint64_t bytes, Entries *entries, Error *error)
{
        const struct timespec *t = &n->attributes->mtime;
        int r = 0;

        if (!n->parent)
                r = entries_add_encoded(entries, str_printf(MARK_SIZE "%ju", (uintmax_t) bytes), NULL);
        if (r >= 0 && (n->flags & NODE_OPAQUE))
                r = entries_add(entries, MARK_OPAQUE, NULL, NULL);
        if (r >= 0 && (n->flags & NODE_IMPLIED))
                r = entries_add(entries, MARK_IMPLIED, NULL, NULL);
        if (r >= 0 && (t->tv_sec != 0 || t->tv_nsec != 0))
                r = entries_add_encoded(entries, encode_time(t), NULL);
        for (const Node *c = n->child; r >= 0 && c; c = c->next)
                r = add_child(entries, c);
        if (r >= 0 && entries->n > TREE_ENTRIES_MAX)
                return error_set(error, ERROR_LIMIT, "Directory \"%s\" of a layer has more than %u entries",
                                 n->name, TREE_ENTRIES_MAX);
        if (r >= 0 && entries->n > 1)
                qsort(entries->list, entries->n, sizeof(Entry), compare_entries);
        return r;
}

static int add_entry(ImageStore *s, const Entry *e, ObjectList *files, ObjectList *dirs, Error *error)
{
        uint8_t sum[OBJECT_SUM_SIZE];
        int r;

        if (!e->node)
                return object_list_add(files, e->name, s->mark_sum, NULL);
        if (e->node->type == NODE_FILE)
                return object_list_add(files, e->name, e->node->sum, NULL);
        if (e->node->type == NODE_LINK) {
                r = image_store_write_file(s, &mark_attributes, e->node->target, strlen(e->node->target), sum,
                                           error);
                return r < 0 ? r : object_list_add(files, e->name, sum, NULL);
        }
        r = write_dirmeta(s, e->node->attributes, sum, error);
        return r < 0 ? r : object_list_add(dirs, e->name, e->node->sum, sum);
}

static int format_directory(ImageStore *s, const Node *n, uint64_t bytes, Bytes *ret, Error *error)
{
        _cleanup_object_list_ ObjectList files = {}, dirs = {};
        _cleanup_(entries_done) Entries entries = {};
        int r = list_directory(n, bytes, &entries, error);

        for (size_t i = 0; r >= 0 && i < entries.n; i++)
                r = add_entry(s, &entries.list[i], &files, &dirs, error);
        return r < 0 ? r : object_format_dirtree(&files, &dirs, ret);
}

/* Writes the directory object of n, whose subdirectories have theirs already; its checksum becomes that of n.
 */
static int write_dirtree(ImageStore *s, Node *n, uint64_t bytes, Error *error)
{
        _cleanup_bytes_ Bytes text = {};
        int r = format_directory(s, n, bytes, &text, error);

        return r < 0 ? r : object_write_metadata(s, OBJECT_DIRTREE, text.data, text.size, n->sum, error);
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
                r = write_dirtree(s, dirs[--n], tree_bytes(layer), error);
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

static int write_commit(ImageStore *s, const Node *root, uint8_t ret_sum[static OBJECT_SUM_SIZE],
                        Error *error)
{
        _cleanup_variant_ GVariant *v = NULL;
        uint8_t meta[OBJECT_SUM_SIZE];
        int r = write_dirmeta(s, root->attributes, meta, error);

        if (r < 0)
                return r;
        v = g_variant_ref_sink(commit_variant(root, meta));
        return object_write_metadata(s, OBJECT_COMMIT, g_variant_get_data(v), g_variant_get_size(v), ret_sum,
                                     error);
}

int image_store_write_layer(ImageStore *s, const char *diff_id, Tree *layer, Error *error)
{
        char hex[OSTREE_SHA256_STRING_LEN + 1];
        uint8_t commit[OBJECT_SUM_SIZE];
        int r = image_store_write_file(s, &mark_attributes, "", 0, s->mark_sum, error);

        if (r >= 0)
                r = write_dirtrees(s, layer, error);
        if (r >= 0)
                r = write_commit(s, tree_root(layer), commit, error);
        if (r < 0)
                return r;
        ostree_checksum_inplace_from_bytes(commit, hex);
        return map_put_string(s->pending, diff_id, hex);
}

/* The commit of a layer, NULL when there is none. */
static char *find_layer(ImageStore *s, const char *diff_id)
{
        const char *pending = map_get(s->pending, diff_id);
        _cleanup_free_ char *ref = NULL, *path = NULL, *text = NULL;

        if (pending)
                return strdup(pending);
        ref = image_store_layer_ref(diff_id);
        path = ref ? str_printf("refs/heads/%s", ref) : NULL;
        if (!path || fs_read_at(s->dir, path, OSTREE_SHA256_STRING_LEN + 1, &text, NULL) < 0)
                return NULL;
        text[strcspn(text, "\n")] = '\0';
        return is_hex(text, OSTREE_SHA256_STRING_LEN) ? TAKE_PTR(text) : NULL;
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

static void free_bytes(void *data)
{
        free(data);
}

/* What was written by us reads as what it is, for its checksum is verified. */
static int load(ImageStore *s, ObjectKind kind, const uint8_t sum[static OBJECT_SUM_SIZE], GVariant **ret,
                Error *error)
{
        static const char *const types[_OBJECT_KIND_MAX] = {
                [OBJECT_DIRTREE] = "(a(say)a(sayay))",
                [OBJECT_DIRMETA] = "(uuua(ayay))",
                [OBJECT_COMMIT] = "(a{sv}aya(say)sstayay)",
        };
        _cleanup_bytes_ Bytes bytes = {};
        int r = object_read_metadata(s, kind, sum, &bytes, error);

        if (r < 0)
                return r;
        *ret = g_variant_ref_sink(g_variant_new_from_data(G_VARIANT_TYPE(types[kind]), bytes.data, bytes.size,
                                                          TRUE, free_bytes, bytes.data));
        bytes = (Bytes){};
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

        if (n > TREE_XATTRS_MAX)
                return damaged(error, "too many attributes");
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
        int r = load(s, OBJECT_DIRMETA, meta, &v, error);

        if (r < 0)
                return r;
        g_variant_get(v, "(uuu@a(ayay))", &uid, &gid, &mode, &list);
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

static int read_time(Tree *t, Node *n, const char *text, Error *error)
{
        const char *dot = strchr(text, '.');
        _cleanup_free_ char *seconds = dot ? strndup(text, (size_t) (dot - text)) : NULL;
        uint64_t nanoseconds;
        int64_t value;

        if (!seconds || parse_i64(seconds, INT64_MIN, INT64_MAX, &value) < 0 ||
            parse_u64(dot + 1, 0, 999999999, &nanoseconds) < 0)
                return damaged(error, "a time is broken");
        tree_set_mtime(t, n, &(struct timespec){.tv_sec = value, .tv_nsec = (long) nanoseconds});
        return 0;
}

static int read_size(Tree *t, const char *text, Error *error)
{
        uint64_t bytes;

        if (parse_u64(text, 0, UINT64_MAX, &bytes) < 0)
                return damaged(error, "a size is broken");
        tree_set_bytes(t, bytes);
        return 0;
}

static int read_whiteout(Tree *t, Node *n, const char *name, Error *error)
{
        const char *hex = startswith(name, MARK_RAW_WHITEOUT);
        char plain[TREE_NAME_MAX + 1];
        Node *c;
        int r = hex ? unhex_name(hex, plain) : decode_name(name + strlen(MARK_WHITEOUT), plain, error);

        if (r < 0)
                return damaged(error, "a whiteout is broken");
        r = tree_add(t, n, plain, &c);
        if (r >= 0)
                c->flags |= NODE_HIDES_LOWER;
        return r;
}

static int read_link(ImageStore *s, Tree *t, Node *n, const char *hex,
                     const uint8_t sum[static OBJECT_SUM_SIZE], Error *error)
{
        _cleanup_free_ char *target = NULL;
        char plain[TREE_NAME_MAX + 1];
        Node *c;
        int r;

        if (unhex_name(hex, plain) < 0)
                return damaged(error, "a link's name is broken");
        r = object_read_file(s, sum, PATH_MAX, &target, error);
        if (r >= 0)
                r = tree_add(t, n, plain, &c);
        return r < 0 ? r : tree_set_link(t, c, target);
}

/* Returns 1 when the entry was a mark. */
static int read_mark(ImageStore *s, Tree *t, Node *n, const char *name,
                     const uint8_t sum[static OBJECT_SUM_SIZE], Error *error)
{
        const char *rest;
        int r = 0;

        if (!startswith(name, MARK_WHITEOUT) || startswith(name, MARK_RAW) ||
            startswith(name, MARK_RAW_SYMLINK))
                return 0;
        if (streq(name, STORE_RECIPE) || startswith(name, STORE_KEPT))
                return 1;
        if (streq(name, MARK_OPAQUE))
                n->flags |= NODE_OPAQUE;
        else if (streq(name, MARK_IMPLIED))
                n->flags |= NODE_IMPLIED;
        else if ((rest = startswith(name, MARK_TIME)))
                r = read_time(t, n, rest, error);
        else if ((rest = startswith(name, MARK_SIZE)))
                r = read_size(t, rest, error);
        else if ((rest = startswith(name, MARK_LINK)))
                r = read_link(s, t, n, rest, sum, error);
        else
                r = read_whiteout(t, n, name, error);
        return r < 0 ? r : 1;
}

static int read_file(ImageStore *s, Tree *t, Node *n, const char *name, GVariant *sum, Error *error)
{
        const char *raw = startswith(name, MARK_RAW_SYMLINK);
        uint8_t bytes[OBJECT_SUM_SIZE];
        char plain[TREE_NAME_MAX + 1];
        Node *c;
        int r = take_sum(sum, bytes, error);

        if (r >= 0)
                r = read_mark(s, t, n, name, bytes, error);
        if (r != 0)
                return MIN(r, 0);
        if (raw)
                r = unhex_name(raw, plain) < 0 ? damaged(error, "an encoded name is broken") : 0;
        else
                r = decode_name(name, plain, error);
        if (r >= 0)
                r = tree_add(t, n, plain, &c);
        if (r < 0)
                return r;
        tree_set_file(t, c, bytes);
        if (raw)
                c->flags |= NODE_RAW_SYMLINK;
        return 0;
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
        int r = load(s, OBJECT_DIRTREE, n->sum, &v, error);

        if (r < 0)
                return r;
        files = g_variant_get_child_value(v, 0);
        dirs = g_variant_get_child_value(v, 1);
        for (gsize i = 0, end = g_variant_n_children(files); r >= 0 && i < end; i++) {
                _cleanup_variant_ GVariant *sum = NULL;
                const char *name;

                g_variant_get_child(files, i, "(&s@ay)", &name, &sum);
                r = read_file(s, t, n, name, sum, error);
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
        r = load(s, OBJECT_COMMIT, sum, &v, error);
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
