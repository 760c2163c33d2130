/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* libcurl does the protocol. What it would do for convenience is switched off: it follows no redirect,
 * remembers no cookie, reads no file but the system's certificates, and unpacks nothing. Redirects are
 * followed here, because here is known what may go along. */

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>

#include "base/str.h"
#include "engine/http.h"

#define USER_AGENT "berth/" BERTH_VERSION
#define CA_DIRECTORY "/etc/ssl/certs"
#define BUFFER_SIZE (256L * 1024)

struct Http {
        CURL *curl;
        char reason[CURL_ERROR_SIZE];
};

/* A request on its way to one URL. */
typedef struct Hop {
        const HttpRequest *request;
        HttpSite *site;
        HttpResponse *response;
        bool own; /* to the site itself */
        bool refused_address;
        size_t allocated;
        uint64_t sent;
        int result;  /* of what we did with the bytes */
        Error error; /* likewise */
} Hop;

static const char *const header_names[_HTTP_HEADER_MAX] = {
        [HTTP_CONTENT_ENCODING] = "Content-Encoding",
        [HTTP_CONTENT_RANGE] = "Content-Range",
        [HTTP_CONTENT_TYPE] = "Content-Type",
        [HTTP_DIGEST] = "Docker-Content-Digest",
        [HTTP_LINK] = "Link",
        [HTTP_LOCATION] = "Location",
        [HTTP_RETRY_AFTER] = "Retry-After",
        [HTTP_WWW_AUTHENTICATE] = "WWW-Authenticate",
};

static const struct {
        CURLcode code;
        ErrorKind kind;
        bool transient;
        bool no_tls;
} failures[] = {
        {CURLE_COULDNT_RESOLVE_PROXY, ERROR_UNREACHABLE, true},
        {CURLE_COULDNT_RESOLVE_HOST, ERROR_UNREACHABLE, true},
        {CURLE_COULDNT_CONNECT, ERROR_UNREACHABLE, true, true},
        {CURLE_OPERATION_TIMEDOUT, ERROR_UNREACHABLE, true},
        {CURLE_PARTIAL_FILE, ERROR_UNREACHABLE, true},
        {CURLE_RECV_ERROR, ERROR_UNREACHABLE, true, true},
        {CURLE_SEND_ERROR, ERROR_UNREACHABLE, true},
        {CURLE_GOT_NOTHING, ERROR_UNREACHABLE, true, true},
        {CURLE_SSL_CONNECT_ERROR, ERROR_UNREACHABLE, false, true},
        {CURLE_PEER_FAILED_VERIFICATION, ERROR_BAD_CERTIFICATE},
        {CURLE_SSL_CERTPROBLEM, ERROR_BAD_CERTIFICATE},
        {CURLE_SSL_CACERT_BADFILE, ERROR_BAD_CERTIFICATE},
        {CURLE_SSL_ISSUER_ERROR, ERROR_BAD_CERTIFICATE},
};

void http_response_done(HttpResponse *r)
{
        for (HttpHeader i = 0; i < _HTTP_HEADER_MAX; i++)
                free(r->headers[i]);
        if (r->body)
                explicit_bzero(r->body, r->body_size);
        free(r->body);
        free(r->url);
        *r = (HttpResponse){};
}

static void forget_headers(HttpResponse *r)
{
        for (HttpHeader i = 0; i < _HTTP_HEADER_MAX; i++)
                (void) str_replace(&r->headers[i], NULL);
        r->conflict = false;
}

/* Challenges and links are lists, so several headers are one; of everything else there can be one truth only.
 */
static int keep_header(HttpResponse *r, HttpHeader header, char *value)
{
        _cleanup_free_ char *v = value;
        char **field = &r->headers[header];

        if (!v)
                return -ENOMEM;
        if (!*field) {
                *field = TAKE_PTR(v);
        } else if (header == HTTP_WWW_AUTHENTICATE || header == HTTP_LINK) {
                char *joined = str_printf("%s, %s", *field, v);

                if (!joined)
                        return -ENOMEM;
                free(*field);
                *field = joined;
        } else if (!streq(*field, v)) {
                r->conflict = true;
        }
        return 0;
}

