/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Verbs that bring images in and out. */

#include <fcntl.h>
#include <sys/stat.h>

#include "base/str.h"
#include "bus/value.h"
#include "prog/ctl-image.h"
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

/* An open archive or layout directory on its way to LoadImage. */
static int load(Ctl *c, int fd, WorkResult *ret)
{
        _cleanup_message_ sd_bus_message *m = NULL;
        int r;

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
        return r < 0 ? bus_failed(c, r) : work_run(c, m, ret);
}

int verb_load(Ctl *c)
{
        const char *file = ctl_value(c, FLAG_INPUT) ?: c->args[0];
        _cleanup_work_result_ WorkResult result = {};
        _cleanup_close_ int opened = -EBADF;
        int fd, r;

        if (ctl_value(c, FLAG_INPUT) && c->args[0])
                return error_set(&c->error, ERROR_INVALID_ARGUMENT, "one archive at a time: --input or %s",
                                 c->args[0]);
        fd = open_archive(c, file, &opened);
        if (fd < 0)
                return fd;
        r = load(c, fd, &result);
        if (r == 0)
                output_each(ctl_has(c, FLAG_NO_PROGRESS) ? "%s" : "Loaded image: %s", result.names);
        return r;
}

int load_transport(Ctl *c, const char *place)
{
        _cleanup_work_result_ WorkResult result = {};
        _cleanup_close_ int opened = -EBADF;
        int fd, r;

        fd = open_archive(c, place, &opened);
        if (fd < 0)
                return fd;
        r = load(c, fd, &result);
        if (r == 0)
                output_each("%s", result.ids);
        return r;
}

int verb_import(Ctl *c)
{
        _cleanup_message_ sd_bus_message *m = NULL;
        _cleanup_work_result_ WorkResult result = {};
        _cleanup_close_ int opened = -EBADF;
        int fd, r;

        fd = open_archive(c, c->args[0], &opened);
        if (fd < 0)
                return fd;
        r = bus_new_call(c, &m, BUS_PATH, RUNTIME_INTERFACE, "Import", "h", fd);
        if (r < 0)
                return r;
        r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0 && c->args[1])
                r = sd_bus_message_append(m, "{sv}", "Names", "as", 1, c->args[1]);
        if (r >= 0 && ctl_has(c, FLAG_CHANGE)) {
                _cleanup_json_ json_t *changes = json_from_strv(c->values[FLAG_CHANGE]);

                r = changes ? value_append_entry(m, "Changes", "as", changes) : -EINVAL;
        }
        if (r >= 0)
                r = work_append_string(c, m, "Message", FLAG_MESSAGE);
        if (r >= 0)
                r = work_append_platform(c, m);
        if (r >= 0)
                r = work_append_options(m);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r < 0)
                return c->error.kind != ERROR_NONE ? r : bus_failed(c, r);
        r = work_run(c, m, &result);
        if (r == 0)
                output_each("%s", result.ids);
        return r;
}

/* Saving */

static bool is_directory_format(const char *format)
{
        return streq_ptr(format, "oci-dir") || streq_ptr(format, "docker-dir");
}

/* The file appears whole or not at all. */
typedef struct Output {
        const char *path;
        char *temporary;
        int fd;
} Output;

static void output_done(Output *o)
{
        if (o->temporary)
                (void) unlink(o->temporary);
        free(o->temporary);
        if (o->fd > STDERR_FILENO)
                close_fd(o->fd);
}

