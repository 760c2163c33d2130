/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Fetches what engine/signature judges: simple signatures from the lookaside that the order names, sigstore's
 * from the registry, where they are the layers of an image whose tag is made of the digest. Fewer than there
 * are is safe: a policy can only be less satisfied. */

#include "base/array.h"
#include "base/str.h"
#include "engine/registry-private.h"
#include "engine/signature.h"

typedef struct Found {
        Signature *list; /* data and signature are ours */
        size_t n;
} Found;

static void found_done(Found *f)
{
        for (size_t i = 0; i < f->n; i++) {
                free((void *) f->list[i].data);
                free((void *) f->list[i].signature);
        }
        free(f->list);
}

static int add(Found *f, SignatureKind kind, char *data, size_t size, const char *signature)
{
        Signature *s;

        if (!GROW(f->list, f->n)) {
                free(data);
                return -ENOMEM;
        }
        s = &f->list[f->n++];
        *s = (Signature){.kind = kind, .data = data, .size = size};
        if (signature) {
                s->signature = strdup(signature);
                return s->signature ? 0 : -ENOMEM;
        }
        return 0;
}

/* The server of the lookaside is another site than the registry: no credentials, no certificates of the
 * registry. */
static int fetch_simple(const FetchOrder *order, Registry *g, Http *h, const char *digest, Found *f,
                        Error *error)
{
        _cleanup_(http_site_done) HttpSite site = {};
        _cleanup_free_ char *origin = NULL;
        int r = http_origin(order->lookaside, &origin);

        if (r == -EINVAL)
                return error_set(error, ERROR_INVALID_ARGUMENT, "Lookaside is not an http or https URL");
        if (r >= 0)
                r = http_site_init(&site, strstr(origin, "://") + 3);
        for (unsigned i = 1; r >= 0 && f->n < SIGNATURES_MAX; i++) {
                _cleanup_free_ char *url = str_printf("%s@sha256=%s/signature-%u", order->lookaside,
                                                      digest + strlen("sha256:"), i);
                const HttpRequest q = {.url = url,
                                       .redirects = HTTP_REDIRECTS_MAX,
                                       .answer_max = SIGNATURE_SIZE_MAX,
                                       .timeout = REGISTRY_DOCUMENT_SECONDS};
                _cleanup_http_response_ HttpResponse response = {};

                r = url ? http_request(h, &site, &q, &response, error) : -ENOMEM;
                if (r < 0 || response.status == 404)
                        break;
                if (response.status != 200)
                        return error_set(error, ERROR_BAD_REGISTRY,
                                         "%s answers %u when asked for a signature", origin, response.status);
                r = add(f, SIGNATURE_SIMPLE, TAKE_PTR(response.body), response.body_size, NULL);
        }
        return r;
}

static int fetch_payload(Registry *g, Http *h, const json_t *layer, Found *f, Error *error)
{
        const char *signature = json_get_string(json_get_object(layer, "annotations"), SIGSTORE_ANNOTATION);
        int64_t size = json_get_i64(layer, "size", -1);
        const Descriptor d = {.digest = json_get_string(layer, "digest"), .size = (uint64_t) size};
        _cleanup_document_ Document payload = {};
        int r;

        if (!streq_ptr(json_get_string(layer, "mediaType"), SIGSTORE_PAYLOAD_TYPE) || !signature ||
            !digest_is_valid(d.digest) || size < 0 || size > SIGNATURE_SIZE_MAX)
                return 0;
        r = registry_blob(g, h, &d, &payload, error);
        return r < 0 ? r : add(f, SIGNATURE_SIGSTORE, TAKE_PTR(payload.text), payload.size, signature);
}

static int fetch_sigstore(Registry *g, Http *h, const char *digest, Found *f, Error *error)
{
        _cleanup_free_ char *tag = str_printf("sha256-%s.sig", digest + strlen("sha256:"));
        _cleanup_error_ Error e = ERROR_INIT;
        _cleanup_document_ Document d = {};
        _cleanup_json_ json_t *v = NULL;
        const json_t *layers, *layer;
        size_t i;
        int r = tag ? registry_manifest(g, h, tag, &d, &e) : -ENOMEM;

        if (r < 0 && e.kind == ERROR_NO_SUCH_IMAGE)
                return 0;
        if (r < 0)
                return registry_fail(error, &e, r);
        r = json_parse(d.text, d.size, &v, NULL);
        if (r == -ENOMEM)
                return r;
        layers = r >= 0 ? json_get_array(v, "layers") : NULL;
        json_array_foreach((json_t *) layers, i, layer)
        {
                if (f->n >= SIGNATURES_MAX)
                        break;
                r = fetch_payload(g, h, layer, f, error);
                if (r < 0)
                        return r;
        }
        return 0;
}

int registry_check_signatures(Registry *g, Http *h, const char *digest, Error *error)
{
        const FetchOrder *o = g->order;
        const ImageRef ref = {o->registry, o->path, o->tag, o->digest};
        unsigned kinds = signature_kinds(o->policy);
        _cleanup_(found_done) Found f = {};
        int r = 0;

        if (kinds & 1U << SIGNATURE_SIMPLE && o->lookaside)
                r = fetch_simple(o, g, h, digest, &f, error);
        if (r >= 0 && kinds & 1U << SIGNATURE_SIGSTORE)
                r = fetch_sigstore(g, h, digest, &f, error);
        if (r < 0 || !o->policy)
                return r;
        return signature_verify(o->policy, &ref, digest, f.list, f.n, error);
}
