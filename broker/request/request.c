/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Requests. See request.h.
 */

#include "request/request.h"

#include "base/base64.h"
#include "policy/template.h"
#include "request/external_file.h"

#include <errno.h>
#include <string.h>

static void request_ingredient_done(RequestIngredient *ingredient)
{
    bytes_done(&ingredient->sealed);
    secret_free(ingredient->value);
    generated_secret_done(&ingredient->generated);
    json_object_put(ingredient->publish);
}

void request_done(Request *request)
{
    for (size_t i = 0; request->ingredients && i < request->resolution.count; i++)
        request_ingredient_done(&request->ingredients[i]);
    free(request->ingredients);
    resolution_done(&request->resolution);
    *request = (Request){0};
}

void request_blame(const Request *request, Reason *reason)
{
    const CredentialName *name;
    Reason what = *reason;

    if (request->next >= request->resolution.count)
        return;
    name = &request->resolution.ingredients[request->next].name;
    if (strcmp(name->machine, request->name.machine) != 0 ||
        strcmp(name->id, request->name.id) != 0)
        reason_set(reason, 0, "%s@%s: %s", name->machine, name->id, what.text);
}

/* --- loading --- */

static int read_file(Request *request, const Ingredient *ingredient, Reason *reason, Bytes *ret)
{
    if (ingredient->source == POLICY_SEALED)
        return external_file_read_sealed(ingredient->credential->text, reason, ret);
    return host_resources_read(request->resources, &ingredient->name, reason, ret);
}

static int load_sealed(Request *request, const Ingredient *ingredient, Reason *reason,
                       RequestIngredient *ret)
{
    _cleanup_(bytes_done) Bytes file = {0};
    int r = read_file(request, ingredient, reason, &file);

    if (r == 0 && ingredient->source == POLICY_GENERATE)
        digest_format(bytes_view(&file), ret->digest);
    if (r == 0)
        r = credential_unpack(bytes_view(&file), reason, &ret->sealed, &ret->sections);
    if (r == 0)
        r = credential_openable(&ret->sections, reason);
    if (r == 0 && ingredient->credential)
        r = kind_check_type(ret->sections.kind, ingredient->credential->key_type, reason);
    if (r == 0 && kind_has(ret->sections.kind, KIND_HOST))
        r = host_resources_host_key(request->resources, reason, &ret->host_key);
    return r;
}

static int load(Request *request, size_t number, Reason *reason)
{
    const Ingredient *ingredient = &request->resolution.ingredients[number];
    RequestIngredient *loaded = &request->ingredients[number];
    int r;

    switch (ingredient->source) {
    case POLICY_TEMPLATE:
        return 0; /* it is filled from other ingredients */
    case POLICY_FILE:
        return external_file_read_plain(ingredient->credential->text,
                                        host_resources_trusted_uid(request->resources), reason,
                                        &loaded->value);
    case POLICY_GENERATE:
        r = load_sealed(request, ingredient, reason, loaded);
        loaded->missing = r == OUTCOME_NOT_FOUND;
        return loaded->missing ? 0 : r;
    default:
        return load_sealed(request, ingredient, reason, loaded);
    }
}

int request_begin(HostResources *resources, const CredentialName *name, const Purpose *purpose,
                  Reason *reason, Request *ret)
{
    _cleanup_(request_done) Request request = {.resources = resources, .name = *name};
    int r = resolve(host_resources_policies(resources), name, purpose, reason, &request.resolution);

    if (r != 0)
        return r;
    request.ingredients = calloc(request.resolution.count, sizeof(request.ingredients[0]));
    if (!request.ingredients)
        return -ENOMEM;
    for (request.next = 0; r == 0 && request.next < request.resolution.count; request.next++) {
        r = load(&request, request.next, reason);
        if (r != 0) {
            request_blame(&request, reason);
            return r;
        }
    }
    request.next = 0;
    *ret = request;
    request = (Request){0};
    return 0;
}

/* --- values --- */

