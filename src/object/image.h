/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* An image: what its worker wrote down about it, and the names that we gave it. */

#include "object/fetch.h"
#include "object/work.h"
#include "spec/image-config.h"
#include "spec/spec.h"

struct Image {
        Manager *manager;
        ImageConfig *config;
        char **names;    /* normalised */
        char **digests;  /* "registry/path@sha256:...": where registries have it */
        char **history;  /* names that it had, the last one first */
        json_t *unknown; /* members of names.json that we do not know */
        bool removing;
        unsigned held; /* workers that read it */
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
/* A normalised name, which may be by digest. */
int image_give_name(Image *i, const char *normal, Error *error);
/* Whether it is one of its names, as given or made whole, and not (the beginning of) its ID. */
bool image_has_name(const Image *i, const char *name);
/* *ret, if not NULL, is the name as it was kept. */
int image_untag(Image *i, const char *name, char **ret, Error *error);
/* The name in names that is meant by what a user said; NULL: none, as for an ID. */
int image_known_as(const Image *i, const char *given, char **ret);
/* Why it cannot be removed now. */
int image_refuse_busy(const Image *i, Error *error);
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
/* Adds the limits of berth.conf to the arguments of a worker that loads. */
int image_limits(char ***arguments, Error *error);
/* Whether the policy for images accepts what is open, or a root in a tar: ERROR_REJECTED. What is still to be
 * refused is added to the arguments of the worker. */
int image_policy_for_archive(int fd, char ***arguments, Error *error);
int image_policy_for_import(Error *error);
int image_load_archive(Manager *m, int archive, const ImageLoadOptions *options, const WorkClient *client,
                       Error *error);

typedef struct ImageImportOptions {
        char *const *names;
        char *const *changes; /* "CMD=/bin/sh": instructions of a Containerfile */
        const char *message;
        const char *platform; /* NULL: this machine's */
} ImageImportOptions;
int image_import(Manager *m, int archive, const ImageImportOptions *options, const WorkClient *client,
                 Error *error);

/* image-remove.c */
int image_remove(Image *i, const char *name, bool force, const Promise *p, Error *error);
/* One that is not an object, because it cannot be read: by its ID. */
int image_remove_damaged(Manager *m, const char *id, const Promise *p, Error *error);
/* What an interrupted load or removal has left: a worker clears it away. */
void images_sweep(Manager *m);
/* Without containers: those without names, or those that fit the filters when there are some. */
int images_prune(Manager *m, const json_t *filters, const Promise *p, Error *error);

/* image-save.c */
typedef struct ImageSaveOptions {
        char *const *names;
        const char *format;   /* NULL: docker-archive */
        const char *compress; /* NULL: as the format has it */
} ImageSaveOptions;
/* output: a file or pipe, or a directory for the formats that are one. */
int images_save(Manager *m, int output, const ImageSaveOptions *options, const WorkClient *client,
                Error *error);
/* What is in one and not in the other; from empty: the last layer of to. */
int images_diff(Manager *m, const char *from, const char *to, const WorkClient *client, Error *error);
/* Kept from being removed: held gets the ID, and images_release() frees the list. */
int image_hold(Image *i, char ***held);
void images_release(Manager *m, char **held);

/* image-mount.c */
#define IMAGE_MOUNT_DIR BERTH_RUNTIME_DIR "/image"
/* The result's id is the path. */
int image_mount(Image *i, const Promise *p, Error *error);
int image_unmount(Image *i, const Promise *p, Error *error);
bool image_is_mounted(const Image *i);
char *image_mount_point(const Image *i);

/* image-pull.c */

typedef struct ImagePullOptions {
        PullPolicy policy;
        const char *platform; /* "linux/arm64/v8"; NULL: this machine's */
        FetchOptions fetch;
        bool all_tags;
        bool distrust; /* the store: bring all layers again */
} ImagePullOptions;
int image_pull(Manager *m, const char *reference, const ImagePullOptions *options, const WorkClient *client,
               Error *error);

/* image-push.c */
typedef struct ImagePushOptions {
        FetchOptions fetch;
        const char *format;   /* "oci", "v2s2"; NULL: oci */
        const char *compress; /* "gzip", "zstd"; NULL: gzip */
} ImagePushOptions;
int image_push(Image *i, const char *destination, const ImagePushOptions *options, const WorkClient *client,
               Error *error);

/* image-search.c: value is an array of strings, or of objects. */
int images_tags(Manager *m, const char *repository, const FetchOptions *options, uint64_t limit,
                const WorkClient *client, Error *error);
int images_search(Manager *m, const char *term, const FetchOptions *options, uint64_t limit,
                  const WorkClient *client, Error *error);

/* Whether the credentials are good there. */
int registry_check(Manager *m, const char *registry, const FetchOptions *options, const WorkClient *client,
                   Error *error);

/* image-check.c: ids are the damaged images, names those that were repaired, warnings what is wrong. */
int images_check(Manager *m, bool repair, const WorkClient *client, Error *error);

/* image-layer.c: arrays of objects; NULL: out of memory. */
json_t *image_history(const Image *i); /* the newest first */
json_t *image_tree(const Image *i);    /* the lowest layer first */
