/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "store/shared_key.h"

#include "credential/open.h"

#include <string.h>

/* Key types that do not concern the sealed key. */
#define PARTS_BESIDE ((unsigned)(KIND_HOST | KIND_SCOPED))

/* Whether SEALED has the PCRs that a fresh key would be sealed for. */
static int check_pcrs(const TpmSealedView *sealed, const TpmSealRequest *request, Reason *reason)
{
    /* tpm_seal()'s first choice; keys of a TPM without this bank are not shared */
    uint16_t bank = request->pcrs.bank ? request->pcrs.bank : TPM_ALGORITHM_SHA256;
    char has[TPM_PCR_TEXT_BYTES], wanted[TPM_PCR_TEXT_BYTES];

    /* they may differ from the present values, which are all that unsealing can prove */
    if (request->pcrs.given != 0)
        return reason_set(reason, OUTCOME_NOT_FOUND, "values of PCRs are given");
    if (sealed->pcr_mask != request->pcrs.mask) {
        tpm_pcr_mask_format(sealed->pcr_mask & TPM_PCR_MASK_ALL, has);
        tpm_pcr_mask_format(request->pcrs.mask & TPM_PCR_MASK_ALL, wanted);
        return reason_set(reason, OUTCOME_NOT_FOUND, "its key's PCRs are %s, not %s",
                          has[0] ? has : "none", wanted[0] ? wanted : "none");
    }
    if (sealed->pcr_bank != bank)
        return reason_set(reason, OUTCOME_NOT_FOUND, "its key is sealed for PCRs of %s",
                          tpm_bank_name(sealed->pcr_bank));
    return 0;
}

/* Whether this key is sealed like a fresh one would be, as far as is known without the TPM. */
static int check(const CredentialSections *sections, const SharedKeyRequest *wanted, Reason *reason)
{
    const TpmSealRequest *request = wanted->request;
    unsigned beside = PARTS_BESIDE | (wanted->any_form ? KIND_PINNED : 0);
    int r;

    if (!kind_has(sections->kind, KIND_TPM))
        return reason_set(reason, OUTCOME_NOT_FOUND, "it has no TPM key (%s)",
                          sections->kind->name);
    if ((sections->kind->key_types ^ wanted->key_types) & ~beside ||
        credential_openable(sections, NULL) != 0)
        return reason_set(reason, OUTCOME_NOT_FOUND, "its key is of another form (%s)",
                          sections->kind->name);
    r = check_pcrs(&sections->tpm, request, reason);
    if (r != 0)
        return r;
    if (kind_has(sections->kind, KIND_PUBLIC_KEY) &&
        (sections->tpm.public_key_mask != request->public_key_mask ||
         !bytes_view_equal(sections->tpm.public_key, request->public_key)))
        return reason_set(reason, OUTCOME_NOT_FOUND, "its key is sealed for another signed policy");
    if (!tpm_sealed_is_native(&sections->tpm))
        return reason_set(reason, OUTCOME_NOT_FOUND,
                          "its key was made outside of the TPM, where others may know it");
    return 0;
}

/* Decodes FILE if its key is suitable. RET_SECTIONS borrows from RET_RAW. */
static int take_apart(BytesView file, const SharedKeyRequest *wanted, Reason *reason,
                      Bytes *ret_raw, CredentialSections *ret_sections)
{
    _cleanup_(bytes_done) Bytes raw = {0};
    CredentialSections sections;
    int r = credential_unpack(file, reason, &raw, &sections);

    if (r == 0)
        r = check(&sections, wanted, reason);
    if (r != 0)
        return r;
    *ret_sections = sections;
    *ret_raw = TAKE(raw);
    return 0;
}

void shared_keys_done(SharedKeys *keys)
{
    for (unsigned i = 0; i < keys->count; i++)
        tpm_sealed_done(&keys->keys[i]);
    *keys = (SharedKeys){0};
}

/* The index of SEALED in KEYS; .count if it is not there. */
static unsigned find_key(const TpmSealedView *sealed, const SharedKeys *keys)
{
    unsigned i = 0;

    while (i < keys->count && !tpm_sealed_is(&keys->keys[i], sealed))
        i++;
    return i;
}

/* Skips duplicates, because most of a machine's credentials have the same key. */
static int add_key(const TpmSealedView *sealed, SharedKeys *keys)
{
    int r = 0;

    if (find_key(sealed, keys) == keys->count) {
        r = tpm_sealed_dup(sealed, &keys->keys[keys->count]);
        keys->count += r == 0;
    }
    return r;
}

static void drop_key(const TpmSealedView *sealed, SharedKeys *keys)
{
    unsigned i = find_key(sealed, keys);

    if (i == keys->count)
        return;
    tpm_sealed_done(&keys->keys[i]);
    keys->count--;
    memmove(&keys->keys[i], &keys->keys[i + 1], (keys->count - i) * sizeof(keys->keys[0]));
}

