/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Verbs that talk to registries. */

#include "base/parse.h"
#include "base/str.h"
#include "bus/value.h"
#include "prog/ctl-image.h"
#include "prog/ctl-output.h"
#include "prog/ctl-short-name.h"
#include "prog/ctl-work.h"
#include "spec/image-ref.h"
#include "spec/name.h"

#define SEARCH_LIMIT 25U
#define TAGS_LIMIT 1000000U

int work_append_string(Ctl *c, sd_bus_message *m, const char *key, Flag flag)
{
        const char *value = ctl_value(c, flag);

        return value ? sd_bus_message_append(m, "{sv}", key, "s", value) : 0;
}

int work_append_platform(Ctl *c, sd_bus_message *m)
{
        const char *platform = ctl_value(c, FLAG_PLATFORM), *variant = ctl_value(c, FLAG_VARIANT);
        const char *os = ctl_value(c, FLAG_OS), *arch = ctl_value(c, FLAG_ARCH);
        _cleanup_free_ char *text = NULL;

        if (platform && (os || arch || variant))
                return error_set(&c->error, ERROR_INVALID_ARGUMENT,
                                 "--platform says it all: not together with --os, --arch or --variant");
        if (platform)
                return sd_bus_message_append(m, "{sv}", "Platform", "s", platform);
        if (!os && !arch && !variant)
                return 0;
        if (!arch)
                return error_set(&c->error, ERROR_INVALID_ARGUMENT, "--arch is needed, or use --platform");
        text = str_printf("%s/%s%s%s", os ?: "linux", arch, variant ? "/" : "", strempty(variant));
        return text ? sd_bus_message_append(m, "{sv}", "Platform", "s", text) : -ENOMEM;
}

static int append_retry(Ctl *c, sd_bus_message *m)
{
        const char *retry = ctl_value(c, FLAG_RETRY), *delay = ctl_value(c, FLAG_RETRY_DELAY);
        uint64_t n, usec;
        int r = 0;

        if (retry) {
                if (parse_u64(retry, 0, UINT32_MAX, &n) < 0)
                        return error_set(&c->error, ERROR_INVALID_ARGUMENT, "--retry: not a number: \"%s\"",
                                         retry);
                r = sd_bus_message_append(m, "{sv}", "Retry", "u", (uint32_t) n);
        }
        if (r >= 0 && delay) {
                if (parse_usec(delay, &usec) < 0)
                        return error_set(&c->error, ERROR_INVALID_ARGUMENT,
                                         "--retry-delay: not a time: \"%s\"", delay);
                r = sd_bus_message_append(m, "{sv}", "RetryDelay", "t", usec);
        }
        return r;
}

/* How to talk to the registry of reference: Credentials, Certificates, TLSVerify, Retry, RetryDelay. */
static int work_append_fetch(Ctl *c, sd_bus_message *m, const char *reference, FetchVerb verb)
{
        int r = credentials_append(c, m, reference, verb);

        if (r >= 0 && c->given & F(TLS_VERIFY))
                r = sd_bus_message_append(m, "{sv}", "TLSVerify", "b", ctl_has(c, FLAG_TLS_VERIFY));
        return r < 0 ? r : append_retry(c, m);
}

static int failed(Ctl *c, int r)
{
        return c->error.kind != ERROR_NONE ? r : bus_failed(c, r);
}

/* Where skopeo's and podman's users say that it is not a registry; NULL: it is one. */
static const char *local_transport(const char *name)
{
        static const char *const transports[] = {"oci-archive:", "docker-archive:", "oci:", "dir:"};

        FOREACH_ELEMENT(t, transports)
                if (startswith(name, *t))
                        return startswith(name, *t);
        return NULL;
}

/* "docker://name" is the name. */
static const char *without_scheme(const char *name)
{
        return startswith(name, "docker://") ?: name;
}

