/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Limits as files, and device rules as a program, without a kernel: the one is a list, the other is
 * interpreted here. */

#include "base/json.h"
#include "base/str.h"
#include "exec/cgroup-device.h"
#include "exec/cgroup-resource.h"
#include "test.h"

static char *settings_of(const char *text, Error *error)
{
        _cleanup_cgroup_settings_ CgroupSettings s = {};
        _cleanup_(launch_resources_done) LaunchResources r = {};
        _cleanup_strv_ char **lines = NULL;
        _cleanup_json_ json_t *v = NULL;

        CHECK_OK(json_parse(text, strlen(text), &v, NULL));
        if (launch_resources_from_json(v, &r, error) < 0 || cgroup_settings_build(&r, &s, error) < 0)
                return NULL;
        for (size_t i = 0; i < s.n; i++)
                CHECK_OK(strv_consume(&lines, str_printf("%s=%s", s.settings[i].file, s.settings[i].value)));
        return strv_join(lines, ";");
}

TEST(settings)
{
        static const struct {
                const char *resources;
                const char *files;
        } cases[] = {
                {"{}", ""},
                {"{\"memory\":{\"limit\":100,\"swap\":150,\"reservation\":50}}",
                 "memory.max=100;memory.low=50;memory.swap.max=50"},
                {"{\"memory\":{\"limit\":-1,\"swap\":-1}}", "memory.max=max;memory.swap.max=max"},
                {"{\"memory\":{\"limit\":0,\"swap\":0,\"reservation\":0}}", ""},
                {"{\"cpu\":{\"shares\":1024}}", "cpu.weight=100"},
                {"{\"cpu\":{\"shares\":0}}", ""},
                {"{\"cpu\":{\"quota\":5000,\"period\":10000,\"burst\":3}}",
                 "cpu.max=5000 10000;cpu.max.burst=3"},
                {"{\"cpu\":{\"quota\":5000}}", "cpu.max=5000 100000"},
                {"{\"cpu\":{\"quota\":-1}}", "cpu.max=max 100000"},
                {"{\"cpu\":{\"cpus\":\"0-1\",\"mems\":\"0\",\"idle\":1}}",
                 "cpu.idle=1;cpuset.cpus=0-1;cpuset.mems=0"},
                {"{\"pids\":{\"limit\":7}}", "pids.max=7"},
                {"{\"pids\":{\"limit\":-1}}", "pids.max=max"},
                {"{\"blockIO\":{\"weight\":10}}", "io.weight=default 1"},
                {"{\"blockIO\":{\"weight\":1000}}", "io.weight=default 10000"},
                {"{\"blockIO\":{\"throttleReadBpsDevice\":[{\"major\":8,\"minor\":0,\"rate\":5}]}}",
                 "io.max=8:0 rbps=5"},
                {"{\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":4}]}", "hugetlb.2MB.max=4"},
                {"{\"rdma\":{\"mlx5_1\":{\"hcaHandles\":3}}}", "rdma.max=mlx5_1 hca_handle=3"},
                {"{\"unified\":{\"memory.high\":\"5\"}}", "memory.high=5"},
                {"{\"unified\":{\"io.max\":\"8:0 rbps=1\\n8:16 rbps=2\"}}",
                 "io.max=8:0 rbps=1;io.max=8:16 rbps=2"},
                {"{\"pids\":{\"limit\":7},\"unified\":{\"pids.max\":\"8\"}}", "pids.max=7;pids.max=8"},
        };

        FOREACH_ELEMENT(c, cases) {
                _cleanup_error_ Error error = ERROR_INIT;
                _cleanup_free_ char *files = settings_of(c->resources, &error);

                if (!streq_ptr(files, c->files))
                        test_fail(__FILE__, __LINE__, c->resources, files ?: error.message, c->files);
        }
}

TEST(refused)
{
        static const char *const cases[] = {
                "{\"memory\":{\"swap\":150}}",
                "{\"memory\":{\"limit\":100,\"swap\":50}}",
                "{\"memory\":{\"disableOOMKiller\":true}}",
                "{\"cpu\":{\"realtimeRuntime\":5}}",
                "{\"network\":{\"classID\":5}}",
                "{\"blockIO\":{\"leafWeight\":20}}",
                "{\"hugepageLimits\":[{\"pageSize\":\"../x\",\"limit\":4}]}",
                "{\"unified\":{\"cgroup.procs\":\"1\"}}",
                "{\"unified\":{\"cgroup.kill\":\"1\"}}",
                "{\"unified\":{\"nodot\":\"1\"}}",
                "{\"unified\":{\"../a.b\":\"1\"}}",
                "{\"unified\":{\".a\":\"1\"}}",
        };

        FOREACH_ELEMENT(text, cases) {
                _cleanup_error_ Error error = ERROR_INIT;
                _cleanup_free_ char *files = settings_of(*text, &error);

                if (files || error.kind == ERROR_NONE)
                        test_fail(__FILE__, __LINE__, *text, files, "an error");
        }
}

