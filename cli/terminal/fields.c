/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "terminal/fields.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "base/timestamp.h"
#include "terminal/safe_text.h"
#include "tpm/tpm.h"

#include <inttypes.h>
#include <string.h>

/* Between columns. */
#define GAP         2U
#define LABEL_WIDTH 12

void field_time(struct json_object *value, FILE *stream)
{
    char text[TIMESTAMP_TEXT_BYTES];

    timestamp_format((uint64_t)json_object_get_int64(value), text);
    fputs(text, stream);
}

void field_bytes(struct json_object *value, FILE *stream)
{
    fprintf(stream, "%" PRId64 " bytes", json_object_get_int64(value));
}

void field_pcrs(struct json_object *value, FILE *stream)
{
    char text[TPM_PCR_TEXT_BYTES];
    uint64_t mask = 0;

    for (size_t i = 0; i < json_length(value); i++)
        mask |= UINT64_C(1) << (json_object_get_int(json_object_array_get_idx(value, i)) & 63);
    tpm_pcr_mask_format(mask & TPM_PCR_MASK_ALL, text);
    fputs(text[0] ? text : "none", stream);
}

void field_outside(struct json_object *value, FILE *stream)
{
    if (json_object_get_boolean(value))
        fputs("sealed outside this TPM", stream);
}

/* The text of a field, to be freed; "" if there is none. Ends the program if there is no memory. */
static char *text_of(struct json_object *object, const Field *field)
{
    struct json_object *value = NULL;
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    if (!stream)
        abort();
    json_pointer_get(object, field->member, &value);
    if (value && field->print)
        field->print(value, stream);
    else if (value)
        fputs(json_object_get_string(value), stream);
    if (fclose(stream) != 0)
        abort();
    if (size > 0 && text[size - 1] == '\n') /* a public half is a line */
        text[size - 1] = '\0';
    safe_text_clean(text);
    return text;
}

void fields_print(struct json_object *object, const Field *fields)
{
    for (const Field *field = fields; field->label; field++) {
        _cleanup_(freep) char *text = text_of(object, field);

        if (text[0])
            printf("  %-*s %s\n", LABEL_WIDTH, field->label, text);
    }
}

/* --- tables --- */

/* The width of TEXT in columns: its number of characters, which all have width 1 here. */
static size_t width_of(const char *text)
{
    size_t width = 0;

    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

/* The headings for NULL. Either prints them, or finds out the widths. */
static void row(struct json_object *object, const Field *fields, size_t *widths, bool print)
{
    for (size_t i = 0; fields[i].label; i++) {
        _cleanup_(freep) char *text = object ? text_of(object, &fields[i]) : NULL;
        const char *cell = !object ? fields[i].label : text[0] ? text : "-";
        size_t width = width_of(cell);

        if (!print)
            widths[i] = width > widths[i] ? width : widths[i];
        else if (fields[i + 1].label)
            printf("%s%*s", cell, (int)(widths[i] - width + GAP), "");
        else
            printf("%s\n", cell);
    }
}

void fields_print_table(struct json_object *list, const Field *fields, bool legend)
{
    size_t widths[FIELD_COLUMNS_MAX] = {0};

    for (int print = 0; print < 2; print++) {
        if (legend)
            row(NULL, fields, widths, print);
        for (size_t i = 0; i < json_object_array_length(list); i++)
            row(json_object_array_get_idx(list, i), fields, widths, print);
    }
}
