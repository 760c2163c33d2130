/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One connection to PID 1, its signals, and calls whose answers come later. */

#include <fcntl.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-id128.h>

#include "base/log.h"
#include "base/parse.h"
#include "base/str.h"
#include "engine/systemd.h"
#include "engine/unit-property.h"

#define SYSTEMD_NAME "org.freedesktop.systemd1"
#define SYSTEMD_PATH "/org/freedesktop/systemd1"
#define SYSTEMD_UNITS SYSTEMD_PATH "/unit"
#define MANAGER_INTERFACE SYSTEMD_NAME ".Manager"
#define PRIVATE_ADDRESS "unix:path=/run/systemd/private"
#define RECONNECT_DELAY (100 * USEC_PER_MSEC)

struct Systemd {
        sd_event *event;
        sd_bus *bus;
        bool is_private;
        sd_event_source *reconnect;
        const SystemdWatch *watch;
        void *userdata;
};

struct SystemdCall {
        SystemdCall **slot;
        sd_bus_slot *pending;
        SystemdReply reply;
        SystemdUnit each;
        void *userdata;
};

static SystemdCall *call_free(SystemdCall *c)
{
        if (!c)
                return NULL;
        if (c->slot)
                *c->slot = NULL;
        sd_bus_slot_unref(c->pending);
        free(c);
        return NULL;
}
DEFINE_CLEANUP(SystemdCall *, call_free)

void systemd_call_cancel(SystemdCall **slot)
{
        call_free(*slot);
}

static void message_unrefp(sd_bus_message **m)
{
        sd_bus_message_unref(*m);
}
#define _cleanup_message_ _cleanup_(message_unrefp)

static void bus_error_done(sd_bus_error *e)
{
        sd_bus_error_free(e);
}
#define _cleanup_bus_error_ _cleanup_(bus_error_done)

/* Signals */

static UnitState unit_state(const char *active, const char *sub)
{
        static const struct {
                const char *name;
                UnitState state;
        } states[] = {
                {"active", UNIT_ACTIVE}, {"reloading", UNIT_ACTIVE},          {"activating", UNIT_ACTIVATING},
                {"failed", UNIT_FAILED}, {"deactivating", UNIT_DEACTIVATING}, {"inactive", UNIT_ABSENT},
        };

        if (sub && startswith(sub, "auto-restart"))
                return UNIT_WAITING;
        FOREACH_ELEMENT(s, states)
                if (streq(s->name, active))
                        return s->state;
        return UNIT_ABSENT;
}

static int on_job_removed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        const char *job, *unit, *result;
        Systemd *s = userdata;
        uint32_t id;
        int r;

        r = sd_bus_message_read(m, "uoss", &id, &job, &unit, &result);
        if (r >= 0)
                s->watch->job_removed(job, result, s->userdata);
        return 0;
}

static int on_unit_removed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        const char *unit, *path;
        Systemd *s = userdata;
        int r;

        r = sd_bus_message_read(m, "so", &unit, &path);
        if (r >= 0)
                s->watch->unit_removed(unit, s->userdata);
        return 0;
}

typedef struct Changed {
        const char *active;
        const char *sub;
        char invocation[SD_ID128_STRING_MAX];
        UnitChange change;
} Changed;

static int read_invocation(sd_bus_message *m, Changed *c)
{
        const void *bytes;
        sd_id128_t id;
        size_t n;
        int r;

        r = sd_bus_message_enter_container(m, 'v', "ay");
        if (r >= 0)
                r = sd_bus_message_read_array(m, 'y', &bytes, &n);
        if (r < 0)
                return r;
        if (n == sizeof(id)) {
                memcpy(&id, bytes, n);
                c->change.invocation_id = sd_id128_to_string(id, c->invocation);
        }
        return sd_bus_message_exit_container(m);
}

static int read_property(sd_bus_message *m, const char *name, Changed *c)
{
        if (streq(name, "ActiveState"))
                return sd_bus_message_read(m, "v", "s", &c->active);
        if (streq(name, "SubState"))
                return sd_bus_message_read(m, "v", "s", &c->sub);
        if (streq(name, "InvocationID"))
                return read_invocation(m, c);
        if (streq(name, "NRestarts")) {
                c->change.has_restarts = true;
                return sd_bus_message_read(m, "v", "u", &c->change.restarts);
        }
        return sd_bus_message_skip(m, "v");
}

