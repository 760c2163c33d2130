/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The grammar of names, and what podman makes of short ones. */

#include "base/str.h"
#include "spec/image-ref.h"
#include "test.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define NAME_50 "a2345678901234567890123456789012345678901234567890"

TEST(accepted)
{
        static const struct {
                const char *text, *canonical;
        } rows[] = {
                {"web", "localhost/web:latest"},
                {"web:v1", "localhost/web:v1"},
                {"a/b", "localhost/a/b:latest"},
                {"a/b/c:1.2_3-x", "localhost/a/b/c:1.2_3-x"},
                {"localhost/web", "localhost/web:latest"},
                {"localhost:5000/web", "localhost:5000/web:latest"},
                {"docker.io/nginx", "docker.io/library/nginx:latest"},
                {"docker.io/library/nginx:1", "docker.io/library/nginx:1"},
                {"docker.io/user/app", "docker.io/user/app:latest"},
                {"index.docker.io/nginx", "docker.io/library/nginx:latest"},
                {"quay.io/a/b:c", "quay.io/a/b:c"},
                {"Registry.Example:5000/a", "Registry.Example:5000/a:latest"},
                {"a.b/c", "a.b/c:latest"},
                {"web@sha256:" HEX64, "localhost/web@sha256:" HEX64},
                {"web:v1@sha256:" HEX64, "localhost/web:v1@sha256:" HEX64},
                {"a__b-c.d_e---f", "localhost/a__b-c.d_e---f:latest"},
                {"x:_", "localhost/x:_"},
                {"x:V", "localhost/x:V"},
                {"0", "localhost/0:latest"},
        };

        FOREACH_ELEMENT(row, rows) {
                _cleanup_free_ char *text = NULL, *again = NULL;
                const char *error = NULL;

                CHECK_OK(image_ref_normalize(row->text, &text, &error));
                CHECK_STREQ(text, row->canonical);
                CHECK_OK(image_ref_normalize(text, &again, NULL));
                CHECK_STREQ(again, text);
        }
}

TEST(refused)
{
        static const char *const rows[] = {
                "",
                "/",
                "/a",
                "a/",
                "a//b",
                "A",
                "a/B",
                ":",
                "a:",
                ":a",
                "a:-b",
                "a:.b",
                "a: b",
                "a b",
                "a\n",
                "a:b\n",
                "a:b:c",
                "-a",
                "a-",
                "_a",
                "a.",
                ".a",
                "a..b",
                "a___b",
                "a._b",
                "a@",
                "a@sha256",
                "a@sha256:",
                "@sha256:" HEX64,
                "a@sha256:" HEX64 "0",
                "a@sha512:" HEX64,
                "a@sha256:" HEX64 "@sha256:" HEX64,
                "a@sha256:0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef",
                HEX64,
                "../a",
                "a/../b",
                "a/./b",
                "example.org/",
                "example.org:/a",
                "example.org:0/a",
                "example.org:65536/a",
                "example.org:080/a",
                "a.b:x/c",
                "-a.b/c",
                "a-.b/c",
                "a..b/c",
                ".b/c",
                "a_b.c/d",
                "localhost:/a",
                "http://a/b",
                "a\xc3\xa4",
                "a?b",
                "a#b",
                "a\\b",
                "a:" NAME_50 NAME_50 "012345678901234567890123456789",
                NAME_50 NAME_50 NAME_50 NAME_50 NAME_50 NAME_50,
        };

        FOREACH_ELEMENT(row, rows) {
                _cleanup_image_ref_ ImageRef ref = {};
                const char *error = NULL;

                if (image_ref_parse(*row, &ref, &error) != -EINVAL)
                        test_fail(__FILE__, __LINE__, "refused", *row, NULL);
                CHECK(!isempty(error));
                CHECK(!ref.path);
        }
}

TEST(parts)
{
        _cleanup_image_ref_ ImageRef ref = {};

        CHECK_OK(image_ref_parse("r.example:1/a/b:t@sha256:" HEX64, &ref, NULL));
        CHECK_STREQ(ref.registry, "r.example:1");
        CHECK_STREQ(ref.path, "a/b");
        CHECK_STREQ(ref.tag, "t");
        CHECK_STREQ(ref.digest, "sha256:" HEX64);
}

TEST(short_name_has_no_registry)
{
        _cleanup_image_ref_ ImageRef ref = {};

        CHECK_OK(image_ref_parse("a/b", &ref, NULL));
        CHECK(!ref.registry);
        CHECK(!ref.tag);
        CHECK(!ref.digest);
}

/* What is too long only with the registry that was left out is too long. */
TEST(longest)
{
        char name[IMAGE_REF_LENGTH_MAX + 2] = {};
        _cleanup_free_ char *text = NULL, *again = NULL;

        memset(name, 'a', 255 - strlen("localhost/"));
        CHECK_OK(image_ref_normalize(name, &text, NULL));
        CHECK_OK(image_ref_normalize(text, &again, NULL));
        name[strlen(name)] = 'a';
        CHECK_EQ(image_ref_parse(name, &(ImageRef){}, NULL), -EINVAL);
        memset(name, 'a', sizeof(name) - 1);
        CHECK_EQ(image_ref_parse(name, &(ImageRef){}, NULL), -EINVAL);
}

TEST(digest)
{
        CHECK(digest_is_valid("sha256:" HEX64));
        CHECK(!digest_is_valid(NULL));
        CHECK(!digest_is_valid(HEX64));
        CHECK(!digest_is_valid("sha256:" HEX64 "\n"));
        CHECK(!digest_is_valid("sha256:../" HEX64));
}
