/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Who may call what: one row per method. The filter sees each call before it is dispatched; root passes,
 * others are decided by polkit, which is asked by bus name and without waiting. A method without a row is
 * refused. */

#include <systemd/sd-bus.h>

#include "base/macro.h"

#define AUTH_OPEN NULL
#define AUTH_INSPECT "io.berth1.inspect"
#define AUTH_MANAGE "io.berth1.manage"
#define AUTH_MANAGE_IMAGES "io.berth1.manage-images"
#define AUTH_EXEC "io.berth1.exec"
#define AUTH_MANAGE_HOST "io.berth1.manage-host"

/* What clients can make us hold until we know who they are, and one client and all clients of one user while
 * polkit is asked. */
#define AUTH_QUERIES_MAX 8192U
#define AUTH_QUERIES_PER_SENDER_MAX 64U
#define AUTH_QUERIES_PER_USER_MAX 256U

typedef struct AuthRow {
        const char *interface;
        const char *member;
        const char *action;
        /* Raises the action by what the message holds; NULL: the row's action stands. */
        const char *(*refine)(sd_bus_message *m, const char *action);
} AuthRow;

const AuthRow *auth_rows(size_t *ret_n);
const AuthRow *auth_row(const char *interface, const char *member);

typedef struct Auth Auth;
int auth_new(sd_bus *bus, Auth **ret);
Auth *auth_free(Auth *a);
DEFINE_CLEANUP(Auth *, auth_free)
/* A client is gone: what it asked for is not done any more. */
void auth_forget(Auth *a, const char *sender);
/* Whether calls are waiting for polkit. */
bool auth_is_busy(const Auth *a);
