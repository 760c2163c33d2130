/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Orders become plans: what is planned can be read, what cannot be done is refused before anything is
 * mounted. */

#include <sys/mount.h>

#include "base/str.h"
#include "exec/mount-idmap.h"
#include "exec/mount-plan.h"
#include "exec/sysctl.h"
#include "spec/id-map.h"
#include "test.h"

static int parse_words(const char *text, MountOptions *ret)
{
        _cleanup_strv_ char **words = NULL;

        CHECK_OK(strv_split(text, ",", &words));
        return mount_options_parse(words, ret);
}

TEST(options)
{
        _cleanup_(mount_options_done) MountOptions o = {};

        CHECK_OK(parse_words("rbind,ro,nosuid,rnodev,rro,rslave,size=5m,sync", &o));
        CHECK(o.bind && o.recursive);
        CHECK_EQ(o.set, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID);
        CHECK_EQ(o.clear, 0);
        CHECK_EQ(o.set_all, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV);
        CHECK_EQ(o.propagation, MS_SLAVE);
        CHECK(o.propagation_all);
        CHECK_EQ(strv_length(o.rest), 2);
        CHECK_STREQ(o.rest[0], "size=5m");
}

TEST(later_options_win)
{
        _cleanup_(mount_options_done) MountOptions o = {};

        CHECK_OK(parse_words("ro,rw,suid,nosuid,noatime,strictatime,exec", &o));
        CHECK_EQ(o.set, MOUNT_ATTR_NOSUID | MOUNT_ATTR_STRICTATIME);
        CHECK_EQ(o.clear, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC | MOUNT_ATTR__ATIME);
        CHECK(!o.bind);
        CHECK_EQ(o.propagation, 0);
}

/* The attribute words have their recursive form, and "relatime" is not "r" of something. */
TEST(recursive_forms)
{
        for (size_t i = 0; mount_option_name(i); i++) {
                _cleanup_(mount_options_done) MountOptions plain = {}, all = {};
                _cleanup_free_ char *word = str_printf("r%s", mount_option_name(i));

                CHECK_OK(parse_words(mount_option_name(i), &plain));
                if ((plain.set | plain.clear) == 0)
                        continue;
                CHECK_OK(parse_words(word, &all));
                CHECK_EQ(plain.set, all.set_all);
                CHECK_EQ(plain.clear, all.clear_all);
                CHECK(!plain.rest && !all.rest);
                CHECK_EQ(all.set | all.clear, 0);
        }
}

/* Replaces ' by " to keep the documents readable. */
static int plan(const char *text, Launch **ret_launch, MountPlan *ret, Error *error)
{
        _cleanup_free_ char *json = strdup(text);
        _cleanup_json_ json_t *v = NULL;
        int r;

        for (char *p = json; *p; p++)
                if (*p == '\'')
                        *p = '"';
        CHECK_OK(json_parse(json, strlen(json), &v, NULL));
        r = launch_from_json(v, ret_launch, error);
        return r < 0 ? r : mount_plan_build(*ret_launch, ret, error);
}

TEST(steps)
{
        _cleanup_(launch_freep) Launch *l = NULL;
        _cleanup_mount_plan_ MountPlan p = MOUNT_PLAN_INIT;
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_free_ char *text = NULL;

        CHECK_OK(plan("{'root':{'path':'/img'},'mounts':["
                      "{'destination':'/proc','type':'proc','source':'proc'},"
                      "{'destination':'/dev','type':'tmpfs','source':'tmpfs','options':['mode=755']},"
                      "{'destination':'/tmp','type':'tmpfs','source':'tmpfs'},"
                      "{'destination':'/sys/fs/cgroup','type':'cgroup','source':'cgroup'},"
                      "{'destination':'/data','type':'bind','source':'/srv','options':['rbind']},"
                      "{'destination':'/more','type':'none','source':'/srv','options':['bind']}],"
                      "'linux':{'maskedPaths':['/proc/kcore'],'readonlyPaths':['/proc/sys']},"
                      "'berth':{'overlayLower':['/a:b','/c,d'],'overlayUpper':'/u\\\\','overlayWork':'/w',"
                      "'timezone':'Europe/Berlin','autoRemove':true}}",
                      &l, &p, &error));
        text = mount_plan_text(&p);
        CHECK_STREQ(text, "root overlay lowerdir=/a\\:b:/c\\,d,upperdir=/u\\\\,workdir=/w,"
                          "redirect_dir=nofollow,metacopy=off,index=off,volatile\n"
                          "proc /proc proc\n"
                          "dev /dev tmpfs\n"
                          "mount /tmp tmpfs\n"
                          "cgroup /sys/fs/cgroup cgroup\n"
                          "bind /data /srv\n"
                          "bind /more /srv\n"
                          "bind /etc/localtime /usr/share/zoneinfo/Europe/Berlin\n"
                          "mask /proc/kcore\n"
                          "protect /proc/sys");
        CHECK_STREQ(p.steps[3].type, "cgroup2");
        CHECK(p.overlay_volatile);
        CHECK_EQ(p.steps[6].options.set, MOUNT_ATTR_RDONLY);
}

