/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "enrol.h"

#include "base/base64.h"
#include "base/context.h"
#include "credential/identity.h"
#include "fleet/fleet_config.h"
#include "get.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* If so many in a row cannot be got, it is not they that are strange: the carrier is not there. */
#define FAILURES_MAX 4U

typedef struct Enrol {
    const CarrierSettings *settings;
    CarrierSettings elsewhere;  /* of .reports, if there are such */
    Carrier *carrier, *reports; /* may be the same */
    long stall;                 /* seconds */
    unsigned failures;          /* in a row */
    size_t asked, failed;
} Enrol;

static void enrol_done(Enrol *enrol)
{
    if (enrol->reports != enrol->carrier)
        carrier_close(enrol->reports);
    carrier_close(enrol->carrier);
    carrier_settings_done(&enrol->elsewhere);
}

typedef struct Message {
    const char *name;
    bool is_request, is_challenge;
} Message;

static int parse_name(const char *name, Reason *reason, Message *ret)
{
    char fleet[LIMIT_FLEET_NAME_BYTES + 1], host[LIMIT_FLEET_HOST_BYTES + 1], kind[10];
    int end = 0;

    _Static_assert(sizeof(fleet) == 33 && sizeof(host) == 64,
                   "the widths in the format of sscanf()");
    if (sscanf(name, "v1/%32[a-z0-9-]/enrol/%63[a-z0-9-]/%9[a-z]%n", fleet, host, kind, &end) ==
            3 &&
        !name[end] && fleet_host_name_valid(host)) {
        *ret = (Message){.name = name,
                         .is_request = strcmp(kind, "request") == 0,
                         .is_challenge = strcmp(kind, "challenge") == 0};
        if (ret->is_request || ret->is_challenge || strcmp(kind, "answer") == 0)
            return 0;
    }
    return reason_set(reason, OUTCOME_USAGE,
                      "\"%.100s\" is not v1/FLEET/enrol/HOST/request, challenge or answer", name);
}

static Carrier *carrier_of(const Enrol *enrol, const Message *message)
{
    return message->is_challenge ? enrol->carrier : enrol->reports;
}

static int get_one(Enrol *enrol, const Message *message, Reason *reason)
{
    Carrier *carrier = carrier_of(enrol, message);
    size_t limit = message->is_request ? LIMIT_IDENTITY_BYTES : LIMIT_ENROLMENT_BYTES;
    _cleanup_(bytes_done) Bytes content = {0};
    uint64_t begin = monotonic_usec();
    int r = carrier->ops->get(carrier, message->name, limit, NULL, reason, &content);

    /* an etcd's limit is for all of its answer */
    if (r == 0 && content.size > limit)
        r = reason_set(reason, OUTCOME_CARRIER_FAILED, "%s has more than %zu bytes", message->name,
                       limit);
    enrol->asked++;
    enrol->failed += r == OUTCOME_CARRIER_FAILED;
    if (r == OUTCOME_CARRIER_FAILED && ++enrol->failures < FAILURES_MAX &&
        !get_stalled(begin, enrol->stall)) {
        printf("%s\t!\n", message->name);
        return 0;
    }
    if (r == 0 || r == OUTCOME_NOT_FOUND)
        enrol->failures = 0;
    if (r == OUTCOME_NOT_FOUND)
        r = 0;
    return r == 0 ? get_print(message->name, &content) : r;
}

static int put(Enrol *enrol, const Message *message, const char *text, Reason *reason)
{
    Carrier *carrier = carrier_of(enrol, message);
    _cleanup_(bytes_done) Bytes content = {0};
    int r = base64_decode(text_view(text), &content);

    if (r > 0)
        return reason_set(reason, OUTCOME_USAGE, "%s is not in base64", message->name);
    if (r == 0 && !message->is_challenge && enrol->settings->kind == CARRIER_HTTPS &&
        !enrol->settings->reports)
        return reason_set(reason, OUTCOME_BAD_FLEET_CONFIG,
                          "its carrier has no \"reports\", where the hosts of a web server put "
                          "requests and answers");
    if (r == 0)
        r = carrier->ops->put(carrier, message->name, bytes_view(&content), false, reason);
    return r == 0 && carrier->ops->flush ? carrier->ops->flush(carrier, reason) : r;
}

/* Names a message that stays. It does no harm: it is of no use any more. */
static int remove_one(Enrol *enrol, const Message *message)
{
    Carrier *carrier = carrier_of(enrol, message);
    int r = carrier->ops->remove ? carrier->ops->remove(carrier, message->name, NULL)
                                 : OUTCOME_CARRIER_FAILED;

    if (r > 0 && r != OUTCOME_NOT_FOUND)
        printf("%s\t!\n", message->name);
    return r > 0 ? 0 : r;
}

static int handle(Enrol *enrol, char *line, Reason *reason)
{
    char *tab = strchr(line, '\t');
    Message message = {0};
    int r;

    if (tab)
        *tab = '\0';
    r = parse_name(line, reason, &message);
    if (r != 0)
        return r;
    if (!tab)
        return get_one(enrol, &message, reason);
    return tab[1] ? put(enrol, &message, tab + 1, reason) : remove_one(enrol, &message);
}

/* A file that is not there is no error, but a directory that is not there is no carrier. */
static int check_location(const CarrierSettings *settings, Reason *reason)
{
    return settings->kind == CARRIER_DIR && access(settings->location, F_OK) < 0
               ? reason_set(reason, OUTCOME_CARRIER_FAILED, "%.200s: %m", settings->location)
               : 0;
}

static int open_carriers(Enrol *enrol, long stall, Reason *reason)
{
    int r = check_location(enrol->settings, reason);

    if (r == 0)
        r = carrier_open(enrol->settings, stall, reason, &enrol->carrier);
    if (r != 0)
        return r;
    enrol->reports = enrol->carrier;
    if (!enrol->settings->reports)
        return 0;
    r = carrier_settings_for_reports(enrol->settings, reason, &enrol->elsewhere);
    if (r == 0)
        r = check_location(&enrol->elsewhere, reason);
    if (r == 0)
        r = carrier_open(&enrol->elsewhere, stall, reason, &enrol->reports);
    return r;
}

int enrol(const CarrierSettings *settings, long stall, Reason *reason)
{
    _cleanup_(enrol_done) Enrol enrol = {.settings = settings, .stall = stall};
    _cleanup_(freep) char *line = NULL;
    size_t room = 0;
    ssize_t length;
    int r = open_carriers(&enrol, stall, reason);

    while (r == 0 && (length = getline(&line, &room, stdin)) > 0) {
        if (line[length - 1] == '\n')
            line[length - 1] = '\0';
        r = handle(&enrol, line, reason);
    }
    if (r == 0 && ferror(stdin))
        r = reason_set(reason, -EIO, "standard input");
    return r == 0 && enrol.asked > 0 && enrol.failed == enrol.asked ? OUTCOME_CARRIER_FAILED : r;
}
