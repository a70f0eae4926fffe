/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fleet/inventory.h"

#include "base/array.h"
#include "fleet/fleet_host.h"
#include "fleet/masters.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>

/* A line's room: two names, and a recipient or settings. */
#define LINE_BYTES ((size_t)1024)

void inventory_done(Inventory *inventory)
{
    free(inventory->text);
    free(inventory->lines);
    *inventory = (Inventory){0};
}

int inventory_parse(char *text, Inventory *ret)
{
    _cleanup_(inventory_done) Inventory inventory = {.text = text};
    char *line, *rest = text;

    while (rest && *rest && (line = strsep(&rest, "\n"))) {
        if (!ARRAY_GROW(inventory.lines, inventory.count))
            return -ENOMEM;
        inventory.lines[inventory.count++] = line;
    }
    strings_sort(inventory.lines, inventory.count);
    *ret = TAKE(inventory);
    return 0;
}

MerkleHash inventory_digest(const Inventory *inventory)
{
    crypto_hash_sha256_state state;
    MerkleHash digest;

    crypto_hash_sha256_init(&state);
    for (size_t i = 0; i < inventory->count; i++) {
        const char *line = inventory->lines[i];

        crypto_hash_sha256_update(&state, (const uint8_t *)line, strlen(line));
        crypto_hash_sha256_update(&state, (const uint8_t *)"\n", 1);
    }
    crypto_hash_sha256_final(&state, digest.bytes);
    return digest;
}

