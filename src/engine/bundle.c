/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The archive's headers are read once, skipping the data, and where each member's data is goes into a map.
 * Names are keys of that map and nothing else: whatever they say, no file is opened by them. In a directory
 * bundle a name is opened below the directory, without symlinks on the way. */

#include <sys/stat.h>

#include "base/fs.h"
#include "base/hashmap.h"
#include "base/str.h"
#include "engine/bundle.h"
#include "engine/tar.h"

#define MEMBER_NAME_MAX 1024U
#define LINK_HOPS_MAX 8
#define SPOOL_RATIO_MAX 200U
#define SPOOL_RATIO_FREE (UINT64_C(64) * 1024 * 1024)

typedef struct Member {
        uint64_t offset;
        uint64_t size;
        char *link; /* the member that it stands for, NULL: itself */
} Member;

struct Bundle {
        int fd; /* of the directory, or of the archive */
        bool is_directory;
        bool owns_fd;
        uint64_t size; /* of the archive, which begins at offset base */
        uint64_t base;
        Map *members;
};

/* The archive's bytes for libarchive; skipping costs nothing. */
typedef struct Reader {
        int fd;
        uint64_t offset;
        uint64_t left;
        int failed;
        char buffer[16 * 1024];
} Reader;

static void member_free(void *p)
{
        Member *m = p;

        free(m->link);
        free(m);
}

static la_ssize_t reader_read(struct archive *a, void *userdata, const void **ret)
{
        Reader *r = userdata;
        ssize_t n;

        do {
                n = pread(r->fd, r->buffer, (size_t) MIN(r->left, (uint64_t) sizeof(r->buffer)),
                          (off_t) r->offset);
        } while (n < 0 && errno == EINTR);
        if (n < 0) {
                r->failed = -errno;
                archive_set_error(a, errno, "input failed");
                return ARCHIVE_FATAL;
        }
        r->offset += (uint64_t) n;
        r->left -= (uint64_t) n;
        *ret = r->buffer;
        return n;
}

static la_int64_t reader_skip(struct archive *a, void *userdata, la_int64_t request)
{
        Reader *r = userdata;
        uint64_t n = MIN((uint64_t) MAX(request, (la_int64_t) 0), r->left);

        r->offset += n;
        r->left -= n;
        return (la_int64_t) n;
}

/* "./a//b" and "/a/b" are "a/b"; ".." goes up, but not out. NULL in *ret: nothing is left of it. */
static int normalize(const char *directory, const char *name, char **ret)
{
        _cleanup_strv_ char **in = NULL;
        _cleanup_free_ char *path = str_printf("%s/%s", directory, name);
        const char *out[MEMBER_NAME_MAX];
        size_t n = 0;
        int r;

        if (!path)
                return -ENOMEM;
        if (strlen(path) > MEMBER_NAME_MAX)
                return -ENAMETOOLONG;
        r = strv_split(path, "/", &in);
        if (r < 0)
                return r;
        STRV_FOREACH(part, in)
                if (streq(*part, ".."))
                        n -= n > 0;
                else if (!streq(*part, "."))
                        out[n++] = *part;
        out[n] = NULL;
        *ret = n > 0 ? strv_join((char **) out, "/") : NULL;
        return n > 0 && !*ret ? -ENOMEM : 0;
}

static int member_link(struct archive_entry *entry, const char *name, char **ret)
{
        const char *hard = archive_entry_hardlink(entry), *slash = strrchr(name, '/');
        const char *target = hard ? hard : archive_entry_symlink(entry);
        _cleanup_free_ char *directory = hard || !slash ? strdup("") : strndup(name, (size_t) (slash - name));

        if (!target)
                return 0;
        if (!directory)
                return -ENOMEM;
        return normalize(directory, target, ret);
}

static int add_member(Bundle *b, struct archive *a, struct archive_entry *entry, const char *name,
                      Error *error)
{
        Member *m = calloc(1, sizeof(Member));
        int r;

        if (!m)
                return -ENOMEM;
        r = member_link(entry, name, &m->link);
        if (r >= 0 && !m->link) {
                m->offset = b->base + (uint64_t) archive_filter_bytes(a, 0);
                m->size = (uint64_t) MAX(archive_entry_size(entry), (la_int64_t) 0);
                if (m->size > b->size || m->offset - b->base > b->size - m->size)
                        r = error_set(error, ERROR_BAD_ARCHIVE, "The archive is truncated in \"%s\"", name);
        }
        if (r >= 0)
                r = map_put(b->members, name, m);
        if (r < 0)
                member_free(m);
        return r;
}

