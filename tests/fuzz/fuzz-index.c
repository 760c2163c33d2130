/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any bytes as an index: its entries are images with digests, some platform or none can be chosen, and it
 * reads as nothing else. */

#include "fuzz.h"
#include "base/str.h"
#include "spec/image-config.h"
#include "spec/image-ref.h"
#include "spec/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_manifest_ Manifest m = {}, manifest = {};
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_platform_ Platform host = {};
        const char *text = (const char *) data;
        size_t chosen = SIZE_MAX;

        if (manifest_parse(text, size, "fuzz", media_type_to_string(MEDIA_INDEX, MEDIA_OCI, CODING_NONE), &m,
                           &error) < 0) {
                MUST(error.kind != ERROR_NONE);
                MUST(!m.document && !m.list);
                return 0;
        }
        MUST(m.type == MEDIA_INDEX && m.n <= INDEX_ENTRIES_MAX);
        for (size_t i = 0; i < m.n; i++)
                MUST(m.list[i].type >= 0 && digest_is_valid(m.list[i].digest));
        MUST(platform_host(&host) == 0);
        if (manifest_choose(&m, "fuzz", &host, &chosen, &error) >= 0)
                MUST(chosen < m.n);
        MUST(manifest_parse(text, size, "fuzz", media_type_to_string(MEDIA_MANIFEST, MEDIA_OCI, CODING_NONE),
                            &manifest, NULL) < 0);
        return 0;
}
