/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Images by ID and name. image.json is the worker's, names.json is ours. */

#include "base/log.h"
#include "base/parse.h"
#include "base/str.h"
#include "object/container.h"
#include "object/image.h"
#include "spec/image-ref.h"
#include "spec/name.h"

#define IMAGE_FILE "image.json"
#define NAMES_FILE "names.json"
#define NAMES_MAX 256U
#define DIGESTS_MAX 64U
#define HISTORY_MAX 32U

static const JsonRow names_rows[] = {
        {"Names", JSON_ROW_STRV, offsetof(Image, names), false},
        {"RepoDigests", JSON_ROW_STRV, offsetof(Image, digests), false},
        {"NamesHistory", JSON_ROW_STRV, offsetof(Image, history), false},
};

Image *image_free(Image *i)
{
        if (!i)
                return NULL;
        STRV_FOREACH(name, i->names)
                if (map_get(i->manager->image_names, *name) == i)
                        (void) map_remove(i->manager->image_names, *name);
        strv_free(i->names);
        strv_free(i->digests);
        strv_free(i->history);
        json_decref(i->unknown);
        image_config_free(i->config);
        free(i);
        return NULL;
}

const char *image_name(const Image *i)
{
        return i->names ? i->names[0] : image_id(i);
}

size_t image_users(const Image *i)
{
        size_t n = 0;

        /* By name: those that are being made have one already. */
        MAP_FOREACH(e, i->manager->container_names) {
                const Container *c = map_value(e);

                n += streq(c->file.image_id, image_id(i));
        }
        return n;
}

static int load_names(Image *i, const char *id, Error *error)
{
        _cleanup_free_ char *text = NULL;
        _cleanup_json_ json_t *v = NULL;
        int r;

        r = state_load(i->manager->state, STATE_IMAGES, id, NAMES_FILE, &v, NULL);
        if (r == -ENOENT)
                return 0;
        if (r >= 0)
                r = json_read(v, names_rows, ELEMENTSOF(names_rows), i, &i->unknown, &text);
        if (r == -EBADMSG)
                return error_set(error, ERROR_STORE_DAMAGED, NAMES_FILE ": %s", strempty(text)), r;
        STRV_FOREACH(d, i->digests)
                if (r >= 0 && (!strchr(*d, '@') || !digest_is_valid(strchr(*d, '@') + 1)))
                        return error_set(error, ERROR_STORE_DAMAGED, NAMES_FILE ": not a digest"), -EBADMSG;
        return r;
}

/* A name that another image has already is that one's. */
static int claim_names(Image *i)
{
        Manager *m = i->manager;
        int r = 0;

        for (size_t n = 0; i->names && i->names[n];) {
                r = map_add(m->image_names, i->names[n], i);
                if (r == -EEXIST) {
                        free(i->names[n]);
                        memmove(&i->names[n], &i->names[n + 1],
                                (strv_length(&i->names[n + 1]) + 1) * sizeof(char *));
                        continue;
                }
                if (r < 0)
                        return r;
                n++;
        }
        return 0;
}

int image_load(Manager *m, const char *id, Error *error)
{
        _cleanup_(image_freep) Image *i = calloc(1, sizeof(*i));
        _cleanup_json_ json_t *v = NULL;
        int r;

        if (!i)
                return -ENOMEM;
        i->manager = m;
        if (map_size(m->images) >= IMAGES_MAX)
                return error_set(error, ERROR_LIMIT, "There are %u images already", IMAGES_MAX);
        r = state_load(m->state, STATE_IMAGES, id, IMAGE_FILE, &v, error);
        if (r >= 0)
                r = image_config_from_json(v, &i->config, error);
        if (r >= 0 && !streq_ptr(image_id(i), id)) {
                (void) error_set(error, ERROR_STORE_DAMAGED, IMAGE_FILE " is that of another image");
                return -EBADMSG;
        }
        if (r >= 0)
                r = load_names(i, id, error);
        if (r >= 0)
                r = claim_names(i);
        if (r >= 0)
                r = map_put(m->images, id, i);
        if (r >= 0)
                TAKE_PTR(i);
        return r;
}

