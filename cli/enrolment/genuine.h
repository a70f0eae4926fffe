/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Which endorsement keys an administrator takes for those of genuine TPMs: --ek-ca=, --ek= and
 * --ek-list=.
 */

#include "credential/enrolment.h"
#include "options.h"
#include "tpm/certificate.h"

/* A line of --ek-list=. */
typedef struct GenuineEntry {
    uint8_t digest[IDENTITY_DIGEST_BYTES]; /* SHA-256 of an endorsement key's TPM2B_PUBLIC */
    char name[LIMIT_MACHINE_BYTES + 1];    /* what the machine calls itself; "" if it is not said */
    size_t line;                           /* from 1 */
} GenuineEntry;

typedef struct Genuine {
    const Options *options;
    GenuineEntry *entries; /* of the list, or the only one, of --ek= */
    size_t count;
    const char *list;            /* the file that they are from, for messages; NULL: --ek= */
    TpmAuthorities *authorities; /* those in --ek-ca=, or NULL */
    Bytes certificate;           /* that of --ek-certificate=, or empty */
} Genuine;

void genuine_done(Genuine *genuine); /* for _cleanup_ */

/* Takes the options, and reads the files that they name; the list may be standard input ("-").
 * OUTCOME_USAGE if they do not fit together or are not valid; OUTCOME_NOT_GENUINE; a negative
 * errno. */
int genuine_load(const Options *options, Reason *reason, Genuine *ret);

/* Finds the first endorsement key of IDENTITY that is a genuine TPM's, and sets .endorsement and
 * .by of REQUEST. OUTCOME_NOT_GENUINE; OUTCOME_NOT_PROVED if the list has another name for the host
 * than it has itself; OUTCOME_CLOCK; a negative errno. */
int genuine_find(const Genuine *genuine, const Context *context, const Identity *identity,
                 Reason *reason, EnrolmentRequest *request);
