/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "verb/policy_files.h"

#include "base/array.h"
#include "base/fsutil.h"
#include "base/names.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

#define FILE_MODE   ((mode_t)0644)
#define FOLDER_MODE ((mode_t)0755)

/* Adds FOLDER/FILE for each FILE in FOLDER that ends with SUFFIX; only that of MACHINE, unless it
 * is NULL. A directory that does not exist has none. */
static int list_files(const char *folder, const char *machine, const char *suffix, Reason *reason,
                      char ***names, size_t *count)
{
    _cleanup_(closedirp) DIR *directory = opendir(folder);
    size_t first = *count;
    const char *file;
    int r = 0;

    if (!directory)
        return errno == ENOENT ? 0
                               : reason_set(reason, -errno, "cannot list the directory %s", folder);
    while ((r = directory_next(directory, folder, reason, &file)) == 0 && file) {
        size_t length = strlen(file) - strlen(suffix);
        char path[PATH_MAX];

        if (file[0] == '.' || !has_suffix(file, suffix) ||
            (machine && (strlen(machine) != length || strncmp(file, machine, length) != 0)))
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, file);
        if (!strings_add(names, count, path))
            return -ENOMEM;
    }
    if (*count > first)
        strings_sort(*names + first, *count - first);
    return r;
}

int policy_files_list(const char *machine, Reason *reason, char ***ret)
{
    _cleanup_(strings_freep) char **files = calloc(1, sizeof(*files)), **folders = NULL;
    size_t count = 0, folder_count = 0;
    int r = files ? 0 : -ENOMEM;

    if (r == 0)
        r = list_files(POLICY_FOLDER, machine, ".json", reason, &files, &count);
    if (r == 0)
        r = list_files(POLICY_FOLDER, machine, ".json.d", reason, &folders, &folder_count);
    for (size_t i = 0; r == 0 && i < folder_count; i++)
        r = list_files(folders[i], NULL, ".json", reason, &files, &count);
    if (r == 0)
        *ret = TAKE_PTR(files);
    return r;
}

int policy_files_add(const char *path, BytesView content, Reason *reason)
{
    const char *name;
    _cleanup_(freep) char *folder = file_parent(path, &name);

    if (!folder)
        return -ENOMEM;
    if ((mkdir(POLICY_FOLDER, FOLDER_MODE) < 0 && errno != EEXIST) ||
        (mkdir(folder, FOLDER_MODE) < 0 && errno != EEXIST))
        return reason_set(reason, -errno, "cannot create %s", folder);
    return file_write(path, content, FILE_MODE, false, reason);
}