int shared_keys_of_file(BytesView file, const SharedKeyRequest *wanted, Reason *reason,
                        SharedKeys *ret)
{
    _cleanup_(bytes_done) Bytes raw = {0};
    CredentialSections sections;
    int r = take_apart(file, wanted, reason, &raw, &sections);

    *ret = (SharedKeys){0};
    return r == 0 ? add_key(&sections.tpm, ret) : r;
}

static int none_found(const char *machine, Reason *reason)
{
    return reason_set(reason, OUTCOME_NOT_FOUND, "no credential of %s has a key to share", machine);
}

/* Reads the credential ENTRY if its key is suitable; see take_apart(). */
static int take_entry(const Store *store, const StoreEntry *entry, const SharedKeyRequest *wanted,
                      Bytes *ret_raw, CredentialSections *ret_sections)
{
    _cleanup_(bytes_done) Bytes file = {0};
    int r = entry->misdated ? OUTCOME_NOT_FOUND : store_read(store, &entry->name, NULL, &file);

    return r == 0 ? take_apart(bytes_view(&file), wanted, NULL, ret_raw, ret_sections) : r;
}

static const StoreEntry *find_entry(const StoreEntry *entries, size_t count, const char *id)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(entries[i].name.id, id) == 0)
            return &entries[i];
    return NULL;
}

static bool is_newer(const StoreEntry *entry, const StoreEntry *than)
{
    return entry->written[0] != than->written[0] ? entry->written[0] > than->written[0]
                                                 : entry->written[1] > than->written[1];
}

/* ENTRIES are in the order of store_list(). With OLD, adds only keys that no file as old as OLD
 * has. */
static int add_keys(const Store *store, const StoreEntry *entries, size_t count,
                    const StoreEntry *old, const SharedKeyRequest *wanted, SharedKeys *keys)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < count; i++) {
        _cleanup_(bytes_done) Bytes raw = {0};
        CredentialSections sections;

        if (take_entry(store, &entries[i], wanted, &raw, &sections) != 0)
            continue;
        if (old && !is_newer(&entries[i], old))
            drop_key(&sections.tpm, keys);
        else if (keys->count < LIMIT_SHARED_KEYS)
            r = add_key(&sections.tpm, keys);
    }
    return r;
}

int shared_keys_of_machine(const Store *store, const CredentialName *name,
                           const SharedKeyRequest *wanted, Reason *reason, SharedKeys *ret)
{
    _cleanup_(shared_keys_done) SharedKeys keys = {0};
    _cleanup_(freep) StoreEntry *entries = NULL;
    size_t count;
    int r = store_list(store, name->machine, reason, &entries, &count);

    if (r == 0)
        r = add_keys(store, entries, count, find_entry(entries, count, name->id), wanted, &keys);
    if (r == 0 && keys.count == 0)
        r = none_found(name->machine, reason);
    if (r == 0)
        *ret = TAKE(keys);
    return r;
}

int shared_key_find(const Store *store, const char *machine, const SharedKeyRequest *wanted,
                    Reason *reason, CredentialName *ret)
{
    _cleanup_(freep) StoreEntry *entries = NULL;
    size_t count;
    int r = store_list(store, machine, reason, &entries, &count);

    for (size_t i = 0; r == 0 && i < count; i++) {
        _cleanup_(bytes_done) Bytes raw = {0};
        CredentialSections sections;

        if (take_entry(store, &entries[i], wanted, &raw, &sections) != 0)
            continue;
        *ret = entries[i].name;
        return 0;
    }
    return r == 0 ? none_found(machine, reason) : r;
}

static int unseal(Tpm *tpm, TpmSealedView sealed, const SharedKeyRequest *wanted, Reason *reason,
                  TpmResult *ret)
{
    _cleanup_(tpm_sealed_done) TpmSealed copy = {0};
    int r = tpm_sealed_dup(&sealed, &copy);

    sealed.signatures = wanted->signatures;
    if (r == 0)
        r = tpm_unseal(tpm, &sealed, reason, &ret->key);
    if (r == 0)
        ret->sealed = TAKE(copy);
    return r;
}

int shared_keys_unseal(Tpm *tpm, const SharedKeys *keys, const SharedKeyRequest *wanted,
                       Reason *reason, TpmResult *ret)
{
    int r = reason_set(reason, OUTCOME_NOT_FOUND, "its key is of another form");

    for (unsigned i = 0; i < keys->count; i++) {
        TpmSealedView sealed = tpm_sealed_view(&keys->keys[i]);

        if ((sealed.srk.size > 0) != ((wanted->key_types & KIND_PINNED) != 0))
            continue;
        r = unseal(tpm, sealed, wanted, reason, ret);
        /* these are expected of an old key; after any other error the next key would fail, too */
        if (r != OUTCOME_TPM_PCR_MISMATCH && r != OUTCOME_TPM_NO_SIGNATURE &&
            r != OUTCOME_TPM_FOREIGN && r != OUTCOME_MALFORMED)
            break;
    }
    return r;
}
