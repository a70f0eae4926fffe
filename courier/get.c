/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "get.h"

#include "base/array.h"
#include "base/base64.h"
#include "base/context.h"
#include "base/names.h"
#include "parts.h"

#include <errno.h>
#include <stdio.h>

/* The largest report, with room for later versions. */
#define REPORT_BYTES ((size_t)3072)
/* If so many in a row cannot be got, it is not they that are strange: the carrier is not there. */
#define FAILURES_MAX 4U

/* So many files are got together where that is possible. */
#define TOGETHER     ((size_t)16)

typedef struct Get {
    const CarrierSettings *settings;
    long stall;
    char **names;
    size_t count;
    bool sorted;     /* the names, none of them twice */
    Bytes *contents; /* of files that were got together, by their index */
} Get;

static void get_done(Get *get)
{
    for (size_t i = 0; get->contents && i < get->count; i++)
        bytes_done(&get->contents[i]);
    free(get->contents);
    strings_free(get->names);
}

/* --- names --- */

static int read_names(Get *get, Reason *reason)
{
    _cleanup_(freep) char *line = NULL;
    size_t room = 0;
    ssize_t length;

    get->sorted = true;
    while ((length = getline(&line, &room, stdin)) > 0) {
        if (line[length - 1] == '\n')
            line[length - 1] = '\0';
        if (strncmp(line, "v1/", strlen("v1/")) != 0 || !name_made_of(line, "-/"))
            return reason_set(reason, OUTCOME_USAGE,
                              "\"%.100s\" is not the name of a carrier's file", line);
        if (get->count > 0 && strcmp(get->names[get->count - 1], line) >= 0)
            get->sorted = false;
        if (!strings_add(&get->names, &get->count, line))
            return -ENOMEM;
    }
    return ferror(stdin) ? reason_set(reason, -EIO, "standard input") : 0;
}

int get_print(const char *name, const Bytes *content)
{
    _cleanup_(bytes_done) Bytes text = {0};
    int r = base64_encode(bytes_view(content), 0, &text);

    if (r == 0)
        printf("%s\t%.*s\n", name, (int)text.size, (const char *)text.data);
    return r;
}

/* --- one by one --- */

bool get_stalled(uint64_t begin, long stall)
{
    return monotonic_usec() - begin >= (uint64_t)stall * USEC_PER_SEC;
}

static int get_one(Carrier *carrier, const char *name, long stall, unsigned *failures,
                   Reason *reason)
{
    _cleanup_(bytes_done) Bytes content = {0};
    uint64_t begin = monotonic_usec();
    int r = carrier->ops->get(carrier, name, REPORT_BYTES, NULL, reason, &content);

    if (r == OUTCOME_CARRIER_FAILED && ++*failures < FAILURES_MAX && !get_stalled(begin, stall)) {
        printf("%s\t!\n", name);
        return 0;
    }
    if (r == 0 || r == OUTCOME_NOT_FOUND)
        *failures = 0;
    if (r == OUTCOME_NOT_FOUND)
        r = 0;
    return r == 0 ? get_print(name, &content) : r;
}

/* Gets every STEPth file, from FIRST. */
static int get_part(const void *userdata, size_t first, size_t step, Reason *reason)
{
    const Get *get = userdata;
    _cleanup_(carrier_closep) Carrier *carrier = NULL;
    unsigned failures = 0;
    int r = carrier_open(get->settings, get->stall, reason, &carrier);

    for (size_t i = first; r == 0 && i < get->count; i += step)
        r = get_one(carrier, get->names[i], get->stall, &failures, reason);
    return r == 0 && failures > 0 && failures == get->count ? OUTCOME_CARRIER_FAILED : r;
}

/* --- together --- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Keeps the file PATH if it is asked for. */
static int take(void *userdata, const char *path, Bytes *content)
{
    Get *get = userdata;
    char *const *found = ARRAY_FIND(&path, get->names, get->count, compare_names);

    if (found && content->size <= REPORT_BYTES) {
        Bytes *ret = &get->contents[found - get->names];

        bytes_done(ret);
        *ret = TAKE(*content);
    }
    return 0;
}

/* Whether all files are in one directory, which goes to RET, with its "/". */
static bool in_one_folder(const Get *get, char **ret)
{
    size_t length = (size_t)(strrchr(get->names[0], '/') - get->names[0]) + 1;

    for (size_t i = 1; i < get->count; i++)
        if (strncmp(get->names[i], get->names[0], length) != 0 ||
            strchr(get->names[i] + length, '/'))
            return false;
    *ret = strndup(get->names[0], length);
    return *ret;
}

/* Gets all files with few requests. Not 0 if they have to be got one by one. */
static int get_together(Get *get)
{
    _cleanup_(carrier_closep) Carrier *carrier = NULL;
    _cleanup_(freep) char *folder = NULL;
    int r;

    if (get->count < TOGETHER || !get->sorted || !in_one_folder(get, &folder))
        return OUTCOME_USAGE;
    r = carrier_open(get->settings, get->stall, NULL, &carrier);
    if (r == 0 && !carrier->ops->get_all)
        r = OUTCOME_USAGE;
    if (r != 0)
        return r;
    get->contents = calloc(get->count, sizeof(get->contents[0]));
    if (!get->contents)
        return -ENOMEM;
    r = carrier->ops->get_all(carrier, folder, REPORT_BYTES, take, get, NULL);
    for (size_t i = 0; r == 0 && i < get->count; i++)
        r = get_print(get->names[i], &get->contents[i]);
    return r;
}

int get(const CarrierSettings *settings, long stall, Reason *reason)
{
    _cleanup_(get_done) Get get = {.settings = settings, .stall = stall};
    int r = read_names(&get, reason);

    if (r != 0)
        return r;
    return get_together(&get) == 0 ? 0 : parts_run(get_part, &get, get.count, reason);
}
