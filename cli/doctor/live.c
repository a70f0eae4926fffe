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

static size_t count_live(const Policy *policy)
{
    size_t count = 0;

    for (size_t i = 0; policy && i < policy->count; i++)
        count += policy->credentials[i].delivery == POLICY_LIVE;
    return count;
}

/* --- outside --- */

/* Either the unit mounts the directory, or the .nspawn file does, as on NixOS. */
static bool check_unit(Doctor *doctor, const DoctorMachine *machine)
{
    const char *name = machine->name;
    char file[PATH_MAX];
    LiveMountSettings settings = live_mount_settings(name, file);
    const PolicyCredential *live = machine->policy->credentials;
    const char *emptied;

    if (settings == LIVE_MOUNT_BOUND ||
        strncmp(machine->unit, "systemd-nspawn@", strlen("systemd-nspawn@")) != 0)
        return true;
    while (live->delivery != POLICY_LIVE)
        live++;
    if (!manager_service_asks(&machine->service, name, live)) {
        emptied =
            doctor_find_drop_in(&machine->service, "Environment", "NSPAWN_CREDS_LIVE=", false);
        doctor_say(doctor, DOCTOR_PROBLEM,
                   "%s does not mount the directory for live delivery, which the policy uses%s%s%s",
                   machine->unit, emptied ? ": " : "", emptied ? emptied : "",
                   emptied ? " empties Environment=" : "");
        if (emptied)
            doctor_advise_emptied(doctor, "Environment");
        else
            doctor_remedy_reload(doctor);
        return false;
    }
    if (settings == LIVE_MOUNT_NOT_SAID)
        return true;
    doctor_say(doctor, DOCTOR_PROBLEM, "the mounts in %s replace the mount for live delivery",
               file);
    doctor_remedy(doctor,
                  "printf '\\n[Files]\\nBindReadOnly=" LIVE_MOUNT_FOLDER "/%s:" LIVE_MOUNT_INSIDE
                  ":rootidmap\\n' >>%s && systemctl try-restart %s",
                  name, shell_word(file).text, machine->unit);
    return false;
}

