/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Layers through the store and out again: the same bytes, whatever their tar looks like; and layers that
 * cannot be expressed say so. */

#include <sys/stat.h>

#include "base/fs.h"
#include "base/str.h"
#include "engine/layer.h"
#include "engine/recipe.h"
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

static Stream *memory_open(const Tar *t, size_t piece)
{
        MemoryStream *m = malloc(sizeof(*m));

        CHECK(m);
        *m = (MemoryStream){{memory_read, memory_close}, t->data, t->size, piece};
        return &m->stream;
}

typedef struct Store {
        ImageStore *store;
        int state;
} Store;

static void store_done(Store *s)
{
        image_store_close(s->store);
        close_fd(s->state);
}

static void store_init(Store *s)
{
        static unsigned n;
        int dir = test_directory_open();
        char name[16];

        (void) snprintf(name, sizeof(name), "%u", n++);
        CHECK_EQ(mkdirat(dir, name, 0700), 0);
        s->state = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        close_fd(dir);
        CHECK_OK(image_store_open(s->state, STORE_ADD, &s->store, NULL));
}

static void add_layer(Store *s, const Tar *t, size_t piece, char diff_id[static DIGEST_TEXT_SIZE])
{
        _cleanup_(tree_freep) Tree *tree = NULL;
        _cleanup_error_ Error error = ERROR_INIT;
        LayerSource source = {.diff_id = diff_id};

        CHECK_OK(digest_of(t->data, t->size, diff_id));
        CHECK_OK(image_store_begin(s->store, NULL));
        if (layer_import(s->store, &source, memory_open(t, piece), &tree, &error) < 0)
                test_fail(__FILE__, __LINE__, "import", error.message, NULL);
        for (const Node *n = tree_root(tree); n; n = tree_next(n))
                CHECK(!startswith(n->name, ".wh."));
        CHECK_OK(image_store_commit(s->store, NULL));
        CHECK_OK(image_store_publish(s->store, NULL));
}

/* What the recipe makes is the layer. */
static void check_rebuilt(Store *s, const char *diff_id, const Tar *t)
{
        _cleanup_(stream_closep) Stream *in = NULL;
        _cleanup_error_ Error error = ERROR_INIT;
        uint64_t size = 0, done = 0;
        const void *data;
        ssize_t n;

        if (recipe_open(s->store, diff_id, &in, &size, &error) < 0)
                test_fail(__FILE__, __LINE__, "a recipe", error.message, NULL);
        CHECK_EQ(size, t->size);
        while ((n = stream_read(in, &data, &error)) > 0) {
                CHECK(done + (size_t) n <= t->size);
                CHECK(memcmp(t->data + done, data, (size_t) n) == 0);
                done += (size_t) n;
        }
        CHECK_OK(n);
        CHECK_EQ(done, t->size);
}

static void check_layer(const Tar *t)
{
        for (size_t piece = 100; piece <= 1000000; piece *= 100) {
                _cleanup_(store_done) Store s = {};
                _cleanup_(tree_freep) Tree *back = NULL;
                char diff_id[DIGEST_TEXT_SIZE];

                store_init(&s);
                add_layer(&s, t, piece, diff_id);
                check_rebuilt(&s, diff_id, t);
                CHECK_OK(image_store_read_layer(s.store, diff_id, &back, NULL));
                for (const Node *n = tree_root(back); n; n = tree_next(n))
                        CHECK(!startswith(n->name, ".wh."));
                /* What nobody needs is gone afterwards, what the recipe needs is not. */
                s.store = image_store_close(s.store);
                CHECK_OK(image_store_open(s.state, STORE_COLLECT, &s.store, NULL));
                CHECK_OK(image_store_collect(s.store, (char *const[]){diff_id, NULL}, NULL));
                check_rebuilt(&s, diff_id, t);
        }
}

static void check_none(const Tar *t)
{
        _cleanup_(store_done) Store s = {};
        char diff_id[DIGEST_TEXT_SIZE];
        Stream *in = NULL;
        uint64_t size;

        store_init(&s);
        add_layer(&s, t, 100000, diff_id);
        CHECK_EQ(recipe_open(s.store, diff_id, &in, &size, NULL), -ENODATA);
        CHECK(!in);
}

