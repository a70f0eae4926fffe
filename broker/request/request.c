/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From a name to a plaintext. See request.h.
 */

#include "request/request.h"

#include "base/digest.h"
#include "policy/template.h"
#include "request/external_file.h"

#include <errno.h>
#include <string.h>

static void request_ingredient_done(RequestIngredient *part)
{
    bytes_done(&part->sealed);
    secret_free(part->value);
    generated_secret_done(&part->generated);
    json_object_put(part->publish);
}

void request_done(Request *request)
{
    for (size_t i = 0; request->parts && i < request->resolution.count; i++)
        request_ingredient_done(&request->parts[i]);
    free(request->parts);
    resolution_done(&request->resolution);
    *request = (Request){0};
}

void request_blame(const Request *request, Reason *reason)
{
    const CredentialName *name;
    Reason what = *reason;

    if (request->next >= request->resolution.count)
        return;
    name = &request->resolution.parts[request->next].name;
    if (strcmp(name->machine, request->name.machine) != 0 ||
        strcmp(name->id, request->name.id) != 0)
        reason_set(reason, 0, "%s@%s: %s", name->machine, name->id, what.text);
}

/* --- loading --- */

static int read_file(Request *request, const Ingredient *part, Reason *reason, Bytes *ret)
{
    if (part->source == POLICY_SEALED)
        return external_file_read_sealed(part->credential->text, reason, ret);
    return host_resources_read(request->resources, &part->name, reason, ret);
}

static int load_sealed(Request *request, const Ingredient *part, Reason *reason,
                       RequestIngredient *ret)
{
    _cleanup_(bytes_done) Bytes file = {0};
    int r = read_file(request, part, reason, &file);

    if (r == 0 && part->source == POLICY_GENERATE)
        digest_format(bytes_view(&file), ret->digest);
    if (r == 0)
        r = credential_unpack(bytes_view(&file), reason, &ret->sealed, &ret->sections);
    if (r == 0)
        r = credential_openable(&ret->sections, reason);
    if (r == 0 && kind_has(ret->sections.kind, KIND_HOST))
        r = host_resources_host_key(request->resources, reason, &ret->host_key);
    return r;
}

static int load(Request *request, size_t number, Reason *reason)
{
    const Ingredient *part = &request->resolution.parts[number];
    RequestIngredient *loaded = &request->parts[number];
    int r;

    switch (part->source) {
    case POLICY_TEMPLATE:
        return 0; /* its ingredients are parts themselves */
    case POLICY_FILE:
        return external_file_read_plain(part->credential->text,
                                        host_resources_trusted_uid(request->resources), reason,
                                        &loaded->value);
    case POLICY_GENERATE:
        r = load_sealed(request, part, reason, loaded);
        loaded->missing = r == OUTCOME_NOT_FOUND;
        return loaded->missing ? 0 : r;
    default:
        return load_sealed(request, part, reason, loaded);
    }
}

int request_begin(HostResources *resources, const CredentialName *name, const Purpose *purpose,
                  Reason *reason, Request *ret)
{
    _cleanup_(request_done) Request request = {.resources = resources, .name = *name};
    int r = resolve(host_resources_policies(resources), name, purpose, reason, &request.resolution);

    if (r != 0)
        return r;
    request.parts = calloc(request.resolution.count, sizeof(request.parts[0]));
    if (!request.parts)
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
    const RequestIngredient *part = &request->parts[request->next];
    _cleanup_(secret_freep) Secret *value = NULL;
    char name[CREDENTIAL_NAME_TEXT_BYTES];
    OpenRequest open = {
        .sections = &part->sections,
        .host_key = part->host_key,
        .tpm_key = tpm_key,
        .name = name,
        .now = now,
    };
    int r;

    credential_name_format(&request->resolution.parts[request->next].name, name);
    r = credential_open(&open, reason, NULL, &value);
    if (r == 0 && secret_size(value) == 0)
        r = reason_set(reason, OUTCOME_EMPTY, "it has no bytes");
    if (r == 0)
        *ret = TAKE_PTR(value);
    return r;
}

/* The value of PIECE of PART's template, of which PLACES have gone before. */
static BytesView piece_value(const Request *request, const Ingredient *part,
                             const TemplatePiece *piece, size_t *places)
{
    if (piece->text.size > 0)
        return piece->text;
    return secret_view(request->parts[part->ingredients[(*places)++]].value);
}

static size_t filled_size(const Request *request, const Ingredient *part)
{
    const char *cursor = part->credential->text;
    TemplatePiece piece;
    size_t places = 0, size = 0;

    /* no sum of values overflows: each is in memory */
    while (template_next(&cursor, &piece))
        size += piece_value(request, part, &piece, &places).size;
    return size;
}

