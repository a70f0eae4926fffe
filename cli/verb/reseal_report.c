/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "verb/reseal_report.h"

#include "base/json.h"
#include "specs.h"
#include "terminal/fields.h"
#include "terminal/output.h"

#include <string.h>

static SpecDescription describe_new(const ResealItem *item)
{
    return spec_describe(item->target->kind, item->target->pcrs.mask,
                         item->target->public_key_mask);
}

static void yes_or_no(struct json_object *flag, FILE *stream)
{
    fputs(json_object_get_boolean(flag) ? "yes" : "no", stream);
}

static bool same_failure(const ResealItem *a, const ResealItem *b)
{
    return a->rc == b->rc && strcmp(a->reason.text, b->reason.text) == 0;
}

void reseal_report_failures(const ResealSet *set)
{
    for (size_t i = 0; i < set->count; i++) {
        const ResealItem *item = &set->items[i];
        size_t more = 0;
        bool reported = item->rc == 0;

        for (size_t k = 0; k < i; k++)
            reported = reported || same_failure(&set->items[k], item);
        if (reported)
            continue;
        for (size_t k = i + 1; k < set->count; k++)
            more += same_failure(&set->items[k], item);
        output_error_more(item->rc, item->label, more, &item->reason);
    }
}

/* How many are sealed like the item FIRST; 0 if an earlier item is, too. */
static size_t count_alike(const ResealSet *set, size_t first)
{
    size_t count = 0;

    for (size_t i = 0; i < set->count; i++)
        if (set->items[i].target == set->items[first].target) {
            if (i < first)
                return 0;
            count++;
        }
    return count;
}

/* "Resealed web: 20 credentials as tpm2, PCR 7; 4 credentials as host." */
static void print_machine(const ResealSet *set)
{
    const char *separator = "";

    printf("Resealed %s: ", set->machine);
    for (size_t i = 0; i < set->count; i++) {
        size_t alike = count_alike(set, i);

        if (alike == 0)
            continue;
        printf("%s%zu %s as %s", separator, alike, alike == 1 ? "credential" : "credentials",
               describe_new(&set->items[i]).text);
        separator = "; ";
    }
    printf(".\n");
}

void reseal_report_done(const ResealSet *set)
{
    bool noted = false;

    if (set->machine && set->count > 0 && set->items[0].done)
        print_machine(set);
    for (size_t i = 0; !set->machine && i < set->count; i++)
        if (set->items[i].done)
            output_line(stdout, "Resealed %s as %s.", set->items[i].label,
                        describe_new(&set->items[i]).text);
    for (size_t i = 0; i < set->count && !noted; i++) {
        const ResealItem *item = &set->items[i];

        if (!item->done || item->closed.text[0] == '\0')
            continue;
        output_note("%s: the new files do not open on this host in its current state: %s.",
                    set->machine ? set->machine : item->label, item->closed.text);
        if (item->keeps_old)
            output_note("%s: the broker opens the previous files instead, until one of the two has "
                        "opened after the next boot. LoadCredentialEncrypted= does not.",
                        set->machine);
        /* a machine's credentials usually have the same policy */
        noted = set->machine;
    }
}

/* The firmware measures into these PCRs, so that an update of it, or of Secure Boot's keys, can
 * change them. */
#define FIRMWARE_PCRS ((uint64_t)0xff)

/* The PCRs that an item is sealed for. */
typedef struct Pcrs {
    uint64_t current, given, by_key;
} Pcrs;

/* With WILL_BE as it would be after a dry run. */
static Pcrs pcrs_of(const ResealItem *item, bool will_be)
{
    const TpmSealedView *is = &item->sections.tpm;
    const SealTarget *target = item->target;

    if (target && (item->done || will_be))
        return (Pcrs){target->pcrs.mask & ~target->pcrs.given, target->pcrs.given,
                      target->public_key_mask};
    return (Pcrs){.current = is->pcr_mask, .by_key = is->public_key_mask};
}

static void add_policy(struct json_object *object, const char *const names[3], const Kind *kind,
                       uint64_t pcrs, uint64_t signed_pcrs)
{
    json_add_text(object, names[0], kind->name);
    json_add(object, names[1], tpm_pcr_mask_to_json(pcrs));
    if (kind_has(kind, KIND_PUBLIC_KEY))
        json_add(object, names[2], tpm_pcr_mask_to_json(signed_pcrs));
}

static struct json_object *item_to_json(const Options *options, const ResealSet *set,
                                        const ResealItem *item)
{
    struct json_object *object = json_object_new_object();
    const CredentialSections *is = &item->sections;

    if (options->json == JSON_OFF) {
        json_add_text(object, "label", item->label);
        if (is->kind)
            json_add_text(object, "is",
                          spec_describe(is->kind, is->tpm.pcr_mask, is->tpm.public_key_mask).text);
        if (item->target)
            json_add_text(object, "target", describe_new(item).text);
    }
    json_add_text(object, "machine", set->machine);
    json_add_text(object, set->machine ? "credential" : "file",
                  set->machine ? item->name.id : item->label);
    json_add(object, "opens", json_object_new_boolean(item->opens));
    json_add_text(object, "outcome", outcome_name(item->rc));
    if (item->rc != 0) {
        json_add_text(object, "reason", item->reason.text);
        json_add_text(object, "remedy", outcome_remedy(item->rc));
    }
    if (is->kind)
        add_policy(object, (const char *const[]){"kind", "pcrs", "signedPcrs"}, is->kind,
                   is->tpm.pcr_mask, is->tpm.public_key_mask);
    if (item->target)
        add_policy(object, (const char *const[]){"newKind", "newPcrs", "newSignedPcrs"},
                   item->target->kind, item->target->pcrs.mask, item->target->public_key_mask);
    json_add(object, "firmwarePcrs",
             tpm_pcr_mask_to_json(pcrs_of(item, options->dry_run).current & FIRMWARE_PCRS));
    if (!options->dry_run)
        json_add(object, "resealed", json_object_new_boolean(item->done));
    return object;
}

