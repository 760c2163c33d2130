/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* An image's files to look at: a read-only bind mount, which is a unit of systemd's. Whether one is mounted
 * the kernel knows. */

#include <fcntl.h>
#include <linux/stat.h>
#include <sys/stat.h>
#include <systemd/sd-bus.h>

#include "base/log.h"
#include "base/str.h"
#include "object/image.h"
#include "spec/name.h"

/* The name of a mount unit is its path, escaped; nothing in ours needs that but the slashes. */
#define UNIT_PREFIX "run-berth-image-"

typedef struct Mount {
        char *image;
        char *unit;
        char *source;
        bool up;
} Mount;

char *image_mount_point(const Image *i)
{
        return str_printf(IMAGE_MOUNT_DIR "/%s", image_id(i));
}

bool image_is_mounted(const Image *i)
{
        _cleanup_free_ char *path = image_mount_point(i);
        struct statx st;

        return path && statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, 0, &st) >= 0 &&
               st.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT && st.stx_attributes & STATX_ATTR_MOUNT_ROOT;
}

static void operation_free_mount(Operation *o)
{
        Mount *n = o->data;

        if (!n)
                return;
        free(n->image);
        free(n->unit);
        free(n->source);
        free(n);
}

static void announce(Manager *m, Image *i, bool up)
{
        static const char *const properties[] = {"MountPoint", NULL};
        EventInfo info = {.id = image_id(i), .name = image_name(i)};

        manager_event(m, up ? EVENT_IMAGE_MOUNT : EVENT_IMAGE_UNMOUNT, &info);
        manager_changed(m, OBJECT_IMAGE, image_id(i), properties);
}

/* The kernel has the last word. */
static void finish(Operation *o)
{
        const Mount *n = o->data;
        _cleanup_free_ char *path = NULL;
        Manager *m = o->manager;
        Image *i = map_get(m->images, n->image);

        if (!i) {
                operation_fail(o, ERROR_NO_SUCH_IMAGE, "Image %s is gone", n->image);
                return;
        }
        path = image_mount_point(i);
        if (!path || image_is_mounted(i) != n->up) {
                operation_fail(o, n->up ? ERROR_FAILED : ERROR_IN_USE, "%s: see systemctl status %s",
                               n->up ? "Cannot mount the image" : "The image's files are in use", n->unit);
                return;
        }
        if (!n->up)
                (void) rmdir(path);
        announce(m, i, n->up);
        operation_complete(o, 0, NULL, &(OperationResult){.id = path});
}

static void on_mount_job(Operation *o, const char *result)
{
        finish(o);
}

static void on_mount_reply(int r, const char *job, const Error *error, void *userdata)
{
        Operation *o = userdata;

        if (r == -ECONNRESET)
                return;
        if (r == -ENOENT || r == -EEXIST) { /* it is so already */
                finish(o);
                return;
        }
        if (r >= 0)
                r = operation_await_job(o, job);
        if (r < 0)
                operation_fail_errno(o, r, error, "Cannot mount the image");
}

static int append_mount(sd_bus_message *message, void *userdata)
{
        const Mount *n = userdata;

        return sd_bus_message_append(message, "(sv)(sv)(sv)(sv)(sv)", "Description", "s",
                                     "Files of a container image", "What", "s", n->source, "Type", "s",
                                     "none", "Options", "s", "bind,ro,nosuid,nodev", "CollectMode", "s",
                                     "inactive-or-failed");
}

static int begin(Operation *o)
{
        Mount *n = o->data;
        Systemd *s = o->manager->systemd;
        int r;

        (void) operation_await_job(o, NULL);
        r = n->up ? systemd_start_transient_with(s, n->unit, append_mount, n, &o->call, on_mount_reply, o)
                  : systemd_job(s, SYSTEMD_STOP, n->unit, &o->call, on_mount_reply, o);
        return r == -ECONNRESET ? 0 : r;
}

/* Both are asked again without harm. */
static void resume_mount(Operation *o)
{
        int r = o->call ? 0 : begin(o);

        if (r < 0)
                operation_fail_errno(o, r, NULL, "Cannot mount the image");
}

static const OperationClass mount_class = {
        .job = on_mount_job,
        .resume = resume_mount,
        .free = operation_free_mount,
};

static int mount_new(const Image *i, bool up, Mount **ret)
{
        Mount *n = calloc(1, sizeof(*n));

        if (!n)
                return -ENOMEM;
        n->up = up;
        n->image = strdup(image_id(i));
        n->unit = str_printf(UNIT_PREFIX "%s.mount", image_id(i));
        n->source = str_printf(IMAGES_DIR "/%s/rootfs", image_id(i));
        *ret = n;
        return n->image && n->unit && n->source ? 0 : -ENOMEM;
}

static int change(Image *i, bool up, const Promise *p, Error *error)
{
        Operation *o;
        Mount *n = NULL;
        int r;

        r = operation_new(i->manager, OPERATION_IMAGE, &mount_class, NULL, p, &o, error);
        if (r < 0)
                return r;
        r = mount_new(i, up, &n);
        o->data = n;
        if (r >= 0)
                r = begin(o);
        if (r < 0)
                operation_fail_errno(o, r, NULL, "Cannot mount the image");
        return 0;
}

int image_mount(Image *i, const Promise *p, Error *error)
{
        _cleanup_free_ char *path = image_mount_point(i);

        if (path && image_is_mounted(i))
                return promise_complete(p, &(OperationResult){.id = path});
        return change(i, true, p, error);
}

int image_unmount(Image *i, const Promise *p, Error *error)
{
        if (!image_is_mounted(i))
                return error_set(error, ERROR_NOT_RUNNING, "Image %s is not mounted", image_name(i));
        return change(i, false, p, error);
}
