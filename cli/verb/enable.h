/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The state that enable works on, and its changes to the machine's policy.
 */

#include "base/names.h"
#include "policy/policy.h"
#include "policy/policy_edit.h"
#include "verb/broker_units.h"
#include "verb/verb.h"

/* Room for the path of a machine's policy file. */
#define ENABLING_PATH_BYTES ((size_t)256)

/* Room for the name of a machine's unit. */
#define ENABLING_UNIT_BYTES ((size_t)128)

/* A credential that is to be enabled. */
typedef struct Enabled {
    CredentialName name;
    PolicyEditResult result;
} Enabled;

typedef struct Enabling {
    const Context *context;
    const Options *options;
    const char *machine;
    bool named;     /* the credentials are: those that the policy has are meant, too */
    Policy *policy; /* as it is; NULL if there is none */
    Enabled *credentials;
    size_t count;
    char path[ENABLING_PATH_BYTES]; /* of the file that gets them */
    bool written;
    char unit[ENABLING_UNIT_BYTES];
    bool in_effect;                       /* the unit asks for them */
    bool restart;                         /* the machine runs, and has to be started again */
    bool runs;                            /* it does */
    bool sockets_enabled[BROKER_SOCKETS]; /* which were not before */
} Enabling;

/* Reads the policy as it is now. OUTCOME_BAD_POLICY; -ENOMEM. */
int enable_policy_load(Enabling *enabling, Reason *reason);

/* The entry for ID in the policy; NULL if there is none. */
const PolicyCredential *enable_policy_find(const Enabling *enabling, const char *id);

/* How many of the credentials came to RESULT. */
size_t enable_policy_count(const Enabling *enabling, PolicyEditResult result);

/* Adds the credentials to the policy, or changes them in it, after the broker's own parser has
 * accepted the result. Asks where it has to. */
int enable_policy_write(Enabling *enabling, Reason *reason);
