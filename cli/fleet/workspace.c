/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fleet/workspace.h"

#include "fleet/parallel.h"
#include "fleet/signing.h"
#include "terminal/output.h"

#include <errno.h>
#include <stdio.h>

/* So many hosts are worth a process: with all their files, or their manifests alone. */
#define FILES_EACH  ((size_t)100)
#define LEAVES_EACH ((size_t)1000)

void workspace_done(Workspace *work)
{
    sealed_survey_done(&work->survey);
    inventory_done(&work->inventory);
    fleet_verified_done(&work->verified);
    recipients_done(&work->recipients);
    fleet_admin_done(&work->admin);
    repository_close(&work->repository);
}

int workspace_open(bool write, Reason *reason, Workspace *work)
{
    Repository *repository = &work->repository;
    int r = repository_open(work->options->repository, write, reason, repository);

    if (r == 0)
        r = recipients_read(repository, reason, &work->recipients);
    if (r == 0)
        r = fleet_admin_load(work->context, repository->file.fleet, reason, &work->admin);
    work->program = fleet_admin_program(&work->admin, work->options);
    return r;
}

/* If enough signers have signed the inventory and what was sealed from it, the administrator knows
 * the sealed files, and with a statement that is new here also the inventory. A statement that is
 * older than what was signed here does not count, nor one that has expired, so that nobody gets an
 * administrator to sign what was replaced since. */
static int trust_signed(Workspace *work)
{
    _cleanup_(signed_statement_done) SignedStatement statement = {0};
    _cleanup_(allowed_signers_done) AllowedSigners signers = {0};
    _cleanup_(known_leaves_done) KnownLeaves leaves = {0};
    _cleanup_(inventory_done) Inventory inventory = {0};
    MerkleHash inputs = inventory_digest(&work->inventory), root;
    uint64_t now = work->context->now(work->context);
    size_t hosts = work->repository.host_count;
    FleetVerified *verified = &work->verified;
    int r = fleet_admin_signers(&work->admin, work->repository.file.fleet, NULL, &signers);

    if (r == 0)
        r = signed_statement_read(&work->repository, &signers, now, NULL, &statement);
    if (r == 0 && (statement.text.size == 0 || statement.statement.hosts != hosts ||
                   !merkle_equal(&statement.statement.inputs, &inputs)))
        return 0;
    if (r == 0)
        r = signed_statement_check(&statement, work->admin.threshold, verified->sequence, now,
                                   NULL);
    if (r == 0 || r == OUTCOME_EXPIRING)
        r = workspace_leaves(work, false, NULL, &leaves);
    if (r == 0)
        r = leaves_root(&leaves, &root);
    if (r == 0 && !merkle_equal(&root, &statement.statement.root))
        return 0;
    if (r == 0)
        r = inventory_copy(&work->inventory, &inventory);
    if (r != 0) /* others say why, to whom it matters */
        return r == -ENOMEM ? r : 0;
    known_leaves_move(&verified->known, &leaves);
    if (statement.statement.sequence > verified->sequence) {
        verified->sequence = statement.statement.sequence;
        inventory_done(&verified->inventory);
        verified->inventory = TAKE(inventory);
    }
    return 0;
}

int workspace_load(bool write, Reason *reason, Workspace *work)
{
    Repository *repository = &work->repository;
    int r = workspace_open(write, reason, work);

    if (r == 0)
        r = repository_match(repository, reason);
    if (r == 0)
        r = fleet_verified_load(work->context, repository->file.fleet, reason, &work->verified);
    if (r == 0)
        r = inventory_make(repository, &work->verified.inventory, reason, &work->inventory);
    work->survey = (SealedSurvey){.repository = repository,
                                  .inventory = &work->inventory,
                                  .verified = &work->verified,
                                  .now = work->context->now(work->context)};
    if (r == 0)
        r = sealed_survey_begin(&work->survey);
    return r == 0 ? trust_signed(work) : r;
}

int workspace_note_recipients(const Workspace *work, Reason *reason)
{
    Reason why = {0};
    int r = masters_check_recipients(&work->repository, &work->recipients, &why);

    if (r == OUTCOME_NOT_REKEYED) {
        output_note("%s: %s. %s", outcome_sentence(r), why.text, outcome_remedy(r));
        return 0;
    }
    if (r != 0 && reason)
        *reason = why;
    return r;
}

/* Whether HOST's files were sealed from what there is now. 0, OUTCOME_UNSEALED. */
static int check_inputs(const Workspace *work, const RepositoryHost *host, Reason *reason)
{
    _cleanup_(bytes_done) Bytes wanted = {0}, inputs = {0};
    int r = sealed_inputs(&work->survey, host, &wanted);

    if (r == 0)
        r = sealed_read(&work->repository, SEALED_DIRECTORY, host->name, SEALED_INPUTS,
                        LIMIT_MANIFEST_BYTES, reason, &inputs);
    if (r == -ENOENT)
        return OUTCOME_UNSEALED;
    if (r == 0 && !bytes_view_equal(bytes_view(&wanted), bytes_view(&inputs)))
        return OUTCOME_UNSEALED;
    return r;
}

