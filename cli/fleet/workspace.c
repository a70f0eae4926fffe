/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fleet/workspace.h"

#include <errno.h>
#include <stdio.h>

void workspace_done(Workspace *work)
{
    sealed_lines_done(&work->lines);
    inventory_done(&work->inventory);
    fleet_verified_done(&work->verified);
    fleet_admin_done(&work->admin);
    repository_close(&work->repository);
}

int workspace_load(bool write, Reason *reason, Workspace *work)
{
    Repository *repository = &work->repository;
    int r = repository_open(work->options->repository, write, reason, repository);

    if (r == 0)
        r = repository_match(repository, reason);
    if (r == 0)
        r = fleet_admin_load(work->context, repository->file.fleet, reason, &work->admin);
    if (r == 0)
        r = fleet_verified_load(work->context, repository->file.fleet, reason, &work->verified);
    if (r == 0)
        r = inventory_make(repository, &work->verified.inventory, reason, &work->inventory);
    if (r == 0)
        r = sealed_lines_make(repository, &work->inventory, &work->lines);
    return r;
}

/* Whether HOST's files were sealed from what there is now. 0, OUTCOME_UNSEALED. */
static int check_inputs(const Workspace *work, const RepositoryHost *host, Reason *reason)
{
    _cleanup_(bytes_done) Bytes wanted = {0}, inputs = {0};
    int r = sealed_inputs(&work->repository, &work->inventory, &work->lines, host, &wanted);

    if (r == 0)
        r = sealed_read(&work->repository, host->name, SEALED_INPUTS, LIMIT_MANIFEST_BYTES, reason,
                        &inputs);
    if (r == -ENOENT)
        return OUTCOME_UNSEALED;
    if (r == 0 && !bytes_view_equal(bytes_view(&wanted), bytes_view(&inputs)))
        return OUTCOME_UNSEALED;
    return r;
}

int workspace_leaves(const Workspace *work, bool files, Reason *reason, KnownLeaf **ret)
{
    const Repository *repository = &work->repository;
    _cleanup_(freep) KnownLeaf *leaves = calloc(repository->host_count + 1, sizeof(leaves[0]));
    const char *first = NULL;
    size_t unsealed = 0;
    int r = leaves ? 0 : -ENOMEM;

    for (size_t i = 0; r == 0 && i < repository->host_count; i++) {
        const RepositoryHost *host = &repository->hosts[i];

        strcpy(leaves[i].host, host->name);
        r = check_inputs(work, host, reason);
        if (r == 0 && files)
            r = sealed_check(repository, &work->inventory, host, reason);
        if (r == 0)
            r = sealed_leaf(repository, host->name, reason, &leaves[i].leaf);
        if (r == OUTCOME_UNSEALED) {
            unsealed++;
            first = first ? first : host->name;
            r = 0;
        }
    }
    if (r == 0 && unsealed > 1)
        return reason_set(reason, OUTCOME_UNSEALED, "those of %s and %zu more hosts", first,
                          unsealed - 1);
    if (r == 0 && unsealed > 0)
        return reason_set(reason, OUTCOME_UNSEALED, "those of %s", first);
    if (r == 0)
        *ret = TAKE_PTR(leaves);
    return r;
}

int workspace_add_unknown(const Workspace *work, const KnownLeaf *leaves, FleetChanges *changes)
{
    _cleanup_(writer_done) Writer writer = {0};

    for (size_t i = 0; i < work->repository.host_count; i++)
        if (!fleet_verified_knows(&work->verified, leaves[i].host, &leaves[i].leaf)) {
            writer_text(&writer, " ");
            writer_text(&writer, leaves[i].host);
        }
    if (writer.failed)
        return -ENOMEM;
    return writer.bytes.size == 0
               ? 0
               : fleet_changes_add(changes, "sealed files that were not made on this machine:%.*s",
                                   (int)writer.bytes.size, (const char *)writer.bytes.data);
}
