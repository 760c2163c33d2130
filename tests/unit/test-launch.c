/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Orders and records: everything that is written is read again, everything that is wrong is named. */

#include <sched.h>
#include <sys/mount.h>
#include <sys/personality.h>

#include "base/str.h"
#include "spec/launch.h"
#include "test.h"

static json_t *parse(const char *text)
{
        _cleanup_free_ char *json = strdup(text);
        json_t *v = NULL;

        CHECK(json);
        for (char *p = json; *p; p++)
                if (*p == '\'')
                        *p = '"';
        if (json_parse(json, strlen(json), &v, NULL) < 0)
                test_fail(__FILE__, __LINE__, "json_parse", text, NULL);
        return v;
}

static const char full[] =
        "{'ociVersion':'1.0.2','hostname':'box','annotations':{'a':'b'},"
        "'process':{'args':['sh','-c','true'],'env':['A=b','EMPTY='],'cwd':'/w','noNewPrivileges':true,"
        "'user':{'uid':5,'gid':6,'umask':18,'additionalGids':[7,8]},"
        "'capabilities':{'bounding':['CAP_CHOWN','CAP_SETFCAP'],'effective':['CAP_CHOWN'],'inheritable':[],"
        "'permitted':['CAP_CHOWN','CAP_CHECKPOINT_RESTORE'],'ambient':[]},"
        "'rlimits':[{'type':'RLIMIT_NOFILE','hard':2000,'soft':1000},{'type':'RLIMIT_CORE','hard':-1,'soft':"
        "0}],"
        "'oomScoreAdj':-5,'berth':{'user':'app:grp','groups':['x','9']}},"
        "'root':{'path':'/img','readonly':true},"
        "'mounts':[{'destination':'/proc','type':'proc','source':'proc','options':['nosuid']},"
        "{'destination':'/data','type':'bind','source':'/srv'}],"
        "'linux':{'maskedPaths':['/proc/kcore'],'readonlyPaths':['/proc/sys'],'sysctl':{'net.x':'1'},"
        "'seccomp':{'defaultAction':'SCMP_ACT_ALLOW'},"
        "'namespaces':[{'type':'mount'},{'type':'pid'},{'type':'network','path':'/run/netns/x'}],"
        "'devices':[{'path':'/dev/fuse','type':'c','major':10,'minor':229,'fileMode':438,'uid':1,'gid':2}]},"
        "'berth':{'id':'abc','name':'web','image':'i','unit':'berth-web.service','logTag':'t',"
        "'overlayLower':['/l1','/l2'],'overlayUpper':'/u','overlayWork':'/wk','seccompProfile':'unconfined',"
        "'sdnotify':'container','timezone':'local','foreground':true,'logNone':true,'logPipe':true,'"
        "autoRemove':true}}";

static Launch *load(const json_t *v)
{
        _cleanup_error_ Error error = ERROR_INIT;
        Launch *l = NULL;

        if (launch_from_json(v, &l, &error) < 0)
                test_fail(__FILE__, __LINE__, "launch_from_json", error.message, NULL);
        return l;
}

TEST(fields)
{
        _cleanup_json_ json_t *v = parse(full);
        _cleanup_(launch_freep) Launch *l = load(v);

        CHECK_STREQ(l->process.args[2], "true");
        CHECK_EQ(l->process.uid, 5);
        CHECK_EQ(l->process.additional_gids.n, 2);
        CHECK(l->process.has_umask);
        CHECK_EQ(l->process.umask, 022);
        CHECK_EQ(l->process.capabilities[0], 1U | UINT64_C(1) << 31);
        CHECK_EQ(l->process.capabilities[3], 1U | UINT64_C(1) << 40);
        CHECK_EQ(l->process.rlimits[1].hard, RLIM_INFINITY);
        CHECK_EQ(l->process.oom_score_adj, -5);
        CHECK_STREQ(l->process.user, "app:grp");
        CHECK_STREQ(l->process.groups[1], "9");
        CHECK(l->root_readonly);
        CHECK_EQ(l->n_mounts, 2);
        CHECK_EQ(l->namespaces, 1U << LAUNCH_NS_MOUNT | 1U << LAUNCH_NS_PID | 1U << LAUNCH_NS_NETWORK);
        CHECK_STREQ(l->namespace_paths[LAUNCH_NS_NETWORK], "/run/netns/x");
        CHECK_EQ(l->devices[0].minor, 229);
        CHECK_EQ(l->devices[0].mode, 0666);
        CHECK_STREQ(map_get(l->sysctl, "net.x"), "1");
        CHECK_STREQ(l->overlay_lower[1], "/l2");
        CHECK(l->foreground && l->log_none && l->log_pipe && l->auto_remove);
}

