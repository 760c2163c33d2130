/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Values survive the way onto the bus and back, and what is not wanted is refused. */

#include "base/str.h"
#include "bus/request.h"
#include "bus/value.h"
#include "spec/setting.h"

#include "bus-pair.h"

static void seal(sd_bus_message *m)
{
        CHECK_OK(sd_bus_message_seal(m, 1, 0));
        CHECK_OK(sd_bus_message_rewind(m, true));
}

static sd_bus_message *new_message(BusPair *p)
{
        sd_bus_message *m = NULL;

        CHECK_OK(sd_bus_message_new_method_call(p->client, &m, NULL, "/", "a.b", "C"));
        return m;
}

static json_t *parse(const char *text)
{
        _cleanup_free_ char *wrapped = str_printf("[%s]", text);
        _cleanup_json_ json_t *v = NULL;

        CHECK_OK(json_parse(wrapped, strlen(wrapped), &v, NULL));
        return json_incref(json_array_get(v, 0));
}

TEST(round_trip)
{
        static const struct {
                const char *signature, *json;
        } cases[] = {
                {"s", "\"\""},
                {"s", "\"a\\nb \\u00e4\""},
                {"b", "true"},
                {"b", "false"},
                {"i", "-5"},
                {"u", "4000000000"},
                {"x", "-9000000000000000000"},
                {"t", "9000000000000000000"},
                {"t", "-1"},
                {"as", "[]"},
                {"as", "[\"a\",\"\",\"b\"]"},
                {"a{ss}", "{}"},
                {"a{ss}", "{\"A\":\"1\",\"B\":\"\"}"},
                {"a{sas}", "{\"A\":[],\"B\":[\"x\",\"y\"]}"},
                {"at", "[1,-1]"},
        };
        _cleanup_bus_pair_ BusPair p = {};

        bus_pair_open(&p);
        FOREACH_ELEMENT(c, cases) {
                _cleanup_json_ json_t *in = parse(c->json), *out = NULL;
                sd_bus_message *m = new_message(&p);
                ValueBudget budget = VALUE_BUDGET;

                CHECK_OK(value_append(m, c->signature, in));
                seal(m);
                CHECK(sd_bus_message_has_signature(m, c->signature));
                CHECK_OK(value_read(m, c->signature, &budget, &out));
                CHECK(json_equal(in, out));
                sd_bus_message_unref(m);
        }
}

TEST(infinity)
{
        _cleanup_bus_pair_ BusPair p = {};
        _cleanup_json_ json_t *v = parse("-1");
        sd_bus_message *m;
        uint64_t t;

        bus_pair_open(&p);
        m = new_message(&p);
        CHECK_OK(value_append(m, "t", v));
        seal(m);
        CHECK_OK(sd_bus_message_read(m, "t", &t));
        CHECK_EQ(t, UINT64_MAX);
        sd_bus_message_unref(m);
}

TEST(budget)
{
        _cleanup_bus_pair_ BusPair p = {};
        ValueBudget budget = {.size = 100, .count = 3};
        _cleanup_json_ json_t *out = NULL;
        sd_bus_message *m;

        bus_pair_open(&p);
        m = new_message(&p);
        CHECK_OK(sd_bus_message_append(m, "as", 4, "a", "b", "c", "d"));
        seal(m);
        CHECK_EQ(value_read(m, "as", &budget, &out), -E2BIG);
        CHECK_OK(sd_bus_message_rewind(m, true));
        budget = (ValueBudget){.size = 3, .count = 100};
        CHECK_EQ(value_read(m, "as", &budget, &out), -E2BIG);
        CHECK_OK(sd_bus_message_rewind(m, true));
        budget = (ValueBudget){.size = 4, .count = 4};
        CHECK_OK(value_read(m, "as", &budget, &out));
        sd_bus_message_unref(m);
}

static int read_settings(sd_bus_message *m, Spec **ret, Error *error)
{
        _cleanup_json_ json_t *options = NULL;

        seal(m);
        return request_read_spec(m, SPEC_CONTAINER, new_container_options, ret, &options, error);
}

