/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* check: every object against its checksum, every layer for completeness, every image's tree and documents
 * against its layers and configuration. With --repair what is damaged goes, what good objects can put right
 * is put right, and nothing is left of what nobody needs; an image that still has problems then needs its
 * layers again (load --distrust). */

#include "base/fs.h"
#include "base/parse.h"
#include "base/str.h"
#include "prog/pull.h"
#include "spec/image-ref.h"
#include "spec/name.h"

/* Of the same thing; the rest is counted. */
#define PROBLEMS_MAX 100U

typedef struct Findings {
        json_t *problems;
        json_t *repaired;
        size_t n_more;
} Findings;

typedef struct CheckRun {
        Pull *pull;
        ImageStore *store;
        bool quick;
        bool repair;
        json_t *images;
        Findings findings; /* of the store itself */
        char **whole;      /* diff IDs of layers that can be read */
        Error *error;
} CheckRun;

static int findings_init(Findings *f)
{
        *f = (Findings){.problems = json_array(), .repaired = json_array()};
        return f->problems && f->repaired ? 0 : -ENOMEM;
}

static void findings_done(Findings *f)
{
        json_decref(f->problems);
        json_decref(f->repaired);
}

static int add(Findings *f, const char *text, bool repaired)
{
        json_t *list = repaired ? f->repaired : f->problems;
        _cleanup_free_ char *clean = NULL;

        if (json_array_size(list) >= PROBLEMS_MAX) {
                f->n_more++;
                return 0;
        }
        clean = str_escape(text);
        return clean && json_array_append_new(list, json_string(clean)) >= 0 ? 0 : -ENOMEM;
}

static int found(void *userdata, const char *problem, bool repaired)
{
        return add(userdata, problem, repaired);
}

static int add_more(Findings *f)
{
        _cleanup_free_ char *text = f->n_more ? str_printf("and %zu more", f->n_more) : NULL;

        return !f->n_more || (text && json_array_append_new(f->problems, json_string(text)) >= 0) ? 0
                                                                                                  : -ENOMEM;
}

/* Layers */

static int check_layers(CheckRun *c)
{
        _cleanup_strv_ char **layers = NULL;
        int r = image_store_layers(c->store, &layers, c->error);

        STRV_FOREACH(id, layers) {
                _cleanup_error_ Error error = ERROR_INIT;
                _cleanup_(tree_freep) Tree *tree = NULL;
                _cleanup_free_ char *text = NULL;

                if (r < 0)
                        return r;
                r = digest_is_valid(*id) ? image_store_read_layer(c->store, *id, &tree, &error) : -EINVAL;
                if (r == -ENOMEM)
                        return r;
                if (r >= 0) {
                        r = strv_append(&c->whole, *id);
                        continue;
                }
                text = str_printf("layer %s: %s", *id, error.kind == ERROR_NONE ? "is none" : error.message);
                r = text ? add(&c->findings, text, false) : -ENOMEM;
        }
        return r;
}

/* Images */

static int merge(CheckRun *c, const ImageConfig *config, Findings *f, Tree **ret)
{
        _cleanup_(tree_freep) Tree *tree = NULL;
        int r = 0;

        STRV_FOREACH(id, config->diff_ids) {
                _cleanup_(tree_freep) Tree *layer = NULL;
                const Node *bad;

                if (!strv_contains(c->whole, *id)) {
                        _cleanup_free_ char *text = str_printf("layer %s is missing or damaged", *id);

                        r = text ? add(f, text, false) : -ENOMEM;
                        return r < 0 ? r : -ENODATA;
                }
                r = image_store_read_layer(c->store, *id, &layer, c->error);
                if (r >= 0)
                        r = tree ? tree_apply(tree, layer, &bad) : tree_begin(layer, &bad);
                if (r == -ENOLINK) {
                        r = add(f, "its layers do not fit together", false);
                        return r < 0 ? r : -ENODATA;
                }
                if (r < 0)
                        return r;
                if (!tree)
                        tree = TAKE_PTR(layer);
        }
        if (!tree && !(tree = tree_new()))
                return -ENOMEM;
        *ret = TAKE_PTR(tree);
        return 0;
}

