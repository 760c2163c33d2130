/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A repository at one endpoint, and what every request to it goes through: from the inside out, the challenge
 * of a 401, the fall back to plain HTTP where the order allows it, trying again, and the words for what a
 * registry refused. */

#include <stdarg.h>
#include <time.h>

#include "base/log.h"
#include "base/parse.h"
#include "base/str.h"
#include "store/digest.h"
#include "engine/registry-private.h"

#define DOCKER_REGISTRY "docker.io"
#define DOCKER_HOST "registry-1.docker.io"
#define DELAY_MAX (60 * USEC_PER_SEC)
#define RETRY_AFTER_MAX (5 * USEC_PER_MINUTE)
#define COMPLAINT_LENGTH 256

/* A Content-Type that says nothing about what a document is. */
static const char *const meaningless[] = {"application/json", "application/octet-stream", "text/plain",
                                          "binary/octet-stream"};

#define ACCEPT_MANIFESTS                                                                                     \
        "Accept: application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "      \
        "application/vnd.docker.distribution.manifest.list.v2+json, "                                        \
        "application/vnd.docker.distribution.manifest.v2+json, "                                             \
        "application/vnd.docker.distribution.manifest.v1+prettyjws;q=0.1"

Registry *registry_close(Registry *g)
{
        if (!g)
                return NULL;
        secret_free(g->authorization);
        free(g->host);
        free(g->path);
        free(g->ca);
        http_site_done(&g->site);
        strv_free(g->scopes);
        (void) pthread_mutex_destroy(&g->lock);
        free(g);
        return NULL;
}

int registry_fail(Error *error, const Error *e, int r)
{
        return e->kind != ERROR_NONE ? error_set(error, e->kind, "%s", strempty(e->message)) : r;
}

static int make_scopes(Registry *g, const char *actions)
{
        char *own = str_printf("repository:%s:%s", g->path, actions);
        int r = own ? strv_consume(&g->scopes, own) : -ENOMEM;

        if (!strstr(actions, "push"))
                return r;
        STRV_FOREACH(from, g->order->mount_from) {
                char *scope = str_printf("repository:%s:pull", *from);

                if (r >= 0)
                        r = scope ? strv_consume(&g->scopes, scope) : -ENOMEM;
                else
                        free(scope);
        }
        return r;
}

int registry_open(const FetchOrder *order, const FetchEndpoint *endpoint, const char *actions, Registry **ret)
{
        _cleanup_(registry_closep) Registry *g = calloc(1, sizeof(*g));
        const char *path = endpoint->path ?: order->path;
        int r;

        if (!g)
                return -ENOMEM;
        (void) pthread_mutex_init(&g->lock, NULL);
        g->order = order;
        g->endpoint = endpoint;
        g->host = strdup(streq(endpoint->host, DOCKER_REGISTRY) ? DOCKER_HOST : endpoint->host);
        g->path = path ? strdup(path) : NULL;
        g->ca = strv_length(endpoint->ca) > 0 ? strv_join(endpoint->ca, "\n") : NULL;
        if (!g->host || (path && !g->path) || (strv_length(endpoint->ca) > 0 && !g->ca))
                return -ENOMEM;
        if (actions && g->path && make_scopes(g, actions) < 0)
                return -ENOMEM;
        g->site.insecure = endpoint->insecure;
        g->site.ca = g->ca;
        g->site.client_certificate = endpoint->client_certificate;
        g->site.client_key = endpoint->client_key;
        r = http_site_init(&g->site, g->host);
        if (r >= 0)
                *ret = TAKE_PTR(g);
        return r;
}

char *registry_base(Registry *g)
{
        return str_printf("%s://%s", atomic_load(&g->plain) ? "http" : "https", g->host);
}

char *registry_url(Registry *g, const char *format, ...)
{
        _cleanup_free_ char *base = registry_base(g), *what = NULL;
        va_list ap;
        int r;

        va_start(ap, format);
        r = vasprintf(&what, format, ap);
        va_end(ap);
        if (r < 0) {
                what = NULL;
                return NULL;
        }
        if (!base)
                return NULL;
        return g->path ? str_printf("%s/v2/%s/%s", base, g->path, what) : str_printf("%s/v2/%s", base, what);
}

