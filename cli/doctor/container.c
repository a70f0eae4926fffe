/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * doctor: what keeps a container without its credentials although they, the policy and the unit are
 * in order: there is no image of that name any more, it was not started by its unit, or what it
 * runs may not read them. systemd-machined knows images and running containers; the files of a
 * container are not looked at.
 */

#include "base/array.h"
#include "doctor/doctor.h"
#include "manager/live_mount.h"

#include <string.h>

static bool has_credentials(const Doctor *doctor, const char *name)
{
    const DoctorMachine *machine = doctor_machine(doctor, name);

    return machine && (machine->stored || machine->policy);
}

/* The only image without credentials, to which another may have been renamed; NULL if there is
 * none, or there are several. */
static const char *find_renamed(const Doctor *doctor)
{
    const char *found = NULL;

    for (char **image = doctor->images; *image; image++)
        if (!has_credentials(doctor, *image)) {
            if (found)
                return NULL;
            found = *image;
        }
    return found;
}

/* Advice on the credentials of a machine that was removed or renamed. Removing is not a remedy,
 * which somebody may run without reading. */
static void advise_leftovers(Doctor *doctor, const char *machine, const StoreEntry *entries,
                             size_t count)
{
    const char *image = find_renamed(doctor), *renamed = image ? image : "NEW";
    _cleanup_(freep) char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    if (!stream)
        abort();
    fprintf(stream,
            "If it was renamed: nspawn-creds rename %s@%s %s && nspawn-creds enable %s. If it was "
            "removed: nspawn-creds remove",
            machine, count == 1 ? shell_word(entries[0].name.id).text : "ID", renamed, renamed);
    for (size_t i = 0; i < count; i++)
        fprintf(stream, " %s@%s", machine, shell_word(entries[i].name.id).text);
    if (fclose(stream) != 0)
        abort();
    doctor_advice(doctor, "%s", text);
}

static bool check_image(Doctor *doctor, const DoctorMachine *machine)
{
    _cleanup_(freep) StoreEntry *entries = NULL;
    size_t count = 0;

    if (strings_have(doctor->images, machine->name))
        return true;
    if (machine->policy) {
        doctor_say(doctor, DOCTOR_WARNING, "no image of %s exists: %s cannot start", machine->name,
                   machine->unit);
        doctor_advice(doctor, "Create it under this name. These exist: machinectl list-images");
    }
    if (machine->stored && doctor->store &&
        store_list(doctor->store, machine->name, NULL, &entries, &count) == 0 && count > 0) {
        doctor_say(
            doctor, DOCTOR_WARNING,
            "the store holds credentials of %s, of which no image exists: the next container "
            "of this name can get them",
            machine->name);
        advise_leftovers(doctor, machine->name, entries, count);
    }
    return false;
}

/* Whether the container, if it runs, was started by a unit that gives it credentials. */
static bool check_start(Doctor *doctor, const DoctorMachine *machine)
{
    char started[LIMIT_MACHINE_BYTES + 1];
    _cleanup_(freep) char *other = NULL;

    if (manager_unit_of_machine(doctor->manager, machine->name, &other) != 0 ||
        unit_machine(&doctor->options.host->templates, other, NULL, started) == 0)
        return true;
    doctor_say(doctor, DOCTOR_PROBLEM,
               "%s runs without credentials: it was started as %s, and not by %s", machine->name,
               other, machine->unit);
    doctor_advice(doctor, "Power it off, then run: machinectl start %s", machine->name);
    return false;
}

/* systemd-nspawn gives the credentials to root in the container. */
static bool check_user(Doctor *doctor, const DoctorMachine *machine)
{
    char path[PATH_MAX], user[64];
    _cleanup_(fclosep) FILE *stream = NULL;
    _cleanup_(freep) char *line = NULL;
    size_t room = 0;

    if (live_mount_file(machine->name, path))
        stream = fopen(path, "re");
    while (stream && getline(&line, &room, stream) >= 0) {
        if (sscanf(line, " User = %63s", user) != 1 || strcmp(user, "root") == 0 ||
            strcmp(user, "0") == 0)
            continue;
        doctor_say(doctor, DOCTOR_PROBLEM,
                   "%s has User=%s, who cannot read the credentials: they belong to root in the "
                   "container",
                   path, user);
        doctor_advice(doctor,
                      "Let the container run its program as root, which reads them and then "
                      "changes the user");
        return false;
    }
    return true;
}

/* A machine without credentials, which the administrator has named: maybe it is a copy. */
static void check_copy(Doctor *doctor, const DoctorMachine *machine)
{
    uint8_t id[16], other[16];
    static const uint8_t none[16];

    if (manager_image_id(doctor->manager, machine->name, id) != 0 ||
        memcmp(id, none, sizeof(id)) == 0)
        return;
    for (size_t i = 0; i < doctor->machine_count; i++) {
        const char *name = doctor->machines[i].name;

        if (strcmp(name, machine->name) == 0 || !has_credentials(doctor, name) ||
            !strings_have(doctor->images, name) ||
            manager_image_id(doctor->manager, name, other) != 0 ||
            memcmp(id, other, sizeof(id)) != 0)
            continue;
        doctor_say(
            doctor, DOCTOR_WARNING,
            "%s has the same machine id as %s: a copy of it (machinectl clone) starts without "
            "its credentials",
            machine->name, name);
        doctor_advice(doctor,
                      "To copy one: nspawn-creds copy %s@ID %s, then: nspawn-creds enable %s", name,
                      machine->name, machine->name);
        return;
    }
}

/* Whether the images are known; reports once if not. */
static bool find_images(Doctor *doctor)
{
    int r;

    if (doctor->images || doctor->images_unknown)
        return doctor->images;
    r = manager_images(doctor->manager, &doctor->images);
    doctor->images_unknown = r != 0;
    if (r != 0)
        doctor_say(doctor, DOCTOR_UNSEEN, "the images of containers are not known: %s",
                   strerror(-r));
    return r == 0;
}

void doctor_container(Doctor *doctor, const DoctorMachine *machine)
{
    bool right = true, known;

    if (!doctor_has_unit(machine) || !machine->name[0])
        return;
    known = find_images(doctor);
    if (!machine->stored && machine->policy_rc == OUTCOME_NOT_FOUND) {
        if (known && strings_have(doctor->images, machine->name))
            check_copy(doctor, machine);
        return;
    }
    right = check_start(doctor, machine);
    right = check_user(doctor, machine) && right;
    /* nixpkgs keeps its containers elsewhere */
    if (known && strncmp(machine->unit, "systemd-nspawn@", strlen("systemd-nspawn@")) == 0 &&
        strcmp(machine->state.active, "active") != 0 &&
        !manager_service_names_image(&machine->service))
        right = check_image(doctor, machine) && right;
    if (right && known)
        doctor_say(doctor, DOCTOR_OK, "image, start and user of %s are in order", machine->name);
}
