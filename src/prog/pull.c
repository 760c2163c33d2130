/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* berth-pull: the worker that reads what strangers made. The daemon runs it as a service of its own, one per
 * operation, with the archive as standard input and something that takes the result as standard output;
 * nothing else goes in or out. Whatever happens to it, the store is as before or has the whole image.
 *
 * load: documents first, then each layer that the store has not, then the image's tree; everything is on disk
 * before the layers' refs and the image's directory get their names. A layer that is there by its diff ID is
 * not read again: the configuration, whose digest is verified, promises that diff ID, and what is in the
 * store was verified when it came; so the bytes in this archive do not matter. */

#include <getopt.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/str.h"
#include "engine/layer.h"
#include "engine/transport.h"
#include "prog/pull-sandbox.h"
#include "spec/name.h"
#include "store/image-dir.h"

typedef struct Pull {
        int state;
        int images;
        ImageStore *store;
        TransportImages list;
        Bundle *bundle;
        bool distrust; /* the store: read every layer again */
        char **made;   /* hidden directories, in the order of the images; "" for one that is not needed */
        Error error;
} Pull;

typedef struct Verb {
        const char *name;
        int (*run)(Pull *p, char **arguments);
        json_t *(*result)(const Pull *p);
        bool takes_arguments;
        const char *help;
} Verb;

static int open_directory(int parent, const char *name, Error *error)
{
        int fd;

        if (mkdirat(parent, name, 0700) < 0 && errno != EEXIST)
                return error_set_errno(error, errno, "Cannot make the directory \"%s\"", name);
        fd = fs_open_beneath(parent, name, O_RDONLY | O_DIRECTORY, 0);
        return fd < 0 ? error_set_errno(error, fd, "Cannot open the directory \"%s\"", name) : fd;
}

static int open_state(Pull *p, const char *path)
{
        int r = fs_mkdir_p(path, 0700);

        if (r < 0)
                return error_set_errno(&p->error, r, "Cannot make \"%s\"", path);
        p->state = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (p->state < 0)
                return error_set_errno(&p->error, errno, "Cannot open \"%s\"", path);
        p->images = open_directory(p->state, "images", &p->error);
        return MIN(p->images, 0);
}

static void pull_done(Pull *p)
{
        transport_images_done(&p->list);
        bundle_close(p->bundle);
        image_store_close(p->store);
        strv_free(p->made);
        close_fd(p->images);
        close_fd(p->state);
        error_done(&p->error);
}

/* Removes what is hidden, and what is in the store for nobody. Does nothing when somebody is at work and mode
 * is STORE_TRY_COLLECT. */
static int collect(Pull *p, StoreLock mode)
{
        _cleanup_strv_ char **leftovers = NULL, **needed = NULL;
        _cleanup_(image_store_closep) ImageStore *store = NULL;
        int r = image_dir_leftovers(p->images, &leftovers, &p->error);

        if (r < 0 || strv_length(leftovers) == 0)
                return r;
        r = image_store_open(p->state, mode, &store, &p->error);
        if (r < 0)
                return r;
        /* Others may have come and gone while we waited. */
        leftovers = strv_free(leftovers);
        r = image_dir_leftovers(p->images, &leftovers, &p->error);
        if (r >= 0)
                r = image_dir_layers(p->images, &needed, &p->error);
        if (r >= 0)
                r = image_store_collect(store, needed, &p->error);
        STRV_FOREACH(name, leftovers)
                if (r >= 0)
                        r = image_dir_remove(p->images, *name, &p->error);
        return r;
}

static int import_layer(Pull *p, TransportImage *image, size_t i, Tree **ret)
{
        const TransportLayer *l = &image->layers[i];
        const LayerSource source = {image->config->diff_ids[i], l->digest, l->size, l->coding};
        Stream *in;
        int r = transport_open_layer(p->bundle, l, &in, &p->error);

        return r < 0 ? r : layer_import(p->store, &source, in, ret, &p->error);
}

