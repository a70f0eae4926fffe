/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "http.h"

#include "base/fsutil.h"
#include "credential_file.h"

#include <curl/curl.h>
#include <errno.h>
#include <malloc.h>
#include <string.h>
#include <strings.h>

struct Http {
    CURL *curl;
    long stall;
    const char *certificate; /* the client's, or NULL */
    char error[CURL_ERROR_SIZE];
};

Http *http_free(Http *http)
{
    if (http) {
        curl_easy_cleanup(http->curl);
        free(http);
    }
    return NULL;
}

void http_answer_done(HttpAnswer *answer)
{
    if (answer->body.data) /* a token may be in it */
        explicit_bzero(answer->body.data, answer->body.size);
    bytes_done(&answer->body);
    *answer = (HttpAnswer){0};
}

/* --- libcurl's memory, where passwords and tokens pass through --- */

static void wiping_free(void *block)
{
    if (block)
        explicit_bzero(block, malloc_usable_size(block));
    free(block);
}

static void *wiping_realloc(void *block, size_t size)
{
    size_t old = malloc_usable_size(block);
    void *larger = malloc(size);

    if (!larger)
        return NULL;
    if (block)
        memcpy(larger, block, old < size ? old : size);
    wiping_free(block);
    return larger;
}

/* --- connections --- */

static int set_files(CURL *curl, const CarrierSettings *settings, Reason *reason)
{
    _cleanup_(freep) char *key = NULL;
    int r = settings->key ? credential_file_path(settings->key, reason, &key) : 0;

    if (r != 0)
        return r;
    /* a file that is missing fails the first request, with its name */
    if (settings->ca)
        (void)curl_easy_setopt(curl, CURLOPT_CAINFO, settings->ca);
    if (settings->certificate) {
        (void)curl_easy_setopt(curl, CURLOPT_SSLCERT, settings->certificate);
        (void)curl_easy_setopt(curl, CURLOPT_SSLKEY, key);
    }
    return 0;
}

static int set_password(CURL *curl, const CarrierSettings *settings, Reason *reason)
{
    _cleanup_(secret_freep) Secret *password = NULL;
    int r = credential_file_password(settings->password_file, reason, &password);

    if (r != 0)
        return r;
    if (curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_USERNAME, settings->user) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_PASSWORD, secret_borrow(password)) != CURLE_OK)
        return -ENOMEM;
    return 0;
}

