/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <ctype.h>
#include <time.h>

#include "base/parse.h"
#include "base/str.h"
#include "prog/ctl-output.h"
#include "prog/ctl-template.h"

#define CELL_WIDTH_MIN 10
#define CELL_GAP 2

bool output_is_terminal(void)
{
        static int terminal = -1;

        if (terminal < 0)
                terminal = isatty(STDOUT_FILENO);
        return terminal > 0;
}

void output_line(const char *text)
{
        _cleanup_free_ char *escaped = output_is_terminal() ? str_escape(text) : NULL;

        puts(escaped ?: text);
}

void output_each(const char *format, const json_t *list)
{
        const json_t *name;
        size_t i;

        json_array_foreach(list, i, name)
        {
                _cleanup_free_ char *line = str_printf(format, strempty(json_string_value(name)));

                output_line(strempty(line));
        }
}

/* Characters, not bytes: what a fixed-width terminal needs for most scripts. */
static size_t text_width(const char *s, size_t size)
{
        size_t n = 0;

        for (size_t i = 0; i < size; i++)
                n += ((unsigned char) s[i] & 0xc0) != 0x80;
        return n;
}

static const char *cell_end(const char *cell)
{
        return cell + strcspn(cell, "\t\n");
}

static void measure(const char *text, size_t *widths, size_t n_widths)
{
        size_t column = 0;

        for (const char *cell = text; *cell;) {
                const char *end = cell_end(cell);

                if (column < n_widths)
                        widths[column] = MAX(widths[column], text_width(cell, (size_t) (end - cell)));
                column = *end == '\t' ? column + 1 : 0;
                cell = *end ? end + 1 : end;
        }
}

static void print_aligned(const char *text)
{
        size_t widths[64], column = 0;

        for (size_t i = 0; i < ELEMENTSOF(widths); i++)
                widths[i] = CELL_WIDTH_MIN;
        measure(text, widths, ELEMENTSOF(widths));
        for (const char *cell = text; *cell;) {
                const char *end = cell_end(cell);
                size_t size = (size_t) (end - cell), width = text_width(cell, size);

                (void) fwrite(cell, 1, size, stdout);
                if (*end == '\t') {
                        size_t wanted = column < ELEMENTSOF(widths) ? widths[column] : width;

                        printf("%*s", (int) (wanted - width + CELL_GAP), "");
                        column++;
                } else {
                        putchar('\n');
                        column = 0;
                }
                cell = *end ? end + 1 : end;
        }
}

static char *heading_of(const Listing *l, const char *field)
{
        char *text;

        for (size_t i = 0; i < l->n_headings; i++)
                if (streq(l->headings[i].field, field))
                        return strdup(l->headings[i].text);
        text = strdup(field);
        for (char *p = text; p && *p; p++)
                *p = (char) toupper((unsigned char) *p);
        return text;
}

/* An object of headings with the fields of the first row, or of the named headings when there are no rows. */
static json_t *heading_row(const Listing *l)
{
        json_t *row = json_object(), *v;
        const char *field;

        for (size_t i = 0; i < l->n_headings; i++)
                (void) json_object_set_new(row, l->headings[i].field, json_string(l->headings[i].text));
        json_object_foreach(json_array_get(l->rows, 0), field, v)
        {
                _cleanup_free_ char *text = heading_of(l, field);

                (void) json_object_set_new(row, field, json_string(strempty(text)));
        }
        return row;
}

static int write_row(Ctl *c, const char *format, const json_t *row, TemplateEscape escape, FILE *f)
{
        int r = template_write(format, row, escape, f, &c->error);

        fputc('\n', f);
        return r;
}

static int print_table(Ctl *c, const Listing *l, const char *format, bool heading)
{
        _cleanup_json_ json_t *names = heading ? heading_row(l) : NULL;
        _cleanup_free_ char *text = NULL;
        const json_t *row;
        size_t i, size;
        FILE *f = open_memstream(&text, &size);
        int r = 0;

        if (!f)
                return -ENOMEM;
        if (names)
                r = write_row(c, format, names, TEMPLATE_CELLS, f);
        json_array_foreach(l->rows, i, row) if (r >= 0) r = write_row(c, format, row, TEMPLATE_CELLS, f);
        if (fclose(f) != 0)
                return -ENOMEM;
        if (r < 0)
                return r;
        print_aligned(text);
        return 0;
}

static int print_rows(Ctl *c, const Listing *l, const char *format)
{
        TemplateEscape escape = output_is_terminal() ? TEMPLATE_LINES : TEMPLATE_RAW;
        const json_t *row;
        size_t i;
        int r;

        r = template_write(format, NULL, escape, stdout, &c->error);
        json_array_foreach(l->rows, i, row) if (r >= 0) r = write_row(c, format, row, escape, stdout);
        return r;
}

const char *output_format(const Ctl *c, bool *ret_json)
{
        const char *format = ctl_value(c, FLAG_FORMAT);

        *ret_json = streq_ptr(format, "json") || streq_ptr(format, "{{json .}}");
        return *ret_json ? NULL : format;
}

int output_json(const json_t *v)
{
        _cleanup_free_ char *text = json_text_pretty(v);

        if (!text)
                return -ENOMEM;
        fputs(text, stdout);
        return 0;
}

int output_list(Ctl *c, const Listing *l)
{
        bool json;
        const char *format = output_format(c, &json), *table;

        if (json)
                return output_json(l->documents ?: l->rows);
        if (ctl_has(c, FLAG_QUIET))
                return print_rows(c, l, "{{.ID}}");
        format = format ?: l->usual;
        table = startswith(format, "table");
        if (!table)
                return print_rows(c, l, format);
        table += strspn(table, " ");
        return print_table(c, l, *table ? table : l->usual + strlen("table "), !ctl_has(c, FLAG_NO_HEADING));
}

