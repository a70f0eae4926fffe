/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Retries for a busy TPM. See tpm_internal.h.
 *
 * A TPM may be busy: it tests itself, cleans up its memory, or was interrupted. It has not started
 * the command then, so we can send the same bytes again, even those of a session. tpm2-tss repeats
 * some commands five times at once, which is too often and too soon. So this module sits between
 * tpm2-tss and the transport, and waits longer each time. The kernel's driver does the same, but
 * other transports do not.
 *
 * Data that passes through here is encrypted as on the wire, and need not be wiped.
 *
 * TCG TPM 2.0 Library, Part 2, 6.6.3 (warnings); TSS 2.0 TCTI specification.
 */

#include "base/context.h"
#include "base/limits.h"
#include "tpm/tpm_internal.h"

#include <string.h>

/* The first pause, µs; each further one is twice as long. */
#define PAUSE_FIRST_USEC ((uint64_t)10 * 1000)
#define PAUSE_MAX_USEC   ((uint64_t)1000 * 1000)

/* A response begins with tag and size, then its code. */
#define CODE_OFFSET      6U

static bool is_put_off(const TpmRetry *retry)
{
    Reader reader = reader_new((BytesView){retry->response, retry->response_size});

    reader_take(&reader, CODE_OFFSET);
    switch (tpm_response_base(reader_u32be(&reader))) {
    case TPM2_RC_RETRY:
    case TPM2_RC_YIELDED:
    case TPM2_RC_TESTING:
    case TPM2_RC_NV_RATE:
    case TPM2_RC_NV_UNAVAILABLE:
        return true;
    default:
        return false;
    }
}

/* Sleeps, and doubles PAUSE; false if no patience is left. */
static bool wait_for(TpmRetry *retry, uint64_t *pause)
{
    uint64_t usec = *pause < retry->left_usec ? *pause : retry->left_usec;
    struct timespec rest = usec_to_timespec(usec);

    if (usec == 0)
        return false;
    while (nanosleep(&rest, &rest) < 0)
        ;
    retry->left_usec -= usec;
    *pause = 2 * *pause < PAUSE_MAX_USEC ? 2 * *pause : PAUSE_MAX_USEC;
    return true;
}

static TSS2_RC transmit(TSS2_TCTI_CONTEXT *tcti, size_t size, const uint8_t *command)
{
    TpmRetry *retry = (TpmRetry *)tcti;

    if (size > sizeof(retry->command))
        return TSS2_TCTI_RC_BAD_VALUE;
    memcpy(retry->command, command, size);
    retry->command_size = size;
    retry->response_size = 0;
    return Tss2_Tcti_Transmit(retry->tcti, size, command);
}

/* Stores the TPM's final response to the command in RETRY. */
static TSS2_RC fetch(TpmRetry *retry, int32_t timeout)
{
    uint64_t pause = PAUSE_FIRST_USEC;

    for (;;) {
        size_t size = sizeof(retry->response);
        TSS2_RC rc = Tss2_Tcti_Receive(retry->tcti, &size, retry->response, timeout);

        if (rc != TSS2_RC_SUCCESS)
            return rc;
        retry->response_size = size;
        if (!is_put_off(retry) || !wait_for(retry, &pause))
            return TSS2_RC_SUCCESS;
        rc = Tss2_Tcti_Transmit(retry->tcti, retry->command_size, retry->command);
        if (rc != TSS2_RC_SUCCESS)
            return rc;
    }
}

/* If RESPONSE is NULL, returns only its size. */
static TSS2_RC receive(TSS2_TCTI_CONTEXT *tcti, size_t *size, uint8_t *response, int32_t timeout)
{
    TpmRetry *retry = (TpmRetry *)tcti;
    size_t room = *size;
    TSS2_RC rc = retry->response_size == 0 ? fetch(retry, timeout) : TSS2_RC_SUCCESS;

    if (rc != TSS2_RC_SUCCESS)
        return rc;
    *size = retry->response_size;
    if (!response)
        return TSS2_RC_SUCCESS;
    if (room < retry->response_size)
        return TSS2_TCTI_RC_INSUFFICIENT_BUFFER;
    memcpy(response, retry->response, retry->response_size);
    retry->response_size = 0;
    return TSS2_RC_SUCCESS;
}

void tpm_retry_init(TpmRetry *retry, TSS2_TCTI_CONTEXT *tcti)
{
    *retry = (TpmRetry){
        .common.v1 = {.version = 2, .transmit = transmit, .receive = receive},
        .tcti = tcti,
        .patience_usec = LIMIT_TPM_PATIENCE_USEC,
    };
}
