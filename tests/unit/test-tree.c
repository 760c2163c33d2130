/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Trees of names, and how a layer is laid over another. The merge is compared with a slow one that works on a
 * list of paths, for layers that a fixed sequence of numbers makes up. */

#include "base/hashmap.h"
#include "base/str.h"
#include "store/tree.h"
#include "test.h"

static const Node *bad; /* what tree_apply() complains of, which it does where that is tested only */

static const Attributes plain = {.mode = 0755}, mine = {.uid = 7, .gid = 8, .mode = 0700};

/* The node at a path, whose directories are made as a layer's are: implied. */
static Node *at(Tree *t, const char *path)
{
        _cleanup_strv_ char **parts = NULL;
        Node *n = tree_root(t);

        CHECK_OK(strv_split(path, "/", &parts));
        STRV_FOREACH(part, parts) {
                if (n->type == NODE_NONE) {
                        n->flags |= NODE_IMPLIED;
                        CHECK_OK(tree_set_implied_directory(t, n));
                }
                CHECK_OK(tree_add(t, n, *part, &n));
        }
        return n;
}

static void set_file(Tree *t, const char *path, uint8_t content)
{
        uint8_t sum[OBJECT_SUM_SIZE] = {content};

        tree_set_file(t, at(t, path), sum);
}

static void set_directory(Tree *t, const char *path, const Attributes *a)
{
        Node *n = at(t, path);

        n->flags &= (uint8_t) ~NODE_IMPLIED;
        CHECK_OK(tree_set_directory(t, n, a));
}

static int compare_strings(const void *a, const void *b)
{
        return strcmp(*(char *const *) a, *(char *const *) b);
}

/* "/a/ uid mode", "/b content", sorted, one per line. */
static char *listing(Tree *t)
{
        _cleanup_strv_ char **lines = NULL;
        char *text;

        for (const Node *n = tree_root(t); n; n = tree_next(n)) {
                _cleanup_free_ char *path = node_path(n);
                char *line = NULL;

                CHECK(path);
                if (n->type == NODE_DIRECTORY)
                        line = str_printf("%s %u %o", path, n->attributes->uid,
                                          (unsigned) n->attributes->mode);
                else if (n->type == NODE_FILE)
                        line = str_printf("%s #%u", path, n->sum[0]);
                if (line)
                        CHECK_OK(strv_consume(&lines, line));
        }
        qsort(lines, strv_length(lines), sizeof(*lines), compare_strings);
        text = strv_join(lines, "\n");
        CHECK(text);
        return text;
}

static void check_listing(Tree *t, const char *expected)
{
        _cleanup_free_ char *text = listing(t);

        CHECK_STREQ(text, expected);
}

TEST(paths_and_order)
{
        _cleanup_(tree_freep) Tree *t = tree_new();
        _cleanup_free_ char *root = NULL, *deep = NULL;

        set_file(t, "a/bc/d", 1);
        root = node_path(tree_root(t));
        deep = node_path(at(t, "a/bc/d"));
        CHECK_STREQ(root, "/");
        CHECK_STREQ(deep, "/a/bc/d");
        CHECK_EQ(node_depth(at(t, "a/bc/d")), 3);
        CHECK_EQ(node_depth(tree_root(t)), 0);
        set_file(t, "z", 1);
        set_file(t, "B", 1);
        set_file(t, "\xff", 1);
        CHECK_OK(node_sort_children(tree_root(t)));
        CHECK_STREQ(tree_root(t)->child->name, "B");
        CHECK_STREQ(tree_root(t)->child->next->name, "a");
        CHECK_STREQ(tree_root(t)->child->next->next->next->name, "\xff");
}

TEST(file_and_directory_change_places)
{
        _cleanup_(tree_freep) Tree *t = tree_new();

        set_file(t, "a/b/c", 1);
        set_file(t, "a", 2);
        check_listing(t, "/ 0 755\n/a #2");
        set_directory(t, "a", &mine);
        check_listing(t, "/ 0 755\n/a 7 700");
        CHECK(!tree_lookup(t, at(t, "a"), "b"));
}

