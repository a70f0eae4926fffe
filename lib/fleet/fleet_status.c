/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fleet/fleet_status.h"

#include "base/array.h"
#include "base/json.h"
#include "fleet/ssh_signature.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

/* Keeps the first fault. Returns -ENOMEM alone. */
static int note(FleetStatus *status, int rc, const Reason *reason)
{
    if (rc != 0 && status->rc == 0) {
        status->rc = rc;
        status->reason = *reason;
    }
    return rc == -ENOMEM ? rc : 0;
}

/* --- the configuration --- */

/* When the last key of the signer's principal expires that may sign at NOW; 0 if none may. An
 * earlier line of the same principal has the answer already: then it is 0, too. */
static uint64_t principal_until(const AllowedSigners *signers, size_t index, uint64_t now)
{
    const char *principal = signers->signers[index].principal;
    uint64_t until = 0;

    for (size_t i = 0; i < signers->count; i++) {
        const AllowedSigner *signer = &signers->signers[i];

        if (strcmp(signer->principal, principal) != 0)
            continue;
        if (i < index)
            return 0;
        if (allowed_signer_may_sign(signer, now) && signer->valid_until > until)
            until = signer->valid_until;
    }
    return until;
}

static int compare_times(const void *left, const void *right)
{
    const uint64_t *a = left, *b = right;

    return *a > *b ? -1 : *a < *b;
}

/* When fewer than THRESHOLD principals may sign; 0 if that is so at NOW. */
static int find_signers_until(const AllowedSigners *signers, size_t threshold, uint64_t now,
                              uint64_t *ret)
{
    _cleanup_(freep) uint64_t *times = calloc(signers->count + 1, sizeof(times[0]));

    if (!times)
        return -ENOMEM;
    for (size_t i = 0; i < signers->count; i++)
        times[i] = principal_until(signers, i, now);
    qsort(times, signers->count, sizeof(times[0]), compare_times);
    *ret = threshold <= signers->count ? times[threshold - 1] : 0;
    return 0;
}

/* --- the accepted set --- */

static void format_fingerprint(BytesView key, char text[SSH_FINGERPRINT_BYTES])
{
    uint8_t hash[crypto_hash_sha256_BYTES];

    crypto_hash_sha256(hash, key.data, key.size);
    strcpy(text, "SHA256:");
    sodium_bin2base64(text + strlen(text), SSH_FINGERPRINT_BYTES - strlen(text), hash, sizeof(hash),
                      sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
}

static int add_signature(FleetStatus *status, const Bundle *bundle, BytesView armor,
                         const AllowedSigners *signers, const char **principals)
{
    _cleanup_(ssh_signature_done) SshSignature signature = {0};
    const AllowedSigner *signer;
    int r = ssh_signature_parse(armor, NULL, &signature);

    if (r == 0)
        r = ssh_signature_verify(&signature, bytes_view(&bundle->statement), NULL);
    if (r != 0)
        return r == -ENOMEM ? r : 0; /* it did not count when the set was accepted, either */
    signer = allowed_signers_find(signers, signature.key);
    if (!signer) {
        format_fingerprint(signature.key, status->removed);
        return 0;
    }
    for (size_t i = 0; i < status->signers; i++)
        if (strcmp(principals[i], signer->principal) == 0)
            return 0;
    principals[status->signers++] = signer->principal;
    return 0;
}

static int look_at_signatures(FleetStatus *status, const FleetSet *set,
                              const AllowedSigners *signers)
{
    _cleanup_(bundle_done) Bundle bundle = {0};
    const char *principals[LIMIT_FLEET_SIGNATURES] = {0};
    int r = bundle_parse(bytes_view(&set->bundle), NULL, &bundle);

    for (size_t i = 0; r == 0 && i < bundle.signature_count; i++)
        r = add_signature(status, &bundle, bytes_view(&bundle.signatures[i]), signers, principals);
    return r;
}

/* --- both --- */

int fleet_status_load(const Context *context, const char *store, const char *fleet,
                      FleetStatus *ret)
{
    _cleanup_(fleet_config_done) FleetConfig config = {0};
    _cleanup_(allowed_signers_done) AllowedSigners signers = {0};
    _cleanup_(fleet_set_done) FleetSet set = {0};
    FleetStatus status = {0};
    Reason reason = {0};
    int r, rc = fleet_config_load(context, fleet, &reason, &config);

    snprintf(status.fleet, sizeof(status.fleet), "%s", fleet);
    if (rc == OUTCOME_NOT_FOUND)
        rc = OUTCOME_BAD_FLEET_CONFIG;
    r = note(&status, rc, &reason);
    if (r == 0 && rc == 0) {
        status.threshold = config.threshold;
        status.max_age = config.max_age;
        rc = fleet_config_signers(context, fleet, &reason, &signers);
        r = note(&status, rc, &reason);
    }
    if (r == 0 && rc == 0)
        r = find_signers_until(&signers, config.threshold, context->now(context),
                               &status.signers_until);
    if (r != 0)
        return r;
    r = fleet_set_open(store, fleet, &reason, &set);
    if (r != 0)
        r = note(&status, r, &reason);
    else {
        status.sequence = set.statement.sequence;
        status.floor = set.floor;
        status.issued = set.statement.issued;
        status.not_after = set.statement.not_after;
        status.credentials = set.manifest.count;
        status.pending = set.pending.count;
        r = look_at_signatures(&status, &set, &signers);
    }
    if (r == 0)
        *ret = status;
    return r;
}

int fleet_status_list(const Context *context, const char *store, Reason *reason, char ***ret)
{
    _cleanup_(strings_freep) char **names = NULL, **sets = NULL;
    size_t count = 0;
    int r = fleet_config_list(context, reason, &names);

    if (r == 0)
        r = fleet_set_list(store, reason, &sets);
    if (r != 0)
        return r;
    while (names[count])
        count++;
    for (char **set = sets; *set; set++)
        if (!strings_have(names, *set) && !strings_add(&names, &count, *set))
            return -ENOMEM;
    strings_sort(names, count);
    *ret = TAKE_PTR(names);
    return 0;
}

bool fleet_status_is_old(const FleetStatus *status, uint64_t now)
{
    return status->max_age > 0 && status->sequence > 0 && now > status->issued &&
           now - status->issued > status->max_age;
}

struct json_object *fleet_status_to_json(const FleetStatus *status)
{
    struct json_object *object = json_object_new_object();

    json_add_text(object, "fleet", status->fleet);
    if (status->sequence > 0) {
        json_add_number(object, "sequence", status->sequence);
        json_add_number(object, "floor", status->floor);
        json_add_number(object, "issuedUSec", status->issued);
        json_add_number(object, "notAfterUSec", status->not_after);
        json_add_number(object, "credentials", status->credentials);
        json_add_number(object, "signers", status->signers);
        if (status->pending > 0)
            json_add_number(object, "pending", status->pending);
    }
    if (status->threshold > 0)
        json_add_number(object, "threshold", status->threshold);
    if (status->max_age > 0)
        json_add_number(object, "maxAgeUSec", status->max_age);
    if (status->threshold > 0 && status->signers_until != USEC_INFINITY)
        json_add_number(object, "signersUntilUSec", status->signers_until);
    json_add_text(object, "removedSigner", status->removed[0] ? status->removed : NULL);
    if (status->rc != 0) {
        json_add_text(object, "problem", outcome_name(status->rc));
        json_add_text(object, "reason", outcome_reason(status->rc, &status->reason));
    }
    return object;
}