TEST(settings)
{
        _cleanup_bus_pair_ BusPair p = {};
        _cleanup_(spec_freep) Spec *spec = NULL;
        sd_bus_message *m;

        bus_pair_open(&p);
        m = new_message(&p);
        CHECK_OK(sd_bus_message_append(m, "a{sv}", 5, "Name", "s", "web", "Command", "as", 2, "a", "b",
                                       "Environment", "a{ss}", 1, "X", "1", "Memory", "t", UINT64_MAX,
                                       "Replace", "b", true));
        CHECK_OK(read_settings(m, &spec, NULL));
        CHECK_STREQ(spec->name, "web");
        CHECK_EQ(strv_length(spec->command), 2);
        CHECK_STREQ(map_get(spec->environment, "X"), "1");
        CHECK_EQ(spec->memory, UINT64_MAX);
        CHECK(spec_has(spec, SETTING_MEMORY));
        CHECK(!spec_has(spec, SETTING_USER));
        sd_bus_message_unref(m);
}

static void check_refused(const char *says, const char *types, const char *key, const char *signature, ...)
{
        _cleanup_bus_pair_ BusPair p = {};
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_(spec_freep) Spec *spec = NULL;
        sd_bus_message *m;
        va_list ap;

        bus_pair_open(&p);
        m = new_message(&p);
        va_start(ap, signature);
        CHECK_OK(sd_bus_message_open_container(m, 'a', "{sv}"));
        CHECK_OK(sd_bus_message_open_container(m, 'e', "sv"));
        CHECK_OK(sd_bus_message_append(m, "s", key));
        CHECK_OK(sd_bus_message_open_container(m, 'v', signature));
        CHECK_OK(sd_bus_message_appendv(m, signature, ap));
        for (unsigned i = 0; i < 3; i++)
                CHECK_OK(sd_bus_message_close_container(m));
        va_end(ap);
        CHECK(read_settings(m, &spec, &error) < 0);
        CHECK_EQ(error.kind, ERROR_INVALID_ARGUMENT);
        CHECK(strstr(error.message, says));
        sd_bus_message_unref(m);
}

TEST(refused)
{
        check_refused("did you mean Image", "", "Imag", "s", "x");
        check_refused("Image", "", "Image", "b", true);
        check_refused("Memory", "", "Memory", "s", "1G");
        check_refused("Memory", "", "Memory", "x", INT64_C(5));
        check_refused("Name", "", "Name", "s", "../x");
        check_refused("Command", "", "Command", "s", "ls");
        check_refused("Replace", "", "Replace", "s", "yes");
        check_refused("Environment", "", "Environment", "as", 1, "A=1");
}

TEST(same_key_twice)
{
        _cleanup_bus_pair_ BusPair p = {};
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_(spec_freep) Spec *spec = NULL;
        sd_bus_message *m;

        bus_pair_open(&p);
        m = new_message(&p);
        CHECK_OK(sd_bus_message_append(m, "a{sv}", 2, "Name", "s", "a", "Name", "s", "b"));
        CHECK(read_settings(m, &spec, &error) < 0);
        CHECK(strstr(error.message, "Name"));
        sd_bus_message_unref(m);
}

/* Every setting, by its own example, onto the bus and back. */
TEST(every_setting)
{
        _cleanup_bus_pair_ BusPair p = {};

        bus_pair_open(&p);
        SETTING_FOREACH(row, SPEC_CONTAINER)
        {
                _cleanup_(spec_freep) Spec *before = spec_new(SPEC_CONTAINER), *after = NULL;
                _cleanup_json_ json_t *v = NULL;
                sd_bus_message *m = new_message(&p);

                CHECK_OK(setting_assign(before, row, row->example, NULL));
                v = setting_json(before, row);
                CHECK_OK(sd_bus_message_open_container(m, 'a', "{sv}"));
                CHECK_OK(value_append_entry(m, row->name, row->type->signature, v));
                CHECK_OK(sd_bus_message_close_container(m));
                CHECK_OK(read_settings(m, &after, NULL));
                CHECK(spec_equal(before, after));
                sd_bus_message_unref(m);
        }
}