/* "HTTP/1.1 200 OK"; 0: no status. */
static unsigned status_of(const char *line, size_t size)
{
        const char *blank = memchr(line, ' ', size);
        unsigned status = 0;

        for (size_t i = 1; blank && i <= 3 && blank + i < line + size; i++)
                status = blank[i] >= '0' && blank[i] <= '9' ? 10 * status + (unsigned) (blank[i] - '0') : 0;
        return status;
}

int http_response_line(HttpResponse *r, const char *line, size_t size)
{
        const char *colon, *end = line + size;

        r->headers_size += size;
        if (r->headers_size > HTTP_HEADERS_MAX)
                return -EINVAL;
        if (size > 5 && memcmp(line, "HTTP/", 5) == 0) {
                forget_headers(r);
                r->status = status_of(line, size);
                return 0;
        }
        colon = memchr(line, ':', size);
        if (!colon)
                return 0;
        while (end > colon + 1 && strchr(" \t\r\n", end[-1]))
                end--;
        for (HttpHeader i = 0; i < _HTTP_HEADER_MAX; i++) {
                const char *value = colon + 1;

                if (strlen(header_names[i]) != (size_t) (colon - line) ||
                    strncasecmp(header_names[i], line, (size_t) (colon - line)) != 0)
                        continue;
                while (value < end && (*value == ' ' || *value == '\t'))
                        value++;
                return keep_header(r, i, strndup(value, (size_t) (end - value)));
        }
        return 0;
}

static int fail(Hop *hop, int r)
{
        hop->result = r;
        return r;
}

static size_t on_header(char *line, size_t size, size_t n, void *userdata)
{
        Hop *hop = userdata;
        int r = http_response_line(hop->response, line, size * n);

        if (r == -EINVAL)
                r = error_set(&hop->error, ERROR_LIMIT, "sends more than %u KiB of headers",
                              HTTP_HEADERS_MAX / 1024);
        return r < 0 ? (fail(hop, r), 0) : size * n;
}

static int keep_body(Hop *hop, const char *data, size_t size)
{
        HttpResponse *r = hop->response;
        size_t needed = r->body_size + size;

        if (needed > hop->request->answer_max)
                return error_set(&hop->error, ERROR_LIMIT, "sends an answer of more than %zu bytes",
                                 hop->request->answer_max);
        if (needed + 1 > hop->allocated) {
                size_t larger = MAX(2 * needed + 1, (size_t) 4096);
                char *body = malloc(larger);

                if (!body)
                        return -ENOMEM;
                memcpy(body, strempty(r->body), r->body_size);
                if (r->body)
                        explicit_bzero(r->body, r->body_size);
                free(r->body);
                r->body = body;
                hop->allocated = larger;
        }
        memcpy(r->body + r->body_size, data, size);
        r->body_size = needed;
        r->body[needed] = '\0';
        return 0;
}

static int check_encoding(Hop *hop)
{
        const char *encoding = hop->response->headers[HTTP_CONTENT_ENCODING];

        if (isempty(encoding) || strcasecmp(encoding, "identity") == 0)
                return 0;
        return error_set(&hop->error, ERROR_BAD_REGISTRY,
                         "sends an answer in the encoding \"%.64s\", which nobody asked for", encoding);
}

static size_t on_body(char *data, size_t size, size_t n, void *userdata)
{
        Hop *hop = userdata;
        HttpResponse *response = hop->response;
        int r = 0;

        if (response->status / 100 == 2)
                r = check_encoding(hop);
        if (r >= 0 && response->status / 100 == 2 && hop->request->sink)
                r = hop->request->sink(hop->request->userdata, response, data, size * n, &hop->error);
        else if (r >= 0)
                r = keep_body(hop, data, size * n);
        return r < 0 ? (fail(hop, r), 0) : size * n;
}

static size_t on_send(char *buffer, size_t size, size_t n, void *userdata)
{
        Hop *hop = userdata;
        const HttpRequest *q = hop->request;
        size_t count = (size_t) MIN((uint64_t) (size * n), q->body_size - hop->sent);

        if (q->has_body_fd && count > 0) {
                ssize_t k = pread(q->body_fd, buffer, count, (off_t) hop->sent);

                if (k <= 0) {
                        fail(hop, error_set(&hop->error, ERROR_FAILED,
                                            "cannot be given the blob: it cannot be read"));
                        return CURL_READFUNC_ABORT;
                }
                count = (size_t) k;
        } else if (count > 0) {
                memcpy(buffer, (const char *) q->body + hop->sent, count);
        }
        hop->sent += count;
        if (q->sent)
                q->sent(q->userdata, count);
        return count;
}

