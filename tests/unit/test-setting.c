/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Walks every row of the table of settings: a new row is tested by being there. */

#include "base/str.h"
#include "spec/setting.h"

#include "test.h"

TEST(rows_are_complete)
{
        SETTING_FOREACH(row, ~0U)
        {
                CHECK(row->name && *row->name >= 'A' && *row->name <= 'Z');
                CHECK(row->kinds != 0);
                CHECK(row->type && row->type->signature && row->type->from_text && row->type->to_text);
                CHECK(row->type->from_json && row->type->to_json && row->type->copy && row->type->equal);
                CHECK(!isempty(row->help) && strlen(row->help) <= 80);
                CHECK(!isempty(row->example));
                CHECK(row->offset < sizeof(Spec));
        }
}

TEST(names_are_unique)
{
        SETTING_FOREACH(a, ~0U)
        {
                CHECK(setting_by_name(SPEC_CONTAINER | SPEC_EXEC, a->name) == a);
                if (!(a->flags & SETTING_NO_FLAG))
                        CHECK(setting_by_flag(a->kinds, setting_flag(a)) == a);
                if (!(a->flags & SETTING_NO_QUADLET))
                        CHECK(setting_by_quadlet(a->kinds, a->quadlet ?: a->name) == a);
                if (a->letter)
                        CHECK(setting_by_letter(a->kinds, a->letter) == a);
        }
}

/* The example survives text -> value -> JSON -> value -> text, and a copy equals its original. */
TEST(examples_survive)
{
        SETTING_FOREACH(row, ~0U)
        {
                SpecKind kind = row->kinds & SPEC_CONTAINER ? SPEC_CONTAINER : SPEC_EXEC;
                _cleanup_(spec_freep) Spec *a = spec_new(kind), *b = spec_new(kind), *c = NULL;
                _cleanup_error_ Error error = ERROR_INIT;
                _cleanup_json_ json_t *json = NULL;
                _cleanup_free_ char *before = NULL, *after = NULL;

                CHECK(a && b);
                CHECK(!spec_has(a, setting_id(row)));
                CHECK_OK(setting_assign(a, row, row->example, &error));
                CHECK(spec_has(a, setting_id(row)));
                json = spec_to_json(a);
                CHECK(json && json_object_size(json) == 1);
                CHECK_OK(spec_from_json(b, json, NULL, &error));
                CHECK(spec_equal(a, b));
                CHECK_OK(spec_copy(a, &c));
                CHECK(spec_equal(a, c));
                before = setting_text(a, row);
                after = setting_text(b, row);
                CHECK_STREQ(before, after);
        }
}

TEST(empty_resets)
{
        SETTING_FOREACH(row, SPEC_CONTAINER)
        {
                _cleanup_(spec_freep) Spec *a = spec_new(SPEC_CONTAINER), *b = spec_new(SPEC_CONTAINER);

                CHECK_OK(setting_assign(a, row, row->example, NULL));
                CHECK_OK(setting_assign(a, row, "", NULL));
                if (row->type == &setting_type_argv)
                        CHECK(spec_has(a, setting_id(row)));
                else
                        CHECK(spec_equal(a, b));
        }
}

TEST(lists_append_and_others_are_replaced)
{
        _cleanup_(spec_freep) Spec *s = spec_new(SPEC_CONTAINER);

        CHECK_OK(setting_assign(s, setting_get(SETTING_ULIMITS), "nofile=1:2", NULL));
        CHECK_OK(setting_assign(s, setting_get(SETTING_ULIMITS), "core=unlimited", NULL));
        CHECK_EQ(strv_length(s->ulimits), 2);
        CHECK_OK(setting_assign(s, setting_get(SETTING_HOSTNAME), "a", NULL));
        CHECK_OK(setting_assign(s, setting_get(SETTING_HOSTNAME), "b", NULL));
        CHECK_STREQ(s->hostname, "b");
}

