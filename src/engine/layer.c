/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Two threads: one reads, hashes, decompresses and hashes again, the other parses the tar stream and writes
 * objects. Both digests are known at the end only; until then everything is in a transaction that an error
 * aborts. A small file is collected in memory, so that an object that the store has is not written a second
 * time; a large one streams. */

#include <linux/capability.h>
#include <linux/limits.h>
#include <sys/stat.h>

#include "base/str.h"
#include "engine/layer.h"
#include "engine/pump.h"
#include "engine/recipe.h"
#include "engine/tar.h"

#define SMALL_FILE_MAX (8U * 1024 * 1024)
/* Of modification times: what an inode of ext4 holds, 1901 to 2446. Others are brought to the nearer end. */
#define MTIME_MIN (-(INT64_C(1) << 31))
#define MTIME_MAX ((INT64_C(1) << 34) - (INT64_C(1) << 31) - 1)
#define WHITEOUT ".wh."
#define AUFS_OWN ".wh..wh."
#define OPAQUE_WHITEOUT ".wh..wh..opq"

typedef struct Import {
        ImageStore *store;
        const LayerSource *source;
        Pump *pump;
        Recorder *recorder;
        Tree *tree;
        struct archive *tar;
        struct archive_entry *entry;
        size_t n_entries;
        uint64_t unpacked; /* bytes of files, holes too */
        uint64_t holes;
        char *small; /* where small files are collected */
        size_t small_size;
        Error *error;
} Import;

typedef enum PathResult {
        PATH_FOUND,
        PATH_ROOT,    /* the root directory itself */
        PATH_SKIPPED, /* in or of the aufs driver's own files */
} PathResult;

static int bad(Import *l, const char *what)
{
        return error_set(l->error, ERROR_BAD_ARCHIVE, "entry \"%s\": %s",
                         strempty(archive_entry_pathname(l->entry)), what);
}

static int limit(Import *l, const char *what)
{
        return error_set(l->error, ERROR_LIMIT, "entry \"%s\": %s",
                         strempty(archive_entry_pathname(l->entry)), what);
}

/* A failure of the tree: its limits have no words yet. */
static int tree_failed(Import *l, int r)
{
        return r == -E2BIG ? limit(l, "more entries than an image may have") : r;
}

/* Cuts the next component off *path into name. Returns 1, or 0 at the end. */
static int next_component(const char **path, char name[static TREE_NAME_MAX + 1])
{
        size_t n;

        do {
                *path += strspn(*path, "/");
                n = strcspn(*path, "/");
                if (n > TREE_NAME_MAX)
                        return -ENAMETOOLONG;
                memcpy(name, *path, n);
                name[n] = '\0';
                *path += n;
        } while (streq(name, "."));
        if (streq(name, ".."))
                return -EXDEV;
        return n > 0;
}

static int name_failed(Import *l, int r)
{
        return r == -EXDEV ? bad(l, "the name leads out of the image with \"..\"")
                           : limit(l, "a part of the name is longer than 255 bytes");
}

/* One step down; the directory comes to be when it is not there. */
static int descend(Import *l, Node **n, const char *name)
{
        int r = tree_add(l->tree, *n, name, n);

        if (r < 0)
                return tree_failed(l, r);
        if ((*n)->type == NODE_FILE || (*n)->type == NODE_LINK)
                return bad(l, "lies below a file or symlink of the same layer");
        if ((*n)->type == NODE_DIRECTORY)
                return 0;
        (*n)->flags |= NODE_IMPLIED;
        return tree_failed(l, tree_set_implied_directory(l->tree, *n));
}