static int on_seek(void *userdata, curl_off_t offset, int origin)
{
        Hop *hop = userdata;

        if (origin != SEEK_SET || offset < 0 || (uint64_t) offset > hop->request->body_size)
                return CURL_SEEKFUNC_FAIL;
        hop->sent = (uint64_t) offset;
        return CURL_SEEKFUNC_OK;
}

static int on_progress(void *userdata, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
        Hop *hop = userdata;

        return atomic_load(&hop->site->cancel);
}

static bool may_reach(const Hop *hop, AddressClass class)
{
        return hop->own || class == ADDRESS_PUBLIC || atomic_load(&hop->site->seen) & 1U << class;
}

static bool has_proxy(void)
{
        static const char *const names[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
                                            "ALL_PROXY"};

        FOREACH_ELEMENT(name, names)
                if (!isempty(getenv(*name)))
                        return true;
        return false;
}

static curl_socket_t on_socket(void *userdata, curlsocktype purpose, struct curl_sockaddr *address)
{
        Hop *hop = userdata;
        AddressClass class = address_class(&address->addr);

        if (!has_proxy()) {
                if (!may_reach(hop, class)) {
                        hop->refused_address = true;
                        return CURL_SOCKET_BAD;
                }
                if (hop->own)
                        atomic_fetch_or(&hop->site->seen, 1U << class);
        }
        return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* A host that is an address, whoever connects to it. */
static bool literal_is_allowed(const Hop *hop, const char *host)
{
        _cleanup_free_ char *bare = strdup(host + (*host == '['));
        struct sockaddr_in v4 = {.sin_family = AF_INET};
        struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

        if (!bare)
                return false;
        bare[strcspn(bare, "]%")] = '\0';
        if (inet_pton(AF_INET, bare, &v4.sin_addr) == 1)
                return may_reach(hop, address_class((struct sockaddr *) &v4));
        if (inet_pton(AF_INET6, bare, &v6.sin6_addr) == 1)
                return may_reach(hop, address_class((struct sockaddr *) &v6));
        return true;
}

static void slist_free_wiped(struct curl_slist **l)
{
        for (struct curl_slist *i = *l; i; i = i->next)
                explicit_bzero(i->data, strlen(i->data));
        curl_slist_free_all(*l);
}

static int append_header(struct curl_slist **l, const char *line)
{
        struct curl_slist *longer = curl_slist_append(*l, line);

        if (!longer)
                return -ENOMEM;
        *l = longer;
        return 0;
}

static int make_headers(const HttpRequest *q, bool authorized, struct curl_slist **l)
{
        int r = append_header(l, "Accept-Encoding: identity");

        STRV_FOREACH(line, (char **) q->headers)
                if (r >= 0)
                        r = append_header(l, *line);
        if (r >= 0 && q->body_size == 0 && streq_ptr(q->method, "POST"))
                r = append_header(l, "Content-Type:"); /* none */
        if (r >= 0 && authorized && q->authorization) {
                char *line = str_printf("Authorization: %s", q->authorization);

                r = line ? append_header(l, line) : -ENOMEM;
                if (line)
                        explicit_bzero(line, strlen(line));
                free(line);
        }
        return r;
}

static void set_blob(CURL *c, CURLoption option, const char *text)
{
        struct curl_blob blob = {(void *) text, text ? strlen(text) : 0, CURL_BLOB_COPY};

        if (text)
                (void) curl_easy_setopt(c, option, &blob);
}

/* own_port: the very server that the client certificate is for. */
static void set_trust(CURL *c, const HttpSite *site, bool own_host, bool own_port)
{
        bool check = !(site->insecure && own_host);

        (void) curl_easy_setopt(c, CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
        (void) curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, check ? 1L : 0L);
        (void) curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, check ? 2L : 0L);
        (void) curl_easy_setopt(c, CURLOPT_CAPATH, CA_DIRECTORY);
        set_blob(c, CURLOPT_CAINFO_BLOB, site->ca);
        if (own_port) {
                set_blob(c, CURLOPT_SSLCERT_BLOB, site->client_certificate);
                set_blob(c, CURLOPT_SSLKEY_BLOB, site->client_key);
        }
}

