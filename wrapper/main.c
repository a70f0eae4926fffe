/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds-nspawn: a wrapper that makes systemd-nspawn pass on the unit's credentials.
 *
 * systemd's systemd-nspawn@.service runs "systemd-nspawn" without a path; a drop-in puts a
 * directory in which this program has that name first in the search path. The wrapper adds
 * --load-credential=ID:ID for every file in $CREDENTIALS_DIRECTORY, and executes the next
 * systemd-nspawn on $PATH with the same arguments. Without credentials it changes nothing. It reads
 * only the zeros at the beginning of a credential and one byte more.
 *
 * $NSPAWN_CREDS_MACHINE=MACHINE goes with LoadCredentialEncrypted=MACHINE@ID:PATH: the credential
 * MACHINE@ID is called ID in the container. (The service manager requires the name that is sealed
 * in the file.)
 *
 * With $NSPAWN_CREDS_LIVE=MACHINE it creates the directory for the machine's live socket, waits for
 * the socket, and makes nspawn mount the directory, whose owner, the broker, is root in the
 * container. (Not the socket, because the broker may replace it. Root creates the directory, so
 * that the broker cannot make it a link to elsewhere.)
 *
 * It refuses --load-credential= with one of the broker's sockets, because systemd-nspawn cannot ask
 * the broker: it would take a refusal for the secret.
 *
 * It refuses to start a container without one of the credentials in
 * $NSPAWN_CREDS_EXPECTED=ID:ID..., which another drop-in has taken from the unit.
 *
 * It refuses to start a container with an empty credential, which means that the broker was killed
 * before it answered: the broker itself never delivers one. A credential of zeros only is a refusal
 * that was cut short, and is refused, too.
 */

#include "base/cleanup.h"
#include "base/fsutil.h"
#include "base/names.h"
#include "manager/live_mount.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define PROGRAM         "systemd-nspawn"
/* In practice more than fit into a unit's 1 MiB of credentials, which includes their ids. */
#define CREDENTIALS_MAX 1024

#define BROKER_USER     "nspawn-creds"
/* The broker's sockets are in here. */
#define BROKER_FOLDER   "/run/nspawn-creds/"
/* How long to wait for the live socket, and between two checks, µs. */
#define LIVE_USEC       (5U * 1000 * 1000)
#define CHECK_USEC      10000U

static int fail(const char *what, const char *detail)
{
    fprintf(stderr, "nspawn-creds-nspawn: %s%s.\n", what, detail);
    return EXIT_FAILURE;
}

/* ExecStopPost= of systemd 262 runs "systemd-nspawn --cleanup", which takes no credentials. */
static bool starts_container(char **argv)
{
    for (char **argument = argv + 1; *argument; argument++)
        if (strcmp(*argument, "--cleanup") == 0)
            return false;
    return true;
}

/* Whether VALUE, ID:PATH, names a file in BROKER_FOLDER. */
static bool names_socket(const char *value)
{
    const char *path = strchr(value, ':');
    char real[PATH_MAX];

    if (!path)
        return false;
    path++;
    return strncmp(realpath(path, real) ? real : path, BROKER_FOLDER, strlen(BROKER_FOLDER)) == 0;
}

/* Looks for the option in any form that getopt_long(3) takes: abbreviated, and with the value as
 * the next argument. */
static int refuse_sockets(char **argv)
{
    static const char option[] = "--load-credential", shortest[] = "--lo";

    for (char **argument = argv + 1; *argument && strcmp(*argument, "--") != 0; argument++) {
        size_t length = strcspn(*argument, "=");
        const char *value = (*argument)[length] ? *argument + length + 1 : argument[1];

        if (length >= strlen(shortest) && strncmp(*argument, option, length) == 0 && value &&
            names_socket(value))
            return fail("the broker answers the service manager alone. Instead of this option, use "
                        "LoadCredential= in the unit: --load-credential=",
                        value);
    }
    return 0;
}

/* The name that the unit's credential NAME has in the container. */
static const char *inner_name(const char *name)
{
    const char *machine = getenv("NSPAWN_CREDS_MACHINE");
    size_t length = machine ? strlen(machine) : 0;

    if (length > 0 && strncmp(name, machine, length) == 0 && name[length] == '@' &&
        name[length + 1] != '\0')
        return name + length + 1;
    return name;
}

/* Returns 1 if the file NAME contains a byte that is not zero, else 0, or a negative errno. */
static int has_content(int directory, const char *name)
{
    _cleanup_(closep) int fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    char byte = 0;
    ssize_t n = 1;

    if (fd < 0)
        return -errno;
    while (byte == 0 && (n = read(fd, &byte, 1)) == 1)
        ;
    explicit_bzero(&byte, 1);
    return n < 0 ? -errno : n == 1;
}

/* Appends the option for the file NAME, if it is a credential. */
static int add_credential(int directory, const char *name, char **arguments, size_t *count)
{
    struct stat status;
    int r;

    if (!sealed_name_valid(name))
        return 0;
    if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return fail("cannot read credential ", name);
    if (!S_ISREG(status.st_mode))
        return 0;
    if (status.st_size == 0)
        return fail("refusing to start the container with an empty credential: ", name);
    r = has_content(directory, name);
    if (r < 0)
        return fail("cannot read credential ", name);
    if (r == 0)
        return fail("refusing to start the container with a credential of zeros only: ", name);
    if (*count >= CREDENTIALS_MAX)
        return fail("too many credentials", "");
    if (asprintf(&arguments[*count], "--load-credential=%s:%s", inner_name(name), name) < 0)
        return fail("out of memory", "");
    (*count)++;
    return 0;
}

