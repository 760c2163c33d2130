/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The filter is one comparison per call, each jumping to the refusal at the end. */

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "prog/sandbox.h"

#define CALLS_MAX 200
#define CPU_SECONDS_MAX 3600

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define NATIVE AUDIT_ARCH_RISCV64
#endif

/* Above this, x86 has its system calls once more with other numbers. */
#define FIRST_X32 0x40000000U

#ifdef __has_feature
#define HAS_FEATURE(f) __has_feature(f)
#else
#define HAS_FEATURE(f) 0
#endif

/* What no worker does: look into other processes, change mounts, namespaces or users, and the corners of the
 * kernel that exploits come through. */
static const uint32_t never[] = {
        SYS_process_vm_readv,
        SYS_process_vm_writev,
        SYS_pidfd_getfd,
        SYS_mount,
        SYS_umount2,
        SYS_move_mount,
        SYS_open_tree,
        SYS_fsopen,
        SYS_fsmount,
        SYS_mount_setattr,
        SYS_pivot_root,
        SYS_chroot,
        SYS_unshare,
        SYS_setns,
        SYS_bpf,
        SYS_perf_event_open,
        SYS_userfaultfd,
        SYS_io_uring_setup,
        SYS_keyctl,
        SYS_add_key,
        SYS_request_key,
        SYS_init_module,
        SYS_finit_module,
        SYS_delete_module,
        SYS_kexec_load,
        SYS_reboot,
        SYS_swapon,
        SYS_open_by_handle_at,
        SYS_mknodat,
        SYS_quotactl,
        SYS_acct,
        SYS_setuid,
        SYS_setgid,
        SYS_setresuid,
        SYS_setresgid,
        SYS_setgroups,
};

bool sandbox_is_sanitized(void)
{
#if defined(__SANITIZE_ADDRESS__) || HAS_FEATURE(address_sanitizer)
        return true;
#else
        return false;
#endif
}

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define EQUAL(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no)
#define ABOVE(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, value, yes, no)
#define RETURN(value) BPF_STMT(BPF_RET | BPF_K, value)

int sandbox_refuse(const uint32_t *calls, size_t count)
{
#ifdef NATIVE
        struct sock_filter filter[CALLS_MAX + 8] = {
                LOAD(arch),
                EQUAL(NATIVE, 1, 0),
                RETURN(SECCOMP_RET_KILL_PROCESS),
                LOAD(nr),
        };
        size_t n = 4;
        struct sock_fprog program;

        assert(count <= CALLS_MAX);
        filter[n] = (struct sock_filter) ABOVE(FIRST_X32, (uint8_t) (count + 1), 0);
        n++;
        for (size_t i = 0; i < count; i++, n++)
                filter[n] = (struct sock_filter) EQUAL(calls[i], (uint8_t) (count - i), 0);
        filter[n++] = (struct sock_filter) RETURN(SECCOMP_RET_ALLOW);
        filter[n++] = (struct sock_filter) RETURN(SECCOMP_RET_ERRNO | EPERM);
        program = (struct sock_fprog){(unsigned short) n, filter};
        return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0 ? -errno : 0;
#else
        return 0;
#endif
}

int sandbox_limit(int resource, uint64_t value)
{
        struct rlimit l;

        if (getrlimit((__rlimit_resource_t) resource, &l) < 0)
                return -errno;
        l.rlim_max = MIN(l.rlim_max, (rlim_t) value);
        l.rlim_cur = MIN(l.rlim_cur, l.rlim_max);
        return setrlimit((__rlimit_resource_t) resource, &l) < 0 ? -errno : 0;
}

int sandbox_begin(void)
{
        int r = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;

        if (r >= 0)
                r = sandbox_limit(RLIMIT_CORE, 0);
        if (r >= 0)
                r = sandbox_limit(RLIMIT_CPU, CPU_SECONDS_MAX);
        return r < 0 ? r : sandbox_refuse(never, ELEMENTSOF(never));
}
