/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A file is read with an allocator that wipes what it frees, because a JSON document leaves copies of its
 * strings behind; what is handed out is wiped by credentials_done(). Docker's registry has three names, one
 * of them a URL, and stands for all of them under "docker.io". */

#include <malloc.h>
#include <sys/stat.h>

#include "base/base64.h"
#include "base/fs.h"
#include "base/str.h"
#include "spec/auth-file.h"
#include "spec/fetch-order.h"

#define DOCKER_KEY "https://index.docker.io/v1/"
#define HELPER_NAME_MAX 64U
#define KEY_LENGTH_MAX 512U

void credentials_done(Credentials *c)
{
        c->username = secret_free(c->username);
        c->password = secret_free(c->password);
        c->identity_token = secret_free(c->identity_token);
        free(TAKE_PTR(c->source));
}

/* Documents with secrets */

static void wiping_free(void *p)
{
        if (p)
                explicit_bzero(p, malloc_usable_size(p));
        free(p);
}

typedef struct AuthFile {
        const char *path;
        json_t *document;
        bool wipes;
} AuthFile;

/* Both functions take from and give to the same heap, so that it does not matter when they change. */
static void wipe_documents(AuthFile *f, bool on)
{
        static unsigned open;

        if (f->wipes == on)
                return;
        f->wipes = on;
        open += on ? 1U : -1U;
        json_set_alloc_funcs(malloc, open > 0 ? wiping_free : free);
}

static void auth_file_done(AuthFile *f)
{
        json_decref(f->document);
        wipe_documents(f, false);
}
#define _cleanup_auth_file_ _cleanup_(auth_file_done)

static bool is_object_or_absent(const json_t *v)
{
        return !v || json_is_null(v) || json_is_object(v);
}

/* Strict JSON without jansson's error texts, which quote the place. An empty file is as one without members.
 */
static int parse(const char *text, size_t size, AuthFile *f, Error *error)
{
        json_error_t where;

        if (size == 0) {
                f->document = json_object();
                return f->document ? 0 : -ENOMEM;
        }
        f->document = json_loadb(text, size, JSON_REJECT_DUPLICATES, &where);
        if (!f->document)
                return error_set(error, ERROR_INVALID_ARGUMENT,
                                 "%s: line %d: not JSON, or a name that is there twice", f->path, where.line);
        if (!json_is_object(f->document) || !is_object_or_absent(json_object_get(f->document, "auths")) ||
            !is_object_or_absent(json_object_get(f->document, "credHelpers")))
                return error_set(error, ERROR_INVALID_ARGUMENT,
                                 "%s: not a JSON object, with objects \"auths\" and \"credHelpers\"",
                                 f->path);
        return 0;
}

/* 1: read, 0: there is none. Wipes until auth_file_done(). */
static int read_file(const char *path, AuthFile *f, Error *error)
{
        char *text = NULL;
        size_t size;
        int r;

        wipe_documents(f, true);
        f->path = path;
        r = fs_read_at(AT_FDCWD, path, AUTH_FILE_SIZE_MAX, &text, &size);
        if (r == -ENOENT || r == -ENOTDIR)
                return 0;
        if (r < 0)
                return error_set_errno(error, r, "%s", path);
        r = parse(text, size, f, error);
        explicit_bzero(text, size);
        free(text);
        return r < 0 ? r : 1;
}

static int write_file(const AuthFile *f, Error *error)
{
        _cleanup_free_ char *real = realpath(f->path, NULL), *dir = NULL;
        _cleanup_close_ int fd = -EBADF;
        const char *path = real ?: f->path, *name = strrchr(path, '/');
        char *text = json_dumps(f->document, JSON_INDENT(8));
        int r = text ? 0 : -ENOMEM;

        dir = name ? strndup(path, (size_t) MAX(name - path, (ptrdiff_t) 1)) : strdup(".");
        if (!dir || r < 0) {
                secret_free(text);
                return -ENOMEM;
        }
        if (*dir == '/')
                r = fs_mkdir_p(dir, 0700);
        if (r >= 0) {
                fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                r = fd < 0 ? -errno : 0;
        }
        if (r >= 0)
                r = fs_replace_at(fd, name ? name + 1 : path, text, strlen(text), 0600, FS_SYNC);
        secret_free(text);
        return r < 0 ? error_set_errno(error, r, "%s", f->path) : 0;
}

/* Keys */

static bool is_docker(const char *host)
{
        return streq(host, "docker.io") || streq(host, "index.docker.io") ||
               streq(host, "registry-1.docker.io");
}

