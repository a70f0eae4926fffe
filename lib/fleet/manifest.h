/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One host's manifest: which sealed files it has, and for which TPM. A pure codec; docs/FLEET.md
 * has the layout.
 *
 * A manifest names neither its fleet nor its sequence, so that a host whose files stay the same
 * keeps its manifest. The statement binds it: its hash is a leaf of the tree.
 */

#include "base/base64.h"
#include "base/names.h"

/* A storage key's TPM name, algorithm and digest, in lower-case hexadecimal; bytes with a NUL. */
#define FLEET_KEY_NAME_BYTES ((size_t)2 * (2 + 32) + 1)

/* The storage keys of a host's TPM, by their names (credential/identity.h); "" if missing. */
typedef enum FleetKey { FLEET_SRK, FLEET_LEGACY_ECC, FLEET_LEGACY_RSA, _FLEET_KEY_MAX } FleetKey;

typedef struct FleetHost {
    char keys[_FLEET_KEY_MAX][FLEET_KEY_NAME_BYTES];
} FleetHost;

typedef struct ManifestCredential {
    CredentialName name;
    char sha256[DIGEST_TEXT_BYTES]; /* of the file, as digest_format() writes it */
    size_t size;                    /* of the file, bytes, from 1 to LIMIT_FILE_BYTES */
    bool pending;                   /* sealed for a later boot: it need not open now */
} ManifestCredential;

typedef struct Manifest {
    FleetHost host;                  /* at least one key */
    ManifestCredential *credentials; /* sorted by "MACHINE@ID", bytewise, none twice */
    size_t count;                    /* may be 0 */
} Manifest;

void manifest_done(Manifest *manifest); /* for _cleanup_ */

/* OUTCOME_BAD_BUNDLE; -ENOMEM. */
int manifest_parse(BytesView text, Reason *reason, Manifest *ret);

/* Formats MANIFEST, which has what manifest_parse() requires. -ENOMEM. */
int manifest_format(const Manifest *manifest, Bytes *ret);

/* Finds a credential; NULL if MANIFEST does not have it. */
const ManifestCredential *manifest_find(const Manifest *manifest, const CredentialName *name);

/* Whether HOST has all keys that MANIFEST names. */
bool manifest_is_for(const Manifest *manifest, const FleetHost *host);
