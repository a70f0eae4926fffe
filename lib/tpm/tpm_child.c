/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A TPM in a process of its own. See tpm_child.h.
 *
 * The socket keeps messages apart: a header, room for a key, and a body, which is the result or
 * a text for an observer. The parent checks the lengths and the outcome that the child
 * names; other numbers it uses as it would use the TPM's.
 */

#include "tpm/tpm_child.h"

#include "base/child.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>

/* A result: a public key and a pinned storage key of LIMIT_FIELD_BYTES each at most, or endorsement
 * keys, each with a certificate of TPM_CERTIFICATE_BYTES_MAX; and the rest. */
#define BODY_BYTES ((size_t)64 * 1024)

typedef enum MessageType { MESSAGE_RESULT, MESSAGE_NOTE, MESSAGE_BEGIN, MESSAGE_END } MessageType;

typedef struct Header {
    MessageType type;
    int rc; /* MESSAGE_RESULT; what follows only counts with 0 */
    Reason reason;
} Header;

void tpm_result_done(TpmResult *result)
{
    secret_free(result->key);
    tpm_sealed_done(&result->sealed);
    tpm_export_done(&result->export);
    for (size_t i = 0; i < _TPM_ENDORSEMENT_MAX; i++)
        tpm_endorsement_done(&result->endorsements[i]);
    *result = (TpmResult){0};
}

void tpm_wait_begin(const Observer *observer, const char *act, const char *subject)
{
    char what[256];

    snprintf(what, sizeof(what), "the TPM to %s%s%s", act, subject ? " for " : "",
             subject ? subject : "");
    observer_wait_begin(observer, what);
}

/* --- a result as bytes --- */

/* Between two processes of the same program a struct can be sent as it is. Its pointers mean
 * nothing to the parent: the bytes behind them follow. */
#define FIELD_COUNT (6U + 2U * _TPM_ENDORSEMENT_MAX)

static void fields_of(TpmResult *result, Bytes *ret[FIELD_COUNT])
{
    *ret++ = &result->sealed.blob;
    *ret++ = &result->sealed.policy_hash;
    *ret++ = &result->sealed.srk;
    *ret++ = &result->sealed.public_key;
    *ret++ = &result->export.srk;
    *ret++ = &result->export.legacy;
    for (size_t i = 0; i < _TPM_ENDORSEMENT_MAX; i++) {
        *ret++ = &result->endorsements[i].area;
        *ret++ = &result->endorsements[i].certificate;
    }
}

static int encode(TpmResult *result, Bytes *ret)
{
    _cleanup_(writer_done) Writer writer = {0};
    Bytes *fields[FIELD_COUNT];

    fields_of(result, fields);
    writer_bytes(&writer, (BytesView){(const uint8_t *)result, sizeof(*result)});
    for (size_t i = 0; i < FIELD_COUNT; i++)
        writer_bytes(&writer, bytes_view(fields[i]));
    return writer_take(&writer, ret);
}

static int no_sense(Reason *reason)
{
    return reason_set(reason, OUTCOME_TPM_FAILED,
                      "the process that spoke with the TPM gave no valid answer");
}

/* Takes KEY if the child had one. */
static int decode(BytesView body, Secret **key, Reason *reason, TpmResult *ret)
{
    _cleanup_(tpm_result_done) TpmResult result = {0};
    TpmResult sent = {0};
    Bytes *from[FIELD_COUNT], *to[FIELD_COUNT];
    Reader reader = reader_new(body);
    BytesView plain = reader_take(&reader, sizeof(sent));
    int r = 0;

    fields_of(&sent, from);
    fields_of(&result, to);
    if (plain.data)
        memcpy(&sent, plain.data, sizeof(sent));
    result = sent;
    result.key = sent.key ? TAKE_PTR(*key) : NULL;
    for (size_t i = 0; i < FIELD_COUNT; i++)
        *to[i] = (Bytes){0};
    for (size_t i = 0; r == 0 && i < FIELD_COUNT; i++)
        r = bytes_dup(reader_take(&reader, from[i]->size), to[i]);
    if (r == 0 && (reader.failed || reader.rest.size > 0))
        r = no_sense(reason);
    if (r == 0)
        *ret = TAKE(result);
    return r;
}

/* --- the child --- */

/* A parent that has given up is not told why. */
static void send_message(const Header *header, Secret *key, BytesView body)
{
    static uint8_t no_key[TPM_KEY_BYTES];
    struct iovec pieces[] = {{(void *)header, sizeof(*header)},
                             {key ? secret_borrow(key) : no_key, TPM_KEY_BYTES},
                             {(void *)body.data, body.size}};
    ssize_t n = writev(CHILD_FIRST_FD, pieces, 3);

    (void)n;
}

static void send_text(MessageType type, const char *text)
{
    Header header;

    memset(&header, 0, sizeof(header));
    header.type = type;
    send_message(&header, NULL, (BytesView){(const uint8_t *)text, strlen(text) + 1});
}

static void pass_note(void *, const char *text)
{
    send_text(MESSAGE_NOTE, text);
}

static void pass_begin(void *, const char *what)
{
    send_text(MESSAGE_BEGIN, what);
}

static void pass_end(void *)
{
    send_text(MESSAGE_END, "");
}

