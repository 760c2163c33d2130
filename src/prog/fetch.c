/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* berth-fetch: the worker that talks to registries. The daemon runs it as a service of its own, one per
 * transfer, as a user without any rights; everything that it needs to know comes in one order on the standard
 * input, and what it fetches or brings lies in its working directory as an OCI layout. It has no power over
 * the store: what it fetched is checked again, and imported, by another worker that has no network.
 *
 * What it says are lines of JSON, as berth-pull's. Nothing secret is in them, nor in its log. */

#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/str.h"
#include "engine/registry.h"
#include "engine/signature.h"
#include "prog/fetch-sandbox.h"
#include "prog/result.h"

typedef struct Job {
        int dir;
        FetchOrder *order;
        json_t *result;
        Progress progress;
        Error error;
} Job;

static int run_pull(Job *j)
{
        progress_begin(&j->progress, STDOUT_FILENO, "fetch");
        return registry_pull(j->order, j->dir, &j->progress, &j->result, &j->error);
}

static int run_push(Job *j)
{
        progress_begin(&j->progress, STDOUT_FILENO, "push");
        return registry_push(j->order, j->dir, &j->progress, &j->result, &j->error);
}

static int run_tags(Job *j)
{
        return registry_tags(j->order, &j->result, &j->error);
}

static int run_catalog(Job *j)
{
        return registry_catalog(j->order, &j->result, &j->error);
}

static int run_search(Job *j)
{
        return registry_search(j->order, &j->result, &j->error);
}

static int run_check(Job *j)
{
        return registry_check(j->order, &j->result, &j->error);
}

static const struct {
        int (*run)(Job *j);
        const char *help;
} verbs[_FETCH_VERB_MAX] = {
        [FETCH_PULL] = {run_pull, "fetches an image into the working directory"},
        [FETCH_PUSH] = {run_push, "brings the image in the working directory to a registry"},
        [FETCH_TAGS] = {run_tags, "lists a repository's tags"},
        [FETCH_CATALOG] = {run_catalog, "lists a registry's repositories"},
        [FETCH_SEARCH] = {run_search, "looks for repositories by a word"},
        [FETCH_CHECK] = {run_check, "tries the credentials"},
};

static void job_done(Job *j)
{
        fetch_order_free(j->order);
        json_decref(j->result);
        progress_done(&j->progress);
        error_done(&j->error);
        close_fd(j->dir);
}

/* What was an order's JSON is gone when it is freed. */
static void wipe_and_free(void *p)
{
        if (p)
                explicit_bzero(p, malloc_usable_size(p));
        free(p);
}

static int parse_order(Job *j, FetchVerb verb, const char *text, size_t size)
{
        _cleanup_free_ char *reason = NULL;
        _cleanup_json_ json_t *v = NULL;
        int r = json_parse(text, size, &v, &reason);

        if (r == -EBADMSG)
                return error_set(&j->error, ERROR_INVALID_ARGUMENT, "The order is not valid JSON: %s",
                                 strempty(reason));
        return r < 0 ? r : fetch_order_from_json(v, verb, &j->order, &j->error);
}

static int read_order(Job *j, FetchVerb verb)
{
        size_t size = 0;
        char *text = NULL;
        int r;

        /* Whoever wrote it stands at its end. */
        (void) lseek(STDIN_FILENO, 0, SEEK_SET);
        r = fs_read_fd(STDIN_FILENO, FETCH_ORDER_SIZE_MAX, &text, &size);
        if (r < 0)
                return error_set_errno(&j->error, r, "Cannot read the order on the standard input");
        r = parse_order(j, verb, text, size);
        explicit_bzero(text, size);
        free(text);
        (void) close(STDIN_FILENO);
        (void) open("/dev/null", O_RDONLY | O_CLOEXEC);
        return r;
}

static int run(FetchVerb verb)
{
        _cleanup_(job_done) Job j = {.dir = -EBADF, .progress = PROGRESS_INIT};
        int r = read_order(&j, verb);

        if (r >= 0) {
                j.dir = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                if (j.dir < 0)
                        r = error_set_errno(&j.error, errno, "Cannot open the working directory");
        }
        if (r >= 0) {
                r = fetch_sandbox_enter(j.dir, signature_kinds(j.order->policy) & 1U << SIGNATURE_SIMPLE);
                if (r < 0)
                        (void) error_set_errno(&j.error, r, "Cannot enter the sandbox");
        }
        if (r >= 0)
                r = verbs[verb].run(&j);
        if (r < 0 && j.error.kind == ERROR_NONE)
                (void) error_set_errno(&j.error, r, "Cannot %s", fetch_verb_to_string(verb));
        if (result_write(STDOUT_FILENO, j.result, r, &j.error) < 0)
                return EXIT_FAILURE;
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int usage(FILE *f)
{
        (void) fprintf(f, "berth-fetch VERB <ORDER: Berth's worker for registries, run by berthd\n\n");
        for (FetchVerb v = 0; v < _FETCH_VERB_MAX; v++)
                (void) fprintf(f, "  %-8s %s\n", fetch_verb_to_string(v), verbs[v].help);
        return f == stdout ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
        static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {}};
        FetchVerb verb;
        int c;

        log_setup("berth-fetch");
        (void) umask(077);
        (void) signal(SIGPIPE, SIG_IGN);
        json_set_alloc_funcs(malloc, wipe_and_free);
        while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0)
                return usage(c == 'h' ? stdout : stderr);
        verb = fetch_verb_from_string(argv[optind]);
        if (verb < 0 || argv[optind + 1])
                return usage(stderr);
        return run(verb);
}
