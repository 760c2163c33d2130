/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Images on the way in, for several verbs. */

#include "prog/ctl.h"

/* What "pull oci-archive:FILE" does: loads it and prints IDs. */
int load_transport(Ctl *c, const char *place);

/* Pulls the image of c->spec, by its settings. Exit status or error, as a verb's. */
int pull_for_container(Ctl *c, const char *policy);
