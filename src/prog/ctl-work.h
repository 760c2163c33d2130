/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What takes long: started on the bus, watched with a bar on a terminal or in plain lines elsewhere,
 * cancelled by Ctrl-C, waited for. */

#include "base/json.h"
#include "prog/ctl-bus.h"
#include "prog/ctl-credential.h"

/* What came of it: arrays of strings. */
typedef struct WorkResult {
        json_t *names, *ids, *warnings;
} WorkResult;
void work_result_done(WorkResult *r);
#define _cleanup_work_result_ _cleanup_(work_result_done)

/* The entries of an open a{sv} that make berthd answer at once and end the work with us. */
int work_append_options(sd_bus_message *m);
/* Sends the call, whose options have those, and waits for the end. Warnings have been printed then. */
int work_run(Ctl *c, sd_bus_message *m, WorkResult *ret);

/* "--option value" as an entry of the open a{sv}, when it was given. */
int work_append_string(Ctl *c, sd_bus_message *m, const char *key, Flag flag);
/* "Platform" from --platform, or from --os, --arch and --variant. */
int work_append_platform(Ctl *c, sd_bus_message *m);
void work_print_warnings(const json_t *warnings);