int http_new(const CarrierSettings *settings, bool basic, long stall, Reason *reason, Http **ret)
{
    _cleanup_(http_freep) Http *http = calloc(1, sizeof(*http));
    int r;

    if (!http || curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, wiping_free, wiping_realloc,
                                      strdup, calloc) != CURLE_OK)
        return -ENOMEM;
    http->stall = stall;
    http->certificate = settings->certificate;
    http->curl = curl_easy_init();
    if (!http->curl)
        return -ENOMEM;
    r = set_files(http->curl, settings, reason);
    if (r == 0 && basic && settings->user)
        r = set_password(http->curl, settings, reason);
    if (r != 0)
        return r;
    (void)curl_easy_setopt(http->curl, CURLOPT_ERRORBUFFER, http->error);
    (void)curl_easy_setopt(http->curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(http->curl, CURLOPT_USERAGENT, "nspawn-creds-courier/" NC_VERSION);
    /* HTTP/2 takes more memory, and does nothing for one request at a time */
    (void)curl_easy_setopt(http->curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(http->curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    (void)curl_easy_setopt(http->curl, CURLOPT_MAXREDIRS, LIMIT_CARRIER_REDIRECTS);
    (void)curl_easy_setopt(http->curl, CURLOPT_CONNECTTIMEOUT, stall);
    (void)curl_easy_setopt(http->curl, CURLOPT_LOW_SPEED_LIMIT, LIMIT_CARRIER_SPEED);
    /* otherwise a large body waits a second for an answer that many servers never send */
    (void)curl_easy_setopt(http->curl, CURLOPT_EXPECT_100_TIMEOUT_MS, 1L);
    /* these decide what a server can make us do */
    if (curl_easy_setopt(http->curl, CURLOPT_PROTOCOLS_STR, "https") != CURLE_OK ||
        curl_easy_setopt(http->curl, CURLOPT_REDIR_PROTOCOLS_STR, "https") != CURLE_OK)
        return reason_set(reason, OUTCOME_CARRIER_FAILED, "libcurl cannot do https");
    *ret = TAKE_PTR(http);
    return 0;
}

/* --- the answer --- */

typedef struct Receiver {
    const HttpRequest *request;
    HttpAnswer *answer;
    Writer body;
    size_t headers; /* bytes of header lines so far */
    size_t scanned; /* bytes of .body without a line feed */
    bool enough;    /* .each wants no more */
    bool too_large;
} Receiver;

/* Remembers LINE, "NAME: VALUE\r\n", as "CONDITION: VALUE". */
static void keep_validator(BytesView line, const char *name, const char *condition, char *ret)
{
    size_t prefix = strlen(name), length;

    if (line.size <= prefix || strncasecmp((const char *)line.data, name, prefix) != 0)
        return;
    for (length = line.size; length > prefix && line.data[length - 1] <= ' '; length--)
        ;
    if (strlen(condition) + (length - prefix) < HTTP_VALIDATOR_BYTES)
        snprintf(ret, HTTP_VALIDATOR_BYTES, "%s%.*s", condition, (int)(length - prefix),
                 (const char *)line.data + prefix);
}

static size_t on_header(char *data, size_t, size_t size, void *userdata)
{
    Receiver *receiver = userdata;
    BytesView line = {(const uint8_t *)data, size};
    char *validator = receiver->answer->validator;

    receiver->headers += size;
    if (receiver->headers > LIMIT_CARRIER_HEADERS) {
        receiver->too_large = true;
        return 0;
    }
    /* the next answer, after a redirection */
    if (size >= 5 && memcmp(data, "HTTP/", 5) == 0)
        validator[0] = '\0';
    if (strncmp(validator, "If-None-Match", strlen("If-None-Match")) != 0)
        keep_validator(line, "Last-Modified:", "If-Modified-Since:", validator);
    keep_validator(line, "ETag:", "If-None-Match:", validator);
    return size;
}

/* Takes the complete lines from the body. */
static void take_lines(Receiver *receiver)
{
    Bytes *bytes = &receiver->body.bytes;
    const uint8_t *end;

    while (!receiver->enough &&
           (end = memchr(bytes->data + receiver->scanned, '\n', bytes->size - receiver->scanned))) {
        size_t length = (size_t)(end - bytes->data);

        receiver->enough =
            receiver->request->each(receiver->request->userdata, (BytesView){bytes->data, length});
        bytes->size -= length + 1;
        memmove(bytes->data, end + 1, bytes->size);
        receiver->scanned = 0;
    }
    receiver->scanned = bytes->size;
}

static size_t on_body(char *data, size_t, size_t size, void *userdata)
{
    Receiver *receiver = userdata;

    if (size > receiver->request->limit - receiver->body.bytes.size) {
        receiver->too_large = true;
        return 0;
    }
    writer_bytes(&receiver->body, (BytesView){(const uint8_t *)data, size});
    if (receiver->body.failed)
        return 0;
    if (receiver->request->each)
        take_lines(receiver);
    return receiver->enough ? 0 : size;
}

/* --- the request --- */

static bool add_header(struct curl_slist **headers, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*headers, line);

    if (longer)
        *headers = longer;
    return longer != NULL;
}

static void headers_freep(struct curl_slist **headers)
{
    curl_slist_free_all(*headers);
}

static void set_request(Http *http, const HttpRequest *request, Receiver *receiver,
                        struct curl_slist *headers)
{
    bool gets = strcmp(request->method, "GET") == 0;
    CURL *curl = http->curl;

    (void)curl_easy_setopt(curl, CURLOPT_URL, request->url);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, gets ? NULL : request->method);
    if (!gets) {
        (void)curl_easy_setopt(curl, CURLOPT_POST, 1L);
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body.data);
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.size);
    }
    (void)curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, gets ? 1L : 0L);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, receiver);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, receiver);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT,
                           request->each ? request->seconds : LIMIT_CARRIER_SECONDS);
    (void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME,
                           request->each ? request->seconds : http->stall);
}

