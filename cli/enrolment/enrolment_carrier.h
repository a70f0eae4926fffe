/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The messages of enrolments on a fleet's carrier: v1/FLEET/enrol/HOST/request, challenge and
 * answer. The courier carries them; nobody trusts what is there.
 */

#include "base/bytes.h"
#include "base/outcome.h"

struct json_object;

typedef enum EnrolmentMessage {
    ENROLMENT_REQUEST, /* the identity of the host, with endorsement keys */
    ENROLMENT_CHALLENGE,
    ENROLMENT_ANSWER,
    _ENROLMENT_MESSAGES,
} EnrolmentMessage;

/* The messages of one host. */
typedef struct EnrolmentFiles {
    Bytes files[_ENROLMENT_MESSAGES]; /* empty if there is none of valid size */
    bool no_request;                  /* there is one, or may be, and it cannot be got */
} EnrolmentFiles;

void enrolment_files_done(EnrolmentFiles *files); /* for _cleanup_ */

typedef struct EnrolmentCarrier {
    struct json_object *settings;
    const char *fleet;
    const char *user; /* as whom root's courier reaches the carrier; NULL: as this user */
} EnrolmentCarrier;

/* Gets the messages of COUNT HOSTS. Returns what carrier_run() returns. */
int enrolment_carrier_get(const EnrolmentCarrier *carrier, const char *const *hosts, size_t count,
                          Reason *reason, EnrolmentFiles *ret);

/* Puts OBJECT, which is taken, as a MESSAGE of HOST. REASON says what to do if that cannot be. */
int enrolment_carrier_put(const EnrolmentCarrier *carrier, const char *host,
                          EnrolmentMessage message, struct json_object *object, Reason *reason);

/* Removes all messages of HOST, as far as the carrier lets it: RET_LEFT says if there are more. */
int enrolment_carrier_clear(const EnrolmentCarrier *carrier, const char *host, Reason *reason,
                            bool *ret_left);
