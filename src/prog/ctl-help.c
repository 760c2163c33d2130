/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Help for people and the tables for programs, all from the rows. No line is wider than 100 columns. */

#include "base/str.h"
#include "prog/ctl-option.h"
#include "prog/ctl-output.h"

#define WIDTH_MAX 100
#define COLUMN 35
#define VERB_COLUMN 21

/* Breaks text at blanks so that it stands from column on. at is where the line is now. */
static void print_wrapped(FILE *f, const char *text, size_t at, size_t column)
{
        size_t width = WIDTH_MAX - column;

        if (at < column)
                fprintf(f, "%*s", (int) (column - at), "");
        else
                fprintf(f, "\n%*s", (int) column, "");
        while (strlen(text) > width) {
                size_t n = width;

                while (n > 0 && text[n] != ' ')
                        n--;
                if (n == 0)
                        n = width;
                fprintf(f, "%.*s\n%*s", (int) n, text, (int) column, "");
                text += n + strspn(text + n, " ");
        }
        fprintf(f, "%s\n", text);
}

static void print_option(const char *name, char letter, const char *metavar, const char *help,
                         bool is_setting, void *userdata)
{
        FILE *f = userdata;
        int n;

        n = letter ? fprintf(f, "  -%c, ", letter) : fprintf(f, "      ");
        n += fprintf(f, "--%s%s%s", name, metavar ? " " : "", strempty(metavar));
        print_wrapped(f, help, (size_t) MAX(n, 0), COLUMN);
}

static void print_names(FILE *f, const Verb *v)
{
        const char *others = strchr(v->names, '|');
        _cleanup_strv_ char **names = NULL;

        if (!others || strv_split(others, "|", &names) < 0)
                return;
        fputs("\nAlso:", f);
        STRV_FOREACH(n, names)
                fprintf(f, " berthctl %s%s", *n, n[1] ? "," : "\n");
}

void help_verb(FILE *f, const Verb *v)
{
        bool has_options = v->flags || v->settings;

        fprintf(f, "Usage: berthctl %s%s%s%s\n\n%s.\n", verb_name(v), has_options ? " [OPTIONS]" : "",
                *v->usage ? " " : "", v->usage, v->help);
        print_names(f, v);
        if (has_options)
                fputs("\nOptions:\n", f);
        options_visit(v, print_option, f);
}

/* verb NULL: all; "container": those below it. */
static void print_verbs(FILE *f, const char *noun)
{
        const Verb *v;

        for (size_t i = 0; (v = verb_get(i)); i++) {
                _cleanup_strv_ char **names = NULL;

                if (strv_split(v->names, "|", &names) < 0)
                        return;
                STRV_FOREACH(n, names) {
                        const char *below = noun ? startswith(*n, noun) : NULL;
                        int at;

                        if (noun ? !below || *below != ' ' : n != names)
                                continue;
                        at = fprintf(f, "  %s", noun ? below + 1 : *n);
                        print_wrapped(f, v->help, (size_t) MAX(at, 0), VERB_COLUMN);
                        break;
                }
        }
}

void help_program(FILE *f)
{
        fputs("Usage: berthctl COMMAND [OPTIONS] [ARGUMENTS...]\n\n"
              "Manages containers that are services of systemd.\n\nCommands:\n",
              f);
        print_verbs(f, NULL);
        fputs("\n\"berthctl COMMAND --help\" tells about one command; berthctl(1) about all.\n", f);
}

int verb_help(Ctl *c)
{
        size_t words;
        const Verb *v;

        if (!c->args[0]) {
                help_program(stdout);
                return 0;
        }
        v = verb_find(c->args, &words);
        if (v)
                help_verb(stdout, v);
        else if (verb_is_noun(c->args[0])) {
                printf("Usage: berthctl %s COMMAND [OPTIONS] [ARGUMENTS...]\n\nCommands:\n", c->args[0]);
                print_verbs(stdout, c->args[0]);
        } else
                return error_set(&c->error, ERROR_INVALID_ARGUMENT, "unknown command \"%s\"", c->args[0]);
        return 0;
}

static json_t *setting_document(const Setting *row)
{
        const char *quadlet = row->flags & SETTING_NO_QUADLET ? "" : row->quadlet ?: row->name;
        char letter[2] = {row->letter};
        json_t *v = json_object();

        (void) json_object_set_new(v, "Name", json_string(row->name));
        (void) json_object_set_new(v, "Quadlet", json_string(quadlet));
        (void) json_object_set_new(v, "Flag",
                                   json_string(row->flags & SETTING_NO_FLAG ? "" : setting_flag(row)));
        (void) json_object_set_new(v, "Letter", json_string(letter));
        (void) json_object_set_new(v, "Type", json_string(row->type->name));
        (void) json_object_set_new(v, "Signature", json_string(row->type->signature));
        (void) json_object_set_new(v, "List", json_boolean(row->flags & SETTING_LIST));
        (void) json_object_set_new(v, "Live", json_boolean(row->flags & SETTING_LIVE));
        (void) json_object_set_new(v, "Exec", json_boolean(row->kinds & SPEC_EXEC));
        (void) json_object_set_new(v, "Unit", json_string(strempty(row->unit)));
        (void) json_object_set_new(v, "Default", json_string(strempty(row->otherwise)));
        (void) json_object_set_new(v, "Example", json_string(strempty(row->example)));
        (void) json_object_set_new(v, "Help", json_string(row->help));
        return v;
}

static const char settings_format[] = "table {{.Name}}\t{{.Flag}}\t{{.Quadlet}}\t{{.Type}}\t{{.Help}}";

int verb_settings(Ctl *c)
{
        _cleanup_json_ json_t *rows = json_array();
        Listing l = {.usual = settings_format, .rows = rows};

        SETTING_FOREACH(row, SPEC_CONTAINER | SPEC_EXEC)
        (void) json_array_append_new(rows, setting_document(row));
        return ctl_has(c, FLAG_JSON) ? output_json(rows) : output_list(c, &l);
}
