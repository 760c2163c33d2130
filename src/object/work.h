/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Something long that workers do: a pull, a load, a removal. It has an object on the bus,
 * /io/berth1/operation/ID, by which it is watched and cancelled. Several clients may wait for one, each with
 * an operation of its own; it ends by itself, when it is cancelled, or with the last client that waits for it
 * unless somebody asked for it to go on. What came of it can be asked for a while after its end. */

#include "base/json.h"
#include "engine/report.h"
#include "engine/worker.h"
#include "object/manager.h"

#define WORKS_MAX 128U
/* Those that have ended and can still be asked for. */
#define WORKS_ENDED_MAX 64U

typedef enum WorkType {
        WORK_PULL,
        WORK_PUSH,
        WORK_LOAD,
        WORK_IMPORT,
        WORK_SAVE,
        WORK_DIFF,
        WORK_SEARCH,
        WORK_TAGS,
        WORK_CHECK,
        WORK_REMOVE,
        WORK_SWEEP,
        WORK_CHECK_REGISTRY,
        _WORK_TYPE_MAX,
} WorkType;

typedef enum WorkState {
        WORK_PLANNED, /* no worker runs for it now */
        WORK_STARTING,
        WORK_RUNNING,
        WORK_CLEARING, /* an earlier worker of the same name is stopped first */
        WORK_STOPPING, /* its worker is stopped because it was cancelled */
} WorkState;

typedef struct Work Work;

typedef struct WorkClass {
        /* A worker has ended: starts the next one or ends the work. result is NULL when r < 0. */
        void (*stepped)(Work *w, int r, json_t *result, const Error *error);
        /* It was cancelled, and its worker is gone now. */
        void (*cancelled)(Work *w);
        void (*free)(void *data);
} WorkClass;

struct Work {
        Manager *manager;
        char *id;
        WorkType type;
        const WorkClass *class;
        void *data; /* the class's own */
        char *subject;
        char *key;        /* by which clients that want the same find it; NULL: it is not shared */
        uint64_t started; /* realtime */
        WorkState state;
        bool lasting; /* goes on without clients */
        bool kept;    /* when it has ended */
        bool bound;   /* cannot be cancelled */
        bool cancelled;
        bool ended; /* everybody has been told */
        size_t n_waiting;
        Operation *run; /* ours, until the last worker is gone */

        /* The worker at hand. */
        WorkerProgram program;
        char *unit, *description, *directory;
        char **arguments;
        int input, output;
        Report *report;
        bool unit_started;
        unsigned tries;

        char *phase;
        json_t *items;
        uint64_t done, total;
        sd_event_source *announcement;
        bool changed;

        /* What came of it. */
        int r;
        Error error;
        char **names, **ids, **warnings;
        json_t *value;
};

typedef struct WorkOptions {
        WorkType type;
        const WorkClass *class;
        void *data; /* taken, also on failure: by the class's free */
        const char *subject;
        const char *key;
} WorkOptions;

/* How a client wants to hear of it: of the end; or at once, by an ID to ask with. */
typedef struct WorkClient {
        Promise promise;
        bool background; /* answer at once */
        bool attached;   /* and yet end with the client */
} WorkClient;

const char *work_type_to_string(WorkType t);
/* "running", "stopping", "done", "failed", "cancelled" */
const char *work_state_word(const Work *w);

/* client: the first, NULL: ourselves. Its promise is taken on success. ERROR_LIMIT. */
int work_new(Manager *m, const WorkOptions *options, const WorkClient *client, Work **ret, Error *error);
Work *work_free(Work *w);
DEFINE_CLEANUP(Work *, work_free)
/* One that runs and is shared. */
Work *work_find(const Manager *m, WorkType type, const char *key);

/* One more client. ERROR_LIMIT. */
int work_join(Work *w, const WorkClient *client, Error *error);
/* A client that waits; one that comes after the end is told at once. done may be NULL: it only keeps the work
 * going. ERROR_LIMIT. */
int work_wait(Work *w, const Promise *p, Error *error);
/* Tells all who wait; the work is gone then, unless it is kept. names, ids, warnings and value have been
 * put into it. */
void work_end(Work *w, int r, const Error *error);
/* The error that a worker or a call brought, or what errno says when it brought none. */
void work_fail(Work *w, int r, const Error *error, const char *what);
/* Those who wait are told at once, the worker is stopped. ERROR_NOT_SUPPORTED, ERROR_NOT_RUNNING. */
int work_cancel(Work *w, Error *error);

typedef struct WorkStep {
        WorkerProgram program;
        const char *description;
        const char *unit;      /* NULL: a new name */
        const char *directory; /* of berth-fetch */
        char *const *arguments;
        int input; /* taken, also on failure; -EBADF: none */
} WorkStep;
/* The next worker. When it cannot be started, the work has failed. */
void work_step(Work *w, const WorkStep *step, const char *what);