static int add_credentials(char **arguments, size_t *count)
{
    const char *path = getenv("CREDENTIALS_DIRECTORY");
    _cleanup_(closedirp) DIR *directory = path ? opendir(path) : NULL;
    const char *name;
    int r;

    if (!path)
        return 0;
    if (!directory)
        return fail("cannot open the credentials directory ", path);
    while ((r = directory_next(directory, path, NULL, &name)) == 0 && name)
        if (add_credential(dirfd(directory), name, arguments, count) != 0)
            return EXIT_FAILURE;
    return r == 0 ? 0 : fail("cannot read the credentials directory ", path);
}

/* Whether all expected credentials are there, whose names in the container they are. */
static int check_expected(void)
{
    const char *path = getenv("CREDENTIALS_DIRECTORY"), *id = getenv("NSPAWN_CREDS_EXPECTED"),
               *machine = getenv("NSPAWN_CREDS_MACHINE");
    char file[PATH_MAX];

    for (size_t length; id && *id; id += length, id += strspn(id, ":")) {
        length = strcspn(id, ":");
        snprintf(file, sizeof(file), "%s/%.*s", path ? path : "", (int)length, id);
        if (path && access(file, F_OK) == 0)
            continue;
        snprintf(file, sizeof(file), "%s/%s@%.*s", path ? path : "", machine ? machine : "",
                 (int)length, id);
        if (path && machine && access(file, F_OK) == 0)
            continue;
        snprintf(file, sizeof(file), "%.*s", (int)length, id);
        return fail("refusing to start the container without a credential that its policy lists, "
                    "because the unit does not load it (nspawn-creds why says which drop-in keeps "
                    "it from that): ",
                    file);
    }
    return 0;
}

/* --- live delivery --- */

/* Creates the directory PATH for the broker. It may exist, and may be anything. */
static int make_directory(const char *path)
{
    const struct passwd *user = getpwnam(BROKER_USER);
    _cleanup_(closep) int directory = -1;

    if (!user)
        return fail("there is no user ", BROKER_USER);
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return fail("cannot create the directory ", path);
    directory = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (directory < 0)
        return fail("cannot open the directory ", path);
    if (fchown(directory, user->pw_uid, user->pw_gid) < 0)
        return fail("cannot make " BROKER_USER " the owner of ", path);
    return 0;
}

/* The container starts even without the socket, and its services are served when the broker runs.
 */
static void wait_for_socket(const char *path)
{
    char name[PATH_MAX + sizeof(LIVE_MOUNT_SOCKET)];

    snprintf(name, sizeof(name), "%s" LIVE_MOUNT_SOCKET, path);
    for (unsigned waited = 0; waited < LIVE_USEC; waited += CHECK_USEC) {
        if (access(name, F_OK) == 0)
            return;
        usleep(CHECK_USEC);
    }
    fail("live credentials are not available in the container until the broker creates ", name);
}

static int add_live(char **arguments, size_t *count)
{
    const char *machine = getenv("NSPAWN_CREDS_LIVE");
    char path[PATH_MAX], file[PATH_MAX];

    if (!machine)
        return 0;
    if (!machine_name_valid(machine))
        return fail("$NSPAWN_CREDS_LIVE is not a machine's name: ", machine);
    snprintf(path, sizeof(path), LIVE_MOUNT_FOLDER "/%s", machine);
    if (make_directory(path) != 0)
        return EXIT_FAILURE;
    wait_for_socket(path);
    if (live_mount_settings(machine, file) == LIVE_MOUNT_DISPLACED)
        fprintf(stderr,
                "nspawn-creds-nspawn: the mounts in %s replace the mount for live delivery. Add to "
                "its [Files]: BindReadOnly=" LIVE_MOUNT_FOLDER "/%s:" LIVE_MOUNT_INSIDE
                ":rootidmap\n",
                file, machine);
    if (asprintf(&arguments[*count], "--bind-ro=%s:" LIVE_MOUNT_INSIDE ":rootidmap", path) < 0)
        return fail("out of memory", "");
    (*count)++;
    return 0;
}

/* --- execution --- */

/* Executes the first systemd-nspawn on $PATH that is not this program and can be executed. */
static int execute_next(char **arguments)
{
    const char *path_list = getenv("PATH");
    _cleanup_(freep) char *search = strdup(path_list ? path_list : "/usr/bin:/bin");
    struct stat self, candidate;
    char path[PATH_MAX], *rest = NULL;

    if (!search || stat("/proc/self/exe", &self) < 0)
        return fail("cannot find this program's own file", "");
    for (char *directory = strtok_r(search, ":", &rest); directory;
         directory = strtok_r(NULL, ":", &rest)) {
        snprintf(path, sizeof(path), "%s/" PROGRAM, directory);
        if (stat(path, &candidate) < 0 ||
            (candidate.st_dev == self.st_dev && candidate.st_ino == self.st_ino))
            continue;
        execv(path, arguments);
        if (errno != ENOENT && errno != EACCES)
            return fail("cannot execute ", path);
    }
    return fail("there is no " PROGRAM " on $PATH: ", getenv("PATH"));
}

int main(int argc, char **argv)
{
    static char *arguments[CREDENTIALS_MAX + 2]; /* and the live mount, and NULL */
    _cleanup_(freep) char **all = NULL;
    size_t count = 0;

    if (starts_container(argv) &&
        (refuse_sockets(argv) != 0 || check_expected() != 0 ||
         add_credentials(arguments, &count) != 0 || add_live(arguments, &count) != 0))
        return EXIT_FAILURE;
    all = calloc(count + (size_t)argc + 1, sizeof(*all));
    if (!all)
        return fail("out of memory", "");
    all[0] = argv[0];
    memcpy(all + 1, arguments, count * sizeof(*all));
    memcpy(all + 1 + count, argv + 1, (size_t)argc * sizeof(*all)); /* including NULL */
    return execute_next(all);
}