static int check_tree(CheckRun *c, int dir, ImageConfig *config, Findings *f)
{
        const TreeCheck what = {.repair = c->repair, .found = found, .userdata = f};
        _cleanup_(tree_freep) Tree *tree = NULL;
        int r = merge(c, config, f, &tree);

        if (r == -ENODATA)
                return 0;
        return r < 0 ? r : image_dir_compare(dir, c->store, tree, &what, config, c->error);
}

/* What the configuration says must be what the record says. */
static bool agrees(const json_t *record, const json_t *derived)
{
        json_t *value;
        const char *key;

        json_object_foreach((json_t *) derived, key,
                            value) if (!json_equal(value, json_object_get(record, key))) return false;
        return true;
}

static int compare_record(int dir, const ImageConfig *derived, Findings *f)
{
        _cleanup_json_ json_t *record = NULL, *wanted = image_config_to_json(derived);

        if (!wanted)
                return -ENOMEM;
        if (json_load_at(dir, IMAGE_DIR_RECORD, &record, NULL) < 0 || !image_dir_record_is_intact(dir) ||
            !agrees(record, wanted))
                return add(f, IMAGE_DIR_RECORD " has changed", false);
        if (!image_dir_manifest_is_intact(dir, json_get_string(record, "Digest")))
                return add(f, IMAGE_DIR_MANIFEST " has changed", false);
        return 0;
}

static int check_names(int dir, Findings *f)
{
        _cleanup_json_ json_t *v = NULL;
        _cleanup_strv_ char **names = NULL;
        bool good;
        int r = json_load_at(dir, IMAGE_DIR_NAMES, &v, NULL);

        if (r == -ENOENT)
                return 0;
        good = r >= 0 && json_get_strv(v, "Names", &names) >= 0;
        STRV_FOREACH(name, names)
                good = good && !str_has_control(*name) && strchr(*name, '/');
        return good ? 0 : add(f, IMAGE_DIR_NAMES " cannot be read", false);
}

static int check_documents(CheckRun *c, int dir, const char *id, Findings *f)
{
        _cleanup_(image_config_freep) ImageConfig *config = NULL;
        _cleanup_error_ Error error = ERROR_INIT;
        int r = image_dir_read_config(dir, id, &config, &error);

        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return add(f, strempty(error.message), false);
        r = str_replace(&config->id, id);
        if (r >= 0)
                r = check_tree(c, dir, config, f);
        if (json_array_size(f->problems) > 0) { /* what was seen of the tree is not all of it */
                config->size = 0;
                config->stdio_paths = false;
        }
        if (r >= 0)
                r = compare_record(dir, config, f);
        return r < 0 ? r : check_names(dir, f);
}

static int check_image(CheckRun *c, const char *id)
{
        _cleanup_(findings_done) Findings f = {};
        _cleanup_close_ int dir = -EBADF;
        int r = findings_init(&f);

        if (r < 0)
                return r;
        dir = fs_open_beneath(c->pull->images, id, O_RDONLY | O_DIRECTORY, 0);
        if (dir < 0) /* removed meanwhile */
                return dir == -ENOENT ? 0 : error_set_errno(c->error, dir, "Cannot read image %s", id);
        r = check_documents(c, dir, id, &f);
        if (r >= 0)
                r = add_more(&f);
        if (r < 0 || json_array_size(f.problems) + json_array_size(f.repaired) == 0)
                return r;
        return json_array_append_new(c->images, json_pack("{s:s, s:O, s:O}", "Id", id, "Problems", f.problems,
                                                          "Repaired", f.repaired)) < 0
                       ? -ENOMEM
                       : 0;
}

