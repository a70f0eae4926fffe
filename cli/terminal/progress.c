/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The observer of the command line. See progress.h.
 */

#include "terminal/progress.h"

#include "key/host_key.h"
#include "protocol/client.h"
#include "terminal/output.h"

#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* With the NUL. What is longer is cut, as it is at the terminal's edge. */
#define LINE_BYTES      256

/* Of a terminal that does not say. */
#define COLUMNS_DEFAULT 80

static char line[LINE_BYTES]; /* to be shown, "" outside of a wait */
static bool is_shown;
static size_t item_number, item_count;

void progress_count(size_t number, size_t count)
{
    item_number = number;
    item_count = count;
}

/* --- the line --- */

/* A name may be a file's. One byte is one column then, too. */
static void clean(char *text)
{
    for (char *c = text; *c; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
}

/* A line of more than a row could not be taken away. */
static size_t visible_length(void)
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

static void hide_line(void)
{
    if (is_shown)
        take_away();
    is_shown = false;
}

/* --- the observer --- */

static void on_note(void *userdata, const char *text)
{
    (void)userdata;
    hide_line();
    output_note("%s", text);
}

static void on_wait_begin(void *userdata, const char *what)
{
    char count[64] = "";

    (void)userdata;
    if (item_count > 1)
        snprintf(count, sizeof(count), " (%zu of %zu)", item_number, item_count);
    snprintf(line, sizeof(line), "Waiting for %s%s ...", what, count);
    clean(line);
}

static void on_wait_tick(void *userdata)
{
    (void)userdata;
    if (is_shown || line[0] == '\0' || !isatty(STDERR_FILENO) || !is_in_foreground())
        return;
    put(line, visible_length());
    is_shown = true;
}

static void on_wait_end(void *userdata)
{
    (void)userdata;
    hide_line();
    line[0] = '\0';
}

/* Has a broker that runs take the host key, which it only gets at its start. That there is none is
 * no failure. */
static void on_host_key_made(void *userdata)
{
    _cleanup_(client_freep) Client *client = NULL;
    struct json_object *reply = NULL;

    (void)userdata;
    if (strcmp(host_key_path(), HOST_KEY_PATH) == 0 &&
        client_new(CLIENT_DEFAULT_PATH, NULL, &client) == 0)
        (void)client_call(client, "Restart", NULL, &terminal_observer, NULL, &reply);
    json_object_put(reply);
}

const Observer terminal_observer = {
    .note = on_note,
    .wait_begin = on_wait_begin,
    .wait_tick = on_wait_tick,
    .wait_end = on_wait_end,
    .host_key_made = on_host_key_made,
};
