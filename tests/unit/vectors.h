/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The host that tests/vectors were sealed on: its machine id, host key, user, TPM and PCRs, and
 * how its credentials are opened there. Needs swtpm.
 */

#include "support.h"

#include "credential/open.h"
#include "swtpm.h"

#include <json-c/json.h>

typedef struct Vectors {
    Context context;
    TestFolder root;
    struct json_object *manifest; /* tests/vectors/manifest.json */
    Swtpm *swtpm;
    Tpm *tpm;
    Bytes signatures; /* of the PCR policy, for the PCRs as they are */
    UserScope alice;
} Vectors;

/* For cmocka's groups; the state is a Vectors. Ends the program if there is no swtpm. */
int vectors_set_up(void **state);
int vectors_tear_down(void **state);

/* Powers the TPM off and on, and brings the PCRs to what the vectors are sealed for. */
void vectors_restart_tpm(Vectors *vectors);

/* The path of a file of tests/vectors, until the next call; and what is in it. */
const char *vectors_path(const char *name);
Bytes vectors_read(const char *name);

/* A member that must be there. */
struct json_object *vectors_member(struct json_object *object, const char *key);
const char *vectors_text(struct json_object *object, const char *key);

/* What a vector is opened with. */
typedef struct VectorSetting {
    const Context *context;
    const char *host_key; /* path */
    Tpm *tpm;
    BytesView signatures;
    const UserScope *scope;
    const char *name;
    bool allow_unnamed, allow_null;
    uint64_t now;
} VectorSetting;

/* As it opens: by the user that it is sealed for, under the name in its entry of the manifest, at
 * TEST_NOW. */
VectorSetting vectors_setting(const Vectors *vectors, struct json_object *entry);

/* From file to plaintext, in the order of nspawn-creds decrypt. */
int vectors_open(const VectorSetting *setting, BytesView file, Reason *reason, Secret **ret);

/* The bytes that a vector holds. */
Bytes vectors_plaintext(struct json_object *entry);
