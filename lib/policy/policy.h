/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A machine's policy: which credentials it gets, where they come from, and who gets them.
 *
 * A policy is combined from files (policy/policy_file.c parses one, policy/policy_load.c finds
 * them). A credential in a later file replaces the one in an earlier file completely. Then
 * policy_check() validates the whole. nspawn-creds-policy(5) describes the format.
 *
 * A policy is immutable once it is checked, and shared by reference.
 */

#include "base/bytes.h"
#include "base/json.h"
#include "base/names.h"
#include "base/recipe.h"

typedef enum PolicySource {
    POLICY_STORE,    /* from the store, STORE/MACHINE/ID.cred */
    POLICY_SEALED,   /* from the sealed file TEXT */
    POLICY_TEMPLATE, /* the template TEXT, filled in */
    POLICY_GENERATE, /* generated at the first request, then from the store */
    POLICY_SHARE,    /* the credential TEXT, "MACHINE@ID" */
    POLICY_FILE,     /* the plaintext file TEXT */
    POLICY_FLEET,    /* from the set that the fleet TEXT has last brought (fleet/fleet_set.h) */
    _POLICY_SOURCE_MAX,
} PolicySource;

typedef enum PolicyDelivery {
    POLICY_BOOT,   /* through the broker, when the container starts */
    POLICY_LIVE,   /* through the broker, to services inside while it runs */
    POLICY_NATIVE, /* by the service manager alone */
    _POLICY_DELIVERY_MAX,
} PolicyDelivery;

typedef enum PolicyChange {
    POLICY_NONE,
    POLICY_RESTART,
    POLICY_RELOAD,
    _POLICY_CHANGE_MAX,
} PolicyChange;

/* What happens to a fleet's new value if a service does not come back with it. */
typedef enum PolicyFailure {
    POLICY_KEEP,     /* it stays */
    POLICY_PREVIOUS, /* the previous one is served again */
    _POLICY_FAILURE_MAX,
} PolicyFailure;

/* All pointers belong to the policy. */
typedef struct PolicyCredential {
    char id[LIMIT_MACHINE_AND_ID_BYTES + 1];
    PolicySource source;
    char *text;           /* see PolicySource; else NULL */
    Recipe recipe;        /* POLICY_GENERATE */
    const char *key_type; /* that a sealed file must have, a static name such as "host+tpm2"; NULL:
                             any */
    PolicyDelivery delivery;
    PolicyChange on_change;
    PolicyFailure on_failure; /* POLICY_FLEET */
    char **services;          /* inner units; NULL for none */
    size_t service_count;
    size_t file;   /* position: the index of the policy's file, */
    size_t number; /* and of the member in its "credentials" */
} PolicyCredential;

typedef struct PolicyFile {
    char *name;
    Bytes text;
} PolicyFile;

typedef struct Policy {
    unsigned references;
    char machine[LIMIT_MACHINE_BYTES + 1];
    PolicyCredential *credentials; /* in the order of the files */
    size_t count;
    PolicyFile *files; /* the files that it was combined from */
    size_t file_count;
} Policy;

/* What is wrong, and where. */
typedef struct PolicyFault {
    char file[256];        /* "" if it concerns no file */
    JsonPosition position; /* 0 if it has no position */
    Reason what;
} PolicyFault;

/* Creates an empty policy with one reference. OUTCOME_BAD_POLICY if MACHINE, as named by FILE, is
 * not a machine name. */
int policy_new(const char *machine, const char *file, PolicyFault *fault, Policy **ret);
Policy *policy_ref(Policy *policy);
Policy *policy_unref(Policy *policy); /* NULL is allowed; always returns NULL */
DEFINE_CLEANUP(Policy *, policy_unref);

/* Finds a credential; NULL if the policy does not list it. */
const PolicyCredential *policy_find(const Policy *policy, const char *id);

/* Finds what CREDENTIAL of POLICY directly contains or shares, one after the other; false at the
 * end. CURSOR starts with NULL. */
bool policy_next_ingredient(const Policy *policy, const PolicyCredential *credential,
                            const char **cursor, CredentialName *ret);

/* Returns the policy of another MACHINE, borrowed, or NULL if it is unknown. */
typedef const Policy *(*PolicyLookup)(void *userdata, const char *machine);

/* Checks a complete policy: OUTCOME_BAD_POLICY for a placeholder of a credential that the policy
 * does not list, for cycles or too long chains of templates and shares, and for more than
 * LIMIT_REQUEST_INGREDIENTS ingredients of one credential. LOOKUP (may be NULL) finds the policies
 * of other machines, to follow shares. */
int policy_check(const Policy *policy, PolicyLookup lookup, void *userdata, PolicyFault *fault);

/* Whether a policy may use this id: letters, digits and "-_.+@,=~", which have no special meaning
 * in unit files, templates and shells. */
bool policy_id_valid(const char *id);

/* The same, with an error: OUTCOME_INVALID_NAME. */
int policy_id_check(const char *id, Reason *reason);

/* The position of CREDENTIAL of POLICY in its file. */
JsonPosition policy_position(const Policy *policy, const PolicyCredential *credential);

/* Writes "FILE:LINE:COLUMN: what is wrong" to REASON, as far as known, and returns RC. */
int policy_fault_reason(const PolicyFault *fault, int rc, Reason *reason);

/* For parsers: add CREDENTIAL, whose ownership passes, in place of one with the same id; or remove
 * one. -ENOMEM; OUTCOME_TOO_LARGE. */
int policy_put(Policy *policy, PolicyCredential *credential);
void policy_remove(Policy *policy, const char *id);
void policy_credential_done(PolicyCredential *credential); /* for _cleanup_ */

/* Appends a copy of a file to .files. -ENOMEM. */
int policy_add_file(Policy *policy, const char *name, BytesView text);

/* Writes a message to FAULT and returns RC. */
int policy_fault_set(PolicyFault *fault, int rc, const char *file, JsonPosition position,
                     const char *format, ...) __attribute__((format(printf, 5, 6)));

/* --- files: policy_file.c, nspawn-creds-policy(5) --- */

/* Anything unexpected is refused: unknown members, duplicate members, wrong types, text after the
 * end. policy_check() validates the combination of all files of a machine. */

/* Adds the credentials in TEXT to POLICY, replacing existing ones. FILE is the name for FAULT.
 * OUTCOME_BAD_POLICY, after which POLICY must not be used; -ENOMEM. */
int policy_file_parse(BytesView text, const char *file, Policy *policy, PolicyFault *fault);

/* The names of members in files, such as "store". */
extern const char *const policy_source_names[];
extern const char *const policy_delivery_names[];
extern const char *const policy_change_names[];
