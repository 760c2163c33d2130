/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Files are taken as they are: whether they are certificates is for those to say who use them. */

#include "base/conf-dir.h"
#include "base/fs.h"
#include "base/str.h"
#include "spec/certificates.h"

static char *const system_dirs[] = {(char *) "/etc/containers/certs.d", (char *) "/etc/docker/certs.d", NULL};

static int read_one(const char *directory, const char *name, size_t *total, char **ret, Error *error)
{
        _cleanup_free_ char *path = str_printf("%s/%s", directory, name);
        size_t size;
        int r = path ? fs_read_at(AT_FDCWD, path, CERTIFICATE_SIZE_MAX, ret, &size) : -ENOMEM;

        if (r < 0)
                return error_set_errno(error, r, "%s", strempty(path));
        *total += size;
        if (*total > CERTIFICATES_SIZE_MAX)
                return error_set(error, ERROR_LIMIT, "%s: more than %u bytes of certificates", directory,
                                 CERTIFICATES_SIZE_MAX);
        if (strlen(*ret) != size)
                return error_set(error, ERROR_INVALID_ARGUMENT, "%s: not a certificate in PEM form", path);
        return 0;
}

static int read_authorities(const char *directory, size_t *total, FetchEndpoint *e, Error *error)
{
        _cleanup_strv_ char **names = NULL;
        int r = conf_dir_list(directory, ".crt", &names);

        if (r < 0)
                return error_set_errno(error, r, "%s", directory);
        STRV_FOREACH(name, names) {
                char *pem = NULL;

                r = read_one(directory, *name, total, &pem, error);
                if (r < 0) {
                        free(pem);
                        return r;
                }
                r = strv_consume(&e->ca, pem);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Each NAME.suffix wants a NAME.other beside it. */
static int check_pairs(const char *directory, char *const *names, const char *suffix, char *const *others,
                       const char *other, Error *error)
{
        for (char *const *name = names; name && *name; name++) {
                _cleanup_free_ char *wanted =
                        str_printf("%.*s%s", (int) (strlen(*name) - strlen(suffix)), *name, other);

                if (!wanted)
                        return -ENOMEM;
                if (!strv_contains(others, wanted))
                        return error_set(error, ERROR_INVALID_ARGUMENT, "%s/%s: there is no %s beside it",
                                         directory, *name, wanted);
        }
        return 0;
}

static int read_client(const char *directory, size_t *total, FetchEndpoint *e, Error *error)
{
        _cleanup_strv_ char **certificates = NULL, **keys = NULL;
        int r = conf_dir_list(directory, ".cert", &certificates);

        if (r >= 0)
                r = conf_dir_list(directory, ".key", &keys);
        if (r < 0)
                return error_set_errno(error, r, "%s", directory);
        r = check_pairs(directory, certificates, ".cert", keys, ".key", error);
        if (r >= 0)
                r = check_pairs(directory, keys, ".key", certificates, ".cert", error);
        if (r < 0 || strv_length(certificates) == 0)
                return r;
        if (strv_length(certificates) > 1)
                return error_set(error, ERROR_NOT_SUPPORTED, "%s: more than one client certificate",
                                 directory);
        free(TAKE_PTR(e->client_certificate));
        e->client_key = secret_free(e->client_key);
        r = read_one(directory, certificates[0], total, &e->client_certificate, error);
        return r < 0 ? r : read_one(directory, keys[0], total, &e->client_key, error);
}

static int read_directory(const char *directory, FetchEndpoint *e, Error *error)
{
        size_t total = 0;
        int r = read_authorities(directory, &total, e, error);

        return r < 0 ? r : read_client(directory, &total, e, error);
}

int certificates_load(const char *directory, FetchEndpoint *e, Error *error)
{
        if (access(directory, R_OK | X_OK) < 0)
                return error_set_errno(error, errno, "%s", directory);
        return read_directory(directory, e, error);
}

int certificates_find(char *const *dirs, FetchEndpoint *e, Error *error)
{
        if (strchr(e->host, '/') || *e->host == '.')
                return 0;
        for (char *const *dir = dirs ?: system_dirs; *dir; dir++) {
                _cleanup_free_ char *directory = str_printf("%s/%s", *dir, e->host);

                if (!directory)
                        return -ENOMEM;
                if (access(directory, F_OK) >= 0)
                        return read_directory(directory, e, error);
        }
        return 0;
}
