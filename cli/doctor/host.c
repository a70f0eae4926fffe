/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * doctor: the host's systemd, its memory, the broker's user, the configuration, and the host key.
 */

#include "base/fsutil.h"
#include "doctor/doctor.h"
#include "key/host_key.h"
#include "key/pcr_files.h"
#include "seal/seal_spec.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <string.h>

#define VERSION_MIN      252U

/* /proc/swaps and such. */
#define PROC_BYTES_MAX   ((size_t)64 * 1024)

/* The prefix of the device mapper's uuid of an encrypted volume. */
#define ENCRYPTED_PREFIX "CRYPT-"

/* --- systemd --- */

/* Whether PROGRAM is on $PATH. */
static bool is_installed(const char *program)
{
    const char *directory = getenv("PATH");
    char file[PATH_MAX];

    for (size_t length; directory && *directory; directory += strspn(directory, ":")) {
        length = strcspn(directory, ":");
        snprintf(file, sizeof(file), "%.*s/%s", (int)length, directory, program);
        if (access(file, X_OK) == 0)
            return true;
        directory += length;
    }
    return false;
}

void doctor_systemd(Doctor *doctor)
{
    unsigned version = systemd_version_installed(doctor->context);

    if (version == 0)
        doctor_say(doctor, DOCTOR_UNSEEN, "the version of systemd cannot be determined");
    else if (version < VERSION_MIN)
        doctor_say(doctor, DOCTOR_PROBLEM, "systemd %u; %u or later is needed", version,
                   VERSION_MIN);
    else
        doctor_say(doctor, DOCTOR_OK, "systemd %u", version);
    if (!doctor->manager) {
        doctor_say(doctor, DOCTOR_UNSEEN, "the service manager cannot be reached");
        doctor_advice(doctor, "Was this system booted with systemd? Units are not checked");
    }
    if (!is_installed("systemd-creds")) {
        doctor_say(doctor, DOCTOR_WARNING,
                   "systemd-creds is missing: only nspawn-creds can open "
                   "sealed files");
        doctor_advice(doctor, "Install it; in Debian it is in the package systemd");
    }
    if (!is_installed("systemd-nspawn")) {
        doctor_say(doctor, DOCTOR_PROBLEM, "systemd-nspawn is missing");
        doctor_advice(doctor, "Install it; in Debian it is in the package systemd-container");
    }
}

/* --- the configuration --- */

void doctor_config(Doctor *doctor)
{
    const HostConfig *host = doctor->options.host;
    BrokerAccess access;

    if (doctor->options.host_fault) {
        doctor_say(doctor, DOCTOR_PROBLEM, "%s", doctor->options.host_fault);
        doctor_advice(doctor, "No program of nspawn-creds works until this is corrected, see "
                              "nspawn-creds.conf(5)");
        return;
    }
    if (host->path && !broker_access_path(host->path, false, &access)) {
        doctor_say_access(doctor, &access);
        return;
    }
    doctor_say(doctor, DOCTOR_OK, "%s: the store is %s and the TPM %s",
               host->path ? host->path : "the defaults", host->store, host->tpm_device);
}

/* --- memory --- */

/* Whether the block device is in memory, or encrypted. */
static bool swap_is_safe(const char *path)
{
    _cleanup_(freep) char *device = realpath(path, NULL);
    _cleanup_(bytes_done) Bytes uuid = {0};
    char name[256];

    if (!device || strncmp(device, "/dev/", 5) != 0)
        return false;
    if (strncmp(device, "/dev/zram", 9) == 0)
        return true;
    snprintf(name, sizeof(name), "/sys/class/block/%s/dm/uuid", device + 5);
    return file_read(name, PROC_BYTES_MAX, NULL, &uuid) == 0 &&
           uuid.size > strlen(ENCRYPTED_PREFIX) &&
           memcmp(uuid.data, ENCRYPTED_PREFIX, strlen(ENCRYPTED_PREFIX)) == 0;
}

static void check_swap(Doctor *doctor)
{
    _cleanup_(fclosep) FILE *file = fopen("/proc/swaps", "re");
    char line[512], path[512];
    bool safe = true;

    if (!file) {
        doctor_say(doctor, DOCTOR_UNSEEN, "/proc/swaps cannot be read");
        return;
    }
    (void)!fgets(line, sizeof(line), file); /* the heading */
    while (fgets(line, sizeof(line), file)) {
        if (sscanf(line, "%511s", path) != 1 || swap_is_safe(path))
            continue;
        safe = false;
        doctor_say(doctor, DOCTOR_WARNING,
                   "swap on %s may not be encrypted: the memory of services in containers can be "
                   "written there",
                   path);
        doctor_advice(doctor, "Encrypt it (crypttab(5), \"swap\"), or set MemorySwapMax=0 for the "
                              "containers. The broker's own memory is not swapped");
    }
    if (ferror(file))
        doctor_say(doctor, DOCTOR_UNSEEN, "/proc/swaps cannot be read");
    else if (safe)
        doctor_say(doctor, DOCTOR_OK, "there is no unencrypted swap");
}

static void check_core_dumps(Doctor *doctor)
{
    _cleanup_(bytes_done) Bytes pattern = {0};

    if (file_read("/proc/sys/kernel/core_pattern", PROC_BYTES_MAX, NULL, &pattern) != 0)
        doctor_say(doctor, DOCTOR_UNSEEN, "kernel.core_pattern cannot be read");
    else if (pattern.size > 0 && pattern.data[0] == '|') {
        doctor_say(doctor, DOCTOR_WARNING,
                   "a program collects core dumps, including those of services "
                   "in containers, which contain their secrets");
        doctor_advice(doctor,
                      "For systemd-coredump, set Storage=none in coredump.conf(5). The broker "
                      "itself dumps no core");
    } else
        doctor_say(doctor, DOCTOR_OK, "no program collects core dumps");
}

