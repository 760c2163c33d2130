/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Everything is a file with a name and bytes; beneath is a tar archive or a directory. The lists of images
 * come last, when all that they name is there. Nothing in an archive depends on who writes it, or when. */

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/hashmap.h"
#include "base/str.h"
#include "engine/layout-write.h"
#include "spec/image-ref.h"

#define REF_NAME "org.opencontainers.image.ref.name"
#define FULL_NAME "io.containerd.image.name"

struct LayoutWriter {
        LayoutFormat format;
        int fd;
        struct archive *tar; /* NULL: a directory */
        Map *written;        /* digests of blobs */
        json_t *list;        /* of images: index.json's or manifest.json's */
        size_t n_images;
};

static const struct {
        const char *name;
        MediaFamily family;   /* whose layout it is */
        MediaFamily manifest; /* and whose manifests are in it */
        bool archive;
        const char *layer; /* where the blob with these digits is */
        const char *document;
} formats[_LAYOUT_FORMAT_MAX] = {
        [LAYOUT_OCI_DIR] = {"oci-dir", MEDIA_OCI, MEDIA_OCI, false, "blobs/sha256/%s", "blobs/sha256/%s"},
        [LAYOUT_OCI_ARCHIVE] = {"oci-archive", MEDIA_OCI, MEDIA_OCI, true, "blobs/sha256/%s",
                                "blobs/sha256/%s"},
        [LAYOUT_DOCKER_DIR] = {"docker-dir", MEDIA_DOCKER, MEDIA_DOCKER, false, "%s", "%s"},
        [LAYOUT_DOCKER_ARCHIVE] = {"docker-archive", MEDIA_DOCKER, MEDIA_DOCKER, true, "%s.tar", "%s.json"},
        [LAYOUT_PUSH_DOCKER] = {"push-docker", MEDIA_OCI, MEDIA_DOCKER, false, "blobs/sha256/%s",
                                "blobs/sha256/%s"},
};

LayoutFormat layout_format_from_string(const char *s)
{
        for (LayoutFormat f = 0; f < _LAYOUT_FORMAT_MAX; f++)
                if (streq_ptr(formats[f].name, s))
                        return f;
        return _LAYOUT_FORMAT_INVALID;
}

const char *layout_format_to_string(LayoutFormat f)
{
        return f >= 0 && f < _LAYOUT_FORMAT_MAX ? formats[f].name : NULL;
}

bool layout_format_is_archive(LayoutFormat f)
{
        return formats[f].archive;
}

/* Files */

static int tar_failed(LayoutWriter *w, Error *error)
{
        int failed = archive_errno(w->tar);

        return error_set_errno(error, failed > 0 ? failed : EIO, "Cannot write the archive");
}

static int begin_member(LayoutWriter *w, const char *name, mode_t type, uint64_t size, Error *error)
{
        struct archive_entry *entry = archive_entry_new();
        int x;

        if (!entry)
                return -ENOMEM;
        archive_entry_set_pathname(entry, name);
        archive_entry_set_filetype(entry, type);
        archive_entry_set_perm(entry, type == AE_IFDIR ? 0755 : 0644);
        archive_entry_set_size(entry, (la_int64_t) size);
        archive_entry_set_mtime(entry, 0, 0);
        x = archive_write_header(w->tar, entry);
        archive_entry_free(entry);
        return x == ARCHIVE_OK ? 0 : tar_failed(w, error);
}

static int add_member(LayoutWriter *w, const char *name, uint64_t size, Stream *in, Error *error)
{
        int r = begin_member(w, name, AE_IFREG, size, error);
        const void *data;
        ssize_t n = 0;

        while (r >= 0 && (n = stream_read(in, &data, error)) > 0)
                if (archive_write_data(w->tar, data, (size_t) n) != n)
                        r = tar_failed(w, error);
        return r < 0 ? r : (int) n;
}

static int open_new(LayoutWriter *w, const char *name)
{
        if (unlinkat(w->fd, name, 0) < 0 && errno != ENOENT)
                return -errno;
        return fs_open_beneath(w->fd, name, O_WRONLY | O_CREAT | O_EXCL, 0644);
}

static int add_file(LayoutWriter *w, const char *name, uint64_t size, Stream *in, Error *error)
{
        _cleanup_close_ int fd = open_new(w, name);
        const void *data;
        ssize_t n = 0;
        int r = MIN(fd, 0);

        while (r >= 0 && (n = stream_read(in, &data, error)) > 0)
                r = fs_write_all(fd, data, (size_t) n);
        if (r >= 0 && n >= 0 && fchmod(fd, 0644) < 0)
                r = -errno;
        if (r < 0)
                return error_set_errno(error, r, "Cannot write \"%s\"", name);
        return (int) n;
}

/* Memory as a stream. */
typedef struct TextStream {
        Stream stream;
        const void *data;
        size_t left;
} TextStream;

static ssize_t text_read(Stream *s, const void **ret, Error *error)
{
        TextStream *t = (TextStream *) s;

        *ret = t->data;
        return (ssize_t) TAKE(t->left, 0);
}