/* What a key of a file means: without scheme, and then without path, because only docker writes those. */
static int clean_key(const char *key, char **ret)
{
        const char *host = startswith(key, "https://") ?: startswith(key, "http://");
        size_t n = host ? strcspn(host, "/") : 0;
        _cleanup_free_ char *clean = host ? strndup(host, n) : strdup(key);

        if (!clean)
                return -ENOMEM;
        if (is_docker(clean))
                return str_replace(ret, "docker.io");
        *ret = TAKE_PTR(clean);
        return 0;
}

/* How long the key is when it is name or a parent of it; 0: neither. An exact key comes before one that had
 * to be cleaned, so that an entry of ours is not hidden by one of docker's. */
static int key_rank(const char *key, const char *name, size_t *ret)
{
        _cleanup_free_ char *clean = NULL;
        size_t n;
        int r = clean_key(key, &clean);

        if (r < 0)
                return r;
        n = strlen(clean);
        *ret = n > 0 && strncmp(clean, name, n) == 0 && (name[n] == '\0' || name[n] == '/')
                       ? 2 * n + streq(clean, key)
                       : 0;
        return 0;
}

/* The member of an object that is closest to the name. */
static int find_member(json_t *object, const char *name, const char **ret_key, json_t **ret)
{
        size_t longest = 0;
        const char *key;
        json_t *v;

        *ret = NULL;
        json_object_foreach(object, key, v)
        {
                size_t rank;
                int r = key_rank(key, name, &rank);

                if (r < 0)
                        return r;
                if (rank <= longest)
                        continue;
                longest = rank;
                *ret_key = key;
                *ret = v;
        }
        return 0;
}

static char *lookup_name(const char *registry, const char *path)
{
        return str_printf("%s%s%s", is_docker(registry) ? "docker.io" : registry, path ? "/" : "",
                          strempty(path));
}

/* Entries */

static int bad(const AuthFile *f, const char *key, const char *what, Error *error)
{
        return error_set(error, ERROR_INVALID_ARGUMENT, "%s: the entry of \"%s\" %s", f->path, key, what);
}

/* "user:password" in Base64. */
static int decode(const AuthFile *f, const char *key, const char *auth, Credentials *c, Error *error)
{
        void *data = NULL;
        char *colon;
        size_t size;
        int r;

        r = base64_decode(auth, &data, &size);
        if (r < 0)
                return r == -EINVAL ? bad(f, key, "is not Base64", error) : r;
        /* Old versions of docker filled it up with zeros. */
        while (size > 0 && ((char *) data)[size - 1] == '\0')
                size--;
        colon = memchr(data, ':', size);
        if (!colon || memchr(data, '\0', size)) {
                r = bad(f, key, "is not \"user:password\"", error);
        } else {
                c->username = strndup(data, (size_t) (colon - (char *) data));
                c->password = strndup(colon + 1, size - (size_t) (colon + 1 - (char *) data));
                r = c->username && c->password ? 1 : -ENOMEM;
        }
        explicit_bzero(data, size);
        free(data);
        return r;
}

/* 1: it has some. */
static int read_entry(const AuthFile *f, const char *key, const json_t *v, Credentials *c, Error *error)
{
        const json_t *auth = json_object_get(v, "auth"), *token = json_object_get(v, "identitytoken");
        int r = 0;

        if (!json_is_object(v) || (auth && !json_is_string(auth)) || (token && !json_is_string(token)))
                return bad(f, key, "is not as containers-auth.json(5) has it", error);
        if (auth && json_string_length(auth) > 0)
                r = decode(f, key, json_string_value(auth), c, error);
        if (r < 0 || !token || json_string_length(token) == 0)
                return r;
        r = str_replace(&c->identity_token, json_string_value(token));
        return r < 0 ? r : 1;
}

/* Helpers */

static bool helper_name_is_valid(const char *s)
{
        size_t n = strlen(s);

        return n > 0 && n <= HELPER_NAME_MAX && *s != '.' && *s != '-' &&
               strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == n;
}

static int check_helper(AuthHelper helper, const char *where, const char *name, Error *error)
{
        if (!helper_name_is_valid(name))
                return error_set(error, ERROR_INVALID_ARGUMENT, "%s: no name of a credential helper: \"%s\"",
                                 where, name);
        if (!helper)
                return error_set(error, ERROR_NOT_SUPPORTED,
                                 "%s: the daemon does not start docker-credential-%s; berthctl does, and "
                                 "passes what it "
                                 "says",
                                 where, name);
        return 0;
}

