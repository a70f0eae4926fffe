/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * doctor: policies, and whether the credentials in them and in the store open.
 *
 * Each credential is opened as by the broker, and forgotten at once. The TPM unseals each distinct
 * key once (unsealer.h).
 */

#include "base/fsutil.h"
#include "base/timestamp.h"
#include "doctor/doctor.h"
#include "key/host_key.h"
#include "store/history.h"
#include "terminal/progress.h"
#include "unit_size.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* Credentials that expire within this time are reported. */
#define SOON_DAYS 30
#define DAY_USEC  (UINT64_C(24) * 60 * 60 * 1000 * 1000)

/* Files there never change. Those of policies come from the configuration of NixOS. */
#define NIX_STORE "/nix/store/"

/* --- policies --- */

static const Policy *look_up(void *userdata, const char *machine)
{
    const DoctorMachine *found = doctor_machine(userdata, machine);

    return found ? found->policy : NULL;
}

static void say_fault(Doctor *doctor, const PolicyFault *fault)
{
    Reason reason = {0};
    struct stat status;

    policy_fault_reason(fault, 0, &reason);
    doctor_say(doctor, DOCTOR_PROBLEM, "%s", reason.text);
    if (fault->file[0] && stat(fault->file, &status) == 0 && S_ISREG(status.st_mode) &&
        status.st_mode & S_IWOTH)
        doctor_remedy(doctor, "chmod o-w %s", shell_word(fault->file).text);
    else
        doctor_advice(doctor, "Correct the file; nspawn-creds check reads it as the broker does");
}

void doctor_policy(Doctor *doctor, const DoctorMachine *machine)
{
    PolicyFault fault = {0};
    BrokerAccess access;
    bool right = true;

    if (machine->policy_rc == OUTCOME_NOT_FOUND)
        return;
    if (!machine->policy) {
        say_fault(doctor, &machine->fault);
        return;
    }
    for (size_t i = 0; i < machine->policy->file_count; i++)
        if (!broker_access_policy_file(machine->policy->files[i].name, &access)) {
            doctor_say_access(doctor, &access);
            right = false;
        }
    if (policy_check(machine->policy, look_up, doctor, &fault) != 0)
        say_fault(doctor, &fault);
    else if (right)
        doctor_say(doctor, DOCTOR_OK, "the policy of %s is valid", machine->name);
}

/* --- credentials --- */

/* Whether the problem is in the file, and not in this host's keys. */
static bool is_files_fault(int rc)
{
    return rc < OUTCOME_HOST_KEY_MISSING || rc == OUTCOME_TPM_FOREIGN ||
           rc == OUTCOME_TPM_PCR_MISMATCH || rc == OUTCOME_NOT_FOUND;
}

/* "--with-key=tpm2 --tpm2-pcrs=7 ": has encrypt seal for the same as SECTIONS, whose kind may be
 * unknown, or with the key type that the policy requires (may be NULL). */
static Reason seal_options(const CredentialSections *sections, const char *required, int rc)
{
    char pcrs[TPM_PCR_TEXT_BYTES] = "";
    Reason options = {0};
    const Kind *kind = NULL;

    if (required)
        kind = kind_find_by_name(required);
    else if (sections->kind && sections->kind->key_types != 0)
        kind = kind_find_by_key_types(sections->kind->key_types &
                                      ~(unsigned)(KIND_PINNED | KIND_SCOPED));
    if (kind && kind_has(kind, KIND_TPM) && sections->kind && kind_has(sections->kind, KIND_TPM))
        tpm_pcr_mask_format(sections->tpm.pcr_mask & TPM_PCR_MASK_ALL, pcrs);
    reason_set(&options, 0, "%s%s%s%s%s%s%s", kind ? "--with-key=" : "", kind ? kind->name : "",
               kind ? " " : "", pcrs[0] ? "--tpm2-pcrs=" : "", pcrs, pcrs[0] ? " " : "",
               rc == OUTCOME_EXPIRED ? "--not-after=+90d " : "");
    return options;
}

/* Reports that NAME does not open, which consists of SECTIONS. PATH is its file, if that is not in
 * the store. */
