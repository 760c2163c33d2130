/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A push: the blobs first, because a registry takes no manifest of blobs that it has not. Each is looked for,
 * then asked for from a repository of the same registry that may have it, then sent. What is sent is what the
 * layout has: its digest is what the registry checks, and we check the manifest's in its answer. */

#include <sys/stat.h>

#include "base/fs.h"
#include "base/str.h"
#include "store/digest.h"
#include "engine/registry-private.h"

#define MOUNTS_MAX 3U /* each that fails leaves an upload behind that the registry has to forget */

typedef struct Push {
        const FetchOrder *order;
        int dir;
        Registry *g;
        Http *http;
        Document document;
        Manifest manifest;
        const Descriptor **blobs;
        size_t n_blobs;
} Push;

static void push_done(Push *p)
{
        registry_close(p->g);
        http_free(p->http);
        manifest_done(&p->manifest);
        document_done(&p->document);
        free(p->blobs);
}

static char *blob_path(const char *digest)
{
        return str_printf("blobs/sha256/%s", digest + strlen("sha256:"));
}

/* 1: the registry has it. */
static int has_blob(Registry *g, Http *h, const Descriptor *d, Error *error)
{
        _cleanup_free_ char *url = registry_url(g, "blobs/%s", d->digest),
                            *what = str_printf("blob %s in %s", d->digest, g->path);
        const HttpRequest q = {.method = "HEAD",
                               .url = url,
                               .redirects = HTTP_REDIRECTS_MAX,
                               .answer_max = REGISTRY_ERROR_MAX,
                               .timeout = REGISTRY_DOCUMENT_SECONDS};
        _cleanup_http_response_ HttpResponse response = {};
        int r = url && what ? registry_request(g, h, &q, &response, error) : -ENOMEM;

        if (r < 0)
                return r;
        if (response.status == 200 || response.status == 404)
                return response.status == 200;
        return registry_complain(g, what, &response, error);
}

/* Begins an upload, or has the blob mounted from another repository. 1: mounted; 0: *ret is the upload's URL.
 */
static int begin_upload(Registry *g, Http *h, const Descriptor *d, const char *from, char **ret, Error *error)
{
        _cleanup_free_ char *where = from ? http_escape(from) : NULL,
                            *url = registry_url(g, "blobs/uploads/%s%s%s%s", from ? "?mount=" : "",
                                                from ? d->digest : "", from ? "&from=" : "", strempty(where));
        const HttpRequest q = {.method = "POST",
                               .url = url,
                               .answer_max = REGISTRY_ERROR_MAX,
                               .timeout = REGISTRY_DOCUMENT_SECONDS};
        _cleanup_http_response_ HttpResponse response = {};
        int r = url ? registry_request(g, h, &q, &response, error) : -ENOMEM;

        if (r < 0)
                return r;
        if (response.status == 201 && from)
                return 1;
        if (response.status != 202)
                return registry_complain(g, "an upload", &response, error);
        if (!response.headers[HTTP_LOCATION])
                return error_set(error, ERROR_BAD_REGISTRY, "%s accepts an upload, but does not say where to",
                                 g->host);
        r = http_resolve(response.url, response.headers[HTTP_LOCATION], ret);
        return r == -EINVAL ? error_set(error, ERROR_BAD_REGISTRY,
                                        "%s wants an upload to what is no http or https URL", g->host)
                            : r;
}

static int check_upload_url(Registry *g, const char *url, Error *error)
{
        if (startswith(url, "https://") || (atomic_load(&g->plain) && startswith(url, "http://")))
                return 0;
        return error_set(error, ERROR_BAD_REGISTRY, "%s wants an upload to go on without https", g->host);
}

/* What was sent for nothing counts for nothing. */
typedef struct Sent {
        Meter *meter;
        int64_t size;
} Sent;

static void count_sent(void *userdata, size_t size)
{
        Sent *s = userdata;

        s->size += (int64_t) size;
        meter_move(s->meter, (int64_t) size);
}

/* The bytes, and where to close the upload. */
static int send_bytes(Registry *g, Http *h, const Descriptor *d, int fd, Sent *sent, char **url,
                      HttpResponse *response, Error *error)
{
        char *const headers[] = {(char *) "Content-Type: application/octet-stream", NULL};
        const HttpRequest q = {.method = "PATCH",
                               .url = *url,
                               .headers = headers,
                               .redirects = HTTP_REDIRECTS_MAX,
                               .body_fd = fd,
                               .has_body_fd = true,
                               .body_size = d->size,
                               .answer_max = REGISTRY_ERROR_MAX,
                               .stall = REGISTRY_UPLOAD_STALL,
                               .sent = count_sent,
                               .userdata = sent};
        char *next = NULL;
        int r = check_upload_url(g, *url, error);

        if (r >= 0)
                r = registry_ask(g, h, &q, response, error);
        if (r < 0 || response->status / 100 != 2)
                return r;
        if (!response->headers[HTTP_LOCATION])
                return 0;
        r = http_resolve(response->url, response->headers[HTTP_LOCATION], &next);
        if (r == -EINVAL)
                return error_set(error, ERROR_BAD_REGISTRY,
                                 "%s wants an upload to what is no http or https URL", g->host);
        if (r >= 0) {
                free(*url);
                *url = next;
        }
        return r;
}

