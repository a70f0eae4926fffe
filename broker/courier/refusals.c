/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "courier/refusals.h"

#include "fleet/fleet_commit.h"
#include "fleet/fleet_config.h"
#include "fleet/fleet_host.h"
#include "fleet/fleet_set.h"
#include "fleet/report.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

typedef struct Refusal {
    char digest[DIGEST_TEXT_BYTES];
    char fleet[LIMIT_FLEET_NAME_BYTES + 1];
    RefusalBasis basis;
    uint64_t until; /* CLOCK_MONOTONIC, µs */
    int rc;
    Reason reason;
    Bytes report;
} Refusal;

struct Refusals {
    Refusal last[LIMIT_REFUSED_OFFERS];
    size_t next;
};

int refusals_new(Refusals **ret)
{
    *ret = calloc(1, sizeof(**ret));
    return *ret ? 0 : -ENOMEM;
}

Refusals *refusals_free(Refusals *refusals)
{
    for (size_t i = 0; refusals && i < LIMIT_REFUSED_OFFERS; i++)
        bytes_done(&refusals->last[i].report);
    free(refusals);
    return NULL;
}

/* --- the basis --- */

/* Which file there is, and when it was changed. */
typedef struct FileState {
    uint64_t device, inode, size, seconds, nanoseconds;
} FileState;

static FileState state_of(const char *path)
{
    struct stat status;

    if (stat(path, &status) < 0)
        return (FileState){0};
    return (FileState){status.st_dev, status.st_ino, (uint64_t)status.st_size,
                       (uint64_t)status.st_ctim.tv_sec, (uint64_t)status.st_ctim.tv_nsec};
}

void refusal_basis(const ServerConfig *config, const char *fleet, RefusalBasis *ret)
{
    static const char *const suffixes[] = {".json", ".signers"};
    static const char *const records[] = {FLEET_SET_RECORD, FLEET_RESET_RECORD};
    char path[2 * PATH_MAX], folder[PATH_MAX];
    FileState states[5];

    fleet_host_path(config->store_path, path);
    states[0] = state_of(path);
    fleet_set_path(config->store_path, fleet, folder);
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s" FLEET_CONFIG_FOLDER "/%s%s", config->context->root, fleet,
                 suffixes[i]);
        states[1 + i] = state_of(path);
        snprintf(path, sizeof(path), "%s/.record.%s", folder, records[i]);
        states[3 + i] = state_of(path);
    }
    digest_format((BytesView){(const uint8_t *)states, sizeof(states)}, ret->digest);
}

/* --- what is remembered --- */

static Refusal *find(Refusals *refusals, const char *fleet, const char *digest)
{
    for (size_t i = 0; i < LIMIT_REFUSED_OFFERS; i++) {
        Refusal *refusal = &refusals->last[i];

        if (strcmp(refusal->digest, digest) == 0 && strcmp(refusal->fleet, fleet) == 0)
            return refusal;
    }
    return NULL;
}

/* Whether RC is about root's files on this host and not about the offer. It is found out before any
 * signature is checked, and root may repair the file at any moment. */
static bool is_about_host(int rc)
{
    return rc == OUTCOME_NOT_FOUND || rc == OUTCOME_BAD_FLEET_CONFIG || rc == OUTCOME_BAD_SIGNERS ||
           rc == OUTCOME_BAD_IDENTITY;
}

int refusals_find(Refusals *refusals, const RefusedOffer *offer, Reason *reason, Bytes *ret_report)
{
    const Refusal *refusal = find(refusals, offer->fleet, offer->digest);

    if (!refusal || monotonic_usec() >= refusal->until || is_about_host(refusal->rc) ||
        strcmp(refusal->basis.digest, offer->basis->digest) != 0)
        return 0;
    *reason = refusal->reason;
    (void)bytes_dup(bytes_view(&refusal->report), ret_report);
    return refusal->rc;
}

bool refusals_add(Refusals *refusals, const RefusedOffer *offer, int rc, const Reason *reason,
                  BytesView report)
{
    Refusal *refusal = find(refusals, offer->fleet, offer->digest);
    bool known = refusal && refusal->rc == rc;
    uint64_t now = monotonic_usec();

    for (size_t i = 0; i < LIMIT_REFUSED_OFFERS; i++)
        known = known || (strcmp(refusals->last[i].fleet, offer->fleet) == 0 &&
                          refusals->last[i].rc == rc && now < refusals->last[i].until);
    if (!refusal)
        refusal = &refusals->last[refusals->next++ % LIMIT_REFUSED_OFFERS];
    bytes_done(&refusal->report);
    *refusal = (Refusal){
        .basis = *offer->basis, .until = now + LIMIT_REFUSED_USEC, .rc = rc, .reason = *reason};
    (void)bytes_dup(report, &refusal->report);
    strcpy(refusal->digest, offer->digest);
    strcpy(refusal->fleet, offer->fleet);
    return !known;
}

/* --- for the next broker --- */

void refusals_write(StoreQueue *store, const char *fleet, const Peer *peer, BytesView report)
{
    _cleanup_(fleet_commit_freep) FleetCommit *commit = calloc(1, sizeof(*commit));
    CommitOrder order = {.data = -1, .fleet = commit, .uid = peer->uid, .pid = peer->pid};

    if (!commit || bytes_dup(report, &commit->refused) != 0)
        return;
    strcpy(commit->fleet, fleet);
    if (commit_job_new(store, &order, NULL, NULL, NULL) == 0)
        (void)TAKE_PTR(commit);
}

int refusals_read(const ServerConfig *config, const char *fleet, const char *digest, uint64_t now,
                  Reason *reason, Bytes *ret_report)
{
    const char *store = config->store_path;
    _cleanup_(secret_freep) Secret *seed = NULL;
    _cleanup_(bytes_done) Bytes text = {0};
    Report report = {0};

    if (fleet_set_refused(store, fleet, &text) != 0 || report_key_read(store, NULL, &seed) != 0 ||
        report_verify_own(bytes_view(&text), seed, NULL, &report) != 0 ||
        strcmp(report.statement, digest) != 0 || report.outcome <= 0 || now < report.time ||
        now - report.time >= LIMIT_REFUSED_USEC)
        return 0;
    *ret_report = TAKE(text);
    return reason_set(reason, report.outcome, "%s", report.reason);
}
