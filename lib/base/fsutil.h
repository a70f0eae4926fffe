/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Files: bounded reads, the only functions with which this project writes files, and locks.
 */

#include "base/bytes.h"
#include "base/outcome.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

/* Mode and group of a new file. GROUP is (gid_t)-1 to leave it. */
typedef struct FileOwnership {
    mode_t mode;
    gid_t group;
} FileOwnership;

/* Reads FD to its end: OUTCOME_TOO_LARGE beyond LIMIT bytes. NAME is only for REASON. */
int file_read_fd(int fd, const char *name, size_t limit, Reason *reason, Bytes *ret);

/* Reads the file PATH in the same way. */
int file_read(const char *path, size_t limit, Reason *reason, Bytes *ret);

/* Writes all of CONTENT to FD. A negative errno. */
int file_write_fd(int fd, BytesView content);

/* Writes CONTENT as PATH. After a crash at any moment the old file or the new one is there,
 * complete: temporary file, fsync, rename, fsync of the directory. The next writer removes a
 * temporary file whose writer was killed. If REPLACE is false, an existing file is kept and -EEXIST
 * returned. If only the last fsync fails, the new file is in place, and REASON says so.
 */
int file_write(const char *path, BytesView content, mode_t mode, bool replace, Reason *reason);

/* After PATH was put in place in DIRECTORY: makes that durable. A negative errno. */
int directory_sync(int directory, const char *path, Reason *reason);

/* The directory part of PATH, allocated (NULL: no memory), and the rest, borrowed. */
char *file_parent(const char *path, const char **ret_name);

/* A name for a file or directory that is renamed when it is complete. */
#define FILE_TEMPORARY_BYTES sizeof(".nspawn-creds-0123456789abcdef.tmp")
void file_temporary_name(char name[FILE_TEMPORARY_BYTES]);

/* Removes files with such names from DIRECTORY whose writers were killed: they are older than
 * LIMIT_LEFTOVER_SECONDS. */
void file_clear_leftovers(int directory);

/* Creates the file NAME in DIRECTORY, complete and synced; the caller syncs the directory. -EEXIST.
 * On failure no file is left. */
int file_create_at(int directory, const char *name, BytesView content, FileOwnership ownership,
                   Reason *reason);

/* Opens the directory FD again, to read its entries. PATH is only for REASON. */
int directory_list(int fd, const char *path, Reason *reason, DIR **ret);

/* Returns the name of the next entry except "." and "..", borrowed until the next call; NULL at the
 * end. If an entry cannot be read, that is a negative errno and not the end. */
int directory_next(DIR *directory, const char *path, Reason *reason, const char **ret);

/* --- locks: writers take the lock of a directory, readers need none. It is flock(2)'s, so that the
 * kernel releases it when its holder dies, however that happens --- */

/* Whether FD is the directory that PARENT holds as NAME now. */
bool directory_is_at(int parent, const char *name, int fd);

/* Opens the directory NAME in PARENT, following no link, and takes its lock. Closing RET_FD
 * releases it. If another process replaces the directory while we wait, we lock the new one.
 * OUTCOME_TIMEOUT after USEC. */
int directory_lock_at(int parent, const char *name, uint64_t usec, Reason *reason, int *ret_fd);

/* --- editing: a file is read, and later replaced, unless it has changed in the meantime. Links are
 * not followed. A file with two names is refused, because the other name would keep the old
 * content --- */

/* Reads the file PATH, at most LIMIT bytes. OUTCOME_USAGE if it is not a regular file with one
 * name; OUTCOME_TOO_LARGE. */
int rewrite_read(const char *path, size_t limit, Reason *reason, Bytes *ret);

/* Replaces BEFORE by AFTER, atomically and durably, and keeps group and mode, and as root the
 * owner. OUTCOME_CHANGED if the file is not BEFORE any more. Takes the directory's lock:
 * OUTCOME_TIMEOUT. */
int rewrite_write(const char *path, BytesView before, BytesView after, Reason *reason);
