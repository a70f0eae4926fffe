/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fleet/sealed.h"

#include "base/array.h"
#include "base/fsutil.h"
#include "fleet/fleet_host.h"
#include "seal/seal_keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

/* A sealed file's name. */
#define FILE_NAME_BYTES (CREDENTIAL_NAME_TEXT_BYTES + sizeof(".cred"))
/* Of a directory and a file. */
#define NOT_NAMED       "%s/%.100s is not the file that its manifest names"
#define PATH_BYTES      (sizeof(SEALED_NEW) + LIMIT_FLEET_HOST_BYTES + 2)

static size_t index_of(const Repository *repository, const FleetSecret *secret)
{
    return (size_t)(secret - repository->file.secrets);
}

static void file_name(const CredentialName *credential, char name[FILE_NAME_BYTES])
{
    credential_name_format(credential, name);
    strcat(name, ".cred");
}

/* --- inputs --- */

void sealed_survey_done(SealedSurvey *survey)
{
    strings_free(survey->lines);
    *survey = (SealedSurvey){0};
}

int sealed_survey_begin(SealedSurvey *survey)
{
    const FleetFile *file = &survey->repository->file;

    survey->lines = calloc(file->secret_count + 1, sizeof(survey->lines[0]));
    if (!survey->lines)
        return -ENOMEM;
    for (size_t i = 0; i < file->secret_count; i++) {
        const FleetSecret *secret = &file->secrets[i];
        char settings[INVENTORY_SETTINGS_BYTES];

        inventory_settings(secret, settings);
        if (asprintf(&survey->lines[i], "%s %s%s\n", settings,
                     inventory_find(survey->inventory, "secret", secret->name),
                     secret->pending ? " pending" : "") < 0) {
            survey->lines[i] = NULL;
            return -ENOMEM;
        }
    }
    return 0;
}

int sealed_inputs(const SealedSurvey *survey, const RepositoryHost *host, Bytes *ret)
{
    _cleanup_(writer_done) Writer writer = {0};

    writer_format(&writer, "host %s\n", inventory_find(survey->inventory, "host", host->name));
    for (size_t i = 0; i < host->secret_count; i++)
        writer_text(&writer, survey->lines[index_of(survey->repository, host->secrets[i])]);
    return writer_take(&writer, ret);
}

/* --- reading --- */

int sealed_read(const Repository *repository, const char *parent, const char *host,
                const char *name, size_t limit, Reason *reason, Bytes *ret)
{
    char directory[PATH_BYTES];

    snprintf(directory, sizeof(directory), "%s/%s", parent, host);
    return repository_read(repository, directory, name, limit, reason, ret);
}

int sealed_leaf(const Repository *repository, const char *parent, const char *host, Reason *reason,
                MerkleHash *ret)
{
    _cleanup_(bytes_done) Bytes manifest = {0};
    int r = sealed_read(repository, parent, host, SEALED_MANIFEST, LIMIT_MANIFEST_BYTES, reason,
                        &manifest);

    if (r == -ENOENT)
        return reason_set(reason, OUTCOME_UNSEALED, "host %s", host);
    if (r == 0)
        *ret = merkle_leaf(bytes_view(&manifest));
    return r;
}

/* Whether MANIFEST names the file NAME. */
static bool names_file(const Manifest *manifest, const char *name)
{
    char text[FILE_NAME_BYTES];
    CredentialName credential;

    if (!has_suffix(name, ".cred") || strlen(name) >= sizeof(text))
        return false;
    strcpy(text, name);
    text[strlen(name) - strlen(".cred")] = '\0';
    return credential_name_parse(text, NULL, &credential) == 0 &&
           manifest_find(manifest, &credential);
}

/* Compares a file with CREDENTIAL, its entry in the manifest. */
static int check_file(int folder, const char *directory, const ManifestCredential *credential,
                      Reason *reason)
{
    _cleanup_(bytes_done) Bytes file = {0};
    char name[FILE_NAME_BYTES], digest[DIGEST_TEXT_BYTES] = "";
    int r;

    file_name(&credential->name, name);
    r = repository_read_at(folder, directory, name, LIMIT_FILE_BYTES, reason, &file);
    if (r == -ENOENT)
        return reason_set(reason, OUTCOME_BAD_REPOSITORY, "%s/%s is missing", directory, name);
    if (r == 0)
        digest_format(bytes_view(&file), digest);
    if (r == 0 && (credential->size != file.size || strcmp(credential->sha256, digest) != 0))
        r = reason_set(reason, OUTCOME_BAD_REPOSITORY, NOT_NAMED, directory, name);
    return r;
}