TEST(round_trip)
{
        _cleanup_json_ json_t *v = parse(full), *again = NULL, *third = NULL;
        _cleanup_(launch_freep) Launch *l = load(v), *l2 = NULL;

        again = launch_to_json(l);
        CHECK(json_equal(v, again));
        l2 = load(again);
        third = launch_to_json(l2);
        CHECK(json_equal(again, third));
}

TEST(little)
{
        _cleanup_json_ json_t *v = parse("{}"), *again = NULL;
        _cleanup_(launch_freep) Launch *l = load(v);

        CHECK(!l->process.args && !l->mounts && !l->id);
        again = launch_to_json(l);
        CHECK_STREQ(json_get_string(again, "ociVersion"), "1.0.2");
}

TEST(process_alone)
{
        _cleanup_json_ json_t *v = parse(full), *again = NULL;
        _cleanup_error_ Error error = ERROR_INIT;
        LaunchProcess p = {};

        CHECK_OK(launch_process_from_json(json_get_object(v, "process"), &p, &error));
        again = launch_process_to_json(&p);
        CHECK(json_equal(again, json_get_object(v, "process")));
        launch_process_done(&p);
        CHECK(launch_process_from_json(NULL, &p, &error) < 0);
}

/* One of each member that the specification 1.3 has. */
static const char everything[] =
        "{'ociVersion':'1.3.0','domainname':'example.org','process':{'args':['x'],'cwd':'/','terminal':true,"
        "'consoleSize':{'height':25,'width':80},'user':{'uid':0,'gid':0},"
        "'capabilities':{'bounding':[],'effective':[],'inheritable':[],'permitted':[],'ambient':[]},"
        "'apparmorProfile':'p','selinuxLabel':'l',"
        "'scheduler':{'policy':'SCHED_DEADLINE','nice':-5,'priority':7,'flags':['SCHED_FLAG_RESET_ON_FORK'],"
        "'runtime':1,'deadline':2,'period':3},'ioPriority':{'class':'IOPRIO_CLASS_BE','priority':4},"
        "'execCPUAffinity':{'initial':'0','final':'0-3,7'}},"
        "'mounts':[{'destination':'/m','source':'/s','options':['idmap'],"
        "'uidMappings':[{'containerID':0,'hostID':5,'size':1}],"
        "'gidMappings':[{'containerID':0,'hostID':6,'size':1}]}],"
        "'hooks':{'prestart':[{'path':'/h','args':['h','a'],'env':['A=b'],'timeout':3}],"
        "'createRuntime':[{'path':'/1'}],'createContainer':[{'path':'/2'}],'startContainer':[{'path':'/3'}],"
        "'poststart':[{'path':'/4'}],'poststop':[{'path':'/5'},{'path':'/6'}]},"
        "'linux':{'namespaces':[{'type':'mount'},{'type':'user'},{'type':'time'}],"
        "'uidMappings':[{'containerID':0,'hostID':100000,'size':65536}],"
        "'gidMappings':[{'containerID':0,'hostID':100000,'size':1000},{'containerID':1000,'hostID':5,'size':"
        "1}"
        "],"
        "'timeOffsets':{'monotonic':{'secs':-7,'nanosecs':5},'boottime':{'secs':9}},"
        "'netDevices':{'eth0':{'name':'ct0'},'eth1':{}},'cgroupsPath':'/a/b','rootfsPropagation':'rslave',"
        "'mountLabel':'ml','intelRdt':{'closID':'x'},'personality':{'domain':'LINUX32'},"
        "'memoryPolicy':{'mode':'MPOL_INTERLEAVE','nodes':'0-1','flags':['MPOL_F_STATIC_NODES']},"
        "'resources':{'devices':[{'allow':false,'type':'a'},"
        "{'allow':true,'type':'c','major':1,'minor':0,'access':'rw'}],"
        "'memory':{'limit':-1,'reservation':0,'swap':5,'kernel':6,'kernelTCP':7,'swappiness':0,"
        "'disableOOMKiller':true,'useHierarchy':true,'checkBeforeUpdate':true},"
        "'cpu':{'shares':0,'quota':-1,'burst':1,'period':2,'realtimeRuntime':3,'realtimePeriod':4,'cpus':'0',"
        "'mems':'0','idle':0},'pids':{'limit':0},"
        "'blockIO':{'weight':10,'leafWeight':11,'weightDevice':[{'major':8,'minor':0,'weight':0,'leafWeight':"
        "1}],"
        "'throttleReadBpsDevice':[{'major':8,'minor':0,'rate':1}],"
        "'throttleWriteBpsDevice':[{'major':8,'minor':0,'rate':2}],"
        "'throttleReadIOPSDevice':[{'major':8,'minor':0,'rate':3}],"
        "'throttleWriteIOPSDevice':[{'major':8,'minor':0,'rate':0}]},"
        "'hugepageLimits':[{'pageSize':'2MB','limit':0},{'pageSize':'1GB','limit':'18446744073709551615'}],"
        "'network':{'classID':0,'priorities':[{'name':'lo','priority':5}]},"
        "'rdma':{'mlx5':{'hcaHandles':3,'hcaObjects':0}},'unified':{'memory.high':'5'}}},'berth':{}}";

