/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* OCI "linux.resources". Only what is no such value is refused here; what a kernel can do about it is decided
 * where it is applied. */

#include <limits.h>

#include "base/str.h"
#include "spec/launch-table.h"

#define DEVICE_NUMBER_MAX UINT32_MAX
#define FIELD(member) offsetof(LaunchResources, member)

static const MemberName device_types[] = {{"a", 'a'}, {"b", 'b'}, {"c", 'c'}, {}};

static int check_device_rule(const void *object, const MemberWhere *where, Error *error)
{
        const LaunchDeviceRule *rule = object;

        if (rule->access && strspn(rule->access, "rwm") != strlen(rule->access))
                return member_invalid(where, "access", error, "\"%.200s\" has other letters than r, w, m",
                                      rule->access);
        return 0;
}

static const LaunchDeviceRule any_device = {.type = 'a'};
static const Member device_rule_members[] = {
        {"allow", MEMBER_BOOL, offsetof(LaunchDeviceRule, allow), .required = true, .always = true},
        {"type", MEMBER_NAME, offsetof(LaunchDeviceRule, type), .names = device_types,
         .unknown = "device type"},
        {"major", MEMBER_OPTIONAL_I64, offsetof(LaunchDeviceRule, major), .min = -1,
         .max = DEVICE_NUMBER_MAX},
        {"minor", MEMBER_OPTIONAL_I64, offsetof(LaunchDeviceRule, minor), .min = -1,
         .max = DEVICE_NUMBER_MAX},
        {"access", MEMBER_STRING, offsetof(LaunchDeviceRule, access)},
};
static const MemberTable device_rule_table = MEMBER_TABLE(device_rule_members, LaunchDeviceRule,
                                                          .initial = &any_device, .check = check_device_rule);

static const Member memory_members[] = {
        {"limit", MEMBER_OPTIONAL_I64, FIELD(memory.limit)},
        {"reservation", MEMBER_OPTIONAL_I64, FIELD(memory.reservation)},
        {"swap", MEMBER_OPTIONAL_I64, FIELD(memory.swap)},
        {"kernel", MEMBER_OPTIONAL_I64, FIELD(memory.kernel)},
        {"kernelTCP", MEMBER_OPTIONAL_I64, FIELD(memory.kernel_tcp)},
        {"swappiness", MEMBER_OPTIONAL_U64, FIELD(memory.swappiness)},
        {"disableOOMKiller", MEMBER_BOOL, FIELD(memory.disable_oom_killer)},
        {"useHierarchy", MEMBER_BOOL, FIELD(memory.use_hierarchy)},
        {"checkBeforeUpdate", MEMBER_BOOL, FIELD(memory.check_before_update)},
};
static const MemberTable memory_table = MEMBER_TABLE(memory_members, LaunchResources);

static const Member cpu_members[] = {
        {"shares", MEMBER_OPTIONAL_U64, FIELD(cpu.shares)},
        {"quota", MEMBER_OPTIONAL_I64, FIELD(cpu.quota)},
        {"burst", MEMBER_OPTIONAL_U64, FIELD(cpu.burst)},
        {"period", MEMBER_OPTIONAL_U64, FIELD(cpu.period)},
        {"realtimeRuntime", MEMBER_OPTIONAL_I64, FIELD(cpu.realtime_runtime)},
        {"realtimePeriod", MEMBER_OPTIONAL_U64, FIELD(cpu.realtime_period)},
        {"cpus", MEMBER_STRING, FIELD(cpu.cpus), .max = PATH_MAX},
        {"mems", MEMBER_STRING, FIELD(cpu.mems), .max = PATH_MAX},
        {"idle", MEMBER_OPTIONAL_I64, FIELD(cpu.idle)},
};
static const MemberTable cpu_table = MEMBER_TABLE(cpu_members, LaunchResources);

static const Member pids_members[] = {{"limit", MEMBER_OPTIONAL_I64, FIELD(pids_limit)}};
static const MemberTable pids_table = MEMBER_TABLE(pids_members, LaunchResources);

#define WEIGHT(name, type, member)                                                                           \
        {                                                                                                    \
                name, MEMBER_OPTIONAL_U64, offsetof(type, member), .max = UINT16_MAX                         \
        }
#define NUMBER(name, type, member)                                                                           \
        {                                                                                                    \
                name, MEMBER_I64, offsetof(type, member), .max = DEVICE_NUMBER_MAX, .required = true,        \
                                                          .always = true                                     \
        }
static const Member block_weight_members[] = {
        NUMBER("major", LaunchBlockWeight, major),
        NUMBER("minor", LaunchBlockWeight, minor),
        WEIGHT("weight", LaunchBlockWeight, weight),
        WEIGHT("leafWeight", LaunchBlockWeight, leaf_weight),
};
static const MemberTable block_weight_table = MEMBER_TABLE(block_weight_members, LaunchBlockWeight);

static const Member block_rate_members[] = {
        NUMBER("major", LaunchBlockRate, major),
        NUMBER("minor", LaunchBlockRate, minor),
        {"rate", MEMBER_U64, offsetof(LaunchBlockRate, rate), .always = true},
};
static const MemberTable block_rate_table = MEMBER_TABLE(block_rate_members, LaunchBlockRate);

#define THROTTLE(name, which)                                                                                \
        {                                                                                                    \
                name, MEMBER_ARRAY, FIELD(block.throttle[which].rates),                                      \
                        .count = FIELD(block.throttle[which].n), .table = &block_rate_table                  \
        }
