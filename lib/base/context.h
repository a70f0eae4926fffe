/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The outside world: the time, randomness and the root of the file system. Modules use no other
 * source of these, so that tests can fix all three.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

/* The time for "never" and "not set" (systemd's USEC_INFINITY). */
#define USEC_INFINITY UINT64_MAX
#define USEC_PER_SEC  UINT64_C(1000000)

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

static inline uint64_t timespec_to_usec(struct timespec time)
{
    return (uint64_t)time.tv_sec * USEC_PER_SEC + (uint64_t)time.tv_nsec / 1000;
}

static inline struct timespec usec_to_timespec(uint64_t usec)
{
    return (struct timespec){(time_t)(usec / USEC_PER_SEC), (long)(usec % USEC_PER_SEC) * 1000};
}

/* CLOCK_MONOTONIC, µs. For durations, which tests need not fix. */
uint64_t monotonic_usec(void);

/* A context with the real clock, the kernel's randomness and no prefix. Also initialises libsodium:
 * -EIO if that fails. */
int context_system(Context *ret);
