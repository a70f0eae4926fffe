/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "courier/offer.h"

#include "base/base64.h"
#include "base/json.h"
#include "courier/judgement.h"
#include "courier/offer_report.h"
#include "courier/opening.h"
#include "fleet/fleet_commit.h"
#include "request/commit_parameters.h"

#include <errno.h>
#include <string.h>
#include <time.h>

_Static_assert(LIMIT_STAGED_BYTES >= LIMIT_COMMIT_BYTES, "a set has room");

struct Offer {
    OfferOrder order;
    char digest[DIGEST_TEXT_BYTES];    /* of the bundle; once it was judged, of its statement */
    char statement[DIGEST_TEXT_BYTES]; /* of the statement, signed or not; "" before */
    RefusalBasis basis;                /* when it was offered */
    uint64_t begun;                    /* CLOCK_MONOTONIC, µs */
    int recalled; /* what it was refused with a moment ago, and now again; or 0 */
    Bytes report; /* the host's signed report of a refusal; empty if there is none */
    Child *judge;
    FleetCommit *commit; /* NULL before it was judged, and once it is being committed */
    size_t staged;       /* bytes of .commit's files */
    uint8_t *have;       /* for each of the manifest's credentials, as in Verdict */
    bool accepted;       /* this statement, with all of its files */
    char fleet[LIMIT_FLEET_NAME_BYTES + 1];
    char host[LIMIT_FLEET_HOST_BYTES + 1];
    uint64_t sequence; /* 0 before it was judged */

    sd_event_source *turn;                   /* a timer: refuses again */
    Opening *opening;                        /* opens the files */
    char blamed[CREDENTIAL_NAME_TEXT_BYTES]; /* the credential that does not open, or "" */
    Job *job;                                /* waits for the commit */
    Reason reason;
};

_Static_assert(sizeof(Verdict) <= CHILD_MESSAGE_BYTES, "a verdict is one message");

/* What OFFER is refused with until a pause is over; or 0. */
static int recall(Offer *offer, Reason *reason)
{
    offer->recalled = refusals_find(offer->order.refusals,
                                    &(RefusedOffer){offer->fleet, offer->digest, &offer->basis},
                                    reason, &offer->report);
    return offer->recalled;
}

/* --- the end --- */

static void write_record(const Offer *offer, int rc, const Reason *reason)
{
    AuditSink *sink = offer->order.connections->audit;

    audit_write(sink, &(AuditRecord){
                          .verdict = rc == 0 ? AUDIT_ACCEPTED : AUDIT_REJECTED,
                          .peer_pid = offer->order.peer.pid,
                          .peer_uid = offer->order.peer.uid,
                          .outcome = rc,
                          .reason = reason->text,
                          .fleet = offer->fleet,
                          .sequence = offer->sequence,
                          .usec = monotonic_usec() - offer->begun,
                      });
}

/* The host's signed report that the outcome was RC. OUTCOME_NOT_FOUND if it has no key for that. */
static int make_report(const Offer *offer, int rc, const Reason *reason, Bytes *ret)
{
    Report report = {.outcome = rc};

    strcpy(report.fleet, offer->fleet);
    strcpy(report.host, offer->host);
    strcpy(report.statement, offer->statement);
    strcpy(report.credential, offer->blamed);
    if (rc != 0)
        report_set_reason(&report, reason->text);
    return offer_report_make(offer->order.connections->config, &report, ret);
}

/* Whether the next try may have another result, because RC says nothing about the set. */
static bool is_passing(int rc)
{
    return rc < 0 || rc == OUTCOME_TPM_BUSY || rc == OUTCOME_TPM_RESET ||
           /* another set was accepted meanwhile: this one has to be judged again */
           rc == OUTCOME_CHANGED;
}

static void refuse(Offer *offer, int rc, const Reason *reason)
{
    if (rc > 0 && offer->statement[0])
        (void)make_report(offer, rc, reason, &offer->report);
    if (is_passing(rc))
        return;
    if (refusals_add(offer->order.refusals,
                     &(RefusedOffer){offer->fleet, offer->digest, &offer->basis}, rc, reason,
                     bytes_view(&offer->report)))
        write_record(offer, rc, reason);
    if (offer->sequence > 0 && offer->report.size > 0)
        refusals_write(&offer->order.connections->store, offer->fleet, &offer->order.peer,
                       bytes_view(&offer->report));
}

static void tell(Offer *offer, int rc, const Reason *reason)
{
    Reason copy = *reason;

    if (rc != 0 && !offer->recalled)
        refuse(offer, rc, &copy);
    offer->order.done(offer->order.userdata, rc, &copy);
}

Offer *offer_free(Offer *offer)
{
    if (offer) {
        child_free(offer->judge);
        sd_event_source_disable_unref(offer->turn);
        opening_free(offer->opening);
        job_free(offer->job);
        fleet_commit_free(offer->commit);
        bytes_done(&offer->report);
        free(offer->have);
        free(offer);
    }
    return NULL;
}

