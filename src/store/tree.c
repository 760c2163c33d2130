/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Nodes, names and attributes live in blocks that are freed with the tree: a node that is cut off costs
 * memory until then, which the limit on nodes covers. Children are found through one hash table for the whole
 * tree, keyed by parent and name, so that a directory of 100,000 entries costs no more than 100,000
 * directories. No function recurses. */

#include <stdalign.h>

#include "base/str.h"
#include "store/tree.h"

#define BLOCK_SIZE (256U * 1024)
#define BUCKETS_MIN 1024U

typedef struct Block Block;
struct Block {
        Block *next;
        size_t used;
        size_t size;
        _Alignas(uint64_t) char data[];
};

struct Tree {
        Node *root;
        size_t n_nodes; /* made, also those cut off again */
        Node **buckets;
        size_t n_buckets; /* a power of two */
        size_t n_hashed;
        Block *blocks;
        size_t allocated;
        uint64_t bytes;
};

static const Attributes implied_attributes = {.mode = 0755};

static void *tree_alloc(Tree *t, size_t size)
{
        Block *b = t->blocks;
        void *p;

        size = (size + alignof(uint64_t) - 1) & ~(alignof(uint64_t) - 1);
        if (!b || b->size - b->used < size) {
                size_t room = MAX(size, (size_t) BLOCK_SIZE);

                if (room > TREE_MEMORY_MAX - t->allocated)
                        return NULL;
                b = malloc(sizeof(Block) + room);
                if (!b)
                        return NULL;
                *b = (Block){.next = t->blocks, .size = room};
                t->blocks = b;
                t->allocated += room;
        }
        p = b->data + b->used;
        b->used += size;
        return p;
}

/* Why tree_alloc() failed. */
static int tree_error(const Tree *t)
{
        return t->allocated > TREE_MEMORY_MAX - BLOCK_SIZE ? -E2BIG : -ENOMEM;
}

static void *tree_copy(Tree *t, const void *data, size_t size)
{
        void *p = tree_alloc(t, size);

        return p && size > 0 ? memcpy(p, data, size) : p;
}

static size_t hash(const Node *parent, const char *name)
{
        uint64_t h = UINT64_C(0xcbf29ce484222325) ^ ((uintptr_t) parent >> 4);

        for (; *name; name++)
                h = (h ^ (uint8_t) *name) * UINT64_C(0x100000001b3);
        return (size_t) (h ^ (h >> 29));
}

static int grow_buckets(Tree *t)
{
        size_t n = t->n_buckets ? t->n_buckets * 2 : BUCKETS_MIN;
        Node **buckets = calloc(n, sizeof(*buckets));

        if (!buckets)
                return -ENOMEM;
        for (size_t i = 0; i < t->n_buckets; i++)
                for (Node *c = t->buckets[i], *next; c; c = next) {
                        Node **b = &buckets[hash(c->parent, c->name) & (n - 1)];

                        next = c->hash_next;
                        c->hash_next = *b;
                        *b = c;
                }
        free(t->buckets);
        t->buckets = buckets;
        t->n_buckets = n;
        return 0;
}

static void unhash(Tree *t, Node *n)
{
        Node **b = &t->buckets[hash(n->parent, n->name) & (t->n_buckets - 1)];

        while (*b != n)
                b = &(*b)->hash_next;
        *b = n->hash_next;
        t->n_hashed--;
}

Node *tree_lookup(const Tree *t, const Node *parent, const char *name)
{
        Node *c = t->n_buckets ? t->buckets[hash(parent, name) & (t->n_buckets - 1)] : NULL;

        while (c && (c->parent != parent || !streq(c->name, name)))
                c = c->hash_next;
        return c;
}

static Node *node_new(Tree *t, const char *name)
{
        size_t size = strlen(name) + 1;
        Node *n = tree_alloc(t, sizeof(Node) + size);

        if (!n)
                return NULL;
        *n = (Node){};
        memcpy(n->name, name, size);
        return n;
}

