/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An etcd as a carrier, by its JSON gateway.
 *
 * The path of a file is its key. A look is a range request, and a watch begins at the revision of
 * the last look, never at a remembered one: after a restored backup an etcd would wait for a
 * revision of its future. A watch only says that it is time for another look.
 *
 * The endpoints are servers of one etcd. If one fails, the next one is asked.
 */

#include "carrier.h"
#include "credential_file.h"
#include "etcd_answer.h"
#include "etcd_login.h"
#include "http.h"

#include <errno.h>
#include <stdio.h>

/* Around a file in base64. */
#define ANSWER_BYTES   ((size_t)16 * 1024)
/* Files that are got with one request, and for each what is around it. */
#define PAGE           ((size_t)256)
#define AROUND_BYTES   ((size_t)1024)
/* Files that are put with one, each of which makes etcd wait for its disk, and their bytes: an etcd
 * takes 128 operations and 1.5 MiB unless it is configured otherwise. */
#define TOGETHER       ((size_t)64)
#define TOGETHER_BYTES ((size_t)512 * 1024)

typedef struct EtcdCarrier {
    Carrier carrier;
    const CarrierSettings *settings;
    Http *http;
    size_t endpoint;               /* the one that answered last */
    Secret *token;                 /* "Authorization: …" and a NUL, or NULL */
    uint64_t revision;             /* of the last look */
    struct json_object *collected; /* operations that put files; or NULL */
    size_t collected_bytes;
} EtcdCarrier;

static EtcdCarrier *etcd_free(EtcdCarrier *etcd)
{
    if (etcd) {
        http_free(etcd->http);
        json_object_put(etcd->collected);
        secret_free(etcd->token);
        free(etcd);
    }
    return NULL;
}
DEFINE_CLEANUP(EtcdCarrier *, etcd_free);

static void etcd_close(Carrier *carrier)
{
    etcd_free((EtcdCarrier *)carrier);
}

static int etcd_open(const CarrierSettings *settings, long stall, Reason *reason, Carrier **ret)
{
    _cleanup_(etcd_freep) EtcdCarrier *etcd = calloc(1, sizeof(*etcd));
    int r = etcd ? http_new(settings, false, stall, reason, &etcd->http) : -ENOMEM;

    if (r != 0)
        return r;
    etcd->settings = settings;
    *ret = &TAKE_PTR(etcd)->carrier;
    return 0;
}

/* --- calls --- */

/* Calls METHOD of the current endpoint, with any status. */
static int call_endpoint(EtcdCarrier *etcd, const char *method, HttpRequest *request,
                         Reason *reason, HttpAnswer *ret)
{
    const char *endpoint = etcd->settings->endpoints[etcd->endpoint];
    _cleanup_(freep) char *url = NULL;

    if (asprintf(&url, "%s%s%s", endpoint, endpoint[strlen(endpoint) - 1] == '/' ? "" : "/",
                 method) < 0)
        return -ENOMEM;
    request->method = "POST";
    request->url = url;
    request->headers[0] = "Content-Type: application/json";
    return http_call(etcd->http, request, reason, ret);
}

static int refused(const EtcdCarrier *etcd, const HttpAnswer *answer, Reason *reason)
{
    return etcd_refusal(etcd->settings->endpoints[etcd->endpoint], etcd->settings->user,
                        answer->status, bytes_view(&answer->body), reason);
}

/* Gets a token for the user, from the current endpoint. */
static int authenticate(EtcdCarrier *etcd, Reason *reason)
{
    _cleanup_(secret_freep) Secret *password = NULL, *body = NULL;
    _cleanup_(http_answer_done) HttpAnswer answer = {0};
    HttpRequest request = {.limit = ANSWER_BYTES};
    int r = credential_file_password(etcd->settings->password_file, reason, &password);

    if (r == 0)
        r = etcd_login_body(etcd->settings->user, text_view((char *)secret_borrow(password)),
                            reason, &body);
    if (r != 0)
        return r;
    request.body = secret_view(body);
    r = call_endpoint(etcd, "v3/auth/authenticate", &request, reason, &answer);
    if (r == 0 && answer.status != 200)
        r = refused(etcd, &answer, reason);
    if (r == 0)
        r = etcd_token_parse(bytes_view(&answer.body), reason, &etcd->token);
    return r;
}

/* Calls METHOD of the current endpoint, with a token if there is a user, and a new one if etcd does
 * not know it any more. OUTCOME_CARRIER_FAILED also for another status than 200. */
