/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * doctor: the broker's sockets, the broker, and the units of machines, as loaded by the service
 * manager.
 */

#include "broker_units.h"
#include "doctor/doctor.h"
#include "hint.h"
#include "protocol/client.h"
#include "protocol/varlink.h"
#include "terminal/progress.h"

#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define BROKER         BROKER_UNIT
#define GENERATOR      "nspawn-creds-generator"
/* The credential with which the broker's unit gets the host key. */
#define HOST_KEY_ID    "credential.secret"

/* Where the service manager has generators write. */
#define GENERATED      "/run/systemd/generator/"

/* The end of the directory in ExecSearchPath= that holds the wrapper. */
#define WRAPPER_FOLDER "/nspawn-creds/bin"

/* --- sockets --- */

static bool is(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

/* Whether UNIT exists and is not masked. Otherwise reports it, with a remedy that ends with VERB.
 */
static bool check_loaded(Doctor *doctor, const char *unit, const ManagerUnit *state,
                         const char *verb)
{
    if (is(state->load, "loaded"))
        return true;
    if (is(state->load, "masked")) {
        bool runtime = is(state->file, "masked-runtime");

        doctor_say(doctor, DOCTOR_PROBLEM, "%s is masked", unit);
        doctor_remedy(doctor, "systemctl unmask %s%s && %s %s", runtime ? "--runtime " : "", unit,
                      verb, unit);
    } else {
        doctor_say(doctor, DOCTOR_PROBLEM, "%s does not exist (%s)", unit, state->load);
        doctor_advice(doctor, "Install nspawn-creds again, below /usr, then run: systemctl "
                              "daemon-reload");
    }
    return false;
}

/* A socket does not start while its service runs. The service starts again on the next request. */
#define STOP_BROKER "systemctl stop " BROKER " && "

static void check_socket(Doctor *doctor, const char *unit)
{
    Reason reason = {0};
    ManagerUnit state;
    int r = manager_unit(doctor->manager, unit, &reason, &state);

    if (r != 0) {
        doctor_say(doctor, doctor_level(r), "%s", reason.text);
        return;
    }
    if (!check_loaded(doctor, unit, &state, STOP_BROKER "systemctl enable --now"))
        return;
    if (!is(state.file, "enabled") && !is(state.file, "static")) {
        doctor_say(doctor, DOCTOR_PROBLEM, "%s is not enabled: after a reboot it does not listen",
                   unit);
        doctor_remedy(doctor, "%ssystemctl enable --now %s",
                      is(state.active, "active") ? "" : STOP_BROKER, unit);
    } else if (!is(state.active, "active")) {
        doctor_say(doctor, DOCTOR_PROBLEM, "%s is %s: it does not listen", unit, state.active);
        doctor_remedy(doctor, STOP_BROKER "systemctl restart %s", unit);
    } else
        doctor_say(doctor, DOCTOR_OK, "%s listens", unit);
}

void doctor_sockets(Doctor *doctor)
{
    for (size_t i = 0; doctor->manager && i < BROKER_SOCKETS; i++)
        check_socket(doctor, broker_sockets[i]);
}

/* --- the broker --- */

/* The broker's answers are only compared, because it parses what containers send. Root only acts on
 * the configuration. */
static void compare_configuration(Doctor *doctor)
{
    const HostConfig *host = doctor->options.host;
    const char *store = varlink_text(doctor->status, "store");
    const char *device = varlink_text(doctor->status, "tpmDevice");

    if (doctor->options.host_fault)
        return;
    if (store && is(store, host->store) && device && is(device, host->tpm_device))
        return;
    doctor_say(doctor, DOCTOR_WARNING,
               "the broker uses the store %.200s and the TPM %.200s, but the configuration says %s "
               "and %s",
               store ? store : "(none)", device ? device : "(none)", host->store, host->tpm_device);
    doctor_remedy(doctor, "systemctl daemon-reload && systemctl restart " BROKER);
}

static void check_answer(Doctor *doctor)
{
    _cleanup_(client_freep) Client *client = NULL;
    Reason reason = {0};
    const char *version;
    int r = client_new(CLIENT_DEFAULT_PATH, &reason, &client);

    if (r == 0)
        r = client_call(client, "Status", NULL, &terminal_observer, &reason, &doctor->status);
    if (r != 0 && geteuid() != 0) {
        doctor_say(doctor, DOCTOR_UNSEEN, "only root can ask the broker");
        return;
    }
    if (r != 0) {
        doctor_say(doctor, DOCTOR_PROBLEM, "the broker does not answer: %s", reason.text);
        doctor_remedy(doctor, STOP_BROKER "systemctl restart nspawn-creds-control.socket");
        doctor_advice(doctor, "To find out why: journalctl -u " BROKER);
        return;
    }
    compare_configuration(doctor);
    version = varlink_text(doctor->status, "version");
    if (version && !is(version, NC_VERSION)) {
        doctor_say(doctor, DOCTOR_WARNING, "the running broker has version %s, not %s", version,
                   NC_VERSION);
        doctor_remedy(doctor, "systemctl restart " BROKER);
        return;
    }
    doctor_say(doctor, DOCTOR_OK, "the broker answers");
}

/* Without it the broker opens nothing that is sealed with the host key. */
static void check_host_key(Doctor *doctor)
{
    _cleanup_(manager_service_done) ManagerService service = {0};
    const char *file;

    if (manager_service(doctor->manager, BROKER, NULL, &service) != 0)
        return;
    for (char **pair = service.credentials; *pair; pair += 2)
        if (is(pair[0], HOST_KEY_ID))
            return;
    file = doctor_find_drop_in(&service, "LoadCredential", HOST_KEY_ID ":", false);
    doctor_say(doctor, DOCTOR_PROBLEM, "%s does not get the host key%s%s%s", BROKER,
               file ? ": " : "", file ? file : "", file ? " empties LoadCredential=" : "");
    if (file)
        doctor_advise_emptied(doctor, "LoadCredential");
    else
        doctor_advice(doctor, "A drop-in replaces LoadCredential=: systemctl cat " BROKER);
}

/* The broker's mount namespace shows what its unit and all drop-ins hide or protect. */
static void check_store_mount(Doctor *doctor)
{
    _cleanup_(manager_service_done) ManagerService service = {0};
    const char *store = doctor->options.host->store;
    /* the sandbox lets a broker write to the store that it was started with, and to no other */
    const char *used = varlink_text(doctor->status, "store");
    struct stat ours, its;
    struct statvfs mounted;
    char path[PATH_MAX];

    if (!doctor->status || !doctor->manager || stat(store, &ours) < 0 ||
        manager_service(doctor->manager, BROKER, NULL, &service) != 0 || service.main_pid == 0)
        return;
    snprintf(path, sizeof(path), "/proc/%u/root%s", service.main_pid, store);
    if (stat(path, &its) < 0 || its.st_dev != ours.st_dev || its.st_ino != ours.st_ino) {
        doctor_say(doctor, DOCTOR_PROBLEM, "the broker's sandbox hides the store, %s", store);
        doctor_advice(doctor, "Move it elsewhere, see nspawn-creds.conf(5)");
    } else if (used && is(used, store) && statvfs(path, &mounted) == 0 &&
               mounted.f_flag & ST_RDONLY) {
        doctor_say(doctor, DOCTOR_PROBLEM,
                   "the store, %s, is read-only for the broker: nothing can be stored", store);
        doctor_advice(doctor, "Mount its file system read-write; if it is, remove the drop-in that "
                              "protects it: systemctl cat " BROKER);
    }
}

void doctor_broker(Doctor *doctor)
{
    ManagerUnit state;

    if (doctor->manager && manager_unit(doctor->manager, BROKER, NULL, &state) == 0) {
        if (!check_loaded(doctor, BROKER, &state, "systemctl start"))
            return;
        if (state.reload_needed) {
            doctor_say(doctor, DOCTOR_WARNING,
                       "the unit file of " BROKER " has changed since the "
                       "service manager read it");
            doctor_remedy(doctor, "systemctl daemon-reload && systemctl try-restart " BROKER);
        }
        check_host_key(doctor);
    }
    /* a request starts the broker, which fails for good if a socket that it needs is not available
     */
    for (size_t i = 0; i < doctor->count; i++)
        if (is(doctor->findings[i].check, "sockets") &&
            doctor->findings[i].level == DOCTOR_PROBLEM) {
            doctor_say(doctor, DOCTOR_UNSEEN,
                       "the broker was not asked, because its sockets have "
                       "problems");
            return;
        }
    check_answer(doctor);
    check_store_mount(doctor);
}

/* --- units of machines --- */

void doctor_remedy_reload(Doctor *doctor)
{
    /* a link or an empty file in an earlier directory masks the generator (systemd.generator(7)) */
    static const char *const masks[] = {"/etc/systemd/system-generators/" GENERATOR,
                                        "/run/systemd/system-generators/" GENERATOR};
    struct stat status;

    for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++)
        if (stat(masks[i], &status) == 0 && status.st_size == 0) {
            doctor_remedy(doctor, "rm %s && systemctl daemon-reload", masks[i]);
            return;
        }
    doctor_remedy(doctor, "systemctl daemon-reload");
}

