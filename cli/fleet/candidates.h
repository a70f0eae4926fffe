/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Hosts that may be enrolled over the carrier, as far as they are.
 *
 * All state is on the carrier, which nobody trusts: it may have anybody's requests, old answers, or
 * challenges of other administrators. A challenge counts if this administrator's key made it for
 * the identity that is there now, and an answer if it proves that. Anything else leads to another
 * challenge, of which a call puts one for each identity. It does not take the place of one that
 * somebody else has made for that identity, unless the host is named and the user agrees.
 */

#include "enrolment/enrolment_carrier.h"
#include "enrolment/genuine.h"

/* How long there is time for an answer without --not-after=, µs. */
#define CANDIDATES_USEC (UINT64_C(7) * 24 * 3600 * 1000 * 1000)

typedef enum CandidateState {
    CANDIDATE_SILENT,     /* it has not asked */
    CANDIDATE_CHALLENGED, /* it has not answered; .noted and .reason say why what was there does not
                           * count
                           */
    CANDIDATE_PROVED,
    CANDIDATE_FAILED, /* .rc and .reason say why */
    CANDIDATE_ADDED,
} CandidateState;

typedef struct Candidate {
    const char *host;
    CandidateState state;
    int rc;
    int noted; /* the outcome by which what was there does not count, or 0 */
    Reason reason;
    Identity identity;            /* of one that has asked; with the proof once it is proved */
    uint64_t expires;             /* the challenge to it on the carrier, µs; or 0 */
    bool replaced;                /* if it was added: it was in the fleet before */
    EnrolmentChallenge challenge; /* that this call has put */
} Candidate;

typedef struct Candidates {
    const Context *context;
    const Options *options;
    const Secret *key;
    const Genuine *genuine;
    EnrolmentCarrier carrier;
    bool named;         /* the hosts, as arguments */
    const char **hosts; /* names, for the caller to keep */
    Candidate *all;     /* one for each of the hosts */
    size_t count;
} Candidates;

void candidates_done(Candidates *candidates); /* for _cleanup_ */

/* Gets the messages of all that are neither proved nor failed, puts challenges to those that need
 * one, and sets their states. A negative errno, or what the carrier's failure is. */
int candidates_look(Candidates *candidates, Reason *reason);

size_t candidates_count(const Candidates *candidates, CandidateState state);

/* {"host","state"} and what is known: "hostName" of one that has asked, "expires" of the challenge,
 * "endorsement", "by" and "pcrs" of the proof, "replaced", "outcome" and "reason". */
struct json_object *candidate_to_json(const Candidate *candidate);
