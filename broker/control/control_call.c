/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "control/control_internal.h"

#include <errno.h>
#include <string.h>

/* Brackets and commas in a call of the courier's: an offer has those of its bundle, up to 64. */
#define COURIER_MARKS_MAX ((size_t)80)

/* --- replies --- */

/* An error of varlink itself, with its one parameter. */
static struct json_object *service_error(const char *error, const char *name, const char *value)
{
    struct json_object *parameters = json_object_new_object();

    json_add_text(parameters, name, value);
    return varlink_error_new(error, parameters);
}

static struct json_object *outcome_error(const ControlSet *set, int rc, const Reason *reason)
{
    char error[INTERFACE_ERROR_BYTES], name[sizeof(INTERFACE_COURIER ".") + sizeof(error)];

    interface_error_name(rc, error);
    snprintf(name, sizeof(name), "%s.%s", set->interface, error);
    return varlink_error_new(name, interface_error_parameters(rc, reason));
}

/* Runs METHOD. Returns its last reply or its error. */
static struct json_object *run(const ControlSet *set, const Method *method, MethodCall *call)
{
    int r;

    call->interface = set->interface;

    call->reply = json_object_new_object();
    r = method->run(call);
    if (r == 0)
        return varlink_reply_new(call->reply, false);
    json_object_put(call->reply);
    if (r == OUTCOME_NOT_FOUND && strcmp(method->interface, INTERFACE_SERVICE) == 0)
        return service_error(VARLINK_INTERFACE_NOT_FOUND, "interface",
                             varlink_text(call->parameters, "interface"));
    return outcome_error(set, r, &call->reason);
}

/* --- calls that a child answers --- */

/* Runs in the child. */
static void read_store(void *userdata, int to_worker, int)
{
    const Control *control = userdata;
    const ControlEnvironment *environment = &control->set->environment;
    _cleanup_(host_resources_freep) HostResources *resources = NULL;
    MethodCall call = {.environment = environment,
                       .parameters = control->call.parameters,
                       .peer = &control->peer,
                       .to_worker = to_worker};

    /* the worker's resources have descriptors, which are closed in the child */
    if (control->method->kind == METHOD_READER &&
        host_resources_new(environment->connections->config, &resources) != 0)
        return;
    call.resources = resources;
    (void)method_send(&call, run(control->set, control->method, &call), true);
}

static void end_call(Control *control)
{
    control->more = !frame_reader_empty(&control->reader);
    control->child = child_free(control->child);
    control->commit = job_free(control->commit);
    control->check = check_free(control->check);
    varlink_call_done(&control->call);
}

/* A child's message is one byte, which says whether it is the last one, and the text of a reply. */
static void on_child_message(void *userdata, BytesView message)
{
    Control *control = userdata;
    bool last = message.data[0];

    if (last)
        end_call(control);
    control_proceed(control, frame_writer_add(&control->writer,
                                              (BytesView){message.data + 1, message.size - 1}));
}

static void on_child_ended(void *userdata, int)
{
    Control *control = userdata;
    Reason reason = {0};
    int r = reason_set(&reason, -ECHILD, "the process that reads the store died");

    end_call(control);
    control_proceed(control, control_queue(control, outcome_error(control->set, r, &reason)));
}

static int start_child(Control *control, const Method *method, VarlinkCall *call)
{
    ChildTask task = {
        .kind = method->kind == METHOD_STATUS ? CHILD_STATUS : CHILD_READER,
        .passed = -1,
        .run = read_store,
        .message = on_child_message,
        .ended = on_child_ended,
        .userdata = control,
    };

    control->method = method;
    control->call = *call;
    *call = (VarlinkCall){0};
    return child_new(control->set->environment.connections->children, &task, &control->child);
}

static void on_committed(void *userdata, const JobResult *result)
{
    Control *control = userdata;
    bool silent = control->call.oneway;

    end_call(control);
    if (silent)
        control_proceed(control, 0);
    else
        control_proceed(
            control,
            control_queue(control, result->rc == 0
                                       ? varlink_reply_new(json_object_new_object(), false)
                                       : outcome_error(control->set, result->rc, result->reason)));
}

static int start_commit(Control *control, const VarlinkCall *call)
{
    _cleanup_(closep) int data = frame_reader_take_fd(&control->reader);
    CommitOrder order = {
        .parameters = call->parameters,
        .data = data,
        .uid = control->peer.uid,
        .pid = control->peer.pid,
    };

    control->call.oneway = call->oneway;
    return commit_job_new(&control->set->environment.connections->store, &order, on_committed,
                          control, &control->commit);
}

/* --- checks --- */

static void on_checked(void *userdata, struct json_object *reply, bool last)
{
    Control *control = userdata;

    if (last)
        end_call(control);
    control_proceed(control, control_queue(control, varlink_reply_new(reply, !last)));
}

static int start_check(Control *control, const VarlinkCall *call)
{
    CheckOrder order = {
        .connections = control->set->environment.connections,
        .parameters = call->parameters,
        .peer = &control->peer,
        .done = on_checked,
        .userdata = control,
    };
    Reason reason = {0};
    int r = check_new(&order, &reason, &control->check);

    return r == 0 ? 0 : control_queue(control, outcome_error(control->set, r, &reason));
}

