/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Scopes of systemd's, by way of berth-scope (prog/scope.c). */

#include "base/hashmap.h"
#include "exec/cgroup-resource.h"

typedef struct Scope {
        const char *unit;
        const char *slice; /* NULL: systemd's choice */
        const char *description;
        pid_t pid;
        const CgroupSettings *limits;
        const Map *annotations; /* "org.systemd.property.*" are among them */
} Scope;

/* When they return, the process is in the scope's group. */
int scope_start(const Scope *s, Error *error);
int scope_set(const char *unit, const CgroupSettings *limits, Error *error);
int scope_stop(const char *unit, Error *error);
