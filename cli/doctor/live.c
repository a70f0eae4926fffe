/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * doctor: live delivery, for machines whose policy uses it. From the outside in: the unit creates
 * the directory, the broker has its socket there, the container has it mounted, and its units ask
 * for their credentials there.
 *
 * A container is only believed about itself. Remedies for it run inside it, and its files are not
 * touched from outside.
 */

#include "broker_units.h"
#include "doctor/doctor.h"
#include "manager/live_mount.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>

/* A machine that is checked. */
typedef struct LiveCheck {
    Doctor *doctor;
    const DoctorMachine *machine;
    char unit[MANAGER_UNIT_BYTES];
    ManagerUnit state;
    const ManagerService *service;
} LiveCheck;

static size_t count_live(const Policy *policy)
{
    size_t count = 0;

    for (size_t i = 0; policy && i < policy->count; i++)
        count += policy->credentials[i].delivery == POLICY_LIVE;
    return count;
}

/* --- outside --- */

/* Either the unit mounts the directory, or the .nspawn file does, as on NixOS. */
static bool check_unit(const LiveCheck *check)
{
    const char *machine = check->machine->name;
    char file[PATH_MAX];
    LiveMountSettings settings = live_mount_settings(machine, file);
    const PolicyCredential *live = check->machine->policy->credentials;
    const char *emptied;

    if (settings == LIVE_MOUNT_BOUND ||
        strncmp(check->unit, "systemd-nspawn@", strlen("systemd-nspawn@")) != 0)
        return true;
    while (live->delivery != POLICY_LIVE)
        live++;
    if (!manager_service_asks(check->service, machine, live)) {
        emptied = doctor_find_drop_in(check->service, "Environment", "NSPAWN_CREDS_LIVE=", false);
        doctor_say(check->doctor, DOCTOR_PROBLEM,
                   "%s does not mount the directory for live delivery, which the policy uses%s%s%s",
                   check->unit, emptied ? ": " : "", emptied ? emptied : "",
                   emptied ? " empties Environment=" : "");
        if (emptied)
            doctor_advise_emptied(check->doctor, "Environment");
        else
            doctor_remedy_reload(check->doctor);
        return false;
    }
    if (settings == LIVE_MOUNT_NOT_SAID)
        return true;
    doctor_say(check->doctor, DOCTOR_PROBLEM,
               "the mounts in %s replace the mount for live delivery", file);
    doctor_remedy(check->doctor,
                  "printf '\\n[Files]\\nBindReadOnly=" LIVE_MOUNT_FOLDER "/%s:" LIVE_MOUNT_INSIDE
                  ":rootidmap\\n' >>%s && systemctl try-restart %s",
                  machine, shell_word(file).text, check->unit);
    return false;
}

