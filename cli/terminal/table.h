/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Rows of words in columns, as wide as their widest word, for people.
 */

#include <stddef.h>

#define TABLE_COLUMNS_MAX 8U

typedef struct Table {
    size_t columns;
    char **cells; /* row by row, owned; the first row is the heading */
    size_t count;
} Table;

/* A table with these headings, which NULL ends. For _cleanup_: table_done(). */
Table table_new(const char *const *headings);
void table_done(Table *table);

/* The next cell; NULL stands for "-". Ends the program if there is no memory. */
void table_add(Table *table, const char *text);
void table_addf(Table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* To standard output. */
void table_print(const Table *table);
