/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which images and names an archive gives, in all its forms. Layers are not read here. */

#include <sys/mman.h>
#include <sys/stat.h>

#include <archive.h>
#include <archive_entry.h>

#include "base/str.h"
#include "engine/transport.h"
#include "tar.h"

#define OCI "application/vnd.oci.image."
#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const char *host_architecture(void)
{
        static Platform host;

        if (!host.os)
                CHECK_OK(platform_host(&host));
        return host.architecture;
}

/* Blobs collected by their digest. */
typedef struct Layout {
        Tar tar;
        char digest[DIGEST_TEXT_SIZE]; /* of the last blob */
        size_t size;
} Layout;

static void layout_done(Layout *l)
{
        tar_done(&l->tar);
}
#define _cleanup_layout_ _cleanup_(layout_done)

static void add_blob(Layout *l, const char *text)
{
        _cleanup_free_ char *name = NULL;

        l->size = strlen(text);
        CHECK_OK(digest_of(text, l->size, l->digest));
        name = str_printf("blobs/sha256/%s", l->digest + strlen("sha256:"));
        tar_add(&l->tar, &(TarEntry){.name = name, .type = '0', .data = text});
}

static char *config_text(const char *architecture, const char *command)
{
        return str_printf("{\"architecture\":\"%s\",\"os\":\"linux\",\"config\":{\"Cmd\":[\"%s\"]},"
                          "\"rootfs\":{\"type\":"
                          "\"layers\",\"diff_ids\":[\"sha256:" HEX64 "\"]}}",
                          architecture, command);
}

/* Adds an image; the digest left behind is its manifest's. */
static void add_image(Layout *l, const char *architecture, const char *command)
{
        _cleanup_free_ char *config = config_text(architecture, command), *manifest = NULL;

        add_blob(l, config);
        manifest = str_printf(
                "{\"schemaVersion\":2,\"mediaType\":\"" OCI
                "manifest.v1+json\",\"config\":{\"mediaType\":\"" OCI
                "config.v1+json\",\"digest\":\"%s\",\"size\":%zu},\"layers\":[{\"mediaType\":\"" OCI
                "layer.v1.tar+gzip\",\"digest\":\"sha256:" HEX64 "\",\"size\":7}]}",
                l->digest, l->size);
        add_blob(l, manifest);
}

static char *descriptor(const Layout *l, const char *type, const char *architecture, const char *name)
{
        _cleanup_free_ char *platform = NULL, *annotations = NULL;

        platform = architecture ? str_printf(",\"platform\":{\"os\":\"linux\",\"architecture\":\"%s\"}",
                                             architecture)
                                : strdup("");
        annotations =
                name ? str_printf(",\"annotations\":{\"org.opencontainers.image.ref.name\":\"%s\"}", name)
                     : strdup("");
        return str_printf("{\"mediaType\":\"" OCI "%s\",\"digest\":\"%s\",\"size\":%zu%s%s}", type, l->digest,
                          l->size, platform, annotations);
}

static char *index_text(const char *const *descriptors, size_t n)
{
        _cleanup_free_ char *list = NULL;

        for (size_t i = 0; i < n; i++) {
                char *longer = str_printf("%s%s%s", strempty(list), i > 0 ? "," : "", descriptors[i]);

                free(list);
                list = longer;
        }
        return str_printf("{\"schemaVersion\":2,\"manifests\":[%s]}", strempty(list));
}

static void finish(Layout *l, const char *index)
{
        tar_add(&l->tar,
                &(TarEntry){.name = "oci-layout", .type = '0', .data = "{\"imageLayoutVersion\":\"1.0.0\"}"});
        tar_add(&l->tar, &(TarEntry){.name = "index.json", .type = '0', .data = index});
        tar_end(&l->tar);
}

static int memory_file(const Tar *t)
{
        int fd = memfd_create("archive", MFD_CLOEXEC);

        CHECK(fd >= 0);
        CHECK_OK(fs_write_all(fd, t->data, t->size));
        CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
        return fd;
}

static int read_fd(int fd, TransportImages *ret, Error *error)
{
        _cleanup_close_ int scratch = test_directory_open();
        _cleanup_(bundle_closep) Bundle *b = NULL;
        int r = bundle_open(fd, scratch, &b, error);

        return r < 0 ? r : transport_read(b, NULL, ret, error);
}

