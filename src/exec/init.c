/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* berth-init: the first process of a container that asked for one (RunInit). It starts the payload, passes on
 * every signal, reaps whatever ends, and ends as the payload did. It runs in the image, where no library of
 * ours is, and in memory that counts as the payload's: so it has no libc at all, only system calls, and no
 * data that would have to be relocated. */

#include <asm/ioctls.h>
#include <errno.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/signal.h>
#include <linux/wait.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

#define EXIT_USAGE 125
#define EXIT_NOT_EXECUTABLE 126
#define EXIT_NOT_FOUND 127
#define PATH_SIZE_MAX 4096U
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define SIGSET_SIZE 8

static long call(long number, long a, long b, long c, long d, long e)
{
#if defined(__x86_64__)
        register long r10 __asm__("r10") = d;
        register long r8 __asm__("r8") = e;
        long result;

        __asm__ volatile("syscall"
                         : "=a"(result)
                         : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
                         : "rcx", "r11", "memory");
        return result;
#elif defined(__aarch64__)
        register long x8 __asm__("x8") = number;
        register long x0 __asm__("x0") = a;
        register long x1 __asm__("x1") = b;
        register long x2 __asm__("x2") = c;
        register long x3 __asm__("x3") = d;
        register long x4 __asm__("x4") = e;

        __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
        return x0;
#elif defined(__riscv) && __riscv_xlen == 64
        register long a7 __asm__("a7") = number;
        register long a0 __asm__("a0") = a;
        register long a1 __asm__("a1") = b;
        register long a2 __asm__("a2") = c;
        register long a3 __asm__("a3") = d;
        register long a4 __asm__("a4") = e;

        __asm__ volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2), "r"(a3), "r"(a4) : "memory");
        return a0;
#else
#error "berth-init does not know how to make system calls on this machine"
#endif
}

#define CALL(number, ...) CALL_(number, ##__VA_ARGS__, 0, 0, 0, 0, 0)
#define CALL_(number, a, b, c, d, e, ...)                                                                    \
        call((number), (long) (a), (long) (b), (long) (c), (long) (d), (long) (e))

static __attribute__((noreturn)) void leave(int status)
{
        for (;;)
                (void) CALL(SYS_exit_group, status);
}

static size_t length(const char *s)
{
        size_t n = 0;

        /* So that no compiler makes a call of libc's out of it. */
        for (; s[n]; n++)
                __asm__ volatile("");
        return n;
}

static void say(const char *a, const char *b)
{
        static const char name[] = "berth-init: ";

        (void) CALL(SYS_write, 2, name, sizeof(name) - 1);
        (void) CALL(SYS_write, 2, a, length(a));
        (void) CALL(SYS_write, 2, b, length(b));
        (void) CALL(SYS_write, 2, "\n", 1);
}

static const char *search_path(char **env)
{
        for (; *env; env++) {
                const char *e = *env;

                if (e[0] == 'P' && e[1] == 'A' && e[2] == 'T' && e[3] == 'H' && e[4] == '=')
                        return e + 5;
        }
        return DEFAULT_PATH;
}

static size_t append(char *to, size_t n, const char *s, size_t size)
{
        for (size_t i = 0; i < size; i++) {
                to[n + i] = s[i];
                __asm__ volatile("" ::: "memory");
        }
        return n + size;
}

static int has_slash(const char *s)
{
        for (; *s; s++)
                if (*s == '/')
                        return 1;
        return 0;
}

/* As execvp(): one that may not be run is told, but does not end the search. */
static long execute(char **args, char **env)
{
        const char *path = search_path(env);
        size_t name = length(args[0]);
        long r, result = -ENOENT;

        if (has_slash(args[0]))
                return CALL(SYS_execve, args[0], args, env);
        while (*path) {
                char file[PATH_SIZE_MAX];
                size_t n = 0;

                while (path[n] && path[n] != ':')
                        n++;
                if (n > 0 && n + name + 2 <= sizeof(file)) {
                        size_t end = append(file, append(file, 0, path, n), "/", 1);

                        file[append(file, end, args[0], name)] = '\0';
                        r = CALL(SYS_execve, file, args, env);
                        if (r != -ENOENT && r != -ENOTDIR)
                                result = r;
                }
                path += n;
                path += *path == ':';
        }
        return result;
}

/* Job control needs a group of the payload's own, in front of the terminal if there is one. */
static __attribute__((noreturn)) void become(char **args, char **env, const uint64_t *mask)
{
        long pid = CALL(SYS_getpid), r;
        int group = (int) pid;

        (void) CALL(SYS_setpgid, 0, 0);
        (void) CALL(SYS_ioctl, 0, TIOCSPGRP, &group);
        (void) CALL(SYS_rt_sigprocmask, SIG_SETMASK, mask, 0, SIGSET_SIZE);
        r = execute(args, env);
        say(r == -ENOENT ? "no such program: " : "cannot run ", args[0]);
        leave(r == -ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE);
}

/* Reaps all that has ended. The payload's exit status, -1: it is still there. */
static int reap(long payload)
{
        int status, result = -1;
        long pid;

        while ((pid = CALL(SYS_wait4, -1, &status, WNOHANG, 0)) > 0 || pid == -EINTR)
                if (pid == payload)
                        result = (status & 0x7f) == 0 ? status >> 8 & 0xff : 128 + (status & 0x7f);
        return result;
}

static __attribute__((noreturn)) void stand_by(long payload)
{
        const uint64_t all = ~UINT64_C(0);

        for (;;) {
                long signal = CALL(SYS_rt_sigtimedwait, &all, 0, 0, SIGSET_SIZE);
                int status;

                if (signal == SIGCHLD) {
                        status = reap(payload);
                        if (status >= 0)
                                leave(status);
                } else if (signal > 0 && signal != SIGTTIN && signal != SIGTTOU)
                        (void) CALL(SYS_kill, payload, signal);
        }
}

/* What the machine is not told to wait for by a signal's handler stays its default: faults end us. */
static uint64_t blocked_signals(void)
{
        const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT};
        uint64_t set = ~UINT64_C(0);

        for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++)
                set &= ~(UINT64_C(1) << (faults[i] - 1));
        return set;
}

__attribute__((noreturn, used)) void init_main(long *stack);
void init_main(long *stack)
{
        char **args = (char **) (stack + 1), **env = args + *stack + 1;
        uint64_t blocked = blocked_signals(), mask = 0;
        long pid;

        args += *stack > 0;
        if (args[0] && args[0][0] == '-' && args[0][1] == '-' && args[0][2] == '\0')
                args++;
        if (!args[0]) {
                say("usage: berth-init [--] COMMAND [ARGUMENT...]", "");
                leave(EXIT_USAGE);
        }
        (void) CALL(SYS_rt_sigprocmask, SIG_SETMASK, &blocked, &mask, SIGSET_SIZE);
        (void) CALL(SYS_prctl, PR_SET_CHILD_SUBREAPER, 1);
        /* fork() */
        pid = CALL(SYS_clone, SIGCHLD);
        if (pid == 0)
                become(args, env, &mask);
        if (pid < 0) {
                say("cannot make a process for ", args[0]);
                leave(EXIT_USAGE);
        }
        stand_by(pid);
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall init_main\n");
#elif defined(__aarch64__)
__asm__(".globl _start\n_start:\n\tmov x29, #0\n\tmov x0, sp\n\tbl init_main\n");
#elif defined(__riscv)
__asm__(".globl _start\n_start:\n\tmv a0, sp\n\ttail init_main\n");
#endif
