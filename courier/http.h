/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Requests to a server that nobody has to trust, by libcurl, one after the other.
 *
 * Everything that a server decides is bounded: time, silence, headers, the answer's size, and
 * redirections, which only lead to other https URLs. There are no cookies, no compression, and no
 * other protocols. Proxies come from the environment, as for curl(1).
 *
 * libcurl needs a web server's password for each request, and keeps it. All memory that it frees is
 * wiped, and so are answers. OpenSSL only wipes what it sends: a token stays in the buffer in which
 * it was received.
 */

#include "fleet/carrier_settings.h"

/* An answer's ETag or Last-Modified: the header line with which the next request asks whether there
 * is anything else. "" for none. */
#define HTTP_VALIDATOR_BYTES ((size_t)256)

typedef struct Http Http;

/* Connections with the certificates and, if BASIC, the password of SETTINGS, which have to outlive
 * them. A server may be silent for STALL seconds. OUTCOME_CARRIER_FAILED; a negative errno. */
int http_new(const CarrierSettings *settings, bool basic, long stall, Reason *reason, Http **ret);
Http *http_free(Http *http);
DEFINE_CLEANUP(Http *, http_free);

typedef struct HttpRequest {
    const char *method; /* GET, PUT, POST */
    const char *url;
    BytesView body;
    const char *headers[3]; /* lines, the first NULL ends them */
    size_t limit;           /* of the answer, bytes */
    /* Not NULL for an answer that comes in lines, which this takes until it returns true. There
     * may be SECONDS between them. */
    bool (*each)(void *userdata, BytesView line);
    void *userdata;
    long seconds;
} HttpRequest;

typedef struct HttpAnswer {
    long status; /* of the last redirection */
    Bytes body;  /* unless .each took it */
    char validator[HTTP_VALIDATOR_BYTES];
} HttpAnswer;

void http_answer_done(HttpAnswer *answer); /* for _cleanup_ */

/* Sends REQUEST and gets an answer with any status. OUTCOME_CARRIER_FAILED if there is none, or it
 * is not complete, or exceeds a limit; -ENOMEM. */
int http_call(Http *http, const HttpRequest *request, Reason *reason, HttpAnswer *ret);

/* Sets REASON for an answer with a status that nobody expected. OUTCOME_NOT_FOUND for 404 and 410,
 * otherwise OUTCOME_CARRIER_FAILED. */
int http_refused(const char *url, const HttpAnswer *answer, Reason *reason);
