/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The outside world: the time, randomness and the root of the file system. Modules use no other
 * source of these, so that tests can fix all three.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The time for "never" and "not set" (systemd's USEC_INFINITY). */
#define USEC_INFINITY UINT64_MAX

typedef struct Context Context;

struct Context {
    /* µs since 1970 (CLOCK_REALTIME) */
    uint64_t (*now)(const Context *context);
    /* fills SIZE bytes; cannot fail */
    void (*random)(const Context *context, void *bytes, size_t size);
    /* prefix of every absolute path: "" on a real system */
    const char *root;
    /* who may write what root's programs trust, such as the configuration: 0 on a real system */
    uid_t trusted_uid;
};

/* CLOCK_MONOTONIC, µs. For durations, which tests need not fix. */
uint64_t monotonic_usec(void);

/* A context with the real clock, the kernel's randomness and no prefix. Also initialises libsodium:
 * -EIO if that fails. */
int context_system(Context *ret);
