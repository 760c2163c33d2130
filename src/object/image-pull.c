/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Pulling: a short name may mean several full ones, which are tried in turn; of each berth-fetch brings what
 * is missing into a directory, and berth-pull takes it from there into the store. Whoever wants the same
 * while that goes on shares it. */

#include "base/log.h"
#include "base/str.h"
#include "object/fetch.h"
#include "object/image.h"
#include "spec/image-ref.h"
#include "spec/name.h"
#include "spec/platform.h"

#define TAGS_MAX 4096U

typedef enum PullStage {
        PULL_TAGS,
        PULL_FETCH,
        PULL_LOAD,
} PullStage;

typedef struct Pull {
        PullStage stage;
        char **candidates; /* full names, in the order in which they are tried */
        size_t at;
        FetchOptions options;
        Platform platform;
        bool all_tags;
        bool distrust; /* the store: fetch and read all layers */
        bool lenient;  /* what is here will do when the registry does not answer */
        FetchOrder *order;
        char *directory;
        char *known; /* the image that has the name now */
        char *digest, *list_digest;
        bool refreshed; /* the credentials have been read again */
} Pull;

static void pull_free(void *data)
{
        Pull *p = data;

        strv_free(p->candidates);
        fetch_options_done(&p->options);
        platform_done(&p->platform);
        fetch_order_free(p->order);
        free(p->directory);
        free(p->known);
        free(p->digest);
        free(p->list_digest);
        free(p);
}

/* Ends */

static int add_result(Work *w, const Image *i, const char *name)
{
        int r = strv_append(&w->ids, image_id(i));

        return r < 0 ? r : strv_append(&w->names, name);
}

/* Whether what is here is the answer all the same. */
static bool use_present(Work *w, const Error *error)
{
        const Pull *p = w->data;
        Image *i = p->known ? map_get(w->manager->images, p->known) : NULL;

        return p->lenient && i && add_result(w, i, p->candidates[p->at]) >= 0 &&
               strv_append(&w->warnings, strempty(error->message)) >= 0;
}

static void pull_failed(Work *w, int r, const Error *error)
{
        _cleanup_(map_freep) Map *attributes = map_new_strings();
        const Pull *p = w->data;
        EventInfo info = {.name = p->candidates[p->at], .attributes = attributes};

        if (use_present(w, error)) {
                work_end(w, 0, NULL);
                return;
        }
        if (attributes && error->message)
                (void) map_put_string(attributes, "error", error->message);
        manager_event(w->manager, EVENT_IMAGE_PULL_ERROR, &info);
        work_end(w, r, error);
}

static void try_candidate(Work *w);

/* With --all-tags every candidate is wanted, else one. */
static void candidate_done(Work *w)
{
        Pull *p = w->data;

        if (p->all_tags && p->candidates[p->at + 1]) {
                p->at++;
                try_candidate(w);
        } else
                work_end(w, 0, NULL);
}

static bool fits_platform(const Image *i, const Platform *wanted)
{
        return platform_rank(wanted, i->config->os, i->config->architecture, i->config->variant) >= 0;
}

/* A registry that has one image and no index gives that one, whatever was asked for. */
static int warn_platform(Work *w, const Image *i)
{
        const Pull *p = w->data;
        _cleanup_free_ char *wanted = NULL, *text = NULL;

        if (fits_platform(i, &p->platform))
                return 0;
        wanted = platform_text(&p->platform);
        text = wanted ? str_printf("%s is for %s/%s, not for %s", p->candidates[p->at],
                                   strempty(i->config->os), strempty(i->config->architecture), wanted)
                      : NULL;
        return text ? strv_append(&w->warnings, text) : -ENOMEM;
}

