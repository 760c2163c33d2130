/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Manifests and indexes: what is one, what is two at once, and every member left out, null, of a wrong type,
 * empty or huge. */

#include "base/str.h"
#include "spec/image-config.h"
#include "spec/image-ref.h"
#include "spec/manifest.h"
#include "test.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OCI "application/vnd.oci.image."
#define DOCKER "application/vnd.docker."
#define OCI_MANIFEST OCI "manifest.v1+json"
#define OCI_INDEX OCI "index.v1+json"
#define DOCKER_MANIFEST DOCKER "distribution.manifest.v2+json"
#define DOCKER_LIST DOCKER "distribution.manifest.list.v2+json"
#define SCHEMA1 DOCKER "distribution.manifest.v1+prettyjws"
#define BLOB(type) "{\"mediaType\":\"" type "\",\"digest\":\"sha256:" HEX64 "\",\"size\":7}"
#define IMAGE "\"config\":" BLOB(OCI "config.v1+json") ",\"layers\":[" BLOB(OCI "layer.v1.tar+gzip") "]"
#define LIST "\"manifests\":[" BLOB(OCI_MANIFEST) "]"
#define TYPE(t) "\"mediaType\":\"" t "\","

static int parse(const char *text, const char *media_type, Manifest *ret, Error *error)
{
        return manifest_parse(text, strlen(text), "m", media_type, ret, error);
}

TEST(media_types)
{
        for (MediaType t = 0; t < _MEDIA_TYPE_MAX; t++)
                for (MediaFamily f = 0; f < _MEDIA_FAMILY_MAX; f++)
                        for (Coding c = 0; c < _CODING_MAX; c++) {
                                const char *s = media_type_to_string(t, f, c);
                                MediaFamily family;
                                Coding coding;

                                if (!s)
                                        continue;
                                CHECK_EQ(media_type_from_string(s, &family, &coding), t);
                                CHECK_EQ(family, f);
                                CHECK_EQ(coding, c);
                        }
        CHECK_EQ(media_type_from_string("text/plain", NULL, NULL), _MEDIA_TYPE_INVALID);
        CHECK_EQ(media_type_from_string(NULL, NULL, NULL), _MEDIA_TYPE_INVALID);
}

TEST(accepted)
{
        static const struct {
                const char *text, *said;
                MediaType type;
                MediaFamily family;
        } rows[] = {
                {"{\"schemaVersion\":2," IMAGE "}", OCI_MANIFEST, MEDIA_MANIFEST, MEDIA_OCI},
                {"{\"schemaVersion\":2," IMAGE "}", DOCKER_MANIFEST, MEDIA_MANIFEST, MEDIA_DOCKER},
                {"{\"schemaVersion\":2," IMAGE "}", NULL, MEDIA_MANIFEST, MEDIA_OCI},
                {"{\"schemaVersion\":2," TYPE(DOCKER_MANIFEST) IMAGE "}", NULL, MEDIA_MANIFEST, MEDIA_DOCKER},
                {"{\"schemaVersion\":2," TYPE(OCI_MANIFEST) IMAGE "}", OCI_MANIFEST, MEDIA_MANIFEST,
                 MEDIA_OCI},
                {"{\"schemaVersion\":2," LIST "}", OCI_INDEX, MEDIA_INDEX, MEDIA_OCI},
                {"{\"schemaVersion\":2," LIST "}", NULL, MEDIA_INDEX, MEDIA_OCI},
                {"{\"schemaVersion\":2," TYPE(DOCKER_LIST) LIST "}", DOCKER_LIST, MEDIA_INDEX, MEDIA_DOCKER},
                {"{\"schemaVersion\":2,\"mediaType\":null," LIST ",\"annotations\":null,\"subject\":{}}",
                 OCI_INDEX, MEDIA_INDEX, MEDIA_OCI},
        };

        FOREACH_ELEMENT(row, rows) {
                _cleanup_manifest_ Manifest m = {};

                CHECK_OK(parse(row->text, row->said, &m, NULL));
                CHECK_EQ(m.type, row->type);
                CHECK_EQ(m.family, row->family);
                CHECK_EQ(m.n, 1);
                CHECK_STREQ(m.list[0].digest, "sha256:" HEX64);
                CHECK_EQ(m.list[0].size, 7);
                if (m.type == MEDIA_MANIFEST) {
                        CHECK_EQ(m.list[0].coding, CODING_GZIP);
                        CHECK_EQ(m.config.type, MEDIA_CONFIG);
                }
        }
}

