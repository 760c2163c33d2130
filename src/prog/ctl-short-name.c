/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The one question that short names raise. */

#include "base/parse.h"
#include "base/str.h"
#include "prog/ctl-credential.h"
#include "prog/ctl-output.h"
#include "prog/ctl-short-name.h"
#include "spec/registries.h"

#define ATTEMPTS 3

static int choose(Ctl *c, const char *name, char *const *names, char **ret)
{
        size_t n = strv_length(names);

        (void) printf("%s may be from several registries:\n", name);
        for (size_t i = 0; i < n; i++)
                (void) printf("%4zu  %s\n", i + 1, names[i]);
        (void) fflush(stdout);
        for (unsigned i = 0; i < ATTEMPTS; i++) {
                _cleanup_free_ char *answer = NULL;
                uint64_t number;
                int r = credentials_ask("Which one? ", true, &answer);

                if (r < 0)
                        return error_set_errno(&c->error, r, "choosing a registry");
                if (parse_u64(answer, 1, n, &number) >= 0) {
                        *ret = strdup(names[number - 1]);
                        return *ret ? 0 : -ENOMEM;
                }
        }
        return error_set(&c->error, ERROR_AMBIGUOUS, "no number from 1 to %zu", n);
}

int short_name_choose(Ctl *c, const char *name, char **ret)
{
        _cleanup_registries_ Registries *registries = NULL;
        _cleanup_strv_ char **names = NULL;
        bool ask = false;

        /* What is wrong with the files or the name, the daemon says. */
        if (isatty(STDIN_FILENO) && output_is_terminal() && registries_load(NULL, &registries, NULL) >= 0 &&
            registries_resolve(registries, name, &names, &ask, NULL) >= 0 && ask)
                return choose(c, name, names, ret);
        *ret = strdup(name);
        return *ret ? 0 : -ENOMEM;
}
