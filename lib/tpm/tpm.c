/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The connection to a TPM. See tpm.h.
 *
 * By default tpm2-tss writes to standard error, which a library should not do. We silence it unless
 * the user set TSS2_LOG. It also frees buffers that contained secrets without wiping them;
 * tpm_scrub() does that.
 *
 * We do not send TPM2_Startup: that is up to the firmware or the kernel.
 */

#include "base/base64.h"
#include "tpm/blob.h"
#include "tpm/tpm_internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <tss2/tss2_tctildr.h>

/* More stack than tpm2-tss uses in one call. */
#define DEAD_STACK_BYTES ((size_t)64 * 1024)

/* Only opens character devices, because tpm2-tss would write a command to any other file. */
static int check_device_file(const char *path, Reason *reason)
{
    struct stat status;

    if (stat(path, &status) < 0)
        return reason_set(reason, OUTCOME_TPM_UNREACHABLE, "cannot open %.200s: %s", path,
                          strerror(errno));
    if (!S_ISCHR(status.st_mode))
        return reason_set(reason, OUTCOME_TPM_UNREACHABLE, "%.200s is not a character device",
                          path);
    return 0;
}

/* Reports why the device cannot be opened, because tpm2-tss does not. */
static int unreachable(const char *device, const char *path, Reason *reason)
{
    _cleanup_(closep) int fd = -1;

    if (!path)
        return reason_set(reason, OUTCOME_TPM_UNREACHABLE, "no TPM answers at \"%.200s\"", device);
    fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return reason_set(reason, OUTCOME_TPM_UNREACHABLE, "cannot open %.200s: %s", path,
                          strerror(errno));
    return reason_set(reason, OUTCOME_TPM_UNREACHABLE, "no TPM answers at %.200s", path);
}

int tpm_new_take_tcti(TSS2_TCTI_CONTEXT *tcti, Reason *reason, Tpm **ret)
{
    Tpm *tpm = calloc(1, sizeof(*tpm));

    if (!tpm) {
        Tss2_TctiLdr_Finalize(&tcti);
        return reason_set(reason, -ENOMEM, "cannot talk to the TPM");
    }
    tpm_retry_init(&tpm->transport, tcti);
    *ret = tpm;
    return 0;
}

int tpm_begin(Tpm *tpm, Reason *reason)
{
    if (tpm->esys)
        Esys_Finalize(&tpm->esys);
    tpm->transport.left_usec = tpm->transport.patience_usec;
    return tpm_response(Esys_Initialize(&tpm->esys, (TSS2_TCTI_CONTEXT *)&tpm->transport, NULL),
                        "setting up the connection", reason);
}

int tpm_new(const char *device, Reason *reason, Tpm **ret)
{
    TSS2_TCTI_CONTEXT *tcti = NULL;
    TpmDevice parsed;
    const char *path;
    int r = tpm_device_parse(device, reason, &parsed);

    if (r != 0)
        return r;
    path = tpm_device_path(&parsed);
    if (path)
        r = check_device_file(path, reason);
    if (r != 0)
        return r;
    if (setenv("TSS2_LOG", "all+none", 0) < 0)
        return reason_set(reason, -errno, "cannot silence tpm2-tss");
    if (Tss2_TctiLdr_Initialize_Ex(parsed.transport, parsed.configuration, &tcti) !=
        TSS2_RC_SUCCESS)
        return unreachable(device, path, reason);
    return tpm_new_take_tcti(tcti, reason, ret);
}

Tpm *tpm_free(Tpm *tpm)
{
    if (tpm) {
        if (tpm->esys)
            Esys_Finalize(&tpm->esys);
        Tss2_TctiLdr_Finalize(&tpm->transport.tcti);
        free(tpm);
    }
    return NULL;
}

bool tpm_is_well(Tpm *tpm)
{
    _cleanup_(esys_freep) TPM2B_MAX_BUFFER *details = NULL;
    TPM2_RC result;

    return Esys_GetTestResult(tpm->esys, NO_SESSIONS, &details, &result) == TSS2_RC_SUCCESS &&
           result != TPM2_RC_FAILURE;
}

