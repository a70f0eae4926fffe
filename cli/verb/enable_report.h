/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What enable says of what it has done.
 */

#include "policy/policy_edit.h"
#include "verb/enabling.h"

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
    char *path; /* of the file that gets them */
    bool written;
    char unit[ENABLING_UNIT_BYTES];
    bool in_effect;                         /* the unit asks for them */
    bool restart;                           /* the machine runs, and has to be started again */
    bool runs;                              /* it does */
    bool sockets_enabled[ENABLING_SOCKETS]; /* which were not before */
} Enabling;

/* What the policy has for ID; NULL if nothing. */
const PolicyCredential *enabling_in_policy(const Enabling *enabling, const char *id);

/* How many of the credentials came to RESULT. */
size_t enabling_count(const Enabling *enabling, PolicyEditResult result);

/* What has become of the policy, and what the units in the container have to say. */
void enable_report_policy(const Enabling *enabling);

/* What of the units, and what is to be done next. */
void enable_report_next(const Enabling *enabling);

/* --json=: all of it. */
int enable_report_json(const Enabling *enabling);