static int call_as_user(EtcdCarrier *etcd, const char *method, HttpRequest *request, Reason *reason,
                        HttpAnswer *ret)
{
    for (bool renewed = false;; renewed = true) {
        _cleanup_(http_answer_done) HttpAnswer answer = {0};
        int r = etcd->settings->user && !etcd->token ? authenticate(etcd, reason) : 0;

        if (r != 0)
            return r;
        request->headers[1] = etcd->token ? (char *)secret_borrow(etcd->token) : NULL;
        r = call_endpoint(etcd, method, request, reason, &answer);
        if (r != 0)
            return r;
        if (answer.status == 200) {
            *ret = TAKE(answer);
            return 0;
        }
        if (answer.status != 401 || !etcd->token || renewed)
            return refused(etcd, &answer, reason);
        etcd->token = secret_free(etcd->token);
    }
}

/* The same with the next endpoints, until one answers with 200. BODY may be NULL for want of
 * memory. */
static int call(EtcdCarrier *etcd, const char *method, struct json_object *body, size_t limit,
                Reason *reason, HttpAnswer *ret)
{
    _cleanup_(bytes_done) Bytes text = {0};
    HttpRequest request = {.limit = limit};
    int r = json_print(body, &text);

    if (r != 0)
        return r;
    request.body = bytes_view(&text);
    for (size_t tried = 0; tried < etcd->settings->endpoint_count; tried++) {
        r = call_as_user(etcd, method, &request, reason, ret);
        if (r != OUTCOME_CARRIER_FAILED)
            return r;
        etcd->endpoint = (etcd->endpoint + 1) % etcd->settings->endpoint_count;
    }
    return r;
}

/* --- requests --- */

/* {"key": PATH} */
static struct json_object *request_for(const char *path)
{
    struct json_object *object = json_object_new_object();

    json_add_base64(object, "key", text_view(path));
    return object;
}

static int etcd_get(Carrier *carrier, const char *path, size_t limit, CarrierVersion *version,
                    Reason *reason, Bytes *ret)
{
    EtcdCarrier *etcd = (EtcdCarrier *)carrier;
    _cleanup_(json_object_putp) struct json_object *request = request_for(path);
    _cleanup_(http_answer_done) HttpAnswer answer = {0};
    EtcdFile file = {0};
    char text[32];
    int r = call(etcd, "v3/kv/range", request, limit / 3 * 4 + ANSWER_BYTES, reason, &answer);

    if (r == 0)
        r = etcd_file_parse(bytes_view(&answer.body), reason, &file);
    if (r != 0)
        return r;
    etcd->revision = file.revision;
    snprintf(text, sizeof(text), "%llu", (unsigned long long)file.version);
    if (file.content.size == 0 || (version && strcmp(version->text, text) == 0)) {
        bool missing = file.content.size == 0;

        bytes_done(&file.content);
        return missing ? reason_set(reason, OUTCOME_NOT_FOUND, "etcd has no %s", path) : 0;
    }
    if (version)
        strcpy(version->text, text);
    *ret = file.content;
    return 0;
}

/* {"key": FOLDER or, after AFTER, the next one, "range_end": the first key behind FOLDER} */
static struct json_object *request_for_page(const char *folder, const char *after)
{
    struct json_object *object = after ? json_object_new_object() : request_for(folder);
    _cleanup_(freep) char *end = strdup(folder);

    /* a key and a zero byte is the least one behind it */
    if (after)
        json_add_base64(object, "key", (BytesView){(const uint8_t *)after, strlen(after) + 1});
    if (end)
        end[strlen(end) - 1]++;
    json_add_base64(object, "range_end", text_view(end ? end : folder));
    json_add_number(object, "limit", PAGE);
    return object;
}

static int etcd_get_all(Carrier *carrier, const char *folder, size_t limit, CarrierEach *each,
                        void *userdata, Reason *reason)
{
    EtcdCarrier *etcd = (EtcdCarrier *)carrier;
    _cleanup_(freep) char *after = NULL;
    int r;

    do {
        _cleanup_(json_object_putp) struct json_object *request = request_for_page(folder, after);
        _cleanup_(http_answer_done) HttpAnswer answer = {0};
        char *next = NULL;

        r = call(etcd, "v3/kv/range", request, PAGE * (limit / 3 * 4 + AROUND_BYTES) + ANSWER_BYTES,
                 reason, &answer);
        if (r == 0)
            r = etcd_files_parse(bytes_view(&answer.body), PAGE, each, userdata, reason, &next);
        if (r == 0 && next && after && strcmp(next, after) <= 0)
            r = reason_set(reason, OUTCOME_CARRIER_FAILED, "etcd's answer begins again");
        free(after);
        after = next;
    } while (r == 0 && after);
    return r;
}

