/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "request/rollback_guard.h"

#include "store/rollback.h"
#include "tpm/tpm_child.h"

#include <errno.h>
#include <unistd.h>

static void look_again(RollbackGuard *guard);
static void plan(RollbackGuard *guard);

/* --- verdicts --- */

static void write_record(const RollbackGuard *guard)
{
    AuditSink *sink = guard->audit;

    audit_write(sink, &(AuditRecord){
                          .verdict = AUDIT_ROLLED_BACK,
                          .peer_uid = geteuid(),
                          .peer_pid = getpid(),
                          .outcome = guard->rc,
                          .reason = guard->reason.text,
                      });
}

/* Requests are refused unless all is well, if the configuration says so. */
static void tell_requests(const RollbackGuard *guard)
{
    HostResources *resources = guard->resources;

    resources->rollback_rc = 0;
    if (!guard->config->rollback_refuse || guard->state <= GUARD_OFF || guard->state == GUARD_WELL)
        return;
    resources->rollback_rc = guard->rc;
    resources->rollback_reason = guard->reason;
}

/* The worker waits no longer. */
static void let_go(RollbackGuard *guard)
{
    void (*checked)(void *userdata) = guard->checked;

    guard->checked = NULL;
    if (checked)
        checked(guard->userdata);
}

static void enter(RollbackGuard *guard, GuardState state, int rc, const Reason *reason)
{
    bool news = state != guard->state || rc != guard->rc;

    guard->state = state;
    guard->rc = rc;
    guard->reason = reason ? *reason : (Reason){0};
    tell_requests(guard);
    if (rc != 0 && news)
        write_record(guard);
    let_go(guard);
}

static int on_again(sd_event_source *, uint64_t, void *userdata)
{
    look_again(userdata);
    return 0;
}

static int on_due(sd_event_source *, uint64_t, void *userdata)
{
    RollbackGuard *guard = userdata;

    guard->timer = sd_event_source_disable_unref(guard->timer);
    plan(guard);
    return 0;
}

static void set_timer(RollbackGuard *guard, uint64_t usec, sd_event_time_handler_t handler)
{
    guard->timer = sd_event_source_disable_unref(guard->timer);
    (void)sd_event_add_time_relative(guard->event, &guard->timer, CLOCK_MONOTONIC, usec, 0, handler,
                                     guard);
}

/* The TPM does not say the counter's value, or may have lost the last increment. */
static void fail(RollbackGuard *guard, int rc, const Reason *reason)
{
    enter(guard, GUARD_UNCHECKED, rc, reason);
    set_timer(guard, guard->config->rollback_retry_usec, on_again);
}

/* --- in the TPM child --- */

static int read_counter(const void *request, const Observer *, Reason *reason, TpmResult *ret)
{
    const RollbackGuard *guard = request;

    return guard->config->counter_read(guard->config->tpm_device, guard->counter, reason,
                                       &ret->counter);
}

static int advance(const void *request, const Observer *, Reason *reason, TpmResult *ret)
{
    const RollbackGuard *guard = request;
    const ServerConfig *config = guard->config;
    _cleanup_(rollback_freep) Rollback *rollback = NULL;
    int r = rollback_open(config->store_path, reason, &rollback);

    /* root turned it off */
    if (r == OUTCOME_NOT_FOUND)
        return reason_set(reason, OUTCOME_CHANGED, "protection was turned off");
    return r != 0 ? r
                  : rollback_advance(rollback, guard->value, config->context->now(config->context),
                                     config->tpm_device, config->counter_increment, reason,
                                     &ret->counter);
}

static void run_read(void *userdata, int, int)
{
    tpm_child_work(read_counter, userdata);
}

static void run_advance(void *userdata, int, int)
{
    tpm_child_work(advance, userdata);
}

/* --- in the worker --- */

static int take_answer(RollbackGuard *guard, int from_child, Reason *reason, uint64_t *ret)
{
    TpmChild child = {.process = -1, .answer = from_child};
    _cleanup_(tpm_result_done) TpmResult result = {0};
    int r = tpm_child_finish(&child, reason, &result);

    *ret = result.counter;
    guard->child = child_free(guard->child);
    return r;
}

static void judge(RollbackGuard *guard, uint64_t value)
{
    RollbackState state = {.value = guard->value};
    Reason reason = {0};

    switch (rollback_state_judge(&state, value, &reason)) {
    case ROLLBACK_RESUME:
        guard->resumes = true;
        break;
    case ROLLBACK_NONE:
        break;
    default:
        enter(guard, GUARD_NOTICED, OUTCOME_ROLLED_BACK, &reason);
        return;
    }
    guard->value = value;
    enter(guard, GUARD_WELL, 0, NULL);
    plan(guard);
}

static void on_read(void *userdata, int from_child)
{
    RollbackGuard *guard = userdata;
    Reason reason = {0};
    uint64_t value;
    int r = take_answer(guard, from_child, &reason, &value);

    if (r == 0)
        judge(guard, value);
    else if (r == OUTCOME_TPM_NO_COUNTER || r == OUTCOME_TPM_NV_TAKEN)
        enter(guard, GUARD_NOTICED, OUTCOME_ROLLED_BACK, &reason);
    else
        fail(guard, r, &reason);
}

