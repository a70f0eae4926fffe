/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bundle_judge(): see bundle.h. */

#include "fleet/bundle.h"
#include "fleet/ssh_signature.h"

#include <assert.h>
#include <inttypes.h>

/* The signers whose signatures of the statement are good. One may be there several times. */
typedef struct SignedBy {
    const AllowedSigner *signers[LIMIT_FLEET_SIGNATURES];
    size_t count;
} SignedBy;

/* Finds who made the signature ARMOR. A signature by anybody else does not count, nor does a bad
 * one: then the result is positive, with WHY. */
static int find_signer(BytesView armor, BytesView statement, const FleetTrust *trust, Reason *why,
                       const AllowedSigner **ret)
{
    _cleanup_(ssh_signature_done) SshSignature signature = {0};
    const AllowedSigner *signer;
    int r = ssh_signature_parse(armor, why, &signature);

    if (r != 0)
        return r;
    signer = allowed_signers_find(trust->signers, signature.key);
    if (!signer)
        return reason_set(why, OUTCOME_NOT_SIGNED, "its key is not one of the allowed signers'");
    r = ssh_signature_verify(&signature, statement, why);
    if (r == 0)
        *ret = signer;
    return r;
}

/* How many principals there are among those of BY who may sign at NOW; or at any time, if it is
 * NULL. */
static size_t count_principals(const SignedBy *by, const uint64_t *now)
{
    const char *principals[LIMIT_FLEET_SIGNATURES];
    size_t count = 0;

    for (size_t i = 0; i < by->count; i++) {
        const AllowedSigner *signer = by->signers[i];
        size_t known = 0;

        if (!allowed_signer_may_sign(signer, now ? *now : signer->valid_from))
            continue;
        while (known < count && strcmp(principals[known], signer->principal) != 0)
            known++;
        if (known == count)
            principals[count++] = signer->principal;
    }
    return count;
}

static int check_count(size_t count, const FleetTrust *trust, const char *why, Reason *reason)
{
    if (count >= trust->threshold)
        return 0;
    return reason_set(reason, OUTCOME_NOT_SIGNED, "%zu of %zu required signers signed it%s%s",
                      count, trust->threshold, why[0] ? ": " : "", why);
}

/* Checks who signed the statement, at whatever time they may do so. */
static int check_signatures(const Bundle *bundle, const FleetTrust *trust, Reason *reason,
                            SignedBy *ret)
{
    Reason why = {0};

    for (size_t i = 0; i < bundle->signature_count; i++) {
        int r = find_signer(bytes_view(&bundle->signatures[i]), bytes_view(&bundle->statement),
                            trust, &why, &ret->signers[ret->count]);

        if (r < 0)
            return reason_set(reason, r, "cannot check a signature");
        if (r == 0)
            ret->count++;
    }
    return check_count(count_principals(ret, NULL), trust, why.text, reason);
}

/* Checks a statement that is signed. */
static int check_statement(const Statement *statement, const SignedBy *by, const FleetTrust *trust,
                           Reason *reason)
{
    if (strcmp(statement->fleet, trust->fleet) != 0)
        return reason_set(reason, OUTCOME_NOT_SIGNED, "it is for fleet %s, not for %s",
                          statement->fleet, trust->fleet);
    if (trust->now < statement->issued)
        return reason_set(reason, OUTCOME_CLOCK, "sequence %" PRIu64 " is of the future",
                          statement->sequence);
    if (trust->now >= statement->not_after)
        return reason_set(reason, OUTCOME_STATEMENT_EXPIRED, "sequence %" PRIu64 " has expired",
                          statement->sequence);
    return check_count(count_principals(by, &trust->now), trust,
                       "the others may not sign at this time", reason);
}

/* Checks the manifest that the statement covers, and the sequence. */
static int check_manifest(const Bundle *bundle, const Statement *statement, const FleetTrust *trust,
                          Reason *reason, Manifest *ret)
{
    _cleanup_(manifest_done) Manifest manifest = {0};
    int r;

    if (!merkle_path_proves(bundle->path, bundle->path_length,
                            merkle_leaf(bytes_view(&bundle->manifest)), bundle->index,
                            statement->hosts, &statement->root))
        return reason_set(reason, OUTCOME_NOT_SIGNED, "the statement does not cover the manifest");
    r = manifest_parse(bytes_view(&bundle->manifest), reason, &manifest);
    if (r != 0)
        return r;
    if (!manifest_is_for(&manifest, &trust->host))
        return reason_set(reason, OUTCOME_NOT_SIGNED, "the manifest is for another host's TPM");
    if (statement->sequence < trust->sequence)
        return reason_set(reason, OUTCOME_OLD_SEQUENCE,
                          "it has sequence %" PRIu64 ", but %" PRIu64 " was accepted",
                          statement->sequence, trust->sequence);
    if (statement->sequence == trust->sequence &&
        memcmp(&statement->root, &trust->root, sizeof(trust->root)) != 0)
        return reason_set(reason, OUTCOME_EQUIVOCATION, "there are two with sequence %" PRIu64,
                          statement->sequence);
    *ret = TAKE(manifest);
    return 0;
}

int bundle_judge(BytesView file, const FleetTrust *trust, Reason *reason, Statement *ret_statement,
                 Manifest *ret_manifest)
{
    _cleanup_(bundle_done) Bundle bundle = {0};
    SignedBy by = {0};
    Statement statement;
    int r = bundle_parse(file, reason, &bundle);

    assert(trust->threshold > 0);
    if (r == 0)
        r = check_signatures(&bundle, trust, reason, &by);
    if (r != 0)
        return r;
    if (statement_parse(bytes_view(&bundle.statement), reason, &statement) != 0)
        return OUTCOME_BAD_BUNDLE;
    r = check_statement(&statement, &by, trust, reason);
    if (r == 0)
        r = check_manifest(&bundle, &statement, trust, reason, ret_manifest);
    if (r == 0)
        *ret_statement = statement;
    return r;
}
