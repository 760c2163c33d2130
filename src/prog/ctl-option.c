/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Flags as podman's users write them: "--flag VALUE", "--flag=VALUE", "-f VALUE", "-fVALUE", "-abc",
 * "--flag=false", "--". A flag is looked up among the verb's own rows first, among the settings of its
 * kind second and among podman's habits last; what it means is the row's business. */

#include "base/parse.h"
#include "base/str.h"
#include "prog/ctl-habit.h"
#include "prog/ctl-option.h"

static const FlagRow flags[_FLAG_MAX] = {
        [FLAG_ALL] = {"all", 'a', NULL, "Do it for all of them"},
        [FLAG_ALL_STATES] = {"all", 'a', NULL, "Show also those that do not run"},
        [FLAG_ALL_TAGS] = {"all-tags", 'a', NULL, "All tags of the repository"},
        [FLAG_ARCH] = {"arch", 0, "ARCHITECTURE", "Instead of this machine's architecture"},
        [FLAG_ATTACH] = {"attach", 'a', NULL, "Stay with it: pass on its output, signals and exit status"},
        [FLAG_AUTHFILE] = {"authfile", 0, "FILE", "Where the credentials are, or will be"},
        [FLAG_CERT_DIR] = {"cert-dir", 0, "DIR", "Certificates for the registry: *.crt, *.cert with *.key"},
        [FLAG_CHANGE] = {"change", 'c', "INSTRUCTION",
                         "What a Containerfile would say, as CMD=/bin/sh or ENV=A=b"},
        [FLAG_CID_FILE] = {"cidfile", 0, "FILE", "Write the container's ID to this new file"},
        [FLAG_COMPRESS] = {"compress", 0, NULL, "Compress the layers"},
        [FLAG_COMPRESSION_FORMAT] = {"compression-format", 0, "FORMAT", "Of the layers: gzip or zstd"},
        [FLAG_CREDS] = {"creds", 0, "USER[:PASSWORD]", "Credentials for the registry"},
        [FLAG_DETACH] = {"detach", 'd', NULL, "Run it in the background and print its ID"},
        [FLAG_DIGESTS] = {"digests", 0, NULL, "Show the digests of the manifests"},
        [FLAG_DIGEST_FILE] = {"digestfile", 0, "FILE", "Write the digest of what was pushed to this file"},
        [FLAG_ENV_FILE] = {"env-file", 0, "FILE", "Read environment variables from the lines of a file"},
        [FLAG_FILTER] = {"filter", 'f', "KEY=VALUE", "Only what fits; of one key any, of different keys all"},
        [FLAG_FOLLOW] = {"follow", 'f', NULL, "Go on with what comes until the container ends"},
        [FLAG_FORCE] = {"force", 'f', NULL, "Also when it is in use: what runs is stopped"},
        [FLAG_FORCE_PRUNE] = {"force", 'f', NULL, "Do not ask"},
        [FLAG_FORMAT] = {"format", 'f', "FORMAT", "\"json\", \"table ...\" or a Go template as {{.Names}}"},
        [FLAG_GET_LOGIN] = {"get-login", 0, NULL, "Print the user name that is logged in"},
        [FLAG_HUMAN] = {"human", 'H', NULL, "Sizes and times for people (on unless =false)"},
        [FLAG_IGNORE] = {"ignore", 'i', NULL, "No error for what is not there"},
        [FLAG_INPUT] = {"input", 'i', "FILE", "Read the archive from this file"},
        [FLAG_INTERACTIVE] = {"interactive", 'i', NULL, "Pass on the standard input"},
        [FLAG_JSON] = {"json", 0, NULL, "Print JSON"},
        [FLAG_LABEL_FILE] = {"label-file", 0, "FILE", "Read labels from the lines of a file"},
        [FLAG_LAST] = {"last", 'n', "NUMBER", "Show the last created containers in whatever state"},
        [FLAG_LATEST] = {"latest", 'l', NULL, "The container created last"},
        [FLAG_LIMIT] = {"limit", 0, "NUMBER", "Show at most so many"},
        [FLAG_LIST_TAGS] = {"list-tags", 0, NULL, "List the tags of a repository"},
        [FLAG_MESSAGE] = {"message", 'm', "TEXT", "What the history says of it"},
        [FLAG_MOVE_NAMES] = {"replace", 0, NULL,
                             "Names in the archive move to it from images that have them"},
        [FLAG_MULTI_IMAGE] = {"multi-image-archive", 'm', NULL,
                              "Write all images into one archive (always done)"},
        [FLAG_NAMES] = {"names", 'n', NULL, "Begin each line with the container's name"},
        [FLAG_NO_HEADING] = {"noheading", 0, NULL, "Leave out the heading"},
        [FLAG_NO_PROGRESS] = {"quiet", 'q', NULL, "Show no progress"},
        [FLAG_NO_STREAM] = {"no-stream", 0, NULL, "Print what has happened and do not wait for more"},
        [FLAG_NO_TRUNC] = {"no-trunc", 0, NULL, "Show everything in full"},
        [FLAG_OS] = {"os", 0, "OS", "Instead of linux"},
        [FLAG_OUTPUT] = {"output", 'o', "FILE", "Write to this file or directory"},
        [FLAG_PASSWORD] = {"password", 'p', "PASSWORD",
                           "In the list of processes for all to see: better not"},
        [FLAG_PASSWORD_STDIN] = {"password-stdin", 0, NULL, "Read the password from the standard input"},
        [FLAG_PLATFORM] = {"platform", 0, "OS/ARCH[/VARIANT]", "Instead of this machine's platform"},
        [FLAG_PULL_POLICY] = {"policy", 0, "POLICY", "When to pull: always, missing, newer or never"},
        [FLAG_PUSH_FORMAT] = {"format", 'f', "FORMAT", "Of the manifest: oci or v2s2"},
        [FLAG_QUIET] = {"quiet", 'q', NULL, "Print only IDs"},
        [FLAG_REPAIR] = {"repair", 'r', NULL, "Mend what can be mended; damaged images are pulled again"},
        [FLAG_REPLACE] = {"replace", 0, NULL, "Remove the container that has the name now"},
        [FLAG_RETRY] = {"retry", 0, "NUMBER", "How often to try again when the registry fails"},
        [FLAG_RETRY_DELAY] = {"retry-delay", 0, "TIME", "How long to wait before that, doubled each time"},
        [FLAG_SAVE_FORMAT] = {"format", 0, "FORMAT", "docker-archive, oci-archive, oci-dir or docker-dir"},
        [FLAG_SIGNAL] = {"signal", 's', "SIGNAL", "The signal to send instead of SIGKILL"},
        [FLAG_SIG_PROXY] = {"sig-proxy", 0, NULL, "Pass signals on to the container (on unless =false)"},
        [FLAG_SINCE] = {"since", 0, "TIME", "Only what came later: a time, or a span back as 10m"},
        [FLAG_SORT] = {"sort", 0, "COLUMN", "Sort by this column"},
        [FLAG_SPECIFIER] = {"specifier", 0, "LETTER=VALUE", "What a specifier stands for, as i=blue for %i"},
        [FLAG_TAIL] = {"tail", 0, "NUMBER", "Only the last lines"},
        [FLAG_TIME] = {"time", 't', "SECONDS", "How long it may take to stop before it is killed"},
        [FLAG_TIMESTAMPS] = {"timestamps", 't', NULL, "Begin each line with its time"},
        [FLAG_TLS_VERIFY] = {"tls-verify", 0, NULL, "Check certificates (on unless =false)"},
        [FLAG_TTY] = {"tty", 't', NULL, "Give it a terminal (not possible yet)"},
        [FLAG_TYPE] = {"type", 't', "TYPE", "Look only for a \"container\" or an \"image\""},
        [FLAG_UNCOMPRESSED] = {"uncompressed", 'u', NULL, "Do not compress the layers"},
        [FLAG_UNIT] = {"unit", 0, "UNIT", "The unit that runs it"},
        [FLAG_UNTIL] = {"until", 0, "TIME", "Only what came earlier: a time, or a span back as 10m"},
        [FLAG_USERNAME] = {"username", 'u', "USER", "Who logs in"},
        [FLAG_VARIANT] = {"variant", 0, "VARIANT", "Of the architecture, as v7"},
        [FLAG_VERBOSE] = {"verbose", 'v', NULL, "Print where the credentials are kept"},
};