TEST(hides_and_opaque)
{
        _cleanup_(tree_freep) Tree *t = tree_new(), *layer = tree_new();

        set_directory(t, "keep", &mine);
        set_file(t, "keep/x", 1);
        set_file(t, "gone", 1);
        set_file(t, "opaque/old", 1);
        set_file(t, "again/old", 1);
        set_file(t, "hidden-only/old", 1);

        at(layer, "gone")->flags |= NODE_HIDES_LOWER;
        at(layer, "never")->flags |= NODE_HIDES_LOWER;
        set_file(layer, "opaque/new", 2);
        at(layer, "opaque")->flags |= NODE_OPAQUE;
        at(layer, "again")->flags |= NODE_HIDES_LOWER;
        set_file(layer, "again/new", 2);
        set_file(layer, "keep/y", 2);
        at(layer, "hidden-only")->flags |= NODE_HIDES_LOWER;

        CHECK_OK(tree_apply(t, layer, &bad));
        check_listing(
                t,
                "/ 0 755\n/again 0 755\n/again/new #2\n/keep 7 700\n/keep/x #1\n/keep/y #2\n/opaque 0 755\n"
                "/opaque/new #2");
        CHECK_OK(tree_apply(t, layer, &bad));
        set_file(t, "gone", 9);
        check_listing(t,
                      "/ 0 755\n/again 0 755\n/again/new #2\n/gone #9\n/keep 7 700\n/keep/x #1\n/keep/y #2\n"
                      "/opaque 0 755\n/opaque/new #2");
}

TEST(links_to_lower_layers)
{
        _cleanup_(tree_freep) Tree *t = tree_new(), *layer = tree_new(), *next = tree_new(),
                                   *empty = tree_new();
        _cleanup_(tree_freep) Tree *to_directory = tree_new();

        set_file(t, "d/a", 1);
        set_file(t, "d/gone", 2);
        at(t, "d/gone")->flags |= NODE_RAW_SYMLINK;

        /* What the same layer puts in the place of the target does not count, nor that it hides it. */
        CHECK_OK(tree_set_link(layer, at(layer, "b"), "/d/./a"));
        CHECK_OK(tree_set_link(layer, at(layer, "c"), "d//gone"));
        set_file(layer, "d/a", 3);
        at(layer, "d/gone")->flags |= NODE_HIDES_LOWER;
        CHECK_OK(tree_apply(t, layer, &bad));
        check_listing(t, "/ 0 755\n/b #1\n/c #2\n/d 0 755\n/d/a #3");
        CHECK(at(t, "c")->flags & NODE_RAW_SYMLINK);

        CHECK_OK(tree_set_link(next, at(next, "x"), "d/gone"));
        CHECK_EQ(tree_apply(t, next, &bad), -ENOLINK);
        CHECK_STREQ(bad->name, "x");
        CHECK_OK(tree_set_link(to_directory, at(to_directory, "y"), "d"));
        CHECK_EQ(tree_apply(t, to_directory, &bad), -ENOLINK);
        CHECK_STREQ(bad->name, "y");
        CHECK_OK(tree_set_link(empty, at(empty, "z"), "z"));
        CHECK_EQ(tree_begin(empty, &bad), -ENOLINK);
        CHECK_STREQ(bad->name, "z");
        CHECK(!tree_find(t, "../d/a"));
        CHECK(!tree_find(t, "d/../d/a"));
        CHECK(tree_find(t, ".//d/./a/"));
}

TEST(extended_attributes_are_copied)
{
        _cleanup_(tree_freep) Tree *t = tree_new();
        char name[] = "user.a", value[] = "v";
        const Xattr xattr = {name, value, 1};
        const Attributes a = {.mode = 0700, .xattrs = &xattr, .n_xattrs = 1};
        const Node *n;

        set_directory(t, "d", &a);
        memset(name, 'x', sizeof(name) - 1);
        value[0] = 'x';
        n = at(t, "d");
        CHECK_EQ(n->attributes->n_xattrs, 1);
        CHECK_STREQ(n->attributes->xattrs[0].name, "user.a");
        CHECK_EQ(*(const char *) n->attributes->xattrs[0].value, 'v');
}

TEST(many_siblings)
{
        _cleanup_(tree_freep) Tree *t = tree_new(), *layer = tree_new();
        char name[16];
        Node *n;

        for (unsigned i = 0; i < 100000; i++) {
                (void) snprintf(name, sizeof(name), "%u", i);
                CHECK_OK(tree_add(t, tree_root(t), name, &n));
                n->type = NODE_FILE;
                CHECK_OK(tree_add(layer, tree_root(layer), name, &n));
                n->flags |= NODE_HIDES_LOWER;
        }
        CHECK_OK(tree_apply(t, layer, &bad));
        check_listing(t, "/ 0 755");
}

TEST(limit_of_memory)
{
        _cleanup_(tree_freep) Tree *t = tree_new();
        static char value[64 * 1024];
        const Xattr xattr = {"user.a", value, sizeof(value)};
        const Attributes a = {.xattrs = &xattr, .n_xattrs = 1};
        int r = 0;
        unsigned n;

        for (n = 0; r >= 0 && n < 2 * TREE_MEMORY_MAX / sizeof(value); n++)
                r = tree_set_directory(t, tree_root(t), &a);
        CHECK_EQ(r, -E2BIG);
        CHECK(n > TREE_MEMORY_MAX / sizeof(value) / 2);
}

/* The slow merge: a map of paths to "content" or "uid mode". */

