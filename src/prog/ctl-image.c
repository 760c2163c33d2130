/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Verbs that bring images in and out. */

#include <fcntl.h>

#include "base/str.h"
#include "bus/value.h"
#include "prog/ctl-output.h"
#include "prog/ctl-work.h"
#include "spec/name.h"

/* The file, or the standard input for "-" and NULL. */
static int open_archive(Ctl *c, const char *file, int *ret_opened)
{
        if (!file || streq(file, "-")) {
                if (isatty(STDIN_FILENO))
                        return error_set(
                                &c->error, ERROR_INVALID_ARGUMENT,
                                "an archive is wanted: name a file, or send it to the standard input");
                return STDIN_FILENO;
        }
        *ret_opened = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        return *ret_opened < 0 ? error_set_errno(&c->error, errno, "%s", file) : *ret_opened;
}

static void print_loaded(const Ctl *c, const json_t *names)
{
        const json_t *name;
        size_t i;

        json_array_foreach(names, i, name)
        {
                _cleanup_free_ char *line = str_printf("Loaded image: %s", strempty(json_string_value(name)));

                output_line(ctl_has(c, FLAG_QUIET) ? json_string_value(name) : strempty(line));
        }
}

int verb_load(Ctl *c)
{
        const char *file = ctl_value(c, FLAG_INPUT) ?: c->args[0];
        _cleanup_message_ sd_bus_message *m = NULL;
        _cleanup_work_result_ WorkResult result = {};
        _cleanup_close_ int opened = -EBADF;
        int fd, r;

        if (ctl_value(c, FLAG_INPUT) && c->args[0])
                return error_set(&c->error, ERROR_INVALID_ARGUMENT, "one archive at a time: --input or %s",
                                 c->args[0]);
        fd = open_archive(c, file, &opened);
        if (fd < 0)
                return fd;
        r = bus_new_call(c, &m, BUS_PATH, RUNTIME_INTERFACE, "LoadImage", "h", fd);
        if (r < 0)
                return r;
        r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0 && ctl_has(c, FLAG_MOVE_NAMES))
                r = sd_bus_message_append(m, "{sv}", "Replace", "b", true);
        if (r >= 0)
                r = work_append_options(m);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r < 0)
                return bus_failed(c, r);
        r = work_run(c, m, &result);
        if (r == 0)
                print_loaded(c, result.names);
        return r;
}
