/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * doctor: the store's directories and files: owners, modes, links, foreign files and leftovers of
 * crashes.
 */

#include "doctor/doctor.h"

#include "base/fsutil.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>

#define DIRECTORY_MODE   ((mode_t)0770)
#define SEALED_MODE      ((mode_t)0640)
#define PUBLIC_MODE      ((mode_t)0644)

/* A writer that takes longer has died. */
#define LEFTOVER_SECONDS 60

/* Whether root or the broker owns it. */
typedef struct Owners {
    uid_t broker;
    gid_t group;
} Owners;

static void check_directory(Doctor *doctor, const Owners *owners, const char *path,
                            const struct stat *status)
{
    if (status->st_gid == owners->group && (status->st_mode & 07777) == DIRECTORY_MODE &&
        (status->st_uid == 0 || status->st_uid == owners->broker))
        return;
    doctor_say(doctor, DOCTOR_PROBLEM, "%s has mode %04o and owner %u:%u, not %04o and %s", path,
               status->st_mode & 07777U, status->st_uid, status->st_gid, DIRECTORY_MODE,
               "root:nspawn-creds");
    doctor_remedy(doctor, "chown root:nspawn-creds %s && chmod %04o %s", doctor_quote(path).text,
                  DIRECTORY_MODE, doctor_quote(path).text);
}

static bool has_suffix(const char *text, const char *suffix)
{
    size_t length = strlen(text), end = strlen(suffix);

    return length > end && strcmp(text + length - end, suffix) == 0;
}

/* Checks a file that the store could have written, or one of its writers has left. */
static void check_file(Doctor *doctor, const Owners *owners, const char *path,
                       const struct stat *status, mode_t mode)
{
    if (S_ISLNK(status->st_mode) || !S_ISREG(status->st_mode)) {
        doctor_say(doctor, DOCTOR_PROBLEM, "%s is %s: the broker does not read it", path,
                   S_ISLNK(status->st_mode) ? "a symbolic link" : "not a regular file");
        doctor_remedy(doctor, "rm -d %s", doctor_quote(path).text);
    } else if (status->st_nlink > 1) {
        doctor_say(doctor, DOCTOR_PROBLEM, "%s has %lu links, not one: the broker does not read it",
                   path, (unsigned long)status->st_nlink);
        doctor_remedy(doctor, "cp -p %s %s.new && mv %s.new %s", doctor_quote(path).text,
                      doctor_quote(path).text, doctor_quote(path).text, doctor_quote(path).text);
    } else if (status->st_gid != owners->group || (status->st_mode & 07777) != mode ||
               (status->st_uid != 0 && status->st_uid != owners->broker)) {
        doctor_say(doctor, status->st_mode & S_IWOTH ? DOCTOR_PROBLEM : DOCTOR_WARNING,
                   "%s has mode %04o and owner %u:%u, not %04o and root:nspawn-creds", path,
                   status->st_mode & 07777U, status->st_uid, status->st_gid, mode);
        doctor_remedy(doctor, "chown root:nspawn-creds %s && chmod %04o %s",
                      doctor_quote(path).text, mode, doctor_quote(path).text);
    }
}

static void check_leftover(Doctor *doctor, const char *path, const struct stat *status, bool commit)
{
    uint64_t now = doctor->context->now(doctor->context) / 1000000;

    if (status->st_mtim.tv_sec + LEFTOVER_SECONDS > (time_t)now)
        return; /* a writer may still be using it */
    doctor_say(doctor, DOCTOR_WARNING, "%s is a leftover of a command that was killed", path);
    if (commit)
        doctor_advice(doctor, "The next command that changes the store completes or removes it");
    else
        doctor_remedy(doctor, "rm %s", doctor_quote(path).text);
}

