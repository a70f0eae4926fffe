/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds fleet verify: judges a bundle as this host would, without the broker and the TPM.
 * Where nobody has exported the host's identity, that the bundle is for this host is not checked.
 */

#include "base/fsutil.h"
#include "base/json.h"
#include "client/store_client.h"
#include "fleet/fleet_config.h"
#include "fleet/fleet_host.h"
#include "fleet/fleet_set.h"
#include "fleet/verbs.h"
#include "terminal/fields.h"
#include "terminal/output.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

typedef struct Verification {
    Bytes file;
    Bundle bundle;
    FleetConfig config;
    AllowedSigners signers;
    Statement statement;
    Manifest manifest;
    bool knows_host; /* whether it was checked that the bundle is for this host */
} Verification;

static void verification_done(Verification *verification)
{
    bytes_done(&verification->file);
    bundle_done(&verification->bundle);
    fleet_config_done(&verification->config);
    allowed_signers_done(&verification->signers);
    manifest_done(&verification->manifest);
}

/* The fleet that --fleet= names, or else the one that the bundle claims to be of. */
static int find_fleet(const Options *options, Verification *verification, Reason *reason,
                      char ret[LIMIT_FLEET_NAME_BYTES + 1])
{
    Statement claimed = {0};
    int r = options->fleet
                ? 0
                : statement_parse(bytes_view(&verification->bundle.statement), reason, &claimed);
    const char *fleet = options->fleet ? options->fleet : claimed.fleet;

    if (r == 0 && !fleet_name_valid(fleet))
        r = reason_set(reason, OUTCOME_USAGE, "\"%.80s\" is not the name of a fleet", fleet);
    if (r == 0)
        strcpy(ret, fleet);
    return r == OUTCOME_MALFORMED ? OUTCOME_BAD_BUNDLE : r;
}

static int judge(const Context *context, const Options *options, Verification *verification,
                 Reason *reason)
{
    _cleanup_(fleet_set_done) FleetSet accepted = {0};
    _cleanup_(manifest_done) Manifest claimed = {0};
    FleetTrust trust = {.signers = &verification->signers, .now = context->now(context)};
    char fleet[LIMIT_FLEET_NAME_BYTES + 1];
    int r = bundle_parse(bytes_view(&verification->file), reason, &verification->bundle);

    if (r == 0)
        r = find_fleet(options, verification, reason, fleet);
    if (r == 0)
        r = manifest_parse(bytes_view(&verification->bundle.manifest), reason, &claimed);
    if (r == 0)
        r = fleet_config_load(context, fleet, reason, &verification->config);
    if (r == OUTCOME_NOT_FOUND)
        return OUTCOME_BAD_FLEET_CONFIG;
    if (r == 0)
        r = fleet_config_signers(context, fleet, reason, &verification->signers);
    if (r != 0)
        return r;
    trust.fleet = fleet;
    trust.threshold = verification->config.threshold;
    verification->knows_host = fleet_host_read(options->host->store, NULL, &trust.host) == 0;
    if (!verification->knows_host)
        trust.host = claimed.host;
    /* only root may know what was accepted */
    if (fleet_set_open(options->host->store, fleet, NULL, &accepted) == 0) {
        trust.sequence = accepted.floor;
        trust.root = accepted.statement.root;
    }
    return bundle_judge(bytes_view(&verification->file), &trust, reason, &verification->statement,
                        &verification->manifest);
}

/* Writes what ssh-keygen -Y verify reads, and the manifest. */
static int extract(const Verification *verification, const char *directory, Reason *reason)
{
    const Bundle *bundle = &verification->bundle;
    char path[PATH_MAX];
    int r = mkdir(directory, 0755) < 0 && errno != EEXIST
                ? reason_set(reason, -errno, "cannot create %s", directory)
                : 0;

    snprintf(path, sizeof(path), "%s/statement", directory);
    if (r == 0)
        r = file_write(path, bytes_view(&bundle->statement), 0644, false, reason);
    snprintf(path, sizeof(path), "%s/manifest", directory);
    if (r == 0)
        r = file_write(path, bytes_view(&bundle->manifest), 0644, false, reason);
    for (size_t i = 0; r == 0 && i < bundle->signature_count; i++) {
        snprintf(path, sizeof(path), "%s/statement.sig.%zu", directory, i + 1);
        r = file_write(path, bytes_view(&bundle->signatures[i]), 0644, false, reason);
    }
    return r == -EEXIST ? reason_set(reason, r, "%s exists already; nothing is overwritten", path)
                        : r;
}

