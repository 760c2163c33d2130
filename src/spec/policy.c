/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The whole file is checked when it is read, so that a mistake shows at the first image and not at the one it
 * was made for. What is supported by nobody here (certificates of Fulcio, transparency logs) is no mistake:
 * it rejects where it is asked for. */

#include "base/base64.h"
#include "base/fs.h"
#include "base/str.h"
#include "spec/policy-private.h"

#define KEY_SIZE_MAX (1U * 1024 * 1024)

struct Policy {
        char *path;
        json_t *document;
};

Policy *policy_free(Policy *p)
{
        if (!p)
                return NULL;
        json_decref(p->document);
        free(p->path);
        free(p);
        return NULL;
}

/* Reading. A check returns NULL or what is wrong. */

static bool is_one_of(const char *s, const char *const *list)
{
        for (; *list; list++)
                if (streq(*list, s))
                        return true;
        return false;
}

/* Exactly one of the members is there, and it is a text, or a list of texts that is not empty. */
static const char *check_keys(const json_t *v, const char *const *members)
{
        size_t found = 0;

        for (; *members; members++) {
                const json_t *key = json_object_get(v, *members), *element;
                size_t i;

                if (!key)
                        continue;
                found++;
                if (!json_is_string(key) && json_array_size(key) == 0)
                        return "a key is neither a text nor a list of some";
                json_array_foreach((json_t *) key, i,
                                   element) if (!json_is_string(element)) return "a key is no text";
        }
        return found == 1 ? NULL : "exactly one of keyPath, keyPaths and keyData (keyDatas) is wanted";
}

static const char *const signed_by_members[] = {"type",    "keyType",        "keyPath", "keyPaths",
                                                "keyData", "signedIdentity", NULL};
static const char *const sigstore_members[] = {"type",
                                               "keyPath",
                                               "keyPaths",
                                               "keyData",
                                               "keyDatas",
                                               "fulcio",
                                               "rekorPublicKeyPath",
                                               "rekorPublicKeyPaths",
                                               "rekorPublicKeyData",
                                               "rekorPublicKeyDatas",
                                               "pki",
                                               "signedIdentity",
                                               NULL};
static const char *const type_alone[] = {"type", NULL};
static const char *const signed_by_keys[] = {"keyPath", "keyPaths", "keyData", NULL};
static const char *const sigstore_keys[] = {"keyPath", "keyPaths", "keyData", "keyDatas", NULL};
static const char *const unsupported_members[] = {"fulcio",
                                                  "rekorPublicKeyPath",
                                                  "rekorPublicKeyPaths",
                                                  "rekorPublicKeyData",
                                                  "rekorPublicKeyDatas",
                                                  "pki",
                                                  NULL};

static const char *find_unsupported(const json_t *v)
{
        for (const char *const *m = unsupported_members; *m; m++)
                if (json_object_get(v, *m))
                        return *m;
        return NULL;
}

static const char *check_identity(const json_t *v)
{
        const json_t *identity = json_object_get(v, "signedIdentity");

        return identity ? policy_check_identity(identity) : NULL;
}

static const char *check_signed_by(const json_t *v)
{
        if (!streq_ptr(json_get_string(v, "keyType"), "GPGKeys"))
                return "keyType is not \"GPGKeys\"";
        return check_keys(v, signed_by_keys) ?: check_identity(v);
}

static const char *check_sigstore(const json_t *v)
{
        return find_unsupported(v) ? NULL : check_keys(v, sigstore_keys) ?: check_identity(v);
}

static const char *check_nothing(const json_t *v)
{
        return NULL;
}

static const struct {
        const char *type;
        const char *const *members;
        const char *(*check)(const json_t *v);
} types[] = {
        {"insecureAcceptAnything", type_alone, check_nothing},
        {"reject", type_alone, check_nothing},
        {"signedBy", signed_by_members, check_signed_by},
        {"sigstoreSigned", sigstore_members, check_sigstore},
};

