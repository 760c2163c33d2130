/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Tar archives made in memory, as correct or as wrong as a test wants them: each header field is what it
 * says. */

#include <stdarg.h>

#include "test.h"

typedef struct Tar {
        char *data;
        size_t size;
} Tar;

typedef struct TarEntry {
        const char *name;
        char type; /* '0' file, '1' hard link, '2' symlink, '3' '4' devices, '5' directory, '6' FIFO */
        const char *link;
        unsigned mode, uid, gid;
        const char *data;
        size_t size;     /* 0 with data: its length */
        const char *pax; /* "key=value" lines of an extended header before the entry */
        size_t pax_size;
} TarEntry;

static inline void tar_done(Tar *t)
{
        free(t->data);
}
#define _cleanup_tar_ _cleanup_(tar_done)

static inline void tar_append(Tar *t, const void *data, size_t size)
{
        t->data = realloc(t->data, t->size + size + 1);
        CHECK(t->data);
        memcpy(t->data + t->size, data, size);
        t->size += size;
}

static inline void tar_pad(Tar *t)
{
        static const char zeros[512];

        if (t->size % 512 > 0)
                tar_append(t, zeros, 512 - t->size % 512);
}

static inline void tar_seal(char header[static 512])
{
        unsigned sum = 0;

        memset(header + 148, ' ', 8);
        for (size_t i = 0; i < 512; i++)
                sum += (unsigned char) header[i];
        (void) snprintf(header + 148, 8, "%06o", sum);
}

static inline void tar_header(Tar *t, const char *name, const char *link, char type, unsigned mode,
                              unsigned uid, unsigned gid, size_t size)
{
        char header[512] = {};

        (void) strncpy(header, name, 100);
        (void) snprintf(header + 100, 8, "%07o", mode & 07777777);
        (void) snprintf(header + 108, 8, "%07o", uid & 07777777);
        (void) snprintf(header + 116, 8, "%07o", gid & 07777777);
        (void) snprintf(header + 124, 12, "%011zo", size);
        (void) snprintf(header + 136, 12, "%011o", 0U);
        header[156] = type;
        (void) strncpy(header + 157, link ? link : "", 100);
        memcpy(header + 257, "ustar\00000", 8);
        tar_seal(header);
        tar_append(t, header, sizeof(header));
}

static inline void tar_add(Tar *t, const TarEntry *e)
{
        size_t size = e->size > 0 || !e->data ? e->size : strlen(e->data);
        unsigned mode = e->mode > 0 ? e->mode : e->type == '5' ? 0755 : 0644;

        if (e->pax) {
                size_t pax_size = e->pax_size > 0 ? e->pax_size : strlen(e->pax);

                tar_header(t, "pax", NULL, 'x', 0644, 0, 0, pax_size);
                tar_append(t, e->pax, pax_size);
                tar_pad(t);
        }
        tar_header(t, e->name, e->link, e->type, mode, e->uid, e->gid, size);
        if (e->data)
                tar_append(t, e->data, size);
        tar_pad(t);
}

static inline void tar_end(Tar *t)
{
        static const char zeros[1024];

        tar_append(t, zeros, sizeof(zeros));
}

/* "30 key=value\n", with the length that counts itself. */
static inline size_t tar_pax_line(char *buffer, size_t room, const char *key, const void *value, size_t size)
{
        size_t length = strlen(key) + size + 3, digits, total;
        int n;

        for (digits = 1, total = length + 1; snprintf(NULL, 0, "%zu", total) != (int) digits;
             total = length + digits)
                digits++;
        CHECK(total < room);
        n = snprintf(buffer, room, "%zu %s=", total, key);
        memcpy(buffer + n, value, size);
        buffer[total - 1] = '\n';
        buffer[total] = '\0';
        return total;
}

#define TAR(t, ...)                                                                                          \
        do {                                                                                                 \
                const TarEntry tar_entries_[] = {__VA_ARGS__};                                               \
                FOREACH_ELEMENT(tar_e_, tar_entries_)                                                        \
                        tar_add(t, tar_e_);                                                                  \
                tar_end(t);                                                                                  \
        } while (0)
