/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target: answers of an etcd that is a carrier.
 */

#include "etcd_answer.h"
#include "reason.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int r, const Reason *reason)
{
    assert(r == 0 || r == OUTCOME_CARRIER_FAILED);
    check_reason(r, reason);
}

static int take(void *userdata, const char *key, Bytes *content)
{
    (void)content;
    assert(*key && ++*(size_t *)userdata <= 9);
    return 0;
}

static void check_files(BytesView answer)
{
    _cleanup_(freep) char *next = NULL;
    Reason reason = {0};
    size_t count = 0;
    int r = etcd_files_parse(answer, 9, take, &count, &reason, &next);

    check(r, &reason);
    assert(!next || (r == 0 && count > 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    BytesView answer = {data, size};
    EtcdFile file = {0};
    _cleanup_(secret_freep) Secret *token = NULL;
    Context context;
    Reason reason = {0};
    int r = etcd_file_parse(answer, &reason, &file);

    assert(context_system(&context) == 0); /* for secrets */
    check(r, &reason);
    assert((r == 0) == (file.revision > 0));
    assert((file.version > 0) >= (file.content.size > 0));
    bytes_done(&file.content);

    reason = (Reason){0};
    assert(etcd_done_parse(answer, 0, &reason) == 0 || r != 0);

    reason = (Reason){0};
    r = etcd_token_parse(answer, &reason, &token);
    check(r, &reason);
    assert(r != 0 || !strpbrk((char *)secret_borrow(token), "\r\n"));

    check_files(answer);
    (void)etcd_watch_news(answer, 3);
    reason = (Reason){0};
    (void)etcd_refusal("https://a", NULL, 500, answer, &reason);
    for (const char *c = reason.text; *c; c++)
        assert(*c >= ' ' && *c <= '~');
    return 0;
}
