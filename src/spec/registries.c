/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A file is read into a Registries of its own, checked, and laid over what the files before it said: lists
 * and words are replaced, registries by their prefix, aliases by their name. Of several prefixes that fit a
 * name the longest one counts. */

#include "base/array.h"
#include "base/conf-dir.h"
#include "base/fs.h"
#include "base/hashmap.h"
#include "base/str.h"
#include "base/toml.h"
#include "spec/conf.h"
#include "spec/registries.h"

#define REGISTRIES_MAX 4096U
#define MIRRORS_MAX (FETCH_ENDPOINTS_MAX - 1)
#define SEARCH_MAX FETCH_ENDPOINTS_MAX

typedef enum MirrorUse {
        MIRROR_ALL,
        MIRROR_DIGEST_ONLY,
        MIRROR_TAG_ONLY,
        _MIRROR_USE_MAX,
} MirrorUse;

static const char *const mirror_uses[_MIRROR_USE_MAX] = {
        [MIRROR_ALL] = "all",
        [MIRROR_DIGEST_ONLY] = "digest-only",
        [MIRROR_TAG_ONLY] = "tag-only",
};

static const char *const short_name_modes[_SHORT_NAME_MODE_MAX] = {
        [SHORT_NAME_PERMISSIVE] = "permissive",
        [SHORT_NAME_ENFORCING] = "enforcing",
        [SHORT_NAME_DISABLED] = "disabled",
};

typedef struct Mirror {
        char *location;
        char *use_word;
        bool insecure;
        MirrorUse use;
} Mirror;

typedef struct Registry {
        char *prefix;
        char *location; /* NULL: names are not rewritten */
        bool insecure;
        bool blocked;
        bool digest_only; /* mirrors are for pulls by digest */
        json_t *mirror;   /* as it was read */
        Mirror *mirrors;
        size_t n_mirrors;
} Registry;

struct Registries {
        char **search;
        char **helpers;
        char *mode_word;
        ShortNameMode mode;
        Map *aliases;
        json_t *registry; /* as it was read */
        json_t *version_1;
        Registry **rows;
        size_t n_rows;
};

static const JsonRow mirror_rows[] = {
        {"location", JSON_ROW_STRING, offsetof(Mirror, location), true},
        {"insecure", JSON_ROW_BOOL, offsetof(Mirror, insecure)},
        {"pull-from-mirror", JSON_ROW_STRING, offsetof(Mirror, use_word)},
};

static const JsonRow registry_rows[] = {
        {"prefix", JSON_ROW_STRING, offsetof(Registry, prefix)},
        {"location", JSON_ROW_STRING, offsetof(Registry, location)},
        {"insecure", JSON_ROW_BOOL, offsetof(Registry, insecure)},
        {"blocked", JSON_ROW_BOOL, offsetof(Registry, blocked)},
        {"mirror-by-digest-only", JSON_ROW_BOOL, offsetof(Registry, digest_only)},
        {"mirror", JSON_ROW_JSON, offsetof(Registry, mirror)},
};

static const JsonRow file_rows[] = {
        {"unqualified-search-registries", JSON_ROW_STRV, offsetof(Registries, search)},
        {"credential-helpers", JSON_ROW_STRV, offsetof(Registries, helpers)},
        {"short-name-mode", JSON_ROW_STRING, offsetof(Registries, mode_word)},
        {"aliases", JSON_ROW_MAP, offsetof(Registries, aliases)},
        {"registry", JSON_ROW_JSON, offsetof(Registries, registry)},
        {"registries", JSON_ROW_JSON, offsetof(Registries, version_1)},
};

static Registry *registry_free(Registry *r)
{
        if (!r)
                return NULL;
        for (size_t i = 0; i < r->n_mirrors; i++)
                json_rows_done(mirror_rows, ELEMENTSOF(mirror_rows), &r->mirrors[i]);
        free(r->mirrors);
        json_rows_done(registry_rows, ELEMENTSOF(registry_rows), r);
        free(r);
        return NULL;
}
DEFINE_CLEANUP(Registry *, registry_free)

Registries *registries_free(Registries *r)
{
        if (!r)
                return NULL;
        for (size_t i = 0; i < r->n_rows; i++)
                registry_free(r->rows[i]);
        free(r->rows);
        json_rows_done(file_rows, ELEMENTSOF(file_rows), r);
        free(r);
        return NULL;
}