TEST(weights)
{
        CHECK_EQ(cgroup_cpu_weight(0), 0);
        CHECK_EQ(cgroup_cpu_weight(2), 1);
        CHECK_EQ(cgroup_cpu_weight(1024), 100);
        CHECK_EQ(cgroup_cpu_weight(262144), 10000);
        CHECK_EQ(cgroup_cpu_weight(UINT64_MAX), 10000);
        for (uint64_t shares = 3; shares < 262144; shares++)
                CHECK(cgroup_cpu_weight(shares) >= cgroup_cpu_weight(shares - 1));
        CHECK_EQ(cgroup_io_weight(500), 4950);
}

/* As much of the kernel's interpreter as the program uses. Jumps only lead forward. */
static bool ask(const DeviceProgram *p, uint32_t type, uint32_t wanted, uint32_t major, uint32_t minor)
{
        uint64_t registers[11] = {};
        uint32_t context[] = {type | wanted << 16, major, minor};

        for (size_t i = 0; i < p->n_code; i++) {
                const struct bpf_insn *c = &p->code[i];
                uint64_t *to = &registers[c->dst_reg], k = (uint64_t) (int64_t) c->imm;

                CHECK(c->off >= 0 && i + (size_t) c->off < p->n_code);
                switch (c->code) {
                case BPF_LDX | BPF_MEM | BPF_W:
                        *to = context[c->off / 4];
                        break;
                case BPF_ALU64 | BPF_MOV | BPF_X:
                        *to = registers[c->src_reg];
                        break;
                case BPF_ALU64 | BPF_MOV | BPF_K:
                        *to = k;
                        break;
                case BPF_ALU64 | BPF_AND | BPF_K:
                        *to &= k;
                        break;
                case BPF_ALU64 | BPF_RSH | BPF_K:
                        *to >>= k;
                        break;
                case BPF_JMP | BPF_JNE | BPF_K:
                        i += *to != k ? (size_t) c->off : 0;
                        break;
                case BPF_JMP | BPF_JSET | BPF_K:
                        i += *to & k ? (size_t) c->off : 0;
                        break;
                case BPF_JMP | BPF_JA:
                        i += (size_t) c->off;
                        break;
                case BPF_JMP | BPF_EXIT:
                        return registers[0] == 1;
                default:
                        test_fail(__FILE__, __LINE__, "a known instruction", NULL, NULL);
                }
        }
        test_fail(__FILE__, __LINE__, "the program ends", NULL, NULL);
}

enum {
        R = BPF_DEVCG_ACC_READ,
        W = BPF_DEVCG_ACC_WRITE,
        M = BPF_DEVCG_ACC_MKNOD,
        C = BPF_DEVCG_DEV_CHAR,
        B = BPF_DEVCG_DEV_BLOCK,
};

TEST(devices)
{
        static const LaunchDeviceRule rules[] = {
                {false, 'a', {}, {}, NULL},
                {true, 'c', {true, 10}, {true, 229}, (char *) "r"},
                {true, 'c', {true, 10}, {true, 229}, (char *) "w"},
                {true, 'b', {true, 8}, {}, (char *) "rw"},
                {false, 'b', {true, 8}, {true, 1}, (char *) "w"},
                {false, 'c', {true, 1}, {true, 9}, NULL},
        };
        _cleanup_device_program_ DeviceProgram p = {};

        CHECK_OK(device_program_build(rules, ELEMENTSOF(rules), &p));
        /* Two rules together. */
        CHECK(ask(&p, C, R | W, 10, 229));
        CHECK(ask(&p, C, R, 10, 229));
        CHECK(!ask(&p, C, R, 10, 228));
        CHECK(!ask(&p, B, R, 10, 229));
        /* A later refusal takes a part. */
        CHECK(ask(&p, B, R | W, 8, 0));
        CHECK(ask(&p, B, R, 8, 1));
        CHECK(!ask(&p, B, W, 8, 1));
        CHECK(!ask(&p, B, R | W, 8, 1));
        /* What every container has, unless it is refused by name. */
        CHECK(ask(&p, C, R | W, 1, 3));
        CHECK(ask(&p, C, R | W, 136, 77));
        CHECK(!ask(&p, C, R, 1, 9));
        CHECK(ask(&p, C, M, 77, 77));
        CHECK(ask(&p, B, M, 77, 77));
        CHECK(!ask(&p, C, M | R, 77, 77));
        CHECK(!ask(&p, C, R, 1, 1));
}

TEST(everything)
{
        static const LaunchDeviceRule rules[] = {{false, 'a', {}, {}, NULL},
                                                 {true, 'a', {true, -1}, {true, -1}, NULL}};
        _cleanup_device_program_ DeviceProgram p = {};

        CHECK_OK(device_program_build(rules, ELEMENTSOF(rules), &p));
        CHECK(ask(&p, B, R | W | M, 8, 1));
        CHECK(ask(&p, C, R | W | M, 1, 1));
}

TEST(too_many_rules)
{
        _cleanup_free_ LaunchDeviceRule *rules = calloc(5000, sizeof(*rules));
        _cleanup_device_program_ DeviceProgram p = {};

        CHECK(rules);
        CHECK_EQ(device_program_build(rules, 5000, &p), -E2BIG);
}
