/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds exec: runs a command with credentials in $CREDENTIALS_DIRECTORY.
 *
 * This process becomes the command, in a mount namespace in which alone the credentials are
 * mounted. So the command has our terminal, signals and parent, and whatever ends it, the mount
 * goes with its last process.
 */

#include "base/fsutil.h"
#include "hint.h"
#include "specs.h"
#include "terminal/memory_mount.h"
#include "terminal/output.h"
#include "verb/verb.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

/* Where the command finds them. On the host this is an empty directory. */
#define PARENT        "/run/credentials"
#define PLACE         PARENT "/nspawn-creds-exec"

/* The shell's exit statuses for a command that it cannot start. */
#define NOT_STARTABLE 126
#define NO_COMMAND    127

/* The file of a credential is its id. */
static int put(const Context *context, const Options *options, const StoreClient *store,
               Unsealer *unsealer, int directory, const char *argument, Reason *reason)
{
    _cleanup_(secret_freep) Secret *secret = NULL;
    _cleanup_(closep) int file = -1;
    CredentialName name;
    int r = credential_name_parse(argument, reason, &name);

    if (r == 0)
        r = spec_open_delivered(context, options, store, unsealer, &name, reason, &secret);
    if (r != 0)
        return r;
    file = openat(directory, name.id, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
    if (file < 0 && errno == EEXIST)
        return reason_set(reason, OUTCOME_USAGE, "another credential is called %s, too", name.id);
    r = file < 0 ? -errno : file_write_fd(file, secret_view(secret));
    return r == 0 ? 0 : reason_set(reason, r, "cannot write to the file system in memory");
}

/* Puts the credentials NAMES, up to END, into DIRECTORY. Errors have been printed. */
static int put_all(const Context *context, const Options *options, char **names, char **end,
                   int directory)
{
    _cleanup_(unsealer_done) Unsealer unsealer = spec_unsealer(context, options);
    _cleanup_(store_client_done) StoreClient store = {0};
    Reason reason = {0};
    int r = spec_open_store(options, &reason, &store);

    if (r != 0)
        return output_error(r, NULL, &reason);
    for (; r == 0 && names < end; names++) {
        r = put(context, options, &store, &unsealer, directory, *names, &reason);
        if (r != 0)
            hint_error(context, options, r, *names, &reason);
    }
    return r;
}

/* Mounts DIRECTORY, read-only, for this process and its children alone. What the host mounts and
 * unmounts elsewhere continues to reach them. */
static int enter(int directory, Reason *reason)
{
    struct mount_attr read_only = {.attr_set = MOUNT_ATTR_RDONLY};

    if ((mkdir(PARENT, 0755) < 0 && errno != EEXIST) ||
        (mkdir(PLACE, 0700) < 0 && errno != EEXIST) || unshare(CLONE_NEWNS) < 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 ||
        mount_setattr(directory, "", AT_EMPTY_PATH, &read_only, sizeof(read_only)) < 0 ||
        move_mount(directory, "", AT_FDCWD, PLACE, MOVE_MOUNT_F_EMPTY_PATH) < 0 ||
        setenv("CREDENTIALS_DIRECTORY", PLACE, 1) < 0)
        return reason_set(reason, -errno, "cannot mount the credentials in " PLACE);
    return 0;
}

static int run(const Context *context, const Options *options, char **arguments)
{
    _cleanup_(closep) int directory = -1;
    char **command = options->command;
    Reason reason = {0};
    int r;

    if (!command || command == arguments || !*command) {
        reason_set(&reason, 0, "exec takes %s, with the \"--\"", verb_exec.arguments);
        return output_error(OUTCOME_USAGE, NULL, &reason);
    }
    r = memory_mount_new(NULL, &reason, &directory);
    if (r != 0)
        return output_error(r, NULL, &reason);
    r = put_all(context, options, arguments, command, directory);
    if (r != 0)
        return r;
    r = enter(directory, &reason);
    if (r != 0)
        return output_error(r, NULL, &reason);
    execvp(*command, command);
    r = errno == ENOENT ? NO_COMMAND : NOT_STARTABLE;
    output_error(-errno, *command, &reason);
    exit(r);
}

const Verb verb_exec = {
    .name = "exec",
    .arguments = "MACHINE@ID... -- COMMAND...",
    .summary = "Run a command with credentials from the store",
    .details =
        "The command finds each value in $CREDENTIALS_DIRECTORY, in a read-only file that is "
        "called ID. Only\nthe command and its children see these files. They are in memory that "
        "is not swapped, and gone when\nthe last of these processes ends. The exit status is the "
        "command's; 127 if there is no such command,\n126 if it cannot be started. Only root can "
        "use this.",
    .options = OPTION_STORE | OPTION_TPM_DEVICE | OPTION_SIGNATURE,
    .run = run,
};
