/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Layers into a store, and trees out of it. What must be refused leaves no layer behind. */

#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <archive.h>
#include <archive_entry.h>

#include "base/str.h"
#include "engine/layer.h"
#include "store/image-dir.h"
#include "tar.h"

typedef struct MemoryStream {
        Stream stream;
        const char *data;
        size_t left;
        size_t piece;
} MemoryStream;

static ssize_t memory_read(Stream *s, const void **ret, Error *error)
{
        MemoryStream *m = (MemoryStream *) s;
        size_t n = MIN(m->left, m->piece);

        *ret = m->data;
        m->data += n;
        m->left -= n;
        return (ssize_t) n;
}

static void memory_close(Stream *s)
{
        free(s);
}

static Stream *memory_open(const void *data, size_t size, size_t piece)
{
        MemoryStream *m = malloc(sizeof(*m));

        CHECK(m);
        *m = (MemoryStream){{memory_read, memory_close}, data, size, piece};
        return &m->stream;
}

/* A store in a directory of its own. */
static ImageStore *store_open(int *ret_state)
{
        ImageStore *s = NULL;
        static unsigned n;
        char name[16];
        int dir = test_directory_open();

        (void) snprintf(name, sizeof(name), "%u", n++);
        CHECK_EQ(mkdirat(dir, name, 0700), 0);
        *ret_state = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        close_fd(dir);
        CHECK_OK(image_store_open(*ret_state, STORE_ADD, &s, NULL));
        return s;
}

static int import(ImageStore *s, const Tar *t, size_t piece, Tree **ret, Error *error)
{
        char diff_id[DIGEST_TEXT_SIZE];
        LayerSource source = {.diff_id = diff_id};

        CHECK_OK(digest_of(t->data, t->size, diff_id));
        return layer_import(s, &source, memory_open(t->data, t->size, piece), ret, error);
}

static int compare_strings(const void *a, const void *b)
{
        return strcmp(*(char *const *) a, *(char *const *) b);
}

/* The paths, sorted; with a mark of what each is: "/a/" directory, "/b" content, "-/c" whiteout, "*" opaque,
 * "?" implied. */
static char *paths(Tree *t)
{
        _cleanup_strv_ char **l = NULL;
        char *text;

        for (const Node *n = tree_root(t); n; n = tree_next(n)) {
                _cleanup_free_ char *path = node_path(n);

                if (!n->parent)
                        continue;
                CHECK_OK(strv_consume(&l, str_printf("%s%s%s%s%s", n->flags & NODE_HIDES_LOWER ? "-" : "",
                                                     n->type == NODE_NONE ? "~" : "", path,
                                                     n->flags & NODE_OPAQUE ? "*" : "",
                                                     n->flags & NODE_IMPLIED     ? "?"
                                                     : n->type == NODE_DIRECTORY ? "/"
                                                                                 : "")));
        }
        if (l)
                qsort(l, strv_length(l), sizeof(*l), compare_strings);
        text = strv_join(l, " ");
        CHECK(text);
        return text;
}

/* The layer is read, and read again from the store: both must be as expected. */
static void check_layer(const Tar *t, const char *expected)
{
        _cleanup_close_ int state = -EBADF;
        _cleanup_(image_store_closep) ImageStore *s = store_open(&state);

        for (size_t piece = 1; piece <= 1U << 20; piece = piece == 1 ? 700 : 1U << 21) {
                _cleanup_(tree_freep) Tree *tree = NULL, *back = NULL;
                _cleanup_free_ char *seen = NULL, *stored = NULL;
                _cleanup_error_ Error error = ERROR_INIT;
                char diff_id[DIGEST_TEXT_SIZE];

                if (piece == 1 && t->size > 100000)
                        continue;
                CHECK_OK(image_store_begin(s, NULL));
                if (import(s, t, piece, &tree, &error) < 0)
                        test_fail(__FILE__, __LINE__, "import", error.message, expected);
                CHECK_OK(image_store_commit(s, NULL));
                seen = paths(tree);
                CHECK_STREQ(seen, expected);
                CHECK_OK(digest_of(t->data, t->size, diff_id));
                CHECK_OK(image_store_read_layer(s, diff_id, &back, NULL));
                stored = paths(back);
                CHECK_STREQ(stored, expected);
        }
}

static void check_refused(const Tar *t, const char *words)
{
        _cleanup_close_ int state = -EBADF;
        _cleanup_(image_store_closep) ImageStore *s = store_open(&state);
        _cleanup_(tree_freep) Tree *tree = NULL;
        _cleanup_error_ Error error = ERROR_INIT;
        char diff_id[DIGEST_TEXT_SIZE];
        int r;

        CHECK_OK(image_store_begin(s, NULL));
        r = import(s, t, 1U << 20, &tree, &error);
        if (r >= 0)
                test_fail(__FILE__, __LINE__, "refused", words, NULL);
        CHECK(!tree);
        if (!strstr(error.message, words))
                test_fail(__FILE__, __LINE__, "the reason", error.message, words);
        CHECK(strstr(error.message, "Layer sha256:"));
        CHECK_OK(digest_of(t->data, t->size, diff_id));
        CHECK(!image_store_has_layer(s, diff_id));
}

