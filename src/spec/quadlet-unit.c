/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* systemd expands the specifiers, so every value goes into the unit as the user wrote it: as an argument of
 * the command that makes the container, and, where systemd itself has a key for it, as that key. All escaping
 * is unit-file's. */

#include "base/str.h"
#include "spec/item.h"
#include "spec/quadlet-expand.h"
#include "spec/quadlet-unit.h"
#include "spec/unit-file.h"

#define BERTHCTL BERTH_BIN_DIR "/berthctl"
#define GENERATOR BERTH_GENERATOR_DIR "/berth-generator"

static bool user_has(const Quadlet *q, const char *section, const char *key)
{
        for (size_t i = 0; i < q->ini->n_entries; i++)
                if (streq(q->ini->entries[i].section, section) && streq(q->ini->entries[i].key, key))
                        return true;
        return false;
}

/* Keys whose lines add up: the user's lines come after ours and do not replace them. */
static bool adds_up(UnitValueType type)
{
        return type == UNIT_VALUE_STRV || type == UNIT_VALUE_EXEC || type == UNIT_VALUE_DEVICES ||
               type == UNIT_VALUE_EXIT_STATUS || type == UNIT_VALUE_FIELDS;
}

/* A container that is started by hand or by its restart policy has no start limit; a Quadlet's is systemd's
 * default, or what [Unit] says. */
static bool is_wanted(const Quadlet *q, const UnitRow *row)
{
        if (startswith(row->key, "StartLimit"))
                return false;
        if (streq(row->section, "Unit") && q->no_default_dependencies && streq(row->key, "After"))
                return false;
        return adds_up(row->type) || !user_has(q, row->section, row->key);
}

static void drop_row(UnitFile *u, size_t i)
{
        free(u->rows[i].text);
        strv_free(u->rows[i].list);
        memmove(&u->rows[i], &u->rows[i + 1], (u->n_rows - i - 1) * sizeof(UnitRow));
        u->n_rows--;
}

/* Takes the list. */
static int add_row(UnitFile *u, const char *section, const char *key, UnitValueType type, char **list)
{
        _cleanup_strv_ char **owned = list;
        UnitRow *rows;

        if (!owned)
                return 0;
        rows = reallocarray(u->rows, u->n_rows + 1, sizeof(UnitRow));
        if (!rows)
                return -ENOMEM;
        u->rows = rows;
        rows[u->n_rows++] = (UnitRow){section, key, type, .list = TAKE_PTR(owned)};
        return 0;
}

/* Those that are a directory's absolute path, maybe once systemd has put one in for a specifier. */
static bool is_absolute(const char *source)
{
        return !strchr(source, '$') &&
               (*source == '/' || (*source == '%' && source[1] && strchr("hStCLETV", source[1])));
}

static int add_volume_source(const char *text, char ***paths)
{
        const char *colon = strchr(text, ':');
        _cleanup_free_ char *source = colon ? strndup(text, (size_t) (colon - text)) : strdup("");

        if (!source)
                return -ENOMEM;
        return is_absolute(source) ? strv_append(paths, source) : 0;
}

static int add_mount_source(const char *text, char ***paths)
{
        _cleanup_mount_item_ MountItem m = {};
        int r;

        r = mount_item_from_mount(text, &m, NULL);
        if (r < 0 || m.kind != MOUNT_BIND)
                return r == -ENOMEM ? r : 0;
        return is_absolute(m.source) ? strv_append(paths, m.source) : 0;
}

/* The state directory and every host directory that the container gets must be mounted. */
static int add_mount_dependencies(const Quadlet *q, UnitFile *u)
{
        _cleanup_strv_ char **paths = NULL;
        int r;

        r = strv_append(&paths, BERTH_STATE_DIR);
        for (size_t i = 0; i < q->n_items && r >= 0; i++) {
                SettingId id = setting_id(q->items[i].row);

                if (id == SETTING_VOLUMES)
                        r = add_volume_source(q->items[i].text, &paths);
                else if (id == SETTING_MOUNTS)
                        r = add_mount_source(q->items[i].text, &paths);
        }
        return r < 0 ? r : add_row(u, "Unit", "RequiresMountsFor", UNIT_VALUE_STRV, TAKE_PTR(paths));
}

