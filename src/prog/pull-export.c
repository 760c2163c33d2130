/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* export: images into an archive or a directory, which is the standard input, opened for writing. The layers
 * are the bytes that came, from their recipes, compressed anew; the configuration is the one that came; so
 * the image has the same ID wherever it goes. Each layer's digest is verified on the way out. A layer that
 * has no recipe leaves as another tar stream of the same files, and with it the image gets another ID, which
 * is said. */

#include <sys/stat.h>

#include "base/fs.h"
#include "base/hashmap.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/str.h"
#include "engine/layer-write.h"
#include "engine/layout-write.h"
#include "engine/recipe.h"
#include "engine/transport.h"
#include "prog/pull.h"
#include "spec/image-ref.h"

#define OUTPUT_FD STDIN_FILENO
#define CONFIG_SIZE_MAX (4U * 1024 * 1024)

/* A layer that is written: under which diff ID, and as what. */
typedef struct Written {
        char diff_id[DIGEST_TEXT_SIZE];
        LayoutLayer layer;
} Written;

typedef struct Wanted {
        char *id;
        char **names;
        char *config; /* as it came, or with other diff IDs */
        size_t config_size;
        ImageConfig *parsed;
        Manifest manifest;
        char digest[DIGEST_TEXT_SIZE];
} Wanted;

typedef struct Export {
        Pull *pull;
        Error *error; /* the pull's */
        ImageStore *store;
        LayoutWriter *writer;
        LayoutFormat format;
        Coding coding; /* _CODING_INVALID: not said */
        Wanted *images;
        size_t n_images;
        Map *written; /* by the diff ID that was asked for */
        size_t item;  /* of the progress */
} Export;

static void export_done(Export *e)
{
        for (size_t i = 0; i < e->n_images; i++) {
                Wanted *w = &e->images[i];

                free(w->id);
                strv_free(w->names);
                free(w->config);
                image_config_free(w->parsed);
                manifest_done(&w->manifest);
        }
        free(e->images);
        layout_writer_free(e->writer);
        image_store_close(e->store);
        map_free(e->written);
}

/* What is asked for */

static Wanted *find_wanted(Export *e, const char *id)
{
        for (size_t i = 0; i < e->n_images; i++)
                if (streq(e->images[i].id, id))
                        return &e->images[i];
        return NULL;
}

static int add_wanted(Export *e, const char *id, Wanted **ret)
{
        Wanted *list;

        if (e->n_images >= TRANSPORT_IMAGES_MAX)
                return error_set(e->error, ERROR_LIMIT, "More than %u images", TRANSPORT_IMAGES_MAX);
        list = reallocarray(e->images, e->n_images + 1, sizeof(*list));
        if (!list)
                return -ENOMEM;
        e->images = list;
        list[e->n_images] = (Wanted){.id = strdup(id)};
        *ret = &list[e->n_images++];
        return (*ret)->id ? 0 : -ENOMEM;
}

/* ID or ID=NAME; an image may come several times, with a name each. */
static int read_image_argument(Export *e, const char *argument)
{
        const char *name = strchr(argument, '=');
        _cleanup_free_ char *id = name ? strndup(argument, (size_t) (name - argument)) : strdup(argument),
                            *canonical = NULL;
        const char *reason = NULL;
        Wanted *w;
        int r;

        if (!id)
                return -ENOMEM;
        if (!is_hex(id, 64))
                return error_set(e->error, ERROR_INVALID_ARGUMENT, "\"%s\" is not an image ID", id);
        if (!image_dir_exists(e->pull->images, id))
                return error_set(e->error, ERROR_NO_SUCH_IMAGE, "There is no image %s", id);
        w = find_wanted(e, id);
        r = w ? 0 : add_wanted(e, id, &w);
        if (r < 0 || !name)
                return r;
        r = image_ref_normalize(name + 1, &canonical, &reason);
        if (r == -EINVAL)
                return error_set(e->error, ERROR_INVALID_ARGUMENT, "\"%s\" is not an image name: %s",
                                 name + 1, strempty(reason));
        if (r < 0 || strv_contains(w->names, canonical))
                return r;
        return strv_consume(&w->names, TAKE_PTR(canonical));
}

static Coding coding_from_string(const char *s)
{
        for (Coding c = 0; c < _CODING_MAX; c++)
                if (c != CODING_XZ && streq(coding_to_string(c), s))
                        return c;
        return _CODING_INVALID;
}

