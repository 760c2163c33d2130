/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Connection, tree, signals, idle exit. */

#include <systemd/sd-daemon.h>

#include "base/log.h"
#include "base/parse.h"
#include "base/str.h"
#include "bus/auth.h"
#include "bus/bus.h"
#include "bus/value.h"
#include "object/container.h"
#include "object/image.h"
#include "spec/name.h"

/* How long calls that came while we were leaving are served before the last waiters are let go. */
#define LEAVE_MAX (5 * USEC_PER_SEC)
#define LEAVE_POLL (20 * USEC_PER_MSEC)

struct Bus {
        sd_bus *bus;
        sd_event *event;
        Manager *manager;
        Auth *auth;
        sd_event_source *timer;
        uint64_t idle_usec;
        uint64_t last_activity;
        uint64_t leave_until; /* 0: not leaving */
};

/* The tree */

static int list_paths(const Map *objects, const char *noun, char ***paths)
{
        int r = 0;

        MAP_FOREACH(e, objects)
                if (r >= 0)
                        r = strv_consume(paths, object_path(noun, map_key(e)));
        return r;
}

static int list_containers(Manager *m, char ***paths)
{
        return list_paths(m->containers, "container", paths);
}

static int list_images(Manager *m, char ***paths)
{
        return list_paths(m->images, "image", paths);
}

static int list_operations(Manager *m, char ***paths)
{
        return list_paths(m->works, "operation", paths);
}

static const BusNode nodes[] = {
        {BUS_PATH, RUNTIME_INTERFACE, manager_vtable, NULL, NULL},
        {BUS_PATH, RUNTIME_INTERFACE, manager_image_vtable, NULL, NULL},
        {BUS_PATH, RUNTIME_INTERFACE, manager_transfer_vtable, NULL, NULL},
        {BUS_PATH "/container", CONTAINER_INTERFACE, container_vtable, container_node_find, list_containers},
        {BUS_PATH "/image", IMAGE_INTERFACE, image_vtable, image_node_find, list_images},
        {BUS_PATH "/operation", OPERATION_INTERFACE, operation_vtable, operation_node_find, list_operations},
};

const BusNode *bus_node(size_t i)
{
        return i < ELEMENTSOF(nodes) ? &nodes[i] : NULL;
}

/* What hangs below one of the directories. */
static const BusNode *node_of_path(const char *path, const char **ret_id)
{
        FOREACH_ELEMENT(n, nodes) {
                const char *rest = n->find ? startswith(path, n->path) : NULL;

                if (rest && *rest == '/' && id_is_valid(rest + 1)) {
                        *ret_id = rest + 1;
                        return n;
                }
        }
        return NULL;
}

static int find_object(sd_bus *bus, const char *path, const char *interface, void *userdata, void **ret_found,
                       sd_bus_error *error)
{
        Manager *m = userdata;
        const char *id;
        const BusNode *n = node_of_path(path, &id);

        *ret_found = n ? n->find(m, id) : NULL;
        return *ret_found != NULL;
}

/* sd-bus asks each enumerator with the path that the caller named, which may lie above the enumerator's own.
 */
static int enumerate(sd_bus *bus, const char *path, void *userdata, char ***ret, sd_bus_error *error)
{
        _cleanup_strv_ char **paths = NULL;
        int r = 0;

        FOREACH_ELEMENT(n, nodes)
                if (r >= 0 && n->list && startswith(n->path, path))
                        r = n->list(userdata, &paths);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(paths);
        return 0;
}

static int publish(Bus *b)
{
        int r;

        r = sd_bus_add_object_manager(b->bus, NULL, BUS_PATH);
        FOREACH_ELEMENT(n, nodes) {
                if (r >= 0 && !n->find)
                        r = sd_bus_add_object_vtable(b->bus, NULL, n->path, n->interface, n->vtable(),
                                                     b->manager);
                if (r >= 0 && n->find)
                        r = sd_bus_add_fallback_vtable(b->bus, NULL, n->path, n->interface, n->vtable(),
                                                       find_object, b->manager);
                if (r >= 0 && n->list)
                        r = sd_bus_add_node_enumerator(b->bus, NULL, n->path, enumerate, b->manager);
        }
        return r;
}

/* Signals. They go to everybody, so they carry IDs, names and states, and no setting. */