/* Reading one file. A mistake is described in *ret_text, to which the caller adds the file's name. */

static int mistake(char **ret_text, char *text)
{
        if (!text)
                return -ENOMEM;
        free(*ret_text);
        *ret_text = text;
        return -EBADMSG;
}

static int word_index(const char *word, const char *const *words, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (streq(words[i], word))
                        return (int) i;
        return -EINVAL;
}

static int read_rows(const json_t *v, const JsonRow *rows, size_t n, void *userdata, const char *what,
                     char **ret_text)
{
        _cleanup_free_ char *error = NULL;
        int r = json_read(v, rows, n, userdata, NULL, &error);

        return r == -EBADMSG ? mistake(ret_text, str_printf("%s: %s", what, strempty(error))) : r;
}

/* A location loses the slashes at its end. */
static int clean_location(char *s, char **ret_text)
{
        size_t n = strlen(s);

        while (n > 0 && s[n - 1] == '/')
                s[--n] = '\0';
        if (n == 0)
                return mistake(ret_text, strdup("a location that is empty"));
        if (startswith(s, "http://") || startswith(s, "https://"))
                return mistake(
                        ret_text,
                        str_printf("location \"%s\": a registry is named without http:// or https://", s));
        return 0;
}

static int read_mirror(const json_t *v, bool digest_only, Mirror *m, char **ret_text)
{
        int r = read_rows(v, mirror_rows, ELEMENTSOF(mirror_rows), m, "registry.mirror", ret_text);

        if (r >= 0)
                r = clean_location(m->location, ret_text);
        if (r < 0)
                return r;
        if (isempty(m->use_word)) {
                m->use = digest_only ? MIRROR_DIGEST_ONLY : MIRROR_ALL;
                return 0;
        }
        r = word_index(m->use_word, mirror_uses, ELEMENTSOF(mirror_uses));
        if (r < 0)
                return mistake(ret_text,
                               str_printf("mirror \"%s\": pull-from-mirror is \"all\", \"digest-only\" or "
                                          "\"tag-only\", not \"%s\"",
                                          m->location, m->use_word));
        if (digest_only)
                return mistake(ret_text, str_printf("mirror \"%s\": pull-from-mirror cannot be set beside "
                                                    "mirror-by-digest-only",
                                                    m->location));
        m->use = (MirrorUse) r;
        return 0;
}

static int read_mirrors(Registry *row, char **ret_text)
{
        size_t n = json_array_size(row->mirror);

        if (!row->mirror)
                return 0;
        if (!json_is_array(row->mirror))
                return mistake(ret_text, strdup("mirror is no array of tables"));
        if (n > MIRRORS_MAX)
                return mistake(ret_text, str_printf("more than %u mirrors", MIRRORS_MAX));
        row->mirrors = calloc(n + 1, sizeof(Mirror));
        if (!row->mirrors)
                return -ENOMEM;
        for (row->n_mirrors = 0; row->n_mirrors < n;) {
                const json_t *v = json_array_get(row->mirror, row->n_mirrors);
                int r = read_mirror(v, row->digest_only, &row->mirrors[row->n_mirrors++], ret_text);

                if (r < 0)
                        return r;
        }
        return 0;
}

/* "*.example.com" stands for the hosts below a domain; anywhere else a '*' means nothing. */
static bool prefix_is_valid(const char *s)
{
        const char *domain = startswith(s, "*.");

        return domain ? *domain && !strpbrk(domain, "*/:@") : !strchr(s, '*');
}

static int check_places(Registry *row, char **ret_text)
{
        int r = 0;

        if (isempty(row->location))
                (void) str_replace(&row->location, NULL);
        if (isempty(row->prefix)) {
                if (!row->location)
                        return mistake(ret_text, strdup("a registry without prefix and location"));
                r = str_replace(&row->prefix, row->location);
        }
        if (r >= 0)
                r = clean_location(row->prefix, ret_text);
        if (r >= 0 && row->location)
                r = clean_location(row->location, ret_text);
        if (r < 0)
                return r;
        if (!prefix_is_valid(row->prefix))
                return mistake(ret_text,
                               str_printf("prefix \"%s\": a '*' stands only in the form *.example.com",
                                          row->prefix));
        if (!row->location && row->prefix[0] != '*')
                return mistake(ret_text,
                               str_printf("the registry of prefix \"%s\" has no location", row->prefix));
        return 0;
}

