/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "put.h"

#include "base/array.h"
#include "base/base64.h"
#include "base/fsutil.h"
#include "base/names.h"

#include <errno.h>
#include <fts.h>
#include <stdio.h>

/* Files, as two arrays: .names[i] on the carrier is .paths[i] here. */
typedef struct PutList {
    char **names, **paths;
    size_t count, path_count;
} PutList;

static void put_list_done(PutList *list)
{
    strings_free(list->names);
    strings_free(list->paths);
}

/* --- what to put --- */

/* The digest in a name such as v1/prod/sha256/HEX; NULL for v1/prod/hosts/web1/bundle and others.
 */
static const char *digest_in(const char *name)
{
    const char *digest = strstr(name, "/sha256/");

    return digest ? digest + strlen("/sha256/") : NULL;
}

static bool name_valid(const char *name)
{
    uint8_t digest[32];
    const char *fleet = name + strlen("v1/"), *kind = strchr(name, '/');

    kind = kind ? strchr(kind + 1, '/') : NULL;
    if (strncmp(name, "v1/", strlen("v1/")) != 0 || !kind || kind == fleet ||
        !name_made_of(name, "-/"))
        return false;
    if (strncmp(kind, "/sha256/", strlen("/sha256/")) == 0)
        return hex_parse(kind + strlen("/sha256/"), digest, sizeof(digest));
    if (strncmp(kind, "/hosts/", strlen("/hosts/")) != 0)
        return false;
    kind = strchr(kind + strlen("/hosts/"), '/');
    return kind && kind[-1] != '/' && strcmp(kind, "/bundle") == 0;
}

static int add(PutList *list, const char *name, const char *path, Reason *reason)
{
    if (!name_valid(name))
        return reason_set(reason, OUTCOME_USAGE,
                          "\"%.100s\" is not v1/FLEET/sha256/HEX or v1/FLEET/hosts/HOST/bundle",
                          name);
    return strings_add(&list->names, &list->count, name) &&
                   strings_add(&list->paths, &list->path_count, path)
               ? 0
               : -ENOMEM;
}

static int read_directory(const char *directory, Reason *reason, PutList *list)
{
    char *const roots[] = {(char *)directory, NULL};
    FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    FTSENT *entry;
    int r = walk ? 0 : reason_set(reason, -errno, "%s", directory);

    errno = 0;
    while (r == 0 && (entry = fts_read(walk))) {
        if (entry->fts_info == FTS_F || entry->fts_info == FTS_SL)
            r = add(list, entry->fts_path + strlen(directory) + 1, entry->fts_path, reason);
        else if (entry->fts_info != FTS_D && entry->fts_info != FTS_DP)
            r = reason_set(reason, entry->fts_errno ? -entry->fts_errno : OUTCOME_USAGE, "%s",
                           entry->fts_path);
    }
    if (r == 0 && errno != 0)
        r = reason_set(reason, -errno, "%s", directory);
    if (walk)
        (void)fts_close(walk);
    return r;
}

static int read_lines(FILE *file, Reason *reason, PutList *list)
{
    _cleanup_(freep) char *line = NULL;
    size_t room = 0;
    ssize_t length;
    int r = 0;

    while (r == 0 && (length = getline(&line, &room, file)) > 0) {
        char *tab = strchr(line, '\t');

        if (line[length - 1] == '\n')
            line[length - 1] = '\0';
        if (!tab)
            return reason_set(reason, OUTCOME_USAGE, "\"%.100s\" has no tab", line);
        *tab = '\0';
        r = add(list, line, tab + 1, reason);
    }
    if (r == 0 && ferror(file))
        r = reason_set(reason, -EIO, "standard input");
    return r;
}

/* --- putting --- */

static int put_one(Carrier *carrier, const char *name, const char *path, Reason *reason)
{
    _cleanup_(bytes_done) Bytes content = {0};
    const char *digest = digest_in(name);
    char actual[DIGEST_TEXT_BYTES];
    int r = file_read(path, digest ? LIMIT_FILE_BYTES : LIMIT_BUNDLE_BYTES, reason, &content);

    if (r != 0)
        return r;
    digest_format(bytes_view(&content), actual);
    if (digest && strcmp(digest, actual) != 0)
        return reason_set(reason, OUTCOME_USAGE, "%s does not have the digest that its name says",
                          path);
    return carrier->ops->put(carrier, name, bytes_view(&content), digest != NULL, reason);
}

int put(Carrier *carrier, const char *directory, Reason *reason, PutResult *ret)
{
    _cleanup_(put_list_done) PutList list = {0};
    PutResult result = {0};
    int r = strcmp(directory, "-") == 0 ? read_lines(stdin, reason, &list)
                                        : read_directory(directory, reason, &list);

    for (size_t i = 0; r == 0 && i < list.count; i++)
        if (digest_in(list.names[i])) {
            r = put_one(carrier, list.names[i], list.paths[i], reason);
            result.files++;
        }
    for (size_t i = 0; r == 0 && i < list.count; i++)
        if (!digest_in(list.names[i])) {
            r = put_one(carrier, list.names[i], list.paths[i], reason);
            result.bundles++;
        }
    if (r == 0)
        *ret = result;
    return r;
}
