/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What can go wrong, as the user of the API sees it. One row per kind: the D-Bus error name, the errno that
 * stands for it inside, the exit status of berthctl. A function that can fail for a reason its caller can act
 * on takes an Error as last parameter and returns the negative errno. */

#include "base/macro.h"

typedef enum ErrorKind {
        ERROR_NONE,
        ERROR_FAILED, /* the unexpected: message says what */
        ERROR_INVALID_ARGUMENT,
        ERROR_NO_SUCH_CONTAINER,
        ERROR_NO_SUCH_IMAGE,
        ERROR_NO_SUCH_EXEC,
        ERROR_NOT_SUPPORTED,
        ERROR_AMBIGUOUS, /* an ID prefix that fits several */
        ERROR_NAME_IN_USE,
        ERROR_IN_USE,  /* an image that a container uses */
        ERROR_RUNNING, /* not while it runs */
        ERROR_NOT_RUNNING,
        ERROR_BAD_ARCHIVE, /* not an archive, truncated, or one that leaves its root */
        ERROR_BAD_DIGEST,
        ERROR_LIMIT, /* a limit of ours; the message names it */
        ERROR_NO_SPACE,
        ERROR_READ_ONLY,
        ERROR_NOT_AUTHORIZED,
        ERROR_AUTH_UNAVAILABLE,       /* polkit does not answer */
        ERROR_COMMAND_NOT_FOUND,      /* 127 */
        ERROR_COMMAND_NOT_EXECUTABLE, /* 126 */
        ERROR_NO_SUCH_USER,           /* the image has no such user or group */
        ERROR_START_FAILED,
        ERROR_STORE_DAMAGED,
        ERROR_CANCELLED,
        ERROR_UNREACHABLE,       /* a registry: no connection, or no answer in time */
        ERROR_BAD_CERTIFICATE,   /* of a registry, or of where it sends us */
        ERROR_AUTHENTICATION,    /* a registry refuses the credentials, or wants some */
        ERROR_TOO_MANY_REQUESTS, /* a registry says so */
        ERROR_BAD_REGISTRY,      /* an answer that no registry should give */
        ERROR_REJECTED,          /* by the policy for images, or by registries.conf */
        _ERROR_MAX,
} ErrorKind;

typedef struct Error {
        ErrorKind kind;
        char *message;
} Error;

#define ERROR_INIT ((Error){})
void error_done(Error *e);
#define _cleanup_error_ _cleanup_(error_done)

/* Sets kind and message (control characters escaped) unless one is set already, and returns the kind's
 * negative errno. e may be NULL. */
int error_set(Error *e, ErrorKind kind, const char *format, ...) _printf_(3, 4);
/* The same for a failed system or library call: the kind follows from the errno (ENOSPC, EROFS, ...), ":
 * strerror" is appended. Returns -abs(error). */
int error_set_errno(Error *e, int error, const char *format, ...) _printf_(3, 4);

/* "io.berth1.Error.NoSuchContainer" */
const char *error_bus_name(ErrorKind kind);
ErrorKind error_from_bus_name(const char *name);
int error_errno(ErrorKind kind);
/* 125, 126 or 127, as podman's. */
int error_exit_status(ErrorKind kind);