static void say_closed(Doctor *doctor, const DoctorMachine *machine, const CredentialName *name,
                       const char *path, const CredentialSections *sections, int rc,
                       const Reason *reason)
{
    const PolicyCredential *credential =
        machine->policy ? policy_find(machine->policy, name->id) : NULL;
    char text[CREDENTIAL_NAME_TEXT_BYTES], remedy[OUTCOME_REMEDY_BYTES];

    credential_name_format(name, text);
    doctor_say(doctor, rc == OUTCOME_STORE_UNSAFE ? DOCTOR_PROBLEM : doctor_level(rc),
               "%s does not open%s%s: %s%s%s", text, path ? ", in " : "", path ? path : "",
               outcome_sentence(rc), reason->text[0] ? ": " : "", reason->text);
    if (rc > 0 && is_files_fault(rc) && !path && credential &&
        credential->source == POLICY_GENERATE) {
        doctor_remedy(doctor, "nspawn-creds remove %s", shell_word(text).text);
        doctor_advice(doctor, "It is generated again when the container asks for it");
    } else if (rc > 0 && is_files_fault(rc) && path) {
        Reason options = seal_options(sections, credential ? credential->key_type : NULL, rc);

        if (strncmp(path, NIX_STORE, strlen(NIX_STORE)) == 0)
            doctor_advice(doctor,
                          "Seal the file in the repository of the configuration, then switch: "
                          "nspawn-creds encrypt %s--name=%s - FILE",
                          options.text, shell_word(text).text);
        else
            doctor_remedy(doctor, "nspawn-creds encrypt %s--name=%s - %s", options.text,
                          shell_word(text).text, shell_word(path).text);
    } else if (rc > 0 && is_files_fault(rc))
        doctor_remedy(doctor, "nspawn-creds set %s%s",
                      rc == OUTCOME_EXPIRED ? "--not-after=+90d " : "", shell_word(text).text);
    else if (outcome_remedy_for(rc, name->machine, name->id, remedy))
        doctor_advice(doctor, "%s", remedy);
}

static void say_expiry(Doctor *doctor, const CredentialName *name, const CredentialMetadata *found)
{
    uint64_t now = doctor->context->now(doctor->context);
    char text[CREDENTIAL_NAME_TEXT_BYTES], time[TIMESTAMP_TEXT_BYTES];

    if (found->not_after == USEC_INFINITY || found->not_after > now + SOON_DAYS * DAY_USEC)
        return;
    credential_name_format(name, text);
    timestamp_format(found->not_after, time);
    doctor_say(doctor, DOCTOR_WARNING, "%s expires on %s", text, time);
    doctor_remedy(doctor, "nspawn-creds set --not-after=+90d %s", shell_word(text).text);
}

/* Opens the file PATH, or with NULL that of the store. Reports problems, and returns whether it
 * opens. */
static bool check_file(Doctor *doctor, const DoctorMachine *machine, const CredentialName *name,
                       const char *path)
{
    _cleanup_(store_client_entry_done) StoreClientEntry entry = {.name = *name};
    _cleanup_(secret_freep) Secret *plaintext = NULL;
    const PolicyCredential *credential =
        machine->policy ? policy_find(machine->policy, name->id) : NULL;
    /* the service manager alone does not know predecessors */
    bool native = credential && credential->delivery == POLICY_NATIVE;
    CredentialMetadata metadata;
    Reason reason = {0};
    int r = path ? file_read(path, LIMIT_FILE_BYTES, &reason, &entry.file)
                 : store_read(doctor->store, name, &reason, &entry.file);

    if (!path && r == OUTCOME_STORE_UNSAFE)
        return false; /* reported by the check of the store */
    if (path && r == -ENOENT)
        r = reason_set(&reason, OUTCOME_NOT_FOUND, "the policy names %s, which does not exist",
                       path);
    if (r == 0)
        r = credential_unpack(bytes_view(&entry.file), &reason, &entry.raw, &entry.sections);
    if (r == 0)
        r = store_client_entry_open(path || native ? NULL : doctor->store, &doctor->unsealer,
                                    &entry, &reason, &metadata, &plaintext);
    /* what is in the store does not matter if the policy takes another file */
    if (r == 0 && credential && (credential->source == POLICY_SEALED) == (path != NULL))
        r = kind_check_type(entry.sections.kind, credential->key_type, &reason);
    if (r == 0)
        r = unit_size_check_value(name->id, plaintext, &reason);
    doctor->foreign += r == OUTCOME_TPM_FOREIGN;
    if (r != 0)
        say_closed(doctor, machine, name, path, &entry.sections, r, &reason);
    else
        say_expiry(doctor, name, &metadata);
    return r == 0;
}

static bool has_predecessor(const Doctor *doctor, const CredentialName *name)
{
    _cleanup_(bytes_done) Bytes file = {0};

    return store_read_predecessor(doctor->store, name, NULL, NULL, &file) == 0;
}

/* Checks a credential of the policy that is not in the store, or should be there. Returns whether
 * it opens; counts those that open and are not in the store. */