/* Finds the directory that the entry is in, and its own name. */
static int resolve(Import *l, const char *path, Node **ret_parent, char name[static TREE_NAME_MAX + 1])
{
        char next[TREE_NAME_MAX + 1];
        Node *n = tree_root(l->tree);
        int r, depth = 0;

        if (strlen(path) > TREE_PATH_MAX)
                return limit(l, "the name is longer than 4095 bytes");
        r = next_component(&path, name);
        while (r > 0) {
                r = next_component(&path, next);
                if (r <= 0)
                        break;
                if (startswith(name, AUFS_OWN))
                        return PATH_SKIPPED;
                if (startswith(name, WHITEOUT))
                        return bad(l, "lies below a whiteout");
                if (++depth >= (int) TREE_DEPTH_MAX)
                        return limit(l, "more than 256 levels of directories");
                r = descend(l, &n, name);
                if (r < 0)
                        return r;
                (void) strcpy(name, next);
                r = 1;
        }
        if (r < 0)
                return name_failed(l, r);
        *ret_parent = n;
        return *name ? PATH_FOUND : PATH_ROOT;
}

/* The earlier entry that a hard link names; NULL: the layer has none, a lower one may. */
static int find_target(Import *l, const char *path, const Node **ret)
{
        char name[TREE_NAME_MAX + 1];
        const char *rest = path;
        const Node *n = tree_root(l->tree);
        int r;

        if (strlen(path) > TREE_PATH_MAX)
                return limit(l, "the target's name is longer than 4095 bytes");
        while ((r = next_component(&rest, name)) > 0)
                n = n ? tree_lookup(l->tree, n, name) : NULL;
        if (r < 0)
                return bad(l, "a hard link to a name that leads out of the image");
        if (n && n->type == NODE_DIRECTORY)
                return bad(l, "a hard link to what is not a file");
        *ret = n && n->type != NODE_NONE ? n : NULL;
        return 0;
}

/* A capability set as the kernel takes it: the second form, or the third with a user namespace's root. */
static bool capability_is_valid(const void *value, size_t size)
{
        uint32_t magic;

        if (size < sizeof(magic))
                return false;
        memcpy(&magic, value, sizeof(magic));
        magic = le32toh(magic) & VFS_CAP_REVISION_MASK;
        return (magic == VFS_CAP_REVISION_2 && size == XATTR_CAPS_SZ_2) ||
               (magic == VFS_CAP_REVISION_3 && size == XATTR_CAPS_SZ_3);
}

/* Returns 1 when the attribute is kept. */
static int keep_xattr(Import *l, const char *name, const void *value, size_t size, bool directory)
{
        if (strlen(name) > XATTR_NAME_MAX || size > XATTR_SIZE_MAX)
                return limit(l, "an extended attribute is too large");
        if (streq(name, "security.capability")) {
                if (directory)
                        return 0;
                return capability_is_valid(value, size) ? 1 : bad(l, "security.capability is malformed");
        }
        return startswith(name, "user.") && name[strlen("user.")] && !startswith(name, "user.overlay.");
}

static int compare_xattrs(const void *a, const void *b)
{
        return strcmp(((const Xattr *) a)->name, ((const Xattr *) b)->name);
}

/* libarchive, and with it bsdtar, writes each attribute in two ways, which read as the same. */
static int keep_one_of_each(Import *l, Xattr xattrs[static TREE_XATTRS_MAX], size_t n, size_t *ret)
{
        size_t kept = MIN(n, (size_t) 1);

        for (size_t i = 1; i < n; i++) {
                const Xattr *last = &xattrs[kept - 1], *x = &xattrs[i];

                if (!streq(last->name, x->name))
                        xattrs[kept++] = *x;
                else if (last->size != x->size || memcmp(last->value, x->value, x->size) != 0)
                        return bad(l, "an extended attribute is given twice");
        }
        *ret = kept;
        return 0;
}

