/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "unit_size.h"

#include "base/fsutil.h"
#include "credential/format.h"

#include <sodium.h>
#include <string.h>
#include <sys/stat.h>

int unit_size_check_value(const char *id, const Secret *value, Reason *reason)
{
    BytesView view = secret_view(value);
    size_t size = strlen(id) + view.size;

    if (view.size == 0)
        return reason_set(reason, OUTCOME_EMPTY, "it has no bytes");
    if (sodium_is_zero(view.data, view.size))
        return reason_set(reason, OUTCOME_EMPTY, "it is zeros only");
    if (size > LIMIT_PLAINTEXT_BYTES)
        return reason_set(reason, OUTCOME_TOO_LARGE,
                          "with its id it has %zu bytes, but a unit receives at most %zu", size,
                          LIMIT_PLAINTEXT_BYTES);
    return 0;
}

/* What CREDENTIAL of MACHINE has, without its id; 0 if that is unknown. */
static size_t value_size(const Store *store, const char *machine,
                         const PolicyCredential *credential)
{
    _cleanup_(bytes_done) Bytes file = {0}, raw = {0};
    char text[CREDENTIAL_NAME_TEXT_BYTES];
    CredentialSections sections;
    CredentialName name;
    struct stat status;
    int r = credential->source == POLICY_SHARE
                ? credential_name_parse(credential->text, NULL, &name)
                : credential_name_new(machine, credential->id, NULL, &name);

    if (r != 0 || credential->source == POLICY_TEMPLATE || credential->source == POLICY_FLEET)
        return 0;
    if (credential->source == POLICY_FILE)
        return stat(credential->text, &status) == 0 ? (size_t)status.st_size : 0;
    if (credential->source == POLICY_SEALED)
        r = file_read(credential->text, LIMIT_FILE_BYTES, NULL, &file);
    else
        r = store ? store_read(store, &name, NULL, &file) : OUTCOME_NOT_FOUND;
    if (r != 0 || credential_unpack(bytes_view(&file), NULL, &raw, &sections) != 0)
        return 0;
    credential_name_format(&name, text);
    return credential_value_size(&sections, text);
}

int unit_size_check(const Store *store, const Policy *policy, Reason *reason)
{
    size_t total = 0;

    for (size_t i = 0; i < policy->count; i++) {
        const PolicyCredential *credential = &policy->credentials[i];

        if (credential->delivery == POLICY_LIVE)
            continue;
        total += strlen(credential->id) + value_size(store, policy->machine, credential);
        if (credential->delivery == POLICY_NATIVE)
            total += strlen(policy->machine) + 1;
    }
    if (total > LIMIT_PLAINTEXT_BYTES)
        return reason_set(reason, OUTCOME_TOO_LARGE,
                          "the credentials of %s have %zu bytes with their ids, but its unit "
                          "receives at most %zu at its start",
                          policy->machine, total, LIMIT_PLAINTEXT_BYTES);
    return 0;
}
