/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* load: documents first, then each layer that the store has not, then the image's tree; everything is on disk
 * before the layers' refs and the image's directory get their names. A layer that is there by its diff ID is
 * not read again: the configuration, whose digest is verified, promises that diff ID, and what is in the
 * store was verified when it came; so the bytes in this archive do not matter. */

#include "base/fs.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/str.h"
#include "engine/layer.h"
#include "engine/transport.h"
#include "prog/pull.h"
#include "spec/manifest.h"

typedef struct Load {
        Pull *pull;
        ImageStore *store;
        TransportImages list;
        Bundle *bundle;
        bool reread;   /* every layer, also those that the store has */
        bool distrust; /* the store: look at what is there, and put it right; alone */
        char **made;   /* hidden directories, in the order of the images; "" for one that is not needed */
        bool single;   /* an archive of several images is refused */
        uint64_t bytes_max, entries_max;   /* of an image; 0: no more than is built in */
        uint64_t bytes_left, entries_left; /* of the image at hand */
        size_t first_item;                 /* of the progress: the image's lowest layer */
        Platform platform;                 /* asked for; empty: nothing was */
        char **refused;                    /* transports that the policy for images does not accept */
        Error *error;                      /* the pull's */
} Load;

static void load_done(Load *p)
{
        transport_images_done(&p->list);
        bundle_close(p->bundle);
        image_store_close(p->store);
        platform_done(&p->platform);
        strv_free(p->made);
        strv_free(p->refused);
}

/* A layer's packed bytes, counted while they are read. */
typedef struct CountedStream {
        Stream stream;
        Stream *in;
        Progress *progress;
        size_t item;
} CountedStream;

static ssize_t counted_read(Stream *s, const void **ret, Error *error)
{
        CountedStream *c = (CountedStream *) s;
        ssize_t n = stream_read(c->in, ret, error);

        if (n > 0)
                progress_advance(c->progress, c->item, (uint64_t) n);
        return n;
}

static void counted_close(Stream *s)
{
        stream_close(((CountedStream *) s)->in);
        free(s);
}

/* Takes in. */
static int open_counted(Load *p, size_t item, Stream *in, Stream **ret)
{
        CountedStream *c = malloc(sizeof(*c));

        if (!c) {
                stream_close(in);
                return -ENOMEM;
        }
        *c = (CountedStream){{counted_read, counted_close}, in, &p->pull->progress, item};
        *ret = &c->stream;
        return 0;
}

static int import_layer(Load *p, TransportImage *image, size_t i, size_t item, Tree **ret)
{
        const TransportLayer *l = &image->layers[i];
        const LayerSource source = {
                .diff_id = image->config->diff_ids[i],
                .digest = l->digest,
                .size = l->size,
                .coding = l->coding,
                .bytes_max = p->bytes_left,
                .entries_max = p->entries_left,
        };
        Stream *in;
        int r = transport_open_layer(p->bundle, l, &in, p->error);

        if (r >= 0)
                r = open_counted(p, item, in, &in);
        return r < 0 ? r : layer_import(p->store, &source, in, ret, p->error);
}

/* From the store, or from the archive. */
static int get_layer(Load *p, TransportImage *image, size_t i, Tree **ret)
{
        const char *diff_id = image->config->diff_ids[i];
        bool exists = !p->reread && image_store_has_layer(p->store, diff_id);
        size_t item = p->first_item + i;
        int r;

        if (!exists)
                progress_set(&p->pull->progress, item, PROGRESS_WORKING);
        r = exists ? image_store_read_layer(p->store, diff_id, ret, p->error)
                   : import_layer(p, image, i, item, ret);
        if (r >= 0)
                progress_set(&p->pull->progress, item, exists ? PROGRESS_EXISTS : PROGRESS_DONE);
        return r;
}

/* What history and tree show of the layer. */
static int note_layer(const TransportImage *image, size_t i, const Tree *layer)
{
        const TransportLayer *l = &image->layers[i];
        ImageConfig *c = image->config;
        json_t *v;

        if (i == 0) {
                json_decref(c->layers);
                c->layers = json_array();
        }
        v = json_pack("{s:s, s:s*, s:I, s:I}", "DiffId", c->diff_ids[i], "Digest", l->digest, "PackedSize",
                      (json_int_t) l->size, "Size", (json_int_t) tree_bytes(layer));
        return json_array_append_new(c->layers, v) < 0 ? -ENOMEM : 0;
}

