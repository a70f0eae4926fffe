/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "verb/setup_rollback.h"

#include "client/store_client.h"
#include "protocol/client.h"
#include "rollback/rollback_check.h"
#include "terminal/progress.h"
#include "tpm/counter.h"
#include "tpm/tpm_child.h"

#include <unistd.h>

/* For a TPM child. */
typedef struct CounterWork {
    const char *device, *store;
    uint32_t counter;
    uint64_t value, now;
} CounterWork;

static CounterWork work_of(const Options *options)
{
    uint32_t counter = options->host->rollback_counter;

    return (CounterWork){.device = options->seal.tpm_device,
                         .store = options->host->store,
                         .counter = counter ? counter : TPM_COUNTER_DEFAULT};
}

/* --- in a TPM child --- */

/* Does ACT with the counter of REQUEST. WHAT is what the user waits for. */
static int act_on_counter(const void *request, const Observer *observer, const char *what,
                          int (*act)(Tpm *tpm, uint32_t index, Reason *reason, uint64_t *ret),
                          Reason *reason, TpmResult *ret)
{
    const CounterWork *work = request;
    _cleanup_(tpm_freep) Tpm *tpm = NULL;
    int r;

    tpm_wait_begin(observer, what, NULL);
    r = tpm_new(work->device, reason, &tpm);
    if (r == 0)
        r = act(tpm, work->counter, reason, &ret->counter);
    observer_wait_end(observer);
    return r;
}

static int read_counter(const void *request, const Observer *observer, Reason *reason,
                        TpmResult *ret)
{
    return act_on_counter(request, observer, "read its counter", tpm_counter_read, reason, ret);
}

static int ensure_counter(const void *request, const Observer *observer, Reason *reason,
                          TpmResult *ret)
{
    return act_on_counter(request, observer, "make a counter", tpm_counter_ensure, reason, ret);
}

static int remove_it(Tpm *tpm, uint32_t index, Reason *reason, uint64_t *)
{
    return tpm_counter_remove(tpm, index, reason);
}

static int remove_counter(const void *request, const Observer *observer, Reason *reason,
                          TpmResult *ret)
{
    return act_on_counter(request, observer, "remove its counter", remove_it, reason, ret);
}

static int increment(const char *device, uint32_t counter, Reason *reason)
{
    _cleanup_(tpm_freep) Tpm *tpm = NULL;
    int r = tpm_new(device, reason, &tpm);

    return r != 0 ? r : tpm_counter_increment(tpm, counter, reason);
}

static int advance(const void *request, const Observer *observer, Reason *reason, TpmResult *ret)
{
    const CounterWork *work = request;
    _cleanup_(rollback_freep) Rollback *rollback = NULL;
    int r = rollback_open(work->store, reason, &rollback);

    tpm_wait_begin(observer, "count", NULL);
    if (r == 0)
        r = rollback_advance(rollback, work->value, work->now, work->device, increment, reason,
                             &ret->counter);
    observer_wait_end(observer);
    return r;
}

static int run(TpmWork act, const CounterWork *work, Reason *reason, uint64_t *ret)
{
    _cleanup_(tpm_result_done) TpmResult result = {0};
    int r = tpm_child_run(act, work, &terminal_observer, reason, &result);

    if (r == 0 && ret)
        *ret = result.counter;
    return r;
}

/* --- the commands --- */

/* Has a running broker compare again, and writes an entry. */
static void tell(const char *what)
{
    _cleanup_(json_object_putp) struct json_object *reply = NULL;
    _cleanup_(client_freep) Client *client = NULL;
    AuditSink *sink = audited_commit_journal();

    if (sink) {
        audit_write(sink, &(AuditRecord){
                              .verdict = AUDIT_PROTECTION,
                              .peer_pid = getpid(),
                              .peer_uid = getuid(),
                              .reason = what,
                          });
        if (sink->attach)
            sink->attach(sink, NULL);
    }
    if (client_new(CLIENT_DEFAULT_PATH, NULL, &client) == 0)
        (void)client_call(client, "Restart", NULL, &terminal_observer, NULL, &reply);
}

/* Killed after any of these, the broker refuses nothing that it delivered before, and says that the
 * state is missing or old; the command can be repeated. */
static int take(const Context *context, CounterWork *work, Reason *reason)
{
    int r = run(ensure_counter, work, reason, &work->value);

    if (r == 0)
        r = rollback_make(context, work->store, reason);
    work->now = context->now(context);
    if (r == 0)
        r = rollback_take(work->store, work->counter, work->value, work->now, reason);
    return r == 0 ? run(advance, work, reason, NULL) : r;
}

int rollback_look(const Options *options, Reason *reason, uint64_t *ret_value)
{
    CounterWork work = work_of(options);
    RollbackState state;
    int r = rollback_check(work.store, false, reason, &state);

    if (r != 0)
        return r;
    work.counter = state.counter;
    r = run(read_counter, &work, reason, ret_value);
    if (r == OUTCOME_TPM_NO_COUNTER || r == OUTCOME_TPM_NV_TAKEN)
        return OUTCOME_ROLLED_BACK;
    if (r == 0 && rollback_state_judge(&state, *ret_value, reason) == ROLLBACK_NOTICED)
        r = OUTCOME_ROLLED_BACK;
    return r;
}

int rollback_turn_on(const Context *context, const Options *options, Reason *reason,
                     bool *ret_changed)
{
    CounterWork work = work_of(options);
    uint64_t value;
    int r = rollback_look(options, reason, &value);

    *ret_changed = r == OUTCOME_NOT_FOUND;
    if (r != OUTCOME_NOT_FOUND)
        return r;
    r = take(context, &work, reason);
    if (r == 0)
        tell("turned on");
    return r;
}

int rollback_accept(const Context *context, const Options *options, Reason *reason)
{
    _cleanup_(rollback_freep) Rollback *rollback = NULL;
    CounterWork work = work_of(options);
    int r = rollback_open(work.store, reason, &rollback);

    if (r == OUTCOME_NOT_FOUND)
        return reason_set(reason, OUTCOME_USAGE,
                          "rollback protection is off. To turn it on: nspawn-creds setup "
                          "--rollback-protection");
    if (r == 0 || r == OUTCOME_ROLLED_BACK)
        r = take(context, &work, reason);
    if (r == 0)
        tell("what is there was accepted");
    return r;
}

int rollback_turn_off(const Options *options, Reason *reason, bool *ret_changed)
{
    _cleanup_(rollback_freep) Rollback *rollback = NULL;
    CounterWork work = work_of(options);
    Reason why = {0};
    RollbackState state;
    int r = rollback_open(work.store, reason, &rollback);

    *ret_changed = r != OUTCOME_NOT_FOUND;
    if (r == OUTCOME_NOT_FOUND)
        return 0;
    if (r != 0 && r != OUTCOME_ROLLED_BACK)
        return r;
    if (r == 0 && rollback_read(rollback, NULL, &state) == 0)
        work.counter = state.counter;
    r = rollback_remove(work.store, reason);
    if (r != 0)
        return r;
    tell("turned off");
    if (run(remove_counter, &work, &why, NULL) != 0)
        observer_note(&terminal_observer, "The TPM's counter stays: %s", why.text);
    return 0;
}
