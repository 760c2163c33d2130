/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* An image: what its worker wrote down about it, and the names that we gave it. */

#include "object/manager.h"
#include "spec/image-config.h"

struct Image {
        Manager *manager;
        ImageConfig *config;
        char **names;    /* normalised */
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

/* image-work.c */
int image_load_archive(Manager *m, int archive, char *const *names, const Promise *p, Error *error);
int image_remove(Image *i, const char *name, bool force, const Promise *p, Error *error);
/* What an interrupted load or removal has left: a worker clears it away. */
void images_sweep(Manager *m);
/* Without containers: those without names, or those that fit the filters when there are some. */
int images_prune(Manager *m, const json_t *filters, const Promise *p, Error *error);
