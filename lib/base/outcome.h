/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Outcomes: the one list of documented conditions, and the one table of what each means.
 *
 * A function returns 0 for success, a negative errno for a failure of its environment, which is
 * forwarded unchanged, or a positive Outcome, which the caller handles. The details go into a
 * Reason, one line of text that the caller supplies (or NULL): the library never logs.
 */

#include <stddef.h>

typedef enum Outcome {
    OUTCOME_OK = 0,

    /* the bytes */
    OUTCOME_MALFORMED,     /* not a credential, or an inconsistent one */
    OUTCOME_UNKNOWN_KIND,  /* a credential of a kind that this version does not know */
    OUTCOME_UNSUPPORTED,   /* a known kind that this version cannot open or write */
    OUTCOME_TOO_LARGE,     /* over a size limit */
    OUTCOME_NOT_AUTHENTIC, /* the key does not fit, or the bytes were changed */
    OUTCOME_BAD_IDENTITY,  /* not a host's public identity, or a damaged one */

    /* the metadata of a credential */
    OUTCOME_NAME_MISMATCH,  /* sealed under another name */
    OUTCOME_EXPIRED,        /* its not-after time has passed */
    OUTCOME_SCOPE_MISMATCH, /* sealed for one user, for another one, or for none */
    OUTCOME_UNPROTECTED,    /* sealed with the null key, which protects nothing */
    OUTCOME_KEY_TYPE,       /* not sealed with the key type that the policy requires */
    OUTCOME_EMPTY,          /* size 0, which a unit cannot tell from a failed delivery */

    /* keys */
    OUTCOME_HOST_KEY_MISSING, /* this host has no key */
    OUTCOME_HOST_KEY_FOREIGN, /* the key file belongs to another machine id */
    OUTCOME_HOST_KEY_UNSAFE,  /* wrong owner, mode, size or number of links */
    OUTCOME_TPM_UNREACHABLE,  /* no such device, no permission or no answer */
    OUTCOME_TPM_FOREIGN,      /* sealed to another TPM, or this one was cleared */
    OUTCOME_TPM_PCR_MISMATCH, /* sealed for other PCR values */
    OUTCOME_TPM_NO_SIGNATURE, /* the credential's key has not signed the PCR policy */
    OUTCOME_TPM_LOCKOUT,      /* the dictionary attack lockout is active */
    OUTCOME_TPM_PASSWORD,     /* the owner hierarchy or the storage key has a password */
    OUTCOME_TPM_DISABLED,     /* the owner hierarchy is switched off */
    OUTCOME_TPM_FULL,         /* no room for another object or session */
    OUTCOME_TPM_BUSY,         /* the TPM asked for a retry more often than we retry */
    OUTCOME_TPM_RESET,        /* loaded objects were lost during the operation */
    OUTCOME_TPM_NOT_STARTED,  /* nobody has sent TPM2_Startup */
    OUTCOME_TPM_NEEDS_REBOOT, /* in failure mode, or in the middle of an upgrade */
    OUTCOME_TPM_UNABLE,       /* lacks an algorithm, a PCR bank or a command */
    OUTCOME_TPM_NO_SRK,       /* no storage root key at 0x81000001 */
    OUTCOME_TPM_FAILED,       /* any other TPM error */

    /* requests */
    OUTCOME_INVALID_NAME,    /* not a machine name, a credential id or a pair of them */
    OUTCOME_INVALID_ADDRESS, /* the peer's address is not a service manager's */
    OUTCOME_PEER_NOT_ROOT,   /* the peer is not root */
    OUTCOME_FOREIGN_UNIT,    /* the unit does not start a machine */
    OUTCOME_NOT_FOUND,       /* the machine has no such credential */
    OUTCOME_NOT_IN_POLICY,   /* the machine's policy does not list it for this delivery */
    OUTCOME_BAD_POLICY,      /* the machine's policy is not valid */
    OUTCOME_STORE_UNSAFE,    /* a link, or a file of the wrong owner or type, in the store */
    OUTCOME_FILE_UNSAFE, /* the same for a file that a policy names, and for files of PCR policies
                          */
    OUTCOME_CHANGED,     /* the files to be replaced were changed in the meantime */
    OUTCOME_TIMEOUT,     /* the TPM has been silent for too long, or the broker is stopping */
    OUTCOME_INTERRUPTED, /* the worker died while it answered */
    OUTCOME_TOO_MANY,    /* one peer or machine has too many requests open */

    /* the control socket */
    OUTCOME_BROKER_UNREACHABLE, /* nobody listens or replies, or we may not connect */
    OUTCOME_EXISTS,             /* the credential exists already */
    OUTCOME_NOT_STORED,         /* the credential's value does not come from the store */

    /* rotating */
    OUTCOME_NOT_ROTATED,  /* a unit did not come back with the new value: the old one is served */
    OUTCOME_HALF_ROTATED, /* the same, and the old state could not be restored completely */

    /* the command line */
    OUTCOME_USAGE,    /* wrong options or arguments */
    OUTCOME_PROBLEMS, /* doctor found problems */

    OUTCOME_BAD_CONFIG, /* nspawn-creds.conf is not valid, or not root's alone */

    _OUTCOME_MAX,
} Outcome;

/* One line of text without a final full stop or newline: what exactly was wrong. Never contains a
 * secret. */
typedef struct Reason {
    char text[320];
} Reason;

/* Writes a line to REASON (NULL: nowhere) and returns RC, so that a function can end with
 * `return reason_set(reason, OUTCOME_MALFORMED, "…")`. For a negative RC it appends ": " and the
 * text of the errno. */
int reason_set(Reason *reason, int rc, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The outcome's stable identifier for JSON and the journal, such as "name-mismatch"; for a negative
 * errno "system-error". Never NULL. */
const char *outcome_name(int rc);

/* A sentence that says what happened, without a final full stop; for a negative errno the system's
 * text. Never NULL. */
const char *outcome_sentence(int rc);

/* What to do about it, without a final full stop; NULL if nothing can be done. Names of credentials
 * are written MACHINE@ID. */
const char *outcome_remedy(int rc);

/* The same with the names of the credential in place of MACHINE and ID, quoted for a shell, so that
 * a command can be copied as it is. MACHINE and ID may be NULL or empty if they are not known.
 * Writes to RET and returns it, or NULL if nothing can be done. */
#define OUTCOME_REMEDY_BYTES ((size_t)768)
const char *outcome_remedy_for(int rc, const char *machine, const char *id,
                               char ret[OUTCOME_REMEDY_BYTES]);

/* The exit status of a program that ends with RC: 0 for success, 1 for a negative errno, otherwise
 * from the table (documented in nspawn-creds(1)). */
int outcome_exit_status(int rc);
