/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The codec of systemd's credential format: bytes ↔ struct, and nothing else.
 *
 * Pure: no I/O, no clock, no keys. docs/FORMAT.md describes the layout byte by byte. Anything else
 * is refused, and the reason names the field. That includes what systemd accepts although nobody
 * writes it (odd sizes, non-zero padding).
 */

#include "base/bytes.h"
#include "base/limits.h"
#include "base/outcome.h"
#include "credential/kinds.h"
#include "tpm/tpm.h"

#define CREDENTIAL_IV_BYTES           ((size_t)12)
#define CREDENTIAL_TAG_BYTES          ((size_t)16)
/* Metadata without a name: two times and a length, padded. */
#define CREDENTIAL_METADATA_MIN_BYTES ((size_t)24)
#define CREDENTIAL_METADATA_MAX_BYTES (CREDENTIAL_METADATA_MIN_BYTES + LIMIT_SEALED_NAME_BYTES + 8)

/* The sections of a sealed credential that can be read without its key. All views are borrowed. */
typedef struct CredentialSections {
    const Kind *kind;
    BytesView iv;
    TpmSealedView tpm;    /* KIND_TPM; .srk with KIND_PINNED, .public_key* with KIND_PUBLIC_KEY */
    uint64_t scope_flags; /* KIND_SCOPED */
    BytesView header;     /* all of the above as in the file: the AAD */
    BytesView ciphertext; /* metadata and plaintext, encrypted */
    BytesView tag;
} CredentialSections;

/* Metadata that is encrypted with the plaintext. Times in µs since 1970, USEC_INFINITY for none. */
typedef struct CredentialMetadata {
    uint64_t timestamp;
    uint64_t not_after;
    char name[LIMIT_SEALED_NAME_BYTES + 1]; /* "" if unnamed */
} CredentialMetadata;

/* Decodes a file in base64, with or without line breaks, or raw. OUTCOME_MALFORMED,
 * OUTCOME_TOO_LARGE. */
int credential_decode(BytesView file, Reason *reason, Bytes *ret);

/* Encodes in base64 as systemd-creds does: lines of 79 characters, a final newline. */
int credential_encode(BytesView sealed, Bytes *ret);

/* Parses raw bytes. OUTCOME_MALFORMED, OUTCOME_UNKNOWN_KIND, OUTCOME_TOO_LARGE. */
int credential_parse(BytesView sealed, Reason *reason, CredentialSections *ret);

/* Decodes and parses FILE. RET_PARTS borrows from RET_RAW. */
int credential_unpack(BytesView file, Reason *reason, Bytes *ret_raw,
                      CredentialSections *ret_sections);

/* The label of the TPM-sealed key of FILE; empty if it has none, or is no credential. */
TpmKeyLabel credential_key_label(BytesView file);

/* Appends the header (everything up to the ciphertext), from .kind, .iv, .tpm and .scope_flags of
 * PARTS. */
void credential_header_write(const CredentialSections *sections, Writer *writer);

/* Whether it expires after it was sealed, which systemd requires in order to open it. */
bool credential_times_valid(const CredentialMetadata *metadata);

/* Parses the metadata at the start of the decrypted text, and returns their size. */
int credential_metadata_parse(BytesView decrypted, Reason *reason, CredentialMetadata *ret,
                              size_t *ret_size);
/* The size of the value in a credential that is sealed as NAME; 0 if it is too short for that. */
size_t credential_value_size(const CredentialSections *sections, const char *name);

void credential_metadata_write(const CredentialMetadata *metadata, Writer *writer);
