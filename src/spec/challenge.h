/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Two headers of a registry's answers that have a grammar of their own: WWW-Authenticate, which says how to
 * get in, and Link, which says where a list goes on. Both are a stranger's words: here they are only taken
 * apart. */

#include "base/macro.h"

#define CHALLENGE_LENGTH_MAX (16U * 1024)
#define CHALLENGES_MAX 16U

typedef enum ChallengeScheme {
        CHALLENGE_BASIC,
        CHALLENGE_BEARER,
        CHALLENGE_OTHER,
        _CHALLENGE_SCHEME_MAX,
        _CHALLENGE_SCHEME_INVALID = -EINVAL,
} ChallengeScheme;

typedef struct Challenge {
        ChallengeScheme scheme;
        char *realm; /* NULL: none */
        char *service;
        char *scope;
        char *error;
} Challenge;

typedef struct Challenges {
        Challenge *list;
        size_t n;
} Challenges;

void challenges_done(Challenges *c);
#define _cleanup_challenges_ _cleanup_(challenges_done)

/* All challenges of the header's value; several headers are joined with ", " before. -EINVAL: not by the
 * grammar of RFC 9110, a parameter that stands twice, control characters, or more than CHALLENGES_MAX. */
int challenges_parse(const char *s, Challenges *ret);
/* The first of this scheme, NULL when there is none. */
const Challenge *challenges_find(const Challenges *c, ChallengeScheme scheme);

/* The target of the first link with rel="next" (RFC 8288); *ret is NULL when there is none. -EINVAL: not such
 * a header. */
int link_next(const char *s, char **ret);
