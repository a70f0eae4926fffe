/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tables, lines and JSON about resealed credentials. See reseal_report.h.
 */

#include "verb/reseal_report.h"

#include "base/json.h"
#include "terminal/output.h"
#include "terminal/table.h"

#include <string.h>

/* "host+tpm2-with-public-key, PCRs 0+7, signed 11" */
typedef struct Description {
    char text[64 + 2 * TPM_PCR_TEXT_BYTES];
} Description;

static Description describe(const Kind *kind, uint64_t pcrs, uint64_t signed_pcrs)
{
    char literal[TPM_PCR_TEXT_BYTES] = "", by_key[TPM_PCR_TEXT_BYTES] = "";
    Description description;

    if (!kind)
        return (Description){"-"};
    if (kind_has(kind, KIND_TPM))
        tpm_pcr_mask_format(pcrs & TPM_PCR_MASK_ALL, literal);
    if (kind_has(kind, KIND_PUBLIC_KEY))
        tpm_pcr_mask_format(signed_pcrs & TPM_PCR_MASK_ALL, by_key);
    snprintf(description.text, sizeof(description.text), "%s%s%s%s%s", kind->name,
             literal[0] ? ", PCR " : "", literal, by_key[0] ? ", signed PCR " : "", by_key);
    return description;
}

static Description describe_new(const ResealItem *item)
{
    return item->target ? describe(item->target->kind, item->target->pcrs.mask,
                                   item->target->public_key_mask)
                        : (Description){"-"};
}

/* --- words --- */

void reseal_report_table(const ResealSet *sets, size_t count)
{
    static const char *const headings[] = {"CREDENTIAL", "OPENS", "SEALED AS", "WOULD BE", NULL};
    _cleanup_(table_done) Table table = table_new(headings);

    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < sets[i].count; k++) {
            const ResealItem *item = &sets[i].items[k];

            table_add(&table, item->label);
            table_add(&table, item->opens ? "yes" : "no");
            table_add(&table, describe(item->sections.kind, item->sections.tpm.pcr_mask,
                                       item->sections.tpm.public_key_mask)
                                  .text);
            table_add(&table, describe_new(item).text);
        }
    table_print(&table);
}

static bool same_failure(const ResealItem *a, const ResealItem *b)
{
    return a->rc == b->rc && strcmp(a->reason.text, b->reason.text) == 0;
}

/* Each failure once, about "web@a" or "web@a and 23 more". */
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
    fflush(stdout);
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

/* --- JSON --- */

static void add_policy(struct json_object *object, const char *kind_key, const Kind *kind,
                       const char *pcrs_key, uint64_t pcrs, const char *signed_key,
                       uint64_t signed_pcrs)
{
    json_add_text(object, kind_key, kind->name);
    json_add(object, pcrs_key, tpm_pcr_mask_to_json(pcrs));
    if (kind_has(kind, KIND_PUBLIC_KEY))
        json_add(object, signed_key, tpm_pcr_mask_to_json(signed_pcrs));
}

static struct json_object *item_to_json(const ResealSet *set, const ResealItem *item, bool dry_run)
{
    struct json_object *object = json_object_new_object();
    const CredentialSections *parts = &item->sections;

    json_add_text(object, "machine", set->machine);
    json_add_text(object, set->machine ? "credential" : "file",
                  set->machine ? item->name.id : item->label);
    json_add(object, "opens", json_object_new_boolean(item->opens));
    json_add_text(object, "outcome", outcome_name(item->rc));
    if (item->rc != 0) {
        json_add_text(object, "reason", item->reason.text);
        json_add_text(object, "remedy", outcome_remedy(item->rc));
    }
    if (parts->kind)
        add_policy(object, "kind", parts->kind, "pcrs", parts->tpm.pcr_mask, "signedPcrs",
                   parts->tpm.public_key_mask);
    if (item->target)
        add_policy(object, "newKind", item->target->kind, "newPcrs", item->target->pcrs.mask,
                   "newSignedPcrs", item->target->public_key_mask);
    if (!dry_run)
        json_add(object, "resealed", json_object_new_boolean(item->done));
    return object;
}

int reseal_report_json(const Options *options, const ResealSet *sets, size_t count)
{
    struct json_object *object = json_object_new_object(), *list = json_object_new_array();

    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < sets[i].count; k++)
            json_object_array_add(list,
                                  item_to_json(&sets[i], &sets[i].items[k], options->dry_run));
    json_add(object, "dryRun", json_object_new_boolean(options->dry_run));
    json_add(object, "credentials", list);
    return output_json(object, options->json);
}