TEST(plain_layers)
{
        static char large[70000];
        _cleanup_tar_ Tar t = {}, empty = {};

        memset(large, 'x', sizeof(large));
        large[65535] = 'y';
        tar_add(&t, &(TarEntry){.name = "./", .type = '5', .mode = 0755});
        tar_add(&t, &(TarEntry){.name = "./a", .type = '0', .mode = 0644, .data = "content"});
        tar_add(&t, &(TarEntry){.name = "./empty", .type = '0', .mode = 0644});
        tar_add(&t, &(TarEntry){.name = "./block", .type = '0', .mode = 0644, .data = large, .size = 512});
        tar_add(&t, &(TarEntry){.name = "./large", .type = '0', .mode = 0600, .data = large, .size = 70000});
        tar_add(&t, &(TarEntry){.name = "./link", .type = '2', .link = "a"});
        tar_add(&t, &(TarEntry){.name = "./hard", .type = '1', .link = "./a"});
        tar_add(&t, &(TarEntry){.name = "./gone/.wh.x", .type = '0'});
        tar_add(&t, &(TarEntry){.name = "./again", .type = '0', .data = "content"});
        tar_end(&t);
        check_layer(&t);
        /* More than the end mark, as tar pads its records, and not only zeros. */
        tar_append(&t, large, 5000);
        check_layer(&t);
        tar_end(&empty);
        check_layer(&empty);
}

/* What the layer has no more, the stream still has. */
TEST(names_that_come_twice)
{
        _cleanup_tar_ Tar t = {};

        tar_add(&t, &(TarEntry){.name = "a", .type = '0', .data = "first"});
        tar_add(&t, &(TarEntry){.name = "b", .type = '0', .data = "lost"});
        tar_add(&t, &(TarEntry){.name = "a", .type = '0', .data = "second"});
        tar_add(&t, &(TarEntry){.name = "b", .type = '5', .mode = 0755});
        tar_add(&t, &(TarEntry){.name = "a", .type = '0', .data = "third"});
        tar_end(&t);
        check_layer(&t);
}

TEST(extended_headers)
{
        static char name[700];
        _cleanup_tar_ Tar t = {};

        for (size_t i = 0; i < sizeof(name) - 1; i++)
                name[i] = i % 100 == 99 ? '/' : 'n';
        tar_add(&t, &(TarEntry){.name = "pax", .type = '0', .data = "one", .pax = "13 mtime=1.5\n13 comment=x\n"});
        tar_add(&t,
                &(TarEntry){
                        .name = "xattr", .type = '0', .data = "two", .pax = "27 SCHILY.xattr.user.x=\1\2\3\n"});
        tar_add(&t, &(TarEntry){.name = "x", .type = '0', .data = "three"});
        tar_add(&t, &(TarEntry){.name = "././@LongLink", .type = 'L', .data = name, .size = sizeof(name)});
        tar_add(&t, &(TarEntry){.name = "n", .type = '0', .data = "four"});
        tar_end(&t);
        check_layer(&t);
}

/* Of a whiteout the layer keeps no content. */
TEST(not_to_be_expressed)
{
        _cleanup_tar_ Tar t = {};

        tar_add(&t, &(TarEntry){.name = ".wh.a", .type = '0', .data = "content"});
        tar_end(&t);
        check_none(&t);
}

/* A recipe that was damaged makes an error, not other bytes. */
TEST(damaged_recipes)
{
        _cleanup_tar_ Tar t = {};
        char diff_id[DIGEST_TEXT_SIZE], path[128];
        uint8_t sum[OBJECT_SUM_SIZE];
        _cleanup_(store_done) Store s = {};
        _cleanup_free_ char *whole = NULL;
        char hex[2 * OBJECT_SUM_SIZE + 1];
        size_t size, unnoticed = 0;

        tar_add(&t, &(TarEntry){.name = "a", .type = '0', .data = "first"});
        tar_add(&t, &(TarEntry){.name = "b", .type = '0', .data = "second"});
        tar_end(&t);
        store_init(&s);
        add_layer(&s, &t, 1000, diff_id);
        CHECK_OK(image_store_find_recipe(s.store, diff_id, sum, NULL));
        for (size_t i = 0; i < OBJECT_SUM_SIZE; i++)
                (void) snprintf(hex + 2 * i, 3, "%02x", sum[i]);
        (void) snprintf(path, sizeof(path), "ostree/repo/objects/%.2s/%s.file", hex, hex + 2);
        CHECK_OK(fs_read_at(s.state, path, 1 << 20, &whole, &size));
        for (size_t i = 0; i < size; i++) {
                _cleanup_close_ int fd = openat(s.state, path, O_WRONLY | O_CLOEXEC);
                _cleanup_(stream_closep) Stream *in = NULL, *hash = NULL;
                char digest[DIGEST_TEXT_SIZE] = "";
                uint64_t made;
                const void *data;
                ssize_t n = -1;

                whole[i] ^= 4;
                CHECK_OK(fs_write_all(fd, whole, size));
                whole[i] ^= 4;
                if (recipe_open(s.store, diff_id, &in, &made, NULL) >= 0) {
                        CHECK_OK(stream_open_hash(TAKE_PTR(in), &hash));
                        while ((n = stream_read(hash, &data, NULL)) > 0)
                                ;
                        CHECK_OK(stream_hash_digest(hash, digest));
                }
                unnoticed += n == 0 && streq(digest, diff_id);
        }
        /* The size of zstd's window may change without changing what comes out. */
        CHECK(unnoticed <= 1);
}
