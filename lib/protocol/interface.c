/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The interfaces' definitions. See interface.h.
 */

#include "protocol/interface.h"

#include "base/json.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What stands behind the methods: an error for each outcome. */
static const char broker_text[] =
    "# Credentials for containers: what the broker has, serves and does.\n"
    "# Secrets never cross this interface in clear: what is stored is sealed before.\n"
    "interface io.nspawn-creds.Broker\n"
    "\n"
    "# A credential in the store, in a policy, or in both. One that would be refused, as far as\n"
    "# it shows without a key, has a problem, the name of an outcome, and a reason.\n"
    "type Credential (\n"
    "  machine: string,\n"
    "  credential: string,\n"
    "  # When it was written to the store, in microseconds since 1970.\n"
    "  writtenUSec: ?int,\n"
    "  # What the policy says, as in its file: where the value comes from, how it is\n"
    "  # delivered, which inner units have it, and what is done with them when it changes.\n"
    "  source: ?string,\n"
    "  delivery: ?string,\n"
    "  services: ?[]string,\n"
    "  onChange: ?string,\n"
    "  # Such as host+tpm2, with the PCRs that it is sealed for, and those that are signed.\n"
    "  kind: ?string,\n"
    "  pcrs: ?[]int,\n"
    "  signedPcrs: ?[]int,\n"
    "  # Which key of the TPM's it is sealed with: those that share one say the same.\n"
    "  key: ?string,\n"
    "  # Bytes of the sealed credential, without base64.\n"
    "  size: ?int,\n"
    "  problem: ?string,\n"
    "  reason: ?string\n"
    ")\n"
    "\n"
    "# What follows from a new value, for one credential that changes with it: itself, a\n"
    "# template that it is in, or what another machine shares of it.\n"
    "type Change (\n"
    "  machine: string,\n"
    "  credential: string,\n"
    "  # boot and native: the container has the new value from its next start on.\n"
    "  delivery: string,\n"
    "  # The inner unit that is to be told, and how: restart or reload; or none.\n"
    "  unit: ?string,\n"
    "  action: string\n"
    ")\n"
    "\n"
    "# A file of Reseal. Which it replaces is said by its SHA-256, in hexadecimal.\n"
    "type Resealed (credential: string, sealed: string, was: string)\n"
    "\n"
    "# What became of a request, or a change, as in the journal.\n"
    "type Event (\n"
    "  # delivered, refused or abandoned; stored, removed, rotated, resealed or flushed\n"
    "  verdict: string,\n"
    "  outcome: string,\n"
    "  machine: ?string,\n"
    "  credential: ?string,\n"
    "  # The machine's, or with delivery \"live\" the one in it, as that says.\n"
    "  unit: ?string,\n"
    "  # boot or live, of a request\n"
    "  delivery: ?string,\n"
    "  # Which key of the TPM's opened it, or that it is sealed with.\n"
    "  key: ?string,\n"
    "  reason: ?string,\n"
    "  durationUSec: int\n"
    ")\n"
    "\n"
    "# How the broker is. What is counted is of the last uptimeUSec microseconds.\n"
    "method Status() -> (\n"
    "  version: string,\n"
    "  uptimeUSec: int,\n"
    "  store: string,\n"
    "  tpmDevice: string,\n"
    "  delivered: int,\n"
    "  refused: int,\n"
    "  abandoned: int,\n"
    "  # Connections of the service manager that have no answer yet.\n"
    "  waiting: int,\n"
    "  # Unsealed keys that are kept for a moment.\n"
    "  keys: int\n"
    ")\n"
    "\n"
    "# A sample of OpenMetrics. The family's name and the suffix are its name.\n"
    "type Sample (suffix: string, label: ?string, labelValue: ?string, value: float)\n"
    "\n"
    "type Family (\n"
    "  name: string,\n"
    "  # counter, gauge or histogram\n"
    "  type: string,\n"
    "  unit: ?string,\n"
    "  help: string,\n"
    "  samples: []Sample\n"
    ")\n"
    "\n"
    "# What is counted, of the same time.\n"
    "method Metrics() -> (families: []Family)\n"
    "\n"
    "# What the store and the policies contain, for one machine or for all. Needs \"more\":\n"
    "# each reply has some of the credentials.\n"
    "method List(machine: ?string) -> (credentials: []Credential)\n"
    "\n"
    "# One credential of it.\n"
    "method Describe(machine: string, credential: string) -> (credential: Credential)\n"
    "\n"
    "# Puts a sealed credential, in base64, into the store. It must be sealed as\n"
    "# MACHINE@CREDENTIAL, and open on this host. One that is there is only replaced if that is\n"
    "# asked for.\n"
    "method Store(machine: string, credential: string, sealed: string, replace: ?bool) -> ()\n"
    "\n"
    "# Removes a credential from the store.\n"
    "method Remove(machine: string, credential: string) -> ()\n"
    "\n"
    "# Replaces a credential of the store, or one that the policy wants generated, by a new\n"
    "# value: sealed, in base64. The public half of a key pair is replaced as well. With was,\n"
    "# only if the file still has this SHA-256, in hexadecimal. The reply says what is to be\n"
    "# done about it inside the containers, which is up to the caller.\n"
    "method Rotate(\n"
    "  machine: string,\n"
    "  credential: string,\n"
    "  sealed: string,\n"
    "  public: ?string,\n"
    "  was: ?string\n"
    ") -> (changes: []Change)\n"
    "\n"
    "# Replaces all credentials that the store has of a machine, or none, by files that have\n"
    "# the same values.\n"
    "method Reseal(machine: string, credentials: []Resealed) -> ()\n"
    "\n"
    "# A change of the store. sealed is the new file, in base64; it can be given by offset and\n"
    "# size as well, which refer to a memfd that is passed with the call. public is the public\n"
    "# half of a key pair; without it an old one is removed, unless keepPublic says otherwise.\n"
    "type StoreChange (\n"
    "  machine: string,\n"
    "  credential: string,\n"
    "  sealed: ?string,\n"
    "  offset: ?int,\n"
    "  size: ?int,\n"
    "  public: ?string,\n"
    "  keepPublic: ?bool,\n"
    "  remove: ?bool,\n"
    "  # any (the default), absent, or digest: the SHA-256 of the file that must be there.\n"
    "  precondition: ?string,\n"
    "  digest: ?string,\n"
    "  # none (the default); there is no other yet.\n"
    "  history: ?string\n"
    ")\n"
    "\n"
    "# A file that is written to the store together with the changes.\n"
    "type StoreRecord (name: string, content: ?string, offset: ?int, size: ?int)\n"
    "\n"
    "# Makes all changes, up to 4096 and 64 MiB, or none. verb says what for: set, remove,\n"
    "# rotate, reseal or another word of up to 16 letters. What is stored must be sealed as\n"
    "# MACHINE@CREDENTIAL, and open on this host. A memfd must be sealed against writing,\n"
    "# growing and shrinking. If the reply is lost, compare digests before trying again.\n"
    "method Commit(verb: string, changes: []StoreChange, record: ?StoreRecord) -> ()\n"
    "\n"
    "# Forgets the unsealed keys that are kept, and says how many.\n"
    "method FlushKeys() -> (flushed: int)\n"
    "\n"
    "# Ends the broker as soon as what is in flight has its answer. The next request starts it\n"
    "# anew, with the host key that there is then.\n"
    "method Restart() -> ()\n"
    "\n"
    "# Looks through the machines' folders, which the broker does by itself when one comes or\n"
    "# goes: when this returns, there is a live socket in each. Policies need no reload.\n"
    "method Reload() -> ()\n"
    "\n"
    "# With \"more\": every request and every change from now on, one reply each.\n"
    "method Subscribe() -> (event: Event)\n";