static int answer_in_loop(Control *control, const Method *method, const VarlinkCall *call)
{
    const ControlEnvironment *environment = &control->set->environment;
    struct json_object *message =
        run(control->set, method,
            &(MethodCall){.environment = environment,
                          .parameters = call->parameters,
                          .peer = &control->peer,
                          .resources = environment->connections->resources,
                          .offer = control->offer,
                          .to_worker = -1});

    if (!call->oneway)
        return control_queue(control, message);
    json_object_put(message);
    return 0;
}

/* --- the courier --- */

/* The offer was judged or accepted, or refused: then it is forgotten. */
static void on_offered(void *userdata, int rc, const Reason *reason)
{
    Control *control = userdata;
    bool committed = control->method->kind == METHOD_ACCEPT;
    /* what this host reports about is no error, even if it is a refusal */
    struct json_object *message =
        rc == 0 || (rc > 0 && (committed || offer_has_report(control->offer)))
            ? varlink_reply_new(offer_describe(control->offer, committed, rc, reason), false)
            : outcome_error(control->set, rc, reason);

    if (rc != 0)
        control->offer = offer_free(control->offer);
    end_call(control);
    control_proceed(control, control_queue(control, message));
}

static int start_offer(Control *control, const Method *method, const VarlinkCall *call)
{
    OfferOrder order = {
        .connections = control->set->environment.connections,
        .refusals = control->set->refusals,
        .peer = control->peer,
        .done = on_offered,
        .userdata = control,
    };
    const char *fleet = varlink_text(call->parameters, "fleet");
    Reason reason = {0};
    int r;

    control->method = method;
    control->offer = offer_free(control->offer);
    r = offer_new(&order, fleet, varlink_text(call->parameters, "bundle"), &reason,
                  &control->offer);
    return r == 0 ? 0 : control_queue(control, outcome_error(control->set, r, &reason));
}

/* If couriers have brought too much, those that were idle longest have to begin again. CONTROL is
 * the one that has just brought something, and the last. */
static void make_room(Control *control)
{
    const ControlSet *set = control->set;

    for (;;) {
        Control *idlest = control;
        size_t staged = 0;

        for (Control *other = set->first; other; other = other->next) {
            staged += offer_staged(other->offer);
            if (other != control && offer_staged(other->offer) > 0 && !control_is_busy(other))
                idlest = other;
        }
        if (staged <= set->environment.connections->config->staged_max)
            return;
        idlest->offer = offer_free(idlest->offer);
        if (idlest == control) /* the others are being committed */
            return;
    }
}

static int start_blob(Control *control, const Method *method, const VarlinkCall *call)
{
    int r = answer_in_loop(control, method, call);

    make_room(control);
    return r;
}

static int start_accept(Control *control, const Method *method, const VarlinkCall *call)
{
    Reason reason = {0};
    int r;

    control->method = method;
    r = offer_accept(control->offer, varlink_text(call->parameters, "fleet"), &reason);
    return r == 0 ? 0 : control_queue(control, outcome_error(control->set, r, &reason));
}

/* --- calls --- */

static int start_call(Control *control, const Method *method, VarlinkCall *call)
{
    const ControlEnvironment *environment = &control->set->environment;

    switch (method->kind) {
    case METHOD_SUBSCRIBE:
        control->subscribed = true;
        return 0;
    case METHOD_STATUS:
        counters_fix_start(environment->counters, environment->connections->config->context);
        return call->oneway ? 0 : start_child(control, method, call);
    case METHOD_READER:
        /* a method without a reply has no effect */
        return call->oneway ? 0 : start_child(control, method, call);
    case METHOD_COMMIT:
        return start_commit(control, call);
    case METHOD_CHECK:
        return start_check(control, call);
    case METHOD_OFFER:
        return start_offer(control, method, call);
    case METHOD_BLOB:
        return start_blob(control, method, call);
    case METHOD_ACCEPT:
        return start_accept(control, method, call);
    default:
        return answer_in_loop(control, method, call);
    }
}

int control_answer(Control *control, BytesView message)
{
    _cleanup_(varlink_call_done) VarlinkCall call = {0};
    const char *error, *wrong;
    const Method *method;
    size_t size;

    if (control->set->refusals && !json_bounded(message, COURIER_MARKS_MAX))
        return -EPROTO;
    if (varlink_call_parse(message, &call) != 0)
        return -EPROTO;
    method = method_find(control->set->interface, call.method, &error);
    if (!method && strcmp(error, VARLINK_METHOD_NOT_FOUND) == 0)
        return control_queue(control, service_error(error, "method", call.method));
    if (!method) {
        char interface[256];

        varlink_method_split(call.method, &size);
        snprintf(interface, sizeof(interface), "%.*s", (int)size, call.method);
        return control_queue(control, service_error(error, "interface", interface));
    }
    if (method->more && !call.more)
        return control_queue(control, varlink_error_new(VARLINK_EXPECTED_MORE, NULL));
    wrong = varlink_parameters_check(call.parameters, method->fields);
    if (wrong)
        return control_queue(control, service_error(VARLINK_INVALID_PARAMETER, "parameter", wrong));
    return start_call(control, method, &call);
}
