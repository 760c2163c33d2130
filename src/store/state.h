/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What is on disk: one directory per object below containers/ and images/, with small JSON files in it. An
 * object appears by the rename of .ID.tmp to ID and disappears by the rename of ID to .ID.rm; what a crash
 * leaves half made or half removed carries such a name and is swept. What cannot be read is moved to
 * damaged/, never deleted. Each file has one writer, so there are no locks. */

#include "base/fs.h"
#include "base/json.h"
#include "spec/error.h"

typedef enum StateKind {
        STATE_CONTAINERS,
        STATE_IMAGES,
        _STATE_KIND_MAX,
} StateKind;

typedef struct State State;

/* Opens the directories below root, making those that are missing. */
int state_open(const char *root, State **ret, Error *error);
State *state_free(State *s);
DEFINE_CLEANUP(State *, state_free)

/* The directory of all objects of a kind; borrowed. */
int state_directory(const State *s, StateKind kind);
/* The IDs of all objects, and the names of what was left half made or half removed. */
int state_list(const State *s, StateKind kind, char ***ret, char ***ret_leftovers, Error *error);
bool state_has(const State *s, StateKind kind, const char *id);

/* Parts of a new object. A directory with mode 0 is not a part. */
typedef struct StateFile {
        const char *name;
        const char *text;
        mode_t mode;
} StateFile;

typedef struct StateDirectory {
        const char *name;
        mode_t mode;
        uid_t uid;
        gid_t gid;
} StateDirectory;

typedef struct StateParts {
        const StateFile *files;
        size_t n_files;
        const StateDirectory *directories;
        size_t n_directories;
} StateParts;

/* Makes the whole object, or nothing. FS_SYNC: it is durable before it is visible; this waits for the disk.
 */
int state_create(const State *s, StateKind kind, const char *id, const StateParts *parts, FsSync sync,
                 Error *error);
/* Reads and parses a file of an object. -EBADMSG, -EFBIG: it is damaged; -ENOENT: it is missing. */
int state_load(const State *s, StateKind kind, const char *id, const char *name, json_t **ret, Error *error);
int state_replace(const State *s, StateKind kind, const char *id, const char *name, const json_t *value,
                  FsSync sync, Error *error);
int state_replace_text(const State *s, StateKind kind, const char *id, const char *name, const char *text,
                       FsSync sync, Error *error);

/* Takes the object out of sight. Its files are still there until the sweep. */
int state_retire(const State *s, StateKind kind, const char *id, Error *error);
/* Removes the files of one retired object; makes its disappearance durable first. Slow. */
int state_discard(const State *s, StateKind kind, const char *id, Error *error);
/* Removes leftovers. Those by name, because others may be at work on theirs. Slow. */
int state_sweep(const State *s, StateKind kind, char *const *leftovers, Error *error);
/* The names under which an object of that ID may be left. */
int state_leftovers(const char *id, char ***list);
/* Moves a damaged object out of the way; *ret is where to. */
int state_set_aside(const State *s, StateKind kind, const char *id, char **ret, Error *error);
