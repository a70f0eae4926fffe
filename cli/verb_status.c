/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds status: how the broker is.
 */

#include "output.h"
#include "protocol/client.h"
#include "protocol/varlink.h"
#include "timepoint.h"
#include "verb.h"

#include <inttypes.h>

static int64_t number(struct json_object *status, const char *name)
{
    struct json_object *value = NULL;

    json_object_object_get_ex(status, name, &value);
    return json_object_get_int64(value);
}

static void print(struct json_object *status)
{
    char up[TIMEPOINT_LENGTH_BYTES];

    timepoint_format_length((uint64_t)number(status, "uptimeUSec"), up);
    printf("  Version: %s\n       Up: %s\n", varlink_text(status, "version"), up);
    printf(" Requests: %" PRId64 " delivered, %" PRId64 " refused, %" PRId64 " abandoned, "
           "%" PRId64 " waiting\n",
           number(status, "delivered"), number(status, "refused"), number(status, "abandoned"),
           number(status, "waiting"));
    printf("     Keys: %" PRId64 " unsealed and kept for a moment\n", number(status, "keys"));
    printf("    Store: %s\n      TPM: %s\n", varlink_text(status, "store"),
           varlink_text(status, "tpmDevice"));
}

static void print_metric(const char *name, const char *type, const char *help)
{
    printf("# TYPE %s %s\n# HELP %s %s\n", name, type, name, help);
}

/* OpenMetrics 1.0 */
static void print_metrics(struct json_object *status)
{
    static const char *const verdicts[] = {"delivered", "refused", "abandoned"};

    print_metric("nspawn_creds_requests", "counter", "Requests of the service manager.");
    for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++)
        printf("nspawn_creds_requests_total{verdict=\"%s\"} %" PRId64 "\n", verdicts[i],
               number(status, verdicts[i]));
    print_metric("nspawn_creds_waiting", "gauge", "Requests that have no answer yet.");
    printf("nspawn_creds_waiting %" PRId64 "\n", number(status, "waiting"));
    print_metric("nspawn_creds_keys", "gauge", "Unsealed keys that are kept for a moment.");
    printf("nspawn_creds_keys %" PRId64 "\n", number(status, "keys"));
    print_metric("nspawn_creds_uptime_seconds", "gauge", "Since the counters are counting.");
    printf("nspawn_creds_uptime_seconds %.6f\n", (double)number(status, "uptimeUSec") / 1e6);
    printf("# EOF\n");
}

static int run(const Context *context, const Options *options, char **arguments)
{
    _cleanup_(json_object_putp) struct json_object *status = NULL;
    _cleanup_(client_freep) Client *client = NULL;
    Reason reason = {0};
    int r = client_new(CLIENT_DEFAULT_PATH, &reason, &client);

    (void)context;
    (void)arguments;
    if (r == 0)
        r = client_call(client, "Status", NULL, &reason, &status);
    if (r != 0)
        return output_error(r, NULL, &reason);
    if (options->metrics)
        print_metrics(status);
    else if (options->json != JSON_OFF)
        return output_json(TAKE_PTR(status), options->json);
    else
        print(status);
    return 0;
}

const Verb verb_status = {
    .name = "status",
    .arguments = "",
    .summary = "Show how the broker is",
    .details = "What is counted begins anew when the broker is started. --metrics prints it as "
               "OpenMetrics.",
    .options = OPTION_JSON | OPTION_METRICS,
    .arguments_min = 0,
    .arguments_max = 0,
    .run = run,
};
