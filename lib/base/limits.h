/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The limits, each with its unit and its source: of what others send, store or ask for, and of how
 * long we wait for them. Each has a mutation (tests/mutations). A size that follows from a format
 * is in the module of that format.
 */

#include <stddef.h>
#include <stdint.h>

/* --- credentials (systemd: CREDENTIAL_SIZE_MAX, CREDENTIAL_ENCRYPTED_SIZE_MAX) --- */

/* Plaintext, bytes. All credentials of a unit together, including ids, have the same limit. */
#define LIMIT_PLAINTEXT_BYTES       ((size_t)1024 * 1024)
/* A sealed credential in binary form, bytes. */
#define LIMIT_SEALED_BYTES          (LIMIT_PLAINTEXT_BYTES + (size_t)128 * 1024)
/* A credential file in base64, bytes: 4/3 of the above, with room for line breaks. */
#define LIMIT_FILE_BYTES            (LIMIT_SEALED_BYTES * 3 / 2)
/* TPM blob, PCR policy key and pinned SRK in a header, bytes each (systemd:
 * CREDENTIAL_FIELD_SIZE_MAX). */
#define LIMIT_FIELD_BYTES           ((size_t)16 * 1024)

/* A file with signatures of PCR policies, bytes. One with a hundred entries has 80 KiB. */
#define LIMIT_SIGNATURE_BYTES       ((size_t)1024 * 1024)

/* --- refusals: the protocol has no error reply --- */

/* Size of a refusal, bytes: more than the credentials of a unit may have, so that the service
 * manager fails the unit (status=243/CREDENTIALS). */
#define LIMIT_REFUSAL_BYTES         (LIMIT_PLAINTEXT_BYTES + (size_t)64 * 1024)
/* The same for programs other than the service manager: more than systemd's programs read of any
 * file (READ_FULL_BYTES_MAX, 64 MiB), so that systemd-nspawn --load-credential=ID:SOCKET fails. */
#define LIMIT_FOREIGN_REFUSAL_BYTES ((size_t)65 * 1024 * 1024)

/* --- store --- */

/* Machines in the store. */
#define LIMIT_MACHINES              ((size_t)65536)
/* Credentials of one machine in the store. */
#define LIMIT_MACHINE_ENTRIES       ((size_t)4096)
/* Changes of one commit, and its new files together, bytes. */
#define LIMIT_COMMIT_CHANGES        ((size_t)4096)
#define LIMIT_COMMIT_BYTES          ((size_t)64 * 1024 * 1024)
/* Earlier values that are kept of a credential, at most. */
#define LIMIT_HISTORY               9U
/* How many of their sealed keys the TPM tries to unseal, at up to 10 s each, before we make a fresh
 * key. */
#define LIMIT_SHARED_KEYS           4U

/* --- policy --- */

/* A policy file, bytes. */
#define LIMIT_POLICY_BYTES          ((size_t)1024 * 1024)
/* Credentials of a machine. The nspawn wrapper has the same limit. */
#define LIMIT_POLICY_CREDENTIALS    ((size_t)1024)
/* Drop-ins of a machine's policy. */
#define LIMIT_POLICY_DROP_INS       ((size_t)256)
/* Inner services of a credential. */
#define LIMIT_POLICY_SERVICES       ((size_t)256)
/* Size of a template, bytes, and its number of placeholders. */
#define LIMIT_TEMPLATE_BYTES        ((size_t)64 * 1024)
#define LIMIT_TEMPLATE_PLACEHOLDERS ((size_t)64)
/* Credentials involved in one request: ingredients, their ingredients, shares, and so on. */
#define LIMIT_REQUEST_INGREDIENTS   ((size_t)64)
/* Longest chain of templates and shares. */
#define LIMIT_REQUEST_DEPTH         8
/* Length of a generated secret, characters or bytes; and its minimum of randomness, bits. */
#define LIMIT_RECIPE_LENGTH         ((size_t)1024)
#define LIMIT_RECIPE_BITS           64
/* Machines whose policies are cached. */
#define LIMIT_POLICIES              ((size_t)64)

/* --- configuration --- */

/* nspawn-creds.conf, bytes, and a path or name in it. */
#define LIMIT_CONFIG_BYTES          ((size_t)64 * 1024)
#define LIMIT_CONFIG_VALUE_BYTES    ((size_t)1024)

/* --- control --- */

/* A varlink message, bytes. One that stores a credential contains its file. */
#define LIMIT_FRAME_BYTES           (LIMIT_FILE_BYTES + (size_t)64 * 1024)
/* All replies to one call that a client reads, bytes. 100,000 listed credentials have 20 to 40 MiB.
 */
