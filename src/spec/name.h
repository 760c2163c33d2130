/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Names: of objects, units, object paths and places on disk. Everything that turns a name into where it lives
 * is here. */

#include "base/macro.h"

#define NAME_LENGTH_MAX 128
#define ID_LENGTH 64
/* How much of an ID lists and unit names show. */
#define ID_SHORT_LENGTH 12

#define CONTAINERS_DIR BERTH_STATE_DIR "/containers"
#define IMAGES_DIR BERTH_STATE_DIR "/images"
/* Records that the executor writes; they die with the boot. */
#define START_RECORD_DIR BERTH_RUNTIME_DIR "/start"
#define EXIT_RECORD_DIR BERTH_RUNTIME_DIR "/exit"
/* Orders for exec sessions: a file named by the session's ID. */
#define EXEC_ORDER_DIR BERTH_RUNTIME_DIR "/exec"
/* systemd forgets a transient unit when it ends. A container that stays has the same unit as a file of that
 * name in its directory, to which its executor leaves a link here, so that "systemctl start" still finds it.
 */
#define UNIT_LINK_DIR "/run/systemd/system"
/* An empty directory on which every container's own mount namespace assembles its root. */
#define ROOT_MOUNT_POINT BERTH_RUNTIME_DIR "/root"
#define SECCOMP_CACHE_DIR BERTH_CACHE_DIR "/seccomp"

#define BUS_NAME "io.berth1"
#define BUS_PATH "/io/berth1"
#define RUNTIME_INTERFACE "io.berth1.Runtime"
#define CONTAINER_INTERFACE "io.berth1.Container"
#define IMAGE_INTERFACE "io.berth1.Image"
#define OPERATION_INTERFACE "io.berth1.Operation"

/* [a-zA-Z0-9][a-zA-Z0-9_.-]*, at most NAME_LENGTH_MAX, and not what would be read as an ID (64 hex digits).
 */
bool name_is_valid(const char *s);
bool id_is_valid(const char *s);
/* 64 random lower-case hex digits. */
int id_new(char ret[static ID_LENGTH + 1]);
/* A name of two words for a container that was given none, as "brisk_heron"; the caller checks that it is
 * free. */
char *name_random(void);

/* "berth-web.service"; "berth_exec-<first 12 of id>.service", which no container's unit can be called. NULL:
 * out of memory. */
char *container_unit_name(const char *name);
char *exec_unit_name(const char *exec_id);
/* The name of a service in systemd's own rules: a prefix of its alphabet, ".service", 255 bytes at most. */
bool unit_name_is_valid(const char *s);
/* "/io/berth1/container/<id>". */
char *object_path(const char *noun, const char *id);
/* The id in such a path, NULL when the path is no such object's. */
const char *object_path_id(const char *path, const char *noun);