static int add_registry(Registries *file, const json_t *v, char **ret_text)
{
        _cleanup_(registry_freep) Registry *row = calloc(1, sizeof(Registry));
        int r;

        if (!row || !GROW(file->rows, file->n_rows))
                return -ENOMEM;
        r = read_rows(v, registry_rows, ELEMENTSOF(registry_rows), row, "registry", ret_text);
        if (r >= 0)
                r = check_places(row, ret_text);
        if (r >= 0)
                r = read_mirrors(row, ret_text);
        if (r < 0)
                return r;
        for (size_t i = 0; i < file->n_rows; i++) {
                const Registry *other = file->rows[i];

                if (!streq_ptr(other->location, row->location) || !row->location)
                        continue;
                if (other->insecure != row->insecure || other->blocked != row->blocked)
                        return mistake(ret_text,
                                       str_printf("location \"%s\" is there twice, and its settings of %s "
                                                  "contradict each other",
                                                  row->location,
                                                  other->insecure != row->insecure ? "insecure" : "blocked"));
        }
        file->rows[file->n_rows++] = TAKE_PTR(row);
        return 0;
}

static int read_registries(Registries *file, char **ret_text)
{
        size_t n = json_array_size(file->registry);

        if (!file->registry)
                return 0;
        if (!json_is_array(file->registry))
                return mistake(ret_text, strdup("registry is no array of tables: write [[registry]]"));
        if (n > REGISTRIES_MAX)
                return mistake(ret_text, str_printf("more than %u registries", REGISTRIES_MAX));
        for (size_t i = 0; i < n; i++) {
                int r = add_registry(file, json_array_get(file->registry, i), ret_text);

                if (r < 0)
                        return r;
        }
        return 0;
}

static bool is_registry(const char *s)
{
        _cleanup_free_ char *name = str_printf("%s/x", s);
        _cleanup_image_ref_ ImageRef ref = {};

        return name && image_ref_parse(name, &ref, NULL) >= 0 && ref.registry &&
               (streq(ref.path, "x") || streq(ref.path, "library/x"));
}

static int check_search(const Registries *file, char **ret_text)
{
        if (strv_length(file->search) > SEARCH_MAX)
                return mistake(ret_text,
                               str_printf("more than %u unqualified-search-registries", SEARCH_MAX));
        STRV_FOREACH(s, file->search) {
                int r = clean_location(*s, ret_text);

                if (r < 0)
                        return r;
                if (!is_registry(*s))
                        return mistake(ret_text,
                                       str_printf("unqualified-search-registries: \"%s\" is not a host name "
                                                  "with an optional port",
                                                  *s));
        }
        return 0;
}

static int check_alias(const char *name, const char *value, char **ret_text)
{
        _cleanup_image_ref_ ImageRef from = {}, to = {};
        const char *why = NULL;

        if (image_ref_parse(name, &from, &why) < 0)
                return mistake(ret_text, str_printf("alias \"%s\": %s", name, strempty(why)));
        if (from.registry || from.tag || from.digest)
                return mistake(ret_text,
                               str_printf("alias \"%s\": a short name is wanted, without registry, tag and "
                                          "digest",
                                          name));
        if (isempty(value))
                return 0;
        if (image_ref_parse(value, &to, &why) < 0)
                return mistake(ret_text, str_printf("alias \"%s\" = \"%s\": %s", name, value, strempty(why)));
        if (!to.registry || to.tag || to.digest)
                return mistake(ret_text,
                               str_printf("alias \"%s\" = \"%s\": a name with a registry and without tag and "
                                          "digest is wanted",
                                          name, value));
        return 0;
}

static int check_words(Registries *file, char **ret_text)
{
        int r;

        if (file->version_1)
                return mistake(ret_text, strdup("[registries.search], [registries.insecure] and "
                                                "[registries.block] are of version 1 "
                                                "of the format, which is not read: write "
                                                "unqualified-search-registries = [...] and "
                                                "[[registry]] with location, insecure and blocked"));
        if (!isempty(file->mode_word)) {
                r = word_index(file->mode_word, short_name_modes, ELEMENTSOF(short_name_modes));
                if (r < 0)
                        return mistake(ret_text,
                                       str_printf("short-name-mode is \"enforcing\", \"permissive\" or "
                                                  "\"disabled\", not \"%s\"",
                                                  file->mode_word));
                file->mode = (ShortNameMode) r;
        }
        MAP_FOREACH(e, file->aliases) {
                r = check_alias(map_key(e), map_value(e), ret_text);
                if (r < 0)
                        return r;
        }
        return check_search(file, ret_text);
}

