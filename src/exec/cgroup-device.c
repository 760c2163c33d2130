/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The program keeps what was asked for and is not granted yet (read, write, mknod) in a register and goes
 * through the rules from the last to the first: one that allows takes its part away, and nothing left is
 * "yes"; one that denies any of what is left is "no". */

#include <fcntl.h>
#include <sys/syscall.h>

#include "base/array.h"
#include "exec/cgroup-device.h"
#include "exec/cgroup.h"

#define PROGRAM_NAME "berth_devices"
/* The kernel's own limit is a million instructions; a rule takes at most eight. */
#define RULES_MAX 4096U
#define ATTACHED_MAX 64U

enum {
        TYPE = BPF_REG_2,
        LEFT = BPF_REG_3,
        MAJOR = BPF_REG_4,
        MINOR = BPF_REG_5,
        SCRATCH = BPF_REG_6,
        CONTEXT = BPF_REG_1,
        RESULT = BPF_REG_0,
};

static const LaunchDeviceRule always[] = {
        {true, 'c', {}, {}, (char *) "m"},       {true, 'b', {}, {}, (char *) "m"},
        {true, 'c', {true, 1}, {true, 3}, NULL}, {true, 'c', {true, 1}, {true, 5}, NULL},
        {true, 'c', {true, 1}, {true, 7}, NULL}, {true, 'c', {true, 1}, {true, 8}, NULL},
        {true, 'c', {true, 1}, {true, 9}, NULL}, {true, 'c', {true, 5}, {true, 0}, NULL},
        {true, 'c', {true, 5}, {true, 1}, NULL}, {true, 'c', {true, 5}, {true, 2}, NULL},
        {true, 'c', {true, 136}, {}, NULL},
};

void device_program_done(DeviceProgram *p)
{
        free(p->code);
        *p = (DeviceProgram){};
}

static int emit(DeviceProgram *p, uint8_t code, unsigned dst, unsigned src, int16_t offset, int32_t value)
{
        if (!GROW(p->code, p->n_code))
                return -ENOMEM;
        p->code[p->n_code++] = (struct bpf_insn){
                .code = code, .dst_reg = dst & 0xf, .src_reg = src & 0xf, .off = offset, .imm = value};
        return 0;
}

static int load(DeviceProgram *p, unsigned reg, size_t offset)
{
        return emit(p, BPF_LDX | BPF_MEM | BPF_W, reg, CONTEXT, (int16_t) offset, 0);
}

/* access_type is the kind of device below, and what is wanted of it above. */
static int emit_begin(DeviceProgram *p)
{
        int r;

        r = load(p, TYPE, offsetof(struct bpf_cgroup_dev_ctx, access_type));
        if (r >= 0)
                r = emit(p, BPF_ALU64 | BPF_MOV | BPF_X, LEFT, TYPE, 0, 0);
        if (r >= 0)
                r = emit(p, BPF_ALU64 | BPF_AND | BPF_K, TYPE, 0, 0, 0xffff);
        if (r >= 0)
                r = emit(p, BPF_ALU64 | BPF_RSH | BPF_K, LEFT, 0, 0, 16);
        if (r >= 0)
                r = load(p, MAJOR, offsetof(struct bpf_cgroup_dev_ctx, major));
        return r < 0 ? r : load(p, MINOR, offsetof(struct bpf_cgroup_dev_ctx, minor));
}

