/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The command line: every spelling that podman's users know, and the table of verbs that it is read by. */

#include "base/str.h"
#include "prog/ctl-option.h"
#include "test.h"

static const Verb *verb(const char *name)
{
        _cleanup_strv_ char **words = NULL;
        size_t used = 0;
        const Verb *v;

        CHECK_OK(strv_split(name, " ", &words));
        v = verb_find(words, &used);
        CHECK(v);
        CHECK_EQ(used, strv_length(words));
        return v;
}

/* A command line; its words are put into another order while they are read. */
typedef struct Line {
        Ctl c;
        char **words;
        char **order;
} Line;

static void line_done(Line *l)
{
        options_done(&l->c);
        error_done(&l->c.error);
        strv_free(l->words);
        free(l->order);
}
#define _cleanup_line_ _cleanup_(line_done)

/* The first word is the verb's. */
static int parse(Line *l, const char *line)
{
        size_t n;

        CHECK_OK(words_split(line, &l->words));
        n = strv_length(l->words);
        l->order = calloc(n + 1, sizeof(char *));
        CHECK(l->order);
        memcpy(l->order, l->words, n * sizeof(char *));
        l->c.verb = verb(l->words[0]);
        return options_parse(&l->c, l->order + 1);
}

static void check_setting(const Ctl *c, SettingId id, const char *text)
{
        _cleanup_free_ char *is = setting_text(c->spec, setting_get(id));

        CHECK_STREQ(is, text);
}

/* options_parse() reorders the words, so the list is freed by its copy of pointers only when nothing was
 * dropped; a test process may leak. */
TEST(spellings)
{
        static const char *const lines[] = {
                "stop -t 3 a", "stop -t3 a",      "stop -t=3 a", "stop --time 3 a",      "stop --time=3 a",
                "stop a -t 3", "stop a --time=3", "stop -it3 a", "stop --time 9 -t 3 a",
        };

        FOREACH_ELEMENT(line, lines) {
                _cleanup_line_ Line l = {};
                const Ctl *c = &l.c;

                CHECK_EQ(parse(&l, *line), 0);
                CHECK_STREQ(ctl_value(c, FLAG_TIME), "3");
                CHECK_STREQ(c->args[0], "a");
                CHECK_STREQ(c->args[1], NULL);
        }
}

TEST(command_is_left_alone)
{
        _cleanup_line_ Line l = {};
        const Ctl *c = &l.c;

        CHECK_EQ(parse(&l, "run -d --rm -e A=1 --env=B=2 -itv /a:/b image ls -l -- --rm"), 0);
        CHECK(ctl_has(c, FLAG_DETACH));
        CHECK(c->spec->auto_remove);
        CHECK(c->spec->stdin_open);
        check_setting(c, SETTING_VOLUMES, "/a:/b");
        CHECK_STREQ(map_get(c->spec->environment, "A"), "1");
        CHECK_STREQ(map_get(c->spec->environment, "B"), "2");
        CHECK_STREQ(c->args[0], "image");
        CHECK_STREQ(c->args[1], "ls");
        CHECK_STREQ(c->args[2], "-l");
        CHECK_STREQ(c->args[3], "--");
        CHECK_STREQ(c->args[4], "--rm");
        CHECK_STREQ(c->args[5], NULL);
}

TEST(double_dash_before_arguments)
{
        _cleanup_line_ Line l = {};
        const Ctl *c = &l.c;

        CHECK_EQ(parse(&l, "rm -f -- -x -y"), 0);
        CHECK(ctl_has(c, FLAG_FORCE));
        CHECK_STREQ(c->args[0], "-x");
        CHECK_STREQ(c->args[1], "-y");
}

TEST(turned_off)
{
        _cleanup_line_ Line l = {};
        const Ctl *c = &l.c;

        CHECK_EQ(parse(&l, "run --sig-proxy=false --rm=false --read-only=true -d=false image"), 0);
        CHECK(!ctl_has(c, FLAG_SIG_PROXY));
        CHECK(!ctl_has(c, FLAG_DETACH));
        CHECK(!c->spec->auto_remove);
        CHECK(c->spec->read_only);
}

TEST(habits_of_podman)
{
        _cleanup_line_ Line l = {}, bad = {};

        CHECK_OK(parse(&l, "run --restart on-failure:3 --net host --security-opt seccomp=unconfined "
                           "--security-opt no-new-privileges --log-opt tag=shop x"));
        check_setting(&l.c, SETTING_RESTART_POLICY, "on-failure");
        check_setting(&l.c, SETTING_RESTART_RETRIES, "3");
        check_setting(&l.c, SETTING_NETWORK, "host");
        check_setting(&l.c, SETTING_SECCOMP_PROFILE, "unconfined");
        check_setting(&l.c, SETTING_NO_NEW_PRIVILEGES, "true");
        check_setting(&l.c, SETTING_LOG_TAG, "shop");
        CHECK(parse(&bad, "run --security-opt label=disable x") < 0);
        CHECK_EQ(bad.c.error.kind, ERROR_NOT_SUPPORTED);
}

