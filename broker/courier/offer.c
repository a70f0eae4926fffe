/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "courier/offer.h"

#include "base/base64.h"
#include "base/json.h"
#include "fleet/fleet_config.h"
#include "fleet/fleet_host.h"
#include "fleet/report.h"
#include "request/commit_parameters.h"
#include "request/fleet_commit.h"
#include "request/request.h"

#include <errno.h>
#include <string.h>
#include <time.h>

/* The pause while the journal takes no entries, µs. */
#define FULL_USEC ((uint64_t)100 * 1000)

struct Offer {
    OfferOrder order;
    char digest[DIGEST_TEXT_BYTES];    /* of the bundle; once it was judged, of its statement */
    char statement[DIGEST_TEXT_BYTES]; /* of the statement, signed or not; "" before */
    uint64_t begun;                    /* CLOCK_MONOTONIC, µs */
    int recalled; /* what it was refused with a moment ago, and now again; or 0 */
    Bytes report; /* the host's signed report of a refusal; empty if there is none */
    Child *judge;
    FleetCommit *commit; /* NULL before it was judged, and once it is being committed */
    uint8_t *have;       /* for each of the manifest's credentials, as in Verdict */
    bool accepted;       /* this statement, with all of its files */
    char fleet[LIMIT_FLEET_NAME_BYTES + 1];
    char host[LIMIT_FLEET_HOST_BYTES + 1];
    uint64_t sequence; /* 0 before it was judged */

    sd_event_source *turn; /* a timer: opens the next file, or refuses again */
    size_t next;
    char blamed[CREDENTIAL_NAME_TEXT_BYTES]; /* the credential that does not open, or "" */
    Request request;
    Secret *value;   /* the new one, while the one that was served before is opened; or NULL */
    FleetSet served; /* what the host has; .store is NULL before it is needed */
    Job *job;        /* waits for the TPM, or for the commit */
    Reason reason;
};

/* The message of the child that judges. */
typedef struct Verdict {
    int rc;
    Reason reason;
    char host[LIMIT_FLEET_HOST_BYTES + 1]; /* this one's name in the fleet */
    char statement[DIGEST_TEXT_BYTES];     /* as in Offer */
    uint8_t report[REPORT_BYTES_MAX];      /* of an earlier broker, which refused the statement */
    size_t report_size;
    uint64_t sequence;
    bool accepted;                /* the statement was accepted before */
    char base[DIGEST_TEXT_BYTES]; /* of the statement that was accepted last, or "" */
    /* for each of the manifest's credentials: the accepted set has its NAME, or the FILE itself */
    enum { HAVE_NOTHING, HAVE_NAME, HAVE_FILE } have[STORE_COMMIT_CHANGES_MAX];
} Verdict;

_Static_assert(sizeof(Verdict) <= CHILD_MESSAGE_BYTES, "a verdict is one message");

/* --- refusals --- */

