/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Endorsement keys of the TPM. See tpm_internal.h and key_template.h.
 *
 * A key is created from its template for each use: a TPM makes the same one every time. A vendor
 * may have written another unique part of the template into NV, or a nonce for it (TCG EK
 * Credential Profile for TPM Family 2.0, 2.2.2). With a password of the endorsement hierarchy keys
 * cannot be created; then one of the high range serves that somebody made persistent. Those of the
 * low range need the password for whatever they do.
 */

#include "tpm/tpm_internal.h"

#include <inttypes.h>
#include <string.h>
#include <tss2/tss2_mu.h>

/* Where endorsement keys are made persistent (Registry of Reserved TPM 2.0 Handles and Localities).
 */
#define PERSISTENT_FIRST   UINT32_C(0x81010000)
#define PERSISTENT_LAST    UINT32_C(0x8101ffff)

/* The largest NV index with a template that is read, bytes. */
#define TEMPLATE_BYTES_MAX sizeof(TPMT_PUBLIC)

/* NV indices of templates and nonces; the high range has no nonces. */
static const struct {
    TPM2_HANDLE template, nonce;
} indices[_TPM_ENDORSEMENT_MAX] = {
    [TPM_ENDORSEMENT_L1] = {0x01c00004, 0x01c00003},
    [TPM_ENDORSEMENT_L2] = {0x01c0000c, 0x01c0000b},
    [TPM_ENDORSEMENT_H1] = {0x01c00013, 0},
    [TPM_ENDORSEMENT_H2] = {0x01c00015, 0},
    [TPM_ENDORSEMENT_H3] = {0x01c00017, 0},
    [TPM_ENDORSEMENT_H6] = {0x01c0001d, 0},
    [TPM_ENDORSEMENT_H7] = {0x01c0001f, 0},
};

/* --- the template --- */

/* Whether A and B differ only in their unique parts. */
static bool is_same_template(const TPMT_PUBLIC *a, const TPMT_PUBLIC *b)
{
    TPMT_PUBLIC copy = *b;
    uint8_t bytes[2][sizeof(copy)];
    size_t size[2] = {0};

    copy.unique = a->unique;
    return Tss2_MU_TPMT_PUBLIC_Marshal(a, bytes[0], sizeof(bytes[0]), &size[0]) ==
               TSS2_RC_SUCCESS &&
           Tss2_MU_TPMT_PUBLIC_Marshal(&copy, bytes[1], sizeof(bytes[1]), &size[1]) ==
               TSS2_RC_SUCCESS &&
           bytes_view_equal((BytesView){bytes[0], size[0]}, (BytesView){bytes[1], size[1]});
}

bool tpm_endorsement_adopt(BytesView nv, TPMT_PUBLIC *area)
{
    TPMT_PUBLIC theirs = {0};

    if (Tss2_MU_TPMT_PUBLIC_Unmarshal(nv.data, nv.size, NULL, &theirs) != TSS2_RC_SUCCESS ||
        !is_same_template(&theirs, area))
        return false;
    area->unique = theirs.unique;
    return true;
}

/* Takes the unique part of the template in NV. */
static int take_template(Tpm *tpm, TPM2_HANDLE number, Reason *reason, TPMT_PUBLIC *template)
{
    _cleanup_(bytes_done) Bytes bytes = {0};
    int r = tpm_nv_read(tpm, number, TEMPLATE_BYTES_MAX, "reading the endorsement key's template",
                        reason, &bytes);

    if (r != 0 || bytes.size == 0)
        return r;
    if (!tpm_endorsement_adopt(bytes_view(&bytes), template))
        return reason_set(reason, OUTCOME_TPM_UNABLE,
                          "the template in the TPM's NV index 0x%08" PRIx32
                          " is not that of the TCG EK Credential Profile, so that its endorsement "
                          "key proves nothing. See it: tpm2_nvread 0x%" PRIx32,
                          number, number);
    return 0;
}

/* Begins the unique part with the nonce in NV. */
static int take_nonce(Tpm *tpm, TPM2_HANDLE number, Reason *reason, TPMT_PUBLIC *template)
{
    bool rsa = template->type == TPM2_ALG_RSA;
    size_t max = rsa ? template->unique.rsa.size : template->unique.ecc.x.size;
    _cleanup_(bytes_done) Bytes bytes = {0};
    int r = tpm_nv_read(tpm, number, max, "reading the endorsement key's nonce", reason, &bytes);

    if (r == 0 && bytes.size > 0)
        memcpy(rsa ? template->unique.rsa.buffer : template->unique.ecc.x.buffer, bytes.data,
               bytes.size);
    return r;
}

