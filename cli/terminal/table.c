/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tables. See table.h.
 */

#include "terminal/table.h"

#include "base/array.h"
#include "base/cleanup.h"
#include "terminal/safe_text.h"

#include <stdarg.h>
#include <string.h>

#define GAP 2U

Table table_new(const char *const *headings)
{
    Table table = {0};

    while (headings[table.columns])
        table.columns++;
    for (size_t i = 0; i < table.columns; i++)
        table_add(&table, headings[i]);
    return table;
}

void table_done(Table *table)
{
    for (size_t i = 0; i < table->count; i++)
        free(table->cells[i]);
    free(table->cells);
    *table = (Table){0};
}

void table_add(Table *table, const char *text)
{
    char *copy = strdup(text ? text : "-");

    if (!copy || !ARRAY_GROW(table->cells, table->count))
        abort();
    safe_text_clean(copy);
    table->cells[table->count++] = copy;
}

void table_addf(Table *table, const char *format, ...)
{
    _cleanup_(freep) char *text = NULL;
    va_list arguments;

    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0)
        abort();
    va_end(arguments);
    table_add(table, text);
}

/* The width of TEXT in columns: its number of characters, which all have width 1 here. */
static size_t width_of(const char *text)
{
    size_t width = 0;

    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

void table_print(const Table *table)
{
    size_t widths[TABLE_COLUMNS_MAX] = {0};

    for (size_t i = 0; i < table->count; i++)
        if (width_of(table->cells[i]) > widths[i % table->columns])
            widths[i % table->columns] = width_of(table->cells[i]);
    for (size_t i = 0; i < table->count; i++) {
        size_t column = i % table->columns, width = width_of(table->cells[i]);

        fputs(table->cells[i], stdout);
        if (column + 1 == table->columns)
            putchar('\n');
        else
            printf("%*s", (int)(widths[column] - width + GAP), "");
    }
}