typedef struct Refusal {
    char digest[DIGEST_TEXT_BYTES];
    char fleet[LIMIT_FLEET_NAME_BYTES + 1];
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

static Refusal *find_refusal(const Offer *offer)
{
    for (size_t i = 0; i < LIMIT_REFUSED_OFFERS; i++) {
        Refusal *refusal = &offer->order.refusals->last[i];

        if (strcmp(refusal->digest, offer->digest) == 0 &&
            strcmp(refusal->fleet, offer->fleet) == 0)
            return refusal;
    }
    return NULL;
}

/* What OFFER is refused with until a pause is over; or 0. */
static int recall(Offer *offer, Reason *reason)
{
    const Refusal *refusal = find_refusal(offer);

    if (!refusal || monotonic_usec() >= refusal->until)
        return 0;
    *reason = refusal->reason;
    (void)bytes_dup(bytes_view(&refusal->report), &offer->report);
    offer->recalled = refusal->rc;
    return refusal->rc;
}

/* Remembers that OFFER was refused. Returns whether that is news: of another offer of this fleet it
 * was said a moment ago. */
static bool remember(const Offer *offer, int rc, const Reason *reason)
{
    Refusals *refusals = offer->order.refusals;
    Refusal *refusal = find_refusal(offer);
    bool known = refusal && refusal->rc == rc;
    uint64_t now = monotonic_usec();

    for (size_t i = 0; i < LIMIT_REFUSED_OFFERS; i++)
        known = known || (strcmp(refusals->last[i].fleet, offer->fleet) == 0 &&
                          refusals->last[i].rc == rc && now < refusals->last[i].until);
    if (!refusal)
        refusal = &refusals->last[refusals->next++ % LIMIT_REFUSED_OFFERS];
    bytes_done(&refusal->report);
    *refusal = (Refusal){.until = now + LIMIT_REFUSED_USEC, .rc = rc, .reason = *reason};
    (void)bytes_dup(bytes_view(&offer->report), &refusal->report);
    strcpy(refusal->digest, offer->digest);
    strcpy(refusal->fleet, offer->fleet);
    return !known;
}

/* --- the end --- */

static void write_record(const Offer *offer, int rc, const Reason *reason)
{
    AuditSink *sink = offer->order.connections->audit;

    sink->write(sink, &(AuditRecord){
                          .verdict = rc == 0 ? AUDIT_ACCEPTED : AUDIT_REJECTED,
                          .machine = "",
                          .id = "",
                          .unit = "",
                          .peer_pid = offer->order.peer.pid,
                          .peer_uid = offer->order.peer.uid,
                          .outcome = rc,
                          .reason = reason->text,
                          .key = "",
                          .fleet = offer->fleet,
                          .sequence = offer->sequence,
                          .usec = monotonic_usec() - offer->begun,
                      });
}

static int make_report(const Offer *offer, int rc, const Reason *reason, Bytes *ret);

/* Writes the report of a refusal for the next broker, so that it keeps the pause. Only signers can
 * make statements for which that happens, and each only once in a pause. */
static void write_refusal(const Offer *offer)
{
    _cleanup_(fleet_commit_freep) FleetCommit *commit = calloc(1, sizeof(*commit));
    CommitOrder order = {
        .data = -1, .fleet = commit, .uid = offer->order.peer.uid, .pid = offer->order.peer.pid};

    if (!commit || bytes_dup(bytes_view(&offer->report), &commit->refused) != 0)
        return;
    strcpy(commit->fleet, offer->fleet);
    if (commit_job_new(&offer->order.connections->store, &order, NULL, NULL, NULL) == 0)
        (void)TAKE_PTR(commit);
}

static void refuse(Offer *offer, int rc, const Reason *reason)
{
    if (rc > 0 && offer->statement[0])
        (void)make_report(offer, rc, reason, &offer->report);
    /* if another set was accepted meanwhile, this one has to be judged again */
    if (rc == OUTCOME_CHANGED)
        return;
    if (remember(offer, rc, reason))
        write_record(offer, rc, reason);
    if (offer->sequence > 0 && offer->report.size > 0)
        write_refusal(offer);
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
        job_free(offer->job);
        request_done(&offer->request);
        secret_free(offer->value);
        fleet_set_done(&offer->served);
        fleet_commit_free(offer->commit);
        bytes_done(&offer->report);
        free(offer->have);
        free(offer);
    }
    return NULL;
}

bool offer_is_busy(const Offer *offer)
{
    return offer->judge || offer->turn;
}

/* --- judging: in the child --- */

static int count_check(const Manifest *manifest, const FleetSet *old, Reason *reason)
{
    /* in the worst case the old ones are removed, and the new ones added */
    if (manifest->count + old->manifest.count <= STORE_COMMIT_CHANGES_MAX)
        return 0;
    return reason_set(reason, OUTCOME_TOO_LARGE,
                      "it has %zu credentials and the accepted set %zu, together at most %zu "
                      "are possible",
                      manifest->count, old->manifest.count, STORE_COMMIT_CHANGES_MAX);
}

static void compare(const FleetSet *old, const Manifest *manifest, Verdict *verdict)
{
    for (size_t i = 0; i < manifest->count; i++) {
        const ManifestCredential *credential = &manifest->credentials[i];
        const ManifestCredential *before = manifest_find(&old->manifest, &credential->name);
        _cleanup_(bytes_done) Bytes file = {0};

        if (!before)
            continue;
        verdict->have[i] = HAVE_NAME;
        if (strcmp(before->sha256, credential->sha256) == 0 &&
            fleet_set_read_signed(old, &credential->name, NULL, &file) == 0)
            verdict->have[i] = HAVE_FILE;
    }
}

/* Says which statement the bundle has, whether anybody signed it or not. */
static void name_statement(const Offer *offer, Verdict *verdict)
{
    _cleanup_(bundle_done) Bundle bundle = {0};

    if (bundle_parse(bytes_view(&offer->commit->bundle), NULL, &bundle) == 0)
        digest_format(bytes_view(&bundle.statement), verdict->statement);
}

