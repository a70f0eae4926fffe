/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "courier/trial.h"

#include "request/request.h"

#include <errno.h>
#include <string.h>

/* The pause while the journal takes no entries, µs. */
#define FULL_USEC ((uint64_t)100 * 1000)

typedef enum TrialStep {
    TRIAL_FIRST,       /* the new file, or the one that was pending */
    TRIAL_SERVED,      /* what the host serves until now */
    TRIAL_PREDECESSOR, /* or what it serves while that is pending */
} TrialStep;

struct Trial {
    TrialOrder order;
    sd_event_source *turn; /* a timer: opens the next file */
    size_t next;
    Request request;
    TrialStep step;  /* what is being opened */
    Secret *value;   /* the new one, after TRIAL_FIRST; NULL if it does not open yet */
    FleetSet served; /* what the host has; .store is NULL before it is needed */
    char digest[DIGEST_TEXT_BYTES];          /* of its file that is being opened */
    Job *job;                                /* waits for the TPM */
    char blamed[CREDENTIAL_NAME_TEXT_BYTES]; /* the credential that does not open, or "" */
    Reason reason;
};

Trial *trial_free(Trial *trial)
{
    if (trial) {
        sd_event_source_disable_unref(trial->turn);
        job_free(trial->job);
        request_done(&trial->request);
        secret_free(trial->value);
        fleet_set_done(&trial->served);
        free(trial);
    }
    return NULL;
}

static void finish(Trial *trial, int r)
{
    trial->turn = sd_event_source_disable_unref(trial->turn);
    trial->order.done(trial->order.userdata, r, &trial->reason, trial->blamed);
}

static void on_key(void *userdata, const JobResult *result);

static const ManifestCredential *current(const Trial *trial)
{
    return &trial->order.commit->manifest.credentials[trial->next];
}

/* Says which credential is to blame. */
static int blame(Trial *trial, int r)
{
    Reason what = trial->reason;

    credential_name_format(&current(trial)->name, trial->blamed);
    return r <= 0 ? r
                  : reason_set(&trial->reason, r, "%s: %s", trial->blamed,
                               what.text[0] ? what.text : outcome_sentence(r));
}

static FleetCommitFile *current_file(const Trial *trial)
{
    return &trial->order.commit->files[trial->next];
}

static bool is_new(const Trial *trial)
{
    return current_file(trial)->sealed.size > 0;
}

/* The accepted set; opened when it is needed. */
static int open_served(Trial *trial)
{
    const char *store = trial->order.connections->config->store_path;

    return trial->served.store
               ? 0
               : fleet_set_open(store, trial->order.commit->fleet, NULL, &trial->served);
}

/* Begins a trial of FILE, which has the name of the current credential. */
static int begin(Trial *trial, BytesView file, Reason *reason)
{
    return request_begin_offered(trial->order.connections->resources, &current(trial)->name, file,
                                 reason, &trial->request);
}

/* Begins with the current credential: its new file, or the one that was pending. */
static int begin_first(Trial *trial, Reason *reason)
{
    _cleanup_(bytes_done) Bytes file = {0};
    int r;

    if (is_new(trial))
        return begin(trial, bytes_view(&current_file(trial)->sealed), reason);
    r = open_served(trial);
    if (r == 0)
        r = fleet_set_read_signed(&trial->served, &current(trial)->name, NULL, &file);
    return r == 0 ? begin(trial, bytes_view(&file), reason) : r;
}

/* Begins to open what the host serves now under the current name. */
static int begin_served(Trial *trial, TrialStep step)
{
    const CredentialName *name = &current(trial)->name;
    _cleanup_(bytes_done) Bytes file = {0};
    Reason ignored = {0};
    int r = open_served(trial);

    if (r == 0)
        r = step == TRIAL_PREDECESSOR
                ? fleet_set_read_predecessor(&trial->served, name, NULL, &file)
                : fleet_set_read(&trial->served, name, NULL, &file);
    if (r != 0)
        return r;
    trial->step = step;
    digest_format(bytes_view(&file), trial->digest);
    return begin(trial, bytes_view(&file), &ignored);
}

/* Whether the policy wants the current credential's value back if a service fails with the new one.
 */
static bool keeps_previous(const Trial *trial)
{
    const CredentialName *name = &current(trial)->name;
    _cleanup_(policy_unrefp) Policy *policy = NULL;
    const PolicyCredential *credential = NULL;

    if (policy_cache_get(trial->order.connections->resources->policies, name->machine, NULL,
                         &policy) == 0)
        credential = policy_find(policy, name->id);
    return credential && credential->source == POLICY_FLEET &&
           credential->on_failure == POLICY_PREVIOUS;
}

