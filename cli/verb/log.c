/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds log: prints the audit entries in the journal.
 */

#include "verb/log.h"
#include "audit/record.h"
#include "base/json.h"
#include "base/names.h"
#include "hint.h"
#include "terminal/output.h"
#include "terminal/safe_text.h"
#include "terminal/screen.h"
#include "verb/verb.h"

#include <errno.h>
#include <string.h>
#include <systemd/sd-journal.h>
#include <time.h>
#include <unistd.h>

/* The fields for --json, and their names. */
static const struct {
    const char *field, *member;
} fields[] = {
    {"NSPAWN_CREDS_VERDICT", "verdict"}, {"NSPAWN_CREDS_OUTCOME", "outcome"},
    {"NSPAWN_CREDS_MACHINE", "machine"}, {"NSPAWN_CREDS_CREDENTIAL", "credential"},
    {"NSPAWN_CREDS_UNIT", "unit"},       {"NSPAWN_CREDS_REASON", "reason"},
    {"NSPAWN_CREDS_KEY", "key"},         {"NSPAWN_CREDS_FLEET", "fleet"},
};

void log_field(sd_journal *journal, const char *name, char text[AUDIT_FIELD_BYTES])
{
    size_t length = strlen(name) + 1, size;
    const void *data;

    text[0] = '\0';
    if (sd_journal_get_data(journal, name, &data, &size) < 0 || size < length)
        return;
    size -= length;
    if (size >= AUDIT_FIELD_BYTES)
        size = AUDIT_FIELD_BYTES - 1;
    memcpy(text, (const char *)data + length, size);
    text[size] = '\0';
}

void log_print(sd_journal *journal)
{
    char text[AUDIT_FIELD_BYTES], verdict[AUDIT_FIELD_BYTES], when[32] = "";
    struct tm local;
    uint64_t usec = 0;
    time_t seconds;

    (void)sd_journal_get_realtime_usec(journal, &usec);
    seconds = (time_t)(usec / 1000000);
    if (localtime_r(&seconds, &local))
        strftime(when, sizeof(when), "%b %d %H:%M:%S", &local);
    log_field(journal, "NSPAWN_CREDS_VERDICT", verdict);
    log_field(journal, "MESSAGE", text);
    safe_text_clean(text);
    output_text(strcmp(verdict, audit_verdicts[AUDIT_REFUSED].name) == 0 ? COLOUR_WARNING
                                                                         : COLOUR_NONE,
                (size_t)printf("%s ", when), text);
}

struct json_object *log_to_json(sd_journal *journal)
{
    struct json_object *object = json_object_new_object();
    char text[AUDIT_FIELD_BYTES];
    uint64_t usec = 0;

    (void)sd_journal_get_realtime_usec(journal, &usec);
    json_add(object, "timeUSec", json_object_new_int64((int64_t)usec));
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        log_field(journal, fields[i].field, text);
        json_add_text(object, fields[i].member, text[0] ? text : NULL);
    }
    log_field(journal, "NSPAWN_CREDS_SEALED_OUTSIDE", text);
    json_add(object, "sealedOutside", json_object_new_boolean(text[0] != '\0'));
    log_field(journal, "NSPAWN_CREDS_PREDECESSOR", text);
    json_add(object, "predecessor", json_object_new_boolean(text[0] != '\0'));
    log_field(journal, "NSPAWN_CREDS_SEQUENCE", text);
    if (text[0])
        json_add(object, "sequence", json_object_new_int64(strtoll(text, NULL, 10)));
    log_field(journal, "NSPAWN_CREDS_USEC", text);
    json_add(object, "durationUSec", json_object_new_int64(strtoll(text, NULL, 10)));
    return object;
}