static const char *check_requirement(const json_t *v)
{
        const char *type = json_get_string(v, "type"), *key;
        json_t *member;

        if (!type)
                return "a requirement without type";
        FOREACH_ELEMENT(row, types) {
                if (!streq(row->type, type))
                        continue;
                json_object_foreach((json_t *) v, key, member) if (
                        !is_one_of(key, row->members)) return "a requirement with a member that is not known";
                return row->check(v);
        }
        return "a requirement of a type that is not known";
}

static const char *check_requirements(const json_t *v)
{
        const json_t *element;
        size_t i;

        if (json_array_size(v) == 0)
                return "requirements are a list that is not empty";
        json_array_foreach((json_t *) v, i, element)
        {
                const char *why = check_requirement(element);

                if (why)
                        return why;
        }
        return NULL;
}

static bool is_path_transport(const char *transport)
{
        return streq(transport, "dir") || streq(transport, "oci") || streq(transport, "oci-archive");
}

static const char *check_transports(const json_t *v, const char **ret_scope)
{
        const char *transport, *scope;
        json_t *scopes, *requirements;

        if (!v)
                return NULL;
        if (!json_is_object(v))
                return "transports is no object";
        json_object_foreach((json_t *) v, transport, scopes)
        {
                *ret_scope = transport;
                if (!json_is_object(scopes))
                        return "no object of scopes";
                json_object_foreach(scopes, scope, requirements)
                {
                        const char *why = check_requirements(requirements);

                        *ret_scope = scope;
                        if (why)
                                return why;
                        if (is_path_transport(transport) && *scope && (*scope != '/' || streq(scope, "/")))
                                return "not an absolute path below \"/\"";
                }
        }
        *ret_scope = NULL;
        return NULL;
}

static const char *check_document(const json_t *v, const char **ret_scope)
{
        static const char *const members[] = {"default", "transports", NULL};
        const char *key, *why;
        json_t *member;

        if (!json_is_object(v))
                return "not an object";
        json_object_foreach(
                (json_t *) v, key,
                member) if (!is_one_of(key,
                                       members)) return "a member besides \"default\" and \"transports\"";
        if (!json_object_get(v, "default"))
                return "\"default\" is missing";
        *ret_scope = "default";
        why = check_requirements(json_object_get(v, "default"));
        if (why)
                return why;
        *ret_scope = NULL;
        return check_transports(json_object_get(v, "transports"), ret_scope);
}

static int refuse(Error *error, const char *path, const char *what)
{
        return error_set(error, ERROR_REJECTED,
                         "the policy for images %s: %s; nothing is accepted until it is right", path, what);
}

static int read_policy(const char *path, Policy *p, Error *error)
{
        _cleanup_free_ char *why = NULL, *text = NULL;
        const char *what, *scope = NULL;
        int r = json_load_at(AT_FDCWD, path, &p->document, &why);

        if (r == -ENOENT)
                return r;
        if (r < 0)
                return refuse(error, path, why ?: strerror(-r));
        what = check_document(p->document, &scope);
        if (!what)
                return str_replace(&p->path, path);
        text = scope ? str_printf("\"%.200s\": %s", scope, what) : strdup(what);
        return refuse(error, path, text ?: what);
}

int policy_load(const char *path, Policy **ret, Error *error)
{
        _cleanup_policy_ Policy *p = calloc(1, sizeof(Policy));
        int r;

        if (!p)
                return -ENOMEM;
        r = read_policy(path ?: POLICY_FILE, p, error);
        if (r == -ENOENT && !path)
                r = read_policy(POLICY_FILE_DEFAULT, p, error);
        if (r == -ENOENT)
                return refuse(error, path ?: POLICY_FILE, "it is missing");
        if (r < 0)
                return r;
        *ret = TAKE_PTR(p);
        return 0;
}

/* Scopes */

static int add_wild_cards(char ***scopes, const char *host)
{
        _cleanup_free_ char *name = strndup(host, strcspn(host, ":"));

        if (!name)
                return -ENOMEM;
        for (const char *dot = strchr(name, '.'); dot; dot = strchr(dot + 1, '.')) {
                int r = strv_consume(scopes, str_printf("*%s", dot));

                if (r < 0)
                        return r;
        }
        return 0;
}

