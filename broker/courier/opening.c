/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "courier/opening.h"

#include "request/request.h"

#include <errno.h>
#include <string.h>

/* The pause while the journal takes no entries, µs. */
#define FULL_USEC ((uint64_t)100 * 1000)

/* The file of the current credential that is being opened. */
typedef enum OpeningStep {
    OPENING_NEW,         /* its new file, or the accepted one that was pending */
    OPENING_SERVED,      /* the file that the accepted set has now */
    OPENING_PREDECESSOR, /* if that is pending, too: the one that is served in its place */
} OpeningStep;

struct Opening {
    OpeningOrder order;
    sd_event_source *turn; /* a timer: begins with the next credential */
    size_t next;           /* the current credential */
    OpeningStep step;
    Request request;                /* the trial of this step */
    Job *job;                       /* which waits for the TPM */
    Secret *value;                  /* what the new file has; NULL if it does not open yet */
    FleetSet set;                   /* the accepted one; .store is NULL before it is needed */
    char digest[DIGEST_TEXT_BYTES]; /* of its file that is being opened */
    char blamed[CREDENTIAL_NAME_TEXT_BYTES]; /* the credential that does not open, or "" */
    Reason reason;
};

Opening *opening_free(Opening *opening)
{
    if (opening) {
        sd_event_source_disable_unref(opening->turn);
        job_free(opening->job);
        request_done(&opening->request);
        secret_free(opening->value);
        fleet_set_done(&opening->set);
        free(opening);
    }
    return NULL;
}

/* --- the current credential --- */

static const ManifestCredential *current(const Opening *opening)
{
    return &opening->order.commit->manifest.credentials[opening->next];
}

static FleetCommitFile *current_file(const Opening *opening)
{
    return &opening->order.commit->files[opening->next];
}

static bool is_new(const Opening *opening)
{
    return current_file(opening)->sealed.size > 0;
}

/* Whether there is something to open: a pending file may open by now. */
static bool is_tried(const Opening *opening)
{
    return is_new(opening) || opening->order.have[opening->next] == HAVE_PENDING;
}

/* Whether the policy wants the current credential's value back if a service fails with the new one.
 */
static bool keeps_previous(const Opening *opening)
{
    const CredentialName *name = &current(opening)->name;
    _cleanup_(policy_unrefp) Policy *policy = NULL;
    const PolicyCredential *credential = NULL;

    if (policy_cache_get(opening->order.connections->resources->policies, name->machine, NULL,
                         &policy) == 0)
        credential = policy_find(policy, name->id);
    return credential && credential->source == POLICY_FLEET &&
           credential->on_failure == POLICY_PREVIOUS;
}

/* --- the beginning of a step --- */

/* Reads the file of the accepted set that this step is about. */
static int read_accepted(Opening *opening, Bytes *ret)
{
    const char *store = opening->order.connections->config->store_path;
    const CredentialName *name = &current(opening)->name;
    FleetSet *set = &opening->set;
    int r = set->store ? 0 : fleet_set_open(store, opening->order.commit->fleet, NULL, set);

    if (r == 0)
        r = opening->step == OPENING_NEW      ? fleet_set_read_signed(set, name, NULL, ret)
            : opening->step == OPENING_SERVED ? fleet_set_read(set, name, NULL, ret)
                                              : fleet_set_read_predecessor(set, name, NULL, ret);
    if (r == 0)
        digest_format(bytes_view(ret), opening->digest);
    return r;
}

static int begin(Opening *opening, OpeningStep step)
{
    _cleanup_(bytes_done) Bytes accepted = {0};
    bool from_offer = step == OPENING_NEW && is_new(opening);
    int r;

    opening->step = step;
    r = from_offer ? 0 : read_accepted(opening, &accepted);
    if (r != 0)
        return r;
    return request_begin_offered(
        opening->order.connections->resources, &current(opening)->name,
        bytes_view(from_offer ? &current_file(opening)->sealed : &accepted), &opening->reason,
        &opening->request);
}

/* --- its end --- */

/* The file has opened, or R says why not. Returns R, or 0 if that is tolerated. */
static int judge_new(Opening *opening, int r)
{
    FleetCommitFile *file = current_file(opening);

    if (!is_new(opening)) {
        file->pending = r != 0;
        return 0;
    }
    file->changed = r == 0;
    file->keep = keeps_previous(opening);
    file->pending = current(opening)->pending && fleet_pending_outcome(r);
    return file->pending ? 0 : r;
}

