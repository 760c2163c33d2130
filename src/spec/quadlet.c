/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reading goes in three steps: the texts become entries (base/ini); the entries of [Container] become items,
 * one per value and setting, as flags would give them; the items are assigned to a Spec, which checks them.
 * The other sections are systemd's and are only looked at for keys that would take the container apart. */

#include <ctype.h>
#include <stdarg.h>

#include "base/parse.h"
#include "base/str.h"
#include "spec/name.h"
#include "spec/quadlet.h"

/* What Podman calls its settings and Berth has no row for. What can be left out without changing what runs,
 * or who can reach it, is passed over with a warning; for the others the user must know that they are not
 * there. */
static const struct {
        const char *key;
        bool harmless;
} foreign_keys[] = {
        {"AddHost"},
        {"AppArmor"},
        {"AutoUpdate", .harmless = true},
        {"CgroupsMode"},
        {"ContainersConfModule"},
        {"DNS"},
        {"DNSOption"},
        {"DNSSearch"},
        {"EnvironmentFile"},
        {"EnvironmentHost"},
        {"ExposeHostPort", .harmless = true},
        {"GIDMap"},
        {"GlobalArgs"},
        {"HealthCmd"},
        {"HealthInterval"},
        {"HealthLogDestination"},
        {"HealthMaxLogCount"},
        {"HealthMaxLogSize"},
        {"HealthOnFailure"},
        {"HealthRetries"},
        {"HealthStartPeriod"},
        {"HealthStartupCmd"},
        {"HealthStartupInterval"},
        {"HealthStartupRetries"},
        {"HealthStartupSuccess"},
        {"HealthStartupTimeout"},
        {"HealthTimeout"},
        {"HttpProxy", .harmless = true},
        {"IP"},
        {"IP6"},
        {"ImageVolume"},
        {"LogOpt"},
        {"Mask"},
        {"NetworkAlias"},
        {"Pod"},
        {"PodmanArgs"},
        {"PublishPort"},
        {"ReadOnlyTmpfs"},
        {"ReloadCmd"},
        {"ReloadSignal"},
        {"RemapGid"},
        {"RemapUid"},
        {"RemapUidSize"},
        {"RemapUsers"},
        {"Rootfs"},
        {"RunInit"},
        {"Secret"},
        {"SecurityLabelDisable"},
        {"SecurityLabelFileType"},
        {"SecurityLabelLevel"},
        {"SecurityLabelNested"},
        {"SecurityLabelType"},
        {"StartWithPod", .harmless = true},
        {"SubGIDMap"},
        {"SubUIDMap"},
        {"UIDMap"},
        {"Unmask"},
        {"UserNS"},
        {"VolatileTmp"},
};

/* Keys of [Service] that Berth depends on: what they may be, and what else to do. */
static const struct {
        const char *key;
        const char *allowed[3];
        const char *instead;
} service_rules[] = {
        {"ExecStart", {}, "Exec= in [Container] is the command"},
        {"User", {}, "User= in [Container] is the user of the payload"},
        {"Group", {}, "User= and Group= in [Container] are those of the payload"},
        {"DynamicUser", {"no", "false"}, "User= in [Container] is the user of the payload"},
        {"RootDirectory", {}, "the image is the root"},
        {"RootImage", {}, "the image is the root"},
        {"Type", {"notify", "oneshot"}, "notify or oneshot is possible"},
        {"NotifyAccess", {"all"}, "Berth needs all"},
        {"KillMode", {"mixed", "control-group"}, "mixed or control-group is possible"},
};

/* Lists whose Quadlet key takes several values in one line; maps do anyway. */
static const SettingId word_lists[] = {SETTING_CAP_ADD, SETTING_CAP_DROP, SETTING_DEVICES, SETTING_MOUNTS};

Quadlet *quadlet_free(Quadlet *q)
{
        if (!q)
                return NULL;
        for (size_t i = 0; i < q->n_items; i++)
                free(q->items[i].text);
        free(q->items);
        free(q->path);
        free(q->unit);
        ini_free(q->ini);
        spec_free(q->spec);
        strv_free(q->files);
        strv_free(q->warnings);
        free(q);
        return NULL;
}

/* The part behind the '@' of an instance; systemd escapes other bytes as \xHH. */
static bool instance_is_valid(const char *s)
{
        for (; *s; s++)
                if (!isalnum((unsigned char) *s) && !strchr(":_.\\-", *s))
                        return false;
        return true;
}

static bool unit_prefix_is_valid(const char *s)
{
        _cleanup_free_ char *prefix = strndup(s, strcspn(s, "@"));
        const char *at = strchr(s, '@');

        return prefix && name_is_valid(prefix) && (!at || instance_is_valid(at + 1)) &&
               strlen(s) <= NAME_LENGTH_MAX;
}