/* {"success": OPERATIONS} */
static struct json_object *transaction_of(struct json_object *operations)
{
    struct json_object *transaction = json_object_new_object();

    json_add(transaction, "success", operations);
    return transaction;
}

/* [{KIND: REQUEST}] */
static struct json_object *add_operation(struct json_object *operations, const char *kind,
                                         struct json_object *request)
{
    struct json_object *operation = json_object_new_object();

    json_add(operation, kind, request);
    json_append(operations, operation);
    return operations;
}

/* Adds to OPERATIONS that PUT is done if there is no file PATH. */
static void add_unless_there(struct json_object *operations, const char *path,
                             struct json_object *put)
{
    struct json_object *compare = request_for(path), *compares = json_object_new_array();
    struct json_object *transaction =
        transaction_of(add_operation(json_object_new_array(), "request_put", put));

    /* without a createRevision, which is therefore 0 */
    json_add_text(compare, "target", "CREATE");
    json_append(compares, compare);
    json_add(transaction, "compare", compares);
    add_operation(operations, "request_txn", transaction);
}

static int etcd_flush(Carrier *carrier, Reason *reason)
{
    EtcdCarrier *etcd = (EtcdCarrier *)carrier;
    _cleanup_(json_object_putp) struct json_object *request = NULL;
    _cleanup_(http_answer_done) HttpAnswer answer = {0};
    size_t count = json_length(etcd->collected);
    int r;

    if (!etcd->collected)
        return 0;
    request = transaction_of(TAKE_PTR(etcd->collected));
    etcd->collected_bytes = 0;
    r = call(etcd, "v3/kv/txn", request, ANSWER_BYTES + count * AROUND_BYTES, reason, &answer);
    return r == 0 ? etcd_done_parse(bytes_view(&answer.body), count, reason) : r;
}

static int etcd_put(Carrier *carrier, const char *path, BytesView content, bool keep,
                    Reason *reason)
{
    EtcdCarrier *etcd = (EtcdCarrier *)carrier;
    struct json_object *put = request_for(path);
    int r = etcd->collected_bytes + content.size > TOGETHER_BYTES ? etcd_flush(carrier, reason) : 0;

    json_add_base64(put, "value", content);
    if (!etcd->collected)
        etcd->collected = json_object_new_array();
    if (!etcd->collected)
        r = -ENOMEM;
    if (keep)
        add_unless_there(etcd->collected, path, put);
    else
        add_operation(etcd->collected, "request_put", put);
    etcd->collected_bytes += content.size;
    if (r == 0 && (!carrier->collects || json_length(etcd->collected) >= TOGETHER))
        r = etcd_flush(carrier, reason);
    return r;
}

static int etcd_remove(Carrier *carrier, const char *path, Reason *reason)
{
    _cleanup_(json_object_putp) struct json_object *request = request_for(path);
    _cleanup_(http_answer_done) HttpAnswer answer = {0};
    int r =
        call((EtcdCarrier *)carrier, "v3/kv/deleterange", request, ANSWER_BYTES, reason, &answer);

    return r == 0 ? etcd_removed_parse(bytes_view(&answer.body), reason) : r;
}

/* --- watching --- */

static bool on_line(void *userdata, BytesView line)
{
    const EtcdCarrier *etcd = userdata;

    return etcd_watch_news(line, etcd->revision);
}

static void etcd_wait(Carrier *carrier, const char *path, uint64_t usec)
{
    EtcdCarrier *etcd = (EtcdCarrier *)carrier;
    _cleanup_(json_object_putp) struct json_object *object = json_object_new_object();
    struct json_object *create = request_for(path);
    _cleanup_(bytes_done) Bytes body = {0};
    _cleanup_(http_answer_done) HttpAnswer answer = {0};
    HttpRequest request = {
        /* lines contain the file */
        .limit = LIMIT_BUNDLE_BYTES / 3 * 4 + ANSWER_BYTES,
        .each = on_line,
        .userdata = etcd,
        .seconds = (long)(usec / 1000000) + 1,
    };
    char start[32];

    snprintf(start, sizeof(start), "%llu", (unsigned long long)etcd->revision + 1);
    json_add_text(create, "start_revision", start);
    json_add(object, "create_request", create);
    if (json_print(object, &body) != 0)
        return;
    request.body = bytes_view(&body);
    /* however it ends, another look follows */
    (void)call_as_user(etcd, "v3/watch", &request, NULL, &answer);
}

const CarrierKindOps carrier_etcd = {
    .open = etcd_open,
    .get = etcd_get,
    .get_all = etcd_get_all,
    .put = etcd_put,
    .remove = etcd_remove,
    .flush = etcd_flush,
    .wait = etcd_wait,
    .close = etcd_close,
};