/* Nobody speaks TLS there: plain HTTP from now on, if the order allows it. url is changed with it. */
static bool fall_back(Registry *g, char **url)
{
        const char *rest = startswith(*url, "https://");
        char *plain;

        if (!g->endpoint->insecure || !rest)
                return false;
        plain = str_printf("http://%s", rest);
        if (!plain)
                return false;
        free(*url);
        *url = plain;
        return true;
}

static int ask_once(Registry *g, Http *h, const HttpRequest *q, char **url, HttpResponse *ret,
                    unsigned *generation, Error *error)
{
        _cleanup_error_ Error e = ERROR_INIT;
        HttpRequest request = *q;
        char *authorization;
        int r;

        (void) pthread_mutex_lock(&g->lock);
        authorization = g->authorization ? strdup(g->authorization) : NULL;
        *generation = g->generation;
        (void) pthread_mutex_unlock(&g->lock);

        request.url = *url;
        /* An upload's place may be at another host. */
        if (http_site_is_own(&g->site, *url, atomic_load(&g->plain)))
                request.authorization = authorization;
        r = http_request(h, &g->site, &request, ret, &e);
        if (r < 0 && ret->no_tls && fall_back(g, url)) {
                _cleanup_error_ Error second = ERROR_INIT;

                request.url = *url;
                r = http_request(h, &g->site, &request, ret, &second);
                if (r >= 0 && http_site_is_own(&g->site, *url, true))
                        atomic_store(&g->plain, true);
                /* Whoever speaks HTTP is the one to complain about; silence is what it was before. */
                if (r < 0 && !ret->no_tls) {
                        error_done(&e);
                        e = TAKE(second, ERROR_INIT);
                }
        }
        secret_free(authorization);
        return r < 0 ? registry_fail(error, &e, r) : r;
}

static int refuse_login(Registry *g, const HttpResponse *response, Error *error)
{
        bool tried = g->endpoint->username || g->endpoint->identity_token;

        return registry_complain(
                g, tried ? "these credentials" : "access without credentials (see berthctl login)", response,
                error);
}

int registry_ask(Registry *g, Http *h, const HttpRequest *q, HttpResponse *ret, Error *error)
{
        _cleanup_free_ char *url = strdup(q->url);

        if (!url)
                return -ENOMEM;
        for (unsigned round = 0;; round++) {
                _cleanup_http_response_ HttpResponse response = {};
                unsigned generation;
                int r = ask_once(g, h, q, &url, &response, &generation, error);

                /* Where a redirect led to, nobody may ask for anything. */
                if (r >= 0 && response.status == 401 &&
                    (round >= AUTH_ROUNDS_MAX ||
                     !http_site_is_own(&g->site, response.url, atomic_load(&g->plain))))
                        return refuse_login(g, &response, error);
                if (r >= 0 && response.status == 401)
                        r = registry_authorize(g, h, &response, generation, error);
                if (r < 0 || response.status != 401) {
                        *ret = TAKE(response, (HttpResponse){});
                        return r;
                }
        }
}

/* 0: not said. */
static uint64_t retry_after(const HttpResponse *response)
{
        const char *text = response->headers[HTTP_RETRY_AFTER];
        uint64_t seconds;
        time_t then, now = time(NULL);

        if (isempty(text))
                return 0;
        if (parse_u64(text, 0, RETRY_AFTER_MAX, &seconds) >= 0)
                return seconds * USEC_PER_SEC;
        then = http_date(text);
        return then > now ? (uint64_t) (then - now) * USEC_PER_SEC : 0;
}

static bool status_is_transient(unsigned status)
{
        return status == 408 || status == 429 || (status >= 500 && status != 501 && status != 505);
}

/* In short steps, for whoever cancels. */
static bool sleep_for(Registry *g, uint64_t usec)
{
        uint64_t end = now_monotonic() + usec;

        while (!atomic_load(&g->site.cancel)) {
                uint64_t now = now_monotonic(), rest = now < end ? MIN(end - now, USEC_PER_SEC / 10) : 0;
                struct timespec t = {.tv_nsec = (long) (rest * 1000)};

                if (rest == 0)
                        return true;
                (void) nanosleep(&t, NULL);
        }
        return false;
}

