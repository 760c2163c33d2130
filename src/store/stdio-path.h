/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Whether an entry of an image's tree is a sign that programs in it open their standard output or error by
 * path. Two are looked for: a symbolic link to such a path (the log of nginx), outside of /dev and /proc,
 * where every system has them; and a small text that names one (httpd's configuration, an entry-point
 * script), below a directory called "etc" or "conf", or in a file whose name has "entrypoint" in it. A script
 * of an init system that no container runs, in etc/init.d, is no sign. */

#include "store/tree.h"

/* n lies in dir under its own name. */
bool stdio_path_in(int dir, const Node *n, bool is_symlink);