static int add_text(LayoutWriter *w, const char *name, const void *data, size_t size, Error *error)
{
        TextStream text = {{text_read, NULL}, data, size};

        return w->tar ? add_member(w, name, size, &text.stream, error)
                      : add_file(w, name, size, &text.stream, error);
}

static int add_json(LayoutWriter *w, const char *name, const json_t *v, Error *error)
{
        _cleanup_free_ char *text = json_text(v);

        return text ? add_text(w, name, text, strlen(text), error) : -ENOMEM;
}

static int add_directory(LayoutWriter *w, const char *name, Error *error)
{
        if (w->tar)
                return begin_member(w, name, AE_IFDIR, 0, error);
        if (mkdirat(w->fd, name, 0755) < 0 && errno != EEXIST)
                return error_set_errno(error, errno, "Cannot make the directory \"%s\"", name);
        return 0;
}

/* Beginning */

static int open_archive(LayoutWriter *w, Error *error)
{
        w->tar = archive_write_new();
        if (!w->tar)
                return -ENOMEM;
        if (archive_write_set_format_gnutar(w->tar) != ARCHIVE_OK ||
            archive_write_set_bytes_per_block(w->tar, 64 * 1024) != ARCHIVE_OK ||
            archive_write_set_bytes_in_last_block(w->tar, 512) != ARCHIVE_OK ||
            archive_write_open_fd(w->tar, w->fd) != ARCHIVE_OK)
                return tar_failed(w, error);
        return 0;
}

static int begin(LayoutWriter *w, Error *error)
{
        static const char layout[] = "{\"imageLayoutVersion\":\"1.0.0\"}",
                          version[] = "Directory Transport Version: 1.1\n";
        int r = formats[w->format].archive ? open_archive(w, error) : 0;

        if (r < 0)
                return r;
        if (w->format == LAYOUT_DOCKER_DIR)
                return add_text(w, "version", version, strlen(version), error);
        if (formats[w->format].family != MEDIA_OCI)
                return 0;
        r = add_text(w, "oci-layout", layout, strlen(layout), error);
        if (r >= 0)
                r = add_directory(w, "blobs", error);
        return r < 0 ? r : add_directory(w, "blobs/sha256", error);
}

int layout_writer_new(int fd, LayoutFormat format, LayoutWriter **ret, Error *error)
{
        _cleanup_(layout_writer_freep) LayoutWriter *w = calloc(1, sizeof(LayoutWriter));
        int r;

        if (!w)
                return -ENOMEM;
        w->format = format;
        w->fd = fd;
        w->written = map_new(NULL);
        w->list = json_array();
        if (!w->written || !w->list)
                return -ENOMEM;
        r = begin(w, error);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(w);
        return 0;
}

LayoutWriter *layout_writer_free(LayoutWriter *w)
{
        if (!w)
                return NULL;
        if (w->tar)
                (void) archive_write_free(w->tar);
        map_free(w->written);
        json_decref(w->list);
        free(w);
        return NULL;
}

/* Blobs */

bool layout_writer_has(const LayoutWriter *w, const char *digest)
{
        return map_has(w->written, digest);
}

static int blob_name(const char *pattern, const char *digest, char **ret)
{
        *ret = str_printf(pattern, digest + strlen("sha256:"));
        return *ret ? 0 : -ENOMEM;
}

int layout_writer_add_layer(LayoutWriter *w, const Packed *packed, Stream *in, Error *error)
{
        _cleanup_free_ char *name = NULL;
        int r = blob_name(formats[w->format].layer, packed->digest, &name);

        if (r >= 0)
                r = w->tar ? add_member(w, name, packed->size, in, error)
                           : add_file(w, name, packed->size, in, error);
        return r < 0 ? r : map_put(w->written, packed->digest, w);
}

static int add_document(LayoutWriter *w, const char *text, size_t size, char digest[static DIGEST_TEXT_SIZE],
                        Error *error)
{
        _cleanup_free_ char *name = NULL;
        int r = digest_of(text, size, digest);

        if (r < 0 || layout_writer_has(w, digest))
                return r;
        r = blob_name(formats[w->format].document, digest, &name);
        if (r >= 0)
                r = add_text(w, name, text, size, error);
        return r < 0 ? r : map_put(w->written, digest, w);
}

/* Images */

static json_t *descriptor(MediaType type, MediaFamily family, Coding coding, const char *digest,
                          uint64_t size)
{
        return json_pack("{s:s, s:s, s:I}", "mediaType", media_type_to_string(type, family, coding), "digest",
                         digest, "size", (json_int_t) size);
}

