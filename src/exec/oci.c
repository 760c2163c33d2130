/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One table of options and one of verbs; help, parsing and checks come from them. */

#include <fcntl.h>
#include <getopt.h>
#include <sys/prctl.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/str.h"
#include "exec/oci.h"
#include "exec/seal.h"

#define OCI_ROOT_DIR BERTH_RUNTIME_DIR "/oci"
/* What a caller may leave open for the payload; a process has no more by default. */
#define PRESERVE_FDS_MAX 1024U
#define LISTEN_FDS_START 3U

enum {
        ON_GLOBAL = 1 << 0,
        ON_CREATE = 1 << 1,
        ON_RUN = 1 << 2,
        ON_EXEC = 1 << 3,
        ON_KILL = 1 << 4,
        ON_DELETE = 1 << 5,
        ON_LIST = 1 << 6,
        ON_PS = 1 << 7,
        ON_UPDATE = 1 << 8,
        ON_SPEC = 1 << 9,
        ON_STATE = 1 << 10,
        ON_ALL = ~0,
        ON_START = ON_CREATE | ON_RUN,
        ON_PROCESS = ON_CREATE | ON_RUN | ON_EXEC,
};

typedef struct Option {
        const char *name;
        char letter;
        unsigned verbs;
        const char *argument; /* NULL: a flag */
        bool optional;
        const char *help;
} Option;

