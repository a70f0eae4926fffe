/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Scope-bound clean-up.
 *
 * When a variable marked _cleanup_(f) goes out of scope, on any path, f is called with its address.
 * TAKE_PTR and TAKE_FD give a value away: they return it and leave NULL or -1 behind, so that there
 * is nothing to clean up. This code base has no goto, and no macro hides a return.
 */

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(function) __attribute__((cleanup(function)))

/* Defines FUNCTIONp, which takes the address of a pointer and calls FUNCTION with the pointer. */
#define DEFINE_CLEANUP(type, function)                                                             \
    static inline void function##p(type *pointer)                                                  \
    {                                                                                              \
        if (*pointer)                                                                              \
            function(*pointer);                                                                    \
    }                                                                                              \
    struct cleanup_needs_a_semicolon

#define TAKE_PTR(variable)                                                                         \
    ({                                                                                             \
        typeof(variable) taken_ = (variable);                                                      \
        (variable) = NULL;                                                                         \
        taken_;                                                                                    \
    })

/* The same for a struct, which is left zeroed. */
#define TAKE(variable)                                                                             \
    ({                                                                                             \
        typeof(variable) taken_ = (variable);                                                      \
        (variable) = (typeof(variable)){0};                                                        \
        taken_;                                                                                    \
    })

#define TAKE_FD(variable)                                                                          \
    ({                                                                                             \
        int taken_ = (variable);                                                                   \
        (variable) = -1;                                                                           \
        taken_;                                                                                    \
    })

DEFINE_CLEANUP(FILE *, fclose);
DEFINE_CLEANUP(DIR *, closedir);

static inline void freep(void *pointer)
{
    free(*(void **)pointer);
}

/* close() that preserves errno and accepts -1. */
void close_keep_errno(int fd);

static inline void closep(int *fd)
{
    close_keep_errno(*fd);
}
