/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A task's answer comes back whole: result, kind and text of the error, or that there was none. */

#include <signal.h>
#include <sys/wait.h>

#include "base/str.h"
#include "engine/task.h"

#include "test.h"

typedef struct Result {
        sd_event *event;
        int r;
        ErrorKind kind;
        char *message;
        unsigned times;
} Result;

static void on_done(int r, const Error *error, void *userdata)
{
        Result *result = userdata;

        result->r = r;
        result->kind = error->kind;
        (void) str_replace(&result->message, error->message);
        result->times++;
        (void) sd_event_exit(result->event, 0);
}

static void run(TaskRun function, Result *result)
{
        Task *task = NULL;
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGCHLD);
        CHECK(sigprocmask(SIG_BLOCK, &set, NULL) >= 0);
        CHECK_OK(sd_event_new(&result->event));
        CHECK_OK(task_start(result->event, &task, function, on_done, result));
        CHECK(task);
        CHECK_OK(sd_event_loop(result->event));
        CHECK(!task);
        CHECK_EQ(result->times, 1);
        sd_event_unref(result->event);
}

static int succeed(void *userdata, Error *error)
{
        return 7;
}

static int fail(void *userdata, Error *error)
{
        return error_set(error, ERROR_NO_SPACE, "no room\nin \"%s\"", "x");
}

static int fail_at_length(void *userdata, Error *error)
{
        _cleanup_free_ char *text = calloc(1, 100000);

        memset(text, 'x', 99999);
        return error_set(error, ERROR_FAILED, "%s", text);
}

static int crash(void *userdata, Error *error)
{
        (void) raise(SIGKILL);
        return 0;
}

static int wait_a_little(void *userdata, Error *error)
{
        (void) usleep(100000);
        return 0;
}

TEST(result)
{
        Result result = {};

        run(succeed, &result);
        CHECK_EQ(result.r, 7);
        CHECK_EQ(result.kind, ERROR_NONE);
}

TEST(error)
{
        Result result = {};

        run(fail, &result);
        CHECK_EQ(result.r, -ENOSPC);
        CHECK_EQ(result.kind, ERROR_NO_SPACE);
        CHECK_STREQ(result.message, "no room\\x0ain \"x\"");
        free(result.message);
}

TEST(long_error_is_cut)
{
        Result result = {};

        run(fail_at_length, &result);
        CHECK_EQ(result.kind, ERROR_FAILED);
        CHECK(strlen(result.message) > 1000);
        free(result.message);
}

TEST(no_answer)
{
        Result result = {};

        run(crash, &result);
        CHECK(result.r < 0);
        CHECK_EQ(result.kind, ERROR_FAILED);
        free(result.message);
}

TEST(forgotten)
{
        Result result = {};
        Task *task = NULL;

        CHECK_OK(sd_event_new(&result.event));
        CHECK_OK(task_start(result.event, &task, wait_a_little, on_done, &result));
        task_forget(&task);
        CHECK(!task);
        /* It is reaped nevertheless. */
        CHECK_EQ(sd_event_run(result.event, UINT64_MAX), 1);
        CHECK_EQ(waitpid(-1, NULL, WNOHANG), -1);
        CHECK_EQ(errno, ECHILD);
        CHECK_EQ(result.times, 0);
        sd_event_unref(result.event);
}