/* Reports that the unit does not ask for CREDENTIAL and MORE others. */
static void say_missing(Doctor *doctor, const DoctorMachine *machine,
                        const PolicyCredential *credential, size_t more)
{
    bool native = credential->delivery == POLICY_NATIVE;
    const char *key = native ? "LoadCredentialEncrypted" : "LoadCredential";
    const char *others = more > 0 ? " and others" : "", *file;
    char word[CREDENTIAL_NAME_TEXT_BYTES + 1];

    snprintf(word, sizeof(word), "%s%s%s:", native ? machine->name : "", native ? "@" : "",
             credential->id);
    file = doctor_find_drop_in(&machine->service, key, word, false);
    if (file) {
        doctor_say(doctor, DOCTOR_PROBLEM,
                   "%s does not ask for %s%s, which the policy lists: %s empties %s=",
                   machine->unit, credential->id, others, file, key);
        doctor_advise_emptied(doctor, key);
    } else {
        doctor_say(doctor, DOCTOR_PROBLEM, "%s does not ask for %s%s, which the policy lists",
                   machine->unit, credential->id, others);
        doctor_remedy_reload(doctor);
    }
}

/* Whether the unit takes everything from the broker that the policy delivers at boot. */
static bool check_paths(Doctor *doctor, const DoctorMachine *machine)
{
    bool right = true;

    for (char **pair = machine->service.credentials; *pair; pair += 2) {
        const PolicyCredential *credential = policy_find(machine->policy, pair[0]);
        char word[LIMIT_ID_BYTES + sizeof(":")];
        const char *file;

        if (is(pair[1], BROKER_SOCKET) || !credential || credential->delivery != POLICY_BOOT)
            continue;
        right = false;
        snprintf(word, sizeof(word), "%s:", pair[0]);
        file = doctor_find_drop_in(&machine->service, "LoadCredential", word, true);
        doctor_say(doctor, DOCTOR_WARNING, "%s takes %s from %s instead of the broker%s%s",
                   machine->unit, pair[0], pair[1], file ? ": " : "", file ? file : "");
        doctor_advice(doctor, "If that is not intended, remove the line there, then run: systemctl "
                              "daemon-reload");
    }
    return right;
}