static bool check_named(Doctor *doctor, const DoctorMachine *machine,
                        const PolicyCredential *credential, size_t *count)
{
    _cleanup_(bytes_done) Bytes file = {0};
    CredentialName name;

    if (credential_name_new(machine->name, credential->id, NULL, &name) != 0)
        return true; /* the parser has rejected it */
    if (credential->source == POLICY_SEALED) {
        bool opens = check_file(doctor, machine, &name, credential->text);

        *count += opens;
        return opens;
    }
    if (credential->source == POLICY_FILE && access(credential->text, F_OK) < 0) {
        doctor_say(doctor, doctor_level(-errno), "%s@%s: the policy names %s: %s", machine->name,
                   credential->id, credential->text, strerror(errno));
        doctor_advice(doctor,
                      "The program that writes this file must run before the container starts");
        return false;
    }
    if (credential->source == POLICY_STORE && doctor->store &&
        store_read(doctor->store, &name, NULL, &file) == OUTCOME_NOT_FOUND) {
        doctor_say(doctor, DOCTOR_PROBLEM, "%s@%s is in the policy, but not in the store",
                   machine->name, credential->id);
        doctor_remedy(doctor, "nspawn-creds set %s@%s", machine->name,
                      shell_word(credential->id).text);
        return false;
    }
    return true;
}

/* NAME is in the store, although CREDENTIAL (NULL: nothing) in the policy takes it from a fleet. */
static void say_leftover(Doctor *doctor, const CredentialName *name,
                         const PolicyCredential *credential)
{
    if (!credential || credential->source != POLICY_FLEET)
        return;
    doctor_say(doctor, DOCTOR_WARNING,
               "%s@%s comes from the fleet %s, but the store still has a copy, which is delivered "
               "to nobody",
               name->machine, name->id, credential->text);
    doctor_remedy(doctor, "nspawn-creds remove %s@%s", name->machine, shell_word(name->id).text);
}

/* Looks at everything as root, then asks the broker about what looks right. */
void doctor_credentials(Doctor *doctor, const DoctorMachine *machine)
{
    const Policy *policy = machine->policy;
    _cleanup_(freep) StoreEntry *entries = NULL;
    _cleanup_(freep) bool *reported = calloc(policy ? policy->count + 1 : 1, sizeof(*reported));
    size_t count = 0, opened = 0, predicted = 0;
    Reason reason = {0};
    bool right = true;

    if (!reported)
        abort();
    if (doctor->store)
        (void)store_list(doctor->store, machine->name, &reason, &entries, &count);
    for (size_t i = 0; i < count; i++) {
        const PolicyCredential *credential =
            policy ? policy_find(policy, entries[i].name.id) : NULL;
        bool opens;

        progress_count(i + 1, count);
        opens = check_file(doctor, machine, &entries[i].name, NULL);
        opened += opens;
        right = right && opens;
        if (credential)
            reported[credential - policy->credentials] = !opens;
        predicted += has_predecessor(doctor, &entries[i].name);
    }
    progress_count(0, 0);
    for (size_t i = 0; i < count; i++)
        say_leftover(doctor, &entries[i].name,
                     policy ? policy_find(policy, entries[i].name.id) : NULL);
    for (size_t i = 0; policy && i < policy->count; i++)
        if (!check_named(doctor, machine, &policy->credentials[i], &opened)) {
            reported[i] = true;
            right = false;
        }
    if (policy && !doctor->status && unit_size_check(doctor->store, policy, &reason) != 0) {
        right = false;
        doctor_say(doctor, DOCTOR_PROBLEM, "%s", reason.text);
        doctor_advice(doctor, "Deliver large ones live: nspawn-creds enable %s ID --live",
                      machine->name);
    }
    right = doctor_ask_broker(doctor, machine, reported) && right;
    if (right && opened > 0)
        doctor_say(doctor, DOCTOR_OK, "%s: %zu %s", machine->name, opened,
                   opened == 1 ? "credential opens" : "credentials open");
    if (predicted > 0)
        doctor_say(doctor, DOCTOR_OK,
                   "%s: %zu %s sealed for a predicted state; the previous %s kept until one of the "
                   "two opens after the next boot",
                   machine->name, predicted, predicted == 1 ? "credential is" : "credentials are",
                   predicted == 1 ? "file is" : "files are");
}

void doctor_unopened(Doctor *doctor)
{
    if (!doctor->store)
        doctor_say(doctor, DOCTOR_UNSEEN, "credentials in the store were not opened");
    if (!doctor->status)
        doctor_say(doctor, DOCTOR_UNSEEN, "the broker was not asked whether it would deliver them");
}

/* A copy of a host has the machine id, the host key and the store of the original. Nothing but the
 * TPM differs. */
void doctor_copy(Doctor *doctor)
{
    _cleanup_(secret_freep) Secret *key = NULL;

    if (doctor->foreign == 0 || host_key_load(doctor->context, host_key_path(), NULL, &key) != 0)
        return;
    doctor_say(
        doctor, DOCTOR_WARNING,
        "the host key belongs to this machine id, but another TPM sealed %zu %s: the TPM was "
        "cleared or replaced, or this host is a copy of another one and has its secrets",
        doctor->foreign, doctor->foreign == 1 ? "credential" : "credentials");
    doctor_advice(doctor, "For a copy, see \"A copy of a host\" in backup.md of the documentation");
}
