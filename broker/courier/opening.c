/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "courier/opening.h"

#include "request/request.h"

#include <errno.h>
#include <string.h>

/* The pause while the journal takes no entries, µs. */
#define FULL_USEC ((uint64_t)100 * 1000)

typedef enum OpeningStep {
    OPENING_FIRST,       /* the new file, or the one that was pending */
    OPENING_SERVED,      /* what the host serves until now */
    OPENING_PREDECESSOR, /* or what it serves while that is pending */
} OpeningStep;

struct Opening {
    OpeningOrder order;
    sd_event_source *turn; /* a timer: opens the next file */
    size_t next;
    Request request;
    OpeningStep step; /* what is being opened */
    Secret *value;    /* the new one, after OPENING_FIRST; NULL if it does not open yet */
    FleetSet served;  /* what the host has; .store is NULL before it is needed */
    char digest[DIGEST_TEXT_BYTES];          /* of its file that is being opened */
    Job *job;                                /* waits for the TPM */
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
        fleet_set_done(&opening->served);
        free(opening);
    }
    return NULL;
}

static void finish(Opening *opening, int r)
{
    opening->turn = sd_event_source_disable_unref(opening->turn);
    opening->order.done(opening->order.userdata, r, &opening->reason, opening->blamed);
}

static void on_key(void *userdata, const JobResult *result);

static const ManifestCredential *current(const Opening *opening)
{
    return &opening->order.commit->manifest.credentials[opening->next];
}

/* Says which credential is to blame. */
static int blame(Opening *opening, int r)
{
    Reason what = opening->reason;

    credential_name_format(&current(opening)->name, opening->blamed);
    return r <= 0 ? r
                  : reason_set(&opening->reason, r, "%s: %s", opening->blamed,
                               what.text[0] ? what.text : outcome_sentence(r));
}

static FleetCommitFile *current_file(const Opening *opening)
{
    return &opening->order.commit->files[opening->next];
}

static bool is_new(const Opening *opening)
{
    return current_file(opening)->sealed.size > 0;
}

/* The accepted set; opened when it is needed. */
static int open_served(Opening *opening)
{
    const char *store = opening->order.connections->config->store_path;

    return opening->served.store
               ? 0
               : fleet_set_open(store, opening->order.commit->fleet, NULL, &opening->served);
}

/* Begins a trial of FILE, which has the name of the current credential. */
static int begin(Opening *opening, BytesView file, Reason *reason)
{
    return request_begin_offered(opening->order.connections->resources, &current(opening)->name,
                                 file, reason, &opening->request);
}

/* Begins with the current credential: its new file, or the one that was pending. */
static int begin_first(Opening *opening, Reason *reason)
{
    _cleanup_(bytes_done) Bytes file = {0};
    int r;

    if (is_new(opening))
        return begin(opening, bytes_view(&current_file(opening)->sealed), reason);
    r = open_served(opening);
    if (r == 0)
        r = fleet_set_read_signed(&opening->served, &current(opening)->name, NULL, &file);
    return r == 0 ? begin(opening, bytes_view(&file), reason) : r;
}

/* Begins to open what the host serves now under the current name. */
static int begin_served(Opening *opening, OpeningStep step)
{
    const CredentialName *name = &current(opening)->name;
    _cleanup_(bytes_done) Bytes file = {0};
    Reason ignored = {0};
    int r = open_served(opening);

    if (r == 0)
        r = step == OPENING_PREDECESSOR
                ? fleet_set_read_predecessor(&opening->served, name, NULL, &file)
                : fleet_set_read(&opening->served, name, NULL, &file);
    if (r != 0)
        return r;
    opening->step = step;
    digest_format(bytes_view(&file), opening->digest);
    return begin(opening, bytes_view(&file), &ignored);
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

/* The current credential's file has opened, or R says why not. Returns R, or 0 if that is
 * tolerated. */
static int judge_first(Opening *opening, int r)
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

/* The file that is served now has opened with VALUE, or does not open (NULL). */
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

/* The file that was being opened has opened, or R says why not. Returns whether to open what is
 * served now, to compare the two values; else R is about the current credential. */
static bool take(Opening *opening, int *r)
{
    _cleanup_(secret_freep) Secret *value = *r == 0 ? request_take_value(&opening->request) : NULL;

    request_done(&opening->request);
    if (opening->step == OPENING_FIRST) {
        *r = judge_first(opening, *r);
        if (*r != 0 || !is_new(opening) || opening->order.have[opening->next] == HAVE_NOTHING ||
            begin_served(opening, OPENING_SERVED) != 0)
            return false;
        opening->value = TAKE_PTR(value);
        return true;
    }
    if (opening->step == OPENING_SERVED && fleet_pending_outcome(*r) &&
        begin_served(opening, OPENING_PREDECESSOR) == 0) {
        *r = 0;
        return true;
    }
    *r = 0;
    compare_values(opening, value);
    return false;
}

static void go_on(Opening *opening, int r)
{
    TpmQueue *tpm = &opening->order.connections->tpm;
    TpmKeyRequest wanted;
    Reason ignored = {0};

    do {
        Reason *reason = opening->step == OPENING_FIRST ? &opening->reason : &ignored;

        wanted = (TpmKeyRequest){0};
        if (r == 0)
            r = request_advance(&opening->request, tpm, reason, &wanted);
        if (r == 0 && wanted.sealed)
            r = tpm_job_new(tpm, wanted.sealed, NULL, on_key, opening, &opening->job);
        if (opening->job) {
            job_yield(opening->job);
            return;
        }
    } while (take(opening, &r));
    if (r != 0) {
        finish(opening, blame(opening, r));
        return;
    }
    opening->next++;
    sd_event_source_set_time(opening->turn, 0);
    sd_event_source_set_enabled(opening->turn, SD_EVENT_ONESHOT);
}

static void on_key(void *userdata, const JobResult *result)
{
    Opening *opening = userdata;
    Reason ignored = {0};

    opening->job = job_free(opening->job);
    go_on(opening, request_give(&opening->request, result,
                                opening->step == OPENING_FIRST ? &opening->reason : &ignored));
}

/* A pending file is tried again, because it may open by now. */
static bool is_tried(const Opening *opening)
{
    return is_new(opening) || opening->order.have[opening->next] == HAVE_PENDING;
}

static int on_turn(sd_event_source *source, uint64_t, void *userdata)
{
    Opening *opening = userdata;
    ConnectionSet *connections = opening->order.connections;
    const AuditSink *sink = connections->config->audit;
    const Manifest *manifest = &opening->order.commit->manifest;

    if (sink->full && sink->full(sink)) {
        sd_event_source_set_time_relative(source, FULL_USEC);
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
    }
    while (opening->next < manifest->count && !is_tried(opening))
        opening->next++;
    if (opening->next == manifest->count) {
        finish(opening, 0);
        return 0;
    }
    opening->reason = (Reason){0};
    opening->step = OPENING_FIRST;
    go_on(opening, begin_first(opening, &opening->reason));
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
