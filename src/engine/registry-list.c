/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a registry can be asked but for images. Lists come in pages, and each says where the next one is: on
 * the same server, or it is not followed. A name that no name can be is left out. */

#include "base/str.h"
#include "engine/registry-private.h"
#include "spec/image-ref.h"

#define PAGE 1000U
#define PAGES_MAX 1000U
#define SEARCH_DEFAULT 25U
#define DOCKER_REGISTRY "docker.io"
#define DOCKER_INDEX "index.docker.io"

typedef struct List {
        const char *member;
        bool (*is_valid)(const char *name);
        const char *filter; /* what names must contain */
        uint64_t limit;
        json_t *names;
} List;

typedef struct Session {
        Registry *g;
        Http *http;
} Session;

static void session_done(Session *s)
{
        registry_close(s->g);
        http_free(s->http);
}
#define _cleanup_session_ _cleanup_(session_done)

static int session_open(const FetchOrder *order, const FetchEndpoint *e, const char *actions, Session *ret)
{
        ret->http = http_new();
        return ret->http ? registry_open(order, e, actions, &ret->g) : -ENOMEM;
}

static bool tag_is_valid(const char *tag)
{
        _cleanup_free_ char *text = str_printf("host.example/name:%s", tag);
        _cleanup_image_ref_ ImageRef ref = {};

        return text && !strpbrk(tag, ":/@") && image_ref_parse(text, &ref, NULL) >= 0;
}

static bool repository_is_valid(const char *path)
{
        _cleanup_free_ char *text = str_printf("host.example/%s", path);
        _cleanup_image_ref_ ImageRef ref = {};

        return text && !strpbrk(path, ":@") && image_ref_parse(text, &ref, NULL) >= 0;
}

static bool is_full(const List *l)
{
        return l->limit > 0 && json_array_size(l->names) >= l->limit;
}

static int take_page(Registry *g, List *l, const json_t *page, Error *error)
{
        const json_t *names = json_get_array(page, l->member), *v;
        size_t i;

        if (!names && !json_is_null(json_object_get(page, l->member)))
                return error_set(error, ERROR_BAD_REGISTRY, "%s answers without a list of %s", g->host,
                                 l->member);
        json_array_foreach((json_t *) names, i, v)
        {
                const char *name = json_string_value(v);

                if (!name || !l->is_valid(name) || (l->filter && !strstr(name, l->filter)))
                        continue;
                if (is_full(l))
                        break;
                if (json_array_size(l->names) >= REGISTRY_LIST_MAX)
                        return error_set(error, ERROR_LIMIT, "%s lists more than %u %s", g->host,
                                         REGISTRY_LIST_MAX, l->member);
                if (json_array_append_new(l->names, json_string(name)) < 0)
                        return -ENOMEM;
        }
        return 0;
}

/* Where the list goes on; *url is freed when it does not. */
static int next_page(Registry *g, const HttpResponse *response, char **url, Error *error)
{
        _cleanup_free_ char *target = NULL, *next = NULL;
        int r = response->headers[HTTP_LINK] ? link_next(response->headers[HTTP_LINK], &target) : 0;

        if (r == -EINVAL)
                return error_set(error, ERROR_BAD_REGISTRY, "%s sends a Link header that cannot be read",
                                 g->host);
        if (r >= 0 && target)
                r = http_resolve(response->url, target, &next);
        if (r == -EINVAL || (next && !http_site_is_own(&g->site, next, atomic_load(&g->plain))))
                return error_set(error, ERROR_BAD_REGISTRY, "%s says that its list goes on at another server",
                                 g->host);
        if (r < 0)
                return r;
        free(*url);
        *url = TAKE_PTR(next);
        return 0;
}

/* Takes url. */
static int read_list(Session *s, List *l, char *url, const char *what, Error *error)
{
        _cleanup_free_ char *next = url;
        int r = url ? 0 : -ENOMEM;

        for (unsigned pages = 0; r >= 0 && next && !is_full(l); pages++) {
                _cleanup_http_response_ HttpResponse response = {};
                _cleanup_json_ json_t *page = NULL;

                if (pages >= PAGES_MAX)
                        return error_set(error, ERROR_LIMIT, "%s lists more than %u pages", s->g->host,
                                         PAGES_MAX);
                r = registry_get_json(s->g, s->http, next, what, &page, &response, error);
                if (r >= 0)
                        r = take_page(s->g, l, page, error);
                if (r >= 0)
                        r = next_page(s->g, &response, &next, error);
        }
        return r;
}

int registry_tags(const FetchOrder *order, json_t **ret, Error *error)
{
        _cleanup_json_ json_t *names = json_array();
        List l = {.member = "tags", .is_valid = tag_is_valid, .limit = order->limit, .names = names};
        _cleanup_session_ Session s = {};
        _cleanup_free_ char *what = str_printf("repository %s", order->path);
        int r = what ? session_open(order, &order->endpoints[0], "pull", &s) : -ENOMEM;

        if (r >= 0)
                r = read_list(&s, &l, registry_url(s.g, "tags/list?n=%u", PAGE), what, error);
        if (r < 0)
                return r;
        *ret = json_pack("{s:O}", "Tags", names);
        return *ret ? 0 : -ENOMEM;
}

