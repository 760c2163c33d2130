/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* containers-registries.d(5): where the signatures of images lie. */

#include "spec/error.h"
#include "spec/image-ref.h"

#define LOOKASIDE_DIR "/etc/containers/registries.d"

/* By *.yaml of the directory (NULL: LOOKASIDE_DIR): the URL of ref's signatures without
 * "@sha256=HEX/signature-N", NULL when there is none; and whether the registry keeps sigstore signatures
 * beside the image. */
int lookaside_find(const char *directory, const ImageRef *ref, char **ret_url, bool *ret_attachments,
                   Error *error);
