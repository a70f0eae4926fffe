/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds list: what the broker's store and the policies have.
 */

#include "output.h"
#include "protocol/client.h"
#include "protocol/varlink.h"
#include "table.h"
#include "verb.h"

#include <errno.h>
#include <time.h>

#define TIME_BYTES 32

static void format_time(int64_t usec, char text[TIME_BYTES])
{
    time_t seconds = usec / 1000000;
    struct tm local;

    if (!localtime_r(&seconds, &local) || strftime(text, TIME_BYTES, "%Y-%m-%d %H:%M", &local) == 0)
        text[0] = '\0';
}

/* "7+11 (signed 11)", "none", or "-" where there is no TPM. */
static void add_pcrs(Table *table, struct json_object *entry)
{
    static const char *const members[] = {"pcrs", "signedPcrs"};
    char texts[2][TPM_PCR_TEXT_BYTES] = {"", ""};
    struct json_object *list;

    if (!json_object_object_get_ex(entry, "pcrs", NULL)) {
        table_add(table, NULL);
        return;
    }
    for (size_t i = 0; i < 2; i++) {
        uint64_t mask = 0;

        if (!json_object_object_get_ex(entry, members[i], &list))
            continue;
        for (size_t j = 0; j < json_object_array_length(list); j++)
            mask |= UINT64_C(1) << (json_object_get_int(json_object_array_get_idx(list, j)) & 63);
        tpm_pcr_mask_format(mask, texts[i]);
    }
    table_addf(table, "%s%s%s%s", texts[0][0] || texts[1][0] ? texts[0] : "none",
               texts[0][0] && texts[1][0] ? ", " : "", texts[1][0] ? "signed " : "", texts[1]);
}

static void print(struct json_object *credentials)
{
    static const char *const headings[] = {"MACHINE", "CREDENTIAL", "KIND", "PCRS",
                                           "WRITTEN", "STATE",      NULL};
    _cleanup_(table_done) Table table = table_new(headings);

    for (size_t i = 0; i < json_object_array_length(credentials); i++) {
        struct json_object *entry = json_object_array_get_idx(credentials, i), *written = NULL;
        const char *problem = varlink_text(entry, "problem");
        char time[TIME_BYTES] = "-";

        if (json_object_object_get_ex(entry, "writtenUSec", &written))
            format_time(json_object_get_int64(written), time);
        table_add(&table, varlink_text(entry, "machine"));
        table_add(&table, varlink_text(entry, "credential"));
        table_add(&table, varlink_text(entry, "kind"));
        add_pcrs(&table, entry);
        table_add(&table, time);
        table_add(&table, problem ? problem : "ok");
    }
    table_print(&table);
}

/* The replies for all machines as one. */
static int collect(Client *client, const char *machine, Reason *reason, struct json_object *all)
{
    _cleanup_(json_object_putp) struct json_object *reply = NULL, *parameters = NULL;
    struct json_object *credentials;
    int r;

    if (machine) {
        parameters = json_object_new_object();
        if (!json_add(parameters, "machine", json_object_new_string(machine)))
            return -ENOMEM;
    }
    r = client_call(client, "List", TAKE_PTR(parameters), reason, &reply);
    if (r != 0)
        return r;
    if (!json_object_object_get_ex(reply, "credentials", &credentials) ||
        !json_object_is_type(credentials, json_type_array))
        return reason_set(reason, -EPROTO, "the broker's reply makes no sense");
    for (size_t i = 0; i < json_object_array_length(credentials); i++)
        if (json_object_array_add(all,
                                  json_object_get(json_object_array_get_idx(credentials, i))) != 0)
            return -ENOMEM;
    return 0;
}

static int run(const Context *context, const Options *options, char **arguments)
{
    _cleanup_(json_object_putp) struct json_object *all = json_object_new_array();
    _cleanup_(client_freep) Client *client = NULL;
    Reason reason = {0};
    int r;

    (void)context;
    r = all ? client_new(CLIENT_DEFAULT_PATH, &reason, &client) : -ENOMEM;
    if (r == 0 && !arguments[0])
        r = collect(client, NULL, &reason, all);
    for (; r == 0 && arguments[0]; arguments++)
        r = collect(client, arguments[0], &reason, all);
    if (r != 0)
        return output_error(r, arguments[0], &reason);
    if (options->json != JSON_OFF)
        return output_json(TAKE_PTR(all), options->json);
    if (json_object_array_length(all) == 0)
        output_note("No credentials. Seal one with: nspawn-creds encrypt --store "
                    "--name=MACHINE@ID");
    else
        print(all);
    return 0;
}

const Verb verb_list = {
    .name = "list",
    .arguments = "[MACHINE...]",
    .summary = "List the credentials in the store and in policies",
    .details = "Of all machines, or of those that are named. STATE is \"ok\", or what keeps the "
               "broker from\ndelivering it; whether it opens shows when it is asked for.",
    .options = OPTION_JSON,
    .arguments_min = 0,
    .arguments_max = ARGUMENTS_ANY,
    .run = run,
};
