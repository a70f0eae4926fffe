/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Signatures by OpenSSH keys, as `ssh-keygen -Y sign` writes them (PROTOCOL.sshsig and PROTOCOL.u2f
 * in OpenSSH's sources; docs/FLEET.md), and the public keys that belong to them. Pure.
 *
 * Keys are of the types ssh-ed25519, sk-ssh-ed25519@openssh.com and ecdsa-sha2-nistp256.
 *
 * This accepts less than `ssh-keygen -Y verify`, and nothing that it refuses: the namespace is
 * ours, the digest is SHA-512, the text is exactly as ssh-keygen writes it, and a token was
 * touched.
 */

#include "base/bytes.h"
#include "base/limits.h"
#include "base/outcome.h"

#define SSH_SIGNATURE_NAMESPACE "fleet@nspawn-creds"

typedef struct SshSignature {
    Bytes binary;
    BytesView key;       /* the signer's public key in SSH's wire format; points into .binary */
    BytesView signature; /* points into .binary */
} SshSignature;

void ssh_signature_done(SshSignature *signature); /* for _cleanup_ */

/* Parses the armored text of a signature. The key may be of any type. OUTCOME_NOT_SIGNED; -ENOMEM.
 */
int ssh_signature_parse(BytesView armor, Reason *reason, SshSignature *ret);

/* Whether SIGNATURE is one of MESSAGE by its key. That this key may sign is for the caller to
 * check. OUTCOME_NOT_SIGNED; -EIO, -ENOMEM from libcrypto. */
int ssh_signature_verify(const SshSignature *signature, BytesView message, Reason *reason);

/* Whether KEY, in SSH's wire format, is valid and its type supported. OUTCOME_NOT_SIGNED; -EIO,
 * -ENOMEM from libcrypto. */
int ssh_signature_check_key(BytesView key, Reason *reason);