/* One document, two meanings. */
TEST(mixtures)
{
        static const struct {
                const char *text, *said;
                ErrorKind kind;
        } rows[] = {
                {"{\"schemaVersion\":2," IMAGE "," LIST "}", OCI_MANIFEST, ERROR_BAD_ARCHIVE},
                {"{\"schemaVersion\":2," IMAGE "," LIST "}", OCI_INDEX, ERROR_BAD_ARCHIVE},
                {"{\"schemaVersion\":2," IMAGE "," LIST "}", NULL, ERROR_BAD_ARCHIVE},
                {"{\"schemaVersion\":2," IMAGE "}", OCI_INDEX, ERROR_BAD_ARCHIVE},
                {"{\"schemaVersion\":2," LIST "}", OCI_MANIFEST, ERROR_BAD_ARCHIVE},
                {"{\"schemaVersion\":2," TYPE(OCI_INDEX) IMAGE "}", NULL, ERROR_BAD_ARCHIVE},
                {"{\"schemaVersion\":2," TYPE(OCI_MANIFEST) LIST "}", NULL, ERROR_BAD_ARCHIVE},
                {"{\"schemaVersion\":2," TYPE(OCI_INDEX) LIST "}", OCI_MANIFEST, ERROR_BAD_ARCHIVE},
                {"{\"schemaVersion\":2," TYPE(OCI_MANIFEST) IMAGE "}", OCI_INDEX, ERROR_BAD_ARCHIVE},
                {"{\"schemaVersion\":2," TYPE(DOCKER_MANIFEST) IMAGE "}", OCI_MANIFEST, ERROR_BAD_ARCHIVE},
                {"{\"schemaVersion\":2," TYPE(DOCKER_LIST) LIST "}", OCI_INDEX, ERROR_BAD_ARCHIVE},
                {"{\"schemaVersion\":2," IMAGE ",\"fsLayers\":[]}", OCI_MANIFEST, ERROR_BAD_ARCHIVE},
                {"{\"schemaVersion\":2," LIST ",\"fsLayers\":[]}", OCI_INDEX, ERROR_BAD_ARCHIVE},
                {"{\"schemaVersion\":2," LIST ",\"config\":null}", OCI_INDEX, ERROR_BAD_ARCHIVE},
                {"{\"schemaVersion\":2," IMAGE ",\"manifests\":null}", OCI_MANIFEST, ERROR_BAD_ARCHIVE},
                {"{\"schemaVersion\":2," IMAGE ",\"Manifests\":[]}", OCI_MANIFEST, ERROR_BAD_ARCHIVE},
                {"{\"schemaVersion\":2," LIST ",\"LAYERS\":[]}", OCI_INDEX, ERROR_BAD_ARCHIVE},
                {"{\"schemaVersion\":2,\"MediaType\":\"" OCI_INDEX "\"," IMAGE "}", OCI_MANIFEST,
                 ERROR_BAD_ARCHIVE},
                {"{\"schemaVersion\":2," IMAGE "," IMAGE "}", OCI_MANIFEST, ERROR_BAD_ARCHIVE},
                {"{\"schemaVersion\":2," IMAGE ",\"l\\u0061yers\":[]}", OCI_MANIFEST, ERROR_BAD_ARCHIVE},
                {"{\"schemaVersion\":1,\"fsLayers\":[],\"history\":[]}", NULL, ERROR_NOT_SUPPORTED},
                {"{\"schemaVersion\":1,\"fsLayers\":[]}", SCHEMA1, ERROR_NOT_SUPPORTED},
                {"{\"schemaVersion\":2," IMAGE "}", SCHEMA1, ERROR_NOT_SUPPORTED},
                {"{\"schemaVersion\":1," IMAGE "}", OCI_MANIFEST, ERROR_BAD_ARCHIVE},
                {"{\"schemaVersion\":2," IMAGE "}", "text/html", ERROR_BAD_ARCHIVE},
                {"{\"schemaVersion\":2," IMAGE "}", OCI "config.v1+json", ERROR_BAD_ARCHIVE},
                {"{\"schemaVersion\":2," IMAGE "}x", OCI_MANIFEST, ERROR_BAD_ARCHIVE},
                {"[{\"schemaVersion\":2," IMAGE "}]", OCI_MANIFEST, ERROR_BAD_ARCHIVE},
        };

        FOREACH_ELEMENT(row, rows) {
                _cleanup_error_ Error error = ERROR_INIT;
                _cleanup_manifest_ Manifest m = {};

                if (parse(row->text, row->said, &m, &error) >= 0)
                        test_fail(__FILE__, __LINE__, "refused", row->text, row->said);
                CHECK_EQ(error.kind, row->kind);
                CHECK(startswith(error.message, "Manifest m"));
                CHECK(!m.document);
        }
}

