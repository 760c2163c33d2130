/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <sys/xattr.h>

#include "base/fs.h"
#include "store/time-mark.h"

#define PENDING_MAX 256U

static struct {
        int marks;
        int answers;
        TimeMark pending[PENDING_MAX];
        size_t n;
        bool unprivileged; /* nobody can set them */
} keeper = {.marks = -EBADF, .answers = -EBADF};

void time_mark_use(int marks, int answers)
{
        keeper.marks = marks;
        keeper.answers = answers;
}

static int send_pending(void)
{
        size_t n = TAKE(keeper.n, 0);

        return n > 0 ? fs_write_all(keeper.marks, keeper.pending, n * sizeof(TimeMark)) : 0;
}

/* Without a keeper: by ourselves, if we may. */
static int set_directly(int stage, const char *name, const uint8_t mtime[static OBJECT_MTIME_SIZE])
{
        char path[sizeof("/proc/self/fd/") + 10 + TIME_MARK_NAME_MAX];

        (void) snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", stage, name);
        if (keeper.unprivileged || lsetxattr(path, OBJECT_MTIME_XATTR, mtime, OBJECT_MTIME_SIZE, 0) >= 0)
                return 0;
        if (errno != EPERM && errno != ENOTSUP && errno != ENOENT)
                return -errno;
        keeper.unprivileged = true;
        return 0;
}

int time_mark_set(int stage, const char *stage_name, const char *name, const struct timespec *mtime)
{
        TimeMark *m;

        assert(strlen(stage_name) < TIME_MARK_STAGE_MAX && strlen(name) < TIME_MARK_NAME_MAX);
        if (keeper.marks < 0) {
                uint8_t value[OBJECT_MTIME_SIZE];

                object_mtime_encode(mtime, value);
                return set_directly(stage, name, value);
        }
        m = &keeper.pending[keeper.n++];
        *m = (TimeMark){};
        (void) strcpy(m->stage, stage_name);
        (void) strcpy(m->name, name);
        object_mtime_encode(mtime, m->mtime);
        return keeper.n == PENDING_MAX ? send_pending() : 0;
}

int time_mark_flush(void)
{
        const TimeMark question = {};
        uint8_t answer;
        ssize_t n;
        int r;

        if (keeper.marks < 0)
                return 0;
        r = send_pending();
        if (r >= 0)
                r = fs_write_all(keeper.marks, &question, sizeof(question));
        if (r < 0)
                return r;
        do {
                n = read(keeper.answers, &answer, 1);
        } while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        return n == 0 ? -EPIPE : -(int) answer;
}
