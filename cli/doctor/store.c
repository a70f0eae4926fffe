/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * doctor: the store's directories and files: owners, modes, links, foreign files and leftovers of
 * crashes.
 */

#include "doctor/doctor.h"

#include "base/fsutil.h"
#include "store/commit.h"

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

/* The user, besides root, who may own files in the store. */
typedef struct Owners {
    uid_t broker;
    gid_t group;
} Owners;

/* An open directory of the store, and its path for messages. */
typedef struct Folder {
    int fd;
    const char *path;
} Folder;

/* Checks owner and mode of FILE in FOLDER, or of FOLDER itself if it is ".". */
static void check_owner(Doctor *doctor, const Owners *owners, const Folder *folder,
                        const char *file, const struct stat *status, mode_t mode)
{
    bool directory = S_ISDIR(status->st_mode), brokers = status->st_uid == owners->broker;
    DoctorOwnership right = {.parent = folder->fd,
                             .name = file,
                             .type = status->st_mode & S_IFMT,
                             .uid = brokers ? owners->broker : 0,
                             .gid = owners->group,
                             .mode = mode};
    bool readable = brokers || status->st_mode & S_IROTH ||
                    (status->st_gid == owners->group && status->st_mode & S_IRGRP);
    char what[64];

    if (status->st_uid == right.uid && status->st_gid == right.gid &&
        (status->st_mode & 07777) == mode)
        return;
    doctor_say(doctor, directory || !readable ? DOCTOR_PROBLEM : DOCTOR_WARNING,
               "%s%s%s has mode %04o and owner %u:%u, not %04o and root:nspawn-creds", folder->path,
               directory ? "" : "/", directory ? "" : file, status->st_mode & 07777U,
               status->st_uid, status->st_gid, mode);
    snprintf(what, sizeof(what), "Set mode %04o and owner %s:nspawn-creds", mode,
             brokers ? "nspawn-creds" : "root");
    (void)doctor_fix(doctor, what, doctor_fix_ownership, &right);
}

/* Checks FILE of the credential NAME. Only a new value helps against what others may have written.
 */
static void check_file(Doctor *doctor, const Owners *owners, const CredentialName *name,
                       const Folder *folder, const char *file, const struct stat *status,
                       mode_t mode)
{
    char text[CREDENTIAL_NAME_TEXT_BYTES];
    const char *fault = S_ISLNK(status->st_mode)    ? "a symbolic link"
                        : !S_ISREG(status->st_mode) ? "not a regular file"
                        : status->st_nlink > 1      ? "a file with more than one link"
                        : status->st_mode & S_IWOTH ? "writable for everybody"
                                                    : NULL;

    if (!fault) {
        check_owner(doctor, owners, folder, file, status, mode);
        return;
    }
    credential_name_format(name, text);
    doctor_say(doctor, DOCTOR_PROBLEM, "%s/%s is %s: the broker does not read it", folder->path,
               file, fault);
    if (S_ISDIR(status->st_mode)) /* a file cannot replace it */
        doctor_advice(doctor, "Find out who created it, and move it out of the store");
    else
        doctor_remedy(doctor, "nspawn-creds set %s", shell_word(text).text);
}