static json_t *manifest_of(const LayoutImage *image, MediaFamily family, const char *config_digest)
{
        json_t *layers = json_array();

        for (size_t i = 0; i < image->n_layers; i++) {
                const LayoutLayer *l = &image->layers[i];

                if (json_array_append_new(layers, descriptor(MEDIA_LAYER, family, l->coding, l->packed.digest,
                                                             l->packed.size)) < 0) {
                        json_decref(layers);
                        return NULL;
                }
        }
        return json_pack("{s:i, s:s, s:o, s:o, s:O*}", "schemaVersion", 2, "mediaType",
                         media_type_to_string(MEDIA_MANIFEST, family, CODING_NONE), "config",
                         descriptor(MEDIA_CONFIG, family, CODING_NONE, config_digest, image->config_size),
                         "layers", layers, "annotations", family == MEDIA_OCI ? image->annotations : NULL);
}

/* One entry for each name, or one for none. */
static int list_manifest(LayoutWriter *w, const LayoutImage *image, uint64_t size)
{
        const json_t *entry = NULL;
        char *const *names = image->names;

        do {
                const char *name = names ? *names : NULL;
                json_t *v = descriptor(MEDIA_MANIFEST, formats[w->format].manifest, CODING_NONE,
                                       image->digest, size);

                entry = v;
                if (name && json_object_set_new(v, "annotations",
                                                json_pack("{s:s, s:s}", FULL_NAME, name, REF_NAME, name)) < 0)
                        entry = NULL;
                if (json_array_append_new(w->list, v) < 0 || !entry)
                        return -ENOMEM;
        } while (names && *names && *++names);
        return 0;
}

static int add_oci_image(LayoutWriter *w, LayoutImage *image, const char *config_digest, Error *error)
{
        _cleanup_json_ json_t *manifest = manifest_of(image, formats[w->format].manifest, config_digest);
        _cleanup_free_ char *text = manifest ? json_text(manifest) : NULL;
        int r = text ? add_document(w, text, strlen(text), image->digest, error) : -ENOMEM;

        return r < 0 ? r : list_manifest(w, image, strlen(text));
}

static int add_docker_dir_image(LayoutWriter *w, LayoutImage *image, const char *config_digest, Error *error)
{
        _cleanup_json_ json_t *manifest = manifest_of(image, MEDIA_DOCKER, config_digest);
        _cleanup_free_ char *text = manifest ? json_text(manifest) : NULL;
        int r = text ? digest_of(text, strlen(text), image->digest) : -ENOMEM;

        if (w->n_images > 0)
                return error_set(error, ERROR_INVALID_ARGUMENT, "The format docker-dir holds one image only");
        return r < 0 ? r : add_text(w, "manifest.json", text, strlen(text), error);
}

/* A name with a digest says nothing that Docker's format could hold. */
static json_t *docker_tags(char *const *names)
{
        json_t *tags = json_array();

        STRV_FOREACH(name, (char **) names)
                if (!strchr(*name, '@') && json_array_append_new(tags, json_string(*name)) < 0) {
                        json_decref(tags);
                        return NULL;
                }
        return tags;
}

static int list_docker_image(LayoutWriter *w, const LayoutImage *image, const char *config_digest)
{
        _cleanup_free_ char *config = NULL;
        json_t *layers = json_array();
        int r = blob_name(formats[w->format].document, config_digest, &config);

        for (size_t i = 0; r >= 0 && i < image->n_layers; i++) {
                _cleanup_free_ char *name = NULL;

                r = blob_name(formats[w->format].layer, image->layers[i].packed.digest, &name);
                if (r >= 0 && json_array_append_new(layers, json_string(name)) < 0)
                        r = -ENOMEM;
        }
        if (r < 0) {
                json_decref(layers);
                return r;
        }
        return json_array_append_new(w->list, json_pack("{s:s, s:o, s:o}", "Config", config, "RepoTags",
                                                        docker_tags(image->names), "Layers", layers)) < 0
                       ? -ENOMEM
                       : 0;
}

int layout_writer_add_image(LayoutWriter *w, LayoutImage *image, Error *error)
{
        char config_digest[DIGEST_TEXT_SIZE];
        int r = add_document(w, image->config, image->config_size, config_digest, error);

        *image->digest = '\0';
        if (r < 0)
                return r;
        if (formats[w->format].family == MEDIA_OCI)
                r = add_oci_image(w, image, config_digest, error);
        else if (w->format == LAYOUT_DOCKER_DIR)
                r = add_docker_dir_image(w, image, config_digest, error);
        else
                r = list_docker_image(w, image, config_digest);
        w->n_images += r >= 0;
        return r;
}

int layout_writer_finish(LayoutWriter *w, Error *error)
{
        int r = 0;

        if (formats[w->format].family == MEDIA_OCI) {
                _cleanup_json_ json_t *index = json_pack(
                        "{s:i, s:s, s:O}", "schemaVersion", 2, "mediaType",
                        media_type_to_string(MEDIA_INDEX, MEDIA_OCI, CODING_NONE), "manifests", w->list);

                r = index ? add_json(w, "index.json", index, error) : -ENOMEM;
        } else if (w->format == LAYOUT_DOCKER_ARCHIVE)
                r = add_json(w, "manifest.json", w->list, error);
        if (r >= 0 && w->tar && archive_write_close(w->tar) != ARCHIVE_OK)
                r = tar_failed(w, error);
        return r;
}
