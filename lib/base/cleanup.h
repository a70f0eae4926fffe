/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Scope-bound clean-up.
 *
 * A variable marked _cleanup_(f) has f called with its address when it goes out of scope, on every
 * path. TAKE_PTR and TAKE_FD give a value away: they yield it and leave NULL or -1 behind, so that
 * the clean-up finds nothing. There is no goto in this code base, and no macro here hides a return.
 */

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(function) __attribute__((cleanup(function)))

/* Declares FUNCTIONp, which calls FUNCTION on the pointer that it is given the address of. */
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

/* close() that keeps errno and takes -1. */
void close_keep_errno(int fd);

static inline void closep(int *fd)
{
    close_keep_errno(*fd);
}