static int read_properties(sd_bus_message *m, Changed *c)
{
        const char *interface, *name;
        int r;

        r = sd_bus_message_read(m, "s", &interface);
        if (r < 0)
                return r;
        if (!streq(interface, SYSTEMD_NAME ".Unit") && !streq(interface, SYSTEMD_NAME ".Service"))
                return 0;
        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = sd_bus_message_read(m, "s", &name);
                if (r >= 0)
                        r = read_property(m, name, c);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        return r;
}

static int on_properties_changed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_free_ char *unit = NULL;
        Systemd *s = userdata;
        Changed c = {};
        int r;

        r = sd_bus_path_decode(sd_bus_message_get_path(m), SYSTEMD_UNITS, &unit);
        if (r <= 0 || !endswith(unit, ".service"))
                return 0;
        r = read_properties(m, &c);
        if (r < 0 || (!c.active && !c.change.has_restarts))
                return 0;
        c.change.unit = unit;
        c.change.has_state = c.active != NULL;
        if (c.active)
                c.change.state = unit_state(c.active, c.sub);
        s->watch->unit_changed(&c.change, s->userdata);
        return 0;
}

/* Connection */

static int connect_again(sd_event_source *source, uint64_t usec, void *userdata);

static void schedule_reconnect(Systemd *s)
{
        s->reconnect = sd_event_source_disable_unref(s->reconnect);
        if (sd_event_add_time_relative(s->event, &s->reconnect, CLOCK_MONOTONIC, RECONNECT_DELAY,
                                       USEC_PER_MSEC, connect_again, s) < 0)
                log_warning("Cannot connect to systemd again");
}

static int on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        Systemd *s = userdata;

        /* The bus itself is let go of by the timer: it is still dispatching this. */
        schedule_reconnect(s);
        return 0;
}

static int add_matches(Systemd *s)
{
        const char *sender = s->is_private ? NULL : SYSTEMD_NAME;
        int r;

        r = sd_bus_match_signal_async(s->bus, NULL, sender, SYSTEMD_PATH, MANAGER_INTERFACE, "JobRemoved",
                                      on_job_removed, NULL, s);
        if (r >= 0)
                r = sd_bus_match_signal_async(s->bus, NULL, sender, SYSTEMD_PATH, MANAGER_INTERFACE,
                                              "UnitRemoved", on_unit_removed, NULL, s);
        if (r >= 0)
                r = sd_bus_add_match_async(s->bus, NULL,
                                           "type='signal',interface='org.freedesktop.DBus.Properties',"
                                           "member='PropertiesChanged',path_namespace='" SYSTEMD_UNITS "'",
                                           on_properties_changed, NULL, s);
        if (r >= 0)
                r = sd_bus_match_signal(s->bus, NULL, "org.freedesktop.DBus.Local",
                                        "/org/freedesktop/DBus/Local", "org.freedesktop.DBus.Local",
                                        "Disconnected", on_disconnected, s);
        /* On its own socket PID 1 sends signals unasked. */
        if (r >= 0 && !s->is_private)
                r = sd_bus_call_method_async(s->bus, NULL, SYSTEMD_NAME, SYSTEMD_PATH, MANAGER_INTERFACE,
                                             "Subscribe", NULL, NULL, NULL);
        return r;
}

static int open_private(sd_bus **ret)
{
        sd_bus *bus = NULL;
        int r;

        r = sd_bus_new(&bus);
        if (r >= 0)
                r = sd_bus_set_address(bus, PRIVATE_ADDRESS);
        if (r >= 0)
                r = sd_bus_start(bus);
        if (r < 0)
                sd_bus_close_unref(bus);
        else
                *ret = bus;
        return r;
}

static int connect_now(Systemd *s)
{
        int r;

        r = open_private(&s->bus);
        s->is_private = r >= 0;
        if (r < 0)
                r = sd_bus_open_system(&s->bus);
        if (r < 0)
                return r;
        r = add_matches(s);
        return r < 0 ? r : sd_bus_attach_event(s->bus, s->event, SD_EVENT_PRIORITY_NORMAL);
}

static int connect_again(sd_event_source *source, uint64_t usec, void *userdata)
{
        Systemd *s = userdata;

        s->bus = sd_bus_close_unref(s->bus);
        if (connect_now(s) < 0) {
                s->bus = sd_bus_close_unref(s->bus);
                schedule_reconnect(s);
                return 0;
        }
        s->watch->reconnected(s->userdata);
        return 0;
}