int quadlet_unit_name(const char *file_name, char **ret)
{
        const char *end = endswith(file_name, QUADLET_SUFFIX);
        _cleanup_free_ char *prefix = NULL;
        char *unit;

        if (!end)
                return -EINVAL;
        prefix = strndup(file_name, (size_t) (end - file_name));
        if (!prefix)
                return -ENOMEM;
        if (!unit_prefix_is_valid(prefix))
                return -EINVAL;
        unit = str_printf("%s.service", prefix);
        if (!unit)
                return -ENOMEM;
        *ret = unit;
        return 0;
}

bool quadlet_is_template(const char *unit)
{
        return strstr(unit, "@.") != NULL;
}

/* "%%" is a percent sign and no specifier, "$$" a dollar sign and no variable. */
static bool has_sign(const char *text, char sign)
{
        const char *p = strchr(text, sign);

        while (p && p[1] == sign)
                p = strchr(p + 2, sign);
        return p != NULL;
}

bool quadlet_has_specifier(const char *text)
{
        return has_sign(text, '%');
}

bool quadlet_is_dynamic(const char *text)
{
        return strpbrk(text, "%$") != NULL;
}

int quadlet_new(const char *path, Quadlet **ret, Error *error)
{
        _cleanup_(quadlet_freep) Quadlet *q = calloc(1, sizeof(Quadlet));
        const char *slash = strrchr(path, '/');
        int r;

        if (!q)
                return -ENOMEM;
        q->path = strdup(path);
        q->spec = spec_new(SPEC_CONTAINER);
        if (!q->path || !q->spec)
                return -ENOMEM;
        r = quadlet_unit_name(slash ? slash + 1 : path, &q->unit);
        if (r == -EINVAL)
                return error_set(
                        error, ERROR_INVALID_ARGUMENT,
                        "%s: the file's name makes no unit name: letters, digits, \"_\", \".\" and \"-\", at "
                        "most %d, and one \"@\" for a template",
                        path, NAME_LENGTH_MAX);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(q);
        return 0;
}

int quadlet_add(Quadlet *q, const char *file, const char *text, size_t size, Error *error)
{
        _cleanup_free_ char *problem = NULL;
        int r;

        r = ini_parse(&q->ini, file, text, size, &problem);
        if (r == -EBADMSG)
                return error_set(error, ERROR_INVALID_ARGUMENT, "%s", strempty(problem));
        return r < 0 ? r : strv_append(&q->files, file);
}

static _printf_(4, 5) int entry_error(Error *error, ErrorKind kind, const IniEntry *e, const char *format,
                                      ...)
{
        _cleanup_free_ char *what = NULL;
        va_list ap;
        int r;

        va_start(ap, format);
        r = vasprintf(&what, format, ap);
        va_end(ap);
        if (r < 0) {
                (void) TAKE_PTR(what);
                return -ENOMEM;
        }
        return error_set(error, kind, "%s:%u: %s", e->file, e->line, what);
}

static int warn(Quadlet *q, const IniEntry *e, const char *what)
{
        return strv_consume(&q->warnings, str_printf("%s:%u: %s", e->file, e->line, what));
}

/* A key that has no row. */
static int handle_foreign(Quadlet *q, const IniEntry *e, Error *error)
{
        const char *nearest;

        FOREACH_ELEMENT(f, foreign_keys) {
                if (!streq(f->key, e->key))
                        continue;
                if (f->harmless) {
                        _cleanup_free_ char *what =
                                str_printf("%s= means nothing to Berth and is passed over", e->key);

                        return what ? warn(q, e, what) : -ENOMEM;
                }
                return entry_error(error, ERROR_NOT_SUPPORTED, e,
                                   "Podman's %s= is not available in Berth yet", e->key);
        }
        nearest = setting_nearest_quadlet(SPEC_CONTAINER, e->key);
        return entry_error(error, ERROR_INVALID_ARGUMENT, e, "unknown key \"%s\" in [Container]%s%s%s",
                           e->key, nearest ? "; did you mean " : "", strempty(nearest), nearest ? "=?" : "");
}

static void forget_items(Quadlet *q, const Setting *row)
{
        size_t n = 0;

        for (size_t i = 0; i < q->n_items; i++)
                if (q->items[i].row == row)
                        free(q->items[i].text);
                else
                        q->items[n++] = q->items[i];
        q->n_items = n;
}