static int read_catalog(Session *s, const char *filter, uint64_t limit, json_t *names, Error *error)
{
        List l = {.member = "repositories",
                  .is_valid = repository_is_valid,
                  .filter = filter,
                  .limit = limit,
                  .names = names};
        _cleanup_free_ char *base = registry_base(s->g);

        return read_list(s, &l, base ? str_printf("%s/v2/_catalog?n=%u", base, PAGE) : NULL, "catalog",
                         error);
}

int registry_catalog(const FetchOrder *order, json_t **ret, Error *error)
{
        _cleanup_json_ json_t *names = json_array();
        _cleanup_session_ Session s = {};
        int r = session_open(order, &order->endpoints[0], NULL, &s);

        if (r >= 0)
                r = read_catalog(&s, NULL, order->limit, names, error);
        if (r < 0)
                return r;
        *ret = json_pack("{s:O}", "Repositories", names);
        return *ret ? 0 : -ENOMEM;
}

static json_t *search_row(const json_t *v)
{
        const char *name = json_get_string(v, "name");

        if (!name)
                return NULL;
        return json_pack("{s:s, s:s, s:I, s:b}", "Name", name, "Description",
                         strempty(json_get_string(v, "description")), "Stars",
                         (json_int_t) json_get_i64(v, "star_count", 0), "Official",
                         json_get_bool(v, "is_official", false));
}

static int take_results(const json_t *answer, uint64_t limit, json_t *results)
{
        const json_t *list = json_get_array(answer, "results"), *v;
        size_t i;

        json_array_foreach((json_t *) list, i, v)
        {
                json_t *row = search_row(v);

                if (!row)
                        continue;
                if (json_array_size(results) >= limit) {
                        json_decref(row);
                        break;
                }
                if (json_array_append_new(results, row) < 0)
                        return -ENOMEM;
        }
        return 0;
}

/* What the first version of Docker's API had, and Docker's own registry has still. */
static int search_index(Session *s, const char *query, uint64_t limit, json_t *results, Error *error)
{
        _cleanup_free_ char *base = registry_base(s->g), *escaped = http_escape(query),
                            *url = base && escaped ? str_printf("%s/v1/search?q=%s&n=%ju", base, escaped,
                                                                (uintmax_t) limit)
                                                   : NULL;
        _cleanup_http_response_ HttpResponse response = {};
        _cleanup_json_ json_t *answer = NULL;
        int r = url ? registry_get_json(s->g, s->http, url, "search", &answer, &response, error) : -ENOMEM;

        return r < 0 ? r : take_results(answer, limit, results);
}

static int search_catalog(Session *s, const char *query, uint64_t limit, json_t *results, Error *error)
{
        _cleanup_json_ json_t *names = json_array();
        const json_t *v;
        size_t i;
        int r = read_catalog(s, query, limit, names, error);

        json_array_foreach(names, i, v)
        {
                json_t *row = r >= 0 ? json_pack("{s:s, s:s, s:i, s:b}", "Name", json_string_value(v),
                                                 "Description", "", "Stars", 0, "Official", false)
                                     : NULL;

                if (r >= 0 && json_array_append_new(results, row) < 0)
                        return -ENOMEM;
        }
        return r;
}

int registry_search(const FetchOrder *order, json_t **ret, Error *error)
{
        FetchEndpoint e = order->endpoints[0]; /* borrowed */
        bool docker = streq(e.host, DOCKER_REGISTRY);
        uint64_t limit = order->limit ?: SEARCH_DEFAULT;
        _cleanup_json_ json_t *results = json_array();
        _cleanup_error_ Error first = ERROR_INIT;
        _cleanup_session_ Session s = {};
        int r;

        if (docker)
                e.host = (char *) DOCKER_INDEX;
        r = session_open(order, &e, NULL, &s);
        if (r >= 0)
                r = search_index(&s, order->query, limit, results, &first);
        if (r < 0 && !docker &&
            (first.kind == ERROR_NO_SUCH_IMAGE || first.kind == ERROR_NOT_SUPPORTED ||
             first.kind == ERROR_BAD_REGISTRY))
                r = search_catalog(&s, order->query, limit, results, error);
        else if (r < 0)
                r = registry_fail(error, &first, r);
        if (r < 0)
                return r;
        *ret = json_pack("{s:O}", "Results", results);
        return *ret ? 0 : -ENOMEM;
}

int registry_check(const FetchOrder *order, json_t **ret, Error *error)
{
        _cleanup_session_ Session s = {};
        _cleanup_free_ char *base = NULL, *url = NULL;
        HttpRequest q = {.redirects = HTTP_REDIRECTS_MAX,
                         .answer_max = REGISTRY_ERROR_MAX,
                         .timeout = REGISTRY_DOCUMENT_SECONDS};
        _cleanup_http_response_ HttpResponse response = {};
        int r = session_open(order, &order->endpoints[0], NULL, &s);

        if (r < 0)
                return r;
        base = registry_base(s.g);
        q.url = url = base ? str_printf("%s/v2/", base) : NULL;
        if (!url)
                return -ENOMEM;
        r = registry_request(s.g, s.http, &q, &response, error);
        if (r >= 0 && response.status != 200)
                r = registry_complain(s.g, "/v2/, which every registry has", &response, error);
        if (r < 0)
                return r;
        *ret = json_object();
        return *ret ? 0 : -ENOMEM;
}