/* Takes the answer and wipes it. */
static int read_answer(const char *name, char *text, Credentials *c, Error *error)
{
        AuthFile f = {.path = name};
        const char *user, *secret;
        int r;

        wipe_documents(&f, true);
        r = parse(text, strlen(text), &f, NULL);
        secret_free(text);
        user = json_get_string(f.document, "Username");
        secret = json_get_string(f.document, "Secret");
        if (r < 0 || !user || !secret)
                r = error_set(error, ERROR_FAILED,
                              "docker-credential-%s answered something that are no credentials", name);
        else if (streq(user, "<token>"))
                r = str_replace(&c->identity_token, secret);
        else if ((r = str_replace(&c->username, user)) >= 0)
                r = str_replace(&c->password, secret);
        auth_file_done(&f);
        return r < 0 ? r : 1;
}

static int ask(AuthHelper helper, const char *where, const char *name, const char *key, Credentials *ret,
               Error *error)
{
        _cleanup_credentials_ Credentials c = {};
        char *output = NULL;
        int r = check_helper(helper, where, name, error);

        if (r >= 0)
                r = helper(name, "get", key, &output, error);
        if (r <= 0)
                return r;
        r = read_answer(name, output, &c, error);
        if (r < 0)
                return r;
        c.source = str_printf("docker-credential-%s", name);
        *ret = TAKE(c, (Credentials){});
        return 1;
}

int auth_ask_helper(AuthHelper helper, const char *name, const char *registry, Credentials *ret, Error *error)
{
        return ask(helper, "registries.conf", name, registry, ret, error);
}

/* The helper of a host: its own, or the one for all, which knows Docker's registry by its URL. NULL: none. */
static int find_helper(const AuthFile *f, const char *registry, bool for_all, const char **ret_name,
                       const char **ret_key, Error *error)
{
        const char *host = is_docker(registry) ? "docker.io" : registry;
        json_t *all = json_object_get(f->document, "credsStore"), *v = NULL;
        int r;

        *ret_name = NULL;
        if (!for_all) {
                r = find_member(json_object_get(f->document, "credHelpers"), host, ret_key, &v);
                if (r < 0)
                        return r;
        } else {
                v = all;
                *ret_key = is_docker(registry) ? DOCKER_KEY : registry;
        }
        if (v && !json_is_string(v))
                return error_set(error, ERROR_INVALID_ARGUMENT,
                                 "%s: the name of a credential helper is no string", f->path);
        *ret_name = v && json_string_length(v) > 0 ? json_string_value(v) : NULL;
        return 0;
}

static int find_in_file(const AuthFile *f, const char *registry, const char *path, AuthHelper run,
                        Credentials *ret, Error *error)
{
        _cleanup_free_ char *name = lookup_name(registry, path);
        _cleanup_credentials_ Credentials c = {};
        const char *key, *helper;
        json_t *v;
        int r = name ? find_helper(f, registry, false, &helper, &key, error) : -ENOMEM;

        if (r >= 0 && helper)
                return ask(run, f->path, helper, key, ret, error);
        if (r >= 0)
                r = find_member(json_object_get(f->document, "auths"), name, &key, &v);
        if (r >= 0 && v)
                r = read_entry(f, key, v, &c, error);
        if (r == 0) {
                r = find_helper(f, registry, true, &helper, &key, error);
                return r < 0 || !helper ? r : ask(run, f->path, helper, key, ret, error);
        }
        if (r < 0)
                return r;
        r = str_replace(&c.source, f->path);
        if (r < 0)
                return r;
        *ret = TAKE(c, (Credentials){});
        return 1;
}

int auth_find(char *const *paths, const char *registry, const char *path, AuthHelper helper, Credentials *ret,
              Error *error)
{
        for (; paths && *paths; paths++) {
                _cleanup_auth_file_ AuthFile f = {.path = *paths};
                int r = read_file(*paths, &f, error);

                if (r > 0)
                        r = find_in_file(&f, registry, path, helper, ret, error);
                if (r != 0)
                        return r;
        }
        return 0;
}

