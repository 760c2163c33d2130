/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Profiles become filters that do what they say: each is loaded in a child, which then tries. */

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/str.h"
#include "exec/seccomp.h"
#include "spec/item.h"
#include "test.h"

#define X32 0x40000000

static void compile_text(const char *text, uint64_t capabilities, Filter *ret)
{
        FilterContext context = {.capabilities = capabilities, .kernel_major = 6, .kernel_minor = 1};
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_json_ json_t *profile = NULL;

        CHECK_OK(json_parse(text, strlen(text), &profile, NULL));
        if (filter_compile(profile, &context, ret, &error) < 0)
                test_fail(__FILE__, __LINE__, "filter_compile", error.message, NULL);
        CHECK(ret->n_code > 0);
}

static void compile_file(const char *path, uint64_t capabilities, Filter *ret)
{
        _cleanup_free_ char *text = NULL;

        CHECK_OK(fs_read_at(AT_FDCWD, path, JSON_SIZE_MAX, &text, NULL));
        compile_text(text, capabilities, ret);
}

/* Runs probe under the filter in a child; its result is the exit status. */
static int under(const Filter *f, int (*probe)(int), int argument)
{
        int status;
        pid_t pid = fork();

        CHECK(pid >= 0);
        if (pid == 0) {
                if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || filter_apply(f) < 0)
                        _exit(255);
                _exit(probe(argument));
        }
        CHECK_EQ(waitpid(pid, &status, 0), pid);
        CHECK(WIFEXITED(status));
        return WEXITSTATUS(status);
}

static int probe_call(int number)
{
        /* Arguments that make no call succeed and none wait. */
        return syscall(number, -1L, -1L, -1L, -1L, -1L, -1L) < 0 ? errno : 0;
}

static int probe_socket(int family)
{
        return socket(family, SOCK_RAW, 0) < 0 ? errno : 0;
}

static int probe_audit(int protocol)
{
        /* The kernel looks at 32 bits of it. */
        return syscall(SYS_socket, (long) AF_NETLINK | 1L << 32, (long) SOCK_RAW,
                       (long) protocol | 1L << 32) < 0
                       ? errno
                       : 0;
}

static int probe_netlink(int protocol)
{
        return socket(AF_NETLINK, SOCK_RAW, protocol) < 0 ? errno : 0;
}

static int probe_personality(int which)
{
        return syscall(SYS_personality, (long) (unsigned) which) < 0 ? errno : 0;
}

TEST(default_profile)
{
        _cleanup_filter_ Filter f = {};

        compile_file(TEST_PROFILE, capability_default_mask(), &f);
        (void) printf("%zu instructions\n", f.n_code);

        CHECK_EQ(under(&f, probe_call, SYS_getpid), 0);
        CHECK_EQ(under(&f, probe_call, SYS_close), EBADF);
        CHECK_EQ(under(&f, probe_call, 5000), ENOSYS);
        CHECK_EQ(under(&f, probe_call, SYS_io_uring_setup), ENOSYS);
        CHECK_EQ(under(&f, probe_call, SYS_userfaultfd), EPERM);
        CHECK_EQ(under(&f, probe_call, SYS_bpf), EPERM);
        CHECK_EQ(under(&f, probe_call, SYS_perf_event_open), EPERM);
        CHECK_EQ(under(&f, probe_call, SYS_init_module), EPERM);
        CHECK_EQ(under(&f, probe_call, SYS_kexec_load), EPERM);
        CHECK_EQ(under(&f, probe_call, SYS_open_by_handle_at), EPERM);
        CHECK_EQ(under(&f, probe_call, SYS_keyctl), ENOSYS);
        CHECK_EQ(under(&f, probe_call, SYS_add_key), ENOSYS);
#ifdef __x86_64__
        CHECK_EQ(under(&f, probe_call, X32 | SYS_getpid), ENOSYS);
        CHECK_EQ(under(&f, probe_call, X32 | 520), ENOSYS);
#endif
}

