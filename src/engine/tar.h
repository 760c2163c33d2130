/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Reading tar with libarchive. Its names go through the locale's character set; programs that read layers
 * never call setlocale(), for in the "C" locale a name that is not ASCII fails to convert and is handed out
 * byte for byte, with a warning. In a UTF-8 locale libarchive would normalise it to another name (form C)
 * without a word. */

#include <archive.h>
#include <archive_entry.h>

#include "base/macro.h"

/* Is what archive_read_next_header() returned an entry that can be relied on? A warning of any other kind
 * than the one above (EILSEQ) means that libarchive has left out something it did not understand. */
static inline bool tar_header_is_readable(struct archive *a, int r)
{
        return r == ARCHIVE_OK || (r == ARCHIVE_WARN && archive_errno(a) == EILSEQ);
}
