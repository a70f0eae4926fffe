/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Ed25519 keys in OpenSSH's formats. A private key is a file as ssh-keygen(1) writes it, without a
 * passphrase (PROTOCOL.key in OpenSSH's sources describes it). A public key is a line for
 * authorized_keys.
 */

#include "base/context.h"
#include "secret/secret.h"

/* Generates a key with COMMENT. -ENOMEM. */
int ssh_key_new(const Context *context, const char *comment, Reason *reason, Secret **ret);

/* Returns the public line of the private key FILE, with COMMENT and a newline. OUTCOME_MALFORMED if
 * FILE does not contain exactly one such key; -ENOMEM. */
int ssh_key_public(const Secret *file, const char *comment, Reason *reason, Bytes *ret);
