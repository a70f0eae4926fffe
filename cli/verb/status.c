/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds status: shows the broker's status.
 */

#include "base/timestamp.h"
#include "protocol/client.h"
#include "protocol/varlink.h"
#include "terminal/output.h"
#include "terminal/progress.h"
#include "terminal/safe_text.h"
#include "verb/verb.h"

#include <inttypes.h>
#include <limits.h>

static int64_t number(struct json_object *status, const char *name)
{
    struct json_object *value = NULL;

    json_object_object_get_ex(status, name, &value);
    return json_object_get_int64(value);
}

/* The broker talks to containers, so that its text is not trusted. */
static void print_text(struct json_object *status, const char *label, const char *key)
{
    const char *text = varlink_text(status, key);
    char clean[PATH_MAX];

    snprintf(clean, sizeof(clean), "%s", text ? text : "");
    safe_text_clean(clean);
    printf("%9s: %s\n", label, clean);
}

static void print(struct json_object *status)
{
    char up[TIMESTAMP_LENGTH_BYTES];

    timestamp_format_length((uint64_t)number(status, "uptimeUSec"), up);
    print_text(status, "Version", "version");
    printf("       Up: %s\n", up);
    printf(" Requests: %" PRId64 " delivered, %" PRId64 " refused, %" PRId64 " abandoned, "
           "%" PRId64 " waiting\n",
           number(status, "delivered"), number(status, "refused"), number(status, "abandoned"),
           number(status, "waiting"));
    printf("     Keys: %" PRId64 " in the cache\n", number(status, "keys"));
    print_text(status, "Store", "store");
    print_text(status, "TPM", "tpmDevice");
}

/* --- OpenMetrics 1.0 --- */

/* Prints a label's value or a help text, escaped. */
static void print_escaped(const char *text)
{
    for (; *text; text++)
        if (*text == '\n')
            fputs("\\n", stdout);
        else if (*text == '"' || *text == '\\')
            printf("\\%c", *text);
        else
            putchar(*text);
}

static void print_sample(const char *name, struct json_object *sample)
{
    struct json_object *value = NULL;

    printf("%s%s", name, varlink_text(sample, "suffix"));
    if (varlink_text(sample, "label")) {
        printf("{%s=\"", varlink_text(sample, "label"));
        print_escaped(varlink_text(sample, "labelValue"));
        printf("\"}");
    }
    json_object_object_get_ex(sample, "value", &value);
    printf(" %.15g\n", json_object_get_double(value));
}

static void print_family(struct json_object *family)
{
    const char *name = varlink_text(family, "name");
    struct json_object *samples = NULL;

    printf("# TYPE %s %s\n", name, varlink_text(family, "type"));
    if (varlink_text(family, "unit"))
        printf("# UNIT %s %s\n", name, varlink_text(family, "unit"));
    printf("# HELP %s ", name);
    print_escaped(varlink_text(family, "help"));
    putchar('\n');
    json_object_object_get_ex(family, "samples", &samples);
    for (size_t i = 0; i < json_object_array_length(samples); i++)
        print_sample(name, json_object_array_get_idx(samples, i));
}

static void print_metrics(struct json_object *metrics)
{
    struct json_object *families = NULL;

    json_object_object_get_ex(metrics, "families", &families);
    for (size_t i = 0; i < json_object_array_length(families); i++)
        print_family(json_object_array_get_idx(families, i));
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
        r = client_call(client, options->metrics ? "Metrics" : "Status", NULL, &terminal_observer,
                        &reason, &status);
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
    .summary = "Show the broker's status",
    .details = "The counters start at zero whenever the broker starts. --metrics prints "
               "them in the OpenMetrics\nformat.",
    .options = OPTION_JSON | OPTION_METRICS,
    .arguments_min = 0,
    .arguments_max = 0,
    .run = run,
};
