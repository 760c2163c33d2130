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
#define IMAGE_DIR_ROOTFS "rootfs"

bool image_dir_exists(int images, const char *id);
/* Makes a hidden directory for the image. Its descriptor is returned. */
int image_dir_begin(int images, const char *id, char **ret_name, Error *error);
/* Makes the tree in dir/rootfs of links to the store's objects. What is seen on the way is put into config:
 * the size of all files, and whether something opens its output by path. */
int image_dir_checkout(int dir, ImageStore *store, Tree *tree, ImageConfig *config, Error *error);
/* Gives the directory its name. One that has it already stays: the image is the same. */
int image_dir_publish(int images, const char *name, const char *id, Error *error);

/* Hidden directories of either kind. */
int image_dir_leftovers(int images, char ***ret, Error *error);
int image_dir_remove(int images, const char *name, Error *error);
/* The diff IDs of all layers that images need. */
int image_dir_layers(int images, char ***ret, Error *error);
