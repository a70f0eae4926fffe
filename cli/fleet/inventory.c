/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fleet/inventory.h"

#include "base/array.h"
#include "fleet/fleet_host.h"
#include "fleet/masters.h"

#include <errno.h>
#include <sodium.h>
#include <stdarg.h>
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

/* Compares A and B, of these lengths. */
static int compare_parts(const char *a, size_t first, const char *b, size_t second)
{
    int r = memcmp(a, b, first < second ? first : second);

    return r != 0 ? r : (first > second) - (first < second);
}

static int compare_words(const char *a, const char *b)
{
    return compare_parts(a, strcspn(a, " "), b, strcspn(b, " "));
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

/* --- comparing --- */

typedef struct Comparison {
    char ***lines; /* the result */
    size_t *count;
    char secret[LIMIT_FLEET_SECRET_BYTES + 1]; /* of the matches that are collected */
    Writer added, removed;                     /* hosts that get it, or no longer */
    size_t added_count, hosts;                 /* how many get it now, of how many */
    bool kept;                                 /* a host gets it as before */
    bool failed;
} Comparison;

__attribute__((format(printf, 2, 3))) static void say(Comparison *comparison, const char *format,
                                                      ...)
{
    _cleanup_(freep) char *line = NULL;
    va_list arguments;

    va_start(arguments, format);
    if (vasprintf(&line, format, arguments) < 0)
        line = NULL;
    va_end(arguments);
    comparison->failed |= !line || !strings_add(comparison->lines, comparison->count, line);
}

/* Says which hosts get the last secret, or no longer. */
static void flush_matches(Comparison *comparison)
{
    _cleanup_(writer_done) Writer added = TAKE(comparison->added),
                                  removed = TAKE(comparison->removed);

    if (added.bytes.size > 0 && comparison->added_count == comparison->hosts)
        say(comparison, "secret %s: now for all %zu hosts", comparison->secret, comparison->hosts);
    else if (added.bytes.size > 0)
        say(comparison, "secret %s: now %sfor%.*s", comparison->secret,
            comparison->kept ? "also " : "", (int)added.bytes.size, (const char *)added.bytes.data);
    if (removed.bytes.size > 0)
        say(comparison, "secret %s: no longer for%.*s", comparison->secret, (int)removed.bytes.size,
            (const char *)removed.bytes.data);
    comparison->failed |= added.failed || removed.failed;
    comparison->added_count = 0;
    comparison->kept = false;
}

/* REST is "SECRET HOST"; the host got the secret BEFORE, or gets it AFTER, or both. */
static void match(Comparison *comparison, const char *rest, bool before, bool after)
{
    const char *host = strchr(rest, ' ');
    size_t length = host ? (size_t)(host - rest) : 0;

    if (!host || length >= sizeof(comparison->secret))
        return;
    if (strlen(comparison->secret) != length || memcmp(comparison->secret, rest, length) != 0) {
        flush_matches(comparison);
        memcpy(comparison->secret, rest, length);
        comparison->secret[length] = '\0';
    }
    if (before && after)
        comparison->kept = true;
    else
        writer_text(after ? &comparison->added : &comparison->removed, host);
    comparison->added_count += !before;
}

/* Where the value of a line begins; its end if it has none. */
static const char *value_of(const char *line)
{
    const char *name = strchr(line, ' '), *value = name ? strchr(name + 1, ' ') : NULL;

    if (!value || strncmp(line, "match ", 6) == 0 || strncmp(line, "recipient ", 10) == 0)
        return line + strlen(line);
    return value;
}

/* The lines BEFORE and AFTER are about the same and differ, but for matches; either may be NULL. A
 * host that is new is said with its key, and a secret with its settings. */
static void differ(Comparison *comparison, const char *before, const char *after)
{
    const char *line = after ? after : before ? before : "", *value = value_of(line);
    const char *old = before ? value_of(before) : "", *name = strchr(line, ' ');
    int length;

    if (!name)
        return;
    name++;
    length = (int)(value - name);
    if (strncmp(line, "match ", 6) == 0)
        match(comparison, name, before, after);
    else if (strncmp(line, "recipient ", 10) == 0)
        say(comparison, "recipient %s: %s", name, after ? "added" : "removed");
    else if (strncmp(line, "key ", 4) == 0 && after)
        say(comparison,
            before ? "host %.*s: ANOTHER KEY,%s instead of%s"
                   : "host %.*s: added, with the key%s%s",
            length, name, value, old);
    else if (strncmp(line, "host ", 5) == 0 && before)
        say(comparison, "host %.*s: %s", length, name,
            after ? "another identity (key, PCR values or names)" : "removed");
    else if (strncmp(line, "proof ", 6) == 0)
        say(comparison, after ? "host %.*s: proved by%s" : "host %.*s: NO LONGER PROVED", length,
            name, value);
    else if (strncmp(line, "rule ", 5) == 0)
        say(comparison,
            after ? "hosts have to be proved (%s)" : "hosts need NO PROOF any more (%s)", name);
    else if (strncmp(line, "secret ", 7) == 0 && before)
        say(comparison, "secret %.*s: %s", length, name,
            after ? "another value, or encrypted again" : "removed");
    else if (strncmp(line, "settings ", 9) == 0 && after)
        say(comparison, before ? "secret %.*s: as%s instead of%s" : "secret %.*s: added, as%s%s",
            length, name, value, old);
}

/* Compares what two lines are about. No name contains a character below the space. */
static int compare_subjects(const char *a, const char *b)
{
    return compare_parts(a, (size_t)(value_of(a) - a), b, (size_t)(value_of(b) - b));
}

int inventory_compare(const Inventory *before, const Inventory *after, char ***lines, size_t *count)
{
    Comparison comparison = {.lines = lines, .count = count};
    size_t i = 0, j = 0;

    for (size_t k = 0; k < after->count; k++)
        comparison.hosts += strncmp(after->lines[k], "host ", 5) == 0;
    while (i < before->count || j < after->count) {
        int order = i == before->count  ? 1
                    : j == after->count ? -1
                                        : compare_subjects(before->lines[i], after->lines[j]);
        const char *old = order <= 0 ? before->lines[i++] : NULL,
                   *new = order >= 0 ? after->lines[j++] : NULL;

        if (!old || !new || strcmp(old, new) != 0 || strncmp(old, "match ", 6) == 0)
            differ(&comparison, old, new);
    }
    flush_matches(&comparison);
    return comparison.failed ? -ENOMEM : 0;
}
