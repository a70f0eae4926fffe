/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Callbacks through which a library function reports to its program while it works. The library
 * never prints: the command line shows notes and waits on a terminal, tests record them, and the
 * daemon passes NULL.
 */

#include <stdarg.h>
#include <stdio.h>

/* How often a wait ticks. */
#define OBSERVER_TICK_MSEC 1000

typedef struct Observer {
    /* TEXT is one sentence for the administrator, such as what was left out. This and every other
     * callback may be NULL. */
    void (*note)(void *userdata, const char *text);
    /* Between these two calls the function waits for WHAT, such as "the TPM to unseal web@token".
     * They come in pairs, which do not nest. */
    void (*wait_begin)(void *userdata, const char *what);
    /* Once a second in between: the wait goes on. */
    void (*wait_tick)(void *userdata);
    void (*wait_end)(void *userdata);
    /* The host key was just created: a running broker does not have it yet. */
    void (*host_key_made)(void *userdata);
    void *userdata;
} Observer;

/* Each does nothing where OBSERVER or its callback is NULL. */

__attribute__((format(printf, 2, 3))) static inline void observer_note(const Observer *observer,
                                                                       const char *format, ...)
{
    char text[1024];
    va_list arguments;

    if (!observer || !observer->note)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    observer->note(observer->userdata, text);
}

static inline void observer_wait_begin(const Observer *observer, const char *what)
{
    if (observer && observer->wait_begin)
        observer->wait_begin(observer->userdata, what);
}

static inline void observer_wait_tick(const Observer *observer)
{
    if (observer && observer->wait_tick)
        observer->wait_tick(observer->userdata);
}

static inline void observer_wait_end(const Observer *observer)
{
    if (observer && observer->wait_end)
        observer->wait_end(observer->userdata);
}

static inline void observer_host_key_made(const Observer *observer)
{
    if (observer && observer->host_key_made)
        observer->host_key_made(observer->userdata);
}