void reseal_report_all(const Options *options, const ResealSets *sets)
{
    static const Field fields[] = {{"CREDENTIAL", "/label", NULL},
                                   {"OPENS", "/opens", yes_or_no},
                                   {"SEALED AS", "/is", NULL},
                                   {"WOULD BE", "/target", NULL},
                                   {0}};
    struct json_object *object = json_object_new_object(), *list = json_object_new_array();

    for (size_t i = 0; i < sets->count; i++)
        for (size_t k = 0; k < sets->sets[i].count; k++)
            json_object_array_add(list,
                                  item_to_json(options, &sets->sets[i], &sets->sets[i].items[k]));
    json_add(object, "dryRun", json_object_new_boolean(options->dry_run));
    json_add(object, "credentials", list);
    if (options->json != JSON_OFF) {
        output_json(object, options->json);
        return;
    }
    fields_print_table(&(FieldTable){.fields = fields, .legend = true}, list);
    json_object_put(object);
}

/* --- after an update --- */

#define AFTER_BYTES (TPM_PCR_TEXT_BYTES + 48)

static void describe_after(const ResealItem *item, Pcrs pcrs, char text[AFTER_BYTES])
{
    uint64_t current = pcrs.current & FIRMWARE_PCRS, given = pcrs.given & FIRMWARE_PCRS;
    uint64_t by_key = pcrs.by_key & FIRMWARE_PCRS;
    char numbers[TPM_PCR_TEXT_BYTES];

    tpm_pcr_mask_format(current ? current : given ? given : by_key, numbers);
    if (!item->opens)
        snprintf(text, AFTER_BYTES, "does not open now");
    else if (current)
        snprintf(text, AFTER_BYTES, "does not open if PCR %s changes", numbers);
    else if (given)
        snprintf(text, AFTER_BYTES, "opens if PCR %s is as given%s", numbers,
                 item->done && item->keeps_old ? " or as now" : "");
    else if (by_key)
        snprintf(text, AFTER_BYTES, "opens once PCR %s is signed again", numbers);
    else
        snprintf(text, AFTER_BYTES, "opens");
}

/* Adds to LIST how many of SET's credentials have which prospects. */
static void add_after(const ResealSet *set, bool will_be, struct json_object *list)
{
    size_t begin = json_length(list);

    for (size_t i = 0; i < set->count; i++) {
        const ResealItem *item = &set->items[i];
        struct json_object *row = NULL, *after = NULL;
        char text[AFTER_BYTES];
        size_t k = begin;

        describe_after(item, pcrs_of(item, will_be), text);
        for (; k < json_length(list); k++) {
            row = json_object_array_get_idx(list, k);
            json_object_object_get_ex(row, "after", &after);
            if (strcmp(json_object_get_string(after), text) == 0)
                break;
        }
        if (k == json_length(list)) {
            row = json_object_new_object();
            json_add_text(row, "machine", set->machine);
            json_add_number(row, "count", 0);
            json_add_text(row, "after", text);
            json_append(list, row);
        }
        json_object_int_inc(json_object_object_get(row, "count"), 1);
    }
}

/* The commands that keep credentials open, if one of SET may not be. */
static bool advise(const ResealSet *set, bool will_be)
{
    for (size_t i = 0; i < set->count; i++) {
        uint64_t current = pcrs_of(&set->items[i], will_be).current;
        char numbers[TPM_PCR_TEXT_BYTES];

        if (!set->items[i].opens || !(current & FIRMWARE_PCRS))
            continue;
        tpm_pcr_mask_format(current, numbers);
        output_note("Before such an update: nspawn-creds reseal --all --tpm2-pcrs=");
        output_note("After it, for the same PCRs again, such as: nspawn-creds reseal "
                    "--tpm2-pcrs=%s %s",
                    numbers, set->machine);
        return true;
    }
    return false;
}

void reseal_report_after(const Options *options, const ResealSets *sets)
{
    static const Field fields[] = {{"MACHINE", "/machine", NULL},
                                   {"CREDENTIALS", "/count", NULL},
                                   {"AFTER AN UPDATE OF THE FIRMWARE", "/after", NULL},
                                   {0}};
    _cleanup_(json_object_putp) struct json_object *list = json_object_new_array();
    bool advised = false;

    if (sets->count == 1) { /* the files, of which there are none */
        output_note("The store holds no credentials.");
        return;
    }
    for (size_t i = 0; i < sets->count; i++)
        add_after(&sets->sets[i], options->dry_run, list);
    printf("\n");
    fields_print_table(&(FieldTable){.fields = fields, .legend = true}, list);
    for (size_t i = 0; i < sets->count && !advised; i++)
        advised = advise(&sets->sets[i], options->dry_run);
}
