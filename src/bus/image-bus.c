/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* io.berth1.Image */

#include "base/str.h"
#include "bus/bus.h"
#include "bus/object-bus.h"
#include "bus/request.h"
#include "bus/value.h"

void *image_node_find(Manager *m, const char *id)
{
        return map_get(m->images, id);
}

static int method_inspect(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_free_ char *text = NULL;
        int r;

        r = image_inspect(userdata, &text, &error);
        return r < 0 ? request_error(e, r, &error) : sd_bus_reply_method_return(m, "s", text);
}

int image_append_removed(sd_bus_message *reply, const OperationResult *result)
{
        int r;

        r = sd_bus_message_append_strv(reply, result->names);
        return r < 0 ? r : sd_bus_message_append_strv(reply, result->ids);
}

int image_handle_remove(sd_bus_message *m, Image *i, const char *name, sd_bus_error *e)
{
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_json_ json_t *options = NULL;
        Promise p;
        int r;

        r = request_read(m, 0, remove_options, NULL, &options, &error);
        if (r < 0)
                return request_error(e, r, &error);
        r = request_promise(m, image_append_removed, &p);
        if (r < 0)
                return r;
        r = image_remove(i, name, json_get_bool(options, "Force", false), &p, &error);
        return r < 0 ? request_refused(&p, r, &error, e) : 1;
}

static int method_remove(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
        Image *i = userdata;

        return image_handle_remove(m, i, image_id(i), e);
}

static int handle_name(sd_bus_message *m, Image *i, int (*change)(Image *, const char *, Error *),
                       sd_bus_error *e)
{
        _cleanup_error_ Error error = ERROR_INIT;
        const char *name;
        int r;

        r = sd_bus_message_read(m, "s", &name);
        if (r < 0)
                return r;
        r = change(i, name, &error);
        return r < 0 ? request_error(e, r, &error) : sd_bus_reply_method_return(m, NULL);
}

static int method_tag(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
        return handle_name(m, userdata, image_tag, e);
}

static int untag(Image *i, const char *name, Error *error)
{
        return image_untag(i, name, NULL, error);
}

static int method_untag(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
        return handle_name(m, userdata, untag, e);
}

static int append_path(sd_bus_message *reply, const OperationResult *result)
{
        return sd_bus_message_append(reply, "s", result->id);
}

static int change_mount(sd_bus_message *m, Image *i, int (*change)(Image *, const Promise *, Error *),
                        RequestResult append, sd_bus_error *e)
{
        _cleanup_error_ Error error = ERROR_INIT;
        Promise p;
        int r;

        r = request_promise(m, append, &p);
        if (r < 0)
                return r;
        r = change(i, &p, &error);
        return r < 0 ? request_refused(&p, r, &error, e) : 1;
}

static int method_mount(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
        return change_mount(m, userdata, image_mount, append_path, e);
}

static int method_unmount(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
        return change_mount(m, userdata, image_unmount, NULL, e);
}

static int method_history(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
        _cleanup_json_ json_t *history = image_history(userdata);

        return history ? request_reply_objects(m, history) : -ENOMEM;
}

static int method_tree(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
        _cleanup_json_ json_t *tree = image_tree(userdata);

        return tree ? request_reply_objects(m, tree) : -ENOMEM;
}