static int read_text(const char *text, size_t size, Registries **ret, char **ret_text)
{
        _cleanup_registries_ Registries *file = calloc(1, sizeof(Registries));
        _cleanup_json_ json_t *v = NULL;
        _cleanup_free_ char *error = NULL;
        int r;

        if (!file)
                return -ENOMEM;
        r = toml_parse(text, size, &v, ret_text);
        if (r < 0)
                return r;
        r = json_read(v, file_rows, ELEMENTSOF(file_rows), file, NULL, &error);
        if (r == -EBADMSG)
                return mistake(ret_text, TAKE_PTR(error));
        if (r >= 0)
                r = check_words(file, ret_text);
        if (r >= 0)
                r = read_registries(file, ret_text);
        if (r >= 0)
                *ret = TAKE_PTR(file);
        return r;
}

/* One file over those before */

static int merge_rows(Registries *r, Registries *file)
{
        for (size_t i = 0; i < file->n_rows; i++) {
                size_t at = 0;

                while (at < r->n_rows && !streq(r->rows[at]->prefix, file->rows[i]->prefix))
                        at++;
                if (at == r->n_rows) {
                        if (!GROW(r->rows, r->n_rows))
                                return -ENOMEM;
                        r->rows[r->n_rows++] = NULL;
                }
                registry_free(r->rows[at]);
                r->rows[at] = TAKE_PTR(file->rows[i]);
        }
        return 0;
}

static int merge_aliases(Registries *r, const Registries *file)
{
        if (!r->aliases)
                r->aliases = map_new_strings();
        if (!r->aliases)
                return -ENOMEM;
        MAP_FOREACH(e, file->aliases) {
                int k = 0;

                if (isempty(map_value(e)))
                        (void) map_remove(r->aliases, map_key(e));
                else
                        k = map_put_string(r->aliases, map_key(e), map_value(e));
                if (k < 0)
                        return k;
        }
        return 0;
}

/* The old list goes with the file. */
static void swap_lists(char ***a, char ***b)
{
        char **l = *a;

        *a = *b;
        *b = l;
}

static int merge(Registries *r, Registries *file)
{
        int k = merge_rows(r, file);

        if (k >= 0)
                k = merge_aliases(r, file);
        if (k < 0)
                return k;
        /* A list that is there and empty takes away what was said before. */
        if (file->search)
                swap_lists(&r->search, &file->search);
        if (strv_length(file->helpers) > 0)
                swap_lists(&r->helpers, &file->helpers);
        if (!isempty(file->mode_word))
                r->mode = file->mode;
        return 0;
}

static int read_file(Registries *r, const char *path, Error *error)
{
        _cleanup_registries_ Registries *file = NULL;
        _cleanup_free_ char *text = NULL, *what = NULL;
        size_t size;
        int k;

        k = fs_read_at(AT_FDCWD, path, TOML_SIZE_MAX, &text, &size);
        if (k == -ENOENT)
                return k;
        if (k < 0)
                return error_set_errno(error, k, "%s", path);
        k = read_text(text, size, &file, &what);
        if (k == -EBADMSG)
                return error_set(error, ERROR_INVALID_ARGUMENT, "%s: %s", path, strempty(what));
        return k < 0 ? k : merge(r, file);
}

static int read_drop_ins(Registries *r, const char *path, Error *error)
{
        _cleanup_free_ char *directory = str_printf("%s.d", path);
        _cleanup_strv_ char **names = NULL;
        int k = directory ? conf_dir_list(directory, ".conf", &names) : -ENOMEM;

        if (k < 0)
                return error_set_errno(error, k, "%s", strempty(directory));
        STRV_FOREACH(name, names) {
                _cleanup_free_ char *file = str_printf("%s/%s", directory, *name);

                k = file ? read_file(r, file, error) : -ENOMEM;
                if (k < 0 && k != -ENOENT)
                        return k;
        }
        return 0;
}

