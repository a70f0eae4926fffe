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
        /* a machine's credentials usually have the same policy */
        noted = set->machine;
    }
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
