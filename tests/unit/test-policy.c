/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which rules apply to which image, what is no policy, and which names in signatures are the right ones. */

#include "base/str.h"
#include "spec/policy.h"
#include "test.h"

#define D "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ACCEPT "[{\"type\": \"insecureAcceptAnything\"}]"
#define REJECT "[{\"type\": \"reject\"}]"
#define SIGNED "[{\"type\": \"signedBy\", \"keyType\": \"GPGKeys\", \"keyData\": \"a2V5\"}]"

static Policy *load(const char *text, Error *error)
{
        _cleanup_free_ char *path = str_printf("%s/policy.json", test_directory());
        _cleanup_close_ int dir = test_directory_open();
        Policy *p = NULL;
        int r;

        CHECK_OK(fs_replace_at(dir, "policy.json", text, strlen(text), 0644, FS_NO_SYNC));
        r = policy_load(path, &p, error);
        CHECK(r == 0 ? p && error->kind == ERROR_NONE : !p && error->kind == ERROR_REJECTED);
        return p;
}

static const char *answer(int r, const json_t *requirements)
{
        return r == -EPERM ? "reject" : r < 0 ? "error" : requirements ? "signed" : "accept";
}

static const char *for_registry(const Policy *p, const char *name)
{
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_image_ref_ ImageRef ref = {};
        _cleanup_json_ json_t *requirements = NULL;
        int r;

        CHECK_OK(image_ref_parse(name, &ref, NULL));
        r = policy_for_registry(p, &ref, &requirements, &error);
        return answer(r, requirements);
}

TEST(scopes)
{
        static const char text[] =
                "{\"default\": " REJECT ", \"transports\": {\"docker\": {\"a.example\": " ACCEPT
                ", \"a.example/ns\": " REJECT ", \"a.example/ns/repo\": " SIGNED
                ", \"a.example/ns/repo:v1\": " ACCEPT ", \"b.example/repo@" D "\": " ACCEPT
                ", \"docker.io/library\": " ACCEPT ", \"docker.io/library/busybox\": " SIGNED
                ", \"*.wild.example\": " ACCEPT ", \"*.deep.wild.example\": " REJECT
                ", \"p.example:5000\": " ACCEPT "}, \"dir\": {\"\": " ACCEPT ", \"/srv/bad\": " REJECT
                ", \"/srv/bad/good\": " ACCEPT ", \"/srv/signed\": " SIGNED
                "}, \"docker-archive\": {\"\": " REJECT "}, \"atomic\": {\"\": " REJECT
                ", \"x.example\": " ACCEPT "}}}";
        static const struct {
                const char *name, *answer;
        } rows[] = {
                {"a.example/x", "accept"},
                {"a.example/x/y:z", "accept"},
                {"a.example/ns/x", "reject"},
                {"a.example/ns/repo", "signed"},
                {"a.example/ns/repo:v1", "accept"},
                {"a.example/ns/repo:v10", "signed"},
                {"a.example/ns/repo@" D, "signed"},
                {"a.example/ns/repo:v1@" D, "signed"},
                {"a.example/ns/repository", "reject"},
                {"a.example/ns/repo/x", "signed"},
                {"a.example/nsx", "accept"},
                {"a.example:5000/x", "reject"},
                {"a.example.evil/x", "reject"},
                {"b.example/repo@" D, "accept"},
                {"b.example/repo", "reject"},
                {"docker.io/nginx", "accept"},
                {"docker.io/busybox", "signed"},
                {"docker.io/user/app", "reject"},
                {"x.wild.example/a", "accept"},
                {"x.y.wild.example:99/a", "accept"},
                {"x.deep.wild.example/a", "reject"},
                {"wild.example/a", "reject"},
                {"xwild.example/a", "reject"},
                {"p.example:5000/a", "accept"},
                {"p.example/a", "reject"},
                {"x.example/a", "reject"},
        };
        static const struct {
                const char *transport, *path, *answer;
        } files[] = {
                {"dir", "/srv/x", "accept"},        {"dir", NULL, "accept"},
                {"dir", "/srv/bad", "reject"},      {"dir", "/srv/bad/x/y", "reject"},
                {"dir", "/srv/badly", "accept"},    {"dir", "/srv/bad/good", "accept"},
                {"dir", "/srv/signed/x", "reject"}, {"docker-archive", "/srv/x.tar", "reject"},
                {"oci", "/srv/x", "reject"},
        };
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_policy_ Policy *p = load(text, &error);

        CHECK_STREQ(error.message, NULL);
        FOREACH_ELEMENT(row, rows)
                if (!streq(for_registry(p, row->name), row->answer))
                        test_fail(__FILE__, __LINE__, row->name, for_registry(p, row->name), row->answer);
        FOREACH_ELEMENT(row, files) {
                _cleanup_error_ Error why = ERROR_INIT;

                CHECK_STREQ(answer(policy_for_file(p, row->transport, row->path, &why), NULL), row->answer);
                CHECK((why.kind == ERROR_REJECTED) == streq(row->answer, "reject"));
        }
}

