/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The order by rows, and the checks that rows cannot say. Who writes it is our own daemon, but what stands in
 * it comes from configuration files and users: a host becomes part of a URL, so it is held to the grammar of
 * one. */

#include "base/array.h"
#include "base/parse.h"
#include "base/str.h"
#include "spec/fetch-order.h"
#include "spec/image-ref.h"

#define HOST_LENGTH_MAX 260U
#define URL_LENGTH_MAX 2048U

static const JsonRow endpoint_rows[] = {
        {"Host", JSON_ROW_STRING, offsetof(FetchEndpoint, host), true},
        {"Path", JSON_ROW_STRING, offsetof(FetchEndpoint, path)},
        {"Insecure", JSON_ROW_BOOL, offsetof(FetchEndpoint, insecure)},
        {"CA", JSON_ROW_STRV, offsetof(FetchEndpoint, ca)},
        {"ClientCertificate", JSON_ROW_STRING, offsetof(FetchEndpoint, client_certificate)},
        {"ClientKey", JSON_ROW_STRING, offsetof(FetchEndpoint, client_key)},
        {"Username", JSON_ROW_STRING, offsetof(FetchEndpoint, username)},
        {"Password", JSON_ROW_STRING, offsetof(FetchEndpoint, password)},
        {"IdentityToken", JSON_ROW_STRING, offsetof(FetchEndpoint, identity_token)},
        {"Realms", JSON_ROW_STRV, offsetof(FetchEndpoint, realms)},
        {"Mirror", JSON_ROW_BOOL, offsetof(FetchEndpoint, mirror)},
};

static const JsonRow platform_rows[] = {
        {"OS", JSON_ROW_STRING, offsetof(FetchOrder, os)},
        {"Architecture", JSON_ROW_STRING, offsetof(FetchOrder, architecture)},
        {"Variant", JSON_ROW_STRING, offsetof(FetchOrder, variant)},
};

static const JsonRow order_rows[] = {
        {"Registry", JSON_ROW_STRING, offsetof(FetchOrder, registry), true},
        {"Path", JSON_ROW_STRING, offsetof(FetchOrder, path)},
        {"Tag", JSON_ROW_STRING, offsetof(FetchOrder, tag)},
        {"Digest", JSON_ROW_STRING, offsetof(FetchOrder, digest)},
        {"Have", JSON_ROW_STRV, offsetof(FetchOrder, have)},
        {"KnownDigest", JSON_ROW_STRING, offsetof(FetchOrder, known_digest)},
        {"Policy", JSON_ROW_JSON, offsetof(FetchOrder, policy)},
        {"Lookaside", JSON_ROW_STRING, offsetof(FetchOrder, lookaside)},
        {"Parallel", JSON_ROW_U64, offsetof(FetchOrder, parallel)},
        {"NoRetry", JSON_ROW_BOOL, offsetof(FetchOrder, no_retry)},
        {"Retry", JSON_ROW_U64, offsetof(FetchOrder, retry)},
        {"RetryDelay", JSON_ROW_U64, offsetof(FetchOrder, retry_delay)},
        {"SizeMax", JSON_ROW_U64, offsetof(FetchOrder, size_max)},
        {"Query", JSON_ROW_STRING, offsetof(FetchOrder, query)},
        {"Limit", JSON_ROW_U64, offsetof(FetchOrder, limit)},
        {"MountFrom", JSON_ROW_STRV, offsetof(FetchOrder, mount_from)},
};

/* What a verb cannot do without. */
static const struct {
        const char *name;
        bool path;
        bool reference; /* a tag or a digest */
        bool query;
} verbs[_FETCH_VERB_MAX] = {
        [FETCH_PULL] = {"pull", true, true},
        [FETCH_PUSH] = {"push", true, true},
        [FETCH_TAGS] = {"tags", true},
        [FETCH_CATALOG] = {"catalog"},
        [FETCH_SEARCH] = {"search", .query = true},
        [FETCH_CHECK] = {"check"},
};

const char *fetch_verb_to_string(FetchVerb v)
{
        return v >= 0 && v < _FETCH_VERB_MAX ? verbs[v].name : NULL;
}

FetchVerb fetch_verb_from_string(const char *s)
{
        for (FetchVerb v = 0; s && v < _FETCH_VERB_MAX; v++)
                if (streq(verbs[v].name, s))
                        return v;
        return _FETCH_VERB_INVALID;
}

