/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Files with registries and what names come to by them. */

#include "base/str.h"
#include "spec/certificates.h"
#include "spec/registries.h"
#include "test.h"

#define D "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void write_file(const char *name, const char *text)
{
        _cleanup_close_ int dir = test_directory_open();

        CHECK_OK(fs_replace_at(dir, name, text, strlen(text), 0644, FS_NO_SYNC));
}

static char *path_of(const char *name)
{
        char *path = str_printf("%s/%s", test_directory(), name);

        CHECK(path);
        return path;
}

/* What a file (and its drop-in, when there is one) says. The error is the caller's. */
static Registries *load(const char *text, const char *drop_in, Error *error)
{
        _cleanup_free_ char *path = path_of("registries.conf"), *dir = path_of("registries.conf.d");
        _cleanup_close_ int fd = -EBADF;
        Registries *r = NULL;

        CHECK_OK(fs_remove_tree_at(AT_FDCWD, dir));
        CHECK_OK(fs_mkdir_p(dir, 0755));
        write_file("registries.conf", text);
        if (drop_in) {
                fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                CHECK(fd >= 0);
                CHECK_OK(fs_replace_at(fd, "50-x.conf", drop_in, strlen(drop_in), 0644, FS_NO_SYNC));
                CHECK_OK(fs_replace_at(fd, "60-x.other", "no TOML", 7, 0644, FS_NO_SYNC));
        }
        (void) registries_load(path, &r, error);
        return r;
}

/* "host/path", "!" before insecure ones, "~" before mirrors. */
static char *endpoints_text(const Registries *r, const char *name, FetchVerb verb, Error *error)
{
        _cleanup_fetch_order_ FetchOrder *o = calloc(1, sizeof(FetchOrder));
        _cleanup_strv_ char **list = NULL;
        _cleanup_image_ref_ ImageRef ref = {};

        CHECK(o);
        CHECK_OK(image_ref_parse(name, &ref, NULL));
        if (registries_endpoints(r, &ref, verb, o, error) < 0)
                return str_printf("%s", error_bus_name(error->kind));
        for (size_t i = 0; i < o->n_endpoints; i++) {
                const FetchEndpoint *e = &o->endpoints[i];

                CHECK_OK(strv_consume(&list, str_printf("%s%s%s/%s", e->mirror ? "~" : "",
                                                        e->insecure ? "!" : "", e->host, e->path)));
        }
        return strv_join(list, " ");
}

