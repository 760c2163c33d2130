/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* All objects by name, what loads them at start, and what follows systemd and the executor's records while we
 * run. Objects do not know the bus: whoever wants to hear of them is the one Observer. */

#include "base/hashmap.h"
#include "object/operation.h"
#include "spec/event.h"
#include "store/state.h"

typedef struct Image Image;

/* Containers that are gone, but whose exit code may still be asked for. */
#define ENDED_MAX 256U

#define CONTAINERS_MAX 16384U
#define IMAGES_MAX 16384U
#define SESSIONS_MAX 4096U

typedef enum ObjectKind {
        OBJECT_CONTAINER,
        OBJECT_IMAGE,
        OBJECT_OPERATION,
        _OBJECT_KIND_MAX,
} ObjectKind;

typedef struct Observer {
        void (*added)(ObjectKind kind, const char *id, void *userdata);
        void (*removed)(ObjectKind kind, const char *id, void *userdata);
        /* Names of properties, NULL-terminated. */
        void (*changed)(ObjectKind kind, const char *id, const char *const *properties, void *userdata);
        void (*event)(Event e, const EventInfo *info, uint64_t realtime_usec, void *userdata);
        /* The last pending operation has ended. */
        void (*idle)(void *userdata);
} Observer;

struct Manager {
        sd_event *event;
        State *state;
        Systemd *systemd;
        const Observer *observer;
        void *observer_data;

        Map *containers;      /* by ID; owned */
        Map *container_names; /* by name, also of those that are being made */
        Map *container_units; /* by unit */
        Map *ended;           /* exit code + 1 as pointer, by the ID of one that is gone */
        Map *sessions;        /* exec sessions by ID; owned */
        Map *session_units;   /* by unit */
        Map *images;          /* by ID; owned */
        Map *image_names;     /* by normalised name */
        Map *works;           /* operations with an object on the bus, by ID; owned */

        Operation *operations;
        size_t n_operations;
        bool leaving; /* all operations are being abandoned */
        Map *owners;  /* Counter by bus name; owned */
        Map *jobs;    /* first Operation by job path */

        Container *buried; /* dropped, and freed when nobody can hold them any more */
        sd_event_source *burial;

        int start_directory;
        int exit_directory;
        int exec_directory;
        sd_event_source *watches[3];
        SystemdCall *resync;
        struct Comparison *comparison;
        Task *sweep;
        char **leftovers; /* of containers, to be removed */
        sd_event_source *sweep_timer;
        char **damaged;
};

int manager_new(sd_event *event, Manager **ret, Error *error);
Manager *manager_free(Manager *m);
DEFINE_CLEANUP(Manager *, manager_free)

/* Loads everything and asks systemd once what runs. A damaged object is set aside and reported, never fatal.
 */
int manager_load(Manager *m, Error *error);
void manager_observe(Manager *m, const Observer *observer, void *userdata);

/* By name, ID, or unique prefix of an ID. */
int manager_find_container(Manager *m, const char *name, Container **ret, Error *error);
/* How a container ended that was removed by that: for a Wait that comes, or comes again, too late. */
void manager_remember_end(Manager *m, const char *id, int exit_code);
bool manager_recall_end(Manager *m, const char *id, int *ret_exit_code);
/* The start and the exit record of a container that is gone. */
void manager_forget_records(Manager *m, const char *id);
/* The files of an interrupted creation or removal: tried again in a while, and at the next start. */
void manager_sweep_later(Manager *m, const char *id);
/* Frees the container when what is being dispatched is done. */
void manager_bury(Manager *m, Container *c);
void manager_free_buried(Manager *m);
Container *manager_container_of_unit(Manager *m, const char *unit);

void manager_added(Manager *m, ObjectKind kind, const char *id);
void manager_removed(Manager *m, ObjectKind kind, const char *id);
void manager_changed(Manager *m, ObjectKind kind, const char *id, const char *const *properties);
/* Writes the journal entry and tells the observer. */
void manager_event(Manager *m, Event e, const EventInfo *info);
/* Only tells the observer: the executor has written the entry. */
void manager_announce(Manager *m, Event e, const EventInfo *info, uint64_t realtime_usec);
void manager_report_damage(Manager *m, const char *what, const Error *error);
