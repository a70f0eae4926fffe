/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Secrets made from a recipe (base/recipe.h), and the public halves of those that have one.
 *
 * ssh-ed25519 is crypto/ssh_key.h. An x25519 key is 32 bytes in base64, clamped (RFC 7748), and so
 * is its public half, with a newline.
 */

#include "base/context.h"
#include "base/recipe.h"
#include "secret/secret.h"

/* COMMENT goes into an SSH key, at most LIMIT_SEALED_NAME_BYTES. -ENOMEM. */
int generate_secret(const Context *context, const Recipe *recipe, const char *comment,
                    Reason *reason, Secret **ret);

/* The public half of SECRET, which may be somebody else's work, with its newline; of a RECIPE that
 * has one. OUTCOME_MALFORMED if SECRET is no such key; -ENOMEM. */
int generate_public(const Recipe *recipe, const Secret *secret, const char *comment, Reason *reason,
                    Bytes *ret);