int tree_add(Tree *t, Node *parent, const char *name, Node **ret)
{
        Node *n = tree_lookup(t, parent, name), **bucket;
        int r;

        if (n) {
                *ret = n;
                return 0;
        }
        if (t->n_nodes >= TREE_NODES_MAX)
                return -E2BIG;
        if (t->n_hashed >= t->n_buckets) {
                r = grow_buckets(t);
                if (r < 0)
                        return r;
        }
        n = node_new(t, name);
        if (!n)
                return tree_error(t);
        bucket = &t->buckets[hash(parent, name) & (t->n_buckets - 1)];
        n->parent = parent;
        n->next = parent->child;
        parent->child = n;
        n->hash_next = *bucket;
        *bucket = n;
        t->n_hashed++;
        t->n_nodes++;
        *ret = n;
        return 0;
}

void tree_clear(Tree *t, Node *n)
{
        Node *at = n;

        while (n->child) {
                while (at->child)
                        at = at->child;
                unhash(t, at);
                at->parent->child = at->next;
                at = at->parent;
        }
}

static int copy_attributes(Tree *t, const Attributes *a, const Attributes **ret)
{
        Xattr *xattrs = tree_copy(t, a->xattrs, a->n_xattrs * sizeof(Xattr));
        Attributes *copy = tree_copy(t, a, sizeof(*a));

        if (!xattrs || !copy)
                return tree_error(t);
        for (size_t i = 0; i < a->n_xattrs; i++) {
                xattrs[i].name = tree_copy(t, xattrs[i].name, strlen(xattrs[i].name) + 1);
                xattrs[i].value = tree_copy(t, xattrs[i].value, xattrs[i].size);
                if (!xattrs[i].name || !xattrs[i].value)
                        return tree_error(t);
        }
        copy->xattrs = xattrs;
        *ret = copy;
        return 0;
}

void tree_set_file(Tree *t, Node *n, const uint8_t sum[static OBJECT_SUM_SIZE])
{
        tree_clear(t, n);
        n->type = NODE_FILE;
        n->flags &= (uint8_t) ~NODE_RAW_SYMLINK;
        n->attributes = NULL;
        memcpy(n->sum, sum, OBJECT_SUM_SIZE);
}

int tree_set_link(Tree *t, Node *n, const char *target)
{
        const char *copy = tree_copy(t, target, strlen(target) + 1);

        if (!copy)
                return tree_error(t);
        tree_clear(t, n);
        n->type = NODE_LINK;
        n->flags &= (uint8_t) ~NODE_RAW_SYMLINK;
        n->target = copy;
        return 0;
}

int tree_set_directory(Tree *t, Node *n, const Attributes *attributes)
{
        const Attributes *copy;
        int r = copy_attributes(t, attributes, &copy);

        if (r < 0)
                return r;
        n->type = NODE_DIRECTORY;
        n->flags &= (uint8_t) ~NODE_RAW_SYMLINK;
        n->attributes = copy;
        return 0;
}

/* Attributes are a copy of the tree's own. */
void tree_set_mtime(Tree *t, Node *n, const struct timespec *mtime)
{
        ((Attributes *) n->attributes)->mtime = *mtime;
}

int tree_set_implied_directory(Tree *t, Node *n)
{
        return tree_set_directory(t, n, &implied_attributes);
}

Node *tree_next(const Node *n)
{
        if (n->child)
                return n->child;
        while (n && !n->next)
                n = n->parent;
        return n ? n->next : NULL;
}

unsigned node_depth(const Node *n)
{
        unsigned depth = 0;

        for (; n->parent; n = n->parent)
                depth++;
        return depth;
}

char *node_path(const Node *n)
{
        size_t size = 1;
        char *path, *p;

        for (const Node *i = n; i->parent; i = i->parent)
                size += strlen(i->name) + 1;
        path = malloc(MAX(size, (size_t) 2));
        if (!path)
                return NULL;
        (void) strcpy(path, "/");
        p = path + size - 1;
        for (const Node *i = n; i->parent; i = i->parent) {
                size_t length = strlen(i->name);

                if (i == n)
                        *p = '\0';
                p -= length;
                memcpy(p, i->name, length);
                *--p = '/';
        }
        return path;
}

static int compare_names(const void *a, const void *b)
{
        return strcmp((*(Node *const *) a)->name, (*(Node *const *) b)->name);
}

