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

/* interface_describe() appends an error for each outcome. */
static const char broker_text[] =
    "# Credentials for containers: lists and changes them, and reports the broker's status.\n"
    "# Secrets never cross this interface in clear: the caller seals them first.\n"
    "interface io.nspawn-creds.Broker\n"
    "\n"
    "# A credential in the store, in a policy, or in both. If the broker would refuse it, as far\n"
    "# as can be known without a key, problem is the name of an outcome, and reason explains it.\n"
    "type Credential (\n"
    "  machine: string,\n"
    "  credential: string,\n"
    "  # The time of its last change in the store, in microseconds since 1970.\n"
    "  writtenUSec: ?int,\n"
    "  # From the policy, as in its file: where the value comes from, how it is delivered, which\n"
    "  # inner services use it, and what happens to them when it changes.\n"
    "  source: ?string,\n"
    "  delivery: ?string,\n"
    "  services: ?[]string,\n"
    "  onChange: ?string,\n"
    "  # Such as host+tpm2; the PCRs that it is sealed for, and those of a signed policy.\n"
    "  kind: ?string,\n"
    "  pcrs: ?[]int,\n"
    "  signedPcrs: ?[]int,\n"
    "  # The fingerprint of its sealed key; credentials that share a key have the same.\n"
    "  key: ?string,\n"
    "  # The size of the sealed file in bytes, without base64.\n"
    "  size: ?int,\n"
    "  problem: ?string,\n"
    "  reason: ?string\n"
    ")\n"
    "\n"
    "# A request or a change, as in the journal.\n"
    "type Event (\n"
    "  # delivered, refused or abandoned; stored, removed, rotated, resealed or flushed\n"
    "  verdict: string,\n"
    "  outcome: string,\n"
    "  machine: ?string,\n"
    "  credential: ?string,\n"
    "  # The machine's unit; with delivery \"live\" the inner service, as the container names it.\n"
    "  unit: ?string,\n"
    "  # boot or live; only for requests\n"
    "  delivery: ?string,\n"
    "  # The fingerprint of the sealed key.\n"
    "  key: ?string,\n"
    "  reason: ?string,\n"
    "  durationUSec: int\n"
    ")\n"
    "\n"
    "# The broker's status. The counters cover the last uptimeUSec microseconds.\n"
    "method Status() -> (\n"
    "  version: string,\n"
    "  uptimeUSec: int,\n"
    "  store: string,\n"
    "  tpmDevice: string,\n"
    "  delivered: int,\n"
    "  refused: int,\n"
    "  abandoned: int,\n"
    "  # Requests that have not been answered yet.\n"
    "  waiting: int,\n"
    "  # Unsealed keys in the cache.\n"
    "  keys: int\n"
    ")\n"
    "\n"
    "# A sample of OpenMetrics. Its name is the family's name and the suffix.\n"
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
    "# All counters, for the same time as Status.\n"
    "method Metrics() -> (families: []Family)\n"
    "\n"
    "# Lists the credentials in the store and in policies, of one machine or of all. Needs\n"
    "# \"more\": each reply contains some of the credentials.\n"
    "method List(machine: ?string) -> (credentials: []Credential)\n"
    "\n"
    "# Describes one credential.\n"
    "method Describe(machine: string, credential: string) -> (credential: Credential)\n"
    "\n"
    "# A change of the store. The new file is given in base64: as sealed, or by its offset and\n"
    "# size in a memfd that is passed with the call. public is the public half of a key pair;\n"
    "# without it, an old public half is removed unless keepPublic is set.\n"
    "type StoreChange (\n"
    "  machine: string,\n"
    "  credential: string,\n"
    "  sealed: ?string,\n"
    "  offset: ?int,\n"
    "  size: ?int,\n"
    "  public: ?string,\n"
    "  keepPublic: ?bool,\n"
    "  remove: ?bool,\n"
    "  # any (the default); absent; or digest: the existing file must have this SHA-256.\n"
    "  precondition: ?string,\n"
    "  digest: ?string,\n"
    "  # none (the default); no other is supported yet.\n"
    "  history: ?string\n"
    ")\n"
    "\n"
    "# A file that is written to the store together with the changes.\n"
    "type StoreRecord (name: string, content: ?string, offset: ?int, size: ?int)\n"
    "\n"
    "# Makes all changes, up to 4096 and 64 MiB, or none. verb is what they are for: set,\n"
    "# remove, rotate, reseal or another word of up to 16 lowercase letters. Each credential\n"
    "# must be sealed as MACHINE@CREDENTIAL, and open on this host. The memfd must be sealed\n"
    "# against writing, growing and shrinking. If the reply is lost, compare digests before you\n"
    "# try again.\n"
    "method Commit(verb: string, changes: []StoreChange, record: ?StoreRecord) -> ()\n"
    "\n"
    "# Wipes the unsealed keys in the cache, and returns how many there were.\n"
    "method FlushKeys() -> (flushed: int)\n"
    "\n"
    "# Stops the broker when all accepted requests have been answered. The next request starts\n"
    "# it again, with the current host key.\n"
    "method Restart() -> ()\n"
    "\n"
    "# Creates a live socket in each machine's directory that has none, and returns when that\n"
    "# is done. The broker does so by itself when a directory appears. Policies need no reload.\n"
    "method Reload() -> ()\n"
    "\n"
    "# Needs \"more\": sends one reply for every request and every change from now on.\n"
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