/* Checks that there are no other files than those that MANIFEST names, all of which are there. */
static int check_no_others(int folder, const char *path, const Manifest *manifest, Reason *reason)
{
    _cleanup_(closedirp) DIR *directory = NULL;
    const char *name = NULL;
    int r = directory_list(folder, path, reason, &directory);

    while (r == 0 && (r = directory_next(directory, path, reason, &name)) == 0 && name)
        if (name[0] != '.' && strcmp(name, SEALED_MANIFEST) != 0 &&
            strcmp(name, SEALED_INPUTS) != 0 && !names_file(manifest, name))
            return reason_set(reason, OUTCOME_BAD_REPOSITORY,
                              "%s/%.100s is not in the manifest beside it", path, name);
    return r;
}

/* Reads HOST's manifest, and checks that its files are those that are there. The caller
 * has to find out who sealed them, for which host and from which inputs. RET_LEAF is
 * the manifest's. As sealed_check(). */
static int read_sealed(const Repository *repository, const char *parent, const char *host,
                       Reason *reason, Manifest *ret, MerkleHash *ret_leaf)
{
    _cleanup_(manifest_done) Manifest manifest = {0};
    _cleanup_(closep) int folder = -1;
    _cleanup_(bytes_done) Bytes text = {0};
    char directory[PATH_BYTES];
    int r;

    snprintf(directory, sizeof(directory), "%s/%s", parent, host);
    folder = repository_directory(repository, directory);
    r = repository_read_at(folder, directory, SEALED_MANIFEST, LIMIT_MANIFEST_BYTES, reason, &text);
    if (r != 0)
        return r == -ENOENT ? OUTCOME_UNSEALED : r;
    r = manifest_parse(bytes_view(&text), reason, &manifest);
    if (r > 0)
        return reason_prefix(reason, OUTCOME_BAD_REPOSITORY, "%s/" SEALED_MANIFEST ": ", directory);
    for (size_t i = 0; r == 0 && i < manifest.count; i++)
        r = check_file(folder, directory, &manifest.credentials[i], reason);
    if (r == 0)
        r = check_no_others(folder, directory, &manifest, reason);
    if (r != 0)
        return r;
    *ret = TAKE(manifest);
    *ret_leaf = merkle_leaf(bytes_view(&text));
    return 0;
}

int sealed_examine(const Repository *repository, const char *parent, const char *host,
                   Reason *reason)
{
    _cleanup_(manifest_done) Manifest manifest = {0};
    MerkleHash leaf;

    return read_sealed(repository, parent, host, reason, &manifest, &leaf);
}

/* Whether HOST has the TPM names KEYS, as the inventory has them. */
static bool has_keys(const FleetHost *host, const char *keys)
{
    char text[_FLEET_KEY_MAX * sizeof(host->keys[0])] = "";

    for (size_t i = 0; i < _FLEET_KEY_MAX; i++)
        if (host->keys[i][0]) {
            strcat(text, text[0] ? " " : "");
            strcat(text, host->keys[i]);
        }
    return keys && strcmp(text, keys) == 0;
}

/* Whether MANIFEST is of HOST and its secrets. 0, OUTCOME_BAD_REPOSITORY. */
static int check_manifest(const Manifest *manifest, const Inventory *inventory,
                          const RepositoryHost *host, Reason *reason)
{
    bool same = manifest->count == host->secret_count;

    if (!has_keys(&manifest->host, inventory_find(inventory, "key", host->name)))
        return reason_set(reason, OUTCOME_BAD_REPOSITORY,
                          SEALED_DIRECTORY "/%s/" SEALED_MANIFEST
                                           " is for other TPM keys than those of %s",
                          host->name, host->name);
    for (size_t i = 0; same && i < manifest->count; i++)
        same =
            credential_name_equal(&manifest->credentials[i].name, &host->secrets[i]->credential) &&
            manifest->credentials[i].pending == host->secrets[i]->pending;
    return same ? 0
                : reason_set(reason, OUTCOME_BAD_REPOSITORY,
                             SEALED_DIRECTORY "/%s/" SEALED_MANIFEST
                                              " does not name the secrets of this host",
                             host->name);
}

