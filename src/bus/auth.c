/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The table of authorisation, and the filter that asks by it. A call that has to wait is held as a query and
 * put back into the queue when the answer is there; the filter then knows it by its address and lets it
 * through, so each handler runs once and after the answer. */

#include "base/hashmap.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/str.h"
#include "bus/auth.h"
#include "bus/bus.h"
#include "bus/request.h"
#include "spec/name.h"

#define BUS_DRIVER "org.freedesktop.DBus"
#define POLKIT "org.freedesktop.PolicyKit1"
#define POLKIT_PATH "/org/freedesktop/PolicyKit1/Authority"
#define POLKIT_INTERFACE "org.freedesktop.PolicyKit1.Authority"
#define INTERACTIVE_TIMEOUT (5 * USEC_PER_MINUTE)
#define UIDS_MAX 1024U

typedef struct Query {
        Auth *auth;
        sd_bus_message *message;
        const char *action;
        sd_bus_slot *slot; /* of the question, NULL: another call of the same client asks who it is */
        uid_t uid;         /* of the client, once it is known */
        bool asks_polkit;
        bool answered;
        bool allowed;
        ErrorKind refusal;
        bool challenge;
        struct Query *next;
} Query;

struct Auth {
        sd_bus *bus;
        sd_bus_slot *filter;
        Query *queries, **last; /* in the order of the calls */
        size_t n_queries;
        Map *uids; /* uid + 1 as pointer, by unique name; unique names are never used again */
};

/* Refinements */

/* The caller may be about to give a container access to the host. */
static const char *refine_settings(sd_bus_message *m, const char *action)
{
        bool host = request_reaches_host(m);

        (void) sd_bus_message_rewind(m, true);
        return host ? AUTH_MANAGE_HOST : action;
}

static const char *refine_exec(sd_bus_message *m, const char *action)
{
        bool privileged = request_has_flag(m, "Privileged");

        (void) sd_bus_message_rewind(m, true);
        return privileged ? AUTH_MANAGE_HOST : action;
}

/* Removing an image by force removes containers too, which is another action. */
static const char *refine_force(sd_bus_message *m, const char *action)
{
        bool force = (sd_bus_message_has_signature(m, "sa{sv}") ? sd_bus_message_skip(m, "s") : 0) >= 0 &&
                     request_has_flag(m, "Force");

        (void) sd_bus_message_rewind(m, true);
        return force ? AUTH_MANAGE_HOST : action;
}

static const char *refine_property(sd_bus_message *m, const char *action)
{
        static const struct {
                const char *interface, *property;
        } public[] = {
                {RUNTIME_INTERFACE, "Version"},
        };
        const char *interface, *property;
        int r;

        r = sd_bus_message_read(m, "ss", &interface, &property);
        (void) sd_bus_message_rewind(m, true);
        if (r < 0)
                return action;
        FOREACH_ELEMENT(p, public)
                if (streq(p->interface, interface) && streq(p->property, property))
                        return AUTH_OPEN;
        return action;
}

/* The table */

#define R RUNTIME_INTERFACE
#define C CONTAINER_INTERFACE
#define I IMAGE_INTERFACE
#define O OPERATION_INTERFACE
#define PROPERTIES "org.freedesktop.DBus.Properties"

