/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "policy/policy.h"

#include "base/array.h"
#include "policy/template.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

/* --- faults --- */

int policy_fault_set(PolicyFault *fault, int rc, const char *file, JsonPosition position,
                     const char *format, ...)
{
    va_list arguments;

    if (!fault)
        return rc;
    *fault = (PolicyFault){.position = position};
    snprintf(fault->file, sizeof(fault->file), "%s", file);
    va_start(arguments, format);
    vsnprintf(fault->what.text, sizeof(fault->what.text), format, arguments);
    va_end(arguments);
    return rc;
}

int policy_fault_reason(const PolicyFault *fault, int rc, Reason *reason)
{
    if (fault->file[0] == '\0')
        return reason_set(reason, rc, "%s", fault->what.text);
    if (fault->position.line == 0)
        return reason_set(reason, rc, "%s: %s", fault->file, fault->what.text);
    return reason_set(reason, rc, "%s:%zu:%zu: %s", fault->file, fault->position.line,
                      fault->position.column, fault->what.text);
}

/* --- the object --- */

int policy_new(const char *machine, const char *file, PolicyFault *fault, Policy **ret)
{
    Policy *policy;

    if (!machine_name_valid(machine))
        return policy_fault_set(fault, OUTCOME_BAD_POLICY, file, (JsonPosition){0},
                                "\"%.80s\" is not a machine name", machine);
    policy = calloc(1, sizeof(*policy));
    if (!policy)
        return -ENOMEM;
    policy->references = 1;
    strcpy(policy->machine, machine);
    *ret = policy;
    return 0;
}

Policy *policy_ref(Policy *policy)
{
    policy->references++;
    return policy;
}

void policy_credential_done(PolicyCredential *credential)
{
    free(credential->text);
    strings_free(credential->services);
    *credential = (PolicyCredential){0};
}

Policy *policy_unref(Policy *policy)
{
    if (!policy || --policy->references > 0)
        return NULL;
    for (size_t i = 0; i < policy->count; i++)
        policy_credential_done(&policy->credentials[i]);
    free(policy->credentials);
    for (size_t i = 0; i < policy->file_count; i++) {
        free(policy->files[i].name);
        bytes_done(&policy->files[i].text);
    }
    free(policy->files);
    free(policy);
    return NULL;
}

static PolicyCredential *find(const Policy *policy, const char *id)
{
    for (size_t i = 0; i < policy->count; i++)
        if (strcmp(policy->credentials[i].id, id) == 0)
            return &policy->credentials[i];
    return NULL;
}

const PolicyCredential *policy_find(const Policy *policy, const char *id)
{
    return find(policy, id);
}

int policy_put(Policy *policy, PolicyCredential *credential)
{
    PolicyCredential *old = find(policy, credential->id);

    if (old) {
        policy_credential_done(old);
        *old = TAKE(*credential);
        return 0;
    }
    if (policy->count == LIMIT_POLICY_CREDENTIALS)
        return OUTCOME_TOO_LARGE;
    return ARRAY_ADD(policy->credentials, policy->count, TAKE(*credential)) ? 0 : -ENOMEM;
}

void policy_remove(Policy *policy, const char *id)
{
    PolicyCredential *old = find(policy, id);
    size_t behind;

    if (!old)
        return;
    policy_credential_done(old);
    behind = policy->count - 1 - (size_t)(old - policy->credentials);
    memmove(old, old + 1, behind * sizeof(*old));
    policy->count--;
}

int policy_add_file(Policy *policy, const char *name, BytesView text)
{
    PolicyFile *file;

    if (!ARRAY_GROW(policy->files, policy->file_count))
        return -ENOMEM;
    file = &policy->files[policy->file_count++];
    *file = (PolicyFile){.name = strdup(name)};
    return file->name ? bytes_dup(text, &file->text) : -ENOMEM;
}

JsonPosition policy_position(const Policy *policy, const PolicyCredential *credential)
{
    /* "credentials" is the only member of a file */
    size_t path[] = {0, credential->number};

    return json_position(bytes_view(&policy->files[credential->file].text), path, 2);
}

