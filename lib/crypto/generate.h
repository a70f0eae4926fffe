/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Generates secrets from a recipe (base/recipe.h), and the public halves of key pairs.
 *
 * crypto/ssh_key.h does ssh-ed25519. An x25519 key is 32 bytes, clamped (RFC 7748), in base64. Its
 * public half is 32 bytes in base64 with a newline.
 */

#include "base/context.h"
#include "base/recipe.h"
#include "secret/secret.h"

/* Generates a secret. COMMENT, at most LIMIT_SEALED_NAME_BYTES, goes into an SSH key. -ENOMEM. */
int generate_secret(const Context *context, const Recipe *recipe, const char *comment,
                    Reason *reason, Secret **ret);

/* Derives the public half of SECRET, with a newline. RECIPE must be one for key pairs, but SECRET
 * may come from elsewhere: OUTCOME_MALFORMED if it is no such key; -ENOMEM. */
int generate_public(const Recipe *recipe, const Secret *secret, const char *comment, Reason *reason,
                    Bytes *ret);