#define LAYER(expected, ...)                                                                                 \
        do {                                                                                                 \
                _cleanup_tar_ Tar tar_ = {};                                                                 \
                TAR(&tar_, __VA_ARGS__);                                                                     \
                check_layer(&tar_, expected);                                                                \
        } while (0)

#define REFUSED(words, ...)                                                                                  \
        do {                                                                                                 \
                _cleanup_tar_ Tar tar_ = {};                                                                 \
                TAR(&tar_, __VA_ARGS__);                                                                     \
                check_refused(&tar_, words);                                                                 \
        } while (0)

#define FILE_(n)                                                                                             \
        {                                                                                                    \
                .name = n, .type = '0', .data = n                                                            \
        }
#define DIR_(n)                                                                                              \
        {                                                                                                    \
                .name = n, .type = '5'                                                                       \
        }
#define LINK_(n, t)                                                                                          \
        {                                                                                                    \
                .name = n, .type = '2', .link = t                                                            \
        }
#define HARD_(n, t)                                                                                          \
        {                                                                                                    \
                .name = n, .type = '1', .link = t                                                            \
        }

static bool skipped(void)
{
        return geteuid() != 0;
}
#define NEEDS_ROOT()                                                                                         \
        if (skipped())                                                                                       \
        SKIP("only root may give files to others")

TEST(names)
{
        NEEDS_ROOT();
        LAYER("", DIR_("./"));
        LAYER("/a /b/ /b/c /d/e/f /d/e? /d?", FILE_("a"), DIR_("./b/"), FILE_("/b/c"), FILE_(".//d/./e//f"));
        LAYER("/a b /c\nd /\xc3\xa4", FILE_("a b"), FILE_("c\nd"), FILE_("\xc3\xa4"));
        LAYER("/\xe4\xff/x /\xe4\xff?", FILE_("\xe4\xff/x"));
        LAYER("-~/\xe4", FILE_(".wh.\xe4"));
        LAYER("/\xc0\x80 /\xed\xa0\x80 /\xf4\x8f\xbf\xbf /\xf4\x90\x80\x80", FILE_("\xed\xa0\x80"),
              FILE_("\xc0\x80"), FILE_("\xf4\x90\x80\x80"), FILE_("\xf4\x8f\xbf\xbf"));
        LAYER("/... /..a /.a", FILE_("..."), FILE_("..a"), FILE_(".a"));
        LAYER("/a?", FILE_("a/.wh..wh.aufs"));
        LAYER("", FILE_(".wh..wh.plnk/1.2"), DIR_(".wh..wh.orph"));
}

TEST(names_refused)
{
        NEEDS_ROOT();
        REFUSED("leads out", FILE_("../a"));
        REFUSED("leads out", FILE_("a/../../b"));
        REFUSED("leads out", FILE_("a/../b"));
        REFUSED("leads out", FILE_("/.."));
        REFUSED("leads out", DIR_("a/.."));
        REFUSED("has no name", FILE_(""));
        REFUSED("root is not a directory", FILE_("."));
        REFUSED("root is not a directory", LINK_("/", "/etc"));
        REFUSED("root is not a directory", LINK_("./", "/etc"));
        REFUSED("below a file", FILE_("a"), FILE_("a/b"));
        REFUSED("below a file", LINK_("a", "/etc"), FILE_("a/b"));
        REFUSED("below a file", LINK_("a", "b"), LINK_("b", "/etc"), FILE_("b/c/d"));
        REFUSED("below a whiteout", FILE_(".wh.a/b"));
}

TEST(long_names)
{
        static char name[5000], line[5100];
        size_t n;

        NEEDS_ROOT();
        memset(name, 'n', 255);
        n = tar_pax_line(line, sizeof(line), "path", name, 255);
        {
                _cleanup_free_ char *expected = str_printf("/%.255s", name);

                LAYER(expected, {.name = "x", .type = '0', .pax = line, .pax_size = n});
        }
        name[255] = 'n';
        n = tar_pax_line(line, sizeof(line), "path", name, 256);
        REFUSED("longer than 255", {.name = "x", .type = '0', .pax = line, .pax_size = n});
        for (size_t i = 0; i < sizeof(name); i += 2)
                memcpy(name + i, "d/", 2);
        n = tar_pax_line(line, sizeof(line), "path", name, 2 * TREE_DEPTH_MAX - 1);
        {
                _cleanup_tar_ Tar t = {};
                _cleanup_close_ int state = -EBADF;
                _cleanup_(image_store_closep) ImageStore *s = store_open(&state);
                _cleanup_(tree_freep) Tree *tree = NULL;

                TAR(&t, {.name = "x", .type = '0', .pax = line, .pax_size = n});
                CHECK_OK(image_store_begin(s, NULL));
                CHECK_OK(import(s, &t, 512, &tree, NULL));
        }
        n = tar_pax_line(line, sizeof(line), "path", name, 2 * TREE_DEPTH_MAX + 1);
        REFUSED("256 levels", {.name = "x", .type = '0', .pax = line, .pax_size = n});
        n = tar_pax_line(line, sizeof(line), "path", name, 4096);
        REFUSED("4095 bytes", {.name = "x", .type = '0', .pax = line, .pax_size = n});
}