static int index_entry(Bundle *b, struct archive *a, struct archive_entry *entry, Error *error)
{
        const char *path = archive_entry_pathname(entry);
        _cleanup_free_ char *name = NULL;
        mode_t type = archive_entry_filetype(entry);
        bool link = archive_entry_hardlink(entry) || type == AE_IFLNK;
        int r = path ? normalize("", path, &name) : -EINVAL;

        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return error_set(error, ERROR_BAD_ARCHIVE,
                                 "A member of the archive has no name, or too long a one");
        if (!name || (type != AE_IFREG && !link))
                return 0;
        if (archive_entry_sparse_count(entry) > 0)
                return error_set(error, ERROR_BAD_ARCHIVE, "Member \"%s\" of the archive is sparse", name);
        if (map_size(b->members) >= BUNDLE_MEMBERS_MAX)
                return error_set(error, ERROR_LIMIT, "The archive has more than %u members",
                                 BUNDLE_MEMBERS_MAX);
        return add_member(b, a, entry, name, error);
}

/* Compressions that people use and we do not read: a way in for strangers that nobody needs. */
static const struct {
        const char *name;
        size_t size;
        const char *magic;
} foreign[] = {
        {"xz", 6, "\3757zXZ"},
        {"bzip2", 3, "BZh"},
        {"lz4", 4, "\x04\x22\x4d\x18"},
        {"zip", 4, "PK\x03\x04"},
        {"7-Zip", 6, "7z\xbc\xaf\x27\x1c"},
};

static const char *foreign_compression(const Bundle *b)
{
        char magic[8] = {};

        (void) !pread(b->fd, magic, sizeof(magic), (off_t) b->base);
        FOREACH_ELEMENT(row, foreign)
                if (memcmp(magic, row->magic, row->size) == 0)
                        return row->name;
        return NULL;
}

static int refuse_archive(Bundle *b, Error *error)
{
        const char *compression = foreign_compression(b);

        if (compression)
                return error_set(
                        error, ERROR_BAD_ARCHIVE,
                        "This is not an image archive: it is compressed with %s, not with gzip or zstd",
                        compression);
        return error_set(error, ERROR_BAD_ARCHIVE, "This is not an image archive");
}

static int index_entries(Bundle *b, struct archive *a, const Reader *reader, Error *error)
{
        struct archive_entry *entry;
        int r, x;

        for (;;) {
                x = archive_read_next_header(a, &entry);
                if (x == ARCHIVE_EOF)
                        return 0;
                if (reader->failed < 0)
                        return error_set_errno(error, reader->failed, "Cannot read the archive");
                if (!tar_header_is_readable(a, x) && map_size(b->members) > 0)
                        return error_set(error, ERROR_BAD_ARCHIVE, "The archive is damaged or truncated");
                if (!tar_header_is_readable(a, x))
                        return refuse_archive(b, error);
                r = index_entry(b, a, entry, error);
                if (r < 0)
                        return r;
        }
}

static int index_archive(Bundle *b, Error *error)
{
        _cleanup_free_ Reader *reader = calloc(1, sizeof(Reader));
        struct archive *a = archive_read_new();
        int r;

        if (!reader || !a) {
                (void) archive_read_free(a);
                return -ENOMEM;
        }
        *reader = (Reader){.fd = b->fd, .offset = b->base, .left = b->size};
        if (archive_read_support_format_tar(a) != ARCHIVE_OK ||
            archive_read_set_skip_callback(a, reader_skip) != ARCHIVE_OK ||
            archive_read_set_read_callback(a, reader_read) != ARCHIVE_OK ||
            archive_read_set_callback_data(a, reader) != ARCHIVE_OK || archive_read_open1(a) != ARCHIVE_OK)
                r = refuse_archive(b, error);
        else
                r = index_entries(b, a, reader, error);
        (void) archive_read_free(a);
        return r;
}

