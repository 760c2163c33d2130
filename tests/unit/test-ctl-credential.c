/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Credential helpers that answer, fail, and misbehave. */

#include <signal.h>

#include "base/str.h"
#include "prog/ctl-credential.h"
#include "test.h"

static void write_helper(const char *name, const char *script)
{
        _cleanup_close_ int dir = test_directory_open();
        _cleanup_free_ char *file = str_printf("docker-credential-%s", name),
                            *text = str_printf("#!/bin/sh\n%s\n", script);

        CHECK(file && text);
        CHECK_OK(fs_replace_at(dir, file, text, strlen(text), 0755, FS_NO_SYNC));
}

TEST(helpers)
{
        static const struct {
                const char *script, *input;
                int r;
                const char *says; /* the output, or a part of the error */
        } rows[] = {
                {"read host; echo \"$1 $host\"", "a.example", 1, "get a.example\n"},
                {"cat >/dev/null; exit 0", "a.example", 1, ""},
                {"echo early", "a.example", 1, "early\n"},
                {"echo credentials not found in native keychain; exit 1", "a.example", 0, NULL},
                {"echo no daemon; echo more; exit 1", "a.example", -EIO,
                 "docker-credential-x failed: no daemon"},
                {"exit 3", "a.example", -EIO, "docker-credential-x failed"},
                {"kill -9 $$", "a.example", -EIO, "docker-credential-x failed"},
                {"printf 'a\\0b'", "a.example", -EIO, "no text"},
                {"cat /dev/zero", "a.example", -E2BIG, "docker-credential-x"},
                {"printf '\\033[2Jbad'; exit 1", "a.example", -EIO, "\\x1b[2Jbad"},
        };

        _cleanup_free_ char *path = str_printf("relative:%s:/usr/bin:/bin", test_directory());

        CHECK(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
        CHECK_EQ(setenv("PATH", path, 1), 0);
        FOREACH_ELEMENT(row, rows) {
                _cleanup_error_ Error error = ERROR_INIT;
                _cleanup_free_ char *output = NULL;

                write_helper("x", row->script);
                CHECK_EQ(credentials_run_helper("x", "get", row->input, &output, &error), row->r);
                if (row->r > 0)
                        CHECK_STREQ(output, row->says);
                else
                        CHECK(!output && (row->r == 0 || strstr(error.message, row->says)));
        }
}

TEST(only_from_directories_that_are_named_from_the_top)
{
        _cleanup_error_ Error error = ERROR_INIT;
        char *output = NULL;

        write_helper("y", "echo hello");
        CHECK_EQ(chdir(test_directory()), 0);
        CHECK_EQ(setenv("PATH", ".::/usr/bin", 1), 0);
        CHECK_EQ(credentials_run_helper("y", "get", "a.example", &output, &error), -EIO);
        CHECK(!output && strstr(error.message, "docker-credential-y is not in $PATH"));
}

TEST(no_terminal)
{
        char *answer = NULL;

        if (setsid() < 0 && getsid(0) != getpid())
                SKIP("this process leads its session");
        CHECK_EQ(credentials_ask("Password: ", false, &answer), -ENOTTY);
        CHECK(!answer);
}
