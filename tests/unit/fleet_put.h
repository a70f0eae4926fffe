/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Makes what the broker leaves when it has accepted a fleet's set, for tests of its readers.
 */

#include "support.h"

#include "fleet/fleet_set.h"
#include "store/commit.h"

#include <string.h>
#include <sys/stat.h>

#define FLEET_FILES_MAX 8U

typedef struct FleetFile {
    const char *name; /* MACHINE@ID; sorted */
    const char *content;
    size_t size; /* 0: as a text */
} FleetFile;

static inline BytesView fleet_file_view(const FleetFile *file)
{
    return (BytesView){(const uint8_t *)file->content,
                       file->size ? file->size : strlen(file->content)};
}

/* A bundle that nobody signed. */
static inline Bytes fleet_bundle(const char *fleet, uint64_t sequence, const FleetFile *files,
                                 size_t count)
{
    ManifestCredential credentials[FLEET_FILES_MAX] = {0};
    Manifest manifest = {.credentials = credentials, .count = count};
    Statement statement = {
        .sequence = sequence, .issued = 1000000, .not_after = 2000000, .hosts = 1};
    _cleanup_(bundle_done) Bundle bundle = {0};
    char text[STATEMENT_TEXT_BYTES];
    Bytes file = {0};

    snprintf(manifest.host.keys[FLEET_SRK], FLEET_KEY_NAME_BYTES, "000b%064d", 0);
    for (size_t i = 0; i < count; i++) {
        BytesView content = fleet_file_view(&files[i]);

        assert_int_equal(credential_name_parse(files[i].name, NULL, &credentials[i].name), 0);
        digest_format(content, credentials[i].sha256);
        credentials[i].size = content.size;
    }
    snprintf(statement.fleet, sizeof(statement.fleet), "%s", fleet);
    statement_format(&statement, text);
    assert_int_equal(bytes_dup(text_view(text), &bundle.statement), 0);
    assert_int_equal(manifest_format(&manifest, &bundle.manifest), 0);
    assert_int_equal(bundle_format(&bundle, &file), 0);
    return file;
}

/* Accepts the FILES as SEQUENCE of FLEET; STORE is the host's store. */
static inline void fleet_put(const char *store, const char *fleet, uint64_t sequence,
                             const FleetFile *files, size_t count)
{
    _cleanup_(bytes_done) Bytes bundle = fleet_bundle(fleet, sequence, files, count);
    StoreRecord record = {FLEET_SET_RECORD, bytes_view(&bundle)};
    StoreChange changes[FLEET_FILES_MAX] = {0};
    StoreCommit commit = {.changes = changes,
                          .count = count,
                          .origin = {.verb = "fleet"},
                          .records = &record,
                          .record_count = 1};
    _cleanup_(store_freep) Store *set = NULL;
    char path[PATH_MAX];

    fleet_set_path(store, "", path);
    mkdir(path, 0755);
    fleet_set_path(store, fleet, path);
    mkdir(path, 0755);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(credential_name_parse(files[i].name, NULL, &changes[i].name), 0);
        changes[i].sealed = fleet_file_view(&files[i]);
    }
    assert_int_equal(store_new(path, NULL, &set), 0);
    assert_int_equal(store_commit(set, &commit, NULL), 0);
}
