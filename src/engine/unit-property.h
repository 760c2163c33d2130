/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A row of a unit file as the typed property (sv) that systemd's bus API wants: values stay data up to the
 * last hop, nothing is quoted or escaped. */

#include <systemd/sd-bus.h>

#include "spec/unit-file.h"

/* -EINVAL: a value that has no such form. */
int unit_property_append(sd_bus_message *m, const UnitRow *row);
/* A bit mask of CPUs from "0-3,5". */
int cpuset_parse(const char *s, uint8_t **ret, size_t *ret_size);
