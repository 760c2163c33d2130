/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* An image: what its worker wrote down about it, and the names that we gave it. */

#include "object/work.h"
#include "spec/image-config.h"

struct Image {
        Manager *manager;
        ImageConfig *config;
        char **names;    /* normalised */
        char **digests;  /* "registry/path@sha256:...": where registries have it */
        char **history;  /* names that it had, the last one first */
        json_t *unknown; /* members of names.json that we do not know */
        bool removing;
};

static inline const char *image_id(const Image *i)
{
        return i->config->id;
}

Image *image_free(Image *i);
DEFINE_CLEANUP(Image *, image_free)
int image_load(Manager *m, const char *id, Error *error);
/* What inotify on the directory says: appeared or gone. */
void image_look_again(Manager *m, const char *id);

/* By name (as given, normalised, or the only one that ends in it), ID, unique prefix of an ID. */
int manager_find_image(Manager *m, const char *name, Image **ret, Error *error);
/* How many containers use it. */
size_t image_users(const Image *i);
/* The first name or the ID. */
const char *image_name(const Image *i);

int image_tag(Image *i, const char *name, Error *error);
/* Whether it is one of its names, as given or made whole, and not (the beginning of) its ID. */
bool image_has_name(const Image *i, const char *name);
/* *ret, if not NULL, is the name as it was kept. */
int image_untag(Image *i, const char *name, char **ret, Error *error);
int image_inspect(Image *i, char **ret, Error *error);

/* What a worker calls an image: -ENOENT and ERROR_FAILED when it is not there. */
int image_of_worker(Manager *m, const char *id, Image **ret, Error *error);
/* "registry/path@digest" for each of digests (NULL-terminated; NULL elements are not allowed). */
int image_add_digests(Image *i, const char *repository, char *const *digests, Error *error);
/* All of them: those that were noted, and those that follow from names and the manifest's digest. */
int image_repo_digests(const Image *i, char ***ret);

/* image-load.c */
typedef struct ImageLoadOptions {
        char *const *names; /* further names for the first image */
        bool replace;       /* names of the archive move from images that have them */
        bool single;        /* an archive of several images is refused */
} ImageLoadOptions;
int image_load_archive(Manager *m, int archive, const ImageLoadOptions *options, const WorkClient *client,
                       Error *error);

typedef struct ImageImportOptions {
        char *const *names;
        char *const *changes; /* "CMD=/bin/sh": instructions of a Containerfile */
        const char *message;
        const char *os, *architecture, *variant;
} ImageImportOptions;
int image_import(Manager *m, int archive, const ImageImportOptions *options, const WorkClient *client,
                 Error *error);

/* image-remove.c */
int image_remove(Image *i, const char *name, bool force, const Promise *p, Error *error);
/* What an interrupted load or removal has left: a worker clears it away. */
void images_sweep(Manager *m);
/* Without containers: those without names, or those that fit the filters when there are some. */
int images_prune(Manager *m, const json_t *filters, const Promise *p, Error *error);