static void on_advanced(void *userdata, int from_child)
{
    RollbackGuard *guard = userdata;
    Reason reason = {0};
    uint64_t value;
    int r = take_answer(guard, from_child, &reason, &value);

    if (r == 0) {
        guard->increments += value != guard->value;
        guard->value = value;
        guard->due = monotonic_usec() + guard->config->rollback_usec;
        guard->resumes = false;
        plan(guard);
    } else if (r == OUTCOME_ROLLED_BACK || r == OUTCOME_CHANGED) {
        /* perhaps root has just accepted something, or turned it off */
        look_again(guard);
    } else if (r == OUTCOME_TIMEOUT) {
        guard->changed = true;
        set_timer(guard, guard->config->rollback_retry_usec, on_due);
    } else {
        fail(guard, r, &reason);
    }
}

static void on_ended(void *userdata, int r)
{
    RollbackGuard *guard = userdata;
    Reason reason = {0};

    guard->child = child_free(guard->child);
    r = r == -ETIME ? reason_set(&reason, OUTCOME_TPM_UNREACHABLE, "the TPM did not answer")
                    : reason_set(&reason, r, "cannot start a process for the TPM");
    fail(guard, r, &reason);
}

static void start(RollbackGuard *guard, bool to_advance)
{
    ChildTask task = {
        .kind = CHILD_TPM,
        .passed = -1,
        .run = to_advance ? run_advance : run_read,
        .answer = to_advance ? on_advanced : on_read,
        .ended = on_ended,
        .userdata = guard,
    };
    Reason reason = {0};
    int r = child_new(guard->children, &task, &guard->child);

    if (r == 0)
        child_keep(guard->child);
    else
        fail(guard, reason_set(&reason, r, "cannot start a process for the TPM"), &reason);
}

/* Increments the counter now, later, or not. */
static void plan(RollbackGuard *guard)
{
    uint64_t now = monotonic_usec();

    if (guard->state != GUARD_WELL || guard->child || guard->timer ||
        (!guard->changed && !guard->resumes))
        return;
    if (!guard->resumes && guard->due > now) {
        set_timer(guard, guard->due - now, on_due);
        return;
    }
    guard->changed = false;
    start(guard, true);
}

void rollback_guard_changed(RollbackGuard *guard)
{
    guard->changed = true;
    plan(guard);
}

bool rollback_guard_is_busy(const RollbackGuard *guard)
{
    return guard->child || (guard->timer && guard->state == GUARD_WELL);
}

/* --- the beginning --- */

/* How long no increment may follow one at COUNTED, µs since 1970. The clock may have been set. */
static uint64_t pause_after(const RollbackGuard *guard, uint64_t counted)
{
    uint64_t now = guard->config->context->now(guard->config->context);
    uint64_t pause = guard->config->rollback_usec;

    if (counted > now)
        return pause;
    return now - counted < pause ? pause - (now - counted) : 0;
}

static void ask_tpm(RollbackGuard *guard, const RollbackFound *found)
{
    guard->counter = found->counter;
    guard->value = found->value;
    guard->due = monotonic_usec() + pause_after(guard, found->counted);
    guard->changed = found->changed;
    guard->resumes = false;
    if (guard->state <= GUARD_OFF) {
        guard->state = GUARD_CHECKS;
        guard->rc = reason_set(&guard->reason, OUTCOME_TPM_BUSY,
                               "the TPM has not yet said whether this disk was restored");
    }
    tell_requests(guard);
    start(guard, false);
    if (!guard->config->rollback_refuse)
        let_go(guard);
}

void rollback_guard_begin(RollbackGuard *guard, const RollbackFound *found)
{
    if (found && found->rc == 0)
        ask_tpm(guard, found);
    else if (found && found->rc == OUTCOME_NOT_FOUND)
        enter(guard, GUARD_OFF, 0, NULL);
    else if (found && found->rc == OUTCOME_ROLLED_BACK)
        enter(guard, GUARD_NOTICED, found->rc, &found->reason);
    else
        fail(guard, found ? found->rc : -ECHILD, found ? &found->reason : NULL);
}

static void on_found(void *userdata, const JobResult *result)
{
    RollbackGuard *guard = userdata;

    guard->check = job_free(guard->check);
    rollback_guard_begin(guard, result->rollback);
}

static void look_again(RollbackGuard *guard)
{
    guard->timer = sd_event_source_disable_unref(guard->timer);
    if (guard->check || guard->child)
        return;
    if (commit_job_new(guard->store, &(CommitOrder){.data = -1, .uid = geteuid(), .pid = getpid()},
                       on_found, guard, &guard->check) != 0)
        set_timer(guard, guard->config->rollback_retry_usec, on_again);
}

const char *rollback_guard_word(const RollbackGuard *guard)
{
    return guard->state == GUARD_WELL      ? "well"
           : guard->state == GUARD_NOTICED ? "noticed"
                                           : "unchecked";
}