static int rows_new(const Quadlet *q, UnitFile **ret, Error *error)
{
        _cleanup_(unit_file_freep) UnitFile *u = NULL;
        const UnitContext context = {
                .name = quadlet_text(q, SETTING_NAME),
                .image_name = quadlet_text(q, SETTING_IMAGE),
        };
        int r;

        r = unit_file_new(q->spec, &context, &u, error);
        if (r < 0)
                return r;
        r = add_mount_dependencies(q, u);
        if (r < 0)
                return r;
        for (size_t i = u->n_rows; i > 0; i--)
                if (!is_wanted(q, &u->rows[i - 1]))
                        drop_row(u, i - 1);
        for (size_t i = 0; i < u->n_rows; i++)
                u->rows[i].specifiers = true;
        *ret = TAKE_PTR(u);
        return 0;
}

/* systemd's own values for the specifiers that the files hold: "--specifier=i=%i". */
static int add_specifiers(const Quadlet *q, char ***argv)
{
        char letters[QUADLET_SPECIFIERS_MAX];
        int r = 0;

        quadlet_specifiers(q, letters);
        for (const char *p = letters; *p && r >= 0; p++)
                r = strv_consume(argv, str_printf("--specifier=%c=%%%c", *p, *p));
        return r;
}

/* In a row with specifiers a path's own percent signs are doubled. */
static char *percent_escape(const char *path)
{
        char *s = malloc(2 * strlen(path) + 1), *p = s;

        for (; s && *path; *p++ = *path++)
                if (*path == '%')
                        *p++ = '%';
        if (s)
                *p = '\0';
        return s;
}

/* The container is made from the same files again, so that no value has to stand in the unit. */
static int create_command(const Quadlet *q, char ***ret)
{
        static const char *const begin[] = {BERTHCTL, "quadlet", "create", "--unit=%n", NULL};
        _cleanup_strv_ char **argv = NULL;
        int r;

        r = strv_copy((char *const *) begin, &argv);
        if (r >= 0)
                r = add_specifiers(q, &argv);
        STRV_FOREACH(f, q->files)
                if (r >= 0)
                        r = strv_consume(&argv, percent_escape(*f));
        if (r >= 0)
                *ret = TAKE_PTR(argv);
        return r;
}

/* An empty ExecStopPost= takes the user's earlier lines away, but never our own. */
static bool is_taken_back(const Quadlet *q, size_t i)
{
        const IniEntry *e = &q->ini->entries[i];

        if (!streq(e->section, "Service") || !streq(e->key, "ExecStopPost"))
                return false;
        if (!*e->value)
                return true;
        for (size_t j = i + 1; j < q->ini->n_entries; j++) {
                const IniEntry *later = &q->ini->entries[j];

                if (streq(later->section, e->section) && streq(later->key, e->key) && !*later->value)
                        return true;
        }
        return false;
}

