/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "terminal/screen.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <systemd/sd-login.h>
#include <unistd.h>

/* Quit if everything fits on one screen, show colours, cut long lines, do not clear the screen,
 * show the position, quit on Ctrl-C. */
#define LESS_OPTIONS "FRSXMK"

static pid_t pager;       /* 0 if none was started */
static int terminal = -1; /* what standard output was before */

static bool is_set(const char *text)
{
    return text && *text;
}

/* Boolean variables of systemd's: 0 or 1; -1 for anything else. */
static int boolean(const char *name)
{
    static const char *const words[2][6] = {{"0", "no", "n", "false", "f", "off"},
                                            {"1", "yes", "y", "true", "t", "on"}};
    const char *value = getenv(name);

    for (int result = 0; value && result < 2; result++)
        for (size_t i = 0; i < 6; i++)
            if (strcasecmp(value, words[result][i]) == 0)
                return result;
    return -1;
}

static bool is_dumb(void)
{
    const char *name = getenv("TERM");

    return !name || strcmp(name, "dumb") == 0;
}

bool screen_is_terminal(void)
{
    return pager > 0 || isatty(STDOUT_FILENO);
}

size_t screen_columns(void)
{
    const char *columns = getenv("COLUMNS");
    long wanted = columns ? strtol(columns, NULL, 10) : 0;
    struct winsize size;

    if (!screen_is_terminal())
        return 0;
    if (wanted > 0)
        return (size_t)wanted;
    return ioctl(pager > 0 ? terminal : STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0
               ? size.ws_col
               : 80;
}

bool screen_is_utf8(void)
{
    const char *locale = getenv("LC_ALL");

    if (!is_set(locale))
        locale = getenv("LC_CTYPE");
    if (!is_set(locale))
        locale = getenv("LANG");
    return locale && (strcasestr(locale, "utf-8") || strcasestr(locale, "utf8"));
}

/* --- colours --- */

/* $SYSTEMD_COLORS may also name a number of colours, all of which have ours. */
static bool wants_colours(void)
{
    const char *colours = getenv("SYSTEMD_COLORS");
    int wanted = boolean("SYSTEMD_COLORS");

    if (wanted < 0 && colours && strchr("12", colours[0]) && is_set(colours))
        wanted = 1;
    return screen_is_terminal() &&
           (wanted < 0 ? !is_set(getenv("NO_COLOR")) && !is_dumb() : wanted == 1);
}

void screen_put(Colour colour, const char *text)
{
    static const char *const sequences[_COLOUR_MAX] = {
        [COLOUR_GOOD] = "32", [COLOUR_WARNING] = "33", [COLOUR_BAD] = "1;31",
        [COLOUR_FAINT] = "2", [COLOUR_TITLE] = "1",    [COLOUR_HEADING] = "4",
    };

    if (colour != COLOUR_NONE && wants_colours())
        printf("\033[%sm%s\033[0m", sequences[colour], text);
    else
        fputs(text, stdout);
}

/* --- the pager --- */

/* The pager that the user wants; NULL for the default. */
static const char *wanted_pager(void)
{
    const char *wanted = getenv("SYSTEMD_PAGER");

    return wanted ? wanted : getenv("PAGER");
}

/* Whether who uses the pager must not get our privileges with its commands: after sudo, unless
 * $SYSTEMD_PAGERSECURE says otherwise. */
static bool is_privileged(void)
{
    int secure = boolean("SYSTEMD_PAGERSECURE");
    uid_t owner;

    if (secure >= 0)
        return secure == 1;
    return getauxval(AT_SECURE) != 0 || sd_pid_get_owner_uid(0, &owner) < 0 || owner != geteuid();
}

/* If the pager is missing or fails, cat prints the rest, except after Ctrl-C, which makes less fail
 * as well. */
#define PAGE_OR_PRINT "trap exit INT; sh -c \"$1\" || cat"

/* In the pager's process. Only less is known to heed LESSSECURE. */
static void run_pager(void)
{
    char text[4096];
    ssize_t size;
    const char *wanted = wanted_pager(), *options = getenv("SYSTEMD_LESS");
    bool privileged = is_privileged();

    setenv("LESS", options ? options : LESS_OPTIONS, 1);
    if (privileged)
        setenv("LESSSECURE", "1", 1);
    else if (wanted)
        execl("/bin/sh", "sh", "-c", PAGE_OR_PRINT, "sh", wanted, (char *)NULL);
    execlp("less", "less", (char *)NULL);
    if (!privileged)
        execlp("more", "more", (char *)NULL);
    while ((size = read(STDIN_FILENO, text, sizeof(text))) > 0)
        if (write(STDOUT_FILENO, text, (size_t)size) != size)
            break;
    _exit(EXIT_SUCCESS);
}

void screen_page(const Options *options)
{
    const char *wanted = wanted_pager();
    pid_t parent = getpid();
    int ends[2];

    if (options->no_pager || pager > 0 || !isatty(STDOUT_FILENO) || is_dumb() ||
        (wanted && (wanted[strspn(wanted, " ")] == '\0' || strcmp(wanted, "cat") == 0)) ||
        pipe2(ends, O_CLOEXEC) < 0)
        return;
    fflush(stdout);
    pager = fork();
    if (pager == 0) {
        if (dup2(ends[0], STDIN_FILENO) < 0 || prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0) < 0 ||
            getppid() != parent)
            _exit(EXIT_FAILURE);
        close(ends[1]); /* run_pager() waits for its end */
        run_pager();
    }
    if (pager > 0) {
        terminal = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
        dup2(ends[1], STDOUT_FILENO);
        signal(SIGINT, SIG_IGN);
    }
    close(ends[0]);
    close(ends[1]);
}

bool screen_finish(void)
{
    static bool was_paged;
    int r;

    if (pager <= 0)
        return was_paged;
    was_paged = true;
    fflush(stdout);
    __fpurge(stdout); /* what the pager did not take is not for the terminal either */
    dup2(terminal, STDOUT_FILENO);
    do
        r = waitpid(pager, NULL, 0);
    while (r < 0 && errno == EINTR);
    pager = 0;
    signal(SIGINT, SIG_DFL);
    return true;
}