TEST(bad_digests)
{
        static const char *const digests[] = {
                "",
                "sha256:",
                "sha256",
                HEX64,
                "sha256:" HEX64 "0",
                "sha256:../../../../etc/passwd",
                "sha256:/etc/passwd",
                "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde",
                "sha256:0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef",
                "sha256:0123456789abcdeg0123456789abcdef0123456789abcdef0123456789abcdef",
                "SHA256:" HEX64,
                " sha256:" HEX64,
                "sha256:" HEX64 " ",
                "sha256:" HEX64 "\\n",
                "sha256: 123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
                "sha256:0x23456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
                "sha512:" HEX64,
                "sha512:" HEX64 HEX64,
                "md5:d41d8cd98f00b204e9800998ecf8427e",
                "sha256+b64:" HEX64,
                "sha256:sha256:" HEX64,
        };

        FOREACH_ELEMENT(digest, digests) {
                static const char *const places[] = {
                        "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"" OCI
                        "config.v1+json\",\"size\":7,\"digest\":\"%s\"},\"layers\":[]}",
                        "{\"schemaVersion\":2,\"config\":" BLOB(
                                OCI "config.v1+json") ",\"layers\":[{\"mediaType\":\"" OCI
                                                      "layer.v1.tar\",\"size\":7,\"digest\":\"%s\"}]}",
                        "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"" OCI_MANIFEST
                        "\",\"size\":7,\"digest\":\"%s\"}]}",
                };

                FOREACH_ELEMENT(place, places) {
                        _cleanup_free_ char *text = str_printf(*place, *digest);
                        _cleanup_error_ Error error = ERROR_INIT;
                        _cleanup_manifest_ Manifest m = {};

                        CHECK(parse(text, NULL, &m, &error) < 0);
                        if (!strstr(error.message, "a descriptor whose digest is not"))
                                test_fail(__FILE__, __LINE__, "the reason", error.message, text);
                }
        }
}

/* What a member may become; NULL: it goes away. */
static const char *const changes[] = {
        NULL,
        "null",
        "true",
        "-1",
        "0",
        "1.5",
        "9223372036854775807",
        "\"\"",
        "\"x\"",
        "[]",
        "{}",
        "[null]",
        "{\"\":null}",
        "[[[[[[[[]]]]]]]]",
        "\"\\u0001\\u001b[2J\"",
        "\"\\ud83d\\ude00\"",
};