TEST(all_requirements_count)
{
        static const struct {
                const char *requirements, *answer;
        } rows[] = {
                {"[{\"type\": \"insecureAcceptAnything\"}, {\"type\": \"reject\"}]", "reject"},
                {"[{\"type\": \"insecureAcceptAnything\"}, {\"type\": \"signedBy\", \"keyType\": "
                 "\"GPGKeys\", "
                 "\"keyData\": \"a2V5\"}]",
                 "signed"},
                {"[{\"type\": \"signedBy\", \"keyType\": \"GPGKeys\", \"keyPath\": \"/nonexistent\"}]",
                 "reject"},
                {"[{\"type\": \"sigstoreSigned\", \"keyData\": \"a2V5\"}]", "signed"},
                {"[{\"type\": \"sigstoreSigned\", \"keyDatas\": [\"a2V5\", \"a2V5\"]}]", "signed"},
                {"[{\"type\": \"sigstoreSigned\", \"fulcio\": {\"caPath\": \"/x\"}, \"rekorPublicKeyPath\": "
                 "\"/y\"}]",
                 "reject"},
                {"[{\"type\": \"sigstoreSigned\", \"keyData\": \"a2V5\", \"rekorPublicKeyData\": \"a2V5\"}]",
                 "reject"},
                {"[{\"type\": \"sigstoreSigned\", \"pki\": {}}]", "reject"},
        };

        FOREACH_ELEMENT(row, rows) {
                _cleanup_error_ Error error = ERROR_INIT;
                _cleanup_free_ char *text = str_printf("{\"default\": %s}", row->requirements);
                _cleanup_policy_ Policy *p = load(text, &error);

                CHECK_STREQ(error.message, NULL);
                CHECK_STREQ(for_registry(p, "a.example/b"), row->answer);
        }
}