/* What is there when nobody mounts a /dev. */
#define NODES                                                                                                \
        "\nnode /dev/null\nnode /dev/zero\nnode /dev/full\nnode /dev/random\nnode /dev/urandom\n"            \
        "node /dev/tty\nlinks /dev"

TEST(roots)
{
        static const struct {
                const char *order, *expected;
        } cases[] = {
                {"{'root':{'path':'/img','readonly':true}}", "root /img" NODES},
                {"{'berth':{'overlayLower':['/a']}}",
                 "root overlay "
                 "lowerdir=/a:/run/berth/root,redirect_dir=nofollow,metacopy=off,index=off" NODES},
        };

        FOREACH_ELEMENT(c, cases) {
                _cleanup_(launch_freep) Launch *l = NULL;
                _cleanup_mount_plan_ MountPlan p = MOUNT_PLAN_INIT;
                _cleanup_error_ Error error = ERROR_INIT;
                _cleanup_free_ char *text = NULL;

                CHECK_OK(plan(c->order, &l, &p, &error));
                text = mount_plan_text(&p);
                CHECK_STREQ(text, c->expected);
        }
}

TEST(devices)
{
        static const struct {
                const char *order, *expected;
        } cases[] = {
                /* The tmpfs takes its own. */
                {"{'root':{'path':'/i'},'mounts':[{'destination':'/dev','type':'tmpfs'}],"
                 "'linux':{'devices':[{'path':'/dev/fuse','type':'c'},{'path':'/x','type':'p'}]}}",
                 "root /i\ndev /dev\nnode /x"},
                /* The host's has all. */
                {"{'root':{'path':'/i'},'mounts':[{'destination':'/dev','source':'/"
                 "dev','options':['rbind']}],"
                 "'linux':{'devices':[{'path':'/dev/fuse','type':'c'},{'path':'/x','type':'c'}]}}",
                 "root /i\nbind /dev /dev\nnode /x"},
                /* Nobody in a user namespace makes nodes, but of pipes. */
                {"{'root':{'path':'/i'},'mounts':[{'destination':'/dev','type':'tmpfs'}],"
                 "'linux':{'namespaces':[{'type':'user'}],"
                 "'devices':[{'path':'/x','type':'c'},{'path':'/y','type':'p'}]}}",
                 "root /i\ndev /dev\nbind /x /x\nnode /y"},
        };

        FOREACH_ELEMENT(c, cases) {
                _cleanup_(launch_freep) Launch *l = NULL;
                _cleanup_mount_plan_ MountPlan p = MOUNT_PLAN_INIT;
                _cleanup_error_ Error error = ERROR_INIT;
                _cleanup_free_ char *text = NULL;

                CHECK_OK(plan(c->order, &l, &p, &error));
                text = mount_plan_text(&p);
                CHECK_STREQ(text, c->expected);
        }
}

TEST(id_maps_of_options)
{
        LaunchIdMap container[] = {{0, 0, 1}, {1, 2, 1000}};
        const LaunchIdMaps base = {.uids = container, .n_uids = 2, .gids = container, .n_gids = 2};
        static const char *const bad[] = {"",
                                          "uids=0-1-10",
                                          "uids=0-1;gids=0-1-1",
                                          "uids=a-1-1;gids=0-0-1",
                                          "uids=0-0-0;gids=0-0-1",
                                          "uids=0-4294967290-9;gids=0-0-1",
                                          "uids=0-0-1;gids=0-0-1;x=1"};
        _cleanup_launch_id_maps_ LaunchIdMaps maps = {};

        CHECK_OK(mount_idmap_parse("uids=0-1-10#10-11-10;gids=@1-3-10", &base, &maps));
        CHECK_EQ(maps.n_uids, 2);
        CHECK_EQ(maps.uids[1].container_id, 10);
        CHECK_EQ(maps.uids[1].host_id, 11);
        CHECK_EQ(maps.gids[0].host_id, 4);
        FOREACH_ELEMENT(text, bad) {
                LaunchIdMaps none = {};

                if (mount_idmap_parse(*text, &base, &none) >= 0)
                        test_fail(__FILE__, __LINE__, "was refused", *text, NULL);
        }
}

