/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any bytes as a manifest: layers and configuration of one that is accepted have digests and sizes, and read
 * as nothing else. */

#include "fuzz.h"
#include "base/str.h"
#include "spec/image-config.h"
#include "spec/image-ref.h"
#include "spec/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_manifest_ Manifest m = {}, index = {};
        _cleanup_error_ Error error = ERROR_INIT;
        const char *text = (const char *) data;

        if (manifest_parse(text, size, "fuzz", media_type_to_string(MEDIA_MANIFEST, MEDIA_OCI, CODING_NONE),
                           &m, &error) < 0) {
                MUST(error.kind != ERROR_NONE);
                MUST(!m.document && !m.list);
                return 0;
        }
        MUST(m.type == MEDIA_MANIFEST);
        MUST(m.config.type == MEDIA_CONFIG && digest_is_valid(m.config.digest));
        MUST(m.n <= IMAGE_LAYERS_MAX);
        for (size_t i = 0; i < m.n; i++)
                MUST(m.list[i].type == MEDIA_LAYER && digest_is_valid(m.list[i].digest));
        MUST(manifest_parse(text, size, "fuzz", media_type_to_string(MEDIA_INDEX, MEDIA_OCI, CODING_NONE),
                            &index, NULL) < 0);
        return 0;
}