static const Option options[_OCI_OPTION_MAX] = {
        [OCI_ROOT] = {"root", 0, ON_GLOBAL, "DIR", false, "state of the containers (" OCI_ROOT_DIR ")"},
        [OCI_LOG] = {"log", 0, ON_GLOBAL, "FILE", false, "failures and warnings go there too"},
        [OCI_LOG_FORMAT] = {"log-format", 0, ON_GLOBAL, "text|json", false, "form of that file"},
        [OCI_LOG_LEVEL] = {"log-level", 0, ON_GLOBAL, "LEVEL", false, "error, warning or debug"},
        [OCI_DEBUG] = {"debug", 0, ON_GLOBAL, NULL, false, "the same as --log-level=debug"},
        [OCI_SYSTEMD_CGROUP] = {"systemd-cgroup", 0, ON_GLOBAL, NULL, false,
                                "cgroups are units of systemd's"},
        [OCI_CGROUP_MANAGER] = {"cgroup-manager", 0, ON_GLOBAL, "MANAGER", false,
                                "cgroupfs (default), systemd or disabled"},
        [OCI_ROOTLESS] = {"rootless", 0, ON_GLOBAL, "BOOL", true, "accepted; the caller's rights decide"},
        [OCI_CRIU] = {"criu", 0, ON_GLOBAL, "PATH", false, "accepted; nothing uses it"},
        [OCI_BUNDLE] = {"bundle", 'b', ON_START | ON_SPEC, "DIR", false, "the bundle (.)"},
        [OCI_CONFIG] = {"config", 'f', ON_START, "FILE", false, "its configuration (config.json)"},
        [OCI_PID_FILE] = {"pid-file", 0, ON_PROCESS, "FILE", false, "the process's number is written there"},
        [OCI_CONSOLE_SOCKET] = {"console-socket", 0, ON_PROCESS, "SOCKET", false,
                                "the terminal's other end is sent there"},
        [OCI_PRESERVE_FDS] = {"preserve-fds", 0, ON_PROCESS, "N", false,
                              "so many descriptors behind standard error are passed on"},
        [OCI_NO_PIVOT] = {"no-pivot", 0, ON_START, NULL, false, "for roots that cannot be pivoted to"},
        [OCI_NO_NEW_KEYRING] = {"no-new-keyring", 0, ON_START, NULL, false,
                                "keep the caller's session keyring"},
        [OCI_NO_SUBREAPER] = {"no-subreaper", 0, ON_RUN, NULL, false, "do not adopt the container's orphans"},
        [OCI_KEEP] = {"keep", 0, ON_RUN, NULL, false, "the container stays when it has ended"},
        [OCI_DETACH] = {"detach", 'd', ON_RUN | ON_EXEC, NULL, false, "do not wait for the end"},
        [OCI_PROCESS] = {"process", 'p', ON_EXEC, "FILE", false, "an OCI process document"},
        [OCI_CWD] = {"cwd", 0, ON_EXEC, "DIR", false, "working directory"},
        [OCI_ENV] = {"env", 'e', ON_EXEC, "NAME=VALUE", false, "added to the environment"},
        [OCI_TTY] = {"tty", 't', ON_EXEC, "BOOL", true, "with a terminal"},
        [OCI_USER] = {"user", 'u', ON_EXEC, "UID[:GID]", false, "the process's user"},
        [OCI_ADDITIONAL_GIDS] = {"additional-gids", 'g', ON_EXEC, "GID", false, "one more group"},
        [OCI_CAP] = {"cap", 'c', ON_EXEC, "CAP", false, "one more capability"},
        [OCI_APPARMOR] = {"apparmor", 0, ON_EXEC, "PROFILE", false, "AppArmor profile"},
        [OCI_PROCESS_LABEL] = {"process-label", 0, ON_EXEC, "LABEL", false, "SELinux label"},
        [OCI_NO_NEW_PRIVS] = {"no-new-privs", 0, ON_EXEC, NULL, false, "no privileges by execution"},
        [OCI_CGROUP] = {"cgroup", 0, ON_EXEC, "PATH", false, "a cgroup below the container's"},
        [OCI_IGNORE_PAUSED] = {"ignore-paused", 0, ON_EXEC, NULL, false, "even in a paused container"},
        [OCI_FORCE] = {"force", 'f', ON_DELETE, NULL, false, "kill what runs"},
        [OCI_ALL] = {"all", 'a', ON_KILL | ON_STATE, NULL, false, "all processes of the container"},
        [OCI_REGEX] = {"regex", 'r', ON_KILL | ON_DELETE, NULL, false, "ID is a regular expression"},
        [OCI_FORMAT] = {"format", 'f', ON_LIST | ON_PS, "table|json", false, "form of the list"},
        [OCI_QUIET] = {"quiet", 'q', ON_LIST, NULL, false, "IDs only"},
        [OCI_RESOURCES] = {"resources", 'r', ON_UPDATE, "FILE", false,
                           "an OCI resources document; - reads it"},
        [OCI_BLKIO_WEIGHT] = {"blkio-weight", 0, ON_UPDATE, "N", false, "weight of input and output"},
        [OCI_CPU_PERIOD] = {"cpu-period", 0, ON_UPDATE, "USEC", false, "period of the CPU limit"},
        [OCI_CPU_QUOTA] = {"cpu-quota", 0, ON_UPDATE, "USEC", false, "CPU time in a period"},
        [OCI_CPU_BURST] = {"cpu-burst", 0, ON_UPDATE, "USEC", false, "CPU time saved up"},
        [OCI_CPU_IDLE] = {"cpu-idle", 0, ON_UPDATE, "0|1", false, "run when nobody else does"},
        [OCI_CPU_RT_PERIOD] = {"cpu-rt-period", 0, ON_UPDATE, "USEC", false, "not with cgroup v2"},
        [OCI_CPU_RT_RUNTIME] = {"cpu-rt-runtime", 0, ON_UPDATE, "USEC", false, "not with cgroup v2"},
        [OCI_CPU_SHARE] = {"cpu-share", 0, ON_UPDATE, "N", false, "share of the CPUs"},
        [OCI_CPUSET_CPUS] = {"cpuset-cpus", 0, ON_UPDATE, "LIST", false, "CPUs"},
        [OCI_CPUSET_MEMS] = {"cpuset-mems", 0, ON_UPDATE, "LIST", false, "memory nodes"},
        [OCI_KERNEL_MEMORY] = {"kernel-memory", 0, ON_UPDATE, "BYTES", false, "not with cgroup v2"},
        [OCI_KERNEL_MEMORY_TCP] = {"kernel-memory-tcp", 0, ON_UPDATE, "BYTES", false, "not with cgroup v2"},
        [OCI_MEMORY] = {"memory", 0, ON_UPDATE, "BYTES", false, "memory limit"},
        [OCI_MEMORY_RESERVATION] = {"memory-reservation", 0, ON_UPDATE, "BYTES", false, "soft limit"},
        [OCI_MEMORY_SWAP] = {"memory-swap", 0, ON_UPDATE, "BYTES", false, "limit of memory and swap"},
        [OCI_PIDS_LIMIT] = {"pids-limit", 0, ON_UPDATE, "N", false, "limit of processes"},
        [OCI_L3_CACHE_SCHEMA] = {"l3-cache-schema", 0, ON_UPDATE, "TEXT", false, "not supported"},
        [OCI_MEM_BW_SCHEMA] = {"mem-bw-schema", 0, ON_UPDATE, "TEXT", false, "not supported"},
        [OCI_ROOTLESS_SPEC] = {"rootless", 0, ON_SPEC, NULL, false, "for a user without privileges"},
        [OCI_HELP] = {"help", 'h', (unsigned) ON_ALL, NULL, false, "this help"},
        [OCI_VERSION] = {"version", 'v', ON_GLOBAL, NULL, false, "the version"},
};

