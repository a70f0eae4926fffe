/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "courier.h"

#include "base/base64.h"
#include "credential_file.h"
#include "fleet/bundle.h"
#include "protocol/client.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <systemd/sd-daemon.h>

/* So many looks after a new set, a second each, also ask what services did with it. Later ones ask
 * too, but do not come sooner for that. */
#define QUESTIONS      30U
/* "v1/FLEET/hosts/HOST/bundle" and the like */
#define NAME_BYTES_MAX (LIMIT_FLEET_NAME_BYTES + LIMIT_FLEET_HOST_BYTES + 32)

struct Courier {
    const FleetConfig *config;
    const char *socket;
    Carrier *carrier;
    CarrierSettings report_settings;
    Carrier *reports;       /* the same, another, or NULL */
    CarrierVersion offered; /* the bundle that the broker accepted */
    uint64_t sequence;      /* its sequence, or 0 */
    Bytes report;           /* not carried back yet */
    Bytes carried;          /* the last one that was */
    bool waits;             /* for the report of what services did with the set */
    unsigned questions;     /* that are left of QUESTIONS */
    char bundle_name[NAME_BYTES_MAX], report_name[NAME_BYTES_MAX];
};

Courier *courier_free(Courier *courier)
{
    if (courier) {
        if (courier->reports != courier->carrier)
            carrier_close(courier->reports);
        carrier_close(courier->carrier);
        carrier_settings_done(&courier->report_settings);
        bytes_done(&courier->report);
        bytes_done(&courier->carried);
        free(courier);
    }
    return NULL;
}

static int open_reports(Courier *courier, long stall, Reason *reason)
{
    const CarrierSettings *settings = &courier->config->carrier;
    int r;

    if (!settings->reports) {
        /* a web server does not take files unless it is told so */
        courier->reports = settings->kind == CARRIER_HTTPS ? NULL : courier->carrier;
        return 0;
    }
    r = carrier_settings_for_reports(settings, reason, &courier->report_settings);
    return r == 0 ? carrier_open(&courier->report_settings, stall, reason, &courier->reports) : r;
}

int courier_new(const FleetConfig *config, const char *socket, long stall, Reason *reason,
                Courier **ret)
{
    _cleanup_(courier_freep) Courier *courier = calloc(1, sizeof(*courier));
    int r;

    if (!courier)
        return -ENOMEM;
    courier->config = config;
    courier->socket = socket;
    snprintf(courier->bundle_name, sizeof(courier->bundle_name), "v1/%s/hosts/%s/bundle",
             config->name, config->host);
    snprintf(courier->report_name, sizeof(courier->report_name), "v1/%s/reports/%s", config->name,
             config->host);
    r = carrier_open(&config->carrier, stall, reason, &courier->carrier);
    if (r == 0)
        r = open_reports(courier, stall, reason);
    if (r == 0)
        *ret = TAKE_PTR(courier);
    return r;
}

/* --- the broker's side --- */

/* The parameters that each call needs. The caller may add more. */
static struct json_object *parameters_of(const Courier *courier)
{
    struct json_object *parameters = json_object_new_object();

    json_add_text(parameters, "fleet", courier->config->name);
    return parameters;
}

static int offer(const Courier *courier, Client *broker, BytesView bundle, Reason *reason,
                 struct json_object **ret)
{
    struct json_object *parameters = parameters_of(courier);

    json_add_view(parameters, "bundle", bundle);
    return client_call(broker, "Offer", parameters, NULL, reason, ret);
}

/* The outcome that the member "outcome" of REPLY names. */
static int outcome_of(struct json_object *reply, Reason *reason)
{
    const char *why = varlink_text(reply, "reason");
    int rc = outcome_find(varlink_text(reply, "outcome"));

    if (rc < 0)
        return reason_set(reason, -EPROTO, "the broker's reply has no outcome");
    return rc == OUTCOME_OK ? 0 : reason_set(reason, rc, "%s", why ? why : "");
}

/* Says which file on the carrier the outcome R of the broker is about. */
static int name_bundle(const Courier *courier, int r, Reason *reason)
{
    Reason why = *reason;

    return r == OUTCOME_BAD_BUNDLE ? reason_set(reason, r, "%s%s%s", courier->bundle_name,
                                                why.text[0] ? ": " : "", why.text)
                                   : r;
}

