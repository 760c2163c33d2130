/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Of the group itself the container owns what the kernel lets it use (/sys/kernel/cgroup/delegate); limits
 * stay the host's: "nsdelegate" refuses them from inside even to root. */

#include <fcntl.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/str.h"
#include "exec/delegate.h"
#include "spec/id-map.h"

#define CGROUP_DIR "/sys/fs/cgroup"
#define FILE_SIZE_MAX 8192U
#define DESCENDANTS_MAX "8192"
#define DEPTH_MAX "32"

static bool is_delegated(const Launch *l)
{
        for (size_t i = 0; i < l->n_mounts; i++) {
                const LaunchMount *m = &l->mounts[i];

                if (streq_ptr(m->type, "cgroup") && strv_contains(m->options, "rw"))
                        return true;
        }
        return false;
}

static int open_own(void)
{
        _cleanup_free_ char *text = NULL, *path = NULL;
        char *line;
        int fd, r;

        r = fs_read_at(AT_FDCWD, "/proc/self/cgroup", FILE_SIZE_MAX, &text, NULL);
        if (r < 0)
                return r;
        line = strstr(text, "0::/");
        if (!line)
                return -ENOENT;
        line[strcspn(line, "\n")] = '\0';
        path = str_printf(CGROUP_DIR "%s", line + strlen("0::"));
        if (!path)
                return -ENOMEM;
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

static int write_limit(int dir, const char *name, const char *value)
{
        _cleanup_close_ int fd = openat(dir, name, O_WRONLY | O_CLOEXEC);

        return fd < 0 || write(fd, value, strlen(value)) < 0 ? -errno : 0;
}

static int give_away(int dir, const LaunchIdMaps *m)
{
        static const char *const names[] = {"cgroup.procs", "cgroup.threads", "cgroup.subtree_control",
                                            "memory.oom.group", "memory.reclaim"};
        uint32_t uid, gid;

        if (!id_map_lookup(m->uids, m->n_uids, 0, &uid) || !id_map_lookup(m->gids, m->n_gids, 0, &gid))
                return 0;
        if (fchown(dir, uid, gid) < 0)
                return -errno;
        FOREACH_ELEMENT(name, names)
                if (fchownat(dir, *name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0 && errno != ENOENT)
                        return -errno;
        return 0;
}

int delegate_cgroup(const Launch *l, Error *error)
{
        _cleanup_close_ int dir = -EBADF;
        int r;

        if (!is_delegated(l))
                return 0;
        dir = open_own();
        r = dir < 0 ? dir : write_limit(dir, "cgroup.max.descendants", DESCENDANTS_MAX);
        if (r >= 0)
                r = write_limit(dir, "cgroup.max.depth", DEPTH_MAX);
        if (r >= 0)
                r = give_away(dir, &l->maps);
        return r < 0 ? error_set(error, ERROR_START_FAILED, "Cannot give the container its control group: %s",
                                 strerror(-r))
                     : 0;
}