int sealed_check(const SealedSurvey *survey, const RepositoryHost *host, Reason *reason,
                 MerkleHash *ret)
{
    _cleanup_(manifest_done) Manifest manifest = {0};
    Reason why = {0};
    int r = read_sealed(survey->repository, SEALED_DIRECTORY, host->name, &why, &manifest, ret);

    if (r == 0)
        r = check_manifest(&manifest, survey->inventory, host, &why);
    if (r == OUTCOME_BAD_REPOSITORY)
        return reason_set(reason, r, "%s. Seal for this host again: nspawn-creds fleet seal",
                          why.text);
    if (r != 0 && reason)
        *reason = why;
    return r;
}

/* --- planning --- */

void sealed_plan_done(SealedPlan *plan)
{
    bytes_done(&plan->inputs);
    free(plan->seal);
    free(plan->damage);
    *plan = (SealedPlan){0};
}

/* Whether two secrets of a host share a key: they are of one machine and have one policy. */
static bool share_key(const FleetSecret *a, const FleetSecret *b)
{
    return strcmp(a->credential.machine, b->credential.machine) == 0 && a->pcrs == b->pcrs &&
           a->policy_pcrs == b->policy_pcrs;
}

/* Whether LINE is one of the lines of TEXT. */
static bool has_line(const Bytes *text, const char *line)
{
    size_t length = strlen(line);
    const uint8_t *rest = text->data, *end = text->data + text->size, *found;

    while (rest && (found = memmem(rest, (size_t)(end - rest), line, length))) {
        if (found == text->data || found[-1] == '\n')
            return true;
        rest = found + 1;
    }
    return false;
}

/* Which secrets of HOST have changed since OLD, and with them all that share their key. */
static void mark_changed(const SealedSurvey *survey, const RepositoryHost *host, const Bytes *old,
                         bool *seal)
{
    for (size_t i = 0; i < host->secret_count; i++) {
        const FleetSecret *secret = host->secrets[i];

        if (has_line(old, survey->lines[index_of(survey->repository, secret)]))
            continue;
        for (size_t j = 0; j < host->secret_count; j++)
            seal[j] |= share_key(host->secrets[j], secret);
    }
}

/* Whether HOST's files were found to be right when they looked like this. */
static bool is_known_stamp(const SealedSurvey *survey, const RepositoryHost *host,
                           const SealedStamp *stamp)
{
    return stamp->settled && known_leaf_is(&survey->verified->stamps, host->name, &stamp->digest);
}

/* The same as sealed_survey() by reading all files. */
static int compare(const SealedSurvey *survey, const RepositoryHost *host, Reason *reason,
                   SealedState *state)
{
    const Repository *repository = survey->repository;
    _cleanup_(manifest_done) Manifest manifest = {0};
    _cleanup_(bytes_done) Bytes old = {0}, inputs = {0};
    int r = sealed_inputs(survey, host, &inputs);

    if (r == 0)
        r = sealed_read(repository, SEALED_DIRECTORY, host->name, SEALED_INPUTS,
                        LIMIT_MANIFEST_BYTES, &state->damage, &old);
    if (r == 0)
        r = read_sealed(repository, SEALED_DIRECTORY, host->name, &state->damage, &manifest,
                        &state->leaf);
    state->same = r == 0 && bytes_view_equal(bytes_view(&old), bytes_view(&inputs));
    if (state->same)
        r = check_manifest(&manifest, survey->inventory, host, &state->damage);
    if (r < 0 && r != -ENOENT) {
        *reason = state->damage;
        return r;
    }
    state->same = state->same && r == 0;
    state->rc = r == -ENOENT ? OUTCOME_UNSEALED : r;
    return 0;
}

int sealed_survey(const SealedSurvey *survey, const RepositoryHost *host, Reason *reason,
                  SealedState *ret)
{
    SealedState state = {0};
    int r = sealed_stamp(survey, host, &state.stamp); /* before they are read */

    if (r == 0 && is_known_stamp(survey, host, &state.stamp))
        state.same = true;
    else if (r == 0)
        r = compare(survey, host, reason, &state);
    if (r == 0)
        *ret = state;
    return r;
}

