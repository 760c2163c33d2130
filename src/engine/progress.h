/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How far a worker is, said to whoever started it: one line of JSON on a pipe,
 * {"Progress":{"Phase":"load","Items":[{"Name":...,"State":...,"Done":n,"Total":n}]}}, at most every tenth of
 * a second. Nobody has to read it: a line that the pipe has no room for is left out, and the work never
 * waits.
 *
 * The items may be changed by one thread at a time. */

#include "base/macro.h"

typedef enum ProgressState {
        PROGRESS_WAITING,
        PROGRESS_WORKING,
        PROGRESS_DONE,
        PROGRESS_EXISTS, /* was there already */
        _PROGRESS_STATE_MAX,
} ProgressState;

typedef struct ProgressItem {
        char *name;
        ProgressState state;
        uint64_t done;
        uint64_t total;
} ProgressItem;

typedef struct Progress {
        int fd; /* -EBADF: nobody is told */
        const char *phase;
        ProgressItem *items;
        size_t n_items;
        uint64_t said_usec;
} Progress;

#define PROGRESS_INIT ((Progress){.fd = -EBADF})

/* Only a pipe is told anything: a file would keep every line. */
void progress_begin(Progress *p, int fd, const char *phase);
void progress_done(Progress *p);
/* Adds an item that waits; its number is returned. */
ssize_t progress_add(Progress *p, const char *name, uint64_t total);
void progress_set(Progress *p, size_t item, ProgressState state);
/* So much more of it is done. */
void progress_advance(Progress *p, size_t item, uint64_t size);
