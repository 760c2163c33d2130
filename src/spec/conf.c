/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A row per key, with how its value is read. */

#include "base/conf-dir.h"
#include "base/fs.h"
#include "base/ini.h"
#include "base/parse.h"
#include "base/str.h"
#include "spec/conf.h"
#include "spec/fetch-order.h"

#define WORDS_MAX 256U

typedef struct ConfRow {
        const char *section;
        const char *key;
        size_t offset;
        int (*read)(const char *value, void *field, Conf *c); /* -EINVAL: no such value */
        const char *wanted;
} ConfRow;

/* An empty value takes back what files before said. */
static int read_path(const char *value, void *field, Conf *c)
{
        if (*value && (*value != '/' || str_has_control(value)))
                return -EINVAL;
        return str_replace(field, *value ? value : NULL);
}

/* "registry.example=auth.example", added to what is there. */
static int read_token_hosts(const char *value, void *field, Conf *c)
{
        _cleanup_strv_ char **words = NULL;
        char ***list = field;
        int r = strv_split(value, " \t", &words);

        if (r < 0)
                return r;
        if (!words) {
                *list = strv_free(*list);
                return 0;
        }
        STRV_FOREACH(w, words) {
                const char *at = strchr(*w, '=');

                if (!at || at == *w || !at[1] || strpbrk(*w, "/@") || strchr(at + 1, '='))
                        return -EINVAL;
        }
        return strv_length(*list) + strv_length(words) > WORDS_MAX ? -EINVAL : strv_extend(list, words);
}

static int read_parallel(const char *value, void *field, Conf *c)
{
        return parse_u64(value, 1, FETCH_PARALLEL_MAX, field) < 0 ? -EINVAL : 0;
}

static int read_retry(const char *value, void *field, Conf *c)
{
        uint64_t n;

        if (parse_u64(value, 0, FETCH_RETRY_MAX, &n) < 0)
                return -EINVAL;
        c->no_retry = n == 0;
        *(uint64_t *) field = n;
        return 0;
}

static int read_time(const char *value, void *field, Conf *c)
{
        uint64_t usec;

        if (parse_usec(value, &usec) < 0 || usec == USEC_INFINITY)
                return -EINVAL;
        *(uint64_t *) field = usec;
        return 0;
}

static int read_size(const char *value, void *field, Conf *c)
{
        uint64_t size;

        if (parse_size(value, &size) < 0 || size == 0 || size > INT64_MAX)
                return -EINVAL;
        *(uint64_t *) field = size;
        return 0;
}

static int read_count(const char *value, void *field, Conf *c)
{
        return parse_u64(value, 1, UINT32_MAX, field) < 0 ? -EINVAL : 0;
}

static const ConfRow rows[] = {
        {"Images", "RegistriesConf", offsetof(Conf, registries_conf), read_path, "an absolute path"},
        {"Images", "SignaturePolicy", offsetof(Conf, signature_policy), read_path, "an absolute path"},
        {"Images", "RegistriesDirectory", offsetof(Conf, registries_directory), read_path,
         "an absolute path"},
        {"Images", "TokenHosts", offsetof(Conf, token_hosts), read_token_hosts, "words REGISTRY=HOST"},
        {"Images", "ParallelDownloads", offsetof(Conf, parallel), read_parallel, "a number from 1 to 32"},
        {"Images", "Retry", offsetof(Conf, retry), read_retry, "a number from 0 to 100"},
        {"Images", "RetryDelay", offsetof(Conf, retry_delay), read_time, "a time"},
        {"Images", "UnpackedSizeMax", offsetof(Conf, unpacked_max), read_size, "a size, as 20G"},
        {"Images", "EntriesMax", offsetof(Conf, entries_max), read_count, "a number"},
};

void conf_done(Conf *c)
{
        free(c->registries_conf);
        free(c->signature_policy);
        free(c->registries_directory);
        strv_free(c->token_hosts);
        *c = (Conf){};
}

static int apply(const IniEntry *e, Conf *c, Error *error)
{
        FOREACH_ELEMENT(row, rows) {
                int r;

                if (!streq(row->section, e->section) || !streq(row->key, e->key))
                        continue;
                r = row->read(e->value, (char *) c + row->offset, c);
                if (r == -EINVAL)
                        return error_set(error, ERROR_INVALID_ARGUMENT, "%s:%u: %s= is %s, not \"%s\"",
                                         e->file, e->line, e->key, row->wanted, e->value);
                return r;
        }
        return error_set(error, ERROR_INVALID_ARGUMENT, "%s:%u: [%s] %s= is not known", e->file, e->line,
                         e->section, e->key);
}

static int read_file(IniFile **f, const char *path, Error *error)
{
        _cleanup_free_ char *text = NULL, *what = NULL;
        size_t size;
        int r = fs_read_at(AT_FDCWD, path, INI_SIZE_MAX, &text, &size);

        if (r == -ENOENT)
                return r;
        if (r < 0)
                return error_set_errno(error, r, "%s", path);
        r = ini_parse(f, path, text, size, &what);
        return r == -EBADMSG ? error_set(error, ERROR_INVALID_ARGUMENT, "%s", strempty(what)) : r;
}

static int read_files(IniFile **f, const char *path, Error *error)
{
        _cleanup_free_ char *directory = str_printf("%s.d", path);
        _cleanup_strv_ char **names = NULL;
        int r = directory ? read_file(f, path, error) : -ENOMEM;

        if (r < 0 && r != -ENOENT)
                return r;
        r = conf_dir_list(directory, ".conf", &names);
        if (r < 0)
                return error_set_errno(error, r, "%s", directory);
        STRV_FOREACH(name, names) {
                _cleanup_free_ char *file = str_printf("%s/%s", directory, *name);

                r = file ? read_file(f, file, error) : -ENOMEM;
                if (r < 0 && r != -ENOENT)
                        return r;
        }
        return 0;
}

int conf_load(const char *path, Conf *ret, Error *error)
{
        _cleanup_(ini_freep) IniFile *f = NULL;
        _cleanup_conf_ Conf c = {};
        int r = read_files(&f, path ?: CONF_FILE, error);

        for (size_t i = 0; r >= 0 && f && i < f->n_entries; i++)
                r = apply(&f->entries[i], &c, error);
        if (r < 0)
                return r;
        *ret = TAKE(c, (Conf){});
        return 0;
}
