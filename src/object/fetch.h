/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Orders for berth-fetch, and the directories in which it keeps what it fetched until that has been loaded,
 * so that a transfer that broke goes on where it was. */

#include "object/work.h"
#include "spec/registries.h"

/* How a client wants registries to be talked to. */
typedef struct FetchOptions {
        json_t *credentials;  /* by "host[:port][/path]"; NULL: those that are on file */
        json_t *certificates; /* NULL: those that are on file */
        int tls_verify;      /* < 0: as registries.conf has it */
        bool has_retry;
        uint64_t retry;
        uint64_t retry_delay; /* 0: as berth.conf has it */
} FetchOptions;
#define FETCH_OPTIONS_INIT ((FetchOptions){.tls_verify = -1})
int fetch_options_copy(const FetchOptions *from, FetchOptions *to);
void fetch_options_done(FetchOptions *o);

/* What to ask for what, by the files of this machine: mirrors, policy, certificates, credentials. */
int fetch_order_new(FetchVerb verb, const char *reference, const FetchOptions *options, FetchOrder **ret,
                    Error *error);
/* registries.conf, as berth.conf has it. */
int fetch_registries(Registries **ret, Error *error);
/* The directory of what is called so; NULL: out of memory. */
char *fetch_key(const char *what);
/* directory NULL: it needs none. */
void fetch_step(Work *w, FetchVerb verb, const FetchOrder *order, const char *directory);
/* -ENOENT: there is none. make: an empty one, for what is to be sent. */
int fetch_directory_open(const char *key, bool make, Error *error);
/* Out of the way at once, gone a little later. */
void fetch_directory_remove(Manager *m, const char *key);
