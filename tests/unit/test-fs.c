/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Trees that somebody else prepared: links that lead away, pipes instead of files, depth without end, mounts.
 */

#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/fs.h"
#include "base/str.h"
#include "test.h"

/* An empty directory below the test's own, as a descriptor. */
static int fresh(const char *name)
{
        _cleanup_close_ int top = test_directory_open();
        int fd;

        CHECK_OK(mkdirat(top, name, 0755));
        fd = openat(top, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CHECK(fd >= 0);
        return fd;
}

static void put(int dir, const char *name, const char *text)
{
        CHECK_OK(fs_replace_at(dir, name, text, strlen(text), 0644, FS_NO_SYNC));
}

static bool exists(int dir, const char *name)
{
        struct stat st;

        return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) >= 0;
}

static void check_text(int dir, const char *name, const char *expected)
{
        _cleanup_free_ char *text = NULL;
        size_t size;

        CHECK_OK(fs_read_at(dir, name, 1 << 20, &text, &size));
        CHECK_STREQ(text, expected);
        CHECK_EQ(size, strlen(expected));
}

TEST(open_stays_inside)
{
        _cleanup_close_ int dir = fresh("inside"), root = -EBADF, in = -EBADF, fd = -EBADF;

        put(dir, "secret", "outside");
        CHECK_OK(mkdirat(dir, "root", 0755));
        root = openat(dir, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
        in = openat(dir, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CHECK_OK(symlinkat("../secret", root, "relative"));
        CHECK_OK(symlinkat("/secret", root, "absolute"));
        CHECK_OK(symlinkat("/", root, "top"));
        CHECK_OK(symlinkat("loop", root, "loop"));

        CHECK_EQ(fs_open_in_root(root, "relative", O_RDONLY, 0), -ENOENT);
        CHECK_EQ(fs_open_in_root(root, "absolute", O_RDONLY, 0), -ENOENT);
        CHECK_EQ(fs_open_in_root(root, "../../../../../../secret", O_RDONLY, 0), -ENOENT);
        CHECK_EQ(fs_open_in_root(root, "top/../top/secret", O_RDONLY, 0), -ENOENT);
        CHECK_EQ(fs_open_in_root(root, "loop", O_RDONLY, 0), -ELOOP);

        put(in, "secret", "inside");
        fd = fs_open_in_root(root, "top/../../relative", O_RDONLY, 0);
        CHECK_OK(fd);
        CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
        CHECK_EQ(fs_open_beneath(root, "top/secret", O_RDONLY, 0), -ELOOP);
        CHECK_EQ(fs_open_beneath(root, "relative", O_RDONLY, 0), -ELOOP);
        CHECK_EQ(fs_open_beneath(root, "../secret", O_RDONLY, 0), -EXDEV);
        fd = close_fd(fd);
        fd = fs_open_beneath(root, "new", O_RDWR | O_CREAT | O_EXCL, 0600);
        CHECK_OK(fd);
}

/* A rename anywhere makes the kernel give up a lookup with ".." in it. */
TEST(open_while_others_rename)
{
        _cleanup_close_ int dir = fresh("rename");
        pid_t child;

        CHECK_OK(mkdirat(dir, "a", 0755));
        CHECK_OK(mkdirat(dir, "x", 0755));
        child = fork();
        CHECK_OK(child);
        while (child == 0) {
                if (getppid() == 1)
                        _exit(EXIT_SUCCESS);
                (void) renameat(dir, "x", dir, "y");
                (void) renameat(dir, "y", dir, "x");
        }
        for (unsigned i = 0; i < 100000; i++) {
                int fd = fs_open_in_root(dir, "a/../a/../a/../a/..", O_PATH | O_DIRECTORY, 0);

                CHECK_OK(fd);
                close_fd(fd);
        }
        CHECK_OK(kill(child, SIGKILL));
        CHECK_EQ(waitpid(child, NULL, 0), child);
}

TEST(mkdir_in_root)
{
        _cleanup_close_ int dir = fresh("mkdir"), root = -EBADF, fd = -EBADF;
        _cleanup_free_ char *longest = malloc(PATH_MAX + 1);

        CHECK_OK(mkdirat(dir, "root", 0755));
        CHECK_OK(mkdirat(dir, "outside", 0755));
        root = openat(dir, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
        CHECK_OK(symlinkat("../../outside", root, "away"));
        CHECK_OK(symlinkat("/real", root, "link"));
        CHECK_OK(symlinkat("nowhere", root, "dangling"));
        CHECK_OK(mkdirat(root, "real", 0755));
        close_fd(openat(root, "file", O_CREAT | O_WRONLY | O_CLOEXEC, 0644));

        fd = fs_mkdir_in_root(root, "/a//b/../c/", 0755);
        CHECK_OK(fd);
        CHECK(exists(root, "a/b") && exists(root, "a/c"));
        fd = close_fd(fd);
        fd = fs_mkdir_in_root(root, "link/x", 0700);
        CHECK_OK(fd);
        CHECK(exists(root, "real/x"));
        fd = close_fd(fd);
        fd = fs_mkdir_in_root(root, "../../b", 0700);
        CHECK_OK(fd);
        CHECK(exists(root, "b"));
        CHECK(!exists(dir, "b"));
        fd = close_fd(fd);
        fd = fs_mkdir_in_root(root, "", 0700);
        CHECK_OK(fd);

        CHECK_EQ(fs_mkdir_in_root(root, "file/x", 0755), -ENOTDIR);
        CHECK_EQ(fs_mkdir_in_root(root, "away/x", 0755), -ENOENT);
        CHECK_EQ(fs_mkdir_in_root(root, "dangling/x", 0755), -ENOENT);
        CHECK(!exists(dir, "outside/x"));
        memset(longest, 'a', PATH_MAX);
        longest[PATH_MAX] = '\0';
        CHECK_EQ(fs_mkdir_in_root(root, longest, 0755), -ENAMETOOLONG);
}

TEST(mkdir_p)
{
        _cleanup_close_ int dir = fresh("mkdir-p");
        _cleanup_free_ char *path = str_printf("%s/mkdir-p/a/b//c/", test_directory()), *below = NULL;

        CHECK_OK(fs_mkdir_p(path, 0755));
        CHECK_OK(fs_mkdir_p(path, 0755));
        CHECK(exists(dir, "a/b/c"));
        CHECK_OK(fs_mkdir_p("/", 0755));
        CHECK_EQ(fs_mkdir_p("a", 0755), -EINVAL);
        put(dir, "file", "");
        below = str_printf("%s/mkdir-p/file", test_directory());
        CHECK_EQ(fs_mkdir_p(below, 0755), -ENOTDIR);
}

TEST(read)
{
        _cleanup_close_ int dir = fresh("read");
        _cleanup_free_ char *text = NULL, *again = NULL, *big = malloc(100000);
        size_t size;

        put(dir, "empty", "");
        put(dir, "four", "1234");
        check_text(dir, "empty", "");
        check_text(dir, "four", "1234");
        CHECK_OK(fs_read_at(dir, "four", 4, &text, NULL));
        CHECK_EQ(fs_read_at(dir, "four", 3, &again, &size), -EFBIG);
        CHECK_EQ(fs_read_at(dir, "none", 3, &again, &size), -ENOENT);
        CHECK_EQ(fs_read_at(dir, ".", 3, &again, &size), -EISDIR);
        CHECK_EQ(fs_read_at(AT_FDCWD, "/dev/zero", 3, &again, &size), -EINVAL);
        CHECK_OK(mkfifoat(dir, "fifo", 0600));
        CHECK_EQ(fs_read_at(dir, "fifo", 3, &again, &size), -EINVAL);
        CHECK(!again);

        memset(big, 'x', 99999);
        big[99999] = '\0';
        put(dir, "big", big);
        check_text(dir, "big", big);
        /* A file of the kernel: no size, but a text. */
        CHECK_OK(fs_read_at(AT_FDCWD, "/proc/self/status", 1 << 20, &again, &size));
        CHECK(size > 100 && startswith(again, "Name:"));
}

static size_t count_entries(int dir)
{
        _cleanup_free_ char *command = str_printf("exit $(ls -A /proc/%d/fd/%d | wc -l)", getpid(), dir);
        int status = system(command);

        return (size_t) WEXITSTATUS(status);
}

TEST(replace)
{
        _cleanup_close_ int dir = fresh("replace");
        struct stat st;

        put(dir, "file", "old");
        CHECK_OK(fs_replace_at(dir, "file", "new\0text", 8, 0640, FS_SYNC));
        CHECK_OK(fstatat(dir, "file", &st, 0));
        CHECK_EQ(st.st_mode & 07777, 0640);
        CHECK_EQ(st.st_size, 8);

        /* A link is replaced, not followed. */
        put(dir, "target", "stays");
        CHECK_OK(symlinkat("target", dir, "link"));
        put(dir, "link", "own");
        check_text(dir, "target", "stays");
        check_text(dir, "link", "own");

        CHECK_EQ(fs_replace_at(dir, "", "", 0, 0644, FS_SYNC), -EINVAL);
        CHECK_EQ(fs_replace_at(dir, "..", "", 0, 0644, FS_SYNC), -EINVAL);
        CHECK_EQ(fs_replace_at(dir, "a/b", "", 0, 0644, FS_SYNC), -EINVAL);

        /* Nothing is left behind by one that fails at the last step. */
        CHECK_OK(mkdirat(dir, "directory", 0755));
        CHECK_EQ(fs_replace_at(dir, "directory", "x", 1, 0644, FS_SYNC), -EISDIR);
        CHECK_EQ(count_entries(dir), 4);
}

TEST(replace_below_path_descriptor)
{
        _cleanup_close_ int dir = fresh("replace-path"),
                            path = openat(dir, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);

        CHECK_OK(fs_replace_at(path, "file", "x", 1, 0644, FS_SYNC));
        check_text(path, "file", "x");
}

TEST(full_disk_keeps_the_old_file)
{
        _cleanup_close_ int dir = -EBADF;
        _cleanup_free_ char *big = calloc(1, 1 << 20);
        _cleanup_free_ char *path = str_printf("%s/full", test_directory());

        if (unshare(CLONE_NEWNS) < 0)
                SKIP("no mount namespace");
        CHECK_OK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
        CHECK_OK(mkdir(path, 0755));
        CHECK_OK(mount("tmpfs", path, "tmpfs", 0, "size=64k"));
        dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        put(dir, "file", "old");
        CHECK_EQ(fs_replace_at(dir, "file", big, 1 << 20, 0644, FS_SYNC), -ENOSPC);
        check_text(dir, "file", "old");
        CHECK_EQ(count_entries(dir), 1);
        CHECK_OK(umount2(path, MNT_DETACH));
}

TEST(write_all_reports)
{
        int pipes[2];

        CHECK_OK(pipe2(pipes, O_CLOEXEC | O_NONBLOCK));
        CHECK_OK(fs_write_all(pipes[1], "abc", 3));
        CHECK_OK(fs_write_all(pipes[1], NULL, 0));
        close_fd(pipes[1]);
        CHECK_EQ(fs_write_all(pipes[0], "abc", 3), -EBADF);
        close_fd(pipes[0]);
}

TEST(remove_tree)
{
        _cleanup_close_ int dir = fresh("remove"), tree = -EBADF, sub = -EBADF;
        char name[32];

        put(dir, "outside", "stays");
        CHECK_OK(mkdirat(dir, "outside-dir", 0755));
        CHECK_OK(mkdirat(dir, "tree", 0755));
        tree = openat(dir, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CHECK_OK(symlinkat("../outside-dir", tree, "link"));
        CHECK_OK(symlinkat("../outside", tree, "link-file"));
        CHECK_OK(mkfifoat(tree, "fifo", 0600));
        CHECK_OK(linkat(dir, "outside", tree, "hard", 0));
        for (unsigned i = 0; i < 300; i++) {
                (void) snprintf(name, sizeof(name), "dir-%u", i);
                CHECK_OK(mkdirat(tree, name, 0));
                close_fd(sub);
                sub = openat(tree, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                if (sub >= 0)
                        put(sub, "file", "x");
        }

        CHECK_OK(fs_remove_tree_at(dir, "tree"));
        CHECK(!exists(dir, "tree"));
        CHECK(exists(dir, "outside-dir"));
        check_text(dir, "outside", "stays");

        CHECK_OK(fs_remove_tree_at(dir, "tree"));
        CHECK_OK(fs_remove_tree_at(dir, "outside"));
        CHECK(!exists(dir, "outside"));
        CHECK_OK(symlinkat("outside-dir", dir, "link"));
        CHECK_OK(fs_remove_tree_at(dir, "link"));
        CHECK(exists(dir, "outside-dir"));
        CHECK_EQ(fs_remove_tree_at(dir, ".."), -EINVAL);
        CHECK_EQ(fs_remove_tree_at(dir, ""), -EINVAL);
        CHECK_EQ(fs_remove_tree_at(dir, "a/"), -EINVAL);
        CHECK_OK(fs_remove_tree_at(dir, "none/none"));
}

/* Far deeper than the stack, the limit of descriptors or PATH_MAX would bear. */
TEST(remove_deep_tree)
{
        const unsigned depth = 30000;
        _cleanup_close_ int dir = fresh("deep"), at = -EBADF;
        uint64_t usage;

        CHECK_OK(mkdirat(dir, "tree", 0755));
        at = openat(dir, "tree", O_PATH | O_DIRECTORY | O_CLOEXEC);
        for (unsigned i = 0; i < depth; i++) {
                int next;

                CHECK_OK(mkdirat(at, "d", 0755));
                next = openat(at, "d", O_PATH | O_DIRECTORY | O_CLOEXEC);
                CHECK_OK(next);
                close_fd(at);
                at = next;
        }
        /* An open directory down there would keep all above it in the kernel's cache, to be searched again
         * and again. */
        at = close_fd(at);
        CHECK_OK(fs_disk_usage_at(dir, "tree", &usage));
        CHECK_OK(fs_remove_tree_at(dir, "tree"));
        CHECK(!exists(dir, "tree"));
}

TEST(mounts_are_not_crossed)
{
        _cleanup_close_ int dir = fresh("mounts");
        _cleanup_free_ char *tmpfs = str_printf("%s/mounts/tree/sub/mnt", test_directory());
        _cleanup_free_ char *bind = str_printf("%s/mounts/bind/mnt", test_directory());
        _cleanup_free_ char *data = str_printf("%s/mounts/data", test_directory());
        uint64_t usage;

        if (unshare(CLONE_NEWNS) < 0)
                SKIP("no mount namespace");
        CHECK_OK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
        CHECK_OK(fs_mkdir_p(tmpfs, 0755));
        CHECK_OK(fs_mkdir_p(bind, 0755));
        CHECK_OK(fs_mkdir_p(data, 0755));
        put(dir, "data.txt", "x");
        CHECK_OK(mount("tmpfs", tmpfs, "tmpfs", 0, NULL));
        CHECK_OK(mount(data, bind, NULL, MS_BIND, NULL));

        CHECK_EQ(fs_remove_tree_at(dir, "tree"), -EBUSY);
        CHECK(exists(dir, "tree/sub/mnt"));
        /* The same file system, yet a mount. */
        CHECK_EQ(fs_remove_tree_at(dir, "bind"), -EBUSY);
        CHECK_EQ(fs_remove_tree_at(dir, "bind/mnt"), -EBUSY);
        CHECK_OK(fs_disk_usage_at(dir, "tree", &usage));

        CHECK_OK(umount2(tmpfs, MNT_DETACH));
        CHECK_OK(umount2(bind, MNT_DETACH));
        CHECK_OK(fs_remove_tree_at(dir, "tree"));
        CHECK_OK(fs_remove_tree_at(dir, "bind"));
        CHECK(exists(dir, "data"));
}

TEST(disk_usage)
{
        _cleanup_close_ int dir = fresh("usage"), tree = -EBADF;
        _cleanup_free_ char *big = malloc(1 << 20);
        uint64_t before, one, linked, file;

        memset(big, 'x', 1 << 20);
        CHECK_OK(mkdirat(dir, "tree", 0755));
        tree = openat(dir, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CHECK_OK(mkdirat(tree, "sub", 0755));
        CHECK_OK(fs_disk_usage_at(dir, "tree", &before));
        CHECK_OK(fs_replace_at(tree, "big", big, 1 << 20, 0644, FS_SYNC));
        CHECK_OK(fs_disk_usage_at(dir, "tree", &one));
        CHECK(one >= before + (1 << 20) && one <= before + (2 << 20));
        CHECK_OK(linkat(tree, "big", tree, "sub/same", 0));
        CHECK_OK(fs_disk_usage_at(dir, "tree", &linked));
        CHECK_EQ(one, linked);
        CHECK_OK(fs_disk_usage_at(tree, "big", &file));
        CHECK(file >= 1 << 20);
        CHECK_EQ(fs_disk_usage_at(dir, "none", &file), -ENOENT);
}
