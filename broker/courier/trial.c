/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "courier/trial.h"

#include "request/request.h"

#include <errno.h>
#include <string.h>

/* The pause while the journal takes no entries, µs. */
#define FULL_USEC ((uint64_t)100 * 1000)

struct Trial {
    TrialOrder order;
    sd_event_source *turn; /* a timer: opens the next file */
    size_t next;
    Request request;
    Secret *value;   /* the new one, while the one that was served before is opened; or NULL */
    FleetSet served; /* what the host has; .store is NULL before it is needed */
    Job *job;        /* waits for the TPM */
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

/* Begins a trial of FILE, which has the name of the current credential. */
static int begin(Trial *trial, BytesView file, Reason *reason)
{
    return request_begin_offered(trial->order.connections->resources, &current(trial)->name, file,
                                 reason, &trial->request);
}

/* Begins to open what the host serves now under the current name. */
static int begin_served(Trial *trial)
{
    const CredentialName *name = &current(trial)->name;
    const char *store = trial->order.connections->config->store_path;
    _cleanup_(bytes_done) Bytes file = {0};
    Reason ignored = {0};
    int r = trial->served.store
                ? 0
                : fleet_set_open(store, trial->order.commit->fleet, NULL, &trial->served);

    if (r == 0)
        r = fleet_set_read(&trial->served, name, NULL, &file);
    return r == 0 ? begin(trial, bytes_view(&file), &ignored) : r;
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

/* The current file has opened, or, if .value is another one, what is served now: R says whether.
 * Returns whether the latter has to be opened, to compare the two values. */
static bool compare_values(Trial *trial, int *r)
{
    _cleanup_(secret_freep) Secret *value = *r == 0 ? request_take_value(&trial->request) : NULL;
    bool *changed = &trial->order.commit->changed[trial->next];

    request_done(&trial->request);
    if (trial->value) {
        /* what does not open any more is of no use to a service either */
        *changed = *r != 0 || !secret_equal(trial->value, value);
        trial->value = secret_free(trial->value);
        *r = 0;
        return false;
    }
    if (*r != 0)
        return false;
    *changed = true;
    trial->order.commit->keep[trial->next] = keeps_previous(trial);
    if (trial->order.have[trial->next] == HAVE_NOTHING || begin_served(trial) != 0)
        return false;
    trial->value = TAKE_PTR(value);
    return true;
}

static void go_on(Trial *trial, int r)
{
    TpmQueue *tpm = &trial->order.connections->tpm;
    TpmKeyRequest wanted;
    Reason ignored = {0};

    do {
        Reason *reason = trial->value ? &ignored : &trial->reason;

        wanted = (TpmKeyRequest){0};
        if (r == 0)
            r = request_advance(&trial->request, tpm, reason, &wanted);
        if (r == 0 && wanted.sealed)
            r = tpm_job_new(tpm, wanted.sealed, NULL, on_key, trial, &trial->job);
        if (trial->job) {
            job_yield(trial->job);
            return;
        }
    } while (compare_values(trial, &r));
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
    go_on(trial, request_give(&trial->request, result, trial->value ? &ignored : &trial->reason));
}

/* A file that is sealed for a later boot need not open now, unless it would replace one that does.
 */
static bool must_open(const Trial *trial, size_t i)
{
    return trial->order.commit->files[i].size > 0 &&
           !(trial->order.commit->manifest.credentials[i].pending &&
             trial->order.have[i] == HAVE_NOTHING);
}

static int on_turn(sd_event_source *source, uint64_t usec, void *userdata)
{
    Trial *trial = userdata;
    ConnectionSet *connections = trial->order.connections;
    const AuditSink *sink = connections->config->audit;
    const Manifest *manifest = &trial->order.commit->manifest;

    (void)usec;
    if (sink->full && sink->full(sink)) {
        sd_event_source_set_time_relative(source, FULL_USEC);
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
    }
    while (trial->next < manifest->count && !must_open(trial, trial->next))
        trial->next++;
    if (trial->next == manifest->count) {
        finish(trial, 0);
        return 0;
    }
    trial->reason = (Reason){0};
    go_on(trial,
          begin(trial, bytes_view(&trial->order.commit->files[trial->next]), &trial->reason));
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
