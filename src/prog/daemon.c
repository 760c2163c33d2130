/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* berthd: started by the first call on the bus, gone when nobody needs it. */

#include <getopt.h>
#include <signal.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include "base/log.h"
#include "base/parse.h"
#include "bus/bus.h"

#define IDLE_USEC (30 * USEC_PER_SEC)

typedef struct Options {
        uint64_t idle_usec;
        bool introspect;
} Options;

static int help(void)
{
        printf("berthd [OPTION...]\n\n"
               "The container manager of Berth, on the system bus as io.berth1. It is started\n"
               "by the first call and leaves when it is idle; containers do not need it.\n\n"
               "  -h --help              show this help\n"
               "     --version           show the version\n"
               "     --idle-time=TIME    leave after so long without work (30s), infinity: never\n"
               "     --bus-introspect    print the description of the bus interfaces\n");
        return 0;
}

/* 1: go on, otherwise the program is done. */
static int parse_options(int argc, char **argv, Options *ret)
{
        enum {
                OPTION_VERSION = 0x100,
                OPTION_IDLE_TIME,
                OPTION_INTROSPECT,
        };
        static const struct option options[] = {
                {"help", no_argument, NULL, 'h'},
                {"version", no_argument, NULL, OPTION_VERSION},
                {"idle-time", required_argument, NULL, OPTION_IDLE_TIME},
                {"bus-introspect", no_argument, NULL, OPTION_INTROSPECT},
                {},
        };
        int c;

        while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0)
                switch (c) {
                case 'h':
                        return help();
                case OPTION_VERSION:
                        puts("berthd " BERTH_VERSION);
                        return 0;
                case OPTION_IDLE_TIME:
                        if (parse_usec(optarg, &ret->idle_usec) < 0) {
                                log_error("--idle-time: not a time: \"%s\"", optarg);
                                return -EINVAL;
                        }
                        break;
                case OPTION_INTROSPECT:
                        ret->introspect = true;
                        break;
                default:
                        return -EINVAL;
                }
        if (optind < argc) {
                log_error("Too many arguments");
                return -EINVAL;
        }
        return 1;
}

static int watch_signals(sd_event *event)
{
        static const int signals[] = {SIGTERM, SIGINT};
        sigset_t set;
        int r = 0;

        sigemptyset(&set);
        sigaddset(&set, SIGCHLD);
        FOREACH_ELEMENT(s, signals)
                sigaddset(&set, *s);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return -errno;
        FOREACH_ELEMENT(s, signals)
                if (r >= 0)
                        r = sd_event_add_signal(event, NULL, *s, NULL, NULL);
        return r;
}

static int serve(sd_event *event, uint64_t idle_usec, Error *error)
{
        _cleanup_(manager_freep) Manager *manager = NULL;
        _cleanup_(bus_freep) Bus *bus = NULL;
        int r;

        r = manager_new(event, &manager, error);
        if (r >= 0)
                r = manager_load(manager, error);
        if (r >= 0)
                r = bus_new(event, manager, idle_usec, &bus, error);
        if (r < 0)
                return r;
        (void) sd_notify(false, "READY=1");
        r = sd_event_loop(event);
        (void) sd_notify(false, "STOPPING=1");
        return r;
}

static int run(const Options *o)
{
        _cleanup_error_ Error error = ERROR_INIT;
        sd_event *event = NULL;
        int r;

        (void) umask(0077);
        r = sd_event_default(&event);
        if (r >= 0)
                r = watch_signals(event);
        if (r >= 0)
                r = serve(event, o->idle_usec, &error);
        sd_event_unref(event);
        if (r < 0 && error.kind != ERROR_NONE)
                log_error("%s", strempty(error.message));
        else if (r < 0)
                (void) log_error_errno(r, "Failed: %m");
        return r;
}

int main(int argc, char **argv)
{
        Options options = {.idle_usec = IDLE_USEC};
        int r;

        log_setup("berthd");
        r = parse_options(argc, argv, &options);
        if (r <= 0)
                return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
        r = options.introspect ? bus_introspect(stdout) : run(&options);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
