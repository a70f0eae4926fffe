/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A whole broker for tests: supervisor and worker in their own processes, on a listening socket
 * that the test holds like the service manager; and clients that bind to an address and read to the
 * end, like the service manager.
 *
 * The TPM is a function with an adjustable delay. The key that it unseals depends on the number in
 * broker_seal_with() and on every byte of the blob; a fresh key gets a new blob. It exists only
 * with a .tpm_device in the configuration. The clock can kill the worker that reads it, in the
 * middle of a request.
 */

#include "support.h"

#include "credential/kinds.h"
#include "process/config.h"

#include <stdatomic.h>
#include <sys/types.h>

/* What the test and the processes of the broker share. */
typedef struct BrokerShared {
    atomic_int worker;   /* pid of the newest worker */
    atomic_uint workers; /* how many there were */
    atomic_uint poison;  /* so many more readings of the clock kill */
    atomic_int
        audit_poison;       /* N > 0: the worker dies before its Nth stored record; < 0: after it */
    atomic_bool audit_full; /* the audit sink is full; once it is not, it says so */
    atomic_int poison_signal; /* SIGKILL by default */
    atomic_uint tpm_msec;     /* an unsealing takes this long, also one that runs */
    atomic_uint tpm_answered; /* after so many, unsealings hang; 0: none does */
    atomic_int tpm_rc;        /* and returns that */
    atomic_uint tpm_rc_key;   /* but only for the sealed key of this number; 0: for all */
    atomic_uint tpm_open_key; /* but not for that of this number; 0: for all */
    atomic_uint tpm_begun;    /* unsealings */
    atomic_uint tpm_sealed;   /* fresh keys */
    atomic_int seal_rc;       /* what their sealing returns */
    ServerConfig config;      /* of the broker that runs, which obeys changes of its times */
} BrokerShared;

typedef struct BrokerFixture {
    TestFolder folder;
    Context context;
    ServerConfig config; /* to be changed before broker_start() */
    BrokerShared *shared;
    int listener;
    int control;       /* at FOLDER/control */
    int courier;       /* at FOLDER/courier */
    pid_t supervisor;  /* 0 if none runs */
    int manager;       /* the service manager's socket, or -1 */
    bool store_full;   /* it stores nothing, and closes that a little later */
    bool store_slow;   /* it confirms nothing */
    bool manager_busy; /* it reads nothing while the broker starts */
    int manager_msec;  /* 25 s; how long the supervisor waits for it */
    int stored[256];   /* its descriptor store */
    size_t stored_count;
    int rejected[64]; /* still to be closed */
    size_t rejected_count;
} BrokerFixture;

/* A host key, an empty store, a listening socket; trusts the user of the test. */
BrokerFixture *broker_new(void);
/* Ends the broker if one runs, and removes everything. */
void broker_free(BrokerFixture *broker);
DEFINE_CLEANUP(BrokerFixture *, broker_free);

void broker_start(BrokerFixture *broker);
/* Waits for the supervisor's end; its exit status, or minus the signal. */
int broker_wait(BrokerFixture *broker);
/* SIGTERM, and the same. */
int broker_stop(BrokerFixture *broker);
/* Before broker_start(): makes the test a service manager with a descriptor store, which it serves
 * while it waits in these functions. */
void broker_manage(BrokerFixture *broker);
/* Handles what the broker has sent so far. */
void broker_serve_store(BrokerFixture *broker);
/* What `systemctl restart` does. */
void broker_restart(BrokerFixture *broker);
/* Kills the supervisor and waits for the worker's end, too: what the service manager does. */
void broker_kill_supervisor(BrokerFixture *broker);
/* Kills all of the broker's processes at the same moment. */
void broker_kill_all(BrokerFixture *broker);
/* Kills the worker, once there is another one than LAST; its pid. */
pid_t broker_kill_worker(BrokerFixture *broker, pid_t last);
/* Stops the worker (SIGSTOP), and waits until it has stopped. */
void broker_stop_worker(const BrokerFixture *broker);
/* Waits until the worker has nothing to do: what it has answered is closed. */
void broker_wait_idle(const BrokerFixture *broker);
/* Waits until the worker no longer accepts requests. */
void broker_wait_draining(const BrokerFixture *broker);
/* How many requests it has not answered. */
unsigned broker_waiting(const BrokerFixture *broker);
/* Open descriptors of the broker. */
size_t broker_descriptors(const BrokerFixture *broker);

/* Seals SIZE bytes that are different for every MACHINE and ID. */
typedef struct SealedFile {
    const char *machine;
    const char *id;
    unsigned key_types; /* KeyTypes */
    size_t size;
    const char *name;   /* sealed as; NULL: MACHINE@ID */
    uint64_t not_after; /* 0: never */
} SealedFile;

void broker_seal(BrokerFixture *broker, const SealedFile *file);
/* With the sealed key of this number, which is bound to a PCR; broker_seal() takes 0, which is not.
 */
void broker_seal_with(BrokerFixture *broker, const SealedFile *file, unsigned key);
/* The path of a file in the store. */
const char *broker_file(const BrokerFixture *broker, const char *machine, const char *id);

/* How many audit records begin with WORDS. A record is a line of verdict, outcome, reason,
 * MACHINE@ID and "of PID", the peer's. */
unsigned broker_records(const BrokerFixture *broker, const char *words);

typedef enum Answer {
    ANSWER_RIGHT,   /* the secret, the whole secret and nothing else */
    ANSWER_REFUSED, /* more than a unit may have */
    ANSWER_EMPTY,
    ANSWER_WRONG, /* truncated, foreign or with something behind it */
    ANSWER_NONE,  /* no end within 25 s */
    _ANSWER_MAX,
} Answer;

/* Makes the folder for MACHINE's live socket, and waits until that is there if a broker runs. */
void broker_add_live(const BrokerFixture *broker, const char *machine);
void broker_wait_live(const char *machine);

/* Connects as the service manager for UNIT; with UNIT NULL without an address. */
int client_connect(const BrokerFixture *broker, const char *unit, const char *id);
/* The same, but it can still send. */
int client_connect_open(const BrokerFixture *broker, const char *unit, const char *id);
/* As the one in MACHINE. */
int client_connect_live(const BrokerFixture *broker, const char *machine, const char *unit,
                        const char *id);
/* Connects to the control socket. */
int client_connect_control(const BrokerFixture *broker);
/* Reads to the end and closes; MACHINE, ID and SIZE say what is expected. */
Answer client_read(int fd, const char *machine, const char *id, size_t size);
/* Both, for systemd-nspawn@MACHINE.service. */
Answer client_ask(const BrokerFixture *broker, const char *machine, const char *id, size_t size);

/* Sleeps. */
void wait_msec(unsigned msec);