/* Only root creates directories here, so its name is enough to look at it. */
static void fix(Doctor *doctor, const DoctorMachine *machine, const char *what)
{
    const struct passwd *user = getpwnam(BROKER_USER);
    _cleanup_(closep) int parent = open(LIVE_MOUNT_FOLDER, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (user && parent >= 0)
        (void)doctor_fix(doctor, what, doctor_fix_live,
                         &(DoctorOwnership){.parent = parent,
                                            .name = machine->name,
                                            .type = S_IFDIR,
                                            .uid = user->pw_uid,
                                            .gid = (gid_t)-1});
}

/* The broker creates its socket in a directory that it owns. */
static bool check_folder(Doctor *doctor, const DoctorMachine *machine, const char *folder)
{
    const struct passwd *user = getpwnam(BROKER_USER);
    struct stat status;

    if (!user || lstat(folder, &status) < 0 || status.st_uid == user->pw_uid)
        return true;
    doctor_say(doctor, DOCTOR_PROBLEM,
               "%s does not belong to the broker, which cannot listen there", folder);
    fix(doctor, machine, "Give it to the broker and restart that");
    return false;
}

static bool check_socket(Doctor *doctor, const DoctorMachine *machine)
{
    int r = live_mount_check(machine->name);

    if (r == -EACCES || r == -EPERM) {
        doctor_say(doctor, DOCTOR_UNSEEN, "only root may look at the live socket of %s",
                   machine->name);
        return true;
    }
    if (r == 0)
        return true;
    doctor_say(doctor, DOCTOR_PROBLEM, "nobody listens at the live socket of %s: %s", machine->name,
               strerror(-r));
    fix(doctor, machine, "Remove the socket and restart the broker");
    return false;
}

static bool check_mount(Doctor *doctor, const DoctorMachine *machine)
{
    const char *name = machine->name, *unbound = NULL;
    bool bound = false;
    int r = manager_live_is_bound(doctor->manager, name, &bound);
    char folder[PATH_MAX];

    snprintf(folder, sizeof(folder), LIVE_MOUNT_FOLDER "/%s", name);
    if (access(folder, F_OK) < 0 && errno == ENOENT)
        unbound = "the directory does not exist";
    else if (r != 0)
        doctor_say(doctor, DOCTOR_UNSEEN, "the mounts of %s cannot be read: %s", name,
                   strerror(-r));
    else if (!bound)
        unbound = "it was started before the policy listed live credentials, or without our "
                  "wrapper";
    if (!unbound)
        return check_folder(doctor, machine, folder) && check_socket(doctor, machine);
    doctor_say(doctor, DOCTOR_PROBLEM, "%s runs without the mount for live delivery: %s", name,
               unbound);
    doctor_remedy(doctor, "systemctl restart %s", machine->unit);
    return false;
}

/* --- inside --- */

/* Whether UNIT in the container asks at the live socket for ID. Its remedy is a drop-in in the
 * container, created inside it. */
static bool check_request(Doctor *doctor, const DoctorMachine *machine, const char *unit,
                          const char *id, const ManagerService *service)
{
    const char *name = machine->name, *path = NULL;
    char folder[PATH_MAX];

    for (char **pair = service->credentials; pair && *pair && !path; pair += 2)
        if (strcmp(pair[0], id) == 0)
            path = pair[1];
    if (path && strcmp(path, LIVE_MOUNT_INSIDE LIVE_MOUNT_SOCKET) == 0)
        return true;
    if (path)
        doctor_say(doctor, DOCTOR_WARNING, "%s in %s takes %s from %s instead of the live socket",
                   unit, name, id, path);
    else
        doctor_say(doctor, DOCTOR_WARNING,
                   "%s in %s does not ask for %s, which the policy lists for it", unit, name, id);
    if (service->drop_ins && service->drop_ins[0])
        doctor_advice(doctor,
                      "If one of its drop-ins empties LoadCredential=, remove that line first: "
                      "systemctl --machine=%s cat %s",
                      name, shell_word(unit).text);
    snprintf(folder, sizeof(folder), "/etc/systemd/system/%s.d", unit);
    doctor_remedy(doctor,
                  "systemd-run --quiet --wait --machine=%s sh -c 'mkdir -p \"$1\" && printf "
                  "\"[Service]\\nLoadCredential=%%s:" LIVE_MOUNT_INSIDE LIVE_MOUNT_SOCKET
                  "\\n\" \"$2\" >\"$1/nspawn-creds-$2.conf\" && systemctl daemon-reload' sh %s %s",
                  name, shell_word(folder).text, shell_word(id).text);
    return false;
}

/* A negative errno if the container does not answer. */
static int check_inner_unit(Doctor *doctor, const DoctorMachine *machine, Manager *inner,
                            const char *unit, const char *id, Reason *reason, bool *right)
{
    _cleanup_(manager_service_done) ManagerService service = {0};
    ManagerUnit state;
    int r = manager_unit(inner, unit, reason, &state);

    if (r != 0)
        return r;
    if (strcmp(state.load, "loaded") != 0) {
        *right = false;
        doctor_say(doctor, DOCTOR_WARNING, "%s, for which the policy lists %s, is %s in %s", unit,
                   id, state.load, machine->name);
        doctor_advice(doctor,
                      "Create it in the container, or name the right unit: nspawn-creds enable "
                      "--service=UNIT %s %s",
                      machine->name, shell_argument(id).text);
        return 0;
    }
    /* only services have credentials; ignore other units in a policy */
    if (strcmp(strrchr(unit, '.'), ".service") != 0)
        return 0;
    r = manager_service(inner, unit, reason, &service);
    if (r == 0)
        *right = check_request(doctor, machine, unit, id, &service) && *right;
    return r;
}

static bool check_inside(Doctor *doctor, const DoctorMachine *machine)
{
    _cleanup_(manager_freep) Manager *inner = NULL;
    const Policy *policy = machine->policy;
    Reason reason = {0};
    bool right = true;
    int r = manager_new_of_machine(machine->name, MANAGER_USEC, -1, &reason, &inner);

    for (size_t i = 0; r == 0 && i < policy->count; i++) {
        const PolicyCredential *credential = &policy->credentials[i];

        for (size_t k = 0;
             r == 0 && credential->delivery == POLICY_LIVE && k < credential->service_count; k++)
            r = check_inner_unit(doctor, machine, inner, credential->services[k], credential->id,
                                 &reason, &right);
    }
    if (r != 0) {
        doctor_say(doctor, DOCTOR_UNSEEN, "the units in %s cannot be read: %s", machine->name,
                   reason.text);
        return false;
    }
    return right;
}

/* --- all --- */

void doctor_live(Doctor *doctor, const DoctorMachine *machine)
{
    size_t count = count_live(machine->policy);
    bool right;

    if (count == 0 || !doctor_has_unit(machine))
        return;
    right = check_unit(doctor, machine);
    if (strcmp(machine->state.active, "active") != 0) {
        if (right)
            doctor_say(doctor, DOCTOR_OK, "%s mounts the directory for live delivery",
                       machine->unit);
        return;
    }
    if (right && check_mount(doctor, machine) && check_inside(doctor, machine))
        doctor_say(doctor, DOCTOR_OK, "%s: live credentials that are in use: %zu", machine->name,
                   count);
}
