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
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* "prod: sequence 42, issued 3 d 2 h ago, not after 2027-01-31" */
static void print_fleets(struct json_object *status, uint64_t now)
{
    struct json_object *fleets = json_object_object_get(status, "fleets");

    for (size_t i = 0; i < json_length(fleets); i++) {
        struct json_object *fleet = json_object_array_get_idx(fleets, i);
        uint64_t issued = (uint64_t)number(fleet, "issuedUSec");
        uint64_t max_age = (uint64_t)number(fleet, "maxAgeUSec");
        uint64_t age = now > issued ? now - issued : 0;
        char length[TIMESTAMP_LENGTH_BYTES], until[TIMESTAMP_TEXT_BYTES];

        print_text(fleet, i == 0 ? "Fleets" : "", "fleet");
        if (number(fleet, "sequence") > 0) {
            timestamp_format_length(age, length);
            timestamp_format((uint64_t)number(fleet, "notAfterUSec"), until);
            printf("%11ssequence %" PRId64 ", issued %s ago%s, not after %s\n", "",
                   number(fleet, "sequence"), length,
                   max_age > 0 && age > max_age ? " (older than maxAge)" : "", until);
        }
        if (number(fleet, "pending") > 0)
            printf("%11s%" PRId64 " sealed for a later boot\n", "", number(fleet, "pending"));
        if (json_object_object_get(fleet, "signersUntilUSec")) {
            timestamp_format((uint64_t)number(fleet, "signersUntilUSec"), until);
            printf("%11senough signers may sign until %s\n", "",
                   number(fleet, "signersUntilUSec") > 0 ? until : "now: too few may");
        }
        if (varlink_text(fleet, "reason"))
            print_text(fleet, "", "reason");
    }
}

/* "noticed: an older copy was put back; containers get their credentials" */
static void print_rollback(struct json_object *status)
{
    struct json_object *rollback = json_object_object_get(status, "rollback");
    const char *by = varlink_text(rollback, "protection"), *state = varlink_text(rollback, "state");
    const char *action = varlink_text(rollback, "onRollback");

    if (!by)
        return;
    if (strcmp(by, "unknown") == 0)
        printf(" Rollback: the broker has just started and does not know yet\n");
    else if (strcmp(by, "counter") != 0)
        printf(" Rollback: %s\n", strcmp(by, "sequence") == 0
                                      ? "sequences protect against carriers, not an older disk"
                                      : "no protection against an older disk");
    else if (state && strcmp(state, "well") == 0)
        printf(" Rollback: the TPM's counter protects, and is at %" PRId64 "\n",
               number(rollback, "value"));
    else
        printf(" Rollback: %s; containers get %s\n",
               state && strcmp(state, "noticed") == 0 ? "noticed" : "cannot be ruled out",
               action && strcmp(action, "refuse") == 0 ? "nothing" : "their credentials");
    if (varlink_text(rollback, "reason"))
        print_text(rollback, "", "reason");
}

static void print(struct json_object *status, uint64_t now)
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
    print_fleets(status, now);
    print_rollback(status);
}

/* --- metrics in one of two formats: OpenMetrics 1.0, or Prometheus' older text format, which the
 * node exporter reads. That has no units and no end, and names a family of counters as its samples
 * are --- */

#define PREFIX "nspawn_creds_"

typedef struct Metrics {
    FILE *file;
    bool open; /* OpenMetrics */
} Metrics;

/* Prints a name, of the characters that names have. */
static void print_name(const Metrics *metrics, struct json_object *object, const char *key)
{
    const char *text = varlink_text(object, key);

    for (; text && *text; text++)
        putc(isalnum((unsigned char)*text) || *text == ':' ? *text : '_', metrics->file);
}

/* Prints a text, cleaned, with a backslash before backslashes, and before quotes if QUOTED. */
static void print_value(const Metrics *metrics, struct json_object *object, const char *key,
                        bool quoted)
{
    const char *text = varlink_text(object, key);
    _cleanup_(freep) char *clean = strdup(text ? text : "");

    if (!clean)
        return;
    safe_text_clean(clean);
    for (const char *c = clean; *c; c++) {
        if ((*c == '"' && quoted) || *c == '\\')
            putc('\\', metrics->file);
        putc(*c, metrics->file);
    }
}

/* "# TYPE name counter" */
static void print_metadata(const Metrics *metrics, struct json_object *family, const char *word,
                           const char *key)
{
    const char *type = varlink_text(family, "type");

    if (!varlink_text(family, key))
        return;
    fprintf(metrics->file, "# %s ", word);
    print_name(metrics, family, "name");
    if (!metrics->open && type && strcmp(type, "counter") == 0)
        fputs("_total", metrics->file);
    putc(' ', metrics->file);
    print_value(metrics, family, key, metrics->open);
    putc('\n', metrics->file);
}