TEST(fields_of_1_3)
{
        _cleanup_json_ json_t *v = parse(everything), *again = NULL;
        _cleanup_(launch_freep) Launch *l = load(v);

        CHECK_EQ(l->process.scheduler.policy, SCHED_DEADLINE);
        CHECK_EQ(l->process.scheduler.nice, -5);
        CHECK_EQ(l->process.io_priority, 4);
        CHECK_EQ(l->mounts[0].maps.uids[0].host_id, 5);
        CHECK_EQ(l->hooks[LAUNCH_HOOK_PRESTART].hooks[0].timeout.value, 3);
        CHECK_EQ(l->hooks[LAUNCH_HOOK_POSTSTOP].n, 2);
        CHECK_EQ(l->maps.n_gids, 2);
        CHECK_EQ(l->time_offsets.monotonic.secs, -7);
        CHECK_EQ(l->rootfs_propagation, MS_SLAVE | MS_REC);
        CHECK_EQ(l->personality, PER_LINUX32);
        CHECK_EQ(l->resources.n_device_rules, 2);
        CHECK_EQ(l->resources.device_rules[0].type, 'a');
        CHECK(!l->resources.device_rules[0].major.set && l->resources.device_rules[1].minor.set);
        CHECK_EQ(l->resources.memory.limit.value, -1);
        CHECK_EQ(l->resources.hugepages[1].limit, UINT64_MAX);
        CHECK(l->resources.cpu.idle.set && l->resources.pids_limit.set);
        CHECK_STREQ(l->resources.rdma[0].device, "mlx5");
        CHECK_STREQ(l->net_devices[0].name, "ct0");
        again = launch_to_json(l);
        CHECK(json_equal(v, again));
}

TEST(versions)
{
        static const struct {
                const char *version;
                bool known;
        } cases[] = {
                {"1.0.0", true},      {"1.0.2-dev", true}, {"1.1.0+x", true}, {"1.2.1", true},
                {"1.3.0-rc.1", true}, {"1.3.99", true},    {"1.4.0", false},  {"0.9.0", false},
                {"2.0.0", false},     {"1.0", false},      {"", false},       {"1.0.0 ", false},
                {"1.0.0-", false},    {"01.0.0", false},   {"1.-1.0", false},
        };

        FOREACH_ELEMENT(c, cases) {
                _cleanup_json_ json_t *v = json_pack("{s:s}", "ociVersion", c->version);
                _cleanup_(launch_freep) Launch *l = NULL;
                _cleanup_error_ Error error = ERROR_INIT;

                if ((launch_from_json(v, &l, &error) >= 0) != c->known)
                        test_fail(__FILE__, __LINE__, "version", c->version, error.message);
        }
}

TEST(unknown_capabilities)
{
        _cleanup_json_ json_t *v = parse("{'args':['x'],'cwd':'/','capabilities':{'bounding':"
                                         "['CAP_NONE','CAP_KILL','ALL','KILL']}}");
        _cleanup_error_ Error error = ERROR_INIT;
        LaunchProcess p = {};

        CHECK_OK(launch_process_from_json(v, &p, &error));
        CHECK_EQ(p.capabilities[LAUNCH_CAP_BOUNDING], UINT64_C(1) << 5);
        launch_process_done(&p);
}

TEST(resources_alone)
{
        _cleanup_json_ json_t *v = parse("{'memory':{'limit':5},'unified':{'pids.max':'7'}}"), *again = NULL;
        _cleanup_error_ Error error = ERROR_INIT;
        LaunchResources r = {};

        CHECK_OK(launch_resources_from_json(v, &r, &error));
        again = launch_resources_to_json(&r);
        CHECK(json_equal(v, again));
        launch_resources_done(&r);
}

