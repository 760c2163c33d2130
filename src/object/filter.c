/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A filter is a row: key, check of a value, test of an object. */

#include <fnmatch.h>

#include "base/parse.h"
#include "base/str.h"
#include "object/filter.h"
#include "spec/name.h"
#include "spec/setting.h"

/* Plain text anywhere in the name; "^" and "$" tie it to the ends, as in the regular expressions that podman
 * takes. */
static bool text_matches(const char *s, const char *pattern)
{
        bool front = *pattern == '^', back = endswith(pattern, "$") != NULL;
        _cleanup_free_ char *text = strdup(pattern + front);
        size_t n;

        if (!text)
                return false;
        n = strlen(text);
        if (back && n > 0)
                text[--n] = '\0';
        if (front && back)
                return streq(s, text);
        if (front)
                return startswith(s, text) != NULL;
        return back ? endswith(s, text) != NULL : strstr(s, text) != NULL;
}

static bool label_matches(const Map *labels, const char *wanted)
{
        const char *equals = strchrnul(wanted, '=');
        _cleanup_free_ char *name = strndup(wanted, equals - wanted);
        const char *value = name ? map_get(labels, name) : NULL;

        return value && (!*equals || streq(value, equals + 1));
}

/* A time (RFC 3339 or seconds since 1970) or how long ago. */
static int parse_when(const char *s, uint64_t *ret)
{
        uint64_t now = now_realtime(), span;

        if (parse_time(s, ret) >= 0)
                return 0;
        if (parse_u64(s, 100000000, UINT64_MAX / USEC_PER_SEC, &span) >= 0) {
                *ret = span * USEC_PER_SEC;
                return 0;
        }
        if (parse_usec(s, &span) < 0)
                return -EINVAL;
        *ret = span > now ? 0 : now - span;
        return 0;
}

static bool check_bool(const Manager *m, const char *value)
{
        bool b;

        return parse_bool(value, &b) >= 0;
}

static bool check_when(const Manager *m, const char *value)
{
        uint64_t t;

        return parse_when(value, &t) >= 0;
}

static bool check_number(const Manager *m, const char *value)
{
        int64_t n;

        return parse_i64(value, -1, 255, &n) >= 0;
}

static bool check_container(const Manager *m, const char *value)
{
        Container *c;

        return manager_find_container((Manager *) m, value, &c, NULL) >= 0;
}

static bool check_status(const Manager *m, const char *value)
{
        static const char *const others[] = {"paused",      "restarting", "configured",
                                             "initialized", "stopped",    "dead"};

        for (ContainerState s = 0; s < _CONTAINER_STATE_MAX; s++)
                if (streq(container_state_word(s), value))
                        return true;
        FOREACH_ELEMENT(o, others)
                if (streq(*o, value))
                        return true;
        return false;
}

static bool wants(const char *value)
{
        bool b = false;

        (void) parse_bool(value, &b);
        return b;
}

/* Containers */

static bool fits_id(const Container *c, const char *v)
{
        return startswith(container_id(c), v) != NULL;
}

static bool fits_name(const Container *c, const char *v)
{
        return text_matches(container_name(c), v);
}

static bool fits_unit(const Container *c, const char *v)
{
        return streq(c->file.unit, v);
}

static bool fits_label(const Container *c, const char *v)
{
        return label_matches(c->file.spec->labels, v);
}

static bool fits_no_label(const Container *c, const char *v)
{
        return !label_matches(c->file.spec->labels, v);
}

static bool fits_status(const Container *c, const char *v)
{
        if (streq(v, "restarting"))
                return c->state == CONTAINER_WAITING;
        if (streq(v, "stopped"))
                v = "exited";
        if (streq(v, "configured"))
                v = "created";
        return streq(container_state_word(c->state), v);
}

static bool fits_exited(const Container *c, const char *v)
{
        int64_t code;

        return container_has_ended(c) && parse_i64(v, -1, 255, &code) >= 0 && container_exit_code(c) == code;
}

static bool fits_ancestor(const Container *c, const char *v)
{
        Image *i;

        if (startswith(c->file.image_id, v))
                return true;
        return manager_find_image(c->manager, v, &i, NULL) >= 0
                       ? streq(image_id(i), c->file.image_id)
                       : text_matches(strempty(c->file.image_name), v);
}