TEST(no_policy)
{
        static const char *const texts[] = {
                "",
                "[]",
                "{",
                "{}",
                "{\"default\": []}",
                "{\"default\": {}}",
                "{\"default\": [{}]}",
                "{\"default\": [1]}",
                "{\"default\": [\"reject\"]}",
                "{\"default\": [{\"type\": \"accept\"}]}",
                "{\"default\": [{\"type\": \"insecureacceptanything\"}]}",
                "{\"default\": [{\"type\": \"insecureAcceptAnything\", \"x\": 1}]}",
                "{\"default\": " ACCEPT ", \"default\": " ACCEPT "}",
                "{\"default\": " ACCEPT ", \"Default\": " ACCEPT "}",
                "{\"default\": " ACCEPT ", \"transports\": []}",
                "{\"default\": " ACCEPT ", \"transports\": {\"docker\": []}}",
                "{\"default\": " ACCEPT ", \"transports\": {\"docker\": {\"a\": []}}}",
                "{\"default\": " ACCEPT ", \"transports\": {\"docker\": {\"a\": " ACCEPT ", \"a\": " ACCEPT
                "}}}",
                "{\"default\": " ACCEPT ", \"transports\": {\"docker\": {\"a\": " ACCEPT
                ", \"\\u0061\": " ACCEPT "}}}",
                "{\"default\": " ACCEPT ", \"transports\": {\"dir\": {\"/\": " ACCEPT "}}}",
                "{\"default\": " ACCEPT ", \"transports\": {\"oci\": {\"srv\": " ACCEPT "}}}",
                "{\"default\": " ACCEPT "} x",
                "{\"default\": [{\"type\": \"signedBy\"}]}",
                "{\"default\": [{\"type\": \"signedBy\", \"keyType\": \"GPGKeys\"}]}",
                "{\"default\": [{\"type\": \"signedBy\", \"keyType\": \"X509\", \"keyData\": \"a\"}]}",
                "{\"default\": [{\"type\": \"signedBy\", \"keyType\": \"GPGKeys\", \"keyData\": \"a\", "
                "\"keyPath\": \"/x\"}]}",
                "{\"default\": [{\"type\": \"signedBy\", \"keyType\": \"GPGKeys\", \"keyPaths\": []}]}",
                "{\"default\": [{\"type\": \"signedBy\", \"keyType\": \"GPGKeys\", \"keyPaths\": [1]}]}",
                "{\"default\": [{\"type\": \"signedBy\", \"keyType\": \"GPGKeys\", \"keyData\": 5}]}",
                "{\"default\": [{\"type\": \"signedBy\", \"keyType\": \"GPGKeys\", \"keyData\": \"a\","
                "\"signedIdentity\": {}}]}",
                "{\"default\": [{\"type\": \"signedBy\", \"keyType\": \"GPGKeys\", \"keyData\": \"a\","
                "\"signedIdentity\": {\"type\": \"matchAny\"}}]}",
                "{\"default\": [{\"type\": \"signedBy\", \"keyType\": \"GPGKeys\", \"keyData\": \"a\","
                "\"signedIdentity\": {\"type\": \"matchExact\", \"x\": 1}}]}",
                "{\"default\": [{\"type\": \"signedBy\", \"keyType\": \"GPGKeys\", \"keyData\": \"a\","
                "\"signedIdentity\": {\"type\": \"exactReference\", \"dockerReference\": \"a.example/b\"}}]}",
                "{\"default\": [{\"type\": \"signedBy\", \"keyType\": \"GPGKeys\", \"keyData\": \"a\","
                "\"signedIdentity\": {\"type\": \"exactRepository\", \"dockerRepository\": "
                "\"a.example/b:c\"}}]}",
                "{\"default\": [{\"type\": \"signedBy\", \"keyType\": \"GPGKeys\", \"keyData\": \"a\","
                "\"signedIdentity\": {\"type\": \"remapIdentity\", \"prefix\": \"a.example\"}}]}",
                "{\"default\": [{\"type\": \"sigstoreSigned\", \"keyType\": \"GPGKeys\", \"keyData\": "
                "\"a\"}]}",
        };

        FOREACH_ELEMENT(text, texts) {
                _cleanup_error_ Error error = ERROR_INIT;
                _cleanup_policy_ Policy *p = load(*text, &error);

                if (p)
                        test_fail(__FILE__, __LINE__, *text, NULL, NULL);
                CHECK(strstr(error.message, "nothing is accepted"));
        }
}

TEST(missing)
{
        _cleanup_error_ Error error = ERROR_INIT;
        Policy *p = NULL;

        CHECK_EQ(policy_load("/nonexistent/policy.json", &p, &error), -EPERM);
        CHECK(!p && strstr(error.message, "it is missing"));
}

TEST(keys)
{
        static const char *const names[] = {"one.gpg", "two.gpg"};
        _cleanup_close_ int dir = test_directory_open();
        _cleanup_free_ char *text =
                str_printf("{\"default\": [{\"type\": \"signedBy\", \"keyType\": \"GPGKeys\", "
                           "\"keyPaths\": [\"%s/one.gpg\", \"%s/two.gpg\"], \"signedIdentity\": "
                           "{\"type\": \"matchRepository\"}}]}",
                           test_directory(), test_directory());
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_policy_ Policy *p = load(text, &error);
        _cleanup_image_ref_ ImageRef ref = {};
        _cleanup_json_ json_t *v = NULL;
        _cleanup_requirement_ Requirement requirement = {};

        FOREACH_ELEMENT(name, names)
                CHECK_OK(fs_replace_at(dir, *name, *name, 3, 0644, FS_NO_SYNC));
        CHECK_OK(image_ref_parse("a.example/b:c", &ref, NULL));
        CHECK_OK(policy_for_registry(p, &ref, &v, &error));
        CHECK_EQ(json_array_size(json_object_get(v, "Requirements")), 1);
        CHECK_OK(requirement_read(json_array_get(json_object_get(v, "Requirements"), 0), &requirement));
        CHECK_EQ(requirement.type, REQUIREMENT_SIGNED_BY);
        CHECK_EQ(strv_length(requirement.keys), 2);
        CHECK_STREQ(requirement.keys[0], "b25l");
        CHECK_STREQ(requirement.keys[1], "dHdv");
        CHECK_STREQ(json_get_string(requirement.identity, "type"), "matchRepository");
}

