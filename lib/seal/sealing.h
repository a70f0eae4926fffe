/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A secret that has not been sealed before is sealed for this host, as the options say.
 */

#include "base/context.h"
#include "credential/format.h"
#include "options.h"
#include "secret/secret.h"

/* What can be wrong before the secret is asked for: options that contradict each other, and times,
 * which go into METADATA. OUTCOME_USAGE. */
int sealing_check(const Context *context, const Options *options, Reason *reason,
                  CredentialMetadata *metadata);

/* Seals PLAINTEXT, with the key of the machine's others where there is one to share (sharing.h).
 * What comes of it is raw or base64, as --format= says. */
int sealing_seal(const Context *context, const Options *options, const CredentialMetadata *metadata,
                 const Secret *plaintext, Reason *reason, Bytes *ret);
