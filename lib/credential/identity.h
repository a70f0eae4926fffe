/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A host's public identity: what somebody elsewhere needs in order to seal for it.
 *
 * Bytes ↔ struct, and nothing else. It is a JSON object that `nspawn-creds host export` prints:
 *
 *     version            1
 *     hostName           for people
 *     machineId          32 hex digits; for people
 *     srk, legacyEcc, legacyRsa
 *                        storage keys, each {name, public}: the TPM name in hex, TPM2B_PUBLIC in
 *                        base64. The name is the digest of the key: damage is noticed
 *     pcrPublicKey       PEM of the key that signs PCR policies for this host
 *     pcrs               {sha256: {"0": 64 hex digits, …}}
 *
 * All but the version may be missing, but not all three keys. What does not fit to the letter, also
 * a member that is not in this list, is refused. The TPM2B_PUBLIC of a storage root key alone, as
 * `systemd-analyze srk` and tpm2-srk-public-key.tpm2b_public have it, is an identity, too.
 *
 * An identity is not secret, and proves nothing: who can change it can read what is sealed with it.
 * Get it over a channel that is as good as the secrets need.
 */

#include "base/bytes.h"
#include "base/limits.h"
#include "base/outcome.h"
#include "tpm/export.h"
#include "tpm/storage_key.h"

/* An identity file, bytes. What systemd and we write has less than 8000. */
#define IDENTITY_MAX_BYTES       ((size_t)64 * 1024)
#define IDENTITY_MACHINE_ID_SIZE ((size_t)32)

struct json_object;

typedef struct Identity {
    char host_name[LIMIT_MACHINE_BYTES + 1];       /* "" if it is not given, as the next */
    char machine_id[IDENTITY_MACHINE_ID_SIZE + 1]; /* lower-case hex */
    Bytes srk, legacy_ecc, legacy_rsa;             /* TPM2B_PUBLIC, checked; empty if not given */
    Bytes pcr_public_key;                          /* PEM, or empty */
    TpmPcrs pcrs;                                  /* of SHA-256's bank, all given */
} Identity;

void identity_done(Identity *identity); /* for _cleanup_ */

/* Reads JSON or a bare TPM2B_PUBLIC. OUTCOME_BAD_IDENTITY, with what is wrong; -ENOMEM, -EIO. */
int identity_parse(BytesView file, Reason *reason, Identity *ret);

/* Puts the storage key AREA (TPM2B_PUBLIC) where it belongs: as the SRK or as a legacy primary.
 * OUTCOME_MALFORMED as tpm_storage_key_parse(). */
int identity_add_key(Identity *identity, BytesView area, Reason *reason);

/* As JSON, which the caller puts; NULL if there is no memory. */
struct json_object *identity_to_json(const Identity *identity);
