/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Nothing is dispatched that the table does not allow. The client end plays the bus driver and polkit too. */

#include "base/str.h"
#include "bus/auth.h"
#include "bus/bus.h"
#include "spec/name.h"

#include "bus-pair.h"

typedef struct World {
        BusPair pair;
        Auth *auth;
        uint32_t uid; /* of every client */
        bool driver_fails;
        bool polkit_fails;
        bool allowed, challenge;
        unsigned asked_driver, asked_polkit, dispatched;
        char *action; /* that polkit was asked for */
        char *error;  /* name of the last error */
        bool replied;
} World;

static int method_driver(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        World *w = userdata;

        w->asked_driver++;
        if (w->driver_fails)
                return sd_bus_error_set(error, SD_BUS_ERROR_NAME_HAS_NO_OWNER, "gone");
        return sd_bus_reply_method_return(m, "u", w->uid);
}

static int method_polkit(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        World *w = userdata;
        const char *action;

        w->asked_polkit++;
        CHECK_OK(sd_bus_message_skip(m, "(sa{sv})"));
        CHECK_OK(sd_bus_message_read(m, "s", &action));
        CHECK_OK(str_replace(&w->action, action));
        if (w->polkit_fails)
                return sd_bus_error_set(error, SD_BUS_ERROR_SERVICE_UNKNOWN, "no polkit");
        return sd_bus_reply_method_return(m, "(bba{ss})", w->allowed, w->challenge, 0);
}

static int method_dispatched(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        World *w = userdata;

        w->dispatched++;
        return sd_bus_reply_method_return(m, NULL);
}

