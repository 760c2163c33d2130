/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* An image configuration is a stranger's document. Each member is read with its type, then each value is
 * checked against the range that its setting has; what is out of range refuses the image here, once, so that
 * nobody behind image.json needs to doubt a value again. The one exception is an environment entry without a
 * name or a '=': other engines take it as "copy the host's variable", so it is left out. */

#include "base/parse.h"
#include "base/str.h"
#include "spec/image-config.h"
#include "spec/image-ref.h"

#define TEXT_LENGTH_MAX 4096              /* user, author, path, label key */
#define LIST_LENGTH_MAX 4096              /* entries of any one list */
#define ARGUMENT_LENGTH_MAX (128U * 1024) /* the kernel's limit of one string of argv or environment */
#define STRINGS_SIZE_MAX (1U * 1024 * 1024)

/* The "config" member, as the image-spec and Docker name its members. */
typedef struct RawConfig {
        char *user;
        char *working_dir;
        char *stop_signal;
        char **env;
        char **entrypoint;
        char **cmd;
        json_t *volumes;
        json_t *exposed_ports;
        Map *labels;
        json_t *healthcheck;
} RawConfig;

typedef struct RawRootfs {
        char *type;
        char **diff_ids;
} RawRootfs;

typedef struct RawImage {
        char *architecture;
        char *os;
        char *variant;
        char *author;
        char *created;
        json_t *config;
        json_t *rootfs;
        json_t *history;
} RawImage;

#define RAW(struct_, name, type, field)                                                                      \
        {                                                                                                    \
                name, JSON_ROW_##type, offsetof(struct_, field), false                                       \
        }

static const JsonRow raw_config_rows[] = {
        RAW(RawConfig, "User", STRING, user),
        RAW(RawConfig, "WorkingDir", STRING, working_dir),
        RAW(RawConfig, "StopSignal", STRING, stop_signal),
        RAW(RawConfig, "Env", STRV, env),
        RAW(RawConfig, "Entrypoint", STRV, entrypoint),
        RAW(RawConfig, "Cmd", STRV, cmd),
        RAW(RawConfig, "Volumes", JSON, volumes),
        RAW(RawConfig, "ExposedPorts", JSON, exposed_ports),
        RAW(RawConfig, "Labels", MAP, labels),
        RAW(RawConfig, "Healthcheck", JSON, healthcheck),
};

static const JsonRow raw_rootfs_rows[] = {
        {"type", JSON_ROW_STRING, offsetof(RawRootfs, type), true},
        {"diff_ids", JSON_ROW_STRV, offsetof(RawRootfs, diff_ids), false},
};

static const JsonRow raw_image_rows[] = {
        {"architecture", JSON_ROW_STRING, offsetof(RawImage, architecture), true},
        {"os", JSON_ROW_STRING, offsetof(RawImage, os), true},
        RAW(RawImage, "variant", STRING, variant),
        RAW(RawImage, "author", STRING, author),
        RAW(RawImage, "created", STRING, created),
        RAW(RawImage, "config", JSON, config),
        {"rootfs", JSON_ROW_JSON, offsetof(RawImage, rootfs), true},
        RAW(RawImage, "history", JSON, history),
};

#define OWN(name, type, field)                                                                               \
        {                                                                                                    \
                name, JSON_ROW_##type, offsetof(ImageConfig, field), false                                   \
        }

static const JsonRow image_config_rows[] = {
        {"Id", JSON_ROW_STRING, offsetof(ImageConfig, id), true},
        OWN("Digest", STRING, digest),
        OWN("Architecture", STRING, architecture),
        OWN("Os", STRING, os),
        OWN("Variant", STRING, variant),
        OWN("Author", STRING, author),
        OWN("Created", STRING, created),
        OWN("CreatedUsec", U64, created_usec),
        OWN("LoadedUsec", U64, loaded_usec),
        OWN("Size", U64, size),
        OWN("User", STRING, user),
        OWN("WorkingDir", STRING, working_dir),
        OWN("StopSignal", STRING, stop_signal),
        OWN("Env", STRV, env),
        OWN("Entrypoint", STRV, entrypoint),
        OWN("Cmd", STRV, cmd),
        OWN("Volumes", STRV, volumes),
        OWN("ExposedPorts", STRV, exposed_ports),
        OWN("DiffIds", STRV, diff_ids),
        OWN("Labels", MAP, labels),
        OWN("Layers", JSON, layers),
        OWN("Annotations", JSON, annotations),
        OWN("History", JSON, history),
        OWN("Healthcheck", JSON, healthcheck),
        OWN("StdioPaths", BOOL, stdio_paths),
};

