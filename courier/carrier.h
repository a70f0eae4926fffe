/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A carrier: what brings a fleet's files from the administrators to the hosts, and reports back. It
 * is a directory, a web server or an etcd, and nobody trusts it: the broker checks all files.
 *
 *     v1/FLEET/hosts/HOST/bundle     what a host needs; replaced at each rollout
 *     v1/FLEET/sha256/HEX            a sealed file, by its digest; never replaced
 *     v1/FLEET/reports/HOST          a host's last report
 *     v1/FLEET/enrol/HOST/…          a host's request, the challenge to it, and its answer
 */

#include "fleet/carrier_settings.h"

/* Which version of a file was seen, in the carrier's own words; "" for none. */
typedef struct CarrierVersion {
    char text[256];
} CarrierVersion;

typedef struct Carrier Carrier;

/* Takes a file; CONTENT is for it to keep. */
typedef int CarrierEach(void *userdata, const char *path, Bytes *content);

/* What a kind of carrier does. PATH is one of the above; every failure of the carrier is
 * OUTCOME_CARRIER_FAILED. */
typedef struct CarrierKindOps {
    int (*open)(const CarrierSettings *settings, long stall, Reason *reason, Carrier **ret);
    /* Gets the file PATH of at most LIMIT bytes. If VERSION is not NULL and names what is there,
     * RET stays empty; otherwise it becomes the new version. OUTCOME_NOT_FOUND, also for an empty
     * file. */
    int (*get)(Carrier *carrier, const char *path, size_t limit, CarrierVersion *version,
               Reason *reason, Bytes *ret);
    /* Gets all files in FOLDER, which ends with "/", of at most LIMIT bytes each, in few calls, and
     * gives EACH their paths and contents. NULL where a call is for one file. */
    int (*get_all)(Carrier *carrier, const char *folder, size_t limit, CarrierEach *each,
                   void *userdata, Reason *reason);
    /* Writes the file PATH, at once or, if the carrier collects, with flush() at the latest. If
     * KEEP, one that is there may stay: it has the same content. */
    int (*put)(Carrier *carrier, const char *path, BytesView content, bool keep, Reason *reason);
    /* Removes the file PATH. OUTCOME_NOT_FOUND. NULL where files cannot be removed. */
    int (*remove)(Carrier *carrier, const char *path, Reason *reason);
    /* Writes what was collected, and waits until all that was put is kept. NULL where nothing is to
     * be done. */
    int (*flush)(Carrier *carrier, Reason *reason);
    /* Waits for a change of the file PATH since it was last got, and at most USEC. */
    void (*wait)(Carrier *carrier, const char *path, uint64_t usec);
    void (*close)(Carrier *carrier);
} CarrierKindOps;

/* The beginning of each kind's own struct. */
struct Carrier {
    const CarrierKindOps *ops;
    bool collects; /* put() may wait for more files; false unless the caller sets it */
};

extern const CarrierKindOps carrier_dir, carrier_https, carrier_etcd;

/* The carrier of SETTINGS, which have to outlive it. A server may be silent for STALL seconds. */
int carrier_open(const CarrierSettings *settings, long stall, Reason *reason, Carrier **ret);
Carrier *carrier_close(Carrier *carrier);
DEFINE_CLEANUP(Carrier *, carrier_close);

/* Sleeps, also through signals. */
void carrier_sleep(uint64_t usec);
