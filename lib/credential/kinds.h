/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The kinds of credentials, as rows of one table. A kind is an id, the first 16 bytes of a
 * credential, and a set of key types and flags that determine its header and its key. Code asks the
 * table for these and never enumerates ids.
 */

#include "base/bytes.h"
#include "base/outcome.h"

#include <systemd/sd-id128.h>

#define KIND_ID_BYTES ((size_t)16)

typedef enum KeyTypes {
    KIND_HOST = 1 << 0,       /* the host key is part of the key */
    KIND_TPM = 1 << 1,        /* a TPM-sealed key is part of the key; TPM header */
    KIND_PUBLIC_KEY = 1 << 2, /* signed PCR policy; public key header */
    KIND_PINNED = 1 << 3,     /* storage root key header (systemd 262) */
    KIND_SCOPED = 1 << 4,     /* for one user; scope header (systemd 257) */
} KeyTypes;

typedef struct Kind {
    const char *name; /* systemd-creds' name, as in --with-key= */
    unsigned since;   /* the first version of systemd that opens it */
    sd_id128_t id;
    unsigned key_types; /* KeyTypes */
} Kind;

/* Return NULL if there is no such kind. ID has KIND_ID_BYTES. */
const Kind *kind_find_by_id(const uint8_t *id);
const Kind *kind_find_by_key_types(unsigned key_types);

const Kind *kind_find_by_name(const char *name);

/* Whether KIND has the KEY_TYPE that a policy requires, a kind's name, pinned or not; NULL: any.
 * OUTCOME_KEY_TYPE. */
int kind_check_type(const Kind *kind, const char *key_type, Reason *reason);

/* Chooses the kind with KEY_TYPES (without KIND_PINNED) that systemd VERSION would write: the
 * newest that it opens, pinned or not. OUTCOME_UNSUPPORTED if it opens none, or if there is none.
 */
int kind_choose(unsigned key_types, unsigned version, Reason *reason, const Kind **ret);

static inline bool kind_has(const Kind *kind, KeyTypes type)
{
    return (kind->key_types & type) != 0;
}
