/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the worker takes from itself before it reads the first byte of a stranger's: the unit's sandbox is the
 * stronger one, but this holds wherever the worker runs. */

int pull_sandbox_enter(void);
