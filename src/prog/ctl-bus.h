/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The way to berthd: one connection, made when it is first needed. Calls may be sent in a row and their
 * replies awaited later, so that several of them cost one round trip. What comes back is read as JSON, which
 * is what everything that prints works on. */

#include "base/json.h"
#include "prog/ctl.h"

/* One call on its way. Zero-initialised; call_done() gives it up. */
typedef struct Call {
        sd_bus_slot *slot;
        sd_bus_message *reply;
} Call;
void call_done(Call *call);
#define _cleanup_call_ _cleanup_(call_done)

#define _cleanup_message_ _cleanup_(sd_bus_message_unrefp)

int bus_connect(Ctl *c);
void bus_close(Ctl *c);

/* A new call with its arguments in sd_bus_message_append()'s language (types may be NULL). */
int bus_new_call(Ctl *c, sd_bus_message **ret, const char *path, const char *interface, const char *member,
                 const char *types, ...);
/* Sends without waiting. call must stay where it is until it is done. */
int bus_send(Ctl *c, sd_bus_message *m, Call *call);
/* Waits for the reply; an error reply becomes c->error. *ret is borrowed from call and may be NULL. */
int bus_wait(Ctl *c, Call *call, sd_bus_message **ret);
/* Reads a reply that is there. */
int bus_reply(Ctl *c, Call *call, sd_bus_message **ret);
/* Whether the answer will never come because berthd went away. The bus starts another one for the next call:
 * what only asks may be asked again. */
bool bus_went_away(const Call *call);
/* All of it in one. *ret is the caller's. */
int bus_call(Ctl *c, sd_bus_message **ret, const char *path, const char *interface, const char *member,
             const char *types, ...);
/* One property as JSON. */
int bus_get(Ctl *c, const char *path, const char *interface, const char *property, json_t **ret);

/* The next complete value of a message. Descriptors read as null. */
int bus_read_json(Ctl *c, sd_bus_message *m, json_t **ret);
/* For any call that failed with an errno of the library. */
int bus_failed(Ctl *c, int r);

/* The settings given that are of a kind, as entries of an open a{sv}. */
int bus_append_settings(Ctl *c, sd_bus_message *m, SpecKind kind);
/* The dictionary of all settings given, a{sv}; image and command are settings too. */
int bus_append_spec(Ctl *c, sd_bus_message *m);
/* "Filters" from --filter KEY=VALUE as an object of arrays; NULL when none was given. */
int bus_filters(Ctl *c, json_t **ret);

/* "/io/berth1/container/ID" for a full ID, and else what the daemon finds. noun is "container" or "image". */
int bus_find(Ctl *c, const char *noun, const char *name, char **ret_path);

/* The lists with --filter. last: only the last created, 0 for no such limit. */
int bus_list_containers(Ctl *c, bool all, uint64_t last, json_t **ret);
int bus_list_images(Ctl *c, json_t **ret);
/* A Prune method with --filter; prints what it removed. */
int bus_prune(Ctl *c, const char *member);