/* Removes libcurl's " after 8 ms" and " after 30001 milliseconds", so that a failure that repeats
 * is the same one, and is said once. */
static void forget_time(char *text)
{
    for (char *c = text; (c = strstr(c, " after ")); c++) {
        char *end = c + strlen(" after "), *unit = end + strspn(end, "0123456789");
        size_t length = strncmp(unit, " milliseconds", 13) == 0 ? 13
                        : strncmp(unit, " ms", 3) == 0          ? 3
                                                                : 0;

        if (unit > end && length > 0)
            memmove(c, unit + length, strlen(unit + length) + 1);
    }
}

/* Whether the server has ended the connection because of the client's certificate, or because there
 * is none. libcurl only has the text of OpenSSL. */
static bool is_stranger(const char *error)
{
    const char *alert = strstr(error, " alert ");

    return alert && (strstr(alert, "certificate") || strstr(alert, "unknown ca"));
}

static int failed(Http *http, const HttpRequest *request, const Receiver *receiver, CURLcode code,
                  Reason *reason)
{
    if (receiver->body.failed || code == CURLE_OUT_OF_MEMORY)
        return -ENOMEM;
    if (receiver->too_large)
        return reason_set(reason, OUTCOME_CARRIER_FAILED, "%.150s: the answer is too large",
                          request->url);
    forget_time(http->error);
    if (is_stranger(http->error) && http->certificate)
        return reason_set(reason, OUTCOME_CARRIER_FAILED,
                          "%.110s: the server refuses the client's certificate. When it expires: "
                          "openssl x509 -noout -enddate -in %.100s",
                          request->url, http->certificate);
    if (is_stranger(http->error))
        return reason_set(reason, OUTCOME_CARRIER_FAILED,
                          "%.150s: the server wants a client's certificate, and the carrier has no "
                          "\"certificate\" and \"key\"",
                          request->url);
    return reason_set(reason, OUTCOME_CARRIER_FAILED, "%.150s: %.150s", request->url,
                      http->error[0] ? http->error : curl_easy_strerror(code));
}

int http_call(Http *http, const HttpRequest *request, Reason *reason, HttpAnswer *ret)
{
    _cleanup_(headers_freep) struct curl_slist *headers = NULL;
    _cleanup_(http_answer_done) HttpAnswer answer = {0};
    Receiver receiver = {.request = request, .answer = &answer, .body.wipes = true};
    CURLcode code;
    int r = 0;

    for (size_t i = 0; i < sizeof(request->headers) / sizeof(request->headers[0]); i++)
        if (request->headers[i] && !add_header(&headers, request->headers[i]))
            return -ENOMEM;
    set_request(http, request, &receiver, headers);
    http->error[0] = '\0';
    code = curl_easy_perform(http->curl);
    (void)curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &answer.status);
    /* the headers are freed, and nothing must refer to the password in a body */
    (void)curl_easy_setopt(http->curl, CURLOPT_HTTPHEADER, NULL);
    (void)curl_easy_setopt(http->curl, CURLOPT_POSTFIELDS, NULL);
    if (code != CURLE_OK && !receiver.enough &&
        !(request->each && code == CURLE_OPERATION_TIMEDOUT && answer.status != 0))
        r = failed(http, request, &receiver, code, reason);
    else if (receiver.body.failed)
        r = -ENOMEM;
    if (r == 0)
        r = writer_take(&receiver.body, &answer.body);
    else
        writer_done(&receiver.body);
    if (r == 0)
        *ret = TAKE(answer);
    return r;
}

int http_refused(const char *url, const HttpAnswer *answer, Reason *reason)
{
    bool missing = answer->status == 404 || answer->status == 410;

    return reason_set(reason, missing ? OUTCOME_NOT_FOUND : OUTCOME_CARRIER_FAILED,
                      "%.200s: the server answers with status %ld", url, answer->status);
}
