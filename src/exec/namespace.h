/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Namespaces: which of them are made new in the one clone, which are joined. A user namespace comes first,
 * new or joined: whoever makes the others inside of it is a second child, made by the first after it has
 * entered. */

#include "spec/error.h"
#include "spec/launch.h"

typedef struct NamespaceSet {
        uint64_t all_flags;         /* CLONE_NEW* of those that are made */
        uint64_t new_flags;         /* the launcher's clone makes these */
        uint64_t later_flags;       /* these are made inside the user namespace */
        int joined[_LAUNCH_NS_MAX]; /* -EBADF: not joined. The user namespace's is there if it is new, too */
        LaunchIdMaps maps;          /* of the user namespace */
        bool keep_groups;
} NamespaceSet;

#define NAMESPACE_SET_INIT                                                                                   \
        ((NamespaceSet){.joined = {-EBADF, -EBADF, -EBADF, -EBADF, -EBADF, -EBADF, -EBADF, -EBADF}})
void namespace_set_done(NamespaceSet *s);
#define _cleanup_namespace_set_ _cleanup_(namespace_set_done)

/* Launcher: opens what the order joins, makes a new user namespace, and a new time namespace, which is there
 * for the next child. */
int namespace_set_open(const Launch *l, NamespaceSet *ret, Error *error);
/* Launcher: the PID namespace counts for the next child, not for the caller. */
int namespace_join_pid(const NamespaceSet *s, Error *error);
/* Child: all others but the user namespace, while it may still enter what is the host's. */
int namespace_join(const NamespaceSet *s, Error *error);
/* Child: enters the user namespace, if there is one. Who returns is a new process then, and the caller is
 * gone. */
int namespace_enter_user(const NamespaceSet *s, Error *error);
static inline bool namespace_has_user(const NamespaceSet *s)
{
        return s->joined[LAUNCH_NS_USER] >= 0;
}
/* Child: the only link of a new network namespace. */
int namespace_loopback_up(void);

/* fork() with CLONE_ flags, into a cgroup when it is a descriptor. CLONE_PARENT: the caller's parent is the
 * child's. Returns the child's PID in the caller's PID namespace, 0 in the child. */
pid_t namespace_clone(uint64_t flags, int cgroup);

/* Whether the order has it, and it is not the one that this process is in. */
bool namespace_is_own(const Launch *l, LaunchNamespace ns);
/* Of OCI's names, NULL after the last. */
const char *namespace_name(LaunchNamespace ns);
