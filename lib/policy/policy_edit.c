/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "policy/policy_edit.h"

#include <errno.h>
#include <string.h>

#define DELIVERY  "delivery"
#define SERVICES  "services"
#define ON_CHANGE "onChange"

void policy_edit_done(PolicyEdit *edit)
{
    json_object_put(edit->root);
    *edit = (PolicyEdit){0};
}

static bool is_own_form(const PolicyEdit *edit, BytesView text)
{
    _cleanup_(bytes_done) Bytes again = {0};

    return text.size == 0 ||
           (policy_edit_print(edit, &again) == 0 && bytes_view_equal(bytes_view(&again), text));
}

/* Whether CREDENTIALS has the types that editing relies on; json-c ends the program for others. */
static bool is_editable(struct json_object *credentials)
{
    if (!json_object_is_type(credentials, json_type_object))
        return false;
    json_object_object_foreach(credentials, id, credential)
    {
        struct json_object *services;

        (void)id;
        if (credential && !json_object_is_type(credential, json_type_object))
            return false;
        if (json_object_object_get_ex(credential, SERVICES, &services) &&
            !json_object_is_type(services, json_type_array))
            return false;
    }
    return true;
}

int policy_edit_new(BytesView text, Reason *reason, PolicyEdit *ret)
{
    _cleanup_(policy_edit_done) PolicyEdit edit = {0};
    int r = 0;

    if (text.size > 0)
        r = json_parse(text, LIMIT_JSON_DEPTH, NULL, reason, &edit.root);
    else if (!(edit.root = json_object_new_object()))
        r = -ENOMEM;
    if (r == 0 && !json_object_is_type(edit.root, json_type_object))
        r = reason_set(reason, OUTCOME_MALFORMED, "it is not a policy");
    if (r != 0)
        return r;
    edit.own_form = is_own_form(&edit, text);
    if (!json_object_object_get_ex(edit.root, "credentials", &edit.credentials)) {
        edit.credentials = json_object_new_object();
        if (!json_add(edit.root, "credentials", edit.credentials))
            return -ENOMEM;
    }
    if (!is_editable(edit.credentials))
        return reason_set(reason, OUTCOME_MALFORMED, "it is not a policy");
    *ret = TAKE(edit);
    return 0;
}

static struct json_object *copy_of(struct json_object *object)
{
    struct json_object *copy = NULL;

    return json_object_deep_copy(object, &copy, NULL) == 0 ? copy : NULL;
}

struct json_object *policy_edit_copy(const PolicyEdit *edit, const char *id)
{
    struct json_object *credential;

    if (!json_object_object_get_ex(edit->credentials, id, &credential) || !credential)
        return NULL;
    return copy_of(credential);
}

/* --- one credential --- */

/* Whether CREDENTIAL contains only what policy_edit_put() writes. */
static bool is_own(struct json_object *credential)
{
    json_object_object_foreach(credential, name, value)
    {
        (void)value;
        if (strcmp(name, "store") != 0 && strcmp(name, DELIVERY) != 0 &&
            strcmp(name, SERVICES) != 0 && strcmp(name, ON_CHANGE) != 0)
            return false;
    }
    return true;
}

/* Sets the member NAME to WORD, or removes it if WORD is the default, STANDARD. */
static bool put_word(struct json_object *credential, const char *name, const char *word,
                     const char *standard)
{
    bool is_standard = strcmp(word, standard) == 0;
    struct json_object *now;
    const char *text = standard;

    if (json_object_object_get_ex(credential, name, &now))
        text = json_text(now);
    if (text && strcmp(text, word) == 0)
        return true;
    json_object_object_del(credential, name);
    return is_standard || json_add(credential, name, json_object_new_string(word));
}

static bool put_services(struct json_object *credential, const PolicyEditDelivery *wanted)
{
    _cleanup_(json_object_putp) struct json_object *list = json_object_new_array();
    struct json_object *now;

    for (size_t i = 0; i < wanted->service_count; i++)
        json_append(list, json_object_new_string(wanted->services[i]));
    if (json_object_object_get_ex(credential, SERVICES, &now) && json_object_equal(now, list))
        return true;
    json_object_object_del(credential, SERVICES);
    return wanted->service_count == 0 || json_add(credential, SERVICES, TAKE_PTR(list));
}

static bool put_all(struct json_object *credential, const PolicyEditDelivery *wanted)
{
    if (wanted->delivery &&
        !put_word(credential, DELIVERY, policy_delivery_names[*wanted->delivery],
                  policy_delivery_names[POLICY_BOOT]))
        return false;
    if (wanted->services && !put_services(credential, wanted))
        return false;
    return !wanted->on_change ||
           put_word(credential, ON_CHANGE, policy_change_names[*wanted->on_change],
                    policy_change_names[POLICY_NONE]);
}

/* A setting without effect is probably a mistake. */
static int check_effect(struct json_object *credential, const char *id,
                        const PolicyEditDelivery *wanted, Reason *reason)
{
    bool acts = wanted->on_change && *wanted->on_change != POLICY_NONE;
    const char *word = json_text(json_object_object_get(credential, DELIVERY));

    if ((acts || (wanted->services && wanted->service_count > 0)) &&
        (!word || strcmp(word, policy_delivery_names[POLICY_LIVE]) != 0))
        return reason_set(reason, OUTCOME_USAGE,
                          "only live delivery has services to restart or reload, and %s is not "
                          "delivered live",
                          id);
    if (acts && json_length(json_object_object_get(credential, SERVICES)) == 0)
        return reason_set(reason, OUTCOME_USAGE,
                          "there is no service to restart or reload: %s names none", id);
    return 0;
}

static struct json_object *new_credential(void)
{
    _cleanup_(json_object_putp) struct json_object *credential = json_object_new_object();

    return json_add(credential, "store", json_object_new_boolean(true)) ? TAKE_PTR(credential)
                                                                        : NULL;
}

int policy_edit_put(PolicyEdit *edit, const char *id, struct json_object *basis,
                    const PolicyEditDelivery *delivery, Reason *reason, PolicyEditResult *ret)
{
    _cleanup_(json_object_putp) struct json_object *before = policy_edit_copy(edit, id);
    _cleanup_(json_object_putp) struct json_object *other = basis, *credential = NULL;
    struct json_object *first = before ? before : other;
    bool same;
    int r;

    credential = first ? copy_of(first) : new_credential();
    if (!credential || !put_all(credential, delivery))
        return -ENOMEM;
    r = check_effect(credential, id, delivery, reason);
    if (r != 0)
        return r;
    same = first && json_object_equal(first, credential);
    *ret = !first ? POLICY_EDIT_ADDED : same ? POLICY_EDIT_KEPT : POLICY_EDIT_CHANGED;
    if (same)
        return 0;
    if (before && (!edit->own_form || !is_own(before)))
        edit->foreign = true;
    return json_add(edit->credentials, id, TAKE_PTR(credential)) ? 0 : -ENOMEM;
}

bool policy_edit_remove(PolicyEdit *edit, const char *id)
{
    struct json_object *credential = json_object_object_get(edit->credentials, id);

    if (!credential)
        return false;
    if (!edit->own_form || !is_own(credential))
        edit->foreign = true;
    json_object_object_del(edit->credentials, id);
    return true;
}

/* --- the text --- */

int policy_edit_print(const PolicyEdit *edit, Bytes *ret)
{
    return json_print_pretty(edit->root, ret);
}
