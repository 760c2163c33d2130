/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a foreground container writes comes out byte for byte, in whatever pieces it is written. */

#include <fcntl.h>
#include <signal.h>

#include "base/parse.h"
#include "prog/ctl-tee.h"
#include "test.h"

static const TeeFields fields = {
        .id = "0123", .name = "tee", .image = "localhost/x:latest", .unit = "berth-tee.service"};

typedef struct Pipes {
        int write;  /* the container's */
        int result; /* what came out */
        Tee *tee;
} Pipes;

static Pipes open_pipes(void)
{
        int in[2], out[2];
        Pipes p;

        CHECK_OK(pipe2(in, O_CLOEXEC));
        CHECK_OK(pipe2(out, O_CLOEXEC));
        CHECK(fcntl(in[1], F_SETPIPE_SZ, 1 << 20) > 0);
        CHECK(fcntl(out[1], F_SETPIPE_SZ, 1 << 20) > 0);
        p = (Pipes){in[1], out[0], tee_new(in[0], out[1], 6, &fields)};
        CHECK(p.tee);
        return p;
}

static void check_copy(const char *data, size_t size, size_t piece)
{
        _cleanup_free_ char *got = malloc(size + 1);
        Pipes p = open_pipes();
        size_t n = 0;

        for (size_t at = 0; at < size; at += piece) {
                CHECK_EQ(write(p.write, data + at, MIN(piece, size - at)), (ssize_t) MIN(piece, size - at));
                tee_copy(p.tee);
        }
        close_fd(p.write);
        while (tee_fd(p.tee) >= 0)
                tee_copy(p.tee);
        while (n < size) {
                ssize_t more = read(p.result, got + n, size - n);

                CHECK(more > 0);
                n += (size_t) more;
        }
        CHECK(memcmp(got, data, size) == 0);
        tee_free(p.tee);
        close_fd(p.result);
}

TEST(all_bytes)
{
        static char data[70000];

        for (size_t i = 0; i < sizeof(data); i++)
                data[i] = (char) (i * 7);
        check_copy(data, sizeof(data), 1000);
        check_copy(data, sizeof(data), 1 << 16);
        check_copy("no newline", 10, 3);
        check_copy("\n\n\n", 3, 1);
}

TEST(long_line)
{
        static char data[300000];

        memset(data, 'x', sizeof(data));
        check_copy(data, sizeof(data), 65536);
}

TEST(closed_output_closes_the_pipe)
{
        Pipes p = open_pipes();

        (void) signal(SIGPIPE, SIG_IGN);
        close_fd(p.result);
        CHECK_EQ(write(p.write, "x\n", 2), 2);
        tee_copy(p.tee);
        CHECK(tee_fd(p.tee) < 0);
        CHECK_EQ(write(p.write, "y\n", 2), -1);
        CHECK_EQ(errno, EPIPE);
        tee_free(p.tee);
        close_fd(p.write);
}

TEST(drain_does_not_wait_for_the_end)
{
        _cleanup_free_ char *data = calloc(1, 200000), *got = malloc(200000);
        Pipes p = open_pipes();
        size_t n = 0;

        CHECK_EQ(write(p.write, data, 200000), 200000);
        tee_drain(p.tee);
        CHECK(tee_fd(p.tee) < 0);
        for (ssize_t more = 1; n < 200000 && more > 0; n += (size_t) more)
                more = read(p.result, got + n, 200000 - n);
        CHECK_EQ(n, 200000);
        tee_free(p.tee);
        close_fd(p.write);
        close_fd(p.result);
}

TEST(null_is_fine)
{
        tee_drain(NULL);
        CHECK(!tee_free(NULL));
        CHECK(tee_fd(NULL) < 0);
}
