/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Outcomes: the table. See outcome.h.
 */

#include "base/outcome.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Exit statuses: one for each thing that a script may want to tell apart. */
enum {
    EXIT_ENVIRONMENT = 1,  /* I/O, memory, permissions */
    EXIT_USAGE = 2,        /* the command line */
    EXIT_FORMAT = 3,       /* not a credential that we know */
    EXIT_REFUSED = 4,      /* a credential, but not for this name, time or key */
    EXIT_KEY = 5,          /* the host key or the TPM is missing or says no */
    EXIT_MISSING = 6,      /* no such credential */
    EXIT_ROTATION = 7,     /* a rotation that failed and was undone */
    EXIT_INCONSISTENT = 8, /* one that was not undone in full */
    EXIT_PROBLEMS = 9,     /* nothing failed, but something was found to be wrong */
};

typedef struct OutcomeInfo {
    const char *name;
    int exit_status;
    const char *sentence;
    const char *remedy;
} OutcomeInfo;

static const OutcomeInfo outcomes[_OUTCOME_MAX] = {
    [OUTCOME_OK] = {"ok", EXIT_SUCCESS, "Success", NULL},

    [OUTCOME_MALFORMED] = {"malformed", EXIT_FORMAT, "This is not a valid credential",
                           "Was the file cut short or edited? Fetch it anew, or seal the secret "
                           "again with: nspawn-creds encrypt"},
    [OUTCOME_UNKNOWN_KIND] = {"unknown-kind", EXIT_FORMAT, "This kind of credential is not known",
                              "It may come from a newer systemd than this program knows"},
    [OUTCOME_UNSUPPORTED] = {"unsupported", EXIT_FORMAT,
                             "This kind of credential is known, but not supported here",
                             "Seal the secret again with: nspawn-creds encrypt --with-key=auto"},
    [OUTCOME_TOO_LARGE] = {"too-large", EXIT_FORMAT, "Too large",
                           "A secret may have 1048576 bytes, and all the credentials of a unit "
                           "together a little less"},
    [OUTCOME_NOT_AUTHENTIC] = {"not-authentic", EXIT_REFUSED,
                               "The credential does not decrypt with this host's key, or it was "
                               "changed",
                               "Was it sealed on another host? Seal the secret again on this one "
                               "with: nspawn-creds encrypt"},
    [OUTCOME_BAD_IDENTITY] = {"bad-identity", EXIT_FORMAT, "This is not a valid host identity",
                              "Make it anew on that host with: nspawn-creds host export"},

    [OUTCOME_NAME_MISMATCH] = {"name-mismatch", EXIT_REFUSED,
                               "The credential was sealed under another name",
                               "If that is the right file, seal the secret again with: "
                               "nspawn-creds encrypt --name=MACHINE@ID"},
    [OUTCOME_EXPIRED] = {"expired", EXIT_REFUSED, "The credential has expired",
                         "Seal a new one with: nspawn-creds encrypt --not-after=…"},
    [OUTCOME_SCOPE_MISMATCH] = {"scope-mismatch", EXIT_REFUSED,
                                "The credential is not sealed for this user",
                                "Name the user that it is sealed for with: --uid=USER"},
    [OUTCOME_UNPROTECTED] = {"unprotected", EXIT_REFUSED,
                             "The credential is sealed with the null key, which protects nothing",
                             "If that is meant, allow it with: --allow-null"},
    [OUTCOME_EMPTY] = {"empty", EXIT_REFUSED, "The secret is empty",
                       "A unit cannot tell an empty credential from one that was lost on the way: "
                       "seal at least one byte"},

    [OUTCOME_HOST_KEY_MISSING] = {"host-key-missing", EXIT_KEY, "This host has no host key",
                                  "Make one with: nspawn-creds setup"},
    [OUTCOME_HOST_KEY_FOREIGN] = {"host-key-foreign", EXIT_KEY,
                                  "The host key belongs to another machine id",
                                  "Was the disk cloned, or /etc/machine-id made anew? What was "
                                  "sealed with this key opens again once the machine id is "
                                  "restored"},
    [OUTCOME_HOST_KEY_UNSAFE] = {"host-key-unsafe", EXIT_KEY,
                                 "The host key file is not as it must be",
                                 "It has to be a regular file of 4112 bytes, mode 0400, with one "
                                 "link"},
    [OUTCOME_TPM_UNREACHABLE] = {"tpm-unreachable", EXIT_KEY, "The TPM cannot be reached",
                                 "Is there a TPM (ls /dev/tpmrm0), may this user open it, and does "
                                 "it answer (tpm2_getrandom 8)?"},
    [OUTCOME_TPM_FOREIGN] = {"tpm-foreign", EXIT_KEY,
                             "The credential was sealed by another TPM, or this one was cleared "
                             "since",
                             "Seal the secret again on this host with: nspawn-creds encrypt"},
    [OUTCOME_TPM_PCR_MISMATCH] = {"tpm-pcr-mismatch", EXIT_KEY,
                                  "The TPM's PCRs have other values than the credential is sealed "
                                  "for",
                                  "Firmware, Secure Boot or kernel may have been updated: seal the "
                                  "secret again with: nspawn-creds encrypt"},
    [OUTCOME_TPM_NO_SIGNATURE] = {"tpm-no-signature", EXIT_KEY,
                                  "The PCR policy that the credential is sealed for is not signed "
                                  "for this system",
                                  "The signatures come with the kernel image, in "
                                  "/run/systemd/tpm2-pcr-signature.json; name another file with: "
                                  "--tpm2-signature="},
    [OUTCOME_TPM_LOCKOUT] =
        {"tpm-lockout", EXIT_KEY,
         "The TPM is locked after too many wrong authorisations or power cuts",
         "Wait until its lockout ends, or clear it with: "
         "tpm2_dictionarylockout --clear-lockout. What is pinned to the storage "
         "root key (--for-systemd=262) opens all the same"},
    [OUTCOME_TPM_PASSWORD] =
        {"tpm-password", EXIT_KEY,
         "The TPM's owner hierarchy or storage key has a password, and none is "
         "supported here",
         "Take it off with: tpm2_changeauth -c owner -p PASSWORD. What is "
         "pinned to the storage root key (--for-systemd=262) needs no owner's "
         "password"},
    [OUTCOME_TPM_DISABLED] = {"tpm-disabled", EXIT_KEY, "What is needed of the TPM is switched off",
                              "Switch on the TPM and its storage (owner) hierarchy in the "
                              "firmware's settings"},
    [OUTCOME_TPM_FULL] = {"tpm-full", EXIT_KEY, "The TPM has no room left",
                          "Have all programs use the resource manager, /dev/tpmrm0. What they left "
                          "in the TPM goes with: tpm2_flushcontext -t, -l and -s"},
    [OUTCOME_TPM_BUSY] = {"tpm-busy", EXIT_KEY, "The TPM has no time now",
                          "Try again in a minute; the kernel may know more: journalctl -k -g tpm"},
    [OUTCOME_TPM_RESET] = {"tpm-reset", EXIT_KEY,
                           "The TPM was reset in the middle of the operation, or another program "
                           "flushed what was loaded",
                           "Try again, and have all programs use the resource manager, "
                           "/dev/tpmrm0"},
    [OUTCOME_TPM_NOT_STARTED] = {"tpm-not-started", EXIT_KEY, "The TPM was not started up",
                                 "Boot again, for that is up to the firmware and the kernel; with "
                                 "a simulator: tpm2_startup -c"},
    [OUTCOME_TPM_NEEDS_REBOOT] = {"tpm-needs-reboot", EXIT_KEY,
                                  "The TPM does not work any more until it is reset",
                                  "Switch the machine off and on again. If that does not help, the "
                                  "TPM is broken (tpm2_gettestresult), and the secret must be "
                                  "sealed again with: nspawn-creds encrypt --with-key=host"},
    [OUTCOME_TPM_UNABLE] = {"tpm-unable", EXIT_KEY,
                            "The TPM lacks an algorithm, a PCR bank or a command that is needed",
                            "PCR banks can be switched on, in the firmware's settings or with "
                            "tpm2_pcrallocate. Else seal the secret without PCRs, or without the "
                            "TPM: nspawn-creds encrypt --with-key=host"},
    [OUTCOME_TPM_NO_SRK] = {"tpm-no-srk", EXIT_KEY,
                            "The TPM has no storage root key at 0x81000001, or another one",
                            "Was the TPM cleared? systemd-tpm2-setup.service makes the key anew; "
                            "what was sealed to the old one must be sealed again"},
    [OUTCOME_TPM_FAILED] = {"tpm-failed", EXIT_KEY, "The TPM reports an error",
                            "Try again; the kernel may know more: journalctl -k -g tpm"},

    [OUTCOME_INVALID_NAME] = {"invalid-name", EXIT_USAGE, "Not a valid name", NULL},
    [OUTCOME_INVALID_ADDRESS] =
        {"invalid-address", EXIT_REFUSED, "The peer's address is not that of a unit's credential",
         "Only the service manager is served here, through LoadCredential="},
    [OUTCOME_PEER_NOT_ROOT] = {"peer-not-root", EXIT_REFUSED, "The peer is not root", NULL},
    [OUTCOME_FOREIGN_UNIT] = {"foreign-unit", EXIT_REFUSED, "The unit belongs to no machine",
                              "Credentials go to systemd-nspawn@MACHINE.service and "
                              "container@MACHINE.service"},
    [OUTCOME_NOT_FOUND] = {"not-found", EXIT_MISSING, "There is no such credential",
                           "Give it a value with: nspawn-creds set MACHINE@ID"},
    [OUTCOME_NOT_IN_POLICY] = {"not-in-policy", EXIT_REFUSED,
                               "The machine's policy does not have this credential",
                               "Add it to the machine's policy, see nspawn-creds-policy(5), then: "
                               "systemctl daemon-reload"},
    [OUTCOME_BAD_POLICY] = {"bad-policy", EXIT_FORMAT, "The machine's policy is not valid",
                            "See nspawn-creds-policy(5), and try: nspawn-creds check"},
    [OUTCOME_STORE_UNSAFE] = {"store-unsafe", EXIT_REFUSED,
                              "The file in the store is not as it must be",
                              "Entries are regular files with one link, in a directory that only "
                              "root writes to"},
    [OUTCOME_FILE_UNSAFE] = {"file-unsafe", EXIT_REFUSED,
                             "The file that the policy names is not as it must be",
                             "A sealed one is a regular file that the broker may read and not "
                             "everybody may write to; one in plaintext is root's, group "
                             "nspawn-creds, mode 0640"},
    [OUTCOME_CHANGED] = {"changed", EXIT_ENVIRONMENT, "Something else was written there meanwhile",
                         "Run the command again"},
    [OUTCOME_TIMEOUT] = {"timeout", EXIT_KEY, "It took too long", "Start the unit again"},
    [OUTCOME_INTERRUPTED] = {"interrupted", EXIT_REFUSED,
                             "The broker was interrupted in the middle of the answer",
                             "Start the unit again"},
    [OUTCOME_TOO_MANY] = {"too-many", EXIT_REFUSED, "One process asks for too much at a time",
                          "Ask again when the requests that are on the way have their answers"},

    [OUTCOME_BROKER_UNREACHABLE] = {"broker-unreachable", EXIT_ENVIRONMENT,
                                    "The broker cannot be reached",
                                    "Are you root, and does its socket run? systemctl start "
                                    "nspawn-creds-control.socket"},
    [OUTCOME_EXISTS] = {"exists", EXIT_REFUSED, "There is such a credential already",
                        "Remove the old one first with: nspawn-creds remove MACHINE@ID"},
    [OUTCOME_NOT_STORED] = {"not-stored", EXIT_REFUSED,
                            "The credential's value does not come from the store",
                            "Change it where the policy says that it comes from, see "
                            "nspawn-creds-policy(5); of what is shared, rotate the original"},
    [OUTCOME_NOT_ROTATED] =
        {"not-rotated", EXIT_ROTATION,
         "The new value was not kept: the old one is served as before",
         "See why (journalctl --machine=MACHINE --unit=UNIT), and rotate again"},
    [OUTCOME_HALF_ROTATED] = {"half-rotated", EXIT_INCONSISTENT,
                              "The rotation failed, and not all of it could be undone",
                              "See which units run, and with which value, before anything else"},

    [OUTCOME_USAGE] = {"usage", EXIT_USAGE, "Wrong usage", NULL},
    [OUTCOME_PROBLEMS] = {"problems", EXIT_PROBLEMS, "Something is wrong with this host",
                          "See what, and what to do about it, with: nspawn-creds doctor"},
};

int reason_set(Reason *reason, int rc, const char *format, ...)
{
    va_list arguments;
    size_t length;

    if (!reason)
        return rc;
    va_start(arguments, format);
    vsnprintf(reason->text, sizeof(reason->text), format, arguments);
    va_end(arguments);
    if (rc < 0) {
        length = strlen(reason->text);
        snprintf(reason->text + length, sizeof(reason->text) - length, ": %s", strerror(-rc));
    }
    return rc;
}

static const OutcomeInfo *find(int rc)
{
    return rc >= 0 && rc < _OUTCOME_MAX ? &outcomes[rc] : NULL;
}

const char *outcome_name(int rc)
{
    const OutcomeInfo *info = find(rc);

    return info ? info->name : "system-error";
}

const char *outcome_sentence(int rc)
{
    const OutcomeInfo *info = find(rc);

    return info ? info->sentence : strerror(rc < 0 ? -rc : rc);
}

const char *outcome_remedy(int rc)
{
    const OutcomeInfo *info = find(rc);

    return info ? info->remedy : NULL;
}

int outcome_exit_status(int rc)
{
    const OutcomeInfo *info = find(rc);

    return info ? info->exit_status : EXIT_ENVIRONMENT;
}