/* The name and its parents, down to what has no '/' in it; of a path the top is none. */
static int add_parents(char ***scopes, const char *name)
{
        _cleanup_free_ char *s = strdup(name);
        char *slash;
        int r = s ? strv_append(scopes, s) : -ENOMEM;

        while (r >= 0 && (slash = strrchr(s, '/')) && slash != s) {
                *slash = '\0';
                r = strv_append(scopes, s);
        }
        return r;
}

int policy_scopes(const ImageRef *ref, char ***ret)
{
        _cleanup_free_ char *repository = str_printf("%s/%s", ref->registry, ref->path);
        _cleanup_strv_ char **scopes = NULL;
        int r;

        if (!repository)
                return -ENOMEM;
        if (ref->digest)
                r = strv_consume(&scopes, str_printf("%s@%s", repository, ref->digest));
        else
                r = strv_consume(&scopes, str_printf("%s:%s", repository, ref->tag ?: "latest"));
        if (r >= 0)
                r = add_parents(&scopes, repository);
        if (r >= 0)
                r = add_wild_cards(&scopes, ref->registry);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(scopes);
        return 0;
}

/* The requirements of the first scope that the policy knows, then those of the transport, then of all. */
static const json_t *find_requirements(const Policy *p, const char *transport, char *const *scopes,
                                       const char **ret_scope)
{
        const json_t *all = json_get_object(json_object_get(p->document, "transports"), transport), *v;

        for (; scopes && *scopes; scopes++) {
                v = json_object_get(all, *scopes);
                *ret_scope = *scopes;
                if (v)
                        return v;
        }
        *ret_scope = transport;
        v = json_object_get(all, "");
        if (v)
                return v;
        *ret_scope = "default";
        return json_object_get(p->document, "default");
}

/* What has to be fulfilled */

static int add_key_file(json_t *keys, const char *path, Error *error)
{
        _cleanup_free_ char *data = NULL, *text = NULL;
        size_t size;
        int r = fs_read_at(AT_FDCWD, path, KEY_SIZE_MAX, &data, &size);

        if (r < 0)
                return error_set(error, ERROR_REJECTED, "the policy's key %s cannot be read: %s", path,
                                 strerror(-r));
        text = base64_encode(data, size);
        return text && json_array_append_new(keys, json_string(text)) >= 0 ? 0 : -ENOMEM;
}

static int add_key(json_t *keys, const char *value, bool is_file, Error *error)
{
        if (is_file)
                return add_key_file(keys, value, error);
        return json_array_append_new(keys, json_string(value)) >= 0 ? 0 : -ENOMEM;
}