TEST(cpu_lists)
{
        uint64_t bits[2];

        CHECK_OK(launch_parse_cpu_list("0-2,64,127", bits, 128));
        CHECK_EQ(bits[0], 7);
        CHECK_EQ(bits[1], UINT64_C(1) << 63 | 1);
        CHECK_OK(launch_parse_cpu_list("", bits, 128));
        CHECK_EQ(bits[0] | bits[1], 0);
        CHECK(launch_parse_cpu_list("128", bits, 128) < 0);
        CHECK(launch_parse_cpu_list("3-1", bits, 128) < 0);
        CHECK(launch_parse_cpu_list("1,", bits, 128) < 0);
        CHECK(launch_parse_cpu_list(",1", bits, 128) < 0);
        CHECK(launch_parse_cpu_list("1-", bits, 128) < 0);
        CHECK(launch_parse_cpu_list("a", bits, 128) < 0);
}

TEST(unlimited_as_digits)
{
        _cleanup_json_ json_t *v = parse("{'process':{'args':['x'],'cwd':'/','rlimits':[{'type':'RLIMIT_CPU',"
                                         "'hard':'18446744073709551615','soft':3}]}}");
        _cleanup_(launch_freep) Launch *l = load(v);

        CHECK_EQ(l->process.rlimits[0].hard, RLIM_INFINITY);
}

