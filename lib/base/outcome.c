/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Outcomes: the table. See outcome.h.
 */

#include "base/outcome.h"

#include "base/shell_word.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Exit statuses, one for each case that a script may want to tell apart. */
enum {
    EXIT_ENVIRONMENT = 1,  /* I/O, memory, permissions */
    EXIT_USAGE = 2,        /* the command line */
    EXIT_FORMAT = 3,       /* not a credential of a known kind */
    EXIT_REFUSED = 4,      /* a credential for another name, time or key */
    EXIT_KEY = 5,          /* the host key or the TPM is missing or refuses */
    EXIT_MISSING = 6,      /* no such credential */
    EXIT_ROTATION = 7,     /* a rotation failed and was undone */
    EXIT_INCONSISTENT = 8, /* a rotation failed and was not undone completely */
    EXIT_PROBLEMS = 9,     /* the command worked, and found problems */
};

typedef struct OutcomeInfo {
    const char *name;
    int exit_status;
    const char *sentence;
    const char *remedy;
} OutcomeInfo;

/* In remedies MACHINE and ID are the credential's, see outcome_remedy_for(), wherever they occur.
 */
#define SEAL_AGAIN                                                                                 \
    "Seal the secret again: nspawn-creds set MACHINE@ID; for a file: nspawn-creds encrypt"

