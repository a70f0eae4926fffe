/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "enrolment/enrolment_carrier.h"

#include "base/base64.h"
#include "base/json.h"
#include "carrier_run.h"
#include "credential/identity.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The courier prints so much for a host at most: the files in base64, and their names. */
#define OUTPUT_BYTES ((LIMIT_IDENTITY_BYTES + 2 * LIMIT_ENROLMENT_BYTES) / 3 * 4 + 1024)
/* So many hosts' messages are got with one call, so that a carrier that floods takes little memory.
 */
#define TOGETHER     ((size_t)50)

static const char *const names[] = {"request", "challenge", "answer"};

void enrolment_files_done(EnrolmentFiles *files)
{
    for (size_t i = 0; i < _ENROLMENT_MESSAGES; i++)
        bytes_done(&files->files[i]);
    *files = (EnrolmentFiles){0};
}

static void add_name(Writer *lines, const EnrolmentCarrier *carrier, const char *host,
                     size_t message)
{
    writer_text(lines, "v1/");
    writer_text(lines, carrier->fleet);
    writer_text(lines, "/enrol/");
    writer_text(lines, host);
    writer_text(lines, "/");
    writer_text(lines, names[message]);
}

static int run(const EnrolmentCarrier *carrier, Writer *lines, size_t limit, Reason *reason,
               char **ret)
{
    char option[80];

    snprintf(option, sizeof(option), "--user=%s", carrier->user ? carrier->user : "");
    return carrier_run(carrier->settings, "enrol", carrier->user ? option : NULL, lines, limit,
                       reason, ret);
}

/* Takes the next line of OUTPUT, which has to be about MESSAGE of HOST. */
static int take_line(const EnrolmentCarrier *carrier, const char *host, size_t message,
                     char **output, Reason *reason, EnrolmentFiles *ret)
{
    _cleanup_(writer_done) Writer name = {0};
    const char *line = strsep(output, "\n");
    size_t length;
    int r;

    add_name(&name, carrier, host, message);
    writer_bytes(&name, (BytesView){(const uint8_t *)"\t", 2});
    if (name.failed)
        return -ENOMEM;
    length = name.bytes.size - 1;
    if (!line || strncmp(line, (const char *)name.bytes.data, length) != 0)
        return reason_set(reason, -EPROTO, "the courier's output");
    if (strcmp(line + length, "!") == 0) {
        ret->no_request |= message == ENROLMENT_REQUEST;
        return 0;
    }
    r = base64_decode(text_view(line + length), &ret->files[message]);
    return r > 0 ? reason_set(reason, -EPROTO, "the courier's output") : r;
}

static int get_part(const EnrolmentCarrier *carrier, const char *const *hosts, size_t count,
                    Reason *reason, EnrolmentFiles *ret)
{
    _cleanup_(writer_done) Writer lines = {0};
    _cleanup_(freep) char *output = NULL;
    char *rest;
    int r;

    for (size_t i = 0; i < count * _ENROLMENT_MESSAGES; i++) {
        add_name(&lines, carrier, hosts[i / _ENROLMENT_MESSAGES], i % _ENROLMENT_MESSAGES);
        writer_text(&lines, "\n");
    }
    r = run(carrier, &lines, count * OUTPUT_BYTES, reason, &output);
    rest = output;
    for (size_t i = 0; r == 0 && i < count * _ENROLMENT_MESSAGES; i++)
        r = take_line(carrier, hosts[i / _ENROLMENT_MESSAGES], i % _ENROLMENT_MESSAGES, &rest,
                      reason, &ret[i / _ENROLMENT_MESSAGES]);
    return r;
}

int enrolment_carrier_get(const EnrolmentCarrier *carrier, const char *const *hosts, size_t count,
                          Reason *reason, EnrolmentFiles *ret)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < count; i += TOGETHER)
        r = get_part(carrier, hosts + i, count - i < TOGETHER ? count - i : TOGETHER, reason,
                     ret + i);
    return r;
}

/* If nobody may write to the carrier, REASON also names the way without it. */
static void explain_not_put(const EnrolmentCarrier *carrier, const char *host,
                            EnrolmentMessage message, Reason *reason)
{
    Reason why = *reason;

    if (message == ENROLMENT_CHALLENGE)
        reason_set(reason, 0,
                   "the challenge to %s is not on the carrier: %.110s. If you may only read there, "
                   "enrol %s by files, see nspawn-creds(1), ENROLMENT. It begins on the host: "
                   "nspawn-creds host export --prove",
                   host, why.text, host);
    else
        reason_set(
            reason, 0,
            "the %s of %s is not on the carrier of %s: %.110s. If hosts may only read there, "
            "enrol it by files, see nspawn-creds(1), ENROLMENT. It begins with "
            "nspawn-creds host export --prove",
            names[message], host, carrier->fleet, why.text);
}

int enrolment_carrier_put(const EnrolmentCarrier *carrier, const char *host,
                          EnrolmentMessage message, struct json_object *object, Reason *reason)
{
    _cleanup_(json_object_putp) struct json_object *taken = object;
    _cleanup_(writer_done) Writer line = {0};
    _cleanup_(bytes_done) Bytes text = {0}, encoded = {0};
    _cleanup_(freep) char *output = NULL;
    int r = taken ? json_print(taken, &text) : -ENOMEM;

    if (r == 0)
        r = base64_encode(bytes_view(&text), 0, &encoded);
    if (r != 0)
        return r;
    add_name(&line, carrier, host, message);
    writer_text(&line, "\t");
    writer_bytes(&line, bytes_view(&encoded));
    writer_text(&line, "\n");
    r = run(carrier, &line, OUTPUT_BYTES, reason, &output);
    if (r == OUTCOME_CARRIER_FAILED) { /* nothing about this host alone */
        explain_not_put(carrier, host, message, reason);
        return -ECANCELED;
    }
    return r;
}

int enrolment_carrier_clear(const EnrolmentCarrier *carrier, const char *host, Reason *reason,
                            bool *ret_left)
{
    _cleanup_(writer_done) Writer lines = {0};
    _cleanup_(freep) char *output = NULL;
    int r;

    for (size_t i = 0; i < _ENROLMENT_MESSAGES; i++) {
        add_name(&lines, carrier, host, i);
        writer_text(&lines, "\t\n");
    }
    r = run(carrier, &lines, OUTPUT_BYTES, reason, &output);
    if (r == 0)
        *ret_left = output[0];
    return r;
}