bool registry_again(Registry *g, uint64_t *attempts, int r, const HttpResponse *response, Error *error)
{
        uint64_t shift = MIN(*attempts, (uint64_t) 10),
                 delay = MIN(g->order->retry_delay << shift, DELAY_MAX),
                 wanted = r >= 0 ? retry_after(response) : 0;

        if (r < 0 ? !response->transient : !status_is_transient(response->status))
                return false;
        if (*attempts >= g->order->retry || wanted > RETRY_AFTER_MAX)
                return false;
        (*attempts)++;
        if (r < 0)
                log_debug("%s; attempt %ju follows", strempty(error->message), (uintmax_t) *attempts + 1);
        else
                log_debug("%s answers %u; attempt %ju follows", g->host, response->status,
                          (uintmax_t) *attempts + 1);
        if (!sleep_for(g, MAX(delay, wanted)))
                return false;
        error_done(error);
        return true;
}

int registry_request(Registry *g, Http *h, const HttpRequest *q, HttpResponse *ret, Error *error)
{
        for (uint64_t attempts = 0;;) {
                _cleanup_http_response_ HttpResponse response = {};
                _cleanup_error_ Error e = ERROR_INIT;
                int r = registry_ask(g, h, q, &response, &e);

                if (registry_again(g, &attempts, r, &response, &e))
                        continue;
                if (r < 0)
                        return registry_fail(error, &e, r);
                *ret = TAKE(response, (HttpResponse){});
                return 0;
        }
}

static ErrorKind kind_of_status(unsigned status)
{
        switch (status) {
        case 401:
        case 403:
                return ERROR_AUTHENTICATION;
        case 404:
                return ERROR_NO_SUCH_IMAGE;
        case 413:
                return ERROR_LIMIT;
        case 429:
                return ERROR_TOO_MANY_REQUESTS;
        case 405:
        case 415:
                return ERROR_NOT_SUPPORTED;
        default:
                return status >= 500 ? ERROR_UNREACHABLE : ERROR_BAD_REGISTRY;
        }
}

/* {"errors":[{"code":"..","message":".."}]}, or a token server's {"details":".."}; "" when it is neither. */
static char *complaint(const HttpResponse *response)
{
        _cleanup_json_ json_t *v = NULL;
        const json_t *first;
        const char *code, *message;

        if (!response->body || json_parse(response->body, response->body_size, &v, NULL) < 0)
                return strdup("");
        first = json_array_get(json_get_array(v, "errors"), 0);
        code = json_get_string(first, "code");
        message = json_get_string(first, "message") ?: json_get_string(v, "details");
        return str_printf("%s%.64s%s%.*s", code || message ? ": " : "", strempty(code),
                          code && message ? ": " : "", COMPLAINT_LENGTH, strempty(message));
}

int registry_complain(Registry *g, const char *what, const HttpResponse *response, Error *error)
{
        _cleanup_free_ char *said = complaint(response);
        ErrorKind kind = kind_of_status(response->status);

        if (!said)
                return -ENOMEM;
        if (kind == ERROR_NO_SUCH_IMAGE)
                return error_set(error, kind, "%s has no %s%s", g->host, what, said);
        if (kind == ERROR_AUTHENTICATION)
                return error_set(error, kind, "%s refuses %s%s", g->host, what, said);
        return error_set(error, kind, "%s answers %u when asked for %s%s", g->host, response->status, what,
                         said);
}

int registry_get_json(Registry *g, Http *h, const char *url, const char *what, json_t **ret,
                      HttpResponse *response, Error *error)
{
        char *const headers[] = {(char *) "Accept: application/json", NULL};
        const HttpRequest q = {.url = url,
                               .headers = headers,
                               .redirects = HTTP_REDIRECTS_MAX,
                               .answer_max = JSON_SIZE_MAX,
                               .timeout = REGISTRY_DOCUMENT_SECONDS};
        _cleanup_free_ char *reason = NULL;
        int r = registry_request(g, h, &q, response, error);

        if (r < 0)
                return r;
        if (response->status != 200)
                return registry_complain(g, what, response, error);
        r = json_parse(strempty(response->body), response->body_size, ret, &reason);
        if (r == -EBADMSG)
                return error_set(error, ERROR_BAD_REGISTRY,
                                 "%s answers what is not valid JSON when asked for %s: %s", g->host, what,
                                 strempty(reason));
        return r;
}

