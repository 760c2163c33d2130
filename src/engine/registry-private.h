/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the files of the registry client share: a repository at one endpoint, and requests to it. */

#include <pthread.h>

#include "engine/http.h"
#include "engine/registry.h"
#include "spec/challenge.h"
#include "spec/manifest.h"

#define REGISTRY_TOKEN_MAX (1U * 1024 * 1024)
#define REGISTRY_ERROR_MAX (1U * 1024 * 1024)
#define REGISTRY_DOCUMENT_SECONDS 300U
#define REGISTRY_UPLOAD_STALL 300U /* a registry may think for long when it has everything */
#define AUTH_ROUNDS_MAX 2U

/* May be used by several threads. */
typedef struct Registry {
        const FetchOrder *order;
        const FetchEndpoint *endpoint;
        HttpSite site;
        char *host; /* whom we connect to */
        char *path; /* of the repository; NULL: none */
        char *ca;
        char **scopes;        /* what a token is asked for */
        atomic_bool plain;    /* http, because nobody there speaks TLS and the order allows that */
        pthread_mutex_t lock; /* of the next two */
        char *authorization;  /* NULL: none yet */
        unsigned generation;  /* of authorization */
} Registry;

/* actions: what will be done to the repository, "pull" or "pull,push"; NULL: nothing with one. */
int registry_open(const FetchOrder *order, const FetchEndpoint *endpoint, const char *actions,
                  Registry **ret);
Registry *registry_close(Registry *g);
DEFINE_CLEANUP(Registry *, registry_close)

/* "https://host" */
char *registry_base(Registry *g);
/* "https://host/v2/PATH/WHAT", for printf(). NULL: out of memory. */
char *registry_url(Registry *g, const char *format, ...) _printf_(2, 3);

/* One request, with what it takes to be let in. Any status but 401 is an answer; q->authorization is ignored.
 */
int registry_ask(Registry *g, Http *h, const HttpRequest *q, HttpResponse *ret, Error *error);
/* Until it is answered, or has failed too often: transient failures, 429 and 5xx are tried again. Any other
 * status is an answer. */
int registry_request(Registry *g, Http *h, const HttpRequest *q, HttpResponse *ret, Error *error);
/* Whether to try again after what came: counts, and waits. error is cleared then. */
bool registry_again(Registry *g, uint64_t *attempts, int r, const HttpResponse *response, Error *error);
/* The error that an answer with this status is; what is "manifest a/b:c". */
int registry_complain(Registry *g, const char *what, const HttpResponse *response, Error *error);
/* GET of a JSON document, 200 or an error. */
int registry_get_json(Registry *g, Http *h, const char *url, const char *what, json_t **ret,
                      HttpResponse *response, Error *error);

/* After a 401: takes a token, or names and password, for the next attempt. generation: what had been tried.
 */
int registry_authorize(Registry *g, Http *h, const HttpResponse *response, unsigned generation, Error *error);

/* The header's value out of a token server's answer. -EBADMSG: there is none that could be one. */
int registry_read_token(const char *text, size_t size, char **ret);

/* Hands the error of one attempt on as that of all. Returns a negative errno. */
int registry_fail(Error *error, const Error *e, int r);

/* A document with its digest. */
typedef struct Document {
        char *text;
        size_t size;
        char *media_type; /* NULL: nobody said */
        char digest[7 + 64 + 1];
} Document;

void document_done(Document *d);
#define _cleanup_document_ _cleanup_(document_done)

/* reference is a tag or a digest; what comes back is checked against it. */
int registry_manifest(Registry *g, Http *h, const char *reference, Document *ret, Error *error);
/* A blob that is a document. */
int registry_blob(Registry *g, Http *h, const Descriptor *d, Document *ret, Error *error);

/* Where a blob's progress goes. NULL is nobody. */
typedef struct Meter Meter;
/* Negative: what was there had to be thrown away. */
void meter_move(Meter *m, int64_t bytes);

/* Into dir, where parts of it may be. 1: it was there already. */
int registry_fetch_blob(Registry *g, Http *h, const Descriptor *d, int dir, Meter *meter, Error *error);

/* One function for each of some blobs, in as many threads as the order allows. The first failure ends all,
 * for which it calls cancel() if need be more than once. */
typedef struct Transfers {
        const FetchOrder *order;
        const Descriptor **blobs;
        size_t n;
        Progress *progress;
        int (*run)(void *userdata, Http *h, const Descriptor *d, Meter *meter,
                   Error *error); /* 1: was there */
        void (*cancel)(void *userdata);
        void *userdata;
} Transfers;

int transfers_run(const Transfers *t, Error *error);

/* Signatures that the policy wants of the manifest that the reference names. */
int registry_check_signatures(Registry *g, Http *h, const char *digest, Error *error);
