/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Where a fleet's files are, and how they are reached: the object "carrier" of a fleet's
 * configuration (docs/FLEET.md, "Carriers"). Pure; nothing is opened.
 */

#include "base/json.h"
#include "base/limits.h"

typedef enum CarrierKind { CARRIER_DIR, CARRIER_HTTPS, CARRIER_ETCD } CarrierKind;

/* The texts are borrowed from .root. Those that were not set are NULL. */
typedef struct CarrierSettings {
    struct json_object *root;
    CarrierKind kind;
    const char *location; /* a directory's path; an URL that ends with "/"; "" for etcd */
    const char *endpoints[LIMIT_CARRIER_ENDPOINTS]; /* URLs, for etcd */
    size_t endpoint_count;
    const char *ca;            /* file with the certificates that servers are checked with */
    const char *certificate;   /* the client's, with .key */
    const char *key;           /* file */
    const char *user;          /* with .password_file */
    const char *password_file; /* one line */
    const char *reports;       /* where reports go, as "url"; not for etcd */
    uint64_t interval;         /* µs between two looks */
} CarrierSettings;

void carrier_settings_done(CarrierSettings *settings); /* for _cleanup_ */

/* Takes the settings from OBJECT, to which RET keeps a reference. OUTCOME_BAD_FLEET_CONFIG. */
int carrier_settings_parse(struct json_object *object, Reason *reason, CarrierSettings *ret);

/* The settings for .reports, which use the same certificates and password. */
int carrier_settings_for_reports(const CarrierSettings *settings, Reason *reason,
                                 CarrierSettings *ret);
