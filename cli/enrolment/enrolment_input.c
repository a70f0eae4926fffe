/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "enrolment/enrolment_input.h"

#include "terminal/input.h"

int enrolment_read_identity(const char *path, Reason *reason, Identity *ret)
{
    _cleanup_(bytes_done) Bytes file = {0};
    int r = input_read_file(path, LIMIT_IDENTITY_BYTES, reason, &file);

    if (r == OUTCOME_TOO_LARGE) /* the remedy for that is about secrets */
        return OUTCOME_BAD_IDENTITY;
    return r == 0 ? identity_parse(bytes_view(&file), reason, ret) : r;
}

static int read_message(const char *path, Reason *reason, Bytes *ret)
{
    int r = input_read_file(path, LIMIT_ENROLMENT_BYTES, reason, ret);

    return r == OUTCOME_TOO_LARGE ? OUTCOME_BAD_CHALLENGE : r;
}

int enrolment_read_challenge(const char *path, Reason *reason, EnrolmentChallenge *ret)
{
    _cleanup_(bytes_done) Bytes file = {0};
    int r = read_message(path, reason, &file);

    return r == 0 ? enrolment_challenge_parse(bytes_view(&file), reason, ret) : r;
}

int enrolment_read_answer(const char *path, Reason *reason, EnrolmentAnswer *ret)
{
    _cleanup_(bytes_done) Bytes file = {0};
    int r = read_message(path, reason, &file);

    return r == 0 ? enrolment_answer_parse(bytes_view(&file), reason, ret) : r;
}
