/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A tree of names in memory: what one layer says, or what the layers of an image say together. Nodes point at
 * content by the checksum of its object in the store; nothing in here is ever looked up in a file system.
 *
 * A layer speaks about the layers below it too. HIDES_LOWER (a whiteout of the name) and OPAQUE (of
 * everything in the directory) do so whatever the order of the archive's entries; a node that is nothing but
 * such a mark is NODE_NONE. IMPLIED is a directory that the layer only passes through: where a lower layer
 * has it, it stays as it was. */

#include <time.h>

#include "base/macro.h"

#define OBJECT_SUM_SIZE 32
#define TREE_NAME_MAX 255U
#define TREE_DEPTH_MAX 256U
#define TREE_PATH_MAX 4095U
/* Extended attributes of one file or directory. */
#define TREE_XATTRS_MAX 64U
/* Of one image. A node takes about 120 bytes. */
#define TREE_NODES_MAX 1000000U
/* In one directory of one layer. */
#define TREE_ENTRIES_MAX 200000U
/* Nodes, names and extended attributes together. */
#define TREE_MEMORY_MAX (256U * 1024 * 1024)

typedef enum NodeType {
        NODE_NONE, /* nothing is there (any more) */
        NODE_DIRECTORY,
        NODE_FILE, /* or symlink: the object knows */
        NODE_LINK, /* of a layer: a hard link to a file of a lower layer */
} NodeType;

typedef enum NodeFlags {
        NODE_HIDES_LOWER = 1 << 0,
        NODE_OPAQUE = 1 << 1,
        NODE_IMPLIED = 1 << 2,
        NODE_RAW_SYMLINK = 1 << 3, /* a symlink whose target, no UTF-8, is the content of a file object */
} NodeFlags;

/* Those that say something about lower layers. */

typedef struct Xattr {
        const char *name;
        const void *value;
        size_t size;
} Xattr;

/* Who owns an inode, and how it may be used. mode holds the permission bits only. */
typedef struct Attributes {
        uint32_t uid;
        uint32_t gid;
        mode_t mode;
        struct timespec mtime;
        const Xattr *xattrs; /* sorted by name */
        size_t n_xattrs;
} Attributes;

typedef struct Node Node;
struct Node {
        Node *parent;
        Node *next; /* sibling */
        Node *child;
        Node *hash_next;
        Node *merged; /* of a layer's node: what it became in the tree that the layer was applied to */
        union {
                const Attributes *attributes; /* of directories; of files the object has them */
                const char *target;           /* of NODE_LINK: a path */
        };
        uint8_t sum[OBJECT_SUM_SIZE];
        uint8_t type;
        uint8_t flags;
        char name[];
};

typedef struct Tree Tree;

/* A root directory, implied. NULL: out of memory. */
Tree *tree_new(void);
Tree *tree_free(Tree *t);
DEFINE_CLEANUP(Tree *, tree_free)

/* Of a layer: the size of all files that came with it. */
uint64_t tree_bytes(const Tree *t);
void tree_set_bytes(Tree *t, uint64_t bytes);

Node *tree_root(Tree *t);
size_t tree_size(const Tree *t);
Node *tree_lookup(const Tree *t, const Node *parent, const char *name);

/* The node of that name, made as NODE_NONE when there is none. -E2BIG here and below: more
 * than TREE_NODES_MAX or TREE_MEMORY_MAX. */
int tree_add(Tree *t, Node *parent, const char *name, Node **ret);
/* Cuts off everything below n. */
void tree_clear(Tree *t, Node *n);
/* Makes n another thing; what was below it goes unless it stays a directory. Flags are the caller's, but for
 * NODE_RAW_SYMLINK, which a file has only when the caller sets it afterwards. */
int tree_set_link(Tree *t, Node *n, const char *target);
void tree_set_file(Tree *t, Node *n, const uint8_t sum[static OBJECT_SUM_SIZE]);
int tree_set_directory(Tree *t, Node *n, const Attributes *attributes);
void tree_set_mtime(Tree *t, Node *n, const struct timespec *mtime);
/* A directory that nobody described: root's, 0755, of 1970. */
int tree_set_implied_directory(Tree *t, Node *n);

/* The next node of a walk from the root down, parents first; NULL after the last. */
Node *tree_next(const Node *n);
unsigned node_depth(const Node *n);
/* "/usr/bin/env". NULL: out of memory. */
char *node_path(const Node *n);
/* Sorts the children of n by the bytes of their names. */
int node_sort_children(Node *n);

/* The node at a path, whatever slashes and dots are in it; NULL when there is none, or "..". */
Node *tree_find(const Tree *t, const char *path);

/* Lays a layer over t by the rules of the image-spec's layer.md. -ENOLINK: *ret_bad is a hard link to what is
 * no file of the layers below. */
int tree_apply(Tree *t, Tree *layer, const Node **ret_bad);
/* The lowest layer becomes an image's tree as it is: its marks mean nothing. The same error. */
int tree_begin(Tree *layer, const Node **ret_bad);