static int close_upload(Registry *g, Http *h, const Descriptor *d, const char *place, HttpResponse *response,
                        Error *error)
{
        _cleanup_free_ char *url =
                str_printf("%s%cdigest=%s", place, strchr(place, '?') ? '&' : '?', d->digest);
        const HttpRequest q = {.method = "PUT",
                               .url = url,
                               .redirects = HTTP_REDIRECTS_MAX,
                               .answer_max = REGISTRY_ERROR_MAX,
                               .stall = REGISTRY_UPLOAD_STALL};
        int r = url ? check_upload_url(g, place, error) : -ENOMEM;

        return r < 0 ? r : registry_ask(g, h, &q, response, error);
}

/* One attempt with an upload of its own: what a broken one has stored is not worth asking for. */
static int upload_once(Registry *g, Http *h, const Descriptor *d, int fd, char **place, Sent *sent,
                       HttpResponse *response, Error *error)
{
        int r = *place ? 0 : begin_upload(g, h, d, NULL, place, error);

        if (r >= 0)
                r = send_bytes(g, h, d, fd, sent, place, response, error);
        if (r < 0 || response->status / 100 != 2)
                return r;
        http_response_done(response);
        return close_upload(g, h, d, *place, response, error);
}

static int upload(Registry *g, Http *h, const Descriptor *d, int fd, char *begun, Meter *meter, Error *error)
{
        _cleanup_free_ char *place = begun;

        for (uint64_t attempts = 0;;) {
                _cleanup_http_response_ HttpResponse response = {};
                _cleanup_error_ Error e = ERROR_INIT;
                Sent sent = {.meter = meter};
                int r = upload_once(g, h, d, fd, &place, &sent, &response, &e);

                if (r >= 0 && response.status / 100 == 2)
                        return 0;
                if (registry_again(g, &attempts, r, &response, &e)) {
                        (void) str_replace(&place, NULL);
                        meter_move(meter, -sent.size);
                        continue;
                }
                if (r < 0)
                        return registry_fail(error, &e, r);
                return registry_complain(g, "an upload to be stored", &response, error);
        }
}

/* 1: mounted; 0: not, and *ret may be an upload that has begun instead. */
static int try_mounts(Registry *g, Http *h, const Descriptor *d, char **ret, Error *error)
{
        unsigned n = 0;

        STRV_FOREACH(from, g->order->mount_from) {
                int r;

                if (streq(*from, g->path) || n++ >= MOUNTS_MAX)
                        continue;
                (void) str_replace(ret, NULL);
                r = begin_upload(g, h, d, *from, ret, error);
                if (r != 0)
                        return r;
        }
        return 0;
}

static int open_blob(const Descriptor *d, int dir, Error *error)
{
        _cleanup_free_ char *path = blob_path(d->digest);
        _cleanup_close_ int fd = path ? openat(dir, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC) : -ENOMEM;
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return error_set_errno(error, errno, "Cannot read the blob %s", d->digest);
        if (!S_ISREG(st.st_mode) || (uint64_t) st.st_size != d->size)
                return error_set(error, ERROR_BAD_ARCHIVE, "The layout has not the %ju bytes of the blob %s",
                                 (uintmax_t) d->size, d->digest);
        return TAKE_FD(fd);
}

/* From dir. 1: the registry had it already. */
static int registry_send_blob(Registry *g, Http *h, const Descriptor *d, int dir, Meter *meter, Error *error)
{
        _cleanup_close_ int fd = -EBADF;
        char *place = NULL;
        int r = has_blob(g, h, d, error);

        if (r != 0)
                return r;
        fd = open_blob(d, dir, error);
        if (fd < 0)
                return fd;
        r = try_mounts(g, h, d, &place, error);
        if (r != 0) {
                free(place);
                return r;
        }
        return upload(g, h, d, fd, place, meter, error);
}

static int send_one(void *userdata, Http *h, const Descriptor *d, Meter *meter, Error *error)
{
        Push *p = userdata;

        return registry_send_blob(p->g, h, d, p->dir, meter, error);
}

static void cancel(void *userdata)
{
        Push *p = userdata;

        atomic_store(&p->g->site.cancel, true);
}