/* As recall(), but what an earlier broker has written. */
static int recall_written(const Offer *offer, uint64_t now, Verdict *verdict)
{
    const char *store = offer->order.connections->config->store_path;
    _cleanup_(secret_freep) Secret *seed = NULL;
    _cleanup_(bytes_done) Bytes text = {0};
    Report report = {0};

    if (fleet_set_refused(store, offer->fleet, &text) != 0 ||
        report_key_read(store, NULL, &seed) != 0 ||
        report_verify_own(bytes_view(&text), seed, NULL, &report) != 0 ||
        strcmp(report.statement, verdict->statement) != 0 || report.outcome <= 0 ||
        now < report.time || now - report.time >= LIMIT_REFUSED_USEC)
        return 0;
    memcpy(verdict->report, text.data, text.size);
    verdict->report_size = text.size;
    return reason_set(&verdict->reason, report.outcome, "%s", report.reason);
}

static int judge(const Offer *offer, Verdict *verdict)
{
    const ServerConfig *config = offer->order.connections->config;
    const Context *context = config->context;
    _cleanup_(allowed_signers_done) AllowedSigners signers = {0};
    _cleanup_(fleet_config_done) FleetConfig fleet = {0};
    _cleanup_(manifest_done) Manifest manifest = {0};
    _cleanup_(fleet_set_done) FleetSet old = {0};
    FleetTrust trust = {.fleet = offer->fleet, .signers = &signers, .now = context->now(context)};
    Reason *reason = &verdict->reason;
    Statement statement;
    int r = fleet_config_load(context, offer->fleet, reason, &fleet);

    if (r == 0)
        r = fleet_config_signers(context, offer->fleet, reason, &signers);
    if (r == 0)
        r = fleet_host_read(config->store_path, reason, &trust.host);
    if (r == 0)
        r = fleet_set_open(config->store_path, offer->fleet, reason, &old);
    if (r != 0 && r != OUTCOME_NO_SET)
        return r;
    *reason = (Reason){0};
    strcpy(verdict->host, fleet.host);
    name_statement(offer, verdict);
    trust.threshold = fleet.threshold;
    trust.sequence = old.floor;
    trust.root = old.statement.root;
    r = bundle_judge(bytes_view(&offer->commit->bundle), &trust, reason, &statement, &manifest);
    if (r == 0)
        r = count_check(&manifest, &old, reason);
    if (r == 0)
        r = recall_written(offer, trust.now, verdict);
    if (r != 0)
        return r;
    verdict->sequence = statement.sequence;
    strcpy(verdict->base, old.digest);
    verdict->accepted = old.bundle.size > 0 && statement.sequence == old.statement.sequence;
    compare(&old, &manifest, verdict);
    return 0;
}

static void run_judge(void *userdata, int to_worker, int passed)
{
    _cleanup_(freep) Verdict *verdict = calloc(1, sizeof(*verdict));

    (void)passed;
    if (!verdict)
        return;
    verdict->rc = judge(userdata, verdict);
    (void)child_tell(to_worker, (BytesView){(const uint8_t *)verdict, sizeof(*verdict)});
}

/* --- judging: in the worker --- */

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
    commit->changed = calloc(commit->manifest.count + 1, sizeof(commit->changed[0]));
    commit->keep = calloc(commit->manifest.count + 1, sizeof(commit->keep[0]));
    commit->files = calloc(commit->manifest.count + 1, sizeof(commit->files[0]));
    offer->have = calloc(commit->manifest.count + 1, sizeof(offer->have[0]));
    if (!commit->changed || !commit->keep || !commit->files || !offer->have)
        return -ENOMEM;
    offer->accepted = verdict->accepted;
    for (size_t i = 0; i < commit->manifest.count; i++) {
        offer->have[i] = (uint8_t)verdict->have[i];
        if (offer->have[i] != HAVE_FILE)
            size += commit->manifest.credentials[i].size;
        offer->accepted = offer->accepted && offer->have[i] == HAVE_FILE;
    }
    if (size + commit->bundle.size > STORE_COMMIT_BYTES_MAX)
        return reason_set(reason, OUTCOME_TOO_LARGE,
                          "its new files have %llu bytes, at most %zu are possible",
                          (unsigned long long)size, STORE_COMMIT_BYTES_MAX);
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

