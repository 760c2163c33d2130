/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A pull: what the reference names, through indexes to the manifest for the platform; the policy's word about
 * it; the configuration; then the layers that are not here yet. Everything is checked against the digest that
 * led to it, and the layout gets its index.json last: without it there is no image in the directory.
 *
 * Endpoints are tried in order. The first that has the manifest is asked for the blobs, and those behind it
 * for the blobs that it fails to give; as all is found by digest, it does not matter who gives it. */

#include <dirent.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/str.h"
#include "store/digest.h"
#include "engine/registry-private.h"
#include "spec/image-config.h"
#include "spec/image-ref.h"
#include "spec/platform.h"

#define NAME_ANNOTATION "org.opencontainers.image.ref.name"
#define LAYOUT_FILE "{\"imageLayoutVersion\":\"1.0.0\"}"

typedef struct Fetch {
        const FetchOrder *order;
        int dir;
        Progress *progress;
        Platform platform;
        Registry *registries[FETCH_ENDPOINTS_MAX]; /* opened when they are needed first */
        pthread_mutex_t lock;                      /* of registries */
        size_t chosen;                             /* that has the manifest */
        Http *http;                                /* for the documents */
        Document list;                             /* what the reference named, when that is an index */
        Document document;                         /* the manifest */
        Manifest manifest;
        char **diff_ids;
        const Descriptor **blobs;
        size_t n_blobs;
        bool unchanged;
} Fetch;

static void fetch_done(Fetch *f)
{
        FOREACH_ELEMENT(g, f->registries)
                registry_close(*g);
        http_free(f->http);
        platform_done(&f->platform);
        manifest_done(&f->manifest);
        document_done(&f->document);
        document_done(&f->list);
        strv_free(f->diff_ids);
        free(f->blobs);
        (void) pthread_mutex_destroy(&f->lock);
}

static int get_registry(Fetch *f, size_t i, Registry **ret)
{
        int r = 0;

        (void) pthread_mutex_lock(&f->lock);
        if (!f->registries[i])
                r = registry_open(f->order, &f->order->endpoints[i], "pull", &f->registries[i]);
        *ret = f->registries[i];
        (void) pthread_mutex_unlock(&f->lock);
        return r;
}

static int get_platform(Fetch *f)
{
        const FetchOrder *o = f->order;
        _cleanup_free_ char *text = NULL;
        int r;

        if (!o->architecture) {
                r = platform_host(&f->platform);
                if (r >= 0 && o->os)
                        r = str_replace(&f->platform.os, o->os);
                if (r >= 0 && o->variant)
                        r = str_replace(&f->platform.variant, o->variant);
                return r;
        }
        text = str_printf("%s/%s%s%s", o->os ?: "linux", o->architecture, o->variant ? "/" : "",
                          strempty(o->variant));
        return text ? platform_parse(text, &f->platform) : -ENOMEM;
}

static bool is_known(const Fetch *f, const char *digest)
{
        return f->order->known_digest && streq(f->order->known_digest, digest);
}

static int get_manifest(Fetch *f, Registry *g, const char *reference, const char *media_type, Document *d,
                        Manifest *m, Error *error)
{
        int r = registry_manifest(g, f->http, reference, d, error);

        if (r < 0)
                return r;
        if (media_type && d->media_type && !streq(media_type, d->media_type))
                return error_set(
                        error, ERROR_BAD_ARCHIVE,
                        "Manifest %s: %s says that its media type is \"%.128s\", its descriptor \"%.128s\"",
                        d->digest, g->host, d->media_type, media_type);
        return manifest_parse(d->text, d->size, d->digest, media_type ?: d->media_type, m, error);
}

static int get_entry(Fetch *f, Registry *g, const Descriptor *entry, Document *d, Manifest *m, Error *error)
{
        int r = get_manifest(f, g, entry->digest, entry->media_type, d, m, error);

        if (r >= 0 && d->size != entry->size)
                return error_set(error, ERROR_BAD_DIGEST,
                                 "Manifest %s has %zu bytes, its descriptor says %ju", d->digest, d->size,
                                 (uintmax_t) entry->size);
        return r;
}

