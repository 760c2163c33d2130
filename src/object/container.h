/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A container: its file, its last two records, and a state that follows from what systemd and the records
 * say. */

#include "object/manager.h"
#include "spec/image-config.h"
#include "spec/launch.h"
#include "store/container-file.h"

typedef enum ContainerState {
        CONTAINER_CREATING, /* its files are being written: nobody sees it yet, but its name is taken */
        CONTAINER_CREATED,
        CONTAINER_STARTING, /* we asked systemd to start it */
        CONTAINER_RUNNING,
        CONTAINER_STOPPING,
        CONTAINER_WAITING, /* ended, and systemd will start it again */
        CONTAINER_EXITED,
        CONTAINER_REMOVING,
        _CONTAINER_STATE_MAX,
} ContainerState;

/* What is learned, from systemd (a hint: it may be about an earlier run) or from a record (the truth). */
typedef enum ContainerFact {
        FACT_GONE, /* no unit, or one that has ended */
        FACT_WAITING,
        FACT_ALIVE, /* activating or active */
        FACT_DEACTIVATING,
        FACT_STARTED, /* a new start record */
        FACT_ENDED,   /* a new exit record */
        _CONTAINER_FACT_MAX,
} ContainerFact;

/* What is asked for. */
typedef enum ContainerRequest {
        REQUEST_START,
        REQUEST_ATTACH, /* start with the caller's descriptors */
        REQUEST_STOP,
        REQUEST_RESTART,
        REQUEST_KILL,
        REQUEST_EXEC,
        REQUEST_WAIT,
        REQUEST_REMOVE,
        _CONTAINER_REQUEST_MAX,
} ContainerRequest;

typedef enum Verdict {
        VERDICT_REFUSE_GONE = 0, /* what no cell says */
        VERDICT_GO,
        VERDICT_DONE, /* it is so already */
        VERDICT_JOIN, /* it is on its way already */
        VERDICT_START_INSTEAD,
        VERDICT_NEEDS_FORCE,
        VERDICT_REFUSE_RUNNING,
        VERDICT_REFUSE_NOT_RUNNING,
} Verdict;

struct Container {
        Manager *manager;
        ContainerFile file; /* id, spec, image, unit */
        ContainerState state;
        UnitState unit_state;
        bool own_unit; /* transient, ours to start and stop; else a Quadlet's */
        Record start;
        Record exit;
        bool dropping;
        bool never_ended; /* the run of the start record ended without a record */
        uint32_t restarts;
        SystemdCall *verify; /* asking whether the unit is gone */
        SystemdCall *tidy;   /* stopping what would restart for ever */
        sd_event_source *limits_watch;
        Operation *operations;
        Container *next_buried;
};

static inline const char *container_id(const Container *c)
{
        return c->file.id;
}
static inline const char *container_name(const Container *c)
{
        return c->file.spec->name;
}

/* podman's word: "created", "running", ... */
const char *container_state_word(ContainerState s);
bool container_is_running(const Container *c);
/* The run that the start record is about is over. */
bool container_run_has_ended(const Container *c);
/* Whether there is an exit code of a past run. */
bool container_has_ended(const Container *c);
int container_exit_code(const Container *c);
uint64_t container_pid(const Container *c);
uint64_t container_started(const Container *c);
uint64_t container_finished(const Container *c);
const char *container_error(const Container *c);
/* Of the main process, from the kernel. "": it does not run. */
char *container_cgroup(const Container *c);

Container *container_new(Manager *m);
Container *container_free(Container *c);
DEFINE_CLEANUP(Container *, container_free)
/* Enters it in the maps by name and unit. ERROR_NAME_IN_USE. */
int container_reserve(Container *c, Error *error);
/* Takes it out of all maps, tells the observer, ends what waits for it, and frees it. */
void container_drop(Container *c);
/* At start: reads container.json and the last records. */
int container_load(Manager *m, const char *id, Error *error);

