/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * From options to what the library takes.
 */

#include "base/fileset.h"
#include "client/reseal_as.h"
#include "options.h"

/* How to seal, as OPTIONS say; .host and .share_store are left to the caller. RET borrows from
 * OPTIONS. If the host key is missing, counts the credentials that need it. OUTCOME_USAGE for
 * options that contradict each other, and for a time of expiry that is over. */
int spec_to_seal(const Context *context, const Options *options, Reason *reason, SealSpec *ret);

/* Counts the credentials in the store, and the files that policies name, for which the host key is
 * needed. 0, or why they cannot be counted. */
int spec_count_host_sealed(const Context *context, const Options *options, size_t *ret);

/* Opens what the machine of NAME gets: from the store, or from a fleet if the policy says so and
 * --store= is not given. */
int spec_open_delivered(const Context *context, const Options *options, const StoreClient *store,
                        Unsealer *unsealer, const CredentialName *name, Reason *reason,
                        Secret **ret);

/* Whether NAME may be changed in the store: OUTCOME_OF_FLEET if its policy takes it from a fleet.
 * The store of --store= has no policies. -ENOMEM. */
int spec_check_owner(const Context *context, const Options *options, const CredentialName *name,
                     Reason *reason);

/* Makes SPEC seal with the key type that the policy requires of NAME, if it requires one.
 * OUTCOME_USAGE if SPEC is given another one. For another host, whose policy is not here, it does
 * nothing. -ENOMEM. */
int spec_keep_key_type(const Context *context, const CredentialName *name, Reason *reason,
                       SealSpec *spec);

/* An unsealer that opens as OPTIONS say; borrows from them. */
Unsealer spec_unsealer(const Context *context, const Options *options);

/* "host+tpm2-with-public-key, PCR 0+7, signed PCR 11" */
typedef struct SpecDescription {
    char text[64 + 2 * TPM_PCR_TEXT_BYTES];
} SpecDescription;

SpecDescription spec_describe(const Kind *kind, uint64_t pcrs, uint64_t signed_pcrs);

/* What SPEC leaves open for a new value is as for the old one, whose .name and .file OLD has, in
 * the store of SPEC's .share_store: key type, PCRs, public key and time of expiry. Sets the other
 * members of OLD. RET_LIKE is for seal_prepare(); it borrows from OLD, and its kind is NULL if
 * nothing is known of the old value. Notes say what changes, what is kept that is not the default,
 * and if the time of expiry is not kept, which only opening the old value can tell. */
int spec_keep(const Context *context, const Options *options, StoreClientEntry *old, Reason *reason,
              SealSpec *spec, CredentialSections *ret_like);

/* The store of --store=, which is changed directly, or else the host's. */
int spec_open_store(const Options *options, Reason *reason, StoreClient *ret);

/* The same, only to look into it. What store_new() and store_open_installed() return. */
int spec_look_store(const Options *options, Store **ret);

/* Opens the store, and begins to seal its credential FROM again, as TO, with the key type that
 * the policy requires of TO; see reseal_as_begin(). Notes what changes and what is kept, as
 * spec_keep() does. */
int spec_reseal_as(const Context *context, const Options *options, const CredentialName *from,
                   const CredentialName *to, Reason *reason, StoreClient *ret_store, ResealAs *ret);

/* Whether a value that is replaced is kept, so that rotate --back can put it back. */
bool spec_keeps_old(const Options *options);

/* A sentence for questions: whether rotate --back can put the replaced value back. */
const char *spec_fate_of_old(const Options *options);

/* Lists the credentials of MACHINE in STORE, sorted by id. OUTCOME_TOO_LARGE if these may not be
 * all.
 */
int spec_list_machine(const Store *store, const char *machine, Reason *reason, StoreEntry **ret,
                      size_t *ret_count);

/* Writes what is sealed as NAME: one of FILES to PATH as output_sealed() does, more to the
 * directory PATH, all or none. With --json= the output says where it is, or has it as text. */
int spec_output_sealed(const Options *options, const char *name, const char *path,
                       const FileSetEntry *files, size_t count, Reason *reason);

/* Whether MACHINE is among the arguments MACHINES, or there are none, which means all. */
bool spec_selects(char **machines, const char *machine);

/* Reads an identity from the file PATH. OUTCOME_BAD_IDENTITY. */
int spec_read_identity(const char *path, Reason *reason, Identity *ret);