static const AuthRow rows[] = {
        {"org.freedesktop.DBus.Peer", "Ping", AUTH_OPEN},
        {"org.freedesktop.DBus.Peer", "GetMachineId", AUTH_OPEN},
        {"org.freedesktop.DBus.Introspectable", "Introspect", AUTH_OPEN},
        {PROPERTIES, "Get", AUTH_INSPECT, refine_property},
        {PROPERTIES, "GetAll", AUTH_INSPECT},
        {"org.freedesktop.DBus.ObjectManager", "GetManagedObjects", AUTH_INSPECT},

        {R, "NewContainer", AUTH_MANAGE, refine_settings},
        {R, "GetContainer", AUTH_INSPECT},
        {R, "LookupContainer", AUTH_INSPECT},
        {R, "HasContainer", AUTH_INSPECT},
        {R, "GetAllContainers", AUTH_INSPECT},
        {R, "GetRunningContainers", AUTH_INSPECT},
        {R, "ListContainers", AUTH_INSPECT},
        {R, "RemoveContainer", AUTH_MANAGE},
        {R, "PruneContainers", AUTH_MANAGE},
        {R, "LoadImage", AUTH_MANAGE_IMAGES},
        {R, "LoadAllImageFromArchive", AUTH_MANAGE_IMAGES},
        {R, "LoadImageFromSingleImageArchive", AUTH_MANAGE_IMAGES},
        {R, "Import", AUTH_MANAGE_IMAGES},
        {R, "Pull", AUTH_MANAGE_IMAGES},
        {R, "Push", AUTH_MANAGE_IMAGES},
        {R, "SaveImages", AUTH_MANAGE_IMAGES},
        {R, "CheckImages", AUTH_MANAGE_IMAGES},
        {R, "GetDiff", AUTH_INSPECT},
        {R, "CheckCredentials", AUTH_MANAGE_IMAGES},
        {R, "ListTags", AUTH_MANAGE_IMAGES},
        {R, "SearchImages", AUTH_MANAGE_IMAGES},
        {R, "GetImage", AUTH_INSPECT},
        {R, "LookupImage", AUTH_INSPECT},
        {R, "HasImage", AUTH_INSPECT},
        {R, "ListImages", AUTH_INSPECT},
        {R, "RemoveImage", AUTH_MANAGE_IMAGES, refine_force},
        {R, "RemoveImageFromStorage", AUTH_MANAGE_IMAGES, refine_force},
        {R, "NormalizeImageRef", AUTH_INSPECT},
        {R, "ImageRefsEqual", AUTH_INSPECT},
        {R, "PruneImages", AUTH_MANAGE_IMAGES},
        {R, "Info", AUTH_INSPECT},

        {C, "Start", AUTH_MANAGE},
        {C, "StartAndAttach", AUTH_MANAGE},
        {C, "Stop", AUTH_MANAGE},
        {C, "StopWithTimeout", AUTH_MANAGE},
        {C, "Restart", AUTH_MANAGE},
        {C, "RestartWithTimeout", AUTH_MANAGE},
        {C, "Kill", AUTH_MANAGE},
        {C, "Wait", AUTH_INSPECT},
        {C, "Exec", AUTH_EXEC, refine_exec},
        {C, "Inspect", AUTH_INSPECT},
        {C, "Remove", AUTH_MANAGE},
        {C, "Update", AUTH_MANAGE, refine_settings},
        {C, "Refresh", AUTH_INSPECT},
        {C, "Sync", AUTH_INSPECT},

        {I, "Inspect", AUTH_INSPECT},
        {I, "Remove", AUTH_MANAGE_IMAGES, refine_force},
        {I, "Tag", AUTH_MANAGE_IMAGES},
        {I, "Untag", AUTH_MANAGE_IMAGES},
        {I, "Mount", AUTH_MANAGE_IMAGES},
        {I, "Unmount", AUTH_MANAGE_IMAGES},
        {I, "History", AUTH_INSPECT},
        {I, "Tree", AUTH_INSPECT},

        {O, "Cancel", AUTH_MANAGE_IMAGES},
        {O, "Wait", AUTH_INSPECT},
};

const AuthRow *auth_rows(size_t *ret_n)
{
        *ret_n = ELEMENTSOF(rows);
        return rows;
}

const AuthRow *auth_row(const char *interface, const char *member)
{
        if (!interface || !member)
                return NULL;
        FOREACH_ELEMENT(row, rows)
                if (streq(row->interface, interface) && streq(row->member, member))
                        return row;
        return NULL;
}

/* Queries */

static void unlink_query(Query *q)
{
        Query **p = &q->auth->queries;

        while (*p != q)
                p = &(*p)->next;
        *p = q->next;
        if (q->auth->last == &q->next)
                q->auth->last = p;
        q->auth->n_queries--;
}

static void query_free(Query *q)
{
        unlink_query(q);
        sd_bus_slot_unref(q->slot);
        sd_bus_message_unref(q->message);
        free(q);
}

static Query *find_query(Auth *a, const sd_bus_message *m)
{
        Query *q = a->queries;

        while (q && q->message != m)
                q = q->next;
        return q;
}

bool auth_is_busy(const Auth *a)
{
        return a->queries != NULL;
}

void auth_forget(Auth *a, const char *sender)
{
        (void) map_remove(a->uids, sender);
        for (Query *q = a->queries, *next; q; q = next) {
                next = q->next;
                /* One that is answered is in the queue again: the filter must still find its refusal. */
                if (!streq_ptr(sd_bus_message_get_sender(q->message), sender))
                        continue;
                if (q->answered) {
                        q->allowed = false;
                        q->refusal = ERROR_NOT_AUTHORIZED;
                } else
                        query_free(q);
        }
}

