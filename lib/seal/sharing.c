/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where a sealed key to share is looked for. See sharing.h.
 */

#include "seal/sharing.h"

#include "base/fsutil.h"
#include "key/pcr_files.h"
#include "terminal/output.h"
#include "terminal/progress.h"

#include <fcntl.h>

int sharing_check(const Options *options, Reason *reason)
{
    if (!options->share_key)
        return 0;
    if (options->fresh_key)
        return reason_set(reason, OUTCOME_USAGE, "--share-key= or --fresh-key, but not both");
    if (options->with_key == WITH_KEY_HOST || options->with_key == WITH_KEY_NULL)
        return reason_set(reason, OUTCOME_USAGE,
                          "--share-key= is about a TPM's key: give --with-key=tpm2 or host+tpm2");
    return 0;
}

static int find_in_file(Tpm *tpm, const char *path, const SharedKeyRequest *wanted, Reason *reason,
                        SharedKey *ret)
{
    _cleanup_(bytes_done) Bytes file = {0};
    int r = file_read_at(AT_FDCWD, path, LIMIT_FILE_BYTES, reason, &file);

    return r == 0 ? shared_key_of_file(tpm, bytes_view(&file), wanted, reason, ret) : r;
}

static int find_in_store(Tpm *tpm, const Options *options, const SharedKeyRequest *wanted,
                         Reason *reason, SharedKey *ret)
{
    _cleanup_(store_freep) Store *store = NULL;
    CredentialName name;
    int r = credential_name_parse(options->name, reason, &name);

    if (r == 0)
        r = store_new(options->store, reason, &store);
    return r == 0 ? shared_key_of_machine(tpm, store, name.machine, wanted, reason, ret) : r;
}

bool sharing_find_key(const Context *context, Tpm *tpm, const Options *options,
                      const SharedKeyRequest *wanted, SharedKey *ret)
{
    _cleanup_(bytes_done) Bytes signatures = {0};
    SharedKeyRequest wished = *wanted;
    Reason reason = {0};
    int r;

    if (options->fresh_key || (!options->share_key && !options->store))
        return false;
    /* where there are none, the TPM will not unseal, and that is said */
    if (wanted->parts & KIND_PUBLIC_KEY &&
        pcr_signatures_load(context, options->signatures, NULL, &signatures) == 0)
        wished.signatures = bytes_view(&signatures);
    progress_begin_tpm("unseal a key that is shared");
    r = options->share_key ? find_in_file(tpm, options->share_key, &wished, &reason, ret)
                           : find_in_store(tpm, options, &wished, &reason, ret);
    progress_end();
    if (options->share_key) {
        if (r != 0)
            output_note("Sealing with a fresh key, not with that of %s: %s.", options->share_key,
                        reason.text[0] ? reason.text : outcome_sentence(r));
        return r == 0;
    }
    /* a machine's first credential needs no words */
    if (r != 0 && r != OUTCOME_NOT_FOUND)
        output_note("Sealing with a fresh key, not with that of the machine's other credentials: "
                    "%s.",
                    reason.text[0] ? reason.text : outcome_sentence(r));
    return r == 0;
}