/* Only root creates directories here, so its name is enough to look at it. */
static void fix(const LiveCheck *check, const char *what)
{
    const struct passwd *user = getpwnam(BROKER_USER);
    _cleanup_(closep) int parent = open(LIVE_MOUNT_FOLDER, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (user && parent >= 0)
        (void)doctor_fix(check->doctor, what, doctor_fix_live,
                         &(DoctorOwnership){.parent = parent,
                                            .name = check->machine->name,
                                            .type = S_IFDIR,
                                            .uid = user->pw_uid,
                                            .gid = (gid_t)-1});
}

/* The broker creates its socket in a directory that it owns. */
static bool check_folder(const LiveCheck *check, const char *folder)
{
    const struct passwd *user = getpwnam(BROKER_USER);
    struct stat status;

    if (!user || lstat(folder, &status) < 0 || status.st_uid == user->pw_uid)
        return true;
    doctor_say(check->doctor, DOCTOR_PROBLEM,
               "%s does not belong to the broker, which cannot listen there", folder);
    fix(check, "Give it to the broker and restart that");
    return false;
}

static bool check_socket(const LiveCheck *check)
{
    int r = live_mount_check(check->machine->name);

    if (r == -EACCES || r == -EPERM) {
        doctor_say(check->doctor, DOCTOR_UNSEEN, "only root may look at the live socket of %s",
                   check->machine->name);
        return true;
    }
    if (r == 0)
        return true;
    doctor_say(check->doctor, DOCTOR_PROBLEM, "nobody listens at the live socket of %s: %s",
               check->machine->name, strerror(-r));
    fix(check, "Remove the socket and restart the broker");
    return false;
}

static bool check_place(const LiveCheck *check)
{
    const char *machine = check->machine->name, *unbound = NULL;
    bool bound = false;
    int r = manager_live_is_bound(check->doctor->manager, machine, &bound);
    char folder[PATH_MAX];

    snprintf(folder, sizeof(folder), LIVE_MOUNT_FOLDER "/%s", machine);
    if (access(folder, F_OK) < 0 && errno == ENOENT)
        unbound = "the directory does not exist";
    else if (r != 0)
        doctor_say(check->doctor, DOCTOR_UNSEEN, "the mounts of %s cannot be read: %s", machine,
                   strerror(-r));
    else if (!bound)
        unbound = "it was started before the policy listed live credentials, or without our "
                  "wrapper";
    if (!unbound)
        return check_folder(check, folder) && check_socket(check);
    doctor_say(check->doctor, DOCTOR_PROBLEM, "%s runs without the mount for live delivery: %s",
               machine, unbound);
    doctor_remedy(check->doctor, "systemctl restart %s", check->unit);
    return false;
}

/* --- inside --- */

/* Whether UNIT in the container asks at the live socket for ID. Its remedy is a drop-in in the
 * container, created inside it. */
static bool check_request(const LiveCheck *check, const char *unit, const char *id,
                          const ManagerService *service)
{
    const char *machine = check->machine->name, *place = NULL;
    char folder[PATH_MAX];

    for (char **pair = service->credentials; pair && *pair && !place; pair += 2)
        if (strcmp(pair[0], id) == 0)
            place = pair[1];
    if (place && strcmp(place, LIVE_MOUNT_INSIDE LIVE_MOUNT_SOCKET) == 0)
        return true;
    if (place)
        doctor_say(check->doctor, DOCTOR_WARNING,
                   "%s in %s takes %s from %s instead of the live socket", unit, machine, id,
                   place);
    else
        doctor_say(check->doctor, DOCTOR_WARNING,
                   "%s in %s does not ask for %s, which the policy lists for it", unit, machine,
                   id);
    if (service->drop_ins && service->drop_ins[0])
        doctor_advice(check->doctor,
                      "If one of its drop-ins empties LoadCredential=, remove that line first: "
                      "systemctl --machine=%s cat %s",
                      machine, shell_word(unit).text);
    snprintf(folder, sizeof(folder), "/etc/systemd/system/%s.d", unit);
    doctor_remedy(check->doctor,
                  "systemd-run --quiet --wait --machine=%s sh -c 'mkdir -p \"$1\" && printf "
                  "\"[Service]\\nLoadCredential=%%s:" LIVE_MOUNT_INSIDE LIVE_MOUNT_SOCKET
                  "\\n\" \"$2\" >\"$1/nspawn-creds-$2.conf\" && systemctl daemon-reload' sh %s %s",
                  machine, shell_word(folder).text, shell_word(id).text);
    return false;
}

/* A negative errno if the container does not answer. */
static int check_inner_unit(const LiveCheck *check, Manager *inner, const char *unit,
                            const char *id, Reason *reason, bool *right)
{
    _cleanup_(manager_service_done) ManagerService service = {0};
    ManagerUnit state;
    int r = manager_unit(inner, unit, reason, &state);

    if (r != 0)
        return r;
    if (strcmp(state.load, "loaded") != 0) {
        *right = false;
        doctor_say(check->doctor, DOCTOR_WARNING, "%s, for which the policy lists %s, is %s in %s",
                   unit, id, state.load, check->machine->name);
        doctor_advice(check->doctor,
                      "Create it in the container, or name the right unit: nspawn-creds enable "
                      "--service=UNIT %s %s",
                      check->machine->name, shell_argument(id).text);
        return 0;
    }
    /* only services have credentials; ignore other units in a policy */
    if (strcmp(strrchr(unit, '.'), ".service") != 0)
        return 0;
    r = manager_service(inner, unit, reason, &service);
    if (r == 0)
        *right = check_request(check, unit, id, &service) && *right;
    return r;
}

static bool check_inside(const LiveCheck *check)
{
    _cleanup_(manager_freep) Manager *inner = NULL;
    const Policy *policy = check->machine->policy;
    Reason reason = {0};
    bool right = true;
    int r = manager_new_of_machine(check->machine->name, MANAGER_USEC, -1, &reason, &inner);

    for (size_t i = 0; r == 0 && i < policy->count; i++) {
        const PolicyCredential *credential = &policy->credentials[i];

        for (size_t k = 0;
             r == 0 && credential->delivery == POLICY_LIVE && k < credential->service_count; k++)
            r = check_inner_unit(check, inner, credential->services[k], credential->id, &reason,
                                 &right);
    }
    if (r != 0) {
        doctor_say(check->doctor, DOCTOR_UNSEEN, "the units in %s cannot be read: %s",
                   check->machine->name, reason.text);
        return false;
    }
    return right;
}

/* --- all --- */

void doctor_live(Doctor *doctor, const DoctorMachine *machine)
{
    _cleanup_(manager_service_done) ManagerService service = {0};
    LiveCheck check = {.doctor = doctor, .machine = machine, .service = &service};
    bool right;

    if (!doctor->manager || count_live(machine->policy) == 0 ||
        manager_find_unit(doctor->manager, machine->name, NULL, check.unit, &check.state,
                          &service) != 0 ||
        strcmp(check.state.load, "loaded") != 0)
        return; /* nothing to check, or "units" has reported it */
    right = check_unit(&check);
    if (strcmp(check.state.active, "active") != 0) {
        if (right)
            doctor_say(doctor, DOCTOR_OK, "%s mounts the directory for live delivery", check.unit);
        return;
    }
    if (right && check_place(&check) && check_inside(&check))
        doctor_say(doctor, DOCTOR_OK, "%s: live credentials that are in use: %zu", machine->name,
                   count_live(machine->policy));
}