/* What is refused, and a word of the message. */
TEST(refused)
{
        static const struct {
                const char *order, *word;
        } cases[] = {
                {"[]", "object"},
                {"{'process':5}", "process"},
                {"{'process':{'cwd':'/'}}", "args"},
                {"{'process':{'args':[],'cwd':'/'}}", "args"},
                {"{'process':{'args':[''],'cwd':'/'}}", "args"},
                {"{'process':{'args':['x']}}", "cwd"},
                {"{'process':{'args':['x'],'cwd':'a'}}", "cwd"},
                {"{'process':{'args':['x'],'cwd':''}}", "cwd"},
                {"{'process':{'args':['x'],'cwd':'/','env':['A']}}", "env"},
                {"{'process':{'args':['x'],'cwd':'/','env':['=a']}}", "env"},
                {"{'process':{'args':['x'],'cwd':'/','env':['']}}", "env"},
                {"{'process':{'args':['x'],'cwd':'/','env':['*']}}", "env"},
                {"{'process':{'args':['x'],'cwd':'/','user':{'uid':-1}}}", "uid"},
                {"{'process':{'args':['x'],'cwd':'/','user':{'uid':4294967295}}}", "uid"},
                {"{'process':{'args':['x'],'cwd':'/','user':{'uid':'0'}}}", "uid"},
                {"{'process':{'args':['x'],'cwd':'/','user':{'gid':4294967296}}}", "gid"},
                {"{'process':{'args':['x'],'cwd':'/','user':{'umask':512}}}", "umask"},
                {"{'process':{'args':['x'],'cwd':'/','user':{'additionalGids':[-1]}}}", "additionalGids"},
                {"{'process':{'args':['x'],'cwd':'/','user':{'additionalGids':['a']}}}", "additionalGids"},
                {"{'process':{'args':['x'],'cwd':'/','capabilities':{'bounding':[1]}}}", "bounding[0]"},
                {"{'process':{'args':['x'],'cwd':'/','capabilities':[]}}", "capabilities"},
                {"{'process':{'args':['x'],'cwd':'/','rlimits':[{'type':'RLIMIT_X','hard':1,'soft':1}]}}",
                 "RLIMIT_X"},
                {"{'process':{'args':['x'],'cwd':'/','rlimits':[{'type':'RLIMIT_CPU','hard':1,'soft':2}]}}",
                 "limit"},
                {"{'process':{'args':['x'],'cwd':'/','rlimits':[{'type':'RLIMIT_CPU','hard':1}]}}", "limits"},
                {"{'process':{'args':['x'],'cwd':'/','rlimits':[7]}}", "limit"},
                {"{'process':{'args':['x'],'cwd':'/','oomScoreAdj':1001}}", "oomScoreAdj"},
                {"{'process':{'args':['x'],'cwd':'/','terminal':1}}", "terminal"},
                {"{'root':{}}", "path"},
                {"{'root':'/'}", "root"},
                {"{'mounts':{}}", "mounts"},
                {"{'mounts':[{}]}", "destination"},
                {"{'mounts':[{'destination':'proc'}]}", "destination"},
                {"{'mounts':[{'destination':'/x','options':'ro'}]}", "options"},
                {"{'linux':[]}", "linux"},
                {"{'linux':{'namespaces':[{'type':'net'}]}}", "net"},
                {"{'linux':{'namespaces':[{'type':'pid'},{'type':'pid'}]}}", "twice"},
                {"{'linux':{'namespaces':[{'type':'pid','path':'x'}]}}", "absolute"},
                {"{'linux':{'namespaces':[1]}}", "namespace"},
                {"{'linux':{'devices':[{'path':'/dev/x','type':'d'}]}}", "type"},
                {"{'linux':{'devices':[{'path':'/dev/x','type':''}]}}", "type"},
                {"{'linux':{'devices':[{'path':'dev/x','type':'c'}]}}", "absolute"},
                {"{'linux':{'devices':[{'path':'/dev/x','type':'c','major':-1}]}}", "number"},
                {"{'linux':{'devices':[{'path':'/dev/x','type':'c','major':4096}]}}", "number"},
                {"{'linux':{'devices':[{'path':'/dev/x','type':'c','fileMode':65536}]}}", "fileMode"},
                {"{'linux':{'seccomp':[]}}", "linux.seccomp"},
                {"{'mounts':[{'destination':'/a'},{'destination':5}]}", "mounts[1].destination"},
                {"{'mounts':[{'destination':'/a','uidMappings':[{'containerID':0,'hostID':0,'size':0}]}]}",
                 "mounts[0].uidMappings[0].size"},
                {"{'linux':{'uidMappings':[{'containerID':0,'hostID':0,'size':2},"
                 "{'containerID':1,'hostID':9,'size':1}]}}",
                 "overlap"},
                {"{'linux':{'gidMappings':[{'containerID':0,'hostID':4294967295,'size':2}]}}", "beyond"},
                {"{'linux':{'timeOffsets':{'monotonic':{'nanosecs':1000000000}}}}",
                 "linux.timeOffsets.monotonic.nanosecs"},
                {"{'linux':{'timeOffsets':{'boottime':{'secs':'1'}}}}", "boottime.secs"},
                {"{'linux':{'netDevices':{'a/b':{}}}}", "a/b"},
                {"{'linux':{'netDevices':{'eth0':{'name':'averyveryverylongname'}}}}", "netDevices.eth0"},
                {"{'linux':{'rootfsPropagation':'public'}}", "public"},
                {"{'linux':{'personality':{'domain':'BSD'}}}", "BSD"},
                {"{'linux':{'personality':{'domain':'LINUX','flags':['X']}}}", "flags[0]"},
                {"{'linux':{'memoryPolicy':{'mode':'MPOL_NONE'}}}", "MPOL_NONE"},
                {"{'linux':{'memoryPolicy':{'mode':'MPOL_BIND','nodes':'x'}}}", "memoryPolicy.nodes"},
                {"{'linux':{'resources':{'devices':[{}]}}}", "devices[0].allow"},
                {"{'linux':{'resources':{'devices':[{'allow':true,'access':'x'}]}}}", "access"},
                {"{'linux':{'resources':{'memory':{'limit':'5'}}}}", "linux.resources.memory.limit"},
                {"{'linux':{'resources':{'cpu':{'shares':-1}}}}", "cpu.shares"},
                {"{'linux':{'resources':{'blockIO':{'weight':65536}}}}", "blockIO.weight"},
                {"{'linux':{'resources':{'hugepageLimits':[{'pageSize':'../2MB','limit':1}]}}}", "pageSize"},
                {"{'linux':{'resources':{'rdma':{'a b':{}}}}}", "rdma"},
                {"{'linux':{'resources':{'unified':{'../x.y':'1'}}}}", "unified"},
                {"{'hooks':{'prestart':[{'path':'h'}]}}", "hooks.prestart[0].path"},
                {"{'hooks':{'poststop':[{'path':'/h','timeout':0}]}}", "timeout"},
                {"{'process':{'args':['x'],'cwd':'/','scheduler':{}}}", "scheduler.policy"},
                {"{'process':{'args':['x'],'cwd':'/','scheduler':{'policy':'SCHED_X'}}}", "SCHED_X"},
                {"{'process':{'args':['x'],'cwd':'/','scheduler':{'policy':'SCHED_RR','nice':20}}}", "nice"},
                {"{'process':{'args':['x'],'cwd':'/','ioPriority':{'class':'IOPRIO_CLASS_X'}}}",
                 "IOPRIO_CLASS_X"},
                {"{'process':{'args':['x'],'cwd':'/','execCPUAffinity':{'initial':'a'}}}", "CPUs"},
                {"{'process':{'args':['x'],'cwd':'/','consoleSize':{'height':65536}}}", "consoleSize.height"},
                {"{'process':{'args':['x'],'cwd':'/','rlimits':[{'type':'RLIMIT_CPU','hard':1,'soft':1},"
                 "{'type':'RLIMIT_CPU','hard':1,'soft':1}]}}",
                 "twice"},
                {"{'linux':{'sysctl':{'a':1}}}", "sysctl"},
                {"{'berth':{'overlayLower':['x']}}", "absolute"},
                {"{'berth':{'overlayLower':['/x'],'overlayUpper':'/u'}}", "together"},
                {"{'berth':{'overlayUpper':'/u','overlayWork':'/w'}}", "together"},
                {"{'berth':{'overlayLower':['/x'],'overlayUpper':'u','overlayWork':'/w'}}", "absolute"},
                {"{'berth':{'sdnotify':'maybe'}}", "maybe"},
                {"{'berth':{'autoRemove':'yes'}}", "autoRemove"},
        };

        FOREACH_ELEMENT(c, cases) {
                _cleanup_json_ json_t *v = parse(c->order);
                _cleanup_(launch_freep) Launch *l = NULL;
                _cleanup_error_ Error error = ERROR_INIT;

                if (launch_from_json(v, &l, &error) >= 0)
                        test_fail(__FILE__, __LINE__, "was refused", c->order, NULL);
                CHECK_EQ(error.kind, ERROR_INVALID_ARGUMENT);
                if (!strstr(error.message, c->word))
                        test_fail(__FILE__, __LINE__, c->word, c->order, error.message);
        }
}

