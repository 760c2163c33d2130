/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* main of berthctl: finds the verb's row, reads its flags, calls its function, and turns an error into a text
 * and an exit status. */

#include <fcntl.h>

#include "base/str.h"
#include "prog/ctl-bus.h"
#include "prog/ctl-option.h"
#include "prog/ctl-output.h"

static int run_verb(Ctl *c, char **argv)
{
        size_t words;
        int r;

        if (streq(argv[0], "--version"))
                argv[0] = (char *) "version";
        if (streq(argv[0], "--help") || streq(argv[0], "-h"))
                argv[0] = (char *) "help";
        if (verb_is_noun(argv[0]) && (!argv[1] || streq(argv[1], "--help") || streq(argv[1], "-h"))) {
                c->args = (char *[]){argv[0], NULL};
                return verb_help(c);
        }
        c->verb = verb_find(argv, &words);
        if (!c->verb)
                return verb_unknown(c, argv);
        r = options_parse(c, argv + words);
        if (r > 0)
                help_verb(stdout, c->verb);
        return r != 0 ? MIN(r, 0) : c->verb->run(c);
}

static int finish(Ctl *c, int r)
{
        if (r < 0) {
                if (c->error.kind == ERROR_NONE)
                        (void) error_set_errno(&c->error, r, "berthctl");
                output_error(c, &c->error);
                r = error_exit_status(c->error.kind);
        }
        if ((fflush(stdout) != 0 || ferror(stdout)) && r == 0) {
                fprintf(stderr, "Error: writing to the standard output: %s\n", strerror(errno));
                r = EXIT_OURS;
        }
        options_done(c);
        bus_close(c);
        error_done(&c->error);
        return r;
}

/* What opens files later must not get a number that means input, output or errors. */
static void fill_descriptors(void)
{
        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
                if (fcntl(fd, F_GETFD) < 0)
                        (void) open("/dev/null", fd == STDIN_FILENO ? O_RDONLY : O_WRONLY);
}

int main(int argc, char **argv)
{
        Ctl c = {};

        fill_descriptors();
        if (argc < 2) {
                help_program(stderr);
                return EXIT_OURS;
        }
        if (streq(argv[1], "__complete"))
                return complete(argv + 2);
        return finish(&c, run_verb(&c, argv + 1));
}