static int add_item(Quadlet *q, const Setting *row, const char *text, const IniEntry *entry)
{
        _cleanup_free_ char *copy = NULL;
        QuadletItem *larger;

        if (!(row->flags & SETTING_LIST))
                forget_items(q, row);
        copy = strdup(text);
        if (!copy)
                return -ENOMEM;
        larger = reallocarray(q->items, q->n_items + 1, sizeof(QuadletItem));
        if (!larger)
                return -ENOMEM;
        q->items = larger;
        q->items[q->n_items++] = (QuadletItem){row, TAKE_PTR(copy), entry};
        return 0;
}

/* A path beginning with "." starts at the directory of the .container file, as Podman has it. */
static int absolute_source(const Quadlet *q, const char *text, char **ret)
{
        size_t dir = (size_t) (strrchr(q->path, '/') - q->path);
        char *s;

        if (text[0] == '.' && (text[1] == '/' || text[1] == ':'))
                s = str_printf("%.*s%s", (int) dir, q->path, text + 1);
        else
                s = strdup(text);
        if (!s)
                return -ENOMEM;
        *ret = s;
        return 0;
}

/* Where Quadlet's words differ from the flag's: Notify= is a boolean there, sources may be relative. */
static int translate(const Quadlet *q, const Setting *row, const char *text, char **ret)
{
        bool yes;

        if (setting_id(row) == SETTING_VOLUMES && *q->path == '/')
                return absolute_source(q, text, ret);
        if (setting_id(row) == SETTING_SDNOTIFY && parse_bool(text, &yes) >= 0)
                text = yes ? "container" : "conmon";
        return str_replace(ret, text);
}

static bool is_word_list(const Setting *row)
{
        if (row->type == &setting_type_map)
                return true;
        FOREACH_ELEMENT(id, word_lists)
                if (setting_id(row) == *id)
                        return true;
        return false;
}

