/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* GnuPG behind gpgme. Its home is a new directory, so that nobody's keys, settings or trust count but the
 * policy's; it may neither ask a server for anything nor start a daemon. A message is OpenPGP as "gpg --sign"
 * writes it: the payload and one signature around it. What comes out of it is bounded, because it may be
 * compressed. */

#include <gpgme.h>

#include "base/base64.h"
#include "base/fs.h"
#include "base/str.h"
#include "engine/signature-private.h"

#define GPG_CONF                                                                                             \
        "no-auto-key-retrieve\nno-auto-key-locate\nno-auto-check-trustdb\ndisable-dirmngr\nno-autostart\n"

struct KeyRing {
        char *home;
        gpgme_ctx_t context;
};

KeyRing *key_ring_free(KeyRing *k)
{
        if (!k)
                return NULL;
        if (k->context)
                gpgme_release(k->context);
        if (k->home)
                (void) fs_remove_tree_at(AT_FDCWD, k->home);
        free(k->home);
        free(k);
        return NULL;
}

static int failed(Error *error, const char *what, gpgme_error_t e)
{
        return error_set(error, ERROR_FAILED, "GnuPG: %s: %s", what, gpgme_strerror(e));
}

static int make_home(KeyRing *k, Error *error)
{
        const char *tmp = getenv("TMPDIR");
        _cleanup_close_ int dir = -EBADF;
        char *home = str_printf("%s/berth-gpg-XXXXXX", tmp && *tmp == '/' ? tmp : "/tmp");
        int r;

        if (!home)
                return -ENOMEM;
        if (!mkdtemp(home)) {
                r = error_set_errno(error, errno, "%s", home);
                free(home);
                return r;
        }
        k->home = home;
        dir = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        r = dir < 0 ? -errno : fs_replace_at(dir, "gpg.conf", GPG_CONF, strlen(GPG_CONF), 0600, FS_NO_SYNC);
        return r < 0 ? error_set_errno(error, r, "%s", home) : 0;
}

static int make_context(KeyRing *k, Error *error)
{
        gpgme_error_t e;

        if (!gpgme_check_version("1.13.0"))
                return error_set(error, ERROR_NOT_SUPPORTED, "this gpgme is too old");
        e = gpgme_engine_check_version(GPGME_PROTOCOL_OpenPGP);
        if (!e)
                e = gpgme_new(&k->context);
        if (!e)
                e = gpgme_ctx_set_engine_info(k->context, GPGME_PROTOCOL_OpenPGP, NULL, k->home);
        if (!e)
                e = gpgme_set_protocol(k->context, GPGME_PROTOCOL_OpenPGP);
        return e ? failed(error, "it cannot be used (is gpg installed?)", e) : 0;
}

static void releasep(gpgme_data_t *d)
{
        if (*d)
                gpgme_data_release(*d);
}

static int import(KeyRing *k, const char *key, Error *error)
{
        _cleanup_(releasep) gpgme_data_t data = NULL;
        _cleanup_free_ void *bytes = NULL;
        gpgme_import_result_t result;
        gpgme_error_t e;
        size_t size;

        if (base64_decode(key, &bytes, &size) < 0)
                return error_set(error, ERROR_REJECTED, "the policy's key is not Base64");
        e = gpgme_data_new_from_mem(&data, bytes, size, 0);
        if (!e)
                e = gpgme_op_import(k->context, data);
        if (e)
                return failed(error, "the policy's key cannot be read", e);
        result = gpgme_op_import_result(k->context);
        if (!result || result->considered <= 0 || result->no_user_id == result->considered)
                return error_set(error, ERROR_REJECTED, "the policy's key ring has no usable key");
        return 0;
}

