/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What happens to objects, under libpod's names: one row per event gives its type, its status, and the
 * MESSAGE_ID of its journal entry, for which units/berth.catalog has the text. An event is a journal entry
 * first (history) and a signal of io.berth1.Runtime second. */

#include "base/hashmap.h"
#include "base/macro.h"

typedef enum Event {
        EVENT_CONTAINER_CREATE,
        EVENT_CONTAINER_START,
        EVENT_CONTAINER_DIED,
        EVENT_CONTAINER_OOM,
        EVENT_CONTAINER_STOP,
        EVENT_CONTAINER_RESTART,
        EVENT_CONTAINER_KILL,
        EVENT_CONTAINER_REMOVE,
        EVENT_CONTAINER_EXEC,
        EVENT_CONTAINER_EXEC_DIED,
        EVENT_IMAGE_LOAD,
        EVENT_IMAGE_PULL,
        EVENT_IMAGE_PULL_ERROR,
        EVENT_IMAGE_PUSH,
        EVENT_IMAGE_SAVE,
        EVENT_IMAGE_IMPORT,
        EVENT_IMAGE_MOUNT,
        EVENT_IMAGE_UNMOUNT,
        EVENT_IMAGE_PRUNE,
        EVENT_IMAGE_TAG,
        EVENT_IMAGE_UNTAG,
        EVENT_IMAGE_REMOVE,
        EVENT_SYSTEM_REFRESH,
        _EVENT_MAX,
} Event;

const char *event_type(Event e);   /* "container" */
const char *event_status(Event e); /* "died" */
const char *event_message_id(Event e);
/* By message id; -EINVAL. */
int event_from_message_id(const char *id, Event *ret);

/* Who it is about. attributes (Map of strings; NULL: none) become BERTH_ATTRIBUTE_<NAME>= fields: names as
 * "containerExitCode", "signal", "execID" as libpod has them. */
typedef struct EventInfo {
        const char *id;
        const char *name;
        const char *image;
        const char *unit;
        const Map *attributes;
} EventInfo;

/* Writes the journal entry: MESSAGE ("container died web (id)"), MESSAGE_ID, BERTH_EVENT (status),
 * BERTH_EVENT_TYPE, CONTAINER_ID/CONTAINER_NAME or IMAGE_ID/IMAGE_NAME, UNIT-like fields. A failure is
 * returned, never fatal. */
int event_log(Event e, const EventInfo *info);