void doctor_memory(Doctor *doctor)
{
    check_swap(doctor);
    check_core_dumps(doctor);
}

/* --- the journal --- */

/* Without a journal nobody can find out later who asked for what, and who changed what. journald
 * keeps the file that it writes to open. */
void doctor_journal(Doctor *doctor)
{
    _cleanup_(manager_service_done) ManagerService journald = {0};
    _cleanup_(closedirp) DIR *folder = NULL;
    char path[PATH_MAX], target[PATH_MAX];
    const char *entry;
    ssize_t length;

    if (!doctor->manager ||
        manager_service(doctor->manager, "systemd-journald.service", NULL, &journald) != 0)
        return;
    snprintf(path, sizeof(path), "/proc/%u/fd", journald.main_pid);
    folder = opendir(path);
    if (!folder) {
        doctor_say(doctor, DOCTOR_UNSEEN, "whether the journal is kept: %s", strerror(errno));
        return;
    }
    while (directory_next(folder, path, NULL, &entry) == 0 && entry) {
        length = readlinkat(dirfd(folder), entry, target, sizeof(target) - 1);
        target[length > 0 ? length : 0] = '\0';
        if (has_suffix(target, ".journal")) {
            doctor_say(doctor, DOCTOR_OK, "the journal keeps the broker's entries");
            return;
        }
    }
    doctor_say(doctor, DOCTOR_WARNING,
               "journald stores nothing (Storage=none): requests and changes leave no record");
    doctor_advice(doctor, "Remove Storage=none from journald.conf(5), then run: systemctl restart "
                          "systemd-journald");
}

/* --- the broker's user --- */

void doctor_user(Doctor *doctor)
{
    bool right = true;

    if (!getpwnam("nspawn-creds") || !getgrnam("nspawn-creds")) {
        right = false;
        doctor_say(doctor, DOCTOR_PROBLEM, "the broker's user nspawn-creds is missing");
        doctor_remedy(doctor, "systemd-sysusers");
    }
    if (!getgrnam("tss")) {
        right = false;
        doctor_say(doctor, DOCTOR_PROBLEM,
                   "the group tss is missing, which the broker's unit needs");
        doctor_remedy(doctor, "systemd-sysusers");
    }
    if (right)
        doctor_say(doctor, DOCTOR_OK, "user nspawn-creds and group tss exist");
}

/* --- the host key --- */

/* Reports a file of signed PCR policies that neither the broker nor the commands use. */
static void check_pcr_file(Doctor *doctor,
                           int (*load)(const Context *, const char *, Reason *, Bytes *))
{
    _cleanup_(bytes_done) Bytes file = {0};
    Reason reason = {0};
    int r = load(doctor->context, NULL, &reason, &file);

    if (r == 0 || r == OUTCOME_NOT_FOUND)
        return;
    doctor_say(doctor, doctor_level(r), "%s", reason.text);
    doctor_advice(doctor, "PCR policies are used only if nobody but root may write to this file");
}

static void say_missing(Doctor *doctor, const char *path)
{
    Reason reason = {0};
    size_t users = 0;
    int r = spec_count_host_sealed(doctor->context, &doctor->options, &users);

    if (users > 0) {
        r = host_key_lost(path, users, &reason);
        doctor_say(doctor, DOCTOR_PROBLEM, "%s", reason.text);
        doctor_advice(doctor, "%s", outcome_remedy(r));
        return;
    }
    doctor_say(doctor, DOCTOR_WARNING, "%s does not exist: nothing can be sealed with it", path);
    if (r == 0)
        doctor_remedy(doctor, "nspawn-creds setup");
    else
        doctor_advice(doctor, "%s", outcome_remedy(OUTCOME_HOST_KEY_MISSING));
}

void doctor_host_key(Doctor *doctor)
{
    _cleanup_(secret_freep) Secret *key = NULL;
    const char *path = host_key_path();
    Reason reason = {0};
    int r = host_key_load(doctor->context, path, &reason, &key);

    if (r == 0)
        doctor_say(doctor, DOCTOR_OK, "%s belongs to this host, and only root can read it", path);
    else if (r == OUTCOME_HOST_KEY_MISSING) {
        say_missing(doctor, path);
    } else if (r == OUTCOME_HOST_KEY_UNSAFE && strstr(reason.text, "has mode")) {
        doctor_say(doctor, DOCTOR_PROBLEM, "%s", reason.text);
        doctor_remedy(doctor, "chmod 0400 %s", shell_word(path).text);
    } else if (r == OUTCOME_HOST_KEY_UNSAFE && strstr(reason.text, "belongs to")) {
        doctor_say(doctor, DOCTOR_PROBLEM, "%s", reason.text);
        doctor_remedy(doctor, "chown root %s", shell_word(path).text);
    } else {
        doctor_say(doctor, doctor_level(r), "%s", reason.text);
        if (outcome_remedy(r))
            doctor_advice(doctor, "%s", outcome_remedy(r));
    }
    check_pcr_file(doctor, pcr_public_key_load);
    check_pcr_file(doctor, pcr_signatures_load);
}