TEST(limits)
{
        _cleanup_json_ json_t *v = json_object(), *mounts = json_array();
        _cleanup_(launch_freep) Launch *l = NULL;
        _cleanup_error_ Error error = ERROR_INIT;

        for (unsigned i = 0; i < 4097; i++)
                CHECK_OK(json_array_append_new(mounts, json_pack("{s:s}", "destination", "/x")));
        CHECK_OK(json_object_set(v, "mounts", mounts));
        CHECK(launch_from_json(v, &l, &error) < 0);
        CHECK_EQ(error.kind, ERROR_LIMIT);
}

TEST(records)
{
        Record r = {
                .pid = 5,
                .pid_start = 99,
                .invocation_id = (char *) "i",
                .boot_id = (char *) "b",
                .started_usec = 7,
                .finished_usec = 8,
                .exit_code = 137,
                .result = (char *) "signal",
                .oom_killed = true,
                .oom_kills = 2,
                .error_name = (char *) "e",
                .error = (char *) "why",
        };
        _cleanup_json_ json_t *v = record_to_json(&r), *again = NULL;
        _cleanup_record_ Record copy = {};

        CHECK(v);
        CHECK_EQ(json_object_size(v), 12);
        CHECK_OK(json_object_set_new(v, "Later", json_integer(1)));
        CHECK_OK(record_from_json(v, &copy));
        CHECK_EQ(copy.exit_code, 137);
        CHECK(copy.oom_killed);
        CHECK_STREQ(copy.error, "why");
        again = record_to_json(&copy);
        CHECK(json_equal(v, again));
}

TEST(damaged_records)
{
        static const char *const texts[] = {"[]", "{'Pid':-1}", "{'ExitCode':'x'}", "{'OomKilled':1}",
                                            "{'Error':5}"};

        FOREACH_ELEMENT(text, texts) {
                _cleanup_json_ json_t *v = parse(*text);
                Record r = {};

                CHECK_EQ(record_from_json(v, &r), -EBADMSG);
        }
}

TEST(record_files)
{
        _cleanup_close_ int dir = test_directory_open();
        _cleanup_record_ Record r = {};
        Record untouched = {.pid = 3};

        CHECK_EQ(record_load_at(dir, "none", &untouched), -ENOENT);
        CHECK_EQ(untouched.pid, 3);
        CHECK_OK(fs_replace_at(dir, "one", "{\"Pid\":4}", 9, 0600, FS_NO_SYNC));
        CHECK_OK(record_load_at(dir, "one", &r));
        CHECK_EQ(r.pid, 4);
}
