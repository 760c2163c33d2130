/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* An order holds passwords: it goes through sealed memory that has no name, and is wiped here. */

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/str.h"
#include "object/fetch.h"
#include "spec/conf.h"
#include "spec/fetch-plan.h"

#define RANDOM_LENGTH 8
#define REMOVED ".rm"

void fetch_options_done(FetchOptions *o)
{
        json_decref(o->credentials);
        json_decref(o->certificates);
        o->credentials = o->certificates = NULL;
}

int fetch_options_copy(const FetchOptions *from, FetchOptions *to)
{
        *to = *from;
        to->credentials = json_deep_copy(from->credentials);
        to->certificates = json_deep_copy(from->certificates);
        if ((from->credentials && !to->credentials) || (from->certificates && !to->certificates))
                return -ENOMEM;
        return 0;
}

int fetch_order_new(FetchVerb verb, const char *reference, const FetchOptions *options, FetchOrder **ret,
                    Error *error)
{
        FetchPlanRequest request = {
                .verb = verb,
                .reference = reference,
                .credentials = options->credentials,
                .certificates = options->certificates,
                .tls_verify = options->tls_verify,
        };
        FetchOrder *o;
        int r;

        r = fetch_plan(&request, &o, error);
        if (r < 0)
                return r;
        if (options->has_retry) {
                o->no_retry = options->retry == 0;
                o->retry = options->retry;
        }
        if (options->retry_delay > 0)
                o->retry_delay = options->retry_delay;
        *ret = o;
        return 0;
}

int fetch_registries(Registries **ret, Error *error)
{
        _cleanup_conf_ Conf conf = {};
        int r;

        r = conf_load(NULL, &conf, error);
        return r < 0 ? r : registries_load(conf.registries_conf, ret, error);
}

static int write_order(const FetchOrder *order, int *ret)
{
        _cleanup_close_ int fd = memfd_create("berth-order", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        _cleanup_json_ json_t *v = fetch_order_to_json(order);
        char *text = v ? json_text(v) : NULL;
        int r = fd < 0 ? -errno : text ? fs_write_all(fd, text, strlen(text)) : -ENOMEM;

        secret_free(text);
        if (r < 0)
                return r;
        if (lseek(fd, 0, SEEK_SET) < 0 ||
            fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
                return -errno;
        *ret = TAKE_FD(fd);
        return 0;
}

/* FNV-1a of 128 bits: it only has to be the same tomorrow. Two names that share a directory would do no harm,
 * because what lies there is found by its digest. */
char *fetch_key(const char *what)
{
        const unsigned __int128 prime = (unsigned __int128) 1 << 88 | 0x13b;
        unsigned __int128 h = (unsigned __int128) 0x6c62272e07bb0142 << 64 | 0x62b821756295c58d;

        for (const char *p = what; *p; p++)
                h = (h ^ (unsigned char) *p) * prime;
        return str_printf("%016llx%016llx", (unsigned long long) (h >> 64), (unsigned long long) h);
}

void fetch_step(Work *w, FetchVerb verb, const FetchOrder *order, const char *directory)
{
        char *arguments[] = {(char *) fetch_verb_to_string(verb), NULL};
        WorkStep step = {.program = WORKER_FETCH,
                         .description = "Berth: talk to a registry",
                         .directory = directory,
                         .arguments = arguments,
                         .input = -EBADF};
        _cleanup_free_ char *unit = NULL;
        char id[2 * RANDOM_LENGTH + 1];
        int r;

        r = directory ? 0 : random_hex(RANDOM_LENGTH, id);
        if (r >= 0)
                unit = str_printf("berth_fetch-%s.service", directory ?: id);
        if (r >= 0)
                r = unit ? write_order(order, &step.input) : -ENOMEM;
        step.unit = unit;
        if (r < 0)
                work_fail(w, r, NULL, "Cannot talk to the registry");
        else
                work_step(w, &step, "Cannot talk to the registry");
}

int fetch_directory_open(const char *key, bool make, Error *error)
{
        _cleanup_free_ char *path = str_printf(FETCH_PRIVATE_DIR "/%s", key);
        int fd;

        if (!path)
                return -ENOMEM;
        if (make && (fs_mkdir_p(FETCH_PRIVATE_DIR, 0755) < 0 || (mkdir(path, 0700) < 0 && errno != EEXIST)))
                return error_set_errno(error, errno, "Cannot make a directory in " FETCH_PRIVATE_DIR);
        fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return fd < 0 ? error_set_errno(error, errno, "Cannot open %s", path) : fd;
}

/* Removing */

static void operation_free_removal(Operation *o)
{
        free(o->data);
}

static const OperationClass removal_class = {.free = operation_free_removal};

static int remove_directory(void *userdata, Error *error)
{
        const Operation *o = userdata;
        _cleanup_close_ int fd = open(FETCH_PRIVATE_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        return fd < 0 ? -errno : fs_remove_tree_at(fd, o->data);
}

static void on_directory_removed(int r, const Error *error, void *userdata)
{
        if (r < 0)
                log_debug("A directory below " FETCH_PRIVATE_DIR " stays until systemd-tmpfiles takes it");
        operation_complete(userdata, 0, NULL, NULL);
}

void fetch_directory_remove(Manager *m, const char *key)
{
        _cleanup_free_ char *from = str_printf(FETCH_PRIVATE_DIR "/%s", key), *name = NULL, *to = NULL;
        _cleanup_free_ char *link = str_printf(FETCH_DIR "/%s", key);
        char id[2 * RANDOM_LENGTH + 1];
        Promise nobody = {};
        Operation *o;

        if (random_hex(RANDOM_LENGTH, id) >= 0)
                name = str_printf(".%s" REMOVED, id);
        to = name ? str_printf(FETCH_PRIVATE_DIR "/%s", name) : NULL;
        if (!from || !link || !to || rename(from, to) < 0)
                return;
        (void) unlink(link);
        if (operation_new(m, OPERATION_IMAGE, &removal_class, NULL, &nobody, &o, NULL) < 0)
                return;
        o->data = TAKE_PTR(name);
        if (task_start(m->event, &o->task, remove_directory, on_directory_removed, o) < 0)
                operation_complete(o, 0, NULL, NULL);
}