/* Nothing that is refused leaves anything; what is accepted keeps the promises of the header. */
static void check_any(const json_t *document, const char *said)
{
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_manifest_ Manifest m = {};
        _cleanup_free_ char *text = json_text(document);

        if (parse(text, said, &m, &error) < 0) {
                CHECK(error.kind != ERROR_NONE);
                CHECK(!str_has_control(error.message));
                CHECK(!m.document && !m.list);
                return;
        }
        for (size_t i = 0; i < m.n; i++)
                CHECK(m.list[i].media_type && digest_is_valid(m.list[i].digest));
        CHECK(m.type == MEDIA_INDEX || digest_is_valid(m.config.digest));
}

/* Each member of object in turn, and of what is in it. */
static size_t mutate(json_t *document, json_t *object, const char *said)
{
        _cleanup_strv_ char **keys = NULL;
        const char *key;
        size_t n = 0;
        json_t *value;

        json_object_foreach(object, key, value) CHECK_OK(strv_append(&keys, key));
        STRV_FOREACH(k, keys) {
                json_t *old = json_incref(json_object_get(object, *k));

                FOREACH_ELEMENT(change, changes) {
                        if (!*change)
                                CHECK_EQ(json_object_del(object, *k), 0);
                        else
                                CHECK_EQ(json_object_set_new(object, *k,
                                                             json_loads(*change, JSON_DECODE_ANY, NULL)),
                                         0);
                        check_any(document, said);
                        n++;
                }
                CHECK_EQ(json_object_set(object, *k, old), 0);
                if (json_is_object(old))
                        n += mutate(document, old, said);
                if (json_is_object(json_array_get(old, 0)))
                        n += mutate(document, json_array_get(old, 0), said);
                json_decref(old);
        }
        return n;
}

TEST(every_member)
{
        static const char *const texts[] = {
                "{\"schemaVersion\":2," TYPE(OCI_MANIFEST) IMAGE
                ",\"annotations\":{\"a\":\"b\"},\"subject\":" BLOB(OCI_MANIFEST) ",\"artifactType\":\"x/y\"}",
                "{\"schemaVersion\":2," TYPE(
                        OCI_INDEX) "\"manifests\":[{\"mediaType\":\"" OCI_MANIFEST
                                   "\",\"digest\":\"sha256:" HEX64
                                   "\",\"size\":7,\"urls\":[],\"platform\":{\"os\":\"linux\","
                                   "\"architecture\":\"arm\",\"variant\":\"v7\",\"os.version\":\"1\",\"os."
                                   "features\":[\"x\"]},"
                                   "\"annotations\":{\"org.opencontainers.image.ref.name\":\"x\"}}],"
                                   "\"annotations\":{\"a\":\"b\"}}",
        };
        size_t n = 0;

        FOREACH_ELEMENT(text, texts) {
                _cleanup_json_ json_t *document = NULL;

                CHECK_OK(json_parse(*text, strlen(*text), &document, NULL));
                check_any(document, NULL);
                n += mutate(document, document, NULL);
                n += mutate(document, document, json_get_string(document, "mediaType"));
        }
        CHECK(n >= 400);
}

static char *repeated(const char *before, const char *item, size_t n, const char *after)
{
        size_t size = strlen(before) + n * (strlen(item) + 1) + strlen(after) + 1;
        char *text = malloc(size), *p = stpcpy(text, before);

        for (size_t i = 0; i < n; i++) {
                if (i > 0)
                        *p++ = ',';
                p = stpcpy(p, item);
        }
        (void) strcpy(p, after);
        return text;
}

static void check_limit(char *text, bool allowed)
{
        _cleanup_free_ char *owned = text;
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_manifest_ Manifest m = {};
        int r = parse(owned, NULL, &m, &error);

        if (allowed)
                CHECK_OK(r);
        else
                CHECK_EQ(error.kind, ERROR_LIMIT);
}

