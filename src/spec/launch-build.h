/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* From the wish to the order: a Spec, completed by what the image says about itself, becomes the Launch that
 * the executor performs. All defaults of a container that are not a setting's stand here. */

#include "spec/image-config.h"
#include "spec/launch.h"
#include "spec/spec.h"

typedef struct LaunchContext {
        const char *id;
        const char *name;
        const char *unit;
        const char *image_name;
        const char *directory;    /* the container's: upper, work, hosts, hostname, resolv.conf lie in it */
        const char *image_root;   /* the image's tree */
        const LaunchIdMaps *maps; /* of its user namespace; NULL: it has the host's */
} LaunchContext;

/* ERROR_INVALID_ARGUMENT: neither the spec nor the image has a command, and the like. */
int launch_build(const Spec *s, const ImageConfig *image, const LaunchContext *c, Launch **ret, Error *error);

/* Settings that the image decides when the spec does not (stop signal, whether systemd is its first process),
 * filled in before the unit is described. */
int spec_complete(Spec *s, const ImageConfig *image, Error *error);

/* A process for `exec` in a container that was launched by l: its environment, user and privileges, the
 * command of s. */
int launch_build_exec(const Spec *s, const Launch *l, LaunchProcess *ret, Error *error);