static bool fits_policy(const Container *c, const char *v)
{
        _cleanup_free_ char *policy =
                setting_get(SETTING_RESTART_POLICY)
                        ->type->to_text(setting_get(SETTING_RESTART_POLICY), &c->file.spec->restart_policy);

        return streq_ptr(policy, v);
}

/* What the boot-start unit asks for: units that are not ours start themselves. */
static bool fits_boot(const Container *c, const char *v)
{
        RestartPolicy policy = c->file.spec->restart_policy;
        bool starts = c->own_unit && (policy == RESTART_ALWAYS ||
                                      (policy == RESTART_UNLESS_STOPPED && !c->file.stopped_by_user));

        return starts == wants(v);
}

static uint64_t created_time(const Container *c, const char *name)
{
        Container *other;

        return manager_find_container(c->manager, name, &other, NULL) < 0 ? 0 : other->file.created;
}

static bool fits_before(const Container *c, const char *v)
{
        return c->file.created < created_time(c, v);
}

static bool fits_since(const Container *c, const char *v)
{
        return c->file.created > created_time(c, v);
}

static bool fits_until(const Container *c, const char *v)
{
        uint64_t t = 0;

        return parse_when(v, &t) >= 0 && c->file.created < t;
}

static bool fits_network(const Container *c, const char *v)
{
        return streq(c->file.spec->network ? c->file.spec->network[0] : "none", v);
}

typedef struct ContainerFilter {
        const char *key;
        bool (*fits)(const Container *c, const char *value);
        bool (*check)(const Manager *m, const char *value);
        bool all;
} ContainerFilter;

static const ContainerFilter container_filters[] = {
        {"id", fits_id},
        {"name", fits_name},
        {"unit", fits_unit},
        {"label", fits_label, .all = true},
        {"label!", fits_no_label, .all = true},
        {"status", fits_status, check_status},
        {"exited", fits_exited, check_number},
        {"ancestor", fits_ancestor},
        {"restart-policy", fits_policy},
        {"should-start-on-boot", fits_boot, check_bool},
        {"before", fits_before, check_container},
        {"since", fits_since, check_container},
        {"until", fits_until, check_when},
        {"network", fits_network},
};

static const ContainerFilter *container_filter(const char *key)
{
        FOREACH_ELEMENT(f, container_filters)
                if (streq(f->key, key))
                        return f;
        return NULL;
}

static int check_value(const char *key, const json_t *value, bool (*check)(const Manager *, const char *),
                       const Manager *m, Error *error)
{
        const char *s = json_string_value(value);

        if (!s || (check && !check(m, s)))
                return error_set(error, ERROR_INVALID_ARGUMENT, "Not a value of the filter %s: \"%.200s\"",
                                 key, strempty(s));
        return 0;
}