/* The file that is served has opened with VALUE, or does not open (NULL). */
static void compare_values(Opening *opening, const Secret *value)
{
    FleetCommitFile *file = current_file(opening);

    if (value)
        strcpy(file->served, opening->digest);
    /* what does not open any more is of no use to a service either */
    if (opening->value)
        file->changed = !value || !secret_equal(opening->value, value);
    opening->value = secret_free(opening->value);
}

/* The step has ended: the file has opened, or R says why not. Returns whether the next one has
 * begun; if not, RET says whether the current credential can be accepted. */
static bool next_step(Opening *opening, int r, int *ret)
{
    _cleanup_(secret_freep) Secret *value = r == 0 ? request_take_value(&opening->request) : NULL;

    request_done(&opening->request);
    if (opening->step == OPENING_NEW) {
        *ret = judge_new(opening, r);
        if (*ret != 0 || !is_new(opening) || opening->order.have[opening->next] == HAVE_NOTHING ||
            begin(opening, OPENING_SERVED) != 0)
            return false;
        opening->value = TAKE_PTR(value);
        return true;
    }
    *ret = 0;
    if (opening->step == OPENING_SERVED && fleet_pending_outcome(r) &&
        begin(opening, OPENING_PREDECESSOR) == 0)
        return true;
    compare_values(opening, value);
    return false;
}

static void finish(Opening *opening, int r)
{
    opening->turn = sd_event_source_disable_unref(opening->turn);
    opening->order.done(opening->order.userdata, r, &opening->reason, opening->blamed);
}

/* The credential is done, or R says why the set cannot be accepted. */
static void end(Opening *opening, int r)
{
    if (r == 0) {
        opening->next++;
        sd_event_source_set_time(opening->turn, 0);
        sd_event_source_set_enabled(opening->turn, SD_EVENT_ONESHOT);
        return;
    }
    credential_name_format(&current(opening)->name, opening->blamed);
    if (r > 0) {
        Reason what = opening->reason;

        reason_set(&opening->reason, r, "%s: %s", opening->blamed, outcome_reason(r, &what));
    }
    finish(opening, r);
}

/* --- the event loop --- */

static void on_key(void *userdata, const JobResult *result);

/* Takes steps until one waits for the TPM, or the credential is done. The first has begun, or R
 * says why not. */
static void go_on(Opening *opening, int r)
{
    TpmQueue *tpm = &opening->order.connections->tpm;

    do {
        TpmKeyRequest wanted = {0};

        if (r == 0)
            r = request_advance(&opening->request, tpm, &opening->reason, &wanted);
        if (r == 0 && wanted.sealed)
            r = tpm_job_new(tpm, wanted.sealed, NULL, on_key, opening, &opening->job);
        if (opening->job) {
            job_yield(opening->job);
            return;
        }
    } while (next_step(opening, r, &r));
    end(opening, r);
}

static void on_key(void *userdata, const JobResult *result)
{
    Opening *opening = userdata;

    opening->job = job_free(opening->job);
    go_on(opening, request_give(&opening->request, result, &opening->reason));
}

static int on_turn(sd_event_source *source, uint64_t, void *userdata)
{
    Opening *opening = userdata;
    const AuditSink *sink = opening->order.connections->config->audit;
    size_t count = opening->order.commit->manifest.count;

    if (sink->full && sink->full(sink)) {
        sd_event_source_set_time_relative(source, FULL_USEC);
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
    }
    opening->reason = (Reason){0};
    while (opening->next < count && !is_tried(opening))
        opening->next++;
    if (opening->next == count)
        finish(opening, 0);
    else
        go_on(opening, begin(opening, OPENING_NEW));
    return 0;
}

int opening_new(const OpeningOrder *order, Opening **ret)
{
    _cleanup_(opening_freep) Opening *opening = calloc(1, sizeof(*opening));
    int r;

    if (!opening)
        return -ENOMEM;
    opening->order = *order;
    r = sd_event_add_time(order->connections->event, &opening->turn, CLOCK_MONOTONIC, 0, 0, on_turn,
                          opening);
    if (r >= 0)
        r = sd_event_source_set_priority(opening->turn, SD_EVENT_PRIORITY_IDLE);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(opening);
    return 0;
}