bool policy_id_valid(const char *id)
{
    return name_made_of(id, "-_.+@,=~") && credential_id_valid(id);
}

int policy_id_check(const char *id, Reason *reason)
{
    return policy_id_valid(id)
               ? 0
               : reason_set(reason, OUTCOME_INVALID_NAME,
                            "a policy cannot contain \"%.80s\": ids consist of letters, digits and "
                            "-_.+@,=~",
                            id);
}

/* --- the whole --- */

bool policy_next_ingredient(const Policy *policy, const PolicyCredential *credential,
                            const char **cursor, CredentialName *ret)
{
    TemplatePiece piece;

    if (!*cursor && credential->source == POLICY_SHARE) {
        *cursor = "";
        return credential_name_parse(credential->text, NULL, ret) == 0;
    }
    if (!*cursor)
        *cursor = credential->text;
    while (credential->source == POLICY_TEMPLATE && template_next(cursor, &piece))
        if (piece.text.size == 0) {
            strcpy(ret->machine, policy->machine);
            strcpy(ret->id, piece.id);
            return true;
        }
    return false;
}

/* A step from a credential to its ingredients. */
typedef struct Step {
    const Policy *policy;
    const PolicyCredential *credential;
} Step;

typedef struct Walk {
    PolicyLookup lookup;
    void *userdata;
    Step steps[LIMIT_REQUEST_DEPTH];
    size_t depth;
    size_t ingredients; /* so far */
    PolicyFault *fault;
} Walk;

static int fault_at(const Walk *walk, Step step, const char *before, const char *name,
                    const char *after)
{
    return policy_fault_set(
        walk->fault, OUTCOME_BAD_POLICY, step.policy->files[step.credential->file].name,
        policy_position(step.policy, step.credential), "%s\"%s\"%s", before, name, after);
}

static int visit(Walk *walk, Step step);

static int visit_ingredients(Walk *walk, Step step)
{
    bool shared = step.credential->source == POLICY_SHARE;
    const char *cursor = NULL;
    CredentialName name;
    int r = 0;

    while (r == 0 && policy_next_ingredient(step.policy, step.credential, &cursor, &name)) {
        const PolicyCredential *ingredient;
        const Policy *policy = step.policy;

        if (strcmp(name.machine, policy->machine) != 0)
            policy = walk->lookup ? walk->lookup(walk->userdata, name.machine) : NULL;
        if (!policy)
            continue;
        ingredient = find(policy, name.id);
        if (!ingredient)
            return fault_at(walk, step,
                            shared ? "it is a share of " : "the template has the placeholder ",
                            shared ? step.credential->text : name.id,
                            shared ? ", which that machine's policy does not list"
                                   : ", but the policy does not list that credential");
        r = visit(walk, (Step){policy, ingredient});
    }
    return r;
}

static int visit(Walk *walk, Step step)
{
    Step first = walk->depth ? walk->steps[0] : step;
    int r;

    for (size_t i = 0; i < walk->depth; i++)
        if (walk->steps[i].credential == step.credential)
            return fault_at(walk, step, "", step.credential->id, " contains itself");
    if (walk->depth == LIMIT_REQUEST_DEPTH)
        return fault_at(walk, first, "the ingredients of ", first.credential->id,
                        " are nested too deeply");
    if (++walk->ingredients > LIMIT_REQUEST_INGREDIENTS)
        return fault_at(walk, first, "", first.credential->id, " has too many ingredients");
    walk->steps[walk->depth++] = step;
    r = visit_ingredients(walk, step);
    walk->depth--;
    return r;
}

int policy_check(const Policy *policy, PolicyLookup lookup, void *userdata, PolicyFault *fault)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < policy->count; i++) {
        Walk walk = {.lookup = lookup, .userdata = userdata, .fault = fault};

        r = visit(&walk, (Step){policy, &policy->credentials[i]});
    }
    return r;
}
