/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds host enrol: has this host enrolled over the carrier of a fleet.
 *
 * Root asks with the host's identity, and answers the challenge. The courier carries both, as its
 * own user. The carrier can bring no more than a challenge, and no answer to one is secret.
 */

#include "base/fsutil.h"
#include "base/timestamp.h"
#include "enrolment/enrolment_carrier.h"
#include "fleet/fleet_config.h"
#include "host/own_answer.h"
#include "host/own_identity.h"
#include "host/verbs.h"
#include "terminal/output.h"
#include "terminal/progress.h"

#include <errno.h>
#include <json-c/json.h>
#include <time.h>
#include <unistd.h>

#define COURIER_USER "nspawn-creds-courier"

typedef struct Enrolling {
    const Context *context;
    const Options *options;
    FleetConfig config;
    EnrolmentCarrier carrier;
    char unanswered[128]; /* why this host does not answer the challenge that is there; or "" */
    int outcome;          /* of that, or 0 */
} Enrolling;

static int prepare(Enrolling *enrolling, const char *fleet, Reason *reason)
{
    FleetConfig *config = &enrolling->config;
    int r;

    if (geteuid() != 0)
        return reason_set(
            reason, OUTCOME_USAGE,
            "only root may keep this host's identity. As root: nspawn-creds host enrol "
            "%.40s",
            fleet);
    if (access(enrolling->options->host->store, F_OK) < 0)
        return reason_set(reason, OUTCOME_USAGE, "the broker is not installed here: there is no %s",
                          enrolling->options->host->store);
    r = fleet_config_load(enrolling->context, fleet, reason, config);
    if (r == OUTCOME_NOT_FOUND) /* it is no credential */
        return OUTCOME_BAD_FLEET_CONFIG;
    if (r == 0 && !config->carrier.root)
        r = reason_set(reason, OUTCOME_BAD_FLEET_CONFIG,
                       FLEET_CONFIG_FOLDER "/%s.json has no \"carrier\"", fleet);
    enrolling->carrier = (EnrolmentCarrier){config->carrier.root, config->name, COURIER_USER};
    return r;
}

/* Puts the identity as it is now, with endorsement keys, on the carrier. */
static int request(const Enrolling *enrolling, Reason *reason)
{
    const Options *options = enrolling->options;
    _cleanup_(identity_done) Identity identity = {0};
    struct json_object *object;
    int r = own_identity_make(enrolling->context, options, true, reason, &identity);

    if (r != 0)
        return r;
    object = identity_to_json(&identity);
    r = object ? own_identity_keep(enrolling->context, &identity,
                                   json_object_to_json_string(object), options->host->store, reason)
               : -ENOMEM;
    if (r != 0) {
        json_object_put(object);
        return r;
    }
    return enrolment_carrier_put(&enrolling->carrier, enrolling->config.host, ENROLMENT_REQUEST,
                                 object, reason);
}

/* Answers the challenge in FILE. OUTCOME_ENROLLING if there is none for this host as it is now: it
 * may be of an enrolment that was given up. */
static int answer(Enrolling *enrolling, BytesView file, Reason *reason)
{
    _cleanup_(enrolment_challenge_done) EnrolmentChallenge challenge = {0};
    const Context *context = enrolling->context;
    char *why = enrolling->unanswered, expired[TIMESTAMP_UTC_BYTES], now[TIMESTAMP_UTC_BYTES];
    EnrolmentAnswer made;
    int r;

    why[0] = '\0';
    enrolling->outcome = 0;
    if (file.size == 0)
        return OUTCOME_ENROLLING;
    r = enrolment_challenge_parse(file, reason, &challenge);
    if (r == 0 && challenge.expires <= context->now(context)) {
        timestamp_format_utc(challenge.expires, expired);
        timestamp_format_utc(context->now(context), now);
        snprintf(why, sizeof(enrolling->unanswered), "expired at %s, and this host's clock says %s",
                 expired, now);
        enrolling->outcome = OUTCOME_CHALLENGE_EXPIRED;
        return OUTCOME_ENROLLING;
    }
    if (r == 0)
        r = own_answer_make(context, enrolling->options, &challenge, reason, &made);
    if (r == OUTCOME_BAD_CHALLENGE)
        strcpy(why, "is not valid");
    else if (r == OUTCOME_IDENTITY_CHANGED || r == OUTCOME_BAD_IDENTITY)
        strcpy(why, "is for another identity than this host has now");
    if (why[0]) {
        enrolling->outcome = r;
        return OUTCOME_ENROLLING;
    }
    return r == 0 ? enrolment_carrier_put(&enrolling->carrier, enrolling->config.host,
                                          ENROLMENT_ANSWER, enrolment_answer_to_json(&made), reason)
                  : r;
}