bool image_names_stdio(const void *text, size_t size)
{
        static const char *const paths[] = {"/dev/stdout",     "/dev/stderr",  "/proc/self/fd/1",
                                            "/proc/self/fd/2", "/proc/1/fd/1", "/proc/1/fd/2"};

        FOREACH_ELEMENT(path, paths)
                if (memmem(text, size, *path, strlen(*path)))
                        return true;
        return false;
}

static void raw_config_done(RawConfig *c)
{
        json_rows_done(raw_config_rows, ELEMENTSOF(raw_config_rows), c);
}

static void raw_rootfs_done(RawRootfs *r)
{
        json_rows_done(raw_rootfs_rows, ELEMENTSOF(raw_rootfs_rows), r);
}

static void raw_image_done(RawImage *i)
{
        json_rows_done(raw_image_rows, ELEMENTSOF(raw_image_rows), i);
}

ImageConfig *image_config_free(ImageConfig *c)
{
        if (!c)
                return NULL;
        json_rows_done(image_config_rows, ELEMENTSOF(image_config_rows), c);
        json_decref(c->unknown);
        free(c);
        return NULL;
}

static int bad(Error *error, const char *member, const char *what)
{
        return error_set(error, ERROR_BAD_ARCHIVE, "Image configuration: %s %s", member, what);
}

/* One line of text that may reach a unit, a list or a terminal. */
static int check_text(const char *s, const char *member, Error *error)
{
        if (!s)
                return 0;
        if (strlen(s) > TEXT_LENGTH_MAX)
                return bad(error, member, "is too long");
        if (str_has_control(s))
                return bad(error, member, "holds a control character");
        return 0;
}

/* Strings that are passed on as they are, whatever they hold; only their number and size are ours to limit.
 */
static int check_strings(char *const *l, const char *member, Error *error)
{
        size_t n = 0, size = 0;

        STRV_FOREACH(s, (char **) l) {
                if (strlen(*s) >= ARGUMENT_LENGTH_MAX)
                        return bad(error, member, "has an entry of more than 128 KiB");
                size += strlen(*s) + 1;
                if (++n > LIST_LENGTH_MAX || size > STRINGS_SIZE_MAX)
                        return bad(error, member, "is too long");
        }
        return 0;
}

static bool env_is_valid(const char *s)
{
        const char *equals = strchr(s, '=');

        if (!equals || equals == s)
                return false;
        for (; s < equals; s++)
                if ((unsigned char) *s <= ' ' || *s == 0x7f)
                        return false;
        return true;
}

static int take_env(char *const *env, char ***ret)
{
        _cleanup_strv_ char **valid = NULL;

        STRV_FOREACH(e, (char **) env)
                if (env_is_valid(*e)) {
                        int r = strv_append(&valid, *e);

                        if (r < 0)
                                return r;
                }
        *ret = TAKE_PTR(valid);
        return 0;
}

/* "80", "80/tcp", "8000-8010/udp". */
static bool port_is_valid(const char *s)
{
        _cleanup_free_ char *copy = strdup(s);
        uint64_t first, last;
        char *slash, *dash;

        if (!copy)
                return false;
        slash = strchr(copy, '/');
        if (slash) {
                *slash = '\0';
                if (!streq(slash + 1, "tcp") && !streq(slash + 1, "udp") && !streq(slash + 1, "sctp"))
                        return false;
        }
        dash = strchr(copy, '-');
        if (dash)
                *dash = '\0';
        if (parse_u64(copy, 1, 65535, &first) < 0)
                return false;
        return !dash || parse_u64(dash + 1, first, 65535, &last) >= 0;
}

static bool path_is_valid(const char *s)
{
        return *s == '/' && !strstr(s, "/../") && !endswith(s, "/..");
}