typedef struct Verb {
        const char *name;
        int (*run)(const Oci *o, Error *error);
        unsigned options;
        size_t min, max; /* arguments */
        bool sealed;     /* becomes, or makes, a process of a stranger's */
        bool in_order;   /* behind the first argument there are no options */
        const char *arguments;
        const char *help;
} Verb;

static const Verb verbs[] = {
        {"create", oci_create, ON_CREATE, 1, 1, true, false, "ID",
         "make a container that waits for its start"},
        {"start", oci_start, 0, 1, 1, false, false, "ID", "start one that was created"},
        {"run", oci_run, ON_RUN, 1, 1, true, false, "ID", "create and start; wait for the end, and delete"},
        {"exec", oci_exec, ON_EXEC, 1, SIZE_MAX, true, true, "ID [COMMAND...]", "one more process in it"},
        {"state", oci_state, ON_STATE, 1, 1, false, false, "ID", "its state as JSON"},
        {"kill", oci_kill, ON_KILL, 1, 2, false, false, "ID [SIGNAL]", "send a signal (TERM)"},
        {"delete", oci_delete, ON_DELETE, 1, 1, false, false, "ID", "forget one that has ended"},
        {"pause", oci_pause, 0, 1, 1, false, false, "ID", "freeze its processes"},
        {"resume", oci_resume, 0, 1, 1, false, false, "ID", "let them go on"},
        {"update", oci_update, ON_UPDATE, 1, 1, false, false, "ID", "change its limits"},
        {"ps", oci_ps, ON_PS, 1, SIZE_MAX, false, true, "ID [PS-OPTION...]", "list its processes"},
        {"list", oci_list, ON_LIST, 0, 0, false, false, "", "list the containers"},
        {"spec", oci_spec, ON_SPEC, 0, 0, false, false, "", "write a config.json to begin with"},
        {"features", oci_features, 0, 0, 0, false, false, "", "what this runtime can do, as OCI JSON"},
};

const char *oci_option_name(OciOptionKey key)
{
        return options[key].name;
}

static void help_options(FILE *to, unsigned verb)
{
        FOREACH_ELEMENT(option, options) {
                char text[64];

                if (!(option->verbs & verb))
                        continue;
                (void) snprintf(text, sizeof(text), "%c%c --%s%s%s%s", option->letter ? '-' : ' ',
                                option->letter ?: ' ', option->name, option->optional ? "[" : "",
                                option->argument ? "=" : "", strempty(option->argument));
                (void) fprintf(to, "  %s%s%*s  %s\n", text, option->optional ? "]" : "",
                               (int) MAX(0, 34 - (ssize_t) strlen(text) - (option->optional ? 1 : 0)), "",
                               option->help);
        }
}

void oci_help(FILE *to)
{
        (void) fprintf(to, "Commands:\n");
        FOREACH_ELEMENT(v, verbs)
                (void) fprintf(to, "  %-9s%-22s %s\n", v->name, v->arguments, v->help);
        (void) fprintf(to, "\nOptions before the command:\n");
        help_options(to, ON_GLOBAL);
}

static int help_verb(const Verb *v)
{
        (void) printf("Usage: berth-exec [OPTION...] %s [OPTION...] %s\n\n%s\n\n", v->name, v->arguments,
                      v->help);
        help_options(stdout, v->options | ON_GLOBAL);
        return EXIT_SUCCESS;
}

static int bad_usage(Error *error, const char *what, const char *which)
{
        return error_set(error, ERROR_INVALID_ARGUMENT, "%s%s (see berth-exec --help)", what,
                         strempty(which));
}

static int take_option(Oci *o, OciOptionKey key, const char *value)
{
        char ***list = key == OCI_ENV               ? &o->env
                       : key == OCI_CAP             ? &o->caps
                       : key == OCI_ADDITIONAL_GIDS ? &o->gids
                                                    : NULL;

        o->value[key] = strempty(value);
        return list ? strv_append(list, strempty(value)) : 0;
}

#define LONG_BASE 256