static int take_xattrs(Import *l, Xattr xattrs[static TREE_XATTRS_MAX], bool directory, size_t *ret)
{
        const char *name;
        const void *value;
        size_t n = 0, size, total = 0;
        int r;

        (void) archive_entry_xattr_reset(l->entry);
        while (archive_entry_xattr_next(l->entry, &name, &value, &size) == ARCHIVE_OK) {
                r = name ? keep_xattr(l, name, value, size, directory) : 0;
                if (r < 0)
                        return r;
                if (r == 0)
                        continue;
                total += size;
                if (n == TREE_XATTRS_MAX || total > XATTR_SIZE_MAX)
                        return limit(l, "too many extended attributes");
                xattrs[n++] = (Xattr){name, value, size};
        }
        qsort(xattrs, n, sizeof(*xattrs), compare_xattrs);
        return keep_one_of_each(l, xattrs, n, ret);
}

static struct timespec take_mtime(struct archive_entry *e)
{
        struct timespec t = {.tv_sec = archive_entry_mtime(e), .tv_nsec = archive_entry_mtime_nsec(e)};

        if (t.tv_nsec < 0 || t.tv_nsec > 999999999)
                t.tv_nsec = 0;
        if (t.tv_sec < MTIME_MIN)
                return (struct timespec){.tv_sec = MTIME_MIN};
        return t.tv_sec > MTIME_MAX ? (struct timespec){.tv_sec = MTIME_MAX} : t;
}

static int take_attributes(Import *l, Attributes *ret, Xattr xattrs[static TREE_XATTRS_MAX])
{
        la_int64_t uid = archive_entry_uid(l->entry), gid = archive_entry_gid(l->entry);

        /* The last number means "nobody at all" to chown(). */
        if (uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX)
                return bad(l, "the owner is out of range");
        *ret = (Attributes){
                .uid = (uint32_t) uid,
                .gid = (uint32_t) gid,
                .mode = archive_entry_perm(l->entry) & 07777,
                .mtime = take_mtime(l->entry),
                .xattrs = xattrs,
        };
        return take_xattrs(l, xattrs, archive_entry_filetype(l->entry) == AE_IFDIR, &ret->n_xattrs);
}

static int tar_failed(Import *l)
{
        const char *why = archive_error_string(l->tar);

        if (archive_errno(l->tar) == ENOMEM)
                return -ENOMEM;
        return error_set(l->error, ERROR_BAD_ARCHIVE, "the tar stream is damaged or truncated%s%s%s",
                         why ? " (" : "", strempty(why), why ? ")" : "");
}

/* Where the bytes of a file go: up to SMALL_FILE_MAX into memory, else into a writer. */
typedef struct Sink {
        Import *import;
        uint64_t done;
        uint64_t size;
        ObjectWriter *writer;
        const void *whole; /* the file in one piece, where libarchive has it */
} Sink;

static void sink_done(Sink *s)
{
        object_writer_free(s->writer);
}

static int sink_write(Sink *s, const void *data, size_t size)
{
        if (size > s->size - s->done)
                return bad(s->import, "holds more than its size says");
        s->done += size;
        if (s->writer)
                return object_writer_write(s->writer, data, size, s->import->error);
        if (size == s->size)
                s->whole = data;
        else
                memcpy(s->import->small + s->done - size, data, size);
        return 0;
}

/* Zeros up to offset: a hole of a sparse file, which the store has no notion of. */
static int fill_zeros(Sink *s, uint64_t size)
{
        int r;

        if (s->writer) {
                r = object_writer_skip(s->writer, size, s->import->error);
                if (r < 0)
                        return r;
        } else
                memset(s->import->small + s->done, 0, (size_t) size);
        s->done += size;
        return 0;
}

/* A hole of a sparse file up to offset. */
static int sink_fill(Sink *s, uint64_t offset)
{
        Import *l = s->import;

        if (offset < s->done || offset > s->size)
                return bad(l, "its sparse map is out of order");
        l->holes += offset - s->done;
        if (l->holes > LAYER_RATIO_FREE + LAYER_RATIO_MAX * (uint64_t) archive_filter_bytes(l->tar, 0))
                return limit(l, "holes of sparse files unpack to more than 200 times the layer");
        return fill_zeros(s, offset - s->done);
}