static void on_judge_ended(void *userdata, int error)
{
    Offer *offer = userdata;
    Reason reason = {0};
    int r = reason_set(&reason, -ECHILD, "the process that judges it died");

    (void)error;
    offer->judge = child_free(offer->judge);
    tell(offer, r, &reason);
}

static int on_recalled(sd_event_source *source, uint64_t usec, void *userdata)
{
    Offer *offer = userdata;

    (void)source;
    (void)usec;
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
    return offer->have[i] != HAVE_FILE && offer->commit->files[i].size == 0;
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

static int sign(const ServerConfig *config, const Report *report, Bytes *ret)
{
    _cleanup_(secret_freep) Secret *seed = NULL;
    int r = report_key_read(config->store_path, NULL, &seed);

    return r == 0 ? report_sign(report, seed, ret) : r;
}

/* Adds what became of the accepted set, whose STORE this is, if REPORT is about it. */
static void add_applied(const Store *store, Report *report)
{
    _cleanup_(bytes_done) Bytes text = {0};
    FleetApplied applied;

    if (store_read_record(store, FLEET_APPLIED_RECORD, NULL, &text) != 0 ||
        fleet_applied_parse(bytes_view(&text), NULL, &applied) != 0 ||
        strcmp(applied.statement, report->statement) != 0)
        return;
    report->applied = true;
    report->outcome = applied.outcome;
    report->time = applied.time;
    strcpy(report->credential, applied.credential);
}

/* The host's signed report that the outcome was RC. OUTCOME_NOT_FOUND if it has no key for that. */
static int make_report(const Offer *offer, int rc, const Reason *reason, Bytes *ret)
{
    const ServerConfig *config = offer->order.connections->config;
    _cleanup_(store_freep) Store *store = NULL;
    Report report = {.outcome = rc, .time = config->context->now(config->context)};

    strcpy(report.fleet, offer->fleet);
    strcpy(report.host, offer->host);
    strcpy(report.statement, offer->statement);
    strcpy(report.credential, offer->blamed);
    if (rc != 0)
        report_set_reason(&report, reason->text);
    if (rc == 0 && fleet_commit_open(config->store_path, offer->fleet, false, NULL, &store) == 0)
        add_applied(store, &report);
    return sign(config, &report, ret);
}

int offer_applied_report(const ServerConfig *config, const char *fleet, Reason *reason, Bytes *ret)
{
    _cleanup_(fleet_config_done) FleetConfig settings = {0};
    _cleanup_(fleet_set_done) FleetSet set = {0};
    Report report = {0};
    int r = fleet_name_valid(fleet) ? fleet_config_load(config->context, fleet, reason, &settings)
                                    : OUTCOME_NOT_FOUND;

    if (r == 0)
        r = fleet_set_open(config->store_path, fleet, reason, &set);
    if (r != 0)
        return r == OUTCOME_NO_SET ? 0 : r;
    strcpy(report.fleet, fleet);
    strcpy(report.host, settings.host);
    strcpy(report.statement, set.digest);
    add_applied(set.store, &report);
    return report.applied ? sign(config, &report, ret) : 0;
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
    return r == 0 ? bytes_dup(file, &commit->files[i]) : r;
}

/* --- opening, one file after the other --- */

static void finish(Offer *offer, int r)
{
    offer->turn = sd_event_source_disable_unref(offer->turn);
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

/* Says which credential is to blame. */
static int blame(Offer *offer, int r)
{
    Reason what = offer->reason;

    credential_name_format(&offer->commit->manifest.credentials[offer->next].name, offer->blamed);
    return r <= 0 ? r
                  : reason_set(&offer->reason, r, "%s: %s", offer->blamed,
                               what.text[0] ? what.text : outcome_sentence(r));
}

static void on_key(void *userdata, const JobResult *result);

/* Begins a trial of FILE, which has the name of the current credential. */
static int begin(Offer *offer, BytesView file, Reason *reason)
{
    return request_begin_offered(offer->order.connections->resources,
                                 &offer->commit->manifest.credentials[offer->next].name, file,
                                 reason, &offer->request);
}

/* Begins to open what the host serves now under the current name. */
static int begin_served(Offer *offer)
{
    const CredentialName *name = &offer->commit->manifest.credentials[offer->next].name;
    const char *store = offer->order.connections->config->store_path;
    _cleanup_(bytes_done) Bytes file = {0};
    Reason ignored = {0};
    int r = offer->served.store ? 0 : fleet_set_open(store, offer->fleet, NULL, &offer->served);

    if (r == 0)
        r = fleet_set_read(&offer->served, name, NULL, &file);
    return r == 0 ? begin(offer, bytes_view(&file), &ignored) : r;
}

/* Whether the policy wants the current credential's value back if a service fails with the new one.
 */
static bool keeps_previous(const Offer *offer)
{
    const CredentialName *name = &offer->commit->manifest.credentials[offer->next].name;
    _cleanup_(policy_unrefp) Policy *policy = NULL;
    const PolicyCredential *credential = NULL;

    if (policy_cache_get(offer->order.connections->resources->policies, name->machine, NULL,
                         &policy) == 0)
        credential = policy_find(policy, name->id);
    return credential && credential->source == POLICY_FLEET &&
           credential->on_failure == POLICY_PREVIOUS;
}

/* The current file has opened, or, if .value is another one, what is served now: R says whether.
 * Returns whether the latter has to be opened, to compare the two values. */
static bool compare_values(Offer *offer, int *r)
{
    _cleanup_(secret_freep) Secret *value = *r == 0 ? request_take_value(&offer->request) : NULL;
    bool *changed = &offer->commit->changed[offer->next];

    request_done(&offer->request);
    if (offer->value) {
        /* what does not open any more is of no use to a service either */
        *changed = *r != 0 || !secret_equal(offer->value, value);
        offer->value = secret_free(offer->value);
        *r = 0;
        return false;
    }
    if (*r != 0)
        return false;
    *changed = true;
    offer->commit->keep[offer->next] = keeps_previous(offer);
    if (offer->have[offer->next] == HAVE_NOTHING || begin_served(offer) != 0)
        return false;
    offer->value = TAKE_PTR(value);
    return true;
}

static void go_on(Offer *offer, int r)
{
    TpmQueue *tpm = &offer->order.connections->tpm;
    TpmKeyRequest wanted;
    Reason ignored = {0};

    do {
        Reason *reason = offer->value ? &ignored : &offer->reason;

        wanted = (TpmKeyRequest){0};
        if (r == 0)
            r = request_advance(&offer->request, tpm, reason, &wanted);
        if (r == 0 && wanted.sealed)
            r = tpm_job_new(tpm, wanted.sealed, NULL, on_key, offer, &offer->job);
        if (offer->job) {
            job_yield(offer->job);
            return;
        }
    } while (compare_values(offer, &r));
    if (r != 0) {
        finish(offer, blame(offer, r));
        return;
    }
    offer->next++;
    sd_event_source_set_time(offer->turn, 0);
    sd_event_source_set_enabled(offer->turn, SD_EVENT_ONESHOT);
}

static void on_key(void *userdata, const JobResult *result)
{
    Offer *offer = userdata;

    Reason ignored = {0};

    offer->job = job_free(offer->job);
    go_on(offer, request_give(&offer->request, result, offer->value ? &ignored : &offer->reason));
}

/* A file that is sealed for a later boot need not open now, unless it would replace one that does.
 */
static bool must_open(const Offer *offer, size_t i)
{
    return offer->commit->files[i].size > 0 &&
           !(offer->commit->manifest.credentials[i].pending && offer->have[i] == HAVE_NOTHING);
}

static int on_turn(sd_event_source *source, uint64_t usec, void *userdata)
{
    Offer *offer = userdata;
    ConnectionSet *connections = offer->order.connections;
    const AuditSink *sink = connections->config->audit;
    const Manifest *manifest = &offer->commit->manifest;

    (void)usec;
    if (sink->full && sink->full(sink)) {
        sd_event_source_set_time_relative(source, FULL_USEC);
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
    }
    while (offer->next < manifest->count && !must_open(offer, offer->next))
        offer->next++;
    if (offer->next == manifest->count) {
        commit(offer);
        return 0;
    }
    offer->reason = (Reason){0};
    go_on(offer, begin(offer, bytes_view(&offer->commit->files[offer->next]), &offer->reason));
    return 0;
}

int offer_accept(Offer *offer, const char *fleet, Reason *reason)
{
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
    offer->next = 0;
    r = sd_event_add_time(offer->order.connections->event, &offer->turn, CLOCK_MONOTONIC, 0, 0,
                          on_turn, offer);
    if (r >= 0)
        r = sd_event_source_set_priority(offer->turn, SD_EVENT_PRIORITY_IDLE);
    return r < 0 ? r : 0;
}