static int append_pull_options(Ctl *c, sd_bus_message *m, const char *reference)
{
        int r = sd_bus_message_open_container(m, 'a', "{sv}");

        if (r >= 0)
                r = work_append_string(c, m, "Policy", FLAG_PULL_POLICY);
        if (r >= 0)
                r = work_append_platform(c, m);
        if (r >= 0 && ctl_has(c, FLAG_ALL_TAGS))
                r = sd_bus_message_append(m, "{sv}", "AllTags", "b", true);
        if (r >= 0)
                r = work_append_fetch(c, m, reference, FETCH_PULL);
        if (r >= 0)
                r = work_append_options(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int pull_one(Ctl *c, const char *name)
{
        _cleanup_message_ sd_bus_message *m = NULL;
        _cleanup_work_result_ WorkResult result = {};
        _cleanup_free_ char *reference = NULL;
        int r;

        if (local_transport(name))
                return load_transport(c, local_transport(name));
        r = short_name_choose(c, without_scheme(name), &reference);
        if (r < 0)
                return r;
        r = bus_new_call(c, &m, BUS_PATH, RUNTIME_INTERFACE, "Pull", "s", reference);
        if (r >= 0)
                r = append_pull_options(c, m, reference);
        if (r < 0)
                return failed(c, r);
        r = work_run(c, m, &result);
        if (r == 0)
                output_each("%s", result.ids);
        return r;
}

int verb_pull(Ctl *c)
{
        int status = 0;

        STRV_FOREACH(name, c->args) {
                int r = pull_one(c, *name);

                if (r > 0)
                        return r;
                if (r < 0) {
                        output_error(c, &c->error);
                        status = error_exit_status(c->error.kind);
                        error_done(&c->error);
                }
        }
        return status;
}

static int append_container_options(Ctl *c, sd_bus_message *m, const char *policy)
{
        const Spec *s = c->spec;
        int r = sd_bus_message_open_container(m, 'a', "{sv}");

        if (r >= 0)
                r = sd_bus_message_append(m, "{sv}", "Policy", "s", policy);
        if (r >= 0 && s->platform)
                r = sd_bus_message_append(m, "{sv}", "Platform", "s", s->platform);
        if (r >= 0 && spec_has(s, SETTING_RETRY))
                r = sd_bus_message_append(m, "{sv}", "Retry", "u", (uint32_t) s->retry);
        if (r >= 0 && s->retry_delay > 0)
                r = sd_bus_message_append(m, "{sv}", "RetryDelay", "t", s->retry_delay);
        if (r >= 0)
                r = work_append_fetch(c, m, s->image, FETCH_PULL);
        if (r >= 0)
                r = work_append_options(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

int pull_for_container(Ctl *c, const char *policy)
{
        _cleanup_message_ sd_bus_message *m = NULL;
        _cleanup_work_result_ WorkResult result = {};
        int r;

        r = bus_new_call(c, &m, BUS_PATH, RUNTIME_INTERFACE, "Pull", "s", c->spec->image);
        if (r >= 0)
                r = append_container_options(c, m, policy);
        return r < 0 ? failed(c, r) : work_run(c, m, &result);
}

static int write_text(Ctl *c, const char *file, const char *text)
{
        _cleanup_fclose_ FILE *f = fopen(file, "we");

        if (!f || fputs(text, f) < 0 || fflush(f) != 0)
                return error_set_errno(&c->error, errno, "%s", file);
        return 0;
}

/* What the registry calls what was pushed, "registry/path@sha256:..." among those of the image. */
static int write_digest(Ctl *c, const char *image, const char *destination)
{
        _cleanup_free_ char *path = NULL, *repository = NULL;
        const char *file = ctl_value(c, FLAG_DIGEST_FILE);
        _cleanup_image_ref_ ImageRef ref = {};
        _cleanup_json_ json_t *digests = NULL;
        size_t i;
        int r;

        if (!file)
                return 0;
        r = image_ref_parse(destination, &ref, NULL);
        if (r >= 0)
                repository = str_printf("%s/%s@", ref.registry, ref.path);
        if (r >= 0)
                r = repository ? bus_find(c, "image", image, &path) : -ENOMEM;
        if (r >= 0)
                r = bus_get(c, path, IMAGE_INTERFACE, "RepoDigests", &digests);
        if (r < 0)
                return r;
        for (i = json_array_size(digests); i > 0; i--) {
                const char *text = json_string_value(json_array_get(digests, i - 1));

                if (text && startswith(text, repository))
                        return write_text(c, file, startswith(text, repository));
        }
        return error_set(&c->error, ERROR_FAILED, "the digest of %s is not known", destination);
}

int verb_push(Ctl *c)
{
        const char *image = c->args[0], *destination = without_scheme(c->args[1] ?: image);
        _cleanup_message_ sd_bus_message *m = NULL;
        _cleanup_work_result_ WorkResult result = {};
        int r;

        if (local_transport(destination))
                return error_set(&c->error, ERROR_INVALID_ARGUMENT,
                                 "push sends to registries; berthctl save writes archives and directories");
        r = bus_new_call(c, &m, BUS_PATH, RUNTIME_INTERFACE, "Push", "ss", image, destination);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0)
                r = work_append_string(c, m, "Format", FLAG_PUSH_FORMAT);
        if (r >= 0)
                r = work_append_string(c, m, "Compression", FLAG_COMPRESSION_FORMAT);
        if (r >= 0)
                r = work_append_fetch(c, m, destination, FETCH_PUSH);
        if (r >= 0)
                r = work_append_options(m);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r < 0)
                return failed(c, r);
        r = work_run(c, m, &result);
        if (r != 0)
                return r;
        return write_digest(c, image, strempty(json_string_value(json_array_get(result.names, 0))));
}

/* Questions */

static int ask(Ctl *c, FetchVerb verb, const char *what, uint64_t limit, Call *call, sd_bus_message **ret)
{
        _cleanup_message_ sd_bus_message *m = NULL;
        const char *given = ctl_value(c, FLAG_LIMIT);
        int r;

        if (given && parse_u64(given, 1, TAGS_LIMIT, &limit) < 0)
                return error_set(&c->error, ERROR_INVALID_ARGUMENT, "--limit: not a number: \"%s\"", given);
        r = bus_new_call(c, &m, BUS_PATH, RUNTIME_INTERFACE, verb == FETCH_TAGS ? "ListTags" : "SearchImages",
                         "s", what);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0)
                r = sd_bus_message_append(m, "{sv}", "Limit", "u", (uint32_t) limit);
        if (r >= 0)
                r = work_append_fetch(c, m, what, verb);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r < 0)
                return failed(c, r);
        r = bus_send(c, m, call);
        return r < 0 ? r : bus_wait(c, call, ret);
}

