/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Rows of a unit become properties of the type that systemd wants, values untouched. */

#include "base/str.h"
#include "engine/unit-property.h"
#include "spec/name.h"
#include "spec/setting.h"

#include "bus-pair.h"

static void check_cpus(const char *text, size_t size, unsigned first_byte, unsigned last_byte)
{
        _cleanup_free_ uint8_t *mask = NULL;
        size_t n;

        CHECK_OK(cpuset_parse(text, &mask, &n));
        CHECK_EQ(n, size);
        CHECK_EQ(mask[0], first_byte);
        CHECK_EQ(mask[n - 1], last_byte);
}

TEST(cpusets)
{
        static const char *const bad[] = {"", ",", "a", "1-", "-1", "3-1", "8192", "0-99999999999", "1,,x"};

        check_cpus("0", 1, 1, 1);
        check_cpus("0-3,5", 1, 0x2f, 0x2f);
        check_cpus("0,9", 2, 1, 2);
        check_cpus("8191", 1024, 0, 0x80);
        FOREACH_ELEMENT(text, bad) {
                uint8_t *mask;
                size_t n;

                CHECK_EQ(cpuset_parse(*text, &mask, &n) < 0, true);
        }
}

static sd_bus_message *append(BusPair *p, const UnitRow *row)
{
        sd_bus_message *m = NULL;

        CHECK_OK(sd_bus_message_new_method_call(p->client, &m, NULL, "/", "a.b", "C"));
        CHECK_OK(unit_property_append(m, row));
        CHECK_OK(sd_bus_message_seal(m, 1, 0));
        CHECK_OK(sd_bus_message_rewind(m, true));
        return m;
}

TEST(names_and_types)
{
        char *list[] = {(char *) "/bin/x", (char *) "a b", (char *) "%n", (char *) "$X", NULL};
        char *devices[] = {(char *) "/dev/fuse", (char *) "rwm", NULL};
        char *statuses[] = {(char *) "143", (char *) "SIGTERM", NULL};
        const struct {
                UnitRow row;
                const char *name, *signature;
        } cases[] = {
                {{.key = "Slice", .type = UNIT_VALUE_STRING, .text = (char *) "a"}, "Slice", "s"},
                {{.key = "SendSIGKILL", .type = UNIT_VALUE_BOOL, .number = 1}, "SendSIGKILL", "b"},
                {{.key = "MemoryMax", .type = UNIT_VALUE_U64, .number = 5}, "MemoryMax", "t"},
                {{.key = "StartLimitBurst", .type = UNIT_VALUE_U32, .number = 5}, "StartLimitBurst", "u"},
                {{.key = "OOMScoreAdjust", .type = UNIT_VALUE_I32, .number = (uint64_t) -5},
                 "OOMScoreAdjust",
                 "i"},
                {{.key = "KillSignal", .type = UNIT_VALUE_SIGNAL, .number = 15}, "KillSignal", "i"},
                {{.key = "TimeoutStopSec", .type = UNIT_VALUE_USEC, .number = 5}, "TimeoutStopUSec", "t"},
                {{.key = "After", .type = UNIT_VALUE_STRV, .list = list}, "After", "as"},
                {{.key = "ExecStart", .type = UNIT_VALUE_EXEC, .list = list}, "ExecStart", "a(sasb)"},
                {{.key = "DeviceAllow", .type = UNIT_VALUE_DEVICES, .list = devices}, "DeviceAllow", "a(ss)"},
                {{.key = "SuccessExitStatus", .type = UNIT_VALUE_EXIT_STATUS, .list = statuses},
                 "SuccessExitStatus",
                 "(aiai)"},
                {{.key = "LogExtraFields", .type = UNIT_VALUE_FIELDS, .list = list}, "LogExtraFields", "aay"},
                {{.key = "CPUQuota", .type = UNIT_VALUE_CPU_QUOTA, .number = 5}, "CPUQuotaPerSecUSec", "t"},
                {{.key = "AllowedCPUs", .type = UNIT_VALUE_CPUSET, .text = (char *) "0-3"},
                 "AllowedCPUs",
                 "ay"},
        };
        _cleanup_bus_pair_ BusPair p = {};

        bus_pair_open(&p);
        FOREACH_ELEMENT(c, cases) {
                sd_bus_message *m = append(&p, &c->row);
                const char *name, *contents;
                char type;

                CHECK_OK(sd_bus_message_enter_container(m, 'r', "sv"));
                CHECK_OK(sd_bus_message_read(m, "s", &name));
                CHECK_STREQ(name, c->name);
                CHECK_OK(sd_bus_message_peek_type(m, &type, &contents));
                CHECK_STREQ(contents, c->signature);
                sd_bus_message_unref(m);
        }
}

TEST(values_are_data)
{
        char *argv[] = {(char *) "/bin/x",     (char *) "a b", (char *) "%n",
                        (char *) "${X};\"'\\", (char *) "",    NULL};
        UnitRow row = {.key = "ExecStart", .type = UNIT_VALUE_EXEC, .list = argv};
        _cleanup_bus_pair_ BusPair p = {};
        _cleanup_strv_ char **out = NULL;
        sd_bus_message *m;
        const char *path;

        bus_pair_open(&p);
        m = append(&p, &row);
        CHECK_OK(sd_bus_message_enter_container(m, 'r', "sv"));
        CHECK_OK(sd_bus_message_skip(m, "s"));
        CHECK_OK(sd_bus_message_enter_container(m, 'v', "a(sasb)"));
        CHECK_OK(sd_bus_message_enter_container(m, 'a', "(sasb)"));
        CHECK_OK(sd_bus_message_enter_container(m, 'r', "sasb"));
        CHECK_OK(sd_bus_message_read(m, "s", &path));
        CHECK_STREQ(path, "/bin/x");
        CHECK_OK(sd_bus_message_read_strv(m, &out));
        CHECK(strv_equal(argv, out));
        sd_bus_message_unref(m);
}

TEST(statuses_and_signals)
{
        char *list[] = {(char *) "143", (char *) "SIGINT", (char *) "7", NULL};
        UnitRow row = {.key = "SuccessExitStatus", .type = UNIT_VALUE_EXIT_STATUS, .list = list};
        _cleanup_bus_pair_ BusPair p = {};
        int32_t first, second, third;
        sd_bus_message *m;

        bus_pair_open(&p);
        m = append(&p, &row);
        CHECK_OK(sd_bus_message_enter_container(m, 'r', "sv"));
        CHECK_OK(sd_bus_message_skip(m, "s"));
        CHECK_OK(sd_bus_message_read(m, "v", "(aiai)", 2, &first, &second, 1, &third));
        CHECK_EQ(first, 143);
        CHECK_EQ(second, 7);
        CHECK_EQ(third, 2);
        sd_bus_message_unref(m);
}

/* Everything that a unit of ours can hold has a form on the bus. */
TEST(whole_units)
{
        static const char id[ID_LENGTH + 1] =
                "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        UnitContext context = {.id = id, .name = "web", .image_name = "localhost/web:latest"};
        _cleanup_(spec_freep) Spec *spec = spec_new(SPEC_CONTAINER);
        _cleanup_(unit_file_freep) UnitFile *unit = NULL;
        _cleanup_bus_pair_ BusPair p = {};

        bus_pair_open(&p);
        SETTING_FOREACH(row, SPEC_CONTAINER)
        CHECK_OK(setting_assign(spec, row, row->example, NULL));
        CHECK_OK(unit_file_new(spec, &context, &unit, NULL));
        for (size_t i = 0; i < unit->n_rows; i++)
                sd_bus_message_unref(append(&p, &unit->rows[i]));
}