static int add_value(Quadlet *q, const Setting *row, const IniEntry *e, Error *error)
{
        _cleanup_strv_ char **words = NULL;
        _cleanup_free_ char *text = NULL;
        int r;

        if (!*e->value && row->type != &setting_type_argv) {
                forget_items(q, row);
                return 0;
        }
        if (!is_word_list(row)) {
                r = translate(q, row, e->value, &text);
                return r < 0 ? r : add_item(q, row, text, e);
        }
        r = words_split(e->value, &words);
        if (r == -EINVAL)
                return entry_error(error, ERROR_INVALID_ARGUMENT, e, "%s: unbalanced quotes or a bad escape",
                                   e->key);
        if (r < 0)
                return r;
        STRV_FOREACH(w, words) {
                r = add_item(q, row, *w, e);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int read_service_name(Quadlet *q, const IniEntry *e, Error *error)
{
        char *unit;

        if (!unit_prefix_is_valid(e->value))
                return entry_error(error, ERROR_INVALID_ARGUMENT, e, "ServiceName: \"%s\" makes no unit name",
                                   e->value);
        unit = str_printf("%s.service", e->value);
        if (!unit)
                return -ENOMEM;
        free(q->unit);
        q->unit = unit;
        return 0;
}

static int read_container(Quadlet *q, const IniEntry *e, Error *error)
{
        const Setting *row = setting_by_quadlet(SPEC_CONTAINER, e->key);

        if (startswith(e->key, "X-"))
                return 0;
        if (streq(e->key, "ServiceName"))
                return read_service_name(q, e, error);
        return row ? add_value(q, row, e, error) : handle_foreign(q, e, error);
}

static int read_service(Quadlet *q, const IniEntry *e, Error *error)
{
        FOREACH_ELEMENT(rule, service_rules) {
                bool allowed = false;

                if (!streq(rule->key, e->key))
                        continue;
                FOREACH_ELEMENT(word, rule->allowed)
                        allowed = allowed || streq_ptr(*word, e->value);
                if (!allowed)
                        return entry_error(error, ERROR_INVALID_ARGUMENT, e,
                                           "%s=%s in [Service] does not work with a container: %s", e->key,
                                           e->value, rule->instead);
        }
        return 0;
}

/* Specifiers in [Install] would have to be expanded by us, before the unit exists: none is worth it. */
static int read_install(Quadlet *q, const IniEntry *e, Error *error)
{
        _cleanup_strv_ char **words = NULL;
        int r;

        r = words_split(e->value, &words);
        if (r == -ENOMEM)
                return r;
        STRV_FOREACH(w, words)
                if (strchr(*w, '/') || quadlet_has_specifier(*w) ||
                    (streq(e->key, "Alias") && !endswith(*w, ".service")))
                        r = -EINVAL;
        return r >= 0 ? 0
                      : entry_error(error, ERROR_INVALID_ARGUMENT, e,
                                    "%s=%s in [Install]: names of units are wanted", e->key, e->value);
}

static int read_quadlet(Quadlet *q, const IniEntry *e, Error *error)
{
        bool yes;

        if (!streq(e->key, "DefaultDependencies"))
                return startswith(e->key, "X-")
                               ? 0
                               : entry_error(
                                         error, ERROR_INVALID_ARGUMENT, e,
                                         "unknown key \"%s\" in [Quadlet]; DefaultDependencies= is the one",
                                         e->key);
        if (parse_bool(e->value, &yes) < 0)
                return entry_error(error, ERROR_INVALID_ARGUMENT, e, "%s: true or false is wanted", e->key);
        q->no_default_dependencies = !yes;
        return 0;
}

static int read_nothing(Quadlet *q, const IniEntry *e, Error *error)
{
        return 0;
}

static const struct {
        const char *name;
        int (*read)(Quadlet *q, const IniEntry *e, Error *error);
} sections[] = {
        {"Container", read_container}, {"Unit", read_nothing},    {"Service", read_service},
        {"Install", read_install},     {"Quadlet", read_quadlet},
};

static const char *next_section(size_t i)
{
        return i < ELEMENTSOF(sections) ? sections[i].name : NULL;
}

static int read_entry(Quadlet *q, const IniEntry *e, Error *error)
{
        const char *nearest;

        FOREACH_ELEMENT(s, sections)
                if (streq(s->name, e->section))
                        return s->read(q, e, error);
        if (startswith(e->section, "X-"))
                return 0;
        nearest = str_nearest(e->section, next_section);
        return entry_error(error, ERROR_INVALID_ARGUMENT, e, "unknown section [%s]%s%s%s", e->section,
                           nearest ? "; did you mean [" : "", strempty(nearest), nearest ? "]?" : "");
}

/* Whether the value's meaning may wait for systemd: text does, a number that becomes a property of the unit
 * does not.
 */
static bool may_wait(const QuadletItem *i)
{
        const SettingType *t = i->row->type;

        return quadlet_is_dynamic(i->text) &&
               (t == &setting_type_string || t == &setting_type_path || t == &setting_type_strv ||
                t == &setting_type_argv || t == &setting_type_map) &&
               !i->row->unit;
}

int quadlet_item_error(Error *error, ErrorKind kind, const QuadletItem *i, const char *what)
{
        if (i->entry)
                return entry_error(error, kind, i->entry, "%s", what);
        return error_set(error, kind, "%s", what);
}

int quadlet_assign(Spec *s, const QuadletItem *i, const char *text, Error *error)
{
        _cleanup_error_ Error e = ERROR_INIT;
        int r;

        r = setting_assign(s, i->row, text, &e);
        return e.kind != ERROR_NONE ? quadlet_item_error(error, e.kind, i, strempty(e.message)) : r;
}

static int assign_item(Quadlet *q, const QuadletItem *i, Error *error)
{
        int r;

        if (!may_wait(i))
                return quadlet_assign(q->spec, i, i->text, error);
        r = setting_assign(q->spec, i->row, i->text, NULL);
        q->is_deferred = true;
        return r == -ENOMEM ? r : 0;
}

const char *quadlet_text(const Quadlet *q, SettingId id)
{
        for (size_t i = q->n_items; i > 0; i--)
                if (setting_id(q->items[i - 1].row) == id)
                        return q->items[i - 1].text;
        return NULL;
}

/* Podman's rule: the container of web.container is "systemd-web", that of web@1 "systemd-web_1". */
static int add_default_name(Quadlet *q)
{
        if (quadlet_text(q, SETTING_NAME))
                return 0;
        return add_item(q, setting_get(SETTING_NAME), strchr(q->unit, '@') ? "systemd-%p_%i" : "systemd-%N",
                        NULL);
}

int quadlet_finish(Quadlet *q, Error *error)
{
        _cleanup_error_ Error e = ERROR_INIT;
        int r = 0;

        for (size_t i = 0; q->ini && i < q->ini->n_entries && r >= 0; i++)
                r = read_entry(q, &q->ini->entries[i], error);
        if (r >= 0)
                r = add_default_name(q);
        for (size_t i = 0; i < q->n_items && r >= 0; i++)
                r = assign_item(q, &q->items[i], error);
        if (r < 0)
                return r;
        if (!quadlet_text(q, SETTING_IMAGE))
                return error_set(error, ERROR_INVALID_ARGUMENT, "%s: no Image= in [Container]", q->path);
        r = q->is_deferred && !q->spec->image ? 0 : spec_verify(q->spec, &e);
        return r < 0 && e.kind != ERROR_NONE
                       ? error_set(error, e.kind, "%s: %s", q->path, strempty(e.message))
                       : r;
}
