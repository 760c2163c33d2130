/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A blob on its way into a file. The file is named HEX.part until all its bytes hash to what they must, so an
 * interrupted transfer goes on where it stopped, in this run or in a later one. What came in pieces and is
 * wrong as a whole is fetched once more in one piece; what is wrong in one piece is refused. */

#include <sys/stat.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/str.h"
#include "store/digest.h"
#include "engine/registry-private.h"

#define READ_SIZE (256U * 1024)
#define PROGRESS_THAT_COUNTS (UINT64_C(1) << 20) /* so much of it and the attempts are counted anew */

#define RESTARTS_MAX 8U

typedef struct BlobFile {
        const Descriptor *blob;
        Meter *meter;
        int dir; /* blobs/sha256 */
        const char *name;
        char *part;
        int fd;
        Digest *hash;
        uint64_t size;      /* of what is there and hashed */
        uint64_t requested; /* where this answer was to begin */
        bool begun;         /* this answer has been looked at */
        bool pieces;        /* it did not come in one */
        unsigned restarts;
} BlobFile;

static void blob_file_done(BlobFile *f)
{
        digest_free(f->hash);
        close_fd(f->fd);
        close_fd(f->dir);
        free(f->part);
}

static int write_failed(BlobFile *f, int r, Error *error)
{
        return error_set_errno(error, r, "Cannot write the blob %s", f->blob->digest);
}

static int begin_anew(BlobFile *f, Error *error)
{
        if (++f->restarts > RESTARTS_MAX)
                return error_set(error, ERROR_BAD_REGISTRY,
                                 "The blob %s had to be begun anew more than %u times", f->blob->digest,
                                 RESTARTS_MAX);
        if (ftruncate(f->fd, 0) < 0 || lseek(f->fd, 0, SEEK_SET) < 0)
                return write_failed(f, -errno, error);
        meter_move(f->meter, -(int64_t) f->size);
        f->size = 0;
        f->pieces = false;
        return digest_reset(f->hash);
}

static int take_hash(BlobFile *f, const void *data, size_t size)
{
        if (digest_update(f->hash, data, size) < 0)
                return -ENOMEM;
        f->size += size;
        meter_move(f->meter, (int64_t) size);
        return 0;
}

/* What an earlier attempt has left. */
static int take_existing(BlobFile *f)
{
        _cleanup_free_ char *buffer = malloc(READ_SIZE);

        if (!buffer)
                return -ENOMEM;
        for (;;) {
                ssize_t n = read(f->fd, buffer, READ_SIZE);
                int r;

                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                r = take_hash(f, buffer, (size_t) n);
                if (r < 0)
                        return r;
        }
        f->pieces = f->size > 0;
        return 0;
}

/* 1: all of it is there and right, 0: it is not. */
static int is_whole(const BlobFile *f)
{
        char text[DIGEST_TEXT_SIZE];
        int r = f->size == f->blob->size ? digest_text(f->hash, text) : 0;

        return r < 0 ? r : f->size == f->blob->size && streq(text, f->blob->digest);
}