/* One flag found on the command line: a row of one of the three tables. */
typedef struct Found {
        Flag flag;
        const Setting *setting;
        const Habit *habit; /* neither: flag counts */
        const char *metavar;
} Found;

const FlagRow *flag_get(Flag f)
{
        assert(f >= 0 && f < _FLAG_MAX);
        return &flags[f];
}

bool ctl_has(const Ctl *c, Flag f)
{
        return (c->given & FLAG_BIT(f)) && !c->turned_off[f];
}

const char *ctl_value(const Ctl *c, Flag f)
{
        size_t n = strv_length(c->values[f]);

        return n > 0 ? c->values[f][n - 1] : NULL;
}

static bool is_flag(const Setting *row)
{
        return !(row->flags & SETTING_NO_FLAG);
}

static bool find_name(const Verb *v, const char *name, Found *ret)
{
        const Setting *row = v->settings ? setting_by_flag(v->settings, name) : NULL;
        const Habit *habit = v->settings & SPEC_CONTAINER ? habit_by_flag(name) : NULL;

        for (Flag f = 0; f < _FLAG_MAX; f++)
                if ((v->flags & FLAG_BIT(f)) && streq(flags[f].name, name)) {
                        *ret = (Found){.flag = f, .metavar = flags[f].metavar};
                        return true;
                }
        if (row && is_flag(row))
                *ret = (Found){.setting = row, .metavar = setting_metavar(row)};
        else if (habit)
                *ret = (Found){.habit = habit, .metavar = habit->metavar};
        else
                return false;
        return true;
}

