/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "request/request.h"

#include "base/base64.h"
#include "base/shell_word.h"
#include "client/store_client.h"
#include "crypto/generate.h"
#include "policy/template.h"
#include "request/external_file.h"
#include "store/history.h"

#include <errno.h>
#include <string.h>

void request_done(Request *request)
{
    resolution_done(&request->resolution);
    *request = (Request){0};
}

static Ingredient *current(const Request *request)
{
    return &request->resolution.ingredients[request->next];
}

/* Puts the name of the ingredient that failed before REASON, unless it is the requested one. */
static void blame(const Request *request, int rc, Reason *reason)
{
    const CredentialName *name;
    Reason what = *reason;

    if (request->next >= request->resolution.count)
        return;
    name = &current(request)->name;
    if (credential_name_equal(name, &request->name))
        return;
    if (rc == OUTCOME_NOT_FOUND)
        reason_set(reason, 0, "%s@%s has no value. Give it one: nspawn-creds set %s@%s",
                   name->machine, name->id, name->machine, shell_word(name->id).text);
    else
        reason_set(reason, 0, "%s@%s: %s", name->machine, name->id, what.text);
}

/* --- loading --- */

static int load_file(Request *request, Ingredient *ingredient, BytesView file, Reason *reason)
{
    const PolicyCredential *credential = ingredient->credential;
    int r;

    bytes_done(&ingredient->sealed);
    r = credential_unpack(file, reason, &ingredient->sealed, &ingredient->sections);
    if (r == 0)
        r = credential_openable(&ingredient->sections, reason);
    if (r == 0 && credential)
        r = kind_check_type(ingredient->sections.kind, credential->key_type, reason);
    if (r == 0 && kind_has(ingredient->sections.kind, KIND_HOST))
        r = host_resources_host_key(request->resources, false, reason, &ingredient->host_key);
    return r;
}

static bool is_in_store(const Ingredient *ingredient)
{
    return ingredient->source == POLICY_STORE || ingredient->source == POLICY_GENERATE;
}

static int load_sealed(Request *request, Ingredient *ingredient, Reason *reason)
{
    _cleanup_(bytes_done) Bytes file = {0};
    int r;

    if (ingredient->source == POLICY_FLEET) {
        FleetSet *set = &request->resources->fleet;

        r = fleet_read(request->resources->config->store_path, ingredient->credential->text,
                       &ingredient->name, set, reason, &file);
        if (r == 0)
            request->origin = fleet_set_origin(set);
    } else if (ingredient->source == POLICY_SEALED)
        r = external_file_read_sealed(ingredient->credential->text, reason, &file);
    else
        r = host_resources_read(request->resources, &ingredient->name, reason, &file);
    if (r == 0)
        r = load_file(request, ingredient, bytes_view(&file), reason);
    ingredient->loaded = r == 0;
    if (r == 0 &&
        (ingredient->source == POLICY_GENERATE || kind_has(ingredient->sections.kind, KIND_TPM)))
        digest_format(bytes_view(&file), ingredient->digest);
    return r;
}

static int load(Request *request, Ingredient *ingredient, Reason *reason)
{
    int r;

    switch (ingredient->source) {
    case POLICY_TEMPLATE:
        return 0; /* it is filled from other ingredients */
    case POLICY_FILE:
        return external_file_read_plain(ingredient->credential->text,
                                        request->resources->config->trusted_uid, reason,
                                        &ingredient->value);
    case POLICY_GENERATE:
        r = load_sealed(request, ingredient, reason);
        ingredient->missing = r == OUTCOME_NOT_FOUND;
        return ingredient->missing ? 0 : r;
    default:
        return load_sealed(request, ingredient, reason);
    }
}

int request_begin(HostResources *resources, StoreQueue *store, const CredentialName *name,
                  const Purpose *purpose, Reason *reason, Request *ret)
{
    _cleanup_(request_done) Request request = {
        .resources = resources, .store = store, .name = *name};
    int r = resolve(resources->policies, name, purpose, reason, &request.resolution);

    if (r != 0)
        return r;
    if (resources->rollback_rc != 0) {
        *reason = resources->rollback_reason;
        return resources->rollback_rc;
    }
    for (request.next = 0; r == 0 && request.next < request.resolution.count; request.next++) {
        r = load(&request, current(&request), reason);
        if (r != 0) {
            blame(&request, r, reason);
            return r;
        }
    }
    request.next = 0;
    *ret = TAKE(request);
    return 0;
}