static int read_file(Push *p, const char *path, Document *ret, Error *error)
{
        int r = fs_read_at(p->dir, path, MANIFEST_SIZE_MAX, &ret->text, &ret->size);

        if (r < 0)
                return error_set_errno(error, r, "Cannot read \"%s\" of the layout", path);
        return digest_of(ret->text, ret->size, ret->digest);
}

static int take_manifest(Push *p, const Descriptor *d, Error *error)
{
        _cleanup_free_ char *path = blob_path(d->digest);
        int r = path ? read_file(p, path, &p->document, error) : -ENOMEM;

        if (r >= 0 && !streq(p->document.digest, d->digest))
                return error_set(error, ERROR_BAD_DIGEST, "The layout's blob %s has the digest %s", d->digest,
                                 p->document.digest);
        if (r >= 0)
                r = manifest_parse(p->document.text, p->document.size, d->digest, d->media_type, &p->manifest,
                                   error);
        if (r < 0)
                return r;
        if (p->manifest.type != MEDIA_MANIFEST)
                return error_set(error, ERROR_NOT_SUPPORTED,
                                 "The layout's one entry is an index, not an image");
        return str_replace(&p->document.media_type, d->media_type);
}

static int read_layout(Push *p, Error *error)
{
        _cleanup_document_ Document text = {};
        _cleanup_manifest_ Manifest index = {};
        int r = read_file(p, "index.json", &text, error);

        if (r >= 0)
                r = manifest_parse(text.text, text.size, "index.json", NULL, &index, error);
        if (r < 0)
                return r;
        if (index.type != MEDIA_INDEX || index.n != 1)
                return error_set(error, ERROR_BAD_ARCHIVE, "The layout has %zu images, not one", index.n);
        return take_manifest(p, &index.list[0], error);
}

static bool is_planned(const Push *p, const char *digest)
{
        for (size_t i = 0; i < p->n_blobs; i++)
                if (streq(p->blobs[i]->digest, digest))
                        return true;
        return false;
}

static int send_blobs(Push *p, Progress *progress, Error *error)
{
        Transfers t = {
                .order = p->order, .progress = progress, .run = send_one, .cancel = cancel, .userdata = p};

        p->blobs = calloc(p->manifest.n + 1, sizeof(*p->blobs));
        if (!p->blobs)
                return -ENOMEM;
        p->blobs[p->n_blobs++] = &p->manifest.config;
        for (size_t i = 0; i < p->manifest.n; i++)
                if (!is_planned(p, p->manifest.list[i].digest))
                        p->blobs[p->n_blobs++] = &p->manifest.list[i];
        t.blobs = p->blobs;
        t.n = p->n_blobs;
        return transfers_run(&t, error);
}

static int send_manifest(Push *p, Error *error)
{
        _cleanup_free_ char *url = registry_url(p->g, "manifests/%s", p->order->tag ?: p->document.digest),
                            *type = str_printf("Content-Type: %s", p->document.media_type);
        char *const headers[] = {type, NULL};
        const HttpRequest q = {.method = "PUT",
                               .url = url,
                               .headers = headers,
                               .body = p->document.text,
                               .body_size = p->document.size,
                               .answer_max = REGISTRY_ERROR_MAX,
                               .stall = REGISTRY_UPLOAD_STALL};
        _cleanup_http_response_ HttpResponse response = {};
        int r = url && type ? registry_request(p->g, p->http, &q, &response, error) : -ENOMEM;

        if (r < 0)
                return r;
        if (response.status / 100 != 2)
                return registry_complain(p->g, "the manifest to be stored", &response, error);
        if (response.headers[HTTP_DIGEST] && !streq(response.headers[HTTP_DIGEST], p->document.digest))
                return error_set(error, ERROR_BAD_DIGEST,
                                 "%s has stored a manifest with the digest %.128s instead of %s", p->g->host,
                                 response.headers[HTTP_DIGEST], p->document.digest);
        return 0;
}

int registry_push(const FetchOrder *order, int dir, Progress *progress, json_t **ret, Error *error)
{
        _cleanup_(push_done) Push p = {.order = order, .dir = dir};
        int r = read_layout(&p, error);

        if (r >= 0 && order->digest && !streq(order->digest, p.document.digest))
                return error_set(error, ERROR_BAD_DIGEST, "The image has the digest %s, not %s",
                                 p.document.digest, order->digest);
        if (r >= 0)
                r = registry_open(order, &order->endpoints[0], "pull,push", &p.g);
        if (r >= 0)
                r = (p.http = http_new()) ? 0 : -ENOMEM;
        if (r >= 0)
                r = send_blobs(&p, progress, error);
        if (r >= 0)
                r = send_manifest(&p, error);
        if (r < 0)
                return r;
        *ret = json_pack("{s:s}", "Digest", p.document.digest);
        return *ret ? 0 : -ENOMEM;
}