static int check_images(CheckRun *c)
{
        _cleanup_strv_ char **ids = NULL;
        size_t item = 1;
        int r = image_dir_list(c->pull->images, &ids, c->error);

        STRV_FOREACH(id, ids)
                if (r >= 0)
                        r = (int) MIN(progress_add(&c->pull->progress, *id, 1), (ssize_t) 0);
        STRV_FOREACH(id, ids) {
                if (r >= 0)
                        r = check_image(c, *id);
                if (r >= 0)
                        progress_set(&c->pull->progress, item++, PROGRESS_DONE);
        }
        return r;
}

/* What nobody needs; only whole layers are kept, so that the others are read again. */
static int tidy(CheckRun *c)
{
        _cleanup_strv_ char **needed = NULL, **leftovers = NULL, **kept = NULL;
        int r = image_dir_leftovers(c->pull->images, &leftovers, c->error);

        if (r >= 0)
                r = image_dir_layers(c->pull->images, &needed, NULL);
        if (r < 0) /* an image whose layers nobody knows: nothing can be said to be left over */
                return r == -ENOMEM ? r : 0;
        STRV_FOREACH(id, needed)
                if (r >= 0 && strv_contains(c->whole, *id))
                        r = strv_append(&kept, *id);
        STRV_FOREACH(name, leftovers) {
                _cleanup_free_ char *text = str_printf("leftover images/%s", *name);

                if (r >= 0 && c->repair)
                        r = image_dir_remove(c->pull->images, *name, c->error);
                if (r >= 0)
                        r = text ? add(&c->findings, text, c->repair) : -ENOMEM;
        }
        STRV_FOREACH(id, c->whole)
                if (r >= 0 && !strv_contains(needed, *id)) {
                        _cleanup_free_ char *text = str_printf("layer %s is needed by no image", *id);

                        r = text ? add(&c->findings, text, c->repair) : -ENOMEM;
                }
        return r >= 0 && c->repair ? image_store_collect(c->store, kept, c->error) : r;
}

static int check_all(CheckRun *c)
{
        const StoreCheck what = {c->quick, c->repair, found, &c->findings};
        int r = (int) MIN(progress_add(&c->pull->progress, "objects", 1), (ssize_t) 0);

        if (r >= 0)
                r = image_store_open(c->pull->state, c->repair ? STORE_COLLECT : STORE_ADD, &c->store,
                                     c->error);
        if (r < 0)
                return r;
        progress_set(&c->pull->progress, 0, PROGRESS_WORKING);
        r = image_store_check(c->store, &what, c->error);
        if (r < 0)
                return r;
        progress_set(&c->pull->progress, 0, PROGRESS_DONE);
        r = check_layers(c);
        if (r >= 0)
                r = check_images(c);
        if (r >= 0)
                r = tidy(c);
        return r < 0 ? r : add_more(&c->findings);
}

static int read_arguments(CheckRun *c, char **arguments)
{
        STRV_FOREACH(a, arguments)
                if (streq(*a, "--quick"))
                        c->quick = true;
                else if (streq(*a, "--repair"))
                        c->repair = true;
                else
                        return error_set(c->error, ERROR_INVALID_ARGUMENT, "check has no argument \"%s\"",
                                         *a);
        return 0;
}

static void check_done(CheckRun *c)
{
        image_store_close(c->store);
        json_decref(c->images);
        findings_done(&c->findings);
        strv_free(c->whole);
}

int pull_check(Pull *p, char **arguments)
{
        _cleanup_(check_done) CheckRun c = {.pull = p, .images = json_array(), .error = &p->error};
        int r = c.images ? findings_init(&c.findings) : -ENOMEM;

        progress_begin(&p->progress, STDOUT_FILENO, "check");
        if (r >= 0)
                r = read_arguments(&c, arguments);
        if (r >= 0)
                r = check_all(&c);
        if (r < 0)
                return r;
        p->result = json_pack("{s:O, s:O, s:O}", "Images", c.images, "Problems", c.findings.problems,
                              "Removed", c.findings.repaired);
        return p->result ? 0 : -ENOMEM;
}
