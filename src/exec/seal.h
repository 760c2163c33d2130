/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A payload can name its own executable before the exec: "/proc/self/exe" as command, interpreter or script's
 * first line is the executor's file, and root in the container could write to it. So the executor runs from a
 * mount of its file that is read-only and attached nowhere. */

/* Returns when the process runs from a read-only mount, after executing itself once if it must. */
int seal_executable(char **argv);

/* Descriptors that somebody left open are nobody's here, but for the first `keep` behind standard error; 0 to 2
 * must exist, or the next file would take their place. */
int seal_descriptors(unsigned keep);
