/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Credentials of registries, as containers-auth.json(5) and docker's config.json hold them. What is found is
 * bound to the host and path it was stored for: the longest entry that is the repository or a parent of it,
 * never one that just begins alike. A source that cannot be read is an error, not a reason to look elsewhere.
 */

#include "spec/error.h"

#define AUTH_FILE_SIZE_MAX (1U * 1024 * 1024)
#define AUTH_SECRET_MAX (64U * 1024)
/* Of berthd: the credential of that name, when its unit has one, then these files. */
#define AUTH_CREDENTIAL "berth.auth"
#define AUTH_FILE_SYSTEM "/etc/berth/auth.json"
#define AUTH_FILE_ROOT "/run/containers/0/auth.json"

typedef struct Credentials {
        char *username;
        char *password;
        char *identity_token; /* instead of the password */
        char *source;         /* which file or helper they came from, for messages */
} Credentials;

/* Wipes. */
void credentials_done(Credentials *c);
#define _cleanup_credentials_ _cleanup_(credentials_done)

/* The files of the daemon, or of the user who calls (REGISTRY_AUTH_FILE alone when it is set), in order. */
int auth_paths_daemon(char ***ret);
int auth_paths_user(char ***ret);

typedef enum AuthFlags {
        AUTH_RUN_HELPERS = 1 << 0, /* start docker-credential-NAME programs; without it an entry that wants
                                    * one is an error */
} AuthFlags;

/* The first of the files that has an entry for registry/path decides. path NULL: of the registry as a whole.
 * Missing files are skipped. 1: found, 0: none. */
int auth_find(char *const *paths, const char *registry, const char *path, AuthFlags flags, Credentials *ret,
              Error *error);

/* Writing, for login and logout: the file is made with 0600 when it is missing, replaced in one step, and
 * keeps what we do not know. key is "host[:port]" or "host[:port]/path". A credHelper or credsStore of the
 * file gets them instead. */
int auth_store(const char *file, const char *key, const Credentials *c, Error *error);
/* 1: removed, 0: there was none. */
int auth_erase(const char *file, const char *key, Error *error);
int auth_erase_all(const char *file, Error *error);
/* Where login writes: REGISTRY_AUTH_FILE, $XDG_RUNTIME_DIR/containers/auth.json, AUTH_FILE_ROOT for root. */
int auth_path_login(char **ret);