/* A descriptor's bytes from where it stands to its end. */
typedef struct PipeStream {
        Stream stream;
        int fd;
        char buffer[STREAM_CHUNK];
} PipeStream;

static ssize_t pipe_read(Stream *s, const void **ret, Error *error)
{
        PipeStream *p = (PipeStream *) s;
        ssize_t n;

        do {
                n = read(p->fd, p->buffer, sizeof(p->buffer));
        } while (n < 0 && errno == EINTR);
        if (n < 0)
                return error_set_errno(error, errno, "Cannot read the archive");
        *ret = p->buffer;
        return n;
}

static void pipe_close(Stream *s)
{
        free(s);
}

/* The first piece of a stream, handed out once more before the rest. */
typedef struct PeekedStream {
        Stream stream;
        Stream *in;
        const void *first;
        size_t first_size;
} PeekedStream;

static ssize_t peeked_read(Stream *s, const void **ret, Error *error)
{
        PeekedStream *p = (PeekedStream *) s;
        size_t n = TAKE(p->first_size, 0);

        if (n == 0)
                return stream_read(p->in, ret, error);
        *ret = p->first;
        return (ssize_t) n;
}

static void peeked_close(Stream *s)
{
        stream_close(((PeekedStream *) s)->in);
        free(s);
}

static int copy_to(int fd, Stream *in, const Stream *compressed, uint64_t *ret_size, Error *error)
{
        uint64_t size = 0;
        const void *data;
        ssize_t n;
        int r;

        for (;;) {
                n = stream_read(in, &data, error);
                if (n <= 0)
                        break;
                size += (uint64_t) n;
                if (size > BUNDLE_SIZE_MAX)
                        return error_set(error, ERROR_LIMIT, "The archive is larger than 256 GiB");
                if (size > SPOOL_RATIO_FREE + SPOOL_RATIO_MAX * stream_hash_size(compressed))
                        return error_set(error, ERROR_LIMIT,
                                         "The archive unpacks to more than %u times its size",
                                         SPOOL_RATIO_MAX);
                r = fs_write_all(fd, data, (size_t) n);
                if (r < 0)
                        return error_set_errno(error, r, "Cannot copy the archive");
        }
        *ret_size = size;
        return (int) n;
}

/* What in hands out, decompressed; *ret_counted, part of it, counts what came. Takes in. */
static int open_unpacked(Stream *in, Coding (*coding_of)(const void *, size_t), Stream **ret,
                         Stream **ret_counted, Error *error)
{
        _cleanup_(stream_closep) Stream *raw = in;
        const void *first;
        PeekedStream *peeked;
        ssize_t n;
        int r;

        n = stream_read(raw, &first, error);
        if (n < 0)
                return (int) n;
        peeked = malloc(sizeof(PeekedStream));
        if (!peeked)
                return -ENOMEM;
        *peeked = (PeekedStream){{peeked_read, peeked_close}, TAKE_PTR(raw), first, (size_t) n};
        r = stream_open_hash(&peeked->stream, ret_counted);
        return r < 0 ? r : stream_open_decoder(*ret_counted, coding_of(first, (size_t) n), ret, error);
}

