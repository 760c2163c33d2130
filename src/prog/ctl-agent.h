/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* polkit's text agent: on a terminal without a desktop it asks for the password that an action needs. It is
 * started for those that root is not, only by verbs that change something, and goes with us. */

void agent_open(void);
void agent_close(void);