/* What the name means has been loaded: it gets the name, and the image remembers where it came from. */
static int name_image(Work *w, Image *i, Error *error)
{
        const Pull *p = w->data;
        char *digests[] = {p->digest, p->list_digest, NULL};
        _cleanup_image_ref_ ImageRef ref = {};
        _cleanup_free_ char *repository = NULL, *by_digest = NULL;
        const char *name = p->candidates[p->at];
        EventInfo info = {.id = image_id(i), .name = name};
        int r;

        r = image_ref_parse(name, &ref, NULL);
        if (r >= 0)
                repository = str_printf("%s/%s", ref.registry, ref.path);
        if (r >= 0 && !repository)
                r = -ENOMEM;
        if (r >= 0)
                r = image_add_digests(i, repository, digests, error);
        /* A tag beside a digest is not what was asked for. */
        by_digest = r >= 0 && ref.digest ? str_printf("%s@%s", repository, ref.digest) : NULL;
        if (r >= 0)
                r = image_give_name(i, by_digest ?: name, error);
        if (r >= 0)
                r = warn_platform(w, i);
        if (r < 0)
                return r;
        manager_event(w->manager, EVENT_IMAGE_PULL, &info);
        return add_result(w, i, name);
}

/* Steps */

static int add_layers(Manager *m, char ***have)
{
        _cleanup_(map_freep) Map *seen = map_new(NULL);
        int r = seen ? 0 : -ENOMEM;

        MAP_FOREACH(e, m->images) {
                const Image *i = map_value(e);

                STRV_FOREACH(id, i->config->diff_ids)
                        if (r >= 0 && !map_has(seen, *id) && map_size(seen) < FETCH_HAVE_MAX) {
                                r = map_put(seen, *id, seen);
                                if (r >= 0)
                                        r = strv_append(have, *id);
                        }
        }
        return r;
}

static int remember_known(Work *w, const char *name)
{
        Pull *p = w->data;
        const Image *i = map_get(w->manager->image_names, name);

        if (!i || p->distrust || !fits_platform(i, &p->platform))
                return str_replace(&p->known, NULL);
        return str_replace(&p->known, image_id(i));
}

static int complete_order(Work *w, FetchVerb verb)
{
        Pull *p = w->data;
        const Image *i = p->known ? map_get(w->manager->images, p->known) : NULL;
        FetchOrder *o = p->order;
        int r;

        r = str_replace(&o->os, p->platform.os);
        if (r >= 0)
                r = str_replace(&o->architecture, p->platform.architecture);
        if (r >= 0)
                r = str_replace(&o->variant, p->platform.variant);
        if (r >= 0 && verb == FETCH_PULL && i)
                r = str_replace(&o->known_digest, i->config->digest);
        if (r >= 0 && verb == FETCH_PULL && !p->distrust)
                r = add_layers(w->manager, &o->have);
        if (verb == FETCH_TAGS)
                o->limit = TAGS_MAX;
        return r;
}

static int plan(Work *w, FetchVerb verb, Error *error)
{
        Pull *p = w->data;
        const char *name = p->candidates[p->at];
        _cleanup_free_ char *platform = platform_text(&p->platform), *what = NULL;
        int r;

        p->order = fetch_order_free(p->order);
        what = platform ? str_printf("%s %s", name, platform) : NULL;
        free(p->directory);
        p->directory = what ? fetch_key(what) : NULL;
        if (!p->directory)
                return -ENOMEM;
        r = fetch_order_new(verb, name, &p->options, &p->order, error);
        if (r >= 0)
                r = remember_known(w, name);
        return r < 0 ? r : complete_order(w, verb);
}

static void fetch(Work *w)
{
        const Pull *p = w->data;
        FetchVerb verb = p->stage == PULL_TAGS ? FETCH_TAGS : FETCH_PULL;

        fetch_step(w, verb, p->order, verb == FETCH_PULL ? p->directory : NULL);
}

static void next_candidate(Work *w, int r, const Error *error)
{
        Pull *p = w->data;
        bool other = error->kind == ERROR_NO_SUCH_IMAGE || error->kind == ERROR_UNREACHABLE ||
                     error->kind == ERROR_AUTHENTICATION || error->kind == ERROR_REJECTED;

        if (p->all_tags || !other || !p->candidates[p->at + 1]) {
                pull_failed(w, r, error);
                return;
        }
        p->at++;
        try_candidate(w);
}

