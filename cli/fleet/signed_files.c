/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fleet/signed_files.h"

#include "base/fsutil.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

static const char *const parents[] = {SEALED_DIRECTORY, SIGNED_DIRECTORY};

int signed_files_find(const Repository *repository, const char *host, const MerkleHash *leaf,
                      Reason *reason, const char **ret_parent, Bytes *ret_manifest)
{
    for (size_t i = 0; i < sizeof(parents) / sizeof(parents[0]); i++) {
        _cleanup_(bytes_done) Bytes manifest = {0};
        MerkleHash found;
        int r = sealed_read(repository, parents[i], host, SEALED_MANIFEST, LIMIT_MANIFEST_BYTES,
                            reason, &manifest);

        if (r == -ENOENT)
            continue;
        if (r != 0)
            return r;
        found = merkle_leaf(bytes_view(&manifest));
        if (!merkle_equal(&found, leaf))
            continue;
        *ret_parent = parents[i];
        if (ret_manifest)
            *ret_manifest = TAKE(manifest);
        return 0;
    }
    return reason_set(reason, OUTCOME_UNSIGNED,
                      "the signed files of %s are neither in " SEALED_DIRECTORY
                      "/%s nor in " SIGNED_DIRECTORY "/%s",
                      host, host, host);
}

/* Opens both directories; SIGNED_DIRECTORY is made if missing. */
static int open_parents(const Repository *repository, Reason *reason, int *ret_sealed,
                        int *ret_signed)
{
    _cleanup_(closep) int sealed = repository_directory(repository, SEALED_DIRECTORY), kept = -1;

    if (mkdirat(repository->fd, SIGNED_DIRECTORY, 0777) < 0 && errno != EEXIST)
        return reason_set(reason, -errno, "cannot make the directory " SIGNED_DIRECTORY);
    kept = repository_directory(repository, SIGNED_DIRECTORY);
    if (sealed < 0 || kept < 0)
        return reason_set(reason, sealed < 0 ? sealed : kept, "cannot open %s",
                          sealed < 0 ? SEALED_DIRECTORY : SIGNED_DIRECTORY);
    *ret_sealed = TAKE_FD(sealed);
    *ret_signed = TAKE_FD(kept);
    return 0;
}

int signed_files_keep(const Repository *repository, const char *host, const MerkleHash *leaf,
                      bool replace, Reason *reason)
{
    _cleanup_(closep) int sealed = -1, kept = -1;
    MerkleHash found;
    int r = sealed_leaf(repository, SEALED_DIRECTORY, host, NULL, &found);

    if (r != 0 || !merkle_equal(&found, leaf))
        return 0;
    r = open_parents(repository, reason, &sealed, &kept);
    if (r != 0)
        return r;
    if (renameat2(sealed, host, kept, host, RENAME_NOREPLACE) < 0 &&
        (errno != EEXIST || (replace && renameat2(sealed, host, kept, host, RENAME_EXCHANGE) < 0)))
        return reason_set(reason, -errno,
                          "cannot keep " SEALED_DIRECTORY "/%s as " SIGNED_DIRECTORY "/%s", host,
                          host);
    return 0;
}

/* Whether signed/HOST has what a statement with these leaves has, and nothing else does. */
static bool is_needed(const Repository *repository, const char *host, const KnownLeaves *leaves)
{
    const MerkleHash *leaf = known_leaf_find(leaves, host);
    MerkleHash sealed, kept;

    return leaf && sealed_leaf(repository, SIGNED_DIRECTORY, host, NULL, &kept) == 0 &&
           merkle_equal(&kept, leaf) &&
           !(sealed_leaf(repository, SEALED_DIRECTORY, host, NULL, &sealed) == 0 &&
             merkle_equal(&sealed, leaf));
}

int signed_files_clean(const Repository *repository, const KnownLeaves *leaves, Reason *reason)
{
    _cleanup_(closep) int kept = repository_directory(repository, SIGNED_DIRECTORY);
    _cleanup_(closedirp) DIR *directory = NULL;
    const char *name = NULL;
    int r;

    if (kept == -ENOENT)
        return 0;
    r = kept < 0 ? reason_set(reason, kept, "cannot open " SIGNED_DIRECTORY)
                 : directory_list(kept, SIGNED_DIRECTORY, reason, &directory);
    while (r == 0 && (r = directory_next(directory, SIGNED_DIRECTORY, reason, &name)) == 0 && name)
        if (name[0] != '.' && !is_needed(repository, name, leaves))
            repository_remove_tree(kept, name, 1);
    if (r == 0) /* git has no empty directories */
        (void)unlinkat(repository->fd, SIGNED_DIRECTORY, AT_REMOVEDIR);
    return r;
}
