/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What of a payload's notifications reaches the service manager. */

#include "base/str.h"
#include "exec/relay.h"
#include "test.h"

TEST(messages)
{
        static const struct {
                const char *message, *expected;
                int result;
        } cases[] = {
                {"READY=1", "READY=1", 1},
                {"READY=1\nSTATUS=up and running\n", "READY=1\nSTATUS=up and running", 1},
                {"STATUS=", "STATUS=", 0},
                {"WATCHDOG=1", "WATCHDOG=1", 0},
                {"STOPPING=1\nERRNO=2", "STOPPING=1\nERRNO=2", 0},
                {"MAINPID=1", NULL, 0},
                {"MAINPID=1\nREADY=1", "READY=1", 1},
                {"READY=1\nMAINPID=4711\nFDSTORE=1\nFDNAME=x", "READY=1", 1},
                {"EXTEND_TIMEOUT_USEC=18446744073709551615", NULL, 0},
                {"WATCHDOG_USEC=1", NULL, 0},
                {"WATCHDOG=trigger", NULL, 0},
                {"BARRIER=1", NULL, 0},
                {"NOTIFYACCESS=none", NULL, 0},
                {"RELOADING=1", NULL, 0},
                {"READY=0", NULL, 0},
                {"READY=11", NULL, 0},
                {" READY=1", NULL, 0},
                {"READY", NULL, 0},
                {"=1", NULL, 0},
                {"", NULL, 0},
                {"ERRNO=-1", NULL, 0},
                {"ERRNO=5000", NULL, 0},
                {"STATUS=a\rMAINPID=1", NULL, 0},
                {"STATUS=\x1b[31m", NULL, 0},
        };

        FOREACH_ELEMENT(c, cases) {
                _cleanup_free_ char *text = NULL;

                CHECK_EQ(relay_filter(c->message, strlen(c->message), &text), c->result);
                CHECK_STREQ(text, c->expected);
        }
}

TEST(bytes_after_the_end)
{
        _cleanup_free_ char *text = NULL;

        CHECK_EQ(relay_filter("READY=1\0\nMAINPID=1", 18, &text), 1);
        CHECK_STREQ(text, "READY=1");
}

TEST(long_status)
{
        char message[400] = "STATUS=";
        _cleanup_free_ char *text = NULL;

        memset(message + strlen("STATUS="), 'a', 300);
        CHECK_EQ(relay_filter(message, strlen(message), &text), 0);
        CHECK(!text);
}
