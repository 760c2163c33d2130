/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The tables of errors and events, both ways. */

#include "base/parse.h"
#include "spec/error.h"
#include "spec/event.h"
#include "spec/name.h"

#include "test.h"

TEST(errors)
{
        for (ErrorKind k = ERROR_NONE + 1; k < _ERROR_MAX; k++) {
                const char *name = error_bus_name(k);

                CHECK(startswith(name, "io.berth1.Error."));
                CHECK_EQ(error_from_bus_name(name), k);
                CHECK(error_errno(k) > 0);
                CHECK(error_exit_status(k) >= 125 && error_exit_status(k) <= 127);
        }
        CHECK_EQ(error_exit_status(ERROR_COMMAND_NOT_FOUND), 127);
        CHECK_EQ(error_exit_status(ERROR_COMMAND_NOT_EXECUTABLE), 126);
        CHECK_EQ(error_from_bus_name("org.freedesktop.DBus.Error.NoReply"), ERROR_FAILED);
}

TEST(first_error_stays)
{
        _cleanup_error_ Error e = ERROR_INIT;

        CHECK_EQ(error_set(&e, ERROR_NO_SUCH_IMAGE, "no image \"%s\"", "a\nb"), -ENOENT);
        CHECK_EQ(error_set(&e, ERROR_FAILED, "second"), -EIO);
        CHECK_EQ(e.kind, ERROR_NO_SUCH_IMAGE);
        CHECK(!strchr(e.message, '\n'));
}

TEST(errno_has_a_kind)
{
        _cleanup_error_ Error e = ERROR_INIT;

        CHECK_EQ(error_set_errno(&e, -ENOSPC, "Cannot write %s", "x"), -ENOSPC);
        CHECK_EQ(e.kind, ERROR_NO_SPACE);
        CHECK_STREQ(e.message, "Cannot write x: No space left on device");
}

TEST(events)
{
        for (Event e = 0; e < _EVENT_MAX; e++) {
                Event back;

                CHECK(is_hex(event_message_id(e), 32));
                CHECK_OK(event_from_message_id(event_message_id(e), &back));
                CHECK_EQ(back, e);
                CHECK(event_type(e) && event_status(e));
        }
}

TEST(names)
{
        char id[ID_LENGTH + 1];
        _cleanup_free_ char *path = NULL, *random = NULL;

        CHECK_OK(id_new(id));
        CHECK(id_is_valid(id));
        CHECK(!name_is_valid(id));
        CHECK(name_is_valid("web-1.a_b"));
        CHECK(!name_is_valid("") && !name_is_valid(".web") && !name_is_valid("a b") && !name_is_valid("a/b"));
        CHECK(!name_is_valid("\xc3\xa9"));
        path = object_path("container", id);
        CHECK_STREQ(object_path_id(path, "container"), id);
        CHECK(!object_path_id(path, "image"));
        CHECK(!object_path_id("/io/berth1/container/../x", "container"));
        random = name_random();
        CHECK(name_is_valid(random));
}