int systemd_new(sd_event *event, const SystemdWatch *watch, void *userdata, Systemd **ret, Error *error)
{
        _cleanup_(systemd_freep) Systemd *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        s->event = sd_event_ref(event);
        s->watch = watch;
        s->userdata = userdata;
        r = connect_now(s);
        if (r < 0)
                return error_set_errno(error, r, "Cannot connect to systemd");
        *ret = TAKE_PTR(s);
        return 0;
}

Systemd *systemd_free(Systemd *s)
{
        if (!s)
                return NULL;
        sd_event_source_disable_unref(s->reconnect);
        sd_bus_flush_close_unref(s->bus);
        sd_event_unref(s->event);
        free(s);
        return NULL;
}

/* Calls */

static bool is_disconnect(int r)
{
        return r == -ENOTCONN || r == -ECONNRESET || r == -EPIPE || r == -ESTALE;
}

static int call_errno(const sd_bus_error *e)
{
        static const struct {
                const char *name;
                int error;
        } names[] = {
                {SYSTEMD_NAME ".NoSuchUnit", ENOENT},   {SYSTEMD_NAME ".UnitExists", EEXIST},
                {SD_BUS_ERROR_NO_REPLY, ECONNRESET},    {SD_BUS_ERROR_DISCONNECTED, ECONNRESET},
                {SYSTEMD_NAME ".NoSuchProcess", ESRCH},
        };
        int r;

        FOREACH_ELEMENT(n, names)
                if (streq(n->name, e->name))
                        return -n->error;
        r = sd_bus_error_get_errno(e);
        return is_disconnect(-r) || r == ETIMEDOUT ? -ECONNRESET : r > 0 ? -r : -EIO;
}

static int on_reply(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        const sd_bus_error *e = sd_bus_message_get_error(m);
        _cleanup_error_ Error error = ERROR_INIT;
        SystemdCall *c = userdata;
        SystemdReply reply = c->reply;
        void *data = c->userdata;
        const char *job = NULL;
        int r = 0;

        if (e) {
                r = call_errno(e);
                (void) error_set(&error, ERROR_FAILED, "systemd: %s", e->message ?: e->name);
        } else if (sd_bus_message_has_signature(m, "o"))
                (void) sd_bus_message_read(m, "o", &job);
        call_free(c);
        reply(r, job, &error, data);
        return 0;
}

static int new_message(Systemd *s, const char *member, sd_bus_message **ret)
{
        int r;

        if (!s->bus)
                return -ECONNRESET;
        r = sd_bus_message_new_method_call(s->bus, ret, SYSTEMD_NAME, SYSTEMD_PATH, MANAGER_INTERFACE,
                                           member);
        return is_disconnect(r) ? -ECONNRESET : r;
}

static int send_call(Systemd *s, sd_bus_message *m, sd_bus_message_handler_t handler, SystemdCall **slot,
                     SystemdReply reply, SystemdUnit each, void *userdata)
{
        _cleanup_(call_freep) SystemdCall *c = calloc(1, sizeof(*c));
        int r;

        assert(!*slot);
        if (!c)
                return -ENOMEM;
        r = sd_bus_call_async(s->bus, &c->pending, m, handler, c, 0);
        if (r < 0)
                return is_disconnect(r) ? -ECONNRESET : r;
        c->reply = reply;
        c->each = each;
        c->userdata = userdata;
        c->slot = slot;
        *slot = TAKE_PTR(c);
        return 0;
}

int systemd_job(Systemd *s, SystemdVerb verb, const char *unit, SystemdCall **slot, SystemdReply reply,
                void *userdata)
{
        static const char *const members[_SYSTEMD_VERB_MAX] = {
                [SYSTEMD_START] = "StartUnit",
                [SYSTEMD_STOP] = "StopUnit",
                [SYSTEMD_RESTART] = "RestartUnit",
        };
        _cleanup_message_ sd_bus_message *m = NULL;
        int r;

        r = new_message(s, members[verb], &m);
        if (r >= 0)
                r = sd_bus_message_append(m, "ss", unit, "replace");
        return r < 0 ? r : send_call(s, m, on_reply, slot, reply, NULL, userdata);
}