static int write_user_lines(const Quadlet *q, IniWriter *w, Error *error)
{
        int r;

        for (size_t i = 0; i < q->ini->n_entries; i++) {
                const IniEntry *e = &q->ini->entries[i];

                if (streq(e->section, "Container") || streq(e->section, "Quadlet") || is_taken_back(q, i))
                        continue;
                r = ini_writer_add(w, e->section, e->key, e->value);
                if (r == -EINVAL)
                        return error_set(error, ERROR_INVALID_ARGUMENT,
                                         "%s:%u: %s: control characters cannot stand in a unit", e->file,
                                         e->line, e->key);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* In systemd's files a value is text as it stands, but for "%". */
static int write_source_path(const char *path, IniWriter *w)
{
        UnitRow row = {"Unit", "SourcePath", UNIT_VALUE_STRING, .text = (char *) path};

        return unit_file_write(&(UnitFile){&row, 1}, w);
}

/* Last in its section: the user's ExecStartPre= may fetch what the container needs. */
static int write_create(const Quadlet *q, IniWriter *w)
{
        _cleanup_strv_ char **argv = NULL;
        UnitRow row = {"Service", "ExecStartPre", UNIT_VALUE_EXEC, .specifiers = true};
        int r;

        r = create_command(q, &argv);
        if (r < 0)
                return r;
        row.list = argv;
        return unit_file_write(&(UnitFile){&row, 1}, w);
}

int quadlet_unit_text(const Quadlet *q, char **ret, Error *error)
{
        _cleanup_(unit_file_freep) UnitFile *u = NULL;
        _cleanup_(ini_writer_freep) IniWriter *w = ini_writer_new();
        int r;

        if (!w)
                return -ENOMEM;
        r = rows_new(q, &u, error);
        if (r >= 0)
                r = write_source_path(q->path, w);
        if (r >= 0)
                r = unit_file_write(u, w);
        if (r >= 0)
                r = write_user_lines(q, w, error);
        if (r >= 0)
                r = write_create(q, w);
        if (r >= 0)
                r = ini_writer_text(w, ret);
        if (r == -EINVAL)
                return error_set(error, ERROR_INVALID_ARGUMENT,
                                 "%s: a value holds what no unit file can express", q->path);
        return r;
}

int quadlet_broken_text(const char *path, char **ret)
{
        _cleanup_(ini_writer_freep) IniWriter *w = ini_writer_new();
        char *argv[] = {(char *) GENERATOR, (char *) "--explain", (char *) path, NULL};
        UnitRow rows[] = {
                {"Unit", "Description", UNIT_VALUE_STRING,
                 .text = (char *) "Container whose file has an error"},
                {"Unit", "SourcePath", UNIT_VALUE_STRING, .text = (char *) path},
                {"Service", "Type", UNIT_VALUE_STRING, .text = (char *) "oneshot"},
                {"Service", "ExecStart", UNIT_VALUE_EXEC, .list = argv},
        };
        int r;

        if (!w)
                return -ENOMEM;
        r = unit_file_write(&(UnitFile){rows, ELEMENTSOF(rows)}, w);
        return r < 0 ? r : ini_writer_text(w, ret);
}

/* The unit that [Install] enables: of a template the instance that DefaultInstance= names, or none. */
static int installed_name(const Quadlet *q, char **ret)
{
        const char *instance = NULL, *at = strchr(q->unit, '@');
        char *name;

        for (size_t i = 0; i < q->ini->n_entries; i++)
                if (streq(q->ini->entries[i].section, "Install") &&
                    streq(q->ini->entries[i].key, "DefaultInstance"))
                        instance = q->ini->entries[i].value;
        if (!quadlet_is_template(q->unit))
                name = strdup(q->unit);
        else if (!isempty(instance))
                name = str_printf("%.*s@%s.service", (int) (at - q->unit), q->unit, instance);
        else
                return 0;
        if (!name)
                return -ENOMEM;
        *ret = name;
        return 1;
}

static int add_link(char ***links, char *name, const char *target)
{
        int r;

        r = strv_consume(links, name);
        return r < 0 ? r : strv_append(links, target);
}

static int add_links(const Quadlet *q, const char *name, const char *directory, const char *value,
                     char ***links)
{
        _cleanup_strv_ char **units = NULL;
        _cleanup_free_ char *target = str_printf("../%s", q->unit);
        int r;

        if (!target)
                return -ENOMEM;
        r = words_split(value, &units);
        if (r < 0)
                return r;
        STRV_FOREACH(u, units) {
                if (strchr(*u, '/') || **u == '.')
                        continue;
                if (!directory)
                        r = add_link(links, strdup(*u), q->unit);
                else
                        r = add_link(links, str_printf("%s.%s/%s", *u, directory, name), target);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* The links of one key; an empty assignment takes the earlier ones back. */
static int add_links_of(const Quadlet *q, const char *name, const char *key, const char *directory,
                        char ***links)
{
        _cleanup_strv_ char **own = NULL;
        int r = 0;

        for (size_t i = 0; i < q->ini->n_entries && r >= 0; i++) {
                const IniEntry *e = &q->ini->entries[i];

                if (!streq(e->section, "Install") || !streq(e->key, key))
                        continue;
                if (!*e->value)
                        own = strv_free(own);
                r = add_links(q, name, directory, e->value, &own);
        }
        return r < 0 ? r : strv_extend(links, own);
}

int quadlet_links(const Quadlet *q, char ***ret)
{
        static const struct {
                const char *key, *directory;
        } kinds[] = {
                {"Alias", NULL}, {"WantedBy", "wants"}, {"RequiredBy", "requires"}, {"UpheldBy", "upholds"}};
        _cleanup_strv_ char **links = NULL;
        _cleanup_free_ char *name = NULL;
        int r = 0;

        if (q->ini)
                r = installed_name(q, &name);
        for (size_t i = 0; name && i < ELEMENTSOF(kinds) && r >= 0; i++)
                r = add_links_of(q, name, kinds[i].key, kinds[i].directory, &links);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(links);
        return 0;
}