/* getopt_long() over the rows that the verb takes; options of no verb, "+" stops at the first argument. */
static int parse(Oci *o, unsigned verb, bool in_order, char **argv, char ***ret_rest, Error *error)
{
        struct option longs[_OCI_OPTION_MAX + 1] = {};
        char shorts[2 * _OCI_OPTION_MAX + 4] = "+:", *end = shorts + strlen(shorts);
        size_t n = 0;
        int argc = (int) strv_length(argv), c;

        if (!in_order)
                (void) strcpy(shorts, ":"), end = shorts + 1;
        for (int key = 0; key < _OCI_OPTION_MAX; key++) {
                const Option *row = &options[key];

                if (!(row->verbs & verb))
                        continue;
                longs[n++] = (struct option){row->name,
                                             !row->argument  ? no_argument
                                             : row->optional ? optional_argument
                                                             : required_argument,
                                             NULL, LONG_BASE + key};
                if (row->letter)
                        end += sprintf(end, "%c%s", row->letter, row->argument && !row->optional ? ":" : "");
        }
        optind = 0;
        opterr = 0;
        while ((c = getopt_long(argc, argv, shorts, longs, NULL)) >= 0) {
                int key = c - LONG_BASE;

                if (c == '?' || c == ':')
                        return bad_usage(error, c == ':' ? "A value is missing: " : "Unknown option: ",
                                         argv[optind > 0 ? optind - 1 : 0]);
                for (int k = 0; c < LONG_BASE && k < _OCI_OPTION_MAX; k++)
                        if ((options[k].verbs & verb) && options[k].letter == c)
                                key = k;
                if (take_option(o, (OciOptionKey) key, optarg) < 0)
                        return error_set_errno(error, ENOMEM, "Options");
        }
        *ret_rest = argv + optind;
        return 0;
}

static int number_of_fds(const char *text, unsigned *ret, Error *error)
{
        uint64_t n = 0;

        if (!isempty(text) && parse_u64(text, 0, PRESERVE_FDS_MAX, &n) < 0)
                return error_set(error, ERROR_INVALID_ARGUMENT, "\"%s\" is not a number of descriptors",
                                 text);
        *ret = (unsigned) n;
        return 0;
}

/* Descriptors of socket activation come first, as the protocol wants them. */
static int count_fds(Oci *o, Error *error)
{
        const char *listen = getenv("LISTEN_FDS");
        unsigned passed = 0, activated = 0;
        int r;

        r = number_of_fds(o->value[OCI_PRESERVE_FDS], &passed, error);
        if (r >= 0 && listen)
                r = number_of_fds(listen, &activated, NULL) < 0 ? 0 : r;
        if (r < 0)
                return r;
        o->preserve_fds = passed + activated;
        return 0;
}

/* A number among those to be passed on that is not open is not ours to use: what we put there would be passed
 * on. */
static int fill_gaps(const Oci *o)
{
        _cleanup_close_ int null = -EBADF;

        for (unsigned fd = LISTEN_FDS_START; fd < LISTEN_FDS_START + o->preserve_fds; fd++) {
                if (fcntl((int) fd, F_GETFD) >= 0)
                        continue;
                if (null < 0)
                        null = open("/dev/null", O_PATH | O_CLOEXEC);
                if (null < 0)
                        return -errno;
                if (null == (int) fd)
                        (void) TAKE_FD(null);
                else if (dup3(null, (int) fd, O_CLOEXEC) < 0)
                        return -errno;
        }
        return 0;
}

/* crun's "file:PATH" is PATH; it knows other kinds of logs, which we do not have. */
static int check_log(Oci *o, Error *error)
{
        const char *log = o->value[OCI_LOG], *rest = log ? startswith(log, "file:") : NULL;
        size_t word = log ? strcspn(log, ":/") : 0;

        if (rest)
                o->value[OCI_LOG] = rest;
        else if (log && word > 0 && log[word] == ':')
                return bad_usage(error, "No log is of the kind ", log);
        return 0;
}

static int settle(Oci *o, Error *error)
{
        const char *manager = o->value[OCI_CGROUP_MANAGER], *format = o->value[OCI_LOG_FORMAT];

        o->root = o->value[OCI_ROOT] ?: OCI_ROOT_DIR;
        if (isempty(o->root))
                return bad_usage(error, "--root names no directory", NULL);
        o->systemd = oci_has(o, OCI_SYSTEMD_CGROUP) || streq_ptr(manager, "systemd");
        o->cgroups = !streq_ptr(manager, "disabled");
        if (manager && o->cgroups && !o->systemd && !streq(manager, "cgroupfs"))
                return bad_usage(error, "No cgroup manager is called ", manager);
        if (format && !streq(format, "text") && !streq(format, "json"))
                return bad_usage(error, "No log format is called ", format);
        return 0;
}