static const struct {
        const char *noun, *interface;
        const char *const *announced;
} kinds[_OBJECT_KIND_MAX] = {
        [OBJECT_CONTAINER] = {"container", CONTAINER_INTERFACE,
                              (const char *const[]){"ID", "Name", "State", NULL}},
        [OBJECT_IMAGE] = {"image", IMAGE_INTERFACE, (const char *const[]){"ID", NULL}},
        [OBJECT_OPERATION] = {"operation", OPERATION_INTERFACE, (const char *const[]){"ID", NULL}},
};

static int append_announced(sd_bus_message *m, Manager *manager, ObjectKind kind, const char *id)
{
        const Container *c = kind == OBJECT_CONTAINER ? map_get(manager->containers, id) : NULL;
        int r;

        r = sd_bus_message_append(m, "{sv}", "ID", "s", id);
        if (r >= 0 && c)
                r = sd_bus_message_append(m, "{sv}{sv}", "Name", "s", container_name(c), "State", "s",
                                          container_state_word(c->state));
        return r;
}

static void on_added(ObjectKind kind, const char *id, void *userdata)
{
        _cleanup_free_ char *path = object_path(kinds[kind].noun, id);
        sd_bus_message *m = NULL;
        Bus *b = userdata;
        int r;

        r = path ? sd_bus_message_new_signal(b->bus, &m, BUS_PATH, "org.freedesktop.DBus.ObjectManager",
                                             "InterfacesAdded")
                 : -ENOMEM;
        if (r >= 0)
                r = sd_bus_message_append(m, "o", path);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "{sa{sv}}");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'e', "sa{sv}");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", kinds[kind].interface);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0)
                r = append_announced(m, b->manager, kind, id);
        for (unsigned i = 0; r >= 0 && i < 3; i++)
                r = sd_bus_message_close_container(m);
        if (r >= 0)
                r = sd_bus_send(b->bus, m, NULL);
        sd_bus_message_unref(m);
        if (r < 0)
                log_warning("Cannot announce %s %s", kinds[kind].noun, id);
}

static void on_removed(ObjectKind kind, const char *id, void *userdata)
{
        _cleanup_free_ char *path = object_path(kinds[kind].noun, id);
        Bus *b = userdata;

        if (!path || sd_bus_emit_interfaces_removed(b->bus, path, kinds[kind].interface, NULL) < 0)
                log_warning("Cannot announce the end of %s %s", kinds[kind].noun, id);
}

static void on_changed(ObjectKind kind, const char *id, const char *const *properties, void *userdata)
{
        _cleanup_free_ char *path = object_path(kinds[kind].noun, id);
        Bus *b = userdata;

        if (!properties[0])
                return;
        if (!path || sd_bus_emit_properties_changed_strv(b->bus, path, kinds[kind].interface,
                                                         (char **) properties) < 0)
                log_warning("Cannot announce a change of %s %s", kinds[kind].noun, id);
}

static void on_event(Event e, const EventInfo *info, uint64_t realtime_usec, void *userdata)
{
        sd_bus_message *m = NULL;
        Bus *b = userdata;
        int r;

        r = sd_bus_message_new_signal(b->bus, &m, BUS_PATH, RUNTIME_INTERFACE, "Event");
        if (r >= 0)
                r = sd_bus_message_append(m, "sssst", event_type(e), event_status(e), strempty(info->id),
                                          strempty(info->name), realtime_usec);
        if (r >= 0)
                r = value_append_map(m, info->attributes);
        if (r >= 0)
                r = sd_bus_send(b->bus, m, NULL);
        sd_bus_message_unref(m);
        if (r < 0)
                log_warning("Cannot signal an event");
}

/* Leaving when idle. First the service manager is told, so that it queues the start that a new call asks for
 * behind our end; then the name is given back; then the calls that had reached us before are answered. None
 * is lost. */

static bool is_busy(const Bus *b)
{
        uint64_t queued = 0;

        (void) sd_bus_get_n_queued_read(b->bus, &queued);
        return queued > 0 || auth_is_busy(b->auth) || b->manager->n_operations > 0 ||
               map_size(b->manager->sessions) > 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata);

static void set_timer(Bus *b, uint64_t usec)
{
        int r;

        r = b->timer ? sd_event_source_set_time_relative(b->timer, usec)
                     : sd_event_add_time_relative(b->event, &b->timer, CLOCK_MONOTONIC, usec, USEC_PER_MSEC,
                                                  on_timer, b);
        if (r >= 0)
                r = sd_event_source_set_enabled(b->timer, SD_EVENT_ONESHOT);
        if (r < 0)
                log_warning("Cannot set a timer: we stay");
}

