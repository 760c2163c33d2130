/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How we get in. A registry that wants a token names a realm, a URL where one is to be had for our name and
 * password: a stranger asks us to send a secret somewhere. So the realm is https (or the registry itself,
 * where the order allows plain HTTP), and the secret goes to the registry's own host, to the domain that it
 * is a part of, or where the order says; nobody may redirect it. Without a secret any realm may be asked, at
 * the addresses that http.c lets through. */

#include "base/base64.h"
#include "base/str.h"
#include "engine/registry-private.h"

#define CLIENT_ID "berth"
#define SCOPE_LENGTH_MAX 1024U
#define TOKEN_SECONDS 60U

/* Registries whose realm is at another host, as everybody knows. */
static const char *const known_realms[][2] = {
        {"registry-1.docker.io", "auth.docker.io"},
        {"index.docker.io", "auth.docker.io"},
};

static bool has_secret(const FetchEndpoint *e)
{
        return e->username || e->identity_token;
}

static int basic_value(const FetchEndpoint *e, char **ret)
{
        char *pair = str_printf("%s:%s", e->username, e->password),
             *encoded = pair ? base64_encode(pair, strlen(pair)) : NULL,
             *value = encoded ? str_printf("Basic %s", encoded) : NULL;

        secret_free(pair);
        secret_free(encoded);
        *ret = value;
        return value ? 0 : -ENOMEM;
}

static size_t labels(const char *host)
{
        size_t n = 1;

        for (; *host; host++)
                n += *host == '.';
        return n;
}

static bool is_below(const char *host, const char *domain)
{
        const char *rest = endswith(host, domain);

        return rest && rest > host && rest[-1] == '.' && labels(domain) >= 2 && *domain != '[' &&
               strspn(domain, "0123456789.") < strlen(domain);
}

/* Whether a host is one that this registry's secret may be shown to. */
static bool realm_is_trusted(Registry *g, const char *host, const char *origin)
{
        const char *own = g->site.name;

        if (streq(host, own) || is_below(own, host) || is_below(host, own))
                return true;
        FOREACH_ELEMENT(row, known_realms)
                if (streq((*row)[0], own) && streq((*row)[1], host))
                        return true;
        STRV_FOREACH(realm, g->endpoint->realms)
                if (strcasecmp(*realm, host) == 0 || streq(*realm, origin + strlen("https://")))
                        return true;
        return false;
}

static int bad_realm(Registry *g, const char *realm, const char *what, Error *error)
{
        return error_set(error, ERROR_BAD_REGISTRY,
                         "%s wants a token to be fetched from \"%.128s\", which %s", g->host, realm, what);
}

static int check_realm(Registry *g, const char *realm, Error *error)
{
        _cleanup_free_ char *origin = NULL, *host = NULL;
        int r = http_origin(realm, &origin);

        if (r >= 0)
                r = http_host(realm, &host);
        if (r == -EINVAL)
                return bad_realm(g, realm, "is no http or https URL", error);
        if (r < 0)
                return r;
        if (!startswith(origin, "https:") && !(atomic_load(&g->plain) && streq(origin, g->site.plain)))
                return bad_realm(g, realm, "is not https", error);
        if (has_secret(g->endpoint) && !realm_is_trusted(g, host, origin))
                return bad_realm(g, realm, "may not see this registry's credentials", error);
        return 0;
}

/* Appends "&name=value" with value escaped. */
static int append_parameter(char **text, char separator, const char *name, const char *value)
{
        _cleanup_free_ char *escaped = http_escape(value);
        char *longer = escaped ? str_printf("%s%c%s=%s", strempty(*text), separator, name, escaped) : NULL;

        if (!longer)
                return -ENOMEM;
        secret_free(*text);
        *text = longer;
        return 0;
}

/* Whether one of ours is about the same thing: it asks for as much or more. */
static bool is_covered(char *const *scopes, const char *scope)
{
        const char *colon = strrchr(scope, ':');

        STRV_FOREACH(own, (char **) scopes)
                if (colon && strncmp(*own, scope, (size_t) (colon - scope) + 1) == 0)
                        return true;
        return false;
}

/* Ours, and the registry's own idea of it. */
static int token_scopes(Registry *g, const Challenge *c, char ***ret)
{
        _cleanup_strv_ char **scopes = NULL;
        int r = strv_copy(g->scopes, &scopes);

        if (r >= 0 && !isempty(c->scope) && strlen(c->scope) <= SCOPE_LENGTH_MAX &&
            !is_covered(scopes, c->scope))
                r = strv_append(&scopes, c->scope);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(scopes);
        return 0;
}

static int token_url(const Challenge *c, char *const *scopes, char **ret)
{
        _cleanup_free_ char *url = strdup(c->realm);
        char separator = strchr(c->realm, '?') ? '&' : '?';
        int r = url ? 0 : -ENOMEM;

        if (r >= 0 && !isempty(c->service)) {
                r = append_parameter(&url, separator, "service", c->service);
                separator = '&';
        }
        STRV_FOREACH(scope, (char **) scopes) {
                if (r >= 0)
                        r = append_parameter(&url, separator, "scope", *scope);
                separator = '&';
        }
        if (r >= 0)
                *ret = TAKE_PTR(url);
        return r;
}

static int token_form(Registry *g, const Challenge *c, char *const *scopes, char **ret)
{
        _cleanup_free_ char *scope = strv_join(scopes, " ");
        char *form = strdup("grant_type=refresh_token");
        int r = scope && form ? append_parameter(&form, '&', "service", strempty(c->service)) : -ENOMEM;

        if (r >= 0)
                r = append_parameter(&form, '&', "client_id", CLIENT_ID);
        if (r >= 0)
                r = append_parameter(&form, '&', "scope", scope);
        if (r >= 0)
                r = append_parameter(&form, '&', "refresh_token", g->endpoint->identity_token);
        if (r < 0) {
                secret_free(form);
                return r;
        }
        *ret = form;
        return 0;
}

