/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* import: the archive of a root becomes an image of one layer. It is unpacked into a file first: what the
 * layer is called, and with it the image, only its end says. From there on it is an image like any other,
 * checked like one. */

#include "base/parse.h"
#include "base/str.h"
#include "prog/pull.h"
#include "spec/image-build.h"

#define LAYER "root"

typedef struct Import {
        Pull *pull;
        char **changes;
        const char *message;
        const char *author;
        Platform platform;
        Bundle *bundle;
        TransportImages images;
} Import;

static void import_done(Import *i)
{
        strv_free(i->changes);
        platform_done(&i->platform);
        bundle_close(i->bundle);
        transport_images_done(&i->images);
}

static int read_platform(Import *i, const char *text)
{
        int r;

        platform_done(&i->platform);
        r = platform_parse(text, &i->platform);
        return r == -EINVAL
                       ? error_set(&i->pull->error, ERROR_INVALID_ARGUMENT, "\"%s\" is not a platform", text)
                       : r;
}

static int read_argument(Import *i, const char *argument)
{
        const char *value;

        if ((value = startswith(argument, "--change=")))
                return strv_append(&i->changes, value);
        if ((value = startswith(argument, "--platform=")))
                return read_platform(i, value);
        if ((value = startswith(argument, "--message=")))
                i->message = value;
        else if ((value = startswith(argument, "--author=")))
                i->author = value;
        else
                return error_set(&i->pull->error, ERROR_INVALID_ARGUMENT, "import has no argument \"%s\"",
                                 argument);
        return 0;
}

static int read_arguments(Import *i, char **arguments)
{
        int r = 0;

        STRV_FOREACH(a, arguments)
                if (r >= 0)
                        r = read_argument(i, *a);
        return r < 0 || i->platform.os ? r : platform_host(&i->platform);
}

static int add_config(Import *i, TransportImage *image, const char *diff_id)
{
        const ImageBuild build = {
                .platform = &i->platform,
                .diff_id = diff_id,
                .created_usec = now_realtime(),
                .author = i->author,
                .comment = i->message,
                .changes = i->changes,
        };
        _cleanup_json_ json_t *document = NULL;
        char *text;
        int r = image_build(&build, &document, &i->pull->error);

        if (r < 0)
                return r;
        text = json_text(document);
        return text ? transport_take_config(image, text, strlen(text), NULL, &i->pull->error) : -ENOMEM;
}

static int add_layer(TransportImage *image, uint64_t size)
{
        image->layers = calloc(1, sizeof(*image->layers));
        if (!image->layers)
                return -ENOMEM;
        image->n_layers = 1;
        image->layers->size = size;
        return str_replace(&image->layers->member, LAYER);
}

static int import(Import *i)
{
        char diff_id[DIGEST_TEXT_SIZE];
        TransportImage *image;
        uint64_t size;
        int r = bundle_open_root(STDIN_FILENO, i->pull->images, LAYER, &i->bundle, &size, diff_id,
                                 &i->pull->error);

        if (r >= 0)
                r = transport_images_add(&i->images, &image, &i->pull->error);
        if (r >= 0)
                r = add_config(i, image, diff_id);
        if (r >= 0)
                r = add_layer(image, size);
        return r < 0 ? r : pull_add_images(i->pull, TAKE_PTR(i->bundle), &i->images);
}

int pull_import(Pull *pull, char **arguments)
{
        _cleanup_(import_done) Import i = {.pull = pull};
        int r;

        progress_begin(&pull->progress, STDOUT_FILENO, "import");
        r = read_arguments(&i, arguments);
        return r < 0 ? r : import(&i);
}
