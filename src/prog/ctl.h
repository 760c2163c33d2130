/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* berthctl: a verb is a row of a table; it gets a Ctl with its arguments, its flags and, for verbs that make
 * something, a Spec with the settings given. A handler returns the exit status, or a negative errno with the
 * Error set, which main() prints together with what to do next. */

#include <limits.h>

#include <systemd/sd-bus.h>

#include "base/macro.h"
#include "spec/setting.h"
#include "spec/spec.h"

#define EXIT_OURS 125

/* The flags of verbs; the settings have their own table. Two rows may have one letter when no verb has both.
 */
typedef enum Flag {
        FLAG_ALL,
        FLAG_ALL_STATES,
        FLAG_ALL_TAGS,
        FLAG_ARCH,
        FLAG_ATTACH,
        FLAG_AUTHFILE,
        FLAG_CERT_DIR,
        FLAG_CHANGE,
        FLAG_CID_FILE,
        FLAG_COMPRESS,
        FLAG_COMPRESSION_FORMAT,
        FLAG_CREDS,
        FLAG_DETACH,
        FLAG_DIGESTS,
        FLAG_DIGEST_FILE,
        FLAG_ENV_FILE,
        FLAG_FILTER,
        FLAG_FOLLOW,
        FLAG_FORCE,
        FLAG_FORCE_PRUNE,
        FLAG_FORMAT,
        FLAG_GET_LOGIN,
        FLAG_HUMAN,
        FLAG_IGNORE,
        FLAG_INPUT,
        FLAG_INTERACTIVE,
        FLAG_JSON,
        FLAG_LABEL_FILE,
        FLAG_LAST,
        FLAG_LATEST,
        FLAG_LIMIT,
        FLAG_LIST_TAGS,
        FLAG_MESSAGE,
        FLAG_MOVE_NAMES,
        FLAG_MULTI_IMAGE,
        FLAG_NAMES,
        FLAG_NO_HEADING,
        FLAG_NO_PROGRESS,
        FLAG_NO_STREAM,
        FLAG_NO_TRUNC,
        FLAG_OS,
        FLAG_OUTPUT,
        FLAG_PASSWORD,
        FLAG_PASSWORD_STDIN,
        FLAG_PLATFORM,
        FLAG_PULL_POLICY,
        FLAG_PUSH_FORMAT,
        FLAG_QUIET,
        FLAG_REPAIR,
        FLAG_REPLACE,
        FLAG_RETRY,
        FLAG_RETRY_DELAY,
        FLAG_SAVE_FORMAT,
        FLAG_SIGNAL,
        FLAG_SIG_PROXY,
        FLAG_SINCE,
        FLAG_SORT,
        FLAG_SPECIFIER,
        FLAG_TAIL,
        FLAG_TIME,
        FLAG_TIMESTAMPS,
        FLAG_TLS_VERIFY,
        FLAG_TTY,
        FLAG_TYPE,
        FLAG_UNCOMPRESSED,
        FLAG_UNIT,
        FLAG_UNTIL,
        FLAG_USERNAME,
        FLAG_VARIANT,
        FLAG_VERBOSE,
        _FLAG_MAX,
} Flag;
/* A set of them. */
typedef unsigned __int128 FlagSet;
#define FLAG_BIT(flag) ((FlagSet) 1 << (flag))
#define F(flag) FLAG_BIT(FLAG_##flag)

typedef struct FlagRow {
        const char *name;
        char letter;
        const char *metavar; /* NULL: takes no argument */
        const char *help;
} FlagRow;

/* What the arguments of a verb name: for completion. */
typedef enum ArgKind {
        ARG_NONE,
        ARG_CONTAINER,
        ARG_RUNNING,
        ARG_STOPPED,
        ARG_IMAGE,
        ARG_OBJECT, /* container or image */
        ARG_FILE,
        ARG_VERB,
        _ARG_MAX,
} ArgKind;

