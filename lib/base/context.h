/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the world gives: the time, randomness and where the file system begins. Modules take them
 * from here and nowhere else, so that tests can fix all three.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* "Never", and "not set", as a time (systemd's USEC_INFINITY). */
#define USEC_INFINITY UINT64_MAX

typedef struct Context Context;

struct Context {
    /* µs since 1970 (CLOCK_REALTIME) */
    uint64_t (*now)(const Context *context);
    /* fills SIZE bytes; cannot fail */
    void (*random)(const Context *context, void *bytes, size_t size);
    /* put in front of every absolute path: "" on a real system */
    const char *root;
    /* who may write what root's programs trust, such as the configuration: 0 on a real system */
    uid_t trusted_uid;
};

/* CLOCK_MONOTONIC, µs: for durations, which no test fixes. */
uint64_t monotonic_usec(void);

/* The real clock, the kernel's randomness, no prefix. Also initialises libsodium; -EIO if that
 * fails, which is final. */
int context_system(Context *ret);
