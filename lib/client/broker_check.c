/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "client/broker_check.h"

#include "base/names.h"
#include "key/host_key.h"

#include <errno.h>
#include <string.h>

/* How often a check is begun again because the broker restarts. */
#define ATTEMPTS 3U

typedef struct Collection {
    const BrokerCheck *check;
    struct json_object *all;
} Collection;

static int add_reply(void *userdata, struct json_object *reply)
{
    static const VarlinkField members[] = {
        {"machine", json_type_string, false},  {"credential", json_type_string, false},
        {"delivery", json_type_string, false}, {"outcome", json_type_string, false},
        {"reason", json_type_string, true},    {"size", json_type_int, true},
        {"total", json_type_int, true},        {"willBeGenerated", json_type_boolean, true},
        {"hostKey", json_type_string, true},   {"fleet", json_type_string, true},
        {"sequence", json_type_int, true},     {0},
    };
    const Collection *collection = userdata;
    const BrokerCheck *check = collection->check;
    struct json_object *checked = json_object_object_get(reply, "credential");
    const char *id;

    if (!json_object_is_type(checked, json_type_object) ||
        varlink_parameters_check(checked, members))
        return -EPROTO;
    id = varlink_text(checked, "credential");
    if (strcmp(varlink_text(checked, "machine"), check->machine) != 0 ||
        (check->id && strcmp(id, check->id) != 0))
        return -EPROTO;
    return json_append(collection->all, json_object_get(checked)) ? 0 : -ENOMEM;
}

static int check_once(const char *control, const BrokerCheck *check, const Observer *observer,
                      Reason *reason, struct json_object *all, bool *ret_connected)
{
    _cleanup_(client_freep) Client *client = NULL;
    Collection collection = {check, all};
    struct json_object *parameters;
    int r = client_new(control, reason, &client);

    *ret_connected = r == 0;
    if (r != 0)
        return r;
    parameters = json_object_new_object();
    json_add_text(parameters, "machine", check->machine);
    json_add_text(parameters, "credential", check->id);
    json_add_view(parameters, "sealed", check->sealed);
    r = client_check(client, parameters, add_reply, &collection, observer, reason);
    if (r == -EPROTO && !reason->text[0])
        return reason_set(reason, r, "the broker's reply is not valid");
    return r;
}

static bool is_interrupted(struct json_object *all, size_t from)
{
    Reason reason;

    for (size_t i = from; i < json_length(all); i++)
        if (broker_check_outcome(json_object_array_get_idx(all, i), &reason) == OUTCOME_INTERRUPTED)
            return true;
    return false;
}

bool broker_check_other_key(const Context *context, struct json_object *all)
{
    _cleanup_(secret_freep) Secret *key = NULL;
    char fingerprint[HOST_KEY_FINGERPRINT_BYTES];

    if (strcmp(host_key_path(), HOST_KEY_PATH) != 0 ||
        host_key_load(context, HOST_KEY_PATH, NULL, &key) != 0)
        return false;
    host_key_fingerprint(key, fingerprint);
    for (size_t i = 0; i < json_length(all); i++) {
        const char *other = varlink_text(json_object_array_get_idx(all, i), "hostKey");

        if (other && strcmp(other, fingerprint) != 0)
            return true;
    }
    return false;
}

/* Best effort. Returns whether it was tried. */
static bool restart_broker(const char *control, const Observer *observer)
{
    _cleanup_(json_object_putp) struct json_object *reply = NULL;
    _cleanup_(client_freep) Client *client = NULL;
    static bool restarted;

    if (restarted || client_new(control, NULL, &client) != 0)
        return false;
    restarted = true;
    (void)client_call(client, "Restart", NULL, observer, NULL, &reply);
    return true;
}

int broker_check(const char *control, const BrokerCheck *check, const Observer *observer,
                 Reason *reason, struct json_object *ret)
{
    size_t before = json_length(ret);
    int r = 0;

    for (unsigned i = 0; i < ATTEMPTS; i++) {
        bool connected;

        json_object_array_del_idx(ret, before, json_length(ret) - before);
        r = check_once(control, check, observer, reason, ret, &connected);
        if (r == OUTCOME_BROKER_UNREACHABLE && connected)
            continue;
        if (!is_interrupted(ret, before) &&
            !(broker_check_other_key(check->context, ret) && restart_broker(control, observer)))
            break;
    }
    return r;
}

int broker_check_outcome(struct json_object *checked, Reason *reason)
{
    const char *why = varlink_text(checked, "reason");

    snprintf(reason->text, sizeof(reason->text), "%s", why ? why : "");
    return outcome_find(varlink_text(checked, "outcome"));
}

int broker_check_one(const char *control, const BrokerCheck *check, const Observer *observer,
                     Reason *reason, int *ret)
{
    _cleanup_(json_object_putp) struct json_object *all = json_object_new_array();
    int r = broker_check(control, check, observer, reason, all);

    if (r == 0 && json_length(all) != 1)
        return reason_set(reason, -EPROTO, "the broker's reply is not valid");
    if (r == 0)
        *ret = broker_check_outcome(json_object_array_get_idx(all, 0), reason);
    return r;
}
