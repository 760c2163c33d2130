/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Namespaces: which of them are made new in the one clone, which are joined. */

#include "spec/error.h"
#include "spec/launch.h"

typedef struct NamespaceSet {
        uint64_t new_flags;         /* CLONE_NEW* of those that are made */
        int joined[_LAUNCH_NS_MAX]; /* -EBADF: not joined */
} NamespaceSet;

#define NAMESPACE_SET_INIT                                                                                   \
        ((NamespaceSet){.joined = {-EBADF, -EBADF, -EBADF, -EBADF, -EBADF, -EBADF, -EBADF, -EBADF}})
void namespace_set_done(NamespaceSet *s);
#define _cleanup_namespace_set_ _cleanup_(namespace_set_done)

/* Launcher: opens what the order joins. */
int namespace_set_open(const Launch *l, NamespaceSet *ret, Error *error);
/* Launcher: the PID namespace counts for the next child, not for the caller. */
int namespace_join_pid(const NamespaceSet *s, Error *error);
/* Child: all others. */
int namespace_join(const NamespaceSet *s, Error *error);
/* Child: the only link of a new network namespace. */
int namespace_loopback_up(void);

/* fork() with CLONE_ flags, into a cgroup when it is a descriptor. CLONE_PARENT: the caller's parent is the
 * child's. Returns the child's PID in the caller's PID namespace, 0 in the child. */
pid_t namespace_clone(uint64_t flags, int cgroup);

const char *namespace_name(LaunchNamespace ns);
