/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "doctor/doctor.h"

#include "base/array.h"
#include "broker_units.h"
#include "terminal/input.h"
#include "terminal/progress.h"
#include "terminal/safe_text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

void doctor_say(Doctor *doctor, DoctorLevel level, const char *format, ...)
{
    va_list arguments;

    if (!ARRAY_GROW(doctor->findings, doctor->count))
        abort();
    va_start(arguments, format);
    doctor->findings[doctor->count++] =
        (DoctorFinding){.level = level,
                        .check = doctor->check,
                        .of_machine = doctor->of_machine,
                        .words = safe_text_format(format, arguments)};
    va_end(arguments);
}

void doctor_remedy(Doctor *doctor, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    doctor->findings[doctor->count - 1].remedy = safe_text_format(format, arguments);
    va_end(arguments);
}

void doctor_advice(Doctor *doctor, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    doctor->findings[doctor->count - 1].advice = safe_text_format(format, arguments);
    va_end(arguments);
}

DoctorLevel doctor_level(int rc)
{
    return rc == -EACCES || rc == -EPERM ? DOCTOR_UNSEEN : DOCTOR_PROBLEM;
}

DoctorMachine *doctor_machine(const Doctor *doctor, const char *name)
{
    for (size_t i = 0; i < doctor->machine_count; i++)
        if (strcmp(doctor->machines[i].name, name) == 0)
            return &doctor->machines[i];
    return NULL;
}

bool doctor_has_unit(const DoctorMachine *machine)
{
    return machine->unit_rc == 0 && strcmp(machine->state.load, "loaded") == 0;
}

void doctor_say_access(Doctor *doctor, const BrokerAccess *access)
{
    /* the same directory may be in the way of several files */
    if (doctor->count > 0 && strcmp(doctor->findings[doctor->count - 1].words, access->why) == 0)
        return;
    doctor_say(doctor, DOCTOR_PROBLEM, "%s", access->why);
    if (access->command[0])
        doctor_remedy(doctor, "%s", access->command);
    else
        doctor_advice(doctor,
                      "Move it to a directory that only root may write to and the user " BROKER_USER
                      " may search, such as /etc/nspawn-creds");
}

/* --- doctor --fix ---
 *
 * Root does this in directories that the broker may write to, and the broker may have been taken
 * over. So nothing is done by path: the object is opened once, relative to an open directory and
 * without following a link, checked, and changed through its descriptor. If it was swapped
 * meanwhile, the old one is changed, and nobody uses that any more. */

#define REMEDY "nspawn-creds doctor --fix"

/* Whether the administrator wants the last finding fixed by WHAT. */
static bool ask(Doctor *doctor, const DoctorFinding *finding, const char *what)
{
    _cleanup_(freep) char *question = NULL;
    char answer;

    if (doctor->options.no_ask)
        return true;
    if (asprintf(&question, "%s. %s? [y]es, [n]o, [a]ll:", finding->words, what) < 0)
        abort();
    answer = confirm_choice(&doctor->options, "yna", question);
    doctor->options.no_ask = answer == 'a';
    return answer == 'y' || answer == 'a';
}

bool doctor_fix(Doctor *doctor, const char *what, DoctorFix fix, const DoctorOwnership *wanted)
{
    DoctorFinding *finding = &doctor->findings[doctor->count - 1];
    Reason reason = {0};
    int r;

    if (!doctor->options.fix || !ask(doctor, finding, what)) {
        doctor_remedy(doctor, REMEDY);
        return false;
    }
    r = fix(doctor, wanted, &reason);
    if (r == 0) {
        finding->level = DOCTOR_FIXED;
        doctor_advice(doctor, "Done: %s", what);
    } else
        doctor_advice(doctor, "Not done: %s%s%s", reason.text, r > 0 ? ": " : "",
                      r > 0            ? outcome_sentence(r)
                      : reason.text[0] ? ""
                                       : strerror(-r));
    return r == 0;
}

int doctor_fix_ownership(Doctor *, const DoctorOwnership *wanted, Reason *reason)
{
    _cleanup_(closep) int fd =
        openat(wanted->parent, wanted->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    char self[32];
    struct stat status;

    if (fd < 0 || fstat(fd, &status) < 0)
        return -errno;
    if ((status.st_mode & S_IFMT) != wanted->type ||
        (S_ISREG(status.st_mode) && (status.st_nlink != 1 || status.st_mode & S_IWOTH)))
        return reason_set(reason, OUTCOME_CHANGED, "%.200s", wanted->name);
    snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
    /* in this order, because the kernel takes set-id bits away from files that it gives away */
    if (fchownat(fd, "", wanted->uid, wanted->gid, AT_EMPTY_PATH) < 0 ||
        (wanted->mode != 0 && chmod(self, wanted->mode) < 0))
        return -errno;
    return 0;
}

int doctor_fix_leftovers(Doctor *doctor, const DoctorOwnership *, Reason *reason)
{
    const StoreCommit nothing = {
        .origin = {.verb = "doctor", .uid = getuid(), .pid = getpid()},
    };

    return doctor->store ? audited_commit(doctor->store, &nothing, audited_commit_journal(), reason)
                         : reason_set(reason, OUTCOME_STORE_UNSAFE, "the store");
}

int doctor_fix_live(Doctor *doctor, const DoctorOwnership *wanted, Reason *reason)
{
    _cleanup_(closep) int fd =
        openat(wanted->parent, wanted->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int r = fd < 0 ? -errno : doctor_fix_ownership(doctor, wanted, reason);

    /* one that nobody listens at: the broker makes it again */
    if (r == 0 && unlinkat(fd, "socket", 0) < 0 && errno != ENOENT)
        r = -errno;
    return r == 0 ? manager_run(doctor->manager, BROKER_UNIT, "RestartUnit", &terminal_observer,
                                reason)
                  : r;
}