#define LIMIT_REPLIES_BYTES         ((size_t)64 * 1024 * 1024)
/* Nesting of values in such a message. */
#define LIMIT_JSON_DEPTH            16
/* A call without a reply fails after this time, seconds. */
#define LIMIT_CALL_SECONDS          30
/* The same for Commit: longer than LIMIT_CHILD_USEC for an earlier commit and for this one, so that
 * no caller gives up on a commit that then succeeds. */
#define LIMIT_COMMIT_SECONDS        150
/* Open control connections. Beyond that, the one that has been idle longest is closed. */
#define LIMIT_CONTROLS              64U
/* How long a message may take to arrive, and a reply to be read, µs. */
#define LIMIT_CONTROL_USEC          ((uint64_t)30 * 1000 * 1000)
/* Children of the broker that read the store for control connections; further ones wait. A fourth
 * reader searches it for requests. */
#define LIMIT_READERS               3U
/* A child that changes or reads the store and says nothing for this long, µs, is killed. Longer
 * than LIMIT_LOCK_USEC, and than a slow disk takes for a commit. */
#define LIMIT_CHILD_USEC            ((uint64_t)60 * 1000 * 1000)
/* Calls of one connection in a row. Further calls wait until no other connection has any. */
#define LIMIT_CONTROL_CALLS         4U

/* --- rotating --- */

/* A job of a container's service manager, seconds: more than the default timeouts for stopping and
 * starting a unit (90 s each). And how often we say that we are waiting. */
#define LIMIT_JOB_SECONDS           300U
#define LIMIT_JOB_WORDS_SECONDS     10U

/* The time that a container which boots may take until its D-Bus answers, seconds. Nothing has
 * changed by then. */
#define LIMIT_BOOT_SECONDS          60U

/* --- importing --- */

/* A file of other programs' secrets, bytes. All credentials that a unit receives have less. */
#define LIMIT_IMPORT_BYTES          ((size_t)4 * 1024 * 1024)

/* --- TPM --- */

/* How long an operation retries, in total, while the TPM asks for retries, µs. Self-tests, and
 * pauses that protect a chip's memory, take some seconds. */
#define LIMIT_TPM_PATIENCE_USEC     ((uint64_t)10 * 1000 * 1000)

/* How long a writer waits for another writer's lock, µs, and the interval of its attempts. The lock
 * is held while files are written, never while the TPM works. */
#define LIMIT_LOCK_USEC             ((uint64_t)5 * 1000 * 1000)
/* The writer of a temporary file that is older than this, seconds, was killed. */
#define LIMIT_LEFTOVER_SECONDS      600
#define LIMIT_LOCK_STEP_USEC        ((uint64_t)10 * 1000)
/* How often a reader starts again because a machine's directory was replaced in the meantime. */
#define LIMIT_STORE_LOOKS           64U

/* --- names --- */

/* A machine name, bytes without the NUL (HOST_NAME_MAX). */
#define LIMIT_MACHINE_BYTES         ((size_t)64)
/* A credential id, bytes without the NUL (a file name, NAME_MAX, with room for ".cred"). */
#define LIMIT_ID_BYTES              ((size_t)250)
/* A name sealed inside a credential, bytes without the NUL (systemd: NAME_MAX). */
#define LIMIT_SEALED_NAME_BYTES     ((size_t)255)
/* Unit name and credential id together, bytes: the room for them in the service manager's peer
 * address, in the 108 bytes of sun_path. One byte more fails 15 times out of 16. */
#define LIMIT_UNIT_AND_ID_BYTES     ((size_t)83)
/* For systemd-nspawn@MACHINE.service: machine and id together, bytes. */
#define LIMIT_MACHINE_AND_ID_BYTES                                                                 \
    (LIMIT_UNIT_AND_ID_BYTES - (sizeof("systemd-nspawn@.service") - 1))

/* --- fleets --- */

/* A fleet's name, bytes without the NUL. */
#define LIMIT_FLEET_NAME_BYTES    ((size_t)32)
/* A statement, bytes. It has less than half of this. */
#define LIMIT_STATEMENT_BYTES     ((size_t)1024)
/* The name of a host in a fleet, bytes without the NUL. */
#define LIMIT_FLEET_HOST_BYTES    ((size_t)63)
/* The highest sequence: the integers that every JSON parser can represent. */
#define LIMIT_FLEET_SEQUENCE      ((UINT64_C(1) << 53) - 1)
/* Hosts of a fleet: a power of two, which bounds the path from a host's manifest to the root. */
#define LIMIT_FLEET_HOSTS         (UINT64_C(1) << 20)

/* A secret's name in a fleet, bytes without the NUL. */
#define LIMIT_FLEET_SECRET_BYTES  ((size_t)128)
/* fleet.json, bytes. A secret has 100 to 200, and each host that it names 10 more. */
#define LIMIT_FLEET_FILE_BYTES    ((size_t)16 * 1024 * 1024)