static int open_file(BlobFile *f, const char *name, int flags, Error *error)
{
        struct stat st;
        int r;

        f->fd = openat(f->dir, name, flags | O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (f->fd < 0)
                return -errno;
        if (fstat(f->fd, &st) < 0 || !S_ISREG(st.st_mode))
                return error_set(error, ERROR_FAILED, "The blob %s is not a file", f->blob->digest);
        if ((uint64_t) st.st_size > f->blob->size && ftruncate(f->fd, 0) < 0)
                return write_failed(f, -errno, error);
        r = digest_reset(f->hash) >= 0 ? take_existing(f) : -ENOMEM;
        return r < 0 ? write_failed(f, r, error) : 0;
}

/* The whole blob from an earlier run. 1: it is there. */
static int find_whole(BlobFile *f, Error *error)
{
        int r = open_file(f, f->name, 0, error);

        if (r == -ENOENT)
                return 0;
        if (r >= 0)
                r = is_whole(f);
        if (r != 0)
                return r;
        log_debug("The blob %s is damaged; fetching it again", f->blob->digest);
        meter_move(f->meter, -(int64_t) f->size);
        f->size = 0;
        f->fd = close_fd(f->fd);
        return unlinkat(f->dir, f->name, 0) < 0 ? write_failed(f, -errno, error) : 0;
}

/* "bytes 100-199/200" */
static bool range_begins_at(const char *range, uint64_t begin, uint64_t total)
{
        const char *s = range ? startswith(range, "bytes ") : NULL;
        _cleanup_strv_ char **parts = NULL;
        uint64_t first, all;

        if (!s || strv_split(s, "-/", &parts) < 0 || strv_length(parts) != 3)
                return false;
        if (parse_u64(parts[0], 0, UINT64_MAX, &first) < 0 || first != begin)
                return false;
        return streq(parts[2], "*") || (parse_u64(parts[2], 0, UINT64_MAX, &all) >= 0 && all == total);
}

static int look_at_answer(BlobFile *f, const HttpResponse *response, Error *error)
{
        f->begun = true;
        if (response->status == 206) {
                if (f->requested > 0 &&
                    range_begins_at(response->headers[HTTP_CONTENT_RANGE], f->requested, f->blob->size))
                        return 0;
                return error_set(error, ERROR_BAD_REGISTRY,
                                 "sends another part of the blob %s than was asked for", f->blob->digest);
        }
        return f->size > 0 ? begin_anew(f, error) : 0;
}

static int take_data(void *userdata, const HttpResponse *response, const void *data, size_t size,
                     Error *error)
{
        BlobFile *f = userdata;
        int r = f->begun ? 0 : look_at_answer(f, response, error);

        if (r < 0)
                return r;
        if (size > f->blob->size - f->size)
                return error_set(error, ERROR_BAD_DIGEST, "sends more than the %ju bytes of the blob %s",
                                 (uintmax_t) f->blob->size, f->blob->digest);
        r = fs_write_all(f->fd, data, size);
        return r < 0 ? write_failed(f, r, error) : take_hash(f, data, size);
}

static int ask_for_rest(Registry *g, Http *h, BlobFile *f, HttpResponse *response, Error *error)
{
        _cleanup_free_ char *url = registry_url(g, "blobs/%s", f->blob->digest), *range = NULL;
        char *headers[] = {NULL, NULL};
        HttpRequest q = {.url = url,
                         .headers = headers,
                         .redirects = HTTP_REDIRECTS_MAX,
                         .answer_max = REGISTRY_ERROR_MAX,
                         .sink = take_data,
                         .userdata = f};

        if (f->size > 0)
                headers[0] = range = str_printf("Range: bytes=%ju-", (uintmax_t) f->size);
        if (!url || (f->size > 0 && !range))
                return -ENOMEM;
        f->requested = f->size;
        f->begun = false;
        return registry_ask(g, h, &q, response, error);
}

/* The bytes are all there. 1: they are right; 0: they have to be fetched in one piece. */
static int judge(BlobFile *f, Registry *g, Error *error)
{
        char text[DIGEST_TEXT_SIZE];
        int r = is_whole(f);

        if (r != 0)
                return r;
        if (f->pieces) {
                log_debug("The pieces of the blob %s do not fit together; fetching it in one",
                          f->blob->digest);
                return begin_anew(f, error);
        }
        r = digest_text(f->hash, text);
        (void) unlinkat(f->dir, f->part, 0);
        return r < 0 ? r
                     : error_set(error, ERROR_BAD_DIGEST, "%s sends %s instead of the blob %s", g->host, text,
                                 f->blob->digest);
}

static int ended_early(BlobFile *f, Registry *g, HttpResponse *response, Error *error)
{
        response->transient = true;
        return error_set(error, ERROR_UNREACHABLE, "%s ends after %ju of the %ju bytes of the blob %s",
                         g->host, (uintmax_t) f->size, (uintmax_t) f->blob->size, f->blob->digest);
}

/* One request. 1: done, 0: once more. */
static int step(Registry *g, Http *h, BlobFile *f, uint64_t *attempts, Error *error)
{
        _cleanup_http_response_ HttpResponse response = {};
        _cleanup_free_ char *what = NULL;
        uint64_t before = f->size;
        int r = ask_for_rest(g, h, f, &response, error);

        if (r >= 0 && response.status == 416 && f->size > 0)
                return begin_anew(f, error);
        if (r >= 0 && response.status / 100 == 2 && !f->begun && f->blob->size > 0)
                r = ended_early(f, g, &response, error);
        if (r >= 0 && response.status / 100 == 2 && f->size < f->blob->size)
                r = ended_early(f, g, &response, error);
        if (r >= 0 && response.status / 100 == 2)
                return judge(f, g, error);
        if (f->size >= before + PROGRESS_THAT_COUNTS)
                *attempts = 0;
        if (f->size > 0)
                f->pieces = true;
        if (registry_again(g, attempts, r, &response, error))
                return 0;
        if (r < 0)
                return r;
        what = str_printf("blob %s in %s", f->blob->digest, g->path);
        return what ? registry_complain(g, what, &response, error) : -ENOMEM;
}

static int fetch(Registry *g, Http *h, BlobFile *f, Error *error)
{
        _cleanup_error_ Error e = ERROR_INIT;
        uint64_t attempts = 0;
        int r = open_file(f, f->part, O_CREAT, &e);

        if (r >= 0)
                r = f->size == f->blob->size ? judge(f, g, &e) : 0;
        while (r == 0)
                r = step(g, h, f, &attempts, &e);
        if (r > 0 && renameat(f->dir, f->part, f->dir, f->name) < 0)
                r = write_failed(f, -errno, &e);
        return r < 0 ? registry_fail(error, &e, r) : 0;
}

int registry_fetch_blob(Registry *g, Http *h, const Descriptor *d, int dir, Meter *meter, Error *error)
{
        _cleanup_(blob_file_done) BlobFile f = {.blob = d, .meter = meter, .fd = -EBADF, .dir = -EBADF};
        int r;

        f.name = d->digest + strlen("sha256:");
        f.part = str_printf("%s.part", f.name);
        f.hash = digest_new();
        if (!f.part || !f.hash)
                return -ENOMEM;
        f.dir = openat(dir, "blobs/sha256", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (f.dir < 0)
                return write_failed(&f, -errno, error);
        r = find_whole(&f, error);
        return r != 0 ? r : fetch(g, h, &f, error);
}
