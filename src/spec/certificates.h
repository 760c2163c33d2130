/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The certificates of registries, as containers-certs.d(5) lays them out: a directory HOST[:PORT] has
 * NAME.crt of authorities and NAME.cert with NAME.key of ourselves. */

#include "spec/fetch-order.h"

#define CERTIFICATE_SIZE_MAX (256U * 1024)
#define CERTIFICATES_SIZE_MAX (1U * 1024 * 1024)

/* Adds to e what the first directory DIR/HOST of the list has; none is fine. dirs NULL:
 * /etc/containers/certs.d, then /etc/docker/certs.d. */
int certificates_find(char *const *dirs, FetchEndpoint *e, Error *error);
/* The same from exactly this directory, which must exist. */
int certificates_load(const char *directory, FetchEndpoint *e, Error *error);