int registries_load(const char *path, Registries **ret, Error *error)
{
        _cleanup_registries_ Registries *r = calloc(1, sizeof(Registries));
        _cleanup_conf_ Conf conf = {};
        int k = 0;

        if (!r)
                return -ENOMEM;
        if (!path) {
                k = conf_load(NULL, &conf, error);
                path = conf.registries_conf;
        }
        if (k < 0)
                return k;
        k = read_file(r, path ?: REGISTRIES_CONF, error);
        if (k == -ENOENT && path)
                return error_set_errno(error, k, "%s", path);
        if (k >= 0 || k == -ENOENT)
                k = read_drop_ins(r, path ?: REGISTRIES_CONF, error);
        if (k < 0)
                return k;
        *ret = TAKE_PTR(r);
        return 0;
}

ShortNameMode registries_short_name_mode(const Registries *r)
{
        return r->mode;
}

char *const *registries_search(const Registries *r)
{
        return r->search;
}

char *const *registries_credential_helpers(const Registries *r)
{
        return r->helpers;
}

/* Short names */

/* name + the tag and digest that the user gave, normalised. */
static int add_candidate(char ***names, const char *name, const ImageRef *ref, Error *error)
{
        _cleanup_free_ char *full = str_printf("%s%s%s%s%s", name, ref->tag ? ":" : "", strempty(ref->tag),
                                               ref->digest ? "@" : "", strempty(ref->digest));
        const char *why = NULL;
        char *text;
        int r;

        if (!full)
                return -ENOMEM;
        r = image_ref_normalize(full, &text, &why);
        if (r == -EINVAL)
                return error_set(error, ERROR_INVALID_ARGUMENT, "%s: %s", full, strempty(why));
        return r < 0 ? r : strv_consume(names, text);
}

static int search_candidates(const Registries *r, const ImageRef *ref, char ***names, Error *error)
{
        STRV_FOREACH(host, r->search) {
                _cleanup_free_ char *name = str_printf("%s/%s", *host, ref->path);
                int k = name ? add_candidate(names, name, ref, error) : -ENOMEM;

                if (k < 0)
                        return k;
        }
        return 0;
}

static int resolve_short(const Registries *r, const ImageRef *ref, char ***names, bool *ret_choose,
                         Error *error)
{
        const char *alias = map_get(r->aliases, ref->path);
        size_t n = strv_length(r->search);

        if (alias)
                return add_candidate(names, alias, ref, error);
        if (n == 0)
                return error_set(
                        error, ERROR_INVALID_ARGUMENT,
                        "\"%s\" names no registry, it is no alias, and registries.conf has no "
                        "unqualified-search-registries: name it with its registry, as docker.io/library/%s",
                        ref->path, ref->path);
        if (n > 1 && !ret_choose && r->mode == SHORT_NAME_ENFORCING)
                return error_set(
                        error, ERROR_AMBIGUOUS,
                        "\"%s\" may be from %zu registries, and registries.conf has short-name-mode = "
                        "\"enforcing\": without a terminal to ask on, name it with its registry",
                        ref->path, n);
        if (ret_choose)
                *ret_choose = n > 1 && r->mode != SHORT_NAME_DISABLED;
        return search_candidates(r, ref, names, error);
}

int registries_resolve(const Registries *r, const char *name, char ***ret_names, bool *ret_choose,
                       Error *error)
{
        _cleanup_image_ref_ ImageRef ref = {};
        _cleanup_strv_ char **names = NULL;
        const char *why = NULL;
        int k;

        if (ret_choose)
                *ret_choose = false;
        k = image_ref_parse(name, &ref, &why);
        if (k == -EINVAL)
                return error_set(error, ERROR_INVALID_ARGUMENT, "%s: %s", name, strempty(why));
        if (k < 0)
                return k;
        if (ref.registry)
                k = strv_consume(&names, image_ref_text(&ref));
        else
                k = resolve_short(r, &ref, &names, ret_choose, error);
        if (k < 0)
                return k;
        *ret_names = TAKE_PTR(names);
        return 0;
}

/* Endpoints */