static const char tags_format[] = "table {{.Name}}\t{{.Tag}}";
static const char search_format[] = "table {{.Name}}\t{{.Description}}";

int verb_tags(Ctl *c)
{
        _cleanup_json_ json_t *tags = NULL, *rows = json_array(), *documents = json_array();
        const char *what = without_scheme(c->args[0]);
        Listing l = {.usual = tags_format, .rows = rows, .documents = documents};
        _cleanup_call_ Call call = {};
        sd_bus_message *reply;
        const json_t *tag;
        size_t i;
        int r;

        r = ask(c, FETCH_TAGS, what, TAGS_LIMIT, &call, &reply);
        if (r >= 0)
                r = bus_read_json(c, reply, &tags);
        if (r < 0)
                return r;
        json_array_foreach(tags, i, tag)(void)
                json_array_append_new(rows, json_pack("{s:s, s:O}", "Name", what, "Tag", tag));
        (void) json_array_append_new(documents, json_pack("{s:s, s:O}", "Name", what, "Tags", tags));
        return output_list(c, &l);
}

#define DESCRIPTION_MAX 44U

/* podman's row of what was found: the description cut, a mark for what is official. */
static json_t *found_row(const Ctl *c, const json_t *found)
{
        const char *index = strempty(json_get_string(found, "Index"));
        const char *name = strempty(json_get_string(found, "Name"));
        const char *text = strempty(json_get_string(found, "Description"));
        size_t n = strlen(text), cut = DESCRIPTION_MAX;
        bool official = json_get_bool(found, "Official", false);

        if (ctl_has(c, FLAG_NO_TRUNC) || n <= cut)
                cut = n;
        while (cut < n && cut > 0 && ((unsigned char) text[cut] & 0xc0) == 0x80)
                cut--;
        return json_pack("{s:s, s:o, s:o, s:I, s:s, s:s}", "Index", index, "Name",
                         json_sprintf("%s/%s%s", index,
                                      streq(index, "docker.io") && !strchr(name, '/') ? "library/" : "",
                                      name),
                         "Description", json_sprintf("%.*s%s", (int) cut, text, cut < n ? "..." : ""),
                         "Stars", (json_int_t) json_get_i64(found, "Stars", 0), "Official",
                         official ? "[OK]" : "", "Automated", "");
}

int verb_search(Ctl *c)
{
        _cleanup_json_ json_t *found = NULL, *warnings = NULL, *rows = json_array();
        Listing l = {.usual = search_format, .rows = rows};
        _cleanup_call_ Call call = {};
        sd_bus_message *reply;
        const json_t *row;
        size_t i;
        int r;

        if (ctl_has(c, FLAG_LIST_TAGS))
                return verb_tags(c);
        r = ask(c, FETCH_SEARCH, without_scheme(c->args[0]), SEARCH_LIMIT, &call, &reply);
        if (r >= 0)
                r = bus_read_json(c, reply, &found);
        if (r >= 0)
                r = bus_read_json(c, reply, &warnings);
        if (r < 0)
                return r;
        work_print_warnings(warnings);
        json_array_foreach(found, i, row)(void) json_array_append_new(rows, found_row(c, row));
        return output_list(c, &l);
}