/* A signature's text, bytes. One by an RSA key of 16384 bits, which does not count, has 6000. */
#define LIMIT_SSH_SIGNATURE_BYTES ((size_t)8 * 1024)
/* A file of allowed signers, bytes. A line has 100 to 300. */
#define LIMIT_SIGNERS_BYTES       ((size_t)64 * 1024)
/* A signer's name, bytes without the NUL. */
#define LIMIT_PRINCIPAL_BYTES     ((size_t)128)

/* Signatures in a bundle. */
#define LIMIT_FLEET_SIGNATURES    ((size_t)16)
/* A host's manifest, bytes. A credential has about 150. */
#define LIMIT_MANIFEST_BYTES      ((size_t)1024 * 1024)
/* A bundle, bytes: the manifest in base64, the statement, as many signatures, and the path. */
#define LIMIT_BUNDLE_BYTES        (LIMIT_MANIFEST_BYTES * 3 / 2)

/* The list of credentials that changed, bytes. One has up to 220. */
#define LIMIT_VALUE_CHANGES_BYTES ((size_t)1024 * 1024)

/* Servers of an etcd that a courier tries in turn. */
#define LIMIT_CARRIER_ENDPOINTS   ((size_t)8)
/* How long a transfer from or to a carrier may take, seconds, and how long a server may take to
 * accept the connection, and then send nothing. At 6 KB/s the largest file arrives in this time. */
#define LIMIT_CARRIER_SECONDS     300L
#define LIMIT_CARRIER_STALL       30L
/* The least that it has to send in that time, bytes a second: one byte now and then would keep the
 * courier until LIMIT_CARRIER_SECONDS. */
#define LIMIT_CARRIER_SPEED       100L
/* Redirections that a courier follows. */
#define LIMIT_CARRIER_REDIRECTS   3L
/* All header lines of an answer, bytes. */
#define LIMIT_CARRIER_HEADERS     ((size_t)32 * 1024)
/* The longest pause after failures, µs. */
#define LIMIT_CARRIER_PAUSE_USEC  ((uint64_t)15 * 60 * 1000 * 1000)

/* Those who can open the master copies of a fleet's secrets, and the file of them, bytes. */
#define LIMIT_RECIPIENTS          ((size_t)64)
#define LIMIT_RECIPIENTS_BYTES    ((size_t)64 * 1024)
/* A master copy, encrypted, bytes. age adds up to 1 KiB per recipient, and 16 bytes per 64 KiB. */
#define LIMIT_MASTER_BYTES        (LIMIT_PLAINTEXT_BYTES + (size_t)128 * 1024)

/* Offers that the broker has refused and remembers, and for how long each is refused again without
 * another look, µs. */
#define LIMIT_REFUSED_OFFERS      8U
#define LIMIT_REFUSED_USEC        ((uint64_t)60 * 1000 * 1000)
/* Connections of couriers to the broker: one of each fleet, and some that are ending. */
#define LIMIT_COURIERS            16U
/* Files that all couriers have brought of sets that are not accepted yet, bytes: as much as one set
 * may have, so that many connections take no more memory than one. */
#define LIMIT_STAGED_BYTES        ((size_t)64 * 1024 * 1024)

/* A host's identity, bytes. systemd and we write less than 8000. */
#define LIMIT_IDENTITY_BYTES      ((size_t)64 * 1024)
/* A host's signed report, bytes. */
#define LIMIT_REPORT_BYTES        ((size_t)3 * 1024)
/* A challenge to a host that is enrolled, or its answer, bytes. A challenge has about 700 for each
 * key with an endorsement key of RSA-2048. */
#define LIMIT_ENROLMENT_BYTES     ((size_t)16 * 1024)
/* Hosts that one call of fleet enrol looks after. */
#define LIMIT_ENROLMENT_HOSTS     ((size_t)1000)

/* Jobs that changed credentials of a fleet bring a unit in a window, and the window, µs. A broker
 * that always reports changes restarts a service once a minute on average; no rollout does. */
#define LIMIT_APPLY_JOBS          60U
#define LIMIT_APPLY_WINDOW_USEC   ((uint64_t)60 * 60 * 1000 * 1000)

/* --- rollback protection --- */

/* Fleets whose sequences the state of a host has, and its text, bytes: 100 for each fleet. */
#define LIMIT_ROLLBACK_FLEETS     ((size_t)64)
#define LIMIT_ROLLBACK_BYTES      ((size_t)8 * 1024)

/* The least time between two increments of the TPM's counter, µs. A chip's memory wears out: some
 * bear 100,000 writes of one index. This makes at most 96 a day, 35,000 a year. */
#define LIMIT_ROLLBACK_USEC       ((uint64_t)15 * 60 * 1000 * 1000)
/* The pause after the TPM failed to count or to say its counter's value, µs. */
#define LIMIT_ROLLBACK_RETRY_USEC ((uint64_t)60 * 1000 * 1000)

