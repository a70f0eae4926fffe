/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A whole broker, the fleet prod of its host, and a courier that offers sets of it.
 */

#include "control_calls.h"
#include "ssh_sign.h"

#include "fleet/fleet_host.h"
#include "fleet/fleet_set.h"
#include "fleet/report.h"

#define HOUR      (UINT64_C(3600) * 1000 * 1000)
#define FILES_MAX 8U

/* A fleet of one host, this one, and a signer. */
typedef struct Fleet {
    BrokerFixture *broker;
    FleetHost host;
    uint8_t secret[crypto_sign_SECRETKEYBYTES];
    Bytes key;
    Bytes report_key; /* the host's, public */
} Fleet;

/* A set to be offered; tests change it before it is sent. */
typedef struct Set {
    Statement statement;
    Manifest manifest;
    ManifestCredential credentials[FILES_MAX];
    Bytes files[FILES_MAX];
} Set;

void set_done(Set *set);
Fleet *fleet_new(void);
void fleet_free(Fleet *fleet);
DEFINE_CLEANUP(Fleet *, fleet_free);

/* Seals the credential I of SET, whose id is ID, again with KEY. Its SIZE makes its value. */
void put_file(const Fleet *fleet, Set *set, size_t i, const char *id, size_t size, unsigned key);
/* The set SEQUENCE, with the credentials ID of web, each sealed again with KEY. */
Set set_of(Fleet *fleet, uint64_t sequence, const char *const *ids, size_t count, unsigned key);
/* The bundle of SET, signed with SECRET. */
Bytes bundle_of(const Fleet *fleet, Set *set, const uint8_t *secret);

/* --- the courier --- */

Client *courier_of(const Fleet *fleet);
int call_courier(Client *client, const char *method, const char *name, BytesView text,
                 const char *digest, struct json_object **ret);
/* Commits, and checks the report. The outcome. */
int commit(const Fleet *fleet, Client *client);
/* Whether the host has signed the report in REPLY, about the statement of the fleet prod. */
Report report_in(const Fleet *fleet, struct json_object *reply);
/* Offers BUNDLE. The number of missing files, or minus the outcome. */
int offer(const Fleet *fleet, Client *client, BytesView bundle);
int bring(Client *client, const Set *set, size_t i);
/* All of it, with a courier and a carrier that do what they should. */
int carry(const Fleet *fleet, Set *set);
/* The accepted sequence; 0 for none. All that it has must be there. */
uint64_t accepted(const Fleet *fleet);

extern const char *const both[2]; /* ids */

/* Since which sequences the values of a and b are what they are, "a7 b8": of SETS, one after the
 * other. Values that are not in the list are left out. */
const char *changes_of(const Fleet *fleet, Set *const *sets, size_t count);
