/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How to seal: the request and the result.
 *
 * The caller fills in a SealSpec: the command line from its options, others by hand. All zeros is
 * valid. Whatever it leaves open is taken from an older credential, if there is one, or else chosen
 * as systemd would. The result is a SealTarget, with nothing left open.
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
    SEAL_AUTO_KEYS,  /* host key and TPM, if they exist */
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
    unsigned key_types;    /* KeyTypes without KIND_PINNED; 0 is the null key */
    bool tpm_required;     /* SEAL_AUTO_KEYS must use the TPM */
    bool allow_null;       /* an older null key, which protects nothing, may be kept */
    size_t lost_key_users; /* credentials that need the host key, which is missing: unless this is
                              0, none is made, which is OUTCOME_HOST_KEY_LOST */

    bool has_pcrs;
    TpmPcrs pcrs;
    const char *public_key;   /* file of the key that signs for PCRs; NULL: search for it */
    bool has_public_key_pcrs; /* else the older credential's, or SEAL_SIGNED_PCRS */
    uint64_t public_key_pcrs; /* a mask */

    unsigned version;     /* of the systemd that will open it; 0: the installed one */
    const Identity *host; /* the host whose TPM will open it; NULL: this host */
    OfflineForm form;     /* with .host */
    const char *uid;      /* the user, see user_scope_load(); NULL: none */

    /* The TPM-sealed key: share the one of this file; or of the other credentials of .name's
     * machine in this store, but never the one of .name's old value; or make a fresh one, with
     * .fresh_key for each credential. */
    const char *share_key;
    const Store *share_store;
    bool fresh_key;

    const char *tpm_device; /* see tpm_new() */
    const char *signatures; /* file with signatures of PCR policies; NULL: search for it */

    const char *name;   /* the name to seal; NULL: the older one's, or none */
    uint64_t timestamp; /* of a new credential, µs; 0: now */
    bool has_not_after; /* else that of the older one, or never */
    uint64_t not_after; /* µs */
    SealFormat format;
} SealSpec;

/* Needed by every function that seals; borrowed. */
typedef struct SealContext {
    const Context *context;
    const SealSpec *spec;
    const Observer *observer;
} SealContext;

typedef struct SealTarget {
    const Identity *host;     /* borrowed; NULL: this host */
    unsigned key_types;       /* KeyTypes, without KIND_PINNED */
    bool automatic;           /* missing keys are left out */
    unsigned version;         /* of systemd */
    TpmPcrs pcrs;             /* literal ones */
    Bytes public_key;         /* KIND_PUBLIC_KEY: the key that signs for PCRs (PEM) */
    uint64_t public_key_mask; /* with public_key: the PCRs */
    const Kind *kind;         /* NULL until seal_resolve() */
} SealTarget;

void seal_target_done(SealTarget *target); /* for _cleanup_ */

/* Combines SEAL's spec with OLD (may be NULL), from which it takes what the spec leaves open: key
 * types, user, signed policy, and PCRs with their current values; but never the form, which follows
 * the version of systemd. Does not use the TPM, and does not set .kind. OUTCOME_USAGE for a missing
 * public key, or for what is impossible for another host; OUTCOME_UNSUPPORTED if there is no such
 * kind. */
int seal_target_make(const SealContext *seal, const CredentialSections *old, Reason *reason,
                     SealTarget *ret);

/* Returns the version of the systemd below the context's root, 0 if there is none. The service
 * manager links libsystemd-shared-NNN.so (since 230), which every distribution has in a directory
 * near it; if a package manager has left an old one, the newest counts. Nothing is executed, this
 * works in a chroot, and a version that was installed since the last boot counts. */
unsigned systemd_version_installed(const Context *context);

/* Whether both are equal, ignoring .kind. */
bool seal_target_equal(const SealTarget *a, const SealTarget *b);

/* Whether both, which have a .kind, can share a TPM-sealed key: one may use the host key in
 * addition. */
bool seal_target_shares_tpm_key(const SealTarget *a, const SealTarget *b);