static int fill_template(const Request *request, const Ingredient *part, Reason *reason,
                         Secret **ret)
{
    const char *cursor = part->credential->text;
    size_t size = filled_size(request, part), places = 0;
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
        BytesView value = piece_value(request, part, &piece, &places);

        memcpy(to, value.data, value.size);
        to += value.size;
    }
    return 0;
}

/* --- generating --- */

static int make(Request *request, const TpmSealedView *sealed, const Secret *tpm_key,
                Reason *reason)
{
    return generated_secret_make(request->resources, &request->parts[request->next].generated,
                                 &request->resolution.parts[request->next], sealed, tpm_key,
                                 reason);
}

/* Makes the current part, until the TPM is needed, or the store has to be changed. */
static int generate(Request *request, Reason *reason, TpmKeyRequest *ret_wanted)
{
    const Ingredient *part = &request->resolution.parts[request->next];
    RequestIngredient *making = &request->parts[request->next];
    int r = 0;

    if (!making->generating) {
        r = generated_secret_begin(request->resources, &part->name, reason, &making->generated);
        making->generating = r == 0;
    }
    if (r == 0 && !making->generated.commit) {
        *ret_wanted = generated_secret_request(&making->generated, &part->name);
        if (ret_wanted->sealed || ret_wanted->fresh_for)
            return 0;
        r = make(request, NULL, NULL, reason);
    }
    if (r == 0)
        *ret_wanted = (TpmKeyRequest){.commit = making->generated.commit, .created = &part->name};
    return r;
}

/* --- going on --- */

/* Opens the part that is looked at. */
static int open_part(Request *request, const Secret *tpm_key, uint64_t now, Reason *reason)
{
    const Ingredient *part = &request->resolution.parts[request->next];
    RequestIngredient *making = &request->parts[request->next];
    int r = open_sealed(request, tpm_key, now, reason, &making->value);

    if (r == 0 && part->source == POLICY_GENERATE)
        making->publish =
            generated_secret_publish(request->resources, part, making->value, making->digest);
    return r;
}

/* Makes the value of the part that is looked at, or RET_WISH. */
static int advance_part(Request *request, uint64_t now, Reason *reason, TpmKeyRequest *ret_wanted)
{
    const Ingredient *part = &request->resolution.parts[request->next];
    RequestIngredient *making = &request->parts[request->next];

    if (making->value)
        return 0;
    if (part->source == POLICY_TEMPLATE)
        return fill_template(request, part, reason, &making->value);
    if (making->missing)
        return generate(request, reason, ret_wanted);
    if (kind_has(making->sections.kind, KIND_TPM)) {
        ret_wanted->sealed = &making->sections.tpm;
        return 0;
    }
    return open_part(request, NULL, now, reason);
}

int request_advance(Request *request, uint64_t now, Reason *reason, TpmKeyRequest *ret_wanted)
{
    int r;

    *ret_wanted = (TpmKeyRequest){0};
    for (; request->next < request->resolution.count; request->next++) {
        r = advance_part(request, now, reason, ret_wanted);
        if (r != 0)
            request_blame(request, reason);
        if (r != 0 || !request->parts[request->next].value)
            return r;
    }
    return 0;
}

int request_give_key(Request *request, const TpmSealedView *sealed, const Secret *tpm_key,
                     uint64_t now, Reason *reason)
{
    int r = request->parts[request->next].missing ? make(request, sealed, tpm_key, reason)
                                                  : open_part(request, tpm_key, now, reason);

    if (r != 0)
        request_blame(request, reason);
    return r;
}

int request_give_failure(Request *request, int rc, Reason *reason)
{
    RequestIngredient *making = &request->parts[request->next];

    if (making->missing && generated_secret_retry(&making->generated))
        return 0;
    request_blame(request, reason);
    return rc;
}

int request_give_commit(Request *request, int rc, Reason *reason)
{
    RequestIngredient *making = &request->parts[request->next];
    int r = rc;

    /* somebody else's counts as well: what is in the store does */
    if (r == 0 || r == OUTCOME_EXISTS)
        r = load_sealed(request, &request->resolution.parts[request->next], reason, making);
    making->missing = r != 0;
    if (r != 0)
        request_blame(request, reason);
    return r;
}

void request_publish(const Request *request, CommitQueue *commits)
{
    for (size_t i = 0; i < request->resolution.count; i++)
        if (request->parts[i].publish)
            (void)commit_job_new(commits,
                                 &(CommitOrder){.parameters = request->parts[i].publish,
                                                .data = -1,
                                                .uid = geteuid(),
                                                .pid = getpid()},
                                 NULL, NULL, NULL);
}

Secret *request_take_value(Request *request)
{
    return TAKE_PTR(request->parts[request->resolution.count - 1].value);
}
