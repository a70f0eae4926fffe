/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds host: this host's identity, and the proof that its keys are in a genuine TPM. See
 * host/ for each command.
 */

#include "host/verbs.h"

static const Verb *const commands[] = {&host_export, &host_challenge, &host_answer,
                                       &host_verify, &host_enrol,     NULL};

const Verb verb_host = {
    .name = "host",
    .arguments = "COMMAND [FILE...]",
    .summary = "Export this host's public identity, and prove that its keys are in a TPM",
    .details =
        "A host's identity is what others need to seal for it. To know that the keys in it are in "
        "a\ngenuine TPM, \"host challenge\" makes a challenge, the host answers it with \"host "
        "answer\",\nand \"host verify\" checks the answer. \"host enrol\" does the host's part "
        "over a fleet's carrier. The administrator's side needs no TPM.",
    .options = OPTION_TPM_DEVICE | OPTION_PUBLIC_KEY | OPTION_JSON | OPTION_PROVE |
               OPTION_ENDORSEMENT | OPTION_NOT_AFTER | OPTION_TPM_PCRS | OPTION_WAIT,
    .commands = commands,
};
