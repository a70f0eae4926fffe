/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The new value of a credential. See secret_input.h.
 */

#include "terminal/secret_input.h"

#include "crypto/generate.h"

#include <string.h>

void secret_input_done(SecretInput *value)
{
    secret_free(value->secret);
    bytes_done(&value->public);
    *value = (SecretInput){0};
}

int secret_input_check(const Options *options, const char *input, Reason *reason)
{
    if (input && options->given & OPTION_GENERATE)
        return reason_set(reason, OUTCOME_USAGE, "use a file or --generate=, not both");
    return 0;
}

bool secret_input_has_newline(const Secret *secret)
{
    BytesView view = secret_view(secret);

    return view.size > 0 && view.data[view.size - 1] == '\n';
}

int secret_input_set_newline(Secret **value, bool newline, Reason *reason)
{
    size_t size = secret_size(*value);
    Secret *longer;
    int r;

    if (secret_input_has_newline(*value) == newline)
        return 0;
    if (!newline) {
        secret_truncate(*value, size - 1);
        return 0;
    }
    if (size == LIMIT_PLAINTEXT_BYTES)
        return reason_set(reason, OUTCOME_TOO_LARGE, "the secret is too long for a newline");
    r = secret_new(size + 1, reason, &longer);
    if (r != 0)
        return r;
    memcpy(secret_borrow(longer), secret_borrow(*value), size);
    secret_borrow(longer)[size] = '\n';
    secret_free(*value);
    *value = longer;
    return 0;
}

int secret_input_get(const Context *context, const Options *options, const char *input,
                     const char *name, Reason *reason, SecretInput *ret)
{
    _cleanup_(secret_input_done) SecretInput value = {0};
    int r;

    if (options->given & OPTION_GENERATE) {
        r = generate_secret(context, &options->generate, name, reason, &value.secret);
        if (r == 0 && recipe_type_is_pair(options->generate.type))
            r = generate_public(&options->generate, value.secret, name, reason, &value.public);
    } else
        r = input_read_secret(input, reason, &value.secret);
    if (r == 0 && options->newline != TRISTATE_AUTO)
        r = secret_input_set_newline(&value.secret, options->newline == TRISTATE_YES, reason);
    if (r == 0 && secret_size(value.secret) == 0)
        r = reason_set(reason, OUTCOME_EMPTY, "nothing was sealed");
    if (r != 0)
        return r;
    *ret = value;
    value = (SecretInput){0};
    return 0;
}