/* How much of the name the prefix takes, 0: it does not fit. A prefix without port fits the host with any. */
static size_t prefix_length(const char *name, const char *prefix)
{
        size_t n = strlen(prefix), host = strcspn(name, ":/@");

        if (*prefix != '*')
                return strncmp(name, prefix, n) == 0 && strchr(":/@", name[n]) ? n : 0;
        n--;
        return host > n && strncmp(name + host - n, prefix + 1, n) == 0 ? host : 0;
}

/* Of two that take the same the one without '*' is the closer one. */
static const Registry *find_registry(const Registries *r, const char *name, size_t *ret_length)
{
        const Registry *best = NULL;
        size_t longest = 0;

        for (size_t i = 0; i < r->n_rows; i++) {
                size_t n = prefix_length(name, r->rows[i]->prefix);

                if (n > longest || (n > 0 && n == longest && *best->prefix == '*')) {
                        longest = n;
                        best = r->rows[i];
                }
        }
        *ret_length = longest;
        return best;
}

static int add_endpoint(FetchOrder *o, const char *host, const char *path, bool insecure, bool mirror)
{
        FetchEndpoint e = {.insecure = insecure, .mirror = mirror};

        if (!GROW(o->endpoints, o->n_endpoints))
                return -ENOMEM;
        o->endpoints[o->n_endpoints++] = e;
        if (str_replace(&o->endpoints[o->n_endpoints - 1].host, host) < 0 ||
            str_replace(&o->endpoints[o->n_endpoints - 1].path, path) < 0)
                return -ENOMEM;
        return 0;
}

/* rest is what the prefix left of the name, with its tag and digest, which must come out as they were. */
static int add_location(FetchOrder *o, const char *location, const char *rest, const ImageRef *ref,
                        bool insecure, bool mirror, Error *error)
{
        _cleanup_image_ref_ ImageRef there = {};
        _cleanup_free_ char *name = str_printf("%s%s", location, rest);
        const char *why = NULL;
        int r = name ? image_ref_parse(name, &there, &why) : -ENOMEM;

        if (r == -EINVAL)
                return error_set(error, ERROR_INVALID_ARGUMENT,
                                 "registries.conf leads to \"%s\", which is no name of an image: %s", name,
                                 strempty(why));
        if (r < 0)
                return r;
        if (!there.registry)
                return error_set(error, ERROR_INVALID_ARGUMENT,
                                 "registries.conf leads to \"%s\", which has no registry", name);
        if ((ref->tag && !streq_ptr(there.tag, ref->tag)) || !streq_ptr(there.digest, ref->digest))
                return error_set(error, ERROR_NOT_SUPPORTED,
                                 "registries.conf leads to \"%s\": tags and digests cannot be rewritten",
                                 name);
        return add_endpoint(o, there.registry, there.path, insecure, mirror);
}

static bool mirror_is_for(const Mirror *m, const ImageRef *ref)
{
        return m->use == MIRROR_ALL || (m->use == MIRROR_DIGEST_ONLY) == (ref->digest != NULL);
}

static int add_pull_endpoints(const Registry *row, const char *rest, const ImageRef *ref, FetchOrder *o,
                              Error *error)
{
        for (size_t i = 0; i < row->n_mirrors; i++) {
                const Mirror *m = &row->mirrors[i];
                int r = mirror_is_for(m, ref)
                                ? add_location(o, m->location, rest, ref, m->insecure, true, error)
                                : 0;

                if (r < 0)
                        return r;
        }
        if (!row->location)
                return add_endpoint(o, ref->registry, ref->path, row->insecure, false);
        return add_location(o, row->location, rest, ref, row->insecure, false, error);
}

int registries_endpoints(const Registries *r, const ImageRef *ref, FetchVerb verb, FetchOrder *o,
                         Error *error)
{
        _cleanup_free_ char *name = ref->path ? image_ref_text(ref) : strdup(strempty(ref->registry));
        const Registry *row;
        size_t length;

        assert(ref->registry);
        if (!name)
                return -ENOMEM;
        row = find_registry(r, name, &length);
        if (row && row->blocked)
                return error_set(error, ERROR_REJECTED,
                                 "%s: the registry is blocked in registries.conf (prefix \"%s\")", name,
                                 row->prefix);
        if (row && verb == FETCH_PULL && ref->path)
                return add_pull_endpoints(row, name + length, ref, o, error);
        return add_endpoint(o, ref->registry, ref->path, row && row->insecure, false);
}