static int collect_keys(const json_t *v, json_t *keys, Error *error)
{
        for (const char *const *m = sigstore_keys; *m; m++) {
                const json_t *value = json_object_get(v, *m), *element;
                bool is_file = startswith(*m, "keyPath") != NULL;
                size_t i;
                int r = 0;

                if (json_is_string(value))
                        r = add_key(keys, json_string_value(value), is_file, error);
                json_array_foreach((json_t *) value, i, element) if (r >= 0) r =
                        add_key(keys, json_string_value(element), is_file, error);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int add_requirement(json_t *list, const json_t *v, Error *error)
{
        _cleanup_json_ json_t *keys = json_array(), *one = NULL;
        json_t *identity = json_object_get(v, "signedIdentity");
        int r = keys ? collect_keys(v, keys, error) : -ENOMEM;

        if (r < 0)
                return r;
        one = json_pack("{s:s, s:O}", "Type", json_get_string(v, "type"), "Keys", keys);
        if (!one ||
            json_object_set_new(one, "Identity",
                                identity ? json_incref(identity)
                                         : json_pack("{s:s}", "type", "matchRepoDigestOrExact")) < 0 ||
            json_array_append(list, one) < 0)
                return -ENOMEM;
        return 0;
}

static int rejected(Error *error, const Policy *p, const char *name, const char *scope, const char *why)
{
        return error_set(error, ERROR_REJECTED, "%s: the policy for images %s (\"%s\") rejects it%s%s", name,
                         p->path, scope, why ? ": " : "", strempty(why));
}

static int collect_requirements(const Policy *p, const json_t *v, const char *name, const char *scope,
                                json_t *list, Error *error)
{
        const json_t *one;
        size_t i;

        json_array_foreach((json_t *) v, i, one)
        {
                const char *type = json_get_string(one, "type"), *unsupported = find_unsupported(one);
                int r;

                if (streq(type, "insecureAcceptAnything"))
                        continue;
                if (streq(type, "reject"))
                        return rejected(error, p, name, scope, NULL);
                if (unsupported) {
                        _cleanup_free_ char *why =
                                str_printf("it asks for \"%s\", which is not supported", unsupported);

                        return rejected(error, p, name, scope, why);
                }
                r = add_requirement(list, one, error);
                if (r < 0)
                        return r;
        }
        return 0;
}

int policy_for_registry(const Policy *p, const ImageRef *ref, json_t **ret, Error *error)
{
        _cleanup_free_ char *name = image_ref_text(ref);
        _cleanup_strv_ char **scopes = NULL;
        _cleanup_json_ json_t *list = json_array();
        const json_t *requirements;
        const char *scope;
        int r = name && list ? policy_scopes(ref, &scopes) : -ENOMEM;

        if (r < 0)
                return r;
        requirements = find_requirements(p, "docker", scopes, &scope);
        r = collect_requirements(p, requirements, name, scope, list, error);
        if (r < 0)
                return r;
        *ret = json_array_size(list) > 0 ? json_pack("{s:O}", "Requirements", list) : NULL;
        return *ret || json_array_size(list) == 0 ? 0 : -ENOMEM;
}

int policy_for_file(const Policy *p, const char *transport, const char *path, Error *error)
{
        _cleanup_strv_ char **scopes = NULL;
        _cleanup_json_ json_t *list = json_array();
        const json_t *requirements;
        const char *scope;
        int r = list ? 0 : -ENOMEM;

        if (r >= 0 && path && *path == '/' && is_path_transport(transport))
                r = add_parents(&scopes, path);
        if (r < 0)
                return r;
        requirements = find_requirements(p, transport, scopes, &scope);
        r = collect_requirements(p, requirements, path ?: transport, scope, list, error);
        if (r >= 0 && json_array_size(list) > 0)
                return rejected(error, p, path ?: transport, scope,
                                "it asks for a signature, and images in files have none");
        return r;
}

/* What was collected, read again by who checks it */

static const char *const requirement_types[_REQUIREMENT_TYPE_MAX] = {
        [REQUIREMENT_SIGNED_BY] = "signedBy",
        [REQUIREMENT_SIGSTORE_SIGNED] = "sigstoreSigned",
};

void requirement_done(Requirement *r)
{
        strv_free(TAKE_PTR(r->keys));
        json_decref(TAKE_PTR(r->identity));
}

int requirement_read(const json_t *v, Requirement *ret)
{
        static const JsonRow rows[] = {
                {"Keys", JSON_ROW_STRV, offsetof(Requirement, keys), true},
                {"Identity", JSON_ROW_JSON, offsetof(Requirement, identity), true},
        };
        _cleanup_requirement_ Requirement requirement = {.type = _REQUIREMENT_TYPE_INVALID};
        int r = json_read(v, rows, ELEMENTSOF(rows), &requirement, NULL, NULL);

        if (r < 0)
                return r;
        for (RequirementType t = 0; t < _REQUIREMENT_TYPE_MAX; t++)
                if (streq(requirement_types[t], strempty(json_get_string(v, "Type"))))
                        requirement.type = t;
        if (requirement.type < 0 || strv_length(requirement.keys) == 0 ||
            policy_check_identity(requirement.identity))
                return -EBADMSG;
        *ret = TAKE(requirement, (Requirement){});
        return 0;
}
