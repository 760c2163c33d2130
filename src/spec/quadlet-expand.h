/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Quadlet values when the unit starts: systemd's specifiers and the unit's environment variables are put in,
 * by the rules of systemd's command lines, because that is where Podman's generator has the values and what
 * people write them for. The values themselves stay out of the unit, which everybody may read. */

#include "base/hashmap.h"
#include "spec/quadlet.h"

/* Which of systemd's specifiers a Quadlet's values hold, each letter once, as "in". */
#define QUADLET_SPECIFIERS_MAX 64
void quadlet_specifiers(const Quadlet *q, char ret[static QUADLET_SPECIFIERS_MAX]);

/* The whole Spec. specifiers: "i" to its text; environment: "NAME=value". ERROR_INVALID_ARGUMENT names the
 * place. */
int quadlet_expand(const Quadlet *q, const Map *specifiers, char *const *environment, Spec **ret,
                   Error *error);

/* One value: "%%" and "$$" are "%" and "$", "%i" is what the map has, "${NAME}" and a whole value "$NAME" are
 * the variable or nothing. What is no specifier or variable stays as it is, as in systemd. */
int quadlet_expand_text(const char *text, const Map *specifiers, char *const *environment, char **ret);
