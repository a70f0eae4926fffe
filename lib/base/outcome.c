/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/outcome.h"

#include "base/shell_word.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Exit statuses, one for each case that a script may want to tell apart. */
enum {
    EXIT_ENVIRONMENT = 1,  /* I/O, memory, permissions */
    EXIT_USAGE = 2,        /* the command line */
    EXIT_FORMAT = 3,       /* not a credential of a known kind */
    EXIT_REFUSED = 4,      /* a credential for another name, time or key */
    EXIT_KEY = 5,          /* the host key or the TPM is missing or refuses */
    EXIT_MISSING = 6,      /* no such credential */
    EXIT_ROTATION = 7,     /* a rotation failed and was undone */
    EXIT_INCONSISTENT = 8, /* a rotation failed and was not undone completely */
    EXIT_PROBLEMS = 9,     /* the command worked, and found problems */
    EXIT_UNSEALED = 10,    /* a fleet has to be sealed, */
    EXIT_UNSIGNED = 11,    /* or signed, */
    EXIT_EXPIRING = 12,    /* or signed again soon */
    EXIT_SILENT = 13,      /* hosts of a fleet have not reported, or answered, yet */
};

typedef struct OutcomeInfo {
    const char *name;
    int exit_status;
    const char *sentence;
    const char *remedy;
} OutcomeInfo;

#define SEAL_AGAIN                                                                                 \
    "Seal the secret again: nspawn-creds set MACHINE@ID; for a file: nspawn-creds encrypt"

static const OutcomeInfo outcomes[_OUTCOME_MAX] = {
#define OUTCOME(identifier, ...) [OUTCOME_##identifier] = {__VA_ARGS__},
#include "base/outcome.def"
#undef OUTCOME
};

int reason_set(Reason *reason, int rc, const char *format, ...)
{
    va_list arguments;
    size_t length;

    if (!reason)
        return rc;
    va_start(arguments, format);
    vsnprintf(reason->text, sizeof(reason->text), format, arguments);
    va_end(arguments);
    for (char *c = reason->text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    if (rc < 0) {
        length = strlen(reason->text);
        snprintf(reason->text + length, sizeof(reason->text) - length, ": %s", strerror(-rc));
    }
    return rc;
}

int reason_prefix(Reason *reason, int rc, const char *format, ...)
{
    Reason prefix, text;
    va_list arguments;

    if (rc == 0 || !reason || !reason->text[0])
        return rc;
    va_start(arguments, format);
    vsnprintf(prefix.text, sizeof(prefix.text), format, arguments);
    va_end(arguments);
    text = *reason;
    reason_set(reason, 0, "%s%s", prefix.text, text.text);
    return rc;
}

static const OutcomeInfo *find(int rc)
{
    return rc >= 0 && rc < _OUTCOME_MAX ? &outcomes[rc] : NULL;
}

const char *outcome_name(int rc)
{
    const OutcomeInfo *info = find(rc);

    return info ? info->name : "system-error";
}

int outcome_find(const char *name)
{
    for (int rc = OUTCOME_OK; name && rc < _OUTCOME_MAX; rc++)
        if (strcmp(outcome_name(rc), name) == 0)
            return rc;
    return -EIO;
}

const char *outcome_sentence(int rc)
{
    const OutcomeInfo *info = find(rc);

    return info ? info->sentence : strerror(rc < 0 ? -rc : rc);
}

const char *outcome_reason(int rc, const Reason *reason)
{
    return reason->text[0] ? reason->text : outcome_sentence(rc);
}

const char *outcome_remedy(int rc)
{
    const OutcomeInfo *info = find(rc);

    return info ? info->remedy : NULL;
}

const char *outcome_remedy_for(int rc, const char *machine, const char *id,
                               char ret[OUTCOME_REMEDY_BYTES])
{
    const char *remedy = outcome_remedy(rc), *from = remedy;
    char *to = ret, *end = ret + OUTCOME_REMEDY_BYTES - 1;
    const struct {
        const char *word, *name;
    } rows[] = {{"MACHINE", machine}, {"ID", id}};

    if (!from)
        return NULL;
    while (*from && to < end) {
        const char *begin = from;

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
            if (rows[i].name && rows[i].name[0] && from == begin &&
                strncmp(from, rows[i].word, strlen(rows[i].word)) == 0) {
                ShellWord word = from > remedy && from[-1] == ' ' ? shell_argument(rows[i].name)
                                                                  : shell_word(rows[i].name);

                to = mempcpy(to, word.text, strnlen(word.text, (size_t)(end - to)));
                from += strlen(rows[i].word);
            }
        if (from == begin)
            *to++ = *from++;
    }
    *to = '\0';
    return ret;
}

int outcome_exit_status(int rc)
{
    const OutcomeInfo *info = find(rc);

    return info ? info->exit_status : EXIT_ENVIRONMENT;
}
