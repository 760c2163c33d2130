/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "prog/ctl.h"

/* What "pull oci-archive:FILE" does: loads it and prints IDs. */
int load_transport(Ctl *c, const char *place);
