/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which credentials a name gets, and which it does not. */

#include <sys/stat.h>

#include "base/str.h"
#include "spec/auth-file.h"
#include "test.h"

static char *path_of(const char *name)
{
        char *path = str_printf("%s/%s", test_directory(), name);

        CHECK(path);
        return path;
}

static void write_file(const char *name, const char *text)
{
        _cleanup_close_ int dir = test_directory_open();

        CHECK_OK(fs_replace_at(dir, name, text, strlen(text), 0600, FS_NO_SYNC));
}

static char *read_file(const char *name)
{
        _cleanup_close_ int dir = test_directory_open();
        char *text;

        CHECK_OK(fs_read_at(dir, name, AUTH_FILE_SIZE_MAX, &text, NULL));
        return text;
}

/* What stands for the programs: "works" has credentials of one host, "broken" fails. */
static char *asked;

static int helper(const char *name, const char *verb, const char *input, char **ret_output, Error *error)
{
        char *text = str_printf("%s %s %s", name, verb, input);

        free(asked);
        asked = text;
        if (streq(name, "broken"))
                return error_set(error, ERROR_FAILED, "it is broken");
        if (streq(name, "empty"))
                return 0;
        *ret_output = strdup(streq(name, "odd")     ? "{}"
                             : streq(name, "token") ? "{\"Username\": \"<token>\", \"Secret\": \"tok\"}"
                                                    : "{\"Username\": \"helped\", \"Secret\": \"s3\"}");
        return 1;
}

static char *found_text(int r, const Credentials *c, const Error *error)
{
        if (r == 0)
                return strdup("-");
        if (r < 0)
                return strdup(error_bus_name(error->kind));
        return c->identity_token ? str_printf("token %s", c->identity_token)
                                 : str_printf("%s %s", c->username, c->password);
}

static char *find(char *const *paths, const char *registry, const char *path, AuthHelper run)
{
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_credentials_ Credentials c = {};
        int r = auth_find(paths, registry, path, run, &c, &error);

        CHECK(r >= 0 || error.kind != ERROR_NONE);
        return found_text(r, &c, &error);
}

/* "user:password" of the letter: "a:1" */
#define A "\"auth\": \"YTox\""
#define B "\"auth\": \"Yjoy\""
#define C "\"auth\": \"Yzoz\""

TEST(longest_match)
{
        static const char text[] =
                "{\"auths\": {\"a.example\": {" A "}, \"a.example/ns\": {" B "},"
                "\"a.example/ns/repo\": {" C "}, \"a.example:5000\": {" C "},"
                "\"https://index.docker.io/v1/\": {" A "}, \"docker.io/user\": {" B "},"
                "\"http://old.example/v1/x\": {" A "}, \"token.example\": {\"identitytoken\": \"t\"},"
                "\"both.example\": {" A ", \"identitytoken\": \"t\"}, \"marker.example\": {},"
                "\"exact.example\": {" B "}, \"https://exact.example\": {" A "}}}";
        static const struct {
                const char *registry, *path, *found;
        } rows[] = {
                {"a.example", NULL, "a 1"},
                {"a.example", "x", "a 1"},
                {"a.example", "ns", "b 2"},
                {"a.example", "ns/x/y", "b 2"},
                {"a.example", "ns/repo", "c 3"},
                {"a.example", "ns/repository", "b 2"},
                {"a.example", "nsx", "a 1"},
                {"a.example:5000", "ns", "c 3"},
                {"a.example:443", "ns", "-"},
                {"a.example.evil", "ns", "-"},
                {"xa.example", NULL, "-"},
                {"example", NULL, "-"},
                {"docker.io", "library/x", "a 1"},
                {"docker.io", "user/x", "b 2"},
                {"index.docker.io", "library/x", "a 1"},
                {"old.example", "any", "a 1"},
                {"token.example", "x", "token t"},
                {"both.example", "x", "token t"},
                {"marker.example", "x", "-"},
                {"exact.example", NULL, "b 2"},
        };
        _cleanup_free_ char *path = path_of("auth.json");
        char *paths[] = {(char *) "/nonexistent/auth.json", path, NULL};

        write_file("auth.json", text);
        FOREACH_ELEMENT(row, rows) {
                _cleanup_free_ char *found = find(paths, row->registry, row->path, NULL);

                if (!streq(found, row->found))
                        test_fail(__FILE__, __LINE__, row->path ?: row->registry, found, row->found);
        }
}

TEST(order_of_files)
{
        _cleanup_free_ char *one = path_of("one"), *two = path_of("two"), *a = NULL, *b = NULL,
                            *broken = NULL;
        char *paths[] = {one, two, NULL};

        write_file("one", "{\"auths\": {\"a.example\": {" A "}}}");
        write_file("two", "{\"auths\": {\"a.example/ns\": {" B "}, \"b.example\": {" C "}}}");
        a = find(paths, "a.example", "ns", NULL);
        CHECK_STREQ(a, "a 1");
        b = find(paths, "b.example", "ns", NULL);
        CHECK_STREQ(b, "c 3");
        write_file("one", "{\"auths\": ");
        broken = find(paths, "b.example", "ns", NULL);
        CHECK_STREQ(broken, "io.berth1.Error.InvalidArgument");
}

