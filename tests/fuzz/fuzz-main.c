/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Runs a fuzz target over files and directories of seeds: each as it is, cut at every place, and with every
 * byte replaced by those that parsers care about. No random numbers: a failure comes again. */

#include <dirent.h>

#include "base/fs.h"
#include "fuzz.h"

#define SEED_MAX (16U * 1024 * 1024)
#define CHANGED_MAX 2048U

/* Runs on an exact copy, so that a sanitizer sees the first byte read beyond it. */
static void run(const char *data, size_t size)
{
        _cleanup_free_ uint8_t *copy = malloc(size > 0 ? size : 1);

        MUST(copy);
        memcpy(copy, data, size);
        MUST(LLVMFuzzerTestOneInput(copy, size) == 0);
}

static void run_changed(char *data, size_t size)
{
        static const char bytes[] = "\0\r\n\t \\\"'=[]{}:,;#%/.-+0aZ\x7f\x80\xc3\xff";

        for (size_t i = 0; i < size; i++) {
                char kept = data[i];

                run(data, i);
                for (size_t j = 0; j < sizeof(bytes) - 1; j++) {
                        data[i] = bytes[j];
                        run(data, size);
                }
                data[i] = kept;
        }
}

static int run_file(int dir, const char *name)
{
        _cleanup_free_ char *data = NULL;
        size_t size;
        int r;

        r = fs_read_at(dir, name, SEED_MAX, &data, &size);
        if (r < 0)
                return r;
        run(data, size);
        if (size <= CHANGED_MAX)
                run_changed(data, size);
        return 1;
}

static int run_directory(const char *path)
{
        struct dirent *entry;
        DIR *d = opendir(path);
        int r = 0, n = 0;

        if (!d)
                return -errno;
        while (r >= 0 && (entry = readdir(d)))
                if (entry->d_name[0] != '.') {
                        r = run_file(dirfd(d), entry->d_name);
                        n += r;
                }
        (void) closedir(d);
        return r < 0 ? r : n;
}

int main(int argc, char **argv)
{
        int n = 0;

        for (int i = 1; i < argc; i++) {
                int r = run_file(AT_FDCWD, argv[i]);

                if (r == -EISDIR)
                        r = run_directory(argv[i]);
                if (r < 0) {
                        (void) fprintf(stderr, "%s: %s\n", argv[i], strerror(-r));
                        return EXIT_FAILURE;
                }
                n += r;
        }
        (void) printf("%d seeds\n", n);
        return n > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
