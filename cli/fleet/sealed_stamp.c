/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How sealed files look, so that not all have to be read each time: as git does it, but with the
 * time of the last change of the inode, too, which nobody can set back.
 */

#include "base/fsutil.h"
#include "fleet/sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

/* Two changes of a file that are closer to each other may have the same time. Some file systems
 * count in two seconds. */
#define STAMP_SETTLES_USEC (3 * USEC_PER_SEC)
#define PATH_BYTES         (sizeof(SEALED_DIRECTORY) + LIMIT_FLEET_HOST_BYTES + 2)

/* Adds how the file NAME looks. RET_CHANGED becomes the time of its last change if that is later.
 */
static bool add_stamp(int folder, const char *name, Writer *writer, uint64_t *ret_changed)
{
    struct stat status;
    uint64_t changed;

    if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return false;
    changed = timespec_to_usec(status.st_ctim);
    if (changed > *ret_changed)
        *ret_changed = changed;
    writer_text(writer, name);
    writer_bytes(writer, (BytesView){(const uint8_t *)"", 1});
    for (size_t i = 0; i < 8; i++) {
        uint64_t number = (const uint64_t[]){status.st_dev,
                                             status.st_ino,
                                             (uint64_t)status.st_size,
                                             status.st_mode,
                                             (uint64_t)status.st_mtim.tv_sec,
                                             (uint64_t)status.st_mtim.tv_nsec,
                                             (uint64_t)status.st_ctim.tv_sec,
                                             (uint64_t)status.st_ctim.tv_nsec}[i];

        writer_bytes(writer, (BytesView){(const uint8_t *)&number, sizeof(number)});
    }
    return true;
}

int sealed_stamp(const SealedSurvey *survey, const RepositoryHost *host, SealedStamp *ret)
{
    _cleanup_(closep) int folder = -1;
    _cleanup_(closedirp) DIR *directory = NULL;
    _cleanup_(writer_done) Writer writer = {0};
    _cleanup_(bytes_done) Bytes inputs = {0};
    char path[PATH_BYTES];
    const char *name = NULL;
    uint64_t changed = 0;
    bool complete;
    int r = sealed_inputs(survey, host, &inputs);

    if (r != 0)
        return r;
    writer_bytes(&writer, bytes_view(&inputs));
    snprintf(path, sizeof(path), SEALED_DIRECTORY "/%s", host->name);
    folder = repository_directory(survey->repository, path);
    complete = folder >= 0 && directory_list(folder, path, NULL, &directory) == 0;
    while (complete && (complete = directory_next(directory, path, NULL, &name) == 0) && name)
        if (name[0] != '.')
            complete = add_stamp(folder, name, &writer, &changed);
    if (writer.failed)
        return -ENOMEM;
    ret->settled = complete && changed + STAMP_SETTLES_USEC < survey->now;
    ret->digest = merkle_leaf(bytes_view(&writer.bytes));
    return 0;
}