TEST(refused)
{
        static const char *const orders[] = {
                "{}",
                "{'root':{'path':'/i'},'mounts':[{'destination':'/d','type':'bind'}]}",
                "{'root':{'path':'/i'},'mounts':[{'destination':'/d','type':'bind','source':'relative'}]}",
                "{'root':{'path':'/i'},'mounts':[{'destination':'/d','source':'/s','options':['bind','x']}]}",
                "{'root':{'path':'/i'},'mounts':[{'destination':'/d'}]}",
                "{'root':{'path':'/i'},'mounts':[{'destination':'/d','source':'/"
                "s','options':['bind','tmpcopyup']}]}",
                "{'root':{'path':'/i'},'mounts':[{'destination':'/"
                "','type':'tmpfs','options':['tmpcopyup']}]}",
                "{'root':{'path':'/i'},'mounts':[{'destination':'/d','type':'tmpfs','options':['idmap']}]}",
                "{'root':{'path':'/i'},'mounts':[{'destination':'/d','type':'a/b'}]}",
                "{'root':{'path':'/i'},'linux':{'maskedPaths':['proc']}}",
                "{'root':{'path':'/i'},'linux':{'readonlyPaths':['']}}",
                "{'root':{'path':'/i'},'berth':{'timezone':'../../etc/shadow'}}",
                "{'root':{'path':'/i'},'berth':{'timezone':'/etc/shadow'}}",
                "{'root':{'path':'/i'},'linux':{'sysctl':{'net.ipv4.ip_forward':'1'}}}",
        };

        FOREACH_ELEMENT(order, orders) {
                _cleanup_(launch_freep) Launch *l = NULL;
                _cleanup_mount_plan_ MountPlan p = MOUNT_PLAN_INIT;
                _cleanup_error_ Error error = ERROR_INIT;

                if (plan(*order, &l, &p, &error) >= 0)
                        test_fail(__FILE__, __LINE__, "was refused", *order, NULL);
                CHECK_EQ(error.kind, ERROR_INVALID_ARGUMENT);
        }
}

TEST(too_many_layers)
{
        _cleanup_(launch_freep) Launch *l = launch_new();
        _cleanup_mount_plan_ MountPlan p = MOUNT_PLAN_INIT;
        _cleanup_error_ Error error = ERROR_INIT;

        CHECK(l);
        for (unsigned i = 0; i < 100; i++)
                CHECK_OK(strv_consume(&l->overlay_lower,
                                      str_printf("/var/lib/a-rather-long-directory-name/%u", i)));
        CHECK(mount_plan_build(l, &p, &error) < 0);
        CHECK_EQ(error.kind, ERROR_LIMIT);
}

TEST(sysctls)
{
        static const struct {
                const char *name;
                unsigned namespaces;
                bool good;
        } cases[] = {
                {"net.ipv4.ip_forward", 1U << LAUNCH_NS_NETWORK, true},
                {"net/ipv4/conf/eth0.5/forwarding", 1U << LAUNCH_NS_NETWORK, true},
                {"net.ipv4.ip_forward", 1U << LAUNCH_NS_IPC, false},
                {"kernel.shmmax", 1U << LAUNCH_NS_IPC, true},
                {"kernel.msgmax", 1U << LAUNCH_NS_IPC, true},
                {"kernel.sem", 1U << LAUNCH_NS_IPC, true},
                {"fs.mqueue.msg_max", 1U << LAUNCH_NS_IPC, true},
                {"fs.file-max", ~0U, false},
                {"kernel.core_pattern", ~0U, false},
                {"kernel.domainname", 1U << LAUNCH_NS_UTS, true},
                {"kernel.hostname", ~0U, false},
                {"net/../kernel/core_pattern", ~0U, false},
                {"net", ~0U, false},
                {"", ~0U, false},
        };

        FOREACH_ELEMENT(c, cases) {
                _cleanup_(launch_freep) Launch *l = launch_new();
                _cleanup_error_ Error error = ERROR_INIT;

                CHECK(l);
                l->namespaces = c->namespaces;
                l->sysctl = map_new_strings();
                CHECK_OK(map_put_string(l->sysctl, c->name, "1"));
                if ((sysctl_check(l, &error) >= 0) != c->good)
                        test_fail(__FILE__, __LINE__, "sysctl_check", c->name, NULL);
        }
}