int systemd_kill(Systemd *s, const char *unit, int signal, SystemdCall **slot, SystemdReply reply,
                 void *userdata)
{
        _cleanup_message_ sd_bus_message *m = NULL;
        int r;

        r = new_message(s, "KillUnit", &m);
        if (r >= 0)
                r = sd_bus_message_append(m, "ssi", unit, "main", (int32_t) signal);
        return r < 0 ? r : send_call(s, m, on_reply, slot, reply, NULL, userdata);
}

int systemd_reset_failed(Systemd *s, const char *unit, SystemdCall **slot, SystemdReply reply, void *userdata)
{
        _cleanup_message_ sd_bus_message *m = NULL;
        int r;

        r = new_message(s, "ResetFailedUnit", &m);
        if (r >= 0)
                r = sd_bus_message_append(m, "s", unit);
        return r < 0 ? r : send_call(s, m, on_reply, slot, reply, NULL, userdata);
}

int systemd_reload(Systemd *s, SystemdCall **slot, SystemdReply reply, void *userdata)
{
        _cleanup_message_ sd_bus_message *m = NULL;
        int r;

        r = new_message(s, "Reload", &m);
        return r < 0 ? r : send_call(s, m, on_reply, slot, reply, NULL, userdata);
}

typedef struct Question {
        Systemd *systemd;
        char *unit;
} Question;

static void question_free(Question *q)
{
        free(q->unit);
        free(q);
}

static int on_restarts(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        Question *q = userdata;
        UnitChange change = {.unit = q->unit, .has_restarts = true};

        if (!sd_bus_message_get_error(m) && sd_bus_message_read(m, "v", "u", &change.restarts) >= 0)
                q->systemd->watch->unit_changed(&change, q->systemd->userdata);
        question_free(q);
        return 0;
}

void systemd_ask_restarts(Systemd *s, const char *unit)
{
        _cleanup_message_ sd_bus_message *m = NULL;
        Question *q = calloc(1, sizeof(*q));
        _cleanup_free_ char *path = NULL;
        int r;

        if (!q)
                return;
        q->systemd = s;
        q->unit = strdup(unit);
        r = q->unit && s->bus ? sd_bus_path_encode(SYSTEMD_UNITS, unit, &path) : -ENOMEM;
        if (r >= 0)
                r = sd_bus_message_new_method_call(s->bus, &m, SYSTEMD_NAME, path,
                                                   "org.freedesktop.DBus.Properties", "Get");
        if (r >= 0)
                r = sd_bus_message_append(m, "ss", SYSTEMD_NAME ".Service", "NRestarts");
        if (r >= 0)
                r = sd_bus_call_async(s->bus, NULL, m, on_restarts, q, 0);
        if (r < 0)
                question_free(q);
}

int systemd_set_properties(Systemd *s, const char *unit, const UnitFile *rows, char *const *keys,
                           SystemdCall **slot, SystemdReply reply, void *userdata)
{
        _cleanup_message_ sd_bus_message *m = NULL;
        int r;

        r = new_message(s, "SetUnitProperties", &m);
        if (r >= 0)
                r = sd_bus_message_append(m, "sb", unit, true);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "(sv)");
        for (size_t i = 0; r >= 0 && i < rows->n_rows; i++)
                if (strv_contains(keys, rows->rows[i].key))
                        r = unit_property_append(m, &rows->rows[i]);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : send_call(s, m, on_reply, slot, reply, NULL, userdata);
}

int systemd_start_transient_with(Systemd *s, const char *unit, SystemdAppend append, void *append_data,
                                 SystemdCall **slot, SystemdReply reply, void *userdata)
{
        _cleanup_message_ sd_bus_message *m = NULL;
        int r;

        r = new_message(s, "StartTransientUnit", &m);
        /* A unit that exists is refused whatever the mode. What it needs may be on its way out from its last
         * run. */
        if (r >= 0)
                r = sd_bus_message_append(m, "ss", unit, "replace");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "(sv)");
        if (r >= 0)
                r = append(m, append_data);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r >= 0)
                r = sd_bus_message_append(m, "a(sa(sv))", 0);
        return r < 0 ? r : send_call(s, m, on_reply, slot, reply, NULL, userdata);
}

static int copy_stream(int from, int *to)
{
        *to = from < 0 ? -EBADF : fcntl(from, F_DUPFD_CLOEXEC, 3);
        return from >= 0 && *to < 0 ? -errno : 0;
}

