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
    int64_t size = json_object_get_int64(value);

    fprintf(stream, "%" PRId64 " %s", size, size == 1 ? "byte" : "bytes");
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

/* The headings for OBJECT NULL. BRANCH is in front. Updates the widths, and with PRINT prints a
 * line. */
static void row(const FieldTable *table, struct json_object *object, const char *branch,
                size_t *widths, bool print)
{
    Colour colour = !object ? COLOUR_HEADING : table->colour ? table->colour(object) : COLOUR_NONE;
    const Field *fields = table->fields;

    for (size_t i = 0; fields[i].label; i++, branch = "") {
        _cleanup_(freep) char *text = object ? text_of(object, &fields[i]) : NULL;
        const char *cell = !object ? fields[i].label : text[0] ? text : "-";
        size_t width = width_of(branch) + width_of(cell);

        widths[i] = width > widths[i] ? width : widths[i];
        if (print) {
            fputs(branch, stdout);
            screen_put(colour, cell);
            if (fields[i + 1].label)
                printf("%*s", (int)(widths[i] - width + GAP), "");
        }
    }
    if (print)
        putchar('\n');
}

static char *group_of(const FieldTable *table, struct json_object *object)
{
    return text_of(object, &(Field){"", table->group, NULL});
}

/* Whether row I of LIST is the last of its group. */
static bool is_last(const FieldTable *table, struct json_object *list, size_t i)
{
    _cleanup_(freep) char *group = group_of(table, json_object_array_get_idx(list, i)),
                          *next = NULL;

    if (i + 1 == json_object_array_length(list))
        return true;
    next = group_of(table, json_object_array_get_idx(list, i + 1));
    return strcmp(group, next) != 0;
}

static void branches(const FieldTable *table, struct json_object *list, size_t *widths, bool print)
{
    static const char *const marks[2][2] = {{"|-", "`-"}, {"├─", "└─"}};
    bool first = true;

    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *object = json_object_array_get_idx(list, i);
        _cleanup_(freep) char *group = group_of(table, object);
        bool last = is_last(table, list, i);

        if (first && print) {
            screen_put(COLOUR_TITLE, group);
            putchar('\n');
        }
        row(table, object, marks[screen_is_utf8()][last], widths, print);
        first = last;
    }
}

void fields_print_table(const FieldTable *table, struct json_object *list)
{
    size_t widths[FIELD_COLUMNS_MAX] = {0};

    for (int print = 0; print < 2; print++) {
        if (table->legend)
            row(table, NULL, "", widths, print);
        if (table->group)
            branches(table, list, widths, print);
        else
            for (size_t i = 0; i < json_object_array_length(list); i++)
                row(table, json_object_array_get_idx(list, i), "", widths, print);
    }
}