TEST(broken_files_say_nothing_of_secrets)
{
        static const char *const texts[] = {
                "{\"auths\": {\"a.example\": {\"auth\": \"SECRET",
                "{\"auths\": {\"a.example\": {\"auth\": \"SECRET!!\"}}}",
                "{\"auths\": {\"a.example\": {\"auth\": \"U0VDUkVU\"}}}",
                "{\"auths\": {\"a.example\": {\"auth\": \"AFNFQ1JFVDpTRUNSRVQ=\"}}}",
                "{\"auths\": {\"a.example\": \"SECRET\"}}",
                "{\"auths\": {\"a.example\": {\"auth\": [\"SECRET\"]}}}",
                "{\"auths\": {\"a.example\": {\"identitytoken\": 5, \"auth\": \"SECRET\"}}}",
                "{\"auths\": {\"a.example\": {}, \"a.example\": {\"auth\": \"SECRET\"}}}",
                "{\"auths\": [\"SECRET\"]}",
                "[\"SECRET\"]",
                "\"SECRET\"",
                "SECRET",
                "{\"credHelpers\": {\"a.example\": 7}}",
                "{\"credHelpers\": {\"a.example\": \"../SECRET/x\"}}",
                "{} SECRET",
        };
        _cleanup_free_ char *path = path_of("broken.json");
        char *paths[] = {path, NULL};

        FOREACH_ELEMENT(text, texts) {
                _cleanup_error_ Error error = ERROR_INIT;
                _cleanup_credentials_ Credentials c = {};

                write_file("broken.json", *text);
                if (auth_find(paths, "a.example", "x", helper, &c, &error) != -EINVAL)
                        test_fail(__FILE__, __LINE__, *text, NULL, NULL);
                CHECK(startswith(error.message, path));
                CHECK(!strstr(error.message, "SECRET") || strstr(*text, "../SECRET"));
                CHECK(!c.username && !c.password && !c.source);
        }
}

TEST(helpers)
{
        static const char text[] =
                "{\"auths\": {\"plain.example\": {" A "}, \"marked.example\": {},"
                "\"helped.example\": {" B "}},"
                "\"credHelpers\": {\"helped.example\": \"works\", \"broken.example\": \"broken\","
                "\"empty.example\": \"empty\", \"odd.example\": \"odd\", \"docker.io\": \"works\"},"
                "\"credsStore\": \"token\"}";
        static const struct {
                const char *registry, *asked, *found;
        } rows[] = {
                {"helped.example", "works get helped.example", "helped s3"},
                {"plain.example", NULL, "a 1"},
                {"marked.example", "token get marked.example", "token tok"},
                {"other.example", "token get other.example", "token tok"},
                {"broken.example", "broken get broken.example", "io.berth1.Error.Failed"},
                {"empty.example", "empty get empty.example", "-"},
                {"odd.example", "odd get odd.example", "io.berth1.Error.Failed"},
                {"docker.io", "works get docker.io", "helped s3"},
        };
        _cleanup_free_ char *path = path_of("config.json"), *alone = NULL, *passed = NULL;
        char *paths[] = {path, NULL};

        write_file("config.json", text);
        FOREACH_ELEMENT(row, rows) {
                _cleanup_free_ char *found = NULL;

                free(TAKE_PTR(asked));
                found = find(paths, row->registry, "x", helper);
                CHECK_STREQ(found, row->found);
                CHECK_STREQ(asked, row->asked);
        }
        free(TAKE_PTR(asked));
        alone = find(paths, "helped.example", "x", NULL);
        CHECK_STREQ(alone, "io.berth1.Error.NotSupported");
        passed = find(paths, "plain.example", "x", NULL);
        CHECK_STREQ(passed, "a 1");
}

TEST(passed)
{
        static const char text[] =
                "{\"a.example\": {\"Username\": \"u\", \"Password\": \"p\"},"
                "\"a.example/ns\": {\"IdentityToken\": \"t\"}, \"bad.example\": {\"Username\": 1}}";
        static const struct {
                const char *registry, *path, *found;
        } rows[] = {
                {"a.example", "x", "u p"},
                {"a.example", "ns/x", "token t"},
                {"a.example:5000", "x", "-"},
                {"bad.example", NULL, "io.berth1.Error.InvalidArgument"},
        };
        _cleanup_json_ json_t *v = NULL;

        CHECK_OK(json_parse(text, strlen(text), &v, NULL));
        FOREACH_ELEMENT(row, rows) {
                _cleanup_error_ Error error = ERROR_INIT;
                _cleanup_credentials_ Credentials c = {};
                int r = auth_find_passed(v, row->registry, row->path, &c, &error);
                _cleanup_free_ char *found = found_text(r, &c, &error);

                CHECK_STREQ(found, row->found);
        }
}