/* Feeding the state table. */
void container_learn_unit(Container *c, const UnitChange *change);
void container_learn_unit_removed(Container *c);
/* Reads the records again and draws the conclusions. False: it is gone. */
bool container_read_records(Container *c);
bool container_learn(Container *c, ContainerFact fact);
bool container_settle(Container *c, UnitState unit);
/* ERROR_RUNNING, ERROR_NOT_RUNNING, ERROR_NO_SUCH_CONTAINER for what the state forbids, else the verdict. */
int container_ask(Container *c, ContainerRequest request, Verdict *ret, Error *error);
/* It is being removed, or will be as soon as it has stopped. */
bool container_is_leaving(const Container *c);
void container_set_state(Container *c, ContainerState state);
/* Names of the properties that it announces. */
extern const char *const container_state_properties[];

void container_event(Container *c, Event e, const char *attribute, const char *value);

/* Requests. r < 0: refused, the promise is not taken. Otherwise promise->done is or will be called. */

/* container-create.c */
typedef struct CreateOptions {
        const char *unit; /* not NULL: an existing unit will run it */
        bool replace;     /* removes an earlier one of the same name */
} CreateOptions;
/* Takes *spec when it succeeds. */
int container_create(Manager *m, Spec **spec, const CreateOptions *options, const Promise *p, Error *error);
/* For units that are not ours: the link by which the executor finds the container. */
int container_link_unit(const Container *c);

/* container-ids.c */
/* Fills in which IDs of the host it has. root: the image's tree. */
int container_choose_ids(Container *c, const ImageConfig *image, const char *root, Error *error);

/* container-unit.c */
/* The text of the unit that runs it detached; NULL: it needs none, or it cannot be expressed as a file. */
int container_unit_text(const Container *c, const Spec *spec, char **ret, Error *error);
/* Removes the link to it, which stands in the way of a transient unit. */
void container_unlink_unit(const Container *c);
/* Says in a file beside the unit what the restart policy has become while it runs; goes with the link above.
 */
int container_write_restart(const Container *c, const Spec *spec, Error *error);
/* Links that lead to no container of ours. */
void manager_sweep_units(Manager *m);

/* container-run.c */
int container_start(Container *c, const UnitStreams *streams, const Promise *p, Error *error);
#define TIMEOUT_CONFIGURED (UINT64_MAX - 1)
int container_stop(Container *c, uint64_t timeout, const Promise *p, Error *error);
int container_restart(Container *c, uint64_t timeout, const Promise *p, Error *error);
int container_kill(Container *c, int signal, const Promise *p, Error *error);
int container_wait(Container *c, const Promise *p, Error *error);
/* Asks systemd and the records again. */
int container_sync(Container *c, const Promise *p, Error *error);
/* Completes what a start or an exit record decides, and all when it is gone. */
void container_operations_started(Container *c);
void container_operations_ended(Container *c);
void container_operations_dropped(Container *c);

/* container-unit.c */
/* Starts or restarts a unit that is not ours; the container may be another one then. */
int container_start_unit(const Container *c, SystemdVerb verb, const Promise *p, Error *error);

/* container-update.c */
int container_update(Container *c, const json_t *settings, const Promise *p, Error *error);

/* container-limits.c */
/* The settings, with the limits that hold now. */
int container_limits(const Container *c, Spec **ret);
/* Tells the observer of limits that change, if it runs. */
void container_watch_limits(Container *c);

/* container-remove.c */
int container_remove(Container *c, bool force, uint64_t timeout, const Promise *p, Error *error);
/* For one whose unit, which is not ours, is about to start and asks for another in its place. */
int container_give_way(Container *c, const Promise *p, Error *error);
/* For one that is to be removed when it ends, and has ended without the executor removing it. */
void container_remove_ended(Container *c);
/* Those that do not run and fit the filters (object/filter.h). */
int containers_prune(Manager *m, const json_t *filters, const Promise *p, Error *error);

/* container-exec.c */
int container_exec(Container *c, const Spec *spec, bool privileged, const UnitStreams *streams,
                   const Promise *p, Error *error);
Session *session_free(Session *s);
void session_read_records(Session *s);
void sessions_read_records(Manager *m);
void session_unit_removed(Manager *m, const char *unit);
/* Asks for the units of all. */
void sessions_verify(Manager *m);

/* container-inspect.c */
int container_inspect(Container *c, char **ret, Error *error);
