/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target: backups.
 *
 * What parses has names that stay in their directories, and is the same after it was printed and
 * parsed again.
 */

#include "client/backup.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct json_object *copy(const Backup *backup)
{
    struct json_object *json = backup_new(backup->host_name, 0);

    for (size_t i = 0; i < backup->credential_count; i++) {
        const BackupCredential *credential = &backup->credentials[i];
        const CredentialName *name = &credential->entry.name;

        assert(!strchr(name->machine, '/') && name->machine[0] != '.');
        assert(!strchr(name->id, '/') && strcmp(name->id, "..") != 0);
        backup_add_credential(json, &credential->entry,
                              credential->public ? text_view(credential->public) : (BytesView){0});
    }
    for (size_t i = 0; i < backup->file_count; i++) {
        assert(backup->files[i].name[0] != '/' && !strstr(backup->files[i].name, "/."));
        backup_add_file(json, backup->files[i].name, text_view(backup->files[i].content));
    }
    return json;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(json_object_putp) struct json_object *json = NULL;
    _cleanup_(backup_done) Backup backup = {0}, again = {0};
    _cleanup_(bytes_done) Bytes text = {0};
    Reason reason = {0};
    int r = backup_parse((BytesView){data, size}, &reason, &backup);

    if (r != 0) {
        assert(r == OUTCOME_BAD_BACKUP && reason.text[0]);
        return 0;
    }
    json = copy(&backup);
    assert(backup_print(json, NULL, &text) == 0);
    assert(backup_parse(bytes_view(&text), NULL, &again) == 0);
    assert(again.credential_count == backup.credential_count &&
           again.file_count == backup.file_count);
    for (size_t i = 0; i < backup.credential_count; i++)
        assert(bytes_view_equal(bytes_view(&again.credentials[i].entry.raw),
                                bytes_view(&backup.credentials[i].entry.raw)));
    for (size_t i = 0; i < backup.file_count; i++)
        assert(strcmp(again.files[i].content, backup.files[i].content) == 0);
    return 0;
}