bool offer_is_busy(const Offer *offer)
{
    return offer->judge || offer->turn || offer->opening || offer->job;
}

/* --- judging --- */

/* In the child. */
static void run_judge(void *userdata, int to_worker, int)
{
    const Offer *offer = userdata;
    _cleanup_(freep) Verdict *verdict = calloc(1, sizeof(*verdict));

    if (!verdict)
        return;
    judgement_make(offer->order.connections->config, offer->fleet,
                   bytes_view(&offer->commit->bundle), verdict);
    (void)child_tell(to_worker, (BytesView){(const uint8_t *)verdict, sizeof(*verdict)});
}

/* Takes the manifest of a bundle that signers stand for. */
static int take_verdict(Offer *offer, const Verdict *verdict, Reason *reason)
{
    _cleanup_(bundle_done) Bundle bundle = {0};
    FleetCommit *commit = offer->commit;
    int r = bundle_parse(bytes_view(&commit->bundle), reason, &bundle);
    uint64_t size = 0;

    if (r == 0)
        r = manifest_parse(bytes_view(&bundle.manifest), reason, &commit->manifest);
    if (r != 0)
        return r;
    commit->sequence = offer->sequence = verdict->sequence;
    digest_format(bytes_view(&bundle.statement), offer->digest);
    strcpy(commit->statement, offer->digest);
    strcpy(commit->base, verdict->base);
    commit->files = calloc(commit->manifest.count + 1, sizeof(commit->files[0]));
    offer->have = calloc(commit->manifest.count + 1, sizeof(offer->have[0]));
    if (!commit->files || !offer->have)
        return -ENOMEM;
    offer->accepted = verdict->accepted;
    for (size_t i = 0; i < commit->manifest.count; i++) {
        offer->have[i] = (uint8_t)verdict->have[i];
        if (offer->have[i] < HAVE_FILE)
            size += commit->manifest.credentials[i].size;
        offer->accepted = offer->accepted && offer->have[i] >= HAVE_FILE;
    }
    if (size + commit->bundle.size > LIMIT_COMMIT_BYTES)
        return reason_set(reason, OUTCOME_TOO_LARGE,
                          "its new files have %llu bytes, at most %zu are possible",
                          (unsigned long long)size, LIMIT_COMMIT_BYTES);
    return recall(offer, reason);
}

static void on_judged(void *userdata, BytesView message)
{
    _cleanup_(freep) Verdict *verdict = malloc(sizeof(*verdict));
    Offer *offer = userdata;
    Reason reason = {0};
    int r = -ENOMEM;

    if (message.size != sizeof(*verdict))
        return;
    offer->judge = child_free(offer->judge);
    if (verdict) {
        memcpy(verdict, message.data, sizeof(*verdict));
        reason = verdict->reason;
        r = verdict->rc;
        strcpy(offer->host, verdict->host);
        strcpy(offer->statement, verdict->statement);
        if (verdict->report_size > 0 &&
            bytes_dup((BytesView){verdict->report, verdict->report_size}, &offer->report) == 0)
            offer->recalled = r;
    }
    if (r == 0)
        r = take_verdict(offer, verdict, &reason);
    tell(offer, r, &reason);
}

static void on_judge_ended(void *userdata, int)
{
    Offer *offer = userdata;
    Reason reason = {0};
    int r = reason_set(&reason, -ECHILD, "the process that judges it died");

    offer->judge = child_free(offer->judge);
    tell(offer, r, &reason);
}

static int on_recalled(sd_event_source *, uint64_t, void *userdata)
{
    Offer *offer = userdata;

    offer->turn = sd_event_source_disable_unref(offer->turn);
    tell(offer, offer->recalled, &offer->reason);
    return 0;
}

int offer_new(const OfferOrder *order, const char *fleet, const char *bundle, Reason *reason,
              Offer **ret)
{
    _cleanup_(offer_freep) Offer *offer = calloc(1, sizeof(*offer));
    ChildTask task = {
        .kind = CHILD_READER,
        .passed = -1,
        .run = run_judge,
        .message = on_judged,
        .ended = on_judge_ended,
        .userdata = offer,
    };
    int r;

    if (!fleet_name_valid(fleet))
        return reason_set(reason, OUTCOME_NOT_FOUND, "\"%.40s\" is not the name of a fleet", fleet);
    if (!offer || !(offer->commit = calloc(1, sizeof(*offer->commit))))
        return -ENOMEM;
    offer->order = *order;
    offer->begun = monotonic_usec();
    strcpy(offer->fleet, fleet);
    strcpy(offer->commit->fleet, fleet);
    digest_format(text_view(bundle), offer->digest);
    refusal_basis(order->connections->config, fleet, &offer->basis);
    if (recall(offer, &offer->reason) != 0) {
        r = sd_event_add_time(order->connections->event, &offer->turn, CLOCK_MONOTONIC, 0, 0,
                              on_recalled, offer);
    } else {
        r = bytes_dup(text_view(bundle), &offer->commit->bundle);
        if (r == 0)
            r = child_new(order->connections->children, &task, &offer->judge);
    }
    if (r < 0)
        return r;
    *ret = TAKE_PTR(offer);
    return 0;
}