static void try_candidate(Work *w)
{
        _cleanup_error_ Error error = ERROR_INIT;
        Pull *p = w->data;
        int r;

        p->refreshed = p->options.credentials != NULL;
        r = plan(w, p->stage == PULL_TAGS ? FETCH_TAGS : FETCH_PULL, &error);
        if (r >= 0)
                fetch(w);
        else if (error.kind == ERROR_NONE)
                work_fail(w, r, NULL, "Cannot prepare the pull");
        else
                next_candidate(w, r, &error);
}

/* Somebody may have logged in again meanwhile: only when the files say something else than before. */
static bool refresh(Work *w)
{
        _cleanup_json_ json_t *before = NULL, *after = NULL;
        Pull *p = w->data;

        if (p->refreshed)
                return false;
        p->refreshed = true;
        before = fetch_order_to_json(p->order);
        if (plan(w, p->stage == PULL_TAGS ? FETCH_TAGS : FETCH_PULL, NULL) < 0)
                return false;
        after = fetch_order_to_json(p->order);
        return before && after && !json_equal(before, after);
}

static int load_arguments(const Pull *p, char ***ret, Error *error)
{
        _cleanup_free_ char *platform = platform_text(&p->platform);
        char *option = platform ? str_printf("--platform=%s", platform) : NULL;
        int r = strv_append(ret, "load");

        if (r < 0)
                free(option);
        else
                r = option ? strv_consume(ret, option) : -ENOMEM;
        if (r >= 0 && p->distrust)
                r = strv_append(ret, "--distrust");
        return r < 0 ? r : image_limits(ret, error);
}

static void load(Work *w)
{
        WorkStep step = {WORKER_PULL, "Berth: load a pulled image"};
        _cleanup_strv_ char **arguments = NULL;
        _cleanup_error_ Error error = ERROR_INIT;
        const Pull *p = w->data;
        int r;

        r = load_arguments(p, &arguments, &error);
        step.arguments = arguments;
        step.input = r < 0 ? r : fetch_directory_open(p->directory, false, &error);
        if (step.input < 0)
                work_fail(w, step.input, &error, "Cannot load what was fetched");
        else
                work_step(w, &step, "Cannot load what was fetched");
}

/* The registry has what we have. */
static void unchanged(Work *w)
{
        _cleanup_error_ Error error = ERROR_INIT;
        const Pull *p = w->data;
        Image *i = p->known ? map_get(w->manager->images, p->known) : NULL;
        int r;

        if (!i)
                r = error_set(&error, ERROR_NO_SUCH_IMAGE, "Image %s went away while it was being pulled",
                              p->candidates[p->at]);
        else
                r = name_image(w, i, &error);
        if (r < 0)
                work_fail(w, r, &error, "Cannot name the image");
        else
                candidate_done(w);
}

static void on_fetched(Work *w, const json_t *result)
{
        Pull *p = w->data;
        int r;

        r = str_replace(&p->digest, json_get_string(result, "Digest"));
        if (r >= 0)
                r = str_replace(&p->list_digest, json_get_string(result, "ListDigest"));
        if (r < 0 || !digest_is_valid(p->digest) || (p->list_digest && !digest_is_valid(p->list_digest))) {
                work_fail(w, -EBADMSG, NULL, "What berth-fetch says makes no sense");
                return;
        }
        if (json_get_bool(result, "Unchanged", false)) {
                unchanged(w);
                return;
        }
        p->stage = PULL_LOAD;
        load(w);
}

static void on_tags(Work *w, const json_t *result)
{
        _cleanup_strv_ char **tags = NULL, **names = NULL;
        _cleanup_image_ref_ ImageRef ref = {};
        Pull *p = w->data;
        int r;

        r = json_get_strv(result, "Tags", &tags);
        if (r >= 0)
                r = image_ref_parse(p->candidates[p->at], &ref, NULL);
        STRV_FOREACH(tag, tags) {
                _cleanup_free_ char *name = str_printf("%s/%s:%s", ref.registry, ref.path, *tag);
                _cleanup_image_ref_ ImageRef whole = {};

                /* A registry may say anything. */
                if (r >= 0 && name && image_ref_parse(name, &whole, NULL) >= 0 && streq_ptr(whole.tag, *tag))
                        r = strv_append(&names, name);
        }
        if (r < 0 || !names) {
                work_fail(w, r < 0 ? r : -ENOENT, NULL, "The repository has no tags");
                return;
        }
        strv_free(p->candidates);
        p->candidates = TAKE_PTR(names);
        p->at = 0;
        p->stage = PULL_FETCH;
        try_candidate(w);
}

