/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Each instruction is a row: which member of the configuration it changes, and how its value is read. What
 * comes out is checked like any stranger's configuration by whoever makes the image. */

#include <ctype.h>
#include <strings.h>

#include "base/parse.h"
#include "base/str.h"
#include "spec/image-build.h"

typedef struct Change {
        json_t *config;
        const char *member;
        const char *value;
} Change;

typedef int (*ChangeFunction)(const Change *c);

static json_t *member_of(const Change *c, json_t *(*make)(void) )
{
        json_t *v = json_object_get(c->config, c->member);

        if (v)
                return v;
        v = make();
        return json_object_set_new(c->config, c->member, v) < 0 ? NULL : v;
}

/* NULL unless the value is a JSON array of strings. */
static json_t *string_list(const char *value)
{
        json_t *list = NULL, *element;
        size_t i;

        if (*value != '[' || json_parse(value, strlen(value), &list, NULL) < 0)
                return NULL;
        json_array_foreach(list, i, element)
        {
                if (json_is_string(element))
                        continue;
                json_decref(list);
                return NULL;
        }
        return list;
}

static int set_text(const Change *c)
{
        return json_object_set_new(c->config, c->member, json_string(c->value)) < 0 ? -EINVAL : 0;
}

static int set_signal(const Change *c)
{
        int sig;

        return parse_signal(c->value, &sig) < 0 ? -EINVAL : set_text(c);
}

static int set_path(const Change *c)
{
        return *c->value == '/' ? set_text(c) : -EINVAL;
}

/* A list, or a line for the shell. */
static int set_command(const Change *c)
{
        json_t *list = string_list(c->value);

        if (!list)
                list = json_pack("[s, s, s]", "/bin/sh", "-c", c->value);
        return json_object_set_new(c->config, c->member, list) < 0 ? -EINVAL : 0;
}

static int append_text(const Change *c)
{
        return json_array_append_new(member_of(c, json_array), json_string(c->value)) < 0 ? -EINVAL : 0;
}

/* "80", "80/udp" */
static int add_port(const Change *c)
{
        _cleanup_free_ char *full = str_printf("%s%s", c->value, strchr(c->value, '/') ? "" : "/tcp");

        if (!full)
                return -ENOMEM;
        return json_object_set_new(member_of(c, json_object), full, json_object()) < 0 ? -EINVAL : 0;
}

static int add_volume(const Change *c, const char *path)
{
        if (*path != '/')
                return -EINVAL;
        return json_object_set_new(member_of(c, json_object), path, json_object()) < 0 ? -EINVAL : 0;
}

static int add_volumes(const Change *c)
{
        _cleanup_json_ json_t *list = string_list(c->value);
        const json_t *path;
        size_t i;
        int r = 0;

        if (!list)
                return add_volume(c, c->value);
        json_array_foreach(list, i, path)
        {
                if (r >= 0)
                        r = add_volume(c, json_string_value(path));
        }
        return r;
}

typedef int (*PairFunction)(const Change *c, const char *name, const char *value);