static int begin_file(HostResources *resources, const CredentialName *name, BytesView file,
                      bool by_policy, Reason *reason, Request *ret)
{
    _cleanup_(request_done) Request request = {.resources = resources, .name = *name};
    Ingredient *ingredient = calloc(1, sizeof(*ingredient));
    int r = 0;

    if (!ingredient)
        return -ENOMEM;
    request.resolution = (Resolution){ingredient, 1};
    *ingredient = (Ingredient){.name = *name, .source = POLICY_STORE};
    if (by_policy)
        r = resolution_look_up(resources->policies, name, reason, &ingredient->policy,
                               &ingredient->credential);
    if (r == 0 || r == OUTCOME_NOT_IN_POLICY)
        r = load_file(&request, ingredient, file, reason);
    if (r == 0)
        *ret = TAKE(request);
    return r;
}

int request_begin_file(HostResources *resources, const CredentialName *name, BytesView file,
                       Reason *reason, Request *ret)
{
    return begin_file(resources, name, file, true, reason, ret);
}

int request_begin_offered(HostResources *resources, const CredentialName *name, BytesView file,
                          Reason *reason, Request *ret)
{
    return begin_file(resources, name, file, false, reason, ret);
}

/* --- predecessors --- */

/* Of the store only what is bound to PCRs. The service manager alone, which a trial of a native
 * credential is about, does not know predecessors. */
static bool may_have_predecessor(const Ingredient *ingredient)
{
    const PolicyCredential *credential = ingredient->credential;

    return ingredient->digest[0] && is_in_store(ingredient) &&
           !(credential && credential->delivery == POLICY_NATIVE) &&
           kind_has(ingredient->sections.kind, KIND_TPM) && ingredient->sections.tpm.pcr_mask != 0;
}

/* Whether something else may be opened, because the current file has failed with RC. */
static bool looks_for_predecessor(const Ingredient *ingredient, int rc)
{
    if (ingredient->missing || ingredient->predecessor)
        return false;
    return ingredient->source == POLICY_FLEET
               ? fleet_pending_outcome(rc)
               : rc == OUTCOME_TPM_PCR_MISMATCH && may_have_predecessor(ingredient);
}

static int read_predecessor(const Request *request, const Ingredient *ingredient, Reason *reason,
                            Bytes *ret)
{
    const Store *store;
    int r;

    if (ingredient->source == POLICY_FLEET)
        return fleet_set_read_predecessor(&request->resources->fleet, &ingredient->name, NULL, ret);
    r = host_resources_store(request->resources, reason, &store);
    return r == 0 ? store_read_predecessor(store, &ingredient->name, NULL, NULL, ret) : r;
}

/* The TPM has refused the current ingredient with RC, for REASON: takes its predecessor, unless the
 * file has changed since it was read. RC if there is none. */
static int take_predecessor(Request *request, int rc, Reason *reason)
{
    Ingredient *ingredient = current(request);
    _cleanup_(bytes_done) Bytes file = {0};
    char digest[DIGEST_TEXT_BYTES];
    int r;

    strcpy(digest, ingredient->digest);
    r = load_sealed(request, ingredient, reason);
    if (r != 0 || strcmp(digest, ingredient->digest) != 0)
        return r;
    r = read_predecessor(request, ingredient, reason, &file);
    if (r == OUTCOME_CHANGED)
        return load_sealed(request, ingredient, reason);
    if (r < 0)
        return reason_set(reason, r, "cannot read the predecessor of %s@%s",
                          ingredient->name.machine, ingredient->name.id);
    if (r > 0)
        return rc;
    ingredient->predecessor = true;
    return load_file(request, ingredient, bytes_view(&file), reason);
}

/* --- values --- */