static void leave_if_done(Bus *b)
{
        if (is_busy(b) && now_monotonic() < b->leave_until)
                set_timer(b, LEAVE_POLL);
        else
                (void) sd_event_exit(b->event, EXIT_SUCCESS);
}

static int on_released(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        leave_if_done(userdata);
        return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        Bus *b = userdata;
        uint64_t now = now_monotonic(), due = b->last_activity + b->idle_usec;

        if (b->leave_until > 0)
                leave_if_done(b);
        else if (is_busy(b))
                set_timer(b, b->idle_usec);
        else if (now < due)
                set_timer(b, due - now);
        else {
                log_debug("Idle: leaving");
                b->leave_until = now + LEAVE_MAX;
                (void) sd_notify(false, "STOPPING=1");
                if (sd_bus_release_name_async(b->bus, NULL, BUS_NAME, on_released, b) < 0)
                        (void) sd_event_exit(b->event, EXIT_SUCCESS);
        }
        return 0;
}

static void on_idle(void *userdata)
{
        Bus *b = userdata;

        b->last_activity = now_monotonic();
}

static int on_call(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        on_idle(userdata);
        return 0;
}

/* A Wait for a container that removed itself meanwhile is still answered; there is no object any more that
 * could. */
static int on_late_wait(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        const char *id;
        Bus *b = userdata;
        int exit_code;

        if (!sd_bus_message_is_method_call(m, CONTAINER_INTERFACE, "Wait"))
                return 0;
        id = object_path_id(sd_bus_message_get_path(m), "container");
        if (!id || map_has(b->manager->containers, id) || !manager_recall_end(b->manager, id, &exit_code))
                return 0;
        (void) sd_bus_reply_method_return(m, "i", (int32_t) exit_code);
        return 1;
}

/* Clients that vanish */

static int on_name_lost(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        const char *name, *old, *new;
        Bus *b = userdata;

        if (sd_bus_message_read(m, "sss", &name, &old, &new) >= 0 && *name == ':' && !*new) {
                auth_forget(b->auth, name);
                operations_forget_owner(b->manager, name);
        }
        return 0;
}

static const Observer observer = {
        .added = on_added,
        .removed = on_removed,
        .changed = on_changed,
        .event = on_event,
        .idle = on_idle,
};

static int connect_bus(Bus *b)
{
        int r;

        r = sd_bus_open_system(&b->bus);
        if (r >= 0)
                r = sd_bus_set_exit_on_disconnect(b->bus, true);
        /* Of filters the one that was added last is asked first. */
        if (r >= 0)
                r = sd_bus_add_filter(b->bus, NULL, on_late_wait, b);
        if (r >= 0)
                r = auth_new(b->bus, &b->auth);
        if (r >= 0)
                r = sd_bus_add_filter(b->bus, NULL, on_call, b);
        if (r >= 0)
                r = sd_bus_add_match_async(
                        b->bus, NULL,
                        "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
                        "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg2=''",
                        on_name_lost, NULL, b);
        if (r >= 0)
                r = publish(b);
        return r < 0 ? r : sd_bus_attach_event(b->bus, b->event, SD_EVENT_PRIORITY_NORMAL);
}

int bus_new(sd_event *event, Manager *m, uint64_t idle_usec, Bus **ret, Error *error)
{
        _cleanup_(bus_freep) Bus *b = calloc(1, sizeof(*b));
        int r;

        if (!b)
                return -ENOMEM;
        b->event = sd_event_ref(event);
        b->manager = m;
        b->idle_usec = idle_usec;
        b->last_activity = now_monotonic();
        r = connect_bus(b);
        if (r < 0)
                return error_set_errno(error, r, "Cannot use the system bus");
        manager_observe(m, &observer, b);
        r = sd_bus_request_name(b->bus, BUS_NAME, 0);
        if (r < 0)
                return error_set_errno(error, r, "Cannot take the name " BUS_NAME);
        if (idle_usec != USEC_INFINITY)
                set_timer(b, idle_usec);
        *ret = TAKE_PTR(b);
        return 0;
}

Bus *bus_free(Bus *b)
{
        if (!b)
                return NULL;
        manager_observe(b->manager, NULL, NULL);
        /* Before the connection goes: they hold messages of it. */
        operations_abandon(b->manager);
        sd_event_source_disable_unref(b->timer);
        auth_free(b->auth);
        sd_bus_flush_close_unref(b->bus);
        sd_event_unref(b->event);
        free(b);
        return NULL;
}