TEST(defaults_hold)
{
        _cleanup_(spec_freep) Spec *s = spec_new(SPEC_CONTAINER);

        CHECK_EQ(s->stop_signal, 15);
        CHECK_EQ(s->stop_timeout, 10000000);
        CHECK_EQ(s->pids_limit, 2048);
        CHECK_EQ(s->umask, 0022);
        CHECK_EQ(s->shm_size, 64 << 20);
}

TEST(bad_values_are_named)
{
        static const struct {
                SettingId id;
                const char *value;
        } bad[] = {
                {SETTING_NAME, "-x"},
                {SETTING_NAME, "a/b"},
                {SETTING_VOLUMES, "/a:/b:U"},
                {SETTING_NAME, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},
                {SETTING_STOP_SIGNAL, "SIGFOO"},
                {SETTING_STOP_TIMEOUT, "soon"},
                {SETTING_MEMORY, "much"},
                {SETTING_CPU_QUOTA, "0"},
                {SETTING_CPU_QUOTA, "1.2.3"},
                {SETTING_CPU_SHARES, "1"},
                {SETTING_NETWORK, "moon"},
                {SETTING_VOLUMES, "relative/path:/x"},
                {SETTING_VOLUMES, "/a:/../b"},
                {SETTING_VOLUMES, "/a:/b:wobbly"},
                {SETTING_MOUNTS, "type=bind,destination=/x"},
                {SETTING_TMPFS, "/"},
                {SETTING_DEVICES, "/etc/passwd"},
                {SETTING_CAP_ADD, "CAP_FLY"},
                {SETTING_SYSCTL, "kernel.core_pattern=|/x"},
                {SETTING_ULIMITS, "nofile=2:1"},
                {SETTING_USER, "a:b:c"},
                {SETTING_USER, "+0"},
                {SETTING_ENVIRONMENT, "=x"},
                {SETTING_WORKING_DIR, "srv"},
                {SETTING_WORKING_DIR, "/srv/../etc"},
                {SETTING_RESTART_POLICY, "sometimes"},
                {SETTING_TIMEZONE, "../../etc/shadow"},
                {SETTING_SECCOMP_PROFILE, "relative.json"},
                {SETTING_UMASK, "0999"},
                {SETTING_OOM_SCORE_ADJ, "1001"},
                {SETTING_READ_ONLY, "perhaps"},
                {SETTING_HOSTNAME, "a\nb"},
                {SETTING_LOG_TAG, "a\nb"},
                {SETTING_USERNS, "container:x"},
                {SETTING_UID_MAP, "0:1:0"},
                {SETTING_SUB_UID_MAP, "a:b"},
                {SETTING_SYSTEMD, "maybe"},
        };

        FOREACH_ELEMENT(b, bad) {
                _cleanup_(spec_freep) Spec *s = spec_new(SPEC_CONTAINER);
                _cleanup_error_ Error error = ERROR_INIT;
                const Setting *row = setting_get(b->id);

                CHECK_EQ(setting_assign(s, row, b->value, &error), -EINVAL);
                CHECK_EQ(error.kind, ERROR_INVALID_ARGUMENT);
                CHECK(startswith(error.message, row->name));
                CHECK(!spec_has(s, b->id));
        }
}

TEST(json_of_the_wrong_type_is_refused)
{
        SETTING_FOREACH(row, SPEC_CONTAINER)
        {
                json_t *wrong[] = {json_null(), json_integer(INT64_MIN), json_pack("[i]", 1),
                                   json_pack("{s:i}", "a", 1)};

                FOREACH_ELEMENT(w, wrong) {
                        _cleanup_(spec_freep) Spec *s = spec_new(SPEC_CONTAINER);
                        _cleanup_error_ Error error = ERROR_INIT;
                        _cleanup_json_ json_t *value = *w;

                        CHECK(setting_assign_json(s, row, value, &error) < 0);
                        CHECK(error.kind == ERROR_INVALID_ARGUMENT);
                }
        }
}

