/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fleet/candidates.h"

#include "base/json.h"
#include "base/timestamp.h"
#include "fleet/add_host.h"
#include "terminal/input.h"

#include <errno.h>
#include <json-c/json.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

void candidates_done(Candidates *candidates)
{
    for (size_t i = 0; candidates->all && i < candidates->count; i++) {
        identity_done(&candidates->all[i].identity);
        enrolment_challenge_done(&candidates->all[i].challenge);
    }
    free(candidates->all);
    candidates->all = NULL;
}

size_t candidates_count(const Candidates *candidates, CandidateState state)
{
    size_t count = 0;

    for (size_t i = 0; i < candidates->count; i++)
        count += candidates->all[i].state == state;
    return count;
}

/* --- in JSON --- */

/* How it is proved that the TPM is a genuine one. */
static void describe_proof(const Candidate *candidate, struct json_object *row)
{
    const IdentityProof *proof = &candidate->identity.proof;
    char key[2 * IDENTITY_DIGEST_BYTES + 1], pcrs[TPM_PCR_TEXT_BYTES];

    sodium_bin2hex(key, sizeof(key), proof->endorsement, IDENTITY_DIGEST_BYTES);
    json_add_text(row, "endorsement", key);
    json_add_text(row, "by", proof->by == IDENTITY_BY_CERTIFICATE ? "certificate" : "inventory");
    if (proof->pcrs != 0) {
        tpm_pcr_mask_format(proof->pcrs, pcrs);
        json_add_text(row, "pcrs", pcrs);
    }
}

struct json_object *candidate_to_json(const Candidate *candidate)
{
    static const char *const states[] = {"silent", "challenged", "proved", "failed", "added"};
    struct json_object *row = json_object_new_object();
    int rc = candidate->state == CANDIDATE_FAILED       ? candidate->rc
             : candidate->state == CANDIDATE_CHALLENGED ? candidate->noted
                                                        : 0;

    json_add_text(row, "host", candidate->host);
    json_add_text(row, "state", states[candidate->state]);
    if (candidate->identity.host_name[0])
        json_add_text(row, "hostName", candidate->identity.host_name);
    if (candidate->identity.proof.by != IDENTITY_UNPROVED)
        describe_proof(candidate, row);
    if (candidate->state == CANDIDATE_ADDED)
        json_add(row, "replaced", json_object_new_boolean(candidate->replaced));
    if (candidate->state == CANDIDATE_CHALLENGED) {
        char expires[TIMESTAMP_UTC_BYTES];

        timestamp_format_utc(candidate->expires, expires);
        json_add_text(row, "expires", expires);
    }
    if (rc != 0) {
        json_add_text(row, "outcome", outcome_name(rc));
        json_add_text(row, "reason", candidate->reason.text);
    }
    return row;
}

/* --- one host --- */

/* Reads what the host says of itself, and looks for a genuine TPM's key in it. */
static int read_request(const Candidates *candidates, BytesView file, Candidate *candidate,
                        EnrolmentRequest *request)
{
    _cleanup_(identity_done) Identity identity = {0};
    int r = identity_parse(file, &candidate->reason, &identity);

    if (r != 0)
        return r;
    identity.proof = (IdentityProof){0}; /* only the one below counts */
    r = genuine_find(candidates->genuine, candidates->context, &identity, &candidate->reason,
                     request);
    if (r != 0)
        return r;
    /* the carrier chooses where a request is, and may not choose by that which host gets a name */
    if (!host_calls_itself(&identity, candidate->host))
        return reason_set(&candidate->reason, OUTCOME_NOT_PROVED,
                          "the machine that asks as %s calls itself %s", candidate->host,
                          identity.host_name[0] ? identity.host_name : "nothing");
    identity_done(&candidate->identity);
    candidate->identity = TAKE(identity);
    request->identity = &candidate->identity;
    return 0;
}

/* Whether CHALLENGE is ours, and asks for what REQUEST does; OUTCOME_ENROLLING if for something
 * else. One that is ANSWERED may also ask for more PCRs: the answer need not be thrown away. */
