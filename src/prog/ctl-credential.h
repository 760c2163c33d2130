/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Credentials on their way to berthd. The daemon knows those of the machine; those of the user who calls are
 * read here, where his files and helpers are, and only what belongs to the hosts that will be asked is passed
 * on. */

#include "prog/ctl.h"
#include "spec/auth-file.h"
#include "spec/fetch-order.h"

/* Appends "Credentials" and "Certificates" to an open a{sv} with options of a method, from --creds,
 * --authfile and
 * --cert-dir or what the user has on file; nothing when there are none. The message is marked as sensitive.
 */
int credentials_append(Ctl *c, sd_bus_message *m, const char *reference, FetchVerb verb);

/* Those for one registry, from the files and the helpers that registries.conf names. 1: found. */
int credentials_find(Ctl *c, const char *registry, const char *path, Credentials *ret);
/* The option "Credentials" of an open a{sv}; between the two comes what credentials_append_one() appends. */
int credentials_open(sd_bus_message *m);
int credentials_close(sd_bus_message *m);
/* Those of exactly this key; wiped when the message is. */
int credentials_append_one(sd_bus_message *m, const char *key, const Credentials *c);
/* "Certificates" from --cert-dir. */
int credentials_append_certificates(Ctl *c, sd_bus_message *m);

/* Starts docker-credential-NAME (an AuthHelper). */
int credentials_run_helper(const char *name, const char *verb, const char *input, char **ret_output,
                           Error *error);

/* Asks on the terminal; an empty answer is "". -ENOTTY: there is none, -ECANCELED: Ctrl-C. To be wiped. */
int credentials_ask(const char *prompt, bool echo, char **ret);
