/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "store/key_file.h"

#include "base/fsutil.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

_Static_assert(sizeof(((SecretTemporary *)NULL)->bytes) == KEY_FILE_BYTES, "the size of a key");

int key_file_read(const char *path, size_t size, Reason *reason, Secret **ret)
{
    _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    int r;

    if (fd < 0)
        return reason_set(reason, -errno, "cannot open %s", path);
    r = secret_read_fd(fd, size, reason, ret);
    if (r == 0 && secret_size(*ret) != size) {
        *ret = secret_free(*ret);
        r = OUTCOME_TOO_LARGE;
    }
    return r <= 0 ? r
                  : reason_set(reason, OUTCOME_MALFORMED, "%s does not have %zu bytes", path, size);
}

int key_file_make(const Context *context, const char *path, gid_t group, Reason *reason)
{
    char folder[PATH_MAX], temporary[FILE_TEMPORARY_BYTES], *name;
    _cleanup_(closep) int directory = -1;
    _cleanup_(secret_temporary_done) SecretTemporary key;
    int r;

    memset(&key, 0, sizeof(key));
    snprintf(folder, sizeof(folder), "%s", path);
    name = strrchr(folder, '/');
    *name++ = '\0';
    r = store_directory_open(folder, reason, &directory);
    if (r != 0)
        return r;
    file_temporary_name(temporary);
    context->random(context, key.bytes, sizeof(key.bytes));
    r = file_create_at(directory, temporary, (BytesView){key.bytes, sizeof(key.bytes)},
                       (FileOwnership){0640, group}, reason);
    if (r != 0)
        return r;
    if ((linkat(directory, temporary, directory, name, 0) < 0 && errno != EEXIST) ||
        unlinkat(directory, temporary, 0) < 0 || fsync(directory) < 0)
        r = reason_set(reason, -errno, "cannot write to %s", folder);
    return r;
}
