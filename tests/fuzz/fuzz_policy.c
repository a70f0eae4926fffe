/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target: policy files.
 *
 * The input is the main file, or, with a form feed in it, the main file and a drop-in. A policy
 * that is accepted has valid names and complete credentials. Otherwise the fault has a position
 * within the text and a printable sentence.
 */

#include "policy/policy.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_fault(const PolicyFault *fault)
{
    assert(fault->what.text[0]);
    for (const char *c = fault->what.text; *c; c++)
        assert((unsigned char)*c >= ' ' && *c != 0x7f);
    assert(strcmp(fault->file, "a") == 0 || strcmp(fault->file, "b") == 0);
    assert(fault->position.line > 0 && fault->position.column > 0);
}

static void check_credential(const Policy *policy, const PolicyCredential *credential)
{
    CredentialName name;

    assert(policy_id_valid(credential->id));
    assert(credential_name_new(policy->machine, credential->id, NULL, &name) == 0);
    assert(policy_find(policy, credential->id) == credential);
    assert((credential->text != NULL) ==
           (credential->source != POLICY_STORE && credential->source != POLICY_GENERATE));
    if (credential->source == POLICY_GENERATE)
        assert(recipe_check(&credential->recipe, NULL) == 0);
    for (size_t i = 0; i < credential->service_count; i++)
        assert(unit_name_valid(credential->services[i]));
    assert(policy_position(policy, credential).line > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(policy_unrefp) Policy *policy = NULL;
    const uint8_t *feed = size ? memchr(data, '\f', size) : NULL;
    size_t first = feed ? (size_t)(feed - data) : size;
    PolicyFault fault = {0};
    int r = policy_new("web", "a", NULL, &policy);

    assert(r == 0);
    r = policy_file_parse((BytesView){data, first}, "a", policy, &fault);
    if (r == 0 && feed)
        r = policy_file_parse((BytesView){feed + 1, size - first - 1}, "b", policy, &fault);
    if (r == 0)
        r = policy_check(policy, NULL, NULL, &fault);
    assert(r == 0 || r == OUTCOME_BAD_POLICY);
    if (r != 0)
        check_fault(&fault);
    for (size_t i = 0; r == 0 && i < policy->count; i++)
        check_credential(policy, &policy->credentials[i]);
    return 0;
}