static void print(const Context *context, const Options *options, const Verification *verification)
{
    static const Field fields[] = {{"Fleet:", "/fleet", NULL},
                                   {"Sequence:", "/sequence", NULL},
                                   {"Issued:", "/issued", NULL},
                                   {"Not after:", "/notAfter", NULL},
                                   {"Hosts:", "/hosts", NULL},
                                   {"Threshold:", "/threshold", NULL},
                                   {0}};
    static const Field columns[] = {
        {"CREDENTIAL", "/credential", NULL}, {"SIZE", "/size", field_bytes}, {0}};
    struct json_object *object = json_object_new_object(), *list = json_object_new_array();
    const Statement *statement = &verification->statement;
    uint64_t now = context->now(context);
    char text[OPEN_CHECK_EXPIRY_BYTES], name[CREDENTIAL_NAME_TEXT_BYTES];

    for (size_t i = 0; i < verification->manifest.count; i++) {
        const ManifestCredential *credential = &verification->manifest.credentials[i];
        struct json_object *entry = json_object_new_object();

        credential_name_format(&credential->name, name);
        json_add_text(entry, "credential", name);
        json_add_number(entry, "size", credential->size);
        json_add_text(entry, "sha256", credential->sha256);
        json_append(list, entry);
    }
    json_add_text(object, "fleet", statement->fleet);
    json_add_number(object, "sequence", statement->sequence);
    json_add_number(object, "issuedUSec", statement->issued);
    json_add_number(object, "notAfterUSec", statement->not_after);
    json_add_number(object, "hosts", statement->hosts);
    json_add_number(object, "threshold", verification->config.threshold);
    json_add(object, "hostChecked", json_object_new_boolean(verification->knows_host));
    json_add(object, "credentials", list);
    if (options->json != JSON_OFF) {
        output_json(object, options->json);
        return;
    }
    open_check_format_expiry(statement->issued, now, text);
    json_add_text(object, "issued", text);
    open_check_format_expiry(statement->not_after, now, text);
    json_add_text(object, "notAfter", text);
    fields_print(object, fields);
    if (!verification->knows_host)
        output_note("Whether it is for this host was not checked: nobody has run nspawn-creds host "
                    "export here.");
    printf("\n");
    fields_print_table(&(FieldTable){.fields = columns, .legend = true}, list);
    json_object_put(object);
}

static int run(const Context *context, const Options *options, char **arguments)
{
    _cleanup_(verification_done) Verification verification = {0};
    Reason reason = {0};
    int r = file_read(arguments[0], LIMIT_BUNDLE_BYTES, &reason, &verification.file);

    if (r == OUTCOME_TOO_LARGE)
        r = OUTCOME_BAD_BUNDLE;

    if (r == 0)
        r = judge(context, options, &verification, &reason);
    if (r == 0 && options->extract)
        r = extract(&verification, options->extract, &reason);
    if (r != 0)
        return output_error(r, arguments[0], &reason);
    print(context, options, &verification);
    return 0;
}

const Verb fleet_verify = {
    .name = "fleet verify",
    .arguments = "BUNDLE",
    .summary = "Judge a fleet's bundle as this host would",
    .details = "Checks signatures, threshold, times, the proof that the statement covers the "
               "manifest, and as root\nthe sequence and that it is for this host, with the "
               "configuration in /etc/nspawn-creds/fleet. It asks\nneither the network nor the "
               "TPM. With --extract= it writes the statement, its signatures, which\nssh-keygen "
               "-Y verify accepts, and the manifest.",
    .options = OPTION_FLEET | OPTION_EXTRACT | OPTION_JSON,
    .run = run,
};