static void check_entry(Doctor *doctor, const Owners *owners, const char *machine,
                        const Folder *folder, const char *file)
{
    bool public = has_suffix(file, ".pub");
    char id[NAME_MAX + 1];
    CredentialName name;
    struct stat status;
    Reason reason = {0};

    if (fstatat(folder->fd, file, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return; /* gone meanwhile */
    if (!public && !has_suffix(file, ".cred") && !has_suffix(file, ".old")) {
        doctor_say(doctor, DOCTOR_WARNING, "%s/%s does not belong in the store", folder->path,
                   file);
        doctor_advice(doctor, "Nothing reads it. Move it elsewhere");
        return;
    }
    snprintf(id, sizeof(id), "%.*s", (int)(strrchr(file, '.') - file), file);
    if (credential_name_new(machine, id, &reason, &name) == 0)
        check_file(doctor, owners, &name, folder, file, &status,
                   public ? PUBLIC_MODE : SEALED_MODE);
    else {
        doctor_say(doctor, DOCTOR_WARNING, "%s/%s is never read: %s", folder->path, file,
                   reason.text);
        doctor_advice(doctor, "Seal it under another name, and remove this file");
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
            doctor_advice(doctor, "The store only holds directories. Find out who created it");
        return;
    }
    if (fstat(fd, &status) == 0)
        check_owner(doctor, owners, &(Folder){fd, path}, ".", &status, DIRECTORY_MODE);
    while ((r = directory_next(folder, path, NULL, &entry)) == 0 && entry)
        check_entry(doctor, owners, name, &(Folder){fd, path}, entry);
    if (r != 0)
        doctor_say(doctor, DOCTOR_PROBLEM, "%s cannot be read: %s", path, strerror(-r));
}

/* No --fix: nobody knows what it is. Returns whether it was reported. */
static bool check_commit(Doctor *doctor)
{
    char path[STORE_PATH_BYTES];

    if (!doctor->store || !store_is_blocked(doctor->store, path))
        return false;
    doctor_say(doctor, DOCTOR_PROBLEM,
               "%s/%s is not of nspawn-creds: while it is there, nothing can be stored or removed, "
               "for any machine",
               doctor->options.host->store, path);
    doctor_advice(doctor, "Find out who created it, and move it out of the store");
    return true;
}

/* Checks everything in the store, including what is not a machine. */
static void check_machines(Doctor *doctor, const Owners *owners, DIR *folder)
{
    const char *store = doctor->options.host->store, *entry;
    time_t now = (time_t)(doctor->context->now(doctor->context) / 1000000);
    struct stat status;
    int r;

    while ((r = directory_next(folder, store, NULL, &entry)) == 0 && entry) {
        char path[PATH_MAX];

        if (strcmp(entry, ".commit") == 0 && check_commit(doctor))
            continue;
        if (doctor->machine && strcmp(entry, doctor->machine) != 0)
            continue;
        if (machine_name_valid(entry)) {
            check_machine(doctor, owners, dirfd(folder), entry);
            continue;
        }
        snprintf(path, sizeof(path), "%s/%s", store, entry);
        if (fstatat(dirfd(folder), entry, &status, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        if (strcmp(entry, ".prepare") == 0 || strcmp(entry, ".commit") == 0) {
            /* a writer may still be using it */
            if (status.st_mtim.tv_sec + LEFTOVER_SECONDS > now)
                continue;
            doctor_say(doctor, DOCTOR_WARNING, "%s is a leftover of a command that was killed",
                       path);
            (void)doctor_fix(doctor, "Complete its change or remove it", doctor_fix_leftovers,
                             NULL);
        } else if (strcmp(entry, ".done") != 0 && strncmp(entry, ".record.", 8) != 0) {
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
    _cleanup_(closedirp) DIR *folder = NULL;
    _cleanup_(closep) int fd = -1;
    size_t before = doctor->count;
    Reason reason = {0};
    struct stat status;
    int r;

    if (!user || !group)
        return; /* reported elsewhere */
    r = store_directory_open(path, &reason, &fd);
    if (r == 0)
        r = directory_list(fd, path, &reason, &folder);
    if (r != 0) {
        doctor_say(doctor, doctor_level(r), "%s", reason.text);
        if (r == -ENOENT && strcmp(path, STORE_DEFAULT_PATH) == 0)
            doctor_remedy(doctor, "systemd-tmpfiles --create nspawn-creds.conf");
        else if (r == -ENOENT)
            doctor_remedy(doctor, "install -d -m 0770 -o root -g nspawn-creds %s",
                          shell_word(path).text);
        return;
    }
    if (fstat(fd, &status) == 0)
        check_owner(doctor, &owners, &(Folder){fd, path}, ".", &status, DIRECTORY_MODE);
    if (!doctor->store && store_open_installed(path, NULL, &doctor->store) != 0)
        doctor->store = NULL;
    check_machines(doctor, &owners, folder);
    if (doctor->count == before)
        doctor_say(doctor, DOCTOR_OK, "%s has the right owners, modes and links", path);
}