static int read_argument(Export *e, const char *argument)
{
        const char *value = startswith(argument, "--format=");

        if (value) {
                e->format = layout_format_from_string(value);
                return e->format < 0 ? error_set(e->error, ERROR_INVALID_ARGUMENT,
                                                 "\"%s\" is not a format of images", value)
                                     : 0;
        }
        value = startswith(argument, "--compress=");
        if (value) {
                e->coding = coding_from_string(value);
                return e->coding < 0 ? error_set(e->error, ERROR_INVALID_ARGUMENT,
                                                 "\"%s\" is not a compression: gzip, zstd or none", value)
                                     : 0;
        }
        return read_image_argument(e, argument);
}

static int read_arguments(Export *e, char **arguments)
{
        int r = 0;

        STRV_FOREACH(a, arguments)
                if (r >= 0)
                        r = read_argument(e, *a);
        if (r < 0)
                return r;
        if (e->n_images == 0)
                return error_set(e->error, ERROR_INVALID_ARGUMENT, "No image to export");
        if (e->coding < 0)
                e->coding = e->format == LAYOUT_DOCKER_ARCHIVE ? CODING_NONE : CODING_GZIP;
        if (e->format == LAYOUT_DOCKER_ARCHIVE && e->coding != CODING_NONE)
                return error_set(e->error, ERROR_INVALID_ARGUMENT,
                                 "The layers of a docker-archive are not compressed");
        return 0;
}

static int check_output(Export *e)
{
        int flags = fcntl(OUTPUT_FD, F_GETFL);
        struct stat st;

        if (flags < 0 || fstat(OUTPUT_FD, &st) < 0)
                return error_set_errno(e->error, errno, "Cannot write the images");
        if (S_ISDIR(st.st_mode) == layout_format_is_archive(e->format))
                return error_set(e->error, ERROR_INVALID_ARGUMENT, "The format %s needs %s",
                                 layout_format_to_string(e->format),
                                 layout_format_is_archive(e->format) ? "a file" : "a directory");
        if (!S_ISDIR(st.st_mode) && (flags & O_ACCMODE) == O_RDONLY)
                return error_set(e->error, ERROR_INVALID_ARGUMENT, "The archive's file is open for reading");
        return 0;
}

/* Documents */

static int read_document(Export *e, const char *id, const char *name, char **ret, size_t *ret_size)
{
        _cleanup_free_ char *path = str_printf("%s/%s", id, name);
        int r = path ? fs_read_at(e->pull->images, path, CONFIG_SIZE_MAX, ret, ret_size) : -ENOMEM;

        return r == -ENOENT || r == -ENOMEM || r >= 0
                       ? r
                       : error_set_errno(e->error, r, "Cannot read \"%s\" of the image %s", name, id);
}

static int read_config(Export *e, Wanted *w)
{
        _cleanup_json_ json_t *document = NULL;
        char digest[DIGEST_TEXT_SIZE];
        int r = read_document(e, w->id, IMAGE_DIR_CONFIG, &w->config, &w->config_size);

        if (r >= 0)
                r = digest_of(w->config, w->config_size, digest);
        if (r == -ENOENT || (r >= 0 && !streq(digest + strlen("sha256:"), w->id)))
                return error_set(e->error, ERROR_STORE_DAMAGED,
                                 "The image store is damaged: the configuration of %s is not its own", w->id);
        if (r >= 0)
                r = json_parse(w->config, w->config_size, &document, NULL);
        return r < 0 ? r : image_config_from_oci(document, &w->parsed, e->error);
}

/* Of the manifest that came, only the annotations go on: its layers may be compressed in another way. */
static int read_manifest(Export *e, Wanted *w)
{
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r = read_document(e, w->id, IMAGE_DIR_MANIFEST, &text, &size);

        if (r == -ENOENT)
                return 0;
        return r < 0 ? r : manifest_parse(text, size, IMAGE_DIR_MANIFEST, NULL, &w->manifest, e->error);
}

static int expect_layers(Export *e, const Wanted *w)
{
        STRV_FOREACH(diff_id, w->parsed->diff_ids) {
                ssize_t n = progress_add(&e->pull->progress, *diff_id, 0);

                if (n < 0)
                        return (int) n;
        }
        return 0;
}

static int read_images(Export *e)
{
        int r = 0;

        for (size_t i = 0; r >= 0 && i < e->n_images; i++) {
                Wanted *w = &e->images[i];

                r = read_config(e, w);
                if (r >= 0)
                        r = read_manifest(e, w);
                if (r >= 0)
                        r = expect_layers(e, w);
        }
        return r;
}

