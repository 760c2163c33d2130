/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The order of the steps is the order of trust: the name, whether it is allowed, where it is, and only then
 * secrets. */

#include "base/str.h"
#include "spec/auth-file.h"
#include "spec/certificates.h"
#include "spec/conf.h"
#include "spec/fetch-plan.h"
#include "spec/lookaside.h"
#include "spec/policy.h"
#include "spec/registries.h"

static bool is_of_host(FetchVerb verb)
{
        return verb == FETCH_CATALOG || verb == FETCH_SEARCH || verb == FETCH_CHECK;
}

/* "host[:port]" with whatever behind a '/': only the host is read. */
static int parse_host(const char *reference, ImageRef *ref, Error *error)
{
        _cleanup_free_ char *name = str_printf("%.*s/x", (int) strcspn(reference, "/"), reference);
        _cleanup_image_ref_ ImageRef parsed = {};
        int r = name ? image_ref_parse(name, &parsed, NULL) : -ENOMEM;

        if (r == -EINVAL || (r >= 0 && !parsed.registry))
                return error_set(error, ERROR_INVALID_ARGUMENT,
                                 "\"%s\" is not the name of a registry: host[:port]", reference);
        if (r >= 0)
                ref->registry = TAKE_PTR(parsed.registry);
        return r;
}

static int parse_reference(const FetchPlanRequest *request, ImageRef *ref, Error *error)
{
        const char *why = NULL;
        int r;

        if (is_of_host(request->verb))
                return parse_host(request->reference, ref, error);
        r = image_ref_parse(request->reference, ref, &why);
        if (r == -EINVAL)
                return error_set(error, ERROR_INVALID_ARGUMENT, "%s: %s", request->reference, strempty(why));
        if (r >= 0 && !ref->registry)
                return error_set(error, ERROR_INVALID_ARGUMENT, "%s: it names no registry",
                                 request->reference);
        if (r >= 0 && !ref->tag && !ref->digest)
                r = str_replace(&ref->tag, "latest");
        return r;
}

static int add_policy(const Conf *conf, const ImageRef *ref, FetchOrder *o, Error *error)
{
        _cleanup_policy_ Policy *policy = NULL;
        bool attachments = false;
        int r = policy_load(conf->signature_policy, &policy, error);

        if (r >= 0)
                r = policy_for_registry(policy, ref, &o->policy, error);
        if (r < 0 || !o->policy)
                return r;
        r = lookaside_find(conf->registries_directory, ref, &o->lookaside, &attachments, error);
        if (r < 0)
                return r;
        if (o->lookaside && !startswith(o->lookaside, "https://") && !startswith(o->lookaside, "http://"))
                return error_set(error, ERROR_NOT_SUPPORTED,
                                 "the signatures of %s/%s lie at %s: only https:// and http:// are supported",
                                 ref->registry, ref->path, o->lookaside);
        return json_object_set_new(o->policy, "Attachments", json_boolean(attachments)) < 0 ? -ENOMEM : 0;
}

static int add_credentials(const json_t *passed, FetchEndpoint *e, Error *error)
{
        _cleanup_credentials_ Credentials c = {};
        _cleanup_strv_ char **paths = NULL;
        int r = auth_find_passed(passed, e->host, e->path, &c, error);

        if (r == 0) {
                r = auth_paths_daemon(&paths);
                if (r >= 0)
                        r = auth_find(paths, e->host, e->path, NULL, &c, error);
        }
        if (r <= 0)
                return r;
        e->username = TAKE_PTR(c.username);
        e->password = TAKE_PTR(c.password);
        e->identity_token = TAKE_PTR(c.identity_token);
        return 0;
}

/* What the caller brought, for the host that he named and no other. */
static int add_passed_certificates(const json_t *passed, const char *host, FetchEndpoint *e)
{
        const char *authorities = json_get_string(passed, "CA"), *key = json_get_string(passed, "ClientKey"),
                   *certificate = json_get_string(passed, "ClientCertificate");
        int r = 0;

        if (!streq(host, e->host))
                return 0;
        if (!isempty(authorities))
                r = strv_append(&e->ca, authorities);
        if (r >= 0 && !isempty(certificate) && !isempty(key)) {
                e->client_key = secret_free(e->client_key);
                r = str_replace(&e->client_certificate, certificate);
                if (r >= 0)
                        r = str_replace(&e->client_key, key);
        }
        return r;
}

static int add_realms(const Conf *conf, FetchEndpoint *e)
{
        STRV_FOREACH(row, conf->token_hosts) {
                const char *host = startswith(*row, e->host);
                int r = host && *host == '=' ? strv_append(&e->realms, host + 1) : 0;

                if (r < 0)
                        return r;
        }
        return 0;
}

static int fill_endpoints(const FetchPlanRequest *request, const Conf *conf, const char *host, FetchOrder *o,
                          Error *error)
{
        for (size_t i = 0; i < o->n_endpoints; i++) {
                FetchEndpoint *e = &o->endpoints[i];
                int r;

                if (request->tls_verify >= 0)
                        e->insecure = request->tls_verify == 0;
                r = certificates_find(NULL, e, error);
                if (r >= 0)
                        r = add_passed_certificates(request->certificates, host, e);
                if (r >= 0)
                        r = add_realms(conf, e);
                if (r >= 0)
                        r = add_credentials(request->credentials, e, error);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int fill(const FetchPlanRequest *request, const Conf *conf, const ImageRef *ref, FetchOrder *o,
                Error *error)
{
        _cleanup_registries_ Registries *registries = NULL;
        int r = registries_load(conf->registries_conf, &registries, error);

        if (r >= 0)
                r = registries_endpoints(registries, ref, request->verb, o, error);
        if (r >= 0 && request->verb == FETCH_PULL)
                r = add_policy(conf, ref, o, error);
        return r < 0 ? r : fill_endpoints(request, conf, ref->registry, o, error);
}

int fetch_plan(const FetchPlanRequest *request, FetchOrder **ret, Error *error)
{
        _cleanup_fetch_order_ FetchOrder *o = calloc(1, sizeof(FetchOrder));
        _cleanup_image_ref_ ImageRef ref = {};
        _cleanup_conf_ Conf conf = {};
        int r = o ? parse_reference(request, &ref, error) : -ENOMEM;

        if (r >= 0)
                r = conf_load(NULL, &conf, error);
        if (r >= 0)
                r = fill(request, &conf, &ref, o, error);
        if (r < 0)
                return r;
        o->registry = TAKE_PTR(ref.registry);
        o->path = TAKE_PTR(ref.path);
        o->tag = TAKE_PTR(ref.tag);
        o->digest = TAKE_PTR(ref.digest);
        o->parallel = conf.parallel;
        o->retry = conf.retry;
        o->no_retry = conf.no_retry;
        o->retry_delay = conf.retry_delay;
        *ret = TAKE_PTR(o);
        return 0;
}
