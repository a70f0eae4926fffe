/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "client/backup.h"

#include "base/array.h"
#include "base/nearest.h"
#include "policy/host_config.h"
#include "policy/policy.h"

#include <errno.h>
#include <string.h>

#define VERSION         1
#define VERSION_MEMBER  "nspawnCredsBackup"

/* Of the objects in it. */
#define DEPTH           4

#define POLICY_SUFFIX   ".json"
#define DROP_INS_SUFFIX ".json.d"

void backup_done(Backup *backup)
{
    for (size_t i = 0; i < backup->credential_count; i++)
        store_client_entry_done(&backup->credentials[i].entry);
    free(backup->credentials);
    free(backup->files);
    json_object_put(backup->json);
    *backup = (Backup){0};
}

/* --- what may be in it --- */

int backup_check_entry(const StoreClientEntry *entry, Reason *reason)
{
    return kind_has(entry->sections.kind, KIND_HOST | KIND_TPM)
               ? 0
               : reason_set(reason, OUTCOME_UNPROTECTED, "it is sealed with the null key");
}

/* "MACHINE.json" or "MACHINE.json.d/NAME.json". */
static bool parse_policy_name(const char *name, char machine[LIMIT_MACHINE_BYTES + 1])
{
    const char *slash = strchr(name, '/'), *suffix = slash ? DROP_INS_SUFFIX : POLICY_SUFFIX;
    size_t length = slash ? (size_t)(slash - name) : strlen(name);

    if (slash && (slash[1] == '.' || !credential_id_valid(slash + 1) ||
                  !has_suffix(slash + 1, POLICY_SUFFIX)))
        return false;
    if (length <= strlen(suffix) || length - strlen(suffix) > LIMIT_MACHINE_BYTES ||
        strncmp(name + length - strlen(suffix), suffix, strlen(suffix)) != 0)
        return false;
    snprintf(machine, LIMIT_MACHINE_BYTES + 1, "%.*s", (int)(length - strlen(suffix)), name);
    return machine_name_valid(machine);
}

int backup_check_file(const char *name, BytesView content, Reason *reason,
                      char ret_machine[LIMIT_MACHINE_BYTES + 1])
{
    _cleanup_(policy_unrefp) Policy *policy = NULL;
    char machine[LIMIT_MACHINE_BYTES + 1] = "";
    PolicyFault fault = {0};
    Reason what = {0};
    HostConfig config;
    int r = 0;

    if (strcmp(name, BACKUP_CONFIG_NAME) == 0) {
        r = content.size > LIMIT_CONFIG_BYTES ? OUTCOME_TOO_LARGE
                                              : host_config_parse(name, content, &what, &config);
    } else {
        if (!parse_policy_name(name, machine))
            return reason_set(reason, OUTCOME_BAD_BACKUP, "\"%.80s\" is no policy's name", name);
        /* an empty one hides others */
        if (content.size > LIMIT_POLICY_BYTES)
            r = OUTCOME_TOO_LARGE;
        else if (content.size > 0) {
            r = policy_new(machine, name, &fault, &policy);
            if (r == 0)
                r = policy_file_parse(content, name, policy, &fault);
            if (r != 0)
                policy_fault_reason(&fault, r, &what);
        }
    }
    if (r < 0)
        return r;
    if (r > 0)
        return reason_set(reason, OUTCOME_BAD_BACKUP, "%s", outcome_reason(r, &what));
    strcpy(ret_machine, machine);
    return 0;
}

/* --- parsing --- */

/* The object NAME of BACKUP. */
static int get_object(const Backup *backup, const char *name, Reason *reason,
                      struct json_object **ret)
{
    struct json_object *value = json_object_object_get(backup->json, name);

    *ret = value;
    return json_object_is_type(value, json_type_object)
               ? 0
               : reason_set(reason, OUTCOME_BAD_BACKUP, "it has no %s", name);
}

static int parse_credential(const char *text, struct json_object *value, Reason *reason,
                            BackupCredential *ret)
{
    _cleanup_(store_client_entry_done) StoreClientEntry entry = {0};
    struct json_object *public = json_object_object_get(value, "public");
    const char *sealed = json_text(json_object_object_get(value, "sealed"));
    Reason what = {0};
    int r = credential_name_parse(text, &what, &entry.name);

    if (r == 0 && (!sealed || (public && !json_text(public))))
        r = reason_set(&what, OUTCOME_MALFORMED, "a member is missing or not a text");
    else if (r == 0 && strlen(sealed) > LIMIT_FILE_BYTES)
        r = OUTCOME_TOO_LARGE;
    else if (r == 0)
        r = bytes_dup(text_view(sealed), &entry.file);
    if (r == 0)
        r = credential_unpack(bytes_view(&entry.file), &what, &entry.raw, &entry.sections);
    if (r == 0)
        r = backup_check_entry(&entry, &what);
    if (r < 0)
        return r;
    if (r > 0)
        return reason_set(reason, OUTCOME_BAD_BACKUP, "\"%.80s\": %s", text,
                          outcome_reason(r, &what));
    ret->entry = TAKE(entry);
    ret->public = json_text(public);
    return 0;
}

