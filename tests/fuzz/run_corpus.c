/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Runs a fuzz target once on every file of its corpus, as an ordinary test. Fails if the corpus is
 * missing or empty.
 */

#include "base/cleanup.h"
#include "base/fsutil.h"

#include <fcntl.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int argc, char **argv)
{
    _cleanup_(closedirp) DIR *corpus = argc == 2 ? opendir(argv[1]) : NULL;
    const struct dirent *entry;
    unsigned count = 0;

    if (!corpus) {
        fprintf(stderr, "usage: %s CORPUS\n", argv[0]);
        return 2;
    }
    while ((entry = readdir(corpus))) {
        _cleanup_(bytes_done) Bytes input = {0};
        Reason reason = {0};

        if (entry->d_name[0] == '.')
            continue;
        if (fchdir(dirfd(corpus)) < 0 ||
            file_read(entry->d_name, (size_t)64 << 20, &reason, &input) != 0) {
            fprintf(stderr, "%s\n", reason.text);
            return 1;
        }
        LLVMFuzzerTestOneInput(input.data, input.size);
        count++;
    }
    printf("%u inputs\n", count);
    return count > 0 ? 0 : 1;
}
