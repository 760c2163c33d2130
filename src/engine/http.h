/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One HTTP request after the other, for talking to strangers: everything that they send has a limit, no
 * answer may take for ever, and nothing that is secret goes anywhere but where it was meant for.
 *
 * A site is a server that somebody of ours named: its certificates and its exception from checking them are
 * for it. It may send us on, by a redirect or a token's realm, but not where it is not itself: to an address
 * of this machine, of a private network or of a link only when it is reached at such an address too. Behind a
 * proxy the addresses are the proxy's business; then only numeric hosts are looked at. Proxies come from the
 * environment (http_proxy, https_proxy, no_proxy) and from nowhere else. */

#include <stdatomic.h>

#include "spec/error.h"

#define HTTP_HEADERS_MAX (64U * 1024)
#define HTTP_REDIRECTS_MAX 5U
#define HTTP_URL_MAX (8U * 1024)
#define HTTP_SPEED_MIN 1024U /* bytes per second, over HTTP_STALL_SECONDS */
#define HTTP_STALL_SECONDS 30U
#define HTTP_CONNECT_SECONDS 30U

typedef enum HttpHeader {
        HTTP_CONTENT_ENCODING,
        HTTP_CONTENT_RANGE,
        HTTP_CONTENT_TYPE,
        HTTP_DIGEST, /* Docker-Content-Digest */
        HTTP_LINK,
        HTTP_LOCATION,
        HTTP_RETRY_AFTER,
        HTTP_WWW_AUTHENTICATE,
        _HTTP_HEADER_MAX,
} HttpHeader;

typedef enum AddressClass {
        ADDRESS_PUBLIC,
        ADDRESS_PRIVATE,
        ADDRESS_LOOPBACK,
        ADDRESS_LINK_LOCAL,
        _ADDRESS_CLASS_MAX,
} AddressClass;

/* May be used by several threads. */
typedef struct HttpSite {
        char *secure; /* its origins, as http_origin() gives them */
        char *plain;
        char *name;     /* its host */
        bool insecure;  /* certificates of this host are not checked */
        const char *ca; /* PEM, trusted beside the system's, also where the site sends us */
        const char *client_certificate;
        const char *client_key;
        atomic_uint seen;   /* bits of AddressClass at which it was reached */
        atomic_bool cancel; /* ends what is under way */
} HttpSite;

/* host as in a URL, with the port when it has one. -EINVAL: no host. */
int http_site_init(HttpSite *site, const char *host);
void http_site_done(HttpSite *site);
/* Whether the URL is one of the site itself: over https, or over http as well. */
bool http_site_is_own(const HttpSite *site, const char *url, bool or_plain);

typedef struct HttpResponse {
        unsigned status;
        char *headers[_HTTP_HEADER_MAX];
        char *body; /* NUL-terminated behind body_size; not what went to a sink */
        size_t body_size;
        char *url;           /* that answered */
        size_t headers_size; /* of all headers that came */
        bool conflict;       /* two headers contradict each other */
        bool transient;      /* it failed in a way that may be better next time */
        bool no_tls;         /* nobody there speaks TLS, or nobody listens */
} HttpResponse;

typedef struct HttpRequest {
        const char *method; /* NULL: GET */
        const char *url;
        char *const *headers;      /* "Name: value" */
        const char *authorization; /* the header's value; for the origin of url, until a redirect leaves it */
        unsigned redirects;        /* that may be followed */
        const void *body;          /* NULL: none, or body_fd */
        int body_fd;               /* its bytes from 0 on; only looked at when has_body_fd */
        bool has_body_fd;
        uint64_t body_size;
        size_t answer_max; /* bytes of an answer that is kept in memory */
        unsigned timeout;  /* seconds for all; 0: as long as it moves */
        unsigned stall;    /* 0: HTTP_STALL_SECONDS */
        /* Takes the body of a 2xx; a negative errno ends the request with what is in error. */
        int (*sink)(void *userdata, const HttpResponse *response, const void *data, size_t size,
                    Error *error);
        void (*sent)(void *userdata, size_t size);
        void *userdata;
} HttpRequest;

typedef struct Http Http;

/* For one thread; keeps connections open. */
Http *http_new(void);
Http *http_free(Http *h);
DEFINE_CLEANUP(Http *, http_free)

/* 0: there is an answer, whatever its status. Otherwise the error says why there is none, and *ret has
 * transient and no_tls alone. */
int http_request(Http *h, HttpSite *site, const HttpRequest *request, HttpResponse *ret, Error *error);

/* Wipes the body. */
void http_response_done(HttpResponse *r);
#define _cleanup_http_response_ _cleanup_(http_response_done)

/* A line of an answer's head. -EINVAL: more than HTTP_HEADERS_MAX. */
int http_response_line(HttpResponse *r, const char *line, size_t size);

/* Scheme, host and port of a URL, "https://host:443", by libcurl's reading of it; what follows is left out.
 * -EINVAL: not an http or https URL, or one with a user or unprintable characters. */
int http_origin(const char *url, char **ret);
/* The host alone, lower-case. */
int http_host(const char *url, char **ret);
/* What target means on the page base. -EINVAL as http_origin(). */
int http_resolve(const char *base, const char *target, char **ret);
char *http_escape(const char *s);
/* Of a header; -1: it is none. */
time_t http_date(const char *text);

struct sockaddr;
AddressClass address_class(const struct sockaddr *address);
