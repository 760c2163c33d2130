/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Units as files. Our own is a transient unit, which systemd forgets when it ends; the same rows lie as a
 * file in the container's directory, for systemctl. And containers whose unit is not ours, but a .container
 * file's: each start of the unit makes a new container in the place of the one before. So an operation that
 * starts such a unit belongs to the unit, and ends with its job, whatever becomes of the container that was
 * there when it began. */

#include <dirent.h>
#include <limits.h>

#include "base/fs.h"
#include "base/str.h"
#include "object/container.h"
#include "spec/name.h"
#include "spec/unit-file.h"

#define RESTART_DROP_IN "50-berth-restart.conf"

int container_unit_text(const Container *c, const Spec *spec, char **ret, Error *error)
{
        UnitContext context = {
                .id = container_id(c),
                .name = container_name(c),
                .image_name = c->file.image_name,
        };
        _cleanup_(unit_file_freep) UnitFile *unit = NULL;
        int r;

        *ret = NULL;
        if (!c->own_unit || spec->auto_remove)
                return 0;
        r = unit_file_new(spec, &context, &unit, error);
        if (r < 0)
                return r;
        r = unit_file_text(unit, ret);
        return r == -EINVAL ? 0 : r;
}

/* UNIT_LINK_DIR/UNIT.d */
static char *drop_in_directory(const Container *c)
{
        return c->own_unit ? str_printf(UNIT_LINK_DIR "/%s.d", c->file.unit) : NULL;
}

int container_write_restart(const Container *c, const Spec *spec, Error *error)
{
        _cleanup_free_ char *path = drop_in_directory(c), *text = NULL;
        _cleanup_(unit_file_freep) UnitFile *unit = NULL;
        _cleanup_close_ int dir = -EBADF;
        int r;

        r = unit_file_restart(spec, &unit, error);
        if (r >= 0)
                r = unit_file_text(unit, &text);
        if (r >= 0)
                r = path ? fs_mkdir_p(path, 0755) : -ENOMEM;
        if (r >= 0)
                r = (dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0 ? -errno : 0;
        if (r >= 0)
                r = fs_replace_at(dir, RESTART_DROP_IN, text, strlen(text), 0644, FS_NO_SYNC);
        return r < 0 ? error_set_errno(error, r, "Cannot write the restart policy of %s", c->file.unit) : 0;
}

/* What others have put there stays. */
static void remove_restart(const Container *c)
{
        _cleanup_free_ char *path = drop_in_directory(c);
        _cleanup_free_ char *file = path ? str_printf("%s/" RESTART_DROP_IN, path) : NULL;

        if (file && unlink(file) >= 0)
                (void) rmdir(path);
}

void container_unlink_unit(const Container *c)
{
        _cleanup_free_ char *path = c->own_unit ? str_printf(UNIT_LINK_DIR "/%s", c->file.unit) : NULL;
        char target[PATH_MAX];

        remove_restart(c);
        /* Nothing but a link is ours. */
        if (path && readlink(path, target, sizeof(target)) > 0 && unlink(path) >= 0)
                fs_touch(UNIT_LINK_DIR);
}

static bool leads_nowhere(const Manager *m, int directory, const char *name)
{
        char target[PATH_MAX];
        const char *id;
        ssize_t n;

        n = startswith(name, "berth-") ? readlinkat(directory, name, target, sizeof(target) - 1) : -1;
        if (n < 0)
                return false;
        target[n] = '\0';
        id = startswith(target, CONTAINERS_DIR "/");
        if (!id || strlen(id) < ID_LENGTH)
                return false;
        target[id - target + ID_LENGTH] = '\0';
        return !map_has(m->containers, id);
}

void manager_sweep_units(Manager *m)
{
        DIR *d = opendir(UNIT_LINK_DIR);
        struct dirent *e;

        while (d && (e = readdir(d)))
                if (leads_nowhere(m, dirfd(d), e->d_name))
                        (void) unlinkat(dirfd(d), e->d_name, 0);
        if (d)
                (void) closedir(d);
}

typedef struct UnitStart {
        char *unit;
        SystemdVerb verb;
} UnitStart;

static void operation_free_unit_start(Operation *o)
{
        UnitStart *d = o->data;

        if (d)
                free(d->unit);
        free(d);
        o->data = NULL;
}

/* The container that the unit has now may know why it did not start. */
static void fail_unit_start(Operation *o, const char *result)
{
        const UnitStart *d = o->data;
        Container *c = manager_container_of_unit(o->manager, d->unit);

        if (c && container_read_records(c) && c->start.error_name)
                operation_fail(o, error_from_bus_name(c->start.error_name), "%s", strempty(c->start.error));
        else
                operation_fail(o, streq(result, "canceled") ? ERROR_CANCELLED : ERROR_START_FAILED,
                               "Unit %s did not start (%s): its log says why", d->unit, result);
}

static void on_unit_start_job(Operation *o, const char *result)
{
        const UnitStart *d = o->data;
        Container *c;

        if (!streq(result, "done")) {
                fail_unit_start(o, result);
                return;
        }
        c = d->verb == SYSTEMD_RESTART ? manager_container_of_unit(o->manager, d->unit) : NULL;
        if (c)
                container_event(c, EVENT_CONTAINER_RESTART, NULL, NULL);
        operation_complete(o, 0, NULL, NULL);
}

static void on_unit_start_reply(int r, const char *job, const Error *error, void *userdata)
{
        Operation *o = userdata;

        if (r == -ECONNRESET)
                return; /* the class resumes it */
        if (r >= 0)
                r = operation_await_job(o, job);
        if (r < 0)
                operation_fail_errno(o, r, error, "Cannot start the unit");
}

static void queue_unit_start(Operation *o)
{
        const UnitStart *d = o->data;
        int r;

        r = systemd_job(o->manager->systemd, d->verb, d->unit, &o->call, on_unit_start_reply, o);
        if (r < 0 && r != -ECONNRESET)
                operation_fail_errno(o, r, NULL, "Cannot start the unit");
}

/* The job may have been done already: then the same again does nothing, but for a restart. */
static void resume_unit_start(Operation *o)
{
        UnitStart *d = o->data;

        if (o->call)
                return;
        (void) operation_await_job(o, NULL);
        d->verb = SYSTEMD_START;
        queue_unit_start(o);
}

static const OperationClass unit_start_class = {
        .job = on_unit_start_job,
        .resume = resume_unit_start,
        .free = operation_free_unit_start,
};

int container_start_unit(const Container *c, SystemdVerb verb, const Promise *p, Error *error)
{
        UnitStart *d = calloc(1, sizeof(*d));
        Operation *o;
        int r;

        if (!d || str_replace(&d->unit, c->file.unit) < 0) {
                free(d);
                return -ENOMEM;
        }
        d->verb = verb;
        r = operation_new(c->manager, verb == SYSTEMD_RESTART ? OPERATION_RESTART : OPERATION_START,
                          &unit_start_class, NULL, p, &o, error);
        if (r < 0) {
                free(d->unit);
                free(d);
                return r;
        }
        o->data = d;
        queue_unit_start(o);
        return 0;
}