TEST(environment_of_the_caller)
{
        _cleanup_line_ Line l = {};
        const Ctl *c = &l.c;

        CHECK_OK(setenv("BERTH_T_ONE", "1", 1));
        CHECK_OK(setenv("BERTH_T_TWO", "2", 1));
        CHECK_OK(setenv("BERTH_U", "3", 1));
        CHECK_OK(unsetenv("BERTH_NONE"));
        CHECK_EQ(parse(&l, "run -e BERTH_T_* -e BERTH_U -e BERTH_NONE -e BERTH_EMPTY= image"), 0);
        CHECK_STREQ(map_get(c->spec->environment, "BERTH_T_ONE"), "1");
        CHECK_STREQ(map_get(c->spec->environment, "BERTH_T_TWO"), "2");
        CHECK_STREQ(map_get(c->spec->environment, "BERTH_U"), "3");
        CHECK_STREQ(map_get(c->spec->environment, "BERTH_EMPTY"), "");
        CHECK_EQ(map_size(c->spec->environment), 4);
}

static const struct {
        const char *line, *says;
} bad[] = {
        {"ps --fromat x", "unknown flag --fromat; did you mean --format?"},
        {"run --memroy=1g image", "unknown flag --memroy; did you mean --memory?"},
        {"run --zzzzzzzzzz image", "unknown flag --zzzzzzzzzz"},
        {"ps -Z", "unknown flag -Z"},
        {"ps -aZ", "unknown flag -Z"},
        {"stop a --time", "--time needs a value (SECONDS)"},
        {"stop a -t", "-t needs a value (SECONDS)"},
        {"run", "run needs at least 1 argument: berthctl run IMAGE [COMMAND [ARGUMENT...]]"},
        {"exec web", "exec needs at least 2 arguments: berthctl exec CONTAINER COMMAND [ARGUMENT...]"},
        {"info x", "info takes 0 arguments, \"x\" is too much"},
        {"load a b", "load takes at most 1 argument, \"b\" is too much"},
        {"run -d=maybe image", "--detach: \"maybe\" is neither true nor false"},
        {"run --detach=maybe image", "--detach: \"maybe\" is neither true nor false"},
};

TEST(bad)
{
        FOREACH_ELEMENT(row, bad) {
                _cleanup_line_ Line l = {};

                CHECK_EQ(parse(&l, row->line), -EINVAL);
                CHECK_STREQ(l.c.error.message, row->says);
        }
}

TEST(help_is_a_flag_of_all)
{
        const Verb *v;

        for (size_t i = 0; (v = verb_get(i)); i++) {
                char help[] = "--help", *words[] = {help, NULL};
                _cleanup_line_ Line l = {.c.verb = v};

                CHECK_EQ(options_parse(&l.c, words), 1);
        }
}

/* One row of a verb's flags, to find two of a name. */
typedef struct Seen {
        char **names;
        char letters[256];
} Seen;

static void see(const char *name, char letter, const char *metavar, const char *help, bool is_setting,
                void *userdata)
{
        Seen *seen = userdata;

        if (strv_contains(seen->names, name))
                CHECK_STREQ(name, "not twice");
        CHECK_OK(strv_append(&seen->names, name));
        CHECK(!isempty(help));
        if (letter && strchr(seen->letters, letter))
                CHECK_STREQ(name, "a letter of its own");
        if (letter)
                seen->letters[strlen(seen->letters)] = letter;
}

TEST(no_flag_twice)
{
        const Verb *v;

        for (size_t i = 0; (v = verb_get(i)); i++) {
                Seen seen = {};

                options_visit(v, see, &seen);
                strv_free(seen.names);
        }
}

TEST(verbs_are_complete)
{
        _cleanup_strv_ char **names = NULL;
        const Verb *v;

        for (size_t i = 0; (v = verb_get(i)); i++) {
                _cleanup_strv_ char **of_verb = NULL;

                CHECK(v->run);
                CHECK(!isempty(v->help));
                CHECK(v->usage);
                CHECK(v->min <= v->max);
                CHECK((v->no_letter & ~v->flags) == 0);
                CHECK_OK(strv_split(v->names, "|", &of_verb));
                STRV_FOREACH(name, of_verb) {
                        CHECK(!strv_contains(names, *name));
                        CHECK_OK(strv_append(&names, *name));
                        CHECK(verb(*name) == v);
                }
                CHECK_STREQ(verb_name(v), of_verb[0]);
        }
        CHECK(!verb_find((char *[]){(char *) "container", (char *) "frob", NULL}, &(size_t){0}));
        CHECK(!verb_find((char *[]){(char *) "container ls", NULL}, &(size_t){0}));
        CHECK(!verb_find((char *[]){(char *) "", NULL}, &(size_t){0}));
}
