/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Bodies of methods with two doors: on the object, and on the runtime by name. All vtables say UNPRIVILEGED:
 * who may call what is decided before dispatch, by bus/auth.c. */

#include <systemd/sd-bus.h>

#include "object/container.h"
#include "object/image.h"

/* The options are still to be read from m. */
int container_handle_remove(sd_bus_message *m, Container *c, sd_bus_error *e);
/* name is what the caller calls it. */
int image_handle_remove(sd_bus_message *m, Image *i, const char *name, sd_bus_error *e);
/* The result of a removal: "asas". */
int image_append_removed(sd_bus_message *reply, const OperationResult *result);