static int emit_return(DeviceProgram *p, bool yes)
{
        int r = emit(p, BPF_ALU64 | BPF_MOV | BPF_K, RESULT, 0, 0, yes);

        return r < 0 ? r : emit(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* Jumps over the rule's `skip` last instructions unless equal. */
static int emit_unless(DeviceProgram *p, unsigned reg, int32_t value, int16_t skip)
{
        return emit(p, BPF_JMP | BPF_JNE | BPF_K, reg, 0, skip, value);
}

static int32_t access_bits(const char *access)
{
        int32_t bits = 0;

        for (; access && *access; access++)
                bits |= *access == 'm'   ? BPF_DEVCG_ACC_MKNOD
                        : *access == 'r' ? BPF_DEVCG_ACC_READ
                        : *access == 'w' ? BPF_DEVCG_ACC_WRITE
                                         : 0;
        return bits ?: BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE;
}

static bool is_any(const OptionalI64 *number)
{
        return !number->set || number->value < 0;
}

static int emit_rule(DeviceProgram *p, const LaunchDeviceRule *rule)
{
        int32_t bits = access_bits(rule->access);
        /* Four instructions act; one before them for each comparison that is still to come. */
        int16_t skip = (int16_t) (4 + !is_any(&rule->major) + !is_any(&rule->minor));
        int r = 0;

        if (rule->type == 'b' || rule->type == 'c')
                r = emit_unless(p, TYPE, rule->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR, skip);
        if (r >= 0 && !is_any(&rule->major))
                r = emit_unless(p, MAJOR, (int32_t) rule->major.value, --skip);
        if (r >= 0 && !is_any(&rule->minor))
                r = emit_unless(p, MINOR, (int32_t) rule->minor.value, --skip);
        if (r < 0)
                return r;
        if (rule->allow) {
                r = emit(p, BPF_ALU64 | BPF_AND | BPF_K, LEFT, 0, 0, ~bits);
                if (r >= 0)
                        r = emit_unless(p, LEFT, 0, 2);
                return r < 0 ? r : emit_return(p, true);
        }
        r = emit(p, BPF_JMP | BPF_JSET | BPF_K, LEFT, 0, 1, bits);
        if (r >= 0)
                r = emit(p, BPF_JMP | BPF_JA, 0, 0, 2, 0);
        return r < 0 ? r : emit_return(p, false);
}

static bool is_everything(const LaunchDeviceRule *rule)
{
        return rule->type != 'b' && rule->type != 'c' && is_any(&rule->major) && is_any(&rule->minor) &&
               access_bits(rule->access) == access_bits(NULL);
}

int device_program_build(const LaunchDeviceRule *rules, size_t n, DeviceProgram *ret)
{
        _cleanup_device_program_ DeviceProgram p = {};
        size_t first = 0;
        int r;

        if (n > RULES_MAX)
                return -E2BIG;
        /* "Nothing", which lists begin with, is where we begin anyway. */
        while (first < n && !rules[first].allow && is_everything(&rules[first]))
                first++;
        r = emit_begin(&p);
        for (size_t i = n; r >= 0 && i > first; i--)
                r = emit_rule(&p, &rules[i - 1]);
        FOREACH_ELEMENT(rule, always)
                if (r >= 0)
                        r = emit_rule(&p, rule);
        if (r >= 0)
                r = emit_return(&p, false);
        if (r < 0)
                return r;
        *ret = TAKE(p, (DeviceProgram){});
        return 0;
}

static int call(int command, union bpf_attr *attributes)
{
        long r = syscall(SYS_bpf, command, attributes, sizeof(*attributes));

        return r < 0 ? -errno : (int) r;
}

static int load_program(const DeviceProgram *p)
{
        union bpf_attr a = {
                .prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
                .insns = (uint64_t) (uintptr_t) p->code,
                .insn_cnt = (uint32_t) p->n_code,
                .license = (uint64_t) (uintptr_t) "GPL",
                .prog_name = PROGRAM_NAME,
        };

        return call(BPF_PROG_LOAD, &a);
}

static int attach(int cgroup, int program)
{
        union bpf_attr a = {
                .target_fd = (uint32_t) cgroup,
                .attach_bpf_fd = (uint32_t) program,
                .attach_type = BPF_CGROUP_DEVICE,
                .attach_flags = BPF_F_ALLOW_MULTI,
        };

        return call(BPF_PROG_ATTACH, &a);
}

static bool is_ours(int program)
{
        struct bpf_prog_info info = {};
        union bpf_attr a = {.info = {.bpf_fd = (uint32_t) program,
                                     .info_len = sizeof(info),
                                     .info = (uint64_t) (uintptr_t) &info}};

        return call(BPF_OBJ_GET_INFO_BY_FD, &a) >= 0 && streq(info.name, PROGRAM_NAME);
}

/* Those of an earlier time; systemd has its own there. */
static int find_ours(int cgroup, int *ret, size_t max, size_t *ret_n)
{
        uint32_t ids[ATTACHED_MAX] = {};
        union bpf_attr a = {.query = {.target_fd = (uint32_t) cgroup,
                                      .attach_type = BPF_CGROUP_DEVICE,
                                      .prog_ids = (uint64_t) (uintptr_t) ids,
                                      .prog_cnt = ELEMENTSOF(ids)}};
        int r = call(BPF_PROG_QUERY, &a);

        for (size_t i = 0; r >= 0 && i < a.query.prog_cnt && *ret_n < max; i++) {
                union bpf_attr get = {.prog_id = ids[i]};
                _cleanup_close_ int fd = call(BPF_PROG_GET_FD_BY_ID, &get);

                if (fd >= 0 && is_ours(fd))
                        ret[(*ret_n)++] = TAKE_FD(fd);
        }
        return r;
}

static void detach(int cgroup, int program)
{
        union bpf_attr a = {.target_fd = (uint32_t) cgroup,
                            .attach_bpf_fd = (uint32_t) program,
                            .attach_type = BPF_CGROUP_DEVICE};

        (void) call(BPF_PROG_DETACH, &a);
}

static int replace(int cgroup, int program)
{
        int old[ATTACHED_MAX];
        size_t n = 0;
        int r;

        (void) find_ours(cgroup, old, ELEMENTSOF(old), &n);
        r = attach(cgroup, program);
        for (size_t i = 0; i < n; i++) {
                if (r >= 0)
                        detach(cgroup, old[i]);
                close_fd(old[i]);
        }
        return r;
}

int cgroup_device_apply(const char *path, const LaunchDeviceRule *rules, size_t n, Error *error)
{
        _cleanup_device_program_ DeviceProgram p = {};
        _cleanup_close_ int group = -EBADF, program = -EBADF;
        int r;

        if (n == 0)
                return 0;
        r = device_program_build(rules, n, &p);
        if (r < 0)
                return error_set_errno(error, r, "linux.resources.devices");
        group = cgroup_open(path);
        program = group < 0 ? group : load_program(&p);
        r = program < 0 ? program : replace(group, program);
        return r < 0 ? error_set_errno(error, r, "Cannot restrict the devices of the control group %s", path)
                     : 0;
}