static int parse_credentials(Backup *backup, Reason *reason)
{
    struct json_object *all;
    int r = get_object(backup, "credentials", reason, &all);

    if (r != 0)
        return r;
    json_object_object_foreach(all, name, value)
    {
        if (!ARRAY_GROW(backup->credentials, backup->credential_count))
            return -ENOMEM;
        r = parse_credential(name, value, reason, &backup->credentials[backup->credential_count]);
        if (r != 0)
            return r;
        backup->credential_count++;
    }
    return 0;
}

static int parse_files(Backup *backup, Reason *reason)
{
    struct json_object *all;
    int r = get_object(backup, "files", reason, &all);

    if (r != 0)
        return r;
    json_object_object_foreach(all, name, value)
    {
        BackupFile file = {.name = name, .content = json_text(value)};

        if (!file.content)
            return reason_set(reason, OUTCOME_BAD_BACKUP, "\"%.80s\" is not a text", name);
        r = backup_check_file(name, text_view(file.content), reason, file.machine);
        if (r != 0)
            return r;
        if (!ARRAY_ADD(backup->files, backup->file_count, file))
            return -ENOMEM;
    }
    return 0;
}

int backup_parse(BytesView text, Reason *reason, Backup *ret)
{
    _cleanup_(backup_done) Backup backup = {0};
    struct json_object *version;
    int r = json_parse(text, DEPTH, NULL, reason, &backup.json);

    if (r != 0)
        return r < 0 ? r : OUTCOME_BAD_BACKUP;
    version = json_object_is_type(backup.json, json_type_object)
                  ? json_object_object_get(backup.json, VERSION_MEMBER)
                  : NULL;
    if (!json_object_is_type(version, json_type_int))
        return reason_set(reason, OUTCOME_BAD_BACKUP, "it has no " VERSION_MEMBER);
    if (json_object_get_int64(version) != VERSION)
        return reason_set(reason, OUTCOME_BAD_BACKUP,
                          "it is of version %lld, and this program reads version %d",
                          (long long)json_object_get_int64(version), VERSION);
    backup.host_name = json_text(json_object_object_get(backup.json, "hostName"));
    if (!backup.host_name)
        backup.host_name = "?";
    backup.created = json_object_get_uint64(json_object_object_get(backup.json, "createdUSec"));
    r = parse_credentials(&backup, reason);
    if (r == 0)
        r = parse_files(&backup, reason);
    if (r == 0)
        *ret = TAKE(backup);
    return r;
}

int backup_check_machines(const Backup *backup, char **machines, Reason *reason)
{
    for (; *machines; machines++) {
        Nearest nearest = {.wanted = *machines};

        for (size_t i = 0; i < backup->credential_count; i++)
            nearest_offer(&nearest, backup->credentials[i].entry.name.machine);
        for (size_t i = 0; i < backup->file_count; i++)
            nearest_offer(&nearest, backup->files[i].machine);
        if (strcmp(nearest.name, *machines) != 0)
            return reason_set(reason, OUTCOME_USAGE,
                              "there is neither a credential nor a policy of \"%.80s\"%s%s%s",
                              *machines, nearest.name[0] ? "; did you mean " : "", nearest.name,
                              nearest.name[0] ? "?" : "");
    }
    return 0;
}

/* --- making one --- */

struct json_object *backup_new(const char *host_name, uint64_t now)
{
    struct json_object *backup = json_object_new_object();

    json_add_number(backup, VERSION_MEMBER, VERSION);
    json_add_text(backup, "hostName", host_name);
    json_add_number(backup, "createdUSec", now);
    json_add(backup, "credentials", json_object_new_object());
    json_add(backup, "files", json_object_new_object());
    return backup;
}

void backup_add_credential(struct json_object *backup, const StoreClientEntry *entry,
                           BytesView public)
{
    struct json_object *credential = json_object_new_object();
    char name[CREDENTIAL_NAME_TEXT_BYTES];
    _cleanup_(bytes_done) Bytes text = {0};

    /* a raw file as well */
    (void)credential_encode(bytes_view(&entry->raw), &text);
    json_add(credential, "sealed",
             json_object_new_string_len((const char *)text.data, (int)text.size));
    json_add_view(credential, "public", public);
    credential_name_format(&entry->name, name);
    json_add(json_object_object_get(backup, "credentials"), name, credential);
}

void backup_add_file(struct json_object *backup, const char *name, BytesView content)
{
    json_add(json_object_object_get(backup, "files"), name,
             content.size > 0
                 ? json_object_new_string_len((const char *)content.data, (int)content.size)
                 : json_object_new_string(""));
}

/* Pretty, for those who keep it in git. */
int backup_print(struct json_object *backup, Reason *reason, Bytes *ret)
{
    _cleanup_(bytes_done) Bytes text = {0};
    int r = json_print_pretty(backup, &text);

    if (r == 0 && text.size > BACKUP_BYTES_MAX)
        r = reason_set(reason, -EFBIG, "back up some machines at a time: more than %zu bytes",
                       BACKUP_BYTES_MAX);
    if (r == 0)
        *ret = TAKE(text);
    return r;
}