/* What only the manifest says. */
static int note_manifest(const TransportImage *image)
{
        _cleanup_manifest_ Manifest m = {};
        ImageConfig *c = image->config;
        json_t *layer;
        size_t i;

        if (!image->manifest_text ||
            manifest_parse(image->manifest_text, image->manifest_size, c->digest, NULL, &m, NULL) < 0)
                return 0;
        json_array_foreach(c->layers, i,
                           layer) if (i < m.n && json_object_set_new(layer, "MediaType",
                                                                     json_string(m.list[i].media_type)) <
                                                         0) return -ENOMEM;
        json_decref(c->annotations);
        c->annotations = json_incref(json_get_object(m.document, "annotations"));
        return 0;
}

/* 0 stands for no limit, so the last byte or entry that is left stays. */
static uint64_t less(uint64_t left, uint64_t used)
{
        return left == 0 ? 0 : left > used ? left - used : 1;
}

/* Layers that the store had count too. */
static int count_layer(Load *p, const TransportImage *image, size_t i, const Tree *layer)
{
        if ((p->bytes_left > 0 && tree_bytes(layer) > p->bytes_left) ||
            (p->entries_left > 0 && tree_size(layer) > p->entries_left))
                return error_set(
                        p->error, ERROR_LIMIT,
                        "Layer %s: the image unpacks to more bytes or entries than the setting allows",
                        image->config->diff_ids[i]);
        p->bytes_left = less(p->bytes_left, tree_bytes(layer));
        p->entries_left = less(p->entries_left, tree_size(layer));
        return 0;
}

static int merge_failed(Load *p, const TransportImage *image, size_t i, const Node *n, int r)
{
        _cleanup_free_ char *path = NULL;

        if (r == -E2BIG)
                return error_set(p->error, ERROR_LIMIT, "The image has more than %u files and directories",
                                 TREE_NODES_MAX);
        path = r == -ENOLINK ? node_path(n) : NULL;
        return path ? error_set(p->error, ERROR_BAD_ARCHIVE,
                                "Layer %s: entry \"%s\": a hard link to what is neither an earlier entry of "
                                "the "
                                "layer nor a file of the layers below",
                                image->config->diff_ids[i], path)
                    : r;
}

/* The image's layers, one over the other. */
static int merge_layers(Load *p, TransportImage *image, Tree **tree)
{
        p->bytes_left = p->bytes_max;
        p->entries_left = p->entries_max;
        for (size_t i = 0; i < image->n_layers; i++) {
                _cleanup_(tree_freep) Tree *layer = NULL;
                const Node *bad = NULL;
                int r = get_layer(p, image, i, &layer);

                if (r >= 0)
                        r = count_layer(p, image, i, layer);
                if (r >= 0)
                        r = note_layer(image, i, layer);
                if (r < 0)
                        return r;
                r = *tree ? tree_apply(*tree, layer, &bad) : tree_begin(layer, &bad);
                if (r < 0)
                        return merge_failed(p, image, i, bad, r);
                if (!*tree)
                        *tree = TAKE_PTR(layer);
        }
        return 0;
}

static int write_document(Load *p, int dir, const char *name, const char *text, size_t size)
{
        int r = text ? fs_replace_at(dir, name, text, size, 0600, FS_NO_SYNC) : 0;

        return r < 0 ? error_set_errno(p->error, r, "Cannot write \"%s\"", name) : 0;
}

static int write_documents(Load *p, int dir, const TransportImage *image)
{
        int r = note_manifest(image);

        if (r >= 0)
                r = write_document(p, dir, IMAGE_DIR_CONFIG, image->config_text, image->config_size);
        if (r >= 0)
                r = write_document(p, dir, IMAGE_DIR_MANIFEST, image->manifest_text, image->manifest_size);
        return r < 0 ? r : image_dir_write_record(dir, image->config, p->error);
}

/* All layers are in the store when it returns. */
static int get_tree(Load *p, TransportImage *image, Tree **tree)
{
        int r = image_store_begin(p->store, p->error);

        if (r >= 0)
                r = merge_layers(p, image, tree);
        if (r >= 0 && !*tree) /* an image of nothing but its configuration */
                r = (*tree = tree_new()) ? 0 : -ENOMEM;
        return r < 0 ? r : image_store_commit(p->store, p->error);
}