/* Keeps the report in REPLY, if there is one, until it is carried back. */
static int take_report(Courier *courier, struct json_object *reply)
{
    const char *report = varlink_text(reply, "report");

    if (!report || !courier->reports)
        return 0;
    /* of what is refused again and again, the broker makes a report now and then */
    if (bytes_view_equal(text_view(report), bytes_view(&courier->carried)))
        return 0;
    bytes_done(&courier->report);
    return bytes_dup(text_view(report), &courier->report);
}

/* Asks the broker what services did with the set. */
static int ask(Courier *courier, Reason *reason)
{
    _cleanup_(client_freep) Client *broker = NULL;
    _cleanup_(json_object_putp) struct json_object *reply = NULL;
    int r = client_new_courier(courier->socket, reason, &broker);

    if (r == 0)
        r = client_call(broker, "Report", parameters_of(courier), NULL, reason, &reply);
    if (r == 0 && varlink_text(reply, "report"))
        courier->waits = false;
    return r == 0 ? take_report(courier, reply) : r;
}

/* A file that the carrier does not have is no missing credential. */
static int not_carried(int r)
{
    return r == OUTCOME_NOT_FOUND ? OUTCOME_NOT_CARRIED : r;
}

/* Brings the file with DIGEST from the carrier to the broker. */
static int bring(Courier *courier, Client *broker, const char *digest, Reason *reason)
{
    _cleanup_(json_object_putp) struct json_object *reply = NULL;
    _cleanup_(bytes_done) Bytes content = {0};
    struct json_object *parameters;
    char name[NAME_BYTES_MAX + DIGEST_TEXT_BYTES], actual[DIGEST_TEXT_BYTES];
    uint8_t digits[32];
    int r;

    if (!digest || !hex_parse(digest, digits, sizeof(digits)))
        return reason_set(reason, -EPROTO, "the broker asks for a file without a digest");
    snprintf(name, sizeof(name), "v1/%s/sha256/%s", courier->config->name, digest);
    r = courier->carrier->ops->get(courier->carrier, name, LIMIT_FILE_BYTES, NULL, reason,
                                   &content);
    if (r != 0)
        return not_carried(r);
    /* the broker checks this again; but it takes nothing that is not text */
    digest_format(bytes_view(&content), actual);
    if (strcmp(actual, digest) != 0)
        return reason_set(reason, OUTCOME_CARRIER_FAILED, "%s has another digest", name);
    parameters = parameters_of(courier);
    json_add_view(parameters, "data", bytes_view(&content));
    json_add_text(parameters, "sha256", digest);
    return client_call(broker, "Blob", parameters, NULL, reason, &reply);
}

/* Offers BUNDLE, and commits it when the broker has all files. */
static int deliver(Courier *courier, BytesView bundle, Reason *reason)
{
    _cleanup_(client_freep) Client *broker = NULL;
    _cleanup_(json_object_putp) struct json_object *offered = NULL, *committed = NULL;
    struct json_object *missing;
    int r = client_new_courier(courier->socket, reason, &broker);

    if (r == 0)
        r = offer(courier, broker, bundle, reason, &offered);
    if (r == 0)
        r = take_report(courier, offered);
    if (r == 0)
        r = name_bundle(courier, outcome_of(offered, reason), reason);
    if (r != 0)
        return r;
    missing = json_object_object_get(offered, "missing");
    for (size_t i = 0; r == 0 && i < json_length(missing); i++)
        r = bring(courier, broker, json_text(json_object_array_get_idx(missing, i)), reason);
    if (r == 0)
        r = client_call(broker, "Commit", parameters_of(courier), NULL, reason, &committed);
    if (r == 0)
        r = take_report(courier, committed);
    if (r == 0)
        r = outcome_of(committed, reason);
    courier->waits = r == 0 && courier->reports;
    courier->questions = QUESTIONS;
    if (r == 0)
        courier->sequence =
            (uint64_t)json_object_get_int64(json_object_object_get(offered, "sequence"));
    return r;
}

/* --- looks --- */

/* A bundle has printable ASCII alone. Other bytes would be no valid message for the broker, and it
 * closes the connection if there are too many values. */
static bool is_text(BytesView bundle)
{
    for (size_t i = 0; i < bundle.size; i++)
        if ((bundle.data[i] < ' ' && !strchr("\t\r\n", bundle.data[i])) || bundle.data[i] > '~' ||
            bundle.data[i] == '\0')
            return false;
    return true;
}