static int sink_read(Sink *s)
{
        Import *l = s->import;
        const void *data;
        la_int64_t offset;
        size_t size;
        int r, x;

        while (s->done < s->size) {
                x = archive_read_data_block(l->tar, &data, &size, &offset);
                if (x == ARCHIVE_EOF)
                        return sink_fill(s, s->size);
                if (x != ARCHIVE_OK)
                        return tar_failed(l);
                r = (uint64_t) offset == s->done ? 0 : sink_fill(s, (uint64_t) offset);
                if (r >= 0)
                        r = sink_write(s, data, size);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int make_room(Import *l, size_t size)
{
        char *larger;

        if (size <= l->small_size)
                return 0;
        larger = realloc(l->small, size);
        if (!larger)
                return -ENOMEM;
        l->small = larger;
        l->small_size = size;
        return 0;
}

static int import_content(Import *l, const Attributes *a, uint64_t size, uint8_t sum[static OBJECT_SUM_SIZE])
{
        _cleanup_(sink_done) Sink sink = {.import = l, .size = size};
        int r;

        r = size > SMALL_FILE_MAX || archive_entry_sparse_count(l->entry) > 0
                    ? image_store_open_writer(l->store, a, size, &sink.writer, l->error)
                    : make_room(l, (size_t) size);
        if (r >= 0)
                r = sink_read(&sink);
        if (r < 0)
                return r;
        if (sink.writer)
                return object_writer_finish(sink.writer, sum, l->error);
        return image_store_write_file(l->store, a, sink.whole ? sink.whole : l->small, (size_t) size, sum,
                                      l->error);
}

static int import_file(Import *l, Node *n)
{
        la_int64_t size = archive_entry_size(l->entry);
        uint8_t sum[OBJECT_SUM_SIZE];
        Xattr xattrs[TREE_XATTRS_MAX];
        Attributes a;
        int r = take_attributes(l, &a, xattrs);

        if (r < 0)
                return r;
        if (size < 0)
                return bad(l, "its size is out of range");
        if ((uint64_t) size > LAYER_SIZE_MAX - l->unpacked)
                return limit(l, "the layer unpacks to more than 64 GiB");
        l->unpacked += (uint64_t) size;
        if (l->source->bytes_max > 0 && l->unpacked > l->source->bytes_max)
                return limit(l, "the image unpacks to more bytes than the setting allows");
        r = import_content(l, &a, (uint64_t) size, sum);
        if (r < 0)
                return r;
        recorder_file(l->recorder, (uint64_t) archive_read_header_position(l->tar), (uint64_t) size, sum);
        tree_set_file(l->tree, n, sum);
        return 0;
}

static int import_symlink(Import *l, Node *n)
{
        const char *target = archive_entry_symlink(l->entry);
        uint8_t sum[OBJECT_SUM_SIZE];
        Xattr xattrs[TREE_XATTRS_MAX];
        Attributes a;
        bool raw;
        int r = take_attributes(l, &a, xattrs);

        if (r < 0)
                return r;
        if (isempty(target) || strlen(target) >= PATH_MAX)
                return bad(l, "the symlink's target is empty or longer than 4095 bytes");
        raw = !str_is_utf8(target, strlen(target));
        r = raw ? image_store_write_file(l->store, &a, target, strlen(target), sum, l->error)
                : image_store_write_symlink(l->store, &a, target, sum, l->error);
        if (r < 0)
                return r;
        tree_set_file(l->tree, n, sum);
        if (raw)
                n->flags |= NODE_RAW_SYMLINK;
        return 0;
}

static int import_hardlink(Import *l, Node *n)
{
        const char *path = archive_entry_hardlink(l->entry);
        uint8_t sum[OBJECT_SUM_SIZE], raw;
        const Node *target = NULL;
        int r = find_target(l, path, &target);

        if (r < 0)
                return r;
        if (archive_entry_size_is_set(l->entry) && archive_entry_size(l->entry) > 0)
                return bad(l, "a hard link with data");
        if (!target || target->type == NODE_LINK)
                return tree_failed(l, tree_set_link(l->tree, n, target ? target->target : path));
        memcpy(sum, target->sum, OBJECT_SUM_SIZE);
        raw = target->flags & NODE_RAW_SYMLINK;
        tree_set_file(l->tree, n, sum);
        n->flags |= raw;
        return 0;
}

static int import_directory(Import *l, Node *n)
{
        Xattr xattrs[TREE_XATTRS_MAX];
        Attributes a;
        int r = take_attributes(l, &a, xattrs);

        if (r < 0)
                return r;
        n->flags &= (uint8_t) ~NODE_IMPLIED;
        return tree_failed(l, tree_set_directory(l->tree, n, &a));
}

/* What the image cannot have; nothing of a lower layer shows through in its place. */
static int leave_out(Import *l, Node *n)
{
        tree_clear(l->tree, n);
        n->type = NODE_NONE;
        n->flags |= NODE_HIDES_LOWER;
        return 0;
}

static int import_whiteout(Import *l, Node *parent, const char *name)
{
        const char *hidden = name + strlen(WHITEOUT);
        Node *n;
        int r;

        if (startswith(name, AUFS_OWN) && !streq(name, OPAQUE_WHITEOUT))
                return 0;
        if (archive_entry_filetype(l->entry) == AE_IFDIR)
                return bad(l, "a whiteout that is a directory");
        if (streq(name, OPAQUE_WHITEOUT)) {
                parent->flags |= NODE_OPAQUE;
                return 0;
        }
        if (isempty(hidden) || streq(hidden, ".") || streq(hidden, ".."))
                return bad(l, "a whiteout of what is no name");
        r = tree_add(l->tree, parent, hidden, &n);
        if (r < 0)
                return tree_failed(l, r);
        n->flags |= NODE_HIDES_LOWER;
        return 0;
}

static int import_named(Import *l, Node *parent, const char *name)
{
        Node *n;
        int r;

        if (startswith(name, WHITEOUT))
                return import_whiteout(l, parent, name);
        if (node_depth(parent) >= TREE_DEPTH_MAX)
                return limit(l, "more than 256 levels of directories");
        r = tree_add(l->tree, parent, name, &n);
        if (r < 0)
                return tree_failed(l, r);
        if (archive_entry_hardlink(l->entry))
                return import_hardlink(l, n);
        switch (archive_entry_filetype(l->entry)) {
        case AE_IFREG:
                return import_file(l, n);
        case AE_IFLNK:
                return import_symlink(l, n);
        case AE_IFDIR:
                return import_directory(l, n);
        case AE_IFCHR:
        case AE_IFBLK:
        case AE_IFIFO:
        case AE_IFSOCK:
                return leave_out(l, n);
        default:
                return bad(l, "of no known type");
        }
}

static int import_entry(Import *l)
{
        const char *path = archive_entry_pathname(l->entry);
        char name[TREE_NAME_MAX + 1];
        Node *parent = NULL;
        int r;

        if (++l->n_entries > TREE_NODES_MAX)
                return limit(l, "more entries than an image may have");
        if (l->source->entries_max > 0 && l->n_entries > l->source->entries_max)
                return limit(l, "the image has more entries than the setting allows");
        if (isempty(path))
                return bad(l, "has no name");
        r = resolve(l, path, &parent, name);
        if (r < 0 || r == PATH_SKIPPED)
                return MIN(r, 0);
        if (r == PATH_FOUND)
                return import_named(l, parent, name);
        if (archive_entry_filetype(l->entry) != AE_IFDIR || archive_entry_hardlink(l->entry))
                return bad(l, "the image's root is not a directory");
        return import_directory(l, parent);
}

static la_ssize_t feed_tar(struct archive *a, void *userdata, const void **ret)
{
        const Import *l = userdata;
        ssize_t n = pump_read(l->pump, ret);

        if (n > 0)
                recorder_feed(l->recorder, *ret, (size_t) n);
        if (n >= 0)
                return n;
        archive_set_error(a, n == -ENOMEM ? ENOMEM : EIO, "input failed");
        return ARCHIVE_FATAL;
}

static int import_entries(Import *l)
{
        int r = 0, x;

        if (archive_read_support_format_tar(l->tar) != ARCHIVE_OK ||
            archive_read_support_format_empty(l->tar) != ARCHIVE_OK ||
            archive_read_open(l->tar, l, NULL, feed_tar, NULL) != ARCHIVE_OK)
                return tar_failed(l);
        while (r >= 0) {
                x = archive_read_next_header(l->tar, &l->entry);
                if (x == ARCHIVE_EOF)
                        return 0;
                if (!tar_header_is_readable(l->tar, x))
                        return tar_failed(l);
                r = import_entry(l);
        }
        return r;
}

/* What follows the end mark of the tar stream is hashed like the rest. */
static int drain(Import *l)
{
        const void *data;
        ssize_t n;

        while ((n = pump_read(l->pump, &data)) > 0)
                recorder_feed(l->recorder, data, (size_t) n);
        return (int) n;
}

static void import_done(Import *l)
{
        if (l->tar)
                (void) archive_read_free(l->tar);
        tree_free(l->tree);
        recorder_free(l->recorder);
        free(l->small);
}

/* The streams on the way from the archive to the tar parser. */
typedef struct Chain {
        Stream *packed;   /* hashes what came; owned by out */
        Stream *unpacked; /* limits and hashes what goes out; out itself */
} Chain;

/* Stops a stream that grows beyond all measure. */
typedef struct Guard {
        Stream stream;
        Stream *in;
        const Stream *packed;
        uint64_t size;
} Guard;

static ssize_t guard_read(Stream *s, const void **ret, Error *error)
{
        Guard *g = (Guard *) s;
        ssize_t n = stream_read(g->in, ret, error);

        if (n <= 0)
                return n;
        g->size += (uint64_t) n;
        if (g->size > LAYER_SIZE_MAX)
                return error_set(error, ERROR_LIMIT, "it unpacks to more than 64 GiB");
        if (g->size > LAYER_RATIO_FREE + LAYER_RATIO_MAX * stream_hash_size(g->packed))
                return error_set(error, ERROR_LIMIT, "it unpacks to more than %u times its size",
                                 LAYER_RATIO_MAX);
        return n;
}

static void guard_close(Stream *s)
{
        stream_close(((Guard *) s)->in);
        free(s);
}

static int guard_open(Stream *in, const Stream *packed, Stream **ret)
{
        Guard *g = calloc(1, sizeof(Guard));

        if (!g) {
                stream_close(in);
                return -ENOMEM;
        }
        *g = (Guard){{guard_read, guard_close}, in, packed, 0};
        *ret = &g->stream;
        return 0;
}

/* Takes in. */
static int open_chain(Stream *in, Coding coding, Chain *ret, Error *error)
{
        Stream *packed, *out;
        int r = stream_open_hash(in, &packed);

        if (r < 0)
                return r;
        *ret = (Chain){packed, packed};
        if (coding == CODING_NONE)
                return 0;
        r = stream_open_decoder(packed, coding, &out, error);
        if (r >= 0)
                r = guard_open(out, packed, &out);
        if (r >= 0)
                r = stream_open_hash(out, &ret->unpacked);
        return r;
}

static int check_digest(Stream *s, const char *expected, const char *of, Error *error)
{
        char digest[DIGEST_TEXT_SIZE];
        int r = stream_hash_digest(s, digest);

        if (r < 0)
                return r;
        if (!streq(digest, expected))
                return error_set(error, ERROR_BAD_DIGEST,
                                 "%s has the digest %s, not the one that was promised (%s)", of, digest,
                                 expected);
        return 0;
}

/* The decoder stops where its format ends; the blob may be longer. */
static int check_chain(const Chain *c, const LayerSource *source, Error *error)
{
        const void *data;
        ssize_t n;
        int r;

        do {
                n = c->packed == c->unpacked ? 0 : stream_read(c->packed, &data, error);
        } while (n > 0);
        if (n < 0)
                return (int) n;
        if (source->digest && stream_hash_size(c->packed) != source->size)
                return error_set(error, ERROR_BAD_DIGEST, "it has %ju bytes instead of %ju",
                                 (uintmax_t) stream_hash_size(c->packed), (uintmax_t) source->size);
        if (c->packed == c->unpacked && source->digest && !streq(source->digest, source->diff_id))
                return error_set(error, ERROR_BAD_DIGEST,
                                 "it is not compressed, but its digest is not its diff ID %s",
                                 source->diff_id);
        r = check_digest(c->unpacked, source->diff_id, "its content", error);
        if (r < 0 || c->packed == c->unpacked || !source->digest)
                return r;
        return check_digest(c->packed, source->digest, "the file", error);
}

/* The producer's failure comes first: what the parser made of its end is a consequence. */
static int run(Import *l, Stream *out)
{
        _cleanup_(pump_freep) Pump *pump = NULL;
        Error parse_error = ERROR_INIT, *error = l->error;
        int r, q;

        r = pump_start(out, &pump);
        if (r < 0)
                return r;
        l->pump = pump;
        l->error = &parse_error;
        r = import_entries(l);
        if (r >= 0)
                r = drain(l);
        l->error = error;
        q = pump_stop(pump, error);
        if (q < 0)
                r = q;
        else if (r < 0 && error && error->kind == ERROR_NONE)
                *error = TAKE(parse_error, ERROR_INIT);
        error_done(&parse_error);
        return r;
}

static int import_stream(Import *l, const LayerSource *source, Stream *in)
{
        _cleanup_(stream_closep) Stream *out = NULL;
        Chain chain;
        int r = open_chain(in, source->coding, &chain, l->error);

        if (r < 0)
                return r;
        out = chain.unpacked;
        r = run(l, out);
        return r < 0 ? r : check_chain(&chain, source, l->error);
}

int layer_import(ImageStore *store, const LayerSource *source, Stream *in, Tree **ret, Error *error)
{
        _cleanup_error_ Error inner = ERROR_INIT;
        _cleanup_(import_done) Import l = {
                .store = store,
                .source = source,
                .tree = tree_new(),
                .tar = archive_read_new(),
                .recorder = recorder_new(),
                .error = &inner,
        };
        int r;

        if (!l.tree || !l.tar || !l.recorder) {
                stream_close(in);
                return -ENOMEM;
        }
        r = import_stream(&l, source, in);
        if (r < 0 && inner.kind != ERROR_NONE)
                return error_set(error, inner.kind, "Layer %s: %s",
                                 source->digest ? source->digest : source->diff_id, inner.message);
        if (r < 0)
                return error_set_errno(error, r, "Layer %s",
                                       source->digest ? source->digest : source->diff_id);
        tree_set_bytes(l.tree, l.unpacked);
        r = recorder_store(l.recorder, store, l.tree, error);
        /* Large layers: what is not needed any more makes room for the list of the largest directory. */
        l.recorder = recorder_free(l.recorder);
        if (r >= 0)
                r = image_store_write_layer(store, source->diff_id, l.tree, error);
        if (r < 0)
                return r;
        recipe_hide(l.tree);
        *ret = TAKE_PTR(l.tree);
        return 0;
}