TEST(limits)
{
        static const char list[] = "{\"schemaVersion\":2,\"manifests\":[",
                          layers[] = "{\"schemaVersion\":2,\"config\":" BLOB(
                                  OCI "config.v1+json") ",\"layers\":[";

        check_limit(repeated(list, BLOB(OCI_MANIFEST), INDEX_ENTRIES_MAX, "]}"), true);
        check_limit(repeated(list, BLOB(OCI_MANIFEST), INDEX_ENTRIES_MAX + 1, "]}"), false);
        check_limit(repeated(list, BLOB(OCI_MANIFEST), 100000, "]}"), false);
        check_limit(repeated(layers, BLOB(OCI "layer.v1.tar"), IMAGE_LAYERS_MAX, "]}"), true);
        check_limit(repeated(layers, BLOB(OCI "layer.v1.tar"), IMAGE_LAYERS_MAX + 1, "]}"), false);
        check_limit(strdup("{\"schemaVersion\":2,\"config\":{\"mediaType\":\"" OCI
                           "config.v1+json\",\"size\":4194305,\"digest\":\"sha256:" HEX64
                           "\"},\"layers\":[]}"),
                    false);
}

TEST(choice)
{
        static const char index[] =
                "{\"schemaVersion\":2,\"manifests\":["
                "{\"mediaType\":\"" OCI_MANIFEST "\",\"digest\":\"sha256:" HEX64
                "\",\"size\":0,\"platform\":{\"os\":\"linux\",\"architecture\":\"amd64\"}},"
                "{\"mediaType\":\"" OCI_MANIFEST "\",\"digest\":\"sha256:" HEX64
                "\",\"size\":1,\"platform\":{\"os\":\"linux\",\"architecture\":\"arm\",\"variant\":\"v5\"}},"
                "{\"mediaType\":\"" OCI_MANIFEST "\",\"digest\":\"sha256:" HEX64
                "\",\"size\":2,\"platform\":{\"os\":\"linux\",\"architecture\":\"arm\",\"variant\":\"v7\"}},"
                "{\"mediaType\":\"" OCI_MANIFEST "\",\"digest\":\"sha256:" HEX64
                "\",\"size\":3,\"platform\":{\"os\":\"windows\",\"architecture\":\"amd64\"}},"
                "{\"mediaType\":\"" OCI_MANIFEST "\",\"digest\":\"sha256:" HEX64
                "\",\"size\":4,\"platform\":{\"os\":\"unknown\",\"architecture\":\"unknown\"}},"
                "{\"mediaType\":\"application/x\",\"digest\":\"sha256:" HEX64 "\",\"size\":5}]}";
        static const struct {
                const char *want;
                int size; /* of the entry; -1: none */
        } rows[] = {
                {"linux/amd64", 0},   {"linux/arm/v7", 2},  {"linux/arm/v6", 1}, {"linux/arm", 2},
                {"linux/arm/v4", -1}, {"windows/amd64", 3}, {"linux/s390x", -1}, {"unknown/unknown", -1},
        };
        _cleanup_manifest_ Manifest m = {};

        CHECK_OK(parse(index, NULL, &m, NULL));
        CHECK_EQ(m.n, 4);
        FOREACH_ELEMENT(row, rows) {
                _cleanup_error_ Error error = ERROR_INIT;
                _cleanup_platform_ Platform want = {};
                size_t i = 0;

                CHECK_OK(platform_parse(row->want, &want));
                if (row->size < 0) {
                        CHECK(manifest_choose(&m, "m", &want, &i, &error) < 0);
                        CHECK(strstr(error.message, "no image for"));
                } else {
                        CHECK_OK(manifest_choose(&m, "m", &want, &i, &error));
                        CHECK_EQ(m.list[i].size, row->size);
                }
        }
}
