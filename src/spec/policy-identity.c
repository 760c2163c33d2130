/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a signature says the image is called, against what the user calls it. */

#include "base/str.h"
#include "spec/policy-private.h"

typedef bool (*Match)(const json_t *identity, const ImageRef *ref, const ImageRef *is_signed);

static bool same_repository(const ImageRef *a, const ImageRef *b)
{
        return streq(a->registry, b->registry) && streq(a->path, b->path);
}

/* Neither may be without tag and digest: "latest" is not meant when nothing is said. */
static bool same_image(const ImageRef *a, const ImageRef *b)
{
        return same_repository(a, b) && (a->tag || a->digest) && streq_ptr(a->tag, b->tag) &&
               streq_ptr(a->digest, b->digest);
}

static bool match_exact(const json_t *identity, const ImageRef *ref, const ImageRef *is_signed)
{
        return same_image(ref, is_signed);
}

/* The digest of a reference was compared with the manifest before. */
static bool match_digest_or_exact(const json_t *identity, const ImageRef *ref, const ImageRef *is_signed)
{
        return ref->digest ? same_repository(ref, is_signed) : same_image(ref, is_signed);
}

static bool match_repository(const json_t *identity, const ImageRef *ref, const ImageRef *is_signed)
{
        return same_repository(ref, is_signed);
}

static bool match_exact_reference(const json_t *identity, const ImageRef *ref, const ImageRef *is_signed)
{
        _cleanup_image_ref_ ImageRef wanted = {};

        return policy_parse_reference(json_get_string(identity, "dockerReference"), &wanted) >= 0 &&
               same_image(&wanted, is_signed);
}

static bool match_exact_repository(const json_t *identity, const ImageRef *ref, const ImageRef *is_signed)
{
        _cleanup_image_ref_ ImageRef wanted = {};

        return policy_parse_reference(json_get_string(identity, "dockerRepository"), &wanted) >= 0 &&
               same_repository(&wanted, is_signed);
}

/* The part of name behind the prefix, when it is that or below that. */
static const char *behind_prefix(const char *name, const char *prefix)
{
        const char *rest = startswith(name, prefix);

        return rest && (*rest == '\0' || *rest == '/') ? rest : NULL;
}

static bool match_remapped(const json_t *identity, const ImageRef *ref, const ImageRef *is_signed)
{
        _cleanup_free_ char *name = str_printf("%s/%s", ref->registry, ref->path), *remapped = NULL;
        _cleanup_image_ref_ ImageRef wanted = {};
        const char *rest = name ? behind_prefix(name, strempty(json_get_string(identity, "prefix"))) : NULL;

        if (!rest)
                return name && match_digest_or_exact(identity, ref, is_signed);
        remapped = str_printf("%s%s%s%s%s%s", strempty(json_get_string(identity, "signedPrefix")), rest,
                              ref->tag ? ":" : "", strempty(ref->tag), ref->digest ? "@" : "",
                              strempty(ref->digest));
        return remapped && image_ref_parse(remapped, &wanted, NULL) >= 0 && wanted.registry &&
               match_digest_or_exact(identity, &wanted, is_signed);
}

static const struct {
        const char *type;
        const char *members[2]; /* besides the type; all are needed */
        Match match;
        const char *why;
} identities[] = {
        {"matchExact", {}, match_exact, "it is not signed as exactly this name"},
        {"matchRepoDigestOrExact", {}, match_digest_or_exact, "it is signed as another image"},
        {"matchRepository", {}, match_repository, "it is signed as an image of another repository"},
        {"exactReference",
         {"dockerReference"},
         match_exact_reference,
         "it is not signed as the image that the policy names"},
        {"exactRepository",
         {"dockerRepository"},
         match_exact_repository,
         "it is not signed as an image of the repository that the policy names"},
        {"remapIdentity", {"prefix", "signedPrefix"}, match_remapped, "it is signed as another image"},
};

int policy_parse_reference(const char *s, ImageRef *ret)
{
        _cleanup_image_ref_ ImageRef ref = {};
        _cleanup_free_ char *full = NULL;
        int r;

        if (!s)
                return -EINVAL;
        r = image_ref_parse(s, &ref, NULL);
        if (r < 0)
                return r;
        if (!ref.registry) {
                image_ref_done(&ref);
                full = str_printf("docker.io/%s", s);
                r = full ? image_ref_parse(full, &ref, NULL) : -ENOMEM;
                if (r < 0)
                        return r;
        }
        *ret = TAKE(ref, (ImageRef){});
        return 0;
}

/* host[:port][/path], without tag and digest. */
static bool prefix_is_valid(const char *s)
{
        _cleanup_free_ char *below = str_printf("%s/x", s);
        _cleanup_image_ref_ ImageRef ref = {};

        return below && image_ref_parse(below, &ref, NULL) >= 0 && ref.registry && !ref.tag && !ref.digest;
}

static bool member_is_valid(const char *name, const char *value)
{
        _cleanup_image_ref_ ImageRef ref = {};

        if (!value)
                return false;
        if (streq(name, "prefix") || streq(name, "signedPrefix"))
                return prefix_is_valid(value);
        if (policy_parse_reference(value, &ref) < 0)
                return false;
        return streq(name, "dockerReference") == (ref.tag || ref.digest);
}

const char *policy_check_identity(const json_t *v)
{
        const char *type = json_get_string(v, "type");

        if (!type)
                return "signedIdentity has no type";
        FOREACH_ELEMENT(row, identities) {
                size_t n = 0;

                if (!streq(row->type, type))
                        continue;
                FOREACH_ELEMENT(member, row->members) {
                        if (!*member)
                                continue;
                        if (!member_is_valid(*member, json_get_string(v, *member)))
                                return "a member of signedIdentity is missing or is no such name";
                        n++;
                }
                return json_object_size(v) == n + 1 ? NULL : "signedIdentity has a member that is not known";
        }
        return "the type of signedIdentity is not known";
}

bool requirement_identity_matches(const json_t *identity, const ImageRef *ref, const char *is_signed,
                                  const char **ret_why)
{
        const char *type = json_get_string(identity, "type");
        _cleanup_image_ref_ ImageRef named = {};

        *ret_why = "the name in it is none of an image";
        if (!ref->registry || !ref->path || policy_parse_reference(is_signed, &named) < 0)
                return false;
        FOREACH_ELEMENT(row, identities) {
                if (!streq(row->type, strempty(type)))
                        continue;
                *ret_why = row->why;
                return row->match(identity, ref, &named);
        }
        *ret_why = "the policy wants something that is not known";
        return false;
}