static int open_sealed(const Request *request, const Secret *tpm_key, uint64_t now, Reason *reason,
                       Secret **ret)
{
    const Ingredient *ingredient = current(request);
    _cleanup_(secret_freep) Secret *value = NULL;
    char name[CREDENTIAL_NAME_TEXT_BYTES];
    CredentialMetadata metadata;
    OpenRequest open = {
        .sections = &ingredient->sections,
        .host_key = ingredient->host_key,
        .tpm_key = tpm_key,
        .name = name,
        .now = now,
    };
    int r;

    credential_name_format(&ingredient->name, name);
    r = credential_open(&open, reason, &metadata, &value);
    if (r == 0 && ingredient->loaded)
        expiries_set(&request->resources->expiries, &ingredient->name, metadata.not_after);
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
    return secret_view(
        request->resolution.ingredients[ingredient->placeholders[(*placeholders)++]].value);
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

/* Generates the current ingredient as far as possible without the TPM or a commit; in a trial, a
 * value of the same size. */
static int generate(Request *request, Reason *reason, TpmKeyRequest *ret_wanted)
{
    Ingredient *ingredient = current(request);
    GeneratedSecret *generated = &ingredient->generated;
    char name[CREDENTIAL_NAME_TEXT_BYTES];
    int r = 0;

    if (!generated->name)
        r = generated_secret_begin(request->resources, &ingredient->name, ingredient->credential,
                                   reason, generated);
    if (r == 0 && !request->store) {
        credential_name_format(&ingredient->name, name);
        return generate_secret(request->resources->config->context, generated->recipe, name, reason,
                               &ingredient->value);
    }
    if (r == 0 && !generated->commit) {
        *ret_wanted = generated_secret_request(generated);
        ret_wanted->created = &ingredient->name;
        if (ret_wanted->sealed || ret_wanted->fresh_for || ret_wanted->search_in)
            return 0;
        r = generated_secret_make(request->resources, generated, NULL, NULL, reason);
    }
    if (r == 0)
        *ret_wanted = (TpmKeyRequest){.commit = generated->commit, .created = &ingredient->name};
    return r;
}

/* --- opening --- */

/* Nobody waits for it. PARAMETERS may be NULL. */
static void queue_commit(const Request *request, struct json_object *parameters)
{
    CommitOrder order = {.parameters = parameters, .data = -1, .uid = geteuid(), .pid = getpid()};

    if (parameters)
        (void)commit_job_new(request->store, &order, NULL, NULL, NULL);
}

/* Queues a commit that adds the public half of INGREDIENT if it is missing. */
static void publish(const Request *request, const Ingredient *ingredient)
{
    _cleanup_(json_object_putp) struct json_object *parameters = generated_secret_publish(
        request->resources, &ingredient->name, &ingredient->credential->recipe, ingredient->value,
        ingredient->digest);

    queue_commit(request, parameters);
}

/* Queues a commit after which only what has opened is used, if INGREDIENT was resealed for other
 * PCR values in an earlier boot: only a boot changes them to what they stay. */
static void settle(const Request *request, const Ingredient *ingredient)
{
    _cleanup_(bytes_done) Bytes predecessor = {0}, file = {0};
    _cleanup_(json_object_putp) struct json_object *parameters = NULL;
    const ServerConfig *config = request->resources->config;
    StoreChange change = {.name = ingredient->name,
                          .keep_public = true,
                          .settle = true,
                          .precondition = STORE_DIGEST,
                          .digest = ingredient->digest};
    const Store *store;
    sd_id128_t boot;

    if (!may_have_predecessor(ingredient) || sd_id128_is_null(config->boot) ||
        host_resources_store(request->resources, NULL, &store) != 0 ||
        store_read_predecessor(store, &ingredient->name, NULL, &boot, &predecessor) != 0 ||
        sd_id128_equal(boot, config->boot) ||
        credential_encode(bytes_view(&ingredient->sealed), &file) != 0)
        return;
    change.sealed = bytes_view(&file);
    parameters = commit_to_json(
        &(StoreCommit){.changes = &change, .count = 1, .origin.verb = "reseal"}, false);
    queue_commit(request, parameters);
}

static int open_ingredient(Request *request, const Secret *tpm_key, uint64_t now, Reason *reason)
{
    Ingredient *ingredient = current(request);
    int r = open_sealed(request, tpm_key, now, reason, &ingredient->value);

    request->predecessor = request->predecessor || ingredient->predecessor;
    if (r == 0 && request->store)
        settle(request, ingredient);
    if (r == 0 && ingredient->source == POLICY_GENERATE && request->store)
        publish(request, ingredient);
    return r;
}

/* Gets the current ingredient's value, or says in RET_WANTED what it needs. */
static int advance_ingredient(Request *request, uint64_t now, Reason *reason,
                              TpmKeyRequest *ret_wanted)
{
    Ingredient *ingredient = current(request);

    if (ingredient->value)
        return 0;
    if (ingredient->source == POLICY_TEMPLATE)
        return fill_template(request, ingredient, reason, &ingredient->value);
    if (ingredient->missing)
        return generate(request, reason, ret_wanted);
    if (kind_has(ingredient->sections.kind, KIND_TPM)) {
        ret_wanted->sealed = &ingredient->sections.tpm;
        return 0;
    }
    return open_ingredient(request, NULL, now, reason);
}

static uint64_t now_of(const Request *request)
{
    const Context *context = request->resources->config->context;

    return context->now(context);
}

/* The same for all ingredients from the current one on. */
static int advance(Request *request, Reason *reason, TpmKeyRequest *ret_wanted)
{
    uint64_t now = now_of(request);
    int r;

    *ret_wanted = (TpmKeyRequest){0};
    for (; request->next < request->resolution.count; request->next++) {
        r = advance_ingredient(request, now, reason, ret_wanted);
        if (r != 0)
            blame(request, r, reason);
        if (r != 0 || !current(request)->value)
            return r;
    }
    return 0;
}

int request_advance(Request *request, TpmQueue *queue, Reason *reason, TpmKeyRequest *ret_wanted)
{
    int r;

    while ((r = advance(request, reason, ret_wanted)) == 0 && ret_wanted->sealed) {
        JobResult cached = {.kind = CHILD_TPM,
                            .sealed = ret_wanted->sealed,
                            .key = tpm_queue_key(queue, ret_wanted->sealed)};

        if (!cached.key)
            return 0;
        r = request_give(request, &cached, reason);
        if (r != 0)
            return r;
    }
    return r;
}

static int give_key(Request *request, const JobResult *result, uint64_t now, Reason *reason)
{
    Ingredient *ingredient = current(request);

    if (looks_for_predecessor(ingredient, result->rc))
        return take_predecessor(request, result->rc, reason);
    if (result->rc != 0)
        return ingredient->missing && generated_secret_retry(&ingredient->generated) ? 0
                                                                                     : result->rc;
    return ingredient->missing ? generated_secret_make(request->resources, &ingredient->generated,
                                                       result->sealed, result->key, reason)
                               : open_ingredient(request, result->key, now, reason);
}

static int give_found(Request *request, const JobResult *result, Reason *reason)
{
    Ingredient *ingredient = current(request);

    /* another request may have stored the secret meanwhile */
    if (result->rc == OUTCOME_NOT_FOUND && load_sealed(request, ingredient, NULL) == 0) {
        ingredient->missing = false;
        return 0;
    }
    return generated_secret_give_search(request->resources, &ingredient->generated, result->rc,
                                        result->found, reason);
}

static int give_commit(Request *request, int rc, Reason *reason)
{
    Ingredient *ingredient = current(request);
    int r = rc;

    /* if another request was first, its secret counts */
    if (r == 0 || r == OUTCOME_EXISTS)
        r = load_sealed(request, ingredient, reason);
    ingredient->missing = r != 0;
    return r;
}

int request_give(Request *request, const JobResult *result, Reason *reason)
{
    bool outside = request->key.outside;
    int r;

    if (result->key) {
        request->key = tpm_key_label(result->sealed);
        request->key.outside = request->key.outside || outside;
    }
    *reason = result->reason ? *result->reason : (Reason){0};
    if (result->kind == CHILD_TPM)
        r = give_key(request, result, now_of(request), reason);
    else if (result->kind == CHILD_SEARCHER)
        r = give_found(request, result, reason);
    else
        r = give_commit(request, result->rc, reason);
    if (r != 0)
        blame(request, r, reason);
    else
        *reason = (Reason){0};
    return r;
}

bool request_generates(const Request *request)
{
    for (size_t i = 0; i < request->resolution.count; i++)
        if (request->resolution.ingredients[i].missing)
            return true;
    return false;
}

Secret *request_take_value(Request *request)
{
    return TAKE_PTR(request->resolution.ingredients[request->resolution.count - 1].value);
}
