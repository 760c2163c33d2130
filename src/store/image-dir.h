/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* images/ID: what the rest of Berth sees of an image. The directory is made under a hidden name and appears
 * by one rename; it goes by a rename to ".ID.rm", which the daemon does. Hidden names are therefore
 * leftovers, or work in progress of somebody who holds the image store's lock. */

#include "spec/image-config.h"
#include "store/image-store.h"

#define IMAGE_DIR_RECORD "image.json"
#define IMAGE_DIR_CONFIG "config.json"
#define IMAGE_DIR_MANIFEST "manifest.json"
#define IMAGE_DIR_NAMES "names.json" /* the daemon's */
#define IMAGE_DIR_ROOTFS "rootfs"
#define IMAGE_DIR_CHECKSUM "image.json.sha256" /* of image.json, which nothing else vouches for */

bool image_dir_exists(int images, const char *id);
/* Makes a hidden directory for the image. Its descriptor is returned. */
int image_dir_begin(int images, const char *id, char **ret_name, Error *error);
/* Makes the tree in dir/rootfs of links to the store's objects. What is seen on the way is put into config:
 * the size of all files, and whether something opens its output by path. */
int image_dir_checkout(int dir, ImageStore *store, Tree *tree, ImageConfig *config, Error *error);
typedef struct TreeCheck {
        bool repair;
        int (*found)(void *userdata, const char *problem, bool repaired);
        void *userdata;
} TreeCheck;

/* dir/rootfs against the tree that it should be; config gets the same as from image_dir_checkout(). */
int image_dir_compare(int dir, ImageStore *store, Tree *tree, const TreeCheck *what, ImageConfig *config,
                      Error *error);
/* Owner, mode, attributes and time of a directory of the tree, no others. */
int image_dir_set_attributes(int fd, const Attributes *a);

/* Gives the directory its name. One that has it already stays: the image is the same. */
int image_dir_publish(int images, const char *name, const char *id, Error *error);

/* Hidden directories of either kind. */
int image_dir_leftovers(int images, char ***ret, Error *error);
int image_dir_remove(int images, const char *name, Error *error);
int image_dir_list(int images, char ***ret, Error *error);
/* Writes image.json and its checksum. */
int image_dir_write_record(int dir, const ImageConfig *config, Error *error);
/* What image.json should be for the documents beside it; those that the worker fills in stay empty. */
int image_dir_read_config(int dir, const char *id, ImageConfig **ret, Error *error);
/* Whether the checksum is that of image.json; images of Berth 0.1 have none. */
bool image_dir_record_is_intact(int dir);
/* Whether manifest.json has this digest; an image without one is intact. */
bool image_dir_manifest_is_intact(int dir, const char *digest);
/* image.json, as it is. */
int image_dir_read(int dir, const char *id, ImageConfig **ret, Error *error);
/* The diff IDs of all layers that images need. */
int image_dir_layers(int images, char ***ret, Error *error);
