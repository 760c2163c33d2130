/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The first line is a user as people write it, the rest /etc/passwd and /etc/group of an image, a NUL between
 * them. Who is found has numbers in range, his own group first, and digits are taken as what they are. */

#include <fcntl.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/parse.h"
#include "exec/user.h"
#include "fuzz.h"

static char root_path[] = "/dev/shm/berth-fuzz-XXXXXX";

static void remove_root(void)
{
        (void) fs_remove_tree_at(AT_FDCWD, root_path);
}

static int make_root(void)
{
        int root;

        MUST(mkdtemp(root_path) && atexit(remove_root) == 0);
        root = open(root_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        MUST(root >= 0 && mkdirat(root, "etc", 0755) == 0);
        return root;
}

static void put(int root, const char *path, const char *data, size_t size)
{
        _cleanup_close_ int fd = openat(root, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        MUST(fd >= 0 && fs_write_all(fd, data, size) >= 0);
}

static void check_numbers(const char *user, const Identity *who)
{
        uint64_t n;

        MUST(who->uid != (uid_t) -1 && who->gid != (gid_t) -1);
        MUST(who->n_groups > 0 && who->groups[0] == who->gid);
        for (size_t i = 0; i < who->n_groups; i++)
                MUST(who->groups[i] != (gid_t) -1);
        MUST(who->home && who->home[0] == '/');
        if (parse_u64(user, 0, UINT32_MAX - 1, &n) >= 0)
                MUST(who->uid == n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static int root = -EBADF;
        const char *text = (const char *) data, *end = size > 0 ? memchr(text, '\n', size) : NULL, *middle;
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_identity_ Identity who = {};
        _cleanup_free_ char *user = NULL;
        LaunchProcess p = {};
        size_t rest;

        if (!end)
                return 0;
        if (root < 0)
                root = make_root();
        user = strndup(text, end - text);
        MUST(user);
        end++;
        rest = size - (end - text);
        middle = memchr(end, '\0', rest);
        put(root, "etc/passwd", end, middle ? (size_t) (middle - end) : rest);
        put(root, "etc/group", middle ? middle + 1 : "", middle ? rest - (middle + 1 - end) : 0);
        p.user = user;
        if (identity_resolve(root, &p, &who, &error) < 0)
                MUST(error.kind != ERROR_NONE && !isempty(error.message));
        else
                check_numbers(user, &who);
        return 0;
}
