/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The options of all verbs: one table with name, argument, help and setter. They are called as
 * systemd-creds calls them where they mean the same.
 */

#include "base/outcome.h"
#include "base/recipe.h"
#include "policy/host_config.h"
#include "policy/policy.h"
#include "seal/seal_spec.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum OptionId {
    OPTION_NAME = 1 << 0,
    OPTION_WITH_KEY = 1 << 1,
    OPTION_TPM_DEVICE = 1 << 2,
    OPTION_TPM_PCRS = 1 << 3,
    OPTION_TIMESTAMP = 1 << 4,
    OPTION_NOT_AFTER = 1 << 5,
    OPTION_NEWLINE = 1 << 6,
    OPTION_FORMAT = 1 << 7,
    OPTION_STORE = 1 << 8,
    OPTION_ALLOW_NULL = 1 << 9,
    OPTION_JSON = 1 << 10,
    OPTION_PUBLIC_KEY = 1 << 11,
    OPTION_PUBLIC_KEY_PCRS = 1 << 12,
    OPTION_SIGNATURE = 1 << 13,
    OPTION_FOR_SYSTEMD = 1 << 14,
    OPTION_UID = 1 << 15,
    OPTION_HOST = 1 << 16,
    OPTION_FORM = 1 << 17,
    OPTION_FRESH_KEY = 1 << 18,
    OPTION_SHARE_KEY = 1 << 19,
    OPTION_NO_ASK = 1 << 20,
    OPTION_METRICS = 1 << 21,
    OPTION_LINES = 1 << 22,
    OPTION_FOLLOW = 1 << 23,
    OPTION_DRY_RUN = 1 << 24,
    OPTION_GENERATE = 1 << 25,
    OPTION_EXPIRY = 1 << 26,
    OPTION_DELIVERY = 1 << 27,
    OPTION_SERVICE = 1 << 28,
    OPTION_ON_CHANGE = 1 << 29,
    OPTION_FIX = 1 << 30,
    OPTION_PRETTY = 1L << 31,
    OPTION_NO_LEGEND = 1L << 32,
    OPTION_HISTORY = 1L << 33,
    OPTION_BACK = 1L << 34,
    OPTION_FORGET = 1L << 35,
    OPTION_ALL = 1L << 36,
    OPTION_REPLACE = 1L << 37,
    OPTION_SINCE = 1L << 38,
    OPTION_FROM = 1L << 39,
    OPTION_IDENTITY = 1L << 40,
    OPTION_CHECK = 1L << 41,
    OPTION_AFTER_UPDATE = 1L << 42,
    OPTION_FULL = 1L << 43,
    OPTION_METRICS_FILE = 1L << 44,
    OPTION_REPOSITORY = 1L << 45,
    OPTION_AS = 1L << 46,
    OPTION_TO = 1L << 47,
    OPTION_RECIPIENTS = 1L << 48,
    OPTION_ENDORSEMENT = 1L << 49, /* four of them */
    OPTION_SIGNERS = 1L << 51,
    OPTION_THRESHOLD = 1L << 52,
    OPTION_CONFIRM = 1L << 50,
    OPTION_KEY = 1L << 53,
    OPTION_RENEW = 1L << 54,
    OPTION_FLEET = 1L << 55,
    OPTION_EXTRACT = 1L << 56,
    OPTION_PROTECTION = 1L << 57, /* three of them */
    OPTION_PROVE = 1L << 58,
    OPTION_PROVED = 1L << 59,
    OPTION_WAVE = 1L << 60,
    OPTION_WAIT = 1L << 61,
    OPTION_TOLERATE = 1L << 62,
} OptionId;

/* The options of the verbs that seal for this host. */
#define OPTIONS_SEAL                                                                               \
    (OPTION_WITH_KEY | OPTION_FOR_SYSTEMD | OPTION_TPM_DEVICE | OPTION_TPM_PCRS |                  \
     OPTION_PUBLIC_KEY | OPTION_PUBLIC_KEY_PCRS | OPTION_FRESH_KEY | OPTION_NOT_AFTER)

/* Of .key_types: host key and TPM, as far as they are there. */
#define KEY_TYPES_AUTO (-1)

/* The formats that import reads. Those from IMPORT_SOPS on are encrypted. */
typedef enum ImportFormat {
    IMPORT_AUTO,
    IMPORT_DOTENV,
    IMPORT_JSON,
    IMPORT_YAML,
    IMPORT_SOPS,
    IMPORT_AGE,
    IMPORT_SYSTEMD_CREDS,
} ImportFormat;

