/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Arrays that grow by one element at a time, and arrays of strings.
 */

#include "base/cleanup.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Makes room for one more element behind the COUNT that ARRAY has. An array that is NULL at first
 * and grows only with this has room for the next power of two, so nobody has to keep its size.
 * False if there is no memory; ARRAY is then as before. */
#define ARRAY_GROW(array, count)                                                                   \
    ({                                                                                             \
        typeof(array) grown_ = array_grow((array), (count), sizeof((array)[0]));                   \
        if (grown_)                                                                                \
            (array) = grown_;                                                                      \
        grown_ != NULL;                                                                            \
    })

/* The same, puts VALUE there and counts it. */
#define ARRAY_ADD(array, count, ...)                                                               \
    (ARRAY_GROW(array, count) && ((array)[(count)++] = (__VA_ARGS__), true))

static inline void *array_grow(void *array, size_t count, size_t size)
{
    bool full = (count & (count - 1)) == 0;

    return full ? reallocarray(array, count ? 2 * count : 1, size) : array;
}

/* The same, puts VALUE at INDEX. */
#define ARRAY_INSERT(array, count, index, ...)                                                     \
    (ARRAY_GROW(array, count) &&                                                                   \
     (memmove(&(array)[(index) + 1], &(array)[index], ((count)++ - (index)) * sizeof((array)[0])), \
      (array)[index] = (__VA_ARGS__), true))

/* qsort() and bsearch() in an array that is NULL for no elements, which these do not take. */
#define ARRAY_SORT(array, count, compare)                                                          \
    array_sort((array), (count), sizeof((array)[0]), (compare))
#define ARRAY_FIND(key, array, count, compare)                                                     \
    ((count) > 0 ? bsearch((key), (array), (count), sizeof((array)[0]), (compare)) : NULL)

/* Where KEY is in such an array, or would be. COMPARE gets an element and KEY. */
#define ARRAY_POSITION(key, array, count, compare)                                                 \
    array_position((key), (array), (count), sizeof((array)[0]), (compare))

static inline size_t array_position(const void *key, const void *array, size_t count, size_t size,
                                    int (*compare)(const void *, const void *))
{
    size_t low = 0;

    while (low < count) {
        size_t middle = low + (count - low) / 2;

        if (compare((const char *)array + middle * size, key) < 0)
            low = middle + 1;
        else
            count = middle;
    }
    return low;
}

static inline void array_sort(void *array, size_t count, size_t size,
                              int (*compare)(const void *, const void *))
{
    if (count > 0)
        qsort(array, count, size, compare);
}

/* Frees an array of strings that ends with NULL. NULL is allowed. */
static inline void strings_free(char **strings)
{
    for (char **string = strings; string && *string; string++)
        free(*string);
    free(strings);
}
DEFINE_CLEANUP(char **, strings_free);

/* Whether TEXT is among STRINGS. */
static inline bool strings_have(char **strings, const char *text)
{
    for (; strings && *strings; strings++)
        if (strcmp(*strings, text) == 0)
            return true;
    return false;
}

static inline int strings_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorts the COUNT strings of STRINGS, which is NULL for none. */
static inline void strings_sort(char **strings, size_t count)
{
    ARRAY_SORT(strings, count, strings_compare);
}

/* Appends a copy of TEXT to STRINGS, which are COUNT and grow only with this. At first they are
 * NULL, or an array of one NULL. False if there is no memory; they still end with NULL. */
static inline bool strings_add(char ***strings, size_t *count, const char *text)
{
    char **larger = array_grow(*strings, *count + 1, sizeof(larger[0]));

    if (!larger)
        return false;
    *strings = larger;
    larger[*count] = strdup(text);
    larger[*count + 1] = NULL;
    return larger[*count] && ++*count;
}