/* What the filter returns. A message that wants no reply is refused too: 0 would let it through. */
#define LET_THROUGH 0
#define HANDLED 1

static int refuse(sd_bus_message *m, ErrorKind kind, const char *action, bool challenge)
{
        const char *member = sd_bus_message_get_member(m);

        if (kind == ERROR_LIMIT)
                (void) sd_bus_reply_method_errorf(m, error_bus_name(kind),
                                                  "%s: too many calls wait for their authorization", member);
        else if (challenge)
                (void) sd_bus_reply_method_errorf(m, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED,
                                                  "%s needs the authorization %s: authenticate", member,
                                                  action);
        else
                (void) sd_bus_reply_method_errorf(
                        m, error_bus_name(kind), "%s needs the authorization %s%s", member, action,
                        kind == ERROR_AUTH_UNAVAILABLE ? ", but polkit does not answer" : "");
        return HANDLED;
}

static void answer(Query *q, bool allowed, ErrorKind refusal, bool challenge)
{
        q->slot = sd_bus_slot_unref(q->slot);
        q->answered = true;
        q->allowed = allowed;
        q->refusal = refusal;
        q->challenge = challenge;
        if (sd_bus_enqueue_for_read(q->auth->bus, q->message) < 0) {
                (void) refuse(q->message, ERROR_LIMIT, q->action, false);
                query_free(q);
        }
}

static int on_polkit(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        const sd_bus_error *e = sd_bus_message_get_error(m);
        int authorized = false, challenge = false, r;
        Query *q = userdata;

        if (e) {
                log_debug("polkit: %s", e->message ?: e->name);
                answer(q, false, ERROR_AUTH_UNAVAILABLE, false);
                return 0;
        }
        r = sd_bus_message_enter_container(m, 'r', "bba{ss}");
        if (r >= 0)
                r = sd_bus_message_read(m, "bb", &authorized, &challenge);
        answer(q, r >= 0 && authorized, ERROR_NOT_AUTHORIZED, r >= 0 && challenge);
        return 0;
}

static int ask_polkit(Query *q)
{
        int interactive = sd_bus_message_get_allow_interactive_authorization(q->message);
        sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_method_call(q->auth->bus, &m, POLKIT, POLKIT_PATH, POLKIT_INTERFACE,
                                           "CheckAuthorization");
        if (r >= 0)
                r = sd_bus_message_append(m, "(sa{sv})sa{ss}us", "system-bus-name", 1, "name", "s",
                                          sd_bus_message_get_sender(q->message), q->action, 2, "object",
                                          sd_bus_message_get_path(q->message), "method",
                                          sd_bus_message_get_member(q->message), interactive > 0 ? 1 : 0, "");
        if (r >= 0)
                r = sd_bus_call_async(q->auth->bus, &q->slot, m, on_polkit, q,
                                      interactive > 0 ? INTERACTIVE_TIMEOUT : 0);
        sd_bus_message_unref(m);
        return r;
}

static bool is_from(const Query *q, const char *sender)
{
        return streq_ptr(sd_bus_message_get_sender(q->message), sender);
}

/* Whether polkit has been asked enough on behalf of this client and this user. */
static bool is_limited(const Auth *a, const char *sender, uid_t uid)
{
        size_t of_sender = 0, of_user = 0;

        for (const Query *q = a->queries; q; q = q->next) {
                if (!q->asks_polkit || q->answered)
                        continue;
                of_sender += is_from(q, sender);
                of_user += q->uid == uid;
        }
        return of_sender >= AUTH_QUERIES_PER_SENDER_MAX || of_user >= AUTH_QUERIES_PER_USER_MAX;
}

static void proceed(Query *q, uid_t uid)
{
        q->uid = uid;
        if (uid == 0)
                answer(q, true, ERROR_NONE, false);
        else if (is_limited(q->auth, sd_bus_message_get_sender(q->message), uid))
                answer(q, false, ERROR_LIMIT, false);
        else if (ask_polkit(q) < 0)
                answer(q, false, ERROR_AUTH_UNAVAILABLE, false);
        else
                q->asks_polkit = true;
}

