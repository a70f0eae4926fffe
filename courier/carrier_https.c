/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Static files of a web server as a carrier: nginx, an object store, a CDN or raw files of a git
 * server. What has changed is found by conditional requests.
 */

#include "carrier.h"
#include "http.h"

#include <errno.h>
#include <stdio.h>

typedef struct HttpsCarrier {
    Carrier carrier;
    const char *location;
    Http *http;
} HttpsCarrier;

static void https_close(Carrier *carrier)
{
    http_free(((HttpsCarrier *)carrier)->http);
    free(carrier);
}

static int https_open(const CarrierSettings *settings, long stall, Reason *reason, Carrier **ret)
{
    _cleanup_(freep) HttpsCarrier *https = calloc(1, sizeof(*https));
    int r = https ? http_new(settings, true, stall, reason, &https->http) : -ENOMEM;

    if (r != 0)
        return r;
    https->location = settings->location;
    *ret = &TAKE_PTR(https)->carrier;
    return 0;
}

static int https_get(Carrier *carrier, const char *path, size_t limit, CarrierVersion *version,
                     Reason *reason, Bytes *ret)
{
    HttpsCarrier *https = (HttpsCarrier *)carrier;
    _cleanup_(freep) char *url = NULL;
    _cleanup_(http_answer_done) HttpAnswer answer = {0};
    HttpRequest request = {.method = "GET", .limit = limit};
    bool conditional = version && version->text[0];
    int r;

    if (asprintf(&url, "%s%s", https->location, path) < 0)
        return -ENOMEM;
    request.url = url;
    if (conditional)
        request.headers[0] = version->text;
    r = http_call(https->http, &request, reason, &answer);
    if (r != 0 || (conditional && answer.status == 304))
        return r;
    if (answer.status != 200)
        return http_refused(url, &answer, reason);
    if (answer.body.size == 0)
        return reason_set(reason, OUTCOME_NOT_FOUND, "%.200s is empty", url);
    if (version)
        snprintf(version->text, sizeof(version->text), "%s", answer.validator);
    *ret = TAKE(answer.body);
    return 0;
}

static int https_put(Carrier *carrier, const char *path, BytesView content, bool keep,
                     Reason *reason)
{
    HttpsCarrier *https = (HttpsCarrier *)carrier;
    _cleanup_(freep) char *url = NULL;
    _cleanup_(http_answer_done) HttpAnswer answer = {0};
    HttpRequest request = {
        .method = "PUT",
        .body = content,
        .headers = {"Content-Type: application/octet-stream", keep ? "If-None-Match: *" : NULL},
        .limit = LIMIT_CARRIER_HEADERS,
    };
    int r;

    if (asprintf(&url, "%s%s", https->location, path) < 0)
        return -ENOMEM;
    request.url = url;
    r = http_call(https->http, &request, reason, &answer);
    /* 412: it is there already */
    if (r == 0 && (answer.status < 200 || answer.status > 299) && !(keep && answer.status == 412))
        r = http_refused(url, &answer, reason);
    return r > 0 ? OUTCOME_CARRIER_FAILED : r;
}

static void https_wait(Carrier *, const char *, uint64_t usec)
{
    carrier_sleep(usec);
}

const CarrierKindOps carrier_https = {
    .open = https_open,
    .get = https_get,
    .put = https_put,
    .wait = https_wait,
    .close = https_close,
};