int sealed_plan_make(const SealedSurvey *survey, const RepositoryHost *host,
                     const SealedState *state, Reason *reason, SealedPlan *ret)
{
    static const size_t identity = sizeof("host ") - 1 + DIGEST_TEXT_BYTES; /* the first line */
    _cleanup_(sealed_plan_done) SealedPlan plan = {.host = host};
    _cleanup_(bytes_done) Bytes old = {0};
    int r = sealed_inputs(survey, host, &plan.inputs);

    if (r == 0 && state->rc == 0)
        r = sealed_read(survey->repository, SEALED_DIRECTORY, host->name, SEALED_INPUTS,
                        LIMIT_MANIFEST_BYTES, reason, &old);
    if (r != 0)
        return r;
    plan.seal = calloc(host->secret_count + 1, sizeof(plan.seal[0]));
    if (!plan.seal)
        return -ENOMEM;
    if (state->rc == OUTCOME_BAD_REPOSITORY && !(plan.damage = strdup(state->damage.text)))
        return -ENOMEM;
    if (old.size < identity || memcmp(old.data, plan.inputs.data, identity) != 0 ||
        !known_leaf_is(&survey->verified->known, host->name, &state->leaf))
        memset(plan.seal, true, host->secret_count);
    else
        mark_changed(survey, host, &old, plan.seal);
    *ret = TAKE(plan);
    return 0;
}

/* --- sealing --- */

typedef struct Making {
    const Context *context;
    const Repository *repository;
    SealedPlan *plan;
    Secret *const *values;
    Identity identity;
    Manifest old;      /* of the files that are kept */
    int old_fd, fd;    /* their directory, and the new one */
    Manifest manifest; /* the new one */
    SealKeys *keys;    /* for each secret; made for the first one of those that share them */
    size_t files;
} Making;

static void making_done(Making *making)
{
    for (size_t i = 0; making->keys && i < making->plan->host->secret_count; i++)
        seal_keys_done(&making->keys[i]);
    free(making->keys);
    identity_done(&making->identity);
    manifest_done(&making->old);
    manifest_done(&making->manifest);
    close_keep_errno(making->old_fd);
    close_keep_errno(making->fd);
}

/* All files are synced together at the end. */
static int write_file(int directory, const char *name, BytesView content, Reason *reason)
{
    _cleanup_(closep) int fd =
        openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    int r = fd < 0 ? -errno : file_write_fd(fd, content);

    return r == 0 ? 0 : reason_set(reason, r, "cannot write %.200s", name);
}

static SealSpec spec_of(const Making *making, const FleetSecret *secret, const char *name)
{
    return (SealSpec){
        .keys = SEAL_GIVEN_KEYS,
        .key_types = secret->policy_pcrs ? KIND_TPM | KIND_PUBLIC_KEY : KIND_TPM,
        .has_pcrs = true,
        .pcrs = {.mask = secret->pcrs},
        .has_public_key_pcrs = secret->policy_pcrs != 0,
        .public_key_pcrs = secret->policy_pcrs,
        .version = 255, /* the first that opens files which were sealed elsewhere */
        .host = &making->identity,
        .name = name,
        .format = SEAL_BASE64,
    };
}

/* Finds the keys of secret number NUMBER, or makes them. */
static int get_keys(const Making *making, const SealContext *seal, size_t number, Reason *reason,
                    const SealKeys **ret)
{
    const FleetSecret **secrets = making->plan->host->secrets;
    size_t first = 0;
    int r = 0;

    while (!share_key(secrets[first], secrets[number]))
        first++;
    if (!making->keys[first].kind)
        r = seal_prepare(seal, NULL, reason, &making->keys[first]);
    *ret = &making->keys[first];
    return r;
}

static int seal_file(Making *making, size_t number, Reason *reason, Bytes *ret)
{
    const FleetSecret *secret = making->plan->host->secrets[number];
    char name[CREDENTIAL_NAME_TEXT_BYTES] = "";
    SealSpec spec = spec_of(making, secret, name);
    SealContext seal = {making->context, &spec, NULL};
    const SealKeys *keys = NULL;
    int r;

    credential_name_format(&secret->credential, name);
    r = get_keys(making, &seal, number, reason, &keys);
    if (r == 0)
        r = seal_value(&seal, keys, making->values[index_of(making->repository, secret)], reason,
                       ret);
    return r;
}

/* Gives the old file a second name in the new directory, if it is the one that was sealed here. */
static int keep_file(const Making *making, const FleetSecret *secret, const char *name,
                     Reason *reason, Bytes *ret)
{
    const ManifestCredential *old = manifest_find(&making->old, &secret->credential);
    const char *host = making->plan->host->name;
    char digest[DIGEST_TEXT_BYTES];
    int r = sealed_read(making->repository, SEALED_DIRECTORY, host, name, LIMIT_FILE_BYTES, reason,
                        ret);

    if (r != 0 && r != -ENOENT)
        return r;
    if (r == 0)
        digest_format(bytes_view(ret), digest);
    if (r != 0 || !old || strcmp(old->sha256, digest) != 0)
        return reason_set(reason, OUTCOME_CHANGED, SEALED_DIRECTORY "/" NOT_NAMED, host, name);
    return linkat(making->old_fd, name, making->fd, name, 0) < 0
               ? reason_set(reason, -errno, "cannot keep %.100s", name)
               : 0;
}

