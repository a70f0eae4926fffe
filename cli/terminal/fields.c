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
#define GAP          2U
#define LABEL_WIDTH  12

/* No column is made narrower. */
#define LEAST_COLUMN 3U

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

void field_fleet(struct json_object *object, FILE *stream)
{
    struct json_object *fleet = json_object_object_get(object, "fleet");
    struct json_object *sequence = json_object_object_get(object, "sequence");

    if (fleet)
        fputs(json_object_get_string(fleet), stream);
    if (fleet && sequence)
        fprintf(stream, ", sequence %lld", (long long)json_object_get_int64(sequence));
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

/* Prints TEXT in up to WIDTH columns, the last of which says whether there is more. */
static void put_cell(Colour colour, const char *text, size_t width)
{
    _cleanup_(freep) char *cut = strdup(text);
    char *end = cut;

    if (!cut)
        abort();
    if (width_of(text) <= width) {
        screen_put(colour, text);
        return;
    }
    while (width_of(end) > width_of(text) - (width - 1))
        end++;
    *end = '\0';
    screen_put(colour, cut);
    screen_put(colour, screen_is_utf8() ? "…" : ">");
}

/* The widest column, which can be made narrower; times only if no other can. COUNT if none can. */
static size_t widest_of(const FieldTable *table, const size_t *widths, size_t count)
{
    size_t widest = count;

    for (int times = 0; times < 2 && widest == count; times++)
        for (size_t i = 0; i < count; i++)
            if (widths[i] > LEAST_COLUMN && (times || table->fields[i].print != field_time) &&
                (widest == count || widths[i] > widths[widest]))
                widest = i;
    return widest;
}

/* Makes columns narrower until a line fits the terminal. */
static void fit(const FieldTable *table, size_t *widths)
{
    size_t available = table->fit ? screen_columns() : 0, total = 0, count = 0, widest;

    for (; table->fields[count].label; count++)
        total += widths[count] + (count > 0 ? GAP : 0);
    for (; available > 0 && total > available; total--) {
        widest = widest_of(table, widths, count);
        if (widest == count)
            return;
        widths[widest]--;
    }
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

        if (!print) {
            widths[i] = width > widths[i] ? width : widths[i];
            continue;
        }
        fputs(branch, stdout);
        put_cell(colour, cell, widths[i] - width_of(branch));
        if (fields[i + 1].label)
            printf("%*s", (int)((width < widths[i] ? widths[i] - width : 0) + GAP), "");
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
        if (print)
            fit(table, widths);
        if (table->legend)
            row(table, NULL, "", widths, print);
        if (table->group)
            branches(table, list, widths, print);
        else
            for (size_t i = 0; i < json_object_array_length(list); i++)
                row(table, json_object_array_get_idx(list, i), "", widths, print);
    }
}
