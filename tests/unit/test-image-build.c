/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Changes of a configuration, and that what comes out is one. */

#include "base/str.h"
#include "spec/image-build.h"
#include "spec/image-config.h"
#include "test.h"

#define DIFF_ID "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static int build(char *const *changes, json_t **ret, Error *error)
{
        _cleanup_platform_ Platform platform = {};

        CHECK_OK(platform_parse("linux/arm/v7", &platform));
        return image_build(&(ImageBuild){&platform, DIFF_ID, 1700000000000000, "me", "why", changes}, ret,
                           error);
}

TEST(changes)
{
        static const struct {
                const char *changes[4];
                const char *config;
        } rows[] = {
                {{NULL}, "{}"},
                {{"CMD [\"a\", \"b c\"]"}, "{\"Cmd\":[\"a\",\"b c\"]}"},
                {{"CMD a  b"}, "{\"Cmd\":[\"/bin/sh\",\"-c\",\"a  b\"]}"},
                {{"CMD=/start"}, "{\"Cmd\":[\"/bin/sh\",\"-c\",\"/start\"]}"},
                {{"CMD []"}, "{\"Cmd\":[]}"},
                {{"CMD [a"}, "{\"Cmd\":[\"/bin/sh\",\"-c\",\"[a\"]}"},
                {{"ENTRYPOINT [\"/x\"]", "CMD [\"y\"]"}, "{\"Entrypoint\":[\"/x\"],\"Cmd\":[\"y\"]}"},
                {{"ENV A=b"}, "{\"Env\":[\"A=b\"]}"},
                {{"ENV=A=b"}, "{\"Env\":[\"A=b\"]}"},
                {{"ENV A=b C=\"d e\" F='g'"}, "{\"Env\":[\"A=b\",\"C=d e\",\"F=g\"]}"},
                {{"ENV A b c"}, "{\"Env\":[\"A=b c\"]}"},
                {{"ENV A=1", "ENV AB=2", "ENV A=3"}, "{\"Env\":[\"A=3\",\"AB=2\"]}"},
                {{"expose 80", "EXPOSE 53/udp"}, "{\"ExposedPorts\":{\"80/tcp\":{},\"53/udp\":{}}}"},
                {{"LABEL a=b", "LABEL a=c d='e f'"}, "{\"Labels\":{\"a\":\"c\",\"d\":\"e f\"}}"},
                {{"LABEL a b=c"}, "{\"Labels\":{\"a\":\"b=c\"}}"},
                {{"ONBUILD RUN x"}, "{\"OnBuild\":[\"RUN x\"]}"},
                {{"STOPSIGNAL SIGQUIT"}, "{\"StopSignal\":\"SIGQUIT\"}"},
                {{"USER app:staff "}, "{\"User\":\"app:staff\"}"},
                {{"VOLUME /a b"}, "{\"Volumes\":{\"/a b\":{}}}"},
                {{"VOLUME [\"/a\",\"/b\"]"}, "{\"Volumes\":{\"/a\":{},\"/b\":{}}}"},
                {{"WORKDIR /w"}, "{\"WorkingDir\":\"/w\"}"},
        };

        FOREACH_ELEMENT(row, rows) {
                _cleanup_(image_config_freep) ImageConfig *c = NULL;
                _cleanup_json_ json_t *document = NULL;
                _cleanup_error_ Error error = ERROR_INIT;
                _cleanup_free_ char *text = NULL;

                if (build((char *const *) row->changes, &document, &error) < 0)
                        test_fail(__FILE__, __LINE__, row->changes[0], error.message, NULL);
                text = json_text(json_get_object(document, "config"));
                CHECK_STREQ(text, row->config);
                CHECK_OK(image_config_from_oci(document, &c, NULL));
                CHECK_STREQ(c->diff_ids[0], DIFF_ID);
                CHECK_STREQ(c->architecture, "arm");
                CHECK_STREQ(c->variant, "v7");
                CHECK_STREQ(c->author, "me");
                CHECK_STREQ(json_get_string(json_array_get(c->history, 0), "comment"), "why");
                CHECK_EQ(c->created_usec, 1700000000000000);
        }
}

TEST(changes_refused)
{
        static const char *const changes[] = {
                "",
                "CMD",
                "CMD ",
                "CMD=",
                "RUN x",
                "FROM x",
                "ENV =x",
                "ENV A=b C",
                "ENV A='",
                "WORKDIR w",
                "VOLUME v",
                "VOLUME [\"v\"]",
                "STOPSIGNAL NOPE",
                "COPY a b",
                "MAINTAINER x",
                "LABEL =x",
                "USER \xff",
                "CMDX y",
                "= x",
                " ",
        };

        FOREACH_ELEMENT(change, changes) {
                char *const list[] = {(char *) *change, NULL};
                _cleanup_error_ Error error = ERROR_INIT;
                json_t *document = NULL;

                if (build(list, &document, &error) >= 0)
                        test_fail(__FILE__, __LINE__, "refused", *change, NULL);
                CHECK_EQ(error.kind, ERROR_INVALID_ARGUMENT);
                CHECK(!document);
        }
}