int auth_find_passed(const json_t *passed, const char *registry, const char *path, Credentials *ret,
                     Error *error)
{
        static const JsonRow rows[] = {
                {"Username", JSON_ROW_STRING, offsetof(Credentials, username)},
                {"Password", JSON_ROW_STRING, offsetof(Credentials, password)},
                {"IdentityToken", JSON_ROW_STRING, offsetof(Credentials, identity_token)},
        };
        _cleanup_free_ char *name = lookup_name(registry, path), *what = NULL;
        _cleanup_credentials_ Credentials c = {};
        const char *key;
        json_t *v;
        int r = name ? find_member((json_t *) passed, name, &key, &v) : -ENOMEM;

        if (r < 0 || !v)
                return r;
        r = json_read(v, rows, ELEMENTSOF(rows), &c, NULL, &what);
        if (r == -EBADMSG)
                return error_set(error, ERROR_INVALID_ARGUMENT, "the credentials of \"%s\": %s", key,
                                 strempty(what));
        if (r >= 0)
                r = str_replace(&c.source, "the caller");
        if (r < 0)
                return r;
        *ret = TAKE(c, (Credentials){});
        return 1;
}

/* Places */

static int add_path(char ***paths, const char *directory, const char *name)
{
        return directory && *directory == '/' ? strv_consume(paths, str_printf("%s/%s", directory, name)) : 0;
}

int auth_paths_daemon(char ***ret)
{
        _cleanup_strv_ char **paths = NULL;
        int r = add_path(&paths, getenv("CREDENTIALS_DIRECTORY"), AUTH_CREDENTIAL);

        if (r >= 0)
                r = strv_append(&paths, AUTH_FILE_BERTH);
        if (r >= 0)
                r = strv_append(&paths, AUTH_FILE_ROOT);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(paths);
        return 0;
}

int auth_path_login(char **ret)
{
        const char *file = getenv("REGISTRY_AUTH_FILE"), *runtime = getenv("XDG_RUNTIME_DIR");

        if (!isempty(file))
                *ret = strdup(file);
        else if (runtime && *runtime == '/')
                *ret = str_printf("%s/containers/auth.json", runtime);
        else
                *ret = str_printf("/run/containers/%u/auth.json", (unsigned) getuid());
        return *ret ? 0 : -ENOMEM;
}

static int add_home_path(char ***paths, const char *variable, const char *name, const char *below_home)
{
        const char *directory = getenv(variable);

        return directory && *directory == '/' ? add_path(paths, directory, name)
                                              : add_path(paths, getenv("HOME"), below_home);
}

int auth_paths_user(char ***ret, Error *error)
{
        _cleanup_strv_ char **paths = NULL;
        const char *file = getenv("REGISTRY_AUTH_FILE");
        char *first = NULL;
        int r = auth_path_login(&first);

        if (r >= 0)
                r = strv_consume(&paths, first);
        if (r >= 0 && !isempty(file) && access(file, F_OK) < 0)
                return error_set_errno(error, errno, "REGISTRY_AUTH_FILE: %s", file);
        if (r >= 0 && isempty(file))
                r = add_home_path(&paths, "XDG_CONFIG_HOME", "containers/auth.json",
                                  ".config/containers/auth.json");
        if (r >= 0 && isempty(file))
                r = add_home_path(&paths, "DOCKER_CONFIG", "config.json", ".docker/config.json");
        if (r < 0)
                return r;
        *ret = TAKE_PTR(paths);
        return 0;
}

/* Writing */

static bool key_is_valid(const char *key)
{
        size_t n = strlen(key);

        return n > 0 && n <= KEY_LENGTH_MAX && *key != '/' && key[n - 1] != '/' &&
               !strpbrk(key, " \t\r\n@\"\\") && !strstr(key, "//") && !str_has_control(key);
}

static int open_for_writing(const char *file, const char *key, AuthFile *f, Error *error)
{
        if (key && !key_is_valid(key))
                return error_set(error, ERROR_INVALID_ARGUMENT,
                                 "\"%s\" is not host[:port] or host[:port]/path, without http://", key);
        return read_file(file, f, error);
}

/* The helper that keeps the credentials of key, NULL when it is the file. */
static int helper_of_key(const AuthFile *f, const char *key, AuthHelper run, const char **ret_name,
                         const char **ret_key, Error *error)
{
        _cleanup_free_ char *host = strndup(key, strcspn(key, "/"));
        const char *name = NULL, *ask_for = NULL;
        int r = host ? find_helper(f, host, false, &name, &ask_for, error) : -ENOMEM;

        if (r >= 0 && !name)
                r = find_helper(f, host, true, &name, &ask_for, error);
        if (r < 0)
                return r;
        *ret_name = name;
        if (!name)
                return 0;
        if (strchr(key, '/'))
                return error_set(
                        error, ERROR_NOT_SUPPORTED,
                        "%s: docker-credential-%s keeps the credentials of %s, and helpers know no paths",
                        f->path, name, host);
        *ret_key = streq(ask_for, host) ? key : ask_for;
        return check_helper(run, f->path, name, error);
}