bool workspace_is_empty(const Workspace *work)
{
    if (work->repository.host_count > 0)
        return false;
    output_line(stdout,
                "Fleet %s has no hosts. Add one: nspawn-creds fleet add host web1 web1.json",
                work->repository.file.fleet);
    return true;
}

/* For workspace_leaves(). */
typedef struct LeavesWork {
    const Workspace *work;
    bool files;
} LeavesWork;

typedef struct LeafResult {
    bool unsealed;
    MerkleHash leaf;
    SealedStamp stamp;
} LeafResult;

static int find_leaf(void *userdata, size_t index, void *ret, Reason *reason)
{
    const LeavesWork *all = userdata;
    const Workspace *work = all->work;
    const RepositoryHost *host = &work->repository.hosts[index];
    LeafResult *result = ret;
    int r = check_inputs(work, host, reason);

    if (r == 0 && all->files) /* before the files are read, all of them, however they look */
        r = sealed_stamp(&work->survey, host, &result->stamp);
    if (r == 0 && all->files)
        r = sealed_check(&work->survey, host, reason, &result->leaf);
    else if (r == 0)
        r = sealed_leaf(&work->repository, SEALED_DIRECTORY, host->name, reason, &result->leaf);
    result->unsealed = r == OUTCOME_UNSEALED;
    return result->unsealed ? 0 : r;
}

/* Notes how the files of all hosts look, which were compared with their manifests. */
static int note_stamps(Workspace *work, const LeafResult *results)
{
    _cleanup_(known_leaves_done) KnownLeaves stamps = {0};
    int r = 0;

    for (size_t i = 0; r == 0 && i < work->repository.host_count; i++)
        if (results[i].stamp.settled)
            r = known_leaves_put(&stamps, work->repository.hosts[i].name, &results[i].stamp.digest);
    if (r == 0)
        known_leaves_move(&work->verified.stamps, &stamps);
    return r;
}

int workspace_leaves(Workspace *work, bool files, Reason *reason, KnownLeaves *ret)
{
    size_t count = work->repository.host_count, unsealed = 0;
    _cleanup_(known_leaves_done) KnownLeaves leaves = {0};
    _cleanup_(freep) LeafResult *results = calloc(count + 1, sizeof(results[0]));
    LeavesWork all = {work, files};
    Parallel parallel = {
        .count = count,
        .least = files ? FILES_EACH : LEAVES_EACH,
        .result_size = sizeof(results[0]),
        .fd = &work->repository.fd,
        .userdata = &all,
        .each = find_leaf,
    };
    const char *first = NULL;
    int r = results ? parallel_run(&parallel, results, reason) : -ENOMEM;

    for (size_t i = 0; r == 0 && i < count; i++) {
        if (results[i].unsealed && unsealed++ == 0)
            first = work->repository.hosts[i].name;
        r = known_leaves_put(&leaves, work->repository.hosts[i].name, &results[i].leaf);
    }
    if (r == 0 && unsealed > 1)
        return reason_set(reason, OUTCOME_UNSEALED, "those of %s and %zu more host%s", first,
                          unsealed - 1, plural(unsealed - 1));
    if (r == 0 && unsealed > 0)
        return reason_set(reason, OUTCOME_UNSEALED, "those of %s", first);
    if (r == 0 && files)
        r = note_stamps(work, results);
    if (r == 0)
        *ret = TAKE(leaves);
    return r;
}

int workspace_adopt(Workspace *work, const SignedStatement *statement, Reason *reason)
{
    FleetVerified *verified = &work->verified;
    _cleanup_(known_leaves_done) KnownLeaves leaves = {0};
    int r;

    if (statement->count < work->admin.threshold ||
        statement->statement.sequence < verified->sequence)
        return 0;
    r = leaves_read(&work->repository, &statement->statement, reason, &leaves);
    if (r > 0) /* somebody has to seal and sign */
        return 0;
    if (r != 0)
        return r;
    work->adopted =
        leaves.count != verified->released.count ||
        memcmp(leaves.all, verified->released.all, leaves.count * sizeof(leaves.all[0])) != 0;
    known_leaves_move(&verified->released, &leaves);
    return 0;
}

int workspace_add_unknown(const Workspace *work, const KnownLeaves *leaves, FleetChanges *changes)
{
    return fleet_changes_add_unknown(
        changes, leaves, &work->verified.known, NULL,
        "sealed files that were not made on this machine, or are not the last ones");
}
