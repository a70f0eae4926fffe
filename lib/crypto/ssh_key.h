/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Ed25519 keys as OpenSSH keeps them: a private key is a file that ssh-keygen(1) would write (the
 * format is in PROTOCOL.key in its sources), without a passphrase; a public one is a line for
 * authorized_keys.
 */

#include "base/context.h"
#include "secret/secret.h"

/* A fresh key, with COMMENT in it. -ENOMEM. */
int ssh_key_new(const Context *context, const char *comment, Reason *reason, Secret **ret);

/* The public line of the private key FILE, ending with COMMENT and a newline. OUTCOME_MALFORMED if
 * it is not one such key; -ENOMEM. */
int ssh_key_public(const Secret *file, const char *comment, Reason *reason, Bytes *ret);
