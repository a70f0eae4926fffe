/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How to seal: what is asked for, and what comes of it.
 *
 * A SealSpec is filled in by whoever wants something sealed: by the command line from its options,
 * by others by hand. All zeros is a valid one. What it leaves open is as in an older credential, if
 * there is one, or else as systemd would have it. A SealTarget is what that comes to, with nothing
 * left open.
 */

#include "base/context.h"
#include "base/observer.h"
#include "credential/format.h"
#include "credential/identity.h"
#include "credential/offline.h"
#include "store/store.h"

/* PCR 11, into which the unified kernel image is measured; systemd's default too. */
#define SEAL_SIGNED_PCRS (UINT64_C(1) << 11)

typedef enum SealKeyChoice {
    SEAL_KEEP_KEYS,  /* the older credential's key types; SEAL_AUTO_KEYS if there is none */
    SEAL_AUTO_KEYS,  /* host key and TPM, as far as they are there */
    SEAL_GIVEN_KEYS, /* .key_types */
} SealKeyChoice;

typedef enum SealFormat {
    SEAL_KEEP_FORMAT, /* the older file's; SEAL_BASE64 if there is none */
    SEAL_BASE64,
    SEAL_RAW,
} SealFormat;

/* Everything is borrowed. */
typedef struct SealSpec {
    SealKeyChoice keys;
    unsigned key_types; /* KeyTypes without KIND_PINNED; 0 is the null key */
    bool tpm_required;  /* SEAL_AUTO_KEYS must not leave out the TPM */
    bool allow_null;    /* keep the null key, which protects nothing, where it is there already */

    bool has_pcrs;
    TpmPcrs pcrs;
    const char *public_key;   /* file of the key that signs for PCRs; NULL: the one that is there */
    bool has_public_key_pcrs; /* else the older credential's, or SEAL_SIGNED_PCRS */
    uint64_t public_key_pcrs; /* a mask */

    unsigned version;     /* of the systemd that is to open it; 0: the installed one */
    const Identity *host; /* whose TPM is to open it; NULL: this host */
    OfflineForm form;     /* with .host */
    const char *uid;      /* as user_scope_load(): the user that it is for; NULL: nobody special */

    /* The TPM-sealed key: that of this file; or of the other credentials of .name's machine in this
     * store; or a fresh one, with .fresh_key for each credential. */
    const char *share_key;
    const Store *share_store;
    bool fresh_key;

    const char *tpm_device; /* see tpm_new() */
    const char *signatures; /* file with signatures of PCR policies; NULL: the default places */

    const char *name;   /* to be sealed; NULL: the older one's, or none */
    uint64_t timestamp; /* of something new, µs; 0: now */
    bool has_not_after; /* else as the older one's, or never */
    uint64_t not_after; /* µs */
    SealFormat format;
} SealSpec;

/* What every function that seals needs; borrowed. */
typedef struct SealContext {
    const Context *context;
    const SealSpec *spec;
    const Observer *observer;
} SealContext;

typedef struct SealTarget {
    const Identity *host;     /* borrowed; NULL: this host */
    unsigned key_types;       /* KeyTypes, without KIND_PINNED */
    bool automatic;           /* what is not there is left out */
    unsigned version;         /* of systemd */
    TpmPcrs pcrs;             /* literal ones */
    Bytes public_key;         /* KIND_PUBLIC_KEY: who signs for PCRs (PEM) */
    uint64_t public_key_mask; /* with public_key: for which ones */
    const Kind *kind;         /* what it comes to; NULL until seal_resolve() has found out */
} SealTarget;

void seal_target_done(SealTarget *target); /* for _cleanup_ */

/* The target of SEAL's spec, and of OLD (may be NULL) for what the spec leaves open: its host key,
 * TPM, user and signed policy; its PCRs, with their present values; never its form, which follows
 * the version of systemd. Does not ask the TPM, and does not set .kind.
 * OUTCOME_USAGE for a public key that is wanted and not there, or what another host cannot have;
 * OUTCOME_UNSUPPORTED if there is no such kind. */
int seal_target_make(const SealContext *seal, const CredentialSections *old, Reason *reason,
                     SealTarget *ret);

/* Whether the same comes of both; does not look at .kind. */
bool seal_target_equal(const SealTarget *a, const SealTarget *b);

/* Whether the same TPM-sealed key will do for both, which have a .kind: with the host key and
 * without. */
bool seal_target_shares_tpm_key(const SealTarget *a, const SealTarget *b);
