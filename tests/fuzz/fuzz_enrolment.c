/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target: challenges to hosts that are enrolled, and their answers.
 *
 * One that parses writes to JSON that parses to the same JSON again. No made-up challenge or answer
 * is one of the administrator with the key below.
 */

#include "base/json.h"
#include "credential/enrolment.h"
#include "reason.h"

#include <assert.h>
#include <sodium.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static Secret *key;
static EnrolmentChallenge last; /* the last one that parsed, to which answers are checked */

static void check_challenge(BytesView text)
{
    _cleanup_(enrolment_challenge_done) EnrolmentChallenge challenge = {0}, again = {0};
    _cleanup_(json_object_putp) struct json_object *object = NULL, *second = NULL;
    _cleanup_(bytes_done) Bytes one = {0}, two = {0};
    Reason reason = {0};
    int r = enrolment_challenge_parse(text, &reason, &challenge);

    check_reason(r, &reason);
    if (r != 0)
        return;
    object = enrolment_challenge_to_json(&challenge);
    assert(json_print(object, &one) == 0);
    if (one.size > LIMIT_ENROLMENT_BYTES)
        return;
    assert(enrolment_challenge_parse(bytes_view(&one), NULL, &again) == 0);
    second = enrolment_challenge_to_json(&again);
    assert(json_print(second, &two) == 0 && bytes_view_equal(bytes_view(&one), bytes_view(&two)));
    enrolment_challenge_done(&last);
    last = TAKE(challenge);
}

static void check_answer(BytesView text)
{
    _cleanup_(json_object_putp) struct json_object *object = NULL;
    _cleanup_(bytes_done) Bytes one = {0};
    EnrolmentAnswer answer, again;
    Identity identity = {0};
    IdentityProof proof;
    Reason reason = {0};
    int r = enrolment_answer_parse(text, &reason, &answer);

    check_reason(r, &reason);
    if (r != 0)
        return;
    object = enrolment_answer_to_json(&answer);
    assert(json_print(object, &one) == 0);
    assert(enrolment_answer_parse(bytes_view(&one), NULL, &again) == 0);
    for (size_t i = 0; i < ENROLMENT_SECRETS; i++)
        assert(answer.given[i] == again.given[i]);
    assert(enrolment_verify(0, key, &identity, &last, &answer, NULL, &proof) ==
           OUTCOME_OTHER_CHALLENGE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t bytes[ENROLMENT_KEY_BYTES] = {1};

    if (!key &&
        (sodium_init() < 0 || secret_new_from((BytesView){bytes, sizeof(bytes)}, NULL, &key) != 0))
        return 0;
    check_challenge((BytesView){data, size});
    check_answer((BytesView){data, size});
    return 0;
}