TEST(endpoints)
{
        static const char text[] =
                "[[registry]]\nlocation = 'plain.example'\n"
                "[[registry]]\nprefix = 'plain.example/sub'\nlocation = 'other.example/x/'\n"
                "[[registry]]\nlocation = 'mirrored.example'\n"
                "[[registry.mirror]]\nlocation = 'm1.example:5000/proxy'\n"
                "[[registry.mirror]]\nlocation = 'm2.example'\ninsecure = true\n"
                "pull-from-mirror = 'digest-only'\n"
                "[[registry.mirror]]\nlocation = 'm3.example'\npull-from-mirror = 'tag-only'\n"
                "[[registry]]\nlocation = 'digest.example'\nmirror-by-digest-only = true\n"
                "[[registry.mirror]]\nlocation = 'm4.example'\n"
                "[[registry]]\nlocation = 'bad.example'\nblocked = true\n"
                "[[registry]]\nprefix = 'bad.example/good'\nlocation = 'good.example'\n"
                "[[registry]]\nprefix = '*.wild.example'\ninsecure = true\n"
                "[[registry]]\nprefix = '*.moved.example'\nlocation = 'here.example/all'\n"
                "[[registry]]\nprefix = 'x.moved.example'\nlocation = 'x.example'\n"
                "[[registry]]\nprefix = 'docker.io/library'\nlocation = 'hub.example/lib'\n"
                "[[registry]]\nprefix = 'one.example/a:v1'\nlocation = 'two.example/b:v1'\n"
                "[[registry]]\nprefix = 'retag.example/a:v1'\nlocation = 'two.example/b:v2'\n";
        static const struct {
                const char *name, *pull, *push;
        } rows[] = {
                {"unknown.example/a", "unknown.example/a", "unknown.example/a"},
                {"plain.example/a:v1", "plain.example/a", "plain.example/a"},
                {"plain.example/sub/a", "other.example/x/a", "plain.example/sub/a"},
                {"plain.example/sub", "other.example/x", "plain.example/sub"},
                {"plain.example/subway", "plain.example/subway", NULL},
                {"plain.example.evil/sub", "plain.example.evil/sub", NULL},
                {"mirrored.example/a", "~m1.example:5000/proxy/a ~m3.example/a mirrored.example/a",
                 "mirrored.example/a"},
                {"mirrored.example/a@" D, "~m1.example:5000/proxy/a ~!m2.example/a mirrored.example/a", NULL},
                {"mirrored.example/a:v1@" D, "~m1.example:5000/proxy/a ~!m2.example/a mirrored.example/a",
                 NULL},
                {"digest.example/a", "digest.example/a", NULL},
                {"digest.example/a@" D, "~m4.example/a digest.example/a", NULL},
                {"bad.example/a", "io.berth1.Error.Rejected", "io.berth1.Error.Rejected"},
                {"bad.example:5000/a", "io.berth1.Error.Rejected", NULL},
                {"bad.example/good/a", "good.example/a", "bad.example/good/a"},
                {"bad.example/goods/a", "io.berth1.Error.Rejected", NULL},
                {"a.wild.example/b", "!a.wild.example/b", "!a.wild.example/b"},
                {"a.b.wild.example:5000/b", "!a.b.wild.example:5000/b", NULL},
                {"wild.example/b", "wild.example/b", NULL},
                {"a.wild.example.evil/b", "a.wild.example.evil/b", NULL},
                {"awild.example/b", "awild.example/b", NULL},
                {"evil.example/a.wild.example/b", "evil.example/a.wild.example/b", NULL},
                {"y.moved.example/b", "here.example/all/b", "y.moved.example/b"},
                {"x.moved.example/b", "x.example/b", NULL},
                {"docker.io/nginx", "hub.example/lib/nginx", "docker.io/library/nginx"},
                {"docker.io/user/app", "docker.io/user/app", NULL},
                {"one.example/a:v1", "two.example/b", NULL},
                {"one.example/a:v12", "one.example/a", NULL},
                {"retag.example/a:v1", "io.berth1.Error.NotSupported", "retag.example/a"},
        };
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_registries_ Registries *r = load(text, NULL, &error);

        CHECK_STREQ(error.message, NULL);
        FOREACH_ELEMENT(row, rows) {
                _cleanup_error_ Error e1 = ERROR_INIT, e2 = ERROR_INIT;
                _cleanup_free_ char *pull = endpoints_text(r, row->name, FETCH_PULL, &e1),
                                    *push = endpoints_text(r, row->name, FETCH_PUSH, &e2);

                CHECK_STREQ(pull, row->pull);
                if (row->push)
                        CHECK_STREQ(push, row->push);
        }
}

TEST(short_names)
{
        static const char aliases[] =
                "[aliases]\nweb = 'reg.example/team/web'\n'a/b' = 'docker.io/b'\ngone = ''\n";
        static const struct {
                const char *search, *mode, *name;
                bool terminal;
                const char *names; /* or the error */
                bool choose;
        } rows[] = {
                {"[]", "", "q.example/x", false, "q.example/x:latest", false},
                {"[]", "", "localhost/x:1", false, "localhost/x:1", false},
                {"[]", "", "web:v2", false, "reg.example/team/web:v2", false},
                {"['s.example']", "", "web", false, "reg.example/team/web:latest", false},
                {"[]", "", "a/b@" D, false, "docker.io/library/b@" D, false},
                {"[]", "", "x", false, "io.berth1.Error.InvalidArgument", false},
                {"[]", "", "X y", false, "io.berth1.Error.InvalidArgument", false},
                {"[]", "", "gone", false, "io.berth1.Error.InvalidArgument", false},
                {"['docker.io']", "enforcing", "x", false, "docker.io/library/x:latest", false},
                {"['docker.io']", "enforcing", "x", true, "docker.io/library/x:latest", false},
                {"['docker.io', 'q.example:5000']", "enforcing", "x", false, "io.berth1.Error.Ambiguous",
                 false},
                {"['docker.io', 'q.example:5000']", "enforcing", "x", true,
                 "docker.io/library/x:latest q.example:5000/x:latest", true},
                {"['docker.io', 'q.example']", "permissive", "x:1", false,
                 "docker.io/library/x:1 q.example/x:1", false},
                {"['docker.io', 'q.example']", "", "x:1", true, "docker.io/library/x:1 q.example/x:1", true},
                {"['docker.io', 'q.example']", "disabled", "x", true,
                 "docker.io/library/x:latest q.example/x:latest", false},
        };

        FOREACH_ELEMENT(row, rows) {
                _cleanup_error_ Error error = ERROR_INIT;
                _cleanup_free_ char *text = str_printf(
                                            "unqualified-search-registries = %s\nshort-name-mode = '%s'\n%s",
                                            row->search, row->mode, aliases),
                                    *names = NULL;
                _cleanup_registries_ Registries *r = load(text, NULL, &error);
                _cleanup_strv_ char **list = NULL;
                bool choose = true;

                CHECK_STREQ(error.message, NULL);
                if (registries_resolve(r, row->name, &list, row->terminal ? &choose : NULL, &error) < 0)
                        names = strdup(error_bus_name(error.kind));
                else
                        names = strv_join(list, " ");
                CHECK_STREQ(names, row->names);
                if (row->terminal)
                        CHECK_EQ(choose, row->choose);
        }
}

