/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The files are one set of sections, by scope; the default has the empty scope. The closest scope that has a
 * section decides alone. A scope in two files is a mistake. */

#include <yaml.h>

#include "base/conf-dir.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/str.h"
#include "spec/lookaside.h"
#include "spec/policy.h"

#define YAML_SIZE_MAX (1U * 1024 * 1024)
#define DEFAULT_SCOPE ""

typedef struct File {
        const char *path;
        yaml_document_t document;
        json_t *sections;
        Error *error;
} File;

static int mistake(const File *f, const yaml_node_t *node, const char *what)
{
        return error_set(f->error, ERROR_INVALID_ARGUMENT, "%s: line %zu: %s", f->path,
                         node->start_mark.line + 1, what);
}

static const char *scalar(const yaml_node_t *node)
{
        return node && node->type == YAML_SCALAR_NODE &&
                               strlen((const char *) node->data.scalar.value) == node->data.scalar.length
                       ? (const char *) node->data.scalar.value
                       : NULL;
}

typedef int (*Visit)(File *f, const char *key, yaml_node_t *value, void *userdata);

static int visit_mapping(File *f, yaml_node_t *node, Visit visit, void *userdata)
{
        /* "docker:" without anything below it. */
        if (node->type == YAML_SCALAR_NODE && node->data.scalar.length == 0)
                return 0;
        if (node->type != YAML_MAPPING_NODE)
                return mistake(f, node, "a mapping is wanted");
        for (yaml_node_pair_t *p = node->data.mapping.pairs.start; p < node->data.mapping.pairs.top; p++) {
                yaml_node_t *value = yaml_document_get_node(&f->document, p->value);
                const char *key = scalar(yaml_document_get_node(&f->document, p->key));
                int r = key && value ? visit(f, key, value, userdata) : mistake(f, node, "a key is no text");

                if (r < 0)
                        return r;
        }
        return 0;
}

static int read_member(File *f, const char *key, yaml_node_t *node, void *userdata)
{
        json_t *section = userdata;
        const char *value = scalar(node);

        if (streq(key, "lookaside") || streq(key, "sigstore")) {
                if (!value)
                        return mistake(f, node, "lookaside is no text");
                return json_object_set_new(section, "lookaside", json_string(value)) < 0 ? -ENOMEM : 0;
        }
        if (streq(key, "use-sigstore-attachments")) {
                if (!value || (!streq(value, "true") && !streq(value, "false")))
                        return mistake(f, node, "use-sigstore-attachments is true or false");
                return json_object_set_new(section, "attachments", json_boolean(streq(value, "true"))) < 0
                               ? -ENOMEM
                               : 0;
        }
        return 0;
}

static int read_section(File *f, const char *scope, yaml_node_t *node, void *userdata)
{
        _cleanup_json_ json_t *section = json_object();
        int r = section ? visit_mapping(f, node, read_member, section) : -ENOMEM;

        if (r < 0)
                return r;
        if (json_object_get(f->sections, scope))
                return mistake(f, node, "this is configured twice");
        return json_object_set(f->sections, scope, section) < 0 ? -ENOMEM : 0;
}

static int read_top(File *f, const char *key, yaml_node_t *node, void *userdata)
{
        if (streq(key, "default-docker"))
                return read_section(f, DEFAULT_SCOPE, node, NULL);
        return streq(key, "docker") ? visit_mapping(f, node, read_section, NULL) : 0;
}

static int read_text(File *f, const char *text, size_t size)
{
        yaml_parser_t parser;
        yaml_node_t *root;
        int r = 0;

        if (!yaml_parser_initialize(&parser))
                return -ENOMEM;
        yaml_parser_set_input_string(&parser, (const unsigned char *) text, size);
        if (!yaml_parser_load(&parser, &f->document)) {
                r = error_set(f->error, ERROR_INVALID_ARGUMENT, "%s: line %zu: %s", f->path,
                              parser.problem_mark.line + 1, strempty(parser.problem));
                yaml_parser_delete(&parser);
                return r;
        }
        root = yaml_document_get_root_node(&f->document);
        if (root)
                r = visit_mapping(f, root, read_top, NULL);
        yaml_document_delete(&f->document);
        yaml_parser_delete(&parser);
        return r;
}

static int read_file(const char *path, json_t *sections, Error *error)
{
        File f = {.path = path, .sections = sections, .error = error};
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r = fs_read_at(AT_FDCWD, path, YAML_SIZE_MAX, &text, &size);

        return r < 0 ? error_set_errno(error, r, "%s", path) : read_text(&f, text, size);
}

static int read_directory(const char *directory, json_t *sections, Error *error)
{
        _cleanup_strv_ char **names = NULL;
        int r = conf_dir_list(directory, ".yaml", &names);

        if (r < 0)
                return error_set_errno(error, r, "%s", directory);
        STRV_FOREACH(name, names) {
                _cleanup_free_ char *path = str_printf("%s/%s", directory, *name);

                r = path ? read_file(path, sections, error) : -ENOMEM;
                if (r < 0)
                        return r;
        }
        return 0;
}

static const json_t *find_section(const json_t *sections, char *const *scopes)
{
        for (; *scopes; scopes++) {
                const json_t *section = json_object_get(sections, *scopes);

                if (section)
                        return section;
        }
        return json_object_get(sections, DEFAULT_SCOPE);
}

int lookaside_find(const char *directory, const ImageRef *ref, char **ret_url, bool *ret_attachments,
                   Error *error)
{
        _cleanup_json_ json_t *sections = json_object();
        _cleanup_strv_ char **scopes = NULL;
        const json_t *section;
        const char *base;
        char *url = NULL;
        int r = sections ? read_directory(directory ?: LOOKASIDE_DIR, sections, error) : -ENOMEM;

        if (r >= 0)
                r = policy_scopes(ref, &scopes);
        if (r < 0)
                return r;
        section = find_section(sections, scopes);
        base = json_get_string(section, "lookaside");
        if (!isempty(base)) {
                size_t n = strlen(base);

                while (n > 0 && base[n - 1] == '/')
                        n--;
                url = str_printf("%.*s/%s", (int) n, base, ref->path);
                if (!url)
                        return -ENOMEM;
        }
        *ret_url = url;
        *ret_attachments = json_get_bool(section, "attachments", false);
        return 0;
}