static const sd_bus_vtable driver[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("GetConnectionUnixUser", "s", "u", method_driver, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};
static const sd_bus_vtable polkit[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("CheckAuthorization", "(sa{sv})sa{ss}us", "(bba{ss})", method_polkit,
                      SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};
static const sd_bus_vtable runtime[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("Info", NULL, NULL, method_dispatched, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("NewContainer", "a{sv}", NULL, method_dispatched, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("RemoveImage", "sa{sv}", NULL, method_dispatched, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Forgotten", NULL, NULL, method_dispatched, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

static void world_done(World *w)
{
        auth_free(w->auth);
        bus_pair_done(&w->pair);
        free(w->action);
        free(w->error);
}

static void world_new(World *w)
{
        bus_pair_open(&w->pair);
        CHECK_OK(sd_bus_add_object_vtable(w->pair.client, NULL, "/org/freedesktop/DBus",
                                          "org.freedesktop.DBus", driver, w));
        CHECK_OK(sd_bus_add_object_vtable(w->pair.client, NULL, "/org/freedesktop/PolicyKit1/Authority",
                                          "org.freedesktop.PolicyKit1.Authority", polkit, w));
        CHECK_OK(auth_new(w->pair.server, &w->auth));
        CHECK_OK(sd_bus_add_object_vtable(w->pair.server, NULL, BUS_PATH, RUNTIME_INTERFACE, runtime, w));
        bus_pair_run(&w->pair);
}

static int on_reply(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        const sd_bus_error *e = sd_bus_message_get_error(m);
        World *w = userdata;

        w->replied = true;
        CHECK_OK(str_replace(&w->error, e ? e->name : NULL));
        return 0;
}

static sd_bus_message *call_new(World *w, const char *interface, const char *member)
{
        sd_bus_message *m = NULL;

        CHECK_OK(sd_bus_message_new_method_call(w->pair.client, &m, NULL, BUS_PATH, interface, member));
        CHECK_OK(sd_bus_message_set_sender(m, ":1.7"));
        return m;
}

/* Sends it and returns how often a handler was called. */
static unsigned call(World *w, sd_bus_message *m)
{
        unsigned before = w->dispatched;

        w->replied = false;
        CHECK_OK(sd_bus_call_async(w->pair.client, NULL, m, on_reply, w, 0));
        sd_bus_message_unref(m);
        bus_pair_run(&w->pair);
        CHECK(w->replied);
        return w->dispatched - before;
}

static unsigned call_info(World *w)
{
        return call(w, call_new(w, RUNTIME_INTERFACE, "Info"));
}

TEST(root_passes)
{
        _cleanup_(world_done) World w = {};

        world_new(&w);
        CHECK_EQ(call_info(&w), 1);
        CHECK_EQ(call_info(&w), 1);
        CHECK(!w.error);
        CHECK_EQ(w.asked_polkit, 0);
        /* Who it is was asked once. */
        CHECK_EQ(w.asked_driver, 1);
        auth_forget(w.auth, ":1.7");
        CHECK_EQ(call_info(&w), 1);
        CHECK_EQ(w.asked_driver, 2);
}

TEST(others_are_asked_for)
{
        _cleanup_(world_done) World w = {.uid = 1000};

        world_new(&w);
        CHECK_EQ(call_info(&w), 0);
        CHECK_STREQ(w.error, error_bus_name(ERROR_NOT_AUTHORIZED));
        CHECK_STREQ(w.action, AUTH_INSPECT);
        w.challenge = true;
        CHECK_EQ(call_info(&w), 0);
        CHECK_STREQ(w.error, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED);
        w.allowed = true;
        w.challenge = false;
        CHECK_EQ(call_info(&w), 1);
        CHECK(!w.error);
        /* An answer is for its call only. */
        w.allowed = false;
        CHECK_EQ(call_info(&w), 0);
        CHECK_EQ(w.asked_polkit, 4);
}

TEST(without_polkit)
{
        _cleanup_(world_done) World w = {.uid = 1000, .polkit_fails = true};

        world_new(&w);
        CHECK_EQ(call_info(&w), 0);
        CHECK_STREQ(w.error, error_bus_name(ERROR_AUTH_UNAVAILABLE));
        w.uid = 0;
        auth_forget(w.auth, ":1.7");
        CHECK_EQ(call_info(&w), 1);
}

TEST(client_that_is_gone)
{
        _cleanup_(world_done) World w = {.driver_fails = true};

        world_new(&w);
        CHECK_EQ(call_info(&w), 0);
        CHECK_STREQ(w.error, error_bus_name(ERROR_NOT_AUTHORIZED));
}

TEST(uid_above_the_sign)
{
        _cleanup_(world_done) World w = {.uid = UINT32_MAX};

        world_new(&w);
        CHECK_EQ(call_info(&w), 0);
        w.uid = 0x80000000;
        auth_forget(w.auth, ":1.7");
        CHECK_EQ(call_info(&w), 0);
        CHECK_EQ(w.asked_polkit, 2);
}

/* The trap: a refusal that nobody wants to hear must still be one. */
TEST(no_reply_is_no_way_in)
{
        _cleanup_(world_done) World w = {.uid = 1000};
        const char *members[] = {"Info", "Forgotten", "Nonsense"};

        world_new(&w);
        FOREACH_ELEMENT(member, members) {
                sd_bus_message *m = call_new(&w, RUNTIME_INTERFACE, *member);

                CHECK_OK(sd_bus_message_set_expect_reply(m, false));
                CHECK_OK(sd_bus_send(w.pair.client, m, NULL));
                sd_bus_message_unref(m);
                bus_pair_run(&w.pair);
        }
        CHECK_EQ(w.dispatched, 0);
        CHECK(!auth_is_busy(w.auth));
}

TEST(no_row_no_way)
{
        _cleanup_(world_done) World w = {};

        world_new(&w);
        CHECK_EQ(call(&w, call_new(&w, RUNTIME_INTERFACE, "Forgotten")), 0);
        CHECK_STREQ(w.error, SD_BUS_ERROR_UNKNOWN_METHOD);
        /* Without an interface any would do. */
        CHECK_EQ(call(&w, call_new(&w, NULL, "Info")), 0);
        CHECK_STREQ(w.error, SD_BUS_ERROR_UNKNOWN_METHOD);
        CHECK_EQ(call(&w, call_new(&w, "org.freedesktop.DBus.Properties", "Set")), 0);
        CHECK_STREQ(w.error, SD_BUS_ERROR_UNKNOWN_METHOD);
}

TEST(public_ones)
{
        _cleanup_(world_done) World w = {.uid = 1000};
        sd_bus_message *m;

        world_new(&w);
        (void) call(&w, call_new(&w, "org.freedesktop.DBus.Introspectable", "Introspect"));
        CHECK(!w.error);
        (void) call(&w, call_new(&w, "org.freedesktop.DBus.Peer", "Ping"));
        CHECK(!w.error);
        m = call_new(&w, "org.freedesktop.DBus.Properties", "Get");
        CHECK_OK(sd_bus_message_append(m, "ss", RUNTIME_INTERFACE, "Version"));
        (void) call(&w, m);
        CHECK_EQ(w.asked_polkit, 0);
        m = call_new(&w, "org.freedesktop.DBus.Properties", "Get");
        CHECK_OK(sd_bus_message_append(m, "ss", RUNTIME_INTERFACE, "Root"));
        (void) call(&w, m);
        CHECK_STREQ(w.error, error_bus_name(ERROR_NOT_AUTHORIZED));
        CHECK_STREQ(w.action, AUTH_INSPECT);
}

static const char *action_for(World *w, const char *key, const char *signature, const char *value, int number)
{
        sd_bus_message *m = call_new(w, RUNTIME_INTERFACE, "NewContainer");

        CHECK_OK(sd_bus_message_open_container(m, 'a', "{sv}"));
        CHECK_OK(sd_bus_message_append(m, "{sv}", "Image", "s", "x"));
        if (key && streq(signature, "as"))
                CHECK_OK(sd_bus_message_append(m, "{sv}", key, "as", 1, value));
        else if (key && streq(signature, "b"))
                CHECK_OK(sd_bus_message_append(m, "{sv}", key, "b", number));
        else if (key)
                CHECK_OK(sd_bus_message_append(m, "{sv}", key, signature, value));
        CHECK_OK(sd_bus_message_close_container(m));
        (void) call(w, m);
        return w->action;
}

TEST(refined_by_settings)
{
        _cleanup_(world_done) World w = {.uid = 1000};

        world_new(&w);
        CHECK_STREQ(action_for(&w, NULL, NULL, NULL, 0), AUTH_MANAGE);
        CHECK_STREQ(action_for(&w, "ReadOnly", "b", NULL, 1), AUTH_MANAGE);
        CHECK_STREQ(action_for(&w, "Network", "as", "none", 0), AUTH_MANAGE);
        CHECK_STREQ(action_for(&w, "Network", "as", "host", 0), AUTH_MANAGE_HOST);
        CHECK_STREQ(action_for(&w, "Volumes", "as", "/etc:/etc", 0), AUTH_MANAGE_HOST);
        CHECK_STREQ(action_for(&w, "Devices", "as", "/dev/fuse", 0), AUTH_MANAGE_HOST);
        CHECK_STREQ(action_for(&w, "AddCapability", "as", "SYS_ADMIN", 0), AUTH_MANAGE_HOST);
        CHECK_STREQ(action_for(&w, "SeccompProfile", "s", "unconfined", 0), AUTH_MANAGE_HOST);
        CHECK_STREQ(action_for(&w, "Unit", "s", "sshd.service", 0), AUTH_MANAGE_HOST);
}

TEST(refined_by_force)
{
        _cleanup_(world_done) World w = {.uid = 1000, .allowed = true};
        sd_bus_message *m;

        world_new(&w);
        m = call_new(&w, RUNTIME_INTERFACE, "RemoveImage");
        CHECK_OK(sd_bus_message_append(m, "sa{sv}", "x", 1, "Force", "b", false));
        /* The handler reads from the beginning again. */
        CHECK_EQ(call(&w, m), 1);
        CHECK_STREQ(w.action, AUTH_MANAGE_IMAGES);
        m = call_new(&w, RUNTIME_INTERFACE, "RemoveImage");
        CHECK_OK(sd_bus_message_append(m, "sa{sv}", "x", 1, "Force", "b", true));
        CHECK_EQ(call(&w, m), 1);
        CHECK_STREQ(w.action, AUTH_MANAGE_HOST);
}

static int on_limited(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        unsigned *refused = userdata;

        *refused += sd_bus_message_is_method_error(m, error_bus_name(ERROR_LIMIT)) > 0;
        return 0;
}

TEST(limits)
{
        _cleanup_(world_done) World w = {.uid = 1000};
        unsigned refused = 0;

        world_new(&w);
        (void) call_info(&w);
        w.asked_polkit = 0;
        for (unsigned i = 0; i < 3 * AUTH_QUERIES_PER_SENDER_MAX; i++) {
                sd_bus_message *m = call_new(&w, RUNTIME_INTERFACE, "Info");

                CHECK_OK(sd_bus_call_async(w.pair.client, NULL, m, on_limited, &refused, 0));
                sd_bus_message_unref(m);
        }
        /* The server hears all of them before polkit has said anything. */
        for (unsigned i = 0; i < 10 * AUTH_QUERIES_PER_SENDER_MAX; i++)
                CHECK_OK(sd_bus_process(w.pair.server, NULL));
        bus_pair_run(&w.pair);
        CHECK_EQ(w.asked_polkit, AUTH_QUERIES_PER_SENDER_MAX);
        CHECK_EQ(refused, 2 * AUTH_QUERIES_PER_SENDER_MAX);
        CHECK_EQ(w.dispatched, 0);
        CHECK(!auth_is_busy(w.auth));
}

TEST(forgetting_while_polkit_is_asked)
{
        _cleanup_(world_done) World w = {.uid = 1000, .allowed = true};
        sd_bus_message *m;

        world_new(&w);
        (void) call_info(&w);
        w.dispatched = 0;
        m = call_new(&w, RUNTIME_INTERFACE, "Info");
        CHECK_OK(sd_bus_send(w.pair.client, m, NULL));
        sd_bus_message_unref(m);
        for (unsigned i = 0; i < 10; i++)
                CHECK_OK(sd_bus_process(w.pair.server, NULL));
        CHECK(auth_is_busy(w.auth));
        auth_forget(w.auth, ":1.7");
        CHECK(!auth_is_busy(w.auth));
        bus_pair_run(&w.pair);
        CHECK_EQ(w.dispatched, 0);
}

/* Both ways: each method on the bus has a row, each row a method. */
TEST(rows_and_vtables)
{
        const BusNode *n;
        const AuthRow *rows;
        size_t n_rows, methods = 0, ours = 0;

        for (size_t i = 0; (n = bus_node(i)); i++)
                for (const sd_bus_vtable *v = n->vtable() + 1; v->type != _SD_BUS_VTABLE_END; v++) {
                        if (v->type != _SD_BUS_VTABLE_METHOD)
                                continue;
                        CHECK(auth_row(n->interface, v->x.method.member));
                        CHECK(v->flags & SD_BUS_VTABLE_UNPRIVILEGED);
                        methods++;
                }
        rows = auth_rows(&n_rows);
        for (size_t i = 0; i < n_rows; i++)
                ours += startswith(rows[i].interface, "io.berth1.") != NULL;
        CHECK_EQ(ours, methods);
}
