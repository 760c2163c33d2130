/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Everything about one object, about the daemon, and about ourselves. */

#include <sys/utsname.h>

#include "base/str.h"
#include "prog/ctl-bus.h"
#include "prog/ctl-output.h"
#include "spec/name.h"

enum {
        KIND_CONTAINER = 1 << 0,
        KIND_IMAGE = 1 << 1,
};

static int inspect_at(Ctl *c, const char *path, const char *interface, json_t **ret)
{
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_free_ char *reason = NULL;
        const char *text;
        int r;

        r = bus_call(c, &reply, path, interface, "Inspect", NULL);
        if (r < 0)
                return r;
        r = sd_bus_message_read(reply, "s", &text);
        if (r < 0)
                return bus_failed(c, r);
        r = json_parse(text, strlen(text), ret, &reason);
        return r < 0 ? error_set(&c->error, ERROR_FAILED, "berthd's answer is no JSON: %s", strempty(reason))
                     : 0;
}

/* A container first, then an image, as podman does. */
static int inspect_one(Ctl *c, const char *name, unsigned kinds, json_t **ret)
{
        _cleanup_free_ char *path = NULL;
        int r = -ENOENT;

        if (kinds & KIND_CONTAINER) {
                r = bus_find(c, "container", name, &path);
                if (r >= 0)
                        r = inspect_at(c, path, CONTAINER_INTERFACE, ret);
                if (r >= 0 || !(kinds & KIND_IMAGE))
                        return r;
                error_done(&c->error);
                path = (free(path), NULL);
        }
        r = bus_find(c, "image", name, &path);
        if (r >= 0)
                r = inspect_at(c, path, IMAGE_INTERFACE, ret);
        if (r < 0 && c->error.kind == ERROR_NO_SUCH_IMAGE && kinds & KIND_CONTAINER) {
                error_done(&c->error);
                return error_set(&c->error, ERROR_NO_SUCH_CONTAINER, "no container and no image \"%s\"",
                                 name);
        }
        return r;
}

static int inspect_all(Ctl *c, unsigned kinds)
{
        _cleanup_json_ json_t *all = json_array();
        int status = 0, r = 0;
        bool json;

        STRV_FOREACH(name, c->args) {
                json_t *v = NULL;

                if (inspect_one(c, *name, kinds, &v) >= 0) {
                        (void) json_array_append_new(all, v);
                        continue;
                }
                output_error(c, &c->error);
                status = error_exit_status(c->error.kind);
                error_done(&c->error);
        }
        if (!output_format(c, &json))
                r = output_json(all);
        for (size_t i = 0; output_format(c, &json) && i < json_array_size(all) && r >= 0; i++)
                r = output_value(c, json_array_get(all, i));
        return r < 0 ? r : status;
}

int verb_inspect(Ctl *c)
{
        const char *type = ctl_value(c, FLAG_TYPE) ?: "all";

        if (streq(type, "all"))
                return inspect_all(c, KIND_CONTAINER | KIND_IMAGE);
        if (streq(type, "container"))
                return inspect_all(c, KIND_CONTAINER);
        if (streq(type, "image"))
                return inspect_all(c, KIND_IMAGE);
        return error_set(&c->error, ERROR_INVALID_ARGUMENT, "--type: container, image or all");
}

int verb_container_inspect(Ctl *c)
{
        return inspect_all(c, KIND_CONTAINER);
}

int verb_image_inspect(Ctl *c)
{
        return inspect_all(c, KIND_IMAGE);
}

int verb_info(Ctl *c)
{
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_json_ json_t *info = NULL;
        int r;

        r = bus_call(c, &reply, BUS_PATH, RUNTIME_INTERFACE, "Info", NULL);
        if (r >= 0)
                r = bus_read_json(c, reply, &info);
        return r < 0 ? r : output_value(c, info);
}

int verb_version(Ctl *c)
{
        _cleanup_json_ json_t *versions = json_object(), *client = json_object(), *server = json_object(),
                              *v = NULL;
        bool json;
        int r;

        (void) json_object_set_new(client, "Version", json_string(BERTH_VERSION));
        (void) json_object_set(versions, "Client", client);
        r = bus_get(c, BUS_PATH, RUNTIME_INTERFACE, "Version", &v);
        if (r >= 0) {
                (void) json_object_set(server, "Version", v);
                (void) json_object_set(versions, "Server", server);
        }
        if (output_format(c, &json) || json)
                return r < 0 ? r : output_value(c, versions);
        printf("Client:   berthctl %s\n", BERTH_VERSION);
        if (r >= 0)
                printf("Server:   berthd %s\n", strempty(json_string_value(v)));
        return r < 0 ? r : 0;
}
