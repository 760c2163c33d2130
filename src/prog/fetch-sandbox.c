/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who has taken over the TLS or HTTP parser of this program has what it holds: the credentials of one
 * registry, one directory and the network. Two fences keep it there: a list of system calls that it never
 * needs, and Landlock, where the kernel has it, for which the file system is read-only but for the directory.
 */

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "prog/fetch-sandbox.h"
#include "prog/sandbox.h"

#define WRITES                                                                                               \
        (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |    \
         LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |          \
         LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |       \
         LANDLOCK_ACCESS_FS_MAKE_SYM)

/* GnuPG is a program of several, which talk through sockets. */
static const uint32_t refused_without_programs[] = {
        SYS_execve, SYS_execveat, SYS_kill, SYS_bind, SYS_listen, SYS_accept, SYS_accept4,
};

/* Where no sanitizer is at work. */
static const uint32_t refused_to_all[] = {SYS_ptrace};

static int allow_beneath(int rules, int dir, uint64_t access)
{
        const struct landlock_path_beneath_attr attr = {.allowed_access = access, .parent_fd = dir};

        return syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &attr, 0) < 0 ? -errno : 0;
}

/* Kernels without Landlock have the unit's sandbox alone. */
static int fence_files(int dir, bool programs)
{
        const struct landlock_ruleset_attr attr = {.handled_access_fs = WRITES};
        _cleanup_close_ int rules = (int) syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0),
                            tmp = -EBADF, null = -EBADF;
        int r;

        if (rules < 0)
                return errno == ENOSYS || errno == EOPNOTSUPP ? 0 : -errno;
        r = allow_beneath(rules, dir, WRITES);
        null = open("/dev/null", O_PATH | O_CLOEXEC);
        if (r >= 0 && null >= 0)
                r = allow_beneath(rules, null, LANDLOCK_ACCESS_FS_WRITE_FILE);
        tmp = programs ? open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC) : -EBADF;
        if (r >= 0 && tmp >= 0)
                r = allow_beneath(rules, tmp, WRITES);
        if (r >= 0 && syscall(SYS_landlock_restrict_self, rules, 0) < 0)
                r = -errno;
        return r;
}

int fetch_sandbox_enter(int dir, bool programs)
{
        int r = sandbox_begin();

        if (r >= 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
                r = -errno;
        if (r >= 0)
                r = fence_files(dir, programs);
        if (r >= 0 && !programs)
                r = sandbox_refuse(refused_without_programs, ELEMENTSOF(refused_without_programs));
        if (r >= 0 && !sandbox_is_sanitized())
                r = sandbox_refuse(refused_to_all, ELEMENTSOF(refused_to_all));
        return r;
}
