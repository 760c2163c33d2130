/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* PID 1, over its bus API: start transient units, queue jobs, send signals, follow what becomes of units. The
 * connection is PID 1's own socket (one hop instead of three, as systemctl uses it), the system bus where
 * there is none. It is made again when systemd re-executes itself. Nothing here blocks but
 * systemd_list_units_now(). */

#include <systemd/sd-event.h>

#include "spec/error.h"
#include "spec/unit-file.h"

typedef struct Systemd Systemd;

typedef enum UnitState {
        UNIT_ABSENT, /* not loaded, or inactive */
        UNIT_FAILED,
        UNIT_WAITING, /* ended, and systemd will start it again */
        UNIT_ACTIVATING,
        UNIT_ACTIVE,
        UNIT_DEACTIVATING,
        _UNIT_STATE_MAX,
} UnitState;

typedef struct UnitChange {
        const char *unit;
        bool has_state;
        UnitState state;
        const char *invocation_id; /* of the run that it is about, NULL: not said */
        bool has_restarts;
        uint32_t restarts;
} UnitChange;

/* What happens without being asked for. */
typedef struct SystemdWatch {
        void (*job_removed)(const char *job, const char *result, void *userdata);
        void (*unit_changed)(const UnitChange *change, void *userdata);
        void (*unit_removed)(const char *unit, void *userdata);
        /* A new connection: anything may have happened since the old one broke. */
        void (*reconnected)(void *userdata);
} SystemdWatch;

int systemd_new(sd_event *event, const SystemdWatch *watch, void *userdata, Systemd **ret, Error *error);
Systemd *systemd_free(Systemd *s);
DEFINE_CLEANUP(Systemd *, systemd_free)

/* A call under way; *slot is NULL again from the moment that its reply is delivered. */
typedef struct SystemdCall SystemdCall;
void systemd_call_cancel(SystemdCall **slot);

/* A call that returns -ECONNRESET was not sent: there is no connection now, and reconnected() will tell. A
 * reply with the same says that the connection broke on the way.
 *
 * r: -ENOENT no such unit, -EEXIST a unit of that name is loaded, -ECONNRESET the connection broke (what was
 * asked may or may not have been done), others with an error. job is the object path of the job queued, NULL
 * for calls that queue none. */
typedef void (*SystemdReply)(int r, const char *job, const Error *error, void *userdata);

typedef enum SystemdVerb {
        SYSTEMD_START,
        SYSTEMD_STOP,
        SYSTEMD_RESTART,
        _SYSTEMD_VERB_MAX,
} SystemdVerb;

/* The standard streams of a unit, -EBADF: by the unit's rows. */
typedef struct UnitStreams {
        int input, output, error;
} UnitStreams;
#define UNIT_STREAMS_NONE ((UnitStreams){-EBADF, -EBADF, -EBADF})
static inline bool unit_streams_given(const UnitStreams *s)
{
        return s->input >= 0 || s->output >= 0 || s->error >= 0;
}
/* Descriptors of our own for the same; *to is closed by done also after a failure. */
int unit_streams_copy(const UnitStreams *from, UnitStreams *to);
void unit_streams_done(UnitStreams *s);

int systemd_job(Systemd *s, SystemdVerb verb, const char *unit, SystemdCall **slot, SystemdReply reply,
                void *userdata);
int systemd_start_transient(Systemd *s, const char *unit, const UnitFile *rows, const UnitStreams *streams,
                            SystemdCall **slot, SystemdReply reply, void *userdata);
int systemd_kill(Systemd *s, const char *unit, int signal, SystemdCall **slot, SystemdReply reply,
                 void *userdata);
int systemd_reset_failed(Systemd *s, const char *unit, SystemdCall **slot, SystemdReply reply,
                         void *userdata);
/* Reads all unit files again. */
int systemd_reload(Systemd *s, SystemdCall **slot, SystemdReply reply, void *userdata);
/* Those rows of a unit file whose keys are in keys, on a unit that runs. */
int systemd_set_properties(Systemd *s, const char *unit, const UnitFile *rows, char *const *keys,
                           SystemdCall **slot, SystemdReply reply, void *userdata);

/* Asks how often systemd has restarted the unit by itself; the answer comes as unit_changed(). */
void systemd_ask_restarts(Systemd *s, const char *unit);

/* The worker of engine/worker.h: rows of {name, signature, value} that no unit file has. */
typedef struct sd_bus_message sd_bus_message;
typedef int (*SystemdAppend)(sd_bus_message *m, void *userdata);
int systemd_start_transient_with(Systemd *s, const char *unit, SystemdAppend append, void *append_data,
                                 SystemdCall **slot, SystemdReply reply, void *userdata);

/* Each loaded unit whose name fits a pattern, then once NULL for the end (r < 0 when it failed). */
typedef void (*SystemdUnit)(int r, const char *unit, UnitState state, void *userdata);
int systemd_list_units(Systemd *s, char *const *patterns, SystemdCall **slot, SystemdUnit each,
                       void *userdata);
/* The same, waiting for the answer: at start-up only. */
int systemd_list_units_now(Systemd *s, char *const *patterns, SystemdUnit each, void *userdata, Error *error);