/* Form D of a name stays form D, whatever the header says of its character set. */
TEST(names_are_bytes)
{
        static const char decomposed[] = "e\xcc\x81";
        char line[64];
        size_t n = tar_pax_line(line, sizeof(line), "path", decomposed, strlen(decomposed));

        NEEDS_ROOT();
        LAYER("/e\xcc\x81", {.name = "x", .type = '0', .pax = line, .pax_size = n});
        LAYER("/e\xcc\x81", {.name = decomposed, .type = '0'});
        n = tar_pax_line(line, sizeof(line), "path", "\xff\xfe", 2);
        LAYER("/\xff\xfe", {.name = "x", .type = '0', .pax = line, .pax_size = n});
}

TEST(whiteouts)
{
        NEEDS_ROOT();
        LAYER("-~/a", FILE_(".wh.a"));
        LAYER("-/a", FILE_(".wh.a"), FILE_("a"));
        LAYER("-/a", FILE_("a"), FILE_(".wh.a"));
        LAYER("/d*? /d/x", FILE_("d/x"), FILE_("d/.wh..wh..opq"));
        LAYER("/d*/ /d/x", DIR_("d"), FILE_("d/.wh..wh..opq"), FILE_("d/x"));
        LAYER("-/d? /d/x", FILE_("d/x"), FILE_(".wh.d"));
        LAYER("-~/a", HARD_(".wh.a", ".wh..wh.aufs"));
        LAYER("-~/.wh", FILE_(".wh..wh"));
        REFUSED("no name", FILE_(".wh."));
        REFUSED("no name", FILE_("a/.wh.."));
        REFUSED("no name", FILE_(".wh..."));
        REFUSED("is a directory", DIR_(".wh.a"));
}

TEST(types)
{
        NEEDS_ROOT();
        LAYER("-~/dev/fifo -~/dev/null -~/dev/sda /dev?", {.name = "dev/null", .type = '3'},
              {.name = "dev/sda", .type = '4'}, {.name = "dev/fifo", .type = '6'});
        LAYER("-~/a", FILE_("a"), {.name = "a", .type = '6'});
        LAYER("/a/ /a/b", FILE_("a"), DIR_("a"), FILE_("a/b"));
        LAYER("/a", DIR_("a"), FILE_("a/b"), FILE_("a"));
        LAYER("/a", DIR_("a"), FILE_("a/b"), LINK_("a", "b"));
        LAYER("/a/ /a/b", DIR_("a"), FILE_("a/b"), DIR_("a"));
        LAYER("/a/ /a/b", FILE_("a/b"), DIR_("a"));
        REFUSED("target is empty", LINK_("a", ""));
        LAYER("/a", LINK_("a", "\xf4\x8f\xbf\xbf\xef\xbf\xbe"));
        LAYER("/a", LINK_("a", "\xff"));
        LAYER("/\xff", LINK_("\xff", "\xed\xa0\x80"));
}

TEST(hard_links)
{
        NEEDS_ROOT();
        LAYER("/a /b", FILE_("a"), HARD_("b", "a"));
        LAYER("/a /b", FILE_("a"), HARD_("b", "./a"));
        LAYER("/a /b", FILE_("a"), HARD_("b", "/a"));
        LAYER("/a /b", LINK_("a", "/etc/shadow"), HARD_("b", "a"));
        LAYER("/a", FILE_("a"), HARD_("a", "a"));
        LAYER("/a /b", HARD_("b", "a"), FILE_("a"));
        LAYER("/b", HARD_("b", "/etc/shadow"));
        LAYER("/b /\xff", HARD_("\xff", "/etc//./shadow"), HARD_("b", "\xff"));
        LAYER("/a", HARD_("a", "a"));
        REFUSED("lies below", HARD_("b", "a"), FILE_("b/c"));
        REFUSED("leads out", FILE_("a"), HARD_("b", "../a"));
        REFUSED("leads out", HARD_("b", "../../etc/shadow"));
        REFUSED("not a file", DIR_("d"), HARD_("b", "d"));
        REFUSED("not a file", HARD_("b", "/"));
        LAYER("/b /l", LINK_("l", "/etc"), HARD_("b", "l/passwd"));
        LAYER("-~/a /b", FILE_(".wh.a"), HARD_("b", "a"));
}

TEST(numbers)
{
        static const struct {
                const char *key, *value, *words;
        } rows[] = {
                {"uid", "4294967295", "owner"},
                {"gid", "4294967295", "owner"},
                {"uid", "-1", "owner"},
                {"uid", "18446744073709551616", "owner"},
                {"gid", "9223372036854775808", "owner"},
                {"size", "-1", "negative"},
                {"size", "99999999999999999999", ""},
                {"size", "68719476737", "64 GiB"},
        };

        NEEDS_ROOT();
        FOREACH_ELEMENT(row, rows) {
                char line[128];
                size_t n = tar_pax_line(line, sizeof(line), row->key, row->value, strlen(row->value));

                REFUSED(row->words, {.name = "x", .type = '0', .pax = line, .pax_size = n});
        }
}