static char letter_of(const Verb *v, Flag f)
{
        return v->no_letter & FLAG_BIT(f) ? 0 : flags[f].letter;
}

static bool find_letter(const Verb *v, char letter, Found *ret)
{
        const Setting *row = v->settings ? setting_by_letter(v->settings, letter) : NULL;

        for (Flag f = 0; f < _FLAG_MAX; f++)
                if ((v->flags & FLAG_BIT(f)) && letter_of(v, f) == letter) {
                        *ret = (Found){.flag = f, .metavar = flags[f].metavar};
                        return true;
                }
        if (!row || !is_flag(row))
                return false;
        *ret = (Found){.setting = row, .metavar = setting_metavar(row)};
        return true;
}

void options_visit(const Verb *v, OptionVisit visit, void *userdata)
{
        for (Flag f = 0; f < _FLAG_MAX; f++)
                if ((v->flags & FLAG_BIT(f)))
                        visit(flags[f].name, letter_of(v, f), flags[f].metavar, flags[f].help, false,
                              userdata);
        SETTING_FOREACH(row, v->settings)
        {
                if (is_flag(row))
                        visit(setting_flag(row), row->letter, setting_metavar(row), row->help, true,
                              userdata);
        }
        for (size_t i = 0; v->settings & SPEC_CONTAINER && habit_get(i); i++)
                visit(habit_get(i)->name, 0, habit_get(i)->metavar, habit_get(i)->help, false, userdata);
}

bool options_wants_value(const Verb *v, const char *flag, bool *ret_known)
{
        const char *name = startswith(flag, "--");
        Found found = {};

        *ret_known = name ? find_name(v, name, &found)
                          : flag[0] == '-' && flag[1] && find_letter(v, flag[strlen(flag) - 1], &found);
        return *ret_known && found.metavar;
}

static char *const *nearest_list;

static const char *nearest_next(size_t i)
{
        return nearest_list[i];
}

const char *nearest_of(const char *s, char *const *candidates)
{
        static char *none[] = {NULL};

        nearest_list = candidates ?: none;
        return str_nearest(s, nearest_next);
}

static void collect_name(const char *name, char letter, const char *metavar, const char *help,
                         bool is_setting, void *userdata)
{
        (void) strv_append(userdata, name);
}

static int unknown_flag(Ctl *c, const char *flag)
{
        _cleanup_strv_ char **names = NULL;
        const char *name = startswith(flag, "--"), *near;

        if (!name)
                return error_set(&c->error, ERROR_INVALID_ARGUMENT, "unknown flag %s", flag);
        options_visit(c->verb, collect_name, &names);
        near = nearest_of(name, names);
        return error_set(&c->error, ERROR_INVALID_ARGUMENT, "unknown flag %s%s%s%s", flag,
                         near ? "; did you mean --" : "", strempty(near), near ? "?" : "");
}