/* Finds differences between the policy and what the unit asks for. */
static bool check_requests(Doctor *doctor, const DoctorMachine *machine)
{
    const PolicyCredential *first = NULL;
    size_t missing = 0, other = 0;
    const char *strange = NULL;

    for (size_t i = 0; i < machine->policy->count; i++) {
        const PolicyCredential *credential = &machine->policy->credentials[i];

        if (credential->delivery != POLICY_LIVE &&
            !manager_service_asks(&machine->service, machine->name, credential) && missing++ == 0)
            first = credential;
    }
    for (char **pair = machine->service.credentials; *pair; pair += 2)
        if (is(pair[1], BROKER_SOCKET) && !policy_find(machine->policy, pair[0]) && other++ == 0)
            strange = pair[0];
    if (missing > 0)
        say_missing(doctor, machine, first, missing - 1);
    if (other > 0) {
        doctor_say(doctor, DOCTOR_PROBLEM,
                   "%s asks for %s%s, which the policy does not list: it will not start",
                   machine->unit, strange, other > 1 ? " and others" : "");
        doctor_remedy_reload(doctor);
        doctor_advice(doctor,
                      "If another drop-in asks for it, remove it there: systemctl "
                      "cat %s",
                      machine->unit);
    }
    return missing == 0 && other == 0;
}

/* Checks that the names fit into the service manager's socket address (base/limits.h). */
static bool check_lengths(Doctor *doctor, const DoctorMachine *machine)
{
    bool right = true;

    for (char **pair = machine->service.credentials; *pair; pair += 2) {
        size_t length = strlen(machine->unit) + strlen(pair[0]);

        if (!is(pair[1], BROKER_SOCKET) || length <= LIMIT_UNIT_AND_ID_BYTES)
            continue;
        right = false;
        doctor_say(doctor, DOCTOR_PROBLEM,
                   "%s asks for %.80s: together they have %zu bytes, but at most %zu "
                   "work",
                   machine->unit, pair[0], length, LIMIT_UNIT_AND_ID_BYTES);
        doctor_advice(doctor, "Use a shorter id in the drop-in that asks for it: systemctl cat %s",
                      machine->unit);
    }
    return right;
}

