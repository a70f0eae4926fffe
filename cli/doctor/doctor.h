/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Doctor's checks and findings.
 *
 * A check examines one thing and reports any number of findings. If this user may not see
 * something, the check says so; that is not a problem. A finding may have a remedy, a shell command
 * that fixes the problem, or if no command can, advice.
 *
 * Others may have planted file names, so that these are quoted in remedies, and printed without
 * control characters. No remedy names a path in a directory that others may write to, because they
 * could swap what is there before it is run. There the remedy is doctor --fix, the only case in
 * which a check changes anything.
 */

#include "base/shell_word.h"
#include "doctor/broker_access.h"
#include "manager/manager.h"
#include "policy/policy_load.h"
#include "specs.h"
#include "store/store.h"

#include <json-c/json.h>
#include <sys/types.h>

typedef enum DoctorLevel {
    DOCTOR_OK,
    DOCTOR_FIXED,
    DOCTOR_UNSEEN, /* could not be checked */
    DOCTOR_WARNING,
    DOCTOR_PROBLEM,
    _DOCTOR_LEVEL_MAX,
} DoctorLevel;

typedef struct DoctorFinding {
    DoctorLevel level;
    const char *check; /* the check's name, borrowed */
    bool of_machine;   /* not of the whole host */
    char *words;
    char *remedy; /* a command, or NULL */
    char *advice; /* a sentence, or NULL */
} DoctorFinding;

/* A machine that has a policy or something in the store, and the unit that starts it. */
typedef struct DoctorMachine {
    char name[LIMIT_MACHINE_BYTES + 1];
    bool wanted;    /* to be checked; others are listed because policies share with them */
    bool stored;    /* the store has a directory of it */
    Policy *policy; /* NULL if it has none, or an invalid one */
    int policy_rc;  /* what policy_load() returned */
    PolicyFault fault;
    char unit[MANAGER_UNIT_BYTES];
    ManagerUnit state;
    ManagerService service;
    int unit_rc; /* if it is not 0, nothing is known of the unit */
    Reason unit_reason;
} DoctorMachine;

typedef struct Doctor {
    const Context *context;
    Options options;
    const char *machine; /* the only one to check; NULL: all */
    bool why;            /* show only what is wrong with it */
    Unsealer unsealer;
    Manager *manager;           /* NULL: it cannot be reached */
    char **images;              /* of containers; NULL: not asked for yet, or */
    bool images_unknown;        /* systemd-machined does not answer */
    Store *store;               /* NULL: it cannot be opened */
    struct json_object *status; /* the broker's status; NULL: it does not answer */
    DoctorMachine *machines;
    size_t machine_count;
    size_t foreign;    /* credentials that another TPM has sealed */
    const char *check; /* the name of the running check */
    bool of_machine;   /* the running check is of one machine */
    DoctorFinding *findings;
    size_t count;
} Doctor;

/* Runs all checks. .context, .options, .machine and .why are set. OUTCOME_USAGE if nothing is known
 * of the machine; -ENOMEM. */
int doctor_examine(Doctor *doctor, Reason *reason);
void doctor_done(Doctor *doctor); /* for _cleanup_ */

/* Print the findings, with their counts at the end, or return them as a JSON array. */
void doctor_print(const Doctor *doctor);
struct json_object *doctor_to_json(const Doctor *doctor);
size_t doctor_count(const Doctor *doctor, DoctorLevel level);