/* What goes into a header must not end it. */
static bool token_is_valid(const char *s)
{
        if (isempty(s))
                return false;
        for (; *s; s++)
                if (*s <= ' ' || *s >= 0x7f)
                        return false;
        return true;
}

int registry_read_token(const char *text, size_t size, char **ret)
{
        _cleanup_json_ json_t *v = NULL;
        const char *token;
        int r = json_parse(text, size, &v, NULL);

        if (r < 0)
                return r == -ENOMEM ? r : -EBADMSG;
        token = json_get_string(v, "token") ?: json_get_string(v, "access_token");
        if (!token_is_valid(token))
                return -EBADMSG;
        *ret = str_printf("Bearer %s", token);
        return *ret ? 0 : -ENOMEM;
}

static int request_token(Registry *g, Http *h, const HttpRequest *q, HttpResponse *ret, Error *error)
{
        for (uint64_t attempts = 0;;) {
                _cleanup_http_response_ HttpResponse response = {};
                _cleanup_error_ Error e = ERROR_INIT;
                int r = http_request(h, &g->site, q, &response, &e);

                if (registry_again(g, &attempts, r, &response, &e))
                        continue;
                if (r < 0)
                        return registry_fail(error, &e, r);
                if (response.status != 200)
                        return registry_complain(g, has_secret(g->endpoint) ? "these credentials" : "a token",
                                                 &response, error);
                *ret = TAKE(response, (HttpResponse){});
                return 0;
        }
}

static int fetch_token(Registry *g, Http *h, const Challenge *c, char **ret, Error *error)
{
        static char *const form_headers[] = {(char *) "Content-Type: application/x-www-form-urlencoded",
                                             NULL};
        const FetchEndpoint *e = g->endpoint;
        _cleanup_http_response_ HttpResponse response = {};
        _cleanup_strv_ char **scopes = NULL;
        _cleanup_free_ char *url = NULL;
        char *secret = NULL;
        HttpRequest q = {.answer_max = REGISTRY_TOKEN_MAX, .timeout = TOKEN_SECONDS};
        int r = token_scopes(g, c, &scopes);

        if (r >= 0 && e->identity_token) {
                r = token_form(g, c, scopes, &secret);
                q.method = "POST";
                q.headers = form_headers;
                q.body = secret;
                q.body_size = secret ? strlen(secret) : 0;
        } else if (r >= 0) {
                r = token_url(c, scopes, &url);
                if (r >= 0 && e->username)
                        r = basic_value(e, &secret);
                q.authorization = secret;
                q.redirects = secret ? 0 : HTTP_REDIRECTS_MAX;
        }
        q.url = url ?: c->realm;
        if (r >= 0)
                r = request_token(g, h, &q, &response, error);
        secret_free(secret);
        if (r < 0)
                return r;
        r = registry_read_token(strempty(response.body), response.body_size, ret);
        return r == -EBADMSG ? error_set(error, ERROR_BAD_REGISTRY,
                                         "The token server of %s answers without a token", g->host)
                             : r;
}

/* Bearer where it is offered, because it shows the registry nothing but a token. */
static int make_authorization(Registry *g, Http *h, const Challenges *list, const HttpResponse *response,
                              char **ret, Error *error)
{
        const Challenge *bearer = challenges_find(list, CHALLENGE_BEARER);
        int r;

        if (bearer) {
                if (isempty(bearer->realm))
                        return error_set(error, ERROR_BAD_REGISTRY,
                                         "%s wants a token, but does not say where to get one", g->host);
                r = check_realm(g, bearer->realm, error);
                return r < 0 ? r : fetch_token(g, h, bearer, ret, error);
        }
        if (!challenges_find(list, CHALLENGE_BASIC))
                return error_set(error, ERROR_NOT_SUPPORTED,
                                 "%s offers no way to get in that we know: neither Bearer nor Basic",
                                 g->host);
        if (!g->endpoint->username)
                return registry_complain(g, "access without credentials (see berthctl login)", response,
                                         error);
        return basic_value(g->endpoint, ret);
}

/* The same again is of no use, unless it is a token that may have grown old. */
static bool is_new(Registry *g, const char *authorization)
{
        return !startswith(authorization, "Basic ") || !streq_ptr(g->authorization, authorization);
}

static int authorize_locked(Registry *g, Http *h, const HttpResponse *response, Error *error)
{
        const char *header = strempty(response->headers[HTTP_WWW_AUTHENTICATE]);
        _cleanup_challenges_ Challenges list = {};
        char *authorization = NULL;
        int r = challenges_parse(header, &list);

        if (r == -EINVAL)
                return error_set(error, ERROR_BAD_REGISTRY,
                                 "%s sends a WWW-Authenticate header that cannot be read", g->host);
        if (r >= 0)
                r = make_authorization(g, h, &list, response, &authorization, error);
        if (r >= 0 && !is_new(g, authorization))
                r = registry_complain(g, "these credentials", response, error);
        if (r < 0) {
                secret_free(authorization);
                return r;
        }
        secret_free(g->authorization);
        g->authorization = authorization;
        g->generation++;
        return 0;
}

int registry_authorize(Registry *g, Http *h, const HttpResponse *response, unsigned generation, Error *error)
{
        int r = 0;

        (void) pthread_mutex_lock(&g->lock);
        if (g->generation == generation)
                r = authorize_locked(g, h, response, error);
        (void) pthread_mutex_unlock(&g->lock);
        return r;
}
