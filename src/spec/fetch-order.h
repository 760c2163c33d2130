/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the daemon orders of berth-fetch, the program that talks to registries: one JSON object on its
 * standard input, in sealed memory, because it holds passwords and private keys. The daemon has resolved
 * everything before: names, mirrors, policy, credentials, certificates. The program knows no configuration of
 * its own. */

#include "base/json.h"
#include "spec/error.h"

#define FETCH_ORDER_SIZE_MAX (4U * 1024 * 1024)
#define FETCH_ENDPOINTS_MAX 64U
#define FETCH_HAVE_MAX 65536U
#define FETCH_PARALLEL_MAX 32U
#define FETCH_RETRY_MAX 100U
#define FETCH_LIMIT_MAX 10000U
#define FETCH_DEFAULT_PARALLEL 3U
#define FETCH_DEFAULT_RETRY 3U
#define FETCH_DEFAULT_RETRY_DELAY (1 * UINT64_C(1000000))

typedef enum FetchVerb {
        FETCH_PULL,
        FETCH_PUSH,
        FETCH_TAGS,
        FETCH_CATALOG,
        FETCH_SEARCH,
        FETCH_CHECK, /* do these credentials work here? */
        _FETCH_VERB_MAX,
        _FETCH_VERB_INVALID = -EINVAL,
} FetchVerb;

/* Where to ask, tried in order. */
typedef struct FetchEndpoint {
        char *host;    /* "registry.example", "mirror.example:5000", "[::1]:5000" */
        char *path;    /* of the repository there; NULL: the order's */
        bool insecure; /* certificates are not checked, and where nobody speaks TLS it is plain HTTP */
        char **ca;     /* PEM; beside the system's */
        char *client_certificate; /* PEM */
        char *client_key;         /* PEM */
        char *username;
        char *password;
        char *identity_token; /* instead of the password, for registries that gave one at login */
        char **realms;        /* hosts that may be asked for a token with these credentials, beside our own */
        bool mirror;
} FetchEndpoint;

typedef struct FetchOrder {
        char *registry; /* what the user asked for, normalised */
        char *path;
        char *tag;
        char *digest;
        char *os;           /* NULL: linux */
        char *architecture; /* NULL: this machine's, with its variant */
        char *variant;
        FetchEndpoint *endpoints;
        size_t n_endpoints;
        char **have;        /* diff IDs of layers that need not be fetched */
        char *known_digest; /* of a manifest: when the registry still has that, nothing is fetched */
        json_t *policy;     /* for engine/signature; NULL: accept */
        char *lookaside;    /* URL below which simple signatures lie */
        uint64_t parallel;  /* transfers at once; 0 in the order: FETCH_DEFAULT_PARALLEL */
        bool no_retry;
        uint64_t retry; /* attempts after the first; 0 in the order: FETCH_DEFAULT_RETRY, but see no_retry */
        uint64_t retry_delay; /* usec before the second attempt, doubled for each after it; 0: the default */
        uint64_t size_max;    /* sum of what may be downloaded in bytes; 0: no limit */
        char *query;          /* search */
        uint64_t limit;       /* search, tags, catalog: so many results; 0: all there are */
        char **mount_from;    /* push: repositories of the registry that may have the blobs already */
} FetchOrder;

/* Wipes what is secret in it. */
FetchOrder *fetch_order_free(FetchOrder *o);
DEFINE_CLEANUP(FetchOrder *, fetch_order_free)
#define _cleanup_fetch_order_ _cleanup_(fetch_order_freep)

/* Fills defaults in and checks everything, what is needed by verb included. ERROR_INVALID_ARGUMENT names the
 * member. */
int fetch_order_from_json(const json_t *v, FetchVerb verb, FetchOrder **ret, Error *error);
/* NULL: out of memory. */
json_t *fetch_order_to_json(const FetchOrder *o);

const char *fetch_verb_to_string(FetchVerb v);
FetchVerb fetch_verb_from_string(const char *s);

/* Frees a string after having overwritten it. */
char *secret_free(char *s);
