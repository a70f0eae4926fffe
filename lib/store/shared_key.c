/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A sealed key that is there already. See shared_key.h.
 */

#include "store/shared_key.h"

#include "credential/open.h"

/* Parts that have nothing to do with the sealed key. */
#define PARTS_BESIDE ((unsigned)(KIND_HOST | KIND_SCOPED))

void shared_key_done(SharedKey *key)
{
    tpm_sealed_done(&key->sealed);
    secret_free(key->key);
    *key = (SharedKey){0};
}

/* Whether the PCRs that a fresh key would be sealed for are those of SEALED. */
static int check_pcrs(const TpmSealedView *sealed, const TpmSealRequest *request, Reason *reason)
{
    /* What tpm_seal() takes where it may choose; a TPM without it gets no shared keys. */
    uint16_t bank = request->pcrs.bank ? request->pcrs.bank : TPM_ALGORITHM_SHA256;
    char has[TPM_PCR_TEXT_BYTES], wanted[TPM_PCR_TEXT_BYTES];

    /* they may be others than those of now, which alone can be tried */
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

/* Whether what a fresh key would be sealed for is what this one is; the TPM is not asked. */
static int check(const CredentialSections *parts, const SharedKeyRequest *wanted, Reason *reason)
{
    const TpmSealRequest *request = wanted->request;
    int r;

    if (!kind_has(parts->kind, KIND_TPM))
        return reason_set(reason, OUTCOME_NOT_FOUND, "it has no TPM key (%s)", parts->kind->name);
    if ((parts->kind->parts ^ wanted->parts) & ~PARTS_BESIDE ||
        credential_openable(parts, NULL) != 0)
        return reason_set(reason, OUTCOME_NOT_FOUND, "its key is of another form (%s)",
                          parts->kind->name);
    r = check_pcrs(&parts->tpm, request, reason);
    if (r != 0)
        return r;
    if (kind_has(parts->kind, KIND_PUBLIC_KEY) &&
        (parts->tpm.public_key_mask != request->public_key_mask ||
         !bytes_view_equal(parts->tpm.public_key, request->public_key)))
        return reason_set(reason, OUTCOME_NOT_FOUND, "its key is sealed for another signed policy");
    if (!tpm_sealed_is_native(&parts->tpm))
        return reason_set(reason, OUTCOME_NOT_FOUND,
                          "its key was made outside of the TPM, where others may know it");
    return 0;
}

static int unseal(Tpm *tpm, TpmSealedView sealed, const SharedKeyRequest *wanted, Reason *reason,
                  SharedKey *ret)
{
    _cleanup_(shared_key_done) SharedKey key = {0};
    int r = tpm_sealed_dup(&sealed, &key.sealed);

    sealed.signatures = wanted->signatures;
    if (r == 0)
        r = tpm_unseal(tpm, &sealed, reason, &key.key);
    if (r != 0)
        return r;
    *ret = key;
    key = (SharedKey){0};
    return 0;
}

/* FILE to RET_RAW, which RET_PARTS borrows, if its key is as wished. */
static int take_apart(BytesView file, const SharedKeyRequest *wanted, Reason *reason,
                      Bytes *ret_raw, CredentialSections *ret_parts)
{
    _cleanup_(bytes_done) Bytes raw = {0};
    CredentialSections parts;
    int r = credential_unpack(file, reason, &raw, &parts);

    if (r == 0)
        r = check(&parts, wanted, reason);
    if (r != 0)
        return r;
    *ret_parts = parts;
    *ret_raw = raw;
    raw = (Bytes){0};
    return 0;
}

int shared_key_of_file(Tpm *tpm, BytesView file, const SharedKeyRequest *wanted, Reason *reason,
                       SharedKey *ret)
{
    _cleanup_(bytes_done) Bytes raw = {0};
    CredentialSections parts;
    int r = take_apart(file, wanted, reason, &raw, &parts);

    return r == 0 ? unseal(tpm, parts.tpm, wanted, reason, ret) : r;
}

int shared_key_find(const Store *store, const char *machine, const SharedKeyRequest *wanted,
                    Reason *reason, TpmSealed *ret)
{
    _cleanup_(freep) StoreEntry *entries = NULL;
    size_t count;
    int r = store_list(store, machine, reason, &entries, &count);

    if (r != 0)
        return r;
    for (size_t i = 0; i < count; i++) {
        _cleanup_(bytes_done) Bytes file = {0}, raw = {0};
        CredentialSections parts;

        if (store_read(store, &entries[i].name, NULL, &file) == 0 &&
            take_apart(bytes_view(&file), wanted, NULL, &raw, &parts) == 0)
            return tpm_sealed_dup(&parts.tpm, ret);
    }
    return reason_set(reason, OUTCOME_NOT_FOUND, "no credential of %s has a key to share", machine);
}

/* Keys that could not be unsealed: most of a machine's credentials may have the same. */
typedef struct Tried {
    TpmSealed keys[LIMIT_SHARED_KEYS];
    unsigned count;
    int rc; /* of the last */
} Tried;

static void tried_done(Tried *tried)
{
    for (unsigned i = 0; i < tried->count; i++)
        tpm_sealed_done(&tried->keys[i]);
}

static bool was_tried(const Tried *tried, const TpmSealedView *sealed)
{
    for (unsigned i = 0; i < tried->count; i++) {
        TpmSealedView view = tpm_sealed_view(&tried->keys[i]);

        if (tpm_sealed_view_equal(&view, sealed))
            return true;
    }
    return false;
}

/* 0, or OUTCOME_NOT_FOUND to go on with the next; others are final. REASON is why a key could not
 * be unsealed, and stays as it is if there is none to try. */
static int try_entry(Tpm *tpm, BytesView file, const SharedKeyRequest *wanted, Reason *reason,
                     Tried *tried, SharedKey *ret)
{
    _cleanup_(bytes_done) Bytes raw = {0};
    CredentialSections parts;
    int r;

    if (take_apart(file, wanted, NULL, &raw, &parts) != 0 || was_tried(tried, &parts.tpm))
        return OUTCOME_NOT_FOUND;
    r = unseal(tpm, parts.tpm, wanted, reason, ret);
    if (r == 0)
        return 0;
    tried->rc = r;
    /* what is to be expected of an old key; with anything else the next has no better chance */
    if (r != OUTCOME_TPM_PCR_MISMATCH && r != OUTCOME_TPM_NO_SIGNATURE &&
        r != OUTCOME_TPM_FOREIGN && r != OUTCOME_MALFORMED)
        return r;
    r = tpm_sealed_dup(&parts.tpm, &tried->keys[tried->count]);
    if (r != 0)
        return r;
    tried->count++;
    return OUTCOME_NOT_FOUND;
}

int shared_key_of_machine(Tpm *tpm, const Store *store, const char *machine,
                          const SharedKeyRequest *wanted, Reason *reason, SharedKey *ret)
{
    _cleanup_(freep) StoreEntry *entries = NULL;
    _cleanup_(tried_done) Tried tried = {.rc = OUTCOME_NOT_FOUND};
    size_t count;
    int r = store_list(store, machine, reason, &entries, &count);

    if (r != 0)
        return r;
    for (size_t i = 0; i < count && tried.count < LIMIT_SHARED_KEYS; i++) {
        _cleanup_(bytes_done) Bytes file = {0};

        if (store_read(store, &entries[i].name, NULL, &file) != 0)
            continue;
        r = try_entry(tpm, bytes_view(&file), wanted, reason, &tried, ret);
        if (r != OUTCOME_NOT_FOUND)
            return r;
    }
    if (tried.count == 0)
        return reason_set(reason, OUTCOME_NOT_FOUND, "no credential of %s has a key to share",
                          machine);
    return tried.rc;
}
