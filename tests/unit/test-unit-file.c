/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The unit of a container as text: each value in its line, and no value that makes a line of its own. */

#include "base/ini.h"
#include "base/str.h"
#include "spec/setting.h"
#include "spec/unit-file.h"

#include "test.h"

static const char id[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static UnitFile *unit_of(const char *name, const char *value, const UnitContext *context)
{
        _cleanup_(spec_freep) Spec *s = spec_new(SPEC_CONTAINER);
        UnitFile *u = NULL;

        if (name)
                CHECK_OK(setting_assign(s, setting_by_name(SPEC_CONTAINER, name), value, NULL));
        CHECK_OK(unit_file_new(s, context, &u, NULL));
        return u;
}

static bool has_line(const char *text, const char *line)
{
        _cleanup_strv_ char **lines = NULL;

        CHECK_OK(strv_split(text, "\n", &lines));
        return strv_contains(lines, line);
}

TEST(settings_become_lines)
{
        static const struct {
                const char *name, *value, *line;
        } cases[] = {
                {NULL, NULL, "Type=notify"},
                {NULL, NULL, "KillMode=mixed"},
                {NULL, NULL, "TasksMax=2048"},
                {NULL, NULL, "TimeoutStopSec=10s"},
                {NULL, NULL, "LogRateLimitIntervalSec=1us"},
                {NULL, NULL, "SuccessExitStatus=143 SIGTERM"},
                {"StopSignal", "SIGINT", "KillSignal=SIGINT"},
                {"StopSignal", "SIGINT", "SuccessExitStatus=130 SIGINT"},
                {"StopTimeout", "90", "TimeoutStopSec=1min 30s"},
                {"Memory", "512m", "MemoryMax=536870912"},
                {"PidsLimit", "-1", "TasksMax=infinity"},
                {"Cpus", "1.5", "CPUQuota=150%"},
                {"CpuShares", "1024", "CPUWeight=39"},
                {"CpusetCpus", "0-3,5", "AllowedCPUs=0-3,5"},
                {"IOWeight", "200", "IOWeight=200"},
                {"OomScoreAdj", "-5", "OOMScoreAdjust=-5"},
                {"RestartPolicy", "unless-stopped", "Restart=always"},
                {"Devices", "/dev/fuse:/dev/x:rw", "DeviceAllow=/dev/fuse rw"},
                {"LogTag", "50%", "SyslogIdentifier=50%%"},
                {"LogDriver", "none", "StandardOutput=null"},
                {"LogDriver", "pipe", "StandardOutput=journal"},
        };
        UnitContext context = {.id = id, .name = "web", .image_name = "localhost/web:latest"};

        FOREACH_ELEMENT(c, cases) {
                _cleanup_(unit_file_freep) UnitFile *u = unit_of(c->name, c->value, &context);
                _cleanup_free_ char *text = NULL;

                CHECK_OK(unit_file_text(u, &text));
                if (!has_line(text, c->line))
                        test_fail(__FILE__, __LINE__, c->line, text, NULL);
        }
}

TEST(pipes_are_needed_by_who_has_them)
{
        static const struct {
                const char *driver;
                bool without_id, foreground;
                const char *line;
        } cases[] = {
                {"pipe", false, false, "Requires=berth-log@%s.socket"}, {"pipe", false, true, NULL},
                {"pipe", true, false, "Requires=berth-log@%%N.socket"}, {"journald", true, false, NULL},
                {NULL, true, false, "Wants=berth-log@%%N.socket"},      {NULL, false, false, NULL},
        };

        FOREACH_ELEMENT(c, cases) {
                UnitContext context = {
                        .id = c->without_id ? NULL : id, .name = "web", .foreground = c->foreground};
                _cleanup_(unit_file_freep) UnitFile *u =
                        unit_of(c->driver ? "LogDriver" : NULL, c->driver, &context);
                _cleanup_free_ char *text = NULL, *line = NULL, *after = NULL;

                CHECK_OK(unit_file_text(u, &text));
                CHECK_EQ(strstr(text, "berth-log@") != NULL, c->line != NULL);
                if (!c->line)
                        continue;
                line = str_printf(c->line, id);
                after = str_printf("After=%s", strchr(line, '=') + 1);
                CHECK(has_line(text, line));
                CHECK(has_line(text, after));
        }
}

TEST(an_image_name_cannot_write_a_directive)
{
        static const char *const names[] = {
                "x\nExecStartPre=/bin/sh",
                "x\rExecStartPre=/bin/sh",
                "x\\",
                "%n",
                "$HOME",
                "\"a b\"",
                "a'b",
                "#x",
                ";",
        };

        FOREACH_ELEMENT(n, names) {
                UnitContext context = {.id = id, .name = "web", .image_name = *n};
                _cleanup_(unit_file_freep) UnitFile *u = unit_of(NULL, NULL, &context);
                _cleanup_(ini_freep) IniFile *ini = NULL;
                _cleanup_free_ char *text = NULL, *error = NULL;

                if (unit_file_text(u, &text) < 0)
                        continue;
                CHECK_OK(ini_parse(&ini, "x.service", text, strlen(text), &error));
                CHECK_EQ(ini->n_entries, u->n_rows);
        }
}

TEST(a_unit_without_a_container_yet_is_found_by_its_name)
{
        UnitContext context = {.name = "web", .image_name = "web"};
        _cleanup_(unit_file_freep) UnitFile *u = unit_of(NULL, NULL, &context);
        _cleanup_free_ char *text = NULL;

        CHECK_OK(unit_file_text(u, &text));
        CHECK(has_line(text, "ExecStart=" BERTH_LIBEXEC_DIR "/berth-exec unit-start --unit %n"));
        CHECK(has_line(text, "ExecStopPost=" BERTH_LIBEXEC_DIR "/berth-exec unit-cleanup --unit %n"));
        CHECK(!strstr(text, "CollectMode"));
}

TEST(an_exec_session_has_no_limits_of_its_own)
{
        _cleanup_(spec_freep) Spec *s = spec_new(SPEC_EXEC);
        UnitContext context = {.id = id, .name = "web", .exec_id = id};
        _cleanup_(unit_file_freep) UnitFile *u = NULL;

        CHECK_OK(unit_file_new(s, &context, &u, NULL));
        CHECK(unit_file_find(u, "ExecStart"));
        CHECK_STREQ(unit_file_find(u, "ExecStart")->list[1], "unit-exec");
        CHECK(!unit_file_find(u, "TasksMax"));
        CHECK(!unit_file_find(u, "StandardOutput"));
}