/* The image's layers, one over the other. */
static int merge_layers(Pull *p, TransportImage *image, Tree **tree)
{
        for (size_t i = 0; i < image->n_layers; i++) {
                const char *diff_id = image->config->diff_ids[i];
                _cleanup_(tree_freep) Tree *layer = NULL;
                int r;

                r = !p->distrust && image_store_has_layer(p->store, diff_id)
                            ? image_store_read_layer(p->store, diff_id, &layer, &p->error)
                            : import_layer(p, image, i, &layer);
                if (r >= 0 && !*tree)
                        *tree = TAKE_PTR(layer);
                else if (r >= 0)
                        r = tree_apply(*tree, layer);
                if (r == -E2BIG)
                        return error_set(&p->error, ERROR_LIMIT,
                                         "The image has more than %u files and directories", TREE_NODES_MAX);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int write_document(Pull *p, int dir, const char *name, const char *text, size_t size)
{
        int r = text ? fs_replace_at(dir, name, text, size, 0600, FS_NO_SYNC) : 0;

        return r < 0 ? error_set_errno(&p->error, r, "Cannot write \"%s\"", name) : 0;
}

static int write_documents(Pull *p, int dir, const TransportImage *image)
{
        _cleanup_json_ json_t *record = image_config_to_json(image->config);
        _cleanup_free_ char *text = record ? json_text_pretty(record) : NULL;
        int r = text ? write_document(p, dir, IMAGE_DIR_RECORD, text, strlen(text)) : -ENOMEM;

        if (r >= 0)
                r = write_document(p, dir, IMAGE_DIR_CONFIG, image->config_text, image->config_size);
        if (r >= 0)
                r = write_document(p, dir, IMAGE_DIR_MANIFEST, image->manifest_text, image->manifest_size);
        return r;
}

static int make_tree(Pull *p, TransportImage *image, int dir)
{
        _cleanup_(tree_freep) Tree *tree = NULL;
        int r;

        r = image_store_begin(p->store, &p->error);
        if (r >= 0)
                r = merge_layers(p, image, &tree);
        if (r >= 0 && !tree) /* an image of nothing but its configuration */
                r = (tree = tree_new()) ? 0 : -ENOMEM;
        if (r >= 0)
                r = image_store_commit(p->store, &p->error);
        if (r >= 0)
                r = image_dir_checkout(dir, p->store, tree, image->config, &p->error);
        return r;
}

/* A store that has lost objects gets them back from an archive that has them. */
static int repair_tree(Pull *p, TransportImage *image, int dir)
{
        int r;

        log_warning("%s; reading all layers of the image again", strempty(p->error.message));
        error_done(&p->error);
        image_store_abort(p->store);
        r = fs_remove_tree_at(dir, IMAGE_DIR_ROOTFS);
        if (r < 0)
                return r;
        p->distrust = true;
        return make_tree(p, image, dir);
}

static int make_image(Pull *p, TransportImage *image)
{
        _cleanup_close_ int dir = -EBADF;
        char *name = NULL;
        int r;

        if (image_dir_exists(p->images, image->config->id))
                return strv_append(&p->made, "");
        dir = image_dir_begin(p->images, image->config->id, &name, &p->error);
        if (dir < 0)
                return dir;
        r = strv_consume(&p->made, name);
        if (r >= 0)
                r = make_tree(p, image, dir);
        if (r < 0 && p->error.kind == ERROR_STORE_DAMAGED && !p->distrust)
                r = repair_tree(p, image, dir);
        if (r < 0)
                return r;
        image->config->loaded_usec = now_realtime();
        return write_documents(p, dir, image);
}

static int flush(Pull *p)
{
        return syncfs(p->images) < 0 ? error_set_errno(&p->error, errno, "Cannot write the images") : 0;
}

static int publish(Pull *p)
{
        int r = flush(p);

        if (r >= 0)
                r = image_store_publish(p->store, &p->error);
        for (size_t i = 0; r >= 0 && i < p->list.n; i++)
                if (!isempty(p->made[i]))
                        r = image_dir_publish(p->images, p->made[i], p->list.list[i].config->id, &p->error);
        return r < 0 ? r : flush(p);
}

static bool is_loaded(Pull *p)
{
        for (size_t i = 0; i < p->list.n; i++)
                if (!image_dir_exists(p->images, p->list.list[i].config->id))
                        return false;
        return true;
}

static int load(Pull *p)
{
        int r = bundle_open(STDIN_FILENO, p->images, &p->bundle, &p->error);

        if (r >= 0)
                r = transport_read(p->bundle, &p->list, &p->error);
        if (r < 0 || is_loaded(p))
                return r;
        r = image_store_open(p->state, STORE_ADD, &p->store, &p->error);
        for (size_t i = 0; r >= 0 && i < p->list.n; i++)
                r = make_image(p, &p->list.list[i]);
        return r < 0 ? r : publish(p);
}

static int run_load(Pull *p, char **arguments)
{
        int r = load(p);

        if (r >= 0)
                return r;
        p->store = image_store_close(p->store);
        if (p->error.kind == ERROR_NONE)
                (void) error_set_errno(&p->error, r, "Cannot load the image");
        (void) collect(p, STORE_TRY_COLLECT);
        return r;
}

static json_t *load_result(const Pull *p)
{
        _cleanup_json_ json_t *images = json_array();

        for (size_t i = 0; i < p->list.n; i++) {
                json_t *names = json_from_strv(p->list.list[i].names);

                if (json_array_append_new(images, json_pack("{s:s, s:o}", "Id", p->list.list[i].config->id,
                                                            "Names", names)) < 0)
                        return NULL;
        }
        return json_pack("{s:O}", "Images", images);
}

static json_t *no_result(const Pull *p)
{
        return json_object();
}

static int run_remove(Pull *p, char **arguments)
{
        STRV_FOREACH(id, arguments)
                if (!id_is_valid(*id))
                        return error_set(&p->error, ERROR_INVALID_ARGUMENT, "\"%s\" is not an image ID", *id);
        return collect(p, STORE_COLLECT);
}

static int run_sweep(Pull *p, char **arguments)
{
        return collect(p, STORE_COLLECT);
}

static const Verb verbs[] = {
        {"load", run_load, load_result, false,
         "the images of the archive (or layout directory) on standard input"},
        {"remove", run_remove, no_result, true,
         "what is left of images that the daemon has taken away: ID..."},
        {"sweep", run_sweep, no_result, false, "what an interrupted operation left"},
};

static int write_result(const Pull *p, const Verb *verb, int r)
{
        _cleanup_json_ json_t *result = NULL;
        _cleanup_free_ char *text = NULL;

        if (r >= 0)
                result = verb->result(p);
        else
                result = json_pack("{s:{s:s, s:s}}", "Error", "Name", error_bus_name(p->error.kind),
                                   "Message", strempty(p->error.message));
        text = result ? json_text(result) : NULL;
        if (!text)
                return log_oom();
        r = fs_write_all(STDOUT_FILENO, text, strlen(text));
        return r < 0 ? log_error_errno(r, "Cannot write the result: %m") : 0;
}

static int usage(FILE *f)
{
        (void) fprintf(f, "berth-pull [--state-dir=DIR] VERB: Berth's worker for images, run by berthd\n\n");
        FOREACH_ELEMENT(v, verbs)
                (void) fprintf(f, "  %-8s %s\n", v->name, v->help);
        return f == stdout ? EXIT_SUCCESS : EXIT_FAILURE;
}

static const Verb *find_verb(const char *name)
{
        FOREACH_ELEMENT(v, verbs)
                if (streq_ptr(v->name, name))
                        return v;
        return NULL;
}

static int run(const Verb *verb, const char *state, char **arguments)
{
        _cleanup_(pull_done) Pull p = {.state = -EBADF, .images = -EBADF};
        int r = open_state(&p, state);

        if (r >= 0)
                r = verb->run(&p, arguments);
        if (r < 0 && p.error.kind == ERROR_NONE)
                (void) error_set_errno(&p.error, r, "Cannot %s images", verb->name);
        return write_result(&p, verb, r) < 0 || r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
        static const struct option options[] = {
                {"help", no_argument, NULL, 'h'}, {"state-dir", required_argument, NULL, 's'}, {}};
        const char *state = BERTH_STATE_DIR;
        const Verb *verb;
        int c, r;

        log_setup("berth-pull");
        (void) umask(077);
        while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0)
                if (c == 's')
                        state = optarg;
                else
                        return usage(c == 'h' ? stdout : stderr);
        verb = find_verb(argv[optind]);
        if (!verb || (argv[optind + 1] && !verb->takes_arguments))
                return usage(stderr);
        r = pull_sandbox_enter();
        if (r < 0) {
                log_error_errno(r, "Cannot enter the sandbox: %m");
                return EXIT_FAILURE;
        }
        return run(verb, state, argv + optind + 1);
}