#define ARGS_UNLIMITED UINT_MAX

typedef struct Ctl Ctl;

typedef struct Verb {
        const char *names; /* "ps|container ls|container list": the first is the usual one */
        const char *usage; /* of the arguments */
        unsigned min, max; /* number of arguments */
        ArgKind kind;      /* of the arguments (only the first when in_order) */
        FlagSet flags;
        FlagSet no_letter; /* those of flags whose letter is another's here */
        SpecKind settings; /* 0: none */
        bool in_order;     /* flags end at the first argument: what follows is a command line */
        bool changes;      /* polkit may have to ask for a password */
        int (*run)(Ctl *c);
        const char *help;
} Verb;

struct Ctl {
        const Verb *verb;
        char **args; /* NULL-terminated, borrowed from the command line */
        FlagSet given;
        char **values[_FLAG_MAX];   /* for flags that take one, in the order given */
        bool turned_off[_FLAG_MAX]; /* "--sig-proxy=false" */
        Spec *spec;
        sd_bus *bus;
        Error error;
};

const FlagRow *flag_get(Flag f);
bool ctl_has(const Ctl *c, Flag f);
/* The last value given, NULL when none was. */
const char *ctl_value(const Ctl *c, Flag f);

const Verb *verb_get(size_t i); /* NULL after the last */
/* The verb at argv[0], or argv[0..1] for "container ls"; *ret_words is how many words it took. */
const Verb *verb_find(char **argv, size_t *ret_words);
/* Whether the word begins names of two words, as "container". */
bool verb_is_noun(const char *word);
/* An error that names what comes near. */
int verb_unknown(Ctl *c, char **argv);
/* The first name of the verb, in static storage. */
const char *verb_name(const Verb *v);

/* ctl-container.c */
int verb_ps(Ctl *c);
int verb_container_exists(Ctl *c);
int verb_start(Ctl *c);
int verb_stop(Ctl *c);
int verb_restart(Ctl *c);
int verb_kill(Ctl *c);
int verb_wait(Ctl *c);
int verb_rm(Ctl *c);
int verb_update(Ctl *c);
int verb_container_prune(Ctl *c);
/* ctl-run.c */
int verb_create(Ctl *c);
int verb_run(Ctl *c);
int verb_exec(Ctl *c);
int run_attached(Ctl *c, const char *path);
/* ctl-inspect.c */
int verb_inspect(Ctl *c);
int verb_container_inspect(Ctl *c);
int verb_image_inspect(Ctl *c);
int verb_info(Ctl *c);
int verb_version(Ctl *c);
/* ctl-image.c, ctl-registry.c, ctl-layer.c */
int verb_load(Ctl *c);
int verb_import(Ctl *c);
int verb_save(Ctl *c);
int verb_system_check(Ctl *c);
int verb_pull(Ctl *c);
int verb_push(Ctl *c);
int verb_search(Ctl *c);
int verb_tags(Ctl *c);
int verb_history(Ctl *c);
int verb_image_tree(Ctl *c);
int verb_image_mount(Ctl *c);
int verb_image_unmount(Ctl *c);
int verb_diff(Ctl *c);
/* ctl-object.c */
int verb_images(Ctl *c);
int verb_image_exists(Ctl *c);
int verb_rmi(Ctl *c);
int verb_tag(Ctl *c);
int verb_untag(Ctl *c);
int verb_image_prune(Ctl *c);
/* ctl-log.c, ctl-event.c */
int verb_logs(Ctl *c);
int verb_events(Ctl *c);
/* ctl-login.c */
int verb_login(Ctl *c);
int verb_logout(Ctl *c);
/* ctl-quadlet.c */
int verb_quadlet_create(Ctl *c);
/* ctl-help.c, ctl-complete.c */
int verb_help(Ctl *c);
int verb_settings(Ctl *c);
int complete(char **words);
void help_program(FILE *f);
void help_verb(FILE *f, const Verb *v);
