/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What registries have: repositories that a word finds, the tags of one; and whether they let us in. */

#include "base/str.h"
#include "object/fetch.h"
#include "object/image.h"
#include "spec/image-ref.h"

#define LIMIT_MAX 4096U

typedef struct Search {
        FetchVerb verb;
        char **places; /* registries or repositories, asked one after the other */
        size_t at;
        char *term;
        FetchOptions options;
        uint64_t limit;
        json_t *found;
} Search;

static void search_free(void *data)
{
        Search *s = data;

        strv_free(s->places);
        fetch_options_done(&s->options);
        json_decref(s->found);
        free(s->term);
        free(s);
}

static void ask_next(Work *w);

/* One that fails is a warning when another one answers. */
static void step_failed(Work *w, int r, const Error *error)
{
        Search *s = w->data;

        if (!s->places[s->at + 1] && json_array_size(s->found) == 0) {
                work_end(w, r, error);
                return;
        }
        (void) strv_append(&w->warnings, strempty(error->message));
        s->at++;
        ask_next(w);
}

static void ask_next(Work *w)
{
        _cleanup_fetch_order_ FetchOrder *order = NULL;
        _cleanup_error_ Error error = ERROR_INIT;
        Search *s = w->data;
        int r;

        if (!s->places[s->at]) {
                w->value = json_incref(s->found);
                work_end(w, 0, NULL);
                return;
        }
        r = fetch_order_new(s->verb, s->places[s->at], &s->options, &order, &error);
        if (r >= 0)
                r = str_replace(&order->query, s->term);
        if (r >= 0)
                order->limit = s->limit;
        if (r >= 0)
                fetch_step(w, s->verb, order, NULL);
        else if (error.kind == ERROR_NONE)
                work_fail(w, r, NULL, "Cannot ask the registry");
        else
                step_failed(w, r, &error);
}

/* "Index" says where it was found, as podman's column does. */
static void take_found(Search *s, json_t *list)
{
        json_t *v;
        size_t i;

        json_array_foreach(list, i, v)
        {
                if (json_array_size(s->found) >= LIMIT_MAX)
                        return;
                if (json_is_object(v))
                        (void) json_object_set_new(v, "Index", json_string(s->places[s->at]));
                (void) json_array_append(s->found, v);
        }
}

static void on_search_stepped(Work *w, int r, json_t *result, const Error *error)
{
        Search *s = w->data;

        if (r < 0) {
                step_failed(w, r, error);
                return;
        }
        if (s->verb != FETCH_CHECK)
                take_found(s, json_get_array(result, s->verb == FETCH_TAGS ? "Tags" : "Results"));
        s->at++;
        ask_next(w);
}

static const WorkClass search_class = {.stepped = on_search_stepped, .free = search_free};

static int search_new(FetchVerb verb, const FetchOptions *options, uint64_t limit, Search **ret)
{
        Search *s = calloc(1, sizeof(*s));

        if (!s)
                return -ENOMEM;
        s->verb = verb;
        s->limit = MIN(limit > 0 ? limit : LIMIT_MAX, (uint64_t) LIMIT_MAX);
        s->found = json_array();
        if (!s->found || fetch_options_copy(options, &s->options) < 0) {
                search_free(s);
                return -ENOMEM;
        }
        *ret = s;
        return 0;
}

static int begin(Manager *m, WorkType type, Search *s, const char *subject, const WorkClient *client,
                 Error *error)
{
        WorkOptions o = {.type = type, .class = &search_class, .data = s, .subject = subject};
        Work *w;
        int r;

        r = work_new(m, &o, client, &w, error);
        if (r >= 0)
                ask_next(w);
        return r;
}

int images_tags(Manager *m, const char *repository, const FetchOptions *options, uint64_t limit,
                const WorkClient *client, Error *error)
{
        _cleanup_registries_ Registries *registries = NULL;
        _cleanup_image_ref_ ImageRef ref = {};
        const char *reason = NULL;
        Search *s;
        int r;

        r = image_ref_parse(repository, &ref, &reason);
        if (r == -EINVAL)
                return error_set(error, ERROR_INVALID_ARGUMENT, "Not a repository: \"%.512s\": %s",
                                 repository, strempty(reason));
        if (r >= 0)
                r = fetch_registries(&registries, error);
        if (r >= 0)
                r = search_new(FETCH_TAGS, options, limit, &s);
        if (r < 0)
                return r;
        r = registries_resolve(registries, repository, &s->places, NULL, error);
        if (r < 0) {
                search_free(s);
                return r;
        }
        return begin(m, WORK_TAGS, s, repository, client, error);
}

/* "registry.example/word" asks that one, "word" all that registries.conf lists. */
static int find_places(const char *term, Search *s, Error *error)
{
        _cleanup_registries_ Registries *registries = NULL;
        const char *slash = strchr(term, '/');
        _cleanup_free_ char *host = slash ? strndup(term, (size_t) (slash - term)) : NULL;
        int r;

        if (host && (strchr(host, '.') || strchr(host, ':') || streq(host, "localhost"))) {
                r = strv_append(&s->places, host);
                return r < 0 ? r : str_replace(&s->term, slash + 1);
        }
        r = fetch_registries(&registries, error);
        if (r >= 0)
                r = strv_extend(&s->places, registries_search(registries));
        if (r >= 0 && !s->places)
                return error_set(error, ERROR_INVALID_ARGUMENT,
                                 "No registry to search: name one as REGISTRY/%.128s, or list some in %s",
                                 term, REGISTRIES_CONF);
        return r < 0 ? r : str_replace(&s->term, term);
}

int images_search(Manager *m, const char *term, const FetchOptions *options, uint64_t limit,
                  const WorkClient *client, Error *error)
{
        Search *s;
        int r;

        r = search_new(FETCH_SEARCH, options, limit, &s);
        if (r < 0)
                return r;
        r = find_places(term, s, error);
        if (r < 0) {
                search_free(s);
                return r;
        }
        return begin(m, WORK_SEARCH, s, term, client, error);
}

int registry_check(Manager *m, const char *registry, const FetchOptions *options, const WorkClient *client,
                   Error *error)
{
        Search *s;
        int r;

        r = search_new(FETCH_CHECK, options, 0, &s);
        if (r < 0)
                return r;
        r = strv_append(&s->places, registry);
        if (r < 0) {
                search_free(s);
                return r;
        }
        return begin(m, WORK_CHECK_REGISTRY, s, registry, client, error);
}