void image_look_again(Manager *m, const char *id)
{
        _cleanup_error_ Error error = ERROR_INIT;
        bool known = map_has(m->images, id), exists = state_has(m->state, STATE_IMAGES, id);
        int r;

        if (known && !exists) {
                (void) map_remove(m->images, id);
                manager_removed(m, OBJECT_IMAGE, id);
        } else if (!known && exists) {
                r = image_load(m, id, &error);
                if (r < 0)
                        log_warning("Image %s: %s", id, strempty(error.message));
                else
                        manager_added(m, OBJECT_IMAGE, id);
        }
}

/* Looking up */

static int find_by_id(Manager *m, const char *name, Image **ret, Error *error)
{
        const char *id = startswith(name, "sha256:") ?: name;
        size_t n = strlen(id);
        Image *found = NULL;

        *ret = NULL;
        if (n == 0 || n > ID_LENGTH || !is_hex(id, n))
                return 0;
        MAP_FOREACH(e, m->images) {
                if (strncmp(map_key(e), id, n) != 0)
                        continue;
                if (found)
                        return error_set(error, ERROR_AMBIGUOUS, "\"%s\" begins the IDs of several images",
                                         name);
                found = map_value(e);
        }
        *ret = found;
        return 0;
}

/* Whether full is the short name with something and a slash in front. */
static bool is_tail(const char *full, const char *name)
{
        const char *p = endswith(full, name);

        return p && p > full && p[-1] == '/';
}

/* "web" means the only image called .../web:latest. */
static int find_by_tail(Manager *m, const char *name, Image **ret, Error *error)
{
        _cleanup_image_ref_ ImageRef ref = {};
        _cleanup_free_ char *tail = NULL;
        Image *found = NULL;

        *ret = NULL;
        if (image_ref_parse(name, &ref, NULL) < 0 || ref.registry || ref.digest)
                return 0;
        tail = str_printf("%s:%s", ref.path, ref.tag ?: "latest");
        if (!tail)
                return -ENOMEM;
        MAP_FOREACH(e, m->image_names) {
                if (!is_tail(map_key(e), tail) || map_value(e) == found)
                        continue;
                if (found)
                        return error_set(error, ERROR_AMBIGUOUS, "\"%s\" is the short name of several images",
                                         name);
                found = map_value(e);
        }
        *ret = found;
        return 0;
}

/* "registry/path" of a name, without tag and digest. */
static char *repository_of(const char *name)
{
        _cleanup_image_ref_ ImageRef ref = {};

        if (image_ref_parse(name, &ref, NULL) < 0 || !ref.registry)
                return NULL;
        return str_printf("%s/%s", ref.registry, ref.path);
}

static bool has_repo_digest(const Image *i, const char *repository, const char *digest)
{
        _cleanup_free_ char *wanted = str_printf("%s@%s", strempty(repository), digest);
        _cleanup_strv_ char **all = NULL;

        return wanted && image_repo_digests(i, &all) >= 0 && strv_contains(all, wanted);
}

static bool has_digest(const Image *i, const char *digest)
{
        if (streq_ptr(i->config->digest, digest))
                return true;
        STRV_FOREACH(d, i->digests)
                if (streq(strchr(*d, '@') + 1, digest))
                        return true;
        return false;
}

/* "sha256:..." of a manifest or an index, alone or behind the name of a repository that has it. */
static Image *find_by_digest(Manager *m, const char *name)
{
        const char *at = strchr(name, '@');
        const char *digest = at ? at + 1 : name;
        _cleanup_free_ char *repository = NULL;

        if (!digest_is_valid(digest))
                return NULL;
        if (at) {
                _cleanup_free_ char *normal = NULL;

                if (image_ref_normalize(name, &normal, NULL) >= 0)
                        repository = repository_of(normal);
        }
        MAP_FOREACH(e, m->images) {
                Image *i = map_value(e);

                if (at ? has_repo_digest(i, repository, digest) : has_digest(i, digest))
                        return i;
        }
        return NULL;
}

int manager_find_image(Manager *m, const char *name, Image **ret, Error *error)
{
        _cleanup_free_ char *normal = NULL;
        Image *i = map_get(m->image_names, name);
        int r = 0;

        if (!i && image_ref_normalize(name, &normal, NULL) >= 0)
                i = map_get(m->image_names, normal);
        if (!i)
                i = find_by_digest(m, name);
        if (!i)
                r = find_by_id(m, name, &i, error);
        if (!i && r >= 0)
                r = find_by_tail(m, name, &i, error);
        if (r < 0)
                return r;
        if (!i || i->removing)
                return error_set(error, ERROR_NO_SUCH_IMAGE, "No such image: \"%.512s\"", name);
        *ret = i;
        return 0;
}

