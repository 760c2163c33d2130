/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What an image may say of itself, member by member. */

#include "base/str.h"
#include "spec/image-config.h"
#include "test.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define FRAME(members)                                                                                       \
        "{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\"}" members "}"
#define CONFIG(members) FRAME(",\"config\":{" members "}")

static int read_text(const char *text, ImageConfig **ret, Error *error)
{
        _cleanup_json_ json_t *v = NULL;

        CHECK_OK(json_parse(text, strlen(text), &v, NULL));
        return image_config_from_oci(v, ret, error);
}

TEST(everything)
{
        _cleanup_(image_config_freep) ImageConfig *c = NULL, *back = NULL;
        _cleanup_json_ json_t *v = NULL;

        CHECK_OK(read_text(
                "{\"architecture\":\"arm\",\"variant\":\"v7\",\"os\":\"linux\",\"author\":\"A\",\"created\":"
                "\"2026-01-02T03:04:05.123456789+01:00\",\"config\":{\"User\":\"app:grp\",\"Env\":[\"A=1\","
                "\"B=\"],"
                "\"Entrypoint\":[\"/"
                "e\"],\"Cmd\":[\"c\",\"\"],\"WorkingDir\":\"srv\",\"StopSignal\":\"SIGQUIT\","
                "\"Labels\":{\"k\":\"v\\nw\"},\"Volumes\":{\"/data\":{}},\"ExposedPorts\":{\"80/tcp\":{}},"
                "\"Healthcheck\":{\"Test\":[\"CMD\",\"x\"],\"Interval\":1000}},\"rootfs\":{\"type\":"
                "\"layers\","
                "\"diff_ids\":[\"sha256:" HEX64 "\"]},\"history\":[{\"created_by\":\"x\"}],\"extra\":1}",
                &c, NULL));
        CHECK_STREQ(c->architecture, "arm");
        CHECK_STREQ(c->variant, "v7");
        CHECK_STREQ(c->author, "A");
        CHECK_EQ(c->created_usec, UINT64_C(1767319445123456));
        CHECK_STREQ(c->user, "app:grp");
        CHECK_STREQ(c->working_dir, "/srv");
        CHECK_STREQ(c->stop_signal, "SIGQUIT");
        CHECK_EQ(strv_length(c->env), 2);
        CHECK_STREQ(c->cmd[1], "");
        CHECK_STREQ(c->volumes[0], "/data");
        CHECK_STREQ(c->exposed_ports[0], "80/tcp");
        CHECK_STREQ(c->diff_ids[0], "sha256:" HEX64);
        CHECK_STREQ(map_get(c->labels, "k"), "v\nw");
        CHECK_EQ(json_array_size(c->history), 1);

        CHECK_OK(str_replace(&c->id, HEX64));
        c->size = 17;
        v = image_config_to_json(c);
        CHECK_OK(image_config_from_json(v, &back, NULL));
        CHECK_EQ(back->size, 17);
        CHECK_STREQ(back->id, HEX64);
        CHECK(strv_equal(back->env, c->env));
        CHECK(map_equal_strings(back->labels, c->labels));
        CHECK(json_equal(back->healthcheck, c->healthcheck));
}

TEST(accepted)
{
        static const char *const rows[] = {
                FRAME(""),
                FRAME(",\"created\":\"0001-01-01T00:00:00Z\""),
                FRAME(",\"created\":null,\"config\":null,\"history\":null"),
                CONFIG("\"Labels\":null,\"Cmd\":null,\"Volumes\":null,\"Healthcheck\":null"),
                CONFIG("\"User\":\"\",\"WorkingDir\":\"\",\"StopSignal\":\"\""),
                CONFIG("\"StopSignal\":\"9\""),
                CONFIG("\"StopSignal\":\"RTMIN+3\""),
                CONFIG("\"ExposedPorts\":{\"80\":{},\"53/udp\":{},\"8000-8010/sctp\":{}}"),
                CONFIG("\"Env\":[\"A=1\\n2\"]"),
        };

        FOREACH_ELEMENT(row, rows) {
                _cleanup_(image_config_freep) ImageConfig *c = NULL;

                CHECK_OK(read_text(*row, &c, NULL));
        }
}

