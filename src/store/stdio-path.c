/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <sys/stat.h>

#include "base/fs.h"
#include "spec/image-config.h"
#include "store/stdio-path.h"

#define TEXT_SIZE_MAX (64U * 1024)
#define TARGET_SIZE_MAX 32U

static bool is_top(const Node *n, const char *name)
{
        return n->parent && !n->parent->parent && streq(n->name, name);
}

static bool is_kernels(const Node *n)
{
        for (; n; n = n->parent)
                if (is_top(n, "dev") || is_top(n, "proc"))
                        return true;
        return false;
}

static bool is_configuration(const Node *n)
{
        bool found = strstr(n->name, "entrypoint");

        while ((n = n->parent) && n->parent) {
                if (streq(n->name, "init.d"))
                        return false;
                found = found || streq(n->name, "etc") || streq(n->name, "conf");
        }
        return found;
}

bool stdio_path_in(int dir, const Node *n, bool is_symlink)
{
        _cleanup_free_ char *text = NULL;
        char target[TARGET_SIZE_MAX];
        size_t size;

        if (is_symlink) {
                ssize_t length = readlinkat(dir, n->name, target, sizeof(target));

                return length >= 0 && image_names_stdio(target, (size_t) length) && !is_kernels(n);
        }
        return is_configuration(n) && fs_read_at(dir, n->name, TEXT_SIZE_MAX, &text, &size) >= 0 &&
               image_names_stdio(text, size);
}
