/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Where the signed PCR policies of this system are: the signer's public key, which credentials are
 * sealed for, and the signatures, which open them. A unified kernel image brings both along, and
 * systemd puts them into /run/systemd.
 *
 * As every systemd since 252 does, the first of /etc/systemd, /run/systemd, /usr/local/lib/systemd
 * and /usr/lib/systemd that has the file is taken. Nothing in them is secret, or trusted.
 */

#include "base/bytes.h"
#include "base/context.h"
#include "base/outcome.h"

#define PCR_PUBLIC_KEY_NAME "tpm2-pcr-public-key.pem"
#define PCR_SIGNATURE_NAME  "tpm2-pcr-signature.json"

/* The file PATH, or for NULL the one in the default places below the context's root.
 * OUTCOME_NOT_FOUND if there is none in the default places; OUTCOME_TOO_LARGE. */
int pcr_public_key_load(const Context *context, const char *path, Reason *reason, Bytes *ret);
int pcr_signatures_load(const Context *context, const char *path, Reason *reason, Bytes *ret);
