/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The order to the registry client: what is written is read again, and what is wrong is named. */

#include "base/str.h"
#include "spec/fetch-order.h"
#include "test.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define MINIMAL "\"Registry\":\"r.example\",\"Path\":\"a/b\",\"Tag\":\"t\","

static int read_order(const char *text, FetchVerb verb, FetchOrder **ret, Error *error)
{
        _cleanup_json_ json_t *v = NULL;

        CHECK_OK(json_parse(text, strlen(text), &v, NULL));
        return fetch_order_from_json(v, verb, ret, error);
}

TEST(round_trip)
{
        static const char text[] =
                "{\"Registry\":\"docker.io\",\"Path\":\"library/"
                "nginx\",\"Tag\":\"latest\",\"Have\":[\"sha256:" HEX64 "\"],"
                "\"Policy\":{\"type\":\"reject\"},\"Lookaside\":\"https://s.example/"
                "x\",\"Parallel\":5,\"Retry\":1,"
                "\"RetryDelay\":1000,\"SizeMax\":1048576,\"Limit\":25,\"MountFrom\":[\"c/d\"],"
                "\"Endpoints\":[{\"Host\":\"m.example:5000\",\"Path\":\"p/"
                "q\",\"Insecure\":true,\"CA\":[\"PEM\"],"
                "\"ClientCertificate\":\"C\",\"ClientKey\":\"K\",\"Username\":\"u\",\"Password\":\"p\","
                "\"Realms\":[\"auth.example\"],\"Mirror\":true},{\"Host\":\"[::1]:5000\",\"IdentityToken\":"
                "\"i\"}],"
                "\"Platform\":{\"OS\":\"linux\",\"Architecture\":\"arm64\",\"Variant\":\"v8\"}}";
        _cleanup_fetch_order_ FetchOrder *o = NULL;
        _cleanup_json_ json_t *again = NULL;
        _cleanup_free_ char *written = NULL;

        CHECK_OK(read_order(text, FETCH_PULL, &o, NULL));
        CHECK_EQ(o->n_endpoints, (size_t) 2);
        CHECK_STREQ(o->endpoints[0].realms[0], "auth.example");
        CHECK_STREQ(o->variant, "v8");
        again = fetch_order_to_json(o);
        CHECK(again);
        written = json_text(again);
        CHECK_STREQ(written, text);
}

TEST(defaults)
{
        _cleanup_fetch_order_ FetchOrder *o = NULL, *once = NULL;

        CHECK_OK(read_order("{" MINIMAL "\"Endpoints\":[{\"Host\":\"r.example\"}]}", FETCH_PULL, &o, NULL));
        CHECK_EQ(o->parallel, FETCH_DEFAULT_PARALLEL);
        CHECK_EQ(o->retry, FETCH_DEFAULT_RETRY);
        CHECK_EQ(o->retry_delay, FETCH_DEFAULT_RETRY_DELAY);
        CHECK_OK(read_order("{" MINIMAL "\"NoRetry\":true,\"Endpoints\":[{\"Host\":\"r.example\"}]}",
                            FETCH_PULL, &once, NULL));
        CHECK_EQ(once->retry, 0U);
}