static int read_tar(const Tar *t, TransportImages *ret, Error *error)
{
        _cleanup_close_ int fd = memory_file(t);

        return read_fd(fd, ret, error);
}

static void check_refused(const Tar *t, ErrorKind kind, const char *words)
{
        _cleanup_transport_images_ TransportImages images = {};
        _cleanup_error_ Error error = ERROR_INIT;

        if (read_tar(t, &images, &error) >= 0)
                test_fail(__FILE__, __LINE__, "refused", words, NULL);
        CHECK_EQ(images.n, 0);
        if (error.kind != kind || !strstr(error.message, words))
                test_fail(__FILE__, __LINE__, "the reason", error.message, words);
}

static void simple_layout(Layout *l, const char *name)
{
        _cleanup_free_ char *d = NULL, *index = NULL;

        add_image(l, host_architecture(), "sh");
        d = descriptor(l, "manifest.v1+json", NULL, name);
        index = index_text((const char *const[]){d}, 1);
        finish(l, index);
}

static void check_simple(const TransportImages *images, const char *name)
{
        const TransportImage *i = images->list;

        CHECK_EQ(images->n, 1);
        CHECK_EQ(i->n_layers, 1);
        CHECK_EQ(i->layers[0].coding, CODING_GZIP);
        CHECK_EQ(i->layers[0].size, 7);
        CHECK_STREQ(i->layers[0].digest, "sha256:" HEX64);
        CHECK_STREQ(i->layers[0].member, "blobs/sha256/" HEX64);
        CHECK_EQ(strlen(i->config->id), 64);
        CHECK(startswith(i->config->digest, "sha256:"));
        CHECK_STREQ(i->config->cmd[0], "sh");
        CHECK_STREQ(i->names ? i->names[0] : NULL, name);
}

TEST(oci_names)
{
        static const struct {
                const char *name, *canonical;
        } rows[] = {
                {NULL, NULL},
                {"web", "localhost/web:latest"},
                {"latest", "localhost/latest:latest"},
                {"quay.io/a/b:c", "quay.io/a/b:c"},
                {"docker.io/nginx:1", "docker.io/library/nginx:1"},
        };

        FOREACH_ELEMENT(row, rows) {
                _cleanup_transport_images_ TransportImages images = {};
                _cleanup_layout_ Layout l = {};

                simple_layout(&l, row->name);
                CHECK_OK(read_tar(&l.tar, &images, NULL));
                check_simple(&images, row->canonical);
        }
}

/* The same archive as a file that begins later, through a pipe, compressed, and as a directory. */
TEST(forms)
{
        _cleanup_layout_ Layout l = {};
        static char packed[65536];
        size_t used;
        int fds[2];

        simple_layout(&l, "web");
        {
                _cleanup_transport_images_ TransportImages images = {};
                _cleanup_close_ int fd = memfd_create("archive", MFD_CLOEXEC);

                CHECK_OK(fs_write_all(fd, "something before", 16));
                CHECK_OK(fs_write_all(fd, l.tar.data, l.tar.size));
                CHECK_EQ(lseek(fd, 16, SEEK_SET), 16);
                CHECK_OK(read_fd(fd, &images, NULL));
                check_simple(&images, "localhost/web:latest");
        }
        {
                _cleanup_transport_images_ TransportImages images = {};
                _cleanup_close_ int fd = -EBADF;

                CHECK(l.tar.size < 65536);
                CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
                CHECK_OK(fs_write_all(fds[1], l.tar.data, l.tar.size));
                close_fd(fds[1]);
                fd = fds[0];
                CHECK_OK(read_fd(fd, &images, NULL));
                check_simple(&images, "localhost/web:latest");
        }
        for (Coding c = CODING_GZIP; c < _CODING_MAX; c++) {
                _cleanup_transport_images_ TransportImages images = {};
                struct archive *a = archive_write_new();
                struct archive_entry *e = archive_entry_new();
                Tar t = {packed, 0};

                CHECK_EQ(archive_write_add_filter(a, c == CODING_GZIP ? ARCHIVE_FILTER_GZIP
                                                                      : ARCHIVE_FILTER_ZSTD),
                         ARCHIVE_OK);
                CHECK_EQ(archive_write_set_format_raw(a), ARCHIVE_OK);
                CHECK_EQ(archive_write_open_memory(a, packed, sizeof(packed), &used), ARCHIVE_OK);
                archive_entry_set_filetype(e, AE_IFREG);
                CHECK_EQ(archive_write_header(a, e), ARCHIVE_OK);
                CHECK_EQ(archive_write_data(a, l.tar.data, l.tar.size), (ssize_t) l.tar.size);
                CHECK_EQ(archive_write_close(a), ARCHIVE_OK);
                archive_entry_free(e);
                (void) archive_write_free(a);
                t.size = used;
                CHECK_OK(read_tar(&t, &images, NULL));
                check_simple(&images, "localhost/web:latest");
        }
}