/* Overwrites every copy of BYTES in BLOCK, which came from malloc(). */
static void scrub_block(void *block, BytesView bytes)
{
    uint8_t *cursor = block, *end;

    if (!block)
        return;
    end = cursor + malloc_usable_size(block);
    while ((cursor = memmem(cursor, (size_t)(end - cursor), bytes.data, bytes.size))) {
        secret_erase(cursor, bytes.size);
        cursor += bytes.size;
    }
}

void tpm_scrub(Tpm *tpm, BytesView bytes)
{
    TSS2_SYS_CONTEXT *sys = NULL;

    /* Shorter sequences could occur by chance. */
    assert(bytes.size == TPM_KEY_BYTES);
    if (Esys_GetSysContext(tpm->esys, &sys) == TSS2_RC_SUCCESS)
        scrub_block(sys, bytes);
    scrub_block(tpm->esys, bytes);
    /* remains of its functions on the stack */
    sodium_stackzero(DEAD_STACK_BYTES);
}

void tpm_sealed_done(TpmSealed *sealed)
{
    bytes_done(&sealed->blob);
    bytes_done(&sealed->policy_hash);
    bytes_done(&sealed->srk);
    bytes_done(&sealed->public_key);
    *sealed = (TpmSealed){0};
}

TpmSealedView tpm_sealed_view(const TpmSealed *sealed)
{
    return (TpmSealedView){
        .pcr_mask = sealed->pcr_mask,
        .pcr_bank = sealed->pcr_bank,
        .primary_alg = sealed->primary_alg,
        .blob = bytes_view(&sealed->blob),
        .policy_hash = bytes_view(&sealed->policy_hash),
        .srk = bytes_view(&sealed->srk),
        .public_key = bytes_view(&sealed->public_key),
        .public_key_mask = sealed->public_key_mask,
    };
}

int tpm_sealed_dup(const TpmSealedView *view, TpmSealed *ret)
{
    _cleanup_(tpm_sealed_done) TpmSealed sealed = {
        .pcr_mask = view->pcr_mask,
        .pcr_bank = view->pcr_bank,
        .primary_alg = view->primary_alg,
        .public_key_mask = view->public_key_mask,
    };
    int r = bytes_dup(view->blob, &sealed.blob);

    if (r == 0)
        r = bytes_dup(view->policy_hash, &sealed.policy_hash);
    if (r == 0)
        r = bytes_dup(view->srk, &sealed.srk);
    if (r == 0)
        r = bytes_dup(view->public_key, &sealed.public_key);
    if (r != 0)
        return r;
    *ret = TAKE(sealed);
    return 0;
}

bool tpm_sealed_view_equal(const TpmSealedView *a, const TpmSealedView *b)
{
    return a->pcr_mask == b->pcr_mask && a->pcr_bank == b->pcr_bank &&
           a->primary_alg == b->primary_alg && bytes_view_equal(a->blob, b->blob) &&
           bytes_view_equal(a->policy_hash, b->policy_hash) && bytes_view_equal(a->srk, b->srk) &&
           a->public_key_mask == b->public_key_mask &&
           bytes_view_equal(a->public_key, b->public_key);
}

bool tpm_sealed_is(const TpmSealed *sealed, const TpmSealedView *view)
{
    TpmSealedView own = tpm_sealed_view(sealed);

    return tpm_sealed_view_equal(&own, view);
}

TpmKeyLabel tpm_key_label(const TpmSealedView *sealed)
{
    TpmKeyLabel label = {.outside = !tpm_sealed_is_native(sealed)};
    char digest[DIGEST_TEXT_BYTES];

    digest_format(sealed->blob, digest);
    snprintf(label.fingerprint, sizeof(label.fingerprint), "%.16s", digest);
    return label;
}

bool tpm_sealed_is_native(const TpmSealedView *sealed)
{
    TpmBlob blob;

    /* An imported object has lost its seed, but it never has this attribute. */
    return tpm_blob_parse(sealed->blob, sealed->policy_hash, NULL, &blob) == 0 &&
           blob.seed.size == 0 &&
           (blob.public_part.publicArea.objectAttributes & TPMA_OBJECT_FIXEDTPM);
}