/* Names */

/* What names.json says of it, changed. */
typedef struct Naming {
        char **names, **digests, **history;
} Naming;

static void naming_done(Naming *n)
{
        strv_free(n->names);
        strv_free(n->digests);
        strv_free(n->history);
}

static int naming_copy(const Image *i, Naming *ret)
{
        int r = strv_copy(i->names, &ret->names);

        if (r >= 0)
                r = strv_copy(i->digests, &ret->digests);
        return r < 0 ? r : strv_copy(i->history, &ret->history);
}

/* A name that it has now goes to the top of those that it had. */
static int remember_name(Naming *n, const char *name)
{
        _cleanup_strv_ char **history = NULL;
        int r = strv_append(&history, name);

        STRV_FOREACH(old, n->history)
                if (r >= 0 && !streq(*old, name) && strv_length(history) < HISTORY_MAX)
                        r = strv_append(&history, *old);
        if (r < 0)
                return r;
        strv_free(n->history);
        n->history = TAKE_PTR(history);
        return 0;
}

static int save_naming(const Image *i, const Naming *n, Error *error)
{
        Image changed = {.names = n->names, .digests = n->digests, .history = n->history};
        _cleanup_json_ json_t *v = json_write(names_rows, ELEMENTSOF(names_rows), &changed, i->unknown);

        if (!v)
                return -ENOMEM;
        return state_replace(i->manager->state, STATE_IMAGES, image_id(i), NAMES_FILE, v, FS_SYNC, error);
}

static void take_naming(Image *i, Naming *n)
{
        Naming old = {i->names, i->digests, i->history};

        i->names = n->names;
        i->digests = n->digests;
        i->history = n->history;
        *n = old;
}

static void names_event(Image *i, Event e, const char *name)
{
        static const char *const properties[] = {"Names", NULL};
        EventInfo info = {.id = image_id(i), .name = name};

        manager_event(i->manager, e, &info);
        manager_changed(i->manager, OBJECT_IMAGE, image_id(i), properties);
}

static int without(char **names, const char *name, char ***ret)
{
        _cleanup_strv_ char **rest = NULL;
        int r;

        STRV_FOREACH(n, names)
                if (!streq(*n, name)) {
                        r = strv_append(&rest, *n);
                        if (r < 0)
                                return r;
                }
        *ret = TAKE_PTR(rest);
        return 0;
}

static int drop_name(Image *i, const char *normal, Error *error)
{
        _cleanup_(naming_done) Naming n = {};
        char **rest;
        int r;

        r = naming_copy(i, &n);
        if (r >= 0)
                r = without(n.names, normal, &rest);
        if (r < 0)
                return r;
        strv_free(n.names);
        n.names = rest;
        r = save_naming(i, &n, error);
        if (r < 0)
                return r;
        (void) map_remove(i->manager->image_names, normal);
        take_naming(i, &n);
        return 0;
}

static int add_name(Image *i, const char *normal, Error *error)
{
        _cleanup_(naming_done) Naming n = {};
        Manager *m = i->manager;
        Image *other;
        int r;

        if (strv_length(i->names) >= NAMES_MAX)
                return error_set(error, ERROR_LIMIT, "Image %s has %u names already", image_name(i),
                                 NAMES_MAX);
        r = naming_copy(i, &n);
        if (r >= 0)
                r = strv_append(&n.names, normal);
        if (r >= 0)
                r = remember_name(&n, normal);
        if (r >= 0)
                r = save_naming(i, &n, error);
        if (r < 0)
                return r;
        /* The new owner is on disk first: a name is never without one. */
        other = map_get(m->image_names, normal);
        if (other)
                (void) drop_name(other, normal, NULL);
        r = map_put(m->image_names, normal, i);
        take_naming(i, &n);
        return r;
}

int image_give_name(Image *i, const char *normal, Error *error)
{
        int r;

        if (strv_contains(i->names, normal))
                return 0;
        r = add_name(i, normal, error);
        if (r >= 0)
                names_event(i, EVENT_IMAGE_TAG, normal);
        return r;
}

