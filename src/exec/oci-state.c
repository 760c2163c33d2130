/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A status is never stored: it follows from the process, its cgroup, and whether it still waits on its
 * socket. */

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/pidfd.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/str.h"
#include "exec/cgroup.h"
#include "exec/oci-state.h"
#include "exec/record.h"

#define ID_MAX 1024U
/* Of one ROOT; each is a directory. */
#define CONTAINERS_MAX 65536U

static const JsonRow rows[] = {
        {"id", JSON_ROW_STRING, offsetof(OciState, id), true},
        {"ociVersion", JSON_ROW_STRING, offsetof(OciState, oci_version), false},
        {"bundle", JSON_ROW_STRING, offsetof(OciState, bundle), true},
        {"rootfs", JSON_ROW_STRING, offsetof(OciState, rootfs), false},
        {"cgroup", JSON_ROW_STRING, offsetof(OciState, cgroup), false},
        {"scope", JSON_ROW_STRING, offsetof(OciState, scope), false},
        {"external_descriptors", JSON_ROW_STRING, offsetof(OciState, external_descriptors), false},
        {"owner", JSON_ROW_STRING, offsetof(OciState, owner), false},
        {"annotations", JSON_ROW_MAP, offsetof(OciState, annotations), false},
        {"pid", JSON_ROW_U64, offsetof(OciState, pid), false},
        {"pidStart", JSON_ROW_U64, offsetof(OciState, pid_start), false},
        {"created", JSON_ROW_U64, offsetof(OciState, created_usec), false},
};

static const char *const status_names[_OCI_STATUS_MAX] = {
        [OCI_CREATING] = "creating", [OCI_CREATED] = "created", [OCI_RUNNING] = "running",
        [OCI_PAUSED] = "paused",     [OCI_STOPPED] = "stopped",
};

const char *oci_status_name(OciStatus status)
{
        return status_names[status];
}

void oci_state_done(OciState *s)
{
        json_rows_done(rows, ELEMENTSOF(rows), s);
        *s = (OciState){};
}