char *secret_free(char *s)
{
        if (s)
                explicit_bzero(s, strlen(s));
        free(s);
        return NULL;
}

static void endpoint_done(FetchEndpoint *e)
{
        e->password = secret_free(e->password);
        e->identity_token = secret_free(e->identity_token);
        e->client_key = secret_free(e->client_key);
        json_rows_done(endpoint_rows, ELEMENTSOF(endpoint_rows), e);
}

FetchOrder *fetch_order_free(FetchOrder *o)
{
        if (!o)
                return NULL;
        for (size_t i = 0; i < o->n_endpoints; i++)
                endpoint_done(&o->endpoints[i]);
        free(o->endpoints);
        json_rows_done(platform_rows, ELEMENTSOF(platform_rows), o);
        json_rows_done(order_rows, ELEMENTSOF(order_rows), o);
        free(o);
        return NULL;
}

static int bad(Error *error, const char *what)
{
        return error_set(error, ERROR_INVALID_ARGUMENT, "The order to the registry client: %s", what);
}

/* A host name, an IPv4 address or an IPv6 address in brackets, with an optional port; nothing that would end
 * the host part of a URL. */
static bool host_is_valid(const char *s)
{
        const char *end = *s == '[' ? s + 1 + strspn(s + 1, "0123456789abcdefABCDEF:.")
                                    : s + strspn(s, "0123456789abcdefghijklmnopqrstuvwxyz"
                                                    "ABCDEFGHIJKLMNOPQRSTUVWXYZ.-_");
        uint64_t port;

        if (end == s || *s == '.' || *s == '-' || strlen(s) > HOST_LENGTH_MAX)
                return false;
        if (*s == '[' && (*end++ != ']' || end - s < 4))
                return false;
        return !*end || (*end == ':' && parse_u64(end + 1, 1, 65535, &port) >= 0);
}

/* By the grammar of references, which has one place. */
static bool path_is_valid(const char *path, const char *tag, const char *digest)
{
        _cleanup_free_ char *text = str_printf("host.example/%s%s%s%s%s", path, tag ? ":" : "", strempty(tag),
                                               digest ? "@" : "", strempty(digest));
        _cleanup_image_ref_ ImageRef ref = {};

        return text && !strpbrk(path, ":@") && image_ref_parse(text, &ref, NULL) >= 0;
}

static bool url_is_valid(const char *s)
{
        return strlen(s) <= URL_LENGTH_MAX && (startswith(s, "https://") || startswith(s, "http://")) &&
               !str_has_control(s) && !strpbrk(s, " #");
}

static int check_endpoint(const FetchEndpoint *e, Error *error)
{
        if (!host_is_valid(e->host))
                return bad(error, "Host is not a host with an optional port");
        if (e->path && !path_is_valid(e->path, NULL, NULL))
                return bad(error, "an endpoint's Path is not the path of a repository");
        if (!e->client_certificate != !e->client_key)
                return bad(error, "ClientCertificate and ClientKey belong together");
        if (!e->username != !e->password)
                return bad(error, "Username and Password belong together");
        if (e->username && (strchr(e->username, ':') || str_has_control(e->username)))
                return bad(error, "Username has a colon or a control character");
        STRV_FOREACH(realm, e->realms)
                if (!host_is_valid(*realm))
                        return bad(error, "Realms has what is not a host");
        return 0;
}

static int read_endpoint(const json_t *v, FetchOrder *o, Error *error)
{
        _cleanup_free_ char *reason = NULL;
        FetchEndpoint *e;
        int r;

        if (!GROW(o->endpoints, o->n_endpoints))
                return -ENOMEM;
        e = &o->endpoints[o->n_endpoints++];
        *e = (FetchEndpoint){};
        r = json_read(v, endpoint_rows, ELEMENTSOF(endpoint_rows), e, NULL, &reason);
        if (r == -EBADMSG)
                return bad(error, strempty(reason));
        return r < 0 ? r : check_endpoint(e, error);
}

static int read_endpoints(const json_t *v, FetchOrder *o, Error *error)
{
        const json_t *list = json_get_array(v, "Endpoints"), *entry;
        size_t i;

        if (json_array_size(list) == 0 || json_array_size(list) > FETCH_ENDPOINTS_MAX)
                return bad(error, "Endpoints is not a list of 1 to 64");
        json_array_foreach((json_t *) list, i, entry)
        {
                int r = read_endpoint(entry, o, error);

                if (r < 0)
                        return r;
        }
        return 0;
}