static void check_entry(Doctor *doctor, const Owners *owners, const char *machine, int folder,
                        const char *name)
{
    char path[PATH_MAX];
    CredentialName credential;
    struct stat status;

    if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return; /* gone meanwhile */
    snprintf(path, sizeof(path), "%s/%s/%s", doctor->options.host->store, machine, name);
    if (strncmp(name, ".nspawn-creds-", 14) == 0 && has_suffix(name, ".tmp"))
        check_leftover(doctor, path, &status, false);
    else if (has_suffix(name, ".pub"))
        check_file(doctor, owners, path, &status, PUBLIC_MODE);
    else if (!has_suffix(name, ".cred")) {
        doctor_say(doctor, DOCTOR_WARNING, "%s does not belong in the store", path);
        doctor_advice(doctor, "Nothing reads it. Move it elsewhere");
    } else {
        Reason reason = {0};
        char id[NAME_MAX + 1];

        snprintf(id, sizeof(id), "%.*s", (int)(strlen(name) - strlen(".cred")), name);
        if (credential_name_new(machine, id, &reason, &credential) == 0)
            check_file(doctor, owners, path, &status, SEALED_MODE);
        else {
            doctor_say(doctor, DOCTOR_WARNING, "%s is never read: %s", path, reason.text);
            doctor_advice(doctor, "Seal it under another name, and remove this file");
        }
    }
}

static void check_machine(Doctor *doctor, const Owners *owners, int store, const char *name)
{
    int fd = openat(store, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    _cleanup_(closedirp) DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
    char path[PATH_MAX];
    const char *entry;
    struct stat status;
    int r;

    snprintf(path, sizeof(path), "%s/%s", doctor->options.host->store, name);
    if (!folder) {
        int error = errno;

        close_keep_errno(fd);
        if (error == ENOENT)
            return;
        doctor_say(doctor, doctor_level(-error), "%s cannot be read: %s", path,
                   error == ELOOP || error == ENOTDIR ? "it is not a directory" : strerror(error));
        if (error == ELOOP || error == ENOTDIR)
            doctor_remedy(doctor, "rm %s", doctor_quote(path).text);
        return;
    }
    if (fstat(fd, &status) == 0)
        check_directory(doctor, owners, path, &status);
    while ((r = directory_next(folder, path, NULL, &entry)) == 0 && entry)
        check_entry(doctor, owners, name, fd, entry);
    if (r != 0)
        doctor_say(doctor, DOCTOR_PROBLEM, "%s cannot be read: %s", path, strerror(-r));
}

/* Checks everything in the store, including what is not a machine. */
static void check_machines(Doctor *doctor, const Owners *owners, DIR *folder)
{
    const char *store = doctor->options.host->store, *entry;
    struct stat status;
    int r;

    while ((r = directory_next(folder, store, NULL, &entry)) == 0 && entry) {
        char path[PATH_MAX];

        if (doctor->machine && strcmp(entry, doctor->machine) != 0)
            continue;
        if (machine_name_valid(entry)) {
            check_machine(doctor, owners, dirfd(folder), entry);
            continue;
        }
        snprintf(path, sizeof(path), "%s/%s", store, entry);
        if (fstatat(dirfd(folder), entry, &status, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        if (strcmp(entry, ".prepare") == 0 || strcmp(entry, ".commit") == 0)
            check_leftover(doctor, path, &status, true);
        else if (strcmp(entry, ".done") == 0 || strncmp(entry, ".record.", 8) == 0)
            continue;
        else {
            doctor_say(doctor, DOCTOR_WARNING, "%s does not belong in the store", path);
            doctor_advice(doctor, "Nothing reads it. Move it elsewhere");
        }
    }
    if (r != 0)
        doctor_say(doctor, DOCTOR_PROBLEM, "%s cannot be read: %s", store, strerror(-r));
}

void doctor_store(Doctor *doctor)
{
    const struct passwd *user = getpwnam("nspawn-creds");
    const struct group *group = getgrnam("nspawn-creds");
    Owners owners = {user ? user->pw_uid : 0, group ? group->gr_gid : 0};
    const char *path = doctor->options.host->store;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    _cleanup_(closedirp) DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
    size_t before = doctor->count;
    struct stat status;

    if (!user || !group)
        return; /* reported elsewhere */
    if (!folder) {
        int error = errno;

        close_keep_errno(fd);
        doctor_say(doctor, doctor_level(-error), "the store %s cannot be opened: %s", path,
                   strerror(error));
        if (error == ENOENT)
            doctor_remedy(doctor, "systemd-tmpfiles --create nspawn-creds.conf");
        return;
    }
    if (fstat(fd, &status) == 0)
        check_directory(doctor, &owners, path, &status);
    check_machines(doctor, &owners, folder);
    if (doctor->count == before)
        doctor_say(doctor, DOCTOR_OK, "%s has the right owners, modes and links", path);
}
