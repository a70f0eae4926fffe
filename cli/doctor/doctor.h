/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What doctor looks at, and what it finds.
 *
 * A check is a function that looks at one thing and says what it found, in as many findings as
 * there is to say. It changes nothing. What this user may not look at is said as such, and is no
 * problem. A finding may have a remedy, a command for a shell that mends it, or where no command
 * can, advice.
 *
 * Names of files that others may have planted get into remedies in quotes, and into words without
 * control characters.
 */

#include "manager/manager.h"
#include "policy/policy_load.h"
#include "specs.h"
#include "store/store_installed.h"

#include <json-c/json.h>
#include <sys/types.h>

typedef enum DoctorLevel {
    DOCTOR_OK,
    DOCTOR_UNSEEN, /* could not be looked at */
    DOCTOR_WARNING,
    DOCTOR_PROBLEM,
    _DOCTOR_LEVEL_MAX,
} DoctorLevel;

typedef struct DoctorFinding {
    DoctorLevel level;
    const char *check; /* the check's name, borrowed */
    char *words;
    char *remedy; /* a command, or NULL */
    char *advice; /* a sentence, or NULL */
} DoctorFinding;

/* A machine that has a policy or something in the store. */
typedef struct DoctorMachine {
    char name[LIMIT_MACHINE_BYTES + 1];
    bool wanted;    /* to be looked at; others are here since policies share of them */
    Policy *policy; /* NULL if it has none, or a bad one */
    int policy_rc;  /* what policy_load() returned */
    PolicyFault fault;
} DoctorMachine;

typedef struct Doctor {
    const Context *context;
    Options options;
    const char *machine; /* the only one that is looked at; NULL: all */
    Unsealer unsealer;
    Manager *manager;           /* NULL: it cannot be reached */
    Store *store;               /* NULL: it cannot be opened */
    struct json_object *status; /* the broker's; NULL: it does not answer */
    DoctorMachine *machines;
    size_t machine_count;
    const char *check; /* that runs */
    DoctorFinding *findings;
    size_t count;
} Doctor;

/* The next finding. Ends the program if there is no memory. */
void doctor_say(Doctor *doctor, DoctorLevel level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* About the last finding. */
void doctor_remedy(Doctor *doctor, const char *format, ...) __attribute__((format(printf, 2, 3)));
void doctor_advice(Doctor *doctor, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* PROBLEM, or UNSEEN if RC is that this user may not look. */
DoctorLevel doctor_level(int rc);

/* Whether the broker, which is neither root nor the owner, may read the file; a problem if not. */
bool doctor_check_readable(Doctor *doctor, const char *path);

/* TEXT as one word for a shell. */
typedef struct DoctorWord {
    char text[2048];
} DoctorWord;
DoctorWord doctor_quote(const char *text);

/* Room for the name of a machine's unit. */
#define DOCTOR_UNIT_BYTES ((size_t)128)

/* The unit that starts MACHINE: systemd's own, or nixpkgs' where there is one. */
int doctor_find_unit(Doctor *doctor, const char *machine, Reason *reason,
                     char ret_name[DOCTOR_UNIT_BYTES], ManagerUnit *ret_state,
                     ManagerService *ret_service);

/* Of the last finding: have the units read anew, and the generator run. */
void doctor_remedy_reload(Doctor *doctor);

/* --- the checks --- */

void doctor_systemd(Doctor *doctor);
void doctor_memory(Doctor *doctor);
void doctor_user(Doctor *doctor);
void doctor_config(Doctor *doctor);
void doctor_host_key(Doctor *doctor);
void doctor_tpm(Doctor *doctor);
void doctor_sockets(Doctor *doctor);
void doctor_broker(Doctor *doctor);
void doctor_store(Doctor *doctor);
void doctor_policies(Doctor *doctor);
void doctor_units(Doctor *doctor);
void doctor_live(Doctor *doctor);
void doctor_credentials(Doctor *doctor);