/* Layers */

/* A tar stream that is hashed and counted. */
typedef struct LayerStream {
        Stream stream;
        Stream *in;
        Export *export;
} LayerStream;

static ssize_t layer_read(Stream *s, const void **ret, Error *error)
{
        LayerStream *l = (LayerStream *) s;
        ssize_t n = stream_read(l->in, ret, error);

        if (n > 0)
                progress_advance(&l->export->pull->progress, l->export->item, (uint64_t) n);
        return n;
}

/* Takes in. */
static int open_counted(Export *e, Stream *in, LayerStream *ret)
{
        Stream *hash;
        int r = stream_open_hash(in, &hash);

        if (r >= 0)
                *ret = (LayerStream){{layer_read, NULL}, hash, e};
        return r;
}

static int check_layer(Export *e, LayerStream *l, const char *diff_id)
{
        char digest[DIGEST_TEXT_SIZE];
        int r = stream_hash_digest(l->in, digest);

        if (r >= 0 && !streq(digest, diff_id))
                return error_set(e->error, ERROR_STORE_DAMAGED,
                                 "The image store is damaged: layer %s comes out as %s", diff_id, digest);
        return r;
}

static int open_scratch(Export *e)
{
        int fd = openat(e->pull->images, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

        return fd < 0 ? error_set_errno(e->error, errno, "Cannot write the layer") : fd;
}

static int add_from_file(Export *e, int fd, const Packed *packed)
{
        _cleanup_(stream_closep) Stream *in = NULL;
        int r = layout_writer_has(e->writer, packed->digest)
                        ? 1
                        : stream_open_file(fd, 0, packed->size, &in, e->error);

        return r != 0 ? MIN(r, 0) : layout_writer_add_layer(e->writer, packed, in, e->error);
}

/* Compressed its size is known only afterwards, so it is put aside first. */
static int pack_layer(Export *e, LayerStream *l, const char *diff_id, Written *w)
{
        _cleanup_close_ int fd = open_scratch(e);
        int r = fd < 0 ? fd : compress_stream(&l->stream, e->coding, fd, &w->layer.packed, e->error);

        if (r >= 0)
                r = check_layer(e, l, diff_id);
        return r < 0 ? r : add_from_file(e, fd, &w->layer.packed);
}

static int write_recipe_layer(Export *e, const char *diff_id, Stream *in, uint64_t size, Written *w)
{
        LayerStream l;
        int r = open_counted(e, in, &l);

        if (r < 0)
                return r;
        (void) strcpy(w->diff_id, diff_id);
        if (e->coding != CODING_NONE)
                r = pack_layer(e, &l, diff_id, w);
        else {
                (void) strcpy(w->layer.packed.digest, diff_id);
                w->layer.packed.size = size;
                r = layout_writer_has(e->writer, diff_id)
                            ? 0
                            : layout_writer_add_layer(e->writer, &w->layer.packed, &l.stream, e->error);
                if (r >= 0)
                        r = check_layer(e, &l, diff_id);
        }
        stream_close(l.in);
        return r;
}

/* The same files in another stream. */
static int write_other_layer(Export *e, const char *diff_id, Written *w)
{
        _cleanup_close_ int plain = open_scratch(e);
        _cleanup_(stream_closep) Stream *in = NULL;
        Packed packed;
        LayerStream l;
        int r = plain < 0 ? plain : layer_write(e->store, diff_id, plain, &packed, e->error);

        if (r < 0)
                return r;
        log_warning(
                "Layer %s cannot be made again as it came; it leaves as %s, and its image with another ID",
                diff_id, packed.digest);
        (void) strcpy(w->diff_id, packed.digest);
        if (e->coding == CODING_NONE) {
                w->layer.packed = packed;
                return add_from_file(e, plain, &packed);
        }
        r = stream_open_file(plain, 0, packed.size, &in, e->error);
        if (r >= 0)
                r = open_counted(e, TAKE_PTR(in), &l);
        if (r < 0)
                return r;
        r = pack_layer(e, &l, packed.digest, w);
        stream_close(l.in);
        return r;
}

static int write_layer(Export *e, const char *diff_id, const Written **ret)
{
        _cleanup_free_ Written *w = calloc(1, sizeof(Written));
        uint64_t size;
        Stream *in;
        int r = w ? recipe_open(e->store, diff_id, &in, &size, e->error) : -ENOMEM;

        if (r == -ENOMEM)
                return r;
        w->layer.coding = e->coding;
        if (r == -ENODATA)
                r = write_other_layer(e, diff_id, w);
        else if (r >= 0)
                r = write_recipe_layer(e, diff_id, in, size, w);
        if (r >= 0)
                r = map_put(e->written, diff_id, w);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(w);
        return 0;
}

static int get_layer(Export *e, const char *diff_id, const Written **ret)
{
        const Written *w = map_get(e->written, diff_id);
        int r = 0;

        if (!w)
                progress_set(&e->pull->progress, e->item, PROGRESS_WORKING);
        if (!w)
                r = write_layer(e, diff_id, &w);
        if (r < 0)
                return r;
        progress_set(&e->pull->progress, e->item++, PROGRESS_DONE);
        *ret = w;
        return 0;
}

/* Images */

/* The configuration, when layers have become others. */
static int change_config(Export *e, Wanted *w, char *const *diff_ids)
{
        _cleanup_json_ json_t *document = NULL;
        int r = json_parse(w->config, w->config_size, &document, NULL);
        json_t *rootfs;

        if (r < 0)
                return r;
        rootfs = json_object_get(document, "rootfs");
        if (json_object_set_new(rootfs, "diff_ids", json_from_strv(diff_ids)) < 0)
                return -ENOMEM;
        free(w->config);
        w->config = json_text(document);
        w->config_size = w->config ? strlen(w->config) : 0;
        return w->config ? 0 : -ENOMEM;
}

static int write_layers(Export *e, Wanted *w, LayoutLayer *layers)
{
        _cleanup_strv_ char **diff_ids = NULL;
        size_t n = 0;

        STRV_FOREACH(diff_id, w->parsed->diff_ids) {
                const Written *written;
                int r = get_layer(e, *diff_id, &written);

                if (r >= 0)
                        r = strv_append(&diff_ids, written->diff_id);
                if (r < 0)
                        return r;
                layers[n++] = written->layer;
        }
        return strv_equal(diff_ids, w->parsed->diff_ids) ? 0 : change_config(e, w, diff_ids);
}

static int write_image(Export *e, Wanted *w)
{
        size_t n = strv_length(w->parsed->diff_ids);
        _cleanup_free_ LayoutLayer *layers = calloc(n + 1, sizeof(*layers));
        LayoutImage image = {.layers = layers, .n_layers = n, .names = w->names};
        int r = layers ? write_layers(e, w, layers) : -ENOMEM;

        if (r < 0)
                return r;
        image.config = w->config;
        image.config_size = w->config_size;
        image.annotations = json_get_object(w->manifest.document, "annotations");
        r = layout_writer_add_image(e->writer, &image, e->error);
        if (r >= 0)
                (void) strcpy(w->digest, image.digest);
        return r;
}

static int export_result(Export *e)
{
        _cleanup_json_ json_t *images = json_array();

        for (size_t i = 0; i < e->n_images; i++) {
                const Wanted *w = &e->images[i];
                char id[DIGEST_TEXT_SIZE];
                int r = digest_of(w->config, w->config_size, id);

                if (r < 0 ||
                    json_array_append_new(images, json_pack("{s:s, s:o, s:s*}", "Id", id + strlen("sha256:"),
                                                            "Names", json_from_strv(w->names), "Digest",
                                                            *w->digest ? w->digest : NULL)) < 0)
                        return -ENOMEM;
        }
        e->pull->result = json_pack("{s:O}", "Images", images);
        return e->pull->result ? 0 : -ENOMEM;
}

static int export(Export *e)
{
        int r;

        progress_begin(&e->pull->progress, STDOUT_FILENO, "export");
        e->written = map_new(free);
        r = e->written ? read_images(e) : -ENOMEM;
        if (r >= 0)
                r = image_store_open(e->pull->state, STORE_ADD, &e->store, e->error);
        if (r >= 0)
                r = layout_writer_new(OUTPUT_FD, e->format, &e->writer, e->error);
        for (size_t i = 0; r >= 0 && i < e->n_images; i++)
                r = write_image(e, &e->images[i]);
        if (r >= 0)
                r = layout_writer_finish(e->writer, e->error);
        return r < 0 ? r : export_result(e);
}

int pull_export(Pull *pull, char **arguments)
{
        _cleanup_(export_done) Export e = {
                .pull = pull,
                .error = &pull->error,
                .format = LAYOUT_DOCKER_ARCHIVE,
                .coding = _CODING_INVALID,
        };
        int r = read_arguments(&e, arguments);

        if (r >= 0)
                r = check_output(&e);
        return r < 0 ? r : export(&e);
}