static int check_names(const FetchOrder *o, FetchVerb verb, Error *error)
{
        if (!host_is_valid(o->registry))
                return bad(error, "Registry is not a host with an optional port");
        if (verbs[verb].path && !o->path)
                return bad(error, "Path is missing");
        if (verbs[verb].reference && !o->tag && !o->digest)
                return bad(error, "neither Tag nor Digest");
        if (verbs[verb].query && isempty(o->query))
                return bad(error, "Query is missing");
        if (o->path && !path_is_valid(o->path, o->tag, o->digest))
                return bad(error, "Path, Tag and Digest are no reference");
        if (o->known_digest && !digest_is_valid(o->known_digest))
                return bad(error, "KnownDigest is not a digest");
        STRV_FOREACH(path, o->mount_from)
                if (!path_is_valid(*path, NULL, NULL))
                        return bad(error, "MountFrom has what is not the path of a repository");
        STRV_FOREACH(digest, o->have)
                if (!digest_is_valid(*digest))
                        return bad(error, "Have has what is not a digest");
        return 0;
}

static int check_values(FetchOrder *o, Error *error)
{
        o->parallel = o->parallel ?: FETCH_DEFAULT_PARALLEL;
        o->retry = o->no_retry ? 0 : o->retry ?: FETCH_DEFAULT_RETRY;
        o->retry_delay = o->retry_delay ?: FETCH_DEFAULT_RETRY_DELAY;
        if (o->parallel > FETCH_PARALLEL_MAX)
                return bad(error, "Parallel is larger than 32");
        if (o->retry > FETCH_RETRY_MAX)
                return bad(error, "Retry is larger than 100");
        if (o->retry_delay > USEC_PER_HOUR)
                return bad(error, "RetryDelay is longer than an hour");
        if (o->limit > FETCH_LIMIT_MAX)
                return bad(error, "Limit is larger than 10000");
        if (strv_length(o->have) > FETCH_HAVE_MAX)
                return bad(error, "Have has more than 65536 entries");
        if (o->lookaside && !url_is_valid(o->lookaside))
                return bad(error, "Lookaside is not an http or https URL");
        if (o->policy && !json_is_object(o->policy))
                return bad(error, "Policy is not an object");
        return 0;
}

int fetch_order_from_json(const json_t *v, FetchVerb verb, FetchOrder **ret, Error *error)
{
        _cleanup_fetch_order_ FetchOrder *o = calloc(1, sizeof(*o));
        const json_t *platform = json_object_get(v, "Platform");
        _cleanup_free_ char *reason = NULL;
        int r;

        if (!o)
                return -ENOMEM;
        r = json_read(v, order_rows, ELEMENTSOF(order_rows), o, NULL, &reason);
        if (r >= 0 && platform && !json_is_null(platform))
                r = json_read(platform, platform_rows, ELEMENTSOF(platform_rows), o, NULL, &reason);
        if (r == -EBADMSG)
                return bad(error, strempty(reason));
        if (r >= 0)
                r = read_endpoints(v, o, error);
        if (r >= 0)
                r = check_names(o, verb, error);
        if (r >= 0)
                r = check_values(o, error);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(o);
        return 0;
}

static int write_endpoints(const FetchOrder *o, json_t *v)
{
        _cleanup_json_ json_t *list = json_array();

        for (size_t i = 0; i < o->n_endpoints; i++)
                if (json_array_append_new(list, json_write(endpoint_rows, ELEMENTSOF(endpoint_rows),
                                                           &o->endpoints[i], NULL)) < 0)
                        return -ENOMEM;
        return json_object_set(v, "Endpoints", list) < 0 ? -ENOMEM : 0;
}

json_t *fetch_order_to_json(const FetchOrder *o)
{
        _cleanup_json_ json_t *v = json_write(order_rows, ELEMENTSOF(order_rows), o, NULL);
        json_t *platform;

        if (!v || write_endpoints(o, v) < 0)
                return NULL;
        platform = json_write(platform_rows, ELEMENTSOF(platform_rows), o, NULL);
        if (json_object_set_new(v, "Platform", platform) < 0)
                return NULL;
        return TAKE_PTR(v);
}
