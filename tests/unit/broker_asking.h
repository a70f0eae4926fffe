/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * More of a whole broker for tests: machines' policies, and answers whose value is not known
 * before.
 */

#include "broker_fixture.h"

/* What a client got, a short one. */
typedef struct Got {
    uint8_t data[4096];
    size_t size; /* more than a unit may have: a refusal */
} Got;

/* Reads to the end and closes. */
Got got_read(int fd);
/* The same as systemd-nspawn@MACHINE.service. */
Got got_ask(const BrokerFixture *broker, const char *machine, const char *id);

static inline bool got_refused(const Got *got)
{
    return got->size > LIMIT_PLAINTEXT_BYTES;
}

bool got_equal(const Got *a, const Got *b);

/* That it is refused, once, with an audit record that begins with WORDS after "refused". */
void expect_refused(const BrokerFixture *broker, const char *machine, const char *id,
                    const char *words);

/* Writes a policy, of which CREDENTIALS is what stands in its "credentials". */
void write_policy(const BrokerFixture *broker, const char *machine, const char *credentials);