/* --- the key --- */

int tpm_endorsement_response(TSS2_RC rc, const char *doing, Reason *reason)
{
    TSS2_RC base = tpm_response_base(rc);

    if (base == TPM2_RC_BAD_AUTH || base == TPM2_RC_AUTH_FAIL)
        return reason_set(reason, OUTCOME_TPM_PASSWORD,
                          "%s: the endorsement hierarchy has a password. Remove it: "
                          "tpm2_changeauth -c endorsement -p PASSWORD (0x%x)",
                          doing, rc);
    if (base == TPM2_RC_HIERARCHY)
        return reason_set(reason, OUTCOME_TPM_DISABLED,
                          "%s: the endorsement hierarchy is switched off (0x%x)", doing, rc);
    return tpm_response(rc, doing, reason);
}

static int create(Tpm *tpm, const TpmKeyTemplate *template, const TPMT_PUBLIC *wanted,
                  Reason *reason, TpmHandle *ret, Bytes *ret_area)
{
    _cleanup_(esys_freep) TPM2B_PUBLIC *area = NULL;
    TSS2_RC rc = tpm_primary_create(tpm, ESYS_TR_RH_ENDORSEMENT, wanted, ret, &area);

    if (tpm_primary_is_refused(rc))
        return reason_set(reason, OUTCOME_TPM_UNABLE,
                          "the TPM cannot make an endorsement key with %s and AES-%u-CFB (0x%x)",
                          template->words, template->cipher_bits, rc);
    if (rc != TSS2_RC_SUCCESS)
        return tpm_endorsement_response(rc, "creating the endorsement key", reason);
    return tpm_public_write(area, reason, ret_area);
}

/* Whether the object at HANDLE is an endorsement key of TEMPLATE; then takes it. */
static int take_persistent(Tpm *tpm, TPM2_HANDLE handle, const TpmKeyTemplate *template,
                           Reason *reason, TpmHandle *ret, Bytes *ret_area)
{
    static const char doing[] = "reading a persistent endorsement key";
    _cleanup_(tpm_handle_done) TpmHandle key = {0};
    _cleanup_(bytes_done) Bytes bytes = {0};
    TpmStorageKey parsed;
    int r = tpm_response(tpm_handle_open(tpm, handle, &key), doing, reason);

    if (r == 0)
        r = tpm_public_read(&key, doing, reason, &bytes);
    if (r != 0)
        return r;
    if (tpm_endorsement_key_parse(bytes_view(&bytes), NULL, &parsed) == 0 &&
        parsed.template == template) {
        *ret = TAKE(key);
        *ret_area = TAKE(bytes);
    }
    return 0;
}

/* Leaves RET alone if there is none. */
static int find_persistent(Tpm *tpm, const TpmKeyTemplate *template, Reason *reason, TpmHandle *ret,
                           Bytes *ret_area)
{
    _cleanup_(esys_freep) TPMS_CAPABILITY_DATA *answer = NULL;
    TPMI_YES_NO more;
    TSS2_RC rc = Esys_GetCapability(tpm->esys, NO_SESSIONS, TPM2_CAP_HANDLES, PERSISTENT_FIRST,
                                    TPM2_MAX_CAP_HANDLES, &more, &answer);
    const TPML_HANDLE *handles;
    int r = 0;

    if (rc != TSS2_RC_SUCCESS)
        return tpm_response(rc, "looking for a persistent endorsement key", reason);
    handles = &answer->data.handles;
    for (UINT32 i = 0; r == 0 && !ret->tpm && i < handles->count; i++)
        if (handles->handle[i] >= PERSISTENT_FIRST && handles->handle[i] <= PERSISTENT_LAST)
            r = take_persistent(tpm, handles->handle[i], template, reason, ret, ret_area);
    return r;
}

int tpm_endorsement_new(Tpm *tpm, const TpmKeyTemplate *template, Reason *reason, TpmHandle *ret,
                        Bytes *ret_area)
{
    size_t kind = (size_t)(template - tpm_endorsement_templates);
    TPMT_PUBLIC wanted = tpm_template_area(template);
    int r = take_template(tpm, indices[kind].template, reason, &wanted);

    if (r == 0 && indices[kind].nonce != 0)
        r = take_nonce(tpm, indices[kind].nonce, reason, &wanted);
    if (r == 0)
        r = create(tpm, template, &wanted, reason, ret, ret_area);
    if (r == OUTCOME_TPM_PASSWORD && template->role == TPM_ENDORSEMENT_HIGH) {
        int found = find_persistent(tpm, template, reason, ret, ret_area);

        if (found != 0 || ret->tpm)
            return found;
    }
    return r;
}
