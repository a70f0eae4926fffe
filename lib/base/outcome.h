/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Outcomes: the one list of documented conditions, and the one table of what each means.
 *
 * A function returns 0 for success, a negative errno for a failure of its environment, which is
 * forwarded unchanged, or a positive Outcome, which the caller handles. What exactly was wrong goes
 * into a Reason, one line of text that the caller supplies (or NULL): the library never logs.
 */

typedef enum Outcome {
    OUTCOME_OK = 0,

    /* the bytes */
    OUTCOME_MALFORMED,     /* not a credential, or an inconsistent one */
    OUTCOME_UNKNOWN_KIND,  /* a credential of a kind that this version does not know */
    OUTCOME_UNSUPPORTED,   /* a known kind that this version cannot open or write */
    OUTCOME_TOO_LARGE,     /* over a size limit */
    OUTCOME_NOT_AUTHENTIC, /* the key does not fit, or the bytes were changed */
    OUTCOME_BAD_IDENTITY,  /* not a host's public identity, or a damaged one */

    /* what the credential says of itself */
    OUTCOME_NAME_MISMATCH,  /* sealed under another name */
    OUTCOME_EXPIRED,        /* its not-after time has passed */
    OUTCOME_SCOPE_MISMATCH, /* sealed for one user, or for another one, or for none */
    OUTCOME_UNPROTECTED,    /* sealed with the null key, which protects nothing */
    OUTCOME_EMPTY,          /* of size 0, which a unit cannot tell from a failed delivery */

    /* keys */
    OUTCOME_HOST_KEY_MISSING, /* this host has no key */
    OUTCOME_HOST_KEY_FOREIGN, /* the key file belongs to another machine id */
    OUTCOME_HOST_KEY_UNSAFE,  /* wrong owner, mode, size or number of links */
    OUTCOME_TPM_UNREACHABLE,  /* no such device, or nobody answers */
    OUTCOME_TPM_FOREIGN,      /* sealed to another TPM, or this one was cleared */
    OUTCOME_TPM_PCR_MISMATCH, /* sealed for other PCR values */
    OUTCOME_TPM_NO_SIGNATURE, /* no signature of the PCR policy by the credential's key */
    OUTCOME_TPM_LOCKOUT,      /* the dictionary attack lockout is on */
    OUTCOME_TPM_PASSWORD,     /* the owner hierarchy or the storage key has a password */
    OUTCOME_TPM_DISABLED,     /* the owner hierarchy is switched off */
    OUTCOME_TPM_FULL,         /* no room for another object or session */
    OUTCOME_TPM_BUSY,         /* asks to be asked again, for longer than we do */
    OUTCOME_TPM_RESET,        /* has lost what was loaded in the middle of the operation */
    OUTCOME_TPM_NOT_STARTED,  /* nobody has sent TPM2_Startup */
    OUTCOME_TPM_NEEDS_REBOOT, /* in failure mode, or in the middle of an upgrade */
    OUTCOME_TPM_UNABLE,       /* lacks an algorithm, a PCR bank or a command */
    OUTCOME_TPM_NO_SRK,       /* no storage root key at 0x81000001 */
    OUTCOME_TPM_FAILED,       /* any other TPM error */

    /* who asks for what */
    OUTCOME_INVALID_NAME,    /* not a machine name, a credential id or a pair of them */
    OUTCOME_INVALID_ADDRESS, /* the peer's address is not the service manager's */
    OUTCOME_PEER_NOT_ROOT,   /* the peer is not root */
    OUTCOME_FOREIGN_UNIT,    /* the unit belongs to no machine */
    OUTCOME_NOT_FOUND,       /* the machine has no such credential */
    OUTCOME_NOT_IN_POLICY,   /* the machine's policy does not have it, or not for this delivery */
    OUTCOME_BAD_POLICY,      /* the machine's policy is not as it must be */
    OUTCOME_STORE_UNSAFE,    /* a link or a file of the wrong owner or kind in the store */
    OUTCOME_FILE_UNSAFE,     /* the same of a file that a policy names */
    OUTCOME_CHANGED,         /* somebody else has changed the files that were to be replaced */
    OUTCOME_TIMEOUT, /* the TPM has answered nobody for too long, or the broker is being stopped */
    OUTCOME_INTERRUPTED, /* the worker died in the middle of the answer */
    OUTCOME_TOO_MANY,    /* one peer asks for too much at a time */

    /* the control socket */
    OUTCOME_BROKER_UNREACHABLE, /* nobody listens, replies or may connect */
    OUTCOME_EXISTS,             /* it is there already */
    OUTCOME_NOT_STORED,         /* its value comes from elsewhere than the store */

    /* rotating */
    OUTCOME_NOT_ROTATED,  /* a unit did not come back with the new value: the old one is served */
    OUTCOME_HALF_ROTATED, /* and putting everything back failed as well */

    /* the command line */
    OUTCOME_USAGE,    /* wrong options or arguments */
    OUTCOME_PROBLEMS, /* doctor has found some */

    _OUTCOME_MAX,
} Outcome;

/* One line of text, without a final full stop or newline: what exactly was wrong. Never holds a
 * secret. */
typedef struct Reason {
    char text[320];
} Reason;

/* Writes a line into REASON (NULL: nowhere) and returns RC, so that a function can end with
 * `return reason_set(reason, OUTCOME_MALFORMED, "…")`. For a negative RC the errno's text is
 * appended after ": ". */
int reason_set(Reason *reason, int rc, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The outcome's stable identifier for JSON and the journal, such as "name-mismatch"; for a negative
 * errno "system-error". Never NULL. */
const char *outcome_name(int rc);

/* A sentence that says what happened; for a negative errno the system's text. Never NULL. */
const char *outcome_sentence(int rc);

/* A sentence that says what to do about it, or NULL where there is nothing to be said. */
const char *outcome_remedy(int rc);

/* The exit status of a program that ends with RC: 0 for success, 1 for a negative errno, else the
 * table's (documented in nspawn-creds(1)). */
int outcome_exit_status(int rc);
