/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Finds the signed PCR policies of this system: the signer's public key, for which credentials are
 * sealed, and the signatures, with which they open. Both come with a unified kernel image, and
 * systemd puts them into /run/systemd.
 *
 * The search path is that of systemd since 252: /etc/systemd, /run/systemd, /usr/local/lib/systemd,
 * /usr/lib/systemd. The first file found is used. Unlike systemd, we refuse one that others than
 * root may have put there: with another public key, secrets would be sealed for its owner's
 * policies. The files are not secret.
 */

#include "base/bytes.h"
#include "base/context.h"
#include "base/outcome.h"

#define PCR_PUBLIC_KEY_NAME "tpm2-pcr-public-key.pem"
#define PCR_SIGNATURE_NAME  "tpm2-pcr-signature.json"

/* Reads PATH, whatever it is, or if that is NULL, the first file in the search path below the
 * context's root. OUTCOME_NOT_FOUND if the search path has none; what trusted_file_open() returns;
 * OUTCOME_TOO_LARGE. */
int pcr_public_key_load(const Context *context, const char *path, Reason *reason, Bytes *ret);
int pcr_signatures_load(const Context *context, const char *path, Reason *reason, Bytes *ret);