TEST(base_256_numbers)
{
        for (unsigned first = 0x80; first <= 0xff; first += 0x7f)
                for (size_t field = 108; field <= 124; field += field == 116 ? 8 : 8) {
                        _cleanup_tar_ Tar t = {};

                        NEEDS_ROOT();
                        tar_header(&t, "x", NULL, '0', 0644, 0, 0, 0);
                        memset(t.data + field, 0xff, 8);
                        t.data[field] = (char) first;
                        tar_seal(t.data);
                        tar_end(&t);
                        check_refused(&t, "");
                }
}

static void check_mtime(const struct stat *st)
{
        CHECK_EQ(st->st_mtim.tv_sec, 1600000000);
        CHECK_EQ(st->st_mtim.tv_nsec, 250000000);
}

/* The length of a list of attribute names without what only the privileged see. */
static ssize_t public_names(const char *list, ssize_t size)
{
        ssize_t public = 0;

        for (const char *name = list; size > 0 && name < list + size; name += strlen(name) + 1)
        public += startswith(name, "trusted.") ? 0 : (ssize_t) strlen(name) + 1;
        return public;
}

TEST(attributes)
{
        static const uint8_t capability[20] = {1, 0, 0, 2, 0, 4}; /* version 2, effective, net_bind_service */
        _cleanup_tar_ Tar t = {};
        _cleanup_close_ int state = -EBADF, root = -EBADF, fd = -EBADF;
        _cleanup_(image_store_closep) ImageStore *s = NULL;
        _cleanup_(tree_freep) Tree *layer = NULL, *tree = tree_new();
        char pax[1024], list[1024];
        struct stat st;
        ImageConfig config = {};
        const Node *bad;
        size_t n;

        NEEDS_ROOT();
        n = tar_pax_line(pax, sizeof(pax), "SCHILY.xattr.security.capability", capability,
                         sizeof(capability));
        n += tar_pax_line(pax + n, sizeof(pax) - n, "SCHILY.xattr.user.x", "y", 1);
        n += tar_pax_line(pax + n, sizeof(pax) - n, "SCHILY.xattr.user.overlay.opaque", "y", 1);
        n += tar_pax_line(pax + n, sizeof(pax) - n, "SCHILY.xattr.trusted.overlay.redirect", "/", 1);
        n += tar_pax_line(pax + n, sizeof(pax) - n, "SCHILY.xattr.security.selinux", "s", 1);
        n += tar_pax_line(pax + n, sizeof(pax) - n, "SCHILY.xattr.system.posix_acl_access", "s", 1);
        n += tar_pax_line(pax + n, sizeof(pax) - n, "mtime", "1600000000.25", strlen("1600000000.25"));
        TAR(&t, {.name = "d", .type = '5', .mode = 01777, .uid = 5, .gid = 6, .pax = pax, .pax_size = n},
            {.name = "f",
             .type = '0',
             .mode = 06711,
             .uid = 1000,
             .gid = 2000,
             .data = "x",
             .pax = pax,
             .pax_size = n},
            {.name = "e", .type = '0', .mode = 04755, .uid = 9, .gid = 8, .pax = pax, .pax_size = n},
            {.name = "l", .type = '2', .link = "/../f", .uid = 3, .gid = 4, .pax = pax, .pax_size = n});
        s = store_open(&state);
        CHECK_OK(image_store_begin(s, NULL));
        CHECK_OK(import(s, &t, 4096, &layer, NULL));
        CHECK_OK(image_store_commit(s, NULL));
        CHECK_OK(tree_apply(tree, layer, &bad));
        CHECK_OK(image_dir_checkout(state, s, tree, &config, NULL));
        CHECK_EQ(config.size, 1);
        root = openat(state, "rootfs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        CHECK_OK(fstatat(root, "d", &st, AT_SYMLINK_NOFOLLOW));
        CHECK_EQ(st.st_mode, S_IFDIR | 01777);
        CHECK_EQ(st.st_uid, 5);
        CHECK_EQ(st.st_gid, 6);
        check_mtime(&st);
        CHECK_OK(fstatat(root, "l", &st, AT_SYMLINK_NOFOLLOW));
        CHECK(S_ISLNK(st.st_mode));
        check_mtime(&st);
        CHECK_EQ(st.st_uid, 3);
        CHECK_OK(fstatat(root, "e", &st, AT_SYMLINK_NOFOLLOW));
        CHECK_EQ(st.st_mode, S_IFREG | 04755);
        CHECK_EQ(st.st_nlink, 1);
        check_mtime(&st);
        fd = openat(root, "f", O_RDONLY | O_CLOEXEC);
        CHECK_OK(fstat(fd, &st));
        CHECK_EQ(st.st_mode, S_IFREG | 06711);
        CHECK_EQ(st.st_uid, 1000);
        CHECK_EQ(st.st_gid, 2000);
        CHECK_EQ(st.st_nlink, 2);
        check_mtime(&st);
        CHECK_EQ(fgetxattr(fd, "security.capability", list, sizeof(list)), 20);
        CHECK_EQ(memcmp(list, capability, 20), 0);
        CHECK_EQ(public_names(list, flistxattr(fd, list, sizeof(list))),
                 sizeof("security.capability") + sizeof("user.x"));
        close_fd(TAKE_FD(fd));
        fd = openat(root, "e", O_RDONLY | O_CLOEXEC);
        CHECK_EQ(flistxattr(fd, list, sizeof(list)), sizeof("security.capability") + sizeof("user.x"));
        close_fd(TAKE_FD(fd));
        fd = openat(root, "d", O_RDONLY | O_CLOEXEC);
        CHECK_EQ(flistxattr(fd, list, sizeof(list)), sizeof("user.x"));
}

static void check_out(const Tar *t, ImageStore *s, int state)
{
        _cleanup_(tree_freep) Tree *layer = NULL;
        ImageConfig config = {};

        CHECK_OK(image_store_begin(s, NULL));
        CHECK_OK(import(s, t, 4096, &layer, NULL));
        CHECK_OK(image_store_commit(s, NULL));
        CHECK_OK(image_dir_checkout(state, s, layer, &config, NULL));
}

TEST(times)
{
        static const struct {
                const char *text;
                int64_t seconds;
        } rows[] = {
                {"1", 1},
                {"-5", -5},
                {"-99999999999", -2147483648},
                {"999999999999999", 15032385535},
                {"4294967296", 4294967296},
        };
        _cleanup_close_ int state = -EBADF;
        _cleanup_(image_store_closep) ImageStore *s = NULL;
        _cleanup_(tree_freep) Tree *back = NULL;
        _cleanup_tar_ Tar t = {};
        char diff_id[DIGEST_TEXT_SIZE];
        struct stat st;

        NEEDS_ROOT();
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                char pax[64], name[] = {(char) ('a' + i), '\0'}, directory[] = {(char) ('A' + i), '\0'};
                size_t n = tar_pax_line(pax, sizeof(pax), "mtime", rows[i].text, strlen(rows[i].text));

                tar_add(&t,
                        &(TarEntry){.name = name, .type = '0', .data = "same", .pax = pax, .pax_size = n});
                tar_add(&t, &(TarEntry){.name = directory, .type = '5', .pax = pax, .pax_size = n});
        }
        tar_end(&t);
        s = store_open(&state);
        check_out(&t, s, state);
        CHECK_OK(digest_of(t.data, t.size, diff_id));
        CHECK_OK(image_store_read_layer(s, diff_id, &back, NULL));
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                char path[] = "rootfs/a";

                path[7] = (char) ('a' + i);
                CHECK_OK(fstatat(state, path, &st, 0));
                CHECK_EQ(st.st_mtim.tv_sec, rows[i].seconds);
                CHECK_EQ(st.st_nlink, 2); /* one object for each time */
                path[7] = (char) ('A' + i);
                CHECK_OK(fstatat(state, path, &st, 0));
                CHECK_EQ(st.st_mtim.tv_sec, rows[i].seconds);
                CHECK_EQ(tree_lookup(back, tree_root(back), path + 7)->attributes->mtime.tv_sec,
                         rows[i].seconds);
        }
        CHECK_EQ(tree_bytes(back), 4 * ELEMENTSOF(rows));
}