/* The keys of an object whose values say nothing: how the image-spec writes a set. */
static int take_set(const json_t *v, bool (*valid)(const char *), const char *member, char ***ret,
                    Error *error)
{
        _cleanup_strv_ char **keys = NULL;
        const char *key;
        json_t *value;
        int r;

        if (v && !json_is_object(v))
                return bad(error, member, "is not an object");
        if (json_object_size(v) > LIST_LENGTH_MAX)
                return bad(error, member, "is too long");
        json_object_foreach((json_t *) v, key, value)
        {
                r = check_text(key, member, error);
                if (r < 0)
                        return r;
                if (!valid(key))
                        return error_set(error, ERROR_BAD_ARCHIVE,
                                         "Image configuration: %s: \"%s\" is out of range", member, key);
                r = strv_append(&keys, key);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(keys);
        return 0;
}

static int check_labels(const Map *labels, Error *error)
{
        int r;

        if (map_size(labels) > LIST_LENGTH_MAX)
                return bad(error, "Labels", "has too many entries");
        MAP_FOREACH(e, labels) {
                r = check_text(map_key(e), "Labels", error);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Docker's addition to the image-spec: Test is a list of strings, times are nanoseconds. */
static int check_healthcheck(const json_t *v, Error *error)
{
        static const char *const numbers[] = {"Interval", "Timeout", "StartPeriod", "StartInterval",
                                              "Retries"};
        _cleanup_strv_ char **test = NULL;
        int r;

        if (!v)
                return 0;
        if (!json_is_object(v))
                return bad(error, "Healthcheck", "is not an object");
        r = json_get_strv(v, "Test", &test);
        if (r < 0)
                return r == -EBADMSG ? bad(error, "Healthcheck.Test", "is not a list of strings") : r;
        FOREACH_ELEMENT(name, numbers) {
                const json_t *number = json_object_get(v, *name);

                if (number && !json_is_null(number) &&
                    (!json_is_integer(number) || json_integer_value(number) < 0))
                        return bad(error, "Healthcheck", "has a time or number out of range");
        }
        return check_strings(test, "Healthcheck.Test", error);
}

static int take_working_dir(const char *s, char **ret, Error *error)
{
        char *path;
        int r = check_text(s, "WorkingDir", error);

        if (r < 0 || isempty(s))
                return r;
        path = str_printf("%s%s", *s == '/' ? "" : "/", s);
        if (!path)
                return -ENOMEM;
        *ret = path;
        return 0;
}

static int take_stop_signal(char **s, char **ret, Error *error)
{
        int sig;

        if (isempty(*s))
                return 0;
        if (parse_signal(*s, &sig) < 0)
                return bad(error, "StopSignal", "is not a signal");
        *ret = TAKE_PTR(*s);
        return 0;
}

static int check_config(const RawConfig *raw, Error *error)
{
        int r = check_text(raw->user, "User", error);

        if (r >= 0)
                r = check_strings(raw->env, "Env", error);
        if (r >= 0)
                r = check_strings(raw->entrypoint, "Entrypoint", error);
        if (r >= 0)
                r = check_strings(raw->cmd, "Cmd", error);
        if (r >= 0)
                r = check_labels(raw->labels, error);
        if (r >= 0)
                r = check_healthcheck(raw->healthcheck, error);
        return r;
}

static int read_member(const json_t *v, const char *member, const JsonRow *rows, size_t n, void *raw,
                       Error *error)
{
        _cleanup_free_ char *reason = NULL;
        int r;

        if (v && !json_is_object(v))
                return bad(error, member, "is not an object");
        r = json_read(v, rows, n, raw, NULL, &reason);
        return r == -EBADMSG ? bad(error, member, strempty(reason)) : r;
}

static int take_config(const json_t *v, ImageConfig *c, Error *error)
{
        _cleanup_(raw_config_done) RawConfig raw = {};
        int r;

        if (!v)
                return 0;
        r = read_member(v, "config", raw_config_rows, ELEMENTSOF(raw_config_rows), &raw, error);
        if (r < 0)
                return r;
        r = check_config(&raw, error);
        if (r >= 0)
                r = take_env(raw.env, &c->env);
        if (r >= 0)
                r = take_working_dir(raw.working_dir, &c->working_dir, error);
        if (r >= 0)
                r = take_stop_signal(&raw.stop_signal, &c->stop_signal, error);
        if (r >= 0)
                r = take_set(raw.volumes, path_is_valid, "Volumes", &c->volumes, error);
        if (r >= 0)
                r = take_set(raw.exposed_ports, port_is_valid, "ExposedPorts", &c->exposed_ports, error);
        if (r < 0)
                return r;
        c->user = isempty(raw.user) ? NULL : TAKE_PTR(raw.user);
        c->entrypoint = TAKE_PTR(raw.entrypoint);
        c->cmd = TAKE_PTR(raw.cmd);
        c->labels = TAKE_PTR(raw.labels);
        c->healthcheck = TAKE_PTR(raw.healthcheck);
        return 0;
}

static int take_rootfs(const json_t *v, ImageConfig *c, Error *error)
{
        _cleanup_(raw_rootfs_done) RawRootfs raw = {};
        int r = read_member(v, "rootfs", raw_rootfs_rows, ELEMENTSOF(raw_rootfs_rows), &raw, error);

        if (r < 0)
                return r;
        if (!streq(raw.type, "layers"))
                return bad(error, "rootfs.type", "is not \"layers\"");
        if (strv_length(raw.diff_ids) > IMAGE_LAYERS_MAX)
                return error_set(error, ERROR_LIMIT, "The image has more than %u layers", IMAGE_LAYERS_MAX);
        STRV_FOREACH(id, raw.diff_ids)
                if (!digest_is_valid(*id))
                        return bad(error, "rootfs.diff_ids", "holds what is no SHA-256 digest");
        c->diff_ids = TAKE_PTR(raw.diff_ids);
        return 0;
}

static int check_history(const json_t *v, Error *error)
{
        const json_t *step;
        size_t i;

        if (!v)
                return 0;
        if (!json_is_array(v) || json_array_size(v) > LIST_LENGTH_MAX)
                return bad(error, "history", "is not a list, or too long a one");
        json_array_foreach((json_t *) v, i, step) if (!json_is_object(step)) return bad(
                error, "history", "has an entry that is not an object");
        return 0;
}

static int take_image(RawImage *raw, ImageConfig *c, Error *error)
{
        int r = check_text(raw->architecture, "architecture", error);

        if (r >= 0)
                r = check_text(raw->variant, "variant", error);
        if (r >= 0)
                r = check_text(raw->author, "author", error);
        if (r >= 0)
                r = check_history(raw->history, error);
        if (r < 0)
                return r;
        if (!streq(raw->os, "linux"))
                return error_set(error, ERROR_BAD_ARCHIVE, "The image is made for \"%s\", not for linux",
                                 raw->os);
        if (!isempty(raw->created)) {
                if (parse_time(raw->created, &c->created_usec) == -EINVAL)
                        return bad(error, "created", "is not a time");
                c->created = TAKE_PTR(raw->created);
        }
        c->architecture = TAKE_PTR(raw->architecture);
        c->os = TAKE_PTR(raw->os);
        c->variant = TAKE_PTR(raw->variant);
        c->author = TAKE_PTR(raw->author);
        c->history = TAKE_PTR(raw->history);
        return 0;
}

int image_config_from_oci(const json_t *document, ImageConfig **ret, Error *error)
{
        _cleanup_(image_config_freep) ImageConfig *c = calloc(1, sizeof(ImageConfig));
        _cleanup_(raw_image_done) RawImage raw = {};
        int r;

        if (!c)
                return -ENOMEM;
        if (!json_is_object(document))
                return bad(error, "the document", "is not an object");
        r = read_member(document, "member", raw_image_rows, ELEMENTSOF(raw_image_rows), &raw, error);
        if (r >= 0)
                r = take_image(&raw, c, error);
        if (r >= 0)
                r = take_config(raw.config, c, error);
        if (r >= 0)
                r = take_rootfs(raw.rootfs, c, error);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(c);
        return 0;
}

json_t *image_config_to_json(const ImageConfig *c)
{
        return json_write(image_config_rows, ELEMENTSOF(image_config_rows), c, c->unknown);
}

int image_config_from_json(const json_t *v, ImageConfig **ret, Error *error)
{
        _cleanup_(image_config_freep) ImageConfig *c = calloc(1, sizeof(ImageConfig));
        _cleanup_free_ char *reason = NULL;
        int r;

        if (!c)
                return -ENOMEM;
        if (!json_is_object(v))
                return error_set(error, ERROR_STORE_DAMAGED, "The image's record is not an object");
        r = json_read(v, image_config_rows, ELEMENTSOF(image_config_rows), c, &c->unknown, &reason);
        if (r == -EBADMSG)
                return error_set(error, ERROR_STORE_DAMAGED, "The image's record: %s", strempty(reason));
        if (r < 0)
                return r;
        if (!is_hex(c->id, 64))
                return error_set(error, ERROR_STORE_DAMAGED, "The image's record: Id is no ID");
        *ret = TAKE_PTR(c);
        return 0;
}