static int check_current(const Candidates *candidates, const EnrolmentChallenge *challenge,
                         const EnrolmentRequest *request, bool answered, Reason *reason)
{
    uint64_t pcrs = answered ? challenge->pcrs & request->pcrs : challenge->pcrs;
    int r = enrolment_challenge_check(candidates->context->now(candidates->context),
                                      candidates->key, request->identity, challenge, reason);

    if (r != 0)
        return r;
    return enrolment_endorsement_find(request->identity, challenge->endorsement) ==
                       request->endorsement &&
                   challenge->by == request->by && pcrs == request->pcrs
               ? 0
               : OUTCOME_ENROLLING;
}

/* Whether somebody else has made CHALLENGE for the identity, and there is still time. */
static bool is_foreign(const Candidates *candidates, const EnrolmentChallenge *challenge,
                       const EnrolmentRequest *request)
{
    uint64_t now = candidates->context->now(candidates->context);
    uint8_t digest[IDENTITY_DIGEST_BYTES];

    return challenge->expires > now && identity_digest(request->identity, digest) == 0 &&
           memcmp(digest, challenge->identity, sizeof(digest)) == 0 &&
           enrolment_challenge_check(now, candidates->key, request->identity, challenge, NULL) ==
               OUTCOME_OTHER_CHALLENGE;
}

/* Keeps for the user that WHAT was there, and WHY it does not count, by the outcome RC. */
static void keep_reason(Candidate *candidate, const char *what, int rc, const Reason *why)
{
    if (why->text[0])
        candidate->noted = reason_set(&candidate->reason, rc,
                                      "the %s that was there does not count: %s", what, why->text);
}

/* The challenge that the host is to answer, if it is on the carrier. OUTCOME_ENROLLING if it has to
 * be put there, and OUTCOME_OTHER_CHALLENGE if RET is somebody else's. */
static int find_challenge(const Candidates *candidates, const EnrolmentFiles *files,
                          const EnrolmentRequest *request, Candidate *candidate,
                          EnrolmentChallenge *ret)
{
    BytesView file = bytes_view(&files->files[ENROLMENT_CHALLENGE]);
    bool answered = files->files[ENROLMENT_ANSWER].size > 0;
    _cleanup_(enrolment_challenge_done) EnrolmentChallenge challenge = {0};
    Reason why = {0};
    int r =
        file.size > 0 ? enrolment_challenge_parse(file, &why, &challenge) : OUTCOME_BAD_CHALLENGE;

    if (r < 0)
        return reason_set(&candidate->reason, r, "%s", why.text);
    if (r == 0 && is_foreign(candidates, &challenge, request)) {
        *ret = TAKE(challenge);
        return OUTCOME_OTHER_CHALLENGE;
    }
    if (r == 0)
        r = check_current(candidates, &challenge, request, answered, &why);
    if (r != 0) {
        keep_reason(candidate, "challenge", r, &why);
        return r < 0 ? r : OUTCOME_ENROLLING;
    }
    *ret = TAKE(challenge);
    return 0;
}

/* Puts a challenge on the carrier: the one that this call has made for the identity, or a new one.
 */
static int put_challenge(const Candidates *candidates, const EnrolmentRequest *request,
                         Candidate *candidate)
{
    struct json_object *object;

    if (check_current(candidates, &candidate->challenge, request, false, NULL) != 0) {
        _cleanup_(enrolment_challenge_done) EnrolmentChallenge challenge = {0};
        int r = enrolment_challenge_new(candidates->context, candidates->key, request,
                                        &candidate->reason, &challenge);

        if (r != 0)
            return r;
        enrolment_challenge_done(&candidate->challenge);
        candidate->challenge = TAKE(challenge);
    }
    candidate->expires = candidate->challenge.expires;
    object = enrolment_challenge_to_json(&candidate->challenge);
    return enrolment_carrier_put(&candidates->carrier, candidate->host, ENROLMENT_CHALLENGE, object,
                                 &candidate->reason);
}

/* Challenges CANDIDATE in the place of somebody whose challenge THEIRS is, once, if the user means
 * to. */
static int replace_challenge(const Candidates *candidates, const EnrolmentRequest *request,
                             const EnrolmentChallenge *theirs, Candidate *candidate)
{
    char expires[TIMESTAMP_UTC_BYTES];
    int r;

    if (candidate->challenge.expires != 0) /* ours was there */
        return 0;
    timestamp_format_utc(theirs->expires, expires);
    if (!candidates->named)
        return reason_set(&candidate->reason, OUTCOME_OTHER_CHALLENGE,
                          "somebody else has challenged it, until %s. To challenge it in their "
                          "place, name it: nspawn-creds fleet enrol %s",
                          expires, candidate->host);
    r = confirm(candidates->options, &candidate->reason,
                "Somebody else has challenged %s, until %s. Challenge it in their place?",
                candidate->host, expires);
    return r == 0 ? put_challenge(candidates, request, candidate) : r;
}