TEST(refused)
{
        static const struct {
                const char *text, *names;
                FetchVerb verb;
        } rows[] = {
                {"[]", "not an object"},
                {"{}", "Registry"},
                {"{\"Registry\":\"r\"}", "Endpoints"},
                {"{\"Registry\":\"r\",\"Endpoints\":[]}", "Endpoints"},
                {"{\"Registry\":\"r\",\"Endpoints\":[{\"Host\":\"a/b\"}]}", "Host"},
                {"{\"Registry\":\"r\",\"Endpoints\":[{\"Host\":\"a@b\"}]}", "Host"},
                {"{\"Registry\":\"r\",\"Endpoints\":[{\"Host\":\"a:0\"}]}", "Host"},
                {"{\"Registry\":\"r\",\"Endpoints\":[{\"Host\":\"[::1\"}]}", "Host"},
                {"{\"Registry\":\"r\",\"Endpoints\":[{\"Host\":\"a?b\"}]}", "Host"},
                {"{\"Registry\":\"r#x\",\"Endpoints\":[{\"Host\":\"a\"}]}", "Registry"},
                {"{\"Registry\":\"r\",\"Endpoints\":[{\"Host\":\"a\"}]}", "Path"},
                {"{\"Registry\":\"r\",\"Path\":\"a\",\"Endpoints\":[{\"Host\":\"a\"}]}", "Tag"},
                {"{\"Registry\":\"r\",\"Path\":\"../a\",\"Tag\":\"t\",\"Endpoints\":[{\"Host\":\"a\"}]}",
                 "reference"},
                {"{\"Registry\":\"r\",\"Path\":\"a:b\",\"Tag\":\"t\",\"Endpoints\":[{\"Host\":\"a\"}]}",
                 "reference"},
                {"{" MINIMAL "\"Endpoints\":[{\"Host\":\"a\",\"Path\":\"A\"}]}", "Path"},
                {"{" MINIMAL "\"Endpoints\":[{\"Host\":\"a\",\"Username\":\"u\"}]}", "Password"},
                {"{" MINIMAL "\"Endpoints\":[{\"Host\":\"a\",\"Username\":\"u:v\",\"Password\":\"\"}]}",
                 "colon"},
                {"{" MINIMAL "\"Endpoints\":[{\"Host\":\"a\",\"ClientKey\":\"u\"}]}", "ClientKey"},
                {"{" MINIMAL "\"Endpoints\":[{\"Host\":\"a\",\"Realms\":[\"https://x\"]}]}", "Realms"},
                {"{" MINIMAL "\"Digest\":\"sha256:x\",\"Endpoints\":[{\"Host\":\"a\"}]}", "Digest"},
                {"{" MINIMAL "\"KnownDigest\":\"x\",\"Endpoints\":[{\"Host\":\"a\"}]}", "KnownDigest"},
                {"{" MINIMAL "\"Have\":[\"x\"],\"Endpoints\":[{\"Host\":\"a\"}]}", "Have"},
                {"{" MINIMAL "\"MountFrom\":[\"../x\"],\"Endpoints\":[{\"Host\":\"a\"}]}", "MountFrom"},
                {"{" MINIMAL "\"Parallel\":33,\"Endpoints\":[{\"Host\":\"a\"}]}", "Parallel"},
                {"{" MINIMAL "\"Parallel\":-1,\"Endpoints\":[{\"Host\":\"a\"}]}", "Parallel"},
                {"{" MINIMAL "\"Retry\":101,\"Endpoints\":[{\"Host\":\"a\"}]}", "Retry"},
                {"{" MINIMAL "\"RetryDelay\":3600000001,\"Endpoints\":[{\"Host\":\"a\"}]}", "RetryDelay"},
                {"{" MINIMAL "\"Limit\":10001,\"Endpoints\":[{\"Host\":\"a\"}]}", "Limit"},
                {"{" MINIMAL "\"Lookaside\":\"file:///x\",\"Endpoints\":[{\"Host\":\"a\"}]}", "Lookaside"},
                {"{" MINIMAL "\"Policy\":1,\"Endpoints\":[{\"Host\":\"a\"}]}", "Policy"},
                {"{" MINIMAL "\"Platform\":{\"OS\":1},\"Endpoints\":[{\"Host\":\"a\"}]}", "OS"},
                {"{" MINIMAL "\"Endpoints\":[{\"Host\":\"a\"}]}", "Query", FETCH_SEARCH},
        };

        FOREACH_ELEMENT(row, rows) {
                _cleanup_fetch_order_ FetchOrder *o = NULL;
                _cleanup_error_ Error error = ERROR_INIT;

                CHECK_EQ(read_order(row->text, row->verb, &o, &error), -EINVAL);
                CHECK_EQ(error.kind, ERROR_INVALID_ARGUMENT);
                if (!strstr(strempty(error.message), row->names))
                        test_fail(row->text, 0, row->names, strempty(error.message), NULL);
        }
}

TEST(verbs)
{
        for (FetchVerb v = 0; v < _FETCH_VERB_MAX; v++)
                CHECK_EQ(fetch_verb_from_string(fetch_verb_to_string(v)), v);
        CHECK_EQ(fetch_verb_from_string("x"), _FETCH_VERB_INVALID);
        CHECK(!fetch_verb_to_string(_FETCH_VERB_MAX));
}