static const Member block_members[] = {
        WEIGHT("weight", LaunchResources, block.weight),
        WEIGHT("leafWeight", LaunchResources, block.leaf_weight),
        {"weightDevice", MEMBER_ARRAY, FIELD(block.devices), .count = FIELD(block.n_devices),
         .table = &block_weight_table},
        THROTTLE("throttleReadBpsDevice", LAUNCH_THROTTLE_READ_BPS),
        THROTTLE("throttleWriteBpsDevice", LAUNCH_THROTTLE_WRITE_BPS),
        THROTTLE("throttleReadIOPSDevice", LAUNCH_THROTTLE_READ_IOPS),
        THROTTLE("throttleWriteIOPSDevice", LAUNCH_THROTTLE_WRITE_IOPS),
};
static const MemberTable block_table = MEMBER_TABLE(block_members, LaunchResources);

/* "2MB": it becomes part of a file's name. */
static int check_hugepage(const void *object, const MemberWhere *where, Error *error)
{
        const char *s = ((const LaunchHugepageLimit *) object)->page_size;
        size_t digits = strspn(s, "0123456789");

        if (digits == 0 || digits > 10 || *s == '0' || !strchr("KMG", s[digits]) || !s[digits] ||
            !streq(s + digits + 1, "B"))
                return member_invalid(where, "pageSize", error, "\"%.200s\" is not a size like 2MB", s);
        return 0;
}

static const Member hugepage_members[] = {
        {"pageSize", MEMBER_STRING, offsetof(LaunchHugepageLimit, page_size), .required = true},
        {"limit", MEMBER_U64, offsetof(LaunchHugepageLimit, limit), .required = true, .always = true},
};
static const MemberTable hugepage_table =
        MEMBER_TABLE(hugepage_members, LaunchHugepageLimit, .check = check_hugepage);

static const Member priority_members[] = {
        {"name", MEMBER_STRING, offsetof(LaunchNetworkPriority, name), .required = true},
        {"priority", MEMBER_U32, offsetof(LaunchNetworkPriority, priority), .required = true, .always = true},
};
static const MemberTable priority_table = MEMBER_TABLE(priority_members, LaunchNetworkPriority);

static const Member network_members[] = {
        {"classID", MEMBER_OPTIONAL_U64, FIELD(network.class_id), .max = UINT32_MAX},
        {"priorities", MEMBER_ARRAY, FIELD(network.priorities), .count = FIELD(network.n_priorities),
         .table = &priority_table},
};
static const MemberTable network_table = MEMBER_TABLE(network_members, LaunchResources);

/* It becomes a line of words in the kernel's file. */
static int check_rdma(const void *object, const MemberWhere *where, Error *error)
{
        const char *device = ((const LaunchRdma *) object)->device;

        if (!*device || strpbrk(device, " \t\n") || str_has_control(device))
                return member_invalid(where, NULL, error, "not the name of a device");
        return 0;
}

static const Member rdma_members[] = {
        {"hcaHandles", MEMBER_OPTIONAL_U64, offsetof(LaunchRdma, handles), .max = UINT32_MAX},
        {"hcaObjects", MEMBER_OPTIONAL_U64, offsetof(LaunchRdma, objects), .max = UINT32_MAX},
};
static const MemberTable rdma_table =
        MEMBER_TABLE(rdma_members, LaunchRdma, .key = offsetof(LaunchRdma, device), .check = check_rdma);

/* Its keys are names of files in the container's cgroup, and nothing else. */
static int check_resources(const void *object, const MemberWhere *where, Error *error)
{
        MAP_FOREACH(e, ((const LaunchResources *) object)->unified)
                if (strchr(map_key(e), '/') || !strchr(map_key(e), '.') || *map_key(e) == '.')
                        return member_invalid(where, "unified", error,
                                              "the specified key has not the form CONTROLLER.VALUE `%.200s`",
                                              map_key(e));
        return 0;
}

static const Member resources_members[] = {
        {"devices", MEMBER_ARRAY, FIELD(device_rules), .count = FIELD(n_device_rules),
         .table = &device_rule_table},
        {"memory", MEMBER_OBJECT, .table = &memory_table},
        {"cpu", MEMBER_OBJECT, .table = &cpu_table},
        {"pids", MEMBER_OBJECT, .table = &pids_table},
        {"blockIO", MEMBER_OBJECT, .table = &block_table},
        {"hugepageLimits", MEMBER_ARRAY, FIELD(hugepages), .count = FIELD(n_hugepages),
         .table = &hugepage_table},
        {"network", MEMBER_OBJECT, .table = &network_table},
        {"rdma", MEMBER_KEYED, FIELD(rdma), .count = FIELD(n_rdma), .table = &rdma_table},
        {"unified", MEMBER_MAP, FIELD(unified)},
};
const MemberTable launch_resources_table =
        MEMBER_TABLE(resources_members, LaunchResources, .check = check_resources);

void launch_resources_done(LaunchResources *r)
{
        members_done(&launch_resources_table, r);
        *r = (LaunchResources){};
}

int launch_resources_from_json(const json_t *v, LaunchResources *ret, Error *error)
{
        LaunchResources resources = {};
        int r;

        r = members_read(v, "resources", &launch_resources_table, &resources, error);
        if (r < 0) {
                launch_resources_done(&resources);
                return r;
        }
        *ret = resources;
        return 0;
}

json_t *launch_resources_to_json(const LaunchResources *r)
{
        return members_write(&launch_resources_table, r);
}
