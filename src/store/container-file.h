/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* container.json: what nobody but us knows of a container. Members of a newer version are kept when it is
 * rewritten, but a document whose Version is above ours is not touched at all. */

#include "base/json.h"
#include "spec/error.h"
#include "spec/launch.h"
#include "spec/spec.h"

#define CONTAINER_FILE "container.json"
#define CONTAINER_FILE_VERSION 1

typedef struct ContainerFile {
        char *id;
        char *image_id;
        char *image_name;     /* as the user gave it, normalised */
        char *unit;           /* the systemd unit that runs it */
        uint64_t created;     /* realtime, usec */
        bool stopped_by_user; /* for the policy "unless-stopped" at boot */
        LaunchIdMaps maps;    /* of its user namespace; none: it has the host's */
        Spec *spec;
        json_t *unknown_settings;
        json_t *unknown;
} ContainerFile;

void container_file_done(ContainerFile *f);

/* ERROR_STORE_DAMAGED (-EBADMSG): not such a document; ERROR_NOT_SUPPORTED: of a newer version. */
int container_file_from_json(const json_t *v, ContainerFile *ret, Error *error);
/* NULL: out of memory. */
json_t *container_file_to_json(const ContainerFile *f);