static int open_directory_output(Ctl *c, Output *o)
{
        if (mkdir(o->path, 0755) < 0 && errno != EEXIST)
                return error_set_errno(&c->error, errno, "%s", o->path);
        o->fd = open(o->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return o->fd < 0 ? error_set_errno(&c->error, errno, "%s", o->path) : 0;
}

static int open_output(Ctl *c, Output *o)
{
        struct stat st;

        if (is_directory_format(ctl_value(c, FLAG_SAVE_FORMAT)))
                return o->path ? open_directory_output(c, o)
                               : error_set(&c->error, ERROR_INVALID_ARGUMENT,
                                           "--output is needed: the directory to write to");
        if (!o->path || streq(o->path, "-")) {
                if (isatty(STDOUT_FILENO))
                        return error_set(&c->error, ERROR_INVALID_ARGUMENT,
                                         "an archive is no text for a terminal: use --output, or send it on");
                o->fd = STDOUT_FILENO;
                return 0;
        }
        if (stat(o->path, &st) >= 0 && !S_ISREG(st.st_mode)) /* /dev/null, a FIFO */
                o->fd = open(o->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        else {
                o->temporary = str_printf("%s.berth-XXXXXX", o->path);
                o->fd = o->temporary ? mkostemp(o->temporary, O_CLOEXEC) : -1;
        }
        return o->fd < 0 ? error_set_errno(&c->error, errno, "%s", o->path) : 0;
}

static int finish_output(Ctl *c, Output *o)
{
        mode_t mask;

        if (!o->temporary)
                return 0;
        mask = umask(0);
        (void) umask(mask);
        if (fchmod(o->fd, 0666 & ~mask) < 0 || rename(o->temporary, o->path) < 0)
                return error_set_errno(&c->error, errno, "%s", o->path);
        free(o->temporary);
        o->temporary = NULL;
        return 0;
}

static int append_save_options(Ctl *c, sd_bus_message *m)
{
        const char *coding = ctl_has(c, FLAG_UNCOMPRESSED) ? "none"
                             : ctl_has(c, FLAG_COMPRESS)   ? "gzip"
                                                           : NULL;
        int r;

        r = work_append_string(c, m, "Format", FLAG_SAVE_FORMAT);
        if (r >= 0 && coding)
                r = sd_bus_message_append(m, "{sv}", "Compression", "s", coding);
        return r < 0 ? r : work_append_options(m);
}

int verb_save(Ctl *c)
{
        _cleanup_(output_done) Output output = {.path = ctl_value(c, FLAG_OUTPUT), .fd = -EBADF};
        _cleanup_message_ sd_bus_message *m = NULL;
        _cleanup_work_result_ WorkResult result = {};
        int r;

        r = open_output(c, &output);
        if (r >= 0)
                r = bus_new_call(c, &m, BUS_PATH, RUNTIME_INTERFACE, "SaveImages", NULL);
        if (r < 0)
                return r;
        r = sd_bus_message_append_strv(m, c->args);
        if (r >= 0)
                r = sd_bus_message_append(m, "h", output.fd);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0)
                r = append_save_options(c, m);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r < 0)
                return bus_failed(c, r);
        r = work_run(c, m, &result);
        return r != 0 ? r : finish_output(c, &output);
}

/* Checking */

/* Whether something is said that is not about one of the images. */
static bool store_has_problems(const WorkResult *result)
{
        const json_t *warning, *id;
        size_t i, k;

        json_array_foreach(result->warnings, i, warning)
        {
                bool of_image = startswith(strempty(json_string_value(warning)), "Image ");

                json_array_foreach(result->ids, k, id) of_image =
                        of_image ||
                        startswith(strempty(json_string_value(warning)), strempty(json_string_value(id)));
                if (!of_image)
                        return true;
        }
        return false;
}

int verb_system_check(Ctl *c)
{
        _cleanup_message_ sd_bus_message *m = NULL;
        _cleanup_work_result_ WorkResult result = {};
        int r;

        r = bus_new_call(c, &m, BUS_PATH, RUNTIME_INTERFACE, "CheckImages", NULL);
        if (r < 0)
                return r;
        r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0 && ctl_has(c, FLAG_REPAIR))
                r = sd_bus_message_append(m, "{sv}", "Repair", "b", true);
        if (r >= 0)
                r = work_append_options(m);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r < 0)
                return bus_failed(c, r);
        r = work_run(c, m, &result);
        if (r != 0)
                return r;
        output_each("Damaged image: %s", result.ids);
        output_each("Repaired image: %s", result.names);
        if (json_array_size(result.ids) > json_array_size(result.names) || store_has_problems(&result))
                return EXIT_OURS;
        if (!ctl_has(c, FLAG_NO_PROGRESS) && json_array_size(result.ids) == 0)
                puts("The image store is whole");
        return 0;
}
