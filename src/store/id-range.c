/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A candidate moves up past everything that is in its way until nothing is. */

#include "base/array.h"
#include "base/fs.h"
#include "base/parse.h"
#include "base/str.h"
#include "store/id-range.h"

#define FILE_SIZE_MAX (1024U * 1024)
#define RANGES_MAX 65536U

void id_ranges_done(IdRanges *r)
{
        free(r->ranges);
        *r = (IdRanges){};
}

int id_ranges_add(IdRanges *r, uint32_t start, uint32_t size)
{
        if (r->n >= RANGES_MAX)
                return -E2BIG;
        if (!GROW(r->ranges, r->n))
                return -ENOMEM;
        r->ranges[r->n++] = (IdRange){start, size};
        return 0;
}

static int parse_line(const char *line, const char *owner, IdRanges *mine, IdRanges *others)
{
        size_t n = strcspn(line, ":");
        bool is_owner = n == strlen(owner) && strncmp(line, owner, n) == 0;
        IdRanges *to = is_owner ? mine : others;
        _cleanup_strv_ char **parts = NULL;
        uint64_t start, size;
        int r;

        if (n == 0 || line[n] != ':' || *line == '#' || !to)
                return 0;
        r = strv_split(line + n, ":", &parts);
        if (r < 0)
                return r;
        if (strv_length(parts) != 2 || parse_u64(parts[0], 0, UINT32_MAX - 1, &start) < 0 ||
            parse_u64(parts[1], 1, UINT32_MAX - start, &size) < 0)
                return 0;
        return id_ranges_add(to, (uint32_t) start, (uint32_t) size);
}

int id_ranges_parse(const char *text, const char *owner, IdRanges *ret, IdRanges *ret_others)
{
        _cleanup_id_ranges_ IdRanges mine = {}, others = {};
        _cleanup_strv_ char **lines = NULL;
        int r;

        r = strv_split(text, "\n", &lines);
        STRV_FOREACH(line, lines)
                if (r >= 0)
                        r = parse_line(*line, owner, &mine, ret_others ? &others : NULL);
        if (r < 0)
                return r;
        *ret = TAKE(mine, (IdRanges){});
        if (ret_others)
                *ret_others = TAKE(others, (IdRanges){});
        return 0;
}

int id_ranges_load(const char *path, const char *owner, IdRanges *ret, IdRanges *ret_others)
{
        _cleanup_free_ char *text = NULL;
        int r;

        r = fs_read_at(AT_FDCWD, path, FILE_SIZE_MAX, &text, NULL);
        return r < 0 && r != -ENOENT ? r : id_ranges_parse(strempty(text), owner, ret, ret_others);
}

/* Where the candidate may begin at the earliest because of what is taken. */
static uint64_t move_past(const IdRanges *taken, uint64_t start, uint32_t size)
{
        for (bool moved = true; moved;) {
                moved = false;
                for (size_t i = 0; i < taken->n; i++) {
                        const IdRange *t = &taken->ranges[i];

                        if (start < (uint64_t) t->start + t->size && t->start < start + size) {
                                start = (uint64_t) t->start + t->size;
                                moved = true;
                        }
                }
        }
        return start;
}

int id_ranges_find(const IdRanges *ranges, const IdRanges *taken, uint32_t size, uint32_t *ret_start)
{
        uint64_t best = UINT64_MAX;

        for (size_t i = 0; i < ranges->n; i++) {
                const IdRange *r = &ranges->ranges[i];
                uint64_t start = move_past(taken, r->start, size);

                if (start + size <= (uint64_t) r->start + r->size && start < best)
                        best = start;
        }
        if (best == UINT64_MAX)
                return -ENOENT;
        *ret_start = (uint32_t) best;
        return 0;
}
