/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A decompressor or parser that a stranger has taken over can still call the kernel. What it would want
 * there, and we never do, is refused: running programs, making sockets, looking into other processes,
 * changing mounts or namespaces, and the corners of the kernel that exploits come through. */

#include <sys/resource.h>
#include <sys/syscall.h>

#include "prog/pull-sandbox.h"
#include "prog/sandbox.h"

#define ADDRESS_SPACE_MAX (UINT64_C(1) << 30)

static const uint32_t refused[] = {
        SYS_execve, SYS_execveat, SYS_socket, SYS_socketpair, SYS_connect,
        SYS_bind,   SYS_kill,     SYS_tkill,  SYS_ptrace, /* last: a sanitizer needs it */
};

int pull_sandbox_enter(void)
{
        bool sanitized = sandbox_is_sanitized();
        int r = sandbox_begin();

        if (r >= 0 && !sanitized)
                r = sandbox_limit(RLIMIT_AS, ADDRESS_SPACE_MAX);
        return r < 0 ? r : sandbox_refuse(refused, ELEMENTSOF(refused) - sanitized);
}