TEST(drop_ins)
{
        static const char text[] =
                "unqualified-search-registries = ['a.example']\nshort-name-mode = 'enforcing'\n"
                "[[registry]]\nlocation = 'x.example'\ninsecure = true\n"
                "[[registry]]\nlocation = 'y.example'\n[aliases]\none = 'a.example/one'\n"
                "two = 'a.example/two'\n",
                          drop_in[] =
                                  "unqualified-search-registries = ['b.example', 'c.example']\n"
                                  "[[registry]]\nprefix = 'x.example'\nlocation = 'z.example'\n"
                                  "[aliases]\none = ''\ntwo = 'b.example/two'\nthree = 'b.example/three'\n";
        _cleanup_error_ Error error = ERROR_INIT, none = ERROR_INIT;
        _cleanup_registries_ Registries *r = load(text, drop_in, &error), *missing = NULL, *emptied = NULL;
        _cleanup_free_ char *x = NULL, *search = NULL, *names = NULL;
        _cleanup_strv_ char **two = NULL, **three = NULL;

        CHECK_STREQ(error.message, NULL);
        x = endpoints_text(r, "x.example/a", FETCH_PULL, &error);
        CHECK_STREQ(x, "z.example/a");
        search = strv_join(registries_search(r), " ");
        CHECK_STREQ(search, "b.example c.example");
        CHECK_EQ(registries_short_name_mode(r), SHORT_NAME_ENFORCING);
        CHECK_OK(registries_resolve(r, "two", &two, NULL, &error));
        CHECK_OK(registries_resolve(r, "three:3", &three, NULL, &error));
        CHECK_OK(strv_extend(&two, three));
        names = strv_join(two, " ");
        CHECK_STREQ(names, "b.example/two:latest b.example/three:3");
        CHECK(registries_resolve(r, "one", &three, NULL, &error) < 0);
        CHECK_EQ(error.kind, ERROR_AMBIGUOUS);

        emptied = load(text, "unqualified-search-registries = []\n", &none);
        CHECK(emptied && strv_length((char **) registries_search(emptied)) == 0);
        CHECK(registries_load("/nonexistent/registries.conf", &missing, &none) == -ENOENT && !missing);
}

