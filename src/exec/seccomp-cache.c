/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A file is a header, the profile's identity, and the code. The identity of a profile in a file is the inode,
 * its size and its times (no change of content leaves them alone), that of one inside the order its text. The
 * name of the file is a hash only to find it; what is compared is the whole header and identity. */

#include <linux/seccomp.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "base/fs.h"
#include "base/str.h"
#include "exec/seccomp-cache.h"
#include "spec/name.h"

#define UNCONFINED "unconfined"
#define STRICT_ANNOTATION "run.oci.seccomp_fail_unknown_syscall"
#define MAGIC "BERTHBPF"
#define FORMAT 3U
#define CACHE_SIZE_MAX (sizeof(Header) + JSON_SIZE_MAX + BPF_MAXINSNS * sizeof(struct sock_filter))

typedef struct Header {
        char magic[8];
        uint32_t format;
        uint32_t kernel_major, kernel_minor;
        uint32_t flags;
        FilterBuilder builder;
        uint64_t capabilities;
        uint64_t identity_size;
        uint64_t n_code;
} Header;

/* All members of one size: it has no padding that could differ. */
typedef struct FileIdentity {
        uint64_t device, inode, size;
        int64_t modified_sec, modified_nsec, changed_sec, changed_nsec;
} FileIdentity;

typedef struct Profile {
        const Launch *launch;
        int fd; /* of berth.seccompProfile */
        char *identity;
        size_t identity_size;
        FilterContext context;
        FilterBuilder builder;
        char name[17];
} Profile;

static void profile_done(Profile *p)
{
        close_fd(p->fd);
        free(p->identity);
}

static uint64_t hash(uint64_t h, const void *data, size_t size)
{
        const unsigned char *p = data;

        for (size_t i = 0; i < size; i++)
                h = (h ^ p[i]) * UINT64_C(0x100000001b3);
        return h;
}

static int identify_file(Profile *p, const char *path, Error *error)
{
        FileIdentity id;
        struct stat st;

        p->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (p->fd < 0 || fstat(p->fd, &st) < 0)
                return error_set(error, ERROR_START_FAILED, "Cannot open the seccomp profile %s: %m", path);
        id = (FileIdentity){
                .device = st.st_dev,
                .inode = st.st_ino,
                .size = (uint64_t) st.st_size,
                .modified_sec = st.st_mtim.tv_sec,
                .modified_nsec = st.st_mtim.tv_nsec,
                .changed_sec = st.st_ctim.tv_sec,
                .changed_nsec = st.st_ctim.tv_nsec,
        };
        p->identity = malloc(sizeof(id));
        if (!p->identity)
                return error_set_errno(error, ENOMEM, "Seccomp profile");
        memcpy(p->identity, &id, sizeof(id));
        p->identity_size = sizeof(id);
        return 0;
}

static int identify(Profile *p, Error *error)
{
        struct utsname kernel;
        uint64_t h = UINT64_C(0xcbf29ce484222325);
        int r = 0;

        if (p->launch->seccomp_profile)
                r = identify_file(p, p->launch->seccomp_profile, error);
        else {
                p->identity = json_text(p->launch->seccomp);
                p->identity_size = p->identity ? strlen(p->identity) : 0;
                r = p->identity ? 0 : error_set_errno(error, ENOMEM, "Seccomp profile");
        }
        if (r < 0)
                return r;
        if (uname(&kernel) < 0 ||
            sscanf(kernel.release, "%u.%u", &p->context.kernel_major, &p->context.kernel_minor) != 2)
                p->context.kernel_major = p->context.kernel_minor = 0;
        p->context.capabilities = p->launch->process.capabilities[0];
        filter_builder(&p->builder);
        h = hash(h, p->identity, p->identity_size);
        h = hash(h, &p->context.capabilities, sizeof(p->context.capabilities));
        (void) snprintf(p->name, sizeof(p->name), "%016jx", (uintmax_t) h);
        return 0;
}

static Header header_of(const Profile *p, const Filter *f)
{
        Header h;

        memset(&h, 0, sizeof(h));
        memcpy(h.magic, MAGIC, sizeof(h.magic));
        h.format = FORMAT;
        h.kernel_major = p->context.kernel_major;
        h.kernel_minor = p->context.kernel_minor;
        h.builder = p->builder;
        h.capabilities = p->context.capabilities;
        h.identity_size = p->identity_size;
        h.flags = f->flags;
        h.n_code = f->n_code;
        return h;
}

static bool is_trustworthy(int fd)
{
        struct stat st;

        return fstat(fd, &st) >= 0 && S_ISREG(st.st_mode) && st.st_uid == 0 && (st.st_mode & 0022) == 0;
}