static void set_limits(CURL *c, const HttpRequest *q)
{
        (void) curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long) HTTP_CONNECT_SECONDS);
        (void) curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, (long) HTTP_SPEED_MIN);
        (void) curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long) (q->stall ?: HTTP_STALL_SECONDS));
        (void) curl_easy_setopt(c, CURLOPT_TIMEOUT, (long) q->timeout);
        (void) curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
        (void) curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
        (void) curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
        (void) curl_easy_setopt(c, CURLOPT_HEADEROPT, (long) CURLHEADER_SEPARATE);
        (void) curl_easy_setopt(c, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
        (void) curl_easy_setopt(c, CURLOPT_NETRC, (long) CURL_NETRC_IGNORED);
        (void) curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
        (void) curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
        (void) curl_easy_setopt(c, CURLOPT_BUFFERSIZE, BUFFER_SIZE);
        (void) curl_easy_setopt(c, CURLOPT_USERAGENT, USER_AGENT);
}

static void set_callbacks(CURL *c, Hop *hop)
{
        (void) curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
        (void) curl_easy_setopt(c, CURLOPT_HEADERDATA, hop);
        (void) curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
        (void) curl_easy_setopt(c, CURLOPT_WRITEDATA, hop);
        (void) curl_easy_setopt(c, CURLOPT_READFUNCTION, on_send);
        (void) curl_easy_setopt(c, CURLOPT_READDATA, hop);
        (void) curl_easy_setopt(c, CURLOPT_SEEKFUNCTION, on_seek);
        (void) curl_easy_setopt(c, CURLOPT_SEEKDATA, hop);
        (void) curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
        (void) curl_easy_setopt(c, CURLOPT_XFERINFODATA, hop);
        (void) curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, on_socket);
        (void) curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, hop);
}

static void set_method(CURL *c, const HttpRequest *q)
{
        if (!q->method)
                return;
        if (streq(q->method, "HEAD")) {
                (void) curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
        } else if (q->body_size == 0) {
                (void) curl_easy_setopt(c, CURLOPT_POST, 1L);
                (void) curl_easy_setopt(c, CURLOPT_POSTFIELDS, "");
                (void) curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, 0L);
                (void) curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, q->method);
        } else {
                (void) curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
                (void) curl_easy_setopt(c, CURLOPT_INFILESIZE_LARGE, (curl_off_t) q->body_size);
                (void) curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, q->method);
        }
}

static int refuse(Error *error, ErrorKind kind, const char *where, const char *what)
{
        return error_set(error, kind, "%s %s", where, what);
}

/* What curl says, in words that name the server; what our own callbacks found comes first. */
static int explain(Http *h, Hop *hop, CURLcode code, const char *where, Error *error)
{
        const char *reason = *h->reason ? h->reason : curl_easy_strerror(code);

        if (hop->error.kind != ERROR_NONE)
                return error_set(error, hop->error.kind, "%s %s", where, strempty(hop->error.message));
        if (hop->result < 0)
                return hop->result;
        if (hop->refused_address)
                return refuse(error, ERROR_BAD_REGISTRY, where,
                              "is at an address that the registry may not send us to");
        if (code == CURLE_ABORTED_BY_CALLBACK)
                return error_set(error, ERROR_CANCELLED, "The transfer was cancelled");
        if (code == CURLE_OUT_OF_MEMORY) /* as libcurl calls a line that it does not hold */
                return refuse(error, ERROR_LIMIT, where, "sends a header that is too long");
        FOREACH_ELEMENT(row, failures)
                if (row->code == code) {
                        hop->response->transient = row->transient;
                        hop->response->no_tls = row->no_tls && hop->response->headers_size == 0;
                        return error_set(error, row->kind, "%s: %s", where, reason);
                }
        return error_set(error, ERROR_BAD_REGISTRY, "%s: %s", where, reason);
}