int image_tag(Image *i, const char *name, Error *error)
{
        _cleanup_free_ char *normal = NULL;
        const char *reason = NULL;

        if (image_ref_normalize(name, &normal, &reason) < 0)
                return error_set(error, ERROR_INVALID_ARGUMENT, "Not an image name: \"%.512s\": %s", name,
                                 strempty(reason));
        if (strchr(normal, '@'))
                return error_set(error, ERROR_INVALID_ARGUMENT, "A digest is no tag: \"%.512s\"", name);
        return image_give_name(i, normal, error);
}

int image_add_digests(Image *i, const char *repository, char *const *digests, Error *error)
{
        _cleanup_(naming_done) Naming n = {};
        size_t before = strv_length(i->digests);
        int r = naming_copy(i, &n);

        STRV_FOREACH(digest, (char **) digests) {
                _cleanup_free_ char *text = str_printf("%s@%s", repository, *digest);

                if (r >= 0 && !text)
                        r = -ENOMEM;
                if (r >= 0 && !strv_contains(n.digests, text) && strv_length(n.digests) < DIGESTS_MAX)
                        r = strv_append(&n.digests, text);
        }
        if (r < 0 || strv_length(n.digests) == before)
                return r;
        r = save_naming(i, &n, error);
        if (r >= 0)
                take_naming(i, &n);
        return r;
}

int image_repo_digests(const Image *i, char ***ret)
{
        _cleanup_strv_ char **all = NULL;
        int r = strv_copy(i->digests, &all);

        STRV_FOREACH(name, i->config->digest ? i->names : NULL) {
                _cleanup_free_ char *repository = repository_of(*name), *text = NULL;

                text = repository ? str_printf("%s@%s", repository, i->config->digest) : NULL;
                if (r >= 0 && text && !strv_contains(all, text))
                        r = strv_append(&all, text);
        }
        if (r >= 0)
                *ret = TAKE_PTR(all);
        return r;
}

int image_of_worker(Manager *m, const char *id, Image **ret, Error *error)
{
        if (!id_is_valid(id))
                return error_set(error, ERROR_FAILED, "The worker named an image without an ID");
        image_look_again(m, id);
        *ret = map_get(m->images, id);
        return *ret ? 0
                    : error_set(error, ERROR_FAILED, "The worker named an image that is not there: %s", id);
}

/* As it is, made whole, or as the end of the only one that it fits. */
static const char *own_name(const Image *i, const char *name, const char *normal)
{
        const char *found = NULL;

        STRV_FOREACH(n, i->names)
                if (streq(*n, name) || streq_ptr(*n, normal))
                        return *n;
        STRV_FOREACH(n, i->names) {
                const char *tail = normal ? startswith(normal, "localhost/") : NULL;

                if (!tail || !is_tail(*n, tail))
                        continue;
                if (found)
                        return NULL;
                found = *n;
        }
        return found;
}

bool image_has_name(const Image *i, const char *name)
{
        _cleanup_free_ char *normal = NULL;

        (void) image_ref_normalize(name, &normal, NULL);
        return own_name(i, name, normal) != NULL;
}

int image_untag(Image *i, const char *name, char **ret, Error *error)
{
        _cleanup_free_ char *normal = NULL, *known = NULL;
        const char *own;
        int r;

        (void) image_ref_normalize(name, &normal, NULL);
        own = own_name(i, name, normal);
        if (!own)
                return error_set(error, ERROR_NO_SUCH_IMAGE, "Image %s is not called \"%.512s\"",
                                 image_name(i), name);
        known = strdup(own);
        if (!known)
                return -ENOMEM;
        r = drop_name(i, known, error);
        if (r < 0)
                return r;
        names_event(i, EVENT_IMAGE_UNTAG, known);
        if (ret)
                *ret = TAKE_PTR(known);
        return 0;
}

int image_known_as(const Image *i, const char *given, char **ret)
{
        _cleanup_free_ char *normal = NULL;
        const char *own;

        (void) image_ref_normalize(given, &normal, NULL);
        own = own_name(i, given, normal);
        *ret = own ? strdup(own) : NULL;
        return own && !*ret ? -ENOMEM : 0;
}

int image_refuse_busy(const Image *i, Error *error)
{
        if (i->held > 0)
                return error_set(error, ERROR_IN_USE, "Image %s is being read by another operation",
                                 image_name(i));
        if (image_is_mounted(i))
                return error_set(error, ERROR_IN_USE, "Image %s is mounted: unmount it first", image_name(i));
        return 0;
}