/* Properties: where they lie. */
static const struct Field {
        const char *name;
        const char *signature; /* s t as a{ss} */
        size_t offset;         /* in ImageConfig */
} fields[] = {
        {"ID", "s", offsetof(ImageConfig, id)},
        {"Digest", "s", offsetof(ImageConfig, digest)},
        {"CreatedTime", "t", offsetof(ImageConfig, created_usec)},
        {"LoadedTime", "t", offsetof(ImageConfig, loaded_usec)},
        {"Size", "t", offsetof(ImageConfig, size)},
        {"Architecture", "s", offsetof(ImageConfig, architecture)},
        {"OS", "s", offsetof(ImageConfig, os)},
        {"Variant", "s", offsetof(ImageConfig, variant)},
        {"Author", "s", offsetof(ImageConfig, author)},
        {"Labels", "a{ss}", offsetof(ImageConfig, labels)},
        {"User", "s", offsetof(ImageConfig, user)},
        {"WorkingDir", "s", offsetof(ImageConfig, working_dir)},
        {"Entrypoint", "as", offsetof(ImageConfig, entrypoint)},
        {"Command", "as", offsetof(ImageConfig, cmd)},
        {"Environment", "as", offsetof(ImageConfig, env)},
        {"Volumes", "as", offsetof(ImageConfig, volumes)},
        {"ExposedPorts", "as", offsetof(ImageConfig, exposed_ports)},
        {"StopSignal", "s", offsetof(ImageConfig, stop_signal)},
};

static int get_field(sd_bus *bus, const char *path, const char *interface, const char *property,
                     sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        const Image *i = userdata;

        FOREACH_ELEMENT(f, fields) {
                const void *field = (const char *) i->config + f->offset;

                if (!streq(f->name, property))
                        continue;
                if (streq(f->signature, "s"))
                        return sd_bus_message_append(reply, "s", strempty(*(char *const *) field));
                if (streq(f->signature, "t"))
                        return sd_bus_message_append(reply, "t", *(const uint64_t *) field);
                if (streq(f->signature, "as"))
                        return sd_bus_message_append_strv(reply, *(char **const *) field);
                return value_append_map(reply, *(Map *const *) field);
        }
        return -ENOENT;
}

static int get_names(sd_bus *bus, const char *path, const char *interface, const char *property,
                     sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        return sd_bus_message_append_strv(reply, ((const Image *) userdata)->names);
}

static int get_digests(sd_bus *bus, const char *path, const char *interface, const char *property,
                       sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        _cleanup_strv_ char **digests = NULL;
        int r = image_repo_digests(userdata, &digests);

        return r < 0 ? r : sd_bus_message_append_strv(reply, digests);
}

static int get_mount_point(sd_bus *bus, const char *path, const char *interface, const char *property,
                           sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        _cleanup_free_ char *point = image_is_mounted(userdata) ? image_mount_point(userdata) : NULL;

        return sd_bus_message_append(reply, "s", strempty(point));
}

static const sd_bus_vtable methods[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("Inspect", SD_BUS_NO_ARGS, SD_BUS_RESULT("s", json), method_inspect,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Remove", SD_BUS_ARGS("a{sv}", options),
                                SD_BUS_RESULT("as", untagged, "as", deleted), method_remove,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Tag", SD_BUS_ARGS("s", name), SD_BUS_NO_RESULT, method_tag,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Untag", SD_BUS_ARGS("s", name), SD_BUS_NO_RESULT, method_untag,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Mount", SD_BUS_NO_ARGS, SD_BUS_RESULT("s", path), method_mount,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Unmount", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, method_unmount,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("History", SD_BUS_NO_ARGS, SD_BUS_RESULT("aa{sv}", history), method_history,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Tree", SD_BUS_NO_ARGS, SD_BUS_RESULT("aa{sv}", layers), method_tree,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("RepoDigests", "as", get_digests, 0, 0),
        SD_BUS_PROPERTY("MountPoint", "s", get_mount_point, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Names", "as", get_names, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
};

const sd_bus_vtable *image_vtable(void)
{
        static sd_bus_vtable vtable[ELEMENTSOF(methods) + ELEMENTSOF(fields) + 1];
        size_t n = ELEMENTSOF(methods);

        if (vtable[0].type)
                return vtable;
        memcpy(vtable, methods, sizeof(methods));
        FOREACH_ELEMENT(f, fields)
                vtable[n++] = (sd_bus_vtable) SD_BUS_PROPERTY(f->name, f->signature, get_field, 0,
                                                              SD_BUS_VTABLE_PROPERTY_CONST);
        vtable[n] = (sd_bus_vtable) SD_BUS_VTABLE_END;
        return vtable;
}
