/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Calls of the control socket, for tests. See control_calls.h.
 */

#include "control_calls.h"

#include "base/base64.h"

#include <string.h>
#include <sys/stat.h>

Client *connect_to(const BrokerFixture *broker)
{
    Client *client;

    assert_int_equal(client_new(test_path(&broker->folder, "control"), NULL, &client), 0);
    return client;
}

void write_policy(const BrokerFixture *broker, const char *machine, const char *text)
{
    char path[128];

    mkdir(test_path(&broker->folder, "etc"), 0755);
    mkdir(test_path(&broker->folder, "etc/nspawn-creds"), 0755);
    snprintf(path, sizeof(path), "etc/nspawn-creds/%s.json", machine);
    test_write_file(test_path(&broker->folder, path), test_view(text), 0644);
}

struct json_object *named(const char *machine, const char *id)
{
    struct json_object *object = json_object_new_object();

    if (machine)
        assert_true(json_add(object, "machine", json_object_new_string(machine)));
    if (id)
        assert_true(json_add(object, "credential", json_object_new_string(id)));
    return object;
}

struct json_object *call(const BrokerFixture *broker, const char *method,
                         struct json_object *parameters, int expected)
{
    _cleanup_(client_freep) Client *client = connect_to(broker);
    struct json_object *reply = NULL;
    Reason reason = {0};
    int r = client_call(client, method, parameters, NULL, &reason, &reply);

    if (r != expected)
        fail_msg("%s: %d (%s)", method, r, reason.text);
    assert_true((r == 0) == (reply != NULL));
    return reply;
}

static int add_credentials(void *userdata, struct json_object *reply)
{
    struct json_object *all = userdata, *some = member(reply, "credentials");

    for (size_t i = 0; i < json_object_array_length(some); i++)
        json_object_array_add(all, json_object_get(json_object_array_get_idx(some, i)));
    return 0;
}

struct json_object *list_of(const BrokerFixture *broker, const char *machine)
{
    _cleanup_(client_freep) Client *client = connect_to(broker);
    struct json_object *all = json_object_new_array();
    Reason reason = {0};
    int r =
        client_observe(client, "List", named(machine, NULL), add_credentials, all, NULL, &reason);

    if (r != 0)
        fail_msg("List: %d (%s)", r, reason.text);
    return all;
}

struct json_object *member(struct json_object *object, const char *name)
{
    struct json_object *value = NULL;

    if (!json_object_object_get_ex(object, name, &value))
        fail_msg("no \"%s\" in %s", name, json_object_to_json_string(object));
    return value;
}

void expect_number(struct json_object *object, const char *name, int64_t expected)
{
    if (json_object_get_int64(member(object, name)) != expected)
        fail_msg("%s in %s", name, json_object_to_json_string(object));
}

void expect_text(struct json_object *object, const char *name, const char *expected)
{
    assert_string_equal(json_object_get_string(member(object, name)), expected);
}

struct json_object *with_file(const char *id, const char *path)
{
    _cleanup_(bytes_done) Bytes raw = test_read_file(path), text = {0};
    struct json_object *parameters = named("web", id);

    assert_int_equal(base64_encode(bytes_view(&raw), 0, &text), 0);
    assert_true(json_add(parameters, "sealed",
                         json_object_new_string_len((const char *)text.data, (int)text.size)));
    return parameters;
}

struct json_object *committing(const char *verb, struct json_object *change)
{
    struct json_object *parameters = json_object_new_object(), *changes = json_object_new_array();

    assert_true(json_add(parameters, "verb", json_object_new_string(verb)));
    assert_true(json_add(parameters, "changes", changes));
    assert_int_equal(json_object_array_add(changes, change), 0);
    return parameters;
}

double sample_of(struct json_object *metrics, const char *name, const char *label)
{
    struct json_object *families = member(metrics, "families");

    for (size_t i = 0; i < json_object_array_length(families); i++) {
        struct json_object *family = json_object_array_get_idx(families, i);
        struct json_object *samples = member(family, "samples");

        for (size_t j = 0; j < json_object_array_length(samples); j++) {
            struct json_object *sample = json_object_array_get_idx(samples, j);
            char full[128];

            snprintf(full, sizeof(full), "%s%s", varlink_text(family, "name"),
                     varlink_text(sample, "suffix"));
            if (strcmp(full, name) == 0 &&
                (!label || strcmp(varlink_text(sample, "labelValue"), label) == 0))
                return json_object_get_double(member(sample, "value"));
        }
    }
    fail_msg("no sample %s", name);
    return 0;
}