TEST(unknown_members)
{
        _cleanup_(spec_freep) Spec *s = spec_new(SPEC_CONTAINER);
        _cleanup_json_ json_t *o = json_pack("{s:s,s:b}", "StopSignl", "SIGINT", "ReadOnly", true),
                              *rest = NULL;
        _cleanup_error_ Error error = ERROR_INIT;

        CHECK_EQ(spec_from_json(s, o, NULL, &error), -EINVAL);
        CHECK(strstr(error.message, "StopSignal"));
        CHECK_OK(spec_from_json(s, o, &rest, NULL));
        CHECK(s->read_only);
        CHECK_STREQ(json_get_string(rest, "StopSignl"), "SIGINT");
}

TEST(flags_are_computed)
{
        CHECK_STREQ(setting_flag(setting_get(SETTING_STOP_SIGNAL)), "stop-signal");
        CHECK_STREQ(setting_flag(setting_get(SETTING_ENVIRONMENT)), "env");
        CHECK_STREQ(setting_nearest_flag(SPEC_CONTAINER, "stop-singal"), "stop-signal");
}

static Spec *spec_of(const char *const *assignments)
{
        Spec *s = spec_new(SPEC_CONTAINER);

        CHECK_OK(setting_assign(s, setting_get(SETTING_IMAGE), "x", NULL));
        for (; *assignments; assignments += 2)
                CHECK_OK(setting_assign(s, setting_by_name(SPEC_CONTAINER, assignments[0]), assignments[1],
                                        NULL));
        return s;
}

#define SPEC(...) spec_of((const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

TEST(rules_between_settings)
{
        const struct {
                Spec *spec;
                int result;
                const char *names;
        } cases[] = {
                {SPEC(), 0, NULL},
                {spec_new(SPEC_CONTAINER), -EINVAL, "Image"},
                {SPEC("AutoRemove", "true", "RestartPolicy", "always"), -EINVAL, "AutoRemove"},
                {SPEC("RestartRetries", "3"), -EINVAL, "RestartRetries"},
                {SPEC("RestartPolicy", "on-failure", "RestartRetries", "3"), 0, NULL},
                {SPEC("Network", "host", "Sysctl", "net.ipv4.ip_forward=1"), -EINVAL, "Sysctl"},
                {SPEC("Network", "host", "Network", "none"), -EINVAL, "Network"},
                {SPEC("MemorySwap", "1G"), -EINVAL, "MemorySwap"},
                {SPEC("Memory", "2G", "MemorySwap", "1G"), -EINVAL, "MemorySwap"},
                {SPEC("Volumes", "/a:/x", "Tmpfs", "/x"), -EINVAL, "/x"},
                {SPEC("Volumes", "data:/x"), -EOPNOTSUPP, "data:/x"},
                {SPEC("Group", "g"), -EINVAL, "Group"},
                {SPEC("User", "a:b", "Group", "g"), -EINVAL, "Group"},
        };

        FOREACH_ELEMENT(c, cases) {
                _cleanup_error_ Error error = ERROR_INIT;

                CHECK_EQ(spec_verify(c->spec, &error), c->result);
                CHECK(!c->names || strstr(error.message, c->names));
                spec_free(c->spec);
        }
}

TEST(guards_see_the_host)
{
        static const struct {
                SettingId id;
                const char *value;
                bool reaches;
        } cases[] = {
                {SETTING_NETWORK, "host", true},
                {SETTING_NETWORK, "none", false},
                {SETTING_VOLUMES, "/a:/b", true},
                {SETTING_TMPFS, "/run", false},
                {SETTING_DEVICES, "/dev/x", true},
                {SETTING_CAP_ADD, "net_admin", true},
                {SETTING_OOM_SCORE_ADJ, "-1", true},
                {SETTING_OOM_SCORE_ADJ, "1", false},
                {SETTING_MOUNTS, "type=tmpfs,dst=/x", false},
                {SETTING_MOUNTS, "type=bind,src=/,dst=/x", true},
        };

        FOREACH_ELEMENT(c, cases) {
                _cleanup_(spec_freep) Spec *s = spec_new(SPEC_CONTAINER);
                const Setting *row = setting_get(c->id);

                CHECK_OK(setting_assign(s, row, c->value, NULL));
                CHECK_EQ(row->guard && row->guard(s), c->reaches);
        }
}