static void on_loaded(Work *w, const json_t *result)
{
        _cleanup_error_ Error error = ERROR_INIT;
        json_t *image = json_array_get(json_get_array(result, "Images"), 0);
        Pull *p = w->data;
        Image *i;
        int r;

        r = image_of_worker(w->manager, json_get_string(image, "Id"), &i, &error);
        if (r >= 0)
                r = name_image(w, i, &error);
        if (r < 0) {
                work_fail(w, r, &error, "Cannot name the image");
                return;
        }
        fetch_directory_remove(w->manager, p->directory);
        p->stage = PULL_FETCH;
        candidate_done(w);
}

/* What was fetched is wrong, or a layer that we counted on has gone or is damaged: once more, and all of it.
 */
static void on_not_loaded(Work *w, int r, const Error *error)
{
        bool again = error->kind == ERROR_BAD_ARCHIVE || error->kind == ERROR_BAD_DIGEST ||
                     error->kind == ERROR_STORE_DAMAGED;
        Pull *p = w->data;

        if (error->kind == ERROR_FAILED) /* it may have been killed */
                images_sweep(w->manager);
        if (again)
                fetch_directory_remove(w->manager, p->directory);
        if (!again || p->distrust) {
                pull_failed(w, r, error);
                return;
        }
        log_notice("Image %s: %s; fetching all of it again", p->candidates[p->at], strempty(error->message));
        p->distrust = true;
        p->stage = PULL_FETCH;
        try_candidate(w);
}

static void on_pull_stepped(Work *w, int r, json_t *result, const Error *error)
{
        Pull *p = w->data;

        if (r < 0 && p->stage == PULL_LOAD)
                on_not_loaded(w, r, error);
        else if (r < 0 && error->kind == ERROR_AUTHENTICATION && refresh(w))
                fetch(w);
        else if (r < 0)
                next_candidate(w, r, error);
        else if (p->stage == PULL_TAGS)
                on_tags(w, result);
        else if (p->stage == PULL_FETCH)
                on_fetched(w, result);
        else
                on_loaded(w, result);
}

static void on_pull_cancelled(Work *w)
{
        const Pull *p = w->data;

        if (p->stage == PULL_LOAD)
                images_sweep(w->manager);
}

static const WorkClass pull_class = {
        .stepped = on_pull_stepped,
        .cancelled = on_pull_cancelled,
        .free = pull_free,
};

/* Beginning */

static int resolve(const char *reference, bool all_tags, char ***ret, Error *error)
{
        _cleanup_registries_ Registries *registries = NULL;
        _cleanup_image_ref_ ImageRef ref = {};
        _cleanup_error_ Error own = ERROR_INIT;
        const char *reason = NULL;
        int r;

        r = image_ref_parse(reference, &ref, &reason);
        if (r < 0)
                return error_set(error, ERROR_INVALID_ARGUMENT, "Not an image name: \"%.512s\": %s",
                                 reference, strempty(reason));
        if (all_tags && (ref.tag || ref.digest))
                return error_set(error, ERROR_INVALID_ARGUMENT, "All tags are wanted, but \"%.512s\" has one",
                                 reference);
        r = fetch_registries(&registries, error);
        if (r >= 0)
                r = registries_resolve(registries, reference, ret, NULL, &own);
        if (r < 0 && own.kind == ERROR_INVALID_ARGUMENT) /* nobody can be asked for it */
                return error_set(error, ERROR_NO_SUCH_IMAGE, "No such image: \"%.512s\"; %s", reference,
                                 strempty(own.message));
        return r < 0 && own.kind != ERROR_NONE ? error_set(error, own.kind, "%s", strempty(own.message)) : r;
}

