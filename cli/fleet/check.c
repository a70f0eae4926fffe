/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds fleet check: whether a fleet's repository is valid, and whether it has to be sealed
 * or signed. It needs no key.
 */

#include "base/timestamp.h"
#include "fleet/signed_files.h"
#include "fleet/signing.h"
#include "fleet/verbs.h"
#include "fleet/workspace.h"
#include "terminal/output.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

typedef struct Checking {
    Workspace work;
    SignedStatement statement;
    KnownLeaves leaves;
} Checking;

static void checking_done(Checking *checking)
{
    known_leaves_done(&checking->leaves);
    signed_statement_done(&checking->statement);
    workspace_done(&checking->work);
}

static int check_identities(const Repository *repository, Reason *reason)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < repository->host_count; i++) {
        _cleanup_(identity_done) Identity identity = {0};

        r = repository_read_identity(repository, repository->hosts[i].name, reason, &identity);
    }
    return r;
}

/* Whether a wave is over: OUTCOME_UNSIGNED if hosts still have earlier files by the statement. */
static int check_wave(const Checking *checking, Reason *reason)
{
    const Repository *repository = &checking->work.repository;
    const Statement *statement = &checking->statement.statement;
    _cleanup_(known_leaves_done) KnownLeaves released = {0};
    const char *first = NULL;
    size_t waiting = 0;
    int r = leaves_read(repository, statement, NULL, &released);

    if (r != 0)
        return r < 0 ? r : 0;
    assert(checking->leaves.all);
    for (size_t i = 0; i < repository->host_count; i++) {
        const KnownLeaf *sealed = &checking->leaves.all[i];
        const MerkleHash *leaf = known_leaf_find(&released, sealed->host);

        if (leaf && merkle_equal(leaf, &sealed->leaf))
            continue;
        /* files that nobody has: something else was sealed since */
        if (leaf && signed_files_find(repository, sealed->host, leaf, NULL, &(const char *){NULL},
                                      NULL) != 0)
            return 0;
        first = first ? first : sealed->host;
        waiting++;
    }
    return waiting == 0
               ? 0
               : reason_set(reason, OUTCOME_UNSIGNED,
                            "statement %" PRIu64
                            " does not release the new files of %zu of %zu hosts, such as %s",
                            statement->sequence, waiting, repository->host_count, first);
}

/* Whether the statement is about what is sealed. */
static int check_content(const Checking *checking, Reason *reason)
{
    const Statement *statement = &checking->statement.statement;
    MerkleHash inputs = inventory_digest(&checking->work.inventory), root;
    size_t hosts = checking->work.repository.host_count;
    bool same = merkle_equal(&statement->inputs, &inputs);
    int r;

    if (checking->statement.text.size == 0)
        return reason_set(reason, OUTCOME_UNSIGNED, "there is no statement");
    r = leaves_root(&checking->leaves, &root);
    if (r != 0)
        return r;
    if (same)
        r = check_wave(checking, reason);
    if (r != 0)
        return r;
    if (!same || statement->hosts != hosts || !merkle_equal(&statement->root, &root))
        return reason_set(reason, OUTCOME_UNSIGNED,
                          "statement %" PRIu64 " is about other files than there are now",
                          statement->sequence);
    return 0;
}

static int check_files(Checking *checking, Reason *reason)
{
    Workspace *work = &checking->work;
    uint64_t now = work->context->now(work->context);
    int r = check_identities(&work->repository, reason);

    if (r == 0)
        r = signed_statement_load(&work->repository, &work->admin, now, reason,
                                  &checking->statement);
    if (r != 0 || work->repository.host_count == 0)
        return r;
    r = workspace_leaves(work, true, reason, &checking->leaves);
    if (r == 0)
        r = check_content(checking, reason);
    if (r != 0)
        return r;
    return signed_statement_check(&checking->statement, work->admin.threshold,
                                  work->verified.sequence, now, reason);
}

static int check(Checking *checking, Reason *reason)
{
    Workspace *work = &checking->work;
    int r = workspace_load(false, reason, work);

    if (r != 0)
        return r;
    r = check_files(checking, reason);
    if (r == 0)
        return masters_check_recipients(&work->repository, &work->recipients, reason);
    (void)workspace_note_recipients(work, NULL); /* beside what is worse */
    return r;
}

static void print_json(const Checking *checking, JsonMode mode, int rc)
{
    const Repository *repository = &checking->work.repository;
    struct json_object *object = json_object_new_object();

    json_add_text(object, "fleet", repository->file.fleet);
    json_add_number(object, "hosts", repository->host_count);
    json_add_number(object, "secrets", repository->file.secret_count);
    json_add_text(object, "state", outcome_name(rc));
    if (checking->statement.text.size > 0) {
        json_add_number(object, "sequence", checking->statement.statement.sequence);
        json_add_number(object, "notAfter", checking->statement.statement.not_after);
        json_add_number(object, "signatures", checking->statement.count);
    }
    output_json(object, mode);
}

static void print(const Checking *checking)
{
    const Repository *repository = &checking->work.repository;
    const Statement *statement = &checking->statement.statement;
    char until[TIMESTAMP_TEXT_BYTES];

    output_line(stdout, "Fleet %s: %zu host%s, %zu secret%s.", repository->file.fleet,
                repository->host_count, plural(repository->host_count),
                repository->file.secret_count, plural(repository->file.secret_count));
    if (workspace_is_empty(&checking->work) || checking->statement.text.size == 0)
        return;
    timestamp_format(statement->not_after, until);
    output_line(stdout, "Everything is sealed%s in statement %" PRIu64 ", valid until %s.",
                checking->statement.known ? " and signed" : "", statement->sequence, until);
    if (!checking->statement.known)
        output_note("Signatures were not checked: this machine has no file of allowed signers.");
}

static int run(const Context *context, const Options *options, char **)
{
    _cleanup_(checking_done) Checking checking = {.work = WORKSPACE_CLOSED(context, options)};
    Reason reason = {0};
    int r = check(&checking, &reason);

    if (options->json != JSON_OFF && checking.work.repository.file.fleet[0])
        print_json(&checking, options->json, r);
    else if (r == 0)
        print(&checking);
    return r == 0 ? 0 : output_error(r, NULL, &reason);
}

const Verb fleet_check = {
    .name = "fleet check",
    .arguments = "",
    .summary = "Check a fleet's repository, without any key",
    .details =
        "Reads everything in the repository, and says what is to be done next. The exit status "
        "is 3 if it is\nnot valid, 10 if something has to be sealed, 11 if the statement has "
        "to be signed, and 12 if it expires\nwithin two weeks. It opens no secret, so that it "
        "can run wherever the repository is.",
    .options = OPTION_REPOSITORY | OPTION_JSON,
    .run = run,
};