static void write_below(int dir, const char *path, const void *data, size_t size)
{
        _cleanup_free_ char *copy = strdup(path);
        _cleanup_close_ int fd = -EBADF;

        for (char *slash = strchr(copy, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = '\0';
                CHECK(mkdirat(dir, copy, 0700) == 0 || errno == EEXIST);
                *slash = '/';
        }
        fd = openat(dir, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        CHECK_OK(fd);
        CHECK_OK(fs_write_all(fd, data, size));
}

static void unpack(const Tar *t, int dir)
{
        struct archive *a = archive_read_new();
        struct archive_entry *e;
        static char data[65536];

        CHECK_EQ(archive_read_support_format_tar(a), ARCHIVE_OK);
        CHECK_EQ(archive_read_open_memory(a, t->data, t->size), ARCHIVE_OK);
        while (archive_read_next_header(a, &e) == ARCHIVE_OK)
                write_below(dir, archive_entry_pathname(e), data,
                            (size_t) archive_read_data(a, data, sizeof(data)));
        (void) archive_read_free(a);
}

TEST(layout_directory)
{
        _cleanup_close_ int top = test_directory_open(), dir = -EBADF;
        _cleanup_transport_images_ TransportImages images = {}, none = {};
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_layout_ Layout l = {};

        CHECK_EQ(mkdirat(top, "layout", 0700), 0);
        dir = openat(top, "layout", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        simple_layout(&l, "web");
        unpack(&l.tar, dir);
        CHECK_OK(read_fd(dir, &images, NULL));
        check_simple(&images, "localhost/web:latest");

        /* What is no regular file below it is nothing. */
        CHECK_EQ(renameat(dir, "index.json", dir, "other.json"), 0);
        CHECK_EQ(symlinkat("other.json", dir, "index.json"), 0);
        CHECK(read_fd(dir, &none, &error) < 0);
        CHECK_EQ(error.kind, ERROR_BAD_ARCHIVE);
        CHECK_EQ(unlinkat(dir, "index.json", 0), 0);
        CHECK_EQ(mkfifoat(dir, "index.json", 0600), 0);
        CHECK(read_fd(dir, &none, NULL) < 0);
}

static void platforms(Layout *l, const char *const *architectures, size_t n, bool nested)
{
        _cleanup_strv_ char **list = NULL;
        _cleanup_free_ char *index = NULL, *outer = NULL, *d = NULL;

        for (size_t i = 0; i < n; i++) {
                add_image(l, architectures[i], architectures[i]);
                CHECK_OK(strv_consume(&list, descriptor(l, "manifest.v1+json", architectures[i], NULL)));
        }
        index = index_text((const char *const *) list, n);
        if (!nested) {
                finish(l, index);
                return;
        }
        add_blob(l, index);
        d = descriptor(l, "index.v1+json", NULL, "quay.io/x/y:z");
        outer = index_text((const char *const[]){d}, 1);
        finish(l, outer);
}

TEST(platform_is_ours)
{
        const char *ours = host_architecture();

        for (int nested = 0; nested < 2; nested++) {
                _cleanup_transport_images_ TransportImages images = {};
                _cleanup_layout_ Layout l = {}, several = {};

                platforms(&l, (const char *const[]){"pdp11", ours, "unknown", "vax"}, 4, nested);
                CHECK_OK(read_tar(&l.tar, &images, NULL));
                CHECK_EQ(images.n, 1);
                CHECK_STREQ(images.list[0].config->architecture, ours);
                CHECK_STREQ(images.list[0].names ? images.list[0].names[0] : NULL,
                            nested ? "quay.io/x/y:z" : NULL);

                platforms(&several, (const char *const[]){"pdp11", "vax"}, 2, nested);
                check_refused(&several.tar, ERROR_BAD_ARCHIVE, "no image for linux/");
        }
}

/* Alone in its archive, an image for another machine is what the user wants. */
TEST(foreign_image_alone)
{
        _cleanup_transport_images_ TransportImages images = {};
        _cleanup_layout_ Layout l = {};

        platforms(&l, (const char *const[]){"pdp11"}, 1, false);
        CHECK_OK(read_tar(&l.tar, &images, NULL));
        CHECK_EQ(images.n, 1);
}

TEST(several_images)
{
        _cleanup_transport_images_ TransportImages images = {};
        _cleanup_free_ char *a = NULL, *b = NULL, *c = NULL, *index = NULL;
        _cleanup_layout_ Layout l = {};

        add_image(&l, host_architecture(), "a");
        a = descriptor(&l, "manifest.v1+json", NULL, "a:1");
        add_image(&l, host_architecture(), "b");
        b = descriptor(&l, "manifest.v1+json", NULL, "b:1");
        c = descriptor(&l, "manifest.v1+json", NULL, "b:2");
        index = index_text((const char *const[]){a, b, c}, 3);
        finish(&l, index);
        CHECK_OK(read_tar(&l.tar, &images, NULL));
        CHECK_EQ(images.n, 2);
        CHECK_STREQ(images.list[0].names[0], "localhost/a:1");
        CHECK_STREQ(images.list[1].names[0], "localhost/b:1");
        CHECK_STREQ(images.list[1].names[1], "localhost/b:2");
}

TEST(indexes_too_deep)
{
        _cleanup_free_ char *d = NULL, *index = NULL;
        _cleanup_layout_ Layout l = {};

        add_image(&l, host_architecture(), "a");
        d = descriptor(&l, "manifest.v1+json", NULL, NULL);
        for (int i = 0; i < 4; i++) {
                free(index);
                index = index_text((const char *const[]){d}, 1);
                if (i == 3)
                        break;
                add_blob(&l, index);
                free(d);
                d = descriptor(&l, "index.v1+json", NULL, NULL);
        }
        finish(&l, index);
        check_refused(&l.tar, ERROR_LIMIT, "deeper");
}

static void refuse_manifest(const char *manifest, ErrorKind kind, const char *words)
{
        _cleanup_free_ char *d = NULL, *index = NULL;
        _cleanup_layout_ Layout l = {};

        add_blob(&l, manifest);
        d = descriptor(&l, "manifest.v1+json", NULL, NULL);
        index = index_text((const char *const[]){d}, 1);
        finish(&l, index);
        check_refused(&l.tar, kind, words);
}

#define CONFIG_DESCRIPTOR(type)                                                                              \
        "\"config\":{\"mediaType\":\"" type "\",\"digest\":\"sha256:" HEX64 "\",\"size\":1}"

TEST(manifests_refused)
{
        refuse_manifest("[]", ERROR_BAD_ARCHIVE, "object");
        refuse_manifest("{}", ERROR_BAD_ARCHIVE, "schema version");
        refuse_manifest("{\"schemaVersion\":1}", ERROR_BAD_ARCHIVE, "schema version");
        refuse_manifest("{\"schemaVersion\":2}", ERROR_BAD_ARCHIVE, "media type");
        refuse_manifest("{\"schemaVersion\":2,\"mediaType\":\"" OCI "index.v1+json\"}", ERROR_BAD_ARCHIVE,
                        "media type");
        refuse_manifest("{\"schemaVersion\":2,\"mediaType\":1}", ERROR_BAD_ARCHIVE, "media type");
        refuse_manifest("{\"schemaVersion\":2,\"layers\":[],\"manifests\":[]}", ERROR_BAD_ARCHIVE,
                        "an index and of a manifest");
        refuse_manifest("{\"schemaVersion\":2," CONFIG_DESCRIPTOR("application/x") "}", ERROR_BAD_ARCHIVE,
                        "is no image");
        refuse_manifest("{\"schemaVersion\":2," CONFIG_DESCRIPTOR(OCI "config.v1+json") "}",
                        ERROR_BAD_ARCHIVE, "no list of layers");
        refuse_manifest("{\"schemaVersion\":2,\"layers\":[]," CONFIG_DESCRIPTOR(OCI "config.v1+json") "}",
                        ERROR_BAD_ARCHIVE, "There is no");
        refuse_manifest("{\"schemaVersion\":2,\"config\":{\"mediaType\":\"x\",\"digest\":\"sha256:../../"
                        "x\",\"size\":1}}",
                        ERROR_BAD_ARCHIVE, "digest is not");
        refuse_manifest("{\"schemaVersion\":2,\"config\":{\"mediaType\":\"x\",\"digest\":\"sha256:" HEX64
                        "\",\"size\":-1}}",
                        ERROR_BAD_ARCHIVE, "size");
        refuse_manifest("{\"schemaVersion\":2,\"config\":{\"mediaType\":\"x\",\"digest\":\"sha256:" HEX64
                        "\",\"size\":1.5}}",
                        ERROR_BAD_ARCHIVE, "size");
        refuse_manifest("{\"schemaVersion\":2,\"config\":{\"mediaType\":\"x\",\"digest\":\"sha256:" HEX64
                        "\",\"size\":1,\"urls\":[\"http://x\"]}}",
                        ERROR_BAD_ARCHIVE, "elsewhere");
}

static void refuse_layer(const char *type, const char *words)
{
        _cleanup_free_ char *config = config_text("amd64", "x"), *manifest = NULL, *d = NULL, *index = NULL;
        _cleanup_layout_ Layout l = {};

        add_blob(&l, config);
        manifest = str_printf("{\"schemaVersion\":2,\"config\":{\"mediaType\":\"" OCI
                              "config.v1+json\",\"digest\":\"%s\",\"size\":"
                              "%zu},\"layers\":[{\"mediaType\":\"%s\",\"digest\":\"sha256:" HEX64
                              "\",\"size\":7}]}",
                              l.digest, l.size, type);
        add_blob(&l, manifest);
        d = descriptor(&l, "manifest.v1+json", NULL, NULL);
        index = index_text((const char *const[]){d}, 1);
        finish(&l, index);
        check_refused(&l.tar, ERROR_BAD_ARCHIVE, words);
}

TEST(layers_refused)
{
        refuse_layer(OCI "layer.nondistributable.v1.tar+gzip", "not to be distributed");
        refuse_layer("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "not to be distributed");
        refuse_layer(OCI "layer.v1.tar+xz", "media type");
        refuse_layer("", "media type");
}

TEST(bad_names_refused)
{
        _cleanup_layout_ Layout l = {}, m = {};

        simple_layout(&l, "../../etc");
        check_refused(&l.tar, ERROR_BAD_ARCHIVE, "../../etc");
        simple_layout(&m, "a\\nb");
        check_refused(&m.tar, ERROR_BAD_ARCHIVE, "names its image");
}

/* dir: */

static void dir_archive(Tar *t, const char *manifest, const char *listed, const char *config)
{
        char digest[DIGEST_TEXT_SIZE];

        tar_add(t, &(TarEntry){.name = "version", .type = '0', .data = "Directory Transport Version: 1.1\n"});
        tar_add(t, &(TarEntry){.name = "manifest.json", .type = '0', .data = manifest});
        CHECK_OK(digest_of(config, strlen(config), digest));
        tar_add(t, &(TarEntry){.name = digest + strlen("sha256:"), .type = '0', .data = config});
        if (listed) {
                _cleanup_free_ char *name = NULL;

                CHECK_OK(digest_of(listed, strlen(listed), digest));
                name = str_printf("%s.manifest.json", digest + strlen("sha256:"));
                tar_add(t, &(TarEntry){.name = name, .type = '0', .data = listed});
        }
        tar_end(t);
}

static char *docker_manifest(const char *config)
{
        char digest[DIGEST_TEXT_SIZE];

        CHECK_OK(digest_of(config, strlen(config), digest));
        return str_printf(
                "{\"schemaVersion\":2,\"mediaType\":\"application/"
                "vnd.docker.distribution.manifest.v2+json\",\"config\":{\"mediaType\":\"application/"
                "vnd.docker.container.image.v1+json\",\"digest\":\"%s\",\"size\":%zu},\"layers\":[{"
                "\"mediaType\":\"application/vnd.docker.image.rootfs.diff.tar.gzip\",\"digest\":"
                "\"sha256:" HEX64 "\",\"size\":7}]}",
                digest, strlen(config));
}

static char *docker_list(const char *manifest, const char *architecture)
{
        char digest[DIGEST_TEXT_SIZE];

        CHECK_OK(digest_of(manifest, strlen(manifest), digest));
        return str_printf(
                "{\"schemaVersion\":2,\"mediaType\":\"application/"
                "vnd.docker.distribution.manifest.list.v2+json\",\"manifests\":[{\"mediaType\":"
                "\"application/vnd.docker.distribution.manifest.v2+json\",\"digest\":\"%s\",\"size\":%zu,"
                "\"platform\":{\"os\":\"linux\",\"architecture\":\"%s\"}}]}",
                digest, strlen(manifest), architecture);
}

TEST(dir_transport)
{
        _cleanup_free_ char *config = config_text(host_architecture(), "sh"),
                            *manifest = docker_manifest(config),
                            *list = docker_list(manifest, host_architecture()),
                            *foreign = docker_list(manifest, "pdp11");
        char digest[DIGEST_TEXT_SIZE];

        CHECK_OK(digest_of(manifest, strlen(manifest), digest));
        for (int listed = 0; listed < 2; listed++) {
                _cleanup_transport_images_ TransportImages images = {};
                _cleanup_tar_ Tar t = {};

                dir_archive(&t, listed ? list : manifest, listed ? manifest : NULL, config);
                CHECK_OK(read_tar(&t, &images, NULL));
                CHECK_EQ(images.n, 1);
                CHECK_EQ(strv_length(images.list[0].names), 0);
                CHECK_EQ(images.list[0].n_layers, 1);
                CHECK_EQ(images.list[0].layers[0].coding, CODING_GZIP);
                CHECK_STREQ(images.list[0].layers[0].member, HEX64);
                CHECK_STREQ(images.list[0].config->digest, digest);
                CHECK_EQ(images.list[0].manifest_size, strlen(manifest));
        }
        {
                _cleanup_tar_ Tar t = {};

                dir_archive(&t, foreign, manifest, config);
                check_refused(&t, ERROR_BAD_ARCHIVE, "there is no image for linux/");
        }
        {
                _cleanup_tar_ Tar t = {};

                dir_archive(&t, manifest, NULL, "{}");
                check_refused(&t, ERROR_BAD_ARCHIVE, "There is no");
        }
}

/* What is asked for is what one gets, or nothing. */
TEST(platform_asked_for)
{
        _cleanup_platform_ Platform pdp11 = {}, vax = {};

        CHECK_OK(platform_parse("pdp11", &pdp11));
        CHECK_OK(platform_parse("linux/vax", &vax));
        for (int nested = 0; nested < 2; nested++) {
                _cleanup_transport_images_ TransportImages images = {}, none = {};
                _cleanup_close_ int scratch = test_directory_open(), fd = -EBADF;
                _cleanup_(bundle_closep) Bundle *b = NULL;
                _cleanup_error_ Error error = ERROR_INIT;
                _cleanup_layout_ Layout l = {};

                platforms(&l, (const char *const[]){host_architecture(), "pdp11"}, 2, nested);
                fd = memory_file(&l.tar);
                CHECK_OK(bundle_open(fd, scratch, &b, NULL));
                CHECK_OK(transport_read(b, &pdp11, &images, NULL));
                CHECK_EQ(images.n, 1);
                CHECK_STREQ(images.list[0].config->architecture, "pdp11");
                CHECK(transport_read(b, &vax, &none, &error) < 0);
                CHECK(strstr(error.message, "image for linux/vax"));
        }
}

/* docker-archive */

static void docker_archive(Tar *t, const char *manifest, const char *config_name)
{
        _cleanup_free_ char *config = config_text("amd64", "sh");

        tar_add(t, &(TarEntry){.name = config_name, .type = '0', .data = config});
        tar_add(t, &(TarEntry){.name = "one/layer.tar", .type = '0', .data = "\x1f\x8b something"});
        tar_add(t, &(TarEntry){.name = "two/layer.tar", .type = '2', .link = "../one/layer.tar"});
        tar_add(t, &(TarEntry){.name = "three/layer.tar", .type = '1', .link = "two/layer.tar"});
        tar_add(t, &(TarEntry){.name = "loop", .type = '2', .link = "loop"});
        tar_add(t, &(TarEntry){.name = "out", .type = '2', .link = "../../../../etc/passwd"});
        tar_add(t, &(TarEntry){.name = "manifest.json", .type = '0', .data = manifest});
        tar_end(t);
}

TEST(docker_archives)
{
        _cleanup_transport_images_ TransportImages images = {};
        _cleanup_tar_ Tar t = {};

        docker_archive(
                &t,
                "[{\"Config\":\"c.json\",\"RepoTags\":[\"nginx:1\",\"a.b/c:d\",\"u/"
                "v:w\",\"nginx:1\"],\"Layers\":[\"./one/"
                "layer.tar\"]},{\"Config\":\"c.json\",\"RepoTags\":null,\"Layers\":[\"two/layer.tar\"]},"
                "{\"Config\":\"c.json\",\"Layers\":[\"three/layer.tar\"],\"RepoTags\":[\"x.y/z\"]}]",
                "c.json");
        CHECK_OK(read_tar(&t, &images, NULL));
        CHECK_EQ(images.n, 1);
        CHECK_EQ(strv_length(images.list[0].names), 4);
        CHECK_STREQ(images.list[0].names[0], "docker.io/library/nginx:1");
        CHECK_STREQ(images.list[0].names[1], "a.b/c:d");
        CHECK_STREQ(images.list[0].names[2], "docker.io/u/v:w");
        CHECK_STREQ(images.list[0].names[3], "x.y/z:latest");
        CHECK_EQ(images.list[0].layers[0].coding, CODING_GZIP);
        CHECK(!images.list[0].layers[0].digest);
        CHECK(!images.list[0].config->digest);
}

TEST(docker_archives_refused)
{
        static const struct {
                const char *manifest, *words;
        } rows[] = {
                {"{}", "not a list"},
                {"[]", "holds no image"},
                {"[1]", "Config is missing"},
                {"[{}]", "Config is missing"},
                {"[{\"Config\":\"nope.json\"}]", "There is no \"nope.json\""},
                {"[{\"Config\":\"loop\"}]", "There is no"},
                {"[{\"Config\":\"out\"}]", "There is no"},
                {"[{\"Config\":\"../../etc/passwd\"}]", "There is no"},
                {"[{\"Config\":\"c.json\"}]", "Layers are not those"},
                {"[{\"Config\":\"c.json\",\"Layers\":{}}]", "Layers are not those"},
                {"[{\"Config\":\"c.json\",\"Layers\":[\"a\",\"b\"]}]", "Layers are not those"},
                {"[{\"Config\":\"c.json\",\"Layers\":[\"a\"]}]", "There is no \"a\""},
                {"[{\"Config\":\"c.json\",\"Layers\":[\"one/layer.tar\"],\"RepoTags\":\"x\"}]", "RepoTags"},
                {"[{\"Config\":\"c.json\",\"Layers\":[\"one/layer.tar\"],\"RepoTags\":[\"X Y\"]}]",
                 "names its image"},
        };
        _cleanup_tar_ Tar wrong = {};

        FOREACH_ELEMENT(row, rows) {
                _cleanup_tar_ Tar t = {};

                docker_archive(&t, row->manifest, "c.json");
                check_refused(&t, ERROR_BAD_ARCHIVE, row->words);
        }
        docker_archive(&wrong, "[{\"Config\":\"" HEX64 ".json\",\"Layers\":[\"one/layer.tar\"]}]",
                       HEX64 ".json");
        check_refused(&wrong, ERROR_BAD_DIGEST, HEX64);
}

TEST(no_archive)
{
        static const char *const rows[] = {
                "", "x", "\x1f\x8b", "\x28\xb5\x2f\xfd", "#!/bin/sh\n", "PK\3\4............"};

        FOREACH_ELEMENT(row, rows) {
                _cleanup_tar_ Tar t = {};

                tar_append(&t, *row, strlen(*row));
                check_refused(&t, ERROR_BAD_ARCHIVE, "");
        }
}

/* People should know what to do about it. */
TEST(foreign_compression)
{
        static const struct {
                const char *data, *words;
        } rows[] = {{"\xfd"
                     "7zXZ",
                     "xz"},
                    {"BZh91AY", "bzip2"},
                    {"PK\3\4", "zip"}};

        FOREACH_ELEMENT(row, rows) {
                _cleanup_tar_ Tar t = {};
                char data[2048] = {};

                (void) strcpy(data, row->data);
                tar_append(&t, data, sizeof(data));
                check_refused(&t, ERROR_BAD_ARCHIVE, row->words);
        }
}

TEST(cut_anywhere)
{
        _cleanup_layout_ Layout l = {};

        simple_layout(&l, "web");
        for (size_t size = 0; size < l.tar.size - 1024; size += 61) {
                const Tar cut = {l.tar.data, size};

                check_refused(&cut, ERROR_BAD_ARCHIVE, "");
        }
}