/* Selects the entries of MACHINE (NULL: of all) with a verdict up to LAST. */
static int add_matches(sd_journal *journal, const char *machine, AuditVerdict last)
{
    char match[AUDIT_FIELD_BYTES];
    int r = 0;

    for (AuditVerdict verdict = 0; r >= 0 && verdict <= last; verdict++) {
        snprintf(match, sizeof(match), "MESSAGE_ID=%s", audit_verdicts[verdict].message_id);
        r = sd_journal_add_match(journal, match, 0);
    }
    /* Any process can write such entries. Those of the broker, and of root's commands without it,
     * are ours. journald vouches for both fields. */
    if (r >= 0)
        r = sd_journal_add_conjunction(journal);
    if (r >= 0)
        r = sd_journal_add_match(journal, "_SYSTEMD_UNIT=nspawn-creds-broker.service", 0);
    if (r >= 0)
        r = sd_journal_add_disjunction(journal);
    if (r >= 0)
        r = sd_journal_add_match(journal, "_UID=0", 0);
    if (r >= 0)
        r = sd_journal_add_conjunction(journal);
    if (r < 0 || !machine)
        return r;
    snprintf(match, sizeof(match), "NSPAWN_CREDS_MACHINE=%s", machine);
    return sd_journal_add_match(journal, match, 0);
}

int log_open(const char *machine, AuditVerdict last, Reason *reason, sd_journal **ret)
{
    _cleanup_(sd_journal_closep) sd_journal *journal = NULL;
    int r = sd_journal_open(&journal, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM);

    /* what this user may not read is left out without an error */
    if (r >= 0 && geteuid() != 0 && sd_journal_next(journal) == 0)
        return reason_set(reason, -EACCES,
                          "only root and the group systemd-journal may read the journal");
    if (r >= 0)
        r = add_matches(journal, machine, last);
    if (r < 0)
        return reason_set(reason, r, "cannot read the journal");
    *ret = TAKE_PTR(journal);
    return 0;
}

/* Moves before the first of the last --lines= entries, or else of those --since=. */
static int seek(sd_journal *journal, const Options *options)
{
    int r;

    if (options->lines == 0)
        return sd_journal_seek_realtime_usec(journal, options->since);
    r = sd_journal_seek_tail(journal);
    if (r >= 0)
        r = sd_journal_previous_skip(journal, options->lines);
    if (r > 0 && sd_journal_previous(journal) <= 0)
        r = sd_journal_seek_head(journal);
    return r;
}

/* Goes on to the next entry that is not older than SINCE. Returns 0 if there is none now. */
static int next(sd_journal *journal, uint64_t since)
{
    uint64_t usec = 0;
    int r = sd_journal_next(journal);

    while (r > 0 && sd_journal_get_realtime_usec(journal, &usec) >= 0 && usec < since)
        r = sd_journal_next(journal);
    return r;
}

static void note_empty(const Context *context, const Options *options, const char *machine)
{
    Hint hint = {""};

    if (machine)
        hint = hint_find(context, options, machine);
    if (hint.text[0])
        output_note("The journal has no entries about %s%s", machine, hint.text);
    else
        output_note("The journal has no entries%s%s%s.", machine ? " about " : "",
                    machine ? machine : "", options->since ? " since then" : " yet");
}

static int run(const Context *context, const Options *options, char **arguments)
{
    _cleanup_(sd_journal_closep) sd_journal *journal = NULL;
    const char *machine = arguments[0];
    Reason reason = {0};
    bool any = false;
    int r = machine ? machine_name_check(machine, &reason) : 0;

    if (r == 0)
        r = log_open(machine, _AUDIT_VERDICT_MAX - 1, &reason, &journal);
    if (r != 0)
        return output_error(r, NULL, &reason);
    r = seek(journal, options);
    if (!options->follow)
        screen_page(options);
    while (r >= 0) {
        r = next(journal, options->since);
        if (r > 0 && options->json != JSON_OFF)
            output_json(log_to_json(journal), options->json);
        else if (r > 0)
            log_print(journal);
        else if (r == 0 && !any)
            note_empty(context, options, machine);
        else if (r == 0 && options->follow)
            output_flush();
        any = true;
        if (ferror(stdout) || (r == 0 && !options->follow))
            return 0;
        if (r == 0)
            r = sd_journal_wait(journal, UINT64_MAX);
    }
    reason_set(&reason, r, "cannot read the journal");
    return output_error(r, NULL, &reason);
}

const Verb verb_log = {
    .name = "log",
    .arguments = "[MACHINE]",
    .summary = "Show requests and changes from the journal",
    .details = "Shows, for all machines or for MACHINE, what was delivered or refused and "
               "why, and who stored,\nrotated, resealed or removed what. You must be "
               "allowed to read the system's journal (root, or\ngroup systemd-journal).",
    .options = OPTION_LINES | OPTION_SINCE | OPTION_FOLLOW | OPTION_JSON,
    .run = run,
};
