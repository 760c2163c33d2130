/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Credentials of registries, as containers-auth.json(5) and docker's config.json hold them. What is found is
 * bound to the host and path it was stored for: the longest entry that is the repository or a parent of it,
 * never one that just begins alike. A source that cannot be read is an error, not a reason to look elsewhere.
 * No error text has a part of what a file says in it but names of hosts and helpers. */

#include "base/json.h"
#include "spec/error.h"

#define AUTH_FILE_SIZE_MAX (1U * 1024 * 1024)
/* Of berthd: the credential of that name, when its unit has one, then these files. */
#define AUTH_CREDENTIAL "berth.auth"
#define AUTH_FILE_BERTH "/etc/berth/auth.json"
#define AUTH_FILE_ROOT "/run/containers/0/auth.json"

typedef struct Credentials {
        char *username;
        char *password;
        char *identity_token; /* instead of the password */
        char *source;         /* the file or helper they came from, for messages */
} Credentials;

/* Wipes. */
void credentials_done(Credentials *c);
#define _cleanup_credentials_ _cleanup_(credentials_done)

/* Starts docker-credential-NAME with the verb get, store or erase and input on its standard input. 1 and its
 * output (get: owned, to be wiped); 0: it has no such credentials. NULL instead of a function: an entry that
 * wants a helper is an error. */
typedef int (*AuthHelper)(const char *name, const char *verb, const char *input, char **ret_output,
                          Error *error);

/* The files that are read, in order: of the daemon, and of the user who calls (REGISTRY_AUTH_FILE alone when
 * that is set, and then it must be there). */
int auth_paths_daemon(char ***ret);
int auth_paths_user(char ***ret, Error *error);

/* The first of the files that has an entry for registry/path decides. path NULL: for the registry as a whole.
 * Missing files are skipped. 1: found, 0: none. */
int auth_find(char *const *paths, const char *registry, const char *path, AuthHelper helper, Credentials *ret,
              Error *error);
/* The same of {"host[:port][/path]": {"Username":, "Password":, "IdentityToken":}}, as callers pass them on
 * the bus. */
int auth_find_passed(const json_t *passed, const char *registry, const char *path, Credentials *ret,
                     Error *error);
/* The same of one helper, asked for the host. */
int auth_ask_helper(AuthHelper helper, const char *name, const char *registry, Credentials *ret,
                    Error *error);

/* Where login writes when nobody says where: REGISTRY_AUTH_FILE, else $XDG_RUNTIME_DIR/containers/auth.json,
 * else /run/containers/UID/auth.json. */
int auth_path_login(char **ret);
/* For login and logout: the file is made with 0600 when it is missing, replaced in one step, and keeps what
 * is not ours. key is "host[:port]" or "host[:port]/path". Where the file names a helper for the host, that
 * gets them. */
int auth_store(const char *file, const char *key, const Credentials *c, AuthHelper helper, Error *error);
/* 1: removed, 0: there was none. */
int auth_erase(const char *file, const char *key, AuthHelper helper, Error *error);
int auth_erase_all(const char *file, Error *error);
