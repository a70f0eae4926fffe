/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Two inventories side by side: sentences about what somebody has changed in the repository.
 *
 * A line is "KIND NAME VALUE" or "KIND NAME". Both inventories are sorted, so that lines about the
 * same thing meet, like those of a merge sort, and each pair that differs is a sentence. Only the
 * matches of a secret are collected first, for one sentence about all its hosts.
 */

#include "base/array.h"
#include "fleet/inventory.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

typedef struct Comparison {
    char ***lines; /* the result */
    size_t *count;
    bool failed;  /* no memory */
    size_t hosts; /* how many there are now */

    char secret[LIMIT_FLEET_SECRET_BYTES + 1]; /* whose matches are collected */
    Writer added, removed;                     /* " HOST HOST…" that get it, or no longer */
    size_t added_count;
    bool kept; /* a host gets it as before */
} Comparison;

__attribute__((format(printf, 2, 3))) static void say(Comparison *comparison, const char *format,
                                                      ...)
{
    _cleanup_(freep) char *line = NULL;
    va_list arguments;

    va_start(arguments, format);
    if (vasprintf(&line, format, arguments) < 0)
        line = NULL;
    va_end(arguments);
    comparison->failed |= !line || !strings_add(comparison->lines, comparison->count, line);
}

/* --- matches --- */

/* Says which hosts get the secret now, or no longer. */
static void say_matches(Comparison *comparison)
{
    _cleanup_(writer_done) Writer added = TAKE(comparison->added),
                                  removed = TAKE(comparison->removed);

    if (added.bytes.size > 0 && comparison->added_count == comparison->hosts)
        say(comparison, "secret %s: now for all %zu hosts", comparison->secret, comparison->hosts);
    else if (added.bytes.size > 0)
        say(comparison, "secret %s: now %sfor%.*s", comparison->secret,
            comparison->kept ? "also " : "", (int)added.bytes.size, (const char *)added.bytes.data);
    if (removed.bytes.size > 0)
        say(comparison, "secret %s: no longer for%.*s", comparison->secret, (int)removed.bytes.size,
            (const char *)removed.bytes.data);
    comparison->failed |= added.failed || removed.failed;
    comparison->added_count = 0;
    comparison->kept = false;
}

/* LINE is "match SECRET HOST". The host got the secret BEFORE, or gets it AFTER, or both. */
static void collect_match(Comparison *comparison, const char *line, bool before, bool after)
{
    char secret[sizeof(comparison->secret)];
    const char *name = strchr(line, ' ') + 1, *host = strchr(name, ' ');

    if (!host || (size_t)(host - name) >= sizeof(secret))
        return;
    snprintf(secret, sizeof(secret), "%.*s", (int)(host - name), name);
    if (strcmp(secret, comparison->secret) != 0) {
        say_matches(comparison);
        strcpy(comparison->secret, secret);
    }
    if (before && after)
        comparison->kept = true;
    else
        writer_text(after ? &comparison->added : &comparison->removed, host);
    comparison->added_count += !before;
}

/* --- other lines --- */

static bool is(const char *line, const char *kind)
{
    size_t length = strlen(kind);

    return strncmp(line, kind, length) == 0 && line[length] == ' ';
}

/* How much of LINE says what it is about: "KIND NAME". The rest, if any, is a space and the value.
 */
static size_t subject_length(const char *line)
{
    const char *name = strchr(line, ' '), *value = name ? strchr(name + 1, ' ') : NULL;

    /* their second word is a part of the name */
    if (!value || is(line, "match") || is(line, "recipient"))
        return strlen(line);
    return (size_t)(value - line);
}

/* No name contains a character below the space. */
static int compare_subjects(const char *a, const char *b)
{
    size_t first = subject_length(a), second = subject_length(b);

    return strncmp(a, b, first > second ? first : second);
}

static const char *value_of(const char *line)
{
    const char *value = line + subject_length(line);

    return *value ? value + 1 : value;
}

/* Says what became of the subject of LINE, which had the value OLD and has NEW (NULL: it was not
 * there, or is not any more). A host that is new is said with its key, and a secret with its
 * settings. */
static void say_difference(Comparison *comparison, const char *line, const char *old,
                           const char *new)
{
    const char *name = strchr(line, ' ') + 1;
    int length = (int)(line + subject_length(line) - name);

    if (is(line, "host")) {
        if (!new)
            say(comparison, "host %.*s: removed", length, name);
        else if (old)
            say(comparison, "host %.*s: another identity (key, PCR values or names)", length, name);
    } else if (is(line, "key")) {
        if (old && new)
            say(comparison, "host %.*s: ANOTHER KEY, %s instead of %s", length, name, new, old);
        else if (new)
            say(comparison, "host %.*s: added, with the key %s", length, name, new);
    } else if (is(line, "proof")) {
        if (new)
            say(comparison, "host %.*s: proved by %s", length, name, new);
        else
            say(comparison, "host %.*s: NO LONGER PROVED", length, name);
    } else if (is(line, "rule")) {
        say(comparison, new ? "hosts have to be proved (%s)" : "hosts need NO PROOF any more (%s)",
            name);
    } else if (is(line, "recipient")) {
        say(comparison, "recipient %s: %s", name, new ? "added" : "removed");
    } else if (is(line, "secret")) {
        if (!new)
            say(comparison, "secret %.*s: removed", length, name);
        else if (old)
            say(comparison, "secret %.*s: another value, or encrypted again", length, name);
    } else if (is(line, "settings")) {
        if (old && new)
            say(comparison, "secret %.*s: as %s instead of %s", length, name, new, old);
        else if (new)
            say(comparison, "secret %.*s: added, as %s", length, name, new);
    }
}

int inventory_compare(const Inventory *before, const Inventory *after, char ***lines, size_t *count)
{
    Comparison comparison = {.lines = lines, .count = count};
    size_t i = 0, j = 0;

    for (size_t k = 0; k < after->count; k++)
        comparison.hosts += is(after->lines[k], "host");
    while (i < before->count || j < after->count) {
        int order = i == before->count  ? 1
                    : j == after->count ? -1
                                        : compare_subjects(before->lines[i], after->lines[j]);
        const char *old = order <= 0 ? before->lines[i++] : NULL,
                   *new = order >= 0 ? after->lines[j++] : NULL, *line = order >= 0 ? new : old;

        if (is(line, "match"))
            collect_match(&comparison, line, old, new);
        else if (strchr(line, ' ') && (!old || !new || strcmp(old, new) != 0))
            say_difference(&comparison, line, old ? value_of(old) : NULL,
                           new ? value_of(new) : NULL);
    }
    say_matches(&comparison);
    return comparison.failed ? -ENOMEM : 0;
}
