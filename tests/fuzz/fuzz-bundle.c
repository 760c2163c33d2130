/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any bytes as an image archive: what is accepted has verified documents, and every layer that it names can
 * be opened and read to its end. */

#include <fcntl.h>
#include <sys/mman.h>

#include "base/fs.h"
#include "base/str.h"
#include "engine/transport.h"
#include "fuzz.h"
#include "spec/image-ref.h"

static void check_layer(Bundle *b, const TransportLayer *l)
{
        _cleanup_(stream_closep) Stream *in = NULL;
        const void *data;
        ssize_t n;

        MUST(!l->digest || digest_is_valid(l->digest));
        if (transport_open_layer(b, l, &in, NULL) < 0)
                return;
        do {
                n = stream_read(in, &data, NULL);
        } while (n > 0);
}

static void check_image(Bundle *b, const TransportImage *image)
{
        char digest[DIGEST_TEXT_SIZE];

        MUST(image->n_layers == strv_length(image->config->diff_ids));
        MUST(digest_of(image->config_text, image->config_size, digest) == 0);
        MUST(streq(image->config->id, digest + strlen("sha256:")));
        STRV_FOREACH(name, image->names) {
                _cleanup_free_ char *canonical = NULL;

                MUST(image_ref_normalize(*name, &canonical, NULL) == 0);
                MUST(streq(*name, canonical));
        }
        for (size_t i = 0; i < image->n_layers; i++)
                check_layer(b, &image->layers[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static int scratch = -EBADF;
        _cleanup_transport_images_ TransportImages images = {};
        _cleanup_(bundle_closep) Bundle *b = NULL;
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_close_ int fd = memfd_create("archive", MFD_CLOEXEC);
        int r;

        if (scratch < 0)
                scratch = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        MUST(fd >= 0 && scratch >= 0);
        MUST(fs_write_all(fd, data, size) == 0);
        MUST(lseek(fd, 0, SEEK_SET) == 0);
        r = bundle_open(fd, scratch, &b, &error);
        if (r >= 0)
                r = transport_read(b, NULL, &images, &error);
        if (r < 0) {
                MUST(error.kind != ERROR_NONE);
                return 0;
        }
        for (size_t i = 0; i < images.n; i++)
                check_image(b, &images.list[i]);
        return 0;
}