static int make_tree(Load *p, TransportImage *image, int dir)
{
        _cleanup_(tree_freep) Tree *tree = NULL;
        int r = get_tree(p, image, &tree);

        return r < 0 ? r : image_dir_checkout(dir, p->store, tree, image->config, p->error);
}

static int healed(void *userdata, const char *problem, bool repaired)
{
        log_warning("Image %s: %s%s", (const char *) userdata, problem, repaired ? ": repaired" : "");
        return 0;
}

/* An image that is there is put right in its place: containers may be running on it. */
static int heal_image(Load *p, TransportImage *image)
{
        const TreeCheck what = {.repair = true, .found = healed, .userdata = image->config->id};
        _cleanup_(image_config_freep) ImageConfig *before = NULL;
        _cleanup_(tree_freep) Tree *tree = NULL;
        _cleanup_close_ int dir = -EBADF;
        int r = strv_append(&p->made, "");

        if (r < 0)
                return r;
        dir = fs_open_beneath(p->pull->images, image->config->id, O_RDONLY | O_DIRECTORY, 0);
        if (dir < 0)
                return error_set_errno(p->error, dir, "Cannot open image %s", image->config->id);
        (void) image_dir_read(dir, image->config->id, &before, NULL);
        image->config->loaded_usec = before ? before->loaded_usec : now_realtime();
        r = get_tree(p, image, &tree);
        if (r >= 0)
                r = image_dir_compare(dir, p->store, tree, &what, image->config, p->error);
        return r < 0 ? r : write_documents(p, dir, image);
}

/* A store that has lost objects gets them back from an archive that has them. */
static int repair_tree(Load *p, TransportImage *image, int dir)
{
        int r;

        log_warning("%s; reading all layers of the image again", strempty(p->error->message));
        error_done(p->error);
        image_store_abort(p->store);
        r = fs_remove_tree_at(dir, IMAGE_DIR_ROOTFS);
        if (r < 0)
                return r;
        p->reread = true;
        return make_tree(p, image, dir);
}

/* When the store is not to be trusted, also an image without its record is there. */
static bool has_directory(Load *p, const TransportImage *image)
{
        const char *id = image->config->id;

        return p->distrust ? faccessat(p->pull->images, id, F_OK, AT_SYMLINK_NOFOLLOW) >= 0
                           : image_dir_exists(p->pull->images, id);
}

static int make_image(Load *p, TransportImage *image)
{
        _cleanup_close_ int dir = -EBADF;
        char *name = NULL;
        int r;

        if (has_directory(p, image))
                return p->distrust ? heal_image(p, image) : strv_append(&p->made, "");
        dir = image_dir_begin(p->pull->images, image->config->id, &name, p->error);
        if (dir < 0)
                return dir;
        r = strv_consume(&p->made, name);
        if (r >= 0)
                r = make_tree(p, image, dir);
        if (r < 0 && p->error->kind == ERROR_STORE_DAMAGED && !p->reread)
                r = repair_tree(p, image, dir);
        if (r < 0)
                return r;
        image->config->loaded_usec = now_realtime();
        return write_documents(p, dir, image);
}

static int flush(Load *p)
{
        return syncfs(p->pull->images) < 0 ? error_set_errno(p->error, errno, "Cannot write the images") : 0;
}

static int publish(Load *p)
{
        int r = flush(p);

        if (r >= 0)
                r = image_store_publish(p->store, p->error);
        for (size_t i = 0; r >= 0 && i < p->list.n; i++)
                if (!isempty(p->made[i]))
                        r = image_dir_publish(p->pull->images, p->made[i], p->list.list[i].config->id,
                                              p->error);
        return r < 0 ? r : flush(p);
}

static bool is_loaded(Load *p)
{
        if (p->distrust)
                return false;
        for (size_t i = 0; i < p->list.n; i++)
                if (!image_dir_exists(p->pull->images, p->list.list[i].config->id))
                        return false;
        return true;
}

/* Every layer of every image, in the order in which they are read. */
static int expect_layers(Load *p)
{
        for (size_t i = 0; i < p->list.n; i++) {
                const TransportImage *image = &p->list.list[i];

                for (size_t k = 0; k < image->n_layers; k++) {
                        const TransportLayer *l = &image->layers[k];
                        ssize_t n = progress_add(&p->pull->progress,
                                                 l->digest ? l->digest : image->config->diff_ids[k], l->size);

                        if (n < 0)
                                return (int) n;
                }
        }
        return 0;
}

