/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* "berthctl __complete WORD...": the candidates for the last word, one per line, as
 * "candidate<tab>description". The shells' completion scripts ask here, so they know exactly the verbs and
 * flags that the tables have. The line "*files" asks the shell for names of files. */

#include "base/str.h"
#include "prog/ctl-bus.h"
#include "prog/ctl-option.h"

static void print_candidate(const char *candidate, const char *begin, const char *help)
{
        if (startswith(candidate, begin))
                printf("%s\t%s\n", candidate, help);
}

/* Words of names that have this many blanks before them: verbs, or what stands behind a noun. */
static void complete_verb(const char *noun, const char *begin)
{
        const Verb *v;

        if (!noun) {
                print_candidate("container", begin, "Commands about containers");
                print_candidate("image", begin, "Commands about images");
                print_candidate("system", begin, "Commands about what is stored");
        }
        for (size_t i = 0; (v = verb_get(i)); i++) {
                _cleanup_strv_ char **names = NULL;

                if (strv_split(v->names, "|", &names) < 0)
                        return;
                STRV_FOREACH(n, names) {
                        const char *below = noun ? startswith(*n, noun) : NULL;

                        if (noun && below && *below == ' ')
                                print_candidate(below + 1, begin, v->help);
                        if (!noun && !strchr(*n, ' '))
                                print_candidate(*n, begin, v->help);
                }
        }
}

static void print_flag(const char *name, char letter, const char *metavar, const char *help, bool is_setting,
                       void *userdata)
{
        _cleanup_free_ char *flag = str_printf("--%s", name);

        if (flag)
                print_candidate(flag, userdata, help);
}

static void complete_container(Ctl *c, ArgKind kind, const char *begin)
{
        _cleanup_json_ json_t *list = NULL;
        const json_t *row;
        size_t i;

        if (bus_list_containers(c, kind != ARG_RUNNING, 0, &list) < 0)
                return;
        json_array_foreach(list, i, row)
        {
                const char *state = strempty(json_get_string(row, "State"));

                if (kind != ARG_STOPPED || !streq(state, "running"))
                        print_candidate(strempty(json_get_string(row, "Name")), begin,
                                        strempty(json_get_string(row, "Image")));
        }
}

static void complete_image(Ctl *c, const char *begin)
{
        _cleanup_json_ json_t *list = NULL;
        const json_t *row, *name;
        size_t i, k;

        if (bus_list_images(c, &list) < 0)
                return;
        json_array_foreach(list, i, row) json_array_foreach(json_object_get(row, "Names"), k, name)
                print_candidate(strempty(json_string_value(name)), begin, "Image");
}

static void complete_argument(Ctl *c, const Verb *v, const char *begin)
{
        switch (v->kind) {
        case ARG_CONTAINER:
        case ARG_RUNNING:
        case ARG_STOPPED:
                complete_container(c, v->kind, begin);
                break;
        case ARG_OBJECT:
                complete_container(c, ARG_CONTAINER, begin);
                complete_image(c, begin);
                break;
        case ARG_IMAGE:
                complete_image(c, begin);
                break;
        case ARG_VERB:
                complete_verb(NULL, begin);
                break;
        case ARG_FILE:
                puts("*files");
                break;
        default:
                break;
        }
}

/* Where the last word stands: behind a flag that wants a value, or how many arguments are before it. */
static size_t count_arguments(const Verb *v, char **words, bool *ret_value)
{
        size_t n = 0;

        *ret_value = false;
        for (; words[0] && words[1]; words++) {
                bool known = false;

                if (*ret_value)
                        *ret_value = false;
                else if (words[0][0] == '-' && !strchr(words[0], '='))
                        *ret_value = options_wants_value(v, words[0], &known);
                else if (words[0][0] != '-')
                        n++;
        }
        return n;
}

static void complete_word(Ctl *c, const Verb *v, char **words)
{
        const char *last = words[strv_length(words) - 1];
        bool value;
        size_t n = count_arguments(v, words, &value);

        if (value || (v->in_order && n > 0)) {
                puts("*files");
                return;
        }
        if (last[0] == '-')
                options_visit(v, print_flag, (void *) last);
        else if (n < v->max)
                complete_argument(c, v, last);
}

int complete(char **words)
{
        size_t n = strv_length(words), used;
        Ctl c = {};
        const Verb *v;

        if (n == 0)
                return EXIT_OURS;
        if (n == 1)
                complete_verb(NULL, words[0]);
        else if (n == 2 && verb_is_noun(words[0]))
                complete_verb(words[0], words[1]);
        else if ((v = verb_find(words, &used)) && used < n)
                complete_word(&c, v, words + used);
        bus_close(&c);
        error_done(&c.error);
        return 0;
}