static int assign_flag(Ctl *c, Flag f, const char *value)
{
        bool on = true;

        c->given |= FLAG_BIT(f);
        if (flags[f].metavar)
                return strv_append(&c->values[f], value);
        if (value && parse_bool(value, &on) < 0)
                return error_set(&c->error, ERROR_INVALID_ARGUMENT, "--%s: \"%s\" is neither true nor false",
                                 flags[f].name, value);
        c->turned_off[f] = !on;
        return 0;
}

static int assign(Ctl *c, const Found *found, const char *value)
{
        if (found->setting)
                return habit_assign_setting(c, found->setting, value ?: "true");
        if (found->habit)
                return found->habit->assign(c, value);
        return assign_flag(c, found->flag, value);
}

/* "--flag", "--flag=VALUE", "--flag VALUE"; *i moves on to the last word used. */
static int parse_long(Ctl *c, char **argv, size_t *i)
{
        _cleanup_free_ char *name = strdup(argv[*i] + 2);
        Found found;
        char *value;

        if (!name)
                return -ENOMEM;
        value = strchr(name, '=');
        if (value)
                *value++ = '\0';
        if (!find_name(c->verb, name, &found)) {
                if (streq(name, "help"))
                        return 1;
                argv[*i][2 + strlen(name)] = '\0';
                return unknown_flag(c, argv[*i]);
        }
        if (!value && found.metavar) {
                if (!argv[*i + 1])
                        return error_set(&c->error, ERROR_INVALID_ARGUMENT, "--%s needs a value (%s)", name,
                                         found.metavar);
                value = argv[++*i];
        }
        return assign(c, &found, value);
}

/* "-abc", "-fVALUE", "-f=VALUE", "-f VALUE". */
static int parse_letters(Ctl *c, char **argv, size_t *i)
{
        for (const char *p = argv[*i] + 1; *p; p++) {
                char flag[3] = {'-', *p, '\0'};
                const char *value = NULL;
                Found found;
                bool last;
                int r;

                if (!find_letter(c->verb, *p, &found)) {
                        if (*p == 'h')
                                return 1;
                        return unknown_flag(c, flag);
                }
                last = found.metavar || p[1] == '=';
                if (last)
                        value = p[1] == '=' ? p + 2 : p[1] ? p + 1 : argv[*i + 1] ? argv[++*i] : NULL;
                if (last && !value)
                        return error_set(&c->error, ERROR_INVALID_ARGUMENT, "%s needs a value (%s)", flag,
                                         found.metavar);
                r = assign(c, &found, value);
                if (r < 0 || last)
                        return r;
        }
        return 0;
}

static int check_count(Ctl *c, size_t n)
{
        const Verb *v = c->verb;

        if (n < v->min)
                return error_set(&c->error, ERROR_INVALID_ARGUMENT,
                                 "%s needs %s%u argument%s: berthctl %s %s", verb_name(v),
                                 v->max == v->min ? "" : "at least ", v->min, v->min == 1 ? "" : "s",
                                 verb_name(v), v->usage);
        if (n > v->max)
                return error_set(&c->error, ERROR_INVALID_ARGUMENT,
                                 "%s takes %s%u argument%s, \"%s\" is too much", verb_name(v),
                                 v->max == v->min ? "" : "at most ", v->max, v->max == 1 ? "" : "s",
                                 c->args[v->max]);
        return 0;
}

int options_parse(Ctl *c, char **argv)
{
        size_t n = 0;
        int r = 0;

        if (c->verb->settings) {
                c->spec = spec_new(c->verb->settings);
                if (!c->spec)
                        return -ENOMEM;
        }
        c->args = argv;
        for (size_t i = 0; argv[i] && r == 0; i++) {
                bool command = n > 0 && c->verb->in_order;

                if (command || streq(argv[i], "--")) {
                        for (i += command ? 0 : 1; argv[i]; i++)
                                argv[n++] = argv[i];
                        break;
                }
                if (startswith(argv[i], "--"))
                        r = parse_long(c, argv, &i);
                else if (argv[i][0] == '-' && argv[i][1])
                        r = parse_letters(c, argv, &i);
                else
                        argv[n++] = argv[i];
        }
        if (r != 0)
                return r;
        argv[n] = NULL;
        return check_count(c, n);
}

void options_done(Ctl *c)
{
        for (Flag f = 0; f < _FLAG_MAX; f++)
                c->values[f] = strv_free(c->values[f]);
        c->spec = spec_free(c->spec);
}
