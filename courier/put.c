/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "put.h"

#include "base/array.h"
#include "base/base64.h"
#include "base/fsutil.h"
#include "base/names.h"
#include "parts.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>

/* Files, as two arrays: .names[i] on the carrier is .paths[i] here, "" for one that is removed, and
 * a tab and its content in base64 for one that is not here. */
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

static bool is_removal(const PutList *list, size_t i)
{
    return !list->paths[i][0];
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
    if ((!*path || *path == '\t') && digest_in(name))
        return reason_set(reason, OUTCOME_USAGE,
                          "%.100s has no path: only bundles can be removed, or be in the line",
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
        if (entry->fts_info == FTS_F)
            r = add(list, entry->fts_path + strlen(directory) + 1, entry->fts_path, reason);
        else if (entry->fts_info != FTS_D && entry->fts_info != FTS_DP)
            r = entry->fts_errno
                    ? reason_set(reason, -entry->fts_errno, "%s", entry->fts_path)
                    : reason_set(reason, OUTCOME_USAGE, "%s is neither a file nor a directory",
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

/* Follows no link: one in a repository could lead to any file of the one who puts, and what is on a
 * carrier is for everybody. */
static int read_content(const char *name, const char *path, Reason *reason, Bytes *ret)
{
    _cleanup_(closep) int fd = -1;
    int r;

    if (*path == '\t') {
        r = base64_decode(text_view(path + 1), ret);
        return r > 0 ? reason_set(reason, OUTCOME_USAGE, "%s is not in base64", name) : r;
    }
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return errno == ELOOP ? reason_set(reason, OUTCOME_USAGE, "%s is a symbolic link", path)
                              : reason_set(reason, -errno, "cannot open %s", path);
    return file_read_fd(fd, path, digest_in(name) ? LIMIT_FILE_BYTES : LIMIT_BUNDLE_BYTES, reason,
                        ret);
}

static int put_one(Carrier *carrier, const char *name, const char *path, Reason *reason)
{
    _cleanup_(bytes_done) Bytes content = {0};
    const char *digest = digest_in(name);
    char actual[DIGEST_TEXT_BYTES];
    int r = read_content(name, path, reason, &content);

    if (r != 0)
        return r;
    digest_format(bytes_view(&content), actual);
    if (digest && strcmp(digest, actual) != 0)
        return reason_set(reason, OUTCOME_USAGE, "%s does not have the digest that its name says",
                          path);
    return carrier->ops->put(carrier, name, bytes_view(&content), digest != NULL, reason);
}

typedef struct Put {
    const CarrierSettings *settings;
    long stall;
    PutList list;
    bool bundles; /* whether it is their turn, or that of the sealed files */
} Put;

/* Puts every STEPth file, from FIRST. */
static int put_part(const void *userdata, size_t first, size_t step, Reason *reason)
{
    const Put *put = userdata;
    _cleanup_(carrier_closep) Carrier *carrier = NULL;
    int r = carrier_open(put->settings, put->stall, reason, &carrier);

    if (r == 0)
        carrier->collects = true;
    for (size_t i = first; r == 0 && i < put->list.count; i += step)
        if (!is_removal(&put->list, i) && !digest_in(put->list.names[i]) == put->bundles)
            r = put_one(carrier, put->list.names[i], put->list.paths[i], reason);
    if (r == 0 && carrier->ops->flush)
        r = carrier->ops->flush(carrier, reason);
    return r;
}

/* Removes what is to be removed, and prints the names of what was there. */
static int remove_all(const Put *put, Reason *reason)
{
    _cleanup_(carrier_closep) Carrier *carrier = NULL;
    int r = carrier_open(put->settings, put->stall, reason, &carrier);

    for (size_t i = 0; r == 0 && i < put->list.count; i++) {
        const char *name = put->list.names[i];

        if (!is_removal(&put->list, i))
            continue;
        if (!carrier->ops->remove) {
            printf("Cannot remove\t%s\n", name);
            continue;
        }
        r = carrier->ops->remove(carrier, name, reason);
        if (r == 0)
            printf("Removed\t%s\n", name);
        else if (r == OUTCOME_NOT_FOUND)
            r = 0;
    }
    return r;
}

int put(const CarrierSettings *settings, long stall, const char *directory, Reason *reason,
        PutResult *ret)
{
    Put put = {.settings = settings, .stall = stall};
    int r = strcmp(directory, "-") == 0 ? read_lines(stdin, reason, &put.list)
                                        : read_directory(directory, reason, &put.list);

    if (r == 0)
        r = parts_run(put_part, &put, put.list.count, reason);
    put.bundles = true;
    if (r == 0)
        r = parts_run(put_part, &put, put.list.count, reason);
    if (r == 0)
        r = remove_all(&put, reason);
    if (r == 0) {
        *ret = (PutResult){0};
        for (size_t i = 0; i < put.list.count; i++)
            if (digest_in(put.list.names[i]))
                ret->files++;
            else if (!is_removal(&put.list, i))
                ret->bundles++;
    }
    put_list_done(&put.list);
    return r;
}