TEST(raw_symlinks)
{
        _cleanup_close_ int state = -EBADF;
        _cleanup_(image_store_closep) ImageStore *s = NULL;
        _cleanup_tar_ Tar t = {};
        char target[16];
        struct stat st;

        NEEDS_ROOT();
        TAR(&t, {.name = "l", .type = '2', .link = "\xff/x", .uid = 7, .gid = 8}, HARD_("m", "l"));
        s = store_open(&state);
        check_out(&t, s, state);
        CHECK_EQ(readlinkat(state, "rootfs/l", target, sizeof(target)), 3);
        CHECK_EQ(memcmp(target, "\xff/x", 3), 0);
        CHECK_EQ(readlinkat(state, "rootfs/m", target, sizeof(target)), 3);
        CHECK_OK(fstatat(state, "rootfs/l", &st, AT_SYMLINK_NOFOLLOW));
        CHECK_EQ(st.st_uid, 7);
        CHECK_EQ(st.st_gid, 8);
}

static bool opens_stdio(const TarEntry *entry)
{
        _cleanup_tar_ Tar t = {};
        _cleanup_close_ int state = -EBADF;
        _cleanup_(image_store_closep) ImageStore *s = NULL;
        _cleanup_(tree_freep) Tree *layer = NULL;
        ImageConfig config = {};

        tar_add(&t, entry);
        tar_end(&t);
        s = store_open(&state);
        CHECK_OK(image_store_begin(s, NULL));
        CHECK_OK(import(s, &t, 4096, &layer, NULL));
        CHECK_OK(image_store_commit(s, NULL));
        CHECK_OK(image_dir_checkout(state, s, layer, &config, NULL));
        return config.stdio_paths;
}

TEST(stdio_paths)
{
        static const char text[] = "ErrorLog /proc/self/fd/2\n";
        static const struct {
                const char *name, *link;
                bool found;
        } cases[] = {
                {"var/log/nginx/access.log", "/dev/stdout", true},
                {"var/log/x", "/proc/1/fd/2", true},
                {"var/log/y", "/dev/null", false},
                {"dev/stdout", "/proc/self/fd/1", false},
                {"usr/local/apache2/conf/httpd.conf", NULL, true},
                {"etc/httpd.conf", NULL, true},
                {"docker-entrypoint.sh", NULL, true},
                {"etc/init.d/udev", NULL, false},
                {"usr/share/doc/conf.txt", NULL, false},
        };

        NEEDS_ROOT();
        FOREACH_ELEMENT(c, cases) {
                const TarEntry entry = {.name = c->name,
                                        .type = c->link ? '2' : '0',
                                        .link = c->link,
                                        .mode = 0644,
                                        .data = c->link ? NULL : text,
                                        .size = c->link ? 0 : strlen(text)};

                CHECK_EQ(opens_stdio(&entry), c->found);
        }
}