/* Who the client is: for all calls of it that have come meanwhile, in their order. */
static int on_uid(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        Query *asked = userdata;
        Auth *a = asked->auth;
        _cleanup_free_ char *sender = strdup(sd_bus_message_get_sender(asked->message));
        uint32_t uid = UINT32_MAX;
        bool known;

        asked->slot = sd_bus_slot_unref(asked->slot);
        known = !sd_bus_message_get_error(m) && sd_bus_message_read(m, "u", &uid) >= 0;
        if (known && sender && map_size(a->uids) < UIDS_MAX)
                (void) map_put(a->uids, sender, (void *) ((uintptr_t) uid + 1));
        for (Query *q = a->queries, *next; q; q = next) {
                next = q->next;
                if (!is_from(q, sender) || q->answered || q->asks_polkit)
                        continue;
                if (known)
                        proceed(q, uid);
                else /* it is gone already: nobody is there to be authorised */
                        answer(q, false, ERROR_NOT_AUTHORIZED, false);
        }
        return 0;
}

static int query_new(Auth *a, sd_bus_message *m, const char *action, Query **ret)
{
        Query *q;

        if (a->n_queries >= AUTH_QUERIES_MAX)
                return -E2BIG;
        q = calloc(1, sizeof(*q));
        if (!q)
                return -ENOMEM;
        *q = (Query){.auth = a, .message = sd_bus_message_ref(m), .action = action};
        *a->last = q;
        a->last = &q->next;
        a->n_queries++;
        *ret = q;
        return 0;
}

static bool is_being_identified(const Auth *a, const char *sender)
{
        for (const Query *q = a->queries; q; q = q->next)
                if (q->slot && !q->asks_polkit && is_from(q, sender))
                        return true;
        return false;
}

static int ask(Auth *a, sd_bus_message *m, const char *action)
{
        const char *sender = sd_bus_message_get_sender(m);
        uintptr_t known = sender ? (uintptr_t) map_get(a->uids, sender) : 0;
        bool identified;
        Query *q;
        int r;

        if (!sender)
                return refuse(m, ERROR_NOT_AUTHORIZED, action, false);
        if (known == 1)
                return LET_THROUGH; /* root */
        identified = known || is_being_identified(a, sender);
        r = query_new(a, m, action, &q);
        if (r < 0)
                return refuse(m, ERROR_LIMIT, action, false);
        if (known)
                proceed(q, (uid_t) (known - 1));
        if (identified)
                return HANDLED;
        r = sd_bus_call_method_async(a->bus, &q->slot, BUS_DRIVER, "/org/freedesktop/DBus", BUS_DRIVER,
                                     "GetConnectionUnixUser", on_uid, q, "s", sender);
        if (r >= 0)
                return HANDLED;
        query_free(q);
        return refuse(m, ERROR_AUTH_UNAVAILABLE, action, false);
}

static int on_message(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        const AuthRow *row;
        const char *action;
        Auth *a = userdata;
        Query *q;

        if (!sd_bus_message_is_method_call(m, NULL, NULL))
                return LET_THROUGH;
        q = find_query(a, m);
        if (q && q->answered) {
                int r = q->allowed ? LET_THROUGH : refuse(m, q->refusal, q->action, q->challenge);

                query_free(q);
                return r;
        }
        row = auth_row(sd_bus_message_get_interface(m), sd_bus_message_get_member(m));
        if (!row) {
                (void) sd_bus_reply_method_errorf(m, SD_BUS_ERROR_UNKNOWN_METHOD, "No such method: %s.%s",
                                                  strempty(sd_bus_message_get_interface(m)),
                                                  sd_bus_message_get_member(m));
                return HANDLED;
        }
        action = row->refine ? row->refine(m, row->action) : row->action;
        return action ? ask(a, m, action) : LET_THROUGH;
}

int auth_new(sd_bus *bus, Auth **ret)
{
        _cleanup_(auth_freep) Auth *a = calloc(1, sizeof(*a));
        int r;

        if (!a)
                return -ENOMEM;
        a->bus = bus;
        a->last = &a->queries;
        a->uids = map_new(NULL);
        if (!a->uids)
                return -ENOMEM;
        r = sd_bus_add_filter(bus, &a->filter, on_message, a);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(a);
        return 0;
}

Auth *auth_free(Auth *a)
{
        if (!a)
                return NULL;
        while (a->queries)
                query_free(a->queries);
        sd_bus_slot_unref(a->filter);
        map_free(a->uids);
        free(a);
        return NULL;
}