TEST(sockets)
{
        _cleanup_filter_ Filter plain = {}, audit = {}, net = {};

        compile_file(TEST_PROFILE, capability_default_mask(), &plain);
        compile_file(TEST_PROFILE, capability_default_mask() | UINT64_C(1) << CAP_AUDIT_WRITE, &audit);
        compile_file(TEST_PROFILE, capability_default_mask() | UINT64_C(1) << CAP_NET_ADMIN, &net);

        for (int family = 0; family <= 46; family++) {
                int e = under(&plain, probe_socket, family);
                bool allowed = family == AF_UNIX || family == AF_INET || family == AF_INET6 ||
                               family == AF_PACKET || family == AF_NETLINK;

                if (family == AF_ALG || family == AF_VSOCK)
                        CHECK_EQ(e, EAFNOSUPPORT);
                else if (!allowed)
                        CHECK_EQ(e, ENOSYS);
                else
                        CHECK(e != ENOSYS);
        }
        CHECK(under(&net, probe_socket, AF_KEY) != ENOSYS);
        CHECK_EQ(under(&net, probe_socket, AF_ALG), EAFNOSUPPORT);
        CHECK_EQ(under(&plain, probe_audit, 9), EINVAL);
        CHECK_EQ(under(&plain, probe_audit, 21), ENOSYS);
        CHECK(under(&plain, probe_audit, 0) != ENOSYS);
        CHECK(under(&audit, probe_audit, 9) != EINVAL);
}

TEST(personality)
{
        _cleanup_filter_ Filter f = {};

        compile_file(TEST_PROFILE, 0, &f);
        CHECK_EQ(under(&f, probe_personality, -1), 0);
        CHECK_EQ(under(&f, probe_personality, 8), 0);
        CHECK_EQ(under(&f, probe_personality, 0x0040000), ENOSYS);
}

#ifdef __x86_64__
/* The 32-bit entrance of a 64-bit process: number 102 is socketcall, 20 getpid. */
static int probe_32(int number)
{
        static const uint32_t arguments[] = {38, SOCK_RAW, 0};
        long r;

        __asm__ volatile("int $0x80"
                         : "=a"(r)
                         : "a"(number), "b"(1), "c"(arguments)
                         : "memory", "r8", "r9", "r10", "r11");
        return r < 0 && r > -4096 ? (int) -r : 0;
}

TEST(entrance_32_bit)
{
        _cleanup_filter_ Filter f = {}, any = {};
        pid_t pid = fork();
        int status;

        /* Without support for 32-bit programs in the kernel this is a fault. */
        if (pid == 0)
                _exit(probe_32(20));
        CHECK_EQ(waitpid(pid, &status, 0), pid);
        if (!WIFEXITED(status))
                SKIP("no 32-bit system calls here");
        compile_file(TEST_PROFILE, capability_default_mask(), &f);
        CHECK_EQ(under(&f, probe_32, 20), 0);
        CHECK_EQ(under(&f, probe_32, 102), ENOSYS);
        compile_text("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"bpf\"],\"action\":"
                     "\"SCMP_ACT_ERRNO\"}]}",
                     0, &any);
        CHECK_EQ(under(&any, probe_call, SYS_bpf), EPERM);
}
#endif