/* Whether FILE proves it. OUTCOME_ENROLLING if it is no answer to CHALLENGE, such as an older one.
 */
static int check_answer(const Candidates *candidates, BytesView file,
                        const EnrolmentChallenge *challenge, Candidate *candidate)
{
    EnrolmentAnswer answer;
    Reason why = {0};
    int r = file.size > 0 ? enrolment_answer_parse(file, &why, &answer) : OUTCOME_BAD_CHALLENGE;

    if (r == 0)
        r = enrolment_verify(candidates->context->now(candidates->context), candidates->key,
                             &candidate->identity, challenge, &answer, &why,
                             &candidate->identity.proof);
    if (r == OUTCOME_BAD_CHALLENGE || r == OUTCOME_OTHER_CHALLENGE)
        keep_reason(candidate, "answer", r, &why);
    else if (r != 0)
        candidate->reason = why;
    return r == OUTCOME_BAD_CHALLENGE || r == OUTCOME_OTHER_CHALLENGE ? OUTCOME_ENROLLING : r;
}

/* Goes on with CANDIDATE, whose messages are FILES. */
static int go_on(const Candidates *candidates, const EnrolmentFiles *files, Candidate *candidate)
{
    const Options *options = candidates->options;
    _cleanup_(enrolment_challenge_done) EnrolmentChallenge challenge = {0};
    EnrolmentRequest request = {
        .expires = options->seal.has_not_after
                       ? options->seal.not_after
                       : candidates->context->now(candidates->context) + CANDIDATES_USEC,
        .pcrs = options->seal.pcrs.mask,
    };
    int r;

    if (files->no_request)
        return reason_set(&candidate->reason, OUTCOME_CARRIER_FAILED,
                          "its request is too large, or cannot be read");
    if (files->files[ENROLMENT_REQUEST].size == 0)
        return 0;
    r = read_request(candidates, bytes_view(&files->files[ENROLMENT_REQUEST]), candidate, &request);
    if (r != 0)
        return r;
    candidate->state = CANDIDATE_CHALLENGED;
    r = find_challenge(candidates, files, &request, candidate, &challenge);
    if (r == OUTCOME_OTHER_CHALLENGE)
        return replace_challenge(candidates, &request, &challenge, candidate);
    if (r == OUTCOME_ENROLLING)
        return put_challenge(candidates, &request, candidate);
    candidate->expires = challenge.expires;
    if (r == 0)
        r = check_answer(candidates, bytes_view(&files->files[ENROLMENT_ANSWER]), &challenge,
                         candidate);
    if (r == 0)
        candidate->state = CANDIDATE_PROVED;
    return r == OUTCOME_ENROLLING ? 0 : r;
}

/* --- all of them --- */

static bool is_over(const Candidate *candidate)
{
    return candidate->state != CANDIDATE_SILENT && candidate->state != CANDIDATE_CHALLENGED;
}

int candidates_look(Candidates *candidates, Reason *reason)
{
    _cleanup_(freep) const char **hosts = calloc(candidates->count + 1, sizeof(hosts[0]));
    _cleanup_(freep) EnrolmentFiles *files = calloc(candidates->count + 1, sizeof(files[0]));
    size_t count = 0, next = 0;
    int r = hosts && files ? 0 : -ENOMEM;

    for (size_t i = 0; r == 0 && i < candidates->count; i++)
        if (!is_over(&candidates->all[i]))
            hosts[count++] = candidates->all[i].host;
    if (r == 0)
        r = enrolment_carrier_get(&candidates->carrier, hosts, count, reason, files);
    for (size_t i = 0; r == 0 && i < candidates->count; i++) {
        Candidate *candidate = &candidates->all[i];

        if (is_over(candidate))
            continue;
        candidate->rc = go_on(candidates, &files[next++], candidate);
        if (candidate->rc < 0) { /* of this machine */
            r = candidate->rc;
            *reason = candidate->reason;
        } else if (candidate->rc > 0)
            candidate->state = CANDIDATE_FAILED;
    }
    for (size_t i = 0; files && i < count; i++)
        enrolment_files_done(&files[i]);
    return r;
}