static const OutcomeInfo outcomes[_OUTCOME_MAX] = {
    [OUTCOME_OK] = {"ok", EXIT_SUCCESS, "Success", NULL},

    [OUTCOME_MALFORMED] = {"malformed", EXIT_FORMAT, "This is not a valid credential",
                           "Was the file truncated or edited? Restore it. " SEAL_AGAIN},
    [OUTCOME_UNKNOWN_KIND] = {"unknown-kind", EXIT_FORMAT, "The credential is of an unknown kind",
                              "It may come from a version of systemd that is newer than this "
                              "program"},
    [OUTCOME_UNSUPPORTED] = {"unsupported", EXIT_FORMAT,
                             "This kind of credential is not supported here",
                             "Let the program choose the keys: nspawn-creds set MACHINE@ID "
                             "--with-key=auto; for a file: nspawn-creds encrypt --with-key=auto"},
    [OUTCOME_TOO_LARGE] = {"too-large", EXIT_FORMAT, "Too large",
                           "A secret may have up to 1048576 bytes, and all credentials of a unit "
                           "together slightly less"},
    [OUTCOME_NOT_AUTHENTIC] = {"not-authentic", EXIT_REFUSED,
                               "The credential was sealed with another key, or was modified",
                               "Was it sealed on another host? " SEAL_AGAIN},
    [OUTCOME_BAD_IDENTITY] = {"bad-identity", EXIT_FORMAT, "This is not a valid host identity",
                              "Export it again on that host: nspawn-creds host export"},

    [OUTCOME_NAME_MISMATCH] = {"name-mismatch", EXIT_REFUSED,
                               "The credential was sealed under another name",
                               "If this is the right file, seal the secret again under this name: "
                               "nspawn-creds set MACHINE@ID; for a file: nspawn-creds encrypt "
                               "--name=MACHINE@ID"},
    [OUTCOME_EXPIRED] = {"expired", EXIT_REFUSED, "The credential has expired",
                         "Give it a new value: nspawn-creds rotate MACHINE@ID --not-after=+90d; "
                         "for a file: nspawn-creds encrypt --not-after=+90d"},
    [OUTCOME_SCOPE_MISMATCH] = {"scope-mismatch", EXIT_REFUSED,
                                "The credential is not sealed for this user",
                                "Name the user that it is sealed for: nspawn-creds decrypt "
                                "--uid=USER. The broker only serves credentials that are sealed "
                                "for no user"},
    [OUTCOME_UNPROTECTED] = {"unprotected", EXIT_REFUSED,
                             "The credential is sealed with the null key, which protects nothing",
                             "Seal it with a key: nspawn-creds reseal MACHINE --allow-null "
                             "--with-key=auto. To open a file anyway: nspawn-creds decrypt "
                             "--allow-null"},
    [OUTCOME_KEY_TYPE] = {"key-type", EXIT_REFUSED,
                          "The credential is not sealed with the key type that its policy requires",
                          "Seal a value that you know, with that key type: nspawn-creds set "
                          "MACHINE@ID; for a file: nspawn-creds encrypt --with-key=TYPE"},
    [OUTCOME_EMPTY] = {"empty", EXIT_REFUSED, "The secret is empty",
                       "A unit cannot tell an empty credential from a failed delivery. Seal at "
                       "least one byte"},

    [OUTCOME_HOST_KEY_MISSING] = {"host-key-missing", EXIT_KEY, "This host has no host key",
                                  "Create it: nspawn-creds setup"},
    [OUTCOME_HOST_KEY_FOREIGN] = {"host-key-foreign", EXIT_KEY,
                                  "The host key belongs to another machine id",
                                  "Was the disk cloned, or /etc/machine-id regenerated? Restore "
                                  "the old machine id to open what was sealed with this key"},
    [OUTCOME_HOST_KEY_UNSAFE] = {"host-key-unsafe", EXIT_KEY, "The host key file is unsafe",
                                 "It must be a regular file of 4112 bytes that belongs to root, "
                                 "with mode 0400 and one link"},
    [OUTCOME_TPM_UNREACHABLE] = {"tpm-unreachable", EXIT_KEY, "The TPM cannot be reached",
                                 "Check that there is a TPM (ls /dev/tpmrm0), that this user may "
                                 "open it, and that it answers (tpm2_getrandom 8)"},
    [OUTCOME_TPM_FOREIGN] = {"tpm-foreign", EXIT_KEY,
                             "The credential was sealed by another TPM, or this TPM was cleared "
                             "since",
                             SEAL_AGAIN},
    [OUTCOME_TPM_PCR_MISMATCH] = {"tpm-pcr-mismatch", EXIT_KEY,
                                  "The TPM's PCRs do not have the values that the credential is "
                                  "sealed for",
                                  "Was the firmware, Secure Boot or the kernel "
                                  "updated? " SEAL_AGAIN},
    [OUTCOME_TPM_NO_SIGNATURE] = {"tpm-no-signature", EXIT_KEY,
                                  "The credential's PCR policy has no signature for this system",
                                  "Signatures come with the kernel image, in "
                                  "/run/systemd/tpm2-pcr-signature.json. To use another file: "
                                  "nspawn-creds reveal MACHINE@ID --tpm2-signature=PATH; for a "
                                  "file: nspawn-creds decrypt --tpm2-signature=PATH"},
    [OUTCOME_TPM_LOCKOUT] =
        {"tpm-lockout", EXIT_KEY,
         "The TPM is locked out after too many failed authorisations or power cuts",
         "Wait until the lockout ends, or clear it: tpm2_dictionarylockout --clear-lockout. Files "
         "that are pinned to the storage root key (nspawn-creds set --for-systemd=262) open during "
         "a lockout"},
    [OUTCOME_TPM_PASSWORD] =
        {"tpm-password", EXIT_KEY,
         "The TPM's owner hierarchy or storage key has a password, which is not supported",
         "Remove it: tpm2_changeauth -c owner -p PASSWORD. Files that are pinned to the storage "
         "root key (nspawn-creds set --for-systemd=262) do not need the owner's password"},
    [OUTCOME_TPM_DISABLED] = {"tpm-disabled", EXIT_KEY,
                              "The TPM or its owner hierarchy is switched off",
                              "Enable the TPM and its storage (owner) hierarchy in the firmware's "
                              "settings"},
    [OUTCOME_TPM_FULL] = {"tpm-full", EXIT_KEY, "The TPM has no room for another object or session",
                          "Make all programs use the resource manager, /dev/tpmrm0. Flush what "
                          "they left in the TPM: tpm2_flushcontext -t, -l and -s"},
    [OUTCOME_TPM_BUSY] = {"tpm-busy", EXIT_KEY, "The TPM is busy",
                          "Try again in a minute. The kernel's log may say more: journalctl -k -g "
                          "tpm"},
    [OUTCOME_TPM_RESET] = {"tpm-reset", EXIT_KEY,
                           "The TPM was reset during the operation, or another program flushed "
                           "our objects",
                           "Try again, and make all programs use the resource manager, "
                           "/dev/tpmrm0"},
    [OUTCOME_TPM_NOT_STARTED] = {"tpm-not-started", EXIT_KEY, "The TPM was not started up",
                                 "Reboot: the firmware and the kernel start the TPM. For a "
                                 "simulator: tpm2_startup -c"},
    [OUTCOME_TPM_NEEDS_REBOOT] = {"tpm-needs-reboot", EXIT_KEY,
                                  "The TPM does not work until it is reset",
                                  "Power-cycle the machine. If that does not help, the TPM is "
                                  "broken (tpm2_gettestresult), and the secret needs another key: "
                                  "nspawn-creds set MACHINE@ID --with-key=host"},
    [OUTCOME_TPM_UNABLE] = {"tpm-unable", EXIT_KEY,
                            "The TPM lacks an algorithm, a PCR bank or a command that is needed",
                            "Enable the PCR bank in the firmware's settings or with "
                            "tpm2_pcrallocate. Otherwise seal the secret without PCRs, or without "
                            "the TPM: nspawn-creds set MACHINE@ID --with-key=host"},
    [OUTCOME_TPM_NO_SRK] = {"tpm-no-srk", EXIT_KEY,
                            "The TPM has no storage root key at 0x81000001, or a different one",
                            "Was the TPM cleared? systemd-tpm2-setup.service creates a new key; "
                            "then seal the secrets again that were sealed with the old one"},
    [OUTCOME_TPM_FAILED] = {"tpm-failed", EXIT_KEY, "The TPM reports an error",
                            "Try again. The kernel's log may say more: journalctl -k -g tpm"},

    [OUTCOME_INVALID_NAME] = {"invalid-name", EXIT_USAGE, "The name is not valid", NULL},
    [OUTCOME_INVALID_ADDRESS] = {"invalid-address", EXIT_REFUSED,
                                 "The request does not come from a unit that loads a credential",
                                 "Only service managers are served here, through LoadCredential="},
    [OUTCOME_PEER_NOT_ROOT] = {"peer-not-root", EXIT_REFUSED, "The request does not come from root",
                               NULL},
    [OUTCOME_FOREIGN_UNIT] = {"foreign-unit", EXIT_REFUSED, "The unit does not start a machine",
                              "Credentials are for units such as systemd-nspawn@MACHINE.service "
                              "and container@MACHINE.service"},
    [OUTCOME_NOT_FOUND] = {"not-found", EXIT_MISSING, "There is no such credential",
                           "Give it a value: nspawn-creds set MACHINE@ID"},
    [OUTCOME_NOT_IN_POLICY] = {"not-in-policy", EXIT_REFUSED,
                               "The machine's policy does not list this credential",
                               "See nspawn-creds-policy(5). To add it: nspawn-creds enable MACHINE "
                               "ID"},
    [OUTCOME_BAD_POLICY] = {"bad-policy", EXIT_FORMAT, "The machine's policy is not valid",
                            "Show its mistakes: nspawn-creds check. See also "
                            "nspawn-creds-policy(5)"},
    [OUTCOME_STORE_UNSAFE] = {"store-unsafe", EXIT_REFUSED, "The file in the store is unsafe",
                              "It must be a regular file with one link that not everyone may "
                              "write to"},
    [OUTCOME_FILE_UNSAFE] = {"file-unsafe", EXIT_REFUSED, "The file is unsafe",
                             "A sealed file must be a regular file that the broker may read and "
                             "not everyone may write to. A plaintext file must belong to root, "
                             "with group nspawn-creds and mode 0640. Only root may write to a "
                             "configuration, or to keys and signatures of PCR policies"},
    [OUTCOME_CHANGED] = {"changed", EXIT_ENVIRONMENT,
                         "Another command changed the same files in the meantime",
                         "Run the command again"},
    [OUTCOME_TIMEOUT] = {"timeout", EXIT_KEY, "The request took too long", "Start the unit again"},
    [OUTCOME_INTERRUPTED] = {"interrupted", EXIT_REFUSED,
                             "The broker was interrupted while it answered",
                             "Start the unit again"},
    [OUTCOME_TOO_MANY] = {"too-many", EXIT_REFUSED,
                          "One process or machine has too many requests open",
                          "Ask again when its current requests have been answered"},

    [OUTCOME_BROKER_UNREACHABLE] = {"broker-unreachable", EXIT_ENVIRONMENT,
                                    "The broker cannot be reached",
                                    "Run the command as root, and start the broker's socket: "
                                    "systemctl start nspawn-creds-control.socket"},
    [OUTCOME_EXISTS] = {"exists", EXIT_REFUSED, "The credential already exists",
                        "Remove it first: nspawn-creds remove MACHINE@ID"},
    [OUTCOME_NOT_STORED] = {"not-stored", EXIT_REFUSED,
                            "The credential's value does not come from the store",
                            "Change it where the policy says that it comes from, see "
                            "nspawn-creds-policy(5). If it is shared, rotate the original"},
    [OUTCOME_NOT_ROTATED] = {"not-rotated", EXIT_ROTATION,
                             "The new value was not kept: the old one is served as before",
                             "Find out why (journalctl --machine=CONTAINER --unit=UNIT), then "
                             "rotate again"},
    [OUTCOME_HALF_ROTATED] = {"half-rotated", EXIT_INCONSISTENT,
                              "The rotation failed and could not be undone completely",
                              "Before anything else, check which units run, and with which "
                              "value"},

    [OUTCOME_USAGE] = {"usage", EXIT_USAGE, "Wrong usage", NULL},
    [OUTCOME_PROBLEMS] = {"problems", EXIT_PROBLEMS, "This host has problems",
                          "List them, with what to do about each: nspawn-creds doctor"},

    [OUTCOME_BAD_CONFIG] = {"bad-config", EXIT_FORMAT, "The configuration is not valid",
                            "See nspawn-creds.conf(5)"},
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

const char *outcome_remedy_for(int rc, const char *machine, const char *id,
                               char ret[OUTCOME_REMEDY_BYTES])
{
    const char *remedy = outcome_remedy(rc), *from = remedy;
    char *to = ret, *end = ret + OUTCOME_REMEDY_BYTES - 1;
    const struct {
        const char *word, *name;
    } rows[] = {{"MACHINE", machine}, {"ID", id}};

    if (!from)
        return NULL;
    while (*from && to < end) {
        const char *begin = from;

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
            if (rows[i].name && rows[i].name[0] && from == begin &&
                strncmp(from, rows[i].word, strlen(rows[i].word)) == 0) {
                ShellWord word = from > remedy && from[-1] == ' ' ? shell_argument(rows[i].name)
                                                                  : shell_word(rows[i].name);

                to = mempcpy(to, word.text, strnlen(word.text, (size_t)(end - to)));
                from += strlen(rows[i].word);
            }
        if (from == begin)
            *to++ = *from++;
    }
    *to = '\0';
    return ret;
}

int outcome_exit_status(int rc)
{
    const OutcomeInfo *info = find(rc);

    return info ? info->exit_status : EXIT_ENVIRONMENT;
}