static Map *slow_from(Tree *t)
{
        Map *m = map_new_strings();
        _cleanup_free_ char *text = listing(t);
        _cleanup_strv_ char **lines = NULL;

        CHECK_OK(strv_split(text, "\n", &lines));
        STRV_FOREACH(line, lines) {
                char *blank = strchr(*line, ' ');

                *blank = '\0';
                CHECK_OK(map_put_string(m, *line, blank + 1));
        }
        return m;
}

static void slow_remove_below(Map *m, const char *path, bool itself)
{
        _cleanup_free_ char *prefix = str_printf("%s/", streq(path, "/") ? "" : path);

        MAP_FOREACH(e, m)
                if (startswith(map_key(e), prefix) && !streq(map_key(e), "/"))
                        map_remove(m, map_key(e));
        if (itself)
                map_remove(m, path);
}

static bool slow_is_directory(const Map *m, const char *path)
{
        const char *v = map_get(m, path);

        return v && *v != '#';
}

/* Layer.md word by word: first what the layer hides, then what it has. */
static void slow_apply(Map *m, Tree *layer)
{
        for (const Node *n = tree_root(layer); n; n = tree_next(n)) {
                _cleanup_free_ char *path = node_path(n);

                if (n->flags & NODE_HIDES_LOWER)
                        slow_remove_below(m, path, true);
                else if (n->flags & NODE_OPAQUE)
                        slow_remove_below(m, path, false);
        }
        for (const Node *n = tree_root(layer); n; n = tree_next(n)) {
                _cleanup_free_ char *path = node_path(n), *value = NULL;

                if (n->type == NODE_NONE)
                        continue;
                if (n->type == NODE_FILE) {
                        slow_remove_below(m, path, true);
                        value = str_printf("#%u", n->sum[0]);
                } else if (slow_is_directory(m, path) && (n->flags & NODE_IMPLIED))
                        continue;
                else
                        value = str_printf("%u %o", n->attributes->uid, (unsigned) n->attributes->mode);
                CHECK_OK(map_put_string(m, path, value));
        }
}

static unsigned next_number(uint32_t *state, unsigned below)
{
        *state = *state * 1664525 + 1013904223;
        return (*state >> 16) % below;
}

static bool is_below_file(Tree *t, const char *path)
{
        _cleanup_strv_ char **parts = NULL;
        const Node *n = tree_root(t);

        CHECK_OK(strv_split(path, "/", &parts));
        for (char **part = parts; part[1] && n; part++) {
                n = tree_lookup(t, n, *part);
                if (n && n->type == NODE_FILE)
                        return true;
        }
        return false;
}

static Tree *made_up_layer(uint32_t *state)
{
        static const char *const paths[] = {"a", "a/b", "a/b/c", "a/b/d", "a/e",
                                            "f", "f/g", "f/g/h", "i",     "a/b/c/j"};
        Tree *t = tree_new();

        for (unsigned i = 0, n = 1 + next_number(state, 6); i < n; i++) {
                const char *path = paths[next_number(state, ELEMENTSOF(paths))];

                if (is_below_file(t, path))
                        continue;
                switch (next_number(state, 5)) {
                case 0:
                        set_directory(t, path, next_number(state, 2) ? &plain : &mine);
                        break;
                case 1:
                        at(t, path)->flags |= NODE_HIDES_LOWER;
                        break;
                case 2:
                        if (at(t, path)->type == NODE_DIRECTORY)
                                at(t, path)->flags |= NODE_OPAQUE;
                        break;
                default:
                        set_file(t, path, (uint8_t) next_number(state, 200));
                }
        }
        return t;
}

/* A file in the place of a directory is no directory any more, whatever else was said of it. */
static void tidy(Tree *t)
{
        for (Node *n = tree_root(t); n; n = tree_next(n)) {
                if (n->type != NODE_DIRECTORY)
                        n->flags &= (uint8_t) ~(NODE_OPAQUE | NODE_IMPLIED);
        }
}

TEST(same_as_a_slow_merge)
{
        uint32_t state = 1;

        for (unsigned round = 0; round < 3000; round++) {
                _cleanup_(tree_freep) Tree *t = tree_new(), *empty = tree_new();
                _cleanup_(map_freep) Map *slow = slow_from(empty), *fast = NULL;

                for (unsigned i = 0, n = 1 + next_number(&state, 5); i < n; i++) {
                        _cleanup_(tree_freep) Tree *layer = made_up_layer(&state);

                        tidy(layer);
                        slow_apply(slow, layer);
                        if (i > 0 || round % 2 > 0)
                                CHECK_OK(tree_apply(t, layer, &bad));
                        else {
                                tree_free(t);
                                t = TAKE_PTR(layer);
                        }
                }
                fast = slow_from(t);
                CHECK(map_equal_strings(fast, slow));
        }
}
