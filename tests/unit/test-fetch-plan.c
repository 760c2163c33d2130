/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Where signatures lie, and what a plan refuses before it looks at anything of the machine. */

#include "base/str.h"
#include "spec/fetch-plan.h"
#include "spec/lookaside.h"
#include "test.h"

#define D "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static char *write_files(const char *a, const char *b)
{
        char *directory = str_printf("%s/registries.d", test_directory());
        _cleanup_close_ int dir = -EBADF;

        CHECK(directory);
        CHECK_OK(fs_mkdir_p(directory, 0755));
        dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CHECK(dir >= 0);
        CHECK_OK(fs_replace_at(dir, "a.yaml", a, strlen(a), 0644, FS_NO_SYNC));
        CHECK_OK(fs_replace_at(dir, "b.yaml", b, strlen(b), 0644, FS_NO_SYNC));
        CHECK_OK(fs_replace_at(dir, "c.yml", "x: [", 4, 0644, FS_NO_SYNC));
        return directory;
}

TEST(lookaside)
{
        static const char a[] =
                "default-docker:\n  sigstore: https://default.example/\n"
                "docker:\n  a.example:\n    lookaside: https://a.example/sig\n"
                "  a.example/ns:\n    lookaside: \"http://ns.example\"\n    use-sigstore-attachments: true\n"
                "  a.example/ns/repo:v1:\n    lookaside-staging: file:///x\n",
                          b[] = "# nothing but\ndocker:\n    '*.wild.example':\n        "
                                "use-sigstore-attachments: true\n";
        static const struct {
                const char *name, *url;
                bool attachments;
        } rows[] = {
                {"a.example/x", "https://a.example/sig/x"},
                {"a.example/ns/repo", "http://ns.example/ns/repo", true},
                {"a.example/ns/repo:v1", NULL},
                {"a.example/nsx", "https://a.example/sig/nsx"},
                {"b.example/y@" D, "https://default.example/y"},
                {"x.wild.example/y", NULL, true},
                {"a.example:5000/x", "https://default.example/x"},
        };
        _cleanup_free_ char *directory = write_files(a, b);

        FOREACH_ELEMENT(row, rows) {
                _cleanup_error_ Error error = ERROR_INIT;
                _cleanup_image_ref_ ImageRef ref = {};
                _cleanup_free_ char *url = NULL;
                bool attachments;

                CHECK_OK(image_ref_parse(row->name, &ref, NULL));
                CHECK_OK(lookaside_find(directory, &ref, &url, &attachments, &error));
                CHECK_STREQ(url, row->url);
                CHECK_EQ(attachments, row->attachments);
        }
}

TEST(no_lookaside)
{
        static const struct {
                const char *a, *b, *error;
        } rows[] = {
                {"docker: [", "", "a.yaml: line "},
                {"docker: x", "", "a.yaml: line 1: a mapping is wanted"},
                {"- docker", "", "a.yaml: line 1: a mapping is wanted"},
                {"docker:\n  a: {lookaside: [x]}", "", "a.yaml: line 2: lookaside is no text"},
                {"docker:\n  a: {use-sigstore-attachments: maybe}", "", "is true or false"},
                {"docker:\n  a: {}", "docker:\n  a: {}", "b.yaml: line 2: this is configured twice"},
                {"default-docker: {}", "default-docker: {}", "configured twice"},
                {"docker:\n  a: {}\n  a: {}", "", "configured twice"},
                {"docker:\n  ? [x]\n  : {}", "", "a key is no text"},
        };
        _cleanup_image_ref_ ImageRef ref = {};

        CHECK_OK(image_ref_parse("a.example/b", &ref, NULL));
        FOREACH_ELEMENT(row, rows) {
                _cleanup_free_ char *directory = write_files(row->a, row->b), *url = NULL;
                _cleanup_error_ Error error = ERROR_INIT;
                bool attachments;

                CHECK(lookaside_find(directory, &ref, &url, &attachments, &error) < 0);
                CHECK_EQ(error.kind, ERROR_INVALID_ARGUMENT);
                if (!strstr(error.message, row->error))
                        test_fail(__FILE__, __LINE__, row->error, error.message, NULL);
        }
}

TEST(plan_refuses_names)
{
        static const struct {
                FetchVerb verb;
                const char *reference;
        } rows[] = {
                {FETCH_PULL, "web"},
                {FETCH_PULL, ""},
                {FETCH_PUSH, "A b"},
                {FETCH_TAGS, "https://a.example/b"},
                {FETCH_CHECK, "https://a.example"},
                {FETCH_CHECK, ""},
                {FETCH_CATALOG, "/"},
                {FETCH_SEARCH, "web"},
        };

        FOREACH_ELEMENT(row, rows) {
                FetchPlanRequest request = {.verb = row->verb, .reference = row->reference, .tls_verify = -1};
                _cleanup_error_ Error error = ERROR_INIT;
                FetchOrder *o = NULL;

                CHECK_EQ(fetch_plan(&request, &o, &error), -EINVAL);
                CHECK(!o && error.message);
        }
}