/* Checks that the unit executes our wrapper. */
static bool check_wrapper(Doctor *doctor, const DoctorMachine *machine)
{
    _cleanup_(freep) char *wrapper = NULL;
    const char *folder = machine->service.search_path ? machine->service.search_path[0] : NULL;
    size_t length = folder ? strlen(folder) : 0, end = strlen(WRAPPER_FOLDER);

    if (strncmp(machine->unit, "systemd-nspawn@", strlen("systemd-nspawn@")) != 0)
        return true; /* nixpkgs does this differently */
    if (strchr(machine->service.program, '/') &&
        !strstr(machine->service.program, "nspawn-creds")) {
        doctor_say(doctor, DOCTOR_PROBLEM,
                   "%s starts %s with its path, and so without our wrapper: the container gets no "
                   "credentials",
                   machine->unit, machine->service.program);
        doctor_advice(doctor, "In a drop-in, set ExecStart= with the bare name, systemd-nspawn");
        return false;
    }
    if (!folder || length < end || !is(folder + length - end, WRAPPER_FOLDER)) {
        doctor_say(doctor, DOCTOR_PROBLEM,
                   "%s does not search our directory for systemd-nspawn first: the container gets "
                   "no credentials",
                   machine->unit);
        doctor_advice(doctor,
                      "The drop-in 10-nspawn-creds.conf of systemd-nspawn@.service is "
                      "missing, masked or overridden: systemctl cat %s",
                      machine->unit);
        return false;
    }
    if (asprintf(&wrapper, "%s/systemd-nspawn", folder) < 0)
        abort();
    if (access(wrapper, X_OK) == 0)
        return true;
    doctor_say(doctor, DOCTOR_PROBLEM, "%s cannot be executed", wrapper);
    doctor_advice(doctor, "Install nspawn-creds again");
    return false;
}

/* A machine without a policy gets what its unit asks for; nothing says what that should be. */
static void check_orphan(Doctor *doctor, const DoctorMachine *machine)
{
    for (char **file = machine->service.drop_ins; file && *file; file++)
        if (strncmp(*file, GENERATED, strlen(GENERATED)) == 0 && strstr(*file, "nspawn-creds")) {
            doctor_say(doctor, DOCTOR_WARNING,
                       "%s has no policy any more, but %s still asks for what it listed",
                       machine->name, machine->unit);
            doctor_remedy_reload(doctor);
            return;
        }
    for (char **pair = machine->service.credentials; *pair; pair += 2)
        if (is(pair[1], BROKER_SOCKET)) {
            doctor_say(doctor, DOCTOR_OK, "%s asks for the credentials in its own drop-in",
                       machine->unit);
            return;
        }
    if (!machine->stored) {
        Hint hint = hint_find(doctor->context, &doctor->options, machine->name);

        doctor_say(doctor, doctor->store ? DOCTOR_WARNING : DOCTOR_UNSEEN,
                   doctor->store ? "%s has neither a policy nor credentials in the store%s"
                                 : "%s has no policy, and the store was not looked at%s",
                   machine->name, hint.text);
        doctor_advice(doctor, "Give it a credential: nspawn-creds set %s@ID", machine->name);
        return;
    }
    doctor_say(doctor, DOCTOR_WARNING,
               "the store holds credentials of %s, but it has no policy and its unit asks for none",
               machine->name);
    doctor_remedy(doctor, "nspawn-creds enable %s", machine->name);
}

void doctor_unit(Doctor *doctor, const DoctorMachine *machine)
{
    const char *unit = machine->unit;
    const ManagerUnit *state = &machine->state;
    bool right;

    if (!doctor->manager || (machine->policy_rc != 0 && machine->policy_rc != OUTCOME_NOT_FOUND))
        return;
    if (machine->unit_rc != 0) {
        doctor_say(doctor, doctor_level(machine->unit_rc), "%s", machine->unit_reason.text);
        return;
    }
    if (!doctor_has_unit(machine)) {
        doctor_say(doctor, DOCTOR_PROBLEM, "%s is %s", unit, state->load);
        if (is(state->load, "masked"))
            doctor_remedy(doctor, "systemctl unmask %s%s",
                          is(state->file, "masked-runtime") ? "--runtime " : "", unit);
        else
            doctor_advice(doctor,
                          "systemd-nspawn@.service comes with systemd-nspawn; in Debian it is in "
                          "the package systemd-container");
        return;
    }
    right = check_wrapper(doctor, machine);
    right = check_lengths(doctor, machine) && right;
    if (!machine->policy) {
        check_orphan(doctor, machine);
        return;
    }
    right = check_requests(doctor, machine) && right;
    right = check_paths(doctor, machine) && right;
    if (right && state->reload_needed) {
        doctor_say(doctor, DOCTOR_WARNING,
                   "files of %s have changed since the service manager read them", unit);
        doctor_remedy(doctor, "systemctl daemon-reload");
    } else if (right)
        doctor_say(doctor, DOCTOR_OK, "%s asks for the credentials in its policy", unit);
}
