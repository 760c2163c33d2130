/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Engines read why a command failed from standard error, or from the log file, whose JSON is runc's. */

#include <fcntl.h>
#include <stdarg.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/str.h"
#include "exec/oci.h"

#define EXIT_NO_SESSION 255

static char *format_line(bool as_json, const char *level, const char *message)
{
        char now[FORMAT_TIME_MAX];
        _cleanup_json_ json_t *v = NULL;
        _cleanup_free_ char *text = NULL;

        (void) format_time(now_realtime(), now);
        if (!as_json)
                return str_printf("time=\"%s\" level=%s msg=\"%s\"\n", now, level, message);
        v = json_pack("{s:s, s:s, s:s}", "msg", message, "level", level, "time", now);
        text = v ? json_text(v) : NULL;
        return text ? str_printf("%s\n", text) : NULL;
}

static void write_log(const Oci *o, const char *level, const char *message)
{
        const char *path = o->value[OCI_LOG], *format = o->value[OCI_LOG_FORMAT];
        _cleanup_close_ int fd = -EBADF;
        _cleanup_free_ char *line = NULL;

        if (isempty(path))
                return;
        fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
        line = fd < 0 ? NULL : format_line(streq_ptr(format, "json"), level, message);
        if (line)
                (void) fs_write_all(fd, line, strlen(line));
}

/* Engines tell by these words that a command was not found or may not be executed. */
static const char *hint(const Error *error)
{
        return error->kind == ERROR_COMMAND_NOT_FOUND
                       ? ": executable file not found: no such file or directory"
                       : "";
}

/* And by the words of the error itself, which runtimes in Go do not begin with a capital. */
static void fold_reason(const Error *error, char *text)
{
        char *reason = NULL;

        if (error->kind != ERROR_COMMAND_NOT_FOUND && error->kind != ERROR_COMMAND_NOT_EXECUTABLE)
                return;
        for (char *p = text; p && (p = strstr(p, ": ")); p += 2)
                reason = p + 2;
        if (reason && *reason >= 'A' && *reason <= 'Z')
                *reason += 'a' - 'A';
}

int oci_failed(const Oci *o, const Error *error)
{
        _cleanup_free_ char *text = str_printf("%s%s", strempty(error->message), hint(error));
        const char *message = text ?: strempty(error->message);

        fold_reason(error, text);
        write_log(o, "error", message);
        (void) fprintf(stderr, "berth-exec: %s\n", message);
        /* A session that did not begin is told from one that ended with a status of its own. */
        return o->session && error->kind != ERROR_NO_SUCH_CONTAINER && error->kind != ERROR_INVALID_ARGUMENT
                       ? EXIT_NO_SESSION
                       : EXIT_FAILURE;
}

void oci_warn(const Oci *o, const char *format, ...)
{
        _cleanup_free_ char *message = NULL;
        va_list arguments;

        va_start(arguments, format);
        if (vasprintf(&message, format, arguments) < 0)
                message = NULL;
        va_end(arguments);
        if (!message)
                return;
        write_log(o, "warning", message);
        (void) fprintf(stderr, "berth-exec: %s\n", message);
}