typedef enum JsonMode { JSON_OFF, JSON_SHORT, JSON_PRETTY } JsonMode;

typedef enum Tristate { TRISTATE_AUTO = -1, TRISTATE_NO, TRISTATE_YES } Tristate;

typedef struct Options {
    uint64_t given;        /* OptionId bits */
    const char *names[64]; /* by bit: what it was given as, since several options may share one */
    SealSpec seal;         /* see spec_to_seal() for what is not set here */
    int key_types;         /* --with-key=: KeyTypes, or KEY_TYPES_AUTO */
    Tristate newline;      /* --newline= */
    const char *store;     /* --store[=PATH]; NULL if not given */
    ImportFormat from;     /* --from= */
    const char *identity;  /* --identity=; NULL if not given */
    JsonMode json;         /* --json= */
    const char **hosts;    /* --host=, each a file; NULL if not given */
    size_t host_count;
    bool pretty;                 /* --pretty */
    bool no_legend;              /* --no-legend */
    bool full;                   /* --full */
    bool no_pager;               /* --no-pager */
    bool no_ask;                 /* --no-ask */
    bool rollback_protection;    /* --rollback-protection */
    bool no_rollback_protection; /* --no-rollback-protection */
    bool accept_rollback;        /* --accept-rollback */
    bool prove;                  /* --prove */
    bool proved;                 /* --proved */
    const char *ek_ca;           /* --ek-ca=; NULL if not given, as the next three */
    const char *ek;              /* --ek= */
    const char *ek_list;         /* --ek-list= */
    const char *ek_certificate;  /* --ek-certificate= */
    bool metrics;                /* --metrics */
    const char *metrics_file;    /* --metrics-file=; NULL if not given */
    const char *repository;      /* --repository= */
    const char *as;              /* --as=; NULL if not given */
    const char *to;              /* --to=; NULL if not given */
    const char *recipients;      /* --recipients=; NULL if not given */
    const char *signers;         /* --signers=; NULL if not given */
    unsigned threshold;          /* --threshold=; 0 if not given */
    const char *key;             /* --key=; NULL if not given */
    bool renew;                  /* --renew */
    const char *confirm;         /* --confirm=; NULL if not given */
    const char *fleet;           /* --fleet=; NULL if not given */
    const char *extract;         /* --extract=; NULL if not given */
    unsigned wave;               /* --wave=, percent; 0 if not given */
    bool wait;                   /* --wait */
    uint64_t wait_usec;          /* --wait=; USEC_INFINITY without a time */
    unsigned tolerate;           /* --tolerate=, percent */
    bool fix;                    /* --fix */
    bool after_update;           /* --after-update */
    unsigned lines;              /* --lines=; 0 for all */
    bool follow;                 /* --follow */
    uint64_t since;              /* --since=, in µs; 0 if not given */
    bool dry_run;                /* --dry-run */
    bool replace;                /* --replace */
    Recipe generate;             /* --generate=, if it is given */
    bool expiry;                 /* --expiry */
    bool check;                  /* --check */
    bool history;                /* --history */
    bool all;                    /* --all */
    bool forget;                 /* --forget */
    unsigned back;               /* --back=; 0 if it is not given */
    PolicyDelivery delivery;     /* --delivery=, --live */
    PolicyChange on_change;      /* --on-change= */
    const char *services[LIMIT_POLICY_SERVICES]; /* --service=, each once */
    unsigned service_count;
    char **command;         /* the arguments after "--", a part of all; NULL without "--" */
    const HostConfig *host; /* the host's configuration */
    const char *host_fault; /* why there is none, and .host has the defaults; else NULL */
    bool help, version;
} Options;

/* Parses ARGC/ARGV; options may stand anywhere. NOW is for relative times, HOST, which is borrowed,
 * for what is not given. RET_INDEX is the first argument that is no option. OUTCOME_USAGE, for the
 * first mistake, which REASON explains; RET then has the other options. */
int options_parse(int argc, char **argv, uint64_t now, const HostConfig *host, Reason *reason,
                  Options *ret, int *ret_index);

void options_done(Options *options); /* for _cleanup_ */

/* Prints the rows of the options in SET. */
void options_print_help(uint64_t set);

/* The name, such as "host" for OPTION_HOST, of an option in SET that was given; "?" if none was. */
const char *option_given(const Options *options, uint64_t set);

/* The bit of the option whose name is the first LENGTH bytes of NAME; 0 if there is none. */
uint64_t option_bit(const char *name, size_t length);
