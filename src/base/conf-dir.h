/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Directories of configuration files, of which those with a certain suffix are read in the order of their
 * names. */

#include "base/macro.h"

#define CONF_DIR_FILES_MAX 1024U

/* The names (without the directory) of what ends in suffix, sorted by bytes. A directory that is missing has
 * none. -E2BIG: more than CONF_DIR_FILES_MAX. */
int conf_dir_list(const char *path, const char *suffix, char ***ret);
