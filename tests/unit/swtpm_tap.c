/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A tap on the wire. See swtpm_tap.h.
 *
 * The loader's context is a table of functions: two of them are replaced by ours, which call the
 * originals. Everything else, freeing it included, stays as it was.
 */

#include "swtpm_tap.h"

#include "tpm/tpm_internal.h"

#include <stdlib.h>
#include <string.h>
#include <tss2/tss2_tcti.h>
#include <tss2/tss2_tctildr.h>

/* Size of a response without parameters, and the offsets of the codes in commands and responses. */
#define HEADER_BYTES 10
#define CODE_OFFSET  6

Tap tap;
static TSS2_TCTI_TRANSMIT_FCN real_transmit;
static TSS2_TCTI_RECEIVE_FCN real_receive;
static bool due;              /* a fault is injected into the answer */
static size_t answered;       /* bytes of a made-up answer that the caller has read */
static uint32_t made_up_code; /* of this answer */

static void record(const uint8_t *bytes, size_t size)
{
    tap.wire = realloc(tap.wire, tap.wire_size + size);
    if (!tap.wire)
        abort();
    memcpy(tap.wire + tap.wire_size, bytes, size);
    tap.wire_size += size;
}

static uint32_t read_code(const uint8_t *bytes)
{
    return (uint32_t)bytes[CODE_OFFSET] << 24 | (uint32_t)bytes[CODE_OFFSET + 1] << 16 |
           (uint32_t)bytes[CODE_OFFSET + 2] << 8 | bytes[CODE_OFFSET + 3];
}

static TSS2_RC transmit(TSS2_TCTI_CONTEXT *tcti, size_t size, const uint8_t *command)
{
    uint32_t code = read_code(command);

    if (tap.count == TAP_COMMANDS_MAX)
        abort();
    tap.commands[tap.count++] = code;
    due = tap.fault != TAP_NO_FAULT && (tap.count == tap.fault_at || code == tap.fault_command) &&
          (tap.fault_times == 0 || tap.faults < tap.fault_times);
    tap.faults += due;
    answered = 0;
    made_up_code = tap.code;
    if (due && tap.fault == TAP_BREAK)
        return TSS2_TCTI_RC_IO_ERROR;
    if (due && tap.fault == TAP_ANSWER)
        return TSS2_RC_SUCCESS;
    if (tap.before)
        tap.before(code, tap.data);
    record(command, size);
    return real_transmit(tcti, size, command);
}

static TSS2_RC make_up(size_t *size, uint8_t *response)
{
    uint8_t answer[HEADER_BYTES] = {0x80, 0x01, 0, 0, 0, HEADER_BYTES};
    size_t part = *size < HEADER_BYTES - answered ? *size : HEADER_BYTES - answered;

    for (unsigned i = 0; i < 4; i++)
        answer[CODE_OFFSET + i] = (uint8_t)(made_up_code >> (24 - 8 * i));
    if (!response) {
        *size = HEADER_BYTES;
        return TSS2_RC_SUCCESS;
    }
    memcpy(response, answer + answered, part);
    answered += part;
    *size = part;
    return TSS2_RC_SUCCESS;
}

static TSS2_RC receive(TSS2_TCTI_CONTEXT *tcti, size_t *size, uint8_t *response, int32_t timeout)
{
    TSS2_RC rc;

    if (due && tap.fault == TAP_ANSWER)
        return make_up(size, response);
    rc = real_receive(tcti, size, response, timeout);
    if (rc != TSS2_RC_SUCCESS || !response)
        return rc;
    if (due && tap.fault == TAP_LOSE)
        return TSS2_TCTI_RC_IO_ERROR;
    record(response, *size);
    if (due && tap.fault == TAP_CHANGE && *size > HEADER_BYTES + tap.code)
        response[*size - 1 - tap.code] ^= 1;
    return rc;
}

int tap_open(const Swtpm *swtpm, Tpm **ret)
{
    TSS2_TCTI_CONTEXT *tcti;

    free(tap.wire);
    tap = (Tap){0};
    if (Tss2_TctiLdr_Initialize(swtpm_device(swtpm), &tcti) != TSS2_RC_SUCCESS)
        return OUTCOME_TPM_UNREACHABLE;
    real_transmit = TSS2_TCTI_TRANSMIT(tcti);
    real_receive = TSS2_TCTI_RECEIVE(tcti);
    TSS2_TCTI_TRANSMIT(tcti) = transmit;
    TSS2_TCTI_RECEIVE(tcti) = receive;
    return tpm_new_take_tcti(tcti, NULL, ret);
}

bool tap_saw(BytesView bytes)
{
    return memmem(tap.wire, tap.wire_size, bytes.data, bytes.size) != NULL;
}
