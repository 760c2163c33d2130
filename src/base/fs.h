/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Files below a directory descriptor. Names that come from a container's or an image's tree go through
 * fs_open_in_root(), everything else through these *at() helpers; every descriptor is born CLOEXEC. */

#include <fcntl.h>

#include "base/macro.h"

/* openat2() with RESOLVE_IN_ROOT: symlinks and ".." cannot leave root. Retries a bounded number of times when
 * the kernel says EAGAIN (a rename raced with the lookup). Returns the descriptor or a negative errno. */
int fs_open_in_root(int root, const char *path, int flags, mode_t mode);
/* The same below dir without any symlink on the way (RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS). */
int fs_open_beneath(int dir, const char *path, int flags, mode_t mode);

/* Makes path and its missing parents below root one level at a time, never through a symlink that leaves it.
 * Returns a descriptor (O_PATH | O_DIRECTORY) of the last. */
int fs_mkdir_in_root(int root, const char *path, mode_t mode);
/* For our own directories: mkdir -p of an absolute path. */
int fs_mkdir_p(const char *path, mode_t mode);

/* Reads a regular file of at most max bytes; a FIFO or device does not block and gives -EINVAL, a larger file
 * -EFBIG. The text is NUL-terminated behind ret_size, which may be NULL. */
int fs_read_at(int dir, const char *name, size_t max, char **ret, size_t *ret_size);
int fs_read_fd(int fd, size_t max, char **ret, size_t *ret_size);

typedef enum FsSync {
        FS_NO_SYNC, /* rename alone: under /run, or for what need not outlive a power cut */
        FS_SYNC,    /* fsync the file, rename, fsync the directory */
} FsSync;

/* Replaces dir/name in one step; a failed write leaves the old file. name may not contain '/'. What a crash
 * leaves behind is named ".berth-*.tmp". */
int fs_replace_at(int dir, const char *name, const void *data, size_t size, mode_t mode, FsSync sync);

/* Writes all of it, or fails. */
int fs_write_all(int fd, const void *data, size_t size);

/* Removes dir/name with everything below it: does not follow symlinks, does not cross mounts (-EBUSY), does
 * not recurse on the C stack. Absent is fine. */
int fs_remove_tree_at(int dir, const char *name);

/* Sum of the blocks used below dir/name in bytes, each inode once. */
int fs_disk_usage_at(int dir, const char *name, uint64_t *ret);

/* Gives a directory the time of now, exactly: the kernel's own stamps are as coarse as its tick, and who looks for
 * changes by them, as systemd does for unit files, can miss the second of two. */
void fs_touch(const char *path);