TEST(refused)
{
        static const struct {
                const char *text, *names;
        } rows[] = {
                {"[]", "object"},
                {"{}", "architecture"},
                {"{\"architecture\":\"amd64\",\"os\":\"linux\"}", "rootfs"},
                {"{\"architecture\":\"amd64\",\"os\":\"windows\",\"rootfs\":{\"type\":\"layers\"}}",
                 "windows"},
                {"{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{\"type\":\"other\"}}",
                 "rootfs.type"},
                {"{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":["
                 "\"sha256:x\"]}}",
                 "diff_ids"},
                {"{\"architecture\":\"a\\nb\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\"}}",
                 "architecture"},
                {FRAME(",\"created\":\"yesterday\""), "created"},
                {FRAME(",\"config\":[]"), "config"},
                {FRAME(",\"history\":{}"), "history"},
                {FRAME(",\"history\":[1]"), "history"},
                {CONFIG("\"User\":1"), "User"},
                {CONFIG("\"User\":\"a\\nb\""), "User"},
                {CONFIG("\"Env\":\"A=1\""), "Env"},
                {CONFIG("\"Env\":[1]"), "Env"},
                {CONFIG("\"Cmd\":\"sh\""), "Cmd"},
                {CONFIG("\"Entrypoint\":{}"), "Entrypoint"},
                {CONFIG("\"WorkingDir\":\"/a\\r\""), "WorkingDir"},
                {CONFIG("\"StopSignal\":\"SIGNOPE\""), "StopSignal"},
                {CONFIG("\"StopSignal\":\"65\""), "StopSignal"},
                {CONFIG("\"StopSignal\":\"-9\""), "StopSignal"},
                {CONFIG("\"Volumes\":[\"/data\"]"), "Volumes"},
                {CONFIG("\"Volumes\":{\"data\":{}}"), "Volumes"},
                {CONFIG("\"Volumes\":{\"/../data\":{}}"), "Volumes"},
                {CONFIG("\"Volumes\":{\"/a/..\":{}}"), "Volumes"},
                {CONFIG("\"Volumes\":{\"/a\\nb\":{}}"), "Volumes"},
                {CONFIG("\"ExposedPorts\":{\"0\":{}}"), "ExposedPorts"},
                {CONFIG("\"ExposedPorts\":{\"65536/tcp\":{}}"), "ExposedPorts"},
                {CONFIG("\"ExposedPorts\":{\"80/icmp\":{}}"), "ExposedPorts"},
                {CONFIG("\"ExposedPorts\":{\"90-80\":{}}"), "ExposedPorts"},
                {CONFIG("\"ExposedPorts\":{\"\":{}}"), "ExposedPorts"},
                {CONFIG("\"Labels\":{\"a\":1}"), "Labels"},
                {CONFIG("\"Labels\":{\"a\\tb\":\"\"}"), "Labels"},
                {CONFIG("\"Labels\":[]"), "Labels"},
                {CONFIG("\"Healthcheck\":[]"), "Healthcheck"},
                {CONFIG("\"Healthcheck\":{\"Test\":\"x\"}"), "Healthcheck"},
                {CONFIG("\"Healthcheck\":{\"Interval\":-1}"), "Healthcheck"},
                {CONFIG("\"Healthcheck\":{\"Retries\":1.5}"), "Healthcheck"},
        };

        FOREACH_ELEMENT(row, rows) {
                _cleanup_(image_config_freep) ImageConfig *c = NULL;
                _cleanup_error_ Error error = ERROR_INIT;

                if (read_text(row->text, &c, &error) >= 0)
                        test_fail(__FILE__, __LINE__, "refused", row->text, NULL);
                CHECK_EQ(error.kind, ERROR_BAD_ARCHIVE);
                if (!strstr(error.message, row->names))
                        test_fail(__FILE__, __LINE__, "the message names the member", error.message,
                                  row->names);
        }
}

/* An entry without a name or a '=' would be the host's variable elsewhere. */
TEST(environment)
{
        _cleanup_(image_config_freep) ImageConfig *c = NULL;
        _cleanup_free_ char *joined = NULL;

        CHECK_OK(
                read_text(CONFIG("\"Env\":[\"HOME\",\"*\",\"A*\",\"\",\"=x\",\"A B=x\",\"GOOD=a=b\",\"E=\"]"),
                          &c, NULL));
        joined = strv_join(c->env, "|");
        CHECK_STREQ(joined, "GOOD=a=b|E=");
}

TEST(too_many_layers)
{
        _cleanup_json_ json_t *v = json_pack("{s:s, s:s, s:{s:s, s:[]}}", "architecture", "amd64", "os",
                                             "linux", "rootfs", "type", "layers", "diff_ids");
        json_t *ids = json_object_get(json_object_get(v, "rootfs"), "diff_ids");
        _cleanup_(image_config_freep) ImageConfig *c = NULL;
        _cleanup_error_ Error error = ERROR_INIT;

        for (unsigned i = 0; i < IMAGE_LAYERS_MAX; i++)
                CHECK_EQ(json_array_append_new(ids, json_string("sha256:" HEX64)), 0);
        CHECK_OK(image_config_from_oci(v, &c, &error));
        c = image_config_free(c);
        CHECK_EQ(json_array_append_new(ids, json_string("sha256:" HEX64)), 0);
        CHECK(image_config_from_oci(v, &c, &error) < 0);
        CHECK_EQ(error.kind, ERROR_LIMIT);
}

TEST(records_that_are_damaged)
{
        static const char *const rows[] = {"[]", "{}", "{\"Id\":\"x\"}", "{\"Id\":\"" HEX64 "\",\"Size\":-1}",
                                           "{\"Id\":\"" HEX64 "\",\"Env\":{}}"};

        FOREACH_ELEMENT(row, rows) {
                _cleanup_(image_config_freep) ImageConfig *c = NULL;
                _cleanup_error_ Error error = ERROR_INIT;
                _cleanup_json_ json_t *v = NULL;

                CHECK_OK(json_parse(*row, strlen(*row), &v, NULL));
                CHECK(image_config_from_json(v, &c, &error) < 0);
                CHECK_EQ(error.kind, ERROR_STORE_DAMAGED);
        }
}

TEST(unknown_members_are_kept)
{
        _cleanup_(image_config_freep) ImageConfig *c = NULL;
        _cleanup_json_ json_t *v = NULL, *back = NULL;
        const char *text = "{\"Id\":\"" HEX64 "\",\"OfTomorrow\":[1]}";

        CHECK_OK(json_parse(text, strlen(text), &v, NULL));
        CHECK_OK(image_config_from_json(v, &c, NULL));
        back = image_config_to_json(c);
        CHECK(json_equal(v, back));
}

TEST(names_stdio)
{
        static const char *const yes[] = {"/dev/stdout", "error_log /dev/stderr;", "x >>/proc/self/fd/1",
                                          "/proc/1/fd/2"};
        static const char *const no[] = {"", "/dev/null", "/dev/std", "/proc/self/fd/0", "/proc/self/fd"};

        FOREACH_ELEMENT(s, yes)
                CHECK(image_names_stdio(*s, strlen(*s)));
        FOREACH_ELEMENT(s, no)
                CHECK(!image_names_stdio(*s, strlen(*s)));
        CHECK(!image_names_stdio("/dev/stdout", strlen("/dev/stdou")));
}
