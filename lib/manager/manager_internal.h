/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the two files of the manager share: manager.c has the connection, all waiting, and actions;
 * manager_units.c has the questions about units.
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
    uint64_t end;    /* of all waiting, monotonic_usec() */
    const char *job; /* the path of the one that is waited for, or NULL */
    bool job_ended;
    char job_result[MANAGER_WORD_BYTES];
};

typedef struct ManagerMethod {
    const char *destination, *path, *interface, *name;
    uint64_t usec; /* that it may take; 0: as long as in libsystemd */
} ManagerMethod;

#define MANAGER_METHOD(name) (&(ManagerMethod){SYSTEMD, SYSTEMD_PATH, MANAGER, name, 0})

/* Calls METHOD with arguments of these D-Bus TYPES. WHY, which may be NULL, says what went wrong;
 * RET may be NULL. A negative errno, as in manager.h. */
int manager_call(Manager *manager, const ManagerMethod *method, Reason *why, sd_bus_message **ret,
                 const char *types, ...);

/* Says in REASON that RC came of DOING something with UNIT, and WHY. Returns RC. */
int manager_failed(int rc, const char *doing, const char *unit, const Reason *why, Reason *reason);

/* A container's words are no good for a terminal as they are: letters, digits and "-" alone. */
void manager_copy_word(const char *word, char text[MANAGER_WORD_BYTES]);
