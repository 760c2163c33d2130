/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The table of errors. */

#include <stdarg.h>

#include "base/str.h"
#include "spec/error.h"

#define BUS_PREFIX "io.berth1.Error."

enum {
        EXIT_BERTH = 125,
        EXIT_NOT_EXECUTABLE = 126,
        EXIT_NOT_FOUND = 127,
};

typedef struct ErrorRow {
        const char *name;
        int error;
        int exit_status; /* 0: EXIT_BERTH */
} ErrorRow;

static const ErrorRow error_table[_ERROR_MAX] = {
        [ERROR_NONE] = {"None", 0},
        [ERROR_FAILED] = {"Failed", EIO},
        [ERROR_INVALID_ARGUMENT] = {"InvalidArgument", EINVAL},
        [ERROR_NO_SUCH_CONTAINER] = {"NoSuchContainer", ENOENT},
        [ERROR_NO_SUCH_IMAGE] = {"NoSuchImage", ENOENT},
        [ERROR_NO_SUCH_EXEC] = {"NoSuchExec", ENOENT},
        [ERROR_NOT_SUPPORTED] = {"NotSupported", EOPNOTSUPP},
        [ERROR_AMBIGUOUS] = {"Ambiguous", ENOTUNIQ},
        [ERROR_NAME_IN_USE] = {"NameInUse", EEXIST},
        [ERROR_IN_USE] = {"InUse", EBUSY},
        [ERROR_RUNNING] = {"Running", EBUSY},
        [ERROR_NOT_RUNNING] = {"NotRunning", ESRCH},
        [ERROR_BAD_ARCHIVE] = {"BadArchive", EBADMSG},
        [ERROR_BAD_DIGEST] = {"BadDigest", EBADMSG},
        [ERROR_LIMIT] = {"Limit", E2BIG},
        [ERROR_NO_SPACE] = {"NoSpace", ENOSPC},
        [ERROR_READ_ONLY] = {"ReadOnly", EROFS},
        [ERROR_NOT_AUTHORIZED] = {"NotAuthorized", EACCES},
        [ERROR_AUTH_UNAVAILABLE] = {"AuthUnavailable", EACCES},
        [ERROR_COMMAND_NOT_FOUND] = {"CommandNotFound", ENOENT, EXIT_NOT_FOUND},
        [ERROR_COMMAND_NOT_EXECUTABLE] = {"CommandNotExecutable", EACCES, EXIT_NOT_EXECUTABLE},
        [ERROR_NO_SUCH_USER] = {"NoSuchUser", ENOENT},
        [ERROR_START_FAILED] = {"StartFailed", EPROTO},
        [ERROR_STORE_DAMAGED] = {"StoreDamaged", EUCLEAN},
        [ERROR_CANCELLED] = {"Cancelled", ECANCELED},
        [ERROR_UNREACHABLE] = {"Unreachable", EHOSTUNREACH},
        [ERROR_BAD_CERTIFICATE] = {"BadCertificate", EKEYREJECTED},
        [ERROR_AUTHENTICATION] = {"AuthenticationFailed", EACCES},
        [ERROR_TOO_MANY_REQUESTS] = {"TooManyRequests", EAGAIN},
        [ERROR_BAD_REGISTRY] = {"BadRegistry", EPROTO},
        [ERROR_REJECTED] = {"Rejected", EPERM},
};

/* Which kind an errno of a system call means to a user. */
static const struct {
        int error;
        ErrorKind kind;
} errno_table[] = {
        {ENOSPC, ERROR_NO_SPACE},         {EDQUOT, ERROR_NO_SPACE},     {EROFS, ERROR_READ_ONLY},
        {EINVAL, ERROR_INVALID_ARGUMENT}, {ECANCELED, ERROR_CANCELLED}, {EOPNOTSUPP, ERROR_NOT_SUPPORTED},
};

void error_done(Error *e)
{
        free(e->message);
        *e = ERROR_INIT;
}

static void error_take(Error *e, ErrorKind kind, char *message)
{
        _cleanup_free_ char *text = message;

        if (!e || e->kind != ERROR_NONE)
                return;
        e->kind = kind;
        e->message = text ? str_escape(text) : NULL;
}

int error_set(Error *e, ErrorKind kind, const char *format, ...)
{
        char *message = NULL;
        va_list ap;

        va_start(ap, format);
        if (vasprintf(&message, format, ap) < 0)
                message = NULL;
        va_end(ap);

        error_take(e, kind, message);
        return -error_errno(kind);
}

static ErrorKind kind_of_errno(int error)
{
        FOREACH_ELEMENT(row, errno_table)
                if (row->error == error)
                        return row->kind;
        return ERROR_FAILED;
}

int error_set_errno(Error *e, int error, const char *format, ...)
{
        _cleanup_free_ char *what = NULL;
        va_list ap;

        error = abs(error);
        va_start(ap, format);
        if (vasprintf(&what, format, ap) < 0)
                what = NULL;
        va_end(ap);

        error_take(e, kind_of_errno(error), str_printf("%s: %s", strempty(what), strerror(error)));
        return -error;
}

const char *error_bus_name(ErrorKind kind)
{
        static char names[_ERROR_MAX][64];

        assert(kind >= 0 && kind < _ERROR_MAX);
        if (!names[kind][0])
                (void) snprintf(names[kind], sizeof(names[kind]), BUS_PREFIX "%s", error_table[kind].name);
        return names[kind];
}

ErrorKind error_from_bus_name(const char *name)
{
        const char *word = name ? startswith(name, BUS_PREFIX) : NULL;

        for (ErrorKind k = ERROR_NONE + 1; word && k < _ERROR_MAX; k++)
                if (streq(error_table[k].name, word))
                        return k;
        return ERROR_FAILED;
}

int error_errno(ErrorKind kind)
{
        assert(kind >= 0 && kind < _ERROR_MAX);
        return error_table[kind].error;
}

int error_exit_status(ErrorKind kind)
{
        assert(kind >= 0 && kind < _ERROR_MAX);
        return error_table[kind].exit_status ?: EXIT_BERTH;
}
