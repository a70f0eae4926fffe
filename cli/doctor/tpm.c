/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * doctor: the TPM, as used by the broker.
 */

#include "doctor/doctor.h"
#include "key/machine.h"
#include "terminal/progress.h"
#include "tpm/tpm_child.h"

#include <errno.h>
#include <grp.h>
#include <sys/stat.h>

/* Whether the broker, which is in the group tss, may open the device. */
static void check_access(Doctor *doctor, const char *device)
{
    const struct group *tss = getgrnam("tss");
    struct stat status;

    if (stat(device, &status) < 0 || !tss)
        return; /* reported elsewhere */
    if (status.st_gid == tss->gr_gid && (status.st_mode & 0060) == 0060)
        return;
    doctor_say(doctor, DOCTOR_PROBLEM,
               "group tss, and so the broker, cannot read and write "
               "%s",
               device);
    doctor_remedy(doctor, "chgrp tss %s && chmod g+rw %s", shell_word(device).text,
                  shell_word(device).text);
    doctor_advice(doctor, "The udev rules of tpm2-tss do that at boot; in Debian they are in the "
                          "package tpm-udev");
}

static void check_lockout(Doctor *doctor, const TpmHealth *health)
{
    const char *password = health->has_lockout_password ? " --auth=file:-" : "";

    if (health->locked_out) {
        doctor_say(doctor, DOCTOR_PROBLEM, "its lockout is active, after %u failures or power cuts",
                   health->failures);
        doctor_remedy(doctor, "tpm2_dictionarylockout --clear-lockout%s", password);
        doctor_advice(doctor, "Or wait: one of them is forgotten every %u s", health->interval);
    } else if (health->failures > 0) {
        doctor_say(doctor, DOCTOR_WARNING, "it has counted %u failures, and locks out at %u",
                   health->failures, health->failures_max);
        doctor_remedy(doctor, "tpm2_dictionarylockout --clear-lockout%s", password);
    }
}

/* Most hosts have neither password, and need none unless the broker is taken over. */
static void check_passwords(Doctor *doctor, const TpmHealth *health)
{
    if (!health->has_lockout_password) {
        doctor_say(doctor, DOCTOR_OK,
                   "it has no lockout password: the group tss, and so the broker, may clear it");
        doctor_advice(doctor, "To set one: tpm2_changeauth --object-context=lockout PASSWORD");
    } else if (!health->has_owner_password) {
        doctor_say(doctor, DOCTOR_OK,
                   "clearing it takes its lockout password; the group tss may remove its storage "
                   "root key, which systemd makes again");
    } else
        doctor_say(doctor, DOCTOR_OK,
                   "clearing it takes its lockout password, and removing its storage root key its "
                   "owner password");
}

static void check_pcrs(Doctor *doctor, const TpmHealth *health)
{
    const char *bank = tpm_bank_name(health->pcr_bank);

    if (health->pcr_bank == 0) {
        doctor_say(doctor, DOCTOR_OK,
                   "it has no PCRs of sha256 or sha1 that firmware measures into");
        return;
    }
    if (health->pcr_bank == TPM_ALGORITHM_SHA1) {
        doctor_say(
            doctor, DOCTOR_WARNING,
            "it has PCRs of sha1 alone: what is sealed for PCRs is sealed for sha1, which is "
            "much weaker than sha256");
        doctor_advice(doctor, "Enable the bank sha256 in the firmware's settings, or with "
                              "tpm2_pcrallocate and a reboot; then seal again");
    }
    doctor_say(doctor,
               health->measured || !firmware_has_tpm(doctor->context) ? DOCTOR_OK : DOCTOR_WARNING,
               health->measured ? "something was measured into its PCRs 0 to 7 (%s)"
                                : "nothing was measured into its PCRs 0 to 7 (%s): being sealed "
                                  "for them does not protect",
               bank);
}

static int work(const void *request, const Observer *observer, Reason *reason, TpmResult *ret)
{
    _cleanup_(tpm_freep) Tpm *tpm = NULL;
    int r;

    tpm_wait_begin(observer, "report its state", NULL);
    r = tpm_new(request, reason, &tpm);
    if (r == 0)
        r = tpm_health(tpm, reason, &ret->health);
    if (r == 0)
        r = tpm_has_srk(tpm, reason, &ret->has_srk);
    observer_wait_end(observer);
    return r;
}

void doctor_tpm(Doctor *doctor)
{
    const char *device = doctor->options.seal.tpm_device;
    _cleanup_(tpm_result_done) TpmResult result = {0};
    Reason reason = {0};
    int r;

    if (device[0] == '/' && access(device, F_OK) < 0) {
        doctor_say(doctor, DOCTOR_WARNING,
                   "there is no %s: secrets can only be sealed with the host key", device);
        doctor_advice(doctor, "If this machine has a TPM, enable it in the firmware's settings");
        return;
    }
    if (device[0] == '/' && access(device, R_OK | W_OK) < 0 && errno == EACCES) {
        doctor_say(doctor, DOCTOR_UNSEEN, "this user may not use %s", device);
        return;
    }
    if (device[0] == '/')
        check_access(doctor, device);
    r = tpm_child_run(work, device, &terminal_observer, &reason, &result);
    if (r != 0) {
        doctor_say(doctor, DOCTOR_PROBLEM, "%s does not answer: %s", device, reason.text);
        doctor_advice(doctor, "%s", outcome_remedy(r) ? outcome_remedy(r) : "Try again");
        return;
    }
    doctor_say(doctor, DOCTOR_OK, "%s answers%s", device,
               firmware_has_tpm(doctor->context) ? "" : "; the firmware does not use it");
    check_lockout(doctor, &result.health);
    check_passwords(doctor, &result.health);
    check_pcrs(doctor, &result.health);
    doctor_say(doctor, DOCTOR_OK,
               result.has_srk
                   ? "it has a storage root key"
                   : "it has no storage root key, so that nspawn-creds seals in the form "
                     "before systemd 262");
}
