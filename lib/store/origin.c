/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The text of a commit's origin. See store_internal.h.
 *
 * The broker's user may change it, so only the audit entries depend on it. If it is not valid, the
 * verb is unknown, but the commit is still completed.
 */

#include "store/store_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECORD_NAME_BYTES ((size_t)64)

static bool is_made_of(const char *text, size_t limit, const char *characters)
{
    size_t length = strlen(text);

    return length > 0 && length <= limit && strspn(text, characters) == length;
}

bool store_verb_valid(const char *verb)
{
    return is_made_of(verb, STORE_VERB_BYTES - 1, "abcdefghijklmnopqrstuvwxyz");
}

bool store_record_name_valid(const char *name)
{
    return is_made_of(name, RECORD_NAME_BYTES, "abcdefghijklmnopqrstuvwxyz0123456789-");
}

void store_origin_format(const StoreOrigin *origin, char text[STORE_ORIGIN_BYTES])
{
    snprintf(text, STORE_ORIGIN_BYTES, "%s %u %d\n", origin->verb, origin->uid, origin->pid);
}

int store_origin_parse(BytesView text, char ret_verb[STORE_VERB_BYTES], StoreOrigin *ret)
{
    char line[STORE_ORIGIN_BYTES] = "", again[STORE_ORIGIN_BYTES], verb[STORE_VERB_BYTES], *end;
    StoreOrigin origin = {.verb = verb};

    if (text.size >= sizeof(line))
        return OUTCOME_MALFORMED;
    if (text.size > 0)
        memcpy(line, text.data, text.size);
    snprintf(verb, sizeof(verb), "%.*s", (int)strcspn(line, " "), line);
    origin.uid = (uid_t)strtoul(line + strlen(verb), &end, 10);
    origin.pid = (pid_t)strtol(end, NULL, 10);
    /* there is only one way to write it */
    store_origin_format(&origin, again);
    if (!store_verb_valid(verb) || origin.pid < 0 || strlen(line) != text.size ||
        strcmp(line, again) != 0)
        return OUTCOME_MALFORMED;
    strcpy(ret_verb, verb);
    *ret = origin;
    ret->verb = ret_verb;
    return 0;
}
