/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Files: bounded reads, and the one way in which this project writes a file.
 */

#include "base/bytes.h"
#include "base/outcome.h"

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

/* What a file gets that file_replace_at() makes. GROUP is (gid_t)-1 to leave it. */
typedef struct FileOwnership {
    mode_t mode;
    gid_t group;
} FileOwnership;

/* Reads FD to its end, at most LIMIT bytes: OUTCOME_TOO_LARGE beyond. NAME is for REASON only. */
int file_read_fd(int fd, const char *name, size_t limit, Reason *reason, Bytes *ret);

/* The same for the file PATH, relative to DIRECTORY (AT_FDCWD allowed). */
int file_read_at(int directory, const char *path, size_t limit, Reason *reason, Bytes *ret);

/* Puts CONTENT at NAME in DIRECTORY so that after a crash at any moment there is the old file or
 * the new one, whole: temporary file, fsync, rename, fsync of the directory. NAME has no slash.
 * With REPLACE false an existing file is left as it is and -EEXIST returned. */
int file_write_at(int directory, const char *name, BytesView content, FileOwnership ownership,
                  bool replace, Reason *reason);

/* The same, with owner, group and mode as LIKE has them (file_own_like()); replaces. */
int file_write_like_at(int directory, const char *name, BytesView content, const struct stat *like,
                       Reason *reason);

/* Gives FD the owner and the group that LIKE has. Who is not root cannot give anything away, and
 * stays the owner. A negative errno. */
int file_own_like(int fd, const struct stat *like);

/* file_write_at() in the directory part of PATH. */
int file_write(const char *path, BytesView content, FileOwnership ownership, bool replace,
               Reason *reason);

/* Makes the file NAME, which is not there yet, in DIRECTORY, whole and synced; the caller syncs the
 * directory. -EEXIST; nothing is left of it if it fails. */
int file_create_at(int directory, const char *name, BytesView content, FileOwnership ownership,
                   Reason *reason);

/* Opens the directory FD once more, to read its entries; PATH is for REASON only. */
int directory_list(int fd, const char *path, Reason *reason, DIR **ret);

/* The name of the next entry except "." and "..", borrowed until the next call; NULL at the end.
 * An entry that could not be read is a negative errno and not the end. */
int directory_next(DIR *directory, const char *path, Reason *reason, const char **ret);

/* Removes from DIRECTORY what writers that were killed have left: a temporary file is its writer's,
 * who holds a lock on it (flock(2)) for as long as he lives. What cannot be removed stays for the
 * next one. */
void file_clear_temporaries(int directory);
