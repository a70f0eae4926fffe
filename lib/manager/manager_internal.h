/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Shared by manager.c (the connection, all waiting, and actions) and manager_units.c (questions
 * about units).
 */

#include "manager/manager.h"

#include <systemd/sd-bus.h>

#define SYSTEMD      "org.freedesktop.systemd1"
#define SYSTEMD_PATH "/org/freedesktop/systemd1"
#define MANAGER      SYSTEMD ".Manager"

struct Manager {
    char name[128]; /* "the service manager of web" */
    const char *machine;
    sd_bus *bus;
    const Observer *observer; /* or NULL */
    int stop;
    uint64_t end;    /* when all waiting ends, monotonic_usec() */
    const char *job; /* the D-Bus path of the job we wait for, or NULL */
    bool job_ended;
    char job_result[MANAGER_WORD_BYTES];
    Reason why; /* the cause of the last call's failure */
};

typedef struct ManagerMethod {
    const char *destination, *path, *interface, *name;
    uint64_t usec; /* the call's timeout; 0 for libsystemd's */
} ManagerMethod;

#define MANAGER_METHOD(name) (&(ManagerMethod){SYSTEMD, SYSTEMD_PATH, MANAGER, name, 0})

/* Calls METHOD with arguments of these D-Bus TYPES. RET may be NULL. Returns 0 or a negative errno,
 * as in manager.h, with its cause in .why. */
int manager_call(Manager *manager, const ManagerMethod *method, sd_bus_message **ret,
                 const char *types, ...);

/* Sets REASON to DOING, UNIT and the cause: .why, or RC's text if that is empty. Returns RC. */
int manager_failed(const Manager *manager, int rc, const char *doing, const char *unit,
                   Reason *reason);

/* Copies the letters, digits and "-" of a container's WORD, which may contain anything. */
void manager_copy_word(const char *word, char text[MANAGER_WORD_BYTES]);
