/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * JSON objects for people: one as a line for each member, or several as a table. A verb collects
 * what there is once, as JSON, and has a list of the fields that people read. They are printed
 * without control characters.
 */

#include "terminal/screen.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>

typedef struct Field {
    const char *label;  /* in front of the member, or above its column; NULL ends a list */
    const char *member; /* a JSON pointer: "/kind"; "" for the whole object */

    /* Prints the value, or nothing to leave it out. NULL prints it as it is. */
    void (*print)(struct json_object *value, FILE *stream);
} Field;

/* For .print: a point in time in µs, a size, a list of PCRs, "sealed outside this TPM" if true. */
void field_time(struct json_object *value, FILE *stream);
void field_bytes(struct json_object *value, FILE *stream);
void field_pcrs(struct json_object *value, FILE *stream);
/* "prod, sequence 42", of an object's members "fleet" and "sequence", if it has them. */
void field_fleet(struct json_object *object, FILE *stream);
void field_outside(struct json_object *value, FILE *stream);

/* Prints a line for each field that OBJECT has. */
void fields_print(struct json_object *object, const Field *fields);

#define FIELD_COLUMNS_MAX 8U

typedef struct FieldTable {
    const Field *fields; /* at most FIELD_COLUMNS_MAX */
    bool legend;         /* whether to print the labels above */
    bool fit;            /* whether to shorten what is too wide for the terminal */

    /* Makes a tree: rows with the same value of this member, which follow each other, are branches
     * below a line with the value. NULL: there is no such line. */
    const char *group;

    /* The colour of the row for OBJECT; NULL: they have none. */
    Colour (*colour)(struct json_object *object);
} FieldTable;

/* Prints a row for each object in LIST, with "-" for a field that it does not have. */
void fields_print_table(const FieldTable *table, struct json_object *list);