TEST(attributes_refused)
{
        static char value[70000], pax[80000];
        size_t n;

        NEEDS_ROOT();
        n = tar_pax_line(pax, sizeof(pax), "SCHILY.xattr.security.capability", "x", 1);
        REFUSED("malformed", {.name = "f", .type = '0', .pax = pax, .pax_size = n});
        n = tar_pax_line(pax, sizeof(pax), "SCHILY.xattr.user.x", value, sizeof(value));
        REFUSED("too large", {.name = "f", .type = '0', .pax = pax, .pax_size = n});
        n = tar_pax_line(pax, sizeof(pax), "SCHILY.xattr.user.x", "a", 1);
        n += tar_pax_line(pax + n, sizeof(pax) - n, "SCHILY.xattr.user.x", "b", 1);
        REFUSED("twice", {.name = "f", .type = '0', .pax = pax, .pax_size = n});
        n = 0;
        for (unsigned i = 0; i < 65; i++) {
                char key[32];

                (void) snprintf(key, sizeof(key), "SCHILY.xattr.user.x%u", i);
                n += tar_pax_line(pax + n, sizeof(pax) - n, key, "a", 1);
        }
        REFUSED("too many", {.name = "f", .type = '0', .pax = pax, .pax_size = n});
}

/* Objects of every size that takes another way, twice: the second time nothing new is stored. */
TEST(contents)
{
        static const size_t sizes[] = {0, 1, 511, 512, 513, 300000, 8U << 20, (8U << 20) + 1, 20000000};
        _cleanup_free_ char *data = malloc(20000000);
        _cleanup_close_ int state = -EBADF, root = -EBADF;
        _cleanup_(image_store_closep) ImageStore *s = NULL;
        _cleanup_tar_ Tar t = {};
        uint64_t expected = 0;
        ImageConfig config = {};

        NEEDS_ROOT();
        CHECK(data);
        for (size_t i = 0; i < 20000000; i++)
                data[i] = (char) (i * i >> 7);
        for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
                char name[2] = {(char) ('a' + i)};

                tar_add(&t, &(TarEntry){.name = name, .type = '0', .data = data, .size = sizes[i]});
                expected += sizes[i];
        }
        tar_end(&t);
        s = store_open(&state);
        for (int round = 0; round < 2; round++) {
                _cleanup_(tree_freep) Tree *layer = NULL, *tree = tree_new();
                const Node *bad;

                CHECK_OK(image_store_begin(s, NULL));
                CHECK_OK(import(s, &t, 100000, &layer, NULL));
                CHECK_OK(image_store_commit(s, NULL));
                CHECK_OK(tree_apply(tree, layer, &bad));
                if (round == 0)
                        CHECK_OK(image_dir_checkout(state, s, tree, &config, NULL));
        }
        CHECK_EQ(config.size, expected);
        root = openat(state, "rootfs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
                char name[2] = {(char) ('a' + i)};
                _cleanup_free_ char *back = NULL;
                size_t size;
                struct stat st;

                CHECK_OK(fs_read_at(root, name, 20000000, &back, &size));
                CHECK_EQ(size, sizes[i]);
                CHECK_EQ(memcmp(back, data, size), 0);
                CHECK_OK(fstatat(root, name, &st, 0));
                CHECK_EQ(st.st_nlink, size > 0 ? 2 : 1);
        }
}

/* A sparse file, and one that claims to be a terabyte. */
TEST(sparse)
{
        static const char map[] = "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n26 GNU.sparse.name=sparse\n";
        char pax[256], size[32];
        size_t n;

        NEEDS_ROOT();
        for (int bomb = 0; bomb < 2; bomb++) {
                static const char body[1024] = "2\n4096\n4\n1000000\n0\n";
                uint64_t real = bomb ? UINT64_C(1) << 40 : 1000000;
                char data[1024];

                memcpy(data, body, sizeof(body));
                memcpy(data + 512, "abcd", 4);
                n = strlen(strcpy(pax, map));
                (void) snprintf(size, sizeof(size), "%ju", (uintmax_t) real);
                n += tar_pax_line(pax + n, sizeof(pax) - n, "GNU.sparse.realsize", size, strlen(size));
                if (bomb)
                        REFUSED("64 GiB", {.name = "x",
                                           .type = '0',
                                           .data = data,
                                           .size = 516,
                                           .pax = pax,
                                           .pax_size = n});
                else
                        LAYER("/sparse", {.name = "x",
                                          .type = '0',
                                          .data = data,
                                          .size = 516,
                                          .pax = pax,
                                          .pax_size = n});
        }
}

