/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * doctor: the fleets of this host, by root's configuration and what the host has accepted.
 */

#include "base/array.h"
#include "base/timestamp.h"
#include "doctor/doctor.h"
#include "fleet/fleet_status.h"

#include <inttypes.h>
#include <string.h>

/* How long before that the administrators should know, µs. */
#define SOON_USEC (UINT64_C(14) * 24 * 60 * 60 * 1000 * 1000)

/* Files that are not the signed ones. The broker refuses them. */
static size_t say_files(Doctor *doctor, const char *fleet)
{
    _cleanup_(fleet_set_done) FleetSet set = {0};
    size_t wrong = 0;

    (void)fleet_set_open(doctor->options.host->store, fleet, NULL, &set);
    for (size_t i = 0; i < set.manifest.count; i++) {
        _cleanup_(bytes_done) Bytes file = {0};
        Reason reason = {0};

        if (fleet_set_read(&set, &set.manifest.credentials[i].name, &reason, &file) == 0)
            continue;
        doctor_say(doctor, DOCTOR_PROBLEM, "%s", reason.text);
        doctor_advice(doctor, "Have the administrators of the fleet sign and publish again");
        wrong++;
    }
    return wrong;
}

static void say_signers(Doctor *doctor, const FleetStatus *status, uint64_t now)
{
    char length[TIMESTAMP_LENGTH_BYTES];

    if (status->removed[0])
        doctor_say(doctor, status->signers < status->threshold ? DOCTOR_PROBLEM : DOCTOR_WARNING,
                   "fleet %s: the accepted set is signed by the key %s, which is not among the "
                   "allowed signers any more; %zu of %zu required signers are left",
                   status->fleet, status->removed, status->signers, status->threshold);
    else if (status->sequence > 0 && status->signers < status->threshold)
        doctor_say(doctor, DOCTOR_PROBLEM,
                   "fleet %s: %zu allowed signers have signed the accepted set, and %zu are "
                   "required now",
                   status->fleet, status->signers, status->threshold);
    if (status->removed[0] || (status->sequence > 0 && status->signers < status->threshold))
        doctor_advice(doctor,
                      "This host still delivers the accepted set. If you do not trust that "
                      "signer, have the secrets changed. Then have a later statement signed, on an "
                      "administrator's machine: nspawn-creds fleet sign --renew");
    if (status->signers_until <= now) {
        doctor_say(doctor, DOCTOR_PROBLEM,
                   "fleet %s: fewer than %zu of the allowed signers may sign now, so that nothing "
                   "new is accepted",
                   status->fleet, status->threshold);
        doctor_advice(doctor, "Renew them in " FLEET_CONFIG_FOLDER "/%s.signers", status->fleet);
    } else if (status->signers_until != USEC_INFINITY && status->signers_until - now < SOON_USEC) {
        timestamp_format_length(status->signers_until - now, length);
        doctor_say(doctor, DOCTOR_WARNING,
                   "fleet %s: in %s fewer than %zu of the allowed signers may sign", status->fleet,
                   length, status->threshold);
        doctor_advice(doctor, "Renew them in " FLEET_CONFIG_FOLDER "/%s.signers", status->fleet);
    }
}

static void say_age(Doctor *doctor, const FleetStatus *status, uint64_t now)
{
    char length[TIMESTAMP_LENGTH_BYTES];

    if (!fleet_status_is_old(status, now))
        return;
    timestamp_format_length(now - status->issued, length);
    doctor_say(doctor, DOCTOR_PROBLEM,
               "fleet %s: the accepted statement is %s old, which is more than maxAge allows: "
               "either nobody has signed a later one, or the carrier withholds it",
               status->fleet, length);
    doctor_advice(doctor, "Compare sequence %" PRIu64 " with what the administrators have signed",
                  status->sequence);
}

/* The services' outcome after the set was accepted. */
static void say_applied(Doctor *doctor, const char *fleet)
{
    _cleanup_(fleet_set_done) FleetSet set = {0};
    FleetApplied applied;

    if (fleet_set_open(doctor->options.host->store, fleet, NULL, &set) != 0 ||
        fleet_set_applied(&set, NULL, &applied) != 0 ||
        strcmp(applied.statement, set.digest) != 0 || applied.outcome == 0)
        return;
    doctor_say(doctor, applied.outcome == OUTCOME_POSTPONED ? DOCTOR_WARNING : DOCTOR_PROBLEM,
               "fleet %s: %s: %s", fleet, applied.credential, outcome_sentence(applied.outcome));
    doctor_advice(doctor, "journalctl --unit=nspawn-creds-apply says which service it is");
}