static int perform(Http *h, Hop *hop, const char *url, const char *origin, bool authorized, Error *error)
{
        _cleanup_(slist_free_wiped) struct curl_slist *headers = NULL;
        _cleanup_free_ char *host = NULL;
        CURLcode code;
        int r = http_host(url, &host);

        if (r < 0)
                return r;
        hop->own = http_site_is_own(hop->site, url, true);
        if (!literal_is_allowed(hop, host))
                return refuse(error, ERROR_BAD_REGISTRY, origin,
                              "is an address that the registry may not send us to");
        r = make_headers(hop->request, authorized, &headers);
        if (r < 0)
                return r;
        curl_easy_reset(h->curl);
        *h->reason = '\0';
        (void) curl_easy_setopt(h->curl, CURLOPT_URL, url);
        (void) curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, headers);
        (void) curl_easy_setopt(h->curl, CURLOPT_ERRORBUFFER, h->reason);
        set_limits(h->curl, hop->request);
        set_trust(h->curl, hop->site, streq(host, hop->site->name), hop->own);
        set_method(h->curl, hop->request);
        set_callbacks(h->curl, hop);
        code = curl_easy_perform(h->curl);
        if (code != CURLE_OK)
                return explain(h, hop, code, origin, error);
        if (hop->response->conflict)
                return refuse(error, ERROR_BAD_REGISTRY, origin, "sends a header twice, with two meanings");
        return 0;
}

static bool is_redirect(const HttpRequest *q, const HttpResponse *r)
{
        bool reads = !q->method || streq(q->method, "HEAD");

        if (!r->headers[HTTP_LOCATION])
                return false;
        return r->status == 307 || r->status == 308 ||
               (reads && (r->status == 301 || r->status == 302 || r->status == 303));
}

/* Where the answer sends us; the answer itself is forgotten. */
static int next_url(HttpResponse *r, const char *origin, char **url, Error *error)
{
        _cleanup_free_ char *next = NULL;
        int k = http_resolve(*url, r->headers[HTTP_LOCATION], &next);

        if (k == -EINVAL)
                return refuse(error, ERROR_BAD_REGISTRY, origin, "redirects to what is no http or https URL");
        if (k < 0)
                return k;
        if (startswith(origin, "https:") && !startswith(next, "https:"))
                return refuse(error, ERROR_BAD_REGISTRY, origin, "redirects from https to http");
        http_response_done(r);
        free(*url);
        *url = TAKE_PTR(next);
        return 0;
}

static int follow(Http *h, HttpSite *site, const HttpRequest *q, char **url, HttpResponse *response,
                  Error *error)
{
        _cleanup_free_ char *first = NULL;
        bool home = true; /* who has been elsewhere brings nothing secret back */
        int r = http_origin(*url, &first);

        if (r == -EINVAL)
                return error_set(error, ERROR_BAD_REGISTRY, "\"%.256s\" is no http or https URL", *url);
        for (unsigned n = 0; r >= 0; n++) {
                _cleanup_free_ char *origin = NULL;
                Hop hop = {.request = q, .site = site, .response = response};

                r = http_origin(*url, &origin);
                home = home && r >= 0 && streq(first, origin);
                if (r >= 0)
                        r = perform(h, &hop, *url, origin, home, error);
                error_done(&hop.error);
                if (r < 0 || !is_redirect(q, response))
                        break;
                if (n >= q->redirects)
                        return q->redirects == 0
                                       ? refuse(error, ERROR_BAD_REGISTRY, origin,
                                                "redirects where it must not")
                                       : error_set(error, ERROR_LIMIT, "%s redirects more than %u times",
                                                   first, q->redirects);
                r = next_url(response, origin, url, error);
        }
        return r;
}

int http_request(Http *h, HttpSite *site, const HttpRequest *request, HttpResponse *ret, Error *error)
{
        _cleanup_http_response_ HttpResponse response = {};
        _cleanup_free_ char *url = strdup(request->url);
        int r = url ? follow(h, site, request, &url, &response, error) : -ENOMEM;

        if (r < 0) {
                *ret = (HttpResponse){.transient = response.transient, .no_tls = response.no_tls};
                return r;
        }
        response.url = TAKE_PTR(url);
        *ret = TAKE(response, (HttpResponse){});
        return 0;
}

Http *http_free(Http *h)
{
        if (h)
                curl_easy_cleanup(h->curl);
        free(h);
        return NULL;
}

static void global_init(void)
{
        (void) curl_global_init(CURL_GLOBAL_DEFAULT);
}

Http *http_new(void)
{
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        _cleanup_(http_freep) Http *h = calloc(1, sizeof(*h));

        (void) pthread_once(&once, global_init);
        if (!h)
                return NULL;
        h->curl = curl_easy_init();
        return h->curl ? TAKE_PTR(h) : NULL;
}