TEST(identities)
{
        static const char
                exact[] = "{\"type\": \"matchExact\"}",
                digest[] = "{\"type\": \"matchRepoDigestOrExact\"}",
                repository[] = "{\"type\": \"matchRepository\"}",
                reference[] = "{\"type\": \"exactReference\", \"dockerReference\": \"v.example/x:1\"}",
                one[] = "{\"type\": \"exactRepository\", \"dockerRepository\": \"busybox\"}",
                remap[] = "{\"type\": \"remapIdentity\", \"prefix\": \"m.example:5000/v\", \"signedPrefix\": "
                          "\"v.example\"}";
        static const struct {
                const char *identity, *ref, *is_signed;
                bool matches;
        } rows[] = {
                {exact, "a.example/b:1", "a.example/b:1", true},
                {exact, "a.example/b:1", "a.example/b:2", false},
                {exact, "a.example/b:1", "a.example/b", false},
                {exact, "a.example/b:1", "a.example/b:1@" D, false},
                {exact, "a.example/b@" D, "a.example/b:1", false},
                {exact, "docker.io/busybox:1", "busybox:1", true},
                {exact, "docker.io/library/busybox:1", "docker.io/busybox:1", true},
                {digest, "a.example/b:1", "a.example/b:1", true},
                {digest, "a.example/b:1", "a.example/b:2", false},
                {digest, "a.example/b@" D, "a.example/b:7", true},
                {digest, "a.example/b@" D, "a.example/c:7", false},
                {digest, "a.example/b:1", "a.example/bb:1", false},
                {digest, "a.example/b:1", "a.example:5000/b:1", false},
                {repository, "a.example/b:1", "a.example/b:2", true},
                {repository, "a.example/b:1", "a.example/b", true},
                {repository, "a.example/b:1", "a.example/c:1", false},
                {reference, "a.example/b:1", "v.example/x:1", true},
                {reference, "a.example/b:1", "v.example/x:2", false},
                {reference, "a.example/b:1", "a.example/b:1", false},
                {one, "a.example/b:1", "busybox:9", true},
                {one, "a.example/b:1", "docker.io/library/busybox", true},
                {one, "a.example/b:1", "docker.io/library/busyboxx", false},
                {remap, "m.example:5000/v/x:1", "v.example/x:1", true},
                {remap, "m.example:5000/v/x:1", "m.example:5000/v/x:1", false},
                {remap, "m.example:5000/v/x@" D, "v.example/x:3", true},
                {remap, "m.example:5000/vx/x:1", "m.example:5000/vx/x:1", true},
                {remap, "o.example/x:1", "o.example/x:1", true},
                {remap, "o.example/x:1", "v.example/x:1", false},
                {exact, "a.example/b:1", "", false},
                {repository, "a.example/b:1", "A B", false},
                {"{\"type\": \"other\"}", "a.example/b:1", "a.example/b:1", false},
                {"{}", "a.example/b:1", "a.example/b:1", false},
        };

        FOREACH_ELEMENT(row, rows) {
                _cleanup_json_ json_t *identity = NULL;
                _cleanup_image_ref_ ImageRef ref = {};
                const char *why;

                CHECK_OK(json_parse(row->identity, strlen(row->identity), &identity, NULL));
                CHECK_OK(image_ref_parse(row->ref, &ref, NULL));
                if (requirement_identity_matches(identity, &ref, row->is_signed, &why) != row->matches)
                        test_fail(__FILE__, __LINE__, row->identity, row->ref, row->is_signed);
                CHECK(why);
        }
}