/* Without it, services keep the values that they have. */
static void check_apply(Doctor *doctor)
{
    static const char unit[] = "nspawn-creds-apply.path";
    Reason reason = {0};
    ManagerUnit state;
    int r = manager_unit(doctor->manager, unit, &reason, &state);

    if (r != 0)
        doctor_say(doctor, doctor_level(r), "%s", reason.text);
    else if (strcmp(state.active, "active") == 0)
        doctor_say(doctor, DOCTOR_OK, "%s waits for what fleets change", unit);
    else {
        doctor_say(doctor, DOCTOR_WARNING,
                   "%s is %s: no service gets a new value of a fleet while it runs", unit,
                   state.active);
        doctor_remedy(doctor, "systemctl enable --now %s", unit);
    }
}

/* Without it, nothing new comes from the carrier. A host without "carrier" gets its sets some other
 * way. */
static void check_courier(Doctor *doctor, const char *fleet)
{
    _cleanup_(fleet_config_done) FleetConfig config = {0};
    char unit[MANAGER_UNIT_BYTES];
    Reason reason = {0};
    ManagerUnit state;
    bool idle;
    int r;

    if (!doctor->manager || fleet_config_load(doctor->context, fleet, NULL, &config) != 0 ||
        !config.carrier.root)
        return;
    snprintf(unit, sizeof(unit), "nspawn-creds-courier@%s.service", fleet);
    r = manager_unit(doctor->manager, unit, &reason, &state);
    if (r != 0)
        doctor_say(doctor, doctor_level(r), "%s", reason.text);
    if (r != 0 || strcmp(state.active, "active") == 0)
        return;
    idle = strcmp(state.active, "inactive") == 0; /* "activating" after a failure */
    doctor_say(doctor, idle ? DOCTOR_WARNING : DOCTOR_PROBLEM,
               "%s %s: nothing new gets from the carrier to this host", unit,
               strcmp(state.load, "not-found") == 0  ? "does not exist"
               : strcmp(state.active, "failed") == 0 ? "has failed"
                                                     : "does not run");
    if (strcmp(state.load, "not-found") == 0)
        doctor_advice(doctor, "On Debian it is in the package nspawn-creds-fleet");
    else if (idle)
        doctor_remedy(doctor, "systemctl enable --now %s", unit);
    else
        doctor_advice(doctor, "journalctl --unit=%s says why", unit);
}

static void check_fleet(Doctor *doctor, const char *fleet)
{
    uint64_t now = doctor->context->now(doctor->context);
    size_t before = doctor->count;
    FleetStatus status;

    if (fleet_status_load(doctor->context, doctor->options.host->store, fleet, &status) != 0)
        abort();
    if (status.rc != 0)
        doctor_say(doctor, doctor_level(status.rc), "fleet %s: %s", fleet,
                   outcome_reason(status.rc, &status.reason));
    if (status.rc == OUTCOME_NO_SET)
        doctor_advice(doctor, "journalctl --unit=nspawn-creds-courier@%s says why", fleet);
    if (status.rc == 0 || status.rc == OUTCOME_NO_SET)
        say_signers(doctor, &status, now);
    say_age(doctor, &status, now);
    say_applied(doctor, fleet);
    check_courier(doctor, fleet);
    if (say_files(doctor, fleet) == 0 && doctor->count == before)
        doctor_say(doctor, DOCTOR_OK, "fleet %s: sequence %" PRIu64 ", %zu %s", fleet,
                   status.sequence, status.credentials,
                   status.credentials == 1 ? "credential" : "credentials");
    if (status.pending > 0)
        doctor_say(
            doctor, DOCTOR_OK,
            "fleet %s: %zu %s sealed for a later boot; until then the previous file is used, "
            "if there is one",
            fleet, status.pending, status.pending == 1 ? "credential is" : "credentials are");
}

void doctor_fleets(Doctor *doctor)
{
    _cleanup_(strings_freep) char **names = NULL;
    Reason reason = {0};
    int r = fleet_status_list(doctor->context, doctor->options.host->store, &reason, &names);

    if (r != 0)
        doctor_say(doctor, doctor_level(r), "the fleets cannot be listed: %s", reason.text);
    for (char **name = names; r == 0 && *name; name++)
        check_fleet(doctor, *name);
    if (r == 0 && names[0] && doctor->manager)
        check_apply(doctor);
}