int unit_streams_copy(const UnitStreams *from, UnitStreams *to)
{
        int r;

        *to = UNIT_STREAMS_NONE;
        r = copy_stream(from->input, &to->input);
        if (r >= 0)
                r = copy_stream(from->output, &to->output);
        return r < 0 ? r : copy_stream(from->error, &to->error);
}

void unit_streams_done(UnitStreams *s)
{
        close_fd(s->input);
        close_fd(s->output);
        close_fd(s->error);
        *s = UNIT_STREAMS_NONE;
}

typedef struct TransientUnit {
        const UnitFile *rows;
        const UnitStreams *streams;
} TransientUnit;

static int append_stream(sd_bus_message *m, const char *name, int fd)
{
        return fd < 0 ? 0 : sd_bus_message_append(m, "(sv)", name, "h", fd);
}

static int append_unit(sd_bus_message *m, void *userdata)
{
        TransientUnit *t = userdata;
        int r = 0;

        for (size_t i = 0; r >= 0 && i < t->rows->n_rows; i++)
                r = unit_property_append(m, &t->rows->rows[i]);
        if (r >= 0)
                r = append_stream(m, "StandardInputFileDescriptor", t->streams->input);
        if (r >= 0)
                r = append_stream(m, "StandardOutputFileDescriptor", t->streams->output);
        return r < 0 ? r : append_stream(m, "StandardErrorFileDescriptor", t->streams->error);
}

int systemd_start_transient(Systemd *s, const char *unit, const UnitFile *rows, const UnitStreams *streams,
                            SystemdCall **slot, SystemdReply reply, void *userdata)
{
        TransientUnit t = {rows, streams};

        return systemd_start_transient_with(s, unit, append_unit, &t, slot, reply, userdata);
}

static int read_unit(sd_bus_message *m, SystemdUnit each, void *userdata)
{
        const char *unit, *active, *sub;
        int r;

        r = sd_bus_message_enter_container(m, 'r', "ssssssouso");
        if (r <= 0)
                return r;
        r = sd_bus_message_read(m, "s", &unit);
        if (r >= 0)
                r = sd_bus_message_skip(m, "ss");
        if (r >= 0)
                r = sd_bus_message_read(m, "ss", &active, &sub);
        if (r >= 0)
                r = sd_bus_message_skip(m, "souso");
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        if (r < 0)
                return r;
        each(0, unit, unit_state(active, sub), userdata);
        return 1;
}

static void read_units(sd_bus_message *m, SystemdUnit each, void *userdata)
{
        int r;

        r = sd_bus_message_enter_container(m, 'a', "(ssssssouso)");
        while (r >= 0) {
                r = read_unit(m, each, userdata);
                if (r == 0)
                        break;
        }
        each(r, NULL, UNIT_ABSENT, userdata);
}

static int on_units(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        const sd_bus_error *e = sd_bus_message_get_error(m);
        SystemdCall *c = userdata;
        SystemdUnit each = c->each;
        void *data = c->userdata;

        call_free(c);
        if (e)
                each(call_errno(e), NULL, UNIT_ABSENT, data);
        else
                read_units(m, each, data);
        return 0;
}

static int list_message(Systemd *s, char *const *patterns, sd_bus_message **ret)
{
        int r;

        r = new_message(s, "ListUnitsByPatterns", ret);
        if (r >= 0)
                r = sd_bus_message_append(*ret, "as", 0);
        return r < 0 ? r : sd_bus_message_append_strv(*ret, (char **) patterns);
}

int systemd_list_units(Systemd *s, char *const *patterns, SystemdCall **slot, SystemdUnit each,
                       void *userdata)
{
        _cleanup_message_ sd_bus_message *m = NULL;
        int r;

        r = list_message(s, patterns, &m);
        return r < 0 ? r : send_call(s, m, on_units, slot, NULL, each, userdata);
}

int systemd_list_units_now(Systemd *s, char *const *patterns, SystemdUnit each, void *userdata, Error *error)
{
        _cleanup_bus_error_ sd_bus_error e = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
        int r;

        r = list_message(s, patterns, &m);
        if (r >= 0)
                r = sd_bus_call(s->bus, m, 0, &e, &reply);
        if (r < 0)
                return error_set(error, ERROR_FAILED, "Cannot ask systemd for its units: %s",
                                 e.message ?: strerror(-r));
        read_units(reply, each, userdata);
        return 0;
}