/* --- broker --- */

/* Connections served at the same time. Further ones wait in the socket's backlog. A unit that
 * starts uses one, because the service manager loads its credentials one after the other. */
#define LIMIT_CONNECTIONS         512U
/* How many of them one peer, that is one process, may have. The service manager uses one process
 * per unit. The rest is for other peers. */
#define LIMIT_PER_PEER            (LIMIT_CONNECTIONS / 4 * 3)
/* A peer that reads nothing of its answer for this long, µs, has stalled. Its connection no longer
 * counts among LIMIT_CONNECTIONS. The other two limit stalled connections, in total and per peer.
 * Beyond that the oldest connections that are being refused are closed. */
#define LIMIT_STALL_USEC          ((uint64_t)1000 * 1000)
#define LIMIT_STALLED             256U
#define LIMIT_PEER_STALLED        32U
/* Live sockets, one per machine, and connections served at the same time: in total, and per
 * machine, because a container's root can occupy them for ever. A machine without any may always
 * have one, whatever the total. Further ones wait in the backlog of the machine's own socket, where
 * they only hurt that container. */
#define LIMIT_LIVE_SOCKETS        ((size_t)1024)
#define LIMIT_LIVE_CONNECTIONS    256U
#define LIMIT_LIVE_OF_MACHINE     8U
#define LIMIT_LIVE_BACKLOG        64
/* Secrets that live peers are reading, or do not read, bytes: all, and those of one machine. Beyond
 * that the oldest become refusals. Locked memory (LimitMEMLOCK= in the unit) must have room for
 * these and for the host's. */
#define LIMIT_UNREAD_BYTES        (16 * LIMIT_PLAINTEXT_BYTES)
#define LIMIT_UNREAD_MACHINE      (4 * LIMIT_PLAINTEXT_BYTES)
/* Live requests per machine and window, and the window, µs. Each request writes a journal entry,
 * and no container may displace all others: at this rate one container writes up to 4 GiB a day.
 * Further requests wait for the next window. A container that starts all its services needs far
 * fewer. */
#define LIMIT_LIVE_REQUESTS       3000U
#define LIMIT_LIVE_WINDOW_USEC    ((uint64_t)60 * 1000 * 1000)
/* How long a request waits for a TPM that answers nobody, µs; then it is refused. While the TPM
 * answers other requests, this one waits for its turn until the service manager gives up, after
 * TimeoutStartSec= (90 s by default). 64 keys take 192 s on a chip that needs 3 s for each; a limit
 * on the whole wait would refuse the last ones. */
#define LIMIT_REQUEST_USEC        ((uint64_t)60 * 1000 * 1000)
/* How long open requests may still take when the broker stops, µs; then they are refused. As long
 * again their peers may take to read that. Twice this is less than the unit's TimeoutStopSec=. */
#define LIMIT_DRAIN_USEC          ((uint64_t)10 * 1000 * 1000)
/* How long open requests may still take when the broker restarts, µs; then they are left to the
 * next one. New requests wait meanwhile. */
#define LIMIT_RESTART_USEC        ((uint64_t)500 * 1000)
/* How long the service manager may take to confirm that it has stored what is left, ms; then the
 * broker stays and answers it itself. */
#define LIMIT_MANAGER_MSEC        5000
/* Entries that wait for a busy journal, some hundred bytes each: as many as a boot storm produces
 * in some seconds. */
#define LIMIT_AUDIT_WAITING       4096U
/* One TPM operation, µs. The slowest chips seen take 10 s, to which LIMIT_TPM_PATIENCE_USEC may be
 * added. */
#define LIMIT_TPM_USEC            ((uint64_t)30 * 1000 * 1000)
/* How many times a connection is handed to a new worker before it is refused, because a request
 * that kills every worker must not do so for ever. At most 5, see broker/process/handover.h. */
#define LIMIT_HANDOVERS           3
/* Connections that survive the death of all of the broker's processes, see
 * broker/process/shelter.h. As many as fit into a socket's buffer. */
#define LIMIT_SHELTERED           512U
/* How long an unsealed key is cached for requests of the same burst, µs: after its last use, and in
 * total. The latter bounds how long a changed PCR or a cleared TPM has no effect. */
#define LIMIT_KEY_IDLE_USEC       ((uint64_t)10 * 1000 * 1000)
#define LIMIT_KEY_USEC            ((uint64_t)60 * 1000 * 1000)
/* Credentials whose time of expiry the broker remembers for its metrics, 328 bytes each. */
#define LIMIT_EXPIRIES            ((size_t)1024)
/* Unsealed keys in the cache; each occupies a locked page. */
#define LIMIT_KEYS                128U