static int store_in_helper(AuthHelper run, const char *name, const char *key, const Credentials *c,
                           Error *error)
{
        _cleanup_json_ json_t *v = json_pack("{s:s, s:s, s:s}", "ServerURL", key, "Username",
                                             c->identity_token ? "<token>" : strempty(c->username), "Secret",
                                             strempty(c->identity_token ?: c->password));
        char *text = v ? json_dumps(v, JSON_COMPACT) : NULL, *output = NULL;
        int r = text ? run(name, "store", text, &output, error) : -ENOMEM;

        secret_free(text);
        secret_free(output);
        return MIN(r, 0);
}

static int set_entry(const AuthFile *f, const char *key, const Credentials *c)
{
        json_t *auths = json_object_get(f->document, "auths"), *entry;
        char *plain = str_printf("%s:%s", strempty(c->username), strempty(c->password)),
             *auth = plain ? base64_encode(plain, strlen(plain)) : NULL;
        int r = auth ? 0 : -ENOMEM;

        secret_free(plain);
        if (r >= 0 && !json_is_object(auths)) {
                auths = json_object();
                r = auths && json_object_set_new(f->document, "auths", auths) >= 0 ? 0 : -ENOMEM;
        }
        entry = r >= 0 ? json_pack("{s:s}", "auth", auth) : NULL;
        if (entry && c->identity_token &&
            json_object_set_new(entry, "identitytoken", json_string(c->identity_token)) < 0)
                r = -ENOMEM;
        if (r >= 0 && (!entry || json_object_set(auths, key, entry) < 0))
                r = -ENOMEM;
        json_decref(entry);
        secret_free(auth);
        return r;
}

int auth_store(const char *file, const char *key, const Credentials *c, AuthHelper helper, Error *error)
{
        _cleanup_auth_file_ AuthFile f = {.path = file};
        const char *name = NULL, *helper_key = NULL;
        int r;

        if (strchr(strempty(c->username), ':'))
                return error_set(error, ERROR_INVALID_ARGUMENT, "a user name has no ':' in it");
        r = open_for_writing(file, key, &f, error);
        if (r == 0) {
                f.document = json_object();
                r = f.document ? 0 : -ENOMEM;
        }
        if (r >= 0)
                r = helper_of_key(&f, key, helper, &name, &helper_key, error);
        if (r < 0)
                return r;
        if (name)
                return store_in_helper(helper, name, helper_key, c, error);
        r = set_entry(&f, key, c);
        return r < 0 ? r : write_file(&f, error);
}

/* All spellings of the key. */
static int delete_entries(json_t *auths, const char *key)
{
        _cleanup_free_ char *name = NULL;
        const char *k;
        json_t *v;
        void *next;
        int found = 0, r = clean_key(key, &name);

        if (r < 0)
                return r;
        json_object_foreach_safe(auths, next, k, v)
        {
                _cleanup_free_ char *clean = NULL;

                r = clean_key(k, &clean);
                if (r < 0)
                        return r;
                if (streq(clean, name)) {
                        (void) json_object_del(auths, k);
                        found = 1;
                }
        }
        return found;
}

int auth_erase(const char *file, const char *key, AuthHelper helper, Error *error)
{
        _cleanup_auth_file_ AuthFile f = {.path = file};
        const char *name = NULL, *helper_key = NULL;
        int r = open_for_writing(file, key, &f, error);

        if (r <= 0)
                return r;
        r = helper_of_key(&f, key, helper, &name, &helper_key, error);
        if (r < 0)
                return r;
        if (name) {
                char *output = NULL;

                r = helper(name, "erase", helper_key, &output, error);
                secret_free(output);
                return r;
        }
        r = delete_entries(json_object_get(f.document, "auths"), key);
        if (r <= 0)
                return r;
        r = write_file(&f, error);
        return r < 0 ? r : 1;
}

int auth_erase_all(const char *file, Error *error)
{
        _cleanup_auth_file_ AuthFile f = {.path = file};
        int r = open_for_writing(file, NULL, &f, error);

        if (r <= 0)
                return r;
        if (json_object_set_new(f.document, "auths", json_object()) < 0)
                return -ENOMEM;
        return write_file(&f, error);
}