/* The current credential's file has opened, or R says why not. Returns R, or 0 if that is
 * tolerated. */
static int judge_first(Trial *trial, int r)
{
    FleetCommitFile *file = current_file(trial);

    if (!is_new(trial)) {
        file->pending = r != 0;
        return 0;
    }
    file->changed = r == 0;
    file->keep = keeps_previous(trial);
    file->pending = current(trial)->pending && fleet_pending_outcome(r);
    return file->pending ? 0 : r;
}

/* The file that is served now has opened with VALUE, or does not open (NULL). */
static void compare_values(Trial *trial, const Secret *value)
{
    FleetCommitFile *file = current_file(trial);

    if (value)
        strcpy(file->served, trial->digest);
    /* what does not open any more is of no use to a service either */
    if (trial->value)
        file->changed = !value || !secret_equal(trial->value, value);
    trial->value = secret_free(trial->value);
}

/* The file that was being opened has opened, or R says why not. Returns whether to open what is
 * served now, to compare the two values; else R is about the current credential. */
static bool take(Trial *trial, int *r)
{
    _cleanup_(secret_freep) Secret *value = *r == 0 ? request_take_value(&trial->request) : NULL;

    request_done(&trial->request);
    if (trial->step == TRIAL_FIRST) {
        *r = judge_first(trial, *r);
        if (*r != 0 || !is_new(trial) || trial->order.have[trial->next] == HAVE_NOTHING ||
            begin_served(trial, TRIAL_SERVED) != 0)
            return false;
        trial->value = TAKE_PTR(value);
        return true;
    }
    if (trial->step == TRIAL_SERVED && fleet_pending_outcome(*r) &&
        begin_served(trial, TRIAL_PREDECESSOR) == 0) {
        *r = 0;
        return true;
    }
    *r = 0;
    compare_values(trial, value);
    return false;
}

static void go_on(Trial *trial, int r)
{
    TpmQueue *tpm = &trial->order.connections->tpm;
    TpmKeyRequest wanted;
    Reason ignored = {0};

    do {
        Reason *reason = trial->step == TRIAL_FIRST ? &trial->reason : &ignored;

        wanted = (TpmKeyRequest){0};
        if (r == 0)
            r = request_advance(&trial->request, tpm, reason, &wanted);
        if (r == 0 && wanted.sealed)
            r = tpm_job_new(tpm, wanted.sealed, NULL, on_key, trial, &trial->job);
        if (trial->job) {
            job_yield(trial->job);
            return;
        }
    } while (take(trial, &r));
    if (r != 0) {
        finish(trial, blame(trial, r));
        return;
    }
    trial->next++;
    sd_event_source_set_time(trial->turn, 0);
    sd_event_source_set_enabled(trial->turn, SD_EVENT_ONESHOT);
}

static void on_key(void *userdata, const JobResult *result)
{
    Trial *trial = userdata;
    Reason ignored = {0};

    trial->job = job_free(trial->job);
    go_on(trial, request_give(&trial->request, result,
                              trial->step == TRIAL_FIRST ? &trial->reason : &ignored));
}

/* A pending file is tried again, because it may open by now. */
static bool is_tried(const Trial *trial)
{
    return is_new(trial) || trial->order.have[trial->next] == HAVE_PENDING;
}

static int on_turn(sd_event_source *source, uint64_t, void *userdata)
{
    Trial *trial = userdata;
    ConnectionSet *connections = trial->order.connections;
    const AuditSink *sink = connections->config->audit;
    const Manifest *manifest = &trial->order.commit->manifest;

    if (sink->full && sink->full(sink)) {
        sd_event_source_set_time_relative(source, FULL_USEC);
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
    }
    while (trial->next < manifest->count && !is_tried(trial))
        trial->next++;
    if (trial->next == manifest->count) {
        finish(trial, 0);
        return 0;
    }
    trial->reason = (Reason){0};
    trial->step = TRIAL_FIRST;
    go_on(trial, begin_first(trial, &trial->reason));
    return 0;
}

int trial_new(const TrialOrder *order, Trial **ret)
{
    _cleanup_(trial_freep) Trial *trial = calloc(1, sizeof(*trial));
    int r;

    if (!trial)
        return -ENOMEM;
    trial->order = *order;
    r = sd_event_add_time(order->connections->event, &trial->turn, CLOCK_MONOTONIC, 0, 0, on_turn,
                          trial);
    if (r >= 0)
        r = sd_event_source_set_priority(trial->turn, SD_EVENT_PRIORITY_IDLE);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(trial);
    return 0;
}