/* Adds a finding. Ends the program if there is no memory. */
void doctor_say(Doctor *doctor, DoctorLevel level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Add a remedy or advice to the last finding. */
void doctor_remedy(Doctor *doctor, const char *format, ...) __attribute__((format(printf, 2, 3)));
void doctor_advice(Doctor *doctor, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The right owner, group and mode of NAME in the directory PARENT. */
typedef struct DoctorOwnership {
    int parent;
    const char *name;
    mode_t type; /* S_IFDIR, or S_IFREG for a file with one name that not everybody may write to */
    uid_t uid;   /* (uid_t)-1 to leave it */
    gid_t gid;
    mode_t mode; /* 0 to leave it */
} DoctorOwnership;

/* Fixes something. Returns 0, an outcome or a negative errno. */
typedef int (*DoctorFix)(Doctor *doctor, const DoctorOwnership *wanted, Reason *reason);

/* Has FIX deal with the last finding if --fix is given and the administrator agrees to WHAT, a
 * sentence such as "Remove it" without its full stop; otherwise the remedy is doctor --fix. Returns
 * whether it is fixed now. */
bool doctor_fix(Doctor *doctor, const char *what, DoctorFix fix, const DoctorOwnership *wanted);

int doctor_fix_ownership(Doctor *doctor, const DoctorOwnership *wanted, Reason *reason);

/* The same for a machine's directory of live sockets; also restarts the broker with a new one. */
int doctor_fix_live(Doctor *doctor, const DoctorOwnership *wanted, Reason *reason);

/* Completes or removes the commit that a killed command has left. WANTED is not used. */
int doctor_fix_leftovers(Doctor *doctor, const DoctorOwnership *wanted, Reason *reason);

/* Returns PROBLEM, or UNSEEN if RC means that this user may not look. */
DoctorLevel doctor_level(int rc);

/* NULL if there is none of this name. */
DoctorMachine *doctor_machine(const Doctor *doctor, const char *name);

/* Whether the unit of MACHINE is one that can start it; otherwise "units" has reported it. */
bool doctor_has_unit(const DoctorMachine *machine);

/* Reports a file that the broker cannot read. */
void doctor_say_access(Doctor *doctor, const BrokerAccess *access);

/* Where units ask the broker for credentials. */
#define BROKER_SOCKET "/run/nspawn-creds/broker"

/* The file of SERVICE, a unit of this host, that decides whether the list KEY, such as
 * "LoadCredential", has an element that begins with WORD: the last one that SETS it, or that
 * empties the list after another file has set it. Borrowed; NULL if the files have it the other
 * way. */
const char *doctor_find_drop_in(const ManagerService *service, const char *key, const char *word,
                                bool sets);

/* Adds advice to the last finding, which names a drop-in that empties the list KEY. */
void doctor_advise_emptied(Doctor *doctor, const char *key);

/* Adds a remedy to the last finding: reload the units, which runs the generator. */
void doctor_remedy_reload(Doctor *doctor);

/* --- the checks, of the host and of each machine --- */

void doctor_systemd(Doctor *doctor);
void doctor_memory(Doctor *doctor);
void doctor_user(Doctor *doctor);
void doctor_config(Doctor *doctor);
void doctor_journal(Doctor *doctor);
void doctor_host_key(Doctor *doctor);
void doctor_tpm(Doctor *doctor);
void doctor_sockets(Doctor *doctor);
void doctor_broker(Doctor *doctor);
void doctor_store(Doctor *doctor);
void doctor_fleets(Doctor *doctor);
void doctor_rollback(Doctor *doctor);
void doctor_unopened(Doctor *doctor);
void doctor_update(Doctor *doctor);
void doctor_policy(Doctor *doctor, const DoctorMachine *machine);
void doctor_unit(Doctor *doctor, const DoctorMachine *machine);
void doctor_container(Doctor *doctor, const DoctorMachine *machine);
void doctor_live(Doctor *doctor, const DoctorMachine *machine);
void doctor_credentials(Doctor *doctor, const DoctorMachine *machine);
void doctor_copy(Doctor *doctor); /* after doctor_credentials() */

/* The part of it that asks the broker: reports what the broker would refuse, except the credentials
 * whose index in the policy is in REPORTED. Returns whether it would deliver everything else. */
bool doctor_ask_broker(Doctor *doctor, const DoctorMachine *machine, const bool *reported);