bool oci_id_is_valid(const char *id)
{
        return !isempty(id) && strlen(id) <= ID_MAX && *id != '.' &&
               id[strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+.-")] == '\0';
}

void oci_dir_done(OciDir *d)
{
        close_fd(d->fd);
        free(d->path);
        free(d->id);
        *d = OCI_DIR_INIT;
}

static int check_id(const char *id, Error *error)
{
        if (!oci_id_is_valid(id))
                return error_set(error, ERROR_INVALID_ARGUMENT,
                                 "invalid character in the container ID \"%s\"", strempty(id));
        return 0;
}

static int name_dir(const Oci *o, const char *id, OciDir *d, Error *error)
{
        int r = check_id(id, error);

        if (r < 0)
                return r;
        d->path = str_printf("%s/%s", o->root, id);
        d->id = strdup(id);
        return d->path && d->id ? 0 : error_set_errno(error, ENOMEM, "Container %s", id);
}

int oci_dir_open(const Oci *o, const char *id, OciDir *ret, Error *error)
{
        _cleanup_oci_dir_ OciDir d = OCI_DIR_INIT;
        int r;

        r = name_dir(o, id, &d, error);
        if (r < 0)
                return r;
        d.fd = open(d.path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (d.fd < 0 && (errno == ENOENT || errno == ENOTDIR))
                return error_set(error, ERROR_NO_SUCH_CONTAINER, "Container %s does not exist: %s", id,
                                 strerror(ENOENT));
        if (d.fd < 0)
                return error_set_errno(error, errno, "Cannot open %s", d.path);
        *ret = TAKE(d, OCI_DIR_INIT);
        return 0;
}

int oci_dir_make(const Oci *o, const char *id, OciDir *ret, Error *error)
{
        _cleanup_oci_dir_ OciDir d = OCI_DIR_INIT;
        int r;

        r = name_dir(o, id, &d, error);
        if (r < 0)
                return r;
        r = mkdir(d.path, 0700) < 0 ? -errno : 0;
        if (r == -ENOENT) {
                r = fs_mkdir_p(o->root, 0700);
                if (r >= 0)
                        r = mkdir(d.path, 0700) < 0 ? -errno : 0;
        }
        if (r == -EEXIST)
                return error_set(error, ERROR_NAME_IN_USE, "Container %s exists already", id);
        if (r >= 0)
                d.fd = open(d.path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (r < 0 || d.fd < 0)
                return error_set_errno(error, r < 0 ? r : errno, "Cannot make %s", d.path);
        *ret = TAKE(d, OCI_DIR_INIT);
        return 0;
}

int oci_dir_remove(const Oci *o, const char *id, Error *error)
{
        _cleanup_close_ int root = -EBADF;
        int r;

        r = check_id(id, error);
        if (r < 0)
                return r;
        root = open(o->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
        r = root < 0 ? -errno : fs_remove_tree_at(root, id);
        return r < 0 ? error_set_errno(error, r, "Cannot remove the state of container %s", id) : 0;
}

static int compare(const void *a, const void *b)
{
        return strcmp(*(char *const *) a, *(char *const *) b);
}

int oci_dir_list(const Oci *o, char ***ret, Error *error)
{
        _cleanup_strv_ char **ids = NULL;
        DIR *dir = opendir(o->root);
        struct dirent *entry;
        int r = 0;

        if (!dir && errno != ENOENT)
                return error_set_errno(error, errno, "Cannot read %s", o->root);
        while (r >= 0 && dir && (entry = readdir(dir)))
                if (oci_id_is_valid(entry->d_name) && strv_length(ids) < CONTAINERS_MAX)
                        r = strv_append(&ids, entry->d_name);
        if (dir)
                (void) closedir(dir);
        if (r < 0)
                return error_set_errno(error, r, "Cannot list the containers");
        if (ids)
                qsort(ids, strv_length(ids), sizeof(*ids), compare);
        *ret = TAKE_PTR(ids);
        return 0;
}

int oci_state_from_json(const json_t *v, OciState *ret)
{
        _cleanup_oci_state_ OciState s = {};
        int r;

        r = json_read(v, rows, ELEMENTSOF(rows), &s, NULL, NULL);
        if (r < 0)
                return r;
        if (!oci_id_is_valid(s.id) || s.pid > INT32_MAX || (s.pid != 0 && s.pid < 2) ||
            (s.cgroup && (*s.cgroup != '/' || strstr(s.cgroup, "/.."))))
                return -EBADMSG;
        *ret = TAKE(s, (OciState){});
        return 0;
}

json_t *oci_state_to_json(const OciState *s)
{
        return json_write(rows, ELEMENTSOF(rows), s, NULL);
}

int oci_state_save(const OciDir *d, const OciState *s, Error *error)
{
        _cleanup_json_ json_t *v = oci_state_to_json(s);
        _cleanup_free_ char *text = v ? json_text(v) : NULL;
        int r = text ? fs_replace_at(d->fd, OCI_STATE_FILE, text, strlen(text), 0600, FS_NO_SYNC) : -ENOMEM;

        return r < 0 ? error_set_errno(error, r, "Cannot write the state of container %s", s->id) : 0;
}

int oci_state_load(const OciDir *d, OciState *ret, Error *error)
{
        _cleanup_oci_state_ OciState s = {};
        _cleanup_free_ char *what = NULL;
        _cleanup_json_ json_t *v = NULL;
        int r;

        r = json_load_at(d->fd, OCI_STATE_FILE, &v, &what);
        if (r == -ENOENT)
                return error_set(error, ERROR_NO_SUCH_CONTAINER,
                                 "Container %s does not exist: it has no state", d->id);
        if (r >= 0)
                r = oci_state_from_json(v, &s);
        if (r >= 0 && !streq(s.id, d->id))
                r = -EBADMSG;
        if (r < 0)
                return error_set(error, ERROR_STORE_DAMAGED, "The state of container %s cannot be read: %s",
                                 d->id, what ?: strerror(-r));
        *ret = TAKE(s, (OciState){});
        return 0;
}

int oci_find(const Oci *o, OciDir *ret_dir, OciState *ret, Error *error)
{
        _cleanup_oci_dir_ OciDir d = OCI_DIR_INIT;
        int r;

        r = oci_dir_open(o, o->args[0], &d, error);
        if (r >= 0)
                r = oci_state_load(&d, ret, error);
        if (r >= 0)
                *ret_dir = TAKE(d, OCI_DIR_INIT);
        return r;
}

/* The descriptor is opened first and the number compared after: if both fit, it is that very process. */
int oci_state_open_process(const OciState *s)
{
        _cleanup_close_ int fd = -EBADF;
        uint64_t start;
        int r;

        if (s->pid == 0)
                return -ESRCH;
        fd = pidfd_open((pid_t) s->pid, 0);
        if (fd < 0)
                return errno == EINVAL ? -ESRCH : -errno;
        r = process_start_time((pid_t) s->pid, &start);
        if (r < 0)
                return r == -ENOENT ? -ESRCH : r;
        return start == s->pid_start ? TAKE_FD(fd) : -ESRCH;
}

static bool has_ended(int pidfd)
{
        struct pollfd p = {.fd = pidfd, .events = POLLIN};

        return poll(&p, 1, 0) > 0;
}

int oci_state_status(const OciDir *d, const OciState *s, OciStatus *ret)
{
        _cleanup_close_ int fd = -EBADF;

        if (s->pid == 0) {
                *ret = OCI_CREATING;
                return 0;
        }
        fd = oci_state_open_process(s);
        if (fd == -ESRCH || (fd >= 0 && has_ended(fd))) {
                *ret = OCI_STOPPED;
                return 0;
        }
        if (fd < 0)
                return fd;
        if (faccessat(d->fd, OCI_START_SOCKET, F_OK, AT_SYMLINK_NOFOLLOW) >= 0)
                *ret = OCI_CREATED;
        else
                *ret = s->cgroup && cgroup_is_frozen(s->cgroup) ? OCI_PAUSED : OCI_RUNNING;
        return 0;
}

json_t *oci_state_document(const OciState *s, OciStatus status)
{
        _cleanup_json_ json_t *v = NULL;
        json_t *annotations = json_object();
        char created[FORMAT_TIME_MAX];
        bool alive = status != OCI_STOPPED && status != OCI_CREATING;

        MAP_FOREACH(e, s->annotations)
                if (json_object_set_new(annotations, map_key(e), json_string(map_value(e))) < 0)
                        json_decref(TAKE_PTR(annotations));
        v = json_pack("{s:s, s:s, s:i, s:s, s:s, s:s*, s:s, s:s*, s:s, s:o}", "ociVersion",
                      s->oci_version ?: "1.0.0", "id", s->id, "pid", alive ? (int) s->pid : 0, "status",
                      oci_status_name(status), "bundle", s->bundle, "rootfs", s->rootfs, "created",
                      format_time(s->created_usec, created), "systemd-scope", s->scope, "owner",
                      strempty(s->owner), "annotations", annotations);
        return TAKE_PTR(v);
}
