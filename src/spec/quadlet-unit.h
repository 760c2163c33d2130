/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The service of a Quadlet: the rows that run any container (spec/unit-file), the command that makes the
 * container before it starts, and the user's own lines, which win. */

#include "spec/quadlet.h"

/* The text of the .service file. ERROR_INVALID_ARGUMENT: a value that no unit file can hold. */
int quadlet_unit_text(const Quadlet *q, char **ret, Error *error);
/* The text for a file that is wrong: a unit that exists and, when it is started, fails with the reason. */
int quadlet_broken_text(const char *path, char **ret);

/* The links that [Install] asks for: name, target, name, target ... "multi-user.target.wants/web.service",
 * "../web.service". */
int quadlet_links(const Quadlet *q, char ***ret);