static void print_family(const Metrics *metrics, struct json_object *family)
{
    struct json_object *samples = json_object_object_get(family, "samples");

    print_metadata(metrics, family, "TYPE", "type");
    if (metrics->open)
        print_metadata(metrics, family, "UNIT", "unit");
    print_metadata(metrics, family, "HELP", "help");
    for (size_t i = 0; i < json_length(samples); i++) {
        struct json_object *sample = json_object_array_get_idx(samples, i);

        print_name(metrics, family, "name");
        print_name(metrics, sample, "suffix");
        if (varlink_text(sample, "label")) {
            putc('{', metrics->file);
            print_name(metrics, sample, "label");
            fputs("=\"", metrics->file);
            print_value(metrics, sample, "labelValue", true);
            fputs("\"}", metrics->file);
        }
        fprintf(metrics->file, " %.15g\n",
                json_object_get_double(json_object_object_get(sample, "value")));
    }
}

static void print_families(const Metrics *metrics, struct json_object *reply)
{
    struct json_object *families = json_object_object_get(reply, "families");

    for (size_t i = 0; i < json_length(families); i++) {
        struct json_object *family = json_object_array_get_idx(families, i);
        const char *name = varlink_text(family, "name");

        /* beside others in the node exporter, a broker must not pass its own for theirs */
        if (metrics->open || (name && strncmp(name, PREFIX, strlen(PREFIX)) == 0))
            print_family(metrics, family);
    }
}

/* A timer writes there as root: what is no file of metrics must not be replaced by one. */
static int check_file(const char *path, Reason *reason)
{
    struct stat status;

    if (output_is_stdout(path) || lstat(path, &status) < 0 || S_ISREG(status.st_mode))
        return 0;
    return reason_set(reason, OUTCOME_USAGE,
                      S_ISLNK(status.st_mode)   ? "%s is a symbolic link: name its target instead"
                      : S_ISDIR(status.st_mode) ? "%s is a directory"
                                                : "%s is not a regular file",
                      path);
}

/* Replaces the file PATH by the metrics of REPLY, NULL if the broker does not answer. */
static int write_metrics(const char *path, struct json_object *reply, Reason *reason)
{
    _cleanup_(freep) char *text = NULL;
    size_t size = 0;
    Metrics metrics = {.file = open_memstream(&text, &size)};

    if (!metrics.file)
        return -ENOMEM;
    fprintf(metrics.file,
            "# TYPE nspawn_creds_up gauge\n"
            "# HELP nspawn_creds_up 1 if the broker answers; if not, there are no other samples.\n"
            "nspawn_creds_up %d\n",
            reply != NULL);
    print_families(&metrics, reply);
    if (fclose(metrics.file) != 0)
        return -ENOMEM;
    return output_sealed(path, (BytesView){(const uint8_t *)text, size}, reason);
}

static int check_options(const Options *options, Reason *reason)
{
    const char *first = options->metrics_file ? "metrics-file" : "metrics";

    if ((options->metrics || options->metrics_file) && options->json != JSON_OFF)
        return reason_set(reason, OUTCOME_USAGE, "--%s and --json exclude each other", first);
    if (options->metrics && options->metrics_file)
        return reason_set(reason, OUTCOME_USAGE, "--metrics and --metrics-file exclude each other");
    return options->metrics_file ? check_file(options->metrics_file, reason) : 0;
}

static int run(const Context *context, const Options *options, char **)
{
    _cleanup_(json_object_putp) struct json_object *status = NULL;
    _cleanup_(client_freep) Client *client = NULL;
    bool wants_metrics = options->metrics || options->metrics_file;
    Reason reason = {0};
    bool denied;
    int r = check_options(options, &reason);

    if (r != 0)
        return output_error(r, NULL, &reason);
    r = client_new(CLIENT_DEFAULT_PATH, &reason, &client);
    /* then there is nothing to say about the broker */
    denied = r != 0 && access(CLIENT_DEFAULT_PATH, W_OK) < 0 && errno == EACCES;
    if (r == 0)
        r = client_call(client, wants_metrics ? "Metrics" : "Status", NULL, &terminal_observer,
                        &reason, &status);
    if (r != 0)
        output_error(r, NULL, &reason);
    if (options->metrics_file && !denied) {
        r = write_metrics(options->metrics_file, status, &reason);
        return r == 0 ? 0 : output_error(r, NULL, &reason);
    }
    if (r != 0)
        return r;
    if (options->metrics) {
        print_families(&(Metrics){stdout, true}, status);
        printf("# EOF\n");
    } else if (options->json != JSON_OFF)
        output_json(TAKE_PTR(status), options->json);
    else
        print(status, context->now(context));
    return 0;
}

const Verb verb_status = {
    .name = "status",
    .arguments = "",
    .summary = "Show the broker's status",
    .details = "The counters start at zero whenever the broker starts. --metrics prints "
               "them in the OpenMetrics\nformat. --metrics-file= is for a timer: it also succeeds "
               "if the broker does not answer, which is\nwhat the file then says.",
    .options = OPTION_JSON | OPTION_METRICS | OPTION_METRICS_FILE,
    .run = run,
};