/* --- files --- */

static bool is_missing(const Offer *offer, size_t i)
{
    return offer->have[i] < HAVE_FILE && offer->commit->files[i].sealed.size == 0;
}

static struct json_object *missing(const Offer *offer)
{
    struct json_object *digests = json_object_new_array();

    for (size_t i = 0; i < offer->commit->manifest.count; i++)
        if (is_missing(offer, i))
            json_append(digests,
                        json_object_new_string(offer->commit->manifest.credentials[i].sha256));
    return digests;
}

bool offer_has_report(const Offer *offer)
{
    return offer->report.size > 0;
}

struct json_object *offer_describe(const Offer *offer, bool committed, int rc, const Reason *reason)
{
    struct json_object *reply = json_object_new_object();
    _cleanup_(bytes_done) Bytes accepted = {0};
    BytesView report = bytes_view(&offer->report);

    json_add_text(reply, "outcome", outcome_name(rc));
    json_add_text(reply, "reason", rc != 0 && reason->text[0] ? reason->text : NULL);
    json_add_number(reply, "sequence", offer->sequence);
    if (!committed)
        json_add(reply, "missing", rc == 0 ? missing(offer) : json_object_new_array());
    else if (rc == 0 && make_report(offer, 0, NULL, &accepted) == 0)
        report = bytes_view(&accepted);
    if (report.size > 0)
        json_add_view(reply, "report", report);
    return reply;
}

/* Whether OFFER is one of FLEET that can go on. */
static int check_fleet(const Offer *offer, const char *fleet, Reason *reason)
{
    if (offer && offer->commit && strcmp(offer->fleet, fleet) == 0)
        return 0;
    return reason_set(reason, OUTCOME_USAGE, "nothing of %.40s is offered", fleet);
}

int offer_add(Offer *offer, const char *fleet, const char *digest, BytesView file, Reason *reason)
{
    FleetCommit *commit;
    char found[DIGEST_TEXT_BYTES];
    size_t i = 0;
    int r = check_fleet(offer, fleet, reason);

    if (r != 0)
        return r;
    commit = offer->commit;
    while (i < commit->manifest.count &&
           (!is_missing(offer, i) || strcmp(commit->manifest.credentials[i].sha256, digest) != 0))
        i++;
    if (i == commit->manifest.count)
        return reason_set(reason, OUTCOME_USAGE, "no file %.64s is missing", digest);
    digest_format(file, found);
    if (file.size != commit->manifest.credentials[i].size || strcmp(found, digest) != 0)
        return reason_set(reason, OUTCOME_NOT_SIGNED, "the file %s has another content", digest);
    r = commit_check_sealed(file, reason);
    if (r == 0)
        r = bytes_dup(file, &commit->files[i].sealed);
    if (r == 0)
        offer->staged += file.size;
    return r;
}

size_t offer_staged(const Offer *offer)
{
    return offer && offer->commit ? offer->staged : 0;
}

/* --- accepting --- */

static void finish(Offer *offer, int r)
{
    if (r == 0)
        write_record(offer, 0, &offer->reason);
    tell(offer, r, &offer->reason);
}

static void on_committed(void *userdata, const JobResult *result)
{
    Offer *offer = userdata;
    int rc = result->rc;

    offer->reason = *result->reason;
    offer->job = job_free(offer->job);
    finish(offer, rc);
}

static void commit(Offer *offer)
{
    CommitOrder order = {.data = -1,
                         .fleet = offer->commit,
                         .uid = offer->order.peer.uid,
                         .pid = offer->order.peer.pid};
    int r =
        commit_job_new(&offer->order.connections->store, &order, on_committed, offer, &offer->job);

    if (r != 0)
        finish(offer, r);
    else
        offer->commit = NULL; /* taken */
}

static void on_opened(void *userdata, int rc, const Reason *reason, const char *culprit)
{
    Offer *offer = userdata;

    offer->reason = *reason;
    strcpy(offer->blamed, culprit);
    offer->opening = opening_free(offer->opening);
    if (rc == 0)
        commit(offer);
    else
        finish(offer, rc);
}

int offer_accept(Offer *offer, const char *fleet, Reason *reason)
{
    OpeningOrder order;
    int r = check_fleet(offer, fleet, reason);

    if (r != 0)
        return r;
    for (size_t i = 0; i < offer->commit->manifest.count; i++)
        if (is_missing(offer, i))
            return reason_set(reason, OUTCOME_USAGE, "the file %s is missing",
                              offer->commit->manifest.credentials[i].sha256);
    if (offer->accepted) {
        offer->order.done(offer->order.userdata, 0, reason);
        return 0;
    }
    order = (OpeningOrder){
        .connections = offer->order.connections,
        .commit = offer->commit,
        .have = offer->have,
        .done = on_opened,
        .userdata = offer,
    };
    return opening_new(&order, &offer->opening);
}