static int read_platform(const char *text, Platform *ret, Error *error)
{
        int r = text ? platform_parse(text, ret) : platform_host(ret);

        return r == -EINVAL
                       ? error_set(error, ERROR_INVALID_ARGUMENT, "Not a platform: \"%.64s\"", strempty(text))
                       : r;
}

static int pull_new(const char *reference, const ImagePullOptions *options, Pull **ret, Error *error)
{
        Pull *p = calloc(1, sizeof(*p));
        int r;

        if (!p)
                return -ENOMEM;
        p->all_tags = options->all_tags;
        p->distrust = options->distrust;
        p->lenient = options->policy == PULL_NEWER;
        p->stage = options->all_tags ? PULL_TAGS : PULL_FETCH;
        r = resolve(reference, options->all_tags, &p->candidates, error);
        if (r >= 0)
                r = read_platform(options->platform, &p->platform, error);
        if (r >= 0)
                r = fetch_options_copy(&options->fetch, &p->options);
        if (r < 0)
                pull_free(p);
        else
                *ret = p;
        return r;
}

static int key_of(const Pull *p, char **ret)
{
        _cleanup_free_ char *names = strv_join(p->candidates, " "), *platform = platform_text(&p->platform);

        if (!names || !platform)
                return -ENOMEM;
        *ret = str_printf("%s %s%s%s", platform, names, p->all_tags ? " all" : "",
                          p->distrust ? " distrust" : "");
        return *ret ? 0 : -ENOMEM;
}

/* There is nothing to fetch: an end without a beginning. */
static int pull_present(Manager *m, const Image *i, const char *reference, const WorkClient *client,
                        Error *error)
{
        static const WorkClass present_class = {};
        WorkOptions o = {.type = WORK_PULL, .class = &present_class, .subject = reference};
        _cleanup_free_ char *name = NULL;
        Work *w;
        int r;

        r = image_known_as(i, reference, &name);
        if (r >= 0)
                r = work_new(m, &o, client, &w, error);
        if (r < 0)
                return r;
        r = add_result(w, i, name ?: image_id(i));
        if (r < 0)
                work_fail(w, r, NULL, "Cannot look at the image");
        else
                work_end(w, 0, NULL);
        return 0;
}

/* Whether what is here will do. */
static int find_present(Manager *m, const char *reference, const ImagePullOptions *options, Image **ret,
                        Error *error)
{
        _cleanup_platform_ Platform wanted = {};
        int r;

        *ret = NULL;
        if (options->all_tags || options->policy == PULL_ALWAYS || options->policy == PULL_NEWER)
                return 0;
        r = manager_find_image(m, reference, ret, options->policy == PULL_NEVER ? error : NULL);
        if (r == -ENOMEM || (r < 0 && options->policy == PULL_NEVER))
                return r;
        if (r < 0 || !options->platform)
                return 0;
        r = read_platform(options->platform, &wanted, error);
        if (r >= 0 && !fits_platform(*ret, &wanted))
                *ret = NULL;
        if (r >= 0 && !*ret && options->policy == PULL_NEVER)
                return error_set(error, ERROR_NO_SUCH_IMAGE, "Image %.512s is here, but not for %s",
                                 reference, options->platform);
        return r;
}

int image_pull(Manager *m, const char *reference, const ImagePullOptions *options, const WorkClient *client,
               Error *error)
{
        WorkOptions o = {.type = WORK_PULL, .class = &pull_class, .subject = reference};
        _cleanup_free_ char *key = NULL;
        Image *present;
        Pull *p;
        Work *w;
        int r;

        r = find_present(m, reference, options, &present, error);
        if (r < 0)
                return r;
        if (present)
                return pull_present(m, present, reference, client, error);
        r = pull_new(reference, options, &p, error);
        if (r < 0)
                return r;
        r = key_of(p, &key);
        w = r < 0 ? NULL : work_find(m, WORK_PULL, key);
        if (r < 0 || w) {
                pull_free(p);
                return r < 0 ? r : work_join(w, client, error);
        }
        o.data = p;
        o.key = key;
        r = work_new(m, &o, client, &w, error);
        if (r >= 0)
                try_candidate(w);
        return r;
}