const char *inventory_find(const Inventory *inventory, const char *kind, const char *name)
{
    char start[LINE_BYTES];
    size_t length = (size_t)snprintf(start, sizeof(start), "%s %s ", kind, name), low = 0,
           high = inventory->count;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (strncmp(inventory->lines[middle], start, length) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < inventory->count && strncmp(inventory->lines[low], start, length) == 0
               ? inventory->lines[low] + length
               : NULL;
}

/* --- making --- */

/* REST may be NULL. */
static void add(Writer *writer, const char *kind, const char *name, const char *rest)
{
    writer_format(writer, "%s %s%s%s\n", kind, name, rest ? " " : "", rest ? rest : "");
}

static void add_proof(const IdentityProof *proof, const char *host, Writer *writer)
{
    char endorsement[2 * IDENTITY_DIGEST_BYTES + 1], text[sizeof(endorsement) + 32];

    if (proof->by == IDENTITY_UNPROVED)
        return;
    sodium_bin2hex(endorsement, sizeof(endorsement), proof->endorsement,
                   sizeof(proof->endorsement));
    snprintf(text, sizeof(text), "%s %s", identity_trust_name(proof->by), endorsement);
    add(writer, "proof", host, text);
}

static int add_keys(const Repository *repository, const char *host, Reason *reason, Writer *writer)
{
    _cleanup_(identity_done) Identity identity = {0};
    FleetHost keys;
    int r = repository_read_identity(repository, host, reason, &identity);

    if (r != 0)
        return r;
    keys = fleet_host_of(&identity);
    writer_format(writer, "key %s", host);
    for (size_t i = 0; i < _FLEET_KEY_MAX; i++)
        if (keys.keys[i][0])
            writer_format(writer, " %s", keys.keys[i]);
    writer_text(writer, "\n");
    add_proof(&identity.proof, host, writer);
    return 0;
}

static int add_host(const Repository *repository, const RepositoryHost *host,
                    const Inventory *before, Reason *reason, Writer *writer)
{
    const char *digest_before = inventory_find(before, "host", host->name),
               *keys = inventory_find(before, "key", host->name),
               *proof = inventory_find(before, "proof", host->name);
    _cleanup_(bytes_done) Bytes file = {0};
    char digest[DIGEST_TEXT_BYTES];
    int r = repository_read_host(repository, host->name, reason, &file);

    if (r != 0)
        return r;
    digest_format(bytes_view(&file), digest);
    add(writer, "host", host->name, digest);
    for (size_t i = 0; i < host->secret_count; i++)
        add(writer, "match", host->secrets[i]->name, host->name);
    if (digest_before && keys && strcmp(digest_before, digest) == 0) {
        add(writer, "key", host->name, keys);
        if (proof)
            add(writer, "proof", host->name, proof);
        return 0;
    }
    return add_keys(repository, host->name, reason, writer);
}

static size_t format_pcrs(const char *name, uint64_t mask, char *text, size_t size)
{
    size_t length = 0;

    for (int i = 0; i < 64 && length < size; i++)
        if (mask & UINT64_C(1) << i)
            length +=
                (size_t)snprintf(text + length, size - length, length == 0 ? " %s=%d" : "+%s%d",
                                 length == 0 ? name : "", i);
    return length;
}

void inventory_settings(const FleetSecret *secret, char text[INVENTORY_SETTINGS_BYTES])
{
    size_t length;

    credential_name_format(&secret->credential, text);
    length = strlen(text);
    length += format_pcrs("pcrs", secret->pcrs, text + length, INVENTORY_SETTINGS_BYTES - length);
    format_pcrs("pcrPolicy", secret->policy_pcrs, text + length, INVENTORY_SETTINGS_BYTES - length);
}

static int add_secret(const Repository *repository, const FleetSecret *secret, Reason *reason,
                      Writer *writer)
{
    char digest[DIGEST_TEXT_BYTES], settings[INVENTORY_SETTINGS_BYTES], recipe[64] = "",
                                                                        line[LINE_BYTES];
    _cleanup_(bytes_done) Bytes file = {0};
    int r = master_read_file(repository, secret->name, reason, &file);

    if (r == -ENOENT)
        return reason_set(reason, OUTCOME_BAD_REPOSITORY,
                          "secret \"%.100s\" has no value: there is no %s/%s.age", secret->name,
                          REPOSITORY_SECRETS, secret->name);
    if (r != 0)
        return r;
    digest_format(bytes_view(&file), digest);
    add(writer, "secret", secret->name, digest);
    if (secret->generated)
        snprintf(recipe, sizeof(recipe), " generate=%s:%zu", recipe_types[secret->recipe.type].name,
                 secret->recipe.length);
    inventory_settings(secret, settings);
    snprintf(line, sizeof(line), "%s%s%s", settings, recipe, secret->pending ? " pending" : "");
    add(writer, "settings", secret->name, line);
    return 0;
}

static int add_recipients(const Repository *repository, Reason *reason, Writer *writer)
{
    _cleanup_(recipients_done) Recipients recipients = {0};
    int r = recipients_read(repository, reason, &recipients);

    for (size_t i = 0; r == 0 && i < recipients.count; i++)
        add(writer, "recipient", recipients.lines[i], NULL);
    return r;
}

typedef struct OwnedKey {
    /* in a line "key HOST NAME..." or "proof HOST BY KEY", each up to a space or the end */
    const char *key, *host;
} OwnedKey;

/* The first words of A and B; no word contains a character below the space. */
static int compare_words(const char *a, const char *b)
{
    size_t first = strcspn(a, " "), second = strcspn(b, " ");

    return strncmp(a, b, first > second ? first : second);
}

static int compare_keys(const void *a, const void *b)
{
    return compare_words(((const OwnedKey *)a)->key, ((const OwnedKey *)b)->key);
}

/* Two hosts with one key could open each other's files. */
static int check_keys(const Inventory *inventory, Reason *reason)
{
    _cleanup_(freep) OwnedKey *keys = NULL;
    size_t count = 0;

    for (size_t i = 0; i < inventory->count; i++) {
        const char *line = inventory->lines[i], *host = strchr(line, ' ') + 1;
        bool proof = strncmp(line, "proof ", strlen("proof ")) == 0;

        if (!proof && strncmp(line, "key ", strlen("key ")) != 0)
            continue;
        /* of a proof, the endorsement key alone */
        for (const char *space = proof ? strrchr(host, ' ') : strchr(host, ' '); space;
             space = strchr(space + 1, ' ')) {
            if (!ARRAY_GROW(keys, count))
                return -ENOMEM;
            keys[count++] = (OwnedKey){space + 1, host};
        }
    }
    if (count > 0)
        qsort(keys, count, sizeof(keys[0]), compare_keys);
    for (size_t i = 1; i < count; i++) {
        const char *one = keys[i - 1].host, *other = keys[i].host;

        if (compare_keys(&keys[i - 1], &keys[i]) == 0 && compare_words(one, other) != 0)
            return reason_set(reason, OUTCOME_BAD_REPOSITORY,
                              "hosts %.*s and %.*s have the same TPM key, so that each could open "
                              "the other's files. Remove the one that is not there any more: "
                              "nspawn-creds fleet revoke host %.*s",
                              (int)strcspn(one, " "), one, (int)strcspn(other, " "), other,
                              (int)strcspn(one, " "), one);
    }
    return 0;
}

static int check_proofs(const Repository *repository, const Inventory *inventory, Reason *reason)
{
    for (size_t i = 0; i < repository->host_count; i++)
        if (!inventory_find(inventory, "proof", repository->hosts[i].name))
            return reason_set(reason, OUTCOME_NOT_PROVED,
                              "%s requires it (requireProof), and the identity of host %s has no "
                              "proof",
                              REPOSITORY_FILE, repository->hosts[i].name);
    return 0;
}

/* Takes apart what WRITER has. */
static int take(Writer *writer, Inventory *ret)
{
    Bytes text;
    int r;

    writer_bytes(writer, (BytesView){(const uint8_t *)"", 1});
    r = writer_take(writer, &text);
    return r == 0 ? inventory_parse((char *)text.data, ret) : r;
}

int inventory_make(const Repository *repository, const Inventory *before, Reason *reason,
                   Inventory *ret)
{
    _cleanup_(writer_done) Writer writer = {0};
    _cleanup_(inventory_done) Inventory inventory = {0};
    int r = add_recipients(repository, reason, &writer);

    if (repository->file.require_proof)
        add(&writer, "rule", "requireProof", NULL);
    for (size_t i = 0; r == 0 && i < repository->host_count; i++)
        r = add_host(repository, &repository->hosts[i], before, reason, &writer);
    for (size_t i = 0; r == 0 && i < repository->file.secret_count; i++)
        r = add_secret(repository, &repository->file.secrets[i], reason, &writer);
    if (r == 0)
        r = take(&writer, &inventory);
    if (r == 0)
        r = check_keys(&inventory, reason);
    if (r == 0 && repository->file.require_proof)
        r = check_proofs(repository, &inventory, reason);
    if (r == 0)
        *ret = TAKE(inventory);
    return r;
}

void inventory_write(const Inventory *inventory, Writer *writer)
{
    for (size_t i = 0; i < inventory->count; i++)
        writer_format(writer, "%s\n", inventory->lines[i]);
}

int inventory_copy(const Inventory *inventory, Inventory *ret)
{
    _cleanup_(writer_done) Writer writer = {0};

    inventory_write(inventory, &writer);
    return take(&writer, ret);
}
