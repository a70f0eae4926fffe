/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds fleet: the commands of a fleet's administrators. See fleet/ for each.
 */

#include "fleet/verbs.h"

static const Verb *const commands[] = {
    &fleet_init,  &fleet_add,    &fleet_enrol,  &fleet_edit, &fleet_generate,
    &fleet_rekey, &fleet_revoke, &fleet_seal,   &fleet_sign, &fleet_check,
    &fleet_diff,  &fleet_push,   &fleet_status, &fleet_show, &fleet_verify,
    &fleet_reset, NULL};

const Verb verb_fleet = {
    .name = "fleet",
    .arguments = "COMMAND [ARGUMENT...]",
    .summary = "Seal and sign secrets for many hosts, in a repository",
    .details = "The administrators of many hosts keep the hosts' identities and encrypted master "
               "copies of the\nsecrets in a git repository. These commands work in it. On a host, "
               "show,\nverify and reset are about what it accepts.",
    .options = OPTION_REPOSITORY | OPTION_JSON | OPTION_RECIPIENTS | OPTION_AS | OPTION_TO |
               OPTION_GENERATE | OPTION_NEWLINE | OPTION_NO_ASK | OPTION_IDENTITY | OPTION_CONFIRM |
               OPTION_SIGNERS | OPTION_THRESHOLD | OPTION_KEY | OPTION_RENEW | OPTION_NOT_AFTER |
               OPTION_FLEET | OPTION_EXTRACT | OPTION_WAVE | OPTION_WAIT | OPTION_TOLERATE |
               OPTION_PROVED | OPTION_ENDORSEMENT | OPTION_TPM_PCRS,
    .commands = commands,
};
