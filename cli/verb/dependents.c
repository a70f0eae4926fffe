/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "verb/dependents.h"

#include "base/json.h"
#include "base/shell_word.h"
#include "manager/restart_list.h"
#include "terminal/output.h"

#include <string.h>

static const PolicyCredential *find(const RestartList *list, const CredentialName *name)
{
    for (size_t i = 0; i < list->policy_count; i++)
        if (strcmp(list->policies[i]->machine, name->machine) == 0)
            return policy_find(list->policies[i], name->id);
    return NULL;
}

/* Whether NAME goes with the store's file; one that is generated comes back. */
static bool goes(const RestartList *list, const CredentialName *name)
{
    const PolicyCredential *credential = find(list, name);

    if (!credential || credential->source == POLICY_STORE)
        return true;
    if (credential->source == POLICY_GENERATE)
        output_note("%s@%s is generated again, with another value, when it is asked for next.",
                    name->machine, name->id);
    return false;
}

/* EFFECT is on NAME itself, or on what is made of it. */
static void note(const CredentialName *name, const PolicyEffect *effect)
{
    char text[CREDENTIAL_NAME_TEXT_BYTES], base[CREDENTIAL_NAME_TEXT_BYTES] = "";
    const char *machine = effect->name.machine;
    bool live = effect->delivery == POLICY_LIVE;

    credential_name_format(&effect->name, text);
    if (!credential_name_equal(name, &effect->name))
        credential_name_format(name, base);
    output_note("%s is in a policy%s%s: %s%s %s not start without it. To take it out: nspawn-creds "
                "disable %s %s",
                text, base[0] ? " and made of " : "", base, live ? "services in " : "", machine,
                live ? "do" : "does", machine, shell_argument(effect->name.id).text);
}

static int note_all(const RestartList *list, const CredentialName *name, bool stored)
{
    _cleanup_(policy_effects_done) PolicyEffects effects = {0};
    int r = policy_effects(list->policies, list->policy_count, name, 1, &effects);

    for (size_t i = 0; i < effects.count; i++) {
        const PolicyEffect *effect = &effects.effects[i];

        /* there is one for each unit */
        if (i > 0 && credential_name_equal(&effect->name, &effects.effects[i - 1].name))
            continue;
        if (i > 0 || (stored && find(list, name)))
            note(name, effect);
    }
    return r;
}

int dependents_note(const Context *context, const CredentialName *names, size_t count, bool stored)
{
    _cleanup_(restart_list_done) RestartList list = {0};
    int r = restart_list_new(context, NULL, 0, &list);

    for (size_t i = 0; r == 0 && i < count; i++)
        if (!stored || goes(&list, &names[i]))
            r = note_all(&list, &names[i], stored);
    return r;
}

static struct json_object *describe(const PolicyEffect *effect, const PolicyCredential *credential)
{
    struct json_object *object = json_object_new_object();

    json_add_text(object, "machine", effect->name.machine);
    json_add_text(object, "credential", effect->name.id);
    json_add_text(object, "delivery", policy_delivery_names[credential->delivery]);
    json_add(object, "services", json_texts(credential->services));
    return object;
}

int dependents_list(const Context *context, const CredentialName *name, struct json_object **ret)
{
    _cleanup_(policy_effects_done) PolicyEffects effects = {0};
    _cleanup_(restart_list_done) RestartList list = {0};
    int r = restart_list_new(context, NULL, 0, &list);

    if (r == 0)
        r = policy_effects(list.policies, list.policy_count, name, 1, &effects);
    if (r != 0)
        return r;
    *ret = json_object_new_array();
    for (size_t i = 0; i < effects.count; i++) {
        const PolicyCredential *credential = find(&list, &effects.effects[i].name);

        /* there is one for each unit */
        if (credential && (i == 0 || !credential_name_equal(&effects.effects[i].name,
                                                            &effects.effects[i - 1].name)))
            json_append(*ret, describe(&effects.effects[i], credential));
    }
    return 0;
}