TEST(store_and_erase)
{
        static const char before[] =
                "{\"auths\": {\"a.example\": {\"auth\": \"old\", \"email\": \"x\"}, \"b.example\": {" B
                "}}, \"HttpHeaders\": {\"X\": \"1\"}}";
        _cleanup_free_ char *path = path_of("deep/er/auth.json"), *kept = path_of("kept.json"), *text = NULL,
                            *after = NULL, *found = NULL, *gone = NULL;
        Credentials c = {.username = (char *) "me", .password = (char *) "p:w"};
        _cleanup_error_ Error error = ERROR_INIT;
        char *paths[] = {path, NULL}, *kept_paths[] = {kept, NULL};
        struct stat st;

        CHECK_OK(auth_store(path, "a.example/ns", &c, NULL, &error));
        CHECK(stat(path, &st) == 0 && (st.st_mode & 07777) == 0600);
        found = find(paths, "a.example", "ns/x", NULL);
        CHECK_STREQ(found, "me p:w");
        CHECK_EQ(auth_erase(path, "a.example", NULL, &error), 0);
        CHECK_EQ(auth_erase(path, "a.example/ns", NULL, &error), 1);
        gone = find(paths, "a.example", "ns/x", NULL);
        CHECK_STREQ(gone, "-");

        write_file("kept.json", before);
        CHECK_OK(auth_store(kept, "a.example", &c, NULL, &error));
        text = read_file("kept.json");
        CHECK(strstr(text, "HttpHeaders") && strstr(text, "b.example") && !strstr(text, "old"));
        CHECK_OK(auth_erase_all(kept, &error));
        after = read_file("kept.json");
        CHECK(strstr(after, "HttpHeaders") && !strstr(after, "example"));
        free(TAKE_PTR(found));
        found = find(kept_paths, "b.example", NULL, NULL);
        CHECK_STREQ(found, "-");
}

TEST(store_refuses)
{
        static const char *const keys[] = {
                "", "https://a.example", "a.example/", "/a", "a//b", "a b", "a@b", "a\nb"};
        _cleanup_free_ char *path = path_of("refused.json"), *helped = path_of("helped.json"), *kept = NULL;
        Credentials c = {.username = (char *) "me", .password = (char *) "p"},
                    colon = {.username = (char *) "m:e", .password = (char *) "p"};
        _cleanup_error_ Error error = ERROR_INIT;

        FOREACH_ELEMENT(key, keys)
                CHECK_EQ(auth_store(path, *key, &c, NULL, &error), -EINVAL);
        CHECK_EQ(auth_store(path, "a.example", &colon, NULL, &error), -EINVAL);
        CHECK_EQ(access(path, F_OK), -1);

        write_file("helped.json", "{\"credHelpers\": {\"a.example\": \"works\", \"b.example\": \"broken\"}}");
        CHECK_EQ(auth_store(helped, "a.example/ns", &c, helper, NULL), -EOPNOTSUPP);
        CHECK_EQ(auth_store(helped, "a.example", &c, NULL, NULL), -EOPNOTSUPP);
        CHECK_EQ(auth_store(helped, "b.example", &c, helper, NULL), -EIO);
        CHECK_OK(auth_store(helped, "a.example", &c, helper, NULL));
        CHECK_STREQ(asked, "works store {\"ServerURL\":\"a.example\",\"Username\":\"me\",\"Secret\":\"p\"}");
        CHECK_EQ(auth_erase(helped, "a.example", helper, NULL), 1);
        CHECK_STREQ(asked, "works erase a.example");
        kept = read_file("helped.json");
        CHECK(!strstr(kept, "\"me\""));
        free(TAKE_PTR(asked));
}

TEST(places)
{
        _cleanup_strv_ char **daemon = NULL, **user = NULL, **one = NULL;
        _cleanup_free_ char *text = NULL, *there = path_of("there.json");
        _cleanup_error_ Error error = ERROR_INIT;

        CHECK_EQ(setenv("CREDENTIALS_DIRECTORY", "/run/credentials/berthd.service", 1), 0);
        CHECK_OK(auth_paths_daemon(&daemon));
        text = strv_join(daemon, " ");
        CHECK_STREQ(text, "/run/credentials/berthd.service/berth.auth /etc/berth/auth.json "
                          "/run/containers/0/auth.json");
        CHECK_EQ(setenv("HOME", "/home/me", 1), 0);
        CHECK_EQ(setenv("XDG_RUNTIME_DIR", "/run/user/7", 1), 0);
        CHECK_EQ(unsetenv("XDG_CONFIG_HOME") | unsetenv("DOCKER_CONFIG") | unsetenv("REGISTRY_AUTH_FILE"), 0);
        CHECK_OK(auth_paths_user(&user, &error));
        free(TAKE_PTR(text));
        text = strv_join(user, " ");
        CHECK_STREQ(text, "/run/user/7/containers/auth.json /home/me/.config/containers/auth.json "
                          "/home/me/.docker/config.json");
        CHECK_EQ(setenv("REGISTRY_AUTH_FILE", there, 1), 0);
        CHECK_EQ(auth_paths_user(&one, &error), -ENOENT);
        write_file("there.json", "");
        CHECK_OK(auth_paths_user(&one, &error));
        CHECK_EQ(strv_length(one), 1);
}
