/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Every limit, in one place, each with its unit and its source.
 */

#include <stddef.h>
#include <stdint.h>

/* --- credentials (systemd: CREDENTIAL_SIZE_MAX, CREDENTIAL_ENCRYPTED_SIZE_MAX) --- */

/* Plaintext, bytes. A unit may have this much in all its credentials together, ids included. */
#define LIMIT_PLAINTEXT_BYTES       ((size_t)1024 * 1024)
/* A sealed credential in binary form, bytes. */
#define LIMIT_SEALED_BYTES          (LIMIT_PLAINTEXT_BYTES + (size_t)128 * 1024)
/* A credential file in base64, bytes: four for three, and room for line breaks. */
#define LIMIT_FILE_BYTES            (LIMIT_SEALED_BYTES * 3 / 2)
/* TPM blob, PCR policy key, pinned SRK in a header, bytes each (systemd:
 * CREDENTIAL_FIELD_SIZE_MAX). */
#define LIMIT_FIELD_BYTES           ((size_t)16 * 1024)

/* A file with signatures of PCR policies, bytes; with a hundred entries it has 80 KiB. */
#define LIMIT_SIGNATURE_BYTES       ((size_t)1024 * 1024)

/* --- store --- */

/* Machines that are looked through. */
#define LIMIT_MACHINES              ((size_t)65536)
/* Credentials of one machine that are looked through. */
#define LIMIT_MACHINE_ENTRIES       ((size_t)4096)
/* Sealed keys among them that the TPM is asked to unseal, at up to 10 s each, before there is a
 * fresh one. */
#define LIMIT_SHARED_KEYS           4U

/* --- policy --- */

/* A policy file, bytes. */
#define LIMIT_POLICY_BYTES          ((size_t)1024 * 1024)
/* Credentials of a machine; the nspawn wrapper passes on as many. */
#define LIMIT_POLICY_CREDENTIALS    ((size_t)1024)
/* Drop-ins of a machine's policy. */
#define LIMIT_POLICY_DROP_INS       ((size_t)256)
/* Inner services of a credential. */
#define LIMIT_POLICY_SERVICES       ((size_t)256)
/* A template, bytes, and the places in it. */
#define LIMIT_TEMPLATE_BYTES        ((size_t)64 * 1024)
#define LIMIT_TEMPLATE_PLACEHOLDERS ((size_t)64)
/* Credentials that take part in one: ingredients, their ingredients, what is shared, and so on. */
#define LIMIT_REQUEST_INGREDIENTS   ((size_t)64)
/* How far one leads to the next, through templates and shares. */
#define LIMIT_REQUEST_DEPTH         8
/* Characters or bytes of a generated secret, and the randomness that it has at least. */
#define LIMIT_RECIPE_LENGTH         ((size_t)1024)
#define LIMIT_RECIPE_BITS           64
/* Machines whose policies are kept in memory. */
#define LIMIT_POLICIES              ((size_t)64)

/* --- configuration --- */

/* nspawn-creds.conf, bytes, and a path or name in it. */
#define LIMIT_CONFIG_BYTES          ((size_t)64 * 1024)
#define LIMIT_CONFIG_VALUE_BYTES    ((size_t)1024)

/* --- control --- */

/* A varlink message, bytes: one that stores a credential has its file in it. */
#define LIMIT_FRAME_BYTES           (LIMIT_FILE_BYTES + (size_t)64 * 1024)
/* Values in values, in such a message. */
#define LIMIT_JSON_DEPTH            16
/* A call that is not replied to within this time, seconds, fails. */
#define LIMIT_CALL_SECONDS          30
/* Control connections at a time. For one more, the one that was idle for longest is hung up on. */
#define LIMIT_CONTROLS              64U
/* From the first byte of a message to the last, or from a reply until it is taken, µs. */
#define LIMIT_CONTROL_USEC          ((uint64_t)30 * 1000 * 1000)
/* Calls of one connection; further ones are answered when nobody else waits for anything. */
#define LIMIT_CONTROL_CALLS         4U

/* --- rotating --- */

/* A job of a container's service manager, seconds: longer than what a unit may take to stop and to
 * start by default (90 s each). And how often its waiting is worth a word. */
#define LIMIT_JOB_SECONDS           300U
#define LIMIT_JOB_WORDS_SECONDS     10U

/* --- TPM --- */

/* How long an operation waits, in all, for a TPM that asks to be asked again later, µs. Self-tests
 * and the pauses that spare a chip's memory take some seconds. */
#define LIMIT_TPM_PATIENCE_USEC     ((uint64_t)10 * 1000 * 1000)

/* How long a writer waits for another one's lock, µs, and how often it looks. It is held while
 * files are written, never while the TPM works, and the broker waits as well. */
#define LIMIT_LOCK_USEC             ((uint64_t)5 * 1000 * 1000)
#define LIMIT_LOCK_STEP_USEC        ((uint64_t)10 * 1000)
/* How often a reader looks again because a machine's directory was replaced under its hands. */
#define LIMIT_STORE_LOOKS           64U