int output_value(Ctl *c, const json_t *v)
{
        bool json;
        const char *format = output_format(c, &json);

        if (!format)
                return output_json(v);
        return write_row(c, format, v, output_is_terminal() ? TEMPLATE_LINES : TEMPLATE_RAW, stdout);
}

/* What to do about an error of each kind. */
static const char *const hints[_ERROR_MAX] = {
        [ERROR_NO_SUCH_CONTAINER] = "See the containers there are with: berthctl ps -a",
        [ERROR_NO_SUCH_IMAGE] = "See the images there are with: berthctl images\n"
                                "Bring one in with: berthctl load -i ARCHIVE",
        [ERROR_AMBIGUOUS] = "Give more of the ID, or the name",
        [ERROR_NAME_IN_USE] = "Take another name, remove that container (berthctl rm NAME), or use --replace",
        [ERROR_IN_USE] = "Remove the containers that use it (berthctl ps -a), or use --force",
        [ERROR_RUNNING] = "Stop it (berthctl stop NAME), or use --force",
        [ERROR_NOT_RUNNING] = "Start it with: berthctl start NAME",
        [ERROR_BAD_ARCHIVE] =
                "Archives made by \"buildah push\", \"skopeo copy\", \"podman save\" or \"docker save\" "
                "are understood",
        [ERROR_NO_SPACE] = "Make room below " BERTH_STATE_DIR,
        [ERROR_READ_ONLY] = "Make " BERTH_STATE_DIR " writable",
        [ERROR_NOT_AUTHORIZED] = "Run it as root (sudo berthctl ...), or allow the action in polkit",
        [ERROR_AUTH_UNAVAILABLE] =
                "Start polkit (systemctl start polkit), or run it as root (sudo berthctl ...)",
        [ERROR_STORE_DAMAGED] = "See: journalctl -u berthd",
};

void output_error(const Ctl *c, const Error *e)
{
        _cleanup_free_ char *text = str_escape(e->message ?: "something went wrong, and no reason was given");

        fflush(stdout);
        fprintf(stderr, "Error: %s\n", strempty(text));
        if (e->kind == ERROR_INVALID_ARGUMENT && c->verb)
                fprintf(stderr, "See: berthctl %s --help\n", verb_name(c->verb));
        else if (hints[e->kind])
                fprintf(stderr, "%s\n", hints[e->kind]);
}

char *output_ago(uint64_t usec)
{
        uint64_t now = now_realtime();
        char buf[FORMAT_USEC_MAX];

        return str_printf("%s ago", format_usec_human(now > usec ? now - usec : 0, buf));
}

char *output_time(uint64_t usec)
{
        time_t seconds = (time_t) (usec / USEC_PER_SEC);
        char day[32], zone[32], fraction[16];
        size_t n;
        struct tm tm;

        if (usec == 0)
                return strdup("");
        localtime_r(&seconds, &tm);
        (void) strftime(day, sizeof(day), "%Y-%m-%d %H:%M:%S", &tm);
        (void) strftime(zone, sizeof(zone), "%z %Z", &tm);
        (void) snprintf(fraction, sizeof(fraction), ".%06u", (unsigned) (usec % USEC_PER_SEC));
        for (n = strlen(fraction); n > 0 && strchr("0.", fraction[n - 1]); n--)
                fraction[n - 1] = '\0';
        return str_printf("%s%s %s", day, fraction, zone);
}

/* Numbers by value, everything else by its text. */
static int compare_members(const json_t *a, const json_t *b)
{
        _cleanup_free_ char *x = NULL, *y = NULL;

        if (json_is_integer(a) && json_is_integer(b)) {
                json_int_t i = json_integer_value(a), j = json_integer_value(b);

                return i < j ? -1 : i > j;
        }
        x = template_value_text(a);
        y = template_value_text(b);
        return strcmp(strempty(x), strempty(y));
}

static int compare_rows(const void *a, const void *b, void *userdata)
{
        const json_t *x = *(json_t *const *) a, *y = *(json_t *const *) b;
        const SortKey *key = userdata;
        int o = compare_members(json_object_get(x, key->member), json_object_get(y, key->member));

        return key->newest_first ? -o : o;
}

static int sort_by(json_t *list, const SortKey *key)
{
        size_t n = json_array_size(list);
        _cleanup_free_ json_t **rows = calloc(n + 1, sizeof(json_t *));

        if (!rows)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                rows[i] = json_incref(json_array_get(list, i));
        qsort_r(rows, n, sizeof(json_t *), compare_rows, (void *) key);
        (void) json_array_clear(list);
        for (size_t i = 0; i < n; i++)
                (void) json_array_append_new(list, rows[i]);
        return 0;
}

int output_sort(Ctl *c, json_t *list, const SortKey *keys, size_t n_keys)
{
        const char *name = ctl_value(c, FLAG_SORT) ?: keys[0].name;
        _cleanup_free_ char *joined = NULL;
        _cleanup_strv_ char **names = NULL;

        for (size_t i = 0; i < n_keys; i++) {
                if (streq(keys[i].name, name))
                        return sort_by(list, &keys[i]);
                if (strv_append(&names, keys[i].name) < 0)
                        return -ENOMEM;
        }
        joined = strv_join(names, ", ");
        return error_set(&c->error, ERROR_INVALID_ARGUMENT, "--sort: by one of %s", strempty(joined));
}

bool output_confirm(const Ctl *c, const char *question)
{
        char answer[16];

        if (ctl_has(c, FLAG_FORCE_PRUNE))
                return true;
        printf("%s [y/N] ", question);
        fflush(stdout);
        return fgets(answer, sizeof(answer), stdin) && (answer[0] | 0x20) == 'y';
}