/* From an index to what it has for our platform. */
static int descend(Fetch *f, Registry *g, Document *d, Manifest *m, Error *error)
{
        for (unsigned depth = 0; m->type == MEDIA_INDEX; depth++) {
                _cleanup_document_ Document next = {};
                _cleanup_manifest_ Manifest parsed = {};
                const Descriptor *entry;
                size_t i;
                int r;

                if (depth >= INDEX_DEPTH_MAX)
                        return error_set(error, ERROR_LIMIT, "The image's indexes nest deeper than %u",
                                         INDEX_DEPTH_MAX);
                r = manifest_choose(m, d->digest, &f->platform, &i, error);
                if (r < 0)
                        return r;
                entry = &m->list[i];
                if (is_known(f, entry->digest)) {
                        f->unchanged = true;
                        r = snprintf(next.digest, sizeof(next.digest), "%s", entry->digest);
                } else {
                        r = get_entry(f, g, entry, &next, &parsed, error);
                }
                if (r < 0)
                        return r;
                if (depth == 0)
                        f->list = TAKE(*d, (Document){});
                document_done(d);
                manifest_done(m);
                *d = TAKE(next, (Document){});
                *m = TAKE(parsed, (Manifest){});
                if (f->unchanged)
                        break;
        }
        return 0;
}

/* What the reference names is judged; where that is an index which nobody has signed, its image for this
 * platform is what may be signed instead. */
static int judge(Fetch *f, Registry *g, Document *d, Manifest *m, Error *error)
{
        _cleanup_error_ Error rejected = ERROR_INIT;
        int r = registry_check_signatures(g, f->http, d->digest, &rejected);
        bool index = m->type == MEDIA_INDEX;

        if (r < 0 && !(rejected.kind == ERROR_REJECTED && index))
                return registry_fail(error, &rejected, r);
        f->unchanged = r >= 0 && is_known(f, d->digest);
        if (f->unchanged)
                return 0;
        if (r < 0) {
                r = descend(f, g, d, m, error);
                return r < 0 ? r : registry_check_signatures(g, f->http, d->digest, error);
        }
        return descend(f, g, d, m, error);
}

static int get_documents(Fetch *f, Registry *g, Error *error)
{
        _cleanup_document_ Document d = {};
        _cleanup_manifest_ Manifest m = {};
        int r;

        document_done(&f->list);
        r = get_manifest(f, g, f->order->digest ?: f->order->tag, NULL, &d, &m, error);
        if (r >= 0)
                r = judge(f, g, &d, &m, error);
        if (r < 0)
                return r;
        f->document = TAKE(d, (Document){});
        f->manifest = TAKE(m, (Manifest){});
        return 0;
}

/* The diff IDs say which layers are here already, and their number must be the layers'. */
static int read_config(Fetch *f, const Document *config, Error *error)
{
        _cleanup_(image_config_freep) ImageConfig *c = NULL;
        _cleanup_free_ char *reason = NULL;
        _cleanup_json_ json_t *v = NULL;
        int r = json_parse(config->text, config->size, &v, &reason);

        if (r == -EBADMSG)
                return error_set(error, ERROR_BAD_ARCHIVE, "The image configuration is not valid JSON: %s",
                                 strempty(reason));
        if (r >= 0)
                r = image_config_from_oci(v, &c, error);
        if (r < 0)
                return r;
        if (strv_length(c->diff_ids) != f->manifest.n)
                return error_set(error, ERROR_BAD_ARCHIVE,
                                 "Manifest %s: its layers are not those of the configuration",
                                 f->document.digest);
        f->diff_ids = TAKE_PTR(c->diff_ids);
        return 0;
}

