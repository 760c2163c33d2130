/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* "quadlet create": what the unit of a .container file runs before it starts. The files are those that the
 * generator read, the values of specifiers are systemd's, the variables are our own environment, which is the
 * unit's. */

#include <fcntl.h>
#include <systemd/sd-daemon.h>

#include "base/fs.h"
#include "base/parse.h"
#include "base/str.h"
#include "prog/ctl-bus.h"
#include "spec/name.h"
#include "spec/quadlet-expand.h"

static int read_file(Ctl *c, Quadlet *q, const char *path)
{
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        r = fs_read_at(AT_FDCWD, path, INI_SIZE_MAX, &text, &size);
        if (r < 0)
                return error_set_errno(&c->error, r, "%s", path);
        return quadlet_add(q, path, text, size, &c->error);
}

/* "i=blue" */
static int read_specifiers(Ctl *c, Map *m)
{
        int r = 0;

        STRV_FOREACH(s, c->values[FLAG_SPECIFIER]) {
                const char key[] = {**s, '\0'};

                if (!**s || (*s)[1] != '=')
                        return error_set(&c->error, ERROR_INVALID_ARGUMENT,
                                         "--specifier: \"%s\" is not LETTER=VALUE", *s);
                r = map_put_string(m, key, *s + 2);
                if (r < 0)
                        return r;
        }
        return r;
}

static int read_spec(Ctl *c)
{
        _cleanup_(quadlet_freep) Quadlet *q = NULL;
        _cleanup_(map_freep) Map *specifiers = map_new_strings();
        int r;

        if (!specifiers)
                return -ENOMEM;
        r = read_specifiers(c, specifiers);
        if (r >= 0)
                r = quadlet_new(c->args[0], &q, &c->error);
        STRV_FOREACH(file, c->args)
                if (r >= 0)
                        r = read_file(c, q, *file);
        if (r >= 0)
                r = quadlet_finish(q, &c->error);
        if (r < 0)
                return r;
        c->spec = spec_free(c->spec);
        return quadlet_expand(q, specifiers, environ, &c->spec, &c->error);
}

static int append_options(Ctl *c, sd_bus_message *m)
{
        int r;

        r = sd_bus_message_append(m, "{sv}", "Unit", "s", ctl_value(c, FLAG_UNIT));
        return r < 0 ? r : sd_bus_message_append(m, "{sv}", "Replace", "b", true);
}

static int append_spec(Ctl *c, sd_bus_message *m)
{
        int r;

        r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0)
                r = bus_append_settings(c, m, SPEC_CONTAINER);
        if (r >= 0)
                r = append_options(c, m);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? bus_failed(c, r) : 0;
}

#define TICK (5 * USEC_PER_SEC)

/* The image may have to be pulled first, which takes as long as it takes: the unit's time to start is
 * extended while we wait. */
static int wait_patiently(Ctl *c, Call *call)
{
        while (!call->reply) {
                int r = sd_bus_process(c->bus, NULL);

                if (r == 0)
                        r = sd_bus_wait(c->bus, TICK);
                if (r == 0)
                        (void) sd_notify(false, "EXTEND_TIMEOUT_USEC=30000000");
                if (r < 0 && r != -EINTR)
                        return bus_failed(c, r);
        }
        return bus_reply(c, call, NULL);
}

/* Says nothing when all is well: the output is the unit's log. */
int verb_quadlet_create(Ctl *c)
{
        _cleanup_message_ sd_bus_message *m = NULL;
        _cleanup_call_ Call call = {};
        int r;

        if (!ctl_value(c, FLAG_UNIT))
                return error_set(&c->error, ERROR_INVALID_ARGUMENT,
                                 "--unit is needed: the unit that will run it");
        r = read_spec(c);
        if (r >= 0)
                r = bus_new_call(c, &m, BUS_PATH, RUNTIME_INTERFACE, "NewContainer", NULL);
        if (r >= 0)
                r = append_spec(c, m);
        if (r >= 0)
                r = bus_send(c, m, &call);
        return r < 0 ? r : wait_patiently(c, &call);
}