static int add_images(Load *p)
{
        int r;

        if (p->single && p->list.n > 1)
                return error_set(p->error, ERROR_BAD_ARCHIVE, "The archive holds %zu images", p->list.n);
        if (is_loaded(p))
                return 0;
        r = image_store_open(p->pull->state, p->distrust ? STORE_COLLECT : STORE_ADD, &p->store, p->error);
        if (r >= 0 && p->distrust)
                image_store_distrust(p->store);
        if (r >= 0)
                r = expect_layers(p);
        for (size_t i = 0; r >= 0 && i < p->list.n; i++) {
                r = make_image(p, &p->list.list[i]);
                p->first_item += p->list.list[i].n_layers;
        }
        return r < 0 ? r : publish(p);
}

static int load_result(Load *p)
{
        _cleanup_json_ json_t *images = json_array();

        for (size_t i = 0; i < p->list.n; i++) {
                const TransportImage *image = &p->list.list[i];
                json_t *names = json_from_strv(image->names);

                if (json_array_append_new(images,
                                          json_pack("{s:s, s:o, s:s*}", "Id", image->config->id, "Names",
                                                    names, "Digest", image->config->digest)) < 0)
                        return -ENOMEM;
        }
        p->pull->result = json_pack("{s:O}", "Images", images);
        return p->pull->result ? 0 : -ENOMEM;
}

static int read_platform(Load *p, const char *text)
{
        int r;

        platform_done(&p->platform);
        r = platform_parse(text, &p->platform);
        return r == -EINVAL ? error_set(p->error, ERROR_INVALID_ARGUMENT, "\"%s\" is not a platform", text)
                            : r;
}

static int read_number(Load *p, const char *text, uint64_t *ret)
{
        return parse_u64(text, 1, INT64_MAX, ret) < 0
                       ? error_set(p->error, ERROR_INVALID_ARGUMENT, "\"%s\" is not a number", text)
                       : 0;
}

static int read_argument(Load *p, const char *argument)
{
        const char *value;

        if (streq(argument, "--distrust") || streq(argument, "--force"))
                p->distrust = p->reread = true;
        else if (streq(argument, "--single"))
                p->single = true;
        else if ((value = startswith(argument, "--refuse=")))
                return strv_append(&p->refused, value);
        else if ((value = startswith(argument, "--platform=")))
                return read_platform(p, value);
        else if ((value = startswith(argument, "--bytes-max=")))
                return read_number(p, value, &p->bytes_max);
        else if ((value = startswith(argument, "--entries-max=")))
                return read_number(p, value, &p->entries_max);
        else
                return error_set(p->error, ERROR_INVALID_ARGUMENT, "load has no argument \"%s\"", argument);
        return 0;
}

static int check_policy(Load *p)
{
        const char *name = p->refused ? transport_name(p->bundle) : NULL;

        return name && strv_contains(p->refused, name)
                       ? error_set(p->error, ERROR_REJECTED, "The policy for images rejects it: %s", name)
                       : 0;
}

static int load(Load *p, char **arguments)
{
        int r = 0;

        STRV_FOREACH(a, arguments)
                if (r >= 0)
                        r = read_argument(p, *a);
        if (r >= 0)
                r = bundle_open(STDIN_FILENO, p->pull->images, &p->bundle, p->error);
        if (r >= 0)
                r = check_policy(p);
        if (r >= 0)
                r = transport_read(p->bundle, p->platform.os ? &p->platform : NULL, &p->list, p->error);
        return r < 0 ? r : add_images(p);
}

/* What failed leaves nothing behind. */
static int end_load(Load *p, int r)
{
        if (r >= 0)
                r = load_result(p);
        if (r >= 0)
                return r;
        p->store = image_store_close(p->store);
        if (p->error->kind == ERROR_NONE)
                (void) error_set_errno(p->error, r, "Cannot load the image");
        (void) pull_collect(p->pull, STORE_TRY_COLLECT);
        return r;
}

int pull_load(Pull *pull, char **arguments)
{
        _cleanup_(load_done) Load p = {.pull = pull, .error = &pull->error};

        progress_begin(&pull->progress, STDOUT_FILENO, "load");
        return end_load(&p, load(&p, arguments));
}

int pull_add_images(Pull *pull, Bundle *bundle, TransportImages *images)
{
        _cleanup_(load_done) Load p = {.pull = pull, .error = &pull->error, .bundle = bundle};

        p.list = TAKE(*images, (TransportImages){});
        return end_load(&p, add_images(&p));
}