static int make_file(Making *making, size_t number, Reason *reason)
{
    const FleetSecret *secret = making->plan->host->secrets[number];
    ManifestCredential *credential = &making->manifest.credentials[number];
    _cleanup_(bytes_done) Bytes file = {0};
    char name[FILE_NAME_BYTES];
    int r;

    file_name(&secret->credential, name);
    if (making->plan->seal[number]) {
        r = seal_file(making, number, reason, &file);
        if (r == 0)
            r = write_file(making->fd, name, bytes_view(&file), reason);
        making->files++;
    } else
        r = keep_file(making, secret, name, reason, &file);
    if (r != 0)
        return r;
    credential->name = secret->credential;
    digest_format(bytes_view(&file), credential->sha256);
    credential->size = file.size;
    credential->pending = secret->pending;
    making->manifest.count = number + 1;
    return 0;
}

/* Makes the new directory, and opens the old one. */
static int open_directories(Making *making, Reason *reason)
{
    _cleanup_(closep) int parent = repository_directory(making->repository, SEALED_NEW);
    const char *host = making->plan->host->name;
    char path[PATH_BYTES];

    snprintf(path, sizeof(path), SEALED_DIRECTORY "/%s", host);
    making->old_fd = repository_directory(making->repository, path); /* none: nothing is kept */
    if (parent < 0 || mkdirat(parent, host, 0755) < 0)
        return reason_set(reason, parent < 0 ? parent : -errno, "cannot make " SEALED_NEW "/%s",
                          host);
    making->fd = openat(parent, host, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return making->fd < 0 ? reason_set(reason, -errno, "cannot open " SEALED_NEW "/%s", host) : 0;
}

static int prepare(Making *making, Reason *reason)
{
    const RepositoryHost *host = making->plan->host;
    _cleanup_(bytes_done) Bytes old = {0};
    int r = repository_read_identity(making->repository, host->name, reason, &making->identity);

    making->keys = calloc(host->secret_count + 1, sizeof(making->keys[0]));
    making->manifest.credentials =
        calloc(host->secret_count + 1, sizeof(making->manifest.credentials[0]));
    if (r == 0 && (!making->keys || !making->manifest.credentials))
        r = -ENOMEM;
    if (r != 0)
        return r;
    making->manifest.host = fleet_host_of(&making->identity);
    if (sealed_read(making->repository, SEALED_DIRECTORY, host->name, SEALED_MANIFEST,
                    LIMIT_MANIFEST_BYTES, NULL, &old) == 0)
        (void)manifest_parse(bytes_view(&old), NULL, &making->old);
    return open_directories(making, reason);
}

int sealed_make(const Context *context, const Repository *repository, SealedPlan *plan,
                Secret *const *values, Reason *reason, size_t *ret_files)
{
    _cleanup_(making_done) Making making = {.context = context,
                                            .repository = repository,
                                            .plan = plan,
                                            .values = values,
                                            .old_fd = -1,
                                            .fd = -1};
    _cleanup_(bytes_done) Bytes manifest = {0};
    Reason why = {0};
    int r = prepare(&making, &why);

    for (size_t i = 0; r == 0 && i < plan->host->secret_count; i++)
        r = make_file(&making, i, &why);
    if (r == 0)
        r = manifest_format(&making.manifest, &manifest);
    if (r == 0 && manifest.size > LIMIT_MANIFEST_BYTES)
        r = reason_set(&why, OUTCOME_BAD_REPOSITORY, "it has too many secrets");
    if (r == 0)
        r = write_file(making.fd, SEALED_MANIFEST, bytes_view(&manifest), &why);
    if (r == 0)
        r = write_file(making.fd, SEALED_INPUTS, bytes_view(&plan->inputs), &why);
    if (r != 0) {
        reason_set(reason, 0, "host %s: %s", plan->host->name,
                   why.text[0] ? why.text : outcome_sentence(r));
        return r;
    }
    plan->leaf = merkle_leaf(bytes_view(&manifest));
    *ret_files = making.files;
    return 0;
}
