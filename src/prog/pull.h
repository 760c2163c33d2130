/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the verbs of berth-pull share. A verb is a row of the table in pull.c and a function in a file of its
 * own; it gets the opened state directory and leaves its result, a JSON object, in p->result. */

#include "base/json.h"
#include "engine/progress.h"
#include "engine/transport.h"
#include "store/image-dir.h"

typedef struct Pull {
        int state;
        int images;
        json_t *result;
        Progress progress;
        Error error;
} Pull;

int pull_check(Pull *p, char **arguments);
int pull_export(Pull *p, char **arguments);
int pull_diff(Pull *p, char **arguments);
int pull_import(Pull *p, char **arguments);
int pull_load(Pull *p, char **arguments);
int pull_remove(Pull *p, char **arguments);
int pull_sweep(Pull *p, char **arguments);

/* Gives away CAP_SYS_ADMIN, if we have it; to a keeper that sets marks of time below state, when it is not
 * NULL. Before anything else. */
int pull_keeper_start(const char *state);

/* Removes what is hidden in images/, and what is in the store for nobody. Does nothing when somebody is at
 * work and mode is STORE_TRY_COLLECT. */
int pull_collect(Pull *p, StoreLock mode);

/* Makes images of what a transport has read, and the result. Takes the bundle, which has the layers, and what
 * is in images. */
int pull_add_images(Pull *p, Bundle *bundle, TransportImages *images);
