/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The first process of a container, run as an ordinary one. */

#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/str.h"

#include "test.h"

static pid_t start(const char *script, int *ret_output)
{
        int pipes[2];
        pid_t pid;

        CHECK_OK(pipe2(pipes, O_CLOEXEC));
        pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
                (void) dup2(pipes[1], STDOUT_FILENO);
                (void) execl(TEST_INIT, "berth-init", "--", "sh", "-c", script, NULL);
                _exit(99);
        }
        (void) close(pipes[1]);
        *ret_output = pipes[0];
        return pid;
}

static int status_of(pid_t pid)
{
        int status;

        CHECK_EQ(waitpid(pid, &status, 0), pid);
        CHECK(WIFEXITED(status));
        return WEXITSTATUS(status);
}

static char *read_line(int fd, char line[static 64])
{
        size_t n = 0;

        while (n < 63 && read(fd, line + n, 1) == 1 && line[n] != '\n')
                n++;
        line[n] = '\0';
        return line;
}

static int run(const char *program)
{
        pid_t pid = fork();

        if (pid == 0) {
                (void) freopen("/dev/null", "w", stderr);
                (void) execl(TEST_INIT, "berth-init", program, NULL);
                _exit(99);
        }
        return status_of(pid);
}

TEST(ends_as_the_payload)
{
        int fd;

        CHECK_EQ(status_of(start("exit 7", &fd)), 7);
        (void) close(fd);
        CHECK_EQ(status_of(start("kill -KILL $$", &fd)), 128 + SIGKILL);
        (void) close(fd);
        CHECK_EQ(run("no-such-program"), 127);
        CHECK_EQ(run("/no/such/program"), 127);
        CHECK_EQ(run("/etc/passwd"), 126);
        CHECK_EQ(run(NULL), 125);
}

TEST(signals_are_passed_on)
{
        static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGQUIT};
        char line[64];

        FOREACH_ELEMENT(s, signals) {
                _cleanup_free_ char *script =
                        str_printf("trap 'exit %d' %d; echo ready; while :; do sleep 0.02; done", *s, *s);
                int fd;
                pid_t pid = start(script, &fd);

                CHECK_STREQ(read_line(fd, line), "ready");
                CHECK_OK(kill(pid, *s));
                CHECK_EQ(status_of(pid), *s);
                (void) close(fd);
        }
}

/* An orphan's end is seen by nobody but the first process: as a zombie it would still be in /proc. */
TEST(orphans_are_reaped)
{
        char line[64], path[80];
        struct stat st;
        int fd;
        pid_t pid = start("( sleep 0.1 & echo $! ); trap 'exit 0' TERM; while :; do sleep 0.02; done", &fd);

        (void) snprintf(path, sizeof(path), "/proc/%s", read_line(fd, line));
        CHECK(*line);
        for (unsigned i = 0; i < 500 && stat(path, &st) >= 0; i++)
                (void) usleep(10000);
        CHECK(stat(path, &st) < 0);
        CHECK_OK(kill(pid, SIGTERM));
        CHECK_EQ(status_of(pid), 0);
        (void) close(fd);
}

/* What was blocked when it was started is all that is blocked in the payload; the group is the payload's own.
 */
TEST(payload_is_undisturbed)
{
        char line[64];
        int fd;
        pid_t pid = start("grep SigBlk /proc/self/status; test $(cut -d' ' -f5 /proc/$$/stat) = $$", &fd);

        CHECK_STREQ(read_line(fd, line), "SigBlk:\t0000000000000000");
        CHECK_EQ(status_of(pid), 0);
        (void) close(fd);
}

TEST(small_and_without_relocations)
{
        struct stat st;

        CHECK_OK(stat(TEST_INIT, &st));
        CHECK(st.st_size < 100 * 1024);
        CHECK_EQ(WEXITSTATUS(system("readelf -r " TEST_INIT " | grep -q 'no relocations'")), 0);
        CHECK_EQ(WEXITSTATUS(system("readelf -l " TEST_INIT " | grep -q INTERP")), 1);
}