int courier_look(Courier *courier, Reason *reason)
{
    _cleanup_(bytes_done) Bytes bundle = {0};
    CarrierVersion seen = courier->offered;
    int r = not_carried(courier->carrier->ops->get(courier->carrier, courier->bundle_name,
                                                   LIMIT_BUNDLE_BYTES, &seen, reason, &bundle));

    if (r == 0 && !is_text(bytes_view(&bundle)))
        r = reason_set(reason, OUTCOME_BAD_BUNDLE, "%s is not text", courier->bundle_name);
    else if (r == 0 && !json_bounded(bytes_view(&bundle), BUNDLE_MARKS_MAX))
        r = reason_set(reason, OUTCOME_BAD_BUNDLE, "%s has more values than a bundle",
                       courier->bundle_name);
    if (r == 0 && bundle.size > 0)
        r = deliver(courier, bytes_view(&bundle), reason);
    else if (r == 0 && courier->waits) {
        courier->questions -= courier->questions > 0;
        (void)ask(courier, NULL);
    }
    /* what was refused, or is not complete, is offered again */
    courier->offered = r == 0 ? seen : (CarrierVersion){0};
    return r;
}

int courier_report(Courier *courier, Reason *reason)
{
    int r;

    if (courier->report.size == 0)
        return 0;
    r = courier->reports->ops->put(courier->reports, courier->report_name,
                                   bytes_view(&courier->report), false, reason);
    if (r == 0) {
        bytes_done(&courier->carried);
        courier->carried = TAKE(courier->report);
    }
    return r;
}

/* --- for ever --- */

void courier_print(const char *what, int r, const Reason *reason)
{
    const char *remedy = r > 0 ? outcome_remedy(r) : NULL,
               *sentence = r > 0 || !reason->text[0] ? outcome_sentence(r) : "";

    fprintf(stderr, "%s: %s%s%s%s%s\n", what, sentence, sentence[0] && reason->text[0] ? ": " : "",
            reason->text, remedy ? ". " : "", remedy ? remedy : "");
}

/* Says what is new: LAST is what was said before. */
static void say(const char *what, int r, const Reason *reason, int *last, Reason *last_reason)
{
    if (r == *last && strcmp(reason->text, last_reason->text) == 0)
        return;
    if (r != 0)
        courier_print(what, r, reason);
    else if (*last != 0)
        fprintf(stderr, SD_NOTICE "%s: it works again\n", what + strlen(SD_WARNING));
    *last = r;
    *last_reason = *reason;
}

/* USEC, less up to a part of it, so that a fleet's hosts do not look at the same time. */
static uint64_t jittered(uint64_t usec, unsigned part)
{
    uint32_t random = 0;

    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
        return usec;
    return usec - usec / part * (random >> 16) / 0x10000;
}

/* The pause after FAILURES looks in a row that ended with R: doubled each time. */
static uint64_t pause_after(const Courier *courier, int r, unsigned failures)
{
    uint64_t longest =
        r == OUTCOME_CARRIER_FAILED ? LIMIT_CARRIER_PAUSE_USEC : courier->config->carrier.interval;
    uint64_t pause = USEC_PER_SEC << (failures < 16 ? failures : 16);

    return jittered(pause < longest ? pause : longest, 2);
}

int courier_run(Courier *courier, Reason *ret_reason)
{
    const CarrierSettings *settings = &courier->config->carrier;
    Carrier *carrier = courier->carrier;
    uint64_t said = 0;
    int last = 0, last_report = 0;
    Reason last_reason = {0}, last_report_reason = {0};

    for (unsigned failures = 0;;) {
        Reason reason = {0}, report_reason = {0};
        int r = courier_look(courier, &reason);

        say(SD_WARNING "looking for a new set", r, &reason, &last, &last_reason);
        say(SD_WARNING "carrying the report", courier_report(courier, &report_reason),
            &report_reason, &last_report, &last_report_reason);
        if (r == 0 && courier->sequence != said) {
            said = courier->sequence;
            fprintf(stderr, SD_NOTICE "the host has statement %" PRIu64 " of %s\n", said,
                    courier->config->name);
        }
        if (r == OUTCOME_CARRIER_FAILED && (credential_file_changed(settings->key) ||
                                            credential_file_changed(settings->password_file)))
            return reason_set(ret_reason, r,
                              "the key or the password has changed since the courier started. The "
                              "service manager starts it again");
        failures = r == 0 ? 0 : failures + 1;
        /* at least a second, whatever a carrier says has changed */
        carrier_sleep(r == 0 ? USEC_PER_SEC : pause_after(courier, r, failures - 1));
        if (r == 0 && !(courier->waits && courier->questions > 0))
            carrier->ops->wait(carrier, courier->bundle_name,
                               jittered(courier->config->carrier.interval, 5));
    }
}
