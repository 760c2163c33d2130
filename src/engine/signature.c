/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Each requirement needs a signature that fulfils it. For one signature the order is: who signed it, what it
 * says, about which manifest, under which name; only what is signed is parsed. */

#include "base/str.h"
#include "engine/signature-private.h"
#include "spec/policy.h"

#define SIMPLE_TYPE "atomic container signature"
#define SIGSTORE_TYPE "cosign container image signature"

static const SignatureKind kinds[_REQUIREMENT_TYPE_MAX] = {
        [REQUIREMENT_SIGNED_BY] = SIGNATURE_SIMPLE,
        [REQUIREMENT_SIGSTORE_SIGNED] = SIGNATURE_SIGSTORE,
};

static const char *const payload_types[_SIGNATURE_KIND_MAX] = {
        [SIGNATURE_SIMPLE] = SIMPLE_TYPE,
        [SIGNATURE_SIGSTORE] = SIGSTORE_TYPE,
};

unsigned signature_kinds(const json_t *policy)
{
        const json_t *one;
        unsigned wanted = 0;
        size_t i;

        json_array_foreach(json_object_get(policy, "Requirements"), i, one)
        {
                _cleanup_requirement_ Requirement requirement = {};

                if (requirement_read(one, &requirement) >= 0)
                        wanted |= 1U << kinds[requirement.type];
        }
        if (!json_get_bool(policy, "Attachments", false))
                wanted &= ~(1U << SIGNATURE_SIGSTORE);
        return wanted;
}

/* The payload: exactly the members that containers-signature(5) has, because one that is not known might
 * change what the others mean. */

static bool has_only(const json_t *v, size_t n)
{
        return json_is_object(v) && json_object_size(v) == n;
}

static int check_payload(const Requirement *requirement, const char *text, size_t size, const ImageRef *ref,
                         const char *digest, Error *error)
{
        _cleanup_json_ json_t *v = NULL;
        _cleanup_free_ char *what = NULL;
        const json_t *critical, *image, *identity;
        const char *why;

        if (json_parse(text, size, &v, &what) < 0)
                return error_set(error, ERROR_REJECTED, "what is signed is not JSON: %s", strempty(what));
        critical = json_object_get(v, "critical");
        image = json_object_get(critical, "image");
        identity = json_object_get(critical, "identity");
        if (!json_is_object(v) || json_object_size(v) != 1U + !!json_object_get(v, "optional") ||
            !has_only(critical, 3) || !has_only(image, 1) || !has_only(identity, 1))
                return error_set(error, ERROR_REJECTED,
                                 "what is signed is not as containers-signature(5) has it");
        if (!streq_ptr(json_get_string(critical, "type"), payload_types[kinds[requirement->type]]))
                return error_set(error, ERROR_REJECTED, "what is signed is of another type");
        if (!streq_ptr(json_get_string(image, "docker-manifest-digest"), digest))
                return error_set(error, ERROR_REJECTED, "it is signed for another manifest than %s", digest);
        if (!requirement_identity_matches(requirement->identity, ref,
                                          strempty(json_get_string(identity, "docker-reference")), &why))
                return error_set(error, ERROR_REJECTED, "%s: \"%.200s\"", why,
                                 strempty(json_get_string(identity, "docker-reference")));
        return 0;
}

static int check_signature(const Requirement *requirement, KeyRing *ring, const Signature *s,
                           const ImageRef *ref, const char *digest, Error *error)
{
        _cleanup_free_ char *payload = NULL;
        const char *text = s->data;
        size_t size = s->size;
        int r;

        if (s->size > SIGNATURE_SIZE_MAX)
                return error_set(error, ERROR_REJECTED, "it is larger than %u bytes", SIGNATURE_SIZE_MAX);
        if (s->kind == SIGNATURE_SIGSTORE) {
                r = sigstore_verify(requirement->keys, s->data, s->size, s->signature, error);
        } else {
                r = key_ring_verify(ring, s->data, s->size, &payload, &size, error);
                text = payload;
        }
        return r < 0 ? r : check_payload(requirement, text, size, ref, digest, error);
}

/* Adds to the reasons why not. */
static int add_reason(char **reasons, size_t n, const Error *error)
{
        char *longer = str_printf("%s%ssignature %zu: %s", strempty(*reasons), *reasons ? "; " : "", n,
                                  strempty(error->message));

        if (!longer)
                return -ENOMEM;
        free(*reasons);
        *reasons = longer;
        return 0;
}

static int check_requirement(const Requirement *requirement, const ImageRef *ref, const char *digest,
                             const Signature *signatures, size_t n, char **reasons, Error *error)
{
        _cleanup_(key_ring_freep) KeyRing *ring = NULL;
        size_t looked_at = 0;
        int r = 0;

        if (requirement->type == REQUIREMENT_SIGNED_BY)
                r = key_ring_new(requirement->keys, &ring, error);
        for (size_t i = 0; i < n && r >= 0; i++) {
                _cleanup_error_ Error why = ERROR_INIT;

                if (signatures[i].kind != kinds[requirement->type])
                        continue;
                r = check_signature(requirement, ring, &signatures[i], ref, digest, &why);
                if (r >= 0)
                        return 1;
                r = why.kind == ERROR_REJECTED ? add_reason(reasons, ++looked_at, &why) : r;
        }
        if (r >= 0 && looked_at == 0)
                r = str_replace(reasons, "it has no such signature");
        return r;
}

static int reject(Error *error, const ImageRef *ref, const char *why)
{
        _cleanup_free_ char *name = image_ref_text(ref);

        return error_set(error, ERROR_REJECTED, "%s is not signed as the policy for images wants it: %s",
                         strempty(name), why);
}

int signature_verify(const json_t *policy, const ImageRef *ref, const char *manifest_digest,
                     const Signature *signatures, size_t n, Error *error)
{
        const json_t *requirements = json_object_get(policy, "Requirements"), *one;
        size_t i;

        if (!policy)
                return 0;
        if (json_array_size(requirements) == 0 || !digest_is_valid(manifest_digest) || n > SIGNATURES_MAX)
                return reject(error, ref, "there is nothing to check it by");
        json_array_foreach((json_t *) requirements, i, one)
        {
                _cleanup_requirement_ Requirement requirement = {};
                _cleanup_error_ Error own = ERROR_INIT;
                _cleanup_free_ char *reasons = NULL;
                int r = requirement_read(one, &requirement);

                if (r >= 0)
                        r = check_requirement(&requirement, ref, manifest_digest, signatures, n, &reasons,
                                              &own);
                if (r < 0)
                        return reject(error, ref, own.message ?: "the requirement cannot be checked");
                if (r == 0)
                        return reject(error, ref, strempty(reasons));
        }
        return 0;
}