TEST(conditions)
{
        static const char text[] =
                "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":["
                "{\"names\":[\"bpf\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":201,\"includes\":{\"caps\":["
                "\"CAP_CHOWN\",\"CAP_KILL\"]}},"
                "{\"names\":[\"acct\"],\"action\":\"SCMP_ACT_ERRNO\",\"errno\":\"EDOM\",\"excludes\":{"
                "\"caps\":[\"CAP_KILL\",\"CAP_FOWNER\"]}},"
                "{\"names\":[\"swapoff\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":202,\"includes\":{"
                "\"minKernel\":\"6.2\"}},"
                "{\"names\":[\"swapon\",\"no_such_call\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":203,"
                "\"includes\":{\"minKernel\":\"5.19\"}},"
                "{\"names\":[\"vhangup\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":204,\"includes\":{"
                "\"arches\":[\"pdp11\"]}}]}";
        _cleanup_filter_ Filter both = {}, one = {};

        compile_text(text, UINT64_C(1) << CAP_CHOWN | UINT64_C(1) << CAP_KILL, &both);
        compile_text(text, UINT64_C(1) << CAP_CHOWN, &one);
        CHECK_EQ(under(&both, probe_call, SYS_bpf), 201);
        CHECK(under(&one, probe_call, SYS_bpf) != 201);
        CHECK(under(&both, probe_call, SYS_acct) != EDOM);
        CHECK_EQ(under(&one, probe_call, SYS_acct), EDOM);
        CHECK(under(&both, probe_call, SYS_swapoff) != 202);
        CHECK_EQ(under(&both, probe_call, SYS_swapon), 203);
        CHECK(under(&both, probe_call, SYS_vhangup) != 204);
}

static int probe_dup(int fd)
{
        return dup(fd) < 0 ? errno : 0;
}

TEST(several_values_of_one_argument)
{
        static const char text[] = "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"dup\"],"
                                   "\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":205,\"args\":["
                                   "{\"index\":0,\"value\":500,\"op\":\"SCMP_CMP_EQ\"},"
                                   "{\"index\":0,\"value\":600,\"op\":\"SCMP_CMP_EQ\"}]}]}";
        _cleanup_filter_ Filter f = {};

        compile_text(text, 0, &f);
        CHECK_EQ(under(&f, probe_dup, 500), 205);
        CHECK_EQ(under(&f, probe_dup, 600), 205);
        CHECK_EQ(under(&f, probe_dup, 501), EBADF);
}

static int probe_wide(int fd)
{
        return syscall(SYS_dup, (long) fd) < 0 ? errno : 0;
}

/* With the 64th bit, which the parser's integers do not have. */
TEST(large_values)
{
        static const char text[] = "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"dup\"],"
                                   "\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":205,\"args\":["
                                   "{\"index\":0,\"value\":18446744073709551615,\"op\":\"SCMP_CMP_EQ\"}]}]}";
        _cleanup_filter_ Filter f = {};

        compile_text(text, 0, &f);
        CHECK_EQ(under(&f, probe_wide, -1), 205);
        CHECK_EQ(under(&f, probe_wide, 0), 0);
}

TEST(distribution_profile)
{
        static const char path[] = "/usr/share/containers/seccomp.json";
        _cleanup_filter_ Filter f = {};

        if (access(path, R_OK) < 0)
                SKIP("containers-common is not installed");
        compile_file(path, capability_default_mask(), &f);
        CHECK_EQ(under(&f, probe_call, 5000), ENOSYS);
        CHECK_EQ(under(&f, probe_call, SYS_bpf), EPERM);
        CHECK_EQ(under(&f, probe_netlink, 9), EINVAL);
}

/* A listener that answers each call with the number that it has come with. */
static int answer_one(int listener)
{
        struct seccomp_notif request = {};
        struct seccomp_notif_resp response = {};

        if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request) < 0)
                return -errno;
        response.id = request.id;
        response.val = request.data.nr;
        return ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response) < 0 ? -errno : 0;
}

static int receive_listener(int server, char *text, size_t size)
{
        char space[CMSG_SPACE(sizeof(int))];
        struct iovec iov = {.iov_base = text, .iov_len = size - 1};
        struct msghdr message = {
                .msg_iov = &iov, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof(space)};
        _cleanup_close_ int connection = accept(server, NULL, NULL);
        int fd = -EBADF;
        ssize_t n = recvmsg(connection, &message, MSG_CMSG_CLOEXEC);

        CHECK(n > 0 && CMSG_FIRSTHDR(&message));
        text[n] = '\0';
        memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
        return fd;
}

static int listen_at(const char *path)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        CHECK(strlen(path) < sizeof(address.sun_path));
        memcpy(address.sun_path, path, strlen(path));
        CHECK_OK(bind(fd, (struct sockaddr *) &address, sizeof(address)));
        CHECK_OK(listen(fd, 1));
        return fd;
}

static _noreturn_ void ask(const Filter *f)
{
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || filter_apply(f) < 0)
                _exit(100);
        _exit(syscall(SYS_getppid) == SYS_getppid ? 42 : 101);
}