static int open_sealed(const Request *request, const Secret *tpm_key, uint64_t now, Reason *reason,
                       Secret **ret)
{
    const RequestIngredient *ingredient = &request->ingredients[request->next];
    _cleanup_(secret_freep) Secret *value = NULL;
    char name[CREDENTIAL_NAME_TEXT_BYTES];
    OpenRequest open = {
        .sections = &ingredient->sections,
        .host_key = ingredient->host_key,
        .tpm_key = tpm_key,
        .name = name,
        .now = now,
    };
    int r;

    credential_name_format(&request->resolution.ingredients[request->next].name, name);
    r = credential_open(&open, reason, NULL, &value);
    if (r == 0 && secret_size(value) == 0)
        r = reason_set(reason, OUTCOME_EMPTY, "it has no bytes");
    if (r == 0)
        *ret = TAKE_PTR(value);
    return r;
}

/* The text of PIECE of INGREDIENT's template, after PLACEHOLDERS earlier placeholders. */
static BytesView piece_value(const Request *request, const Ingredient *ingredient,
                             const TemplatePiece *piece, size_t *placeholders)
{
    if (piece->text.size > 0)
        return piece->text;
    return secret_view(request->ingredients[ingredient->placeholders[(*placeholders)++]].value);
}

static size_t filled_size(const Request *request, const Ingredient *ingredient)
{
    const char *cursor = ingredient->credential->text;
    TemplatePiece piece;
    size_t placeholders = 0, size = 0;

    /* cannot overflow, because every value is in memory */
    while (template_next(&cursor, &piece))
        size += piece_value(request, ingredient, &piece, &placeholders).size;
    return size;
}

static int fill_template(const Request *request, const Ingredient *ingredient, Reason *reason,
                         Secret **ret)
{
    const char *cursor = ingredient->credential->text;
    size_t size = filled_size(request, ingredient), placeholders = 0;
    TemplatePiece piece;
    uint8_t *to;
    int r;

    if (size > LIMIT_PLAINTEXT_BYTES)
        return reason_set(reason, OUTCOME_TOO_LARGE,
                          "the filled template has %zu bytes, at most %zu are allowed", size,
                          LIMIT_PLAINTEXT_BYTES);
    r = secret_new(size, reason, ret);
    if (r != 0)
        return r;
    to = secret_borrow(*ret);
    while (template_next(&cursor, &piece)) {
        BytesView value = piece_value(request, ingredient, &piece, &placeholders);

        memcpy(to, value.data, value.size);
        to += value.size;
    }
    return 0;
}

/* --- generating --- */

static int make(Request *request, const TpmSealedView *sealed, const Secret *tpm_key,
                Reason *reason)
{
    return generated_secret_make(request->resources, &request->ingredients[request->next].generated,
                                 &request->resolution.ingredients[request->next], sealed, tpm_key,
                                 reason);
}

/* Generates the current ingredient as far as possible without the TPM or a commit. */
static int generate(Request *request, Reason *reason, TpmKeyRequest *ret_wanted)
{
    const Ingredient *ingredient = &request->resolution.ingredients[request->next];
    RequestIngredient *making = &request->ingredients[request->next];
    int r = 0;

    if (!making->generating) {
        r = generated_secret_begin(request->resources, ingredient->credential, reason,
                                   &making->generated);
        making->generating = r == 0;
    }
    if (r == 0 && !making->generated.commit) {
        *ret_wanted = generated_secret_request(&making->generated, &ingredient->name);
        ret_wanted->created = &ingredient->name;
        if (ret_wanted->sealed || ret_wanted->fresh_for || ret_wanted->search_in)
            return 0;
        r = make(request, NULL, NULL, reason);
    }
    if (r == 0)
        *ret_wanted =
            (TpmKeyRequest){.commit = making->generated.commit, .created = &ingredient->name};
    return r;
}

/* --- opening --- */