void tpm_child_work(TpmWork work, const void *request)
{
    static const Observer observer = {
        .note = pass_note, .wait_begin = pass_begin, .wait_end = pass_end};
    _cleanup_(tpm_result_done) TpmResult result = {0};
    _cleanup_(bytes_done) Bytes body = {0};
    Header header;

    memset(&header, 0, sizeof(header));
    header.type = MESSAGE_RESULT;
    header.rc = work(request, &observer, &header.reason, &result);
    if (header.rc == 0 && result.key && secret_size(result.key) != TPM_KEY_BYTES)
        header.rc = reason_set(&header.reason, OUTCOME_TPM_FAILED,
                               "the TPM unsealed a key of %zu bytes, not %zu",
                               secret_size(result.key), TPM_KEY_BYTES);
    if (header.rc == 0)
        header.rc = encode(&result, &body);
    send_message(&header, header.rc == 0 ? result.key : NULL, bytes_view(&body));
}

/* --- the parent --- */

int tpm_child_start(TpmWork work, const void *request, Reason *reason, TpmChild *ret)
{
    _cleanup_(closep) int ours = -1;
    _cleanup_(closep) int theirs = -1;
    int fds[2];
    int process, r;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
        return reason_set(reason, -errno, "cannot make a socket to a process for the TPM");
    ours = fds[0];
    theirs = fds[1];
    r = child_fork(&theirs, 1, &process);
    if (r < 0)
        return reason_set(reason, r, "cannot start a process for the TPM");
    if (r == CHILD_SELF) {
        tpm_child_work(work, request);
        _exit(EXIT_SUCCESS);
    }
    *ret = (TpmChild){.process = process, .answer = TAKE_FD(ours)};
    return 0;
}

static void tell(const Observer *observer, MessageType type, const char *text)
{
    if (type == MESSAGE_NOTE)
        observer_note(observer, "%s", text);
    else if (type == MESSAGE_BEGIN)
        observer_wait_begin(observer, text);
    else if (type == MESSAGE_END)
        observer_wait_end(observer);
}

/* Takes one message, which has to be there; on failure it counts as the result. */
static int take_message(const TpmChild *child, const Observer *observer, Reason *reason,
                        MessageType *ret_type, TpmResult *ret)
{
    _cleanup_(secret_freep) Secret *key = NULL;
    uint8_t body[BODY_BYTES];
    Header header;
    ssize_t n;
    int r = secret_new(TPM_KEY_BYTES, reason, &key);

    *ret_type = MESSAGE_RESULT;
    if (r != 0)
        return r;
    n = readv(child->answer,
              (struct iovec[]){{&header, sizeof(header)},
                               {secret_borrow(key), TPM_KEY_BYTES},
                               {body, sizeof(body)}},
              3);
    if (n < (ssize_t)(sizeof(header) + TPM_KEY_BYTES))
        return reason_set(reason, OUTCOME_TPM_FAILED,
                          "the process that spoke with the TPM died without an answer");
    n -= (ssize_t)(sizeof(header) + TPM_KEY_BYTES);
    if (header.type != MESSAGE_RESULT) {
        *ret_type = header.type;
        body[n > 0 ? n - 1 : 0] = '\0';
        tell(observer, header.type, (const char *)body);
        return 0;
    }
    if (header.rc >= _OUTCOME_MAX)
        return no_sense(reason);
    if (header.rc != 0) {
        header.reason.text[sizeof(header.reason.text) - 1] = '\0';
        if (reason)
            *reason = header.reason;
        return header.rc;
    }
    return decode((BytesView){body, (size_t)n}, &key, reason, ret);
}

int tpm_child_finish(TpmChild *child, Reason *reason, TpmResult *ret)
{
    MessageType type;
    int r;

    do
        r = take_message(child, NULL, reason, &type, ret);
    while (type != MESSAGE_RESULT);
    return r;
}

void tpm_child_done(TpmChild *child)
{
    child_kill(child->process);
    close_keep_errno(child->process);
    close_keep_errno(child->answer);
    *child = TPM_CHILD_NONE;
}

int tpm_child_run(TpmWork work, const void *request, const Observer *observer, Reason *reason,
                  TpmResult *ret)
{
    _cleanup_(tpm_child_done) TpmChild child = TPM_CHILD_NONE;
    MessageType type = MESSAGE_END;
    struct pollfd answer = {.events = POLLIN};
    bool waits = false;
    int r = tpm_child_start(work, request, reason, &child);

    answer.fd = child.answer;
    while (r == 0 && type != MESSAGE_RESULT) {
        int n = poll(&answer, 1, OBSERVER_TICK_MSEC);

        if (n == 0 && waits)
            observer_wait_tick(observer);
        if (n == 0 || (n < 0 && errno == EINTR))
            continue;
        r = take_message(&child, observer, reason, &type, ret);
        if (type == MESSAGE_BEGIN || type == MESSAGE_END)
            waits = type == MESSAGE_BEGIN;
    }
    if (waits) /* it died in the middle of it */
        observer_wait_end(observer);
    child_kill(child.process);
    if (child.process >= 0)
        waitid(P_PIDFD, (id_t)child.process, &(siginfo_t){0}, WEXITED);
    return r;
}