static const char service_text[] =
    "interface org.varlink.service\n"
    "\n"
    "method GetInfo() -> (\n"
    "  vendor: string,\n"
    "  product: string,\n"
    "  version: string,\n"
    "  url: string,\n"
    "  interfaces: []string\n"
    ")\n"
    "\n"
    "method GetInterfaceDescription(interface: string) -> (description: string)\n"
    "\n"
    "error InterfaceNotFound (interface: string)\n"
    "error MethodNotFound (method: string)\n"
    "error MethodNotImplemented (method: string)\n"
    "error InvalidParameter (parameter: string)\n"
    "error PermissionDenied ()\n"
    "error ExpectedMore ()\n";

#define ERROR_PARAMETERS "(sentence: string, reason: ?string, remedy: ?string)"

static void write_text(Writer *writer, const char *text)
{
    writer_bytes(writer, (BytesView){(const uint8_t *)text, strlen(text)});
}

static void write_error(Writer *writer, int rc)
{
    char name[INTERFACE_ERROR_BYTES];

    interface_error_name(rc, name);
    write_text(writer, "\n# ");
    write_text(writer, rc < 0 ? "The system reports an error" : outcome_sentence(rc));
    write_text(writer, ".\nerror ");
    write_text(writer, name);
    write_text(writer, " " ERROR_PARAMETERS "\n");
}

static bool is_name(const char *name, size_t size, const char *expected)
{
    return strlen(expected) == size && memcmp(name, expected, size) == 0;
}

int interface_describe(const char *name, size_t size, Bytes *ret)
{
    _cleanup_(writer_done) Writer writer = {0};

    if (is_name(name, size, INTERFACE_SERVICE)) {
        write_text(&writer, service_text);
    } else if (is_name(name, size, INTERFACE_BROKER)) {
        write_text(&writer, broker_text);
        for (int rc = OUTCOME_OK + 1; rc < _OUTCOME_MAX; rc++)
            write_error(&writer, rc);
        write_error(&writer, -EIO);
    } else {
        return OUTCOME_NOT_FOUND;
    }
    return writer_take(&writer, ret);
}

/* --- errors --- */

void interface_error_name(int rc, char text[INTERFACE_ERROR_BYTES])
{
    bool begins = true;
    size_t length = 0;

    for (const char *cursor = outcome_name(rc); *cursor; cursor++) {
        if (*cursor == '-') {
            begins = true;
            continue;
        }
        if (length + 1 < INTERFACE_ERROR_BYTES)
            text[length++] = begins ? (char)toupper((unsigned char)*cursor) : *cursor;
        begins = false;
    }
    text[length] = '\0';
}

int interface_error_outcome(const char *error)
{
    char name[INTERFACE_ERROR_BYTES];
    size_t prefix = strlen(INTERFACE_BROKER ".");

    if (strncmp(error, INTERFACE_BROKER ".", prefix) != 0)
        return -EPROTO;
    for (int rc = OUTCOME_OK + 1; rc < _OUTCOME_MAX; rc++) {
        interface_error_name(rc, name);
        if (strcmp(error + prefix, name) == 0)
            return rc;
    }
    return -EPROTO;
}

struct json_object *interface_error_parameters(int rc, const Reason *reason)
{
    _cleanup_(json_object_putp) struct json_object *object = json_object_new_object();
    const char *remedy = outcome_remedy(rc);

    if (object && json_add(object, "sentence", json_object_new_string(outcome_sentence(rc))) &&
        (!reason->text[0] || json_add(object, "reason", json_object_new_string(reason->text))) &&
        (!remedy || json_add(object, "remedy", json_object_new_string(remedy))))
        return TAKE_PTR(object);
    return NULL;
}