int node_sort_children(Node *n)
{
        _cleanup_free_ Node **sorted = NULL;
        size_t count = 0;
        Node **link = &n->child;

        for (const Node *c = n->child; c; c = c->next)
                count++;
        if (count < 2)
                return 0;
        sorted = calloc(count, sizeof(*sorted));
        if (!sorted)
                return -ENOMEM;
        count = 0;
        for (Node *c = n->child; c; c = c->next)
                sorted[count++] = c;
        qsort(sorted, count, sizeof(*sorted), compare_names);
        for (size_t i = 0; i < count; i++) {
                *link = sorted[i];
                link = &sorted[i]->next;
        }
        *link = NULL;
        return 0;
}

/* A directory of the layer meets what is below it, below being NODE_NONE when there was nothing. */
static int apply_directory(Tree *t, Node *below, const Node *over)
{
        bool stays = below->type == NODE_DIRECTORY && !(over->flags & NODE_HIDES_LOWER);

        if (!stays || (over->flags & NODE_OPAQUE))
                tree_clear(t, below);
        if (stays && (over->flags & NODE_IMPLIED))
                return 0;
        return tree_set_directory(t, below, over->attributes);
}

static int apply_node(Tree *t, Node *over)
{
        Node *below;
        int r;

        if (over->type == NODE_NONE) {
                below = tree_lookup(t, over->parent->merged, over->name);
                if (below && (over->flags & NODE_HIDES_LOWER)) {
                        tree_clear(t, below);
                        below->type = NODE_NONE;
                }
                return 0;
        }
        r = tree_add(t, over->parent->merged, over->name, &below);
        if (r < 0)
                return r;
        over->merged = below;
        if (over->type == NODE_DIRECTORY)
                return apply_directory(t, below, over);
        tree_set_file(t, below, over->sum);
        below->flags |= over->flags & NODE_RAW_SYMLINK;
        return 0;
}

Node *tree_find(const Tree *t, const char *path)
{
        char name[TREE_NAME_MAX + 1];
        Node *n = t->root;

        while (n) {
                size_t length;

                path += strspn(path, "/");
                length = strcspn(path, "/");
                if (length == 0)
                        return n->type == NODE_NONE ? NULL : n;
                if (length > TREE_NAME_MAX)
                        return NULL;
                memcpy(name, path, length);
                name[length] = '\0';
                path += length;
                if (!streq(name, "."))
                        n = streq(name, "..") ? NULL : tree_lookup(t, n, name);
        }
        return NULL;
}

/* Hard links to files of lower layers share what is there before the layer changes it. */
static int resolve_links(const Tree *t, Tree *layer, const Node **ret_bad)
{
        for (Node *n = layer->root; n; n = tree_next(n))
                if (n->type == NODE_LINK) {
                        const Node *target = t ? tree_find(t, n->target) : NULL;

                        if (!target || target->type != NODE_FILE) {
                                *ret_bad = n;
                                return -ENOLINK;
                        }
                        tree_set_file(layer, n, target->sum);
                        n->flags |= target->flags & NODE_RAW_SYMLINK;
                }
        return 0;
}

int tree_begin(Tree *layer, const Node **ret_bad)
{
        return resolve_links(NULL, layer, ret_bad);
}

int tree_apply(Tree *t, Tree *layer, const Node **ret_bad)
{
        int r = resolve_links(t, layer, ret_bad);

        if (r >= 0)
                r = apply_directory(t, t->root, layer->root);
        layer->root->merged = t->root;
        for (Node *over = tree_next(layer->root); r >= 0 && over; over = tree_next(over))
                r = apply_node(t, over);
        return r;
}

uint64_t tree_bytes(const Tree *t)
{
        return t->bytes;
}

void tree_set_bytes(Tree *t, uint64_t bytes)
{
        t->bytes = bytes;
}

Node *tree_root(Tree *t)
{
        return t->root;
}

size_t tree_size(const Tree *t)
{
        return t->n_nodes;
}

Tree *tree_new(void)
{
        _cleanup_(tree_freep) Tree *t = calloc(1, sizeof(Tree));

        if (!t || grow_buckets(t) < 0)
                return NULL;
        t->root = node_new(t, "");
        if (!t->root || tree_set_implied_directory(t, t->root) < 0)
                return NULL;
        t->root->flags = NODE_IMPLIED;
        return TAKE_PTR(t);
}

Tree *tree_free(Tree *t)
{
        if (!t)
                return NULL;
        for (Block *b = t->blocks, *next; b; b = next) {
                next = b->next;
                free(b);
        }
        free(t->buckets);
        free(t);
        return NULL;
}
