/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Words about a wait. See progress.h.
 */

#include "terminal/progress.h"

#include <assert.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* How long nobody needs words. */
#define PATIENCE_MSEC   1000

/* With the NUL. What is longer is cut, as it is at the terminal's edge. */
#define SUBJECT_BYTES   128
#define LINE_BYTES      256

/* Of a terminal that does not say. */
#define COLUMNS_DEFAULT 80

typedef struct Wait {
    bool runs;
    pthread_t thread;
    int ended; /* an eventfd, which the thread listens to */
    char line[LINE_BYTES];
    bool shown; /* the thread's, until it is joined */
} Wait;

static char subject[SUBJECT_BYTES];
static size_t subject_number, subject_count;
static Wait wait_now;

void progress_about(const char *text)
{
    snprintf(subject, sizeof(subject), "%s", text ? text : "");
}

void progress_count(size_t number, size_t count)
{
    subject_number = number;
    subject_count = count;
}

/* --- the line --- */

/* A name may be a file's. One byte is one column then, too. */
static void clean(char *line)
{
    for (char *c = line; *c; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
}

/* A line of more than a row could not be taken away. */
static size_t visible_length(const char *line)
{
    size_t length = strlen(line), columns = COLUMNS_DEFAULT;
    struct winsize size;

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        columns = size.ws_col;
    return length < columns ? length : columns - 1;
}

/* Whether the terminal is ours to write to now, and not a shell's that has put us into the
 * background. */
static bool is_in_foreground(void)
{
    pid_t group = tcgetpgrp(STDERR_FILENO);

    return group <= 0 || group == getpgrp();
}

/* Words that get lost are no failure. */
static void put(const char *text, size_t length)
{
    if (write(STDERR_FILENO, text, length) < 0)
        return;
}

static void take_away(void)
{
    const char *terminal = getenv("TERM");
    bool dumb = !terminal || strcmp(terminal, "dumb") == 0;
    const char *text = dumb ? "\n" : "\r\033[K";

    if (is_in_foreground())
        put(text, strlen(text));
}

/* --- the thread --- */

static void *watch(void *userdata)
{
    Wait *wait = userdata;
    struct pollfd ended = {.fd = wait->ended, .events = POLLIN};

    while (!wait->shown && poll(&ended, 1, PATIENCE_MSEC) == 0) {
        if (!is_in_foreground())
            continue;
        put(wait->line, visible_length(wait->line));
        wait->shown = true;
    }
    return NULL;
}

/* Where there is no thread to be had there are no words. */
static void start(Wait *wait)
{
    sigset_t all, before;

    wait->shown = false;
    wait->ended = eventfd(0, EFD_CLOEXEC);
    if (wait->ended < 0)
        return;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    wait->runs = pthread_create(&wait->thread, NULL, watch, wait) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!wait->runs)
        close(wait->ended);
}

void progress_begin(const char *what)
{
    assert(!wait_now.runs);
    if (!isatty(STDERR_FILENO))
        return;
    snprintf(wait_now.line, sizeof(wait_now.line), "Waiting for %s ...", what);
    clean(wait_now.line);
    start(&wait_now);
}

void progress_begin_tpm(const char *act)
{
    char what[LINE_BYTES], count[64] = "";

    if (subject_count > 1)
        snprintf(count, sizeof(count), " (%zu of %zu)", subject_number, subject_count);
    snprintf(what, sizeof(what), "the TPM to %s%s%s%s", act, subject[0] ? " for " : "", subject,
             count);
    progress_begin(what);
}

void progress_end(void)
{
    if (!wait_now.runs)
        return;
    eventfd_write(wait_now.ended, 1);
    pthread_join(wait_now.thread, NULL);
    close(wait_now.ended);
    wait_now.runs = false;
    if (wait_now.shown)
        take_away();
}