TEST(holes_are_limited)
{
        static const char map[] = "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n26 GNU.sparse.name=sparse\n";
        char pax[256], data[1024] = "1\n4294967296\n0\n";
        size_t n = strlen(strcpy(pax, map));

        NEEDS_ROOT();
        n += tar_pax_line(pax + n, sizeof(pax) - n, "GNU.sparse.realsize", "4294967296", 10);
        REFUSED("holes", {.name = "x", .type = '0', .data = data, .size = 512, .pax = pax, .pax_size = n});
}

static void compress(Tar *t, int filter)
{
        struct archive *a = archive_write_new();
        struct archive_entry *e = archive_entry_new();
        size_t used, room = t->size + 65536;
        char *out = malloc(room);

        CHECK(out);
        CHECK_EQ(archive_write_add_filter(a, filter), ARCHIVE_OK);
        CHECK_EQ(archive_write_set_format_raw(a), ARCHIVE_OK);
        CHECK_EQ(archive_write_set_bytes_in_last_block(a, 1), ARCHIVE_OK);
        CHECK_EQ(archive_write_open_memory(a, out, room, &used), ARCHIVE_OK);
        archive_entry_set_filetype(e, AE_IFREG);
        CHECK_EQ(archive_write_header(a, e), ARCHIVE_OK);
        CHECK_EQ(archive_write_data(a, t->data, t->size), (ssize_t) t->size);
        CHECK_EQ(archive_write_close(a), ARCHIVE_OK);
        archive_entry_free(e);
        (void) archive_write_free(a);
        free(t->data);
        t->data = out;
        t->size = used;
}

static int import_packed(const Tar *packed, Coding coding, const char *diff_id, const char *digest,
                         uint64_t size, Error *error)
{
        _cleanup_close_ int state = -EBADF;
        _cleanup_(image_store_closep) ImageStore *s = store_open(&state);
        _cleanup_(tree_freep) Tree *tree = NULL;
        const LayerSource source = {.diff_id = diff_id, .digest = digest, .size = size, .coding = coding};
        int r;

        CHECK_OK(image_store_begin(s, NULL));
        r = layer_import(s, &source, memory_open(packed->data, packed->size, 1000), &tree, error);
        CHECK_EQ(image_store_has_layer(s, diff_id), r >= 0);
        return r;
}

/* A stream of several compressed pieces is one stream. */
TEST(members)
{
        static const int filters[] = {ARCHIVE_FILTER_GZIP, ARCHIVE_FILTER_ZSTD};

        NEEDS_ROOT();
        FOREACH_ELEMENT(filter, filters) {
                char diff_id[DIGEST_TEXT_SIZE], digest[DIGEST_TEXT_SIZE];
                _cleanup_tar_ Tar t = {}, first = {}, second = {};

                TAR(&t, FILE_("a"), FILE_("b"));
                CHECK_OK(digest_of(t.data, t.size, diff_id));
                tar_append(&first, t.data, 700);
                tar_append(&second, t.data + 700, t.size - 700);
                compress(&first, *filter);
                compress(&second, *filter);
                tar_append(&first, second.data, second.size);
                CHECK_OK(digest_of(first.data, first.size, digest));
                CHECK_OK(import_packed(&first, coding_from_magic(first.data, first.size), diff_id, digest,
                                       first.size, NULL));
        }
}

TEST(limits_that_are_set)
{
        static const struct {
                uint64_t bytes, entries;
                ErrorKind kind;
        } rows[] = {
                {0, 0, ERROR_NONE},  {2, 3, ERROR_NONE},     {1, 0, ERROR_LIMIT},
                {0, 2, ERROR_LIMIT}, {100, 100, ERROR_NONE},
        };

        NEEDS_ROOT();
        FOREACH_ELEMENT(row, rows) {
                _cleanup_close_ int state = -EBADF;
                _cleanup_(image_store_closep) ImageStore *s = store_open(&state);
                _cleanup_(tree_freep) Tree *tree = NULL;
                _cleanup_error_ Error error = ERROR_INIT;
                _cleanup_tar_ Tar t = {};
                char diff_id[DIGEST_TEXT_SIZE];
                const LayerSource source = {
                        .diff_id = diff_id, .bytes_max = row->bytes, .entries_max = row->entries};

                TAR(&t, FILE_("a"), FILE_("b"), DIR_("c"));
                CHECK_OK(digest_of(t.data, t.size, diff_id));
                CHECK_OK(image_store_begin(s, NULL));
                (void) layer_import(s, &source, memory_open(t.data, t.size, 4096), &tree, &error);
                CHECK_EQ(error.kind, row->kind);
        }
}

