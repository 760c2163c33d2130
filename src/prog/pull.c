/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* berth-pull: the worker that reads what strangers made. The daemon runs it as a service of its own, one per
 * operation, with the archive as standard input and a pipe that takes the result as standard output; nothing
 * else goes in or out. Whatever happens to it, the store is as before or has the whole image.
 *
 * What it says are lines of JSON: as many {"Progress":...} as somebody reads, and at last {"Result":...} or
 * {"Error":...}. */

#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/str.h"
#include "prog/pull-sandbox.h"
#include "prog/pull.h"
#include "prog/result.h"
#include "spec/name.h"

#define LARGE_ALLOCATION (128 * 1024)

typedef struct Verb {
        const char *name;
        int (*run)(Pull *p, char **arguments);
        bool takes_arguments;
        const char *help;
        bool writes; /* objects */
} Verb;

static int open_directory(int parent, const char *name, Error *error)
{
        int fd;

        if (mkdirat(parent, name, 0700) < 0 && errno != EEXIST)
                return error_set_errno(error, errno, "Cannot make the directory \"%s\"", name);
        fd = fs_open_beneath(parent, name, O_RDONLY | O_DIRECTORY, 0);
        return fd < 0 ? error_set_errno(error, fd, "Cannot open the directory \"%s\"", name) : fd;
}

static int open_state(Pull *p, const char *path)
{
        int r = fs_mkdir_p(path, 0700);

        if (r < 0)
                return error_set_errno(&p->error, r, "Cannot make \"%s\"", path);
        p->state = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (p->state < 0)
                return error_set_errno(&p->error, errno, "Cannot open \"%s\"", path);
        p->images = open_directory(p->state, "images", &p->error);
        return MIN(p->images, 0);
}

static void pull_done(Pull *p)
{
        progress_done(&p->progress);
        json_decref(p->result);
        close_fd(p->images);
        close_fd(p->state);
        error_done(&p->error);
}

static const Verb verbs[] = {
        {"check", pull_check, true, "all that is stored, against its checksums: [--quick] [--repair]"},
        {"diff", pull_diff, true, "what an image changes, compared with another or with its own lower layers: ID [ID]"},
        {"export", pull_export, true, "into the file or directory on standard input: ID[=NAME]..."},
        {"import", pull_import, true, "the archive of a root on standard input, as an image", true},
        {"load", pull_load, true, "the images of the archive (or layout directory) on standard input", true},
        {"remove", pull_remove, true, "what is left of images that the daemon has taken away: ID..."},
        {"sweep", pull_sweep, false, "what an interrupted operation left"},
};

static int write_result(const Pull *p, int r)
{
        r = result_write(STDOUT_FILENO, p->result, r, &p->error);
        return r < 0 ? log_error_errno(r, "Cannot write the result: %m") : 0;
}

static int usage(FILE *f)
{
        (void) fprintf(f, "berth-pull [--state-dir=DIR] VERB: Berth's worker for images, run by berthd\n\n");
        FOREACH_ELEMENT(v, verbs)
                (void) fprintf(f, "  %-8s %s\n", v->name, v->help);
        return f == stdout ? EXIT_SUCCESS : EXIT_FAILURE;
}

static const Verb *find_verb(const char *name)
{
        FOREACH_ELEMENT(v, verbs)
                if (streq_ptr(v->name, name))
                        return v;
        return NULL;
}

static int run(const Verb *verb, const char *state, char **arguments)
{
        _cleanup_(pull_done) Pull p = {.state = -EBADF, .images = -EBADF, .progress = PROGRESS_INIT};
        int r = open_state(&p, state);

        if (r >= 0)
                r = verb->run(&p, arguments);
        if (r < 0 && p.error.kind == ERROR_NONE)
                (void) error_set_errno(&p.error, r, "Cannot %s images", verb->name);
        return write_result(&p, r) < 0 || r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
        static const struct option options[] = {
                {"help", no_argument, NULL, 'h'}, {"state-dir", required_argument, NULL, 's'}, {}};
        const char *state = BERTH_STATE_DIR;
        const Verb *verb;
        int c, r;

        log_setup("berth-pull");
        (void) umask(077);
        (void) signal(SIGPIPE, SIG_IGN);
        (void) mallopt(M_MMAP_THRESHOLD, LARGE_ALLOCATION); /* what is freed is given back */
        while ((c = getopt_long(argc, argv, "+h", options, NULL)) >= 0)
                if (c == 's')
                        state = optarg;
                else
                        return usage(c == 'h' ? stdout : stderr);
        verb = find_verb(argv[optind]);
        if (!verb || (argv[optind + 1] && !verb->takes_arguments))
                return usage(stderr);
        r = pull_keeper_start(verb->writes ? state : NULL);
        if (r >= 0)
                r = pull_sandbox_enter();
        if (r < 0) {
                log_error_errno(r, "Cannot enter the sandbox: %m");
                return EXIT_FAILURE;
        }
        return run(verb, state, argv + optind + 1);
}
