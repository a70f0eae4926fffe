/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Fake service managers of containers: a process for each connection, which speaks D-Bus like
 * systemd, and misbehaves as a test wants. The test is linked with -Wl,--wrap, so that
 * sd_bus_open_system_machine() and sd_machine_get_class() lead to them.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

enum { FAKE_UNITS = 6, FAKE_MACHINES = 3 };

typedef struct FakeUnit {
    const char *name;
    const char *active;       /* NULL: "active" */
    const char *job_result;   /* NULL: "done" */
    const char *after_active; /* its ActiveState after its job; NULL: as before */
    const char *after_result; /* NULL: "success" */
    unsigned dies_after;      /* it restarts after so many checks after its job; 0: never */
    bool refreshes;
    bool never_ends;      /* its job never ends */
    bool recovers;        /* its second job succeeds */
    unsigned char starts; /* how often it was started before */
    const char *error;    /* the manager's error for every question about it */
} FakeUnit;

typedef struct FakeManager {
    const char *machine;
    const char *version; /* NULL: "257" */
    unsigned boots;      /* its D-Bus cannot be reached so often at first */
    unsigned delay_msec; /* before each reply, on fake_managers_clock if there is one */
    bool floods;         /* with signals of other jobs, from the first job on */
    int tells; /* a descriptor that gets a byte once a job or the flood is under way; 0: none */
    FakeUnit units[FAKE_UNITS]; /* up to one without a name */
} FakeManager;

/* Those that run from now on: COUNT of them, which are copied. */
void fake_managers_start(const FakeManager *managers, size_t count);

/* Their clock, µs, in memory that they share; NULL: the real one. */
extern atomic_ullong *fake_managers_clock;

/* Whether all of them wait: nothing more comes from them than what they have sent. */
bool fake_managers_idle(void);

/* All jobs that they were asked for, in order: "web TryRestartUnit app.service; …". */
const char *fake_managers_log(void);

/* Ends all, and forgets the log. */
void fake_managers_stop(void);
