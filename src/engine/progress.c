/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A line is written into an empty pipe only, and only when it fits: then write() cannot block, and whoever
 * reads is not behind. */

#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/str.h"
#include "engine/progress.h"

#define PAUSE_USEC (UINT64_C(100) * 1000)

static const char *const state_names[_PROGRESS_STATE_MAX] = {
        [PROGRESS_WAITING] = "waiting",
        [PROGRESS_WORKING] = "working",
        [PROGRESS_DONE] = "done",
        [PROGRESS_EXISTS] = "exists",
};

void progress_begin(Progress *p, int fd, const char *phase)
{
        struct stat st;

        *p = PROGRESS_INIT;
        p->phase = phase;
        if (fstat(fd, &st) >= 0 && S_ISFIFO(st.st_mode))
                p->fd = fd;
}

void progress_done(Progress *p)
{
        for (size_t i = 0; i < p->n_items; i++)
                free(p->items[i].name);
        free(p->items);
        *p = PROGRESS_INIT;
}

ssize_t progress_add(Progress *p, const char *name, uint64_t total)
{
        ProgressItem *items = reallocarray(p->items, p->n_items + 1, sizeof(*items));

        if (!items)
                return -ENOMEM;
        p->items = items;
        items[p->n_items] = (ProgressItem){.name = strdup(name), .total = total};
        if (!items[p->n_items].name)
                return -ENOMEM;
        return (ssize_t) p->n_items++;
}

static char *progress_line(const Progress *p)
{
        _cleanup_json_ json_t *items = json_array(), *line = NULL;
        _cleanup_free_ char *text = NULL;

        for (size_t i = 0; i < p->n_items; i++)
                if (json_array_append_new(items, json_pack("{s:s, s:s, s:I, s:I}", "Name", p->items[i].name,
                                                           "State", state_names[p->items[i].state], "Done",
                                                           (json_int_t) p->items[i].done, "Total",
                                                           (json_int_t) p->items[i].total)) < 0)
                        return NULL;
        line = json_pack("{s:{s:s, s:O}}", "Progress", "Phase", p->phase, "Items", items);
        text = line ? json_text(line) : NULL;
        return text ? str_printf("%s\n", text) : NULL;
}

static void say(Progress *p)
{
        int room = fcntl(p->fd, F_GETPIPE_SZ), waiting = 0;
        _cleanup_free_ char *line = NULL;

        if (ioctl(p->fd, FIONREAD, &waiting) < 0 || waiting > 0)
                return;
        line = progress_line(p);
        if (line && strlen(line) <= (size_t) MAX(room, 0) && fs_write_all(p->fd, line, strlen(line)) < 0)
                p->fd = -EBADF;
}

static void maybe_say(Progress *p)
{
        uint64_t now;

        if (p->fd < 0)
                return;
        now = now_monotonic();
        if (now - p->said_usec < PAUSE_USEC)
                return;
        p->said_usec = now;
        say(p);
}

void progress_set(Progress *p, size_t item, ProgressState state)
{
        p->items[item].state = state;
        if (state >= PROGRESS_DONE)
                p->items[item].done = p->items[item].total;
        maybe_say(p);
}

void progress_advance(Progress *p, size_t item, uint64_t size)
{
        p->items[item].done += size;
        maybe_say(p);
}