/* Verbs enter the bundle; what was said before still means the caller's directory. */
static int make_paths_absolute(Oci *o, Error *error)
{
        static const OciOptionKey keys[] = {OCI_ROOT,           OCI_LOG,     OCI_PID_FILE,
                                            OCI_CONSOLE_SOCKET, OCI_PROCESS, OCI_RESOURCES};
        _cleanup_free_ char *here = NULL;

        FOREACH_ELEMENT(key, keys) {
                const char *value = o->value[*key];

                if (isempty(value) || *value == '/' || streq(value, "-"))
                        continue;
                if (!here && !(here = getcwd(NULL, 0)))
                        return error_set_errno(error, errno, "Cannot find the working directory");
                if (strv_consume(&o->owned, str_printf("%s/%s", here, value)) < 0)
                        return error_set_errno(error, ENOMEM, "Options");
                o->value[*key] = o->owned[strv_length(o->owned) - 1];
        }
        return 0;
}

static const Verb *find_verb(const char *name)
{
        FOREACH_ELEMENT(v, verbs)
                if (streq(v->name, name))
                        return v;
        return NULL;
}

static int prepare(Oci *o, const Verb *v, Error *error)
{
        int r = 0;

        if (v->options & ON_PROCESS)
                r = count_fds(o, error);
        if (r < 0)
                return r;
        r = seal_descriptors(o->preserve_fds);
        if (r >= 0 && v->sealed)
                r = seal_executable(o->argv);
        if (r >= 0)
                r = fill_gaps(o);
        if (r >= 0 && v->sealed && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
                r = -errno;
        return r < 0 ? error_set_errno(error, r, "Cannot prepare the executor") : 0;
}

static int run_verb(Oci *o, const Verb *v, char **argv, Error *error)
{
        char **rest;
        int r;

        r = parse(o, v->options ? v->options | (1U << 31) : 1U << 31, v->in_order, argv, &rest, error);
        if (r < 0)
                return r;
        if (oci_has(o, OCI_HELP))
                return help_verb(v);
        o->args = rest;
        o->n_args = strv_length(rest);
        o->session = v->run == oci_exec;
        if (o->n_args < v->min)
                return bad_usage(error, "Not enough arguments for ", v->name);
        if (o->n_args > v->max)
                return bad_usage(error, "Too many arguments for ", v->name);
        r = check_log(o, error);
        if (r >= 0)
                r = make_paths_absolute(o, error);
        if (r >= 0)
                r = settle(o, error);
        if (r >= 0)
                r = prepare(o, v, error);
        return r < 0 ? r : v->run(o, error);
}

static int dispatch(Oci *o, char **argv, Error *error)
{
        const Verb *v;
        char **rest;
        int r;

        r = parse(o, ON_GLOBAL, true, argv, &rest, error);
        if (r < 0)
                return r;
        if (oci_has(o, OCI_VERSION))
                return printf("berth-exec version " BERTH_VERSION
                              "\nspec: 1.3.0\n+SYSTEMD +SELINUX +APPARMOR +CAP +SECCOMP +EBPF\n") < 0
                               ? EXIT_FAILURE
                               : EXIT_SUCCESS;
        if (oci_has(o, OCI_HELP)) {
                (void) printf("Usage: berth-exec [OPTION...] COMMAND [OPTION...] [ARGUMENT...]\n\n");
                oci_help(stdout);
                return EXIT_SUCCESS;
        }
        if (!*rest)
                return bad_usage(error, "No command", NULL);
        v = find_verb(*rest);
        return v ? run_verb(o, v, rest, error) : bad_usage(error, "No command is called ", *rest);
}

static void oci_done(Oci *o)
{
        strv_free(o->env);
        strv_free(o->caps);
        strv_free(o->gids);
        strv_free(o->owned);
}

int oci_main(char **argv)
{
        _cleanup_(oci_done) Oci o = {.argv = argv};
        _cleanup_error_ Error error = ERROR_INIT;
        int r;

        r = dispatch(&o, argv, &error);
        return r < 0 ? oci_failed(&o, &error) : r;
}