TEST(mistakes)
{
        static const struct {
                const char *text, *error;
        } rows[] = {
                {"x = ", "line 1: a value is wanted"},
                {"[registries.search]\nregistries = ['a']", "version 1"},
                {"unqualified-search-registries = 'a'",
                 "unqualified-search-registries is not an array of strings"},
                {"unqualified-search-registries = ['a.b/c']", "is not a host name"},
                {"unqualified-search-registries = ['https://a.b']", "without http"},
                {"short-name-mode = 'asking'", "short-name-mode is"},
                {"registry = 1", "write [[registry]]"},
                {"[registry]\nlocation = 'a.b'", "write [[registry]]"},
                {"[[registry]]", "without prefix and location"},
                {"[[registry]]\nlocation = 'https://a.b'", "without http"},
                {"[[registry]]\nlocation = '/'", "empty"},
                {"[[registry]]\nprefix = 'a.b'", "has no location"},
                {"[[registry]]\nprefix = 'a.*.b'\nlocation = 'c.d'", "*.example.com"},
                {"[[registry]]\nprefix = '*.b/c'\nlocation = 'c.d'", "*.example.com"},
                {"[[registry]]\nlocation = 'a.b'\nblocked = 'false'", "blocked is not true or false"},
                {"[[registry]]\nlocation = 'a.b'\n[[registry.mirror]]\ninsecure = true",
                 "location is missing"},
                {"[[registry]]\nlocation = 'a.b'\n[[registry.mirror]]\nlocation = 'c'\npull-from-mirror = "
                 "'x'",
                 "pull-from-mirror"},
                {"[[registry]]\nlocation = 'a.b'\nmirror-by-digest-only = "
                 "true\n[[registry.mirror]]\nlocation = 'c'\n"
                 "pull-from-mirror = 'all'",
                 "beside mirror-by-digest-only"},
                {"[[registry]]\nlocation = 'a.b'\n[[registry]]\nprefix = 'x.y'\nlocation = 'a.b'\nblocked = "
                 "true",
                 "contradict"},
                {"[aliases]\n'a.b/c' = 'd.e/f'", "a short name is wanted"},
                {"[aliases]\n'a:1' = 'd.e/f'", "a short name is wanted"},
                {"[aliases]\na = 'b'", "a name with a registry"},
                {"[aliases]\na = 'b.c/d:1'", "a name with a registry"},
                {"[aliases]\na = 1", "aliases is not an object of strings"},
        };

        FOREACH_ELEMENT(row, rows) {
                _cleanup_error_ Error error = ERROR_INIT;
                _cleanup_registries_ Registries *r = load(row->text, NULL, &error);

                CHECK(!r);
                CHECK_EQ(error.kind, ERROR_INVALID_ARGUMENT);
                if (!strstr(error.message, row->error) || !strstr(error.message, "/registries.conf: "))
                        test_fail(__FILE__, __LINE__, row->error, error.message, NULL);
        }
}

static void put(const char *directory, const char *name, const char *text)
{
        _cleanup_close_ int dir = -EBADF;

        CHECK_OK(fs_mkdir_p(directory, 0755));
        dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CHECK(dir >= 0);
        CHECK_OK(fs_replace_at(dir, name, text, strlen(text), 0600, FS_NO_SYNC));
}

TEST(certificates)
{
        _cleanup_free_ char *first = path_of("certs1"), *second = path_of("certs2"),
                            *host = path_of("certs2/h.example:5000"), *half = path_of("certs1/half.example"),
                            *joined = NULL;
        char *dirs[] = {first, second, NULL};
        _cleanup_fetch_order_ FetchOrder *o = calloc(1, sizeof(FetchOrder));
        _cleanup_error_ Error error = ERROR_INIT;

        CHECK(o);
        o->endpoints = calloc(3, sizeof(FetchEndpoint));
        CHECK(o->endpoints);
        o->n_endpoints = 3;
        CHECK_OK(str_replace(&o->endpoints[0].host, "h.example:5000"));
        CHECK_OK(str_replace(&o->endpoints[1].host, "half.example"));
        CHECK_OK(str_replace(&o->endpoints[2].host, "h.example"));
        put(host, "b.crt", "B");
        put(host, "a.crt", "A");
        put(host, "me.cert", "C");
        put(host, "me.key", "K");
        put(host, "readme", "x");
        put(half, "me.cert", "C");

        CHECK_OK(certificates_find(dirs, &o->endpoints[0], &error));
        joined = strv_join(o->endpoints[0].ca, " ");
        CHECK_STREQ(joined, "A B");
        CHECK_STREQ(o->endpoints[0].client_certificate, "C");
        CHECK_STREQ(o->endpoints[0].client_key, "K");
        CHECK_OK(certificates_find(dirs, &o->endpoints[2], &error));
        CHECK(!o->endpoints[2].ca && !o->endpoints[2].client_key);
        CHECK_EQ(certificates_load(first, &o->endpoints[2], &error), 0);
        CHECK_EQ(certificates_find(dirs, &o->endpoints[1], &error), -EINVAL);
        CHECK(error.message && strstr(error.message, "there is no me.key beside it"));
        CHECK_EQ(certificates_load("/nonexistent", &o->endpoints[1], NULL), -ENOENT);
}
