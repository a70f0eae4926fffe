/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target: how `enable` rewrites a policy.
 *
 * The first byte chooses the request, and the rest is the file; with a form feed in it, another
 * file of the policy and the file. The result has what was requested, and everything else as
 * before, for the parser of policies and as JSON. The same request changes nothing more.
 */

#include "policy/policy_edit.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct Request {
    char id[LIMIT_MACHINE_AND_ID_BYTES + 1];
    PolicyDelivery delivery;
    PolicyChange on_change;
    PolicyEditDelivery edit;
} Request;

/* NULL if TEXT is not a policy. */
static Policy *parse(BytesView text)
{
    Policy *policy = NULL;

    assert(policy_new("web", "a", NULL, &policy) == 0);
    return text.size == 0 || policy_file_parse(text, "a", policy, NULL) == 0 ? policy
                                                                             : policy_unref(policy);
}

/* For one of POLICY's credentials, or for a new one. */
static void request_init(Request *request, uint8_t choice, const Policy *policy)
{
    static const char *const services[] = {"a.service", "b@c.service"};
    unsigned delivery = choice % 4U, change = choice / 4U % 4, count = choice / 16U % 4;

    *request = (Request){.id = "new", .delivery = delivery, .on_change = change};
    if (policy && policy->count > 0 && choice & 0x80)
        strcpy(request->id, policy->credentials[choice & 0x40 ? policy->count - 1 : 0].id);
    if (delivery < _POLICY_DELIVERY_MAX)
        request->edit.delivery = &request->delivery;
    if (change < _POLICY_CHANGE_MAX)
        request->edit.on_change = &request->on_change;
    if (count < 3) {
        request->edit.services = services;
        request->edit.service_count = count;
    }
}

static bool same_services(const PolicyCredential *credential, const char *const *services,
                          size_t count)
{
    bool same = credential->service_count == count;

    for (size_t i = 0; same && i < count; i++)
        same = strcmp(credential->services[i], services[i]) == 0;
    return same;
}

/* Whether NOW comes from where OLD does, and is delivered as EDIT says, or else as OLD was. */
static bool follows(const PolicyCredential *now, const PolicyCredential *old,
                    const PolicyEditDelivery *edit)
{
    const char *const *services =
        edit->services ? edit->services : (const char *const *)old->services;

    return now->source == old->source && !now->text == !old->text &&
           (!old->text || strcmp(now->text, old->text) == 0) &&
           now->recipe.type == old->recipe.type && now->recipe.length == old->recipe.length &&
           strcmp(now->recipe.alphabet, old->recipe.alphabet) == 0 &&
           now->delivery == (edit->delivery ? *edit->delivery : old->delivery) &&
           now->on_change == (edit->on_change ? *edit->on_change : old->on_change) &&
           same_services(now, services, edit->services ? edit->service_count : old->service_count);
}

/* OTHER (may be NULL) is the policy of the other file. */
static void check_policy(const Request *request, const Policy *before, const Policy *other,
                         const Policy *after)
{
    static const PolicyCredential stored = {.source = POLICY_STORE};
    static const PolicyEditDelivery nothing;
    const PolicyCredential *old = policy_find(before, request->id), *last = NULL;

    assert(after->count == before->count + !old);
    if (!old && other)
        old = policy_find(other, request->id);
    assert(policy_find(after, request->id));
    assert(follows(policy_find(after, request->id), old ? old : &stored, &request->edit));
    for (size_t i = 0; i < before->count; i++) {
        const PolicyCredential *now = policy_find(after, before->credentials[i].id);

        assert(now && (!last || now > last));
        if (strcmp(now->id, request->id) != 0)
            assert(follows(now, &before->credentials[i], &nothing));
        last = now;
    }
}

/* Everything but the entry, whether the parser knows it or not. */
static struct json_object *without(const Request *request, BytesView text)
{
    struct json_object *root = NULL, *credentials;

    if (text.size == 0)
        root = json_object_new_object();
    else
        assert(json_parse(text, LIMIT_JSON_DEPTH, NULL, NULL, &root) == 0);
    if (!json_object_object_get_ex(root, "credentials", &credentials))
        json_object_object_add(root, "credentials", credentials = json_object_new_object());
    json_object_object_del(credentials, request->id);
    return root;
}

static int put(const Request *request, BytesView text, struct json_object *basis,
               PolicyEditResult *ret, Bytes *ret_text)
{
    _cleanup_(policy_edit_done) PolicyEdit edit = {0};
    _cleanup_(json_object_putp) struct json_object *own_basis = basis;
    Reason reason = {0};
    int r = policy_edit_new(text, &reason, &edit);

    if (r == 0)
        r = policy_edit_put(&edit, request->id, TAKE_PTR(own_basis), &request->edit, &reason, ret);
    assert(r == 0 || reason.text[0]);
    return r == 0 ? policy_edit_print(&edit, ret_text) : r;
}

/* The entry of the other file, unless the file itself has one. */
static struct json_object *find_basis(const Request *request, const Policy *before,
                                      const Policy *other, BytesView text)
{
    _cleanup_(policy_edit_done) PolicyEdit edit = {0};

    if (!before || !other || policy_find(before, request->id) || !policy_find(other, request->id))
        return NULL;
    assert(policy_edit_new(text, NULL, &edit) == 0);
    return policy_edit_copy(&edit, request->id);
}

static void check(uint8_t choice, BytesView other_text, BytesView text)
{
    _cleanup_(policy_unrefp) Policy *before = parse(text), *after = NULL;
    _cleanup_(policy_unrefp) Policy *other = other_text.size > 0 ? parse(other_text) : NULL;
    _cleanup_(json_object_putp) struct json_object *old = NULL, *new = NULL;
    _cleanup_(bytes_done) Bytes result = {0}, again = {0};
    PolicyEditResult done;
    Request request;
    int r;

    request_init(&request, choice, other ? other : before);
    r = put(&request, text, find_basis(&request, before, other, other_text), &done, &result);
    if (r != 0) {
        assert(r == OUTCOME_USAGE || (r == OUTCOME_MALFORMED && !before));
        return;
    }
    old = without(&request, text);
    new = without(&request, bytes_view(&result));
    assert(json_object_equal(old, new));
    after = parse(bytes_view(&result));
    /* enable writes nothing that is not a policy: natively, only some sources can be delivered */
    if (before && after)
        check_policy(&request, before, other, after);
    else
        assert(!before || before->count == LIMIT_POLICY_CREDENTIALS ||
               (request.edit.delivery && request.delivery == POLICY_NATIVE));
    assert(put(&request, bytes_view(&result), NULL, &done, &again) == 0);
    assert(done == POLICY_EDIT_KEPT && bytes_view_equal(bytes_view(&result), bytes_view(&again)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *feed = size > 1 ? memchr(data + 1, '\f', size - 1) : NULL;
    size_t other = feed ? (size_t)(feed - data) - 1 : 0;

    if (size == 0)
        return 0;
    if (feed)
        check(data[0], (BytesView){data + 1, other}, (BytesView){feed + 1, size - other - 2});
    else
        check(data[0], (BytesView){0}, (BytesView){data + 1, size - 1});
    return 0;
}