static int write_file(Fetch *f, const char *path, const char *name, const char *text, size_t size,
                      Error *error)
{
        _cleanup_close_ int dir = openat(f->dir, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int r = dir < 0 ? -errno : fs_replace_at(dir, name, text, size, 0600, FS_NO_SYNC);

        return r < 0 ? error_set_errno(error, r, "Cannot write \"%s\"", name) : 0;
}

static int write_document(Fetch *f, const Document *d, Error *error)
{
        return write_file(f, "blobs/sha256", d->digest + strlen("sha256:"), d->text, d->size, error);
}

static int get_config(Fetch *f, Registry *g, Error *error)
{
        _cleanup_document_ Document config = {};
        int r = registry_blob(g, f->http, &f->manifest.config, &config, error);

        if (r >= 0)
                r = read_config(f, &config, error);
        return r < 0 ? r : write_document(f, &config, error);
}

static bool is_final(ErrorKind kind)
{
        return kind == ERROR_CANCELLED || kind == ERROR_NO_SPACE || kind == ERROR_READ_ONLY;
}

/* Asks one after the other; the error is that of the last, which is the registry itself. */
static int find_manifest(Fetch *f, Error *error)
{
        for (size_t i = 0; i < f->order->n_endpoints; i++) {
                _cleanup_error_ Error e = ERROR_INIT;
                Registry *g;
                int r = get_registry(f, i, &g);

                if (r >= 0)
                        r = get_documents(f, g, &e);
                if (r >= 0 && !f->unchanged)
                        r = get_config(f, g, &e);
                if (r >= 0) {
                        f->chosen = i;
                        return 0;
                }
                manifest_done(&f->manifest);
                document_done(&f->document);
                if (i + 1 == f->order->n_endpoints || is_final(e.kind) || e.kind == ERROR_NONE)
                        return registry_fail(error, &e, r);
                log_info("%s; asking the next", strempty(e.message));
        }
        return -ENXIO;
}

static bool is_planned(const Fetch *f, const char *digest)
{
        for (size_t i = 0; i < f->n_blobs; i++)
                if (streq(f->blobs[i]->digest, digest))
                        return true;
        return false;
}

static int plan_layers(Fetch *f, Error *error)
{
        uint64_t sum = f->manifest.config.size;

        f->blobs = calloc(f->manifest.n + 1, sizeof(*f->blobs));
        if (!f->blobs)
                return -ENOMEM;
        for (size_t i = 0; i < f->manifest.n; i++) {
                const Descriptor *d = &f->manifest.list[i];

                if (strv_contains(f->order->have, f->diff_ids[i]) || is_planned(f, d->digest))
                        continue;
                if (f->order->size_max > 0 &&
                    (d->size > f->order->size_max || sum > f->order->size_max - d->size))
                        return error_set(error, ERROR_LIMIT, "The image has more than %ju bytes to download",
                                         (uintmax_t) f->order->size_max);
                sum += d->size;
                f->blobs[f->n_blobs++] = d;
        }
        return 0;
}

static bool is_wanted(const Fetch *f, const char *name)
{
        _cleanup_free_ char *hex = strndup(name, 64), *digest = hex ? str_printf("sha256:%s", hex) : NULL;

        if (!digest || !(streq(name + strlen(hex), "") || streq(name + strlen(hex), ".part")))
                return !digest;
        return is_planned(f, digest) || streq(digest, f->document.digest) ||
               streq(digest, f->manifest.config.digest);
}

/* An earlier attempt may have been at another image of this name. */
static int remove_unwanted(Fetch *f)
{
        int fd = openat(f->dir, "blobs/sha256", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
        struct dirent *e;

        if (!d) {
                int r = -errno;

                close_fd(fd);
                return r;
        }
        while ((e = readdir(d)))
                if (e->d_name[0] != '.' && !is_wanted(f, e->d_name))
                        (void) unlinkat(fd, e->d_name, 0);
        (void) closedir(d);
        return 0;
}

static int make_layout(Fetch *f, Error *error)
{
        int r;

        if ((mkdirat(f->dir, "blobs", 0700) < 0 && errno != EEXIST) ||
            (mkdirat(f->dir, "blobs/sha256", 0700) < 0 && errno != EEXIST) ||
            (unlinkat(f->dir, "index.json", 0) < 0 && errno != ENOENT))
                return error_set_errno(error, errno, "Cannot make the image's directory");
        r = write_file(f, ".", "oci-layout", LAYOUT_FILE, strlen(LAYOUT_FILE), error);
        return MIN(r, 0);
}

static int fetch_one(void *userdata, Http *h, const Descriptor *d, Meter *meter, Error *error)
{
        Fetch *f = userdata;

        for (size_t i = f->chosen;; i++) {
                _cleanup_error_ Error e = ERROR_INIT;
                Registry *g;
                int r = get_registry(f, i, &g);

                if (r >= 0)
                        r = registry_fetch_blob(g, h, d, f->dir, meter, &e);
                if (r >= 0)
                        return r;
                if (i + 1 == f->order->n_endpoints || is_final(e.kind) || e.kind == ERROR_NONE)
                        return registry_fail(error, &e, r);
                log_info("%s; asking the next", strempty(e.message));
        }
}

static void cancel(void *userdata)
{
        Fetch *f = userdata;

        (void) pthread_mutex_lock(&f->lock);
        FOREACH_ELEMENT(g, f->registries)
                if (*g)
                        atomic_store(&(*g)->site.cancel, true);
        (void) pthread_mutex_unlock(&f->lock);
}

static json_t *make_index(const Fetch *f)
{
        const FetchOrder *o = f->order;
        _cleanup_free_ char *name = str_printf("%s/%s%s%s%s%s", o->registry, o->path, o->tag ? ":" : "",
                                               strempty(o->tag), o->digest ? "@" : "", strempty(o->digest));
        const char *type = media_type_to_string(f->manifest.type, f->manifest.family, CODING_NONE);

        if (!name)
                return NULL;
        return json_pack("{s:i, s:s, s:[{s:s, s:s, s:I, s:{s:s}}]}", "schemaVersion", 2, "mediaType",
                         media_type_to_string(MEDIA_INDEX, MEDIA_OCI, CODING_NONE), "manifests", "mediaType",
                         type, "digest", f->document.digest, "size", (json_int_t) f->document.size,
                         "annotations", NAME_ANNOTATION, name);
}

static int write_index(Fetch *f, Error *error)
{
        _cleanup_json_ json_t *index = make_index(f);
        _cleanup_free_ char *text = index ? json_text(index) : NULL;

        return text ? write_file(f, ".", "index.json", text, strlen(text), error) : -ENOMEM;
}

static int fetch_layers(Fetch *f, Error *error)
{
        const Transfers t = {.order = f->order,
                             .blobs = f->blobs,
                             .n = f->n_blobs,
                             .progress = f->progress,
                             .run = fetch_one,
                             .cancel = cancel,
                             .userdata = f};

        return transfers_run(&t, error);
}

static int fetch_image(Fetch *f, Error *error)
{
        int r = get_platform(f);

        if (r == -EINVAL)
                return error_set(error, ERROR_INVALID_ARGUMENT, "The order names no platform that there is");
        if (r >= 0)
                r = make_layout(f, error);
        if (r >= 0)
                r = find_manifest(f, error);
        if (r < 0 || f->unchanged)
                return r;
        r = plan_layers(f, error);
        if (r >= 0)
                r = remove_unwanted(f);
        if (r >= 0)
                r = fetch_layers(f, error);
        if (r >= 0)
                r = write_document(f, &f->document, error);
        return r < 0 ? r : write_index(f, error);
}

int registry_pull(const FetchOrder *order, int dir, Progress *progress, json_t **ret, Error *error)
{
        _cleanup_(fetch_done) Fetch f = {
                .order = order, .dir = dir, .progress = progress, .lock = PTHREAD_MUTEX_INITIALIZER};
        int r;

        f.http = http_new();
        if (!f.http)
                return -ENOMEM;
        r = fetch_image(&f, error);
        if (r < 0)
                return r;
        *ret = json_pack("{s:s, s:b}", "Digest", f.document.digest, "Unchanged", f.unchanged);
        if (*ret && *f.list.digest && json_object_set_new(*ret, "ListDigest", json_string(f.list.digest)) < 0)
                *ret = (json_decref(*ret), NULL);
        return *ret ? 0 : -ENOMEM;
}