void document_done(Document *d)
{
        free(d->text);
        free(d->media_type);
        *d = (Document){};
}

/* The media type without parameters; NULL where it means nothing. */
static int keep_type(const char *type, char **ret)
{
        _cleanup_free_ char *bare = strndup(strempty(type), strcspn(strempty(type), "; \t"));

        if (!bare)
                return -ENOMEM;
        FOREACH_ELEMENT(word, meaningless)
                if (strcasecmp(*word, bare) == 0)
                        *bare = '\0';
        *ret = isempty(bare) ? NULL : TAKE_PTR(bare);
        return 0;
}

/* What the registry says that the digest is, and what was asked for, must be what it is. */
static int check_digest(Registry *g, const Document *d, const char *wanted, const char *said, Error *error)
{
        if (said && !streq(said, d->digest))
                return error_set(error, ERROR_BAD_DIGEST,
                                 "%s says that a document has the digest %.128s, but it has %s", g->host,
                                 said, d->digest);
        if (wanted && !streq(wanted, d->digest))
                return error_set(error, ERROR_BAD_DIGEST,
                                 "%s sends a document with the digest %s instead of %s", g->host, d->digest,
                                 wanted);
        return 0;
}

static int take_document(Registry *g, HttpResponse *response, const char *wanted, Document *ret, Error *error)
{
        _cleanup_document_ Document d = {};
        int r = digest_of(strempty(response->body), response->body_size, d.digest);

        if (r >= 0)
                r = check_digest(g, &d, wanted, response->headers[HTTP_DIGEST], error);
        if (r >= 0)
                r = keep_type(response->headers[HTTP_CONTENT_TYPE], &d.media_type);
        if (r < 0)
                return r;
        d.size = response->body_size;
        d.text = response->body ? TAKE_PTR(response->body) : strdup("");
        if (!d.text)
                return -ENOMEM;
        *ret = TAKE(d, (Document){});
        return 0;
}

/* wanted: the digest that it must have, NULL when there is none. */
static int get_document(Registry *g, Http *h, const HttpRequest *q, const char *what, const char *wanted,
                        Document *ret, Error *error)
{
        _cleanup_http_response_ HttpResponse response = {};
        HttpRequest request = *q;
        int r;

        request.redirects = HTTP_REDIRECTS_MAX;
        request.timeout = REGISTRY_DOCUMENT_SECONDS;
        r = q->url && what ? registry_request(g, h, &request, &response, error) : -ENOMEM;
        if (r < 0)
                return r;
        if (response.status != 200)
                return registry_complain(g, what, &response, error);
        return take_document(g, &response, wanted, ret, error);
}

int registry_manifest(Registry *g, Http *h, const char *reference, Document *ret, Error *error)
{
        char *const headers[] = {(char *) ACCEPT_MANIFESTS, NULL};
        _cleanup_free_ char *url = registry_url(g, "manifests/%s", reference),
                            *what = str_printf("manifest \"%s\" in %s", reference, g->path);
        const HttpRequest q = {.url = url, .headers = headers, .answer_max = MANIFEST_SIZE_MAX};

        return get_document(g, h, &q, what, strchr(reference, ':') ? reference : NULL, ret, error);
}

int registry_blob(Registry *g, Http *h, const Descriptor *d, Document *ret, Error *error)
{
        _cleanup_free_ char *url = registry_url(g, "blobs/%s", d->digest),
                            *what = str_printf("blob %s in %s", d->digest, g->path);
        const HttpRequest q = {.url = url, .answer_max = (size_t) MIN(d->size, (uint64_t) MANIFEST_SIZE_MAX)};
        int r = get_document(g, h, &q, what, d->digest, ret, error);

        if (r >= 0 && ret->size != d->size)
                return error_set(error, ERROR_BAD_DIGEST, "%s sends %zu bytes of the blob %s, which has %ju",
                                 g->host, ret->size, d->digest, (uintmax_t) d->size);
        return r;
}