TEST(listener)
{
        _cleanup_close_ int dir = test_directory_open(), server = -EBADF, listener = -EBADF;
        _cleanup_free_ char *path = dir < 0 ? NULL : str_printf("%s/s", test_path), *profile_text = NULL;
        _cleanup_json_ json_t *profile = NULL, *state = json_pack("{s:s}", "id", "c"), *told = NULL;
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_filter_ Filter f = {};
        char text[4096];
        int status = 0;
        pid_t child;

        profile_text = str_printf("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"listenerPath\":\"%s\","
                                  "\"listenerMetadata\":\"meta\",\"syscalls\":[{\"names\":[\"getppid\"],"
                                  "\"action\":\"SCMP_ACT_NOTIFY\"}]}",
                                  path);
        CHECK_OK(json_parse(profile_text, strlen(profile_text), &profile, NULL));
        server = listen_at(path);
        compile_text(profile_text, 0, &f);
        CHECK(f.flags & SECCOMP_FILTER_FLAG_NEW_LISTENER);
        CHECK_OK(filter_notify_open(profile, &f.notify, &error));
        child = fork();
        if (child == 0)
                ask(&f);
        CHECK_OK(filter_notify_attend(f.notify, child, state, &error));
        listener = receive_listener(server, text, sizeof(text));
        CHECK_OK(json_parse(text, strlen(text), &told, NULL));
        CHECK_STREQ(json_get_string(told, "metadata"), "meta");
        CHECK_STREQ(json_get_string(json_get_object(told, "state"), "id"), "c");
        CHECK_EQ(json_get_i64(told, "pid", 0), child);
        CHECK_OK(answer_one(listener));
        CHECK_EQ(waitpid(child, &status, 0), child);
        CHECK_EQ(WEXITSTATUS(status), 42);
}

TEST(listener_that_is_not_there)
{
        static const char *const profiles[] = {"{}", "{\"listenerPath\":\"relative\"}",
                                               "{\"listenerPath\":\"/nobody/listens/here\"}"};

        FOREACH_ELEMENT(text, profiles) {
                _cleanup_error_ Error error = ERROR_INIT;
                _cleanup_json_ json_t *profile = NULL;
                FilterNotify *n = NULL;

                CHECK_OK(json_parse(*text, strlen(*text), &profile, NULL));
                CHECK(filter_notify_open(profile, &n, &error) < 0);
                CHECK(!n && error.message);
        }
}

TEST(refused)
{
        static const char *const texts[] = {
                "[]",
                "{}",
                "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":5000}",
                "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"architectures\":[\"SCMP_ARCH_PDP11\"]}",
                "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"architectures\":[7]}",
                "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"flags\":[\"SECCOMP_FILTER_FLAG_NEW_LISTENER\"]}",
                "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[1]}",
                "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":{}}",
                "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":\"x\"}",
                "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":\"read\",\"action\":\"SCMP_"
                "ACT_"
                "ERRNO\"}]}",
                "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"],\"action\":\"SCMP_"
                "ACT_"
                "ERRNO\",\"includes\":{\"caps\":\"CAP_CHOWN\"}}]}",
                "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"],\"action\":\"SCMP_"
                "ACT_"
                "ERRNO\",\"args\":[{\"index\":0,\"value\":-1,\"op\":\"SCMP_CMP_EQ\"}]}]}",
                "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"names\":[\"read\"]}]}",
                "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"names\":[1],\"action\":\"SCMP_ACT_"
                "ALLOW\"}]}",
                "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"names\":[\"read\"],\"action\":\"SCMP_"
                "ACT_ALLOW\","
                "\"args\":[{\"index\":6,\"value\":1,\"op\":\"SCMP_CMP_EQ\"}]}]}",
                "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"names\":[\"read\"],\"action\":\"SCMP_"
                "ACT_ALLOW\","
                "\"args\":[{\"index\":0,\"value\":1,\"op\":\"SCMP_CMP_LIKE\"}]}]}",
        };

        FOREACH_ELEMENT(text, texts) {
                _cleanup_error_ Error error = ERROR_INIT;
                _cleanup_json_ json_t *profile = NULL;
                _cleanup_filter_ Filter f = {};

                CHECK_OK(json_parse(*text, strlen(*text), &profile, NULL));
                if (filter_compile(profile, &(FilterContext){}, &f, &error) >= 0)
                        test_fail(__FILE__, __LINE__, "was refused", *text, NULL);
                CHECK_EQ(error.kind, ERROR_INVALID_ARGUMENT);
        }
}