static int open_scratch(Bundle *b, int scratch, Error *error)
{
        b->fd = openat(scratch, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        if (b->fd < 0)
                return error_set_errno(error, errno, "Cannot copy the archive");
        b->owns_fd = true;
        return 0;
}

/* Copies what in hands out, decompressed, to an unlinked file, which becomes the archive. */
static int spool(Bundle *b, Stream *in, int scratch, Error *error)
{
        _cleanup_(stream_closep) Stream *out = NULL;
        Stream *counted;
        int r = open_unpacked(in, coding_from_magic, &out, &counted, error);

        if (r >= 0)
                r = open_scratch(b, scratch, error);
        return r < 0 ? r : copy_to(b->fd, out, counted, &b->size, error);
}

static Stream *new_pipe(int fd)
{
        PipeStream *p = malloc(sizeof(PipeStream));

        if (!p)
                return NULL;
        p->stream = (Stream){pipe_read, pipe_close};
        p->fd = fd;
        return &p->stream;
}

static int open_pipe(Bundle *b, int fd, int scratch, Error *error)
{
        Stream *p = new_pipe(fd);

        return p ? spool(b, p, scratch, error) : -ENOMEM;
}

static int open_file(Bundle *b, int fd, uint64_t size, int scratch, Error *error)
{
        off_t position = lseek(fd, 0, SEEK_CUR);
        char magic[8];
        ssize_t n;

        if (position < 0)
                return error_set_errno(error, errno, "Cannot read the archive");
        n = pread(fd, magic, sizeof(magic), position);
        if (n < 0)
                return error_set_errno(error, errno, "Cannot read the archive");
        if (coding_from_magic(magic, (size_t) n) != CODING_NONE)
                return open_pipe(b, fd, scratch, error);
        b->fd = fd;
        b->base = (uint64_t) position;
        b->size = size - MIN(size, (uint64_t) position);
        return 0;
}

int bundle_open(int fd, int scratch, Bundle **ret, Error *error)
{
        _cleanup_(bundle_closep) Bundle *b = calloc(1, sizeof(Bundle));
        struct stat st;
        int r;

        if (!b)
                return -ENOMEM;
        b->fd = -EBADF;
        if (fstat(fd, &st) < 0)
                return error_set_errno(error, errno, "Cannot read the archive");
        if (S_ISDIR(st.st_mode)) {
                b->fd = fd;
                b->is_directory = true;
                *ret = TAKE_PTR(b);
                return 0;
        }
        b->members = map_new(member_free);
        if (!b->members)
                return -ENOMEM;
        r = S_ISREG(st.st_mode) ? open_file(b, fd, (uint64_t) st.st_size, scratch, error)
                                : open_pipe(b, fd, scratch, error);
        if (r >= 0)
                r = index_archive(b, error);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(b);
        return 0;
}

static int add_whole(Bundle *b, const char *name)
{
        Member *m = calloc(1, sizeof(Member));
        int r;

        if (!m)
                return -ENOMEM;
        m->size = b->size;
        r = map_put(b->members, name, m);
        if (r < 0)
                member_free(m);
        return r;
}

static int spool_root(Bundle *b, int fd, int scratch, char ret_digest[static DIGEST_TEXT_SIZE], Error *error)
{
        _cleanup_(stream_closep) Stream *out = NULL;
        Stream *p = new_pipe(fd), *counted, *hash;
        int r = p ? open_unpacked(p, coding_from_any_magic, &out, &counted, error) : -ENOMEM;

        if (r >= 0)
                r = open_scratch(b, scratch, error);
        if (r >= 0)
                r = stream_open_hash(TAKE_PTR(out), &hash);
        if (r < 0)
                return r;
        out = hash;
        r = copy_to(b->fd, hash, counted, &b->size, error);
        return r < 0 ? r : stream_hash_digest(hash, ret_digest);
}

int bundle_open_root(int fd, int scratch, const char *name, Bundle **ret, uint64_t *ret_size,
                     char ret_digest[static DIGEST_TEXT_SIZE], Error *error)
{
        _cleanup_(bundle_closep) Bundle *b = calloc(1, sizeof(Bundle));
        int r;

        if (!b)
                return -ENOMEM;
        b->fd = -EBADF;
        b->members = map_new(member_free);
        r = b->members ? spool_root(b, fd, scratch, ret_digest, error) : -ENOMEM;
        if (r >= 0 && b->size == 0)
                r = error_set(error, ERROR_BAD_ARCHIVE, "The archive is empty");
        if (r >= 0 && foreign_compression(b))
                r = error_set(error, ERROR_BAD_ARCHIVE,
                              "The archive is compressed with %s, not with gzip, zstd or xz",
                              foreign_compression(b));
        if (r >= 0)
                r = add_whole(b, name);
        if (r < 0)
                return r;
        *ret_size = b->size;
        *ret = TAKE_PTR(b);
        return 0;
}

Bundle *bundle_close(Bundle *b)
{
        if (!b)
                return NULL;
        if (b->owns_fd)
                close_fd(b->fd);
        map_free(b->members);
        free(b);
        return NULL;
}

/* The member that name stands for after its links. */
static const Member *find_member(Bundle *b, const char *name)
{
        _cleanup_free_ char *key = NULL;
        const Member *m;

        if (normalize("", name, &key) < 0 || !key)
                return NULL;
        m = map_get(b->members, key);
        for (unsigned hops = 0; m && m->link; hops++)
                m = hops < LINK_HOPS_MAX ? map_get(b->members, m->link) : NULL;
        return m;
}

/* A regular file below the directory. */
static int open_below(Bundle *b, const char *name, struct stat *ret)
{
        _cleanup_close_ int fd = -EBADF;

        fd = fs_open_beneath(b->fd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
        if (fd < 0)
                return fd;
        if (fstat(fd, ret) < 0)
                return -errno;
        return S_ISREG(ret->st_mode) ? TAKE_FD(fd) : -EINVAL;
}

bool bundle_has(Bundle *b, const char *name)
{
        _cleanup_close_ int fd = -EBADF;
        struct stat st;

        if (!b->is_directory)
                return find_member(b, name);
        fd = open_below(b, name, &st);
        return fd >= 0;
}

/* A file stream that closes its descriptor. */
typedef struct OwnedStream {
        Stream stream;
        Stream *in;
        int fd;
} OwnedStream;

static ssize_t owned_read(Stream *s, const void **ret, Error *error)
{
        return stream_read(((OwnedStream *) s)->in, ret, error);
}

static void owned_close(Stream *s)
{
        OwnedStream *o = (OwnedStream *) s;

        stream_close(o->in);
        close_fd(o->fd);
        free(o);
}

static int open_owned(int fd, uint64_t size, Stream **ret, Error *error)
{
        OwnedStream *o = calloc(1, sizeof(OwnedStream));
        int r;

        if (!o) {
                close_fd(fd);
                return -ENOMEM;
        }
        *o = (OwnedStream){.stream = {owned_read, owned_close}, .fd = fd};
        r = stream_open_file(fd, 0, size, &o->in, error);
        if (r < 0) {
                owned_close(&o->stream);
                return r;
        }
        *ret = &o->stream;
        return 0;
}

int bundle_open_member(Bundle *b, const char *name, Stream **ret, uint64_t *ret_size, Error *error)
{
        const Member *m;
        struct stat st;
        int fd, r;

        if (b->is_directory) {
                fd = open_below(b, name, &st);
                if (fd < 0)
                        return fd == -ENOENT
                                       ? error_set(error, ERROR_BAD_ARCHIVE,
                                                   "There is no \"%s\" in the layout", name)
                                       : error_set_errno(error, fd, "Cannot read \"%s\" of the layout", name);
                *ret_size = (uint64_t) st.st_size;
                return open_owned(fd, (uint64_t) st.st_size, ret, error);
        }
        m = find_member(b, name);
        if (!m)
                return error_set(error, ERROR_BAD_ARCHIVE, "There is no \"%s\" in the archive", name);
        r = stream_open_file(b->fd, m->offset, m->size, ret, error);
        if (r >= 0)
                *ret_size = m->size;
        return r;
}

int bundle_read_member(Bundle *b, const char *name, char **ret, size_t *ret_size, Error *error)
{
        _cleanup_(stream_closep) Stream *in = NULL;
        _cleanup_free_ char *text = NULL;
        uint64_t size, done = 0;
        const void *data;
        ssize_t n;
        int r = bundle_open_member(b, name, &in, &size, error);

        if (r < 0)
                return r;
        if (size > BUNDLE_DOCUMENT_MAX)
                return error_set(error, ERROR_LIMIT, "\"%s\" in the archive is larger than 4 MiB", name);
        text = malloc((size_t) size + 1);
        if (!text)
                return -ENOMEM;
        while (done < size) {
                n = stream_read(in, &data, error);
                if (n <= 0)
                        return n < 0 ? (int) n
                                     : error_set(error, ERROR_BAD_ARCHIVE, "The archive is truncated");
                memcpy(text + done, data, (size_t) n);
                done += (uint64_t) n;
        }
        text[done] = '\0';
        *ret = TAKE_PTR(text);
        *ret_size = (size_t) done;
        return 0;
}
