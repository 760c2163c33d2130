/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The API on the bus: connection, object tree, signals, and leaving when nobody needs us. It translates and
 * decides nothing. The tree is data: one row per kind of object. */

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "object/manager.h"

typedef struct Bus Bus;

/* Publishes the manager's objects and takes the name. idle_usec: how long to stay without work. */
int bus_new(sd_event *event, Manager *m, uint64_t idle_usec, Bus **ret, Error *error);
Bus *bus_free(Bus *b);
DEFINE_CLEANUP(Bus *, bus_free)

/* A kind of object on the bus. */
typedef struct BusNode {
        const char *path; /* of the object, or of the directory of many */
        const char *interface;
        const sd_bus_vtable *(*vtable)(void);
        /* NULL: a single object. */
        void *(*find)(Manager *m, const char *id);
        int (*list)(Manager *m, char ***paths); /* appends */
} BusNode;

/* NULL after the last. */
const BusNode *bus_node(size_t i);

/* manager-bus.c, runtime-image-bus.c, runtime-transfer-bus.c, container-bus.c, image-bus.c, operation-bus.c
 */
const sd_bus_vtable *manager_vtable(void);
const sd_bus_vtable *manager_image_vtable(void);
const sd_bus_vtable *manager_transfer_vtable(void);
const sd_bus_vtable *container_vtable(void);
const sd_bus_vtable *image_vtable(void);
void *container_node_find(Manager *m, const char *id);
void *image_node_find(Manager *m, const char *id);
const sd_bus_vtable *operation_vtable(void);
void *operation_node_find(Manager *m, const char *id);

/* Prints the introspection of every kind of object: what the documentation is made from. */
int bus_introspect(FILE *f);
