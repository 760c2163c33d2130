/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The introspection of our objects, as documentation: two ends of a socket talk D-Bus with each other, so
 * that it is sd-bus itself that describes the tables. */

#include <sys/socket.h>

#include "base/str.h"
#include "bus/bus.h"
#include "spec/name.h"

/* An object of each kind, which nobody asks for anything but its description. */
#define EXAMPLE "example"

typedef struct Pair {
        sd_bus *server, *client;
} Pair;

static void pair_done(Pair *p)
{
        sd_bus_close_unref(p->client);
        sd_bus_close_unref(p->server);
}

static int open_end(int fd, bool server, sd_bus **ret)
{
        sd_id128_t id = {};
        sd_bus *bus = NULL;
        int r;

        r = sd_bus_new(&bus);
        if (r >= 0)
                r = sd_bus_set_fd(bus, fd, fd);
        if (r >= 0 && server)
                r = sd_bus_set_server(bus, true, id);
        if (r >= 0)
                r = sd_bus_set_anonymous(bus, true);
        if (r >= 0)
                r = sd_bus_start(bus);
        if (r < 0)
                sd_bus_close_unref(bus);
        else
                *ret = bus;
        return r;
}

static int pair_open(Pair *p)
{
        int fds[2], r;

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
                return -errno;
        r = open_end(fds[0], true, &p->server);
        if (r < 0) {
                close_fd(fds[0]);
                close_fd(fds[1]);
                return r;
        }
        r = open_end(fds[1], false, &p->client);
        if (r < 0)
                close_fd(fds[1]);
        return r;
}

static int on_description(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        sd_bus_message **reply = userdata;

        *reply = sd_bus_message_ref(m);
        return 0;
}

static int describe(Pair *p, const char *path, FILE *f)
{
        sd_bus_message *reply = NULL;
        const char *text;
        int r;

        r = sd_bus_call_method_async(p->client, NULL, NULL, path, "org.freedesktop.DBus.Introspectable",
                                     "Introspect", on_description, &reply, NULL);
        while (r >= 0 && !reply) {
                r = sd_bus_process(p->client, NULL);
                if (r >= 0)
                        r = sd_bus_process(p->server, NULL);
        }
        if (r >= 0)
                r = sd_bus_message_read(reply, "s", &text);
        if (r >= 0)
                fprintf(f, "%s\n", text);
        sd_bus_message_unref(reply);
        return r;
}

int bus_introspect(FILE *f)
{
        __attribute__((cleanup(pair_done))) Pair p = {};
        const BusNode *n;
        int r;

        r = pair_open(&p);
        for (size_t i = 0; r >= 0 && (n = bus_node(i)); i++) {
                _cleanup_free_ char *path = n->find ? str_printf("%s/" EXAMPLE, n->path) : strdup(n->path);

                if (!path)
                        return -ENOMEM;
                r = sd_bus_add_object_vtable(p.server, NULL, path, n->interface, n->vtable(), NULL);
                if (r >= 0)
                        r = describe(&p, path, f);
        }
        return r;
}
