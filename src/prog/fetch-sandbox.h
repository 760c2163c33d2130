/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What berth-fetch takes from itself before it talks to anybody. It keeps the network and its directory. */

#include "base/macro.h"

/* dir: where it may write. programs: whether it has to run one (GnuPG, for signatures), which needs a place
 * for temporary files too. */
int fetch_sandbox_enter(int dir, bool programs);
