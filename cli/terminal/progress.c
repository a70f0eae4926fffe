/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "terminal/progress.h"

#include "base/context.h"
#include "base/timestamp.h"
#include "key/host_key.h"
#include "protocol/client.h"
#include "terminal/output.h"

#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Size of the line, including the NUL. Longer text is truncated, as it is at the edge of the
 * terminal. */
#define LINE_BYTES      256

/* The width of a terminal that does not report one. */
#define COLUMNS_DEFAULT 80

static char line[LINE_BYTES]; /* what to show; "" while nothing is waited for */
static bool is_shown;
static size_t item_number, item_count;

void progress_count(size_t number, size_t count)
{
    item_number = number;
    item_count = count;
}

/* --- the line --- */

/* A line longer than a row could not be erased. */
static size_t visible_length(void)
{
    size_t length = strlen(line), columns = COLUMNS_DEFAULT;
    struct winsize size;

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        columns = size.ws_col;
    return length < columns ? length : columns - 1;
}

/* Whether we may write to the terminal, and a shell has not put us into the background. */
static bool is_in_foreground(void)
{
    pid_t group = tcgetpgrp(STDERR_FILENO);

    return group <= 0 || group == getpgrp();
}

/* It does not matter if this output is lost. */
static void put(const char *text, size_t length)
{
    if (write(STDERR_FILENO, text, length) < 0)
        return;
}

/* The sequence that erases the line. */
static const char *eraser(void)
{
    const char *terminal = getenv("TERM");

    return !terminal || strcmp(terminal, "dumb") == 0 ? "\n" : "\r\033[K";
}

/* Replaces the handlers that are FROM; a signal that is ignored stays so. */
static void handle_signals(sighandler_t from, sighandler_t to)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action;

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        if (sigaction(numbers[i], NULL, &action) == 0 && action.sa_handler == from)
            signal(numbers[i], to);
}

/* Ctrl-C and the like end the program at once, but not before the line is gone. */
static void on_signal(int number)
{
    put(eraser(), strlen(eraser()));
    signal(number, SIG_DFL);
    raise(number);
}

static void hide_line(void)
{
    if (!is_shown)
        return;
    handle_signals(on_signal, SIG_DFL);
    if (is_in_foreground())
        put(eraser(), strlen(eraser()));
    is_shown = false;
}

static void show_line(void)
{
    handle_signals(SIG_DFL, on_signal);
    put(line, visible_length());
    is_shown = true;
}

/* --- how far a long work is --- */

void progress_rate(const char *what, size_t done, size_t total, uint64_t begin)
{
    static uint64_t shown;
    uint64_t now = monotonic_usec(), rate;
    char left[TIMESTAMP_LENGTH_BYTES], speed[32] = "";

    if (now - begin < USEC_PER_SEC || now - shown < USEC_PER_SEC || !isatty(STDERR_FILENO) ||
        !is_in_foreground())
        return;
    shown = now;
    rate = done * USEC_PER_SEC / (now - begin);
    timestamp_format_length(done > 0 ? (now - begin) / done * (total - done) : 0, left);
    if (rate > 0)
        snprintf(speed, sizeof(speed), ", %" PRIu64 " a second", rate);
    hide_line();
    snprintf(line, sizeof(line), "%zu of %zu %s%s%s%s%s ...", done, total, what, speed,
             done > 0 ? ", " : "", done > 0 ? left : "", done > 0 ? " left" : "");
    show_line();
}

void progress_end(void)
{
    hide_line();
    line[0] = '\0';
}

/* --- the observer --- */

static void on_note(void *, const char *text)
{
    hide_line();
    output_note("%s", text);
}

static void on_wait_begin(void *, const char *what)
{
    char count[64] = "";

    if (item_count > 1)
        snprintf(count, sizeof(count), " (%zu of %zu)", item_number, item_count);
    snprintf(line, sizeof(line), "Waiting for %s%s ...", what, count);
    /* a name may come from a file; afterwards one byte is one column */
    for (char *c = line; *c; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
}

static void on_wait_tick(void *)
{
    if (is_shown || line[0] == '\0' || !isatty(STDERR_FILENO) || !is_in_foreground())
        return;
    show_line();
}

static void on_wait_end(void *)
{
    hide_line();
    line[0] = '\0';
}

/* Tells a running broker to load the new host key, which it gets at its start. It is not an error
 * if none is running. */
static void on_host_key_made(void *)
{
    _cleanup_(client_freep) Client *client = NULL;
    struct json_object *reply = NULL;

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