/* Looks for a challenge and answers it. OUTCOME_ENROLLING if there is none. */
static int look(Enrolling *enrolling, Reason *reason)
{
    const char *host = enrolling->config.host;
    _cleanup_(enrolment_files_done) EnrolmentFiles files = {0};
    int r = enrolment_carrier_get(&enrolling->carrier, &host, 1, reason, &files);

    return r == 0 ? answer(enrolling, bytes_view(&files.files[ENROLMENT_CHALLENGE]), reason) : r;
}

/* Looks until there is a challenge, each second. */
static int wait_for_challenge(Enrolling *enrolling, Reason *reason)
{
    uint64_t usec = enrolling->options->wait ? enrolling->options->wait_usec : 0,
             begin = monotonic_usec();
    int r = OUTCOME_ENROLLING;

    if (usec > 0)
        observer_wait_begin(&terminal_observer, "an administrator's challenge");
    while (r == OUTCOME_ENROLLING && monotonic_usec() - begin < usec) {
        (void)nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
        observer_wait_tick(&terminal_observer);
        r = look(enrolling, reason);
    }
    if (usec > 0)
        observer_wait_end(&terminal_observer);
    return r;
}

static int report(const Enrolling *enrolling, int r, Reason *reason)
{
    const FleetConfig *config = &enrolling->config;
    bool answered = r == 0;

    if (r != 0 && r != OUTCOME_ENROLLING)
        return output_error(r, NULL, reason);
    if (enrolling->options->json != JSON_OFF) {
        struct json_object *object = json_object_new_object();

        json_add_text(object, "fleet", config->name);
        json_add_text(object, "host", config->host);
        json_add_text(object, "state", answered ? "answered" : "requested");
        if (!answered && enrolling->outcome != 0) {
            json_add_text(object, "outcome", outcome_name(enrolling->outcome));
            json_add_text(object, "reason", enrolling->unanswered);
        }
        output_json(object, enrolling->options->json);
    }
    if (!answered) {
        const char *why = enrolling->unanswered;

        reason_set(reason, 0,
                   "%s has asked%s%s%s. An administrator runs nspawn-creds fleet enrol %s with "
                   "--ek-list= or --ek-ca=; then again here: nspawn-creds host enrol %s",
                   config->host, why[0] ? " again, since the challenge on the carrier " : "", why,
                   why[0] ? "" : ", and nobody has challenged it yet", config->host, config->name);
        return output_error(r, NULL, reason);
    }
    if (enrolling->options->json == JSON_OFF)
        output_line(stdout,
                    "%s has answered. An administrator adds it: nspawn-creds fleet enrol %s, with "
                    "--ek-list= or --ek-ca= as before. Once %s has secrets of %s, this shows it: "
                    "nspawn-creds fleet show %s",
                    config->host, config->host, config->host, config->name, config->name);
    return 0;
}

/* Answers the challenge if there is one, and asks for one if not. */
static int enrol(Enrolling *enrolling, Reason *reason)
{
    int r = look(enrolling, reason);

    if (r != OUTCOME_ENROLLING)
        return r;
    r = request(enrolling, reason);
    return r == 0 ? wait_for_challenge(enrolling, reason) : r;
}

static int run(const Context *context, const Options *options, char **arguments)
{
    Enrolling enrolling = {.context = context, .options = options};
    Reason reason = {0};
    int r = prepare(&enrolling, arguments[0], &reason);

    r = r == 0 ? report(&enrolling, enrol(&enrolling, &reason), &reason)
               : output_error(r, NULL, &reason);
    fleet_config_done(&enrolling.config);
    return r;
}

const Verb host_enrol = {
    .name = "host enrol",
    .arguments = "FLEET",
    .summary = "Ask to be enrolled in a fleet, over its carrier",
    .details =
        "Puts this host's identity on the carrier of /etc/nspawn-creds/fleet/FLEET.json, and "
        "answers the\nchallenge that an administrator's \"fleet enrol\" has put there. Run it "
        "before and after, or once\nwith --wait. Nothing of it is secret. Needs root.",
    .options = OPTION_TPM_DEVICE | OPTION_PUBLIC_KEY | OPTION_WAIT | OPTION_JSON,
    .run = run,
};
