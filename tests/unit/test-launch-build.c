/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a spec and an image give the executor to do. */

#include <signal.h>

#include "base/str.h"
#include "spec/item.h"
#include "spec/launch-build.h"
#include "spec/setting.h"

#include "test.h"

static const char id[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static const LaunchContext context = {
        .id = id,
        .name = "web",
        .unit = "berth-web.service",
        .image_name = "localhost/web:latest",
        .directory = "/c",
        .image_root = "/i/rootfs",
};

typedef struct Case {
        Spec *spec;
        ImageConfig image;
        Launch *launch;
        Error error;
        int result;
} Case;

static void case_done(Case *c)
{
        strv_free(c->image.env);
        strv_free(c->image.entrypoint);
        strv_free(c->image.cmd);
        spec_free(c->spec);
        launch_free(c->launch);
        error_done(&c->error);
}

/* The image has ENTRYPOINT ["/entry"], CMD ["serve"], PATH and LANG. assignments: setting, value, ..., NULL.
 */
static Case build(const char *const *assignments)
{
        Case c = {
                .spec = spec_new(SPEC_CONTAINER),
                .image = {.user = (char *) "app",
                          .working_dir = (char *) "/srv",
                          .stop_signal = (char *) "SIGQUIT"},
        };

        CHECK_OK(strv_append(&c.image.entrypoint, "/entry"));
        CHECK_OK(strv_append(&c.image.cmd, "serve"));
        CHECK_OK(strv_append(&c.image.env, "PATH=/image/bin"));
        CHECK_OK(strv_append(&c.image.env, "LANG=C"));
        for (; *assignments; assignments += 2)
                CHECK_OK(setting_assign(c.spec, setting_by_name(SPEC_CONTAINER, assignments[0]),
                                        assignments[1], &c.error));
        c.result = launch_build(c.spec, &c.image, &context, &c.launch, &c.error);
        return c;
}

#define BUILD(...) build((const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

static const LaunchMount *mount_at(const Launch *l, const char *destination)
{
        for (size_t i = 0; i < l->n_mounts; i++)
                if (streq(l->mounts[i].destination, destination))
                        return &l->mounts[i];
        return NULL;
}

static void check_args(const char *const *assignments, const char *expected)
{
        _cleanup_(case_done) Case c = build(assignments);
        _cleanup_free_ char *args = NULL;

        CHECK_OK(c.result);
        args = strv_join(c.launch->process.args, " ");
        CHECK_STREQ(args, expected);
}

#define CHECK_ARGS(expected, ...) check_args((const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL}, expected)

TEST(entrypoint_and_command)
{
        CHECK_ARGS("/entry serve");
        CHECK_ARGS("/entry other", "Command", "other");
        CHECK_ARGS("/mine", "Entrypoint", "/mine");
        CHECK_ARGS("/mine other", "Entrypoint", "/mine", "Command", "other");
        CHECK_ARGS("other", "Entrypoint", "", "Command", "other");
}

TEST(no_command_is_an_error)
{
        _cleanup_(case_done) Case c = BUILD("Entrypoint", "");

        CHECK_EQ(c.result, -EINVAL);
        CHECK_EQ(c.error.kind, ERROR_INVALID_ARGUMENT);
        CHECK(strstr(c.error.message, "localhost/web:latest"));
}

TEST(environment_of_image_and_user)
{
        _cleanup_(case_done) Case c = BUILD("Environment", "LANG=de", "Environment", "A=b=c");

        CHECK_OK(c.result);
        CHECK(strv_contains(c.launch->process.env, "PATH=/image/bin"));
        CHECK(strv_contains(c.launch->process.env, "LANG=de"));
        CHECK(strv_contains(c.launch->process.env, "A=b=c"));
        CHECK(strv_contains(c.launch->process.env, "HOSTNAME=0123456789ab"));
        CHECK_EQ(strv_length(c.launch->process.env), 5);
}

TEST(defaults_of_the_image)
{
        _cleanup_(case_done) Case c = BUILD(), other = BUILD("User", "0:5", "WorkingDir", "/tmp");

        CHECK_STREQ(c.launch->process.user, "app");
        CHECK_STREQ(c.launch->process.cwd, "/srv");
        CHECK_STREQ(other.launch->process.user, "0:5");
        CHECK_STREQ(other.launch->process.cwd, "/tmp");
        CHECK_OK(spec_complete(c.spec, &c.image, NULL));
        CHECK_EQ(c.spec->stop_signal, 3);
}

TEST(capabilities)
{
        static const struct {
                const char *add, *drop;
                uint64_t more, less; /* than the default */
                bool none;           /* start from none instead */
        } cases[] = {
                {"", "", 0, 0, false},      {"NET_ADMIN", "", UINT64_C(1) << 12, 0, false},
                {"", "CHOWN", 0, 1, false}, {"CHOWN", "ALL", 1, 0, true},
                {"", "ALL", 0, 0, true},
        };

        FOREACH_ELEMENT(i, cases) {
                _cleanup_(case_done) Case c = BUILD("AddCapability", i->add, "DropCapability", i->drop);
                uint64_t expected = ((i->none ? 0 : capability_default_mask()) | i->more) & ~i->less;
                const uint64_t *sets = c.launch->process.capabilities;

                CHECK_EQ(sets[0], expected);
                CHECK_EQ(sets[1], expected);
                CHECK_EQ(sets[2], 0);
                CHECK_EQ(sets[3], expected);
                CHECK_EQ(sets[4], 0);
        }
}

TEST(network_decides_namespace_and_files)
{
        _cleanup_(case_done) Case none = BUILD(), host = BUILD("Network", "host");

        CHECK(none.launch->namespaces & 1U << LAUNCH_NS_NETWORK);
        CHECK(!mount_at(none.launch, "/etc/resolv.conf"));
        CHECK(!(host.launch->namespaces & 1U << LAUNCH_NS_NETWORK));
        CHECK(mount_at(host.launch, "/etc/resolv.conf"));
        CHECK_STREQ(mount_at(none.launch, "/etc/hosts")->source, "/c/hosts");
}

TEST(mounts_are_nosuid_and_nodev_unless_asked)
{
        _cleanup_(case_done) Case c =
                BUILD("Volumes", "/a:/x:ro", "Volumes", "/b:/y:suid,dev", "Tmpfs", "/z:size=1m,mode=700");
        const LaunchMount *x = mount_at(c.launch, "/x"), *y = mount_at(c.launch, "/y"),
                          *z = mount_at(c.launch, "/z");

        CHECK_STREQ(x->source, "/a");
        CHECK(strv_contains(x->options, "rro") && strv_contains(x->options, "rbind"));
        CHECK(strv_contains(x->options, "nosuid") && strv_contains(x->options, "nodev"));
        CHECK(!strv_contains(y->options, "nosuid") && !strv_contains(y->options, "nodev"));
        CHECK_STREQ(z->type, "tmpfs");
        CHECK(strv_contains(z->options, "size=1m") && strv_contains(z->options, "mode=700"));
}

TEST(a_read_only_root_keeps_scratch_directories)
{
        _cleanup_(case_done) Case c = BUILD("ReadOnly", "true", "Tmpfs", "/run");
        size_t runs = 0;

        CHECK(c.launch->root_readonly);
        CHECK(mount_at(c.launch, "/tmp") && mount_at(c.launch, "/var/tmp"));
        for (size_t i = 0; i < c.launch->n_mounts; i++)
                runs += streq(c.launch->mounts[i].destination, "/run");
        CHECK_EQ(runs, 1);
}

/* The order outlives the way through config.json. */
TEST(order_survives_json)
{
        _cleanup_(case_done) Case c = BUILD("Ulimits", "nofile=1:2", "Sysctl", "net.core.somaxconn=5",
                                            "Labels", "a=b", "Annotations", "x=y", "Timezone", "local");
        _cleanup_(launch_freep) Launch *back = NULL;
        _cleanup_json_ json_t *first = launch_to_json(c.launch), *second = NULL;
        _cleanup_error_ Error error = ERROR_INIT;

        CHECK(first);
        CHECK_OK(launch_from_json(first, &back, &error));
        second = launch_to_json(back);
        CHECK(json_equal(first, second));
}

TEST(exec_keeps_the_privileges)
{
        _cleanup_(case_done) Case c = BUILD("DropCapability", "ALL", "NoNewPrivileges", "true");
        _cleanup_(spec_freep) Spec *s = spec_new(SPEC_EXEC);
        _cleanup_(launch_process_done) LaunchProcess p = {};

        CHECK_OK(setting_assign(s, setting_get(SETTING_COMMAND), "ls -l", NULL));
        CHECK_OK(setting_assign(s, setting_get(SETTING_ENVIRONMENT), "LANG=fr", NULL));
        CHECK_OK(launch_build_exec(s, c.launch, &p, NULL));
        CHECK_EQ(p.capabilities[0], 0);
        CHECK(p.no_new_privileges);
        CHECK_STREQ(p.user, "app");
        CHECK_STREQ(p.cwd, "/srv");
        CHECK(strv_contains(p.env, "LANG=fr"));
        CHECK_EQ(strv_length(p.args), 2);
}

TEST(pipes_for_who_opens_its_output_by_path)
{
        static const struct {
                const char *name, *value;
                bool image, pipes;
        } cases[] = {
                {"Command", "echo x", false, false},
                {"Command", "echo x >/dev/stdout", false, true},
                {"Entrypoint", "[\"tee\", \"/dev/stderr\"]", false, true},
                {"Environment", "LOG=/proc/self/fd/2", false, true},
                {"Environment", "LOG=/var/log/x", false, false},
                {"LogDriver", "pipe", false, true},
                {"LogDriver", "journald", true, false},
                {"LogDriver", "none", true, false},
                {"User", "app", true, true},
        };

        FOREACH_ELEMENT(c, cases) {
                _cleanup_(case_done) Case built = BUILD(c->name, c->value);
                _cleanup_(launch_freep) Launch *l = NULL;

                CHECK(built.launch);
                built.image.stdio_paths = c->image;
                CHECK_OK(spec_complete(built.spec, &built.image, &built.error));
                CHECK_OK(launch_build(built.spec, &built.image, &context, &l, &built.error));
                CHECK_EQ(l->log_pipe, c->pipes);
        }
}

static bool has_option(const Launch *l, const char *destination, const char *option)
{
        const LaunchMount *m = mount_at(l, destination);

        CHECK(m);
        return strv_contains(m->options, option);
}

TEST(init_comes_first)
{
        _cleanup_(case_done) Case c = BUILD("RunInit", "true", "ReadOnly", "true");
        _cleanup_free_ char *args = NULL;

        CHECK_OK(c.result);
        args = strv_join(c.launch->process.args, " ");
        CHECK_STREQ(args, "/run/podman-init -- /entry serve");
        /* Behind the tmpfs on /run, which would hide it. */
        CHECK(mount_at(c.launch, "/run/podman-init") > mount_at(c.launch, "/run"));
        CHECK(has_option(c.launch, "/run/podman-init", "ro"));
}

TEST(systemd_is_known_by_its_command)
{
        static const struct {
                const char *command, *systemd;
                bool is;
        } cases[] = {
                {"/sbin/init", "true", true},
                {"/usr/sbin/init", "true", true},
                {"/usr/local/sbin/init", "true", true},
                {"/lib/systemd/systemd --user", "true", true},
                {"systemd", "true", true},
                {"/sbin/init.sh", "true", false},
                {"init", "true", false},
                {"/sbin/init", "false", false},
                {"sleep 1", "always", true},
        };

        FOREACH_ELEMENT(k, cases) {
                _cleanup_(spec_freep) Spec *s = spec_new(SPEC_CONTAINER);
                ImageConfig image = {};

                CHECK_OK(setting_assign(s, setting_get(SETTING_COMMAND), k->command, NULL));
                CHECK_OK(setting_assign(s, setting_get(SETTING_SYSTEMD), k->systemd, NULL));
                CHECK_OK(spec_complete(s, &image, NULL));
                CHECK_EQ(s->systemd == SYSTEMD_ALWAYS, k->is);
                CHECK_EQ(s->stop_signal == SIGRTMIN + 3, k->is);
        }
}

TEST(systemd_has_what_it_needs)
{
        _cleanup_(case_done) Case c = BUILD("Systemd", "always"), plain = BUILD("Systemd", "true");

        CHECK_OK(c.result);
        CHECK(mount_at(c.launch, "/run") && mount_at(c.launch, "/run/lock") && mount_at(c.launch, "/tmp") &&
              mount_at(c.launch, "/var/log/journal"));
        CHECK(has_option(c.launch, "/sys/fs/cgroup", "rw"));
        CHECK(strv_contains(c.launch->process.env, "container_uuid=0123456789abcdef0123456789abcdef"));
        CHECK(has_option(plain.launch, "/sys/fs/cgroup", "ro"));
        CHECK(!mount_at(plain.launch, "/run"));
}

TEST(own_ids)
{
        LaunchIdMap ids[] = {{0, 1000000, 4}};
        LaunchIdMaps maps = {ids, ids, 1, 1};
        LaunchContext mapped = context;
        _cleanup_(case_done) Case c = BUILD("Network", "host", "Volumes", "/a:/a:idmap", "Volumes", "/b:/b");
        _cleanup_(launch_freep) Launch *l = NULL;

        CHECK(!has_option(c.launch, "/a", "idmap"));
        CHECK(!(c.launch->namespaces & 1U << LAUNCH_NS_USER));
        mapped.maps = &maps;
        CHECK_OK(launch_build(c.spec, &c.image, &mapped, &l, NULL));
        CHECK(l->namespaces & 1U << LAUNCH_NS_USER);
        CHECK_EQ(l->maps.uids[0].host_id, 1000000);
        CHECK(has_option(l, "/a", "idmap") && !has_option(l, "/b", "idmap") &&
              has_option(l, "/etc/hosts", "idmap"));
        CHECK_STREQ(mount_at(l, "/sys")->type, "bind");
        CHECK(!has_option(l, "/dev/pts", "gid=5"));
}
