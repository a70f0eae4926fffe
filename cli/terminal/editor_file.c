/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A file for an editor. See editor_file.h.
 *
 * This process accesses the file system through a descriptor, and stays in its own namespace, where
 * it can write to the store. Only the editor's process has it mounted.
 */

#include "terminal/editor_file.h"

#include "base/fsutil.h"
#include "terminal/memory_mount.h"
#include "terminal/output.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PLACE       "/tmp"
/* EDITOR_FILE_BYTES: room for a value and the copies that an editor makes of it. */
#define SIZE        "16m"
/* The exit status of a child that has printed an error. */
#define NOT_STARTED 125

/* --- the file system --- */

/* Not every kernel wipes freed memory. Files that the editor has replaced are out of reach. */
static void overwrite(int directory, const char *name)
{
    static const uint8_t zeros[4096];
    _cleanup_(closep) int file =
        openat(directory, name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat status;

    if (file < 0 || fstat(file, &status) < 0 || !S_ISREG(status.st_mode))
        return;
    for (off_t done = 0; done < status.st_size; done += (off_t)sizeof(zeros))
        if (file_write_fd(file, (BytesView){zeros, sizeof(zeros)}) != 0)
            return;
}

/* Overwrites what is in the file system. */
static void wipe(int fd)
{
    int again = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    _cleanup_(closedirp) DIR *directory = again < 0 ? NULL : fdopendir(again);
    const char *file;

    while (directory && directory_next(directory, "", NULL, &file) == 0 && file)
        overwrite(fd, file);
}

/* --- the editor --- */

/* $1 is the file. vim would keep the text in ~/.viminfo, and complains when it cannot. */
static const char script[] = "wanted=${VISUAL:-$EDITOR}\n"
                             "for editor in \"$wanted\" editor nano vi; do\n"
                             "  [ -n \"$editor\" ] || continue\n"
                             "  program=$(command -v -- \"${editor%% *}\") || { [ -z \"$wanted\" ] "
                             "&& continue; program=; }\n"
                             "  case $(readlink -f -- \"$program\") in\n"
                             "    */vim | */vim.* | */nvim) options='-n -i NONE' ;;\n"
                             "    *) options= ;;\n"
                             "  esac\n"
                             "  eval \"exec $editor $options \\\"\\$1\\\"\"\n"
                             "done\n"
                             "echo 'There is no editor: set $EDITOR, or install nano.' >&2\n"
                             "exit 125\n";

/* In the editor's process. */
static void run_editor(int directory, const char *name)
{
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};
    char path[sizeof(PLACE) + 1 + NAME_MAX];
    Reason reason = {0};

    umask(0077);
    snprintf(path, sizeof(path), PLACE "/%.*s", NAME_MAX, name);
    if (unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
        mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &attributes, sizeof(attributes)) == 0 &&
        move_mount(directory, "", AT_FDCWD, PLACE, MOVE_MOUNT_F_EMPTY_PATH) == 0 &&
        chdir(PLACE) == 0 && setenv("TMPDIR", PLACE, 1) == 0)
        execl("/bin/sh", "sh", "-c", script, "sh", path, (char *)NULL);
    output_error(reason_set(&reason, -errno, "cannot start the editor"), NULL, &reason);
    _exit(NOT_STARTED);
}

static int wait_for_editor(int directory, const char *name, Reason *reason)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN}, interrupt, quit;
    int status = 0, r;
    pid_t pid;

    /* Ctrl+C is for the editor */
    sigaction(SIGINT, &ignore, &interrupt);
    sigaction(SIGQUIT, &ignore, &quit);
    pid = fork();
    if (pid == 0) {
        sigaction(SIGINT, &interrupt, NULL);
        sigaction(SIGQUIT, &quit, NULL);
        run_editor(directory, name);
    }
    do
        r = pid < 0 ? -1 : waitpid(pid, &status, 0);
    while (r < 0 && errno == EINTR);
    r = r < 0 ? -errno : 0;
    sigaction(SIGINT, &interrupt, NULL);
    sigaction(SIGQUIT, &quit, NULL);
    if (r != 0)
        return reason_set(reason, r, "cannot run the editor");
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    reason_set(reason, 0, "the editor %s %d; nothing was changed",
               WIFEXITED(status) ? "ended with exit status" : "was killed by signal",
               WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    return -ECANCELED;
}

int editor_file_edit(const char *name, const Secret *before, Reason *reason, Secret **ret)
{
    _cleanup_(closep) int directory = -1, file = -1, edited = -1;
    int r = memory_mount_new(SIZE, reason, &directory);

    if (r != 0)
        return r;
    if (memory_has_swap())
        output_note("The editor's own memory can be written to swap. To prevent that: swapoff -a");
    file = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    r = file < 0 ? -errno : file_write_fd(file, secret_view(before));
    if (r < 0)
        reason_set(reason, r, "cannot write the editor's file");
    else
        r = wait_for_editor(directory, name, reason);
    if (r == 0) {
        edited = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        r = edited < 0 ? reason_set(reason, -errno, "the editor removed the file")
                       : secret_read_fd(edited, EDITOR_FILE_BYTES, reason, ret);
    }
    wipe(directory);
    return r;
}