int container_filters_check(const Manager *m, const json_t *filters, Error *error)
{
        const char *key;
        json_t *list, *value;
        size_t i;
        int r;

        json_object_foreach((json_t *) filters, key, list)
        {
                const ContainerFilter *f = container_filter(key);

                if (!f)
                        return error_set(error, ERROR_INVALID_ARGUMENT,
                                         "No such filter of containers: \"%.100s\"", key);
                json_array_foreach(list, i, value)
                {
                        r = check_value(key, value, f->check, m, error);
                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

static bool container_fits_row(const Container *c, const ContainerFilter *f, const json_t *list)
{
        json_t *value;
        size_t i;

        json_array_foreach((json_t *) list, i,
                           value) if (f->fits(c, json_string_value(value)) != f->all) return !f->all;
        return f->all || json_array_size(list) == 0;
}

bool container_fits(const Container *c, const json_t *filters)
{
        const char *key;
        json_t *list;

        json_object_foreach((json_t *) filters, key,
                            list) if (!container_fits_row(c, container_filter(key), list)) return false;
        return true;
}

/* Images */

static bool image_fits_id(const Image *i, const char *v)
{
        return startswith(image_id(i), v) != NULL;
}

/* A pattern for the whole name, for its last part with or without the tag. */
static bool image_fits_reference(const Image *i, const char *v)
{
        STRV_FOREACH(name, i->names) {
                const char *last = strrchr(*name, '/');
                _cleanup_free_ char *bare = NULL;
                char *colon;

                last = last ? last + 1 : *name;
                bare = strdup(last);
                colon = bare ? strchr(bare, ':') : NULL;
                if (colon)
                        *colon = '\0';
                if (fnmatch(v, *name, 0) == 0 || fnmatch(v, last, 0) == 0 ||
                    (bare && fnmatch(v, bare, 0) == 0))
                        return true;
        }
        return false;
}

static bool image_fits_dangling(const Image *i, const char *v)
{
        return (i->names == NULL) == wants(v);
}

static bool image_fits_label(const Image *i, const char *v)
{
        return label_matches(i->config->labels, v);
}

static bool image_fits_containers(const Image *i, const char *v)
{
        return (image_users(i) > 0) == wants(v);
}

static bool image_fits_until(const Image *i, const char *v)
{
        uint64_t t = 0;

        return parse_when(v, &t) >= 0 && i->config->created_usec < t;
}

static bool image_fits_digest(const Image *i, const char *v)
{
        _cleanup_strv_ char **digests = NULL;

        if (streq_ptr(i->config->digest, v))
                return true;
        (void) image_repo_digests(i, &digests);
        STRV_FOREACH(d, digests)
                if (streq(strchr(*d, '@') + 1, v))
                        return true;
        return false;
}

static bool check_image(const Manager *m, const char *v)
{
        Image *i;

        return manager_find_image((Manager *) m, v, &i, NULL) >= 0;
}

static bool image_fits_before(const Image *i, const char *v)
{
        Image *other;

        return manager_find_image(i->manager, v, &other, NULL) >= 0 &&
               i->config->created_usec < other->config->created_usec;
}

static bool image_fits_since(const Image *i, const char *v)
{
        Image *other;

        return manager_find_image(i->manager, v, &other, NULL) >= 0 &&
               i->config->created_usec > other->config->created_usec;
}

/* All of ours can be removed, and none is there only for others. */
static bool image_fits_no(const Image *i, const char *v)
{
        return !wants(v);
}

/* What pruning takes: listing has all anyway. */
static bool image_fits_all(const Image *i, const char *v)
{
        return true;
}

typedef struct ImageFilter {
        const char *key;
        bool (*fits)(const Image *i, const char *value);
        bool (*check)(const Manager *m, const char *value);
        bool all;
} ImageFilter;

static const ImageFilter image_filters[] = {
        {"id", image_fits_id},
        {"reference", image_fits_reference},
        {"dangling", image_fits_dangling, check_bool},
        {"label", image_fits_label, .all = true},
        {"containers", image_fits_containers, check_bool},
        {"until", image_fits_until, check_when},
        {"before", image_fits_before, check_image},
        {"since", image_fits_since, check_image},
        {"after", image_fits_since, check_image},
        {"digest", image_fits_digest},
        {"readonly", image_fits_no, check_bool},
        {"intermediate", image_fits_no, check_bool},
        {"manifest", image_fits_no, check_bool},
        {"all", image_fits_all, check_bool},
};

static const ImageFilter *image_filter(const char *key)
{
        FOREACH_ELEMENT(f, image_filters)
                if (streq(f->key, key))
                        return f;
        return NULL;
}

int image_filters_check(const Manager *m, const json_t *filters, Error *error)
{
        const char *key;
        json_t *list, *value;
        size_t i;
        int r;

        json_object_foreach((json_t *) filters, key, list)
        {
                const ImageFilter *f = image_filter(key);

                if (!f)
                        return error_set(error, ERROR_INVALID_ARGUMENT,
                                         "No such filter of images: \"%.100s\"", key);
                json_array_foreach(list, i, value)
                {
                        r = check_value(key, value, f->check, m, error);
                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

bool image_fits(const Image *i, const json_t *filters)
{
        const char *key;
        json_t *list, *value;
        size_t n;

        json_object_foreach((json_t *) filters, key, list)
        {
                const ImageFilter *f = image_filter(key);
                bool fits = f->all || json_array_size(list) == 0;

                json_array_foreach(list, n, value) if (f->fits(i, json_string_value(value)) != f->all)
                {
                        fits = !f->all;
                        break;
                }
                if (!fits)
                        return false;
        }
        return true;
}