/* "A=b C='d e'", or "A b c" for one. */
static int each_pair(const Change *c, PairFunction add)
{
        _cleanup_strv_ char **words = NULL;
        int r = words_split(c->value, &words);

        if (r < 0)
                return r;
        if (strv_length(words) == 0)
                return -EINVAL;
        if (!strchr(words[0], '=')) {
                const char *value = c->value + strcspn(c->value, " \t");

                return add(c, words[0], value + strspn(value, " \t"));
        }
        STRV_FOREACH(word, words) {
                char *equal = strchr(*word, '=');

                if (!equal || equal == *word)
                        return -EINVAL;
                *equal = '\0';
                r = add(c, *word, equal + 1);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int set_label(const Change *c, const char *name, const char *value)
{
        return json_object_set_new(member_of(c, json_object), name, json_string(value)) < 0 ? -EINVAL : 0;
}

static int add_labels(const Change *c)
{
        return each_pair(c, set_label);
}

/* The later of one name counts. */
static int set_variable(const Change *c, const char *name, const char *value)
{
        _cleanup_free_ char *entry = str_printf("%s=%s", name, value);
        json_t *list = member_of(c, json_array);
        size_t n = strlen(name);

        if (!entry)
                return -ENOMEM;
        for (size_t i = 0; i < json_array_size(list); i++) {
                const char *other = json_string_value(json_array_get(list, i));

                if (strncmp(other, entry, n + 1) == 0)
                        return json_array_set_new(list, i, json_string(entry)) < 0 ? -EINVAL : 0;
        }
        return json_array_append_new(list, json_string(entry)) < 0 ? -EINVAL : 0;
}

static int add_variables(const Change *c)
{
        return each_pair(c, set_variable);
}

static const struct {
        const char *instruction;
        const char *member;
        ChangeFunction apply;
} instructions[] = {
        {"CMD", "Cmd", set_command},
        {"ENTRYPOINT", "Entrypoint", set_command},
        {"ENV", "Env", add_variables},
        {"EXPOSE", "ExposedPorts", add_port},
        {"LABEL", "Labels", add_labels},
        {"ONBUILD", "OnBuild", append_text},
        {"STOPSIGNAL", "StopSignal", set_signal},
        {"USER", "User", set_text},
        {"VOLUME", "Volumes", add_volumes},
        {"WORKDIR", "WorkingDir", set_path},
};

/* The word before the first blank, or before the '='; the value without blanks around it. */
static int apply_change(json_t *config, const char *change)
{
        _cleanup_free_ char *copy = strdup(change + strspn(change, " \t"));
        char *value, *end;

        if (!copy)
                return -ENOMEM;
        value = copy + strcspn(copy, " \t=");
        if (!*value)
                return -EINVAL;
        *value++ = '\0';
        value += strspn(value, " \t");
        for (end = value + strlen(value); end > value && isspace((unsigned char) end[-1]);)
                *--end = '\0';
        if (!*value)
                return -EINVAL;
        FOREACH_ELEMENT(row, instructions)
                if (strcasecmp(row->instruction, copy) == 0)
                        return row->apply(&(Change){config, row->member, value});
        return -EOPNOTSUPP;
}

static int apply_changes(json_t *config, char *const *changes, Error *error)
{
        if (strv_length(changes) > IMAGE_CHANGES_MAX)
                return error_set(error, ERROR_LIMIT, "More than %u changes", IMAGE_CHANGES_MAX);
        STRV_FOREACH(change, (char **) changes) {
                int r = apply_change(config, *change);

                if (r == -EOPNOTSUPP)
                        return error_set(error, ERROR_INVALID_ARGUMENT,
                                         "Change \"%s\": not an instruction that changes an image", *change);
                if (r == -EINVAL)
                        return error_set(error, ERROR_INVALID_ARGUMENT,
                                         "Change \"%s\": not a value of this instruction", *change);
                if (r < 0)
                        return r;
        }
        return 0;
}

int image_build(const ImageBuild *b, json_t **ret, Error *error)
{
        _cleanup_json_ json_t *config = json_object(), *document = NULL;
        char created[FORMAT_TIME_MAX];
        int r = config ? apply_changes(config, b->changes, error) : -ENOMEM;

        if (r < 0)
                return r;
        (void) format_time(b->created_usec, created);
        document =
                json_pack("{s:s, s:s*, s:s, s:s, s:s*, s:O, s:{s:s, s:[s]}, s:[{s:s, s:s, s:s*}]}", "created",
                          created, "author", b->author, "architecture", b->platform->architecture, "os",
                          b->platform->os, "variant", b->platform->variant, "config", config, "rootfs",
                          "type", "layers", "diff_ids", b->diff_id, "history", "created", created,
                          "created_by", "berthctl import", "comment", b->comment);
        if (!document)
                return error_set(error, ERROR_INVALID_ARGUMENT, "The image's description is not UTF-8");
        *ret = TAKE_PTR(document);
        return 0;
}