int key_ring_new(char *const *keys, KeyRing **ret, Error *error)
{
        _cleanup_(key_ring_freep) KeyRing *k = calloc(1, sizeof(KeyRing));
        int r = k ? make_home(k, error) : -ENOMEM;

        if (r >= 0)
                r = make_context(k, error);
        for (; r >= 0 && *keys; keys++)
                r = import(k, *keys, error);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(k);
        return 0;
}

/* What comes out of a message. */
typedef struct Output {
        char data[SIGNATURE_SIZE_MAX];
        size_t n;
} Output;

static ssize_t write_output(void *handle, const void *data, size_t size)
{
        Output *o = handle;

        if (size > sizeof(o->data) - o->n) {
                gpgme_err_set_errno(EFBIG);
                return -1;
        }
        memcpy(o->data + o->n, data, size);
        o->n += size;
        return (ssize_t) size;
}

static bool hash_is_strong(gpgme_hash_algo_t hash)
{
        return hash == GPGME_MD_SHA256 || hash == GPGME_MD_SHA384 || hash == GPGME_MD_SHA512 ||
               hash == GPGME_MD_SHA224;
}

/* The status of a good signature by a key that expired or was revoked is an error, too. */
static int check_result(gpgme_verify_result_t result, Error *error)
{
        const struct _gpgme_signature *s = result ? result->signatures : NULL;

        if (!s)
                return error_set(error, ERROR_REJECTED, "it is not a signed message");
        if (s->next)
                return error_set(error, ERROR_REJECTED, "it is signed more than once");
        if (gpgme_err_code(s->status) == GPG_ERR_NO_PUBKEY)
                return error_set(error, ERROR_REJECTED, "it is signed by another key (%s)", strempty(s->fpr));
        if (gpgme_err_code(s->status) != GPG_ERR_NO_ERROR)
                return error_set(error, ERROR_REJECTED, "%s (%s)", gpgme_strerror(s->status),
                                 strempty(s->fpr));
        if (s->validity == GPGME_VALIDITY_NEVER || s->validity_reason != 0 || s->wrong_key_usage)
                return error_set(error, ERROR_REJECTED, "its key is not meant for that (%s)",
                                 strempty(s->fpr));
        if (!hash_is_strong(s->hash_algo))
                return error_set(error, ERROR_REJECTED, "its digest is too weak: %s",
                                 strempty(gpgme_hash_algo_name(s->hash_algo)));
        return 0;
}

static int verify(KeyRing *k, const void *message, size_t size, Output *output, Error *error)
{
        struct gpgme_data_cbs callbacks = {.write = write_output};
        _cleanup_(releasep) gpgme_data_t in = NULL, out = NULL;
        gpgme_error_t e;

        e = gpgme_data_new_from_mem(&in, message, size, 0);
        if (!e)
                e = gpgme_data_new_from_cbs(&out, &callbacks, output);
        if (e)
                return failed(error, "a signature", e);
        e = gpgme_op_verify(k->context, in, NULL, out);
        if (e)
                return error_set(error, ERROR_REJECTED, "it is no signature: %s", gpgme_strerror(e));
        return check_result(gpgme_op_verify_result(k->context), error);
}

int key_ring_verify(KeyRing *k, const void *message, size_t size, char **ret_payload, size_t *ret_size,
                    Error *error)
{
        static const char clear_text[] = "-----BEGIN PGP SIGNED MESSAGE-----";
        _cleanup_free_ Output *output = calloc(1, sizeof(Output));
        int r;

        /* What is signed and what stands around it have been mistaken for each other too often in that form.
         */
        if (memmem(message, size, clear_text, strlen(clear_text)))
                return error_set(error, ERROR_REJECTED, "it is clear text with a signature");
        r = output ? verify(k, message, size, output, error) : -ENOMEM;

        if (r < 0)
                return r;
        *ret_payload = malloc(output->n + 1);
        if (!*ret_payload)
                return -ENOMEM;
        memcpy(*ret_payload, output->data, output->n);
        (*ret_payload)[output->n] = '\0';
        *ret_size = output->n;
        return 0;
}