/* --- names --- */

/* A machine name, bytes without the NUL (HOST_NAME_MAX). */
#define LIMIT_MACHINE_BYTES         ((size_t)64)
/* A credential id, bytes without the NUL (a file name, NAME_MAX, with room for ".cred"). */
#define LIMIT_ID_BYTES              ((size_t)250)
/* A name sealed inside a credential, bytes without the NUL (systemd: NAME_MAX). */
#define LIMIT_SEALED_NAME_BYTES     ((size_t)255)
/* Unit name and credential id together, bytes: what the service manager's peer address, in the 108
 * bytes of sun_path, has room for. One more fails 15 times in 16. */
#define LIMIT_UNIT_AND_ID_BYTES     ((size_t)83)
/* The same for systemd-nspawn@MACHINE.service, bytes: machine and id together. */
#define LIMIT_MACHINE_AND_ID_BYTES                                                                 \
    (LIMIT_UNIT_AND_ID_BYTES - (sizeof("systemd-nspawn@.service") - 1))

/* --- broker --- */

/* Bytes of a refusal: more than a unit may have of credentials, so that the service manager fails
 * the unit (status=243/CREDENTIALS). The protocol has no error reply. */
#define LIMIT_REFUSAL_BYTES    (LIMIT_PLAINTEXT_BYTES + (size_t)64 * 1024)
/* Connections served at a time. Further ones wait in the socket's backlog. A unit that starts has
 * one, for its credentials are asked for one after the other. */
#define LIMIT_CONNECTIONS      512U
/* Of them a peer, which is a process, may have so many. The service manager asks with one process
 * for each unit. What is left is for others. */
#define LIMIT_PER_PEER         (LIMIT_CONNECTIONS / 4 * 3)
/* A peer that takes nothing of its answer for this long, µs, is one that has stalled. It is not
 * counted among the LIMIT_CONNECTIONS any more and keeps its answer waiting. So many may: all
 * together, and of one peer. Of more, the oldest that are being refused are hung up on. */
#define LIMIT_STALL_USEC       ((uint64_t)1000 * 1000)
#define LIMIT_STALLED          256U
#define LIMIT_PEER_STALLED     32U
/* Live sockets, which is machines with one, and connections served at a time of all of them
 * together and of each, which a container's root can take for ever. Further ones wait in the
 * socket's own backlog, and those in that one's, for which root alone in the container waits. */
#define LIMIT_LIVE_SOCKETS     ((size_t)1024)
#define LIMIT_LIVE_CONNECTIONS 256U
#define LIMIT_LIVE_OF_MACHINE  8U
#define LIMIT_LIVE_BACKLOG     64
/* Live requests of one machine in so many µs. Each has its entry in the journal, from which a
 * container is not to drive out all others: 4 GiB a day is what one can write. What is above waits
 * for the next window. Far above what a container asks for when all of its services start. */
#define LIMIT_LIVE_REQUESTS    3000U
#define LIMIT_LIVE_WINDOW_USEC ((uint64_t)60 * 1000 * 1000)
/* How long a request waits for a TPM that answers nobody, µs; then it is refused. While the TPM
 * answers others it waits for its turn, for as long as its unit does: the service manager hangs up
 * when TimeoutStartSec= (90 s by default) is over. 64 keys take 192 s on a chip that needs 3 s for
 * one, and who comes last would get nothing if the wait itself were limited here. */
#define LIMIT_REQUEST_USEC     ((uint64_t)60 * 1000 * 1000)
/* What is in flight when the broker is to end gets this much time, µs; then it is refused. Less
 * than systemd's TimeoutStopSec= of 90 s. */
#define LIMIT_DRAIN_USEC       ((uint64_t)10 * 1000 * 1000)
/* Entries that wait for a journal that is busy, some hundred bytes each: as many as some seconds of
 * a boot storm make. */
#define LIMIT_AUDIT_WAITING    4096U
/* One TPM operation, µs. The slowest chips seen take 10 s, and LIMIT_TPM_PATIENCE_USEC may come to
 * that. */
#define LIMIT_TPM_USEC         ((uint64_t)30 * 1000 * 1000)
/* How often a connection is handed on to a new worker before it is refused: a request that brings
 * down every worker must not do so for ever. At most 5, see server/handover.h. */
#define LIMIT_HANDOVERS        3
/* An unsealed key is kept for requests of the same burst, µs: this long after its last use, and
 * never longer than that in all. The second is what a PCR that changes, or a TPM that is cleared,
 * takes at most to have its effect. */
#define LIMIT_KEY_IDLE_USEC    ((uint64_t)10 * 1000 * 1000)
#define LIMIT_KEY_USEC         ((uint64_t)60 * 1000 * 1000)
/* Unsealed keys kept at a time; each takes a locked page. */
#define LIMIT_KEYS             128U
