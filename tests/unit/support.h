/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Shared by the unit tests: cmocka with its headers, a context with fixed clock and randomness,
 * throw-away directories, and secrets from literals.
 *
 * With $TEST_FILTER=PATTERN (* and ?) a test program runs only the functions that match it.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/context.h"
#include "base/outcome.h"
#include "secret/secret.h"

/* Ends a test that cannot run here. tests/lib/skipped finds what it says. */
#define test_skip(why)  (print_message("skipped: %s\n", (why)), skip())

#define COUNT(array)    (sizeof(array) / sizeof((array)[0]))

/* 2026-11-24 00:00:00 UTC, µs */
#define TEST_NOW        UINT64_C(1795478400000000)

/* The machine id of the test root, which tests/vectors were made with. */
#define TEST_MACHINE_ID "0123456789abcdef0123456789abcdef"

/* Time stands still at TEST_NOW, random bytes count up, and the root is ROOT (NULL: ""). */
Context test_context(const char *root);

/* A folder that test_folder_remove() takes away with all that is in it. Asserts on failure. */
typedef struct TestFolder {
    char path[64];
} TestFolder;

TestFolder test_folder(void);
void test_folder_remove(const TestFolder *folder);

/* Makes FOLDER/etc/machine-id and the folders of the host key. */
void test_folder_make_root(const TestFolder *folder);

/* FOLDER/NAME, in static memory until the fourth next call. */
const char *test_path(const TestFolder *folder, const char *name);

void test_write_file(const char *path, BytesView content, unsigned mode);
Bytes test_read_file(const char *path);

/* Reads FD to its end and closes it. Returns the number of bytes. */
size_t test_read_all(int fd);

Secret *test_secret(const char *text);
Secret *test_host_key(const char *text); /* host_key_state() of TEXT */
Secret *test_secret_of(size_t size);     /* SIZE bytes that count up from 1 */

static inline BytesView test_view(const char *text)
{
    return (BytesView){(const uint8_t *)text, __builtin_strlen(text)};
}
