/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A machine's policy: which credentials it has, where they come from, and who gets them.
 *
 * A policy is put together from files (policy/policy_file.h parses one, policy/policy_load.h finds
 * them), a later one replacing credentials of an earlier one as a whole. policy_check() then says
 * whether it makes sense. nspawn-creds-policy(5) has the format.
 *
 * A policy does not change once it is checked, and is shared by reference.
 */

#include "base/bytes.h"
#include "base/json.h"
#include "base/names.h"
#include "base/recipe.h"

typedef enum PolicySource {
    POLICY_STORE,    /* from the store, STORE/MACHINE/ID.cred */
    POLICY_SEALED,   /* from the sealed file TEXT */
    POLICY_TEMPLATE, /* the template TEXT, filled */
    POLICY_GENERATE, /* from the store, where it is put when it is first asked for */
    POLICY_SHARE,    /* what TEXT, "MACHINE@ID", is */
    POLICY_FILE,     /* the plaintext file TEXT */
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

/* All pointers are the policy's. */
typedef struct PolicyCredential {
    char id[LIMIT_MACHINE_AND_ID_BYTES + 1];
    PolicySource source;
    char *text;    /* see PolicySource; else NULL */
    Recipe recipe; /* POLICY_GENERATE */
    PolicyDelivery delivery;
    PolicyChange on_change;
    char **services; /* inner units; NULL for none */
    size_t service_count;
    size_t file;   /* where it stands: in which of the policy's files, */
    size_t number; /* and as which member of "credentials" there */
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
    size_t room;       /* that there is for them */
    PolicyFile *files; /* what it was put together from */
    size_t file_count;
} Policy;

/* What is wrong, and where. */
typedef struct PolicyFault {
    char file[256];     /* "" if it is no file's fault */
    JsonPosition place; /* 0 if it is no place's */
    Reason what;
} PolicyFault;

/* An empty policy with one reference. OUTCOME_BAD_POLICY if MACHINE is not a machine name, which is
 * FILE's fault. */
int policy_new(const char *machine, const char *file, PolicyFault *fault, Policy **ret);
Policy *policy_ref(Policy *policy);
Policy *policy_unref(Policy *policy); /* NULL is allowed; always returns NULL */
DEFINE_CLEANUP(Policy *, policy_unref);

/* NULL if the machine does not have it. */
const PolicyCredential *policy_find(const Policy *policy, const char *id);

/* The policy of another MACHINE, borrowed, or NULL if it is not known. */
typedef const Policy *(*PolicyLookup)(void *userdata, const char *machine);

/* What can only be seen of a whole policy: OUTCOME_BAD_POLICY for a template with places for what
 * the machine does not have, for templates and shares that lead back to themselves or too far, and
 * for more than LIMIT_REQUEST_INGREDIENTS that take part in one. What is shared is followed to the
 * machines that LOOKUP knows; it may be NULL. */
int policy_check(const Policy *policy, PolicyLookup lookup, void *userdata, PolicyFault *fault);

/* An id that a policy may give: letters, digits and "-_.+@,=~", which no unit file, template or
 * shell takes for anything else. */
bool policy_id_valid(const char *id);

/* Where CREDENTIAL of POLICY stands in its file. */
JsonPosition policy_place(const Policy *policy, const PolicyCredential *credential);

/* Writes "FILE:LINE:COLUMN: what is wrong" into REASON, as much as is known of it, and returns RC.
 */
int policy_fault_reason(const PolicyFault *fault, int rc, Reason *reason);

/* For those who put a policy together: takes CREDENTIAL, replacing one of the same id; removes one.
 * -ENOMEM; OUTCOME_TOO_LARGE. */
int policy_put(Policy *policy, PolicyCredential *credential);
void policy_remove(Policy *policy, const char *id);
void policy_credential_done(PolicyCredential *credential); /* for _cleanup_ */

/* Keeps a copy of a file that credentials come from, as the last of .files. -ENOMEM. */
int policy_add_file(Policy *policy, const char *name, BytesView text);

/* Puts the words into FAULT and returns RC. */
int policy_fault_set(PolicyFault *fault, int rc, const char *file, JsonPosition place,
                     const char *format, ...) __attribute__((format(printf, 5, 6)));
