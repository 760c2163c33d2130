/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The keeper has the one capability that marks of time take, and can do nothing but set them, below the state
 * directory, on what has an object's name: what it is asked by a worker that a stranger has taken over does
 * no harm. The worker gives the capability away before it reads the first byte. */

#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include "base/fs.h"
#include "base/parse.h"
#include "base/str.h"
#include "prog/pull.h"
#include "store/time-mark.h"

#define STAGE_PREFIX "staging-"
#define TMP "ostree/repo/tmp"

typedef struct Capabilities {
        struct __user_cap_header_struct header;
        struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
} Capabilities;

static int get_capabilities(Capabilities *c)
{
        *c = (Capabilities){.header = {.version = _LINUX_CAPABILITY_VERSION_3}};
        return syscall(SYS_capget, &c->header, c->data) < 0 ? -errno : 0;
}

/* All but, or nothing but, CAP_SYS_ADMIN. */
static int keep_capabilities(bool admin)
{
        Capabilities c;
        int r = get_capabilities(&c);

        if (r < 0)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(c.data); i++) {
                uint32_t mask = i == CAP_TO_INDEX(CAP_SYS_ADMIN) ? CAP_TO_MASK(CAP_SYS_ADMIN) : 0;

                c.data[i].effective &= admin ? mask : ~mask;
                c.data[i].permitted &= admin ? mask : ~mask;
                c.data[i].inheritable = 0;
        }
        return syscall(SYS_capset, &c.header, c.data) < 0 ? -errno : 0;
}

#define ALLOW(call)                                                                                          \
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static int allow_marks_only(void)
{
        static struct sock_filter filter[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                ALLOW(read),
                ALLOW(write),
                ALLOW(lsetxattr),
                ALLOW(exit_group),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        };
        const struct sock_fprog program = {ELEMENTSOF(filter), filter};

        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return -errno;
        return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0 ? -errno : 0;
}

static bool is_object(const TimeMark *m)
{
        const char *random = startswith(m->stage, STAGE_PREFIX);

        return memchr(m->stage, 0, sizeof(m->stage)) && memchr(m->name, 0, sizeof(m->name)) && random &&
               is_hex(random, 16) && strlen(m->name) == 2 * OBJECT_SUM_SIZE + strlen(".file") &&
               strspn(m->name, "0123456789abcdef") == 2 * OBJECT_SUM_SIZE && endswith(m->name, ".file");
}

/* What is gone was aborted; where no such attribute can be, there is none. */
static int set_mark(const TimeMark *m)
{
        char path[sizeof(TMP "/") + sizeof(m->stage) + sizeof(m->name)];

        if (!is_object(m))
                return EINVAL;
        (void) snprintf(path, sizeof(path), TMP "/%s/%s", m->stage, m->name);
        if (lsetxattr(path, OBJECT_MTIME_XATTR, m->mtime, sizeof(m->mtime), 0) >= 0)
                return 0;
        return errno == ENOENT || errno == EPERM || errno == ENOTSUP ? 0 : errno;
}

/* Returns 0 at the end. */
static int read_mark(int fd, TimeMark *ret)
{
        for (size_t done = 0; done < sizeof(*ret);) {
                ssize_t n = read(fd, (char *) ret + done, sizeof(*ret) - done);

                if (n <= 0)
                        return 0;
                done += (size_t) n;
        }
        return 1;
}

static _noreturn_ void keep(int marks, int answers)
{
        uint8_t failed = 0;
        TimeMark m;

        while (read_mark(marks, &m)) {
                int error = *m.stage ? set_mark(&m) : 0;

                if (error > 0 && failed == 0)
                        failed = (uint8_t) error;
                if (!*m.stage && write(answers, &failed, 1) < 1)
                        break;
                if (!*m.stage)
                        failed = 0;
        }
        _exit(EXIT_SUCCESS);
}

static int become_keeper(const char *state)
{
        int r = fs_mkdir_p(state, 0700);

        if (r >= 0 && chdir(state) < 0)
                r = -errno;
        if (r >= 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
                r = -errno;
        if (r >= 0)
                r = keep_capabilities(true);
        return r < 0 ? r : allow_marks_only();
}

static bool has_admin(void)
{
        Capabilities c;

        return get_capabilities(&c) >= 0 &&
               c.data[CAP_TO_INDEX(CAP_SYS_ADMIN)].effective & CAP_TO_MASK(CAP_SYS_ADMIN);
}

int pull_keeper_start(const char *state)
{
        int marks[2], answers[2];
        pid_t pid;

        if (!has_admin())
                return 0;
        if (!state)
                return keep_capabilities(false);
        if (pipe2(marks, O_CLOEXEC) < 0 || pipe2(answers, O_CLOEXEC) < 0)
                return -errno;
        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0) {
                close_fd(marks[1]);
                close_fd(answers[0]);
                close_fd(STDIN_FILENO);
                close_fd(STDOUT_FILENO);
                if (become_keeper(state) < 0)
                        _exit(EXIT_FAILURE);
                keep(marks[0], answers[1]);
        }
        close_fd(marks[0]);
        close_fd(answers[1]);
        time_mark_use(marks[1], answers[0]);
        return keep_capabilities(false);
}
