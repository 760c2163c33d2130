/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* berth-exec: what the units of containers and exec sessions run, by verbs that begin with "unit-", and an
 * OCI runtime for other engines, by the verbs that every such runtime has (exec/oci.h). */

#include <sys/prctl.h>

#include "base/log.h"
#include "base/macro.h"
#include "exec/oci.h"
#include "exec/seal.h"
#include "exec/verb.h"

#define EXIT_USAGE 125

static const struct {
        const char *name;
        int (*run)(char *const *args);
        bool sealed; /* becomes, or makes, a process of a stranger's */
        const char *help;
} verbs[] = {
        {"unit-start", verb_start, true,
         "unit-start ID | --unit UNIT     run a container as this unit's main process"},
        {"unit-cleanup", verb_cleanup, false,
         "unit-cleanup ID | --unit UNIT   record its end; remove it if it is to go"},
        {"unit-exec", verb_exec, true, "unit-exec EXEC-ID               run one more process in a container"},
        {"unit-exec-cleanup", verb_cleanup_exec, false,
         "unit-exec-cleanup EXEC-ID       record that one's end"},
        {"unit-log", verb_log, false, "unit-log ID | UNIT-PREFIX       pass on what is in its output pipes"},
};

static int usage(FILE *to, int status)
{
        (void) fprintf(to, "Usage: berth-exec [OPTION...] COMMAND [OPTION...] [ARGUMENT...]\n\n"
                           "Runs containers: as an OCI runtime for other engines, and for the units of "
                           "Berth's.\n\n");
        oci_help(to);
        (void) fprintf(to, "\nCommands of Berth's units, which systemd calls:\n");
        FOREACH_ELEMENT(v, verbs)
                (void) fprintf(to, "  %s\n", v->help);
        (void) fprintf(to, "\nOptions of a command: berth-exec COMMAND --help\n");
        return status;
}

static int run_unit_verb(typeof(&verbs[0]) v, char **argv)
{
        int r;

        r = seal_descriptors(0);
        if (r >= 0 && v->sealed)
                r = seal_executable(argv);
        if (r >= 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
                r = -errno;
        if (r < 0) {
                log_error_errno(r, "Cannot prepare the executor: %m");
                return EXIT_USAGE;
        }
        return v->run(argv + 2);
}

int main(int argc, char **argv)
{
        if (argc < 2)
                return usage(stderr, EXIT_USAGE);
        if (streq(argv[1], "--help") || streq(argv[1], "-h"))
                return usage(stdout, EXIT_SUCCESS);
        log_setup("berth-exec");
        FOREACH_ELEMENT(v, verbs)
                if (streq(v->name, argv[1]))
                        return run_unit_verb(v, argv);
        return oci_main(argv);
}
