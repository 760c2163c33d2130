/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Something that ends later: a job of systemd, a forked task, an exit that is waited for. It completes
 * exactly once: when what it waits for has happened, when it is cancelled, or when the daemon ends and
 * everybody forgot it. */

#include "base/json.h"
#include "engine/systemd.h"
#include "engine/task.h"
#include "spec/error.h"

typedef struct Container Container;
typedef struct Manager Manager;
typedef struct Operation Operation;
typedef struct Session Session;

/* Limits on what one client, and all clients together, can make us hold. */
#define OPERATIONS_MAX 8192U
#define OPERATIONS_PER_OWNER_MAX 2048U

typedef enum OperationType {
        OPERATION_CREATE,
        OPERATION_START,
        OPERATION_STOP,
        OPERATION_RESTART,
        OPERATION_KILL,
        OPERATION_UPDATE,
        OPERATION_REMOVE,
        OPERATION_WAIT,
        OPERATION_EXEC,
        OPERATION_IMAGE, /* our own: see work.h */
        OPERATION_WORK,  /* a client that waits for such a one */
        OPERATION_PRUNE,
        _OPERATION_TYPE_MAX,
} OperationType;

/* What came of it, by type: id of what was made or removed, exit code, lists of names and IDs. Borrowed. */
typedef struct OperationResult {
        const char *id;
        int exit_code;
        char **names;
        char **ids;
        char **warnings;
        const json_t *value;
} OperationResult;

/* Who wants to know. owner is the client's unique bus name, NULL for ourselves. done is called exactly once
 * for each promise that was taken. */
/* What done is called with when nobody is to be told: we are leaving, or the client is gone. */
#define OPERATION_ABANDONED (-ECONNABORTED)
typedef void (*OperationDone)(int r, const Error *error, const OperationResult *result, void *userdata);
typedef struct Promise {
        const char *owner;
        OperationDone done;
        void *userdata;
} Promise;

/* Calls done at once: it is so already. Returns 0. */
int promise_complete(const Promise *p, const OperationResult *result);

struct Operation {
        Manager *manager;
        OperationType type;
        Operation *next, *previous; /* of all */
        char *owner;
        OperationDone done;
        void *userdata;

        Container *container;      /* NULL: none, or it is gone */
        Operation *container_next; /* of those of the container */
        Session *session;
        const struct OperationClass *class;
        bool marked;    /* still to be told of what all are told */
        unsigned phase; /* the class's own */
        SystemdCall *call;
        Task *task;
        char *job;
        Operation *job_next; /* of those that wait for the same */
        sd_event_source *timer;
        void (*on_timer)(Operation *o);
        uint64_t deadline; /* monotonic */
        void *data;        /* the class's own, freed by its done */
};

/* How an operation reacts. All are optional. */
typedef struct OperationClass {
        void (*job)(Operation *o, const char *result); /* its job has ended */
        void (*unit_removed)(Operation *o);            /* the container's unit is not loaded any more */
        void (*resume)(Operation *o);                  /* systemd is back after its connection broke */
        void (*free)(Operation *o);
} OperationClass;

/* ERROR_LIMIT. The promise is taken when it succeeds. container may be NULL. */
int operation_new(Manager *m, OperationType type, const OperationClass *class, Container *c, const Promise *p,
                  Operation **ret, Error *error);
/* Calls done, then frees. */
void operation_complete(Operation *o, int r, const Error *error, const OperationResult *result);
void operation_fail(Operation *o, ErrorKind kind, const char *format, ...) _printf_(3, 4);
/* The error that a reply of systemd or a task brought, or what errno says when it brought none. */
void operation_fail_errno(Operation *o, int r, const Error *error, const char *what);

/* Waits for a job: class->job is called when it ends. */
int operation_await_job(Operation *o, const char *job);
/* Calls handler once after usec; replaces an earlier timer. USEC_INFINITY: none. */
int operation_set_timer(Operation *o, uint64_t usec, void (*handler)(Operation *o));
void operation_detach_container(Operation *o);
/* A client is gone: what only waits on its behalf ends. */
void operations_forget_owner(Manager *m, const char *owner);
void operations_abandon(Manager *m);
