/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fleet/signing.h"

#include "base/timestamp.h"

#include "base/array.h"
#include "fleet/ssh_signature.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>

/* A statement that expires within this time has to be renewed. */
#define SOON_USEC (UINT64_C(14) * 24 * 3600 * 1000 * 1000)

void signed_statement_done(SignedStatement *statement)
{
    bytes_done(&statement->text);
    strings_free(statement->principals);
    *statement = (SignedStatement){0};
}

int signed_statement_check(const SignedStatement *statement, size_t required, uint64_t verified,
                           uint64_t now, Reason *reason)
{
    const Statement *content = &statement->statement;
    char until[TIMESTAMP_TEXT_BYTES];

    timestamp_format(content->not_after, until);
    if (content->sequence < verified)
        return reason_set(reason, OUTCOME_OLD_REPOSITORY,
                          "the repository has statement %" PRIu64 ", but statement %" PRIu64
                          " was signed or verified on this machine",
                          content->sequence, verified);
    if (statement->count < required)
        return reason_set(reason, OUTCOME_UNSIGNED,
                          "statement %" PRIu64 " has %zu of %zu signatures", content->sequence,
                          statement->count, required);
    if (content->not_after <= now)
        return reason_set(reason, OUTCOME_UNSIGNED, "statement %" PRIu64 " has expired on %s",
                          content->sequence, until);
    if (content->not_after <= now + SOON_USEC)
        return reason_set(reason, OUTCOME_EXPIRING, "statement %" PRIu64 ", on %s",
                          content->sequence, until);
    return 0;
}

int signature_name(const char *principal, Reason *reason, char name[SIGNATURE_NAME_BYTES])
{
    if (strchr(principal, '/'))
        return reason_set(reason, OUTCOME_BAD_SIGNERS,
                          "the signer \"%.80s\" has a name that cannot be a file's: it contains "
                          "\"/\"",
                          principal);
    snprintf(name, SIGNATURE_NAME_BYTES, STATEMENT_SIGNATURE "%s", principal);
    return 0;
}

/* Whether the file of SIGNER has a signature of TEXT by a key of theirs. 0, OUTCOME_NOT_SIGNED. */
static int check_signature(const Repository *repository, const AllowedSigners *signers,
                           const AllowedSigner *signer, BytesView text, uint64_t now)
{
    _cleanup_(ssh_signature_done) SshSignature signature = {0};
    _cleanup_(bytes_done) Bytes file = {0};
    char name[SIGNATURE_NAME_BYTES];
    const AllowedSigner *by;
    int r = signature_name(signer->principal, NULL, name);

    if (r == 0)
        r = repository_read(repository, NULL, name, LIMIT_SSH_SIGNATURE_BYTES, NULL, &file);
    if (r == 0)
        r = ssh_signature_parse(bytes_view(&file), NULL, &signature);
    if (r == 0)
        r = ssh_signature_verify(&signature, text, NULL);
    if (r != 0)
        return r == -ENOMEM ? r : OUTCOME_NOT_SIGNED;
    by = allowed_signers_find(signers, signature.key);
    return by && strcmp(by->principal, signer->principal) == 0 && allowed_signer_may_sign(by, now)
               ? 0
               : OUTCOME_NOT_SIGNED;
}

int signed_statement_read(const Repository *repository, const AllowedSigners *signers, uint64_t now,
                          Reason *reason, SignedStatement *ret)
{
    _cleanup_(signed_statement_done) SignedStatement statement = {0};
    Reason why = {0};
    int r = repository_read(repository, NULL, STATEMENT_FILE, LIMIT_STATEMENT_BYTES, reason,
                            &statement.text);

    if (r == -ENOENT) {
        *ret = (SignedStatement){0};
        return 0;
    }
    if (r == 0) {
        r = statement_parse(bytes_view(&statement.text), &why, &statement.statement);
        if (r > 0)
            r = reason_set(reason, OUTCOME_BAD_REPOSITORY, STATEMENT_FILE ": %s", why.text);
    }
    if (r == 0 && strcmp(statement.statement.fleet, repository->file.fleet) != 0)
        r = reason_set(reason, OUTCOME_BAD_REPOSITORY, "the statement is one of the fleet %s",
                       statement.statement.fleet);
    for (size_t i = 0; r == 0 && i < signers->count; i++) {
        const AllowedSigner *signer = &signers->signers[i];

        if (strings_have(statement.principals, signer->principal))
            continue;
        r = check_signature(repository, signers, signer, bytes_view(&statement.text), now);
        if (r == 0 && !strings_add(&statement.principals, &statement.count, signer->principal))
            r = -ENOMEM;
        if (r == OUTCOME_NOT_SIGNED)
            r = 0;
    }
    if (r == 0)
        *ret = TAKE(statement);
    return r;
}

int leaves_root(const KnownLeaf *leaves, size_t count, MerkleHash *ret)
{
    _cleanup_(merkle_tree_done) MerkleTree tree = {0};
    _cleanup_(freep) MerkleHash *hashes = calloc(count, sizeof(hashes[0]));
    int r;

    if (!hashes)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        hashes[i] = leaves[i].leaf;
    r = merkle_tree_new(hashes, count, &tree);
    if (r == 0)
        *ret = *merkle_tree_root(&tree);
    return r;
}

int leaves_format(const KnownLeaf *leaves, size_t count, Bytes *ret)
{
    _cleanup_(writer_done) Writer writer = {0};

    for (size_t i = 0; i < count; i++) {
        char hex[MERKLE_TEXT_BYTES];

        sodium_bin2hex(hex, sizeof(hex), leaves[i].leaf.bytes, MERKLE_HASH_BYTES);
        writer_text(&writer, leaves[i].host);
        writer_text(&writer, " ");
        writer_text(&writer, hex);
        writer_text(&writer, "\n");
    }
    return writer_take(&writer, ret);
}
