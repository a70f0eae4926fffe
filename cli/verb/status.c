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

#include <ctype.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>

static int64_t number(struct json_object *status, const char *name)
{
    return json_object_get_int64(json_object_object_get(status, name));
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

/* Prints a name, of the characters that names have. */
static void print_name(struct json_object *object, const char *key)
{
    const char *text = varlink_text(object, key);

    for (; text && *text; text++)
        putchar(isalnum((unsigned char)*text) || *text == ':' ? *text : '_');
}

/* Prints a label's value or a text about a family, cleaned and escaped. */
static void print_value(struct json_object *object, const char *key)
{
    const char *text = varlink_text(object, key);
    _cleanup_(freep) char *clean = strdup(text ? text : "");

    if (!clean)
        return;
    safe_text_clean(clean);
    for (const char *c = clean; *c; c++) {
        if (*c == '"' || *c == '\\')
            putchar('\\');
        putchar(*c);
    }
}

/* "# TYPE name counter" */
static void print_metadata(struct json_object *family, const char *word, const char *key)
{
    if (!varlink_text(family, key))
        return;
    printf("# %s ", word);
    print_name(family, "name");
    putchar(' ');
    print_value(family, key);
    putchar('\n');
}

static void print_family(struct json_object *family)
{
    struct json_object *samples = json_object_object_get(family, "samples");

    print_metadata(family, "TYPE", "type");
    print_metadata(family, "UNIT", "unit");
    print_metadata(family, "HELP", "help");
    for (size_t i = 0; i < json_length(samples); i++) {
        struct json_object *sample = json_object_array_get_idx(samples, i);

        print_name(family, "name");
        print_name(sample, "suffix");
        if (varlink_text(sample, "label")) {
            putchar('{');
            print_name(sample, "label");
            printf("=\"");
            print_value(sample, "labelValue");
            printf("\"}");
        }
        printf(" %.15g\n", json_object_get_double(json_object_object_get(sample, "value")));
    }
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
    if (options->metrics) {
        struct json_object *families = json_object_object_get(status, "families");

        for (size_t i = 0; i < json_length(families); i++)
            print_family(json_object_array_get_idx(families, i));
        printf("# EOF\n");
    } else if (options->json != JSON_OFF)
        output_json(TAKE_PTR(status), options->json);
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
    .run = run,
};