static int open_ingredient(Request *request, const Secret *tpm_key, uint64_t now, Reason *reason)
{
    const Ingredient *ingredient = &request->resolution.ingredients[request->next];
    RequestIngredient *making = &request->ingredients[request->next];
    int r = open_sealed(request, tpm_key, now, reason, &making->value);

    if (r == 0 && ingredient->source == POLICY_GENERATE)
        making->publish =
            generated_secret_publish(request->resources, ingredient, making->value, making->digest);
    return r;
}

/* Gets the current ingredient's value, or says in RET_WANTED what it needs. */
static int advance_ingredient(Request *request, uint64_t now, Reason *reason,
                              TpmKeyRequest *ret_wanted)
{
    const Ingredient *ingredient = &request->resolution.ingredients[request->next];
    RequestIngredient *making = &request->ingredients[request->next];

    if (making->value)
        return 0;
    if (ingredient->source == POLICY_TEMPLATE)
        return fill_template(request, ingredient, reason, &making->value);
    if (making->missing)
        return generate(request, reason, ret_wanted);
    if (kind_has(making->sections.kind, KIND_TPM)) {
        ret_wanted->sealed = &making->sections.tpm;
        return 0;
    }
    return open_ingredient(request, NULL, now, reason);
}

int request_advance(Request *request, uint64_t now, Reason *reason, TpmKeyRequest *ret_wanted)
{
    int r;

    *ret_wanted = (TpmKeyRequest){0};
    for (; request->next < request->resolution.count; request->next++) {
        r = advance_ingredient(request, now, reason, ret_wanted);
        if (r != 0)
            request_blame(request, reason);
        if (r != 0 || !request->ingredients[request->next].value)
            return r;
    }
    return 0;
}

static int give_key(Request *request, const JobResult *result, uint64_t now, Reason *reason)
{
    RequestIngredient *making = &request->ingredients[request->next];

    if (result->rc != 0)
        return making->missing && generated_secret_retry(&making->generated) ? 0 : result->rc;
    return making->missing ? make(request, result->sealed, result->key, reason)
                           : open_ingredient(request, result->key, now, reason);
}

static int give_found(Request *request, const JobResult *result, Reason *reason)
{
    RequestIngredient *making = &request->ingredients[request->next];

    /* another request may have stored the secret meanwhile */
    if (result->rc == OUTCOME_NOT_FOUND &&
        load_sealed(request, &request->resolution.ingredients[request->next], NULL, making) == 0) {
        making->missing = false;
        return 0;
    }
    return generated_secret_give_search(request->resources, &making->generated, result->rc,
                                        result->found, reason);
}

static int give_commit(Request *request, int rc, Reason *reason)
{
    RequestIngredient *making = &request->ingredients[request->next];
    int r = rc;

    /* if another request was first, its secret counts */
    if (r == 0 || r == OUTCOME_EXISTS)
        r = load_sealed(request, &request->resolution.ingredients[request->next], reason, making);
    making->missing = r != 0;
    return r;
}

int request_give(Request *request, const JobResult *result, uint64_t now, Reason *reason)
{
    int r;

    *reason = result->reason ? *result->reason : (Reason){0};
    if (result->kind == CHILD_TPM)
        r = give_key(request, result, now, reason);
    else if (result->kind == CHILD_SEARCHER)
        r = give_found(request, result, reason);
    else
        r = give_commit(request, result->rc, reason);
    if (r != 0)
        request_blame(request, reason);
    else
        *reason = (Reason){0};
    return r;
}

void request_publish(const Request *request, StoreQueue *store)
{
    for (size_t i = 0; i < request->resolution.count; i++)
        if (request->ingredients[i].publish)
            (void)commit_job_new(store,
                                 &(CommitOrder){.parameters = request->ingredients[i].publish,
                                                .data = -1,
                                                .uid = geteuid(),
                                                .pid = getpid()},
                                 NULL, NULL, NULL);
}

Secret *request_take_value(Request *request)
{
    return TAKE_PTR(request->ingredients[request->resolution.count - 1].value);
}