TEST(codings_and_digests)
{
        static const struct {
                Coding coding;
                int filter;
        } rows[] = {{CODING_GZIP, ARCHIVE_FILTER_GZIP}, {CODING_ZSTD, ARCHIVE_FILTER_ZSTD}};

        NEEDS_ROOT();
        FOREACH_ELEMENT(row, rows) {
                char diff_id[DIGEST_TEXT_SIZE], digest[DIGEST_TEXT_SIZE], wrong[DIGEST_TEXT_SIZE];
                _cleanup_tar_ Tar t = {};
                _cleanup_error_ Error e1 = ERROR_INIT, e2 = ERROR_INIT, e3 = ERROR_INIT, e4 = ERROR_INIT,
                                      e5 = ERROR_INIT, e6 = ERROR_INIT;

                TAR(&t, FILE_("a"), FILE_("b"));
                CHECK_OK(digest_of(t.data, t.size, diff_id));
                compress(&t, row->filter);
                CHECK_EQ(coding_from_magic(t.data, t.size), row->coding);
                CHECK_OK(digest_of(t.data, t.size, digest));
                CHECK_OK(digest_of("", 0, wrong));
                CHECK_OK(import_packed(&t, row->coding, diff_id, digest, t.size, NULL));
                CHECK_OK(import_packed(&t, row->coding, diff_id, NULL, 0, NULL));
                CHECK(import_packed(&t, row->coding, wrong, digest, t.size, &e1) < 0);
                CHECK_EQ(e1.kind, ERROR_BAD_DIGEST);
                CHECK(import_packed(&t, row->coding, diff_id, wrong, t.size, &e2) < 0);
                CHECK_EQ(e2.kind, ERROR_BAD_DIGEST);
                CHECK(import_packed(&t, row->coding, diff_id, digest, t.size + 1, &e3) < 0);
                CHECK_EQ(e3.kind, ERROR_BAD_DIGEST);
                CHECK(import_packed(&t, CODING_NONE, diff_id, digest, t.size, &e4) < 0);
                CHECK_EQ(e4.kind, ERROR_BAD_ARCHIVE);
                CHECK(import_packed(&t, row->coding == CODING_GZIP ? CODING_ZSTD : CODING_GZIP, diff_id,
                                    digest, t.size, &e5) < 0);
                CHECK(strstr(e5.message, "is not compressed with"));
                /* Bytes after the end of the compressed data are part of the blob. */
                tar_append(&t, "garbage", 7);
                CHECK(import_packed(&t, row->coding, diff_id, digest, t.size, &e6) < 0);
        }
}

TEST(compressed_twice)
{
        char diff_id[DIGEST_TEXT_SIZE];
        _cleanup_tar_ Tar t = {};
        _cleanup_error_ Error e = ERROR_INIT;

        NEEDS_ROOT();
        TAR(&t, FILE_("a"));
        compress(&t, ARCHIVE_FILTER_GZIP);
        CHECK_OK(digest_of(t.data, t.size, diff_id));
        compress(&t, ARCHIVE_FILTER_GZIP);
        CHECK(import_packed(&t, CODING_GZIP, diff_id, NULL, 0, &e) < 0);
        CHECK_EQ(e.kind, ERROR_BAD_ARCHIVE);
}

TEST(cut_anywhere)
{
        char diff_id[DIGEST_TEXT_SIZE];

        NEEDS_ROOT();
        for (Coding c = CODING_NONE; c <= CODING_ZSTD; c++) {
                _cleanup_tar_ Tar t = {};
                size_t step;

                TAR(&t, FILE_("a"), FILE_("b"));
                CHECK_OK(digest_of(t.data, t.size, diff_id));
                if (c != CODING_NONE)
                        compress(&t, c == CODING_GZIP ? ARCHIVE_FILTER_GZIP : ARCHIVE_FILTER_ZSTD);
                step = MAX(t.size / 23, (size_t) 1);
                for (size_t size = t.size; size > 0; size -= MIN(size, step)) {
                        const Tar cut = {t.data, size - 1};
                        _cleanup_error_ Error e = ERROR_INIT;

                        CHECK(import_packed(&cut, c, diff_id, NULL, 0, &e) < 0);
                        CHECK(!isempty(e.message));
                }
        }
}

TEST(bombs)
{
        _cleanup_free_ char *zeros = calloc(1, 200U << 20);
        char diff_id[DIGEST_TEXT_SIZE];

        NEEDS_ROOT();
        CHECK(zeros);
        for (Coding c = CODING_GZIP; c <= CODING_ZSTD; c++) {
                _cleanup_tar_ Tar t = {};
                _cleanup_error_ Error e = ERROR_INIT;

                tar_add(&t, &(TarEntry){.name = "x", .type = '0', .data = zeros, .size = 200U << 20});
                tar_end(&t);
                CHECK_OK(digest_of(t.data, t.size, diff_id));
                compress(&t, c == CODING_GZIP ? ARCHIVE_FILTER_GZIP : ARCHIVE_FILTER_ZSTD);
                CHECK(import_packed(&t, c, diff_id, NULL, 0, &e) < 0);
                CHECK_EQ(e.kind, ERROR_LIMIT);
                CHECK(strstr(e.message, "200 times"));
        }
}

TEST(not_tar)
{
        static const char *const rows[] = {"070701",        "PK\3\4",       "7z\xbc\xaf\x27\x1c", "#mtree\n",
                                           "begin 644 a\n", "Rar!\x1a\x07", "!<arch>\n"};

        NEEDS_ROOT();
        FOREACH_ELEMENT(row, rows) {
                _cleanup_tar_ Tar t = {};
                char data[2048] = {};

                (void) strcpy(data, *row);
                tar_append(&t, data, sizeof(data));
                check_refused(&t, "tar stream");
        }
}

TEST(empty_layers)
{
        _cleanup_tar_ Tar nothing = {}, end = {};

        NEEDS_ROOT();
        tar_append(&nothing, "", 0);
        check_layer(&nothing, "");
        tar_end(&end);
        check_layer(&end, "");
}