static int take_cached(const Profile *p, const char *data, size_t size, Filter *ret)
{
        Filter f = {};
        Header have, want;

        if (size < sizeof(have))
                return -ESTALE;
        memcpy(&have, data, sizeof(have));
        if (have.n_code == 0 || have.n_code > BPF_MAXINSNS)
                return -ESTALE;
        f.flags = have.flags;
        f.n_code = have.n_code;
        want = header_of(p, &f);
        if (memcmp(&have, &want, sizeof(have)) != 0 ||
            size != sizeof(have) + p->identity_size + f.n_code * sizeof(struct sock_filter) ||
            memcmp(data + sizeof(have), p->identity, p->identity_size) != 0)
                return -ESTALE;
        f.code = malloc(f.n_code * sizeof(struct sock_filter));
        if (!f.code)
                return -ENOMEM;
        memcpy(f.code, data + sizeof(have) + p->identity_size, f.n_code * sizeof(struct sock_filter));
        *ret = f;
        return 0;
}

static int read_cached(const Profile *p, Filter *ret)
{
        _cleanup_close_ int fd = -EBADF;
        _cleanup_free_ char *data = NULL, *path = str_printf(SECCOMP_CACHE_DIR "/%s", p->name);
        size_t size;
        int r;

        if (!path)
                return -ENOMEM;
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd < 0)
                return -errno;
        if (!is_trustworthy(fd))
                return -EPERM;
        r = fs_read_fd(fd, CACHE_SIZE_MAX, &data, &size);
        return r < 0 ? r : take_cached(p, data, size, ret);
}

/* The next start compiles again when this fails; this one has its filter. */
static int write_cached(const Profile *p, const Filter *f)
{
        size_t code = f->n_code * sizeof(struct sock_filter), size = sizeof(Header) + p->identity_size + code;
        _cleanup_free_ char *data = malloc(size);
        _cleanup_close_ int dir = -EBADF;
        Header h = header_of(p, f);
        int r;

        if (!data)
                return -ENOMEM;
        memcpy(data, &h, sizeof(h));
        memcpy(data + sizeof(h), p->identity, p->identity_size);
        memcpy(data + sizeof(h) + p->identity_size, f->code, code);
        r = fs_mkdir_p(SECCOMP_CACHE_DIR, 0700);
        if (r < 0)
                return r;
        dir = open(SECCOMP_CACHE_DIR, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (dir < 0)
                return -errno;
        return fs_replace_at(dir, p->name, data, size, 0600, FS_NO_SYNC);
}

static int compile(const Profile *p, Filter *ret, Error *error)
{
        _cleanup_json_ json_t *profile = NULL;
        _cleanup_free_ char *text = NULL, *what = NULL;
        size_t size;
        int r;

        if (p->fd < 0)
                return filter_compile(p->launch->seccomp, &p->context, ret, error);
        r = fs_read_fd(p->fd, JSON_SIZE_MAX, &text, &size);
        if (r >= 0)
                r = json_parse(text, size, &profile, &what);
        if (r < 0)
                return error_set(error, ERROR_START_FAILED, "Cannot read the seccomp profile %s: %s",
                                 p->launch->seccomp_profile, what ?: strerror(-r));
        return filter_compile(profile, &p->context, ret, error);
}

static int load(const Launch *l, Filter *ret, Error *error)
{
        _cleanup_(profile_done) Profile p = {.launch = l, .fd = -EBADF};
        int r;

        r = identify(&p, error);
        if (r < 0)
                return r;
        if (read_cached(&p, ret) >= 0)
                return 0;
        r = compile(&p, ret, error);
        if (r >= 0)
                (void) write_cached(&p, ret);
        return r;
}

int filter_load(const Launch *l, Filter *ret, Error *error)
{
        _cleanup_filter_ Filter f = {};
        int r;

        if (l->seccomp_profile ? streq(l->seccomp_profile, UNCONFINED) : !l->seccomp) {
                *ret = (Filter){};
                return 0;
        }
        r = map_has(l->annotations, STRICT_ANNOTATION) ? filter_check_names(l->seccomp, error) : 0;
        if (r >= 0)
                r = load(l, &f, error);
        /* A profile in a file names no listener of this container's. */
        if (r >= 0 && (f.flags & SECCOMP_FILTER_FLAG_NEW_LISTENER))
                r = filter_notify_open(l->seccomp_profile ? NULL : l->seccomp, &f.notify, error);
        if (r < 0)
                return r;
        *ret = TAKE(f, (Filter){});
        return 0;
}
